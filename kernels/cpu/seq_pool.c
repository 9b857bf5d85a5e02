/* Pooling of packed sequences: mean over tokens, or the first token. */
#include "kernels/cpu/loops.h"

ct_status CT_CPU(seq_pool_forward)(ct_kctx *ctx, const struct ct_seq_pool_forward_args *args) {
    const ct_tensor y = args->y, x = args->x;
    const int32_t *offsets = ct_ints(args->offsets);
    if (ctx->dry || y.rows == 0) return CT_OK;
    const bool mean = args->mode == CT_POOL_MEAN;
    const int threads = ct_threads(ctx, (mean ? x.rows : y.rows) * y.cols);
#pragma omp parallel for num_threads(threads) schedule(guided)
    for (int64_t n = 0; n < y.rows; n++) {
        const int64_t from = offsets[n], to = mean ? offsets[n + 1] : ct_min_i64(from + 1, offsets[n + 1]);
        float *out = ct_row(y, n);
        memset(out, 0, (size_t)y.cols * sizeof *out);
        for (int64_t t = from; t < to; t++) ct_axpy(out, 1.0f, ct_row(x, t), y.cols);
        if (to - from > 1) ct_scale_row(out, 1.0f / (float)(to - from), y.cols);
    }
    return CT_OK;
}

/* dx = beta * dx + scale * dy on n channels. */
static void blend_scaled(float *dx, const float *dy, float scale, float beta, int64_t n) {
    if (beta == 0.0f) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) dx[c] = scale * dy[c];
    } else {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) dx[c] = beta * dx[c] + scale * dy[c];
    }
}

ct_status CT_CPU(seq_pool_backward)(ct_kctx *ctx, const struct ct_seq_pool_backward_args *args) {
    const ct_tensor dx = args->dx, dy = args->dy;
    const int32_t *offsets = ct_ints(args->offsets);
    if (ctx->dry) return CT_OK;
    const bool mean = args->mode == CT_POOL_MEAN;
    const int64_t rows = dy.rows, owned = args->offsets.rows > 0 ? offsets[args->offsets.rows - 1] : 0;
    const int threads = ct_threads(ctx, dx.rows * dx.cols);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(guided) nowait
        for (int64_t n = 0; n < rows; n++) {
            const int64_t from = offsets[n], to = offsets[n + 1],
                          shared = mean ? to : ct_min_i64(from + 1, to);
            const float scale = mean ? 1.0f / (float)(to - from) : 1.0f;
            for (int64_t t = from; t < shared; t++)
                blend_scaled(ct_row(dx, t), ct_row(dy, n), scale, args->beta, dx.cols);
            for (int64_t t = shared; t < to; t++) ct_scale_row(ct_row(dx, t), args->beta, dx.cols);
        }
#pragma omp for schedule(static)
        for (int64_t t = owned; t < dx.rows; t++) ct_scale_row(ct_row(dx, t), args->beta, dx.cols);
    }
    return CT_OK;
}
