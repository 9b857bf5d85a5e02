/* Elements of image tensors, for the reference kernels. */
#ifndef CT_KERNELS_REF_IMAGE_H
#define CT_KERNELS_REF_IMAGE_H

#include "kernels/kernel.h"

static inline int64_t ref_image_blocks(ct_image t) {
    return (t.c + t.cb - 1) / t.cb;
}

/* Element (n, c, i, j); c may be one of the channels that only fill the last block. */
static inline ct_real *ref_pixel(ct_image t, int64_t n, int64_t c, int64_t i, int64_t j) {
    const int64_t block = n * ref_image_blocks(t) + c / t.cb;
    return (ct_real *)t.data + ((block * t.h + i) * t.w + j) * t.cb + c % t.cb;
}

/* t = beta * t over all elements; with beta 0 the old content is not read. */
static inline void ref_image_scale(ct_image t, float beta) {
    ct_real *data = t.data;
    for (int64_t e = 0; e < ct_image_elements(t); e++)
        data[e] = beta == 0.0f ? (ct_real)0 : (ct_real)beta * data[e];
}

#endif
