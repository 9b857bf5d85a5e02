/* Reference of residual + dropout + layer norm: mean, then variance, then the row. */
#include "kernels/kernels.h"
#include "kernels/ref/layer_norm.h"

ct_status CT_REF(add_layer_norm_forward)(ct_kctx *ctx, const struct ct_add_layer_norm_forward_args *args) {
    const int64_t channels = args->x.cols;
    ct_real *sum = NULL;
    CT_CHECK(ct_scratch_take(ctx, (size_t)channels, sizeof *sum, (void **)&sum));
    if (ctx->dry) return CT_OK;

    const ref_mask mask = ref_mask_make(ctx, args->drop, args->row_of, args->pos_of);
    for (int64_t t = 0; t < args->x.rows; t++) {
        for (int64_t c = 0; c < channels; c++) {
            sum[c] = ref_row(args->x, t)[c];
            if (args->r.data) sum[c] += ref_row(args->r, t)[c] * ref_mask_at(&mask, t, c);
        }
        const ref_moments m = ref_moments_of(sum, channels, args->eps);
        for (int64_t c = 0; c < channels; c++) {
            if (args->s.data) ref_row(args->s, t)[c] = sum[c];
            ref_row(args->y, t)[c] =
                (sum[c] - m.mean) * m.rstd * ref_vector(args->w)[c] + ref_vector(args->b)[c];
        }
        if (args->mean.data) ref_vector(args->mean)[t] = m.mean;
        if (args->rstd.data) ref_vector(args->rstd)[t] = m.rstd;
    }
    return CT_OK;
}

static void backward_row(const struct ct_add_layer_norm_backward_args *args, const ref_mask *mask,
                         int64_t t) {
    const int64_t channels = args->dy.cols;
    const ct_real *dy = ref_row(args->dy, t), *s = ref_row(args->s, t), *w = ref_vector(args->w);
    const ct_real mean = ref_vector(args->mean)[t], rstd = ref_vector(args->rstd)[t];
    ref_norm_sums sums = {0, 0};
    for (int64_t c = 0; c < channels; c++) {
        const ct_real xhat = (s[c] - mean) * rstd;
        sums.grad += w[c] * dy[c] / (ct_real)channels;
        sums.grad_xhat += w[c] * dy[c] * xhat / (ct_real)channels;
        if (args->dw.data) {
            ref_vector(args->dw)[c] += dy[c] * xhat;
            ref_vector(args->db)[c] += dy[c];
        }
    }
    for (int64_t c = 0; c < channels; c++) {
        const ct_real ds = ref_norm_grad(w[c] * dy[c], (s[c] - mean) * rstd, rstd, sums);
        if (args->dx.data) {
            ct_real *dx = &ref_row(args->dx, t)[c];
            *dx = args->beta_x == 0.0f ? ds : (ct_real)args->beta_x * *dx + ds;
        }
        if (args->dr.data) {
            const ct_real grad = ds * ref_mask_at(mask, t, c);
            ct_real *dr = &ref_row(args->dr, t)[c];
            *dr = args->beta_r == 0.0f ? grad : (ct_real)args->beta_r * *dr + grad;
        }
    }
}

ct_status CT_REF(add_layer_norm_backward)(ct_kctx *ctx, const struct ct_add_layer_norm_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const ref_mask mask = ref_mask_make(ctx, args->drop, args->row_of, args->pos_of);
    for (int64_t t = 0; t < args->dy.rows; t++) backward_row(args, &mask, t);
    return CT_OK;
}
