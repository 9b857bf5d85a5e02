/* Reading .npy: the header is a Python dict literal, the values lie behind it. Nothing in the file is believed. */
#include "base/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"

static size_t element_bytes(const ct_npy *npy) { return npy->f16 ? 2 : 4; }

/* The three keys are looked for by name, whatever their order. */
static ct_status parse_dict(ct_npy *npy, const char *path, const char *text, ct_error *err) {
    const char *descr = strstr(text, "'descr':"), *order = strstr(text, "'fortran_order':");
    const char *shape = strstr(text, "'shape':");
    int end = 0;
    if (!descr || !order || !shape ||
        sscanf(shape, "'shape': (%" SCNd64 ", %" SCNd64 " )%n", &npy->n, &npy->dim, &end) != 2 || end == 0 ||
        npy->n < 0 || npy->dim < 1 || !strncmp(order + 16, " True", 5))
        return ct_fail(err, CT_ERR_FORMAT, "%s: npy header %s; want a 2-D array [n, at least 1] in C order", path, text);
    npy->f16 = strncmp(descr + 8, " '<f2'", 6) == 0;
    if (!npy->f16 && strncmp(descr + 8, " '<f4'", 6) != 0)
        return ct_fail(err, CT_ERR_FORMAT, "%s: npy header %s; want dtype <f4 or <f2 (float32 or float16)", path, text);
    return CT_OK;
}

static ct_status parse(ct_npy *npy, const char *path, ct_error *err) {
    char text[512];
    const unsigned char *b = npy->map.bytes;
    if (npy->map.size < 12 || memcmp(b, "\x93NUMPY", 6) != 0)
        return ct_fail(err, CT_ERR_FORMAT, "%s: not an npy file (it begins with other bytes)", path);
    const size_t prefix = b[6] == 1 ? 10 : 12;
    const size_t length = b[6] == 1 ? (size_t)(b[8] | b[9] << 8)
                                    : (size_t)b[8] | (size_t)b[9] << 8 | (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (b[6] < 1 || b[6] > 3 || length >= sizeof text || prefix + length > npy->map.size)
        return ct_fail(err, CT_ERR_FORMAT,
                       "%s: npy header of version %d and %zu bytes, want version 1 to 3 and less than %zu", path, b[6],
                       length, sizeof text);
    memcpy(text, b + prefix, length);
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    CT_CHECK(parse_dict(npy, path, text, err));
    const size_t rest = npy->map.size - prefix - length;
    size_t wanted = 0;
    if (__builtin_mul_overflow((size_t)npy->n, (size_t)npy->dim, &wanted) ||
        __builtin_mul_overflow(wanted, element_bytes(npy), &wanted) || rest != wanted)
        return ct_fail(err, CT_ERR_FORMAT,
                       "%s: %zu bytes of values, want %s for shape (%" PRId64 ", %" PRId64 ") (truncated or damaged)", path,
                       rest, npy->f16 ? "2 a value" : "4 a value", npy->n, npy->dim);
    npy->values = b + prefix + length;
    return CT_OK;
}

ct_status ct_npy_open(ct_npy *npy, const char *path, ct_error *err) {
    *npy = (ct_npy){0};
    CT_CHECK(ct_map_open(&npy->map, path, err));
    const ct_status st = parse(npy, path, err);
    if (st != CT_OK) ct_npy_close(npy);
    return st;
}

void ct_npy_close(ct_npy *npy) {
    if (npy->map.bytes) ct_map_close(&npy->map);
    *npy = (ct_npy){0};
}

void ct_npy_read(const ct_npy *npy, int64_t from, int64_t n, float *rows) {
    const size_t first = (size_t)from * (size_t)npy->dim, count = (size_t)n * (size_t)npy->dim;
    const unsigned char *values = npy->values + first * element_bytes(npy);
    if (!npy->f16) {
        if (count > 0) memcpy(rows, values, count * sizeof *rows);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, values + i * sizeof half, sizeof half);
        rows[i] = ct_f16_to_f32(half);
    }
}
