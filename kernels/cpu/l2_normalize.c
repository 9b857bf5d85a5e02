/* Rows to unit length, forward and backward. */
#include <math.h>

#include "kernels/cpu/loops.h"

ct_status CT_CPU(l2_normalize_forward)(ct_kctx *ctx, const struct ct_l2_normalize_forward_args *args) {
    const ct_tensor y = args->y, x = args->x;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const int threads = ct_threads(ctx, 2 * y.rows * y.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < y.rows; n++) {
        const float *in = ct_row(x, n);
        float *out = ct_row(y, n);
        const float norm = sqrtf(ct_dot(in, in, y.cols));
        const float rnorm = 1.0f / (norm < args->eps ? args->eps : norm); /* a NaN norm stays */
        if (args->rnorm.data) ct_floats(args->rnorm)[n] = rnorm;
#pragma omp simd
        for (int64_t c = 0; c < y.cols; c++) out[c] = in[c] * rnorm;
    }
    return CT_OK;
}

/* dx = beta * dx + rnorm * (dy - y * along). */
static void backward_row(float *dx, const float *dy, const float *y, float rnorm, float along, float beta,
                         int64_t n) {
    if (beta == 0.0f) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) dx[c] = rnorm * (dy[c] - y[c] * along);
    } else {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) dx[c] = beta * dx[c] + rnorm * (dy[c] - y[c] * along);
    }
}

ct_status CT_CPU(l2_normalize_backward)(ct_kctx *ctx, const struct ct_l2_normalize_backward_args *args) {
    const ct_tensor dx = args->dx, dy = args->dy, y = args->y;
    if (ctx->dry || dx.rows == 0) return CT_OK;
    const float linear = 1.0f / args->eps; /* the rnorm of a row that is shorter than eps */
    const int threads = ct_threads(ctx, 2 * dx.rows * dx.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < dx.rows; n++) {
        const float rnorm = ct_floats(args->rnorm)[n];
        const float along = rnorm >= linear ? 0.0f : ct_dot(ct_row(y, n), ct_row(dy, n), dx.cols);
        backward_row(ct_row(dx, n), ct_row(dy, n), ct_row(y, n), rnorm, along, args->beta, dx.cols);
    }
    return CT_OK;
}
