/* What the page is made of: the checker that the tests use, texts, numbers, pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture.h"
#include "tests/eval/html_check.h"
#include "tests/eval/html_page.h"
#include "tests/support/cmocka.h"

static void the_checker_can_fail(void **state) {
    (void)state;
    static const char *const bad[] = {"<p>",         "</p>",          "<p></q>",       "<p>a & b</p>", "<p>&nbsp;</p>",
                                      "<p a=1></p>", "<p a=\"<\"></p>", "<p>1 > 0</p>", "<p>< b</p>",   "<p a=\"\" a=\"\"></p>",
                                      "<p a=\"",      "<p>\x01</p>",   "<p>\xff</p>",   "<br>",         "<p"};
    char page[128], why[256];
    assert_true(html_well_formed("<!DOCTYPE html>\n<p a=\"&lt;\">1 &amp; 2<br /></p>\n", why, sizeof why));
    assert_false(html_well_formed("<p></p>", why, sizeof why));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(page, sizeof page, "<!DOCTYPE html>\n%s", bad[i]);
        if (html_well_formed(page, why, sizeof why)) fail_msg("'%s' passes", bad[i]);
    }
}

static void texts_are_escaped_and_cut(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t most;
        const char *wanted;
    } cases[] = {
        {"", 5, ""},
        {"a<b>&\"'", 50, "a&lt;b&gt;&amp;&quot;&#39;"},
        {"a\tb\nc\rd", 50, "a b c d"},
        {"a\x01\x1f\x7f", 50, "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC2\x85\xC2\xA0", 50, "\xEF\xBF\xBD\xEF\xBF\xBD\xC2\xA0"}, /* a control character; a hard space */
        {"智能手机", 4, "智能手机"},
        {"智能手机", 3, "智能手…"},
        {"<<<<", 2, "&lt;&lt;…"},
        {"\xff\xE6\x99", 50, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF0\x9F\x8E\xB8!", 1, "\xF0\x9F\x8E\xB8…"},
        {"abc", 0, "…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_str out = {0};
        ct__page p = {.out = &out};
        ct__put_text(&p, cases[i].text, cases[i].most);
        if (strcmp(ct_str_text(&out), cases[i].wanted) != 0)
            fail_msg("case %zu: '%s', want '%s'", i, ct_str_text(&out), cases[i].wanted);
        ct_str_free(&out);
    }
}

static void numbers_are_readable(void **state) {
    (void)state;
    ct_str out = {0};
    ct__page p = {.out = &out};
    const int64_t counts[] = {0, 7, 999, 1000, 1234567, -1234, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        ct__put_count(&p, counts[i]);
        ct__put(&p, " ");
    }
    assert_string_equal(ct_str_text(&out), "0 7 999 1,000 1,234,567 -1,234 -9,223,372,036,854,775,808 "
                                           "9,223,372,036,854,775,807 ");
    ct_str_clear(&out);
    const double values[] = {0.05213, NAN, INFINITY, -1e300, 12345.0, 0.0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ct__put_figure(&p, values[i]);
        ct__put(&p, " ");
    }
    assert_string_equal(ct_str_text(&out), "0.0521 – – -1e+300 1.23e+04 0.0000 ");
    ct_str_clear(&out);
    const double shorts[] = {0.0, 250.0, 12500.0, 2.5e6, 1e30, 1e-7, -NAN, 0.075};
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++) {
        ct__put_short(&p, shorts[i]);
        ct__put(&p, " ");
    }
    assert_string_equal(ct_str_text(&out), "0 250 12.5k 2.5M 1e+30 1e-07 – 0.075 ");
    ct_str_clear(&out);
    ct__put_gain(&p, 0.0474);
    ct__put_gain(&p, -1e9);
    ct__put_gain(&p, NAN);
    assert_string_equal(ct_str_text(&out), "+0.0474-1e+09–");
    ct_str_clear(&out);
    char *word = calloc(1, 5001); /* markup of any length */
    memset(word, 'x', 5000);
    ct__put(&p, "<%s>", word);
    assert_int_equal(out.length, 5002);
    free(word);
    ct_str_free(&out);
}

static void what_is_written_is_a_png(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 33, HTML_SIDE};
    html_draw();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int n = sizes[i];
        ct_str png = {0};
        ct_error err = CT_ERROR_INIT;
        ct_picture_scratch scratch = {0};
        uint8_t *back = calloc((size_t)(n * n), 3);
        assert_int_equal(ct__png_write(html_rgb, n, n, &png, NULL), CT_OK);
        if (ct_picture_decode(png.data, png.length, n, back, &scratch, &err) != CT_OK) fail_msg("%s", err.text);
        assert_memory_equal(back, html_rgb, (size_t)(n * n) * 3);
        ct_picture_scratch_free(&scratch);
        ct_str_free(&png);
        free(back);
    }
    ct_str png = {0};
    assert_int_equal(ct__png_write(html_rgb, 0, 5, &png, NULL), CT_ERR_ARGUMENT);
    assert_int_equal(ct__png_write(html_rgb, 5, 1 << 20, &png, NULL), CT_ERR_ARGUMENT);
    ct_str_free(&png);
}

static size_t from_base64(const char *text, unsigned char *out) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    unsigned word = 0;
    for (int i = 0; *text && *text != '"' && *text != '='; text++, i++) {
        const char *at = strchr(letters, *text);
        assert_non_null(at);
        word = word << 6 | (unsigned)(at - letters);
        if (i % 4 != 0) out[n++] = (unsigned char)(word >> (6 - 2 * (i % 4)));
    }
    return n;
}

/* 130 pixels are shown as 43: means of 3 x 3. */
static void pictures_are_reduced(void **state) {
    (void)state;
    ct_str out = {0};
    ct__page p = {.out = &out};
    ct_picture_scratch scratch = {0};
    ct_error err = CT_ERROR_INIT;
    unsigned char bytes[1 << 16];
    uint8_t back[43 * 43 * 3];
    html_draw();
    ct__put_picture(&p, html_rgb, HTML_SIDE, "a \"picture\"");
    const char *at = strstr(ct_str_text(&out), "base64,");
    assert_non_null(at);
    html_expect(ct_str_text(&out), "alt=\"a &quot;picture&quot;\"");
    const size_t n = from_base64(at + 7, bytes);
    if (ct_picture_decode(bytes, n, 43, back, &scratch, &err) != CT_OK) fail_msg("%s", err.text);
    for (int y = 0; y < 43; y++)
        for (int x = 0; x < 43; x++) {
            assert_int_equal(back[(y * 43 + x) * 3], 3 * x + 1); /* the middle of three on a straight line */
            assert_int_equal(back[(y * 43 + x) * 3 + 1], 3 * y + 1);
            assert_int_equal(back[(y * 43 + x) * 3 + 2], 255 - (3 * x + 1));
        }
    ct_picture_scratch_free(&scratch);
    ct_str_clear(&out);
    ct__put_picture(&p, NULL, HTML_SIDE, "none");
    assert_string_equal(ct_str_text(&out), "<span class=\"pic none\"></span>");
    ct_str_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_can_fail),
        cmocka_unit_test(texts_are_escaped_and_cut),
        cmocka_unit_test(numbers_are_readable),
        cmocka_unit_test(what_is_written_is_a_png),
        cmocka_unit_test(pictures_are_reduced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
