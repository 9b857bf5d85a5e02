/* Reading vectors back. Sizes are checked against the file before memory is taken for them. */
#include "serve/vectors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/npy.h"
#include "base/safetensors.h"
#include "base/str.h"
#include "data/table.h"

/* ---- reading npy
 * ---------------------------------------------------------------------------------------------- */

ct_status ct_read_npy(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err) {
    ct_npy npy;
    *rows = NULL;
    CT_CHECK(ct_npy_open(&npy, path, err));
    *n = npy.n;
    *dim = npy.dim;
    const ct_status st = ct_calloc((size_t)npy.n * (size_t)npy.dim, sizeof **rows, (void **)rows, err);
    if (st == CT_OK) ct_npy_read(&npy, 0, npy.n, *rows);
    ct_npy_close(&npy);
    return st;
}

/* ---- safetensors
 * ---------------------------------------------------------------------------------------------- */

ct_status ct_read_vectors_safetensors(const char *path, int64_t *n, int64_t *dim, float **rows,
                                      ct_error *err) {
    ct_status st = CT_OK;
    ct_safetensors *f = NULL;
    *rows = NULL;
    CT_CHECK(ct_safetensors_open(&f, path, err));
    const ct_safetensor *t = ct_safetensors_find(f, "vectors");
    if (!t || t->n_dims != 2 || t->shape[1] < 1) {
        st = ct_fail(err, CT_ERR_FORMAT, "%s: no 2-D tensor 'vectors'", path);
        goto done;
    }
    *n = t->shape[0];
    *dim = t->shape[1];
    CT_TRY(ct_calloc((size_t)*n * (size_t)*dim, sizeof **rows, (void **)rows, err), st, done);
    st = ct_safetensor_to_f32(t, *rows, *n * *dim, err);
done:
    ct_safetensors_close(f);
    return st;
}

/* ---- faiss
 * ---------------------------------------------------------------------------------------------------- */

enum { FAISS_HEADER = 4 + 4 + 3 * 8 + 1 + 4 + 8 };

ct_status ct_read_faiss(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err) {
    ct_status st = CT_OK;
    ct_map map = {0};
    int32_t d = 0;
    uint64_t count = 0;
    *rows = NULL;
    CT_TRY(ct_map_open(&map, path, err), st, done);
    if (map.size < FAISS_HEADER || memcmp(map.bytes, "IxFI", 4) != 0) {
        st = ct_fail(err, CT_ERR_FORMAT, "%s: no flat faiss index of inner products (IxFI)", path);
        goto done;
    }
    memcpy(&d, map.bytes + 4, sizeof d);
    memcpy(n, map.bytes + 8, sizeof *n);
    memcpy(&count, map.bytes + FAISS_HEADER - 8, sizeof count);
    if (d < 1 || *n < 0 || count != (map.size - FAISS_HEADER) / sizeof(float) || count % (uint64_t)d != 0 ||
        count / (uint64_t)d != (uint64_t)*n || (map.size - FAISS_HEADER) % sizeof(float) != 0) {
        st = ct_fail(err, CT_ERR_FORMAT,
                     "%s: %zu bytes of values for %" PRId64 " vectors of %d (truncated or damaged)", path,
                     map.size - FAISS_HEADER, *n, d);
        goto done;
    }
    *dim = d;
    CT_TRY(ct_calloc((size_t)count, sizeof **rows, (void **)rows, err), st, done);
    memcpy(*rows, map.bytes + FAISS_HEADER, (size_t)count * sizeof **rows);
done:
    ct_map_close(&map);
    return st;
}

/* ---- CSV
 * ------------------------------------------------------------------------------------------------------ */

/* How many columns v0, v1, ... there are. */
static int64_t count_columns(ct_table *t) {
    char name[32];
    int64_t dim = 0;
    do snprintf(name, sizeof name, "v%" PRId64, dim);
    while (ct_table_column(t, name) >= 0 && ++dim > 0);
    return dim;
}

static ct_status read_row(const ct_table *t, int first, int64_t dim, float *row, ct_error *err) {
    for (int64_t d = 0; d < dim; d++) {
        const char *cell = ct_table_cell(t, first + (int)d, NULL);
        double value = 0.0;
        if (!cell || !ct_parse_f64(cell, &value))
            return ct_fail(err, CT_ERR_FORMAT, "%s:%" PRId64 ": v%" PRId64 " is '%s', want a number",
                           ct_table_path(t), ct_table_line(t), d, cell ? cell : "");
        row[d] = (float)value;
    }
    return CT_OK;
}

ct_status ct_read_vectors_csv(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err) {
    ct_status st = CT_OK;
    ct_table *t = NULL;
    size_t capacity = 0;
    *rows = NULL;
    *n = 0;
    CT_TRY(ct_table_open(&t, path, err), st, done);
    const int first = ct_table_column(t, "v0");
    *dim = count_columns(t);
    if (*dim < 1) {
        st = ct_fail(err, CT_ERR_FORMAT, "%s: columns %s, want v0, v1, ...", path, ct_table_columns_text(t));
        goto done;
    }
    CT_TRY(ct_grow((void **)rows, &capacity, (size_t)*dim, sizeof **rows, err), st, done);
    for (;; ++*n) {
        bool more = false;
        CT_TRY(ct_table_next_good(t, &more, err), st, done);
        if (!more) break;
        CT_TRY(ct_grow((void **)rows, &capacity, (size_t)((*n + 1) * *dim), sizeof **rows, err), st, done);
        CT_TRY(read_row(t, first, *dim, *rows + *n * *dim, err), st, done);
    }
done:
    ct_table_close(t);
    return st;
}
