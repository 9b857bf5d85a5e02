/* A small matrix product for operands that lie in cache, C = A B or C += A B: a block of rows by a few vectors of
 * columns is summed in registers. For products of a few dozen rows and columns, where a library call costs more than
 * the product itself. */
#ifndef CT_KERNELS_CPU_TILE_H
#define CT_KERNELS_CPU_TILE_H

#include <stdbool.h>
#include <stdint.h>

/* The register block is the largest whose sums, one row of B and one element of A fit the registers. */
#if defined(__AVX512F__)
#define CT_LANES 16
#define CT_TILE_ROWS 6
#define CT_TILE_VECTORS 4
#elif defined(__AVX__)
#define CT_LANES 8
#define CT_TILE_ROWS 6
#define CT_TILE_VECTORS 2
#else
#define CT_LANES 4
#define CT_TILE_ROWS 4
#define CT_TILE_VECTORS 2
#endif

typedef float ct_lanes __attribute__((vector_size(CT_LANES * sizeof(float)), may_alias));
/* The same in memory, at any address of a float. */
typedef float ct_lanes_at __attribute__((vector_size(CT_LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* n rounded up to whole vectors. */
static inline int64_t ct_padded(int64_t n) { return (n + CT_LANES - 1) / CT_LANES * CT_LANES; }

/* A [m, k]: element (i, p) is a[i * row_step + p * k_step], so that either step may be 1 (A or its transpose).
 * B [k, n] and C [m, n] are row-major with n a multiple of CT_LANES. */
typedef struct ct_tile {
    const float *a;
    int64_t row_step, k_step;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    int64_t m, n, k;
    bool add; /* C += instead of C = */
} ct_tile;

/* One register block; rows and vectors are constants where this is inlined. */
static inline __attribute__((always_inline)) void ct__tile_block(const ct_tile *t, int64_t row, int64_t column,
                                                                 const int rows, const int vectors) {
    ct_lanes sum[CT_TILE_ROWS][CT_TILE_VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) sum[i][j] = (ct_lanes){0.0f};

    const float *a = t->a + row * t->row_step, *b = t->b + column;
    const int64_t row_step = t->row_step, k_step = t->k_step, ldb = t->ldb;
    for (int64_t p = t->k; p > 0; p--, a += k_step, b += ldb) {
        ct_lanes line[CT_TILE_VECTORS];
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) line[j] = *(const ct_lanes_at *)(b + j * CT_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
            for (int j = 0; j < vectors; j++) sum[i][j] += a[i * row_step] * line[j];
    }

    float *c = t->c + row * t->ldc + column;
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) {
            ct_lanes_at *out = (ct_lanes_at *)(c + i * t->ldc + j * CT_LANES);
            if (t->add) sum[i][j] += *out;
            *out = sum[i][j];
        }
}

/* All rows of a strip of columns. */
static inline __attribute__((always_inline)) void ct__tile_strip(const ct_tile *t, int64_t column,
                                                                 const int vectors) {
    int64_t row = 0;
    for (; row + CT_TILE_ROWS <= t->m; row += CT_TILE_ROWS) ct__tile_block(t, row, column, CT_TILE_ROWS, vectors);
    for (; row + 2 <= t->m; row += 2) ct__tile_block(t, row, column, 2, vectors);
    if (row < t->m) ct__tile_block(t, row, column, 1, vectors);
}

static __attribute__((noinline, unused)) void ct_tile_multiply(const ct_tile *t) {
    int64_t column = 0;
    for (; column + CT_TILE_VECTORS * CT_LANES <= t->n; column += CT_TILE_VECTORS * CT_LANES)
        ct__tile_strip(t, column, CT_TILE_VECTORS);
    for (; column + 2 * CT_LANES <= t->n; column += 2 * CT_LANES) ct__tile_strip(t, column, 2);
    if (column < t->n) ct__tile_strip(t, column, 1);
}

#endif
