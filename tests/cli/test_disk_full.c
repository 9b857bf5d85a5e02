/* Real full disks, unlike the faults of test_faults.c: a limit on the size of files, which cuts a write short and
 * refuses the next one, and a file system that is too small. The message has the path and the reason, the old output
 * stays, nothing half-written is left, and the same command succeeds when there is room. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

#define RUN " run.yaml train.steps=6 data.cache=cache --quiet "

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    test_write_text("texts.csv", "id,text\nx1,red phone\nx2,fast\n");
    cli_expect("prepare run.yaml data.cache=cache", 0, NULL);
    cli_expect("train" RUN, 0, "6 steps");
    cli_expect("export" RUN "--out bundle", 0, NULL);
    cli_expect("embed" RUN "--texts texts.csv --out texts", 0, NULL);
    cli_expect("eval" RUN, 0, NULL);
    return rename("runs/tiny", "reference");
}

static void expect_full(const char *args, int code, const char *path, const char *why) {
    if (code != 1) cli_fail(args, "want exit code 1", "");
    if (!strstr(cli_err, why)) cli_fail(args, "does not say why:", why);
    if (!strstr(cli_err, path)) cli_fail(args, "does not say where:", path);
    if (*cli_out) cli_fail(args, "prints a result", "");
}

/* Runs with more and more room until it is enough; returns how often it was not. */
static int limits(const char *args, const char *path, void (*check)(void)) {
    int failed = 0;
    for (long limit = 1024; limit < 1 << 24; limit += limit / 2) { /* 1024: the message itself goes into a file */
        const cli_how how = {.file_limit = limit};
        const int code = cli_run(&how, args);
        check();
        if (code == 0) return failed;
        expect_full(args, code, path, "File too large");
        failed++;
    }
    cli_fail(args, "never has enough room", "");
    return 0;
}

static void check_new_cache(void) {
    assert_int_equal(cli_count("new", "crosstower-"), 0);
    if (cli_exists("new/dataset.bin")) cli_same_file("cache/dataset.bin", "new/dataset.bin");
}

static void check_old_cache(void) {
    cli_same_folder("cache", "new");
}

static void check_run(void) {
    assert_int_equal(cli_count("runs/tiny/checkpoints", "crosstower-"), 0);
    assert_int_equal(cli_count("runs/tiny/reports", "crosstower-"), 0);
    if (cli_exists("runs/tiny/checkpoints/best.safetensors"))
        cli_same_file("reference/checkpoints/best.safetensors", "runs/tiny/checkpoints/best.safetensors");
}

static void check_bundle(void) {
    cli_same_folder("bundle", "out");
    assert_int_equal(cli_count(".", "out."), 0);
}

static void check_texts(void) {
    cli_same_folder("texts", "out");
    assert_int_equal(cli_count(".", "out."), 0);
}

static void test_file_limit(void **state) {
    (void)state;
    assert_true(limits("prepare run.yaml data.cache=new", "new", check_new_cache) > 2);
    assert_true(limits("prepare run.yaml data.cache=new --force", "new", check_old_cache) > 2);
    assert_true(limits("train" RUN "--overwrite", "runs/tiny/", check_run) > 2);
    cli_same_folder("reference/checkpoints", "runs/tiny/checkpoints");
    assert_true(limits("eval" RUN, "runs/tiny/reports/", check_run) > 2);
    cli_same_file("reference/reports/eval-test.json", "runs/tiny/reports/eval-test.json");
    assert_int_equal(system("cp -r bundle out"), 0);
    assert_true(limits("export" RUN "--out out", "out.crosstower-tmp-", check_bundle) > 0);
    cli_remove("out");
    assert_int_equal(system("cp -r texts out"), 0);
    limits("embed" RUN "--texts texts.csv --out out", "out.crosstower-tmp-", check_texts); /* all of it is small */
}

static long used_kib(const char *mounted) {
    struct statvfs info;
    assert_int_equal(statvfs(mounted, &info), 0);
    return (long)((info.f_blocks - info.f_bfree) * info.f_frsize >> 10);
}

static void test_small_file_system(void **state) {
    (void)state;
    static const char *const commands[] = {
        "prepare run.yaml data.cache=small/cache",
        "train run.yaml data.cache=cache train.steps=6 run_dir=small/run --overwrite --quiet",
        "eval run.yaml data.cache=cache train.steps=6 run_dir=small/run --quiet",
        "export run.yaml data.cache=cache train.steps=6 run_dir=small/run --out small/out --quiet"};
    char options[64];
    int failed = 0;
    cli_mkdir("small");
    /* In a name space of its own the mount ends with the test, however that ends. */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "small", "tmpfs", 0, "size=16k") != 0) {
        printf("no file system may be mounted here: %s\n", strerror(errno));
        skip();
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        for (long kib = used_kib("small") + 8;; kib += kib / 2) {
            snprintf(options, sizeof options, "size=%ldk", kib);
            assert_int_equal(mount("tmpfs", "small", "tmpfs", MS_REMOUNT, options), 0);
            const int code = cli_run(NULL, commands[i]);
            if (code == 0 || kib > 1 << 14) break;
            expect_full(commands[i], code, "small/", "No space left on device");
            assert_int_equal(system("find small -name '*crosstower-tmp*' | grep -q . && exit 1 || exit 0"), 0);
            failed++;
        }
        cli_remove("small/cache");
    }
    cli_expect("inspect small/out", 0, "fit the manifest");
    cli_expect("inspect small/run/checkpoints/best.safetensors", 0, "checksum good");
    assert_int_equal(umount("small"), 0);
    assert_true(failed > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_limit),
        cmocka_unit_test(test_small_file_system),
    };
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
