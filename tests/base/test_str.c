/* Strings, UTF-8, edit distance, strict numbers. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "base/str.h"

static void string_grows(void **state) {
    (void)state;
    ct_str s = {0};
    assert_string_equal(ct_str_text(&s), "");
    ct_str_clear(&s);
    assert_int_equal(ct_str_puts(&s, "", NULL), CT_OK);
    assert_string_equal(ct_str_text(&s), "");
    assert_int_equal(ct_str_append(&s, "a\0b", 3, NULL), CT_OK);
    assert_int_equal(s.length, 3);
    assert_memory_equal(s.data, "a\0b", 4);
    ct_str_clear(&s);
    assert_string_equal(ct_str_text(&s), "");
    for (int i = 0; i < 1000; i++) assert_int_equal(ct_str_printf(&s, NULL, "%d,", i), CT_OK);
    assert_int_equal(s.length, strlen(s.data));
    assert_int_equal(s.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_string_equal(s.data + s.length - 8, "998,999,");
    assert_int_equal(ct_str_append(&s, NULL, 0, NULL), CT_OK);
    assert_int_equal(ct_str_append(&s, "x", SIZE_MAX - 2, NULL), CT_ERR_MEMORY);
    ct_str_free(&s);
    assert_string_equal(ct_str_text(&s), "");
    ct_str_free(&s);
}

static void string_without_memory_stays(void **state) {
    (void)state;
    ct_str s = {0};
    test_alloc_install();
    ct_str_puts(&s, "kept", NULL);
    test_alloc_fail_at(1);
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_str_printf(&s, &err, "%0100d", 1), CT_ERR_MEMORY);
    assert_int_equal(ct_str_puts(&s, " and this is longer than what there was room for", &err),
                     CT_ERR_MEMORY);
    assert_string_equal(ct_str_text(&s), "kept");
    ct_str_free(&s);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
}

/* ---- UTF-8
 * --------------------------------------------------------------------------------------------------- */

static void valid_utf8(void **state) {
    (void)state;
    const char *const texts[] = {"",
                                 "plain ASCII that is longer than eight bytes",
                                 "\xC2\x80 \xDF\xBF",                 /* U+0080, U+07FF */
                                 "\xE0\xA0\x80 \xED\x9F\xBF",         /* U+0800, U+D7FF */
                                 "\xEE\x80\x80 \xEF\xBF\xBF",         /* U+E000, U+FFFF */
                                 "\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF", /* U+10000, U+10FFFF */
                                 "seven b\xC3\xA9 and more"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(ct_utf8_valid_prefix(texts[i], strlen(texts[i])), strlen(texts[i]));
    assert_int_equal(ct_utf8_valid_prefix("a\0b", 3), 3);
    assert_int_equal(ct_utf8_valid_prefix(NULL, 0), 0);
}

static void invalid_utf8(void **state) {
    (void)state;
    const char *const texts[] = {"\x80",
                                 "\xBF",
                                 "\xC0\x80",
                                 "\xC1\xBF", /* stray, overlong pairs */
                                 "\xE0\x9F\xBF",
                                 "\xE0\x80\x80",
                                 "\xF0\x8F\xBF\xBF", /* overlong */
                                 "\xED\xA0\x80",
                                 "\xED\xBF\xBF", /* surrogates */
                                 "\xF4\x90\x80\x80",
                                 "\xF5\x80\x80\x80",
                                 "\xFE",
                                 "\xFF",
                                 "\xC3",
                                 "\xE2\x82",
                                 "\xF0\x9F\x98",
                                 "\xC3"
                                 "A",
                                 "\xE2\x82"
                                 "A",
                                 "\xE2"
                                 "A\x82",
                                 "\xF0\x9F\x98"
                                 "A"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[64];
        for (size_t lead = 0; lead < 20; lead++) { /* at every phase of the fast path */
            const size_t n =
                (size_t)snprintf(text, sizeof text, "%.*s%s", (int)lead, "....................", texts[i]);
            assert_int_equal(ct_utf8_valid_prefix(text, n), lead);
        }
    }
}

/* Encodes without any check, for the comparison below. */
static size_t encode(uint32_t c, char *out) {
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)),
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63));
    return 4;
}

static void every_code_point(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 0x1FFFFF; c++) {
        char bytes[4];
        const size_t n = encode(c, bytes);
        const bool valid = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        if (ct_utf8_valid_prefix(bytes, n) != (valid ? n : 0)) fail_msg("U+%04X", c);
        for (size_t cut = 1; cut < n; cut++)
            if (ct_utf8_valid_prefix(bytes, cut) != 0) fail_msg("U+%04X cut to %zu bytes", c, cut);
    }
}

/* ---- edit distance
 * ------------------------------------------------------------------------------------------- */

static int full_distance(const char *a, const char *b) {
    static int table[40][40];
    const int n = (int)strlen(a), m = (int)strlen(b);
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            int best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (table[i - 1][j] + 1 < best) best = table[i - 1][j] + 1;
            if (table[i][j - 1] + 1 < best) best = table[i][j - 1] + 1;
            table[i][j] = best;
        }
    return table[n][m];
}

static void edit_distance(void **state) {
    (void)state;
    assert_int_equal(ct_edit_distance("", "", 3), 0);
    assert_int_equal(ct_edit_distance("kitten", "sitting", 5), 3);
    assert_int_equal(ct_edit_distance("kitten", "sitting", 2), 3); /* limit + 1: too far */
    assert_int_equal(ct_edit_distance("dim", "", 9), 3);
    assert_int_equal(ct_edit_distance("a", "b", 0), 1);
    assert_int_equal(ct_edit_distance("a", "a", -5), 0);
    assert_int_equal(ct_edit_distance("platform", "platfrom", 2), 2);
    ct_rng r = ct_rng_make(1, 0, 0);
    for (int trial = 0; trial < 20000; trial++) {
        char a[32], b[32];
        const size_t n = ct_rng_below(&r, 14), m = ct_rng_below(&r, 14);
        for (size_t i = 0; i < n; i++) a[i] = (char)('a' + ct_rng_below(&r, 3));
        for (size_t i = 0; i < m; i++) b[i] = (char)('a' + ct_rng_below(&r, 3));
        a[n] = b[m] = '\0';
        const int limit = (int)ct_rng_below(&r, 16), want = full_distance(a, b);
        const int got = ct_edit_distance(a, b, limit);
        if (got != (want <= limit ? want : limit + 1))
            fail_msg("'%s' '%s' limit %d: %d, want %d", a, b, limit, got, want);
        if (got != ct_edit_distance(b, a, limit)) fail_msg("'%s' '%s' is not symmetric", a, b);
    }
}

static void edit_distance_of_long_texts(void **state) {
    (void)state;
    enum { N = 3000 };
    char *a = malloc(N + 1), *b = malloc(N + 1);
    for (int i = 0; i < N; i++) a[i] = (char)('a' + i % 7), b[i] = (char)('A' + i % 7);
    a[N] = b[N] = '\0';
    assert_int_equal(ct_edit_distance(a, b, 3), 4);
    assert_int_equal(ct_edit_distance(a, b, 1 << 30), N);
    test_alloc_install();
    test_alloc_fail_at(1);
    assert_int_equal(ct_edit_distance(a, b, N), N + 1); /* without memory everything is far */
    test_alloc_uninstall();
    free(a);
    free(b);
}

/* ---- numbers
 * ------------------------------------------------------------------------------------------------- */

static void parse_i64(void **state) {
    (void)state;
    const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"+7", 7},
                {"007", 7},
                {"-12", -12},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value = 99;
        assert_true(ct_parse_i64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    const char *const bad[] = {"",
                               "-",
                               "+",
                               " 1",
                               "1 ",
                               "1.0",
                               "0x10",
                               "1e3",
                               "--1",
                               "+-1",
                               "9223372036854775808",
                               "-9223372036854775809",
                               "99999999999999999999999",
                               "one",
                               "\n1",
                               "1_000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 99;
        if (ct_parse_i64(bad[i], &value)) fail_msg("'%s' was taken", bad[i]);
        assert_true(value == 99);
    }
}

static void check_parse_f64(void) {
    const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},       {"-1.5", -1.5}, {"+2", 2},    {"1e3", 1000},    {"1E-3", 0.001},
                {".5", 0.5},    {"5.", 5.0},    {"0.1", 0.1}, {"1e308", 1e308}, {"4.9e-324", 4.9e-324},
                {"1e-400", 0.0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 99;
        if (!ct_parse_f64(good[i].text, &value) || value != good[i].value) fail_msg("'%s'", good[i].text);
    }
    const char *const bad[] = {"",      " 1",     "1 ",    "1,5", "inf", "-inf",     "nan",
                               "NAN",   "0x1p3",  "1e",    "e5",  ".",   "-",        "1.2.3",
                               "1e309", "-1e999", "1e5.5", "--1", "1-",  "infinity", "\t1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 99;
        if (ct_parse_f64(bad[i], &value)) fail_msg("'%s' was taken", bad[i]);
        assert_true(value == 99);
    }
}

static void parse_f64(void **state) {
    (void)state;
    check_parse_f64();
}

/* A locale with a decimal comma: skipped where the system has none. */
static void numbers_do_not_follow_the_locale(void **state) {
    (void)state;
    const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "fr_FR.UTF-8",
                                 "nl_NL.UTF-8", "pt_BR.UTF-8", "de_DE"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) found = setlocale(LC_ALL, names[i]);
    if (!found) skip();
    char text[16];
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* or the test would show nothing */
    check_parse_f64();
    ct_str s = {0};
    assert_int_equal(ct_str_printf(&s, NULL, "%.1f", 0.5), CT_OK);
    assert_string_equal(ct_str_text(&s), "0.5");
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* the caller's locale is back */
    ct_str_free(&s);
    setlocale(LC_ALL, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(string_grows),
        cmocka_unit_test(string_without_memory_stays),
        cmocka_unit_test(valid_utf8),
        cmocka_unit_test(invalid_utf8),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(edit_distance),
        cmocka_unit_test(edit_distance_of_long_texts),
        cmocka_unit_test(parse_i64),
        cmocka_unit_test(parse_f64),
        cmocka_unit_test(numbers_do_not_follow_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
