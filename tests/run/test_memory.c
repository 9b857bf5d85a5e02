/* Each allocation of each verb of the public interface fails once: the verb says so, gives everything back, leaves
 * whole outputs or none, and succeeds afterwards. */
#include <stdio.h>

#include "base/io.h"
#include "base/safetensors.h"
#include "crosstower/crosstower.h"
#include "data/dataset.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

static char *folder;

/* An absent output, or one that opens. */
static void expect_absent_or_whole(const char *name, ct_status (*open)(const char *path, ct_error *err)) {
    char path[1100];
    ct_error err = CT_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (ct_path_exists(path) && open(path, &err) != CT_OK) fail_msg("'%s' is there and not whole: %s", path, err.text);
}

static ct_status open_cache(const char *path, ct_error *err) {
    ct_dataset *data = NULL;
    (void)path;
    const ct_status st = ct_dataset_open(&data, test_path(folder, "cache"), true, err);
    ct_dataset_close(data);
    return st;
}

static ct_status open_checkpoint(const char *path, ct_error *err) {
    ct_safetensors *f = NULL;
    const ct_status st = ct_safetensors_open(&f, path, err);
    ct_safetensors_close(f);
    return st;
}

static ct_status inspect(const char *path, ct_error *err) {
    char *text = NULL;
    const ct_status st = ct_inspect(path, &text, err);
    ct_text_free(text);
    return st;
}

/* ---- configurations: opened within the call ---------------------------------------------------------------------- */

static ct_status do_config(void *ctx, ct_error *err) {
    static const char *const overrides[] = {"train.lr=0.5", "data.vocab_size=300"};
    ct_config *config = NULL;
    char *text = NULL, *markdown = NULL, *plain = NULL, *mistakes = NULL;
    (void)ctx;
    ct_status st = ct_config_open(&config, test_path(folder, "derived.yaml"), overrides, 2, &mistakes, err);
    assert_true(st == CT_OK || !config);
    assert_null(mistakes);
    if (st == CT_OK) st = ct_config_text(config, &text, err);
    if (st == CT_OK) st = ct_config_reference(true, &markdown, err);
    if (st == CT_OK) st = ct_config_reference(false, &plain, err);
    ct_text_free(text);
    ct_text_free(markdown);
    ct_text_free(plain);
    ct_config_close(config);
    return st;
}

/* The list of mistakes is complete, or there is none and the status says memory. */
static ct_status do_mistakes(void *ctx, ct_error *err) {
    static const char *const overrides[] = {"train.lrr=0.5", "seed=many", "model.dim=0", "platforms.shop.from=no"};
    ct_config *config = NULL;
    char *mistakes = NULL;
    int lines = 0;
    (void)ctx;
    ct_status st = ct_config_open(&config, test_path(folder, "tiny.yaml"), overrides, 4, &mistakes, err);
    assert_null(config);
    assert_int_not_equal(st, CT_OK);
    for (const char *c = mistakes; c && *c; c++) lines += *c == '\n';
    if (st == CT_ERR_CONFIG && lines < 4) fail_msg("want four mistakes:\n%s", mistakes ? mistakes : "");
    ct_text_free(mistakes);
    return st == CT_ERR_CONFIG ? CT_OK : st;
}

/* ---- verbs: ctx is the configuration ---------------------------------------------------------------- */

static ct_status do_prepare(void *ctx, ct_error *err) {
    char *report = NULL;
    const ct_status st = ct_run_prepare(ctx, true, NULL, &report, err);
    assert_true((st == CT_OK) == (report != NULL));
    ct_text_free(report);
    return st;
}

static void check_prepare(void *ctx) {
    (void)ctx;
    expect_absent_or_whole("cache/dataset.bin", open_cache);
}

static ct_status do_reuse(void *ctx, ct_error *err) { return ct_run_prepare(ctx, false, NULL, NULL, err); }

static ct_status do_train(void *ctx, ct_error *err) {
    const ct_train_options options = {.overwrite = true};
    return ct_run_train(ctx, &options, NULL, NULL, err);
}

static void check_train(void *ctx) {
    (void)ctx;
    expect_absent_or_whole("run/checkpoints/best.safetensors", open_checkpoint);
    expect_absent_or_whole("run/checkpoints/step-00000002.safetensors", open_checkpoint);
}

static ct_status do_resume(void *ctx, ct_error *err) {
    const ct_train_options options = {.resume = true};
    ct_train_result result = {0};
    const ct_status st = ct_run_train(ctx, &options, NULL, &result, err);
    if (st == CT_OK) assert_int_equal(result.steps, 2);
    return st;
}

static ct_status do_plan(void *ctx, ct_error *err) {
    char *text = NULL;
    const ct_status st = ct_run_plan(ctx, NULL, &text, err);
    assert_true((st == CT_OK) == (text != NULL));
    ct_text_free(text);
    return st;
}

static ct_status do_evaluate(void *ctx, ct_error *err) {
    char *table = NULL, *json = NULL;
    const ct_status st = ct_run_evaluate(ctx, NULL, "test", NULL, &table, &json, err);
    ct_text_free(table);
    ct_text_free(json);
    return st;
}

static ct_status do_export(void *ctx, ct_error *err) {
    char *written = NULL;
    const ct_status st = ct_run_export(ctx, NULL, NULL, NULL, &written, err);
    ct_text_free(written);
    return st;
}

static void check_export(void *ctx) {
    (void)ctx;
    expect_absent_or_whole("run/export", inspect);
}

static ct_status do_embed(void *ctx, ct_error *err) {
    char texts[1100], out[1100];
    snprintf(texts, sizeof texts, "%s/texts.csv", folder);
    snprintf(out, sizeof out, "%s/embedded", folder);
    const ct_embed_options options = {.texts = texts, .out = out, .items = true};
    return ct_run_embed(ctx, &options, NULL, NULL, err);
}

static void check_embed(void *ctx) {
    (void)ctx;
    expect_absent_or_whole("embedded", inspect);
}

static ct_status do_recommend(void *ctx, ct_error *err) {
    const ct_query query = {.user = "u4", .user_platform = "shop", .k = 5};
    ct_recommender *r = NULL;
    ct_recommendation rows[5];
    char *words = NULL;
    int n = 0;
    ct_status st = ct_recommender_open(&r, ctx, NULL, NULL, err);
    if (st == CT_OK) st = ct_recommend(r, &query, rows, &n, &words, err);
    if (st == CT_OK) assert_int_equal(n, 5);
    ct_text_free(words);
    ct_recommender_close(r);
    return st;
}

static ct_status do_inspect(void *ctx, ct_error *err) {
    char path[1100];
    snprintf(path, sizeof path, "%s/%s", folder, (const char *)ctx);
    return inspect(path, err);
}

/* ---- the tests --------------------------------------------------------------------------------------- */

static void configuration(void **state) {
    (void)state;
    test_write_text(test_path(folder, "derived.yaml"), "extends: tiny.yaml\nseed: 4\n");
    test_alloc_each("config", do_config, NULL, NULL, 2000);
    test_alloc_each("config with mistakes", do_mistakes, NULL, NULL, 2000);
}

/* What is written is synced, which is slow: fewer of the late failures. */
static void verbs(void **state) {
    (void)state;
    ct_config *config = tiny_config(folder, "train.steps=2", NULL);
    test_write_text(test_path(folder, "texts.csv"), "id,text\na,red phone\n\"b, c\",guitar\n");
    test_alloc_each("prepare", do_prepare, check_prepare, config, 200);
    test_alloc_each("prepare, nothing to do", do_reuse, check_prepare, config, 1000);
    test_alloc_each("plan", do_plan, NULL, config, 1000);
    test_alloc_each("train", do_train, check_train, config, 100);
    test_alloc_each("train --resume", do_resume, check_train, config, 100);
    test_alloc_each("eval", do_evaluate, NULL, config, 300);
    test_alloc_each("export", do_export, check_export, config, 100);
    test_alloc_each("embed", do_embed, check_embed, config, 100);
    test_alloc_each("recommend", do_recommend, NULL, config, 1000);
    ct_config_close(config);
}

static void inspecting(void **state) {
    (void)state;
    static const char *const paths[] = {"cache", "run", "run/export", "embedded", "run/checkpoints/best.safetensors"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        test_alloc_each(paths[i], do_inspect, NULL, (void *)paths[i], 300);
}

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration),
        cmocka_unit_test(verbs),
        cmocka_unit_test(inspecting),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
