/* Reference of dropout: one random word an element. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

ct_status CT_REF(dropout_forward)(ct_kctx *ctx, const struct ct_dropout_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const ref_mask mask = ref_mask_make(ctx, args->drop, args->row_of, args->pos_of);
    for (int64_t n = 0; n < args->x.rows; n++)
        for (int64_t c = 0; c < args->x.cols; c++)
            ref_row(args->y, n)[c] = ref_row(args->x, n)[c] * ref_mask_at(&mask, n, c);
    return CT_OK;
}

ct_status CT_REF(dropout_backward)(ct_kctx *ctx, const struct ct_dropout_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const ref_mask mask = ref_mask_make(ctx, args->drop, args->row_of, args->pos_of);
    for (int64_t n = 0; n < args->dy.rows; n++)
        for (int64_t c = 0; c < args->dy.cols; c++) {
            const ct_real grad = ref_row(args->dy, n)[c] * ref_mask_at(&mask, n, c);
            ct_real *dx = &ref_row(args->dx, n)[c];
            *dx = args->beta == 0.0f ? grad : (ct_real)args->beta * *dx + grad;
        }
    return CT_OK;
}
