/* Image layers and fusion: each runs its op forward and records the op that runs backward. */
#include "nn/layers_image.h"

#include <stdio.h>

#include "nn/layer_support.h"

#define BATCH_NORM_EPS 1e-5f /* PyTorch's defaults, which published ResNets use */
#define BATCH_NORM_MOMENTUM 0.1f

static const ct_image_var no_image = {CT_VAR_NEW, 0, 0, 0, 0, 0};

static ct_image as_image(ct_tensor t, ct_image_var x) {
    return (ct_image){t.data, t.dtype, x.n, x.c, x.h, x.w, x.cb};
}

ct_image ct_nn_image(const ct_tape *t, ct_image_var x) {
    return as_image(ct_tape_value(t, x.v), x);
}

/* A new image variable. */
static ct_image_var new_image(ct_tape *t, int64_t n, int64_t c, int64_t h, int64_t w, int64_t cb,
                              bool needs_grad) {
    const int64_t blocks = (c + cb - 1) / cb;
    return (ct_image_var){ct_tape_new(t, n * blocks * h * w, cb, needs_grad), n, c, h, w, cb};
}

static ct_image grad_of(const ct_tape *t, ct_image_var x) {
    return as_image(ct_tape_grad(t, x.v), x);
}

static ct_status grad_into(ct_tape *t, ct_image_var x, ct_image *grad, float *beta, ct_error *err) {
    ct_tensor g;
    CT_CHECK(ct_tape_grad_into(t, x.v, &g, beta, err));
    *grad = as_image(g, x);
    return CT_OK;
}

static int64_t window_out(int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
    return (size + 2 * pad - kernel) / stride + 1;
}

ct_image_var ct_nn_image_normalize(ct_tape *t, const ct_pictures *p, int64_t size) {
    if (ct_tape_failed(t)) return no_image;
    const ct_image_var y = new_image(t, p->pixels.rows, 3, size, size, 3, false);
    if (ct_tape_failed(t)) return no_image;
    ct_error err = CT_ERROR_INIT;
    /* ImageNet's means and deviations: what published weights were trained with. */
    const struct ct_image_normalize_args a = {.y = ct_nn_image(t, y),
                                              .pixels = p->pixels,
                                              .crop = p->crop,
                                              .flip = p->flip,
                                              .colour = p->colour,
                                              .source = p->source,
                                              .mean = {0.485f, 0.456f, 0.406f},
                                              .std = {0.229f, 0.224f, 0.225f}};
    ct__nn_check(t, ct_image_normalize(ct_tape_device(t), &a, &err), &err);
    return y;
}

/* ---- convolution --------------------------------------------------------------------------------------- */

typedef struct conv_state {
    ct_image_var x, y;
    ct_param weight;
    ct_conv2d_shape shape;
} conv_state;

static ct_status conv_backward(ct_tape *t, const void *state, ct_error *err) {
    const conv_state *s = state;
    struct ct_conv2d_backward_args a = {.dw = ct_params_grad(ct_tape_params(t), s->weight),
                                        .dy = grad_of(t, s->y),
                                        .x = ct_nn_image(t, s->x),
                                        .w = ct_params_weight(ct_tape_params(t), s->weight),
                                        .shape = s->shape};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(grad_into(t, s->x, &a.dx, &a.beta, err));
    return a.dx.data || a.dw.data ? ct_conv2d_backward(ct_tape_device(t), &a, err) : CT_OK;
}

ct_image_var ct_nn_conv2d(ct_tape *t, ct_image_var x, ct_param weight, ct_conv2d_shape shape, int64_t out,
                          int64_t cb) {
    if (ct_tape_failed(t)) return no_image;
    const int64_t h = window_out(x.h, shape.kernel, shape.stride, shape.pad);
    const int64_t w = window_out(x.w, shape.kernel, shape.stride, shape.pad);
    const conv_state s = {x, new_image(t, x.n, out, h, w, cb, true), weight, shape};
    if (ct_tape_failed(t)) return no_image;
    ct_error err = CT_ERROR_INIT;
    const struct ct_conv2d_forward_args a = {.y = ct_nn_image(t, s.y),
                                             .x = ct_nn_image(t, x),
                                             .w = ct_params_weight(ct_tape_params(t), weight),
                                             .shape = shape};
    ct__nn_check(t, ct_conv2d_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, conv_backward, &s, sizeof s);
    return s.y;
}

/* ---- batch norm ---------------------------------------------------------------------------------------- */

typedef struct norm_state {
    ct_image_var x, residual, y;
    ct_batch_norm_params params;
    ct_tensor mean, rstd;
    bool batch_stats, relu;
} norm_state;

static ct_status norm_backward(ct_tape *t, const void *state, ct_error *err) {
    const norm_state *s = state;
    const ct_params *params = ct_tape_params(t);
    struct ct_batch_norm_act_backward_args a = {.dw = ct_params_grad(params, s->params.weight),
                                                .db = ct_params_grad(params, s->params.bias),
                                                .dy = grad_of(t, s->y),
                                                .x = ct_nn_image(t, s->x),
                                                .y = ct_nn_image(t, s->y),
                                                .mean = s->mean,
                                                .rstd = s->rstd,
                                                .w = ct_params_weight(params, s->params.weight),
                                                .batch_stats = s->batch_stats,
                                                .relu = s->relu};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(grad_into(t, s->x, &a.dx, &a.beta_x, err));
    if (s->residual.v != CT_VAR_NEW) CT_CHECK(grad_into(t, s->residual, &a.dresidual, &a.beta_residual, err));
    return ct_batch_norm_act_backward(ct_tape_device(t), &a, err);
}

ct_status ct_batch_norm_add(ct_params *params, ct_batch_norm_params *p, const char *name, int64_t n,
                            bool batch_stats, ct_error *err) {
    char full[96];
    const float momentum = batch_stats ? BATCH_NORM_MOMENTUM : 0.0f;
    snprintf(full, sizeof full, "%s.weight", name);
    CT_CHECK(ct_params_add(params, &p->weight, full, 1, n, CT_INIT_ONE, 0.0f, false, err));
    snprintf(full, sizeof full, "%s.bias", name);
    CT_CHECK(ct_params_add(params, &p->bias, full, 1, n, CT_INIT_ZERO, 0.0f, false, err));
    snprintf(full, sizeof full, "%s.running_mean", name);
    CT_CHECK(ct_params_add_state(params, &p->running_mean, full, n, CT_INIT_ZERO, momentum, err));
    snprintf(full, sizeof full, "%s.running_var", name);
    return ct_params_add_state(params, &p->running_var, full, n, CT_INIT_ONE, momentum, err);
}

ct_image_var ct_nn_batch_norm_act(ct_tape *t, ct_image_var x, ct_image_var residual,
                                  const ct_batch_norm_params *p, bool batch_stats, bool relu) {
    if (ct_tape_failed(t)) return no_image;
    const ct_params *params = ct_tape_params(t);
    norm_state s = {.x = x,
                    .residual = residual,
                    .y = new_image(t, x.n, x.c, x.h, x.w, x.cb, true),
                    .params = *p,
                    .rstd = ct_tape_keep(t, CT_DTYPE_F32, 1, x.c),
                    .batch_stats = batch_stats && ct_tape_training(t),
                    .relu = relu};
    if (s.batch_stats) s.mean = ct_params_batch_state(params, p->running_mean);
    if (!s.mean.data) s.mean = ct_tape_keep(t, CT_DTYPE_F32, 1, x.c);
    if (ct_tape_failed(t)) return no_image;
    ct_error err = CT_ERROR_INIT;
    const struct ct_batch_norm_act_forward_args a = {
        .y = ct_nn_image(t, s.y),
        .mean = s.mean,
        .rstd = s.rstd,
        .var = s.batch_stats ? ct_params_batch_state(params, p->running_var) : (ct_tensor){0},
        .running_mean = ct_params_weight(params, p->running_mean),
        .running_var = ct_params_weight(params, p->running_var),
        .x = ct_nn_image(t, x),
        .residual = residual.v == CT_VAR_NEW ? (ct_image){0} : ct_nn_image(t, residual),
        .w = ct_params_weight(params, p->weight),
        .b = ct_params_weight(params, p->bias),
        .eps = BATCH_NORM_EPS,
        .batch_stats = s.batch_stats,
        .relu = relu};
    ct__nn_check(t, ct_batch_norm_act_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, norm_backward, &s, sizeof s);
    return s.y;
}

/* ---- inference ----------------------------------------------------------------------------------------- */

ct_folded ct_nn_fold_batch_norm(ct_tape *t, ct_tensor room, ct_param weight, const ct_batch_norm_params *p) {
    if (ct_tape_failed(t)) return (ct_folded){0};
    const ct_params *params = ct_tape_params(t);
    const ct_tensor conv = ct_params_weight(params, weight);
    float *at = room.data;
    const ct_folded out = {ct_f32(at, conv.rows, conv.cols), ct_f32(at + conv.rows * conv.cols, 1, conv.rows)};
    ct_error err = CT_ERROR_INIT;
    const struct ct_batch_norm_fold_args a = {.folded = out.weight,
                                              .bias = out.bias,
                                              .conv = conv,
                                              .w = ct_params_weight(params, p->weight),
                                              .b = ct_params_weight(params, p->bias),
                                              .running_mean = ct_params_weight(params, p->running_mean),
                                              .running_var = ct_params_weight(params, p->running_var),
                                              .eps = BATCH_NORM_EPS};
    ct__nn_check(t, ct_batch_norm_fold(ct_tape_device(t), &a, &err), &err);
    return out;
}

ct_image_var ct_nn_conv2d_folded(ct_tape *t, ct_image_var x, ct_image_var residual, ct_folded folded,
                                 ct_conv2d_shape shape, bool relu, int64_t cb) {
    if (ct_tape_failed(t)) return no_image;
    const ct_image_var y = new_image(t, x.n, folded.weight.rows, window_out(x.h, shape.kernel, shape.stride, shape.pad),
                                     window_out(x.w, shape.kernel, shape.stride, shape.pad), cb, false);
    if (ct_tape_failed(t)) return no_image;
    ct_error err = CT_ERROR_INIT;
    const struct ct_conv2d_forward_args a = {
        .y = ct_nn_image(t, y),
        .x = ct_nn_image(t, x),
        .residual = residual.v == CT_VAR_NEW ? (ct_image){0} : ct_nn_image(t, residual),
        .w = folded.weight,
        .bias = folded.bias,
        .shape = shape,
        .relu = relu};
    ct__nn_check(t, ct_conv2d_forward(ct_tape_device(t), &a, &err), &err);
    return y;
}

/* ---- pooling ------------------------------------------------------------------------------------------- */

typedef struct max_pool_state {
    ct_image_var x, y;
    ct_tensor argmax;
    int64_t kernel, stride, pad;
} max_pool_state;

static ct_status max_pool_backward(ct_tape *t, const void *state, ct_error *err) {
    const max_pool_state *s = state;
    struct ct_max_pool2d_backward_args a = {
        .dy = grad_of(t, s->y), .argmax = s->argmax, .kernel = s->kernel, .stride = s->stride, .pad = s->pad};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(grad_into(t, s->x, &a.dx, &a.beta, err));
    return a.dx.data ? ct_max_pool2d_backward(ct_tape_device(t), &a, err) : CT_OK;
}

ct_image_var ct_nn_max_pool2d(ct_tape *t, ct_image_var x, int64_t kernel, int64_t stride, int64_t pad) {
    if (ct_tape_failed(t)) return no_image;
    max_pool_state s = {.x = x,
                        .kernel = kernel,
                        .stride = stride,
                        .pad = pad,
                        .y = new_image(t, x.n, x.c, window_out(x.h, kernel, stride, pad),
                                       window_out(x.w, kernel, stride, pad), x.cb, true)};
    if (ct_tape_failed(t)) return no_image;
    ct_error err = CT_ERROR_INIT;
    if (ct_tape_training(t))
        s.argmax = ct_tape_keep(t, CT_DTYPE_U8, 1, ct_image_elements(ct_nn_image(t, s.y)));
    const struct ct_max_pool2d_forward_args a = {.y = ct_nn_image(t, s.y),
                                                 .argmax = s.argmax,
                                                 .x = ct_nn_image(t, x),
                                                 .kernel = kernel,
                                                 .stride = stride,
                                                 .pad = pad};
    if (!ct_tape_failed(t)) ct__nn_check(t, ct_max_pool2d_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, max_pool_backward, &s, sizeof s);
    return s.y;
}

typedef struct global_pool_state {
    ct_image_var x;
    ct_var y;
} global_pool_state;

static ct_status global_pool_backward(ct_tape *t, const void *state, ct_error *err) {
    const global_pool_state *s = state;
    struct ct_global_pool_backward_args a = {.dy = ct_tape_grad(t, s->y)};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(grad_into(t, s->x, &a.dx, &a.beta, err));
    return a.dx.data ? ct_global_pool_backward(ct_tape_device(t), &a, err) : CT_OK;
}

ct_var ct_nn_global_pool(ct_tape *t, ct_var into, ct_image_var x) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const global_pool_state s = {x, ct__nn_into(t, into, x.n, x.c)};
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_global_pool_forward_args a = {.y = ct_tape_value(t, s.y), .x = ct_nn_image(t, x)};
    ct__nn_check(t, ct_global_pool_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, global_pool_backward, &s, sizeof s);
    return s.y;
}

/* ---- rows that only some have -------------------------------------------------------------------------- */

typedef struct place_state {
    ct_var x, y;
    ct_tensor ids, row_of;
} place_state;

static ct_status place_backward(ct_tape *t, const void *state, ct_error *err) {
    const place_state *s = state;
    ct_tensor dx;
    float beta = 0.0f;
    const ct_tensor dy = ct_tape_grad(t, s->y);
    if (!dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &dx, &beta, err));
    if (!dx.data || dx.rows == 0) return CT_OK;
    /* The op adds, as it does for tables: the first writer begins at zero. */
    if (beta == 0.0f)
        CT_CHECK(
            ct_device_zero(ct_tape_device(t), dx.data, (size_t)(dx.rows * dx.cols) * sizeof(float), err));
    const struct ct_gather_rows_backward_args a = {
        .dtable = dx, .dy = dy, .seg_begin = s->ids, .seg_row = s->row_of};
    return ct_gather_rows_backward(ct_tape_device(t), &a, err);
}

ct_var ct_nn_place_rows(ct_tape *t, ct_var into, ct_var x, ct_tensor begin, ct_tensor ids, ct_tensor row_of) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor xv = ct_tape_value(t, x);
    const place_state s = {x, ct__nn_into(t, into, begin.rows - 1, xv.cols), ids, row_of};
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_gather_rows_forward_args a = {
        .y = ct_tape_value(t, s.y), .table = xv, .ids = ct_rows(ids, 0, xv.rows), .offsets = begin};
    ct__nn_check(t, ct_gather_rows_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, place_backward, &s, sizeof s);
    return s.y;
}

/* ---- fusion -------------------------------------------------------------------------------------------- */

typedef struct fill_state {
    ct_var x, z;
    ct_tensor present;
    ct_param missing;
} fill_state;

static ct_status fill_backward(ct_tape *t, const void *state, ct_error *err) {
    const fill_state *s = state;
    struct ct_fill_missing_backward_args a = {.dmissing = ct_params_grad(ct_tape_params(t), s->missing),
                                              .dz = ct_tape_grad(t, s->z),
                                              .present = s->present};
    if (!a.dz.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta, err));
    return ct_fill_missing_backward(ct_tape_device(t), &a, err);
}

ct_var ct_nn_fill_missing(ct_tape *t, ct_var into, ct_var x, ct_tensor present, ct_param missing) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor xv = ct_tape_value(t, x);
    const fill_state s = {x, ct__nn_into(t, into, xv.rows, xv.cols), present, missing};
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_fill_missing_forward_args a = {.z = ct_tape_value(t, s.z),
                                                   .x = xv,
                                                   .present = present,
                                                   .missing = ct_params_weight(ct_tape_params(t), missing)};
    ct__nn_check(t, ct_fill_missing_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, fill_backward, &s, sizeof s);
    return s.z;
}

typedef struct gated_state {
    ct_var z, gate, y;
    ct_tensor a;
} gated_state;

static ct_status gated_backward(ct_tape *t, const void *state, ct_error *err) {
    const gated_state *s = state;
    struct ct_gated_fusion_backward_args a = {
        .dy = ct_tape_grad(t, s->y), .z = ct_tape_value(t, s->z), .a = s->a};
    float beta_gate = 0.0f;
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->z, &a.dz, &a.beta, err));
    CT_CHECK(ct_tape_grad_into(t, s->gate, &a.dg, &beta_gate, err));
    if (beta_gate != 0.0f)
        return ct_fail(err, CT_ERR_INTERNAL, "fusion: the gate's logits are read by another layer too");
    return ct_gated_fusion_backward(ct_tape_device(t), &a, err);
}

ct_var ct_nn_gated_fusion(ct_tape *t, ct_var into, ct_var z, ct_var gate) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor zv = ct_tape_value(t, z), gv = ct_tape_value(t, gate);
    const gated_state s = {z, gate, ct__nn_into(t, into, zv.rows, zv.cols / gv.cols),
                           ct_tape_keep(t, CT_DTYPE_F32, gv.rows, gv.cols)};
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_gated_fusion_forward_args a = {.y = ct_tape_value(t, s.y), .a = s.a, .z = zv, .g = gv};
    ct__nn_check(t, ct_gated_fusion_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, gated_backward, &s, sizeof s);
    return s.y;
}
