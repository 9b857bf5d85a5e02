/* Files of vectors [n, D]: npy, safetensors, faiss flat, CSV. Each writer takes f32 rows and writes the file whole or
 * not at all. */
#ifndef CT_SERVE_VECTORS_H
#define CT_SERVE_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"

typedef struct ct_vectors {
    int64_t n, dim;
    const float *rows;  /* [n, dim] */
} ct_vectors;

/* NumPy's format 1.0: '<f4' or '<f2', C order. */
ct_status ct_write_npy(const char *path, const ct_vectors *v, bool f16, ct_error *err);
/* One tensor "vectors", F32 or F16. */
ct_status ct_write_vectors_safetensors(const char *path, const ct_vectors *v, bool f16, ct_error *err);
/* faiss IndexFlatIP: "IxFI", int32 d, int64 n, two int64 of 2^20, uint8 trained, int32 metric 0, uint64 count of
 * floats, floats; all little-endian. */
ct_status ct_write_faiss(const char *path, const ct_vectors *v, ct_error *err);
/* Header "platform,id,v0,..."; label(ctx, row) gives the first two cells already quoted. */
typedef const char *(*ct_row_label)(void *ctx, int64_t row);
ct_status ct_write_vectors_csv(const char *path, const ct_vectors *v, ct_row_label label, void *ctx, ct_error *err);

/* Each reads such a file into owned f32 rows; CT_ERR_FORMAT says what else was found, *rows may then hold memory to be
 * freed all the same. npy: 2-D, C order, '<f4' or '<f2', versions 1 to 3. CSV: the columns v0, v1, ... side by side. */
ct_status ct_read_npy(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);
ct_status ct_read_vectors_safetensors(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);
ct_status ct_read_faiss(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);
ct_status ct_read_vectors_csv(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);

/* The file's XXH3-64. */
ct_status ct_file_hash(const char *path, uint64_t *hash, uint64_t *bytes, ct_error *err);

#endif
