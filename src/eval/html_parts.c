/* Pieces of the page: markup, escaped texts, numbers. */
#include "eval/html_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/format.h"

void ct__put(ct__page *p, const char *format, ...) {
    char text[1024]; /* markup is short; what is longer goes through a block of its own */
    va_list args;
    if (p->st != CT_OK) return;
    va_start(args, format);
    const int n = ct__vformat(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text) {
        p->st = ct_str_append(p->out, text, (size_t)n, p->err);
        return;
    }
    char *block = NULL;
    p->st = ct_calloc((size_t)(n < 0 ? 0 : n) + 1, 1, (void **)&block, p->err);
    if (p->st != CT_OK) return;
    va_start(args, format);
    ct__vformat(block, (size_t)(n < 0 ? 0 : n) + 1, format, args);
    va_end(args);
    p->st = ct_str_puts(p->out, block, p->err);
    ct_free(block);
}

static void put_bytes(ct__page *p, const char *bytes, size_t n) {
    if (p->st == CT_OK) p->st = ct_str_append(p->out, bytes, n, p->err);
}

static const char *escaped(unsigned char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '\t':
    case '\n':
    case '\r': return " ";
    default: return c < 0x20 || c == 0x7f ? "\xEF\xBF\xBD" : NULL;
    }
}

/* Bytes of the character at text, 0 where it is no UTF-8, or a control character of two bytes (U+0080 .. U+009F). */
static size_t character(const char *text, size_t n) {
    const unsigned char c = (unsigned char)text[0];
    const size_t length = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (length > n || ct_utf8_valid_prefix(text, length) != length) return 0;
    return c == 0xC2 && (unsigned char)text[1] < 0xA0 ? 0 : length;
}

void ct__put_text(ct__page *p, const char *text, int64_t most) {
    const size_t n = strlen(text);
    int64_t put = 0;
    for (size_t i = 0; i < n && p->st == CT_OK; put++) {
        if (put == most) {
            ct__put(p, "…");
            return;
        }
        const size_t length = character(text + i, n - i);
        const char *instead = length == 1 ? escaped((unsigned char)text[i]) : length == 0 ? "\xEF\xBF\xBD" : NULL;
        if (instead) put_bytes(p, instead, strlen(instead));
        else put_bytes(p, text + i, length);
        i += length ? length : 1;
    }
}

void ct__put_count(ct__page *p, int64_t n) {
    char digits[32];
    const uint64_t size = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)size);
    if (n < 0) ct__put(p, "-");
    for (int i = 0; i < length; i++) ct__put(p, i > 0 && (length - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
}

void ct__put_figure(ct__page *p, double value) {
    if (!isfinite(value)) ct__put(p, "–");
    else if (fabs(value) < 1e4) ct__put(p, "%.4f", value);
    else ct__put(p, "%.3g", value);
}

void ct__put_gain(ct__page *p, double value) {
    if (!isfinite(value)) ct__put(p, "–");
    else ct__put(p, fabs(value) < 1e4 ? "%+.4f" : "%+.3g", value);
}

void ct__put_short(ct__page *p, double value) {
    const double size = fabs(value);
    if (!isfinite(value)) ct__put(p, "–");
    else if (size >= 1e9 || (size > 0.0 && size < 1e-4)) ct__put(p, "%.2g", value);
    else if (size >= 1e6) ct__put(p, "%.4gM", value / 1e6);
    else if (size >= 1e4) ct__put(p, "%.4gk", value / 1e3);
    else ct__put(p, "%.4g", value);
}
