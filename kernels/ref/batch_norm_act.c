/* Reference of batch norm, residual and ReLU: the channel's mean, then its variance, then every pixel. */
#include "kernels/kernels.h"
#include "kernels/ref/image.h"
#include "kernels/ref/ref.h"

/* Sum of (x - shift)^power over the pixels of one channel. */
static ct_real channel_sum(ct_image x, int64_t c, ct_real shift, int power) {
    ct_real sum = 0;
    for (int64_t n = 0; n < x.n; n++)
        for (int64_t i = 0; i < x.h; i++)
            for (int64_t j = 0; j < x.w; j++) {
                const ct_real d = *ref_pixel(x, n, c, i, j) - shift;
                sum += power == 2 ? d * d : d;
            }
    return sum;
}

/* Mean, rstd and var of one channel. */
static void statistics(const struct ct_batch_norm_act_forward_args *a, int64_t c) {
    const ct_real count = (ct_real)(a->x.n * a->x.h * a->x.w);
    ct_real mean = ref_vector(a->running_mean)[c], var = ref_vector(a->running_var)[c], unbiased = var;
    if (a->batch_stats && count > 0) {
        mean = channel_sum(a->x, c, 0, 1) / count;
        const ct_real squares = channel_sum(a->x, c, mean, 2);
        var = squares / count;
        unbiased = count > 1 ? squares / (count - 1) : 0;
    }
    if (a->var.data) ref_vector(a->var)[c] = unbiased;
    ref_vector(a->mean)[c] = mean;
    ref_vector(a->rstd)[c] = 1 / (ct_real)sqrt(var + (ct_real)a->eps);
}

static ct_real pixel_of(const struct ct_batch_norm_act_forward_args *a, int64_t n, int64_t c, int64_t i,
                        int64_t j) {
    if (c >= a->x.c) return 0; /* fills the last block */
    const ct_real xhat = (*ref_pixel(a->x, n, c, i, j) - ref_vector(a->mean)[c]) * ref_vector(a->rstd)[c];
    ct_real value = xhat * ref_vector(a->w)[c] + ref_vector(a->b)[c];
    if (a->residual.data) value += *ref_pixel(a->residual, n, c, i, j);
    return a->relu && value < 0 ? 0 : value;
}

ct_status CT_REF(batch_norm_act_forward)(ct_kctx *ctx, const struct ct_batch_norm_act_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image y = args->y;
    for (int64_t c = 0; c < y.c; c++) statistics(args, c);
    for (int64_t n = 0; n < y.n; n++)
        for (int64_t c = 0; c < ref_image_blocks(y) * y.cb; c++)
            for (int64_t i = 0; i < y.h; i++)
                for (int64_t j = 0; j < y.w; j++) *ref_pixel(y, n, c, i, j) = pixel_of(args, n, c, i, j);
    return CT_OK;
}

/* dy behind the ReLU. */
static ct_real grad_at(const struct ct_batch_norm_act_backward_args *a, int64_t n, int64_t c, int64_t i,
                       int64_t j) {
    return a->relu && !(*ref_pixel(a->y, n, c, i, j) > 0) ? 0 : *ref_pixel(a->dy, n, c, i, j);
}

static ct_real xhat_at(const struct ct_batch_norm_act_backward_args *a, int64_t n, int64_t c, int64_t i,
                       int64_t j) {
    return (*ref_pixel(a->x, n, c, i, j) - ref_vector(a->mean)[c]) * ref_vector(a->rstd)[c];
}

static void blend(ct_real *to, float beta, ct_real value) {
    *to = beta == 0.0f ? value : (ct_real)beta * *to + value;
}

static void channel_backward(const struct ct_batch_norm_act_backward_args *a, int64_t c) {
    const ct_image dy = a->dy;
    const ct_real count = (ct_real)(dy.n * dy.h * dy.w), slope = ref_vector(a->w)[c] * ref_vector(a->rstd)[c];
    ct_real grad = 0, grad_xhat = 0;
    for (int64_t n = 0; n < dy.n; n++)
        for (int64_t i = 0; i < dy.h; i++)
            for (int64_t j = 0; j < dy.w; j++) {
                grad += grad_at(a, n, c, i, j);
                grad_xhat += grad_at(a, n, c, i, j) * xhat_at(a, n, c, i, j);
            }
    if (a->dw.data) {
        ref_vector(a->dw)[c] += grad_xhat;
        ref_vector(a->db)[c] += grad;
    }
    for (int64_t n = 0; n < dy.n; n++)
        for (int64_t i = 0; i < dy.h; i++)
            for (int64_t j = 0; j < dy.w; j++) {
                const ct_real g = grad_at(a, n, c, i, j);
                const ct_real shared =
                    a->batch_stats ? (grad + xhat_at(a, n, c, i, j) * grad_xhat) / count : 0;
                if (a->dx.data) blend(ref_pixel(a->dx, n, c, i, j), a->beta_x, slope * (g - shared));
                if (a->dresidual.data) blend(ref_pixel(a->dresidual, n, c, i, j), a->beta_residual, g);
            }
}

/* The channels that fill the last block. */
static void blend_padding(ct_image t, float beta) {
    for (int64_t n = 0; n < t.n; n++)
        for (int64_t c = t.c; c < ref_image_blocks(t) * t.cb; c++)
            for (int64_t i = 0; i < t.h; i++)
                for (int64_t j = 0; j < t.w; j++) blend(ref_pixel(t, n, c, i, j), beta, 0);
}

ct_status CT_REF(batch_norm_act_backward)(ct_kctx *ctx, const struct ct_batch_norm_act_backward_args *args) {
    if (ctx->dry || args->dy.n == 0) return CT_OK;
    for (int64_t c = 0; c < args->dy.c; c++) channel_backward(args, c);
    if (args->dx.data) blend_padding(args->dx, args->beta_x);
    if (args->dresidual.data) blend_padding(args->dresidual, args->beta_residual);
    return CT_OK;
}
