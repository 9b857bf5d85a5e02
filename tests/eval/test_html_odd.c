/* The page of odd reports: no metrics, curves of all sizes, values that are huge or missing, nothing at all, no memory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tests/eval/html_check.h"
#include "tests/eval/html_page.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

static void a_run_without_metrics(void **state) {
    (void)state;
    ct_html_run run = html_run_of("nowhere/<metrics>");
    char *page = html_page_of(&html_report, &run);
    html_expect(page, "No curves: metrics.jsonl of the run folder could not be read (No such file or directory)");
    assert_int_equal(html_count(page, "<polyline"), 0);
    free(page);
    run.metrics = html_folder;
    page = html_page_of(&html_report, &run);
    html_expect(page, "could not be read (Is a directory)");
    free(page);
    char path[700];
    snprintf(path, sizeof path, "%s", test_path(html_folder, "empty.jsonl"));
    test_write_text(path, "");
    run.metrics = path;
    page = html_page_of(&html_report, &run);
    assert_int_equal(html_count(page, "No value of it in the file."), 3);
    free(page);
}

static void curves_of_all_sizes(void **state) {
    (void)state;
    static const char *const files[] = {
        "{\"kind\":\"train\",\"step\":0,\"loss\":0,\"temperature\":0}\n",
        "{\"kind\":\"train\",\"step\":7,\"loss\":-1e30,\"temperature\":1e-300}\n"
        "{\"kind\":\"train\",\"step\":1e30,\"loss\":1e30,\"temperature\":2e-300}\n",
        "{\"kind\":\"train\",\"step\":1,\"loss\":1,\"temperature\":1}\n"
        "{\"kind\":\"train\",\"step\":1,\"loss\":1.0000000000000002,\"temperature\":1}\n",
        "{\"kind\":\"train\",\"step\":-5,\"loss\":1e15,\"temperature\":1e29}\n"
        "{\"kind\":\"train\",\"step\":-4,\"loss\":1e15,\"temperature\":-1e29}\n",
        "{\"kind\":\"valid\",\"step\":3,\"platforms\":{\"shop\":{\"ndcg@10\":1e308},\"video\":{\"ndcg@10\":0.5}}}\nbroken\n",
    };
    char path[700];
    snprintf(path, sizeof path, "%s", test_path(html_folder, "odd.jsonl"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        test_write_text(path, files[i]);
        const ct_html_run run = html_run_of(path);
        char *page = html_page_of(&html_report, &run);
        assert_true(html_count(page, "<polyline") > 0);
        if (i == 4) {
            html_expect(page, "1 of 2 lines of metrics.jsonl could not be read");
            html_expect(page, "2 values were absent, not finite or too large"); /* 1e308, and news */
        }
        free(page);
    }
}

/* Figures of every kind in the place of the real ones. */
static void huge_and_missing_values(void **state) {
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 1e-300, 0.0};
    const ct_html_run run = html_run_of("nowhere");
    ct_slice *s = &html_report.platforms[0].slices[0];
    const double model = s->model.ndcg[0], floor_figure = s->popularity.ndcg[0];
    const ct_interval interval = s->model_ndcg[0], gain = s->gain_knn[0];
    const int64_t users = s->model.n_users;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
            s->model.ndcg[0] = odd[i];
            s->popularity.ndcg[0] = odd[k];
            s->model_ndcg[0] = (ct_interval){odd[k], odd[i]};
            s->gain_knn[0] = (ct_interval){odd[i], odd[k]};
            s->model.n_users = INT64_MAX;
            free(html_page_of(&html_report, &run));
        }
    s->model.ndcg[0] = model;
    s->popularity.ndcg[0] = floor_figure;
    s->model_ndcg[0] = interval;
    s->gain_knn[0] = gain;
    s->model.n_users = users;
}

/* A report without platforms, slices, cut-offs or examples. */
static void empty_reports(void **state) {
    (void)state;
    const ct_html_run run = html_run_of("nowhere");
    ct_eval_report empty = {.protocol = "none", .stage = CT_STAGE_VALID};
    char *page = html_page_of(&empty, &run);
    html_expect(page, "<title>tiny: validation report</title>");
    free(page);
    ct_slice nobody = {.name = "all"};
    double zero[2] = {0.0, 0.0};
    const int64_t at[] = {5};
    nobody.model = (ct_metrics){.recall = zero, .ndcg = zero, .hr = zero, .mrr_at = zero, .coverage = zero};
    nobody.popularity = nobody.item_knn = nobody.model;
    ct_platform_report platform = {.name = "<none>", .slices = &nobody, .n_slices = 1};
    empty.platforms = &platform;
    empty.n_platforms = 1;
    empty.at = at;
    empty.n_at = 1;
    page = html_page_of(&empty, &run);
    html_expect(page, "<h2>&lt;none&gt;</h2>");
    html_expect(page, "Nobody here has something to find");
    free(page);
    empty.n_at = 0;
    free(html_page_of(&empty, &run));
}

static void a_lack_of_memory_is_an_error(void **state) {
    (void)state;
    char metrics[700];
    snprintf(metrics, sizeof metrics, "%s", test_path(html_folder, "run/metrics.jsonl"));
    ct_html_run run = html_run_of(metrics);
    run.picture = html_picture_of;
    run.picture_size = HTML_SIDE;
    test_alloc_install();
    uint64_t nth = 1;
    for (;; nth++) {
        ct_str page = {0};
        const int64_t before = test_alloc_live();
        test_alloc_fail_at(nth);
        const ct_status st = ct_eval_report_html(&html_report, html_session.data, &html_session.split, html_config,
                                                 &run, &page, NULL);
        test_alloc_fail_at(0);
        ct_str_free(&page);
        assert_int_equal(test_alloc_live(), before);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    assert_true(nth > 20);
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_without_metrics),
        cmocka_unit_test(curves_of_all_sizes),
        cmocka_unit_test(huge_and_missing_values),
        cmocka_unit_test(empty_reports),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, html_set_up, html_tear_down);
}
