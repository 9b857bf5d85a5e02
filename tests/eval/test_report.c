/* The report of an evaluation as a number, as JSON, as a table; and the bundles that stand beside the model in it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "serve/bundle.h"
#include "tests/eval/tiny_eval.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

/* "eval.compare={NAME: FOLDER/NAME}" */
static const char *compare_key(const char *name) {
    static char text[600];
    snprintf(text, sizeof text, "eval.compare={%s: %s/%s}", name, tiny_folder, name);
    return text;
}

static double metric(const ct_eval_report *r, const char *name) {
    double v = NAN;
    ct_error err = CT_ERROR_INIT;
    if (ct_eval_report_metric(r, name, &v, &err) != CT_OK) fail_msg("%s", err.text);
    return v;
}

static void metrics_have_names(void **state) {
    (void)state;
    static const char *const unknown[] = {
        "ndcg",   "ndcg@7", "ndcg@", "ndcg@10x",
        "auc@10", "mrr@7",  "",      "a name that is longer than any metric's could be@10"};
    ct_session s;
    ct_config *c = tiny_config(tiny_folder, NULL);
    tiny_open(&s, c);
    ct_eval_report r = tiny_evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST});
    const ct_metrics *shop = &r.platforms[0].slices[0].model, *video = &r.platforms[1].slices[0].model;
    /* The platform with nobody to ask does not count. */
    assert_true(metric(&r, "ndcg@10") == (shop->ndcg[1] + video->ndcg[1]) / 2.0);
    assert_true(metric(&r, "recall@5") == (shop->recall[0] + video->recall[0]) / 2.0);
    assert_true(metric(&r, "hr@5") == (shop->hr[0] + video->hr[0]) / 2.0);
    assert_true(metric(&r, "mrr") == (shop->mrr + video->mrr) / 2.0);
    assert_true(metric(&r, "mrr@5") <= metric(&r, "mrr@10") && metric(&r, "mrr@10") < metric(&r, "mrr"));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        double v;
        assert_int_equal(ct_eval_report_metric(&r, unknown[i], &v, NULL), CT_ERR_ARGUMENT);
    }
    ct_eval_report_free(&r);
    ct_session_close(&s);
    ct_config_close(c);
}

static const json_t *at(const json_t *o, const char *a, size_t index, const char *b) {
    const json_t *list = json_object_get(o, a);
    return json_object_get(json_array_get(list, index), b);
}

static void check_json(const ct_eval_report *r) {
    ct_str text = {0};
    assert_int_equal(ct_eval_report_json(r, &text, NULL), CT_OK);
    json_t *root = json_loads(ct_str_text(&text), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "protocol")), r->protocol);
    assert_string_equal(json_string_value(json_object_get(root, "stage")), "test");
    for (int p = 0; p < r->n_platforms; p++) {
        const json_t *o = json_array_get(json_object_get(root, "platforms"), (size_t)p);
        assert_string_equal(json_string_value(json_object_get(o, "platform")), r->platforms[p].name);
        assert_int_equal(json_integer_value(json_object_get(o, "items")), r->platforms[p].n_items);
        assert_int_equal(json_array_size(json_object_get(o, "slices")), r->platforms[p].n_slices);
        for (int i = 0; i < r->platforms[p].n_slices; i++) {
            const ct_slice *s = &r->platforms[p].slices[i];
            const json_t *model = at(o, "slices", (size_t)i, "model"),
                         *knn = at(o, "slices", (size_t)i, "item_knn");
            assert_string_equal(json_string_value(at(o, "slices", (size_t)i, "slice")), s->name);
            assert_int_equal(json_integer_value(json_object_get(model, "users")), s->model.n_users);
            tiny_near(json_real_value(json_object_get(model, "ndcg@10")), s->model.ndcg[1], s->name, "JSON ndcg");
            tiny_near(json_real_value(json_object_get(model, "mrr@5")), s->model.mrr_at[0], s->name, "JSON mrr");
            assert_true(json_is_null(json_object_get(model, "coverage@5")) == isnan(s->model.coverage[0]));
            if (s->model.n_users > 0)
                tiny_near(json_real_value(json_object_get(knn, "recall@5")), s->item_knn.recall[0], s->name, "k");
            const json_t *mine = json_object_get(at(o, "slices", (size_t)i, "compare"), "mine");
            tiny_near(json_real_value(json_object_get(mine, "ndcg@5")), s->compare[0].ndcg[0], s->name,
                 "JSON compare");
            const json_t *pair =
                json_object_get(at(o, "slices", (size_t)i, "intervals_95"), "ndcg_minus_item_knn@10");
            assert_int_equal(json_array_size(pair), 2);
        }
    }
    json_decref(root);
    ct_str_free(&text);
}

static void check_table(const ct_eval_report *r) {
    ct_str text = {0};
    assert_int_equal(ct_eval_report_text(r, &text, NULL), CT_OK);
    const char *t = ct_str_text(&text);
    static const char *const wanted[] = {"protocol: test",
                                         "shop: 30 items",
                                         "video: 24 items",
                                         "news: 6 items, 0 users, 0 targets",
                                         "model",
                                         "popularity",
                                         "item-kNN",
                                         "mine",
                                         "x popularity",
                                         "x item-kNN",
                                         "% of mine",
                                         "% of the catalogue",
                                         "nobody here has something to find",
                                         "recall@5",
                                         "ndcg@10",
                                         "hr@10",
                                         "mrr",
                                         "from video",
                                         "from shop",
                                         "1-5 past"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(t, wanted[i])) fail_msg("'%s' is not in\n%s", wanted[i], t);
    assert_null(strstr(t, "nan"));
    assert_null(strstr(t, "inf"));
    char number[32];
    snprintf(number, sizeof number, "%8.4f", r->platforms[0].slices[0].model.ndcg[1]);
    assert_non_null(strstr(t, number));
    ct_str_free(&text);
}

/* A bundle of the same model stands beside it; its users' vectors are of now, so the figures are near, not
 * equal. */
static void reports_hold_every_method(void **state) {
    (void)state;
    ct_session s;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(tiny_folder, NULL);
    tiny_open(&s, c);
    if (ct_bundle_write(test_path(tiny_folder, "mine"), s.model, s.data, &s.split, c, "0", NULL, NULL, &err) !=
        CT_OK)
        fail_msg("%s", err.text);
    ct_session_close(&s);
    ct_config_close(c);
    c = tiny_config(tiny_folder, compare_key("mine"), NULL);
    tiny_open(&s, c);
    ct_eval_report r =
        tiny_evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST, .floors = true, .compare = true});
    assert_int_equal(r.n_compare, 1);
    assert_true(r.platforms[0].slices[0].compare[0].ndcg[1] > 0.5 * r.platforms[0].slices[0].model.ndcg[1]);
    check_json(&r);
    check_table(&r);
    ct_eval_report_free(&r);
    /* Asked without, they are left out. */
    r = tiny_evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST, .floors = true});
    assert_int_equal(r.n_compare, 0);
    ct_eval_report_free(&r);
    ct_session_close(&s);
    ct_config_close(c);
}

static ct_status compare_with(const char *key, ct_error *err) {
    ct_session s;
    ct_eval_report r;
    ct_config *c = tiny_config(tiny_folder, key, NULL);
    const ct_eval_options options = {.stage = CT_STAGE_TEST, .compare = true};
    tiny_open(&s, c);
    ct_error_clear(err);
    const ct_status st = ct_evaluate_model(s.model, s.data, &s.split, c, &options, NULL, NULL, &r, err);
    ct_session_close(&s);
    ct_config_close(c);
    return st;
}

static void a_bundle_of_other_ids_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char npy[] =
        "\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }          \n";
    char file[128];
    memcpy(file, npy, sizeof npy - 1);
    memset(file + sizeof npy - 1, 0, 8);
    mkdir(test_path(tiny_folder, "other"), 0777);
    for (int i = 0; i < 2; i++) {
        test_write_text(test_path(tiny_folder, i ? "other/users.ids.csv" : "other/items.ids.csv"),
                        "platform,id\nshop,nobody\n");
        test_write_file(test_path(tiny_folder, i ? "other/users.npy" : "other/items.npy"), file,
                        sizeof npy - 1 + 8);
    }
    assert_int_equal(compare_with(compare_key("other"), &err), CT_ERR_DATA);
    assert_non_null(strstr(err.text, "eval.compare.other"));
    assert_non_null(strstr(err.text, "its ids are other ones"));
    mkdir(test_path(tiny_folder, "empty"), 0777);
    assert_int_not_equal(compare_with(compare_key("empty"), &err), CT_OK);
    assert_non_null(strstr(err.text, "empty"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_have_names),
        cmocka_unit_test(reports_hold_every_method),
        cmocka_unit_test(a_bundle_of_other_ids_is_refused),
    };
    return cmocka_run_group_tests(tests, tiny_set_up, test_dir_teardown);
}
