/* Embedding pictures: their vectors against those of items that have nothing else, what is left out, the folder. */
#include <jansson.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "run/session.h"
#include "serve/vectors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

enum { PICTURES = 12, DIM = 16 };

static char *folder, target[700], with_pictures[700];
static ct_config *config;
static ct_session session; /* the same weights, for working out what is wanted */
static char warnings[4096];

/* ---- pictures ------------------------------------------------------------------------------------------------ */

/* No two are alike; sides differ, so that each is resized and cut. */
static void write_png(const char *path, int number) {
    const int width = 20 + 3 * number, height = 41 - 2 * number;
    uint8_t *rgb = calloc((size_t)(width * height), 3);
    for (int i = 0; i < width * height; i++)
        for (int c = 0; c < 3; c++) rgb[3 * i + c] = (uint8_t)(i / width * (3 + c) + i % width * (number + 1) + 40 * number);
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (uint32_t)width, .height = (uint32_t)height,
                       .format = PNG_FORMAT_RGB};
    assert_true(png_image_write_to_file(&image, path, 0, rgb, 0, NULL));
    free(rgb);
}

/* pictures/N.png; items of "video" have nothing but a picture, items of "shop" a text too, items of "news" none. */
static void write_catalogues(void) {
    char name[64];
    ct_str items = {0};
    mkdir(test_path(folder, "pictures"), 0777);
    for (int i = 0; i < PICTURES; i++) {
        snprintf(name, sizeof name, "pictures/%d.png", i);
        write_png(test_path(folder, name), i);
    }
    ct_str_puts(&items, "item_id,image\n", NULL);
    for (int i = 0; i < 24; i++) /* put_item_id's awkward ones are not needed here: rows that name them are bad */
        ct_str_printf(&items, NULL, "v%d,../pictures/%d.png\n", i, i % PICTURES);
    test_write_text(test_path(folder, "video/items.csv"), ct_str_text(&items));
    ct_str_clear(&items);
    ct_str_puts(&items, "item_id,title,text,category,image\n", NULL);
    for (int i = 0; i < 30; i++)
        ct_str_printf(&items, NULL, "s%d,new phone %d,camera,phone,../pictures/%d.png\n", i, i, i % PICTURES);
    test_write_text(test_path(folder, "shop/items.csv"), ct_str_text(&items));
    ct_str_free(&items);
}

static int set_up(void **state) {
    ct_error err = CT_ERROR_INIT;
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    snprintf(target, sizeof target, "%s/out/images", folder);
    snprintf(with_pictures, sizeof with_pictures, "%s/pictures", folder);
    tiny_write(folder);
    write_catalogues();
    config = tiny_config(folder, "model.item.image=small", "model.item.image_size=16", "model.ids.users=0",
                         "model.ids.items=0", "model.ids.history=0", "train.steps=30", "train.lr=2e-3", "data.max_bad_rows=-1", NULL);
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
    snprintf(path, sizeof path, "out/images/%s", name);
    return test_path(folder, path);
}

static void on_message(void *ctx, ct_message_level level, const char *text) {
    (void)ctx;
    if (level != CT_MESSAGE_WARNING) return;
    strncat(warnings, text, sizeof warnings - strlen(warnings) - 2);
    strcat(warnings, "\n");
}

static ct_status embed(const ct_config *c, const char *images, const char *platform, ct_embed_result *result,
                       ct_error *err) {
    const ct_observer observer = {.message = on_message};
    const ct_embed_options options = {.images = images, .out = target, .platform = platform};
    warnings[0] = '\0';
    return ct_run_embed(c, &options, &observer, result, err);
}

static void embed_or_fail(const char *images, const char *platform, ct_embed_result *result) {
    ct_error err = CT_ERROR_INIT;
    if (embed(config, images, platform, result, &err) != CT_OK) fail_msg("%s", err.text);
}

static float *read_vectors(int64_t wanted) {
    int64_t n, dim;
    float *rows = NULL;
    assert_int_equal(ct_read_npy(in_target("images.npy"), &n, &dim, &rows, NULL), CT_OK);
    assert_true(n == wanted && dim == DIM);
    return rows;
}

/* ---- vectors ------------------------------------------------------------------------------------------------- */

static double distance(const float *a, const float *b) {
    double most = 0.0;
    for (int c = 0; c < DIM; c++) most = fmax(most, fabs((double)a[c] - (double)b[c]));
    return most;
}

/* The vector of platform p's i-th item, as training and export make it. */
static void item_vector(int32_t p, int i, float *vector) {
    const int32_t item = (int32_t)session.data->item_begin[p] + i;
    assert_true(session.data->item_picture[item] >= 0);
    assert_int_equal(ct_encode_items(session.model, session.batcher, &item, 1, vector, NULL, NULL, NULL), CT_OK);
}

/* More than two blocks, broken ones between them: each vector is in its place, and is that of the catalogue's item
 * which has the same picture and nothing else. */
static void a_picture_gets_the_vector_of_an_item_without_text(void **state) {
    (void)state;
    enum { N = 2 * CT_ENCODE_ROWS + 77 };
    ct_str lines = {0};
    ct_embed_result result;
    float want[PICTURES][DIM], shop[DIM];
    int good = 0;
    test_write_text(test_path(folder, "broken.png"), "\x89PNG\r\n");
    for (int i = 0; i < N; i++)
        ct_str_printf(&lines, NULL, i % 5 == 4 ? "x%d\tbroken.png\n" : "x%d\tpictures/%d.png\n", i, i % PICTURES);
    test_write_text(test_path(folder, "many"), ct_str_text(&lines));
    ct_str_free(&lines);
    embed_or_fail(test_path(folder, "many"), "video", &result);
    assert_true(result.n == N - N / 5 && result.n_broken == N / 5 && result.dim == DIM);
    float *found = read_vectors(result.n);
    char *ids = test_read_text(in_target("images.ids.csv"));
    const char *line = ids + strlen("platform,id\n");
    for (int i = 0; i < PICTURES; i++) item_vector(1, i, want[i]);
    for (int i = 0; i < N; i++) {
        char id[32];
        if (i % 5 == 4) continue;
        assert_true(distance(found + DIM * good++, want[i % PICTURES]) <= 1e-5);
        const int n = snprintf(id, sizeof id, "video,x%d\n", i);
        assert_memory_equal(line, id, (size_t)n);
        line += n;
    }
    assert_true(*line == '\0');
    /* Were all vectors alike, none of this would say anything. */
    for (int i = 1; i < PICTURES; i++) assert_true(distance(want[0], want[i]) > 1e-3);
    item_vector(0, 3, shop);
    assert_true(distance(shop, want[3]) > 1e-3);
    free(ids);
    ct_free(found);
}

/* Where items have no text encoder, what the items of the catalogue are called plays no part. Leaves tiny.yaml changed. */
static void a_model_of_pictures_alone(void **state) {
    (void)state;
    static const char was[] = "item: {text: cnn, embed: 16, widths: [1, 2], filters: 8}";
    const char *path = test_path(folder, "tiny.yaml");
    char *yaml = test_read_text(path), *at = strstr(yaml, was), run_dir[700];
    ct_error err = CT_ERROR_INIT;
    ct_session alone;
    int32_t items[PICTURES];
    float want[PICTURES][DIM];
    assert_non_null(at);
    memset(at, ' ', strlen(was));
    memcpy(at, "item: {text: none}", 18);
    test_write_text(path, yaml);
    free(yaml);
    snprintf(run_dir, sizeof run_dir, "run_dir=%s", test_path(folder, "alone"));
    ct_config *c = tiny_config(folder, "model.item.image=small", "model.item.image_size=16", "model.ids.items=0",
                               "model.ids.history=0", "train.steps=4", "data.max_bad_rows=-1", run_dir, NULL);
    tiny_train(c, NULL);
    test_write_text(test_path(folder, "two"), "pictures/0.png\npictures/1.png\n");
    if (embed(c, test_path(folder, "two"), NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    if (ct_session_open_weights(&alone, c, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    for (int32_t i = 0; i < 2; i++) items[i] = i;
    assert_int_equal(ct_encode_items(alone.model, alone.batcher, items, 2, want[0], NULL, NULL, NULL), CT_OK);
    float *found = read_vectors(2);
    for (int i = 0; i < 2; i++) assert_true(distance(found + DIM * i, want[i]) <= 1e-5);
    ct_free(found);
    ct_session_close(&alone);
    ct_config_close(c);
}

/* ---- the folder ---------------------------------------------------------------------------------------------- */

static void a_folder_in_the_order_of_its_names(void **state) {
    (void)state;
    static const char wanted[] = "platform,id\nshop,0.png\nshop,1.png\nshop,10.png\nshop,11.png\nshop,2.png\nshop,3.png\n"
                                 "shop,4.png\nshop,5.png\nshop,6.png\nshop,7.png\nshop,8.png\nshop,9.png\n";
    ct_embed_result result;
    char *text = NULL;
    ct_error err = CT_ERROR_INIT;
    embed_or_fail(with_pictures, NULL, &result);
    assert_true(result.n == PICTURES && result.n_broken == 0);
    assert_string_equal(warnings, "");
    char *ids = test_read_text(in_target("images.ids.csv"));
    assert_string_equal(ids, wanted);
    free(ids);
    assert_int_equal(test_count_entries(target), 6);
    char *manifest = test_read_text(in_target("manifest.json"));
    json_t *m = json_loads(manifest, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(m, "format")), "crosstower-images-1");
    assert_string_equal(json_string_value(json_object_get(m, "side")), "item");
    assert_int_equal(json_integer_value(json_object_get(m, "count")), PICTURES);
    assert_int_equal(json_object_size(json_object_get(m, "files")), 5);
    json_decref(m);
    free(manifest);
    if (ct_inspect(target, &text, &err) != CT_OK) fail_msg("%s", err.text);
    assert_non_null(strstr(text, "vectors of pictures"));
    ct_text_free(text);
}

/* Seven broken ones: five are named, all are counted. */
static void broken_ones_are_named_and_left_out(void **state) {
    (void)state;
    ct_embed_result result;
    ct_str lines = {0};
    mkfifo(test_path(folder, "pipe.png"), 0600); /* must not be waited for */
    test_write_text(test_path(folder, "empty.png"), "");
    ct_str_puts(&lines, "gone.png\npipe.png\nempty.png\ntiny.yaml\npictures\npictures/3.png\n", NULL);
    ct_str_puts(&lines, "a\tgone.png\nb\tgone.png\n", NULL);
    test_write_text(test_path(folder, "bad"), ct_str_text(&lines));
    ct_str_free(&lines);
    embed_or_fail(test_path(folder, "bad"), NULL, &result);
    assert_true(result.n == 1 && result.n_broken == 7);
    static const char *const named[] = {"gone.png", "left out, picture: cannot read", "empty.png", "tiny.yaml", "it is a folder",
                                        "7 of 8 pictures could not be read and are left out"};
    int lines_said = 0;
    for (const char *c = warnings; *c; c++) lines_said += *c == '\n';
    assert_int_equal(lines_said, 6);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (!strstr(warnings, named[i])) fail_msg("'%s' is not in '%s'", named[i], warnings);
    char *ids = test_read_text(in_target("images.ids.csv"));
    assert_string_equal(ids, "platform,id\nshop,pictures/3.png\n");
    free(ids);
}

/* ---- what is refused ----------------------------------------------------------------------------------------- */

static void expect_refusal(const ct_config *c, ct_embed_options options, ct_status wanted, const char *says) {
    ct_error err = CT_ERROR_INIT;
    ct_embed_result result = {7, 7, 7, 7};
    struct stat info;
    options.out = test_path(folder, "out/none");
    const ct_status st = ct_run_embed(c, &options, NULL, &result, &err);
    if (st != wanted || !strstr(err.text, says)) fail_msg("status %d '%s', want '%s'", (int)st, err.text, says);
    assert_true(result.n == 0 && result.n_broken == 0);
    assert_int_not_equal(stat(test_path(folder, "out/none"), &info), 0);
}

static void wrong_questions(void **state) {
    (void)state;
    char texts[700], list[700];
    ct_error err = CT_ERROR_INIT;
    snprintf(texts, sizeof texts, "%s", test_path(folder, "texts.txt"));
    test_write_text(texts, "red\n");
    snprintf(list, sizeof list, "%s", test_path(folder, "broken list"));
    test_write_text(list, "gone.png\n");
    expect_refusal(config, (ct_embed_options){.images = with_pictures, .texts = texts}, CT_ERR_ARGUMENT, "texts, or pictures");
    expect_refusal(config, (ct_embed_options){.images = list}, CT_ERR_DATA, "none of 1 pictures could be read");
    expect_refusal(config, (ct_embed_options){.images = "nowhere"}, CT_ERR_IO, "nowhere");
    expect_refusal(config, (ct_embed_options){.images = with_pictures, .platform = "radio"}, CT_ERR_ARGUMENT,
                   "'radio' is unknown");
    /* Neither takes the other's place. */
    const ct_embed_options of_texts = {.texts = texts, .out = target};
    embed_or_fail(with_pictures, NULL, NULL);
    assert_int_equal(ct_run_embed(config, &of_texts, NULL, NULL, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "says 'crosstower-images-1'"));
}

static void a_model_without_pictures(void **state) {
    (void)state;
    char run_dir[700];
    snprintf(run_dir, sizeof run_dir, "run_dir=%s", test_path(folder, "blind"));
    ct_config *c = tiny_config(folder, "train.steps=2", "data.max_bad_rows=-1", run_dir, NULL);
    tiny_train(c, NULL);
    expect_refusal(c, (ct_embed_options){.images = with_pictures}, CT_ERR_CONFIG, "model.item.image: none");
    ct_config_close(c);
}

static int stop_at_once(void *ctx) {
    (void)ctx;
    return 1;
}

static void a_stop_leaves_the_old_folder(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const ct_observer observer = {.stop = stop_at_once};
    const ct_embed_options options = {.images = with_pictures, .out = target};
    embed_or_fail(with_pictures, NULL, NULL);
    assert_int_equal(ct_run_embed(config, &options, &observer, NULL, &err), CT_ERR_INTERRUPTED);
    assert_int_equal(test_count_entries(target), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_gets_the_vector_of_an_item_without_text),
        cmocka_unit_test(a_folder_in_the_order_of_its_names),
        cmocka_unit_test(broken_ones_are_named_and_left_out),
        cmocka_unit_test(wrong_questions),
        cmocka_unit_test(a_model_without_pictures),
        cmocka_unit_test(a_stop_leaves_the_old_folder),
        cmocka_unit_test(a_model_of_pictures_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
