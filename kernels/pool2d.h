/* Pooling of image tensors: the maximum over windows, and the mean over the whole picture. */
#ifndef CT_KERNELS_POOL2D_H
#define CT_KERNELS_POOL2D_H
#include "kernels/kernel.h"

/* y[n, c, i, j] = max over the window of x, x being -inf outside. Output size as for conv2d. argmax u8 [1, elements of
 * y], laid out as y: place r * kernel + s of the first maximum in its window, kept for backward, may be absent. A NaN wins over all
 * numbers. kernel at most 16, pad below kernel: each window sees a pixel. */
struct ct_max_pool2d_forward_args {
    ct_image y;
    ct_tensor argmax;
    ct_image x;
    int64_t kernel, stride, pad;
};
/* dx = beta * dx + dy at the winning places; every element of dx is defined afterwards. */
struct ct_max_pool2d_backward_args {
    ct_image dx;
    ct_image dy;
    ct_tensor argmax;
    int64_t kernel, stride, pad;
    float beta;
};

/* y [N, C] = mean over H, W of x [N, C, H, W]. */
struct ct_global_pool_forward_args {
    ct_tensor y;
    ct_image x;
};
struct ct_global_pool_backward_args {
    ct_image dx; /* = beta * dx + dy / (H W) */
    ct_tensor dy;
    float beta;
};
#endif
