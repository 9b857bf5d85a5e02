/* Dropout factors in bulk: Philox for many channels side by side, so that its multiplications vectorise. */
#ifndef CT_KERNELS_CPU_KEEP_H
#define CT_KERNELS_CPU_KEEP_H

#include "kernels/cpu/loops.h"
#include "kernels/cpu/tile.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Channels are made in groups of this many: 16 counters of four words. */
#define CT_KEEP_GROUP 64
#define CT_KEEP_COUNTERS (CT_KEEP_GROUP / 4)

/* Counters side by side, each word in the low half of a lane. */
#define CT_WIDE (CT_LANES / 2)
typedef uint64_t ct_wide __attribute__((vector_size(CT_WIDE * sizeof(uint64_t))));

/* Products of the low halves of the lanes. The one place that names instructions: compilers turn the C form
 * into a full 64-bit product, which costs three times as much. */
static inline ct_wide ct__multiply_low(ct_wide a, ct_wide b) {
#if defined(__AVX512F__)
    return (ct_wide)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (ct_wide)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__) && !defined(__AVX__)
    return (ct_wide)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

static inline void ct__philox_rounds(ct_wide x[4], ct_rng_key key) {
    const ct_wide m0 = (ct_wide){0} + 0xD2511F53u, m1 = (ct_wide){0} + 0xCD9E8D57u;
    uint32_t k0 = key.k0, k1 = key.k1;
    for (int round = 0; round < 10; round++) {
        const ct_wide p0 = ct__multiply_low(m0, x[0]), p1 = ct__multiply_low(m1, x[2]);
        x[0] = (p1 >> 32) ^ x[1] ^ (uint64_t)k0;
        x[2] = (p0 >> 32) ^ x[3] ^ (uint64_t)k1;
        x[1] = p1; /* the high halves hold other bits, which nothing reads */
        x[3] = p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* from, from + 1, from + 2, ... */
static inline ct_wide ct__wide_count(uint32_t from) {
    static const uint64_t numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    ct_wide x;
    memcpy(&x, numbers, sizeof x);
    return x + from;
}

/* words[4 i + w] = word w of ct_philox4x32(first + i, c1, c2, c3; key), for CT_KEEP_COUNTERS counters. */
static inline void ct__philox_group(uint32_t words[CT_KEEP_GROUP], uint32_t first, uint32_t c1, uint32_t c2,
                                    uint32_t c3, ct_rng_key key) {
    uint64_t low[CT_KEEP_COUNTERS], high[CT_KEEP_COUNTERS], pairs[2 * CT_KEEP_COUNTERS];
    for (uint32_t i = 0; i < CT_KEEP_COUNTERS; i += CT_WIDE) {
        ct_wide x[4] = {ct__wide_count(first + i), (ct_wide){0} + c1, (ct_wide){0} + c2, (ct_wide){0} + c3};
        ct__philox_rounds(x, key);
        x[0] = (x[0] & 0xffffffffu) | x[1] << 32;
        x[2] = (x[2] & 0xffffffffu) | x[3] << 32;
        memcpy(low + i, &x[0], sizeof x[0]);
        memcpy(high + i, &x[2], sizeof x[2]);
    }
    for (int i = 0; i < CT_KEEP_COUNTERS; i++) {
        pairs[2 * i] = low[i];
        pairs[2 * i + 1] = high[i];
    }
    for (int i = 0; i < CT_KEEP_GROUP; i++) words[i] = (uint32_t)(pairs[i / 2] >> i % 2 * 32);
}

/* keep[c] = 0 or 1 / (1 - p) for CT_KEEP_GROUP channels from 4 * first on: word c % 4 of the Philox block
 * (c / 4, c1, c2, c3). */
static inline void ct__keep_group(float *restrict keep, uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3,
                                  ct_rng_key key, float p, float scale) {
    uint32_t words[CT_KEEP_GROUP];
    ct__philox_group(words, first, c1, c2, c3, key);
#pragma omp simd
    for (int i = 0; i < CT_KEEP_GROUP; i++) keep[i] = ct_dropout_drops(words[i], p) ? 0.0f : scale;
}

/* keep[w][i] = the factor of word w of the Philox block (c0, c1 + i, c2, c3), for i < n <= CT_KEEP_GROUP; n
 * is a multiple of CT_LANES. */
static inline void ct_keep_columns(float (*restrict keep)[CT_KEEP_GROUP], int64_t n, uint32_t c0, uint32_t c1,
                                   uint32_t c2, uint32_t c3, ct_rng_key key, float p) {
    const float scale = 1.0f / (1.0f - p);
    uint64_t words[4][CT_KEEP_GROUP];
    for (int64_t i = 0; i < n; i += CT_WIDE) {
        ct_wide x[4] = {(ct_wide){0} + c0, ct__wide_count(c1 + (uint32_t)i), (ct_wide){0} + c2,
                        (ct_wide){0} + c3};
        ct__philox_rounds(x, key);
        for (int w = 0; w < 4; w++) memcpy(words[w] + i, &x[w], sizeof x[w]);
    }
    for (int w = 0; w < 4; w++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            keep[w][i] = ct_dropout_drops((uint32_t)words[w][i], p) ? 0.0f : scale;
    }
}

static inline ct_rng_key ct_drop_key(const ct_kctx *ctx, ct_dropout drop) {
    return ct_rng_key_make(ctx->step->seed, ctx->step->step, drop.stream);
}

/* The two numbers that name row t of a packed tensor: (row_of[t], pos_of[t]), or (t, 0) where absent. */
typedef struct ct_place {
    uint32_t row, pos;
} ct_place;

static inline ct_place ct_place_of(ct_tensor row_of, ct_tensor pos_of, int64_t t) {
    return (ct_place){row_of.data ? (uint32_t)ct_ints(row_of)[t] : (uint32_t)t,
                      pos_of.data ? (uint32_t)ct_ints(pos_of)[t] : 0};
}

/* y = x * keep for the n channels at a place; y may be x. */
static inline void ct_drop_row(float *y, const float *x, int64_t n, ct_place at, ct_rng_key key, float p) {
    const float scale = 1.0f / (1.0f - p);
    float keep[CT_KEEP_GROUP];
    for (int64_t c = 0; c < n; c += CT_KEEP_GROUP) {
        const int64_t m = ct_min_i64(CT_KEEP_GROUP, n - c);
        ct__keep_group(keep, (uint32_t)(c / 4), at.pos, at.row, 0, key, p, scale);
#pragma omp simd
        for (int64_t i = 0; i < m; i++) y[c + i] = x[c + i] * keep[i];
    }
}

/* y = beta * y + x * keep; with beta 0 the old y is not read. p may be 0. */
static inline void ct_drop_blend_row(float *y, const float *x, float beta, int64_t n, ct_place at,
                                     ct_rng_key key, float p) {
    if (p == 0.0f) {
        ct_blend_row(y, x, beta, n);
        return;
    }
    if (beta == 0.0f) {
        ct_drop_row(y, x, n, at, key, p);
        return;
    }
    const float scale = 1.0f / (1.0f - p);
    float keep[CT_KEEP_GROUP];
    for (int64_t c = 0; c < n; c += CT_KEEP_GROUP) {
        const int64_t m = ct_min_i64(CT_KEEP_GROUP, n - c);
        ct__keep_group(keep, (uint32_t)(c / 4), at.pos, at.row, 0, key, p, scale);
#pragma omp simd
        for (int64_t i = 0; i < m; i++) y[c + i] = beta * y[c + i] + x[c + i] * keep[i];
    }
}

#endif
