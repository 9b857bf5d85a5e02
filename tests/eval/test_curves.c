/* metrics.jsonl as curves: what is drawn, what is skipped, and that a long file costs no more than a short one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "eval/curves.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

static const char *const names[] = {"shop", "vid\"eo"};

static ct_curves read_text(const char *dir, const char *text) {
    ct_curves c;
    test_write_text(test_path(dir, "metrics.jsonl"), text);
    assert_int_equal(ct_curves_read(&c, test_path(dir, "metrics.jsonl"), "ndcg@10", names, 2, NULL), CT_OK);
    return c;
}

static void expect_curve(const ct_curve *c, int n, const double *steps, const double *values) {
    assert_int_equal(c->n, n);
    for (int i = 0; i < n; i++) {
        assert_true(c->step[i] == steps[i]);
        assert_true(fabs(c->value[i] - values[i]) <= 1e-12);
    }
}

static void lines_become_points(void **state) {
    ct_curves c = read_text(*state,
        "{\"kind\":\"train\",\"step\":5,\"loss\":2.5,\"temperature\":0.07}\n"
        "{\"kind\":\"train\",\"step\":10,\"loss\":2,\"temperature\":0.08}\n"
        "\n"
        "{\"kind\":\"valid\",\"step\":10,\"ndcg@10\":0.3,\"platforms\":{\"shop\":{\"ndcg@10\":0.2},\"vid\\\"eo\":"
        "{\"ndcg@10\":0.4}}}\n"
        "{\"kind\":\"train\",\"step\":15,\"loss\":1.5,\"temperature\":0.09}"); /* no line feed */
    assert_true(c.found);
    assert_true(c.n_lines == 4 && c.n_broken == 0 && c.n_not_finite == 0);
    expect_curve(&c.loss, 3, (double[]){5, 10, 15}, (double[]){2.5, 2.0, 1.5});
    expect_curve(&c.temperature, 3, (double[]){5, 10, 15}, (double[]){0.07, 0.08, 0.09});
    assert_int_equal(c.n_valid, 2);
    expect_curve(&c.valid[0], 1, (double[]){10}, (double[]){0.2});
    expect_curve(&c.valid[1], 1, (double[]){10}, (double[]){0.4});
    assert_string_equal(c.valid[1].name, "vid\"eo");
    ct_curves_free(&c);
    ct_curves_free(&c);
}

static void broken_lines_are_skipped_and_counted(void **state) {
    ct_curves c = read_text(*state,
        "{\"kind\":\"train\",\"step\":1,\"loss\":3,\"temperature\":1}\n"
        "{\"kind\":\"train\",\"step\":2,\"loss\":\n"
        "no JSON at all\n"
        "[1, 2]\n"
        "{\"kind\":\"train\",\"loss\":3}\n"
        "{\"kind\":\"train\",\"step\":\"7\",\"loss\":3}\n"
        "{\"kind\":\"train\",\"step\":1e31,\"loss\":3}\n"
        "{\"step\":3,\"loss\":3}\n"
        "{\"kind\":\"other\",\"step\":3}\n"
        "{\"kind\":\"valid\",\"step\":3}\n"
        "{\"kind\":\"valid\",\"step\":3,\"platforms\":[]}\n"
        "\xff\xfe\n"
        "{\"kind\":\"train\",\"step\":4,\"loss\":2,\"temperature\":1}\n");
    assert_true(c.found && c.n_lines == 13 && c.n_broken == 11);
    expect_curve(&c.loss, 2, (double[]){1, 4}, (double[]){3, 2});
    assert_int_equal(c.valid[0].n, 0);
    ct_curves_free(&c);
}

static void values_that_cannot_be_drawn_are_counted(void **state) {
    ct_curves c = read_text(*state,
        "{\"kind\":\"train\",\"step\":1,\"loss\":null,\"temperature\":0.1}\n"
        "{\"kind\":\"train\",\"step\":2,\"loss\":1e300,\"temperature\":-1e29}\n"
        "{\"kind\":\"train\",\"step\":3,\"loss\":\"low\",\"temperature\":1e29}\n"
        "{\"kind\":\"train\",\"step\":4}\n"
        "{\"kind\":\"valid\",\"step\":4,\"platforms\":{\"shop\":{\"ndcg@10\":0.5}}}\n"
        "{\"kind\":\"valid\",\"step\":5,\"platforms\":{\"shop\":3,\"vid\\\"eo\":{\"mrr\":1}}}\n");
    assert_int_equal(c.n_broken, 0);
    assert_int_equal(c.n_not_finite, 3 + 2 + 1 + 2);
    assert_int_equal(c.loss.n, 0);
    assert_int_equal(c.temperature.n, 3);
    assert_int_equal(c.valid[0].n, 1);
    ct_curves_free(&c);
}

static void lines_may_be_long(void **state) {
    ct_str text = {0};
    const char *path = test_path(*state, "metrics.jsonl");
    ct_curves c;
    char *pad = calloc(1, 70001);
    memset(pad, ' ', 70000);
    ct_str_printf(&text, NULL, "{\"kind\":\"train\",\"step\":1,%.60000s\"loss\":3,\"temperature\":1}\n", pad);
    ct_str_printf(&text, NULL, "{\"kind\":\"train\",\"step\":2,%.70000s\"loss\":3,\"temperature\":1}\n", pad);
    ct_str_puts(&text, "{\"kind\":\"train\",\"step\":3,\"loss\":2,\"temperature\":1}\n", NULL);
    ct_str_puts(&text, pad, NULL); /* and no line feed */
    test_write_file(path, text.data, text.length);
    assert_int_equal(ct_curves_read(&c, path, "mrr", names, 0, NULL), CT_OK);
    assert_true(c.n_lines == 4 && c.n_broken == 2);
    expect_curve(&c.loss, 2, (double[]){1, 3}, (double[]){3, 2});
    ct_curves_free(&c);
    ct_str_free(&text);
    free(pad);
}

/* 100,000 values on a straight line stay on it, in order, at most 400 of them, with their mean. */
static void long_runs_are_merged(void **state) {
    enum { N = 100000 };
    const char *path = test_path(*state, "long.jsonl");
    FILE *f = fopen(path, "w");
    for (int i = 0; i < N; i++)
        fprintf(f, "{\"kind\":\"train\",\"step\":%d,\"loss\":%.4f,\"temperature\":1}\n", i, 2.0 * i + 3.0);
    fclose(f);
    ct_curves c;
    assert_int_equal(ct_curves_read(&c, path, "ndcg@10", names, 2, NULL), CT_OK);
    assert_int_equal(c.n_lines, N);
    assert_in_range(c.loss.n, CT_CURVE_POINTS / 2 - 1, CT_CURVE_POINTS);
    assert_true(c.loss.merged * CT_CURVE_POINTS >= N);
    double sum = 0.0, weight = 0.0;
    for (int i = 0; i < c.loss.n; i++) {
        assert_true(fabs(c.loss.value[i] - (2.0 * c.loss.step[i] + 3.0)) <= 1e-6);
        if (i > 0) assert_true(c.loss.step[i] > c.loss.step[i - 1]);
        const double w = i + 1 < c.loss.n ? (double)c.loss.merged : N - weight;
        sum += w * c.loss.value[i];
        weight += w;
    }
    assert_true(fabs(sum / weight - (N - 1 + 3.0)) <= 1e-3);
    ct_curves_free(&c);
}

static void a_file_that_is_not_there_is_told(void **state) {
    ct_curves c;
    assert_int_equal(ct_curves_read(&c, test_path(*state, "none"), "mrr", names, 2, NULL), CT_OK);
    assert_false(c.found);
    assert_non_null(strstr(c.why, "No such file"));
    assert_int_equal(c.n_valid, 2);
    ct_curves_free(&c);
    assert_int_equal(ct_curves_read(&c, *state, "mrr", names, 2, NULL), CT_OK); /* a folder */
    assert_false(c.found);
    assert_int_equal(c.loss.n, 0);
    ct_curves_free(&c);
    c = read_text(*state, "");
    assert_true(c.found && c.n_lines == 0 && c.loss.n == 0);
    ct_curves_free(&c);
}

static void a_lack_of_memory_is_an_error(void **state) {
    test_write_text(test_path(*state, "m"), "{\"kind\":\"train\",\"step\":1,\"loss\":3,\"temperature\":1}\n");
    test_alloc_install();
    for (uint64_t nth = 1;; nth++) {
        ct_curves c;
        test_alloc_fail_at(nth);
        const ct_status st = ct_curves_read(&c, test_path(*state, "m"), "mrr", names, 2, NULL);
        test_alloc_fail_at(0);
        if (st == CT_OK) ct_curves_free(&c);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_points),
        cmocka_unit_test(broken_lines_are_skipped_and_counted),
        cmocka_unit_test(values_that_cannot_be_drawn_are_counted),
        cmocka_unit_test(lines_may_be_long),
        cmocka_unit_test(long_runs_are_merged),
        cmocka_unit_test(a_file_that_is_not_there_is_told),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
