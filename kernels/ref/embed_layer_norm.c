/* Reference of BERT's input layer: look up, add, normalise, drop. */
#include "kernels/kernels.h"
#include "kernels/ref/layer_norm.h"

ct_status CT_REF(embed_layer_norm_forward)(ct_kctx *ctx,
                                           const struct ct_embed_layer_norm_forward_args *args) {
    const int64_t channels = args->y.cols;
    ct_real *sum = NULL;
    CT_CHECK(ct_scratch_take(ctx, (size_t)channels, sizeof *sum, (void **)&sum));
    if (ctx->dry) return CT_OK;

    const ref_mask mask = ref_mask_make(ctx, args->drop, args->row_of, args->pos_of);
    const int32_t *ids = ref_ints(args->ids), *pos_of = ref_ints(args->pos_of);
    for (int64_t t = 0; t < args->y.rows; t++) {
        const ct_real *token = ref_row(args->token, ids[t]), *position = ref_row(args->position, pos_of[t]);
        for (int64_t c = 0; c < channels; c++) {
            sum[c] = token[c] + position[c];
            if (args->type.data) sum[c] += ref_vector(args->type)[c];
        }
        const ref_moments m = ref_moments_of(sum, channels, args->eps);
        for (int64_t c = 0; c < channels; c++) {
            const ct_real norm = (sum[c] - m.mean) * m.rstd * ref_vector(args->w)[c] + ref_vector(args->b)[c];
            if (args->s.data) ref_row(args->s, t)[c] = sum[c];
            ref_row(args->y, t)[c] = norm * ref_mask_at(&mask, t, c);
        }
        if (args->mean.data) ref_vector(args->mean)[t] = m.mean;
        if (args->rstd.data) ref_vector(args->rstd)[t] = m.rstd;
    }
    return CT_OK;
}

static void backward_row(const struct ct_embed_layer_norm_backward_args *args, const ref_mask *mask,
                         int64_t t) {
    const int64_t channels = args->dy.cols;
    const ct_real *s = ref_row(args->s, t), *w = ref_vector(args->w);
    const ct_real mean = ref_vector(args->mean)[t], rstd = ref_vector(args->rstd)[t];
    ref_norm_sums sums = {0, 0};
    for (int64_t c = 0; c < channels; c++) {
        const ct_real xhat = (s[c] - mean) * rstd, dy = ref_row(args->dy, t)[c] * ref_mask_at(mask, t, c);
        sums.grad += w[c] * dy / (ct_real)channels;
        sums.grad_xhat += w[c] * dy * xhat / (ct_real)channels;
        if (args->dw.data) {
            ref_vector(args->dw)[c] += dy * xhat;
            ref_vector(args->db)[c] += dy;
        }
    }
    for (int64_t c = 0; c < channels; c++) {
        const ct_real xhat = (s[c] - mean) * rstd, dy = ref_row(args->dy, t)[c] * ref_mask_at(mask, t, c);
        ref_row(args->ds, t)[c] = ref_norm_grad(w[c] * dy, xhat, rstd, sums);
    }
}

ct_status CT_REF(embed_layer_norm_backward)(ct_kctx *ctx,
                                            const struct ct_embed_layer_norm_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const ref_mask mask = ref_mask_make(ctx, args->drop, args->row_of, args->pos_of);
    for (int64_t t = 0; t < args->dy.rows; t++) backward_row(args, &mask, t);
    return CT_OK;
}
