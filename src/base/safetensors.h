/* The safetensors container: 8 bytes of header length, a JSON header {name: {dtype, shape, data_offsets}}, the bytes.
 * https://huggingface.co/docs/safetensors : little-endian, row-major, offsets from the end of the header. */
#ifndef CT_BASE_SAFETENSORS_H
#define CT_BASE_SAFETENSORS_H

#include <stdint.h>

#include "base/io.h"
#include "base/tensor.h"

/* Reading: a map of the file; every offset was checked against the file's size, tensors do not overlap. */
typedef struct ct_safetensors ct_safetensors;

typedef struct ct_safetensor {
    const char *name;      /* borrowed from the file object */
    const char *dtype;     /* "F32", "F16", "BF16", "I64", "I32", "U8" ... */
    int64_t shape[8];
    int n_dims;
    const void *data;      /* in the map; may be unaligned */
    size_t bytes;
} ct_safetensor;

ct_status ct_safetensors_open(ct_safetensors **out, const char *path, ct_error *err);
void ct_safetensors_close(ct_safetensors *st); /* accepts NULL */
int ct_safetensors_count(const ct_safetensors *st);
const ct_safetensor *ct_safetensors_at(const ct_safetensors *st, int index);
const ct_safetensor *ct_safetensors_find(const ct_safetensors *st, const char *name); /* NULL: none */
/* A metadata string, or NULL. */
const char *ct_safetensors_metadata(const ct_safetensors *st, const char *key);
/* Copies a tensor to f32 (from F32, F16, BF16, F64); CT_ERR_DTYPE otherwise. n must be its element count. */
ct_status ct_safetensor_to_f32(const ct_safetensor *t, float *out, int64_t n, ct_error *err);

/* Writing: declare all tensors and metadata first, then give the bytes in the declared order. */
typedef struct ct_safetensors_writer ct_safetensors_writer;

ct_status ct_safetensors_writer_create(ct_safetensors_writer **out, const char *path, ct_error *err);
ct_status ct_safetensors_writer_metadata(ct_safetensors_writer *w, const char *key, const char *value, ct_error *err);
ct_status ct_safetensors_writer_declare(ct_safetensors_writer *w, const char *name, const char *dtype,
                                        const int64_t *shape, int n_dims, ct_error *err);
/* Bytes of the tensors, in order, in pieces of any size. The first call writes the header. A metadata value declared
 * as ct_safetensors_hash_slot is replaced at commit by the XXH3-64 of all tensor bytes, in hex. */
#define ct_safetensors_hash_slot "0000000000000000"
ct_status ct_safetensors_writer_data(ct_safetensors_writer *w, const void *bytes, size_t n, ct_error *err);
/* CT_ERR_ARGUMENT unless exactly the declared bytes were given. */
ct_status ct_safetensors_writer_commit(ct_safetensors_writer *w, ct_error *err);
void ct_safetensors_writer_free(ct_safetensors_writer *w); /* accepts NULL */
/* XXH3-64 of all tensor bytes of an open file, in the order of their offsets. */
uint64_t ct_safetensors_hash(const ct_safetensors *st);

#endif
