/* Batch norm over the channels of an image tensor, the residual connection and ReLU, in one op:
 * y = act((x - mean) * rstd * w + b + residual), rstd = 1 / sqrt(var + eps), var biased.
 * Ioffe & Szegedy 2015, arXiv:1502.03167. */
#ifndef CT_KERNELS_BATCH_NORM_ACT_H
#define CT_KERNELS_BATCH_NORM_ACT_H
#include "kernels/kernel.h"

/* y, x, residual [N, C, H, W] in one channel block; w, b, mean, rstd, running_mean, running_var [1, C]. residual may be
 * absent. batch_stats: mean and variance over N, H, W of this batch (two passes, or Welford), kept in mean and rstd, and
 *   running = (1 - momentum) * running + momentum * batch, the running variance being unbiased (n / (n - 1)), as PyTorch.
 *   One pixel: the running variance moves towards 0. No picture: mean 0, rstd 1 / sqrt(eps), running ones stay.
 * Else: mean and rstd are those of running_mean and running_var, which stay as they are. y may alias x only when no
 * backward follows. */
struct ct_batch_norm_act_forward_args {
    ct_image y;
    ct_tensor mean, rstd, running_mean, running_var;
    ct_image x, residual;
    ct_tensor w, b;
    float eps, momentum;
    bool batch_stats, relu;
};

/* With g = dy where y > 0 (relu) or dy: dresidual = beta_residual * dresidual + g; db += sum g; dw += sum g xhat;
 * dx = beta_x * dx + w rstd (g - mean(g) - xhat mean(g xhat)) with batch_stats, else w rstd g. dx, dresidual may be
 * absent; dw and db absent together: frozen. Needs x, y (relu), mean, rstd. dx may alias dy when beta_x is 0. */
struct ct_batch_norm_act_backward_args {
    ct_image dx, dresidual;
    ct_tensor dw, db;
    ct_image dy, x, y;
    ct_tensor mean, rstd, w;
    bool batch_stats, relu;
    float beta_x, beta_residual;
};
#endif
