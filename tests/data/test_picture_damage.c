/* Pictures that are broken, cut short, of another kind or made to exhaust memory: an error that says so,
 * never a crash, a leak or a long wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <png.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/picture_parts.h"
#include "tests/support/picture_samples.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"

#define SIZE 16

/* Processor time of one small picture, with room for sanitizers and a busy machine. */
#define MOST_SECONDS 5.0

static uint8_t rgb[SIZE * SIZE * 3];

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Decodes a copy that ends where its block ends, so that a sanitizer sees a read behind it. */
static ct_status decode_copy(const uint8_t *bytes, size_t n, int size, ct_picture_scratch *scratch,
                             ct_error *err) {
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n > 0) memcpy(copy, bytes, n);
    const double begin = seconds();
    const ct_status st = ct_picture_decode(copy, n, size, rgb, scratch, err);
    assert_true(seconds() - begin < MOST_SECONDS);
    free(copy);
    return st;
}

static void check_refused(const char *name, const uint8_t *bytes, size_t n, const char *text) {
    ct_picture_scratch scratch = {0};
    ct_error err = CT_ERROR_INIT;
    const ct_status st = decode_copy(bytes, n, SIZE, &scratch, &err);
    if (st != CT_ERR_DATA || !strstr(err.text, text)) {
        fail_msg("%s: %s '%s', want CT_ERR_DATA '%s'", name, ct_status_name(st), err.text, text);
    }
    ct_picture_scratch_free(&scratch);
}

/* ---- other kinds --------------------------------------------------------------------------------------- */

static void test_other_kinds(void **state) {
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t n;
        const char *text;
    } kinds[] = {
        {"nothing", "", 0, "0 bytes"},
        {"one byte", "\xff", 1, "too few"},
        {"gif", "GIF89a\1\0\1\0\0\0\0;", 14, "want a JPEG, PNG or WebP"},
        {"bmp", "BM\0\0\0\0\0\0\0\0", 10, "want a JPEG, PNG or WebP"},
        {"page", "<!DOCTYPE html>", 15, "3c 21 44 4f"},
        {"wave", "RIFF\4\0\0\0WAVEfmt ", 16, "want a JPEG, PNG or WebP"},
        {"jpeg's start alone", "\xff\xd8\xff", 3, "JPEG: "},
        {"no frame", "\xff\xd8\xff\xd9", 4, "JPEG: "},
        {"png's start alone", "\x89PNG\r\n\x1a\n", 8, "PNG: ends early"},
        {"riff of nothing", "RIFF\4\0\0\0WEBP", 12, "WebP: "},
        {"riff too long", "RIFF\5\0\0\0WEBP", 12, "12 bytes, want 13"},
        {"animated", "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\2\0\0\0\3\0\0\3\0\0", 30, "animated"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_refused(kinds[i].name, (const uint8_t *)kinds[i].bytes, kinds[i].n, kinds[i].text);
    }
}

static void test_size_is_checked(void **state) {
    (void)state;
    static const int sizes[] = {0, -1, 4097};
    for (int i = 0; i < 3; i++) {
        ct_picture_scratch scratch = {0};
        ct_error err = CT_ERROR_INIT;
        assert_int_equal(ct_picture_decode("", 0, sizes[i], rgb, &scratch, &err), CT_ERR_ARGUMENT);
        assert_null(scratch.buffers);
    }
    ct_picture_scratch_free(NULL);
}

/* ---- cut short ----------------------------------------------------------------------------------------- */

static void test_every_prefix_is_refused(void **state) {
    (void)state;
    sample samples[32];
    ct_picture_scratch scratch = {0};
    const int n_samples = sample_make_all(samples, 23, 17);
    for (int i = 0; i < n_samples; i++) {
        const sample *s = &samples[i];
        ct_error whole = CT_ERROR_INIT;
        if (decode_copy(s->bytes, s->n, SIZE, &scratch, &whole) != CT_OK)
            fail_msg("%s: %s", s->name, whole.text);
        for (size_t n = 0; n < s->n; n++) {
            ct_error err = CT_ERROR_INIT;
            const ct_status st = decode_copy(s->bytes, n, SIZE, &scratch, &err);
            if (st != CT_ERR_DATA || err.text[0] == '\0') {
                fail_msg("%s, %zu of %zu bytes: %s '%s'", s->name, n, s->n, ct_status_name(st), err.text);
            }
        }
        /* Bytes behind the end are nobody's business. */
        uint8_t *longer = malloc(s->n + 8);
        memcpy(longer, s->bytes, s->n);
        memset(longer + s->n, 0x5a, 8);
        assert_int_equal(decode_copy(longer, s->n + 8, SIZE, &scratch, NULL), CT_OK);
        free(longer);
    }
    sample_free_all(samples, n_samples);
    ct_picture_scratch_free(&scratch);
}

/* What the library only warns of: pixels that are not in the file, bytes that are no pixels. */
static void test_warnings_are_errors(void **state) {
    (void)state;
    uint8_t *pixels = sample_smooth(64, 64, 3);
    const sample_jpeg how = {.colours = SAMPLE_YCBCR, .quality = 90};
    sample s = sample_make_jpeg("jpeg", pixels, 64, 64, how);
    uint8_t *bytes = malloc(s.n + 40);
    memcpy(bytes, s.bytes, s.n);
    memcpy(bytes + s.n - 200, "\xff\xd9", 2); /* the end marker amid the pixels */
    check_refused("an early end", bytes, s.n, "JPEG: Corrupt JPEG data: premature end of data segment");
    memcpy(bytes, s.bytes, s.n - 2);
    memset(bytes + s.n - 2, 'a', 40);
    memcpy(bytes + s.n + 38, "\xff\xd9", 2);
    check_refused("too many bytes", bytes, s.n + 40, "extraneous bytes");
    free(bytes);
    free(s.bytes);
    free(pixels);
}

/* The EXIF reader alone, on what the library would refuse before. */
static void test_orientation_stays_within_bounds(void **state) {
    (void)state;
    uint8_t *pixels = sample_smooth(8, 8, 3);
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        const sample_jpeg how = {
            .colours = SAMPLE_YCBCR, .quality = 50, .orientation = 8, .big_endian = big_endian};
        sample s = sample_make_jpeg("jpeg", pixels, 8, 8, how);
        const size_t n_head = 80;
        int n_found = 0;
        for (int k = 0; k < 40000; k++) {
            ct_rng rng = ct_rng_make((uint64_t)k, 0, 2);
            const size_t n = k <= (int)n_head ? (size_t)k : ct_rng_u32(&rng) % n_head;
            uint8_t *copy = malloc(n ? n : 1);
            memcpy(copy, s.bytes, n);
            if (k > (int)n_head && n > 0) copy[ct_rng_u32(&rng) % n] = (uint8_t)ct_rng_u32(&rng);
            const int found = ct__jpeg_orientation(copy, n);
            assert_in_range(found, 1, 8);
            n_found += found == 8;
            free(copy);
        }
        assert_in_range(n_found, 1, 40000);
        free(s.bytes);
    }
    free(pixels);
}

/* Makes the checksums of a PNG's chunks right, so that what was changed gets past them. */
static void mend_png(uint8_t *bytes, size_t n) {
    size_t at = 8;
    while (at <= n && n - at >= 12) {
        const size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                              (size_t)bytes[at + 2] << 8 | (size_t)bytes[at + 3];
        if (length > n - at - 12) return;
        const uint32_t crc = (uint32_t)crc32(0, bytes + at + 4, (uInt)(length + 4));
        for (int i = 0; i < 4; i++) bytes[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

/* ---- made to exhaust memory ---------------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Sets the size in the frame header of a JPEG. */
static void set_jpeg_size(sample *s, unsigned width, unsigned height) {
    for (size_t at = 2; at + 9 < s->n; at += 2 + ((size_t)s->bytes[at + 2] << 8 | s->bytes[at + 3])) {
        if (s->bytes[at + 1] < 0xc0 || s->bytes[at + 1] > 0xc2) continue;
        put16(s->bytes + at + 5, height);
        put16(s->bytes + at + 7, width);
        return;
    }
    fail_msg("%s has no frame header", s->name);
}

static void set_png_size(sample *s, unsigned width, unsigned height) {
    put16(s->bytes + 16, width >> 16);
    put16(s->bytes + 18, width);
    put16(s->bytes + 20, height >> 16);
    put16(s->bytes + 22, height);
    mend_png(s->bytes, s->n);
}

/* The 14-bit sizes less 1 of a lossless WebP, from bit 8 of its data on. */
static void set_webp_size(sample *s, unsigned width, unsigned height) {
    assert_memory_equal(s->bytes + 12, "VP8L", 4);
    const uint32_t bits = (width - 1) | (height - 1) << 14;
    for (int i = 0; i < 3; i++) s->bytes[21 + i] = (uint8_t)(bits >> 8 * i);
    s->bytes[24] = (uint8_t)((s->bytes[24] & 0xf0) | bits >> 24);
}

/* The largest block that was asked for. */
static size_t largest;
static void *count_allocate(void *ctx, size_t bytes) {
    (void)ctx;
    if (bytes > largest) largest = bytes;
    return aligned_alloc(CT_ALIGN, bytes);
}
static void count_release(void *ctx, void *block) {
    (void)ctx;
    free(block);
}

static void test_bombs_are_refused_by_their_headers(void **state) {
    (void)state;
    const ct_allocator counting = {count_allocate, count_release, NULL};
    static const struct {
        int sample; /* 0 JPEG, 1 progressive JPEG, 2 PNG, 3 interlaced PNG, 4 WebP */
        unsigned width, height;
        const char *text;
    } bombs[] = {
        {0, 65500, 65500, "65500 x 65500 pixels, want at most 268435456"},
        {1, 16385, 16384, "16385 x 16384 pixels, want at most 268435456"},
        {1, 16384, 16384, "bytes, want at least 524288"},
        {0, 10000, 10000, "bytes, want at least 195312"},
        {2, 2000000, 200000, "PNG: "},
        {2, 1000000, 1000000, "1000000 x 1000000 pixels, want at most"},
        {2, 16384, 16384, "bytes, want at least 1040448"},
        {3, 9999, 9999, "bytes, want at least "},
        {4, 16383, 16383, "bytes, want at least 65528"},
        {2, 0, 5, "PNG: "},
    };
    uint8_t *pixels = sample_smooth(16, 16, 4);
    ct_set_allocator(&counting);
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        const int kind = bombs[i].sample;
        const sample_jpeg jpeg = {.colours = SAMPLE_RGB, .quality = 50, .progressive = kind == 1};
        sample s = kind < 2   ? sample_make_jpeg("jpeg bomb", pixels, 16, 16, jpeg)
                   : kind < 4 ? sample_make_png("png bomb", pixels, 16, 16,
                                                (sample_png){PNG_COLOR_TYPE_RGBA, 8, .interlaced = kind == 3,
                                                             .transparent_grey = -1})
                              : sample_make_webp("webp bomb", pixels, 16, 16, -1);
        (kind < 2   ? set_jpeg_size
         : kind < 4 ? set_png_size
                    : set_webp_size)(&s, bombs[i].width, bombs[i].height);
        largest = 0;
        check_refused(s.name, s.bytes, s.n, bombs[i].text);
        assert_in_range(largest, 0, 1 << 20);
        free(s.bytes);
    }
    ct_set_allocator(NULL);
    free(pixels);
}

/* Scans that each change a little may go on for long: some are let pass, not any number. */
static void test_scans_have_an_end(void **state) {
    (void)state;
    uint8_t *pixels = sample_smooth(64, 64, 3);
    ct_picture_scratch scratch = {0};
    sample_jpeg how = {.colours = SAMPLE_YCBCR, .quality = 50, .n_rounds = 1};
    sample s = sample_make_jpeg("190 scans", pixels, 64, 64, how);
    assert_int_equal(decode_copy(s.bytes, s.n, SIZE, &scratch, NULL), CT_OK);
    free(s.bytes);
    how.n_rounds = 2;
    s = sample_make_jpeg("379 scans", pixels, 64, 64, how);
    check_refused(s.name, s.bytes, s.n, "JPEG: more than 200 scans");
    free(s.bytes);
    free(pixels);
    ct_picture_scratch_free(&scratch);
}

/* ---- no memory ----------------------------------------------------------------------------------------- */

static void test_out_of_memory(void **state) {
    (void)state;
    sample samples[32];
    const int n_samples = sample_make_all(samples, 23, 17);
    test_alloc_install();
    for (int i = 0; i < n_samples; i++) {
        ct_picture_scratch scratch = {0};
        uint64_t n = 1;
        for (;; n++) {
            ct_error err = CT_ERROR_INIT;
            test_alloc_fail_at(n);
            const ct_status st = ct_picture_decode(samples[i].bytes, samples[i].n, SIZE, rgb, &scratch, &err);
            test_alloc_fail_at(0);
            if (st == CT_OK) break;
            if (st != CT_ERR_MEMORY) fail_msg("%s, call %d: %s", samples[i].name, (int)n, err.text);
            if (n % 2)
                ct_picture_scratch_free(&scratch); /* and every other time goes on with what there is */
        }
        assert_true(n > 1);
        ct_picture_scratch_free(&scratch);
        assert_int_equal(test_alloc_live(), 0);
    }
    test_alloc_uninstall();
    sample_free_all(samples, n_samples);
}

/* The same picture twice takes the same blocks. */
static void test_blocks_are_reused(void **state) {
    (void)state;
    uint8_t *pixels = sample_smooth(40, 30, 3);
    sample s = sample_make_jpeg("jpeg", pixels, 40, 30,
                                (sample_jpeg){.colours = SAMPLE_YCBCR, .quality = 90, .orientation = 6});
    ct_picture_scratch scratch = {0};
    assert_int_equal(ct_picture_decode(s.bytes, s.n, SIZE, rgb, &scratch, NULL), CT_OK);
    const uint64_t before = ct_alloc_count();
    assert_int_equal(ct_picture_decode(s.bytes, s.n, SIZE, rgb, &scratch, NULL), CT_OK);
    assert_int_equal(ct_picture_resize(pixels, 40, 30, SIZE, rgb, &scratch, NULL), CT_OK);
    assert_true(ct_alloc_count() == before);
    ct_picture_scratch_free(&scratch);
    free(s.bytes);
    free(pixels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_size_is_checked),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_warnings_are_errors),
        cmocka_unit_test(test_orientation_stays_within_bounds),
        cmocka_unit_test(test_bombs_are_refused_by_their_headers),
        cmocka_unit_test(test_scans_have_an_end),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_blocks_are_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
