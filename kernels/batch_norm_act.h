/* Batch norm over the channels of an image tensor, the residual connection and ReLU, in one op:
 * y = act((x - mean) * rstd * w + b + residual), rstd = 1 / sqrt(var + eps), var biased.
 * Ioffe & Szegedy 2015, arXiv:1502.03167. */
#ifndef CT_KERNELS_BATCH_NORM_ACT_H
#define CT_KERNELS_BATCH_NORM_ACT_H
#include "kernels/kernel.h"

/* y, x, residual [N, C, H, W] in one channel block; w, b, mean, rstd, var, running_mean, running_var [1, C]. residual
 * may be absent. batch_stats: mean and variance over N, H, W of this batch (two passes, or Welford), in mean and rstd;
 *   var (may be absent) is what the running variance is to move towards, the unbiased one (n / (n - 1)), as PyTorch.
 *   One pixel: var is 0. No picture: mean, rstd and var are those of the running ones.
 * Else: mean, rstd and var are those of the running ones. Moving them is the optimizer's (running_update), so that an
 * update that is skipped leaves them alone. y may alias x only when no backward follows. */
struct ct_batch_norm_act_forward_args {
    ct_image y;
    ct_tensor mean, rstd, var;
    ct_image x, residual;
    ct_tensor running_mean, running_var, w, b;
    float eps;
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
