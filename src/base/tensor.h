/* Tensors: pointer, element type, shape, one leading dimension. Views; they own nothing.
 *
 * Size letters, used everywhere: B rows of a batch, T packed tokens, H hidden channels, C channels, F filters,
 * N items or sequences, V vocabulary, D vector dimension, A heads, E head size. */
#ifndef CT_BASE_TENSOR_H
#define CT_BASE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ct_dtype {
    CT_DTYPE_F32,
    CT_DTYPE_F64, /* the reference oracle only */
    CT_DTYPE_I32,
    CT_DTYPE_I64,
    CT_DTYPE_U8
} ct_dtype;

/* Row-major matrix [rows, cols] whose rows lie ld elements apart (ld >= cols); a vector is [1, cols] or [rows, 1]
 * with ld = 1. data may be NULL when the tensor is absent or has no elements. */
typedef struct ct_tensor {
    void *data;
    ct_dtype dtype;
    int64_t rows, cols, ld;
} ct_tensor;

size_t ct_dtype_bytes(ct_dtype dtype);
const char *ct_dtype_name(ct_dtype dtype);

static inline ct_tensor ct_matrix(void *data, ct_dtype dtype, int64_t rows, int64_t cols) {
    return (ct_tensor){data, dtype, rows, cols, cols};
}
static inline ct_tensor ct_f32(float *data, int64_t rows, int64_t cols) {
    return ct_matrix(data, CT_DTYPE_F32, rows, cols);
}
static inline ct_tensor ct_i32(int32_t *data, int64_t rows, int64_t cols) {
    return ct_matrix(data, CT_DTYPE_I32, rows, cols);
}
/* Columns [from, from + cols) of t, sharing its memory. */
static inline ct_tensor ct_columns(ct_tensor t, int64_t from, int64_t cols) {
    char *data = t.data;
    if (data) data += (size_t)from * ct_dtype_bytes(t.dtype);
    return (ct_tensor){data, t.dtype, t.rows, cols, t.ld};
}
/* Rows [from, from + rows) of t, sharing its memory. */
static inline ct_tensor ct_rows(ct_tensor t, int64_t from, int64_t rows) {
    char *data = t.data;
    if (data) data += (size_t)from * (size_t)t.ld * ct_dtype_bytes(t.dtype);
    return (ct_tensor){data, t.dtype, rows, t.cols, t.ld};
}

/* An image tensor [N, C/cb, H, W, cb]: channels in blocks of cb, blocks outermost. cb = C is NHWC; a CPU uses 8 or 16. The
 * channels of the last block beyond C are zero. */
typedef struct ct_image {
    void *data;
    ct_dtype dtype;
    int64_t n, c, h, w, cb;
} ct_image;

/* Elements, padding of the last block included. */
static inline int64_t ct_image_elements(ct_image t) { return t.n * ((t.c + t.cb - 1) / t.cb) * t.h * t.w * t.cb; }

#endif
