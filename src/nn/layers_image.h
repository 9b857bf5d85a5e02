/* Layers over image tensors and the fusion of modalities. An image variable is a variable of the tape whose
 * rows are the pixels of all channel blocks, [N * ceil(C / cb) * H * W, cb], with its geometry beside it.
 * Formulas: kernels/<op>.h. */
#ifndef CT_NN_LAYERS_IMAGE_H
#define CT_NN_LAYERS_IMAGE_H

#include "nn/tape.h"

typedef struct ct_image_var {
    ct_var v;
    int64_t n, c, h, w, cb;
} ct_image_var;

/* The variable's memory as an image tensor. */
ct_image ct_nn_image(const ct_tape *t, ct_image_var x);

/* u8 pictures [N, P*P*3] on the device to a normalised image [N, 3, size, size], NHWC. See
 * kernels/image_normalize.h. */
typedef struct ct_pictures {
    ct_tensor pixels, crop, flip, colour; /* the last three may be absent */
    int64_t source;
} ct_pictures;
ct_image_var ct_nn_image_normalize(ct_tape *t, const ct_pictures *pictures, int64_t size);

/* Convolution to `out` channels in blocks of cb. */
ct_image_var ct_nn_conv2d(ct_tape *t, ct_image_var x, ct_param weight, ct_conv2d_shape shape, int64_t out,
                          int64_t cb);

typedef struct ct_batch_norm_params {
    ct_param weight, bias, running_mean, running_var;
} ct_batch_norm_params;
/* Registers name.weight, .bias, .running_mean and .running_var of n channels. batch_stats false: the last two stay. */
ct_status ct_batch_norm_add(ct_params *params, ct_batch_norm_params *out, const char *name, int64_t n,
                            bool batch_stats, ct_error *err);
/* residual.v CT_VAR_NEW: none. batch_stats: see the op; only when the tape trains. The batch's statistics are left
 * where ct_params_batch_state says, for the update. */
ct_image_var ct_nn_batch_norm_act(ct_tape *t, ct_image_var x, ct_image_var residual,
                                  const ct_batch_norm_params *params, bool batch_stats, bool relu);

/* What inference runs instead of a convolution and its norm. The folded weights stand in `room`, which has space for
 * them and the bias, until the next call with the same room. Not for a tape that trains: nothing is recorded. */
typedef struct ct_folded {
    ct_tensor weight, bias;
} ct_folded;
ct_folded ct_nn_fold_batch_norm(ct_tape *t, ct_tensor room, ct_param weight, const ct_batch_norm_params *params);
/* relu or identity of (convolution + bias + residual); residual.v CT_VAR_NEW: none. */
ct_image_var ct_nn_conv2d_folded(ct_tape *t, ct_image_var x, ct_image_var residual, ct_folded folded,
                                 ct_conv2d_shape shape, bool relu, int64_t cb);

ct_image_var ct_nn_max_pool2d(ct_tape *t, ct_image_var x, int64_t kernel, int64_t stride, int64_t pad);
ct_var ct_nn_global_pool(ct_tape *t, ct_var into, ct_image_var x);

/* Row r of the result [begin.rows - 1, C] is row begin[r] of x, or zeros where begin[r] == begin[r + 1]: rows
 * that only some have, in their places. ids: 0, 1, 2 ... up to x's rows; row_of [x's rows]: where each row
 * went. */
ct_var ct_nn_place_rows(ct_tape *t, ct_var into, ct_var x, ct_tensor begin, ct_tensor ids, ct_tensor row_of);

/* x [N, M*D] with learned stand-ins for missing modalities; present i32 [N, M]. */
ct_var ct_nn_fill_missing(ct_tape *t, ct_var into, ct_var x, ct_tensor present, ct_param missing);
/* y [N, D] from z [N, M*D] and gate logits [N, M]. */
ct_var ct_nn_gated_fusion(ct_tape *t, ct_var into, ct_var z, ct_var gate);

#endif
