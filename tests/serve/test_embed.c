/* Embedding texts: the vectors against the encoders', the folder and its manifest, and what is refused. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/half.h"
#include "data/table.h"
#include "run/session.h"
#include "serve/vectors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

/* Without ids an item is its text and nothing else, which is what an embedded text is. */
#define TEXT_ONLY "model.ids.users=0", "model.ids.items=0", "model.ids.history=0"

static char *folder, target[700];
static ct_config *config;
static ct_session session; /* the same weights, for working out what is wanted */

static int set_up(void **state) {
    ct_error err = CT_ERROR_INIT;
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    snprintf(target, sizeof target, "%s/out/texts", folder);
    tiny_write(folder);
    config = tiny_config(folder, TEXT_ONLY, NULL);
    tiny_train(config, NULL);
    if (ct_session_open_weights(&session, config, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state) {
    ct_session_close(&session);
    ct_config_close(config);
    return test_dir_teardown(state);
}

static const char *in_target(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "out/texts/%s", name);
    return test_path(folder, path);
}

static ct_status embed(const ct_config *c, ct_embed_options options, ct_embed_result *result, ct_error *err) {
    if (!options.out) options.out = target;
    return ct_run_embed(c, &options, NULL, result, err);
}

static void embed_or_fail(const ct_config *c, ct_embed_options options, ct_embed_result *result) {
    ct_error err = CT_ERROR_INIT;
    if (embed(c, options, result, &err) != CT_OK) fail_msg("%s", err.text);
}

/* ---- vectors ------------------------------------------------------------------------------------------------- */

static void check_close(const float *found, const float *want, int64_t dim, double tolerance) {
    for (int64_t c = 0; c < dim; c++)
        if (!(fabs((double)found[c] - (double)want[c]) <= tolerance))
            fail_msg("component %d: %.9g, want %.9g", (int)c, (double)found[c], (double)want[c]);
}

/* Each item's title, category and text as one text: the item tower then sees what it sees of the item. */
static const char *write_items(int32_t platform, int64_t *first, int64_t *n) {
    const ct_dataset *d = session.data;
    ct_str lines = {0};
    *first = d->item_begin[platform];
    *n = d->item_begin[platform + 1] - *first;
    for (int64_t i = *first; i < *first + *n; i++)
        ct_str_printf(&lines, NULL, "%s %s %s\n", ct_strings_get(&d->item_title, i), ct_strings_get(&d->item_category, i),
                      ct_strings_get(&d->item_text, i));
    test_write_text(test_path(folder, "items.txt"), ct_str_text(&lines));
    ct_str_free(&lines);
    return test_path(folder, "items.txt");
}

static void an_items_text_gets_the_items_vector(void **state) {
    (void)state;
    for (int32_t p = 0; p < session.data->n_platforms; p++) {
        int64_t first, n, rows, dim;
        float *found = NULL, *want;
        int32_t *numbers;
        ct_embed_result result;
        const char *texts = write_items(p, &first, &n);
        embed_or_fail(config, (ct_embed_options){.texts = texts, .items = true,
                                                 .platform = ct_strings_get(&session.data->platform_name, p)}, &result);
        assert_true(result.n == n && result.dim == 16 && result.n_empty == 0);
        assert_int_equal(ct_read_npy(in_target("texts.npy"), &rows, &dim, &found, NULL), CT_OK);
        assert_true(rows == n && dim == 16);
        numbers = calloc((size_t)n, sizeof *numbers);
        want = calloc((size_t)(n * dim), sizeof *want);
        for (int64_t i = 0; i < n; i++) numbers[i] = (int32_t)(first + i);
        assert_int_equal(ct_encode_items(session.model, session.batcher, numbers, n, want, NULL, NULL, NULL), CT_OK);
        check_close(found, want, n * dim, 1e-5);
        ct_free(found);
        free(want);
        free(numbers);
    }
}

/* More texts than a batch holds, of all lengths: each vector stands in its own row. */
static void a_users_text_gets_its_vector_in_its_row(void **state) {
    (void)state;
    static const char *const words[] = {"phone", "guitar", "手机", "tent", "oven", "new"};
    enum { N = 2 * CT_ENCODE_ROWS + 41 };
    char text[512];
    int64_t rows, dim;
    float *found = NULL, want[16];
    FILE *f = fopen(test_path(folder, "users.jsonl"), "w");
    for (int i = 0; i < N; i++) {
        fprintf(f, "{\"text\": \"");
        for (int k = 0; k < i * 7 % 30; k++) fprintf(f, "%s ", words[(i + k) % 6]);
        fprintf(f, "\", \"id\": \"t%d\"}\n", i);
    }
    fclose(f);
    ct_embed_result result;
    embed_or_fail(config, (ct_embed_options){.texts = test_path(folder, "users.jsonl"), .platform = "video"}, &result);
    assert_int_equal(result.n, N);
    assert_true(result.n_empty > 0);
    assert_int_equal(ct_read_npy(in_target("texts.npy"), &rows, &dim, &found, NULL), CT_OK);
    assert_int_equal(rows, N);
    for (int i = 0; i < N; i++) {
        text[0] = '\0';
        for (int k = 0; k < i * 7 % 30; k++) sprintf(text + strlen(text), "%s ", words[(i + k) % 6]);
        assert_int_equal(ct_encode_text(session.model, session.batcher, text, 1, want, NULL), CT_OK);
        check_close(found + i * dim, want, dim, 1e-5);
    }
    ct_free(found);
}

/* ---- the folder ---------------------------------------------------------------------------------------------- */

static const char *write_three(void) {
    test_write_text(test_path(folder, "three.csv"), "id,text\n\"a, \"\"b\"\"\",red phone\n五,手机\nc,\n");
    return test_path(folder, "three.csv");
}

static void ids_and_formats(void **state) {
    (void)state;
    static const char *const files[] = {"texts.ids.csv", "texts.npy", "texts.safetensors", "texts.faiss", "texts.csv",
                                        "manifest.json"};
    static const struct {
        const char *name;
        ct_status (*read)(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);
    } formats[] = {{"texts.npy", ct_read_npy}, {"texts.safetensors", ct_read_vectors_safetensors},
                   {"texts.faiss", ct_read_faiss}, {"texts.csv", ct_read_vectors_csv}};
    float *first = NULL;
    embed_or_fail(config, (ct_embed_options){.texts = write_three()}, NULL);
    assert_int_equal(test_count_entries(target), 6);
    for (size_t i = 0; i < 6; i++) {
        struct stat info;
        assert_int_equal(stat(in_target(files[i]), &info), 0);
    }
    char *ids = test_read_text(in_target("texts.ids.csv"));
    assert_string_equal(ids, "platform,id\nshop,\"a, \"\"b\"\"\"\nshop,五\nshop,c\n");
    free(ids);
    for (size_t i = 0; i < 4; i++) {
        int64_t n, dim;
        float *rows = NULL;
        assert_int_equal(formats[i].read(in_target(formats[i].name), &n, &dim, &rows, NULL), CT_OK);
        assert_true(n == 3 && dim == 16);
        if (first) assert_memory_equal(rows, first, sizeof(float) * 48);
        if (first) ct_free(rows);
        else first = rows;
    }
    ct_free(first);
    char *text = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_inspect(target, &text, &err) != CT_OK) fail_msg("%s", err.text);
    assert_non_null(strstr(text, "vectors of texts"));
    ct_text_free(text);
}

static void the_manifest_says_whose_texts(void **state) {
    (void)state;
    embed_or_fail(config, (ct_embed_options){.texts = write_three(), .platform = "news", .items = true}, NULL);
    char *text = test_read_text(in_target("manifest.json"));
    json_t *m = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *entry;
    assert_string_equal(json_string_value(json_object_get(m, "format")), "crosstower-texts-1");
    assert_string_equal(json_string_value(json_object_get(m, "side")), "item");
    assert_string_equal(json_string_value(json_object_get(m, "platform")), "news");
    assert_string_equal(json_string_value(json_object_get(m, "metric")), "cosine");
    assert_int_equal(json_integer_value(json_object_get(m, "count")), 3);
    assert_int_equal(json_integer_value(json_object_get(m, "dim")), 16);
    assert_int_equal(json_object_size(json_object_get(m, "files")), 5);
    json_object_foreach(json_object_get(m, "files"), name, entry) {
        uint64_t hash, bytes;
        char hex[17];
        assert_int_equal(ct_file_hash(in_target(name), &hash, &bytes, NULL), CT_OK);
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
        assert_string_equal(json_string_value(json_object_get(entry, "xxh3")), hex);
    }
    json_decref(m);
    free(text);
}

static void npy_is_always_there_and_halves_are_rounded(void **state) {
    (void)state;
    int64_t n, dim;
    float *whole = NULL, *half = NULL;
    embed_or_fail(config, (ct_embed_options){.texts = write_three()}, NULL);
    assert_int_equal(ct_read_npy(in_target("texts.npy"), &n, &dim, &whole, NULL), CT_OK);
    ct_config *c = tiny_config(folder, TEXT_ONLY, "export.formats=[safetensors]", "export.dtype=f16", NULL);
    embed_or_fail(c, (ct_embed_options){.texts = write_three()}, NULL);
    assert_int_equal(test_count_entries(target), 4);
    assert_int_equal(ct_read_npy(in_target("texts.npy"), &n, &dim, &half, NULL), CT_OK);
    for (int64_t i = 0; i < n * dim; i++) assert_true(half[i] == ct_f16_to_f32(ct_f32_to_f16(whole[i])));
    ct_free(whole);
    ct_free(half);
    ct_config_close(c);
}

static void only_its_own_folder_is_replaced(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    char slashed[710];
    const char *bundle = test_path(folder, "out/bundle");
    snprintf(slashed, sizeof slashed, "%s//", target);
    embed_or_fail(config, (ct_embed_options){.texts = write_three(), .out = slashed}, NULL);
    test_write_text(in_target("left over"), "of the old one");
    embed_or_fail(config, (ct_embed_options){.texts = write_three(), .out = slashed}, NULL);
    assert_int_equal(test_count_entries(target), 6);
    /* Neither takes the other's place. */
    assert_int_equal(ct_run_export(config, NULL, bundle, NULL, NULL, &err), CT_OK);
    assert_int_equal(embed(config, (ct_embed_options){.texts = write_three(), .out = bundle}, NULL, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "its manifest.json says 'crosstower-bundle-1'"));
    ct_error_clear(&err);
    assert_int_equal(ct_run_export(config, NULL, target, NULL, NULL, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "says 'crosstower-texts-1'"));
    ct_error_clear(&err);
    assert_int_equal(embed(config, (ct_embed_options){.texts = write_three(), .out = folder}, NULL, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "no manifest.json in it"));
    assert_int_equal(test_count_entries(test_path(folder, "out")), 2);
}

static void a_failing_write_leaves_the_old_folder(void **state) {
    (void)state;
    int failures = 0;
    uint64_t before, after, bytes;
    embed_or_fail(config, (ct_embed_options){.texts = write_three()}, NULL);
    assert_int_equal(ct_file_hash(in_target("texts.csv"), &before, &bytes, NULL), CT_OK);
    test_write_text(test_path(folder, "other.txt"), "guitar\n");
    const int entries = test_count_entries(test_path(folder, "out"));
    for (uint64_t nth = 1;; nth++, failures++) {
        ct_error err = CT_ERROR_INIT;
        ct_test_io_fault(nth, ENOSPC);
        const ct_status st = embed(config, (ct_embed_options){.texts = test_path(folder, "other.txt")}, NULL, &err);
        ct_test_io_fault(0, 0);
        assert_int_equal(test_count_entries(test_path(folder, "out")), entries); /* nothing half-written stays */
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_IO);
        assert_int_equal(ct_file_hash(in_target("texts.csv"), &after, &bytes, NULL), CT_OK);
        assert_true(before == after);
    }
    assert_true(failures >= 4 * 6);
}

static int stop_at_once(void *ctx) {
    (void)ctx;
    return 1;
}

static void a_stop_leaves_the_old_folder(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const ct_observer observer = {.stop = stop_at_once};
    const ct_embed_options options = {.texts = write_three(), .out = target};
    embed_or_fail(config, options, NULL);
    assert_int_equal(ct_run_embed(config, &options, &observer, NULL, &err), CT_ERR_INTERRUPTED);
    assert_int_equal(test_count_entries(target), 6);
}

/* ---- what is refused ----------------------------------------------------------------------------------------- */

static void expect_refusal(const ct_config *c, ct_embed_options options, ct_status wanted, const char *says) {
    ct_error err = CT_ERROR_INIT;
    ct_embed_result result = {7, 7, 7, 7};
    options.out = test_path(folder, "out/none");
    const ct_status st = embed(c, options, &result, &err);
    if (st != wanted || !strstr(err.text, says)) fail_msg("status %d '%s', want '%s'", (int)st, err.text, says);
    assert_int_equal(result.n, 0);
    struct stat info;
    assert_int_not_equal(stat(test_path(folder, "out/none"), &info), 0);
}

/* tiny.yaml with an item tower that is ids alone. */
static void forget_the_items_text(void) {
    static const char was[] = "item: {text: cnn, embed: 16, widths: [1, 2], filters: 8}";
    const char *path = test_path(folder, "tiny.yaml");
    char *yaml = test_read_text(path), *at = strstr(yaml, was);
    assert_non_null(at);
    memset(at, ' ', strlen(was));
    memcpy(at, "item: {text: none}", 18);
    test_write_text(path, yaml);
    free(yaml);
}

static void wrong_questions(void **state) {
    (void)state;
    char texts[700]; /* test_path's texts do not live long enough */
    snprintf(texts, sizeof texts, "%s", write_three());
    expect_refusal(config, (ct_embed_options){.texts = NULL}, CT_ERR_ARGUMENT, "want a file of texts");
    expect_refusal(config, (ct_embed_options){.texts = "nowhere.txt"}, CT_ERR_IO, "nowhere.txt");
    expect_refusal(config, (ct_embed_options){.texts = texts, .platform = "shopp"}, CT_ERR_ARGUMENT,
                   "'shopp' is unknown; there are shop, video, news");
    expect_refusal(config, (ct_embed_options){.texts = texts, .checkpoint = "nowhere"}, CT_ERR_CONFIG, "no such file");
    assert_int_equal(ct_run_embed(config, NULL, NULL, NULL, NULL), CT_ERR_ARGUMENT);
    forget_the_items_text();
    ct_config *c = tiny_config(folder, "train.steps=2", NULL);
    tiny_train(c, &(ct_train_options){.overwrite = true});
    expect_refusal(c, (ct_embed_options){.texts = texts, .items = true}, CT_ERR_CONFIG, "model.item.text: none");
    embed_or_fail(c, (ct_embed_options){.texts = texts}, NULL);
    ct_config_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_items_text_gets_the_items_vector),
        cmocka_unit_test(a_users_text_gets_its_vector_in_its_row),
        cmocka_unit_test(ids_and_formats),
        cmocka_unit_test(the_manifest_says_whose_texts),
        cmocka_unit_test(npy_is_always_there_and_halves_are_rounded),
        cmocka_unit_test(only_its_own_folder_is_replaced),
        cmocka_unit_test(a_failing_write_leaves_the_old_folder),
        cmocka_unit_test(a_stop_leaves_the_old_folder),
        cmocka_unit_test(wrong_questions),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
