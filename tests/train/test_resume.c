/* What a run folder refuses: to be overwritten unasked, to go on as another run; and what it survives: damaged
 * checkpoints, a full disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/train/run_support.h"

static ct_status train_again(ct_error *err, bool resume, bool overwrite, ct_config *c) {
    ct_error_clear(err);
    const ct_train_options options = {.resume = resume, .overwrite = overwrite, .stop_after = 2};
    const ct_status st = ct_run_train(c, &options, NULL, NULL, err);
    ct_config_close(c);
    return st;
}

static void a_run_folder_with_checkpoints_is_not_overwritten_unasked(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(train_again(&err, false, false, tiny_config(run_folder, NULL)), CT_ERR_INTERRUPTED);
    assert_int_equal(train_again(&err, false, false, tiny_config(run_folder, NULL)), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "holds checkpoints (newest: step 2)"));
    assert_non_null(strstr(err.text, "--resume"));
    assert_non_null(strstr(err.text, "--overwrite"));
    assert_int_equal(train_again(&err, true, true, tiny_config(run_folder, NULL)), CT_ERR_ARGUMENT);
    test_write_text(tiny_checkpoint(run_folder, "best"), "of an older run");
    test_write_text(test_path(run_folder, "run/events.out.tfevents.1.crosstower.1"), "of an older run");
    /* Overwriting begins when all else is well, not before. */
    const char *items = test_path(run_folder, "shop/items.csv"), *aside = test_path(run_folder, "shop/aside");
    assert_int_equal(rename(items, aside), 0);
    test_write_text(items, "item_id,title\n");
    assert_int_not_equal(train_again(&err, false, true, tiny_config(run_folder, NULL)), CT_OK);
    assert_int_equal(access(tiny_checkpoint(run_folder, "step-00000002"), R_OK), 0);
    assert_int_equal(rename(aside, items), 0);
    assert_int_equal(train_again(&err, false, true, tiny_config(run_folder, "seed=9", NULL)), CT_ERR_INTERRUPTED);
    assert_int_equal(test_count_entries(test_path(run_folder, "run/checkpoints")), 1);
    assert_int_not_equal(access(test_path(run_folder, "run/events.out.tfevents.1.crosstower.1"), R_OK), 0);
}

static void going_on_with_another_configuration_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(train_again(&err, false, false, tiny_config(run_folder, NULL)), CT_ERR_INTERRUPTED);
    assert_int_equal(
        train_again(&err, true, false, tiny_config(run_folder, "train.lr=2e-2", "model.dim=8", NULL)),
        CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "another configuration: model.dim, train.lr. "));
    assert_int_equal(train_again(&err, true, false, tiny_config(run_folder, "eval.best=mrr", NULL)),
                     CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "another configuration: eval.best. "));
    assert_int_equal(
        train_again(&err, true, false, tiny_config(run_folder, "train.groups={user.encoder: {lr: 1e-4}}", NULL)),
        CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "another configuration: train.groups. "));
    /* What does not touch the numbers may change. */
    assert_int_equal(
        train_again(&err, true, false,
                    tiny_config(run_folder, "train.log_every=1", "train.prefetch=2", "eval.bootstrap=0", "eval.max_users=3",
                                "export.formats=[csv]", "threads=2", "train.checkpoint.keep=5", NULL)),
        CT_ERR_INTERRUPTED);
}

static void going_on_with_other_data_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(train_again(&err, false, false, tiny_config(run_folder, NULL)), CT_ERR_INTERRUPTED);
    char *before = test_read_text(test_path(run_folder, "video/interactions.csv"));
    FILE *f = fopen(test_path(run_folder, "video/interactions.csv"), "ab");
    fputs("u5,v1,4000,\n", f);
    fclose(f);
    assert_int_equal(train_again(&err, true, false, tiny_config(run_folder, NULL)), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "was trained on other data"));
    test_write_text(test_path(run_folder, "video/interactions.csv"), before);
    free(before);
    assert_int_equal(train_again(&err, true, false, tiny_config(run_folder, NULL)), CT_ERR_INTERRUPTED);
}

static void a_damaged_newest_checkpoint_gives_way_to_the_one_before(void **state) {
    (void)state;
    run_seen s;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(run_folder, "train.checkpoint.keep=1", NULL);
    const ct_train_result whole = tiny_train(c, NULL);
    run_keep();
    ct_train_options options = {.stop_after = 6};
    assert_int_equal(ct_run_train(c, &options, NULL, NULL, NULL), CT_ERR_INTERRUPTED);
    char *bytes = test_read_text(tiny_checkpoint(run_folder, "step-00000006"));
    assert_non_null(bytes);
    test_write_file(tiny_checkpoint(run_folder, "step-00000009"), bytes, 700);
    free(bytes);
    ct_observer o = run_observer(&s);
    options = (ct_train_options){.resume = true, .stop_after = 1};
    assert_int_equal(ct_run_train(c, &options, &o, NULL, NULL), CT_ERR_INTERRUPTED);
    assert_int_equal(s.n_warnings, 1);
    assert_non_null(strstr(s.warnings, "step-00000009.safetensors"));
    assert_non_null(strstr(s.warnings, "taking the checkpoint before it"));
    /* keep = 1 is the whole one of step 7, not the damaged one. */
    assert_int_equal(access(tiny_checkpoint(run_folder, "step-00000007"), R_OK), 0);
    tiny_train(c, &(ct_train_options){.resume = true});
    unlink(tiny_checkpoint(run_folder, "step-00000009"));
    run_assert_same_checkpoints(2);
    run_assert_same_metrics();
    /* None is whole. */
    char name[64];
    snprintf(name, sizeof name, "step-%08lld", (long long)whole.steps);
    assert_int_equal(truncate(tiny_checkpoint(run_folder, name), 10), 0);
    assert_int_equal(ct_run_train(c, &(ct_train_options){.resume = true}, &o, NULL, &err), CT_ERR_FORMAT);
    assert_non_null(strstr(err.text, "none of its 1 checkpoints is whole"));
    ct_config_close(c);
}

/* Every write, sync and rename of a run fails once: an I/O error comes out, and the run can go on to the same
 * end. */
static void a_full_disk_at_any_moment_loses_nothing(void **state) {
    (void)state;
    ct_config *c =
        tiny_config(run_folder, "train.steps=6", "train.checkpoint.every=0.05 epoch", "eval.every=0", NULL);
    ct_error err = CT_ERROR_INIT;
    tiny_train(c, NULL);
    run_keep();
    int failures = 0;
    for (uint64_t nth = 1;; nth += 1 + nth / 4) {
        run_remove("run");
        ct_error_clear(&err);
        ct_test_io_fault(nth, 28 /* ENOSPC */);
        const ct_status st = ct_run_train(c, NULL, NULL, NULL, &err);
        ct_test_io_fault(0, 0);
        if (st == CT_OK) break;
        failures++;
        assert_int_equal(st, CT_ERR_IO);
        assert_non_null(strstr(err.text, "No space left on device"));
        tiny_train(c, &(ct_train_options){.resume = true});
        run_assert_same_checkpoints(3);
        run_assert_same_metrics();
    }
    print_message("%d failures\n", failures);
    assert_true(failures > 5);
    ct_config_close(c);
}

#define RUN(test) cmocka_unit_test_setup(test, run_clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        RUN(a_run_folder_with_checkpoints_is_not_overwritten_unasked),
        RUN(going_on_with_another_configuration_is_refused),
        RUN(going_on_with_other_data_is_refused),
        RUN(a_damaged_newest_checkpoint_gives_way_to_the_one_before),
        RUN(a_full_disk_at_any_moment_loses_nothing),
    };
    return cmocka_run_group_tests(tests, run_set_up, test_dir_teardown);
}
