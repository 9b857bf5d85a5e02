/* BERT's input layer: s = token[id] + position[pos] + type, y = dropout(layer_norm(s)). */
#ifndef CT_KERNELS_EMBED_LAYER_NORM_H
#define CT_KERNELS_EMBED_LAYER_NORM_H
#include "kernels/kernel.h"

/* y, s [T, H]; mean, rstd [T, 1]; ids, pos_of, row_of i32 [T, 1]; token [V, H], position [P, H], type [1, H] (absent:
 * none), w, b [1, H]. Ids lie in [0, V), positions in [0, P): the caller's promise. s, mean, rstd may be absent when
 * inferring. Dropout counters (row_of, pos_of, channel). */
struct ct_embed_layer_norm_forward_args {
    ct_tensor y, s, mean, rstd;
    ct_tensor ids, pos_of, row_of, token, position, type, w, b;
    ct_dropout drop;
    float eps;
};

/* ds [T, H] = gradient of s (overwritten); dw, db [1, H] += (absent together: frozen). The tables' gradients follow by
 * gather_rows_backward on ds. ds may alias dy. */
struct ct_embed_layer_norm_backward_args {
    ct_tensor ds, dw, db;
    ct_tensor dy, s, mean, rstd, w, pos_of, row_of;
    ct_dropout drop;
};
#endif
