/* Reference of the optimizer: squared norm, guard, AdamW on ranges and on rows, running statistics, clamp. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* Elements a partial sum covers; partial sums are added in order. */
#define NORM_BLOCK 4096

ct_status CT_REF(sq_norm)(ct_kctx *ctx, const struct ct_sq_norm_args *args) {
    if (ctx->dry) return CT_OK;
    double *sum = args->sum.data;
    for (int64_t r = 0; r < args->x.rows; r++)
        for (int64_t from = 0; from < args->x.cols; from += NORM_BLOCK) {
            const int64_t to = from + NORM_BLOCK < args->x.cols ? from + NORM_BLOCK : args->x.cols;
            double block = 0;
            for (int64_t c = from; c < to; c++) {
                const double x = ref_row(args->x, r)[c];
                block += x * x;
            }
            *sum += block;
        }
    return CT_OK;
}

ct_status CT_REF(grad_guard)(ct_kctx *ctx, const struct ct_grad_guard_args *args) {
    if (ctx->dry) return CT_OK;
    ct_step *step = ctx->step;
    step->grad_norm = (float)sqrt(*(const double *)args->sum.data);
    step->skip = !(isfinite(ref_vector(args->loss)[0]) && isfinite(step->grad_norm));
    const float room = args->max_norm / step->grad_norm; /* infinite for a norm of 0 */
    if (step->skip)
        step->clip = 0.0f;
    else
        step->clip = args->max_norm > 0.0f && room < 1.0f ? room : 1.0f;
    return CT_OK;
}

/* AdamW on n elements that lie together. */
static void adamw(const ct_step *step, const struct ct_adam_hyper *hyper, int64_t n, ct_real *w, ct_real *m,
                  ct_real *v, const ct_real *g) {
    const ct_real lr = (ct_real)step->lr * (ct_real)hyper->lr_scale;
    const ct_real beta1 = (ct_real)hyper->beta1, beta2 = (ct_real)hyper->beta2;
    for (int64_t i = 0; i < n; i++) {
        const ct_real grad = (ct_real)step->clip * g[i];
        m[i] = beta1 * m[i] + (1 - beta1) * grad;
        v[i] = beta2 * v[i] + (1 - beta2) * grad * grad;
        const ct_real root = (ct_real)sqrt(v[i] / (ct_real)step->bias2);
        const ct_real update = m[i] / (ct_real)step->bias1 / (root + (ct_real)hyper->eps);
        w[i] -= lr * ((ct_real)hyper->decay * w[i] + update);
    }
}

ct_status CT_REF(adamw)(ct_kctx *ctx, const struct ct_adamw_args *args) {
    if (ctx->dry || ctx->step->skip) return CT_OK;
    adamw(ctx->step, &args->hyper, args->w.cols, ref_vector(args->w), ref_vector(args->m),
          ref_vector(args->v), ref_vector(args->g));
    return CT_OK;
}

ct_status CT_REF(row_update)(ct_kctx *ctx, const struct ct_row_update_args *args) {
    if (ctx->dry || ctx->step->skip) return CT_OK;
    for (int64_t u = 0; u < args->rows.rows; u++) {
        const int64_t row = ref_ints(args->rows)[u];
        adamw(ctx->step, &args->hyper, args->table.cols, ref_row(args->table, row), ref_row(args->m, row),
              ref_row(args->v, row), ref_row(args->g, u));
    }
    return CT_OK;
}

ct_status CT_REF(running_update)(ct_kctx *ctx, const struct ct_running_update_args *args) {
    if (ctx->dry || ctx->step->skip) return CT_OK;
    ct_real *x = ref_vector(args->x), *batch = ref_vector(args->batch);
    for (int64_t i = 0; i < args->x.cols; i++) x[i] += (ct_real)args->momentum * (batch[i] - x[i]);
    return CT_OK;
}

ct_status CT_REF(clamp)(ct_kctx *ctx, const struct ct_clamp_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_real lower = (ct_real)args->lower, upper = (ct_real)args->upper;
    for (int64_t r = 0; r < args->x.rows; r++)
        for (int64_t c = 0; c < args->x.cols; c++) {
            ct_real *x = &ref_row(args->x, r)[c];
            if (*x < lower) *x = lower;
            if (*x > upper) *x = upper;
        }
    return CT_OK;
}
