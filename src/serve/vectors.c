/* Writing vectors. Numbers are little-endian, as on every machine this builds for (checked below). */
#include "serve/vectors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/safetensors.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are written as memory lies");

enum { CHUNK = 4096 };

/* Takes bytes to wherever they go. */
typedef ct_status (*sink)(void *to, const void *bytes, size_t n, ct_error *err);

static ct_status to_writer(void *to, const void *bytes, size_t n, ct_error *err) {
    return ct_writer_write(to, bytes, n, err);
}
static ct_status to_safetensors(void *to, const void *bytes, size_t n, ct_error *err) {
    return ct_safetensors_writer_data(to, bytes, n, err);
}

static ct_status put_values(sink put, void *to, const ct_vectors *v, bool f16, ct_error *err) {
    const int64_t total = v->n * v->dim;
    uint16_t half[CHUNK];
    if (!f16) return total ? put(to, v->rows, (size_t)total * sizeof *v->rows, err) : CT_OK;
    for (int64_t from = 0; from < total; from += CHUNK) {
        const int64_t n = total - from < CHUNK ? total - from : CHUNK;
        for (int64_t i = 0; i < n; i++) half[i] = ct_f32_to_f16(v->rows[from + i]);
        CT_CHECK(put(to, half, (size_t)n * sizeof *half, err));
    }
    return CT_OK;
}

static ct_status put_npy(ct_writer *w, const ct_vectors *v, bool f16, ct_error *err) {
    char header[128];
    const int n = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64
                           "), }", f16 ? "<f2" : "<f4", v->n, v->dim);
    const int padded = (10 + n + 1 + 63) / 64 * 64 - 10; /* data begins at a multiple of 64 */
    const unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)padded,
                                     (unsigned char)(padded >> 8)};
    CT_CHECK(ct_writer_write(w, magic, sizeof magic, err));
    CT_CHECK(ct_writer_printf(w, err, "%-*s\n", padded - 1, header));
    return put_values(to_writer, w, v, f16, err);
}

ct_status ct_write_npy(const char *path, const ct_vectors *v, bool f16, ct_error *err) {
    ct_writer *w = NULL;
    CT_CHECK(ct_writer_open(&w, path, err));
    ct_status st = put_npy(w, v, f16, err);
    if (st == CT_OK) st = ct_writer_commit(w, err);
    ct_writer_free(w);
    return st;
}

ct_status ct_write_vectors_safetensors(const char *path, const ct_vectors *v, bool f16, ct_error *err) {
    ct_safetensors_writer *w = NULL;
    CT_CHECK(ct_safetensors_writer_create(&w, path, err));
    ct_status st = ct_safetensors_writer_declare(w, "vectors", f16 ? "F16" : "F32", (const int64_t[]){v->n, v->dim}, 2,
                                                 err);
    if (st == CT_OK) st = put_values(to_safetensors, w, v, f16, err);
    if (st == CT_OK) st = ct_safetensors_writer_commit(w, err);
    ct_safetensors_writer_free(w);
    return st;
}

static ct_status put_faiss(ct_writer *w, const ct_vectors *v, ct_error *err) {
    const int32_t dim = (int32_t)v->dim, inner_product = 0;
    const int64_t unused = 1 << 20;
    const unsigned char trained = 1;
    const uint64_t count = (uint64_t)(v->n * v->dim);
    CT_CHECK(ct_writer_write(w, "IxFI", 4, err));
    CT_CHECK(ct_writer_write(w, &dim, sizeof dim, err));
    CT_CHECK(ct_writer_write(w, &v->n, sizeof v->n, err));
    CT_CHECK(ct_writer_write(w, &unused, sizeof unused, err));
    CT_CHECK(ct_writer_write(w, &unused, sizeof unused, err));
    CT_CHECK(ct_writer_write(w, &trained, sizeof trained, err));
    CT_CHECK(ct_writer_write(w, &inner_product, sizeof inner_product, err));
    CT_CHECK(ct_writer_write(w, &count, sizeof count, err));
    return put_values(to_writer, w, v, false, err);
}

ct_status ct_write_faiss(const char *path, const ct_vectors *v, ct_error *err) {
    ct_writer *w = NULL;
    CT_CHECK(ct_writer_open(&w, path, err));
    ct_status st = put_faiss(w, v, err);
    if (st == CT_OK) st = ct_writer_commit(w, err);
    ct_writer_free(w);
    return st;
}

static ct_status put_csv(ct_writer *w, const ct_vectors *v, ct_row_label label, void *ctx, ct_error *err) {
    CT_CHECK(ct_writer_printf(w, err, "platform,id"));
    for (int64_t d = 0; d < v->dim; d++) CT_CHECK(ct_writer_printf(w, err, ",v%" PRId64, d));
    for (int64_t i = 0; i < v->n; i++) {
        CT_CHECK(ct_writer_printf(w, err, "\n%s", label(ctx, i)));
        for (int64_t d = 0; d < v->dim; d++) CT_CHECK(ct_writer_printf(w, err, ",%.9g", v->rows[i * v->dim + d]));
    }
    return ct_writer_write(w, "\n", 1, err);
}

ct_status ct_write_vectors_csv(const char *path, const ct_vectors *v, ct_row_label label, void *ctx, ct_error *err) {
    ct_writer *w = NULL;
    CT_CHECK(ct_writer_open(&w, path, err));
    ct_status st = put_csv(w, v, label, ctx, err);
    if (st == CT_OK) st = ct_writer_commit(w, err);
    ct_writer_free(w);
    return st;
}

ct_status ct_file_hash(const char *path, uint64_t *hash, uint64_t *bytes, ct_error *err) {
    ct_map map;
    CT_CHECK(ct_map_open(&map, path, err));
    *hash = ct_hash(map.bytes, map.size);
    *bytes = map.size;
    ct_map_close(&map);
    return CT_OK;
}
