/* Reference of rows to unit length. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

ct_status CT_REF(l2_normalize_forward)(ct_kctx *ctx, const struct ct_l2_normalize_forward_args *args) {
    if (ctx->dry) return CT_OK;
    for (int64_t n = 0; n < args->x.rows; n++) {
        const ct_real *x = ref_row(args->x, n);
        const ct_real length = (ct_real)sqrt(ref_dot(x, x, args->x.cols)), eps = (ct_real)args->eps;
        /* Written so that a NaN length stays NaN. */
        const ct_real rnorm = 1 / (length < eps ? eps : length);
        for (int64_t d = 0; d < args->x.cols; d++) ref_row(args->y, n)[d] = x[d] * rnorm;
        if (args->rnorm.data) ref_vector(args->rnorm)[n] = rnorm;
    }
    return CT_OK;
}

ct_status CT_REF(l2_normalize_backward)(ct_kctx *ctx, const struct ct_l2_normalize_backward_args *args) {
    if (ctx->dry) return CT_OK;
    for (int64_t n = 0; n < args->dy.rows; n++) {
        const ct_real *dy = ref_row(args->dy, n), *y = ref_row(args->y, n);
        const ct_real rnorm = ref_vector(args->rnorm)[n];
        const bool short_row = rnorm >= 1 / (ct_real)args->eps;
        const ct_real along = short_row ? 0 : ref_dot(y, dy, args->dy.cols);
        for (int64_t d = 0; d < args->dy.cols; d++) {
            const ct_real grad = rnorm * (dy[d] - y[d] * along);
            ct_real *dx = &ref_row(args->dx, n)[d];
            *dx = args->beta == 0.0f ? grad : (ct_real)args->beta * *dx + grad;
        }
    }
    return CT_OK;
}
