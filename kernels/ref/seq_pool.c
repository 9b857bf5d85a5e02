/* Reference of pooling over packed sequences. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* The tokens that a sequence's row is made of; both modes are the mean over them. */
typedef struct span {
    int64_t from, to;
} span;

static span span_of(ct_tensor offsets, ct_pool_mode mode, int64_t n) {
    const int64_t from = ref_ints(offsets)[n], to = ref_ints(offsets)[n + 1];
    return (span){from, mode == CT_POOL_FIRST && to > from ? from + 1 : to};
}

ct_status CT_REF(seq_pool_forward)(ct_kctx *ctx, const struct ct_seq_pool_forward_args *args) {
    if (ctx->dry) return CT_OK;
    for (int64_t n = 0; n < args->y.rows; n++) {
        const span s = span_of(args->offsets, args->mode, n);
        for (int64_t c = 0; c < args->y.cols; c++) {
            ct_real sum = 0;
            for (int64_t t = s.from; t < s.to; t++) sum += ref_row(args->x, t)[c];
            ref_row(args->y, n)[c] = s.to > s.from ? sum / (ct_real)(s.to - s.from) : 0;
        }
    }
    return CT_OK;
}

ct_status CT_REF(seq_pool_backward)(ct_kctx *ctx, const struct ct_seq_pool_backward_args *args) {
    if (ctx->dry) return CT_OK;
    ref_scale(args->dx, args->beta);
    for (int64_t n = 0; n < args->dy.rows; n++) {
        const span s = span_of(args->offsets, args->mode, n);
        for (int64_t t = s.from; t < s.to; t++)
            for (int64_t c = 0; c < args->dy.cols; c++)
                ref_row(args->dx, t)[c] += ref_row(args->dy, n)[c] / (ct_real)(s.to - s.from);
    }
    return CT_OK;
}
