/* Pictures: JPEG, PNG and WebP from bytes to RGB, resized with antialiasing, cropped to a square. */
#ifndef CT_DATA_PICTURE_H
#define CT_DATA_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A decoder's reusable buffers: one a thread. Zero-initialise; free with ct_picture_scratch_free. */
typedef struct ct_picture_scratch {
    void *buffers; /* the decoder's own */
} ct_picture_scratch;

void ct_picture_scratch_free(ct_picture_scratch *scratch);

/* Decodes bytes[0..n) (the kind is told by its first bytes, not by a name), honours the EXIF orientation of a
 * JPEG, composes alpha over white, converts grey, palette, CMYK / YCCK and 16-bit samples to 8-bit sRGB, decodes at
 * reduced scale where the format allows it and the result is still at least `size` on its shorter side, resizes the
 * shorter side to `size` (bilinear with antialiasing: the triangle filter widened by the factor of reduction, as
 * Pillow and torchvision's antialias=True), and takes the centre square, as torchvision's CenterCrop cuts it.
 * rgb [size, size, 3].
 * CT_ERR_DATA says what is wrong with a picture that is broken, truncated, of another kind, animated WebP, larger
 * than 2^28 pixels before reduction, a PNG with a side above 1e6, or of more pixels than so few bytes can hold; rgb is
 * then undefined. CT_ERR_ARGUMENT unless 1 <= size <= 4096. */
ct_status ct_picture_decode(const void *bytes, size_t n, int size, uint8_t *rgb, ct_picture_scratch *scratch,
                            ct_error *err);

/* The resize alone: src [height, width, 3] to dst [size, size, 3] as above. */
ct_status ct_picture_resize(const uint8_t *src, int width, int height, int size, uint8_t *dst,
                            ct_picture_scratch *scratch, ct_error *err);

#endif
