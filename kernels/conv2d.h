/* Two-dimensional convolution (cross-correlation) over image tensors. */
#ifndef CT_KERNELS_CONV2D_H
#define CT_KERNELS_CONV2D_H
#include "kernels/kernel.h"

/* What both directions share. Output size = (size + 2 pad - kernel) / stride + 1, rounded down, in each axis. */
typedef struct ct_conv2d_shape {
    int64_t kernel; /* R = S */
    int64_t stride, pad;
} ct_conv2d_shape;

/* y[n, o, i, j] = act(bias[o] + residual[n, o, i, j] + sum_{c, r, s} w[o, c, r, s] x[n, c, i*stride - pad + r,
 * j*stride - pad + s]), x being 0 outside. x [N, C, H, W], y [N, O, OH, OW] image tensors, each in its own channel
 * block; w [O, C*R*S] row-major over (c, r, s), which is PyTorch's order; bias [1, O] and residual (shape and block of
 * y) may be absent. relu: act is max(0, .), else the identity. bias, residual and relu are for inference, where batch
 * norm has been folded into w and bias; training passes none of them. */
struct ct_conv2d_forward_args {
    ct_image y;
    ct_image x, residual;
    ct_tensor w, bias;
    ct_conv2d_shape shape;
    bool relu;
};

/* dx = beta * dx + ... (absent: skipped); dw [O, C*R*S] += ... (absent: frozen). Needs x, w. */
struct ct_conv2d_backward_args {
    ct_image dx;
    ct_tensor dw;
    ct_image dy, x;
    ct_tensor w;
    ct_conv2d_shape shape;
    float beta;
};
#endif
