/* Whole runs in which an item's vectors are all that tells it from others: the loss falls and the ranking rises far above
 * that of the texts alone, with each fusion and without a text; export and embedded texts do without vectors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "crosstower/crosstower.h"
#include "serve/vectors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

enum { TASTES = 6, ITEMS = 120, USERS = 150, CHOICES = 10, WIDTH = 16 };

static const char yaml[] =
    "name: vectors\n"
    "run_dir: run\n"
    "threads: 1\n"
    "platforms: {shop: {items: {path: items.csv, vectors: {audio: audio.npy}}, users: users.csv, interactions: "
    "inter.csv}}\n"
    "data: {user_text: \"{profile}\", max_user_tokens: 8, max_item_tokens: 8}\n"
    "model: {dim: 16, user: {layers: 1, hidden: 16, heads: 2}}\n"
    "train: {batch: 64, steps: 90, lr: 1e-2, log_every: 1}\n"
    "eval: {floors: false, bootstrap: 0, every: 2}\n";

static char *folder;

static FILE *create(const char *name) {
    FILE *f = fopen(test_path(folder, name), "wb");
    assert_non_null(f);
    return f;
}

/* All titles are the same; a vector lies near the centre of its item's taste, and every tenth item has none. */
static void write_vectors(ct_rng *rng) {
    static float centre[TASTES][WIDTH], rows[ITEMS][WIDTH];
    FILE *ids = create("audio.ids");
    int n = 0;
    for (int t = 0; t < TASTES; t++)
        for (int k = 0; k < WIDTH; k++) centre[t][k] = 4.0f * (float)ct_rng_normal(rng);
    for (int i = ITEMS - 1; i >= 0; i--) { /* not in the order of the items */
        if (i % 10 == 3) continue;
        for (int k = 0; k < WIDTH; k++) rows[n][k] = centre[i % TASTES][k] + 2.0f * (float)ct_rng_normal(rng);
        fprintf(ids, "i%d\n", i);
        n++;
    }
    fclose(ids);
    const ct_vectors v = {n, WIDTH, &rows[0][0]};
    assert_int_equal(ct_write_npy(test_path(folder, "audio.npy"), &v, true, NULL), CT_OK);
}

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    ct_rng rng = ct_rng_make(8, 0, 0);
    FILE *items = create("items.csv"), *users = create("users.csv"), *inter = create("inter.csv");
    fprintf(items, "item_id,title\n");
    fprintf(users, "user_id,text\n");
    fprintf(inter, "user_id,item_id,timestamp\n");
    for (int i = 0; i < ITEMS; i++) fprintf(items, "i%d,a thing\n", i);
    for (int u = 0; u < USERS; u++) {
        fprintf(users, "u%d,likes%c\n", u, 'a' + u % TASTES);
        for (int k = 0; k < CHOICES; k++) {
            const int any = (int)ct_rng_below(&rng, ITEMS), own = any / TASTES * TASTES + u % TASTES;
            fprintf(inter, "u%d,i%d,%d\n", u, ct_rng_below(&rng, 10) ? own : any, 1 + (int)ct_rng_below(&rng, 100000));
        }
    }
    fclose(items);
    fclose(users);
    fclose(inter);
    write_vectors(&rng);
    test_write_text(test_path(folder, "tiny.yaml"), yaml);
    return 0;
}

static double first_loss;

static void on_progress(void *ctx, const ct_train_progress *p) {
    (void)ctx;
    if (p->step == 1) first_loss = p->loss;
}

static ct_train_result train(const ct_config *config) {
    const ct_observer observer = {.train_progress = on_progress};
    const ct_train_options options = {.overwrite = true};
    ct_train_result result;
    ct_error err = CT_ERROR_INIT;
    if (ct_run_train(config, &options, &observer, &result, &err) != CT_OK) fail_msg("%s", err.text);
    assert_int_equal(result.skipped, 0);
    return result;
}

/* ndcg@10 of the validation part: 0 where all items tie, 0.26 to 0.28 with vectors when this was written. */
static void vectors_are_learnt_from(void **state) {
    static const char *const overrides[] = {"model.item.fusion=gated", "model.item.fusion=concat",
                                            "model.item.fusion=cross_attention", "model.item.text=none",
                                            "model.item.vector_scale=none"};
    (void)state;
    ct_config *text = tiny_config(folder, "model.item.vectors=[]", NULL);
    const ct_train_result alone = train(text);
    ct_config_close(text);
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        ct_config *c = tiny_config(folder, overrides[i], NULL);
        const ct_train_result r = train(c);
        if (!(r.loss < first_loss - 2.0)) fail_msg("%s: loss %g, at first %g", overrides[i], r.loss, first_loss);
        if (!(r.best > alone.best + 0.1)) fail_msg("%s: %g, text alone %g", overrides[i], r.best, alone.best);
        ct_config_close(c);
    }
}

static void expect(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("'%s' is not in\n%s", part, text);
}

/* What prepare and inspect say; export writes a vector of every item, embed reads texts that have none. */
static void the_other_verbs_know_of_them(void **state) {
    (void)state;
    char *text = NULL, *path = NULL;
    ct_error err = CT_ERROR_INIT;
    ct_embed_result embedded;
    ct_config *c = tiny_config(folder, "train.steps=5", NULL);
    train(c);
    assert_int_equal(ct_run_prepare(c, false, NULL, &text, &err), CT_OK);
    expect(text, "    audio: 108 of 120 items have a vector\n");
    ct_text_free(text);
    assert_int_equal(ct_inspect(test_path(folder, "run/cache"), &text, &err), CT_OK);
    expect(text, "vectors audio            16 columns, of 108 items");
    ct_text_free(text);
    assert_int_equal(ct_inspect(tiny_checkpoint(folder, "best"), &text, &err), CT_OK);
    expect(text, "param/item.fusion.vectors.audio.weight");
    expect(text, "vectors: [audio]");
    ct_text_free(text);
    if (ct_run_export(c, NULL, NULL, NULL, &path, &err) != CT_OK) fail_msg("%s", err.text);
    ct_text_free(path);
    int64_t n, dim;
    float *rows = NULL;
    assert_int_equal(ct_read_npy(test_path(folder, "run/export/items.npy"), &n, &dim, &rows, &err), CT_OK);
    assert_true(n == ITEMS && dim == 16);
    ct_free(rows);
    test_write_text(test_path(folder, "texts.txt"), "a thing\nthing a\n");
    const ct_embed_options options = {
        .texts = test_path(folder, "texts.txt"), .out = test_path(folder, "texts"), .items = true};
    if (ct_run_embed(c, &options, NULL, &embedded, &err) != CT_OK) fail_msg("%s", err.text);
    assert_int_equal(embedded.n, 2);
    ct_config_close(c);
}

/* What one run exports, another reads as vectors of its items: the ids of the bundle stand beside it. */
static void an_export_is_an_input(void **state) {
    (void)state;
    char *text = NULL, override[700], run_dir[700];
    ct_error err = CT_ERROR_INIT;
    snprintf(override, sizeof override, "platforms.shop.items.vectors={old: %s}",
             test_path(folder, "run/export/items.npy"));
    snprintf(run_dir, sizeof run_dir, "run_dir=%s", test_path(folder, "second"));
    ct_config *c = tiny_config(folder, override, run_dir, "train.steps=5", NULL);
    assert_int_equal(ct_run_prepare(c, false, NULL, &text, &err), CT_OK);
    expect(text, "    old: 120 of 120 items have a vector\n");
    ct_text_free(text);
    train(c);
    ct_config_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_are_learnt_from),
                                       cmocka_unit_test(the_other_verbs_know_of_them),
                                       cmocka_unit_test(an_export_is_an_input)};
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
