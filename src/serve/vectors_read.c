/* Reading vectors back. Sizes are checked against the file before memory is taken for them. */
#include "serve/vectors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/half.h"
#include "base/safetensors.h"
#include "base/str.h"
#include "data/table.h"

/* ---- reading npy
 * ---------------------------------------------------------------------------------------------- */

typedef struct npy_header {
    int64_t n, dim;
    bool f16;
    size_t data; /* where the values begin */
} npy_header;

/* The header is a Python dict literal; the three keys are looked for by name, whatever their order. */
static ct_status parse_npy(const ct_map *map, const char *path, npy_header *h, ct_error *err) {
    char text[512];
    const unsigned char *b = map->bytes;
    if (map->size < 12 || memcmp(b, "\x93NUMPY", 6) != 0)
        return ct_fail(err, CT_ERR_FORMAT, "%s: not an npy file", path);
    const size_t prefix = b[6] == 1 ? 10 : 12;
    const size_t length = b[6] == 1
                              ? (size_t)(b[8] | b[9] << 8)
                              : (size_t)b[8] | (size_t)b[9] << 8 | (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (b[6] < 1 || b[6] > 3 || length >= sizeof text || prefix + length > map->size)
        return ct_fail(err, CT_ERR_FORMAT,
                       "%s: npy header of version %d and %zu bytes, want version 1 to 3 and less than "
                       "%zu",
                       path, b[6], length, sizeof text);
    memcpy(text, b + prefix, length);
    text[length] = '\0';
    const char *descr = strstr(text, "'descr':"), *order = strstr(text, "'fortran_order':");
    const char *shape = strstr(text, "'shape':");
    int end = 0;
    if (!descr || !order || !shape ||
        sscanf(shape, "'shape': (%" SCNd64 ", %" SCNd64 " )%n", &h->n, &h->dim, &end) != 2 || end == 0 ||
        !strncmp(order + 16, " True", 5))
        return ct_fail(err, CT_ERR_FORMAT, "%s: npy header %s; want a 2-D array in C order", path, text);
    h->f16 = strncmp(descr + 8, " '<f2'", 6) == 0;
    if (!h->f16 && strncmp(descr + 8, " '<f4'", 6) != 0)
        return ct_fail(err, CT_ERR_FORMAT, "%s: npy header %s; want dtype <f4 or <f2", path, text);
    h->data = prefix + length;
    return CT_OK;
}

ct_status ct_read_npy(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err) {
    ct_status st = CT_OK;
    ct_map map = {0};
    npy_header h = {0};
    size_t values = 0;
    *rows = NULL;
    CT_TRY(ct_map_open(&map, path, err), st, done);
    CT_TRY(parse_npy(&map, path, &h, err), st, done);
    const size_t element = h.f16 ? 2 : 4;
    if (h.n < 0 || h.dim < 1 || __builtin_mul_overflow((size_t)h.n, (size_t)h.dim, &values) ||
        (map.size - h.data) / element != values || (map.size - h.data) % element != 0) {
        st = ct_fail(err, CT_ERR_FORMAT, "%s: %zu bytes of values for shape (%" PRId64 ", %" PRId64 ")", path,
                     map.size - h.data, h.n, h.dim);
        goto done;
    }
    CT_TRY(ct_calloc(values, sizeof **rows, (void **)rows, err), st, done);
    if (h.f16) {
        for (size_t i = 0; i < values; i++) {
            uint16_t half;
            memcpy(&half, map.bytes + h.data + i * 2, sizeof half);
            (*rows)[i] = ct_f16_to_f32(half);
        }
    } else {
        memcpy(*rows, map.bytes + h.data, values * sizeof **rows);
    }
    *n = h.n;
    *dim = h.dim;
done:
    ct_map_close(&map);
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
