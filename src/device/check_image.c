/* Checks of the ops on pictures, and of the fusion of modalities. */
#include "device/check.h"
#include "device/check_rules.h"

#define F32 CT_DTYPE_F32
#define I32 CT_DTYPE_I32

/* Kernels keep places of a window in a u8, and sizes of pictures in an i32. */
enum { MAX_POOL_KERNEL = 16, MAX_PICTURE = 1 << 14 };

ct_status ct__check_batch_norm_act_forward(const struct ct_batch_norm_act_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need_image(&r, "x", &a->x, F32, ct_any_image());
    ct__need_image(&r, "y", &a->y, F32, a->x);
    ct__may_image(&r, "residual", &a->residual, F32, a->x);
    ct__need(&r, "mean", &a->mean, F32, 1, a->x.c);
    ct__need(&r, "rstd", &a->rstd, F32, 1, a->x.c);
    ct__may(&r, "var", &a->var, F32, 1, a->x.c);
    ct__need(&r, "running_mean", &a->running_mean, F32, 1, a->x.c);
    ct__need(&r, "running_var", &a->running_var, F32, 1, a->x.c);
    ct__need(&r, "w", &a->w, F32, 1, a->x.c);
    ct__need(&r, "b", &a->b, F32, 1, a->x.c);
    ct__above_zero(&r, "eps", (double)a->eps);
    return r.status;
}

ct_status ct__check_batch_norm_act_backward(const struct ct_batch_norm_act_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need_image(&r, "dy", &a->dy, F32, ct_any_image());
    ct__need_image(&r, "x", &a->x, F32, a->dy);
    if (a->relu) ct__need_image(&r, "y", &a->y, F32, a->dy);
    ct__may_image(&r, "dx", &a->dx, F32, a->dy);
    ct__may_image(&r, "dresidual", &a->dresidual, F32, a->dy);
    ct__need(&r, "mean", &a->mean, F32, 1, a->dy.c);
    ct__need(&r, "rstd", &a->rstd, F32, 1, a->dy.c);
    ct__need(&r, "w", &a->w, F32, 1, a->dy.c);
    ct__may(&r, "dw", &a->dw, F32, 1, a->dy.c);
    ct__may(&r, "db", &a->db, F32, 1, a->dy.c);
    ct__together(&r, "dw", &a->dw, "db", &a->db);
    ct__beta(&r, "beta_x", a->beta_x);
    ct__beta(&r, "beta_residual", a->beta_residual);
    return r.status;
}

ct_status ct__check_batch_norm_fold(const struct ct_batch_norm_fold_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "conv", &a->conv, F32, CT_ANY, CT_ANY);
    ct__need(&r, "folded", &a->folded, F32, a->conv.rows, a->conv.cols);
    ct__need(&r, "bias", &a->bias, F32, 1, a->conv.rows);
    ct__need(&r, "w", &a->w, F32, 1, a->conv.rows);
    ct__need(&r, "b", &a->b, F32, 1, a->conv.rows);
    ct__need(&r, "running_mean", &a->running_mean, F32, 1, a->conv.rows);
    ct__need(&r, "running_var", &a->running_var, F32, 1, a->conv.rows);
    ct__above_zero(&r, "eps", (double)a->eps);
    return r.status;
}

/* Windows of a pool, and that they make `small` of `large`: the sizes of y, with x's channels and block. */
static void pooled(ct_rules *r, const char *name, const ct_image *small, const ct_image *large,
                   int64_t kernel, int64_t stride, int64_t pad) {
    ct__between(r, "kernel", (double)kernel, 1, MAX_POOL_KERNEL);
    ct__between(r, "stride", (double)stride, 1, INT32_MAX);
    ct__between(r, "pad", (double)pad, 0, (double)kernel - 1); /* each window sees a pixel */
    if (r->status != CT_OK) return;
    ct__at_least(r, "the picture's height is", large->h, kernel - 2 * pad);
    ct__at_least(r, "the picture's width is", large->w, kernel - 2 * pad);
    if (r->status != CT_OK) return;
    const ct_image want = {.n = large->n,
                           .c = large->c,
                           .h = (large->h - kernel + 2 * pad) / stride + 1,
                           .w = (large->w - kernel + 2 * pad) / stride + 1,
                           .cb = large->cb};
    ct__need_image(r, name, small, F32, want);
}

ct_status ct__check_max_pool2d_forward(const struct ct_max_pool2d_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need_image(&r, "x", &a->x, F32, ct_any_image());
    pooled(&r, "y", &a->y, &a->x, a->kernel, a->stride, a->pad);
    if (r.status == CT_OK) ct__may(&r, "argmax", &a->argmax, CT_DTYPE_U8, 1, ct_image_elements(a->y));
    return r.status;
}

ct_status ct__check_max_pool2d_backward(const struct ct_max_pool2d_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need_image(&r, "dx", &a->dx, F32, ct_any_image());
    pooled(&r, "dy", &a->dy, &a->dx, a->kernel, a->stride, a->pad);
    const bool some = r.status == CT_OK && (a->dy.n > 0 || a->argmax.data);
    if (some) ct__need(&r, "argmax", &a->argmax, CT_DTYPE_U8, 1, ct_image_elements(a->dy));
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_global_pool_forward(const struct ct_global_pool_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need_image(&r, "x", &a->x, F32, ct_any_image());
    ct__need(&r, "y", &a->y, F32, a->x.n, a->x.c);
    return r.status;
}

ct_status ct__check_global_pool_backward(const struct ct_global_pool_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need_image(&r, "dx", &a->dx, F32, ct_any_image());
    ct__need(&r, "dy", &a->dy, F32, a->dx.n, a->dx.c);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_image_normalize(const struct ct_image_normalize_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->y.n;
    const ct_image want = {.n = CT_ANY, .c = 3, .h = CT_ANY, .w = a->y.h, .cb = 3};
    ct__need_image(&r, "y", &a->y, F32, want);
    ct__between(&r, "y's height", (double)a->y.h, 1, MAX_PICTURE);
    ct__between(&r, "source", (double)a->source, 1, MAX_PICTURE);
    if (r.status != CT_OK) return r.status;
    ct__need(&r, "pixels", &a->pixels, CT_DTYPE_U8, N, 3 * a->source * a->source);
    ct__may(&r, "crop", &a->crop, F32, N, 4);
    ct__may(&r, "flip", &a->flip, I32, N, 1);
    ct__may(&r, "colour", &a->colour, F32, N, 3);
    ct__may(&r, "present", &a->present, I32, N, 1);
    for (int c = 0; c < 3; c++) {
        ct__finite(&r, "mean", (double)a->mean[c]);
        ct__above_zero(&r, "std", (double)a->std[c]);
    }
    return r.status;
}

/* A matrix of M blocks of D columns a row. */
static void blocks_of(ct_rules *r, const char *name, const ct_tensor *t, int64_t rows, int64_t M, int64_t D) {
    int64_t cols;
    if (r->status != CT_OK) return;
    if (__builtin_mul_overflow(M, D, &cols))
        r->status = ct_fail(r->err, CT_ERR_SHAPE, "%s has %lld blocks of %lld columns: too many", name,
                            (long long)M, (long long)D);
    ct__need(r, name, t, F32, rows, cols);
}

ct_status ct__check_fill_missing_forward(const struct ct_fill_missing_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->z.rows, M = a->missing.rows, D = a->missing.cols;
    ct__need(&r, "missing", &a->missing, F32, CT_ANY, CT_ANY);
    ct__at_least(&r, "missing's rows are", M, 1);
    ct__at_least(&r, "missing's columns are", D, 1);
    blocks_of(&r, "z", &a->z, CT_ANY, M, D);
    blocks_of(&r, "x", &a->x, N, M, D);
    ct__need(&r, "present", &a->present, I32, N, M);
    return r.status;
}

ct_status ct__check_fill_missing_backward(const struct ct_fill_missing_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->dz.rows, M = a->present.cols;
    ct__need(&r, "present", &a->present, I32, CT_ANY, CT_ANY);
    ct__at_least(&r, "present's columns are", M, 1);
    ct__need(&r, "dz", &a->dz, F32, a->present.rows, CT_ANY);
    if (r.status == CT_OK && (a->dz.cols < M || a->dz.cols % M != 0))
        r.status = ct_fail(err, CT_ERR_SHAPE, "dz has %lld columns, want a multiple of the %lld of present",
                           (long long)a->dz.cols, (long long)M);
    ct__may(&r, "dx", &a->dx, F32, N, a->dz.cols);
    if (r.status == CT_OK) ct__may(&r, "dmissing", &a->dmissing, F32, M, a->dz.cols / M);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_gated_fusion_forward(const struct ct_gated_fusion_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->y.rows, D = a->y.cols, M = a->g.cols;
    ct__need(&r, "y", &a->y, F32, CT_ANY, CT_ANY);
    ct__need(&r, "g", &a->g, F32, N, CT_ANY);
    ct__at_least(&r, "y's columns are", D, 1);
    ct__at_least(&r, "g's columns are", M, 1);
    ct__need(&r, "a", &a->a, F32, N, M);
    blocks_of(&r, "z", &a->z, N, M, D);
    return r.status;
}

ct_status ct__check_gated_fusion_backward(const struct ct_gated_fusion_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->dy.rows, D = a->dy.cols, M = a->a.cols;
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, CT_ANY);
    ct__need(&r, "a", &a->a, F32, N, CT_ANY);
    ct__at_least(&r, "dy's columns are", D, 1);
    ct__at_least(&r, "a's columns are", M, 1);
    ct__need(&r, "dg", &a->dg, F32, N, M);
    blocks_of(&r, "z", &a->z, N, M, D);
    blocks_of(&r, "dz", &a->dz, N, M, D);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}
