/* GELU in its erf form, forward and backward: one pass over memory. */
#include "kernels/cpu/loops.h"
#include "kernels/cpu/vmath.h"

/* Rows may be few and long, or many and short: threads share row pieces of at most this many channels. */
#define PIECE 4096

ct_status CT_CPU(gelu_forward)(ct_kctx *ctx, const struct ct_gelu_forward_args *args) {
    const ct_tensor y = args->y, x = args->x;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const int threads = ct_threads(ctx, 4 * y.rows * y.cols);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t t = 0; t < y.rows; t++)
        for (int64_t from = 0; from < y.cols; from += PIECE) {
            float *out = ct_row(y, t);
            const float *in = ct_row(x, t);
            const int64_t to = ct_min_i64(y.cols, from + PIECE);
#pragma omp simd
            for (int64_t c = from; c < to; c++) out[c] = in[c] * ct_normal_at(in[c]).cdf;
        }
    return CT_OK;
}

/* dx = beta * dx + dy * (Phi(x) + x phi(x)) on n channels. */
static void backward_piece(float *dx, const float *dy, const float *x, float beta, int64_t n) {
    if (beta == 0.0f) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) {
            const ct_normal at = ct_normal_at(x[c]);
            dx[c] = dy[c] * (at.cdf + x[c] * at.density);
        }
        return;
    }
#pragma omp simd
    for (int64_t c = 0; c < n; c++) {
        const ct_normal at = ct_normal_at(x[c]);
        dx[c] = beta * dx[c] + dy[c] * (at.cdf + x[c] * at.density);
    }
}

ct_status CT_CPU(gelu_backward)(ct_kctx *ctx, const struct ct_gelu_backward_args *args) {
    const ct_tensor dx = args->dx, dy = args->dy, x = args->x;
    if (ctx->dry || dx.rows == 0) return CT_OK;
    const int threads = ct_threads(ctx, 4 * dx.rows * dx.cols);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t t = 0; t < dx.rows; t++)
        for (int64_t from = 0; from < dx.cols; from += PIECE)
            backward_piece(ct_row(dx, t) + from, ct_row(dy, t) + from, ct_row(x, t) + from, args->beta,
                           ct_min_i64(PIECE, dx.cols - from));
    return CT_OK;
}
