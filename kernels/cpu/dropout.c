/* Dropout by counter, forward and backward: one pass, the mask is computed where it is used. */
#include "kernels/cpu/keep.h"

ct_status CT_CPU(dropout_forward)(ct_kctx *ctx, const struct ct_dropout_forward_args *args) {
    const ct_tensor y = args->y, x = args->x;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const float p = args->drop.p;
    const ct_rng_key key = ct_drop_key(ctx, args->drop);
    const int threads = ct_threads(ctx, 4 * y.rows * y.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < y.rows; t++)
        ct_drop_blend_row(ct_row(y, t), ct_row(x, t), 0.0f, y.cols,
                          ct_place_of(args->row_of, args->pos_of, t), key, p);
    return CT_OK;
}

ct_status CT_CPU(dropout_backward)(ct_kctx *ctx, const struct ct_dropout_backward_args *args) {
    const ct_tensor dx = args->dx, dy = args->dy;
    if (ctx->dry || dx.rows == 0) return CT_OK;
    const float p = args->drop.p;
    const ct_rng_key key = ct_drop_key(ctx, args->drop);
    const int threads = ct_threads(ctx, 4 * dx.rows * dx.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < dx.rows; t++)
        ct_drop_blend_row(ct_row(dx, t), ct_row(dy, t), args->beta, dx.cols,
                          ct_place_of(args->row_of, args->pos_of, t), key, p);
    return CT_OK;
}
