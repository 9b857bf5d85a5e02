/* The evaluation of a model against figures worked out anew, for any number of threads; short ones, stopped ones. */
#include <math.h>
#include <string.h>

#include "tests/eval/recount.h"
#include "tests/eval/tiny_eval.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void a_report_is_what_the_definitions_say(void **state) {
    (void)state;
    ct_config *c = tiny_config(tiny_folder, NULL);
    for (int kind = 0; kind < 2; kind++)
        for (int stage = CT_STAGE_VALID; stage <= CT_STAGE_TEST; stage++) {
            ct_session s;
            c->eval.split = CT_SPLIT_TIME;
            tiny_open(&s, c);
            c->eval.split = kind ? CT_SPLIT_LAST : CT_SPLIT_TIME; /* the weights do not mind */
            ct_split_free(&s.split);
            assert_int_equal(ct_split_create(&s.split, s.data, c->eval.split, NULL), CT_OK);
            ct_batcher_free(s.batcher);
            assert_int_equal(ct_batcher_create(&s.batcher, s.data, &s.split, NULL, c, NULL), CT_OK);
            ct_eval_report r = tiny_evaluate(&s, (ct_eval_options){.stage = (ct_stage)stage, .floors = true});
            assert_int_equal(r.n_platforms, 3);
            int n = 0;
            for (int32_t p = 0; p < 3; p++) {
                recount e = recount_create(&s, p, (ct_stage)stage);
                assert_int_equal(r.platforms[p].n_items, e.n_items);
                assert_int_equal(r.platforms[p].n_targets, e.n_targets);
                recount_check(&e, &r.platforms[p], c);
                n += e.n;
                if (p == 2 && !kind) assert_int_equal(e.n, 0); /* news lies in the past */
                recount_free(&e);
            }
            assert_true(n > 15);
            assert_non_null(
                strstr(r.protocol, stage == CT_STAGE_VALID ? "validation, split by" : "test, split by"));
            assert_non_null(strstr(r.protocol, kind ? "each user's last"
                                                    : "global time (validation from 1970-01-01 02:"));
            ct_eval_report_free(&r);
            ct_session_close(&s);
        }
    ct_config_close(c);
}

/* The same figures, to the bit, for any number of threads. */
static void threads_change_nothing(void **state) {
    (void)state;
    ct_str text[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        ct_session s;
        ct_config *c = tiny_config(tiny_folder, i ? "threads=2" : "threads=1", NULL);
        tiny_open(&s, c);
        ct_eval_report r = tiny_evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST, .floors = true});
        assert_int_equal(ct_eval_report_json(&r, &text[i], NULL), CT_OK);
        ct_eval_report_free(&r);
        ct_session_close(&s);
        ct_config_close(c);
    }
    assert_string_equal(ct_str_text(&text[0]), ct_str_text(&text[1]));
    ct_str_free(&text[0]);
    ct_str_free(&text[1]);
}

static void a_quick_evaluation_is_short(void **state) {
    (void)state;
    ct_session s;
    ct_config *c = tiny_config(tiny_folder, NULL);
    tiny_open(&s, c);
    ct_eval_report r =
        tiny_evaluate(&s, (ct_eval_options){.stage = CT_STAGE_VALID, .max_users = 5, .quick = true});
    for (int p = 0; p < 3; p++) {
        const ct_slice *all = &r.platforms[p].slices[0];
        assert_int_equal(r.platforms[p].n_slices, 1);
        assert_int_equal(all->model.n_users, p < 2 ? 5 : 0);
        assert_int_equal(all->popularity.n_users, 0);
        assert_true(isnan(all->model.coverage[0]) && isnan(all->model_ndcg[0].low));
    }
    assert_non_null(strstr(r.protocol, "at most 5 users a platform"));
    ct_eval_report_free(&r);
    ct_session_close(&s);
    ct_config_close(c);
}

static void eval_asks_as_many_users_as_the_configuration_says(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    char *table = NULL;
    ct_config *c = tiny_config(tiny_folder, "eval.max_users=7", NULL);
    if (ct_run_evaluate(c, NULL, "test", NULL, &table, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    assert_non_null(strstr(table, "at most 7 users a platform"));
    assert_non_null(strstr(table, "shop: 30 items, 7 users"));
    ct_text_free(table);
    ct_config_close(c);
}

static int say_stop(void *ctx, int64_t done, int64_t total) {
    int *calls = ctx;
    assert_true(done > 0 && done <= total);
    return ++*calls == 2;
}

static void an_evaluation_can_be_stopped(void **state) {
    (void)state;
    ct_session s;
    ct_eval_report r;
    int calls = 0;
    ct_config *c = tiny_config(tiny_folder, NULL);
    const ct_eval_options options = {.stage = CT_STAGE_TEST};
    tiny_open(&s, c);
    assert_int_equal(ct_evaluate_model(s.model, s.data, &s.split, c, &options, say_stop, &calls, &r, NULL),
                     CT_ERR_INTERRUPTED);
    assert_true(r.platforms == NULL && r.n_platforms == 0);
    ct_session_close(&s);
    ct_config_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_what_the_definitions_say),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_quick_evaluation_is_short),
        cmocka_unit_test(eval_asks_as_many_users_as_the_configuration_says),
        cmocka_unit_test(an_evaluation_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, tiny_set_up, test_dir_teardown);
}
