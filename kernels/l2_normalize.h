/* Rows to unit length: y = x / max(|x|, eps). A zero row stays zero. */
#ifndef CT_KERNELS_L2_NORMALIZE_H
#define CT_KERNELS_L2_NORMALIZE_H
#include "kernels/kernel.h"

/* y, x [N, D]; rnorm [N, 1] = 1 / max(|x|, eps), kept for backward, may be absent when inferring. y may alias x. */
struct ct_l2_normalize_forward_args {
    ct_tensor y, rnorm;
    ct_tensor x;
    float eps;
};

/* dx = beta * dx + rnorm * (dy - y (y . dy)); where |x| < eps the second term is dropped, y being linear in x there.
 * dx may alias dy when beta is 0. */
struct ct_l2_normalize_backward_args {
    ct_tensor dx;
    ct_tensor dy, y, rnorm;
    float eps, beta;
};
#endif
