/* Decoding and resizing of pictures: against a plain double-precision resize, against other forms of the same
 * picture, and against arithmetic done by hand. As "test_picture --decode SIZE" it is the program that
 * check_pictures.py asks: lines "INPUT<tab>OUTPUT" on stdin, raw RGB into OUTPUT, a line "ok" or the error
 * for each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/alloc.h"
#include "data/picture.h"
#include "tests/support/picture_samples.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

#define MOST 400 /* the largest square that the tests ask for, but for one */

static ct_picture_scratch scratch;
static uint8_t got[MOST * MOST * 3], want[MOST * MOST * 3];

static void decode(const sample *s, int size, uint8_t *rgb) {
    ct_error err = CT_ERROR_INIT;
    memset(rgb, 0xa5, (size_t)size * (size_t)size * 3);
    if (ct_picture_decode(s->bytes, s->n, size, rgb, &scratch, &err) != CT_OK)
        fail_msg("%s: %s", s->name, err.text);
}

static void resize(const uint8_t *src, int width, int height, int size, uint8_t *rgb) {
    ct_error err = CT_ERROR_INIT;
    memset(rgb, 0xa5, (size_t)size * (size_t)size * 3);
    if (ct_picture_resize(src, width, height, size, rgb, &scratch, &err) != CT_OK) fail_msg("%s", err.text);
}

/* got and want [size, size, 3]: the mean and the largest difference within limits. */
static void check_close(const char *name, int size, double most_mean, int most) {
    const int n = size * size * 3;
    int largest = 0;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const int d = abs(got[i] - want[i]);
        sum += d;
        if (d > largest) largest = d;
    }
    if (!(sum / n <= most_mean) || largest > most) {
        fail_msg("%s at %d: mean difference %.4f, largest %d; want at most %.4f, %d", name, size, sum / n,
                 largest, most_mean, most);
    }
}

/* ---- the resize ---------------------------------------------------------------------------------------- */

/* Output i of an axis of n pixels that is resized to `out`: the triangle's value at pixel k, not normalised.
 */
static double triangle(int n, int out, int i, int k) {
    const double scale = (double)n / out, reach = scale > 1 ? scale : 1;
    const double weight = 1 - fabs(k + 0.5 - (i + 0.5) * scale) / reach;
    return weight > 0 ? weight : 0;
}

static double resized_value(const uint8_t *src, int w, int h, int out_w, int out_h, int x, int y, int c) {
    double sum = 0, weights = 0;
    for (int v = 0; v < h; v++) {
        const double down = triangle(h, out_h, y, v);
        for (int u = 0; down > 0 && u < w; u++) {
            const double weight = down * triangle(w, out_w, x, u);
            sum += weight * src[((size_t)v * (size_t)w + (size_t)u) * 3 + (size_t)c];
            weights += weight;
        }
    }
    return sum / weights;
}

static void test_resize_against_double(void **state) {
    (void)state;
    static const int shapes[][2] = {{1, 1},   {1, 7},   {9, 1},   {2, 3},  {5, 5},
                                    {13, 29}, {48, 36}, {67, 31}, {3, 200}};
    static const int sizes[] = {1, 2, 3, 7, 16, 31};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int w = shapes[i][0], h = shapes[i][1];
        uint8_t *src = malloc((size_t)(w * h * 3));
        for (int k = 0; k < w * h * 3; k++) src[k] = (uint8_t)((unsigned)(k + 1) * 2654435761u >> 24);
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            const int size = sizes[j], out_w = w <= h ? size : size * w / h,
                      out_h = h <= w ? size : size * h / w;
            const int left = (int)nearbyint((out_w - size) / 2.0), top = (int)nearbyint((out_h - size) / 2.0);
            resize(src, w, h, size, got);
            for (int p = 0; p < size * size * 3; p++) {
                const double exact =
                    resized_value(src, w, h, out_w, out_h, left + p / 3 % size, top + p / 3 / size, p % 3);
                if (!(fabs(got[p] - exact) <= 1.01)) { /* half a level for each of the two passes */
                    fail_msg("%d x %d to %d: value %d is %d, want %.3f", w, h, size, p, got[p], exact);
                }
            }
        }
        free(src);
    }
}

static void test_resize_keeps_flat_colours(void **state) {
    (void)state;
    static const int shapes[][2] = {{1, 1}, {640, 480}, {77, 500}, {500, 77}};
    static const uint8_t levels[] = {0, 1, 127, 254, 255};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const size_t n = (size_t)shapes[i][0] * (size_t)shapes[i][1] * 3;
        uint8_t *src = malloc(n);
        for (size_t j = 0; j < sizeof levels; j++) {
            memset(src, levels[j], n);
            for (int size = 1; size <= 341; size += 17) {
                resize(src, shapes[i][0], shapes[i][1], size, got);
                for (int p = 0; p < size * size * 3; p++) assert_int_equal(got[p], levels[j]);
            }
        }
        free(src);
    }
}

static void test_resize_to_the_same_size_changes_nothing(void **state) {
    (void)state;
    uint8_t *src = sample_smooth(57, 57, 3);
    resize(src, 57, 57, 57, got);
    assert_memory_equal(got, src, 57 * 57 * 3);
    free(src);
}

static void test_resize_limits(void **state) {
    (void)state;
    static const uint8_t pixel[3] = {10, 20, 30};
    uint8_t *large = malloc((size_t)4096 * 4096 * 3);
    resize(pixel, 1, 1, 4096, large);
    assert_memory_equal(large + (size_t)4096 * 4096 * 3 - 3, pixel, 3);
    static const int bad[][3] = {{1, 1, 0}, {1, 1, -1}, {1, 1, 4097}, {0, 1, 4}, {1, 0, 4}, {-3, 1, 4}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ct_error err = CT_ERROR_INIT;
        const ct_status st = ct_picture_resize(pixel, bad[i][0], bad[i][1], bad[i][2], large, &scratch, &err);
        assert_int_equal(st, CT_ERR_ARGUMENT);
        assert_non_null(strstr(err.text, ", want "));
    }
    free(large);
}

/* ---- PNG ----------------------------------------------------------------------------------------------- */

/* A square PNG decoded at its own size: pixel for pixel what it holds. */
static void check_png(const char *name, const uint8_t *rows, int side, sample_png how) {
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        how.interlaced = interlaced;
        sample s = sample_make_png(name, rows, side, side, how);
        decode(&s, side, got);
        check_close(name, side, 0, 0);
        free(s.bytes);
    }
}

static int over_white(int value, int alpha) {
    return (int)((value * alpha + 255 * (255 - alpha)) / 255.0 + 0.5);
}

static void test_png_grey(void **state) {
    (void)state;
    uint8_t rows[16 * 16 * 2];
    for (int depth = 1; depth <= 16; depth *= 2) {
        const int n_levels = 1 << depth, row_bytes = (16 * depth + 7) / 8;
        memset(rows, 0, sizeof rows);
        for (int i = 0; i < 256; i++) {
            const int level = depth == 16 ? i * 257 + (i % 3 - 1) * 100 : i % n_levels, x = i % 16,
                      y = i / 16;
            const int stored = level < 0 ? 0 : level >= n_levels ? n_levels - 1 : level;
            uint8_t *row = rows + y * row_bytes;
            if (depth == 16) {
                row[2 * x] = (uint8_t)(stored >> 8);
                row[2 * x + 1] = (uint8_t)stored;
            } else {
                row[x * depth / 8] |= (uint8_t)(stored << (8 - depth - x * depth % 8));
            }
            memset(want + 3 * i, (int)(stored * 255.0 / (n_levels - 1) + 0.5), 3);
        }
        check_png("grey", rows, 16, (sample_png){PNG_COLOR_TYPE_GRAY, depth, .transparent_grey = -1});
    }
    /* One level of it made transparent. */
    for (int i = 0; i < 256; i++) {
        rows[i] = (uint8_t)i;
        memset(want + 3 * i, i == 77 ? 255 : i, 3);
    }
    check_png("grey with a key", rows, 16, (sample_png){PNG_COLOR_TYPE_GRAY, 8, .transparent_grey = 77});
}

static void test_png_colours(void **state) {
    (void)state;
    uint8_t rows[16 * 16 * 8], *smooth = sample_smooth(16, 16, 4);
    for (int i = 0; i < 256; i++) memcpy(want + 3 * i, smooth + 4 * i, 3);
    check_png("RGB", want, 16, (sample_png){PNG_COLOR_TYPE_RGB, 8, .transparent_grey = -1});
    for (int i = 0; i < 256 * 3; i++) rows[2 * i] = rows[2 * i + 1] = want[i];
    check_png("RGB 16", rows, 16, (sample_png){PNG_COLOR_TYPE_RGB, 16, .transparent_grey = -1});
    for (int i = 0; i < 256; i++) {
        smooth[4 * i + 3] = (uint8_t)i; /* every alpha */
        for (int c = 0; c < 3; c++) want[3 * i + c] = (uint8_t)over_white(smooth[4 * i + c], i);
    }
    check_png("RGBA", smooth, 16, (sample_png){PNG_COLOR_TYPE_RGBA, 8, .transparent_grey = -1});
    for (int i = 0; i < 256 * 4; i++) rows[2 * i] = rows[2 * i + 1] = smooth[i];
    check_png("RGBA 16", rows, 16, (sample_png){PNG_COLOR_TYPE_RGBA, 16, .transparent_grey = -1});
    for (int i = 0; i < 256; i++) {
        rows[2 * i] = (uint8_t)(255 - i);
        rows[2 * i + 1] = (uint8_t)(i * 7);
        memset(want + 3 * i, over_white(255 - i, (uint8_t)(i * 7)), 3);
    }
    check_png("grey alpha", rows, 16, (sample_png){PNG_COLOR_TYPE_GRAY_ALPHA, 8, .transparent_grey = -1});
    free(smooth);
}

static void test_png_palette(void **state) {
    (void)state;
    uint8_t rows[256], palette[256 * 3], alpha[256];
    for (int i = 0; i < 256; i++) {
        rows[i] = (uint8_t)(i * 11);
        alpha[i] = (uint8_t)(255 - i);
        for (int c = 0; c < 3; c++) palette[3 * i + c] = (uint8_t)(i * (c + 3));
    }
    sample_png how = {.color_type = PNG_COLOR_TYPE_PALETTE,
                      .depth = 8,
                      .palette = palette,
                      .n_palette = 256,
                      .transparent_grey = -1};
    for (int i = 0; i < 256; i++) memcpy(want + 3 * i, palette + 3 * rows[i], 3);
    check_png("palette", rows, 16, how);
    how.palette_alpha = alpha;
    for (int i = 0; i < 256 * 3; i++)
        want[i] = (uint8_t)over_white(palette[3 * rows[i / 3] + i % 3], alpha[rows[i / 3]]);
    check_png("palette with alpha", rows, 16, how);
}

/* ---- JPEG ---------------------------------------------------------------------------------------------- */

static void test_jpeg_colours(void **state) {
    (void)state;
    const int side = 64;
    uint8_t *grey = sample_smooth(side, side, 1), *rgb = sample_smooth(side, side, 3),
            *cmyk = sample_smooth(side, side, 4);
    for (int variant = 0; variant < 4; variant++) {
        for (int colours = SAMPLE_GREY; colours <= SAMPLE_YCCK; colours++) {
            const uint8_t *pixels = colours == SAMPLE_GREY ? grey : colours <= SAMPLE_RGB ? rgb : cmyk;
            const sample_jpeg how = {.colours = colours,
                                     .quality = 100,
                                     .progressive = variant & 1,
                                     .half_chroma = (variant & 2) &&
                                                    (colours == SAMPLE_YCBCR || colours == SAMPLE_YCCK)};
            for (int i = 0; i < side * side; i++) {
                for (int c = 0; c < 3; c++) {
                    want[3 * i + c] = colours == SAMPLE_GREY ? grey[i]
                                      : colours <= SAMPLE_RGB
                                          ? rgb[3 * i + c]
                                          : (uint8_t)(cmyk[4 * i + c] * cmyk[4 * i + 3] / 255.0 + 0.5);
                }
            }
            sample s = sample_make_jpeg("jpeg", pixels, side, side, how);
            decode(&s, side, got);
            check_close("jpeg", side, how.half_chroma ? 1.5 : 0.8, how.half_chroma ? 12 : 4);
            free(s.bytes);
        }
    }
    free(grey);
    free(rgb);
    free(cmyk);
}

/* Where the first row and the first column of a stored picture are seen: t, b, l, r. Exif 2.32, table
 * "Orientation". */
static const char *const seen[9] = {"", "tl", "tr", "br", "bl", "lt", "rt", "rb", "lb"};

/* The stored pixels of a picture w x h that orientation o shows as `shown`. */
static void store(const uint8_t *shown, int w, int h, int o, uint8_t *stored) {
    const bool turned = o >= 5;
    const int stored_w = turned ? h : w, stored_h = turned ? w : h;
    const char row_side = seen[o][0], column_side = seen[o][1];
    for (int row = 0; row < stored_h; row++) {
        for (int column = 0; column < stored_w; column++) {
            const int from_row = row_side == 't' || row_side == 'l' ? row : stored_h - 1 - row;
            const int from_column = column_side == 't' || column_side == 'l' ? column : stored_w - 1 - column;
            const int x = turned ? from_row : from_column, y = turned ? from_column : from_row;
            memcpy(stored + 3 * (row * stored_w + column), shown + 3 * (y * w + x), 3);
        }
    }
}

static void test_jpeg_orientation(void **state) {
    (void)state;
    static const int shapes[][2] = {{31, 20}, {20, 31}, {24, 24}}, sizes[] = {20, 17, 40};
    uint8_t stored[31 * 31 * 3];
    for (int i = 0; i < 3 * 3 * 8 * 2; i++) {
        const int w = shapes[i % 3][0], h = shapes[i % 3][1], size = sizes[i / 3 % 3], o = i / 9 % 8 + 1;
        uint8_t *shown = sample_smooth(w, h, 3);
        const sample_jpeg how = {
            .colours = SAMPLE_YCBCR, .quality = 100, .orientation = o, .big_endian = i >= 72};
        store(shown, w, h, o, stored);
        sample s = sample_make_jpeg(seen[o], stored, o >= 5 ? h : w, o >= 5 ? w : h, how);
        decode(&s, size, got);
        resize(shown, w, h, size, want);
        check_close(seen[o], size, 1.2, 5);
        free(s.bytes);
        free(shown);
    }
}

/* ---- reduced while decoded ----------------------------------------------------------------------------- */

/* A smooth picture decoded at a half, a quarter and an eighth is the one that is resized from all its pixels.
 * With the window of an odd side taken for whole pixels it would be shifted by up to half a level a pixel. */
static void test_reduced(void **state) {
    (void)state;
    static const int shapes[][2] = {{400, 304}, {303, 401}, {257, 257}, {1003, 390}};
    static const int sizes[] = {150, 100, 64, 48, 32, 9};
    for (int i = 0; i < 4 * 6; i++) {
        const int w = shapes[i % 4][0], h = shapes[i % 4][1], size = sizes[i / 4];
        uint8_t *rgba = sample_smooth(w, h, 4), *rgb = sample_smooth(w, h, 3);
        for (int k = 0; k < w * h; k++) rgba[4 * k + 3] = 255;
        sample samples[] = {
            sample_make_jpeg("jpeg", rgb, w, h, (sample_jpeg){.colours = SAMPLE_YCBCR, .quality = 98}),
            sample_make_jpeg("progressive", rgb, w, h,
                             (sample_jpeg){.colours = SAMPLE_YCBCR, .quality = 98, .progressive = true}),
            sample_make_webp("webp", rgba, w, h, 98), sample_make_webp("lossless", rgba, w, h, -1)};
        resize(rgb, w, h, size, want);
        for (int k = 0; k < 4; k++) {
            decode(&samples[k], size, got);
            check_close(samples[k].name, size, 1, 5);
        }
        sample_free_all(samples, 4);
        free(rgba);
        free(rgb);
    }
}

/* ---- WebP ---------------------------------------------------------------------------------------------- */

static void test_webp(void **state) {
    (void)state;
    const int w = 90, h = 61;
    uint8_t *rgba = sample_smooth(w, h, 4);
    for (int opaque = 0; opaque < 2; opaque++) {
        for (int i = 0; i < w * h; i++)
            rgba[4 * i + 3] = opaque ? 255 : (uint8_t)(i % 5 * 63); /* colours unseen too */
        sample png =
            sample_make_png("png", rgba, w, h, (sample_png){PNG_COLOR_TYPE_RGBA, 8, .transparent_grey = -1});
        sample lossless = sample_make_webp("lossless", rgba, w, h, -1),
               lossy = sample_make_webp("lossy", rgba, w, h, 100);
        for (int size = 20; size <= 80; size += 20) {
            const bool reduced = opaque && size < 31;
            decode(&png, size, want);
            decode(&lossless, size, got);
            check_close("lossless", size, reduced ? 1 : 0, reduced ? 4 : 0);
            decode(&lossy, size, got);
            check_close("lossy", size, 2.5, 16);
        }
        free(png.bytes);
        free(lossless.bytes);
        free(lossy.bytes);
    }
    free(rgba);
}

/* ---- the program for check_pictures.py ----------------------------------------------------------------- */

static int decode_listed(int size) {
    char line[8192];
    if (size < 1 || size > 4096) return 2;
    uint8_t *rgb = malloc((size_t)size * (size_t)size * 3);
    while (rgb && fgets(line, sizeof line, stdin)) {
        char *in = strtok(line, "\t\n"), *out = strtok(NULL, "\t\n");
        FILE *f = in && out ? fopen(in, "rb") : NULL;
        if (!f) return 2;
        static uint8_t bytes[1 << 22];
        const size_t n = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        ct_error err = CT_ERROR_INIT;
        if (ct_picture_decode(bytes, n, size, rgb, &scratch, &err) == CT_OK) {
            test_write_file(out, rgb, (size_t)size * (size_t)size * 3);
            puts("ok");
        } else {
            printf("%s: %s\n", ct_status_name(err.status), err.text);
        }
    }
    free(rgb);
    ct_picture_scratch_free(&scratch);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--decode") == 0) return decode_listed(atoi(argv[2]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_against_double),
        cmocka_unit_test(test_resize_keeps_flat_colours),
        cmocka_unit_test(test_resize_to_the_same_size_changes_nothing),
        cmocka_unit_test(test_resize_limits),
        cmocka_unit_test(test_png_grey),
        cmocka_unit_test(test_png_colours),
        cmocka_unit_test(test_png_palette),
        cmocka_unit_test(test_jpeg_colours),
        cmocka_unit_test(test_jpeg_orientation),
        cmocka_unit_test(test_reduced),
        cmocka_unit_test(test_webp),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ct_picture_scratch_free(&scratch);
    return failed;
}
