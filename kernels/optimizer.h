/* The optimizer's ops: squared norm, the guard that clips and skips, AdamW on flat ranges, AdamW on rows.
 *
 * AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), with g' = step.clip * g and lr = step.lr * lr_scale:
 *   m = beta1 m + (1 - beta1) g';  v = beta2 v + (1 - beta2) g'^2
 *   w = w - lr * (decay * w + (m / bias1) / (sqrt(v / bias2) + eps))
 * Nothing is written when step.skip is set. */
#ifndef CT_KERNELS_OPTIMIZER_H
#define CT_KERNELS_OPTIMIZER_H
#include "kernels/kernel.h"

/* sum f64 [1, 1] += sum of x^2; x f32 (f64 in the oracle) [R, C]. Summed in f64 over fixed blocks in order, so the
 * result does not depend on the number of threads. NaN and infinity come through. */
struct ct_sq_norm_args {
    ct_tensor sum;
    ct_tensor x;
};

/* Reads sum (f64 [1, 1], over all gradients) and loss (f32 [1, 1], f64 in the oracle), writes ctx->step:
 * grad_norm = sqrt(sum); skip = 1 when loss or grad_norm is not finite, else 0; clip = 0 when skipping, else
 * min(1, max_norm / grad_norm) when max_norm > 0, else 1. */
struct ct_grad_guard_args {
    ct_tensor sum, loss;
    float max_norm; /* 0: no clipping */
};

struct ct_adam_hyper {
    float beta1, beta2, eps;
    float decay;    /* weight decay of this range */
    float lr_scale; /* factor of this range's group */
};

/* w, m, v [1, n] updated in place; g [1, n]. */
struct ct_adamw_args {
    ct_tensor w, m, v;
    ct_tensor g;
    struct ct_adam_hyper hyper;
};

/* x [1, n] += momentum * (batch - x) in place, batch [1, n]: running statistics move towards those of the batch, and
 * stay to the bit where the two are equal. Nothing is written when step.skip is set. */
struct ct_running_update_args {
    ct_tensor x;
    ct_tensor batch;
    float momentum; /* 0 to 1 */
};

/* x [R, C] = min(max(x, lower), upper) in place; NaN stays. What keeps the learned temperature in its range. */
struct ct_clamp_args {
    ct_tensor x;
    float lower, upper;
};

/* The same as adamw on rows rows[u] of table, m, v [V, C] with gradient g [U, C]; rows i32 [U, 1] ascending and unique. Rows
 * that are not named keep table, m and v ("lazy" Adam, as torch.optim.SparseAdam). */
struct ct_row_update_args {
    ct_tensor table, m, v;
    ct_tensor g, rows;
    struct ct_adam_hyper hyper;
};
#endif
