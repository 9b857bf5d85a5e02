/* Layer norm of one row, both directions: what add_layer_norm and embed_layer_norm have in common. A row of a
 * usual width stays in the first cache between the passes. */
#ifndef CT_KERNELS_CPU_NORM_H
#define CT_KERNELS_CPU_NORM_H

#include <math.h>

#include "kernels/cpu/loops.h"

typedef struct ct_row_moments {
    float mean, rstd;
} ct_row_moments;

/* Two passes: the variance is summed around the mean. */
static inline ct_row_moments ct_row_moments_of(const float *s, int64_t n, float eps) {
    const float mean = ct_sum(s, n) / (float)n;
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < n; c++) {
        const float d = s[c] - mean;
        sum += d * d;
    }
    return (ct_row_moments){mean, 1.0f / sqrtf(sum / (float)n + eps)};
}

/* y = (s - mean) * rstd * w + b; y may be s. */
static inline void ct_norm_row(float *y, const float *s, ct_row_moments m, const float *w, const float *b,
                               int64_t n) {
#pragma omp simd
    for (int64_t c = 0; c < n; c++) y[c] = (s[c] - m.mean) * m.rstd * w[c] + b[c];
}

/* The two means that the gradient of a row needs. */
typedef struct ct_row_means {
    float g, gx; /* of w dy, and of w dy xhat */
} ct_row_means;

/* Means of a row; where dw is given also dw += dy xhat and db += dy. */
static inline ct_row_means ct_norm_row_means(const float *dy, const float *s, ct_row_moments m,
                                             const float *w, float *restrict dw, float *restrict db,
                                             int64_t n) {
    float g = 0.0f, gx = 0.0f;
    if (dw) {
#pragma omp simd reduction(+ : g, gx)
        for (int64_t c = 0; c < n; c++) {
            const float xhat = (s[c] - m.mean) * m.rstd, wdy = w[c] * dy[c];
            g += wdy;
            gx += wdy * xhat;
            dw[c] += dy[c] * xhat;
            db[c] += dy[c];
        }
    } else {
#pragma omp simd reduction(+ : g, gx)
        for (int64_t c = 0; c < n; c++) {
            const float xhat = (s[c] - m.mean) * m.rstd, wdy = w[c] * dy[c];
            g += wdy;
            gx += wdy * xhat;
        }
    }
    return (ct_row_means){g / (float)n, gx / (float)n};
}

/* ds = rstd * (w dy - mean(w dy) - xhat mean(w dy xhat)); ds may be dy. */
static inline void ct_norm_row_gradient(float *ds, const float *dy, const float *s, ct_row_moments m,
                                        ct_row_means means, const float *w, int64_t n) {
#pragma omp simd
    for (int64_t c = 0; c < n; c++) {
        const float xhat = (s[c] - m.mean) * m.rstd;
        ds[c] = m.rstd * (w[c] * dy[c] - means.g - xhat * means.gx);
    }
}

/* Partial sums of dw and db, one pair a block of rows; absent where the parameters are frozen. */
typedef struct ct_norm_partials {
    float *dw, *db; /* [blocks, cols] */
    int64_t blocks, cols;
} ct_norm_partials;

static inline ct_status ct_norm_partials_take(ct_kctx *ctx, ct_norm_partials *p, int64_t rows, int64_t cols,
                                              bool wanted) {
    *p = (ct_norm_partials){NULL, NULL, ct_sum_blocks(rows), cols};
    if (!wanted) return CT_OK;
    const size_t count = (size_t)p->blocks * (size_t)cols;
    CT_CHECK(ct_scratch_take(ctx, count, sizeof(float), (void **)&p->dw));
    return ct_scratch_take(ctx, count, sizeof(float), (void **)&p->db);
}

/* The block's sums, set to zero. */
static inline void ct_norm_partials_begin(const ct_norm_partials *p, int64_t block, float **dw, float **db) {
    *dw = p->dw ? p->dw + block * p->cols : NULL;
    *db = p->db ? p->db + block * p->cols : NULL;
    if (!p->dw) return;
    memset(*dw, 0, (size_t)p->cols * sizeof(float));
    memset(*db, 0, (size_t)p->cols * sizeof(float));
}

static inline void ct_norm_partials_add(const ct_kctx *ctx, const ct_norm_partials *p, float *dw, float *db) {
    if (!p->dw) return;
    ct_add_partials(ctx, dw, p->dw, p->blocks, p->cols);
    ct_add_partials(ctx, db, p->db, p->blocks, p->cols);
}

#endif
