/* Errors: the first one wins, long texts are cut, context goes in front. And log messages, which share the
 * format. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

#include "base/error.h"
#include "base/log.h"

static void fail_records_the_first(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_fail(&err, CT_ERR_IO, "table '%s': %d", "a", 7), CT_ERR_IO);
    assert_int_equal(err.status, CT_ERR_IO);
    assert_string_equal(err.text, "table 'a': 7");
    assert_int_equal(ct_fail(&err, CT_ERR_DATA, "another"), CT_ERR_DATA); /* the caller's status is its own */
    assert_int_equal(err.status, CT_ERR_IO);
    assert_string_equal(err.text, "table 'a': 7");
    ct_error_clear(&err);
    assert_int_equal(err.status, CT_OK);
    assert_string_equal(err.text, "");
    ct_fail(&err, CT_ERR_DATA, "another");
    assert_string_equal(err.text, "another");
}

static void null_error_is_accepted(void **state) {
    (void)state;
    assert_int_equal(ct_fail(NULL, CT_ERR_SHAPE, "x"), CT_ERR_SHAPE);
    ct_error_prefix(NULL, "x");
    ct_error_clear(NULL);
}

static void prefix_goes_in_front(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_error_prefix(&err, "row %d", 3); /* nothing to explain: nothing happens */
    assert_string_equal(err.text, "");
    ct_fail(&err, CT_ERR_DATA, "no id");
    ct_error_prefix(&err, "row %d", 3);
    ct_error_prefix(&err, "file '%s'", "u.csv");
    assert_string_equal(err.text, "file 'u.csv': row 3: no id");
    assert_int_equal(err.status, CT_ERR_DATA);
}

static void long_texts_are_cut(void **state) {
    (void)state;
    char text[5000];
    for (size_t fill = 0; fill < 4; fill++) { /* whatever the phase, no UTF-8 sequence is cut in two */
        ct_error err = CT_ERROR_INIT;
        memset(text, 'x', fill);
        for (size_t i = fill; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xE2\x82\xAC", 4);
        ct_fail(&err, CT_ERR_DATA, "%s", text);
        const size_t n = strlen(err.text);
        assert_true(n < sizeof err.text && n >= sizeof err.text - 4);
        assert_string_equal(err.text + n - 3, "...");
        assert_int_equal((n - 3 - fill) % 3, 0);
        ct_error_prefix(&err, "context");
        assert_memory_equal(err.text, "context: ", 9);
        assert_string_equal(err.text + strlen(err.text) - 3, "...");
        assert_true(strlen(err.text) < sizeof err.text);
    }
}

static void a_text_that_just_fits_is_whole(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    char text[sizeof err.text];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    ct_fail(&err, CT_ERR_DATA, "%s", text);
    assert_string_equal(err.text, text);
}

static void every_status_has_a_name(void **state) {
    (void)state;
    for (int i = CT_OK; i <= CT_ERR_INTERNAL; i++) {
        const char *name = ct_status_name((ct_status)i);
        assert_memory_equal(name, "CT_", 3);
        for (int j = CT_OK; j < i; j++) assert_string_not_equal(name, ct_status_name((ct_status)j));
    }
    assert_non_null(ct_status_name((ct_status)999));
    assert_string_equal(ct_status_name(CT_ERR_IO), "CT_ERR_IO");
}

static ct_status tried(int fail, int *cleaned) {
    ct_status st;
    CT_TRY(fail ? CT_ERR_IO : CT_OK, st, done);
    *cleaned += 10;
done:
    *cleaned += 1;
    return st;
}

static ct_status checked(ct_status first) {
    CT_CHECK(first);
    return CT_ERR_INTERNAL;
}

static void macros_pass_on(void **state) {
    (void)state;
    int cleaned = 0;
    assert_int_equal(tried(1, &cleaned), CT_ERR_IO);
    assert_int_equal(cleaned, 1);
    assert_int_equal(tried(0, &cleaned), CT_OK);
    assert_int_equal(cleaned, 12);
    assert_int_equal(checked(CT_ERR_MEMORY), CT_ERR_MEMORY);
    assert_int_equal(checked(CT_OK), CT_ERR_INTERNAL);
}

typedef struct heard {
    int n;
    ct_log_level level;
    char text[4200];
} heard;

static void hear(void *ctx, ct_log_level level, const char *text) {
    heard *h = ctx;
    h->n++;
    h->level = level;
    snprintf(h->text, sizeof h->text, "%s", text);
}

static void log_goes_to_the_sink(void **state) {
    (void)state;
    static heard h;
    static char text[6000];
    ct_log(CT_LOG_WARNING, "nobody listens %d", 1);
    ct_log_set_sink(hear, &h);
    ct_log(CT_LOG_WARNING, "loss %.2f", 0.5);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.level, CT_LOG_WARNING);
    assert_string_equal(h.text, "loss 0.50");
    memset(text, 'z', sizeof text - 1);
    ct_log(CT_LOG_DEBUG, "%s", text);
    assert_int_equal(h.level, CT_LOG_DEBUG);
    assert_string_equal(h.text + strlen(h.text) - 4, "z...");
    ct_log_set_sink(NULL, NULL);
    ct_log(CT_LOG_INFO, "nobody again");
    assert_int_equal(h.n, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_records_the_first),
        cmocka_unit_test(null_error_is_accepted),
        cmocka_unit_test(prefix_goes_in_front),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_text_that_just_fits_is_whole),
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(macros_pass_on),
        cmocka_unit_test(log_goes_to_the_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
