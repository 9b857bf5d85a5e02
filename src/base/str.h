/* A growable byte string, always NUL-terminated; and small helpers on text. */
#ifndef CT_BASE_STR_H
#define CT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ct_str {
    char *data;      /* NULL while empty; see ct_str_text */
    size_t length;   /* bytes without the NUL */
    size_t capacity; /* bytes */
} ct_str;

ct_status ct_str_append(ct_str *s, const char *bytes, size_t n, ct_error *err);
ct_status ct_str_puts(ct_str *s, const char *text, ct_error *err);
ct_status ct_str_printf(ct_str *s, ct_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
void ct_str_clear(ct_str *s);             /* keeps the memory */
void ct_str_free(ct_str *s);
const char *ct_str_text(const ct_str *s); /* "" when empty, never NULL */

/* Length of the valid UTF-8 prefix of s[0..n): n when all of it is valid. */
size_t ct_utf8_valid_prefix(const char *s, size_t n);

/* Levenshtein distance, at most limit + 1; for "did you mean". */
int ct_edit_distance(const char *a, const char *b, int limit);

/* Strict parses of the whole of s: no spaces, no rest, no overflow. false leaves *out alone. */
bool ct_parse_i64(const char *s, int64_t *out);
bool ct_parse_f64(const char *s, double *out); /* finite, C locale whatever the process's */

#endif
