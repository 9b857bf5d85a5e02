/* The report as a page: well-formed, nothing from outside, and what it says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/eval/html_check.h"
#include "tests/eval/html_page.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void eval_writes_the_page_beside_the_json(void **state) {
    (void)state;
    char *page = test_read_text(test_path(html_folder, "run/reports/eval-test.html"));
    assert_non_null(page);
    html_expect_good(page);
    html_expect(page, "<title>tiny: test report</title>");
    html_expect(page, "test, split by global time");
    html_expect(page, "3 platforms, 84 users, 60 items");
    html_expect(page, "best.safetensors, step ");
    static const char *const headings[] = {"<h2>shop</h2>", "<h2>video</h2>", "<h2>news</h2>", "<h2>Training</h2>"};
    for (size_t i = 0; i < 4; i++) html_expect(page, headings[i]);
    assert_int_equal(html_count(page, "<figure class=\"chart\">"), 3);
    assert_true(html_count(page, "<polyline") >= 3);
    html_expect(page, "ndcg@10 in validation");
    html_expect(page, "popularity");
    html_expect(page, "item-kNN");
    html_expect(page, "from video");
    html_expect(page, "class=\"whisker\"");
    assert_int_equal(html_count(page, "<article class=\"user\">"), 2 * CT_HTML_EXAMPLES); /* nobody is asked on news */
    assert_int_equal(html_count(page, "Nobody here has something to find"), 1);
    assert_true(html_count(page, "手机") + html_count(page, "音乐") > 0);
    /* The same evaluation twice is the same page. */
    ct_error err = CT_ERROR_INIT;
    if (ct_run_evaluate(html_config, NULL, "test", NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    char *again = test_read_text(test_path(html_folder, "run/reports/eval-test.html"));
    assert_string_equal(page, again);
    free(again);
    free(page);
}

static void markup_in_texts_is_text(void **state) {
    (void)state;
    char *page = test_read_text(test_path(html_folder, "run/reports/eval-test.html"));
    assert_null(strstr(page, "<script"));
    html_expect(page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;\xEF\xBF\xBD");
    free(page);
    const ct_html_run run = html_run_of("nowhere");
    page = html_page_of(&html_report, &run);
    html_expect(page, "&lt;best&gt;.safetensors, step 1,234,567");
    free(page);
}

/* The examples show what the report holds. */
static void examples_are_those_of_the_report(void **state) {
    (void)state;
    const ct_html_run run = html_run_of("nowhere");
    char *page = html_page_of(&html_report, &run), line[128];
    int hits = 0;
    for (int p = 0; p < html_report.n_platforms; p++)
        for (int i = 0; i < html_report.platforms[p].n_examples; i++) {
            const ct_example *e = &html_report.platforms[p].examples[i];
            int found = 0;
            for (int k = 0; k < e->n_items; k++) found += e->hit[k];
            snprintf(line, sizeof line, "%d of %d found in the top 10", found, e->n_targets);
            html_expect(page, line);
            for (int32_t k = 0; k < e->n_targets && k < 8; k++) {
                snprintf(line, sizeof line, "rank %.10g</span>", e->rank[k]);
                html_expect(page, line);
            }
            hits += found;
        }
    assert_int_equal(html_count(page, "<span class=\"chip hit\">hit</span>"), hits);
    assert_int_equal(html_count(page, "<tr class=\"hit\">"), hits);
    free(page);
}

static void a_page_with_pictures(void **state) {
    (void)state;
    char metrics[700];
    snprintf(metrics, sizeof metrics, "%s", test_path(html_folder, "run/metrics.jsonl"));
    ct_html_run run = html_run_of(metrics);
    char *plain = html_page_of(&html_report, &run);
    assert_int_equal(html_count(plain, "class=\"pic"), 0);
    assert_int_equal(html_count(plain, ">picture<"), 0);
    run.picture = html_picture_of;
    run.picture_size = HTML_SIDE;
    char *page = html_page_of(&html_report, &run);
    assert_true(html_count(page, "<img class=\"pic\"") > 10);
    assert_true(html_count(page, "<span class=\"pic none\">") > 10);
    assert_int_equal(html_count(page, ">picture<"), 6); /* three users on each of two platforms */
    free(plain);
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_writes_the_page_beside_the_json),
        cmocka_unit_test(markup_in_texts_is_text),
        cmocka_unit_test(examples_are_those_of_the_report),
        cmocka_unit_test(a_page_with_pictures),
    };
    return cmocka_run_group_tests(tests, html_set_up, html_tear_down);
}
