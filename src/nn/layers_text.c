/* Layers over packed sequences and lookups: embeddings, attention, pooling, the text CNN. */
#include "nn/layer_support.h"

/* ---- lookups -------------------------------------------------------------------------------------------------- */

/* dtable += rows of dy, where the table trains and the batch brought its segments. */
static ct_status table_backward(ct_tape *t, ct_tensor dtable, ct_tensor dy, ct_lookup_grad by, ct_tensor scale,
                                ct_error *err) {
    if (!dtable.data || !by.seg_begin.data) return CT_OK;
    const struct ct_gather_rows_backward_args a = {.dtable = dtable,
                                                   .dy = dy,
                                                   .rows = by.rows,
                                                   .seg_begin = by.seg_begin,
                                                   .seg_row = by.seg_row,
                                                   .scale = scale};
    return ct_gather_rows_backward(ct_tape_device(t), &a, err);
}

typedef struct lookup_state {
    ct_var y;
    ct_param table;
    ct_lookup_grad by_id;
} lookup_state;

static ct_status lookup_backward(ct_tape *t, const void *state, ct_error *err) {
    const lookup_state *s = state;
    const ct_tensor dy = ct_tape_grad(t, s->y);
    if (!dy.data) return CT_OK;
    return table_backward(t, ct_params_grad(ct_tape_params(t), s->table), dy, s->by_id, (ct_tensor){0}, err);
}

ct_var ct_nn_lookup(ct_tape *t, ct_var into, bool add, ct_param table, ct_tensor ids, ct_lookup_grad by_id) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor weight = ct_params_weight(ct_tape_params(t), table);
    const lookup_state s = {ct__nn_into(t, into, ids.rows, weight.cols), table, by_id};
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_gather_rows_forward_args a = {
        .y = ct_tape_value(t, s.y), .table = weight, .ids = ids, .beta = add ? 1.0f : 0.0f};
    ct__nn_check(t, ct_gather_rows_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, lookup_backward, &s, sizeof s);
    return s.y;
}

typedef struct bag_state {
    ct_var y;
    int32_t table;
    ct_tensor scale;
    ct_lookup_grad grad;
} bag_state;

static ct_status bag_backward(ct_tape *t, const void *state, ct_error *err) {
    const bag_state *s = state;
    const ct_id_table *table = &ct_tape_params(t)->tables[s->table];
    const ct_tensor dy = ct_tape_grad(t, s->y);
    if (!dy.data || table->lr_scale == 0.0f) return CT_OK; /* a frozen table's gradient has no part in the norm */
    ct_lookup_grad by = s->grad;
    by.rows = (ct_tensor){0}; /* the gradient buffer is compact: slot u is the batch's u-th unique row */
    return table_backward(t, ct_f32(table->g, table->n_unique, table->cols), dy, by, s->scale, err);
}

ct_var ct_nn_bag(ct_tape *t, ct_var into, int32_t table, ct_tensor ids, ct_tensor offsets, ct_tensor scale,
                 ct_lookup_grad grad) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_id_table *rows = &ct_tape_params(t)->tables[table];
    const bag_state s = {ct__nn_into(t, into, offsets.rows - 1, rows->cols), table, scale, grad};
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_gather_rows_forward_args a = {.y = ct_tape_value(t, s.y),
                                                  .table = ct_f32(rows->w, rows->rows, rows->cols),
                                                  .ids = ids,
                                                  .offsets = offsets,
                                                  .scale = scale};
    ct__nn_check(t, ct_gather_rows_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, bag_backward, &s, sizeof s);
    return s.y;
}

ct_var ct_nn_fixed_bag(ct_tape *t, ct_var into, ct_tensor table, ct_tensor ids, ct_tensor offsets, ct_tensor scale) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_var y = ct__nn_into(t, into, offsets.rows - 1, table.cols);
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_gather_rows_forward_args a = {
        .y = ct_tape_value(t, y), .table = table, .ids = ids, .offsets = offsets, .scale = scale};
    ct__nn_check(t, ct_gather_rows_forward(ct_tape_device(t), &a, &err), &err);
    return y;
}

void ct_nn_scatter(ct_tape *t, ct_tensor table, ct_var x, ct_tensor rows) {
    if (ct_tape_failed(t)) return;
    ct_error err = CT_ERROR_INIT;
    const struct ct_scatter_rows_args a = {.table = table, .x = ct_tape_value(t, x), .rows = rows};
    ct__nn_check(t, ct_scatter_rows(ct_tape_device(t), &a, &err), &err);
}

/* ---- BERT's input layer --------------------------------------------------------------------------------------- */

typedef struct embed_state {
    ct_var y;
    ct_embed_params params;
    ct_tensor s, mean, rstd;
    ct_rows_info rows;
    ct_lookup_grad by_id, by_pos;
    ct_dropout drop;
} embed_state;

static ct_status embed_backward(ct_tape *t, const void *state, ct_error *err) {
    const embed_state *s = state;
    const ct_params *params = ct_tape_params(t);
    struct ct_embed_layer_norm_backward_args a = {.dy = ct_tape_grad(t, s->y),
                                                  .s = s->s,
                                                  .mean = s->mean,
                                                  .rstd = s->rstd,
                                                  .w = ct_params_weight(params, s->params.weight),
                                                  .pos_of = s->rows.pos_of,
                                                  .row_of = s->rows.row_of,
                                                  .drop = s->drop};
    const ct_tensor none = {0};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_scratch(t, a.dy.rows, a.dy.cols, &a.ds, err));
    CT_CHECK(ct__nn_pair_grads(t, s->params.weight, s->params.bias, &a.dw, &a.db, err));
    CT_CHECK(ct_embed_layer_norm_backward(ct_tape_device(t), &a, err));
    CT_CHECK(table_backward(t, ct_params_grad(params, s->params.token), a.ds, s->by_id, none, err));
    CT_CHECK(table_backward(t, ct_params_grad(params, s->params.position), a.ds, s->by_pos, none, err));
    const ct_tensor dtype = ct_params_grad(params, s->params.type);
    if (!dtype.data) return CT_OK;
    /* Every token takes the one type row, whose gradient is therefore a column sum. */
    const struct ct_linear_backward_args sum = {.db = dtype, .dy = a.ds};
    return ct_linear_backward(ct_tape_device(t), &sum, err);
}

ct_var ct_nn_embed_layer_norm(ct_tape *t, const ct_embed_params *params, ct_tensor ids, ct_rows_info rows,
                              ct_lookup_grad by_id, ct_lookup_grad by_pos, float eps, float p, const char *stream) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_params *store = ct_tape_params(t);
    const ct_tensor token = ct_params_weight(store, params->token);
    embed_state s = {.y = ct_tape_new(t, ids.rows, token.cols, true), .params = *params, .rows = rows,
                     .by_id = by_id, .by_pos = by_pos, .drop = ct__nn_drop(t, p, stream)};
    if (ct_tape_training(t)) {
        s.s = ct_tape_keep(t, CT_DTYPE_F32, ids.rows, token.cols);
        s.mean = ct_tape_keep(t, CT_DTYPE_F32, ids.rows, 1);
        s.rstd = ct_tape_keep(t, CT_DTYPE_F32, ids.rows, 1);
    }
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_embed_layer_norm_forward_args a = {.y = ct_tape_value(t, s.y),
                                                       .s = s.s,
                                                       .mean = s.mean,
                                                       .rstd = s.rstd,
                                                       .ids = ids,
                                                       .pos_of = rows.pos_of,
                                                       .row_of = rows.row_of,
                                                       .token = token,
                                                       .position = ct_params_weight(store, params->position),
                                                       .type = ct_params_weight(store, params->type),
                                                       .w = ct_params_weight(store, params->weight),
                                                       .b = ct_params_weight(store, params->bias),
                                                       .drop = s.drop,
                                                       .eps = eps};
    ct__nn_check(t, ct_embed_layer_norm_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, embed_backward, &s, sizeof s);
    return s.y;
}

/* ---- attention ------------------------------------------------------------------------------------------------ */

typedef struct attention_state {
    ct_var qkv, y;
    ct_tensor lse, offsets, row_of;
    int64_t heads, max_length;
    float scale;
    ct_dropout drop;
} attention_state;

static ct_status attention_backward(ct_tape *t, const void *state, ct_error *err) {
    const attention_state *s = state;
    struct ct_attention_backward_args a = {.dout = ct_tape_grad(t, s->y),
                                           .out = ct_tape_value(t, s->y),
                                           .lse = s->lse,
                                           .qkv = ct_tape_value(t, s->qkv),
                                           .offsets = s->offsets,
                                           .row_of = s->row_of,
                                           .heads = s->heads,
                                           .max_length = s->max_length,
                                           .scale = s->scale,
                                           .drop = s->drop};
    float beta = 0.0f;
    if (!a.dout.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->qkv, &a.dqkv, &beta, err));
    if (beta != 0.0f) return ct_fail(err, CT_ERR_INTERNAL, "attention: qkv is read by another layer as well");
    return ct_attention_backward(ct_tape_device(t), &a, err);
}

ct_var ct_nn_attention(ct_tape *t, ct_var qkv, ct_tensor offsets, ct_tensor row_of, int64_t heads, int64_t max_length,
                       float p, const char *stream) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor in = ct_tape_value(t, qkv);
    const int64_t width = in.cols / 3;
    attention_state s = {.qkv = qkv, .y = ct_tape_new(t, in.rows, width, true), .offsets = offsets, .row_of = row_of,
                         .heads = heads, .max_length = max_length,
                         .scale = 1.0f / sqrtf((float)width / (float)heads), .drop = ct__nn_drop(t, p, stream)};
    if (ct_tape_training(t)) s.lse = ct_tape_keep(t, CT_DTYPE_F32, in.rows, heads);
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_attention_forward_args a = {.out = ct_tape_value(t, s.y),
                                                .lse = s.lse,
                                                .qkv = in,
                                                .offsets = offsets,
                                                .row_of = row_of,
                                                .heads = heads,
                                                .max_length = max_length,
                                                .scale = s.scale,
                                                .drop = s.drop};
    ct__nn_check(t, ct_attention_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, attention_backward, &s, sizeof s);
    return s.y;
}

/* ---- pooling -------------------------------------------------------------------------------------------------- */

typedef struct pool_state {
    ct_var x, y;
    ct_tensor offsets;
    ct_pool_mode mode;
} pool_state;

static ct_status pool_backward(ct_tape *t, const void *state, ct_error *err) {
    const pool_state *s = state;
    struct ct_seq_pool_backward_args a = {.dy = ct_tape_grad(t, s->y), .offsets = s->offsets, .mode = s->mode};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta, err));
    return a.dx.data ? ct_seq_pool_backward(ct_tape_device(t), &a, err) : CT_OK;
}

ct_var ct_nn_seq_pool(ct_tape *t, ct_var into, ct_var x, ct_tensor offsets, ct_pool_mode mode) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor xv = ct_tape_value(t, x);
    const pool_state s = {x, ct__nn_into(t, into, offsets.rows - 1, xv.cols), offsets, mode};
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_seq_pool_forward_args a = {
        .y = ct_tape_value(t, s.y), .x = xv, .offsets = offsets, .mode = mode};
    ct__nn_check(t, ct_seq_pool_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, pool_backward, &s, sizeof s);
    return s.y;
}

/* ---- text CNN ------------------------------------------------------------------------------------------------- */

typedef struct text_cnn_state {
    ct_var x, y;
    ct_tensor argmax, offsets;
    ct_param weight, bias;
    int64_t width;
} text_cnn_state;

static ct_status text_cnn_backward(ct_tape *t, const void *state, ct_error *err) {
    const text_cnn_state *s = state;
    const ct_params *params = ct_tape_params(t);
    struct ct_text_cnn_max_backward_args a = {.dy = ct_tape_grad(t, s->y),
                                              .argmax = s->argmax,
                                              .x = ct_tape_value(t, s->x),
                                              .offsets = s->offsets,
                                              .w = ct_params_weight(params, s->weight),
                                              .width = s->width};
    if (!a.dy.data) return CT_OK;
    CT_CHECK(ct_tape_grad_into(t, s->x, &a.dx, &a.beta, err));
    CT_CHECK(ct__nn_pair_grads(t, s->weight, s->bias, &a.dw, &a.db, err));
    return ct_text_cnn_max_backward(ct_tape_device(t), &a, err);
}

ct_var ct_nn_text_cnn_max(ct_tape *t, ct_var into, ct_var x, ct_tensor offsets, ct_param weight, ct_param bias,
                          int64_t width, int64_t max_length) {
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    const ct_tensor xv = ct_tape_value(t, x), w = ct_params_weight(ct_tape_params(t), weight);
    text_cnn_state s = {.x = x, .y = ct__nn_into(t, into, offsets.rows - 1, w.rows), .offsets = offsets,
                        .weight = weight, .bias = bias, .width = width};
    if (ct_tape_training(t)) s.argmax = ct_tape_keep(t, CT_DTYPE_I32, offsets.rows - 1, w.rows);
    if (ct_tape_failed(t)) return CT_VAR_NEW;
    ct_error err = CT_ERROR_INIT;
    const struct ct_text_cnn_max_forward_args a = {.y = ct_tape_value(t, s.y),
                                                   .argmax = s.argmax,
                                                   .x = xv,
                                                   .offsets = offsets,
                                                   .w = w,
                                                   .b = ct_params_weight(ct_tape_params(t), bias),
                                                   .width = width,
                                                   .max_length = max_length};
    ct__nn_check(t, ct_text_cnn_max_forward(ct_tape_device(t), &a, &err), &err);
    ct_tape_record(t, text_cnn_backward, &s, sizeof s);
    return s.y;
}
