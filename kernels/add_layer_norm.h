/* Residual connection and layer norm in one pass: s = x + dropout(r), y = (s - mean) * rstd * w + b over the channels;
 * rstd = 1 / sqrt(var + eps), var biased. Ba, Kiros, Hinton 2016, arXiv:1607.06450. */
#ifndef CT_KERNELS_ADD_LAYER_NORM_H
#define CT_KERNELS_ADD_LAYER_NORM_H
#include "kernels/kernel.h"

/* y, s, x, r [T, C]; w, b [1, C]; mean, rstd [T, 1]. r may be absent (plain layer norm). s, mean, rstd are kept for
 * backward and may be absent when inferring. s may alias x or r. C >= 1. Dropout counters as in kernels/dropout.h with
 * row_of, pos_of [T, 1] i32 (absent: t and 0). */
struct ct_add_layer_norm_forward_args {
    ct_tensor y, s, mean, rstd;
    ct_tensor x, r, w, b, row_of, pos_of;
    ct_dropout drop;
    float eps;
};

/* ds = rstd * (w dy - mean_c(w dy) - xhat mean_c(w dy xhat)), xhat = (s - mean) rstd.
 * dx = beta_x * dx + ds; dr = beta_r * dr + ds * mask / (1 - p) (dx or dr absent: skipped); dw [1, C] += sum dy xhat;
 * db += sum dy (dw and db absent together: frozen). dx may alias dy when beta_x is 0. */
struct ct_add_layer_norm_backward_args {
    ct_tensor dx, dr, dw, db;
    ct_tensor dy, s, mean, rstd, w, row_of, pos_of;
    ct_dropout drop;
    float beta_x, beta_r;
};
#endif
