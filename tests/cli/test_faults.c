/* The nth call that makes or changes a file fails, for n = 1, 2, ... until none does: prepare, train, export. After each failure
 * the message says so, nothing half-written is taken for whole, and the next try succeeds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

enum { MOST = 400 };

static const char train_args[] = "train run.yaml train.steps=6 data.cache=cache";
static const char train_again[] = "train run.yaml train.steps=6 data.cache=cache --resume --quiet";

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    cli_expect("prepare run.yaml data.cache=cache", 0, NULL);
    cli_expect(train_args, 0, "6 steps");
    return rename("runs/tiny", "reference");
}

/* Runs with the nth call failing. Returns whether it went through; a failure must be told. */
static bool goes_through(const char *args, int n, int number) {
    char fault[32], what[64];
    snprintf(fault, sizeof fault, "%d:%d", n, number);
    const cli_how how = {.fault = fault};
    const int code = cli_run(&how, args);
    if (code == 0) return true;
    snprintf(what, sizeof what, "call %d fails: exit code %d, want 1", n, code);
    if (code != 1) cli_fail(args, what, "");
    if (!strstr(cli_err, strerror(number))) cli_fail(args, "does not say why:", strerror(number));
    return false;
}

static void test_prepare(void **state) {
    (void)state;
    int n = 1;
    for (; n < MOST; n++) {
        cli_remove("new");
        const bool done = goes_through("prepare run.yaml data.cache=new", n, ENOSPC);
        assert_int_equal(cli_count("new", "tmp"), 0);
        if (cli_exists("new/dataset.bin")) cli_expect("inspect new", 0, "all checksums good");
        if (done) break;
    }
    assert_in_range(n, 5, MOST - 1);
    cli_same_file("new/dataset.bin", "cache/dataset.bin");
    /* Over a cache that is there and does not fit: the old one stays until the new one is whole. */
    for (n = 1; n < MOST; n++) {
        const bool done = goes_through("prepare run.yaml data.cache=new --force", n, EIO);
        cli_expect("inspect new", 0, "all checksums good");
        assert_int_equal(cli_count("new", "tmp"), 0);
        if (done) break;
    }
    assert_in_range(n, 5, MOST - 1);
    cli_remove("new");
}

static void test_train(void **state) {
    (void)state;
    int n = 1;
    for (; n < MOST; n++) {
        cli_remove("runs/tiny");
        const bool done = goes_through(train_args, n, ENOSPC);
        assert_int_equal(cli_count("runs/tiny/checkpoints", "tmp"), 0);
        cli_check_checkpoints();
        if (!done) cli_expect(train_again, 0, "6 steps");
        cli_same_folder("reference/checkpoints", "runs/tiny/checkpoints");
        if (done) break;
    }
    assert_in_range(n, 10, MOST - 1);
}

static void test_export(void **state) {
    (void)state;
    static const char args[] = "export run.yaml train.steps=6 data.cache=cache --out bundle --quiet";
    int n = 1;
    cli_expect(train_again, 0, NULL);
    for (; n < MOST; n++) {
        const bool done = goes_through(args, n, ENOSPC);
        assert_int_equal(cli_count(".", "bundle."), 0); /* neither a new nor an old one under another name */
        if (cli_exists("bundle")) cli_expect("inspect bundle", 0, "fit the manifest");
        if (done) break;
        cli_remove("bundle");
    }
    assert_in_range(n, 20, MOST - 1);
    for (n = 1; n < MOST; n++) { /* over an older bundle, which stays whole */
        const bool done = goes_through(args, n, EIO);
        assert_int_equal(cli_count(".", "bundle."), 0);
        cli_expect("inspect bundle", 0, "fit the manifest");
        if (done) break;
    }
    assert_in_range(n, 20, MOST - 1);
}

static void test_report(void **state) {
    (void)state;
    static const char args[] = "eval run.yaml train.steps=6 data.cache=cache --quiet";
    int n = 1;
    cli_expect(train_again, 0, NULL);
    for (; n < MOST; n++) {
        cli_remove("runs/tiny/reports");
        if (goes_through(args, n, EDQUOT)) break;
        if (*cli_out) cli_fail(args, "prints a report", "");
        assert_int_equal(cli_count("runs/tiny/reports", "tmp"), 0);
    }
    assert_in_range(n, 3, MOST - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_report),
    };
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
