/* Copies of matrix blocks into dense scratch for ct_tile_multiply: plain or transposed, padded to whole
 * vectors. */
#ifndef CT_KERNELS_CPU_PACK_H
#define CT_KERNELS_CPU_PACK_H

#include "kernels/cpu/loops.h"
#include "kernels/cpu/tile.h"

/* Carves n floats, rounded up to whole cache lines. The cursor is a number so that sizes can be counted from
 * 0. */
static inline float *ct_carve(uintptr_t *cursor, int64_t n) {
    const uintptr_t at = *cursor;
    *cursor = at + (uintptr_t)ct_ceil_div(n, 16) * 64;
    return (float *)at;
}

/* Rows of n floats to rows of padded n, the padding 0. */
static inline void ct_pack_rows(float *restrict to, const float *restrict from, int64_t ld, int64_t rows,
                                int64_t n) {
    const int64_t padded = ct_padded(n);
    for (int64_t r = 0; r < rows; r++, to += padded, from += ld) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) to[c] = from[c];
        for (int64_t c = n; c < padded; c++) to[c] = 0.0f;
    }
}

/* The first n floats of padded rows to rows that lie ld apart. */
static inline void ct_unpack_rows(float *restrict to, int64_t ld, const float *restrict from, int64_t rows,
                                  int64_t n) {
    const int64_t padded = ct_padded(n);
    for (int64_t r = 0; r < rows; r++, to += ld, from += padded) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) to[c] = from[c];
    }
}

typedef float ct_four __attribute__((vector_size(16), may_alias));
typedef float ct_four_at __attribute__((vector_size(16), aligned(sizeof(float)), may_alias));

/* to [4, 4] = from [4, 4] transposed, rows to_ld and ld apart. */
static inline void ct_transpose4(float *restrict to, int64_t to_ld, const float *restrict from, int64_t ld) {
    const ct_four a = *(const ct_four_at *)from, b = *(const ct_four_at *)(from + ld);
    const ct_four c = *(const ct_four_at *)(from + 2 * ld), d = *(const ct_four_at *)(from + 3 * ld);
    const ct_four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                  cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const ct_four ef = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                  gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(ct_four_at *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(ct_four_at *)(to + to_ld) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(ct_four_at *)(to + 2 * to_ld) = __builtin_shufflevector(ef, gh, 0, 1, 4, 5);
    *(ct_four_at *)(to + 3 * to_ld) = __builtin_shufflevector(ef, gh, 2, 3, 6, 7);
}

/* to [n, padded rows] = from [rows, n] transposed, the padding 0. */
static inline void ct_pack_transposed(float *restrict to, const float *restrict from, int64_t ld,
                                      int64_t rows, int64_t n) {
    const int64_t padded = ct_padded(rows), whole_rows = rows / 4 * 4, whole = n / 4 * 4;
    for (int64_t r = 0; r < whole_rows; r += 4) {
        for (int64_t c = 0; c < whole; c += 4)
            ct_transpose4(to + c * padded + r, padded, from + r * ld + c, ld);
        for (int64_t c = whole; c < n; c++)
            for (int64_t i = r; i < r + 4; i++) to[c * padded + i] = from[i * ld + c];
    }
    for (int64_t c = 0; c < n; c++) {
        for (int64_t r = whole_rows; r < rows; r++) to[c * padded + r] = from[r * ld + c];
        for (int64_t r = rows; r < padded; r++) to[c * padded + r] = 0.0f;
    }
}

/* rows x n floats where they lie, or copied to scratch in padded rows. Where n is whole vectors a copy is
 * needed only against cache sets: rows of a wide tensor that are read often. */
static inline ct_right ct_right_rows(float *scratch, const float *from, int64_t ld, int64_t rows, int64_t n,
                                     bool in_place) {
    if (in_place && n % CT_LANES == 0) return (ct_right){from, ld};
    ct_pack_rows(scratch, from, ld, rows, n);
    return (ct_right){scratch, ct_padded(n)};
}

/* The result rows of a tensor, or padded rows in scratch where n is not whole vectors: those would run into
 * what lies beside the rows. */
static inline ct_result ct_result_rows(float *scratch, float *to, int64_t ld, int64_t n, bool add) {
    return n % CT_LANES == 0 ? (ct_result){to, ld, add} : (ct_result){scratch, ct_padded(n), add};
}

#endif
