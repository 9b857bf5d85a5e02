/* The contrastive loss as a layer: the root of the tape. */
#include "nn/layer_support.h"

typedef struct infonce_state {
    ct_var u, v;
    ct_param log_scale;
    struct ct_infonce_batch batch;
    ct_tensor row_neg, col_neg, row_coef, col_coef, pos_coef;
} infonce_state;
_Static_assert(sizeof(infonce_state) <= CT_TAPE_STATE_BYTES, "the largest state sizes CT_TAPE_STATE_BYTES");

static ct_status infonce_backward(ct_tape *t, const void *state, ct_error *err) {
    const infonce_state *s = state;
    struct ct_infonce_backward_args a = {.dlog_scale = ct_params_grad(ct_tape_params(t), s->log_scale),
                                         .row_neg = s->row_neg,
                                         .col_neg = s->col_neg,
                                         .row_coef = s->row_coef,
                                         .col_coef = s->col_coef,
                                         .pos_coef = s->pos_coef,
                                         .batch = s->batch,
                                         .grad_loss = 1.0f};
    CT_CHECK(ct_tape_grad_into(t, s->u, &a.du, &a.beta_u, err));
    CT_CHECK(ct_tape_grad_into(t, s->v, &a.dv, &a.beta_v, err));
    return ct_infonce_backward(ct_tape_device(t), &a, err);
}

ct_nn_loss ct_nn_infonce(ct_tape *t, ct_var u, ct_var v, ct_param log_scale, struct ct_infonce_batch batch) {
    ct_nn_loss out = {{0}, {0}};
    if (ct_tape_failed(t)) return out;
    batch.u = ct_tape_value(t, u);
    batch.v = ct_tape_value(t, v);
    batch.log_scale = ct_params_weight(ct_tape_params(t), log_scale);
    out.loss = ct_tape_keep(t, CT_DTYPE_F32, 1, 1);
    out.stats = ct_tape_keep(t, CT_DTYPE_F32, 3, 1);
    const infonce_state s = {.u = u,
                             .v = v,
                             .log_scale = log_scale,
                             .batch = batch,
                             .row_neg = ct_tape_keep(t, CT_DTYPE_F32, batch.u.rows, 1),
                             .col_neg = ct_tape_keep(t, CT_DTYPE_F32, batch.v.rows, 1),
                             .row_coef = ct_tape_keep(t, CT_DTYPE_F32, batch.u.rows, 1),
                             .col_coef = ct_tape_keep(t, CT_DTYPE_F32, batch.v.rows, 1),
                             .pos_coef = ct_tape_keep(t, CT_DTYPE_F32, batch.u.rows, 1)};
    if (ct_tape_failed(t)) return out;
    ct_error err = CT_ERROR_INIT;
    const struct ct_infonce_forward_args a = {.loss = out.loss,
                                              .stats = out.stats,
                                              .row_neg = s.row_neg,
                                              .col_neg = s.col_neg,
                                              .row_coef = s.row_coef,
                                              .col_coef = s.col_coef,
                                              .pos_coef = s.pos_coef,
                                              .batch = batch};
    ct__nn_check(t, ct_infonce_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, infonce_backward, &s, sizeof s);
    return out;
}
