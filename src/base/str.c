/* A growable byte string, and small helpers on text. */
#include "base/str.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/format.h"

/* Room for n more bytes and the NUL. */
static ct_status reserve(ct_str *s, size_t n, ct_error *err) {
    if (n > SIZE_MAX - 1 - s->length) return ct_fail(err, CT_ERR_MEMORY, "string: %zu more bytes", n);
    return ct_grow((void **)&s->data, &s->capacity, s->length + n + 1, 1, err);
}

ct_status ct_str_append(ct_str *s, const char *bytes, size_t n, ct_error *err) {
    CT_CHECK(reserve(s, n, err));
    if (n > 0) memcpy(s->data + s->length, bytes, n);
    s->length += n;
    s->data[s->length] = '\0';
    return CT_OK;
}

ct_status ct_str_puts(ct_str *s, const char *text, ct_error *err) {
    return ct_str_append(s, text, strlen(text), err);
}

ct_status ct_str_printf(ct_str *s, ct_error *err, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    ct_status st = CT_OK;
    const int n = ct__vformat(NULL, 0, format, args);
    if (n < 0) {
        st = ct_fail(err, CT_ERR_ARGUMENT, "string: the format '%s' fails", format);
    } else {
        st = reserve(s, (size_t)n, err);
        if (st == CT_OK) {
            ct__vformat(s->data + s->length, (size_t)n + 1, format, again);
            s->length += (size_t)n;
        }
    }
    va_end(again);
    va_end(args);
    return st;
}

void ct_str_clear(ct_str *s) {
    s->length = 0;
    if (s->data) s->data[0] = '\0';
}

void ct_str_free(ct_str *s) {
    ct_free(s->data);
    *s = (ct_str){0};
}

const char *ct_str_text(const ct_str *s) {
    return s->data ? s->data : "";
}

/* ---- UTF-8
 * --------------------------------------------------------------------------------------------------- */

/* Bytes of the well-formed sequence at s (Unicode 15, table 3-7), or 0. n > 0. */
static size_t sequence_length(const unsigned char *s, size_t n) {
    const unsigned char a = s[0];
    if (a < 0x80) return 1;
    if (a < 0xC2 || a > 0xF4) return 0; /* a continuation, an overlong pair, or past U+10FFFF */
    const size_t length = a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
    if (n < length) return 0;
    /* The second byte's range is narrower after these: no overlong form, no surrogate, nothing past U+10FFFF.
     */
    const unsigned char low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return length;
}

size_t ct_utf8_valid_prefix(const char *s, size_t n) {
    size_t at = 0;
    while (at < n) {
        uint64_t eight;
        if (n - at >= sizeof eight) { /* most text is ASCII: eight bytes at a time */
            memcpy(&eight, s + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        const size_t length = sequence_length((const unsigned char *)s + at, n - at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

/* ---- edit distance
 * ------------------------------------------------------------------------------------------- */

static int min3(int a, int b, int c) {
    return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

/* The distance inside a band of `limit` cells on either side of the diagonal, band[2 * limit + 1]. Cell k of
 * row i stands for column j = i + k - limit of the full table. */
static int band_distance(const char *a, int n_a, const char *b, int n_b, int limit, int *band) {
    const int width = 2 * limit + 1, far = limit + 1;
    for (int k = 0; k < width; k++) {
        const int j = k - limit;
        band[k] = j < 0 || j > n_b ? far : j;
    }
    for (int i = 1; i <= n_a; i++) {
        for (int k = 0; k < width; k++) {
            const int j = i + k - limit;
            if (j < 0 || j > n_b) {
                band[k] = far;
                continue;
            }
            const int above = k + 1 < width ? band[k + 1] + 1 : far; /* row i - 1, column j */
            const int left = k > 0 ? band[k - 1] + 1 : far;
            const int diagonal = j > 0 ? band[k] + (a[i - 1] != b[j - 1]) : far;
            const int best = min3(above, left, diagonal);
            band[k] = best < far ? best : far;
        }
    }
    return band[n_b - n_a + limit];
}

int ct_edit_distance(const char *a, const char *b, int limit) {
    if (limit < 0) limit = 0;
    if (limit > INT_MAX / 4) limit = INT_MAX / 4;
    while (*a && *a == *b) a++, b++;
    size_t n_a = strlen(a), n_b = strlen(b);
    while (n_a > 0 && n_b > 0 && a[n_a - 1] == b[n_b - 1]) n_a--, n_b--;
    const size_t longer = n_a > n_b ? n_a : n_b, difference = longer - (n_a < n_b ? n_a : n_b);
    if (difference > (size_t)limit || longer > INT_MAX / 4) return limit + 1;
    /* No two texts are further apart than the longer one is long. */
    const int reach = (size_t)limit < longer ? limit : (int)longer;
    int small[129], *band = small;
    void *block = NULL;
    const size_t width = 2 * (size_t)reach + 1;
    if (width > sizeof small / sizeof *small) {
        if (ct_calloc(width, sizeof *band, &block, NULL) != CT_OK) return limit + 1;
        band = block;
    }
    const int distance = band_distance(a, (int)n_a, b, (int)n_b, reach, band);
    ct_free(block);
    return distance;
}

/* ---- numbers
 * ------------------------------------------------------------------------------------------------- */

bool ct_parse_i64(const char *s, int64_t *out) {
    const bool negative = *s == '-';
    int64_t value = 0;
    if (*s == '-' || *s == '+') s++;
    if (*s == '\0') return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return false;
        const int digit = *s - '0';
        /* Counted downwards when negative: INT64_MIN has no positive twin. */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool ct_parse_f64(const char *s, double *out) {
    /* strtod also takes leading space, hexadecimal, "inf" and "nan". */
    if (*s == '\0' || s[strspn(s, "0123456789+-.eE")] != '\0') return false;
    const locale_t c = ct__c_locale();
    if (!c) return false;
    char *end;
    const double value = strtod_l(s, &end, c);
    if (*end != '\0' || end == s || !isfinite(value)) return false;
    *out = value;
    return true;
}
