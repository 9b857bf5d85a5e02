/* Inspecting checkpoints, caches, bundles, run folders, other safetensors files, the device, and things that
 * are none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "run/text.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

static char *folder;

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    ct_config *c = tiny_config(folder, "train.steps=6", NULL);
    tiny_train(c, NULL);
    if (ct_run_export(c, NULL, NULL, NULL, NULL, NULL) != CT_OK) return -1;
    ct_config_close(c);
    return 0;
}

/* The text must hold each of the words up to a NULL. */
static void expect(const char *path, ...) __attribute__((sentinel));
static void expect(const char *path, ...) {
    char *text = NULL;
    ct_error err = CT_ERROR_INIT;
    va_list words;
    if (ct_inspect(path, &text, &err) != CT_OK) fail_msg("%s", err.text);
    va_start(words, path);
    for (const char *word; (word = va_arg(words, const char *)) != NULL;)
        if (!strstr(text, word)) fail_msg("'%s' is not in\n%s", word, text);
    va_end(words);
    ct_text_free(text);
}

static void expect_refusal(const char *path, ct_status status, const char *wanted) {
    char *text = (char *)"untouched";
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_inspect(path, &text, &err), status);
    assert_null(text);
    if (!strstr(err.text, wanted)) fail_msg("'%s' does not say '%s'", err.text, wanted);
}

static void checkpoints(void **state) {
    (void)state;
    expect(tiny_checkpoint(folder, "step-00000006"),
           "checkpoint of step 6 (0 updates skipped), checksum good", "best validation 0.", "at step 6",
           "name: tiny", "steps: 6", "param/user.projection.weight", "F32 [16, ", "adam_v/", " tensors, ",
           " values", NULL);
    expect(tiny_checkpoint(folder, "best"), "checkpoint of step", "param/item.ids", NULL);
}

static void folders(void **state) {
    (void)state;
    expect(test_path(folder, "cache"), "all checksums good", "shop ", "44 users", "30 items", "video", "news",
           " persons, ", "vocabulary of ", NULL);
    expect(test_path(folder, "run/export"), "bundle: 84 users, 60 items, 16 dimensions", "\"temperature\"",
           "users.faiss", NULL);
    expect(test_path(folder, "run"), "run folder with 1 checkpoint: step 6\n", NULL);
    expect(test_path(folder, "run/export/users.safetensors"), "safetensors file", "vectors", "F32 [84, 16]",
           "1 tensors, 1344 values", NULL);
}

static void the_device(void **state) {
    (void)state;
    expect("device", "device cpu: ", " threads, kernels ", "matrix products by ", NULL);
}

static void what_is_none_of_these(void **state) {
    (void)state;
    expect_refusal(test_path(folder, "nowhere"), CT_ERR_ARGUMENT, "no such file or folder");
    expect_refusal(test_path(folder, "shop"), CT_ERR_ARGUMENT, "is no cache (dataset.bin), no bundle");
    expect_refusal(test_path(folder, "tiny.yaml"), CT_ERR_FORMAT, "tiny.yaml");
    /* Damage is named, not shown. */
    assert_int_equal(truncate(test_path(folder, "run/export/items.npy"), 300), 0);
    expect_refusal(test_path(folder, "run/export"), CT_ERR_FORMAT,
                   "items.npy is not the file that the manifest describes");
    FILE *f = fopen(tiny_checkpoint(folder, "best"), "r+b");
    fseek(f, -100, SEEK_END);
    fputc('x', f);
    fclose(f);
    expect_refusal(tiny_checkpoint(folder, "best"), CT_ERR_FORMAT, "corrupt: its checksum differs");
}

static void bytes_for_people(void **state) {
    (void)state;
    static const struct {
        double bytes;
        const char *text;
    } cases[] = {{0, "0 B"},        {1023, "1023 B"},          {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"}, {1610612736.0, "1.5 GiB"}, {5e16, "45474.7 TiB"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_str s = {0};
        assert_int_equal(ct__put_bytes(&s, cases[i].bytes, NULL), CT_OK);
        assert_string_equal(ct_str_text(&s), cases[i].text);
        ct_str_free(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints),      cmocka_unit_test(folders),
        cmocka_unit_test(the_device),       cmocka_unit_test(what_is_none_of_these),
        cmocka_unit_test(bytes_for_people),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
