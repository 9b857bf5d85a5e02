/* From stored u8 pictures to the network's input: crop, resize, flip, colour, normalise, in one pass. */
#ifndef CT_KERNELS_IMAGE_NORMALIZE_H
#define CT_KERNELS_IMAGE_NORMALIZE_H
#include "kernels/kernel.h"

/* y [N, 3, S, S] (block 3: NHWC) from pixels u8 [N, P*P*3] (rows of pictures P x P, RGB interleaved). For picture n,
 * crop [N, 4] f32 = (x0, y0, width, height) in pixels of the source; output pixel (i, j) samples the source bilinearly
 * at x = x0 + (j + 0.5) width / S - 0.5 (and y likewise), coordinates clamped to the picture; flip i32 [N, 1] mirrors j.
 * Then colour: with colour f32 [N, 3] = (brightness, contrast, saturation) factors applied in that order as torchvision's
 * adjust_* do (luma 0.299 R + 0.587 G + 0.114 B; contrast blends with the mean luma of the S x S picture), clamped to
 * [0, 1] after each; finally (v - mean[c]) / std[c]. crop, flip, colour may be absent: the whole picture, no flip, no
 * change. A row of pixels that the host marks absent (present i32 [N, 1] = 0; absent tensor: all present) gives zeros. */
struct ct_image_normalize_args {
    ct_image y;
    ct_tensor pixels, crop, flip, colour, present;
    int64_t source; /* P */
    float mean[3], std[3];
};
#endif
