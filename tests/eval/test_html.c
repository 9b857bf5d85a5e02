/* The report as a page: well-formed whatever it is made of, nothing from outside, pictures, and what it says. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "data/picture.h"
#include "eval/html_parts.h"
#include "run/session.h"
#include "tests/eval/html_check.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

enum { SIZE = 130 }; /* of the pictures: more than the page shows */

static char *folder;
static ct_config *config;
static ct_session session;
static ct_eval_report report;

/* Every "camera" of the small project becomes markup: in titles, texts, reviews, profiles. */
static void spoil_texts(void) {
    static const char *const files[] = {"shop/items.csv", "shop/users.csv", "shop/interactions.csv", "video/items.csv",
                                        "video/interactions.csv"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[700];
        ct_str spoiled = {0};
        snprintf(path, sizeof path, "%s", test_path(folder, files[i]));
        char *text = test_read_text(path), *rest = text;
        for (char *at; (at = strstr(rest, "camera")) != NULL; rest = at + 6) {
            ct_str_append(&spoiled, rest, (size_t)(at - rest), NULL);
            ct_str_puts(&spoiled, "<script>alert('1')</script>&\x01", NULL);
        }
        ct_str_puts(&spoiled, rest, NULL);
        test_write_text(path, ct_str_text(&spoiled));
        ct_str_free(&spoiled);
        free(text);
    }
}

static int set_up(void **state) {
    ct_error err = CT_ERROR_INIT;
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    spoil_texts();
    config = tiny_config(folder, NULL);
    tiny_train(config, NULL);
    if (ct_run_evaluate(config, NULL, "test", NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    if (ct_session_open_weights(&session, config, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    const ct_eval_options options = {.stage = CT_STAGE_TEST, .floors = true, .compare = true, .examples = 3};
    if (ct_evaluate_model(session.model, session.data, &session.split, config, &options, NULL, NULL, &report, &err) !=
        CT_OK)
        fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state) {
    ct_eval_report_free(&report);
    ct_session_close(&session);
    ct_config_close(config);
    return test_dir_teardown(state);
}

static ct_html_run run_of(const char *metrics) {
    return (ct_html_run){.weights = "/a folder/<best>.safetensors", .step = 1234567, .n_parameters = 1,
                         .device = ct_device_get_info(session.device), .metrics = metrics};
}

/* The page of a report, checked; to be freed. */
static char *page_of(const ct_eval_report *r, const ct_html_run *run) {
    ct_str page = {0};
    ct_error err = CT_ERROR_INIT;
    if (ct_eval_report_html(r, session.data, &session.split, config, run, &page, &err) != CT_OK) fail_msg("%s", err.text);
    char *text = strdup(ct_str_text(&page));
    ct_str_free(&page);
    html_expect_good(text);
    return text;
}

static void expect(const char *page, const char *says) {
    if (!strstr(page, says)) fail_msg("the page does not say '%s'", says);
}

/* ---- the checker itself -------------------------------------------------------------------------------------- */

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

/* ---- pieces --------------------------------------------------------------------------------------------------- */

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

/* ---- pictures ------------------------------------------------------------------------------------------------- */

static uint8_t rgb[SIZE * SIZE * 3];

static void draw(void) {
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            for (int c = 0; c < 3; c++) rgb[(y * SIZE + x) * 3 + c] = (uint8_t)(c == 0 ? x : c == 1 ? y : 255 - x);
}

static void what_is_written_is_a_png(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 33, SIZE};
    draw();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int n = sizes[i];
        ct_str png = {0};
        ct_error err = CT_ERROR_INIT;
        ct_picture_scratch scratch = {0};
        uint8_t *back = calloc((size_t)(n * n), 3);
        assert_int_equal(ct__png_write(rgb, n, n, &png, NULL), CT_OK);
        if (ct_picture_decode(png.data, png.length, n, back, &scratch, &err) != CT_OK) fail_msg("%s", err.text);
        assert_memory_equal(back, rgb, (size_t)(n * n) * 3);
        ct_picture_scratch_free(&scratch);
        ct_str_free(&png);
        free(back);
    }
    ct_str png = {0};
    assert_int_equal(ct__png_write(rgb, 0, 5, &png, NULL), CT_ERR_ARGUMENT);
    assert_int_equal(ct__png_write(rgb, 5, 1 << 20, &png, NULL), CT_ERR_ARGUMENT);
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
    draw();
    ct__put_picture(&p, rgb, SIZE, "a \"picture\"");
    const char *at = strstr(ct_str_text(&out), "base64,");
    assert_non_null(at);
    expect(ct_str_text(&out), "alt=\"a &quot;picture&quot;\"");
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
    ct__put_picture(&p, NULL, SIZE, "none");
    assert_string_equal(ct_str_text(&out), "<span class=\"pic none\"></span>");
    ct_str_free(&out);
}

static const uint8_t *picture_of(const ct_dataset *data, int32_t item) {
    assert_true(item >= 0 && item < data->n_items);
    return item % 2 ? rgb : NULL;
}

static void a_page_with_pictures(void **state) {
    (void)state;
    char metrics[700];
    snprintf(metrics, sizeof metrics, "%s", test_path(folder, "run/metrics.jsonl"));
    ct_html_run run = run_of(metrics);
    char *plain = page_of(&report, &run);
    assert_int_equal(html_count(plain, "class=\"pic"), 0);
    assert_int_equal(html_count(plain, ">picture<"), 0);
    run.picture = picture_of;
    run.picture_size = SIZE;
    char *page = page_of(&report, &run);
    assert_true(html_count(page, "<img class=\"pic\"") > 10);
    assert_true(html_count(page, "<span class=\"pic none\">") > 10);
    assert_int_equal(html_count(page, ">picture<"), 6); /* three users on each of two platforms */
    free(plain);
    free(page);
}

/* ---- the page of a run ---------------------------------------------------------------------------------------- */

static void eval_writes_the_page_beside_the_json(void **state) {
    (void)state;
    char *page = test_read_text(test_path(folder, "run/reports/eval-test.html"));
    assert_non_null(page);
    html_expect_good(page);
    expect(page, "<title>tiny: test report</title>");
    expect(page, "test, split by global time");
    expect(page, "3 platforms, 84 users, 60 items");
    expect(page, "best.safetensors, step ");
    static const char *const headings[] = {"<h2>shop</h2>", "<h2>video</h2>", "<h2>news</h2>", "<h2>Training</h2>"};
    for (size_t i = 0; i < 4; i++) expect(page, headings[i]);
    assert_int_equal(html_count(page, "<figure class=\"chart\">"), 3);
    assert_true(html_count(page, "<polyline") >= 3);
    expect(page, "ndcg@10 in validation");
    expect(page, "popularity");
    expect(page, "item-kNN");
    expect(page, "from video");
    expect(page, "class=\"whisker\"");
    assert_int_equal(html_count(page, "<article class=\"user\">"), 2 * CT_HTML_EXAMPLES); /* nobody is asked on news */
    assert_int_equal(html_count(page, "Nobody here has something to find"), 1);
    assert_true(html_count(page, "手机") + html_count(page, "音乐") > 0);
    /* The same evaluation twice is the same page. */
    ct_error err = CT_ERROR_INIT;
    if (ct_run_evaluate(config, NULL, "test", NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    char *again = test_read_text(test_path(folder, "run/reports/eval-test.html"));
    assert_string_equal(page, again);
    free(again);
    free(page);
}

static void markup_in_texts_is_text(void **state) {
    (void)state;
    char *page = test_read_text(test_path(folder, "run/reports/eval-test.html"));
    assert_null(strstr(page, "<script"));
    expect(page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;\xEF\xBF\xBD");
    free(page);
    const ct_html_run run = run_of("nowhere");
    page = page_of(&report, &run);
    expect(page, "&lt;best&gt;.safetensors, step 1,234,567");
    free(page);
}

/* The examples show what the report holds. */
static void examples_are_those_of_the_report(void **state) {
    (void)state;
    const ct_html_run run = run_of("nowhere");
    char *page = page_of(&report, &run), line[128];
    int hits = 0;
    for (int p = 0; p < report.n_platforms; p++)
        for (int i = 0; i < report.platforms[p].n_examples; i++) {
            const ct_example *e = &report.platforms[p].examples[i];
            int found = 0;
            for (int k = 0; k < e->n_items; k++) found += e->hit[k];
            snprintf(line, sizeof line, "%d of %d found in the top 10", found, e->n_targets);
            expect(page, line);
            for (int32_t k = 0; k < e->n_targets && k < 8; k++) {
                snprintf(line, sizeof line, "rank %.10g</span>", e->rank[k]);
                expect(page, line);
            }
            hits += found;
        }
    assert_int_equal(html_count(page, "<span class=\"chip hit\">hit</span>"), hits);
    assert_int_equal(html_count(page, "<tr class=\"hit\">"), hits);
    free(page);
}

/* ---- odd runs ------------------------------------------------------------------------------------------------- */

static void a_run_without_metrics(void **state) {
    (void)state;
    ct_html_run run = run_of("nowhere/<metrics>");
    char *page = page_of(&report, &run);
    expect(page, "No curves: metrics.jsonl of the run folder could not be read (No such file or directory)");
    assert_int_equal(html_count(page, "<polyline"), 0);
    free(page);
    run.metrics = folder;
    page = page_of(&report, &run);
    expect(page, "could not be read (Is a directory)");
    free(page);
    char path[700];
    snprintf(path, sizeof path, "%s", test_path(folder, "empty.jsonl"));
    test_write_text(path, "");
    run.metrics = path;
    page = page_of(&report, &run);
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
    snprintf(path, sizeof path, "%s", test_path(folder, "odd.jsonl"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        test_write_text(path, files[i]);
        const ct_html_run run = run_of(path);
        char *page = page_of(&report, &run);
        assert_true(html_count(page, "<polyline") > 0);
        if (i == 4) {
            expect(page, "1 of 2 lines of metrics.jsonl could not be read");
            expect(page, "2 values were absent, not finite or too large"); /* 1e308, and news */
        }
        free(page);
    }
}

/* Figures of every kind in the place of the real ones. */
static void huge_and_missing_values(void **state) {
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 1e-300, 0.0};
    const ct_html_run run = run_of("nowhere");
    ct_slice *s = &report.platforms[0].slices[0];
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
            free(page_of(&report, &run));
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
    const ct_html_run run = run_of("nowhere");
    ct_eval_report empty = {.protocol = "none", .stage = CT_STAGE_VALID};
    char *page = page_of(&empty, &run);
    expect(page, "<title>tiny: validation report</title>");
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
    page = page_of(&empty, &run);
    expect(page, "<h2>&lt;none&gt;</h2>");
    expect(page, "Nobody here has something to find");
    free(page);
    empty.n_at = 0;
    free(page_of(&empty, &run));
}

static void a_lack_of_memory_is_an_error(void **state) {
    (void)state;
    char metrics[700];
    snprintf(metrics, sizeof metrics, "%s", test_path(folder, "run/metrics.jsonl"));
    ct_html_run run = run_of(metrics);
    run.picture = picture_of;
    run.picture_size = SIZE;
    test_alloc_install();
    uint64_t nth = 1;
    for (;; nth++) {
        ct_str page = {0};
        const int64_t before = test_alloc_live();
        test_alloc_fail_at(nth);
        const ct_status st = ct_eval_report_html(&report, session.data, &session.split, config, &run, &page, NULL);
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
        cmocka_unit_test(the_checker_can_fail),
        cmocka_unit_test(texts_are_escaped_and_cut),
        cmocka_unit_test(numbers_are_readable),
        cmocka_unit_test(what_is_written_is_a_png),
        cmocka_unit_test(pictures_are_reduced),
        cmocka_unit_test(a_page_with_pictures),
        cmocka_unit_test(eval_writes_the_page_beside_the_json),
        cmocka_unit_test(markup_in_texts_is_text),
        cmocka_unit_test(examples_are_those_of_the_report),
        cmocka_unit_test(a_run_without_metrics),
        cmocka_unit_test(curves_of_all_sizes),
        cmocka_unit_test(huge_and_missing_values),
        cmocka_unit_test(empty_reports),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
