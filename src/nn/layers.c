/* Layers over dense activations: each runs its op forward and records the op that runs backward. */
#include "nn/layers.h"

#include "base/hash.h"
#include "nn/layer_support.h"

ct_var ct__nn_into(ct_tape *t, ct_var into, int64_t rows, int64_t cols) {
    return into == CT_VAR_NEW ? ct_tape_new(t, rows, cols, true) : into;
}

void ct__nn_check(ct_tape *t, ct_status st, const ct_error *err) {
    if (st != CT_OK) ct_tape_fail(t, st, err);
}

ct_dropout ct__nn_drop(const ct_tape *t, float p, const char *stream) {
    return (ct_dropout){ct_tape_training(t) ? p : 0.0f, stream ? ct_hash_name(stream) : 0};
}

/* Room for a gradient that nobody reads. */
static ct_status stand_in(ct_tape *t, ct_param p, ct_tensor *grad, ct_error *err) {
    const ct_tensor w = ct_params_weight(ct_tape_params(t), p);
    CT_CHECK(ct_tape_grad_scratch(t, w.rows, w.cols, grad, err));
    return ct_device_zero(ct_tape_device(t), grad->data, (size_t)(w.rows * w.cols) * sizeof(float), err);
}

ct_status ct__nn_pair_grads(ct_tape *t, ct_param weight, ct_param bias, ct_tensor *dw, ct_tensor *db, ct_error *err) {
    *dw = ct_params_grad(ct_tape_params(t), weight);
    *db = ct_params_grad(ct_tape_params(t), bias);
    if (dw->data && !db->data) return stand_in(t, bias, db, err);
    if (db->data && !dw->data) return stand_in(t, weight, dw, err);
    return CT_OK;
}

/* ---- linear --------------------------------------------------------------------------------------------------- */

typedef struct linear_state {
    ct_var x, y;
    ct_param weight, bias;
} linear_state;

static ct_status linear_backward(ct_tape *t, const void *state, ct_error *err) {
    const linear_state *s = state;
    const ct_params *params = ct_tape_params(t);
    struct ct_linear_backward_args a = {.dw = ct_params_grad(params, s->weight),
                                        .db = ct_params_grad(params, s->bias),
                                        .dy = ct_tape_grad(t, s->y),
                                        .x = ct_tape_value(t, s->x),
                                        .w = ct_params_weight(params, s->weight)};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta, err));
    return ct_linear_backward(ct_tape_device(t), &a, err);
}

ct_var ct_nn_linear(ct_tape *t, ct_var into, ct_var x, ct_param weight, ct_param bias) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor w = ct_params_weight(ct_tape_params(t), weight), xv = ct_tape_value(t, x);
    const ct_var y = ct__nn_into(t, into, xv.rows, w.rows);
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_linear_forward_args a = {
        .y = ct_tape_value(t, y), .x = xv, .w = w, .b = ct_params_weight(ct_tape_params(t), bias)};
    ct__nn_check(t, ct_linear_forward(ct_tape_device(t), &a, &err), &err);
    const linear_state s = {x, y, weight, bias};
    ct_tape_record(t, linear_backward, &s, sizeof s);
    return y;
}

/* ---- gelu ----------------------------------------------------------------------------------------------------- */

typedef struct unary_state {
    ct_var x, y;
} unary_state;

static ct_status gelu_backward(ct_tape *t, const void *state, ct_error *err) {
    const unary_state *s = state;
    struct ct_gelu_backward_args a = {.dy = ct_tape_grad(t, s->y), .x = ct_tape_value(t, s->x)};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta, err));
    return a.dx.data ? ct_gelu_backward(ct_tape_device(t), &a, err) : CT_OK;
}

ct_var ct_nn_gelu(ct_tape *t, ct_var x) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor xv = ct_tape_value(t, x);
    const ct_var y = ct_tape_new(t, xv.rows, xv.cols, true);
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_gelu_forward_args a = {.y = ct_tape_value(t, y), .x = xv};
    ct__nn_check(t, ct_gelu_forward(ct_tape_device(t), &a, &err), &err);
    const unary_state s = {x, y};
    ct_tape_record(t, gelu_backward, &s, sizeof s);
    return y;
}

/* ---- dropout -------------------------------------------------------------------------------------------------- */

typedef struct dropout_state {
    ct_var x, y;
    ct_dropout drop;
    ct_rows_info rows;
} dropout_state;

static ct_status dropout_backward(ct_tape *t, const void *state, ct_error *err) {
    const dropout_state *s = state;
    struct ct_dropout_backward_args a = {.dy = ct_tape_grad(t, s->y), .row_of = s->rows.row_of,
                                         .pos_of = s->rows.pos_of, .drop = s->drop};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta, err));
    return a.dx.data ? ct_dropout_backward(ct_tape_device(t), &a, err) : CT_OK;
}

ct_var ct_nn_dropout(ct_tape *t, ct_var x, float p, const char *stream, ct_rows_info rows) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_dropout drop = ct__nn_drop(t, p, stream);
    if (drop.p == 0.0f) return x;
    const ct_tensor xv = ct_tape_value(t, x);
    const ct_var y = ct_tape_new(t, xv.rows, xv.cols, true);
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_dropout_forward_args a = {
        .y = ct_tape_value(t, y), .x = xv, .row_of = rows.row_of, .pos_of = rows.pos_of, .drop = drop};
    ct__nn_check(t, ct_dropout_forward(ct_tape_device(t), &a, &err), &err);
    const dropout_state s = {x, y, drop, rows};
    ct_tape_record(t, dropout_backward, &s, sizeof s);
    return y;
}

/* ---- residual and layer norm ---------------------------------------------------------------------------------- */

typedef struct add_layer_norm_state {
    ct_var x, r, y;
    ct_param weight, bias;
    ct_tensor s, mean, rstd;
    ct_dropout drop;
    ct_rows_info rows;
} add_layer_norm_state;

static ct_status add_layer_norm_backward(ct_tape *t, const void *state, ct_error *err) {
    const add_layer_norm_state *s = state;
    const ct_params *params = ct_tape_params(t);
    struct ct_add_layer_norm_backward_args a = {.dy = ct_tape_grad(t, s->y),
                                                .s = s->s,
                                                .mean = s->mean,
                                                .rstd = s->rstd,
                                                .w = ct_params_weight(params, s->weight),
                                                .row_of = s->rows.row_of,
                                                .pos_of = s->rows.pos_of,
                                                .drop = s->drop};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta_x, err));
    CT_CHECK(ct_tape_grad_into(t, s->r, &a.dr, &a.beta_r, err));
    CT_CHECK(ct__nn_pair_grads(t, s->weight, s->bias, &a.dw, &a.db, err));
    return ct_add_layer_norm_backward(ct_tape_device(t), &a, err);
}

ct_var ct_nn_add_layer_norm(ct_tape *t, ct_var x, ct_var r, ct_param weight, ct_param bias, float eps, float p,
                            const char *stream, ct_rows_info rows) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor xv = ct_tape_value(t, x);
    const ct_params *params = ct_tape_params(t);
    const ct_var y = ct_tape_new(t, xv.rows, xv.cols, true);
    add_layer_norm_state s = {.x = x, .r = r, .y = y, .weight = weight, .bias = bias,
                              .drop = ct__nn_drop(t, p, stream), .rows = rows};
    if (ct_tape_training(t)) {
        s.s = ct_tape_keep(t, CT_DTYPE_F32, xv.rows, xv.cols);
        s.mean = ct_tape_keep(t, CT_DTYPE_F32, xv.rows, 1);
        s.rstd = ct_tape_keep(t, CT_DTYPE_F32, xv.rows, 1);
    }
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_add_layer_norm_forward_args a = {.y = ct_tape_value(t, y),
                                                     .s = s.s,
                                                     .mean = s.mean,
                                                     .rstd = s.rstd,
                                                     .x = xv,
                                                     .r = ct_tape_value(t, r),
                                                     .w = ct_params_weight(params, weight),
                                                     .b = ct_params_weight(params, bias),
                                                     .row_of = rows.row_of,
                                                     .pos_of = rows.pos_of,
                                                     .drop = s.drop,
                                                     .eps = eps};
    ct__nn_check(t, ct_add_layer_norm_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, add_layer_norm_backward, &s, sizeof s);
    return y;
}

/* ---- l2 normalize --------------------------------------------------------------------------------------------- */

typedef struct l2_state {
    ct_var x, y;
    ct_tensor rnorm;
    float eps;
} l2_state;

static ct_status l2_backward(ct_tape *t, const void *state, ct_error *err) {
    const l2_state *s = state;
    struct ct_l2_normalize_backward_args a = {
        .dy = ct_tape_grad(t, s->y), .y = ct_tape_value(t, s->y), .rnorm = s->rnorm, .eps = s->eps};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta, err));
    return a.dx.data ? ct_l2_normalize_backward(ct_tape_device(t), &a, err) : CT_OK;
}

ct_var ct_nn_l2_normalize(ct_tape *t, ct_var x, float eps) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor xv = ct_tape_value(t, x);
    l2_state s = {.x = x, .y = ct_tape_new(t, xv.rows, xv.cols, true), .eps = eps};
    if (ct_tape_training(t)) s.rnorm = ct_tape_keep(t, CT_DTYPE_F32, xv.rows, 1);
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_l2_normalize_forward_args a = {
        .y = ct_tape_value(t, s.y), .rnorm = s.rnorm, .x = xv, .eps = eps};
    ct__nn_check(t, ct_l2_normalize_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, l2_backward, &s, sizeof s);
    return s.y;
}
