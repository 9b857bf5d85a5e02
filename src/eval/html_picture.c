/* Pictures in the page: reduced, written as PNG by zlib, as a data address in base64. */
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "eval/html_parts.h"

enum { SHOWN = 64 }; /* pixels a side, about: larger pictures would make the page heavy, not clearer */

/* ---- PNG ------------------------------------------------------------------------------------------------------- */

static void big_endian(uint32_t v, unsigned char out[4]) {
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(v >> (24 - 8 * i));
}

/* Length, type, data, checksum of type and data. */
static ct_status put_chunk(ct_str *out, const char *type, const void *data, size_t n, ct_error *err) {
    unsigned char word[4];
    uLong crc = crc32(0, (const Bytef *)type, 4);
    big_endian((uint32_t)n, word);
    CT_CHECK(ct_str_append(out, (char *)word, 4, err));
    CT_CHECK(ct_str_append(out, type, 4, err));
    if (n > 0) {
        CT_CHECK(ct_str_append(out, data, n, err));
        crc = crc32(crc, data, (uInt)n);
    }
    big_endian((uint32_t)crc, word);
    return ct_str_append(out, (char *)word, 4, err);
}

/* Every row behind filter byte 0, deflated. */
static ct_status put_pixels(const uint8_t *rgb, size_t row_bytes, size_t height, ct_str *out, ct_error *err) {
    ct_status st = CT_OK;
    unsigned char *rows = NULL, *packed = NULL;
    const size_t n = (row_bytes + 1) * height;
    uLongf packed_bytes = compressBound((uLong)n);
    CT_TRY(ct_calloc(n, 1, (void **)&rows, err), st, done);
    CT_TRY(ct_calloc(packed_bytes, 1, (void **)&packed, err), st, done);
    for (size_t y = 0; y < height; y++) memcpy(rows + y * (row_bytes + 1) + 1, rgb + y * row_bytes, row_bytes);
    if (compress2(packed, &packed_bytes, rows, (uLong)n, 6) != Z_OK) {
        st = ct_fail(err, CT_ERR_MEMORY, "picture: zlib has no memory for %zu bytes", n);
        goto done;
    }
    st = put_chunk(out, "IDAT", packed, packed_bytes, err);
done:
    ct_free(rows);
    ct_free(packed);
    return st;
}

ct_status ct__png_write(const uint8_t *rgb, int width, int height, ct_str *out, ct_error *err) {
    unsigned char header[13] = {[8] = 8, [9] = 2}; /* 8 bits, RGB; deflate, no filter method but 0, not interlaced */
    if (width < 1 || height < 1 || width > 1 << 14 || height > 1 << 14)
        return ct_fail(err, CT_ERR_ARGUMENT, "picture: %d x %d pixels, want 1 to 16384 a side", width, height);
    big_endian((uint32_t)width, header);
    big_endian((uint32_t)height, header + 4);
    CT_CHECK(ct_str_append(out, "\x89PNG\r\n\x1a\n", 8, err));
    CT_CHECK(put_chunk(out, "IHDR", header, sizeof header, err));
    CT_CHECK(put_pixels(rgb, (size_t)width * 3, (size_t)height, out, err));
    return put_chunk(out, "IEND", NULL, 0, err);
}

/* ---- in the page ----------------------------------------------------------------------------------------------- */

/* The mean of `by` x `by` values of one channel; rgb points at the first of them. */
static uint8_t block_mean(const uint8_t *rgb, int size, int by) {
    unsigned sum = 0;
    const unsigned n = (unsigned)by * (unsigned)by;
    for (int y = 0; y < by; y++)
        for (int x = 0; x < by; x++) sum += rgb[((size_t)y * (size_t)size + (size_t)x) * 3];
    return (uint8_t)((sum + n / 2) / n);
}

/* Means of blocks; what is left at the right and at the bottom is cut. */
static void reduce(const uint8_t *rgb, int size, int by, uint8_t *out) {
    const int shown = size / by;
    for (int y = 0; y < shown; y++)
        for (int x = 0; x < shown; x++)
            for (int c = 0; c < 3; c++)
                *out++ = block_mean(rgb + ((size_t)(y * by) * (size_t)size + (size_t)(x * by)) * 3 + c, size, by);
}

static ct_status put_base64(ct_str *out, const unsigned char *bytes, size_t n, ct_error *err) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const unsigned b = i + 1 < n ? bytes[i + 1] : 0, c = i + 2 < n ? bytes[i + 2] : 0;
        const unsigned word = (unsigned)bytes[i] << 16 | b << 8 | c;
        const char four[4] = {letters[word >> 18], letters[word >> 12 & 63], i + 1 < n ? letters[word >> 6 & 63] : '=',
                              i + 2 < n ? letters[word & 63] : '='};
        CT_CHECK(ct_str_append(out, four, 4, err));
    }
    return CT_OK;
}

static ct_status put_address(ct_str *out, const uint8_t *rgb, int size, ct_error *err) {
    ct_status st = CT_OK;
    uint8_t *small = NULL;
    ct_str png = {0};
    const int by = (size + SHOWN - 1) / SHOWN, shown = size / by;
    CT_TRY(ct_calloc((size_t)shown * (size_t)shown, 3, (void **)&small, err), st, done);
    reduce(rgb, size, by, small);
    CT_TRY(ct__png_write(small, shown, shown, &png, err), st, done);
    CT_TRY(ct_str_puts(out, "data:image/png;base64,", err), st, done);
    st = put_base64(out, (const unsigned char *)png.data, png.length, err);
done:
    ct_free(small);
    ct_str_free(&png);
    return st;
}

void ct__put_picture(ct__page *p, const uint8_t *rgb, int size, const char *alt) {
    if (!rgb || size < 1) {
        ct__put(p, "<span class=\"pic none\"></span>");
        return;
    }
    ct__put(p, "<img class=\"pic\" width=\"%d\" height=\"%d\" alt=\"", SHOWN, SHOWN);
    ct__put_text(p, alt, 120);
    ct__put(p, "\" src=\"");
    if (p->st == CT_OK) p->st = put_address(p->out, rgb, size, p->err);
    ct__put(p, "\" />");
}
