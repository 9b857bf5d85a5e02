/* Pictures made for the tests by the encoders of the libraries that decode them. Encoders end the program
 * when they fail; the tests are about decoding. */
#ifndef CT_TESTS_SUPPORT_PICTURE_SAMPLES_H
#define CT_TESTS_SUPPORT_PICTURE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sample {
    const char *name;
    uint8_t *bytes; /* free() */
    size_t n;
} sample;

/* How a JPEG is to be written. pixels have as many bytes each as the file's colours: 1 grey, 3 RGB, 4 CMYK.
 */
typedef enum sample_colours {
    SAMPLE_GREY,
    SAMPLE_YCBCR,
    SAMPLE_RGB,
    SAMPLE_CMYK,
    SAMPLE_YCCK
} sample_colours;

typedef struct sample_jpeg {
    sample_colours colours;
    int quality;
    bool progressive, half_chroma, arithmetic;
    int orientation; /* 0: no EXIF */
    bool big_endian; /* the EXIF block's order */
    int n_rounds;    /* 1, 2: a scan for each coefficient, 190 in all, or two, 379; 0: as progressive says */
} sample_jpeg;

sample sample_make_jpeg(const char *name, const uint8_t *pixels, int width, int height, sample_jpeg how);

/* color_type and depth as in <png.h>; palette [n_palette, 3] and its alpha [n_palette], or NULL. Rows are
 * packed as the file wants them: (width * bits of a pixel + 7) / 8 bytes, 16 bits big-endian. */
typedef struct sample_png {
    int color_type, depth;
    bool interlaced;
    const uint8_t *palette, *palette_alpha;
    int n_palette;
    int transparent_grey; /* -1: none */
} sample_png;

sample sample_make_png(const char *name, const uint8_t *rows, int width, int height, sample_png how);

/* rgba [height, width, 4]; written without alpha when every pixel is opaque. quality 0 to 100, or -1 for
 * lossless. */
sample sample_make_webp(const char *name, const uint8_t *rgba, int width, int height, int quality);

/* Smooth colours that differ in every corner, [height, width, n_channels]; every channel differs. */
uint8_t *sample_smooth(int width, int height, int n_channels);

/* A small picture of every kind that is read: JPEG in all colours, baseline, progressive, with EXIF; PNG of
 * all types; WebP lossy, lossless, with alpha. Room for 32; returns how many. */
int sample_make_all(sample *out, int width, int height);
void sample_free_all(sample *samples, int n);

#endif
