/* Picture files from disk to squares of RGB, many at a time by all threads. */
#ifndef CT_DATA_PICTURE_FILES_H
#define CT_DATA_PICTURE_FILES_H

#include <stdint.h>

#include "base/error.h"

typedef struct ct_picture_file {
    const char *path;
    uint8_t *rgb; /* [size, size, 3]; undefined where there is none */
    ct_error why; /* status CT_OK, or why there is none, naming the path */
} ct_picture_file;

/* Reads and decodes each file as ct_picture_decode does. A file that is not there, cannot be read, is larger than 256
 * MiB or does not decode says so in `why` and is no error of the call; a lack of memory is. */
ct_status ct_picture_files_decode(ct_picture_file *files, int n, int size, ct_error *err);

#endif
