/* A small matrix product for operands that lie in cache, C = A B or C += A B: a block of rows by a few
 * vectors of columns is summed in registers. For products of a few dozen rows and columns, where a library
 * call costs more than the product itself. */
#ifndef CT_KERNELS_CPU_TILE_H
#define CT_KERNELS_CPU_TILE_H

#include <stdbool.h>
#include <stdint.h>

/* Register blocks are as large as their sums, one row of B and one element of A fit the registers. Narrow
 * blocks get more rows: eight sums are what keeps both multipliers busy. */
#if defined(__AVX512F__)
#define CT_LANES 16
#define CT_TILE_VECTORS 4
#define CT_TILE_ROWS 6
#elif defined(__AVX__)
#define CT_LANES 8
#define CT_TILE_VECTORS 2
#define CT_TILE_ROWS 6
#else
#define CT_LANES 4
#define CT_TILE_VECTORS 2
#define CT_TILE_ROWS 4
#endif
#define CT_TILE_ROWS_MAX 8

typedef float ct_lanes __attribute__((vector_size(CT_LANES * sizeof(float)), may_alias));
/* The same in memory, at any address of a float. */
typedef float ct_lanes_at
    __attribute__((vector_size(CT_LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* n rounded up to whole vectors. */
static inline int64_t ct_padded(int64_t n) {
    return (n + CT_LANES - 1) / CT_LANES * CT_LANES;
}

/* The left operand [m, k]: element (i, p) is data[i * row_step + p * k_step], so that either step may be 1 (a
 * matrix or its transpose). */
typedef struct ct_left {
    const float *data;
    int64_t row_step, k_step;
} ct_left;

/* The right operand [k, n], row-major. */
typedef struct ct_right {
    const float *data;
    int64_t ld;
} ct_right;

/* The result [m, n], row-major, overwritten or added to. */
typedef struct ct_result {
    float *data;
    int64_t ld;
    bool add;
} ct_result;

typedef struct ct_tile {
    ct_result c;
    ct_left a;
    ct_right b;
    int64_t m, n, k;
} ct_tile;

/* One register block; rows and vectors are constants where this is inlined. */
static inline __attribute__((always_inline)) void
ct__tile_block(const ct_tile *t, int64_t row, int64_t column, const int rows, const int vectors) {
    ct_lanes sum[CT_TILE_ROWS_MAX][CT_TILE_VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) sum[i][j] = (ct_lanes){0.0f};

    const int64_t row_step = t->a.row_step, k_step = t->a.k_step, ldb = t->b.ld;
    const float *a = t->a.data + row * row_step, *b = t->b.data + column;
    for (int64_t p = t->k; p > 0; p--, a += k_step, b += ldb) {
        ct_lanes line[CT_TILE_VECTORS];
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) line[j] = *(const ct_lanes_at *)(b + j * CT_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
            for (int j = 0; j < vectors; j++) sum[i][j] += a[i * row_step] * line[j];
    }

    float *c = t->c.data + row * t->c.ld + column;
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) {
            ct_lanes_at *out = (ct_lanes_at *)(c + i * t->c.ld + j * CT_LANES);
            if (t->c.add) sum[i][j] += *out;
            *out = sum[i][j];
        }
}

/* All rows of a strip of columns. */
static inline __attribute__((always_inline)) void ct__tile_strip(const ct_tile *t, int64_t column,
                                                                 const int rows, const int vectors) {
    int64_t row = 0;
    for (; row + rows <= t->m; row += rows) ct__tile_block(t, row, column, rows, vectors);
    for (; row + 4 <= t->m; row += 4) ct__tile_block(t, row, column, 4, vectors);
    for (; row < t->m; row++) ct__tile_block(t, row, column, 1, vectors);
}

/* c (+)= a b; n is a multiple of CT_LANES. Of these sizes: a [m, k], b [k, n], c [m, n]. */
static __attribute__((noinline, unused)) void ct_tile_multiply(ct_result c, ct_left a, ct_right b, int64_t m,
                                                               int64_t n, int64_t k) {
    const ct_tile t = {c, a, b, m, n, k};
    int64_t column = 0;
    for (; column + CT_TILE_VECTORS * CT_LANES <= n; column += CT_TILE_VECTORS * CT_LANES)
        ct__tile_strip(&t, column, CT_TILE_ROWS, CT_TILE_VECTORS);
#if CT_TILE_VECTORS > 2
    for (; column + 2 * CT_LANES <= n; column += 2 * CT_LANES)
        ct__tile_strip(&t, column, CT_TILE_ROWS_MAX, 2);
#endif
    if (column < n) ct__tile_strip(&t, column, CT_TILE_ROWS_MAX, 1);
}

#endif
