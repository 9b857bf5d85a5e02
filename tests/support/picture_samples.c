/* Pictures made for the tests. */
#include "tests/support/picture_samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>

static void give_up(const char *what) {
    fprintf(stderr, "sample pictures: %s failed\n", what);
    exit(2);
}

static void *get(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) give_up("malloc");
    return p;
}

uint8_t *sample_smooth(int width, int height, int n_channels) {
    uint8_t *out = get((size_t)width * (size_t)height * (size_t)n_channels), *p = out;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            const int across = 255 * x / (width > 1 ? width - 1 : 1),
                      down = 255 * y / (height > 1 ? height - 1 : 1);
            const int values[4] = {across, down, 255 - (across + down) / 2, (255 + across) / 2};
            for (int c = 0; c < n_channels; c++) *p++ = (uint8_t)values[c];
        }
    }
    return out;
}

/* ---- JPEG ---------------------------------------------------------------------------------------------- */

/* An EXIF block whose first directory holds one other tag, then the orientation. */
static void write_exif(struct jpeg_compress_struct *jpeg, int orientation, bool big_endian) {
    static const uint8_t little[] = {'E', 'x',  'i',  'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0,    2,
                                     0,   0x00, 0x01, 4,   0, 1, 0,   0,   0,  9, 0, 0, 0, 0x12, 0x01,
                                     3,   0,    1,    0,   0, 0, 0,   0,   0,  0, 0, 0, 0, 0};
    static const uint8_t big[] = {'E', 'x',  'i',  'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,    0,
                                  2,   0x01, 0x00, 0,   4, 0, 0,   0,   1, 0,  0, 0, 9, 0x01, 0x12,
                                  0,   3,    0,    0,   0, 1, 0,   0,   0, 0,  0, 0, 0, 0};
    uint8_t block[sizeof little];
    memcpy(block, big_endian ? big : little, sizeof block);
    block[big_endian ? 37 : 36] = (uint8_t)orientation;
    jpeg_write_marker(jpeg, JPEG_APP0 + 1, block, sizeof block);
}

/* The upper bits of each coefficient of three colours in a scan of its own, then the lowest bits: legal and
 * slow. */
static int script_scans(jpeg_scan_info *scans, int n_rounds) {
    int n = 0;
    scans[n++] = (jpeg_scan_info){3, {0, 1, 2}, 0, 0, 0, 0};
    for (int round = 0; round < n_rounds; round++) {
        for (int i = 0; i < 3 * 63; i++) {
            const int high = round == 0 ? 0 : 1, low = n_rounds - 1 - round;
            scans[n++] = (jpeg_scan_info){1, {i % 3}, 1 + i / 3, 1 + i / 3, high, low};
        }
    }
    return n;
}

sample sample_make_jpeg(const char *name, const uint8_t *pixels, int width, int height, sample_jpeg how) {
    static const J_COLOR_SPACE inputs[] = {JCS_GRAYSCALE, JCS_RGB, JCS_RGB, JCS_CMYK, JCS_CMYK};
    static const J_COLOR_SPACE stored[] = {JCS_GRAYSCALE, JCS_YCbCr, JCS_RGB, JCS_CMYK, JCS_YCCK};
    static const int n_channels[] = {1, 3, 3, 4, 4};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &n);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = n_channels[how.colours];
    jpeg.in_color_space = inputs[how.colours];
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, stored[how.colours]);
    jpeg_set_quality(&jpeg, how.quality, TRUE);
    if (how.progressive) jpeg_simple_progression(&jpeg);
    jpeg_scan_info scans[1 + 2 * 3 * 63];
    if (how.n_rounds > 0) {
        jpeg.num_scans = script_scans(scans, how.n_rounds);
        jpeg.scan_info = scans;
    }
    jpeg.arith_code = how.arithmetic;
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = how.half_chroma ? 2 : 1;
    jpeg_start_compress(&jpeg, TRUE);
    if (how.orientation) write_exif(&jpeg, how.orientation, how.big_endian);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row =
            (JSAMPROW)pixels + (size_t)jpeg.next_scanline * (size_t)width * (size_t)n_channels[how.colours];
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return (sample){name, bytes, n};
}

/* ---- PNG ----------------------------------------------------------------------------------------------- */

static void append(png_structp png, png_bytep bytes, size_t n) {
    sample *s = png_get_io_ptr(png);
    s->bytes = realloc(s->bytes, s->n + n);
    if (!s->bytes) give_up("realloc");
    memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
}

static void flush(png_structp png) {
    (void)png;
}

static void set_palette(png_structp png, png_infop info, const sample_png *how) {
    png_color colours[256] = {{0, 0, 0}};
    for (int i = 0; i < how->n_palette; i++) {
        colours[i] = (png_color){how->palette[3 * i], how->palette[3 * i + 1], how->palette[3 * i + 2]};
    }
    if (how->palette) png_set_PLTE(png, info, colours, how->n_palette);
    if (how->palette_alpha) png_set_tRNS(png, info, how->palette_alpha, how->n_palette, NULL);
    if (how->transparent_grey >= 0) {
        const png_color_16 key = {.gray = (png_uint_16)how->transparent_grey};
        png_set_tRNS(png, info, NULL, 1, &key);
    }
}

sample sample_make_png(const char *name, const uint8_t *rows, int width, int height, sample_png how) {
    sample out = {name, NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    if (!info || setjmp(png_jmpbuf(png))) give_up("libpng");
    png_set_write_fn(png, &out, append, flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, how.depth, how.color_type,
                 how.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    set_palette(png, info, &how);
    png_write_info(png, info);
    const size_t stride = png_get_rowbytes(png, info);
    const int n_passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < n_passes; pass++) {
        for (int y = 0; y < height; y++) png_write_row(png, rows + (size_t)y * stride);
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

/* ---- WebP ---------------------------------------------------------------------------------------------- */

sample sample_make_webp(const char *name, const uint8_t *rgba, int width, int height, int quality) {
    uint8_t *bytes = NULL;
    const int stride = width * 4;
    const size_t n = quality < 0 ? WebPEncodeLosslessRGBA(rgba, width, height, stride, &bytes)
                                 : WebPEncodeRGBA(rgba, width, height, stride, (float)quality, &bytes);
    if (n == 0) give_up("libwebp");
    sample out = {name, get(n), n};
    memcpy(out.bytes, bytes, n);
    WebPFree(bytes);
    return out;
}

/* ---- all kinds ----------------------------------------------------------------------------------------- */

static int make_all_jpeg(sample *out, const uint8_t *const *smooth, int w, int h) {
    int n = 0;
    out[n++] = sample_make_jpeg("jpeg grey", smooth[1], w, h, (sample_jpeg){SAMPLE_GREY, .quality = 90});
    out[n++] = sample_make_jpeg("jpeg 4:4:4", smooth[3], w, h, (sample_jpeg){SAMPLE_YCBCR, .quality = 90});
    out[n++] =
        sample_make_jpeg("jpeg 4:2:0, EXIF", smooth[3], w, h,
                         (sample_jpeg){SAMPLE_YCBCR, .quality = 80, .half_chroma = true, .orientation = 6});
    out[n++] = sample_make_jpeg(
        "jpeg progressive", smooth[3], w, h,
        (sample_jpeg){SAMPLE_YCBCR, .quality = 80, .half_chroma = true, .progressive = true});
    out[n++] = sample_make_jpeg("jpeg RGB", smooth[3], w, h, (sample_jpeg){SAMPLE_RGB, .quality = 90});
    out[n++] = sample_make_jpeg("jpeg CMYK", smooth[4], w, h, (sample_jpeg){SAMPLE_CMYK, .quality = 90});
    out[n++] = sample_make_jpeg("jpeg YCCK progressive", smooth[4], w, h,
                                (sample_jpeg){SAMPLE_YCCK, .quality = 90, .progressive = true});
    return n;
}

static int make_all_png(sample *out, const uint8_t *const *smooth, int w, int h) {
    static const uint8_t palette[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 99, 199},
                         alpha[] = {255, 128, 0, 7};
    static const struct {
        const char *name;
        int color_type, depth, channels;
        bool interlaced;
    } kinds[] = {
        {"png grey 1", PNG_COLOR_TYPE_GRAY, 1, 1, false},
        {"png grey 4", PNG_COLOR_TYPE_GRAY, 4, 1, true},
        {"png grey 16", PNG_COLOR_TYPE_GRAY, 16, 2, false},
        {"png RGB", PNG_COLOR_TYPE_RGB, 8, 3, false},
        {"png RGBA interlaced", PNG_COLOR_TYPE_RGBA, 8, 4, true},
        {"png grey alpha", PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2, false},
        {"png grey alpha 16", PNG_COLOR_TYPE_GRAY_ALPHA, 16, 4, true},
    };
    int n = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        out[n++] = sample_make_png(kinds[i].name, smooth[kinds[i].channels], w, h,
                                   (sample_png){.color_type = kinds[i].color_type,
                                                .depth = kinds[i].depth,
                                                .interlaced = kinds[i].interlaced,
                                                .transparent_grey = -1});
    }
    out[n++] = sample_make_png("png palette", smooth[1], w, h,
                               (sample_png){.color_type = PNG_COLOR_TYPE_PALETTE,
                                            .depth = 2,
                                            .palette = palette,
                                            .palette_alpha = alpha,
                                            .n_palette = 4,
                                            .transparent_grey = -1});
    return n;
}

int sample_make_all(sample *out, int width, int height) {
    uint8_t *smooth[5] = {NULL};
    int n = 0;
    for (int c = 1; c <= 4; c++) smooth[c] = sample_smooth(width, height, c);
    n += make_all_jpeg(out, (const uint8_t *const *)smooth, width, height);
    n += make_all_png(out + n, (const uint8_t *const *)smooth, width, height);
    out[n++] = sample_make_webp("webp alpha", smooth[4], width, height, 80);
    out[n++] = sample_make_webp("webp lossless alpha", smooth[4], width, height, -1);
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++) smooth[4][4 * i + 3] = 255;
    out[n++] = sample_make_webp("webp", smooth[4], width, height, 80);
    out[n++] = sample_make_webp("webp lossless", smooth[4], width, height, -1);
    for (int c = 1; c <= 4; c++) free(smooth[c]);
    return n;
}

void sample_free_all(sample *samples, int n) {
    for (int i = 0; i < n; i++) free(samples[i].bytes);
}
