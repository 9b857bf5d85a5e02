/* Reference of image pooling: the maximum of each window, and the mean of each channel. */
#include "kernels/kernels.h"
#include "kernels/ref/image.h"
#include "kernels/ref/ref.h"

typedef struct winner {
    ct_real value;
    int64_t place; /* r * kernel + s */
} winner;

/* The first maximum; the first NaN wins over all numbers. c may be a channel that only fills the last block:
 * its zeros. */
static winner window_max(const struct ct_max_pool2d_forward_args *a, int64_t n, int64_t c, int64_t i,
                         int64_t j) {
    winner best = {-INFINITY, -1};
    for (int64_t r = 0; r < a->kernel; r++)
        for (int64_t s = 0; s < a->kernel; s++) {
            const int64_t from_i = i * a->stride - a->pad + r, from_j = j * a->stride - a->pad + s;
            if (from_i < 0 || from_i >= a->x.h || from_j < 0 || from_j >= a->x.w) continue;
            const ct_real x = *ref_pixel(a->x, n, c, from_i, from_j);
            if (best.place < 0 || x > best.value || (isnan(x) && !isnan(best.value)))
                best = (winner){x, r * a->kernel + s};
        }
    return best;
}

ct_status CT_REF(max_pool2d_forward)(ct_kctx *ctx, const struct ct_max_pool2d_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image y = args->y;
    for (int64_t n = 0; n < y.n; n++)
        for (int64_t c = 0; c < ref_image_blocks(y) * y.cb; c++)
            for (int64_t i = 0; i < y.h; i++)
                for (int64_t j = 0; j < y.w; j++) {
                    const winner best = window_max(args, n, c, i, j);
                    ct_real *out = ref_pixel(y, n, c, i, j);
                    *out = best.value;
                    if (args->argmax.data)
                        ((uint8_t *)args->argmax.data)[out - (ct_real *)y.data] = (uint8_t)best.place;
                }
    return CT_OK;
}

ct_status CT_REF(max_pool2d_backward)(ct_kctx *ctx, const struct ct_max_pool2d_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image dy = args->dy, dx = args->dx;
    const uint8_t *argmax = args->argmax.data;
    ref_image_scale(dx, args->beta);
    for (int64_t n = 0; n < dy.n; n++)
        for (int64_t c = 0; c < dy.c; c++)
            for (int64_t i = 0; i < dy.h; i++)
                for (int64_t j = 0; j < dy.w; j++) {
                    const ct_real *grad = ref_pixel(dy, n, c, i, j);
                    const int64_t place = argmax[grad - (ct_real *)dy.data];
                    *ref_pixel(dx, n, c, i * args->stride - args->pad + place / args->kernel,
                               j * args->stride - args->pad + place % args->kernel) += *grad;
                }
    return CT_OK;
}

ct_status CT_REF(global_pool_forward)(ct_kctx *ctx, const struct ct_global_pool_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image x = args->x;
    for (int64_t n = 0; n < x.n; n++)
        for (int64_t c = 0; c < x.c; c++) {
            ct_real sum = 0;
            for (int64_t i = 0; i < x.h; i++)
                for (int64_t j = 0; j < x.w; j++) sum += *ref_pixel(x, n, c, i, j);
            ref_row(args->y, n)[c] = sum / (ct_real)(x.h * x.w);
        }
    return CT_OK;
}

ct_status CT_REF(global_pool_backward)(ct_kctx *ctx, const struct ct_global_pool_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image dx = args->dx;
    ref_image_scale(dx, args->beta);
    for (int64_t n = 0; n < dx.n; n++)
        for (int64_t c = 0; c < dx.c; c++)
            for (int64_t i = 0; i < dx.h; i++)
                for (int64_t j = 0; j < dx.w; j++)
                    *ref_pixel(dx, n, c, i, j) += ref_row(args->dy, n)[c] / (ct_real)(dx.h * dx.w);
    return CT_OK;
}
