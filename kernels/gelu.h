/* GELU in its erf form: y = x * (1 + erf(x / sqrt 2)) / 2. Hendrycks & Gimpel 2016, arXiv:1606.08415. */
#ifndef CT_KERNELS_GELU_H
#define CT_KERNELS_GELU_H
#include "kernels/kernel.h"

/* y, x [T, C]; y may alias x only when no backward follows. */
struct ct_gelu_forward_args {
    ct_tensor y;
    ct_tensor x;
};

/* dx = beta * dx + dy * (Phi(x) + x phi(x)). Needs x. With beta 0 dx may alias dy. */
struct ct_gelu_backward_args {
    ct_tensor dx;
    ct_tensor dy, x;
    float beta;
};
#endif
