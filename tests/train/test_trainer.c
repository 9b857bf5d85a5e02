/* Whole runs on the tiny project: they learn and leave their files, stop when they should, and survive what is not
 * finite. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/safetensors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/train/run_support.h"

static void a_run_learns_and_leaves_its_files(void **state) {
    (void)state;
    run_seen s;
    ct_observer o = run_observer(&s);
    ct_train_result result;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(run_folder, "train.epochs=6", NULL);
    if (ct_run_train(c, NULL, &o, &result, &err) != CT_OK) fail_msg("%s", err.text);
    assert_int_equal(s.last_step, result.steps);
    assert_true(s.last_loss < 0.75 * s.first_loss);
    assert_int_equal(s.n_validations, 6);
    assert_int_equal(s.n_warnings, 1);
    assert_non_null(strstr(s.warnings, "platform 'news'")); /* which lies in the past */
    assert_true(result.best > 0.2 && result.best_step > 0 && result.skipped == 0 && !result.stopped_early);
    assert_true(result.loss == s.last_loss);
    const char *const files[] = {"run/config.yaml", "run/metrics.jsonl", "run/checkpoints/best.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(access(test_path(run_folder, files[i]), R_OK), 0);
    assert_int_equal(test_count_entries(test_path(run_folder, "run/checkpoints")),
                     3); /* the best, and the newest two */
    /* The resolved configuration opens to the same run. */
    ct_config *again = NULL;
    char *mistakes = NULL, *x = NULL, *y = NULL;
    assert_int_equal(ct_config_open(&again, test_path(run_folder, "run/config.yaml"), NULL, 0, &mistakes, NULL),
                     CT_OK);
    assert_int_equal(ct_config_text(c, &x, NULL), CT_OK);
    assert_int_equal(ct_config_text(again, &y, NULL), CT_OK);
    assert_string_equal(x, y);
    ct_text_free(x);
    ct_text_free(y);
    ct_config_close(again);
    ct_config_close(c);
}

static void an_interrupt_writes_a_checkpoint(void **state) {
    (void)state;
    run_seen s;
    ct_observer o = run_observer(&s);
    ct_train_result result;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(run_folder, NULL);
    s.steps_left = 3;
    assert_int_equal(ct_run_train(c, NULL, &o, &result, &err), CT_ERR_INTERRUPTED);
    assert_int_equal(result.steps, 3);
    assert_int_equal(access(tiny_checkpoint(run_folder, "step-00000003"), R_OK), 0);
    ct_config_close(c);
}

static void a_run_stops_early_when_nothing_gets_better(void **state) {
    (void)state;
    run_seen s;
    ct_observer o = run_observer(&s);
    ct_train_result result;
    ct_config *c = tiny_config(run_folder, "train.lr=1e-12", "train.patience=2", "eval.every=0.25 epoch", NULL);
    assert_int_equal(ct_run_train(c, NULL, &o, &result, NULL), CT_OK);
    assert_true(result.stopped_early);
    assert_int_equal(s.n_validations, 3); /* the first is the best, two are no better */
    char name[64];
    snprintf(name, sizeof name, "step-%08lld", (long long)result.steps);
    assert_int_equal(access(tiny_checkpoint(run_folder, name), R_OK), 0);
    const ct_train_result again = tiny_train(c, &(ct_train_options){.resume = true});
    assert_true(again.stopped_early && again.steps == result.steps);
    ct_config_close(c);
    /* With more patience the same run goes on. */
    c = tiny_config(run_folder, "train.lr=1e-12", "train.patience=3", "eval.every=0.25 epoch", NULL);
    const ct_train_result more = tiny_train(c, &(ct_train_options){.resume = true});
    assert_true(more.steps > result.steps);
    ct_config_close(c);
}

/* A run of five steps whose checkpoint then holds NaN in a weight of the item tower. */
static void poisoned_run(const ct_config *c) {
    const ct_train_options options = {.stop_after = 5};
    assert_int_equal(ct_run_train(c, &options, NULL, NULL, NULL), CT_ERR_INTERRUPTED);
    tiny_spoil(tiny_checkpoint(run_folder, "step-00000005"), "param/item.projection.weight", NAN);
}

static void updates_that_are_not_finite_are_skipped(void **state) {
    (void)state;
    run_seen s;
    ct_observer o = run_observer(&s);
    ct_train_result result;
    ct_config *c = tiny_config(run_folder, "train.log_every=1", "train.checkpoint.keep=9", NULL);
    poisoned_run(c);
    const ct_train_options options = {.resume = true, .stop_after = 4};
    assert_int_equal(ct_run_train(c, &options, &o, &result, NULL), CT_ERR_INTERRUPTED);
    assert_int_equal(result.steps, 9);
    assert_int_equal(result.skipped, 4);
    assert_int_equal(s.n_warnings, 4);
    assert_non_null(strstr(s.warnings, "step 5: "));
    assert_non_null(strstr(s.warnings, "is not finite; this update was skipped"));
    /* Nothing moved: the other weights and the moments are those of step 5. */
    ct_safetensors *x = NULL, *y = NULL;
    assert_int_equal(ct_safetensors_open(&x, tiny_checkpoint(run_folder, "step-00000005"), NULL), CT_OK);
    assert_int_equal(ct_safetensors_open(&y, tiny_checkpoint(run_folder, "step-00000009"), NULL), CT_OK);
    assert_true(ct_safetensors_hash(x) == ct_safetensors_hash(y));
    assert_string_equal(ct_safetensors_metadata(y, "skipped"), "4");
    ct_safetensors_close(x);
    ct_safetensors_close(y);
    /* JSON has no NaN. */
    json_t *rows = run_metrics("run");
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    assert_true(json_is_null(json_object_get(last, "loss")));
    assert_int_equal(json_integer_value(json_object_get(last, "skipped")), 4);
    json_decref(rows);
    ct_config_close(c);
}

static void updates_that_are_not_finite_stop_a_run_that_wants_it(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(run_folder, "train.non_finite=stop", NULL);
    poisoned_run(c);
    assert_int_equal(ct_run_train(c, &(ct_train_options){.resume = true}, NULL, NULL, &err),
                     CT_ERR_NONFINITE);
    assert_non_null(strstr(err.text, "step 5: "));
    assert_non_null(strstr(err.text, "is not finite"));
    assert_non_null(strstr(err.text, "train.non_finite: skip"));
    ct_config_close(c);
}

#define RUN(test) cmocka_unit_test_setup(test, run_clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        RUN(a_run_learns_and_leaves_its_files),
        RUN(an_interrupt_writes_a_checkpoint),
        RUN(a_run_stops_early_when_nothing_gets_better),
        RUN(updates_that_are_not_finite_are_skipped),
        RUN(updates_that_are_not_finite_stop_a_run_that_wants_it),
    };
    return cmocka_run_group_tests(tests, run_set_up, test_dir_teardown);
}
