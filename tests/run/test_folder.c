/* The run folder: names, listings, which checkpoints go and which weights are taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "run/folder.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void put(const char *folder, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "checkpoints/%s", name);
    mkdir(test_path(folder, "checkpoints"), 0777);
    test_write_text(test_path(folder, path), "x");
}

/* The steps found, as "30 20 10". */
static void expect_steps(const ct_config *c, const char *wanted) {
    char found[256] = "";
    int64_t *steps = NULL;
    int n = -1;
    assert_int_equal(ct_run_checkpoints(c, &steps, &n, NULL), CT_OK);
    for (int i = 0; i < n; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%lld", i ? " " : "",
                 (long long)steps[i]);
    assert_string_equal(found, wanted);
    ct_free(steps);
}

static void paths_make_their_folders(void **state) {
    const ct_config c = {.run_dir = *state};
    char *path = NULL;
    assert_int_equal(ct_run_path(&c, "a/b/c.txt", &path, NULL), CT_OK);
    assert_string_equal(path, test_path(*state, "a/b/c.txt"));
    ct_free(path);
    struct stat info;
    assert_true(stat(test_path(*state, "a/b"), &info) == 0 && S_ISDIR(info.st_mode));
    assert_int_equal(ct_run_checkpoint_path(&c, 120, &path, NULL), CT_OK);
    assert_string_equal(path, test_path(*state, "checkpoints/step-00000120.safetensors"));
    ct_free(path);
    assert_int_equal(ct_run_checkpoint_path(&c, 123456789012, &path, NULL), CT_OK);
    assert_string_equal(path, test_path(*state, "checkpoints/step-123456789012.safetensors"));
    ct_free(path);
    test_write_text(test_path(*state, "file"), "x");
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_run_path(&c, "file/c.txt", &path, &err), CT_ERR_IO);
    assert_null(path);
    assert_non_null(strstr(err.text, "file"));
}

static void only_checkpoints_are_listed(void **state) {
    const ct_config c = {.run_dir = *state};
    expect_steps(&c, ""); /* no folder */
    mkdir(test_path(*state, "checkpoints"), 0777);
    expect_steps(&c, "");
    static const char *const names[] = {"step-00000020.safetensors",
                                        "step-00000003.safetensors",
                                        "step-123456789012.safetensors",
                                        "best.safetensors",
                                        "step-00000020.safetensors.tmp-1-2",
                                        "step-7.safetensors",
                                        "step--0000001.safetensors",
                                        "step-+0000001.safetensors",
                                        "step- 0000001.safetensors",
                                        "step-00000001.safetensor",
                                        "step-.safetensors",
                                        "step-99999999999999999999.safetensors",
                                        "astep-00000001.safetensors",
                                        "step-00000000.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) put(*state, names[i]);
    expect_steps(&c, "123456789012 20 3 0");
}

static void the_oldest_go(void **state) {
    const ct_config c = {.run_dir = *state};
    for (int s = 10; s <= 50; s += 10) {
        char name[64];
        snprintf(name, sizeof name, "step-%08d.safetensors", s);
        put(*state, name);
    }
    put(*state, "best.safetensors");
    assert_int_equal(ct_run_prune_checkpoints(&c, INT64_MAX, 9, NULL), CT_OK);
    expect_steps(&c, "50 40 30 20 10");
    assert_int_equal(ct_run_prune_checkpoints(&c, 50, 4, NULL), CT_OK);
    expect_steps(&c, "50 40 30 20");
    assert_int_equal(ct_run_prune_checkpoints(&c, 40, 2, NULL),
                     CT_OK); /* 50 lies beyond: neither kept nor removed */
    expect_steps(&c, "50 40 30");
    assert_int_equal(ct_run_prune_checkpoints(&c, INT64_MAX, 0, NULL), CT_OK);
    expect_steps(&c, "");
    assert_int_equal(test_count_entries(test_path(*state, "checkpoints")),
                     1); /* the best is nobody's to prune */
}

static void expect_weights(const ct_config *c, const char *asked, const char *wanted) {
    char *path = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_run_find_weights(c, asked, &path, &err) != CT_OK) fail_msg("%s", err.text);
    assert_string_equal(path, wanted);
    ct_free(path);
}

static void weights_are_the_best_then_the_newest(void **state) {
    const ct_config c = {.run_dir = *state};
    char *path = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_run_find_weights(&c, NULL, &path, &err), CT_ERR_CONFIG);
    assert_null(path);
    assert_non_null(strstr(err.text, "holds no checkpoint: run `crosstower train` first"));
    put(*state, "step-00000005.safetensors");
    put(*state, "step-00000010.safetensors");
    expect_weights(&c, NULL, test_path(*state, "checkpoints/step-00000010.safetensors"));
    put(*state, "best.safetensors");
    expect_weights(&c, NULL, test_path(*state, "checkpoints/best.safetensors"));
    expect_weights(&c, test_path(*state, "checkpoints/step-00000005.safetensors"),
                   test_path(*state, "checkpoints/step-00000005.safetensors"));
    ct_error_clear(&err);
    assert_int_equal(ct_run_find_weights(&c, "/nowhere", &path, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "checkpoint '/nowhere': no such file"));
}

int main(void) {
#define RUN(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)
    const struct CMUnitTest tests[] = {
        RUN(paths_make_their_folders),
        RUN(only_checkpoints_are_listed),
        RUN(the_oldest_go),
        RUN(weights_are_the_best_then_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
