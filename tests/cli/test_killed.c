/* kill -9 before the nth call that makes or changes a file, for n = 1, 2, ... until the command is through: prepare,
 * train, export, embed. Whatever is found afterwards is the old output or the new one, whole; the next run goes on from
 * it, ends as if nothing had been, and takes away what was left over. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

enum { KILLED = 128 + SIGKILL, MOST = 400 };

#define LEFT_OVER "crosstower-"
static const char train_args[] = "train run.yaml train.steps=6 data.cache=cache";
static const char train_again[] = "train run.yaml train.steps=6 data.cache=cache --resume --quiet";

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    test_write_text("texts.csv", "id,text\nx1,red phone\nx2,fast\n");
    cli_expect("prepare run.yaml data.cache=cache", 0, NULL);
    cli_expect(train_args, 0, "6 steps");
    return rename("runs/tiny", "reference");
}

/* Runs until the nth call. Returns whether the command got through. */
static bool survives(const char *args, int n) {
    char fault[32], what[64];
    snprintf(fault, sizeof fault, "%d:kill", n);
    const cli_how how = {.fault = fault};
    const int code = cli_run(&how, args);
    if (code == 0) return true;
    snprintf(what, sizeof what, "killed at call %d: ended with %d", n, code);
    if (code != KILLED) cli_fail(args, what, "");
    if (*cli_out) cli_fail(args, what, "and printed a result");
    return false;
}

static void check_cache(void) {
    if (cli_exists("new/dataset.bin")) cli_expect("inspect new", 0, "all checksums good");
}

static void test_prepare(void **state) {
    (void)state;
    int n = 1, left_over = 0;
    for (bool done = false; !done && n < MOST; n++) { /* a first cache */
        cli_remove("new");
        done = survives("prepare run.yaml data.cache=new", n);
        left_over += cli_count("new", LEFT_OVER);
        check_cache();
        cli_expect("prepare run.yaml data.cache=new", 0, NULL);
        cli_same_folder("cache", "new");
    }
    assert_in_range(n, 8, MOST - 1);
    assert_true(left_over > 0); /* else the test kills where nothing is half done */
    n = 1;
    for (bool done = false; !done && n < MOST; n++) { /* over one that does not fit */
        done = survives("prepare run.yaml data.cache=new --force", n);
        check_cache();
        cli_same_file("cache/dataset.bin", "new/dataset.bin");
    }
    assert_in_range(n, 8, MOST - 1);
    cli_expect("prepare run.yaml data.cache=new --force", 0, NULL);
    cli_same_folder("cache", "new");
    cli_remove("new");
}

static void test_train(void **state) {
    (void)state;
    int n = 1, left_over = 0;
    for (bool done = false; !done && n < MOST; n++) {
        cli_remove("runs/tiny");
        done = survives(train_args, n);
        left_over += cli_count("runs/tiny/checkpoints", LEFT_OVER);
        cli_check_checkpoints();
        cli_expect(train_again, 0, NULL);
        cli_same_folder("reference/checkpoints", "runs/tiny/checkpoints");
        cli_same_file("reference/config.yaml", "runs/tiny/config.yaml");
        assert_int_equal(cli_count("runs/tiny", LEFT_OVER), 0);
    }
    assert_in_range(n, 20, MOST - 1);
    assert_true(left_over > 0);
}

/* The folder is not there, or is what one of the two runs wrote. */
static bool same_bundle(const char *name, const char *other) {
    char command[256];
    snprintf(command, sizeof command, "diff -r '%s' '%s' >/dev/null 2>&1", name, other);
    return system(command) == 0;
}

/* `first` writes the folder "out", which `second` then replaces, killed at each of its calls. */
static void replace_folder(const char *first, const char *second) {
    int n = 1, left_over = 0;
    cli_expect(first, 0, NULL);
    assert_int_equal(rename("out", "old"), 0);
    cli_expect(second, 0, NULL);
    assert_int_equal(rename("out", "new"), 0);
    for (bool done = false; !done && n < MOST; n++) { /* nothing there before */
        done = survives(second, n);
        left_over += cli_count(".", "out" "." LEFT_OVER);
        if (cli_exists("out") && !same_bundle("out", "new")) cli_fail(second, "left half a folder", "");
        cli_remove("out");
    }
    assert_in_range(n, 20, MOST - 1);
    assert_true(left_over > 0);
    cli_expect(second, 0, NULL);
    assert_int_equal(cli_count(".", "out."), 0); /* all of the killed runs' folders are gone */
    int old = 0, new = 0;
    n = 1;
    for (bool done = false; !done && n < MOST; n++) { /* over another */
        cli_remove("out");
        assert_int_equal(system("cp -r old out"), 0);
        done = survives(second, n);
        old += same_bundle("out", "old");
        new += same_bundle("out", "new");
        if (old + new != n) cli_fail(second, "left neither the old nor the new folder", "");
    }
    assert_true(old > 20 && new > 1);
    cli_expect(second, 0, NULL);
    assert_int_equal(cli_count(".", "out."), 0);
    cli_remove("out");
    cli_remove("old");
    cli_remove("new");
}

static void test_export(void **state) {
    (void)state;
    cli_expect(train_again, 0, NULL);
    replace_folder("export run.yaml train.steps=6 data.cache=cache --out out --quiet export.formats=[npy,faiss]",
                   "export run.yaml train.steps=6 data.cache=cache --out out --quiet export.formats=[npy,csv]");
}

#define AS_EMBEDDED                                                                                              \
    " run.yaml train.steps=6 data.cache=cache export.formats=[csv] --texts texts.csv --out out --quiet "

static void test_embed(void **state) {
    (void)state;
    cli_expect(train_again, 0, NULL);
    replace_folder("embed" AS_EMBEDDED "--side item", "embed" AS_EMBEDDED "--side user");
}

/* Where names cannot be swapped the old folder steps aside first: it comes back. */
static void test_killed_between_two_moves(void **state) {
    (void)state;
    static const char args[] = "export run.yaml train.steps=6 data.cache=cache --out out --quiet export.formats=[npy]";
    cli_expect(train_again, 0, NULL);
    cli_expect(args, 0, NULL);
    assert_int_equal(rename("out", "out.crosstower-old-1-0"), 0);
    cli_mkdir("out.crosstower-tmp-1-0");
    cli_mkdir("out.crosstower-tmp-x-0"); /* not ours */
    const cli_how full = {.fault = "6:28"};
    assert_int_equal(cli_run(&full, args), 1);
    cli_expect("inspect out", 0, "fit the manifest");
    assert_int_equal(cli_count(".", "out."), 1);
    cli_remove("out.crosstower-tmp-x-0");
    /* The name is taken again: the older one goes. */
    assert_int_equal(system("cp -r out out.crosstower-old-7-3"), 0);
    cli_expect(args, 0, NULL);
    cli_expect("inspect out", 0, "fit the manifest");
    assert_int_equal(cli_count(".", "out."), 0);
    cli_remove("out");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_embed),
        cmocka_unit_test(test_killed_between_two_moves),
    };
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
