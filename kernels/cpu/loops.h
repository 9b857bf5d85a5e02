/* What the CPU kernels share around their loops: rows of tensors, how many threads a piece of work is worth,
 * splitting rows into blocks that do not depend on the number of threads, and sums over a row. */
#ifndef CT_KERNELS_CPU_LOOPS_H
#define CT_KERNELS_CPU_LOOPS_H

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

static inline float *ct_row(ct_tensor t, int64_t row) {
    return (float *)t.data + row * t.ld;
}
static inline const int32_t *ct_ints(ct_tensor t) {
    return t.data;
}
static inline float *ct_floats(ct_tensor t) {
    return t.data;
}

static inline int64_t ct_min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t ct_max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static inline int64_t ct_ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Waking the threads costs a few microseconds: about as much as this many simple operations. */
#define CT_PARALLEL_WORK 32768
static inline int ct_threads(const ct_kctx *ctx, int64_t operations) {
    return operations < CT_PARALLEL_WORK ? 1 : ctx->n_threads;
}

/* Sums over rows (gradients of biases and the like) go through partial sums of fixed blocks of rows, added in
 * order: the same bytes for any number of threads. */
#define CT_SUM_BLOCKS 32
static inline int64_t ct_sum_blocks(int64_t rows) {
    return ct_max_i64(1, ct_min_i64(CT_SUM_BLOCKS, ct_ceil_div(rows, 32)));
}
/* First row of a block; block == blocks gives the end. */
static inline int64_t ct_block_begin(int64_t rows, int64_t blocks, int64_t block) {
    return rows * block / blocks;
}

/* total[c] += sum over the blocks of partial[block, c]. */
static inline void ct_add_partials(const ct_kctx *ctx, float *total, const float *partial, int64_t blocks,
                                   int64_t cols) {
    const int threads = ct_threads(ctx, blocks * cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t from = 0; from < cols; from += 256) {
        const int64_t to = ct_min_i64(cols, from + 256);
        for (int64_t c = from; c < to; c++) {
            float sum = 0.0f;
            for (int64_t block = 0; block < blocks; block++) sum += partial[block * cols + c];
            total[c] += sum;
        }
    }
}

/* y = beta * y + x for beta 0 or any other; with 0 the old y is not read. */
static inline void ct_blend_row(float *y, const float *x, float beta, int64_t n) {
    if (beta == 0.0f) {
        memmove(y, x, (size_t)n * sizeof *y);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] = beta * y[i] + x[i];
}

/* y = beta * y. */
static inline void ct_scale_row(float *y, float beta, int64_t n) {
    if (beta == 1.0f) return;
    if (beta == 0.0f) {
        memset(y, 0, (size_t)n * sizeof *y);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] *= beta;
}

/* y += a * x. */
static inline void ct_axpy(float *y, float a, const float *x, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
}

static inline float ct_sum(const float *x, int64_t n) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

static inline float ct_dot(const float *x, const float *y, int64_t n) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* The largest of n floats, -inf for none; NaN is passed over. Sixteen running maxima, as compilers do not
 * reorder comparisons by themselves. */
static inline float ct_max(const float *x, int64_t n) {
    float top[16];
    for (int l = 0; l < 16; l++) top[l] = -INFINITY;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
#pragma omp simd
        for (int l = 0; l < 16; l++) top[l] = x[i + l] > top[l] ? x[i + l] : top[l];
    }
    for (; i < n; i++) top[0] = x[i] > top[0] ? x[i] : top[0];
#pragma GCC unroll 4
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++) top[l] = top[l + half] > top[l] ? top[l + half] : top[l];
    return top[0];
}

/* The first place in [begin, end) of an ascending list whose value is not below `value`; end if there is
 * none. */
static inline int64_t ct_lower_bound(const int32_t *list, int64_t begin, int64_t end, int64_t value) {
    while (begin < end) {
        const int64_t middle = begin + (end - begin) / 2;
        if (list[middle] < value)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

#endif
