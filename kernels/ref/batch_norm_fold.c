/* Reference of folding batch norm into a convolution: one output channel after the other. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

ct_status CT_REF(batch_norm_fold)(ct_kctx *ctx, const struct ct_batch_norm_fold_args *args) {
    if (ctx->dry) return CT_OK;
    for (int64_t o = 0; o < args->folded.rows; o++) {
        const ct_real scale =
            ref_vector(args->w)[o] / (ct_real)sqrt(ref_vector(args->running_var)[o] + (ct_real)args->eps);
        for (int64_t k = 0; k < args->folded.cols; k++)
            ref_row(args->folded, o)[k] = ref_row(args->conv, o)[k] * scale;
        ref_vector(args->bias)[o] = ref_vector(args->b)[o] - ref_vector(args->running_mean)[o] * scale;
    }
    return CT_OK;
}
