/* The texts of a prepare run: written one behind the other to an unnamed temporary file, read back through a
 * map, so that the texts of a large catalogue and of its reviews take page cache and not memory. */
#ifndef CT_DATA_PREPARE_TEXTS_H
#define CT_DATA_PREPARE_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ct__texts {
    int fd;       /* -1: none */
    char *buffer; /* what is not yet in the file */
    size_t used;
    int64_t size;    /* bytes added */
    const char *map; /* after the seal; NULL when there is no text */
    char *folder;
} ct__texts;

/* The file lies in folder (created before), without a name: it goes when the process goes, however it ends.
 */
ct_status ct__texts_create(ct__texts *texts, const char *folder, ct_error *err);
/* *ref is what ct__texts_get takes; -1 for an empty text. No text may be added after the seal. */
ct_status ct__texts_add(ct__texts *texts, const char *text, size_t n, int64_t *ref, ct_error *err);
ct_status ct__texts_seal(ct__texts *texts, ct_error *err);
/* NUL-terminated, "" for -1; lives until the free. */
const char *ct__texts_get(const ct__texts *texts, int64_t ref);
void ct__texts_free(ct__texts *texts);

#endif
