/* Bundles: what they hold is what the model says; an old one is replaced whole or not at all; what is no
 * bundle is left alone; the check of what was written can fail; and reading finds what was changed. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "run/session.h"
#include "serve/bundle.h"
#include "serve/vectors.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

static char *folder;
static const char *target; /* folder/out/bundle */

static int set_up(void **state) {
    static char path[600];
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    ct_config *c = tiny_config(folder, "train.steps=5", NULL);
    tiny_train(c, NULL);
    ct_config_close(c);
    mkdir(test_path(folder, "out"), 0777);
    snprintf(path, sizeof path, "%s/out/bundle", folder);
    target = path;
    return 0;
}

static int clean(void **state) {
    char command[700];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s/out' && mkdir '%s/out'", folder, folder);
    return system(command);
}

static ct_config *config_with(const char *key) {
    return key ? tiny_config(folder, key, NULL) : tiny_config(folder, NULL);
}

static ct_status export_to(const char *path, const char *key, ct_error *err) {
    ct_config *c = config_with(key);
    const ct_status st = ct_run_export(c, NULL, path, NULL, NULL, err);
    ct_config_close(c);
    return st;
}

static void export_or_fail(const char *path, const char *key) {
    ct_error err = CT_ERROR_INIT;
    if (export_to(path, key, &err) != CT_OK) fail_msg("%s", err.text);
}

static const char *in_bundle(const char *name) {
    char file[200];
    snprintf(file, sizeof file, "out/bundle/%s", name);
    return test_path(folder, file);
}

/* A hash of all files of the bundle, 0 when there is none. */
static uint64_t bundle_hash(void) {
    static const char *const names[] = {
        "manifest.json",     "users.ids.csv", "items.ids.csv", "users.npy", "items.npy", "users.safetensors",
        "items.safetensors", "users.faiss",   "items.faiss",   "users.csv", "items.csv"};
    uint64_t h = 0, one, bytes;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ct_file_hash(in_bundle(names[i]), &one, &bytes, NULL) == CT_OK) h = h * 31 + one + bytes;
    return h;
}

static json_t *manifest(void) {
    char *text = test_read_text(in_bundle("manifest.json"));
    json_t *m = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(m);
    free(text);
    return m;
}

/* ---- contents
 * ---------------------------------------------------------------------------------------------------------
 */

/* Each row of the bundle is the model's vector of that id. */
static void check_rows(const ct_bundle *b, const ct_session *s, double relative) {
    const int64_t dim = ct_model_dim(s->model);
    float *vector = calloc((size_t)dim, sizeof *vector);
    const ct_bundle_side us = ct_bundle_users(b), is = ct_bundle_items(b);
    assert_true(us.n == s->data->n_users && is.n == s->data->n_items && us.dim == dim && is.dim == dim);
    for (int64_t u = 0; u < us.n; u++) {
        const char *platform = ct_strings_get(&s->data->platform_name, s->data->user_platform[u]);
        const ct_moment now = ct_moment_now(s->data, (int32_t)u);
        assert_int_equal(ct_bundle_find_user(b, platform, ct_strings_get(&s->data->user_id, u)), u);
        assert_int_equal(ct_encode_users(s->model, s->batcher, &now, 1, vector, NULL, NULL, NULL), CT_OK);
        for (int64_t d = 0; d < dim; d++)
            assert_true(fabs(us.vectors[u * dim + d] - vector[d]) <= relative * fabs(vector[d]) + 1e-6);
    }
    for (int32_t i = 0; i < is.n; i++) {
        const char *platform = ct_strings_get(&s->data->platform_name, s->data->item_platform[i]);
        assert_int_equal(ct_bundle_find_item(b, platform, ct_strings_get(&s->data->item_id, i)), i);
        assert_int_equal(ct_encode_items(s->model, s->batcher, &i, 1, vector, NULL, NULL, NULL), CT_OK);
        for (int64_t d = 0; d < dim; d++)
            assert_true(fabs(is.vectors[i * dim + d] - vector[d]) <= relative * fabs(vector[d]) + 1e-6);
    }
    free(vector);
}

static void check_bundle(const char *key, const char *suffix, double relative) {
    ct_session s;
    ct_bundle *b = NULL;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = config_with(key);
    if (ct_session_open_weights(&s, c, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    if (ct__bundle_open_format(&b, target, suffix, &err) != CT_OK) fail_msg("%s", err.text);
    check_rows(b, &s, relative);
    assert_int_equal(ct_bundle_find_user(b, "shop", "nobody"), -1);
    assert_int_equal(ct_bundle_find_user(b, "nowhere", "u1"), -1);
    char *longest = calloc(5000, 1);
    memset(longest, 'x', 4999);
    assert_int_equal(ct_bundle_find_item(b, "shop", longest), -1);
    free(longest);
    ct_bundle_close(b);
    ct_session_close(&s);
    ct_config_close(c);
}

static void every_format_holds_the_models_vectors(void **state) {
    (void)state;
    static const char *const suffixes[] = {"npy", "safetensors", "faiss", "csv", NULL};
    export_or_fail(target, NULL);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) check_bundle(NULL, suffixes[i], 0.0);
    assert_int_equal(test_count_entries(target), 11);
    assert_int_equal(test_count_entries(test_path(folder, "out")), 1);
    /* Awkward ids are quoted. */
    char *ids = test_read_text(in_bundle("items.ids.csv"));
    assert_non_null(strstr(ids, "\nshop,s2\nshop,\"s\"\"3, \"\"\"\nshop,s4\nshop,s五\n"));
    free(ids);
}

static void each_format_may_stand_alone(void **state) {
    (void)state;
    static const char *const formats[] = {"npy", "safetensors", "faiss", "csv"};
    for (size_t i = 0; i < 4; i++) {
        char key[64];
        snprintf(key, sizeof key, "export.formats=[%s]", formats[i]);
        export_or_fail(target, key);
        assert_int_equal(test_count_entries(target), 5);
        check_bundle(key, NULL, 0.0);
    }
}

static void halves(void **state) {
    (void)state;
    ct_config *c = tiny_config(folder, "export.formats=[npy, safetensors]", "export.dtype=f16", NULL);
    ct_error err = CT_ERROR_INIT;
    char *written = NULL;
    if (ct_run_export(c, NULL, target, NULL, &written, &err) != CT_OK) fail_msg("%s", err.text);
    assert_string_equal(written, target);
    ct_text_free(written);
    ct_config_close(c);
    check_bundle(NULL, "npy", 0x1p-11);
    check_bundle(NULL, "safetensors", 0x1p-11);
    json_t *m = manifest();
    assert_string_equal(json_string_value(json_object_get(m, "dtype")), "f16");
    json_decref(m);
}

static void the_manifest_describes_the_bundle(void **state) {
    (void)state;
    uint64_t hash, bytes;
    export_or_fail(target, NULL);
    json_t *m = manifest();
    assert_string_equal(json_string_value(json_object_get(m, "format")), "crosstower-bundle-1");
    assert_string_equal(json_string_value(json_object_get(m, "metric")), "cosine");
    assert_string_equal(json_string_value(json_object_get(m, "dtype")), "f32");
    assert_string_equal(json_string_value(json_object_get(m, "run")), "tiny");
    assert_int_equal(json_integer_value(json_object_get(m, "dim")), 16);
    assert_true(json_real_value(json_object_get(m, "temperature")) > 0.0);
    const json_t *users = json_object_get(m, "users"),
                 *range = json_object_get(json_object_get(users, "platforms"), "video");
    assert_int_equal(json_integer_value(json_object_get(users, "count")), 84);
    assert_int_equal(json_integer_value(json_array_get(range, 0)), 44);
    assert_int_equal(json_integer_value(json_array_get(range, 1)), 76);
    const char *name;
    json_t *entry;
    assert_int_equal(json_object_size(json_object_get(m, "files")), 10);
    json_object_foreach(json_object_get(m, "files"), name, entry) {
        char hex[17];
        assert_int_equal(ct_file_hash(in_bundle(name), &hash, &bytes, NULL), CT_OK);
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
        assert_string_equal(json_string_value(json_object_get(entry, "xxh3")), hex);
        assert_int_equal(json_integer_value(json_object_get(entry, "bytes")), bytes);
    }
    assert_int_equal(ct_file_hash(tiny_checkpoint(folder, "best"), &hash, &bytes, NULL), CT_OK);
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
    assert_string_equal(json_string_value(json_object_get(m, "model_xxh3")), hex);
    json_decref(m);
    /* The same export twice is the same bytes. */
    const uint64_t before = bundle_hash();
    export_or_fail(target, NULL);
    assert_true(bundle_hash() == before);
}

/* ---- replacing
 * -------------------------------------------------------------------------------------------------------- */

static void an_old_bundle_is_replaced_and_nothing_else(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    char slashed[700];
    snprintf(slashed, sizeof slashed, "%s//", target);
    export_or_fail(slashed, "export.formats=[csv]"); /* as a shell completes it */
    assert_int_equal(test_count_entries(target), 5);
    test_write_text(in_bundle("left over"), "of the old one");
    export_or_fail(target, NULL);
    assert_int_equal(test_count_entries(target), 11);
    assert_int_equal(test_count_entries(test_path(folder, "out")), 1);
    /* A folder of something else, and a file. */
    assert_int_equal(unlink(in_bundle("manifest.json")), 0);
    assert_int_equal(export_to(target, NULL, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "is no bundle (no manifest.json in it)"));
    assert_int_equal(test_count_entries(target), 10);
    test_write_text(test_path(folder, "out/file"), "mine");
    ct_error_clear(&err);
    assert_int_equal(export_to(test_path(folder, "out/file"), NULL, &err), CT_ERR_CONFIG);
    char *text = test_read_text(test_path(folder, "out/file"));
    assert_string_equal(text, "mine");
    free(text);
    /* An empty folder is nothing. Parents are made. */
    mkdir(test_path(folder, "out/empty"), 0777);
    export_or_fail(test_path(folder, "out/empty"), NULL);
    export_or_fail(test_path(folder, "out/a/b/c"), NULL);
    assert_int_equal(access(test_path(folder, "out/a/b/c/manifest.json"), R_OK), 0);
}

static void a_failing_write_leaves_the_old_bundle(void **state) {
    (void)state;
    export_or_fail(target, NULL);
    const uint64_t before = bundle_hash();
    int failures = 0;
    for (uint64_t nth = 1;; nth++, failures++) {
        ct_error err = CT_ERROR_INIT;
        ct_config *c = tiny_config(folder, "export.formats=[npy, csv]", NULL);
        ct_test_io_fault(nth, ENOSPC);
        const ct_status st = ct_run_export(c, NULL, target, NULL, NULL, &err);
        ct_test_io_fault(0, 0);
        ct_config_close(c);
        assert_int_equal(test_count_entries(test_path(folder, "out")), 1); /* nothing half-written stays */
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_IO);
        assert_non_null(strstr(err.text, "No space left on device"));
        assert_true(bundle_hash() == before);
    }
    assert_true(failures >= 4 * 7); /* seven files: write, sync, rename, folder */
    assert_int_equal(test_count_entries(target), 7);
    ct_bundle *b = NULL;
    assert_int_equal(ct_bundle_open(&b, target, NULL), CT_OK);
    ct_bundle_close(b);
}

static int count_calls(void *ctx, int64_t done, int64_t total) {
    (void)done;
    (void)total;
    return ++*(int *)ctx == 2;
}

static void a_stopped_export_leaves_the_old_bundle(void **state) {
    (void)state;
    ct_session s;
    int calls = 0;
    ct_config *c = tiny_config(folder, NULL);
    export_or_fail(target, NULL);
    const uint64_t before = bundle_hash();
    assert_int_equal(ct_session_open_weights(&s, c, NULL, NULL, NULL, NULL), CT_OK);
    assert_int_equal(ct_bundle_write(target, s.model, s.data, &s.split, c, "0", count_calls, &calls, NULL),
                     CT_ERR_INTERRUPTED);
    assert_true(bundle_hash() == before);
    assert_int_equal(test_count_entries(test_path(folder, "out")), 1);
    ct_session_close(&s);
    ct_config_close(c);
}

/* ---- the check of what was written
 * ------------------------------------------------------------------------------------ */

/* Vectors that f16 cannot hold, and vectors that are no numbers: files are written, do not match, and are
 * thrown away. */
static void expect_failed_check(float factor, const char *f16) {
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(folder, "model.similarity=dot", "train.steps=2", "train.epochs=1", NULL);
    tiny_train(c, &(ct_train_options){.overwrite = true});
    ct_config_close(c);
    c = tiny_config(folder, "model.similarity=dot", "train.steps=2", "export.formats=[npy, safetensors]", f16,
                    NULL);
    char best[600];
    snprintf(best, sizeof best, "%s", tiny_checkpoint(folder, "best"));
    if (ct_run_export(c, best, target, NULL, NULL, &err) != CT_OK)
        fail_msg("%s", err.text); /* as it is, it passes */
    const uint64_t before = bundle_hash();
    tiny_spoil(best, "param/item.projection.weight", factor);
    assert_int_equal(ct_run_export(c, best, target, NULL, NULL, &err), CT_ERR_INTERNAL);
    assert_non_null(strstr(err.text, "in the npy files"));
    assert_true(bundle_hash() == before);
    assert_int_equal(test_count_entries(test_path(folder, "out")), 1);
    ct_config_close(c);
}

static void the_check_can_fail(void **state) {
    (void)state;
    expect_failed_check(1e8f, "export.dtype=f16");
    expect_failed_check(NAN, "export.dtype=f32");
}

static int restore(void **state) {
    ct_config *c = tiny_config(folder, "train.steps=5", NULL);
    tiny_train(c, &(ct_train_options){.overwrite = true});
    ct_config_close(c);
    return clean(state);
}

/* ---- reading
 * -----------------------------------------------------------------------------------------------------------
 */

static void expect_refusal(const char *wanted) {
    ct_bundle *b = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_bundle_open(&b, target, &err) == CT_OK) fail_msg("taken; want '%s'", wanted);
    assert_null(b);
    if (!strstr(err.text, wanted)) fail_msg("'%s' does not say '%s'", err.text, wanted);
}

static void append(const char *name, const char *text) {
    FILE *f = fopen(in_bundle(name), "ab");
    fputs(text, f);
    fclose(f);
}

static void a_changed_bundle_is_refused(void **state) {
    (void)state;
    export_or_fail(target, NULL);
    append("users.npy", "x");
    expect_refusal("users.npy is not the file that the manifest describes");
    unlink(in_bundle("users.npy"));
    ct_bundle *b = NULL;
    assert_int_equal(ct_bundle_open(&b, target, NULL), CT_OK); /* the next format stands in */
    ct_bundle_close(b);
    append("items.ids.csv", "shop,more\n");
    expect_refusal("items.ids.csv is not the file");
    unlink(in_bundle("items.ids.csv"));
    expect_refusal("items.ids.csv");
    test_write_text(in_bundle("manifest.json"), "{\"format\": \"crosstower-bundle-9\"}");
    expect_refusal("format 'crosstower-bundle-9', want 'crosstower-bundle-1'");
    test_write_text(in_bundle("manifest.json"), "not JSON");
    expect_refusal("format '(none)'");
    test_write_text(in_bundle("manifest.json"), "{\"format\": \"crosstower-bundle-1\"}");
    expect_refusal("the manifest does not list users.ids.csv");
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_bundle_open(&b, test_path(folder, "nowhere"), &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, "no such folder"));
    ct_bundle_close(NULL);
}

/* Vectors of somebody else: files by name, no manifest. */
static void a_folder_without_a_manifest_is_read(void **state) {
    (void)state;
    const float four[] = {1, 2, 3, 4}, two[] = {5, 6};
    const ct_vectors users = {2, 2, four}, items = {1, 2, two}, wide = {1, 1, two};
    ct_bundle *b = NULL;
    mkdir(target, 0777);
    expect_refusal("users.ids.csv");
    test_write_text(in_bundle("users.ids.csv"), "id,platform,note\n\"x,1\",shop,a\ny,shop,b\n");
    expect_refusal("there is no file of vectors users.npy");
    assert_int_equal(ct_write_npy(in_bundle("users.npy"), &users, true, NULL), CT_OK);
    test_write_text(in_bundle("items.ids.csv"), "platform,id\nshop,i\n");
    assert_int_equal(ct_write_npy(in_bundle("items.npy"), &items, false, NULL), CT_OK);
    assert_int_equal(ct_bundle_open(&b, target, NULL), CT_OK);
    assert_int_equal(ct_bundle_find_user(b, "shop", "x,1"), 0);
    assert_int_equal(ct_bundle_find_user(b, "shop", "y"), 1);
    assert_true(ct_bundle_users(b).vectors[3] == 4.0f && ct_bundle_items(b).vectors[1] == 6.0f);
    ct_bundle_close(b);
    assert_int_equal(ct_write_npy(in_bundle("items.npy"), &wide, false, NULL), CT_OK);
    expect_refusal("users have 2 dimensions, items 1");
    test_write_text(in_bundle("users.ids.csv"), "platform,id\nshop,x\nshop,x\n");
    expect_refusal("users.ids.csv:3: id 'x' of platform 'shop' stands twice");
    test_write_text(in_bundle("users.ids.csv"), "platform,id\nshop,x\n");
    expect_refusal("1 ids and 2 vectors of users");
    test_write_text(in_bundle("users.ids.csv"), "where,id\nshop,x\n");
    expect_refusal("want platform and id");
    test_write_text(in_bundle("users.ids.csv"), "platform,id\nshop\n");
    expect_refusal("users.ids.csv:2: ");
}

/* Without memory at any moment: an error and nothing kept. */
static void reading_survives_a_lack_of_memory(void **state) {
    (void)state;
    export_or_fail(target, "export.formats=[safetensors]");
    test_alloc_install();
    int failures = 0;
    for (uint64_t nth = 1;; nth++, failures++) {
        ct_bundle *b = NULL;
        ct_error err = CT_ERROR_INIT;
        test_alloc_fail_at(nth);
        const ct_status st = ct_bundle_open(&b, target, &err);
        test_alloc_fail_at(0);
        ct_bundle_close(b);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
    assert_true(failures > 10);
}

int main(void) {
#define RUN(test) cmocka_unit_test_setup(test, clean)
    const struct CMUnitTest tests[] = {
        RUN(every_format_holds_the_models_vectors),
        RUN(each_format_may_stand_alone),
        RUN(halves),
        RUN(the_manifest_describes_the_bundle),
        RUN(an_old_bundle_is_replaced_and_nothing_else),
        RUN(a_failing_write_leaves_the_old_bundle),
        RUN(a_stopped_export_leaves_the_old_bundle),
        cmocka_unit_test_setup_teardown(the_check_can_fail, clean, restore),
        RUN(a_changed_bundle_is_refused),
        RUN(a_folder_without_a_manifest_is_read),
        RUN(reading_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
