/* What the picture decoders share: reused blocks, the checks of a header, and the resizer that takes rows one
 * by one. No decoder keeps a whole picture when its format comes in rows: memory follows the width, not the
 * area. */
#ifndef CT_DATA_PICTURE_PARTS_H
#define CT_DATA_PICTURE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "data/picture.h"

#define CT__PICTURE_MOST_PIXELS ((int64_t)1 << 28)
#define CT__PICTURE_MOST_SIZE 4096

/* A block that is reused from picture to picture. What it holds is lost when it grows. */
typedef struct ct__block {
    void *at;
    size_t bytes;
} ct__block;

ct_status ct__block_reserve(ct__block *block, size_t count, size_t size, ct_error *err);

/* How a row's pixels lie. RGBX: the fourth byte is ignored. RGBA: composed over white. CMYK: inverted as
 * Adobe writes it (255 is no ink), so that red is C * K / 255. */
typedef enum ct__row_format { CT__ROW_RGB, CT__ROW_RGBX, CT__ROW_RGBA, CT__ROW_CMYK } ct__row_format;

/* The picture whose rows a decoder is about to give. Full sizes are those of the header; the decoder gives
 * rows of width pixels, height of them, that cover x_extent x y_extent pixels of the reduced picture (a half
 * picture of 151 pixels has 76 of which 75.5 are covered). orientation 1 to 8 as in EXIF. */
typedef struct ct__picture_source {
    int full_width, full_height;
    int width, height;
    double x_extent, y_extent;
    int orientation;
    ct__row_format format;
} ct__picture_source;

/* One axis of a resize: output i is the sum of weights[i * taps + k] * source[first[i] + k], k < count[i]. */
typedef struct ct__axis {
    int *first, *count; /* [size] */
    float *weights;     /* [size, taps] */
    int taps, most;     /* the largest count is most < taps; behind its last weight an output has a 0 */
    int begin, end;     /* the source pixels that are needed: [begin, end) */
    ct__block first_block, count_block, weights_block;
} ct__axis;

typedef struct ct__resizer {
    ct__axis x, y;
    ct__row_format format;
    int size, orientation;
    int n_rows, n_out; /* rows taken, rows given */
    int slots;         /* rows of the ring */
    size_t ring_stride;
    uint8_t *out; /* [size, size, 3]: dst, or a block when the picture has to be turned */
    uint8_t *dst;
    ct__block row_block;  /* a source row as f32 [width of the window, 4] */
    ct__block ring_block; /* f32 [slots, size * 3 and padding]: rows after the horizontal pass */
    ct__block taps_block; /* the ring rows of one output row */
    ct__block turn_block;
} ct__resizer;

/* Plans the resize of a picture to the centre square dst [size, size, 3]. Afterwards give every row from the
 * top with ct__resizer_row, then call ct__resizer_finish. Rows above r->y.begin and from r->y.end on are not
 * looked at, columns outside [r->x.begin, r->x.end) neither. */
ct_status ct__resizer_begin(ct__resizer *r, const ct__picture_source *source, int size, uint8_t *dst,
                            ct_error *err);
void ct__resizer_row(ct__resizer *r, const uint8_t *pixels);
void ct__resizer_finish(ct__resizer *r);
void ct__resizer_free(ct__resizer *r);

typedef struct ct__picture_buffers {
    ct__resizer resizer;
    ct__block rows; /* what a decoder gives: some rows or, interlaced PNG and WebP, the whole picture */
} ct__picture_buffers;

/* The bytes, the size that is wanted and where to put it: one decoder's task. */
typedef struct ct__picture_job {
    const uint8_t *bytes;
    size_t n;
    int size;
    uint8_t *rgb;
    ct__picture_buffers *buffers;
    ct_error *err;
} ct__picture_job;

ct_status ct__picture_read_jpeg(const ct__picture_job *job);
ct_status ct__picture_read_png(const ct__picture_job *job);
ct_status ct__picture_read_webp(const ct__picture_job *job);

/* Refuses, before memory is taken, a picture of more than CT__PICTURE_MOST_PIXELS, and a large one of so few
 * bytes that it must be cut short or made to exhaust memory: most_per_byte is what the format can hold at its
 * best. */
ct_status ct__picture_check_header(const ct__picture_job *job, const char *kind, int64_t width,
                                   int64_t height, double most_per_byte);

/* By how much to reduce while decoding: the largest of 1, 2, 4, 8 that leaves at least size pixels of the
 * shorter side (rounded up). */
int ct__picture_reduction(int width, int height, int size);

/* The EXIF orientation of a JPEG, 1 to 8; 1 when it has none or one that cannot be read. */
int ct__jpeg_orientation(const uint8_t *bytes, size_t n);

#endif
