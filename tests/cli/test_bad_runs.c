/* Trained runs and what can be wrong with them: damaged or foreign checkpoints, questions about what is not there,
 * folders that may not be written, writes that fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static const char last[] = "runs/tiny/checkpoints/step-00000060.safetensors";

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    cli_expect("train run.yaml", 0, "60 steps");
    return 0;
}

static void copy(const char *from, const char *to) {
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

/* ---- checkpoints --------------------------------------------------------------------------------------------- */

static void test_damaged_checkpoint(void **state) {
    (void)state;
    static const char args[] = "eval run.yaml --checkpoint damaged.safetensors";
    static const long cuts[] = {0, 1, 7, 8, 9, 100, 4000, -1, -4000};
    struct stat info;
    assert_int_equal(stat(last, &info), 0);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        copy(last, "damaged.safetensors");
        cli_cut("damaged.safetensors", cuts[i]);
        cli_expect(args, 1, "damaged.safetensors");
        cli_expect("inspect damaged.safetensors", 1, "damaged.safetensors");
    }
    /* A byte of the length, of the header, of the tensors. */
    for (long at = 0; at < info.st_size; at += at < 16 ? 1 : info.st_size / 12) {
        copy(last, "damaged.safetensors");
        cli_flip_byte("damaged.safetensors", at);
        const int code = cli_run(NULL, args);
        /* A changed byte of the configuration's text harms nobody: it is not read for this. */
        if (code != 1 && code != 2 && code != 0) cli_fail(args, "ended in a crash", "");
        if (at > info.st_size / 2 && (code != 1 || !strstr(cli_err, "corrupt: its checksum differs")))
            cli_fail(args, "takes a damaged checkpoint", "");
    }
    cli_expect("eval run.yaml --checkpoint shop/goods.csv", 1, "shop/goods.csv");
    cli_expect("eval run.yaml --checkpoint shop", 1, "'shop'");
}

static void test_every_checkpoint_is_damaged(void **state) {
    (void)state;
    copy("runs/tiny/checkpoints", "saved");
    cli_cut("runs/tiny/checkpoints/best.safetensors", -8);
    cli_expect("recommend run.yaml --text phone", 1, "best.safetensors");
    assert_int_equal(system("for f in runs/tiny/checkpoints/step-*; do truncate -s 100 $f; done"), 0);
    cli_expect("train run.yaml --resume", 1, "none of its 3 checkpoints is whole");
    copy("saved", "runs/tiny/checkpoints");
    cli_remove("saved");
}

static void test_checkpoint_of_another_configuration(void **state) {
    (void)state;
    cli_expect("eval run.yaml model.dim=8", 2, "[");
    assert_non_null(strstr(cli_err, "this configuration and data want"));
    cli_expect("eval run.yaml model.user.layers=2", 2, "which this configuration has");
    cli_expect("export run.yaml model.ids.items=0 model.ids.history=0", 2, "this configuration");
    cli_expect("eval run.yaml data.vocab_size=110 data.cache=other-cache", 2, "best.safetensors");
}

static void test_folder_that_holds_a_run(void **state) {
    (void)state;
    cli_expect("train run.yaml", 2, "holds checkpoints (newest: step 60): --resume goes on, --overwrite starts over");
    cli_expect("train run.yaml --resume train.lr=1e-2", 2, "train.lr");
    cli_expect("train run.yaml --resume train.steps=90", 2, "train.steps");
    cli_expect("train run.yaml --resume model.dim=8", 2, "model.dim");
    cli_expect("train run.yaml --resume seed=8", 2, "seed");
    cli_expect("train run.yaml --resume train.log_every=7", 0, "60 steps"); /* decides nothing */
}

/* Changes the first `from` in the file to `to`, which is as long. */
static void change(const char *path, const char *from, const char *to) {
    char *text = test_read_text(path), *at = strstr(text, from);
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    test_write_text(path, text);
    free(text);
}

static int restore_files(void **state) {
    (void)state;
    cli_write_platforms();
    return 0;
}

/* The files changed after training: the id tables would name others. */
static void test_data_that_changed(void **state) {
    (void)state;
    change("video/interactions.tsv", "w0\tv", "w1\tv");
    cli_expect("eval run.yaml", 2, "best.safetensors was trained on other data");
    cli_expect("train run.yaml --resume", 2, "step-00000060.safetensors was trained on other data");
    change("video/items.csv", "video 20", "xxxxx 20");
    cli_expect("eval run.yaml", 2, "best.safetensors was trained with another vocabulary");
    cli_write_platforms();
    cli_expect("eval run.yaml", 0, "protocol");
}

static void test_damaged_cache(void **state) {
    (void)state;
    cli_flip_byte("runs/tiny/cache/dataset.bin", -100);
    cli_expect("inspect runs/tiny/cache", 1, "dataset.bin");
    cli_expect("eval run.yaml", 0, "corrupt"); /* named, and made anew */
    cli_expect("inspect runs/tiny/cache", 0, "all checksums good");
    cli_cut("runs/tiny/cache/dataset.bin", 1000);
    cli_expect("inspect runs/tiny/cache", 1, "dataset.bin");
    cli_expect("prepare run.yaml", 0, "truncated");
    cli_remove("runs/tiny/cache/vocab.txt");
    cli_expect("prepare run.yaml", 0, NULL);
    assert_true(cli_exists("runs/tiny/cache/vocab.txt"));
}

static void test_damaged_bundle(void **state) {
    (void)state;
    static const char *const files[] = {"manifest.json", "items.ids.csv", "users.npy"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        cli_expect("export run.yaml --out bundle export.formats=[npy]", 0, NULL);
        snprintf(path, sizeof path, "bundle/%s", files[i]);
        if (i > 0) { /* the manifest knows the others' checksums; who knows its own? */
            cli_flip_byte(path, 40);
            cli_expect("inspect bundle", 1, "bundle");
        }
        cli_expect("export run.yaml --out bundle export.formats=[npy]", 0, NULL);
        cli_cut(path, 20);
        cli_expect("inspect bundle", 1, "bundle");
        cli_remove(path);
        if (i > 0) cli_expect("inspect bundle", 1, "bundle"); /* one without a manifest is fine */
        cli_remove("bundle");
    }
}

/* ---- questions ----------------------------------------------------------------------------------------------- */

static void test_recommend_what_is_not_there(void **state) {
    (void)state;
    cli_expect("recommend run.yaml --user w99", 2, "user 'w99' is unknown; did you mean 'w");
    cli_expect("recommend run.yaml --user nobody-at-all", 2, "user 'nobody-at-all' is unknown\n");
    cli_expect("recommend run.yaml --user u3", 2, "known on 2 platforms: say which with --user-platform");
    cli_expect("recommend run.yaml --user w3 --user-platform shop", 2, "unknown on platform shop");
    cli_expect("recommend run.yaml --user w3 --user-platform vidoe", 2, "platform 'vidoe' is unknown; there are shop");
    cli_expect("recommend run.yaml --text phone --platform shp", 2, "platform 'shp' is unknown; there are shop");
    static const char *const blank[] = {"recommend", "run.yaml", "--text", "  \t ", "--quiet", NULL};
    const int code = cli_run_arguments(blank);
    if (code != 0 && code != 2) cli_fail("recommend --text of blanks", "ended in a crash", "");
}

static void test_a_very_long_text(void **state) {
    (void)state;
    static char text[100001];
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 7; i < sizeof text - 1; i += 8) text[i] = ' ';
    const char *const arguments[] = {"recommend", "run.yaml", "--text", text, "-k", "3", "--quiet", NULL};
    assert_int_equal(cli_run_arguments(arguments), 0);
}

/* ---- folders ------------------------------------------------------------------------------------------------- */

static void test_export_over_something_else(void **state) {
    (void)state;
    cli_mkdir("precious");
    test_write_text("precious/letter.txt", "dear friend");
    cli_expect("export run.yaml --out precious", 2, "is no bundle");
    assert_true(cli_exists("precious/letter.txt"));
    cli_expect("export run.yaml --out precious/letter.txt", 2, "is no bundle");
    char *text = test_read_text("precious/letter.txt");
    assert_string_equal(text, "dear friend");
    free(text);
    cli_remove("precious");
}

/* As an ordinary user: root may write anywhere. */
static void test_folders_that_may_not_be_written(void **state) {
    (void)state;
    const cli_how nobody = {.as_nobody = true};
    static const struct {
        const char *args, *says;
    } tries[] = {{"prepare run.yaml data.cache=locked/cache", "Permission denied"},
                 {"prepare run.yaml data.cache=locked", "Permission denied"},
                 {"train run.yaml --overwrite run_dir=locked/run data.cache=open/cache", "Permission denied"},
                 {"export run.yaml --out locked/bundle", "Permission denied"},
                 {"eval run.yaml", "Permission denied"}}; /* the report */
    char elsewhere[] = "/tmp/crosstower-XXXXXX", command[128]; /* $TMPDIR may be closed to others */
    assert_non_null(mkdtemp(elsewhere));
    snprintf(command, sizeof command, "cp -r . %s && chmod -R a+rX %s && chmod a+w %s/.std*", elsewhere, elsewhere,
             elsewhere);
    assert_int_equal(system(command), 0);
    assert_int_equal(chdir(elsewhere), 0);
    cli_mkdir("locked");
    cli_mkdir("open");
    chmod("locked", 0555);
    chmod("open", 0777);
    const bool possible = cli_run(&nobody, "--version") == 0;
    for (size_t i = 0; possible && i < sizeof tries / sizeof tries[0]; i++) {
        const int code = cli_run(&nobody, tries[i].args);
        if (code != 1) cli_fail(tries[i].args, "want exit code 1", "");
        if (!strstr(cli_err, tries[i].says)) cli_fail(tries[i].args, "does not say", tries[i].says);
    }
    assert_int_equal(cli_count("locked", ""), 0);
    chmod("locked", 0755);
    assert_int_equal(chdir(*state), 0);
    cli_remove(elsewhere);
    if (!possible) skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_checkpoint),
        cmocka_unit_test(test_every_checkpoint_is_damaged),
        cmocka_unit_test(test_checkpoint_of_another_configuration),
        cmocka_unit_test(test_folder_that_holds_a_run),
        cmocka_unit_test_teardown(test_data_that_changed, restore_files),
        cmocka_unit_test(test_damaged_cache),
        cmocka_unit_test(test_damaged_bundle),
        cmocka_unit_test(test_recommend_what_is_not_there),
        cmocka_unit_test(test_a_very_long_text),
        cmocka_unit_test(test_export_over_something_else),
        cmocka_unit_test(test_folders_that_may_not_be_written),
    };
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
