/* Layers as functions on variables of a tape: each runs its op and records its backward. `into` is a destination made by
 * ct_tape_columns or ct_tape_new, or CT_VAR_NEW to have one made; the destination is returned (CT_VAR_NEW on failure).
 * Tensors of indices are device tensors that outlive the pass. Formulas: kernels/<op>.h. */
#ifndef CT_NN_LAYERS_H
#define CT_NN_LAYERS_H

#include "nn/tape.h"

/* Where dropout's counters come from: global row and position of each row of the activation. Absent tensors: 0.. and 0. */
typedef struct ct_rows_info {
    ct_tensor row_of, pos_of;
} ct_rows_info;

/* Segments of a lookup, on the device; data NULL when not training. See ct_segments. */
typedef struct ct_lookup_grad {
    ct_tensor rows, seg_begin, seg_row;
} ct_lookup_grad;

ct_var ct_nn_linear(ct_tape *t, ct_var into, ct_var x, ct_param weight, ct_param bias);
ct_var ct_nn_gelu(ct_tape *t, ct_var x);
/* stream names the random stream ("user.encoder.layer.0.output.dropout"). p is ignored when not training. */
ct_var ct_nn_dropout(ct_tape *t, ct_var x, float p, const char *stream, ct_rows_info rows);
/* layer_norm(x + dropout(r)). */
ct_var ct_nn_add_layer_norm(ct_tape *t, ct_var x, ct_var r, ct_param weight, ct_param bias, float eps, float p,
                            const char *stream, ct_rows_info rows);
/* dropout(layer_norm(token[ids] + position[pos] + type[0])). */
typedef struct ct_embed_params {
    ct_param token, position, type, weight, bias;
} ct_embed_params;
ct_var ct_nn_embed_layer_norm(ct_tape *t, const ct_embed_params *params, ct_tensor ids, ct_rows_info rows,
                              ct_lookup_grad by_id, ct_lookup_grad by_pos, float eps, float p, const char *stream);
ct_var ct_nn_attention(ct_tape *t, ct_var qkv, ct_tensor offsets, ct_tensor row_of, int64_t heads, int64_t max_length,
                       float p, const char *stream);
ct_var ct_nn_seq_pool(ct_tape *t, ct_var into, ct_var x, ct_tensor offsets, ct_pool_mode mode);
ct_var ct_nn_text_cnn_max(ct_tape *t, ct_var into, ct_var x, ct_tensor offsets, ct_param weight, ct_param bias,
                          int64_t width, int64_t max_length);
/* A dense table's rows: y = table[ids]. add: into already holds a value, the rows are added to it. */
ct_var ct_nn_lookup(ct_tape *t, ct_var into, bool add, ct_param table, ct_tensor ids, ct_lookup_grad by_id);
/* Bags of an id table; grad.rows is ignored (the compact gradient buffer is by the table's unique list). */
ct_var ct_nn_bag(ct_tape *t, ct_var into, int32_t table, ct_tensor ids, ct_tensor offsets, ct_tensor scale,
                 ct_lookup_grad grad);
/* Bags of rows of a table that nothing trains: no gradient flows back. */
ct_var ct_nn_fixed_bag(ct_tape *t, ct_var into, ct_tensor table, ct_tensor ids, ct_tensor offsets, ct_tensor scale);
/* Writes the rows of x to a table's rows: see kernels/scatter_rows.h. A side effect of the pass, in training or not. */
void ct_nn_scatter(ct_tape *t, ct_tensor table, ct_var x, ct_tensor rows);
ct_var ct_nn_l2_normalize(ct_tape *t, ct_var x, float eps);

/* The loss over a batch of pairs. batch.u, batch.v, batch.log_scale are filled in here. loss and stats: see
 * kernels/infonce.h; device tensors that the caller reads after the pass. */
typedef struct ct_nn_loss {
    ct_tensor loss, stats;
} ct_nn_loss;
ct_nn_loss ct_nn_infonce(ct_tape *t, ct_var u, ct_var v, ct_param log_scale, struct ct_infonce_batch batch);

#endif
