/* Batch norm by running statistics, folded into the convolution in front of it: what inference runs instead of both.
 * act(norm(conv(x)) + residual) is then one conv2d_forward with these weights and this bias. */
#ifndef CT_KERNELS_BATCH_NORM_FOLD_H
#define CT_KERNELS_BATCH_NORM_FOLD_H
#include "kernels/kernel.h"

/* With scale[o] = w[o] / sqrt(running_var[o] + eps): folded[o, k] = conv[o, k] * scale[o] and
 * bias[o] = b[o] - running_mean[o] * scale[o]. folded, conv [O, K]; the others [1, O]. */
struct ct_batch_norm_fold_args {
    ct_tensor folded, bias;
    ct_tensor conv, w, b, running_mean, running_var;
    float eps;
};
#endif
