/* One set of rows with ids and vectors, "users" or "texts", as NAME.ids.csv and NAME.npy, .safetensors, .faiss, .csv. */
#ifndef CT_SERVE_SIDE_FILES_H
#define CT_SERVE_SIDE_FILES_H

#include <jansson.h>

#include "data/dataset.h"
#include "serve/vectors.h"

typedef struct ct__side {
    const char *name;                /* "users" */
    ct_vectors vectors;
    const ct_strings *ids;           /* [vectors.n] */
    const ct_strings *platform_name;
    const int64_t *begin;            /* [n_platforms + 1]: rows of each platform */
    int32_t n_platforms;
} ct__side;

/* Writes the ids and every format of `formats` (CT_EXPORT_*) into the folder and enters each file into `files` (a JSON
 * object) with size and checksum. */
ct_status ct__side_write(const ct__side *side, const char *folder, unsigned formats, bool f16, json_t *files,
                         ct_error *err);

/* The formats, the cheapest to read first; also the order in which they are written. */
typedef struct ct__side_format {
    unsigned format;    /* CT_EXPORT_* */
    const char *suffix; /* "npy" */
    ct_status (*read)(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);
} ct__side_format;
enum { CT__SIDE_FORMATS = 4 };
extern const ct__side_format ct__side_formats[CT__SIDE_FORMATS];

#endif
