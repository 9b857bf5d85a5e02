/* The project of tiny_run.h: files by a fixed random stream. */
#include "tests/support/tiny_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/safetensors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

enum { TASTES = 4 };

typedef struct platform {
    const char *name;
    int users, items, most; /* most interactions a user */
    long begin, end;        /* times */
} platform;

static const platform platforms[] = {
    {"shop", 44, 30, 32, 1000, 11000}, {"video", 32, 24, 14, 1500, 11000}, {"news", 8, 6, 6, 0, 900}};

static const char *const words[TASTES][4] = {{"phone", "camera", "screen", "手机"},
                                             {"guitar", "piano", "drum", "音乐"},
                                             {"tent", "boots", "rope", "山"},
                                             {"pan", "knife", "oven", "厨房"}};
static const char *const kinds[] = {"small", "large", "old", "new", "cheap", "good"};

static FILE *create(const char *dir, const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, folder);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", dir, folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    return f;
}

/* Ids are as awkward as users make them: quotes, commas, other scripts. */
static void put_item_id(FILE *f, const platform *p, int item) {
    if (item == 3)
        fprintf(f, "\"%c\"\"3, \"\"\"", p->name[0]);
    else if (item == 5)
        fprintf(f, "%c五", p->name[0]);
    else
        fprintf(f, "%c%d", p->name[0], item);
}

static void write_items(const char *dir, const platform *p, ct_rng *rng) {
    FILE *f = create(dir, p->name, "items.csv");
    fprintf(f, "item_id,title,text,category\n");
    for (int i = 0; i < p->items; i++) {
        const int taste = i % TASTES;
        put_item_id(f, p, i);
        fprintf(f, ",%s %s,%s and %s,%s\n", kinds[ct_rng_below(rng, 6)], words[taste][ct_rng_below(rng, 4)],
                words[taste][ct_rng_below(rng, 4)], words[taste][ct_rng_below(rng, 4)], words[taste][0]);
    }
    fclose(f);
}

static void write_users(const char *dir, const platform *p, ct_rng *rng) {
    FILE *f = create(dir, p->name, "users.csv");
    fprintf(f, "user_id,text\n");
    for (int u = 0; u < p->users; u++)
        fprintf(f, "u%d,%s\n", u, ct_rng_below(rng, 3) ? words[u % TASTES][ct_rng_below(rng, 4)] : "");
    fclose(f);
}

/* User 0 does nothing; user 1 comes late, and so do the video site's users 8 to 10, who are the shop's users
 * 4 to 6; user 2 only repeats itself late; the others are spread over all times. */
static void put_interaction(FILE *f, const platform *p, ct_rng *rng, int user, int k) {
    const int taste = user % TASTES;
    int item = (int)ct_rng_below(rng, (uint64_t)p->items);
    long time = p->begin + (long)ct_rng_below(rng, (uint64_t)(p->end - p->begin));
    if (ct_rng_below(rng, 5) && p->items >= TASTES) item = item / TASTES * TASTES + taste;
    if (item >= p->items) item = taste;
    if (user == 1 || (user >= 8 && user <= 10 && p->name[0] == 'v')) time = p->end - 100 + k;
    if (user == 2) {
        item = taste;
        if (k > 0) time = p->end - 100 + k;
    }
    fprintf(f, "u%d,", user);
    put_item_id(f, p, item);
    fprintf(f, ",%ld,%s\n", time, ct_rng_below(rng, 4) ? "" : words[item % TASTES][ct_rng_below(rng, 4)]);
}

static void write_interactions(const char *dir, const platform *p, ct_rng *rng) {
    FILE *f = create(dir, p->name, "interactions.csv");
    fprintf(f, "user_id,item_id,timestamp,review\n");
    for (int u = 1; u < p->users; u++) {
        const int n = 2 + (int)ct_rng_below(rng, (uint64_t)p->most - 1);
        for (int k = 0; k < n; k++) put_interaction(f, p, rng, u, k);
    }
    fclose(f);
}

static void write_links(const char *dir) {
    FILE *f = create(dir, ".", "links.csv");
    fprintf(f, "shop,video,news\n");
    for (int u = 4; u < 16; u++) fprintf(f, "u%d,u%d,%s\n", u, u + 4, u == 6 ? "u6" : "");
    fclose(f);
}

static const char yaml[] =
    "name: tiny\n"
    "run_dir: run\n"
    "seed: 3\n"
    "threads: 1\n"
    "platforms:\n"
    "  shop: {from: shop}\n"
    "  video: {from: video}\n"
    "  news: {from: news}\n"
    "links: {users: links.csv}\n"
    "data: {cache: cache, vocab_size: 300, max_user_tokens: 24, max_item_tokens: 16, bucket: 16}\n"
    "model:\n"
    "  dim: 16\n"
    "  user: {layers: 1, hidden: 16, heads: 2}\n"
    "  item: {text: cnn, embed: 16, widths: [1, 2], filters: 8}\n"
    "  history: 3\n"
    "  ids: {users: 8, items: 8, history: 4}\n"
    "train: {batch: 32, epochs: 2, lr: 1e-2, log_every: 4, checkpoint: {every: 0.5 epoch}}\n"
    "eval: {at: [5, 10], bootstrap: 60, split: {valid: 0.12, test: 0.15}}\n"
    "export: {formats: [npy, safetensors, faiss, csv]}\n";

void tiny_write(const char *dir) {
    ct_rng rng = ct_rng_make(7, 0, 1);
    for (size_t p = 0; p < sizeof platforms / sizeof *platforms; p++) {
        write_items(dir, &platforms[p], &rng);
        write_users(dir, &platforms[p], &rng);
        write_interactions(dir, &platforms[p], &rng);
    }
    write_links(dir);
    test_write_text(test_path(dir, "tiny.yaml"), yaml);
}

ct_config *tiny_config(const char *dir, ...) {
    const char *overrides[32];
    int n = 0;
    va_list args;
    va_start(args, dir);
    while ((overrides[n] = va_arg(args, const char *)) != NULL) assert_true(++n < 32);
    va_end(args);
    ct_config *config = NULL;
    char *mistakes = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_config_open(&config, test_path(dir, "tiny.yaml"), overrides, n, &mistakes, &err) != CT_OK)
        fail_msg("%s\n%s", err.text, mistakes ? mistakes : "");
    return config;
}

ct_train_result tiny_train(const ct_config *config, const ct_train_options *options) {
    ct_train_result result;
    ct_error err = CT_ERROR_INIT;
    if (ct_run_train(config, options, NULL, &result, &err) != CT_OK) fail_msg("%s", err.text);
    return result;
}

const char *tiny_checkpoint(const char *dir, const char *name) {
    char file[256];
    snprintf(file, sizeof file, "run/checkpoints/%s.safetensors", name);
    return test_path(dir, file);
}

/* Declares and writes tensor i; values are scaled when it is the one. */
static void copy_tensor(ct_safetensors_writer *w, const ct_safetensor *t, const char *tensor, float factor,
                        bool data) {
    if (!data) {
        assert_int_equal(ct_safetensors_writer_declare(w, t->name, t->dtype, t->shape, t->n_dims, NULL),
                         CT_OK);
        return;
    }
    float *values = malloc(t->bytes + 1);
    memcpy(values, t->data, t->bytes);
    if (strcmp(t->name, tensor) == 0)
        for (size_t i = 0; i < t->bytes / sizeof *values; i++) values[i] *= factor;
    assert_int_equal(ct_safetensors_writer_data(w, values, t->bytes, NULL), CT_OK);
    free(values);
}

void tiny_spoil(const char *path, const char *tensor, float factor) {
    static const char *const keys[] = {"format",    "version",    "config",    "seed",
                                       "step",      "skipped",    "best",      "best_step",
                                       "bad_evals", "vocab_hash", "data_hash", "metadata_xxh3"};
    ct_safetensors *f = NULL;
    ct_safetensors_writer *w = NULL;
    assert_int_equal(ct_safetensors_open(&f, path, NULL), CT_OK);
    assert_non_null(ct_safetensors_find(f, tensor));
    assert_int_equal(ct_safetensors_writer_create(&w, path, NULL), CT_OK);
    assert_int_equal(ct_safetensors_writer_metadata(w, "xxh3", ct_safetensors_hash_slot, NULL), CT_OK);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(
            ct_safetensors_writer_metadata(w, keys[i], ct_safetensors_metadata(f, keys[i]), NULL), CT_OK);
    for (int data = 0; data < 2; data++)
        for (int i = 0; i < ct_safetensors_count(f); i++)
            copy_tensor(w, ct_safetensors_at(f, i), tensor, factor, data);
    assert_int_equal(ct_safetensors_writer_commit(w, NULL), CT_OK);
    ct_safetensors_writer_free(w);
    ct_safetensors_close(f);
}
