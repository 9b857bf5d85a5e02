/* Small helpers that all reference kernels share: elements of tensors, beta, the dropout mask. */
#ifndef CT_KERNELS_REF_REF_H
#define CT_KERNELS_REF_REF_H

#include <math.h>

#include "kernels/kernel.h"

static inline ct_real *ref_row(ct_tensor t, int64_t i) {
    return (ct_real *)t.data + i * t.ld;
}
static inline ct_real *ref_vector(ct_tensor t) {
    return t.data;
}
static inline int32_t *ref_ints(ct_tensor t) {
    return t.data;
}

/* t = beta * t; with beta 0 the old content is not read. */
static inline void ref_scale(ct_tensor t, float beta) {
    for (int64_t i = 0; i < t.rows; i++)
        for (int64_t c = 0; c < t.cols; c++)
            ref_row(t, i)[c] = beta == 0.0f ? (ct_real)0 : (ct_real)beta * ref_row(t, i)[c];
}

static inline ct_real ref_dot(const ct_real *a, const ct_real *b, int64_t n) {
    ct_real sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* The dropout mask of a layer, element by element. */
typedef struct ref_mask {
    ct_rng_key key;
    float p;
    const int32_t *row_of, *pos_of; /* NULL: i, and 0 */
} ref_mask;

static inline ref_mask ref_mask_make(const ct_kctx *ctx, ct_dropout drop, ct_tensor row_of,
                                     ct_tensor pos_of) {
    return (ref_mask){ct_rng_key_make(ctx->step->seed, ctx->step->step, drop.stream), drop.p,
                      ref_ints(row_of), ref_ints(pos_of)};
}

/* 0 for a dropped element, 1 / (1 - p) for a kept one. */
static inline ct_real ref_mask_at(const ref_mask *m, int64_t i, int64_t c) {
    if (m->p == 0.0f) return 1;
    const uint32_t row = (uint32_t)(m->row_of ? m->row_of[i] : i),
                   pos = (uint32_t)(m->pos_of ? m->pos_of[i] : 0);
    const ct_philox words = ct_dropout_words(m->key, row, pos, (uint32_t)(c / 4));
    return ct_dropout_drops(words.v[c % 4], m->p) ? (ct_real)0 : 1 / (1 - (ct_real)m->p);
}

#endif
