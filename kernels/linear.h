/* The fully connected layer: y = x w^T + b. */
#ifndef CT_KERNELS_LINEAR_H
#define CT_KERNELS_LINEAR_H
#include "kernels/kernel.h"

/* y [T, O] = beta * y + x [T, I] w[O, I]^T + b [1, O]; b may be absent. f32. I >= 1, O >= 1. */
struct ct_linear_forward_args {
    ct_tensor y;
    ct_tensor x, w, b;
    float beta;
};

/* dx [T, I] = beta * dx + dy w (absent: skipped); dw [O, I] += dy^T x; db [1, O] += column sums of dy (absent: skipped).
 * dw absent: a frozen weight. Needs w where dx is wanted and x where dw is; they may be absent otherwise (with dx and dw
 * both absent this is a column sum). */
struct ct_linear_backward_args {
    ct_tensor dx, dw, db;
    ct_tensor dy, x, w;
    float beta;
};
#endif
