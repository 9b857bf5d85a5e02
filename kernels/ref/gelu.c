/* Reference of GELU: Phi by the error function. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

#define SQRT_HALF 0.70710678118654752440
#define SQRT_2PI_INVERSE 0.39894228040143267794

static ct_real normal_cdf(ct_real x) {
    return (ct_real)(0.5 * (1 + erf((double)x * SQRT_HALF)));
}
static ct_real normal_density(ct_real x) {
    return (ct_real)(SQRT_2PI_INVERSE * exp(-0.5 * (double)x * (double)x));
}

ct_status CT_REF(gelu_forward)(ct_kctx *ctx, const struct ct_gelu_forward_args *args) {
    if (ctx->dry) return CT_OK;
    for (int64_t t = 0; t < args->x.rows; t++)
        for (int64_t c = 0; c < args->x.cols; c++) {
            const ct_real x = ref_row(args->x, t)[c];
            ref_row(args->y, t)[c] = x * normal_cdf(x);
        }
    return CT_OK;
}

ct_status CT_REF(gelu_backward)(ct_kctx *ctx, const struct ct_gelu_backward_args *args) {
    if (ctx->dry) return CT_OK;
    for (int64_t t = 0; t < args->x.rows; t++)
        for (int64_t c = 0; c < args->x.cols; c++) {
            const ct_real x = ref_row(args->x, t)[c];
            const ct_real grad = ref_row(args->dy, t)[c] * (normal_cdf(x) + x * normal_density(x));
            ct_real *dx = &ref_row(args->dx, t)[c];
            *dx = args->beta == 0.0f ? grad : (ct_real)args->beta * *dx + grad;
        }
    return CT_OK;
}
