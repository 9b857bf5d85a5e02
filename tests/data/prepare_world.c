/* A configuration by hand, the files it names, what prepare made of them. */
#include "tests/data/prepare_world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "data/dataset_format.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

ct_strlist world_file(world *w, const char *name) {
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", w->dir, name) > 0);
    w->paths[w->n_paths] = path;
    return (ct_strlist){&w->paths[w->n_paths++], 1};
}

void world_write(const world *w, const char *name, const char *text) {
    test_write_text(test_path(w->dir, name), text);
}

/* Adds a platform of three files, NAME-items.csv ...; users NULL: no users file. */
ct_config_platform *world_platform(world *w, const char *name, const char *items, const char *users,
                                   const char *interactions) {
    ct_config_platform *p = &w->platforms[w->config.n_platforms++];
    char text[128];
    p->name = (char *)name;
    p->interactions.min_rating = NAN;
    snprintf(text, sizeof text, "%s-items.csv", name);
    world_write(w, text, items);
    p->items.path = world_file(w, text);
    if (users) {
        snprintf(text, sizeof text, "%s-users.csv", name);
        world_write(w, text, users);
        p->users.path = world_file(w, text);
    }
    snprintf(text, sizeof text, "%s-inter.csv", name);
    world_write(w, text, interactions);
    p->interactions.path = world_file(w, text);
    return p;
}

void world_begin(world *w, void **state) {
    *w = (world){0};
    w->dir = *state;
    snprintf(w->cache, sizeof w->cache, "%s/run/cache", w->dir);
    w->config.name = "test";
    w->config.platforms = w->platforms;
    w->config.data = (ct_config_data){.cache = w->cache,
                                      .max_bad_rows = 100,
                                      .vocab = "auto",
                                      .vocab_size = 500,
                                      .vocab_min_count = 1,
                                      .lowercase = true,
                                      .user_text = "{profile} [SEP] likes {titles:10} [SEP] {reviews:3}",
                                      .max_user_tokens = 64,
                                      .max_item_tokens = 48,
                                      .max_title_tokens = 12,
                                      .max_review_tokens = 32};
    w->config.eval.split = CT_SPLIT_LAST;
    w->config.eval.valid = w->config.eval.test = 0.1;
}

void world_forget(world *w) {
    ct_prepare_report_free(&w->report);
    ct_dataset_close(w->data);
    w->data = NULL;
    ct_error_clear(&w->err);
}

void world_end(world *w) {
    world_forget(w);
    for (int i = 0; i < w->n_paths; i++) free(w->paths[i]);
}

void world_prepare(world *w) {
    world_forget(w);
    if (ct_prepare(&w->config, false, &w->report, &w->err) != CT_OK) fail_msg("%s", w->err.text);
    if (ct_dataset_open(&w->data, w->cache, true, &w->err) != CT_OK) fail_msg("%s", w->err.text);
    assert_true(w->data->hash == w->report.hash);
    assert_int_equal(test_count_entries(w->cache), 2);
}

void world_refuse(world *w, ct_status wanted, const char *part) {
    world_forget(w);
    const ct_status st = ct_prepare(&w->config, false, &w->report, &w->err);
    if (st != wanted) fail_msg("status %s: %s", ct_status_name(st), w->err.text);
    if (!strstr(w->err.text, part)) fail_msg("'%s' lacks '%s'", w->err.text, part);
    assert_int_equal(w->report.n_platforms, 0);
}

void world_linked(world *w, void **state) {
    world_begin(w, state);
    ct_config_platform *p = world_platform(w, "shop", ITEMS, "user_id,member\na,1\nb,2\nc,\nd,1\n",
                                           "user_id,item_id\na,x\nb,x\nc,x\n");
    p->users.person = "member";
    p = world_platform(w, "video", "item_id,title\nm,Red hat\nn,Film\n", "user_id,member\na,2\nb,3\nc,4\n",
                       "user_id,item_id\na,m\nb,m\nc,n\n");
    p->users.person = "member";
}

cache_bytes world_read_cache(const world *w) {
    cache_bytes b = {0};
    struct stat info;
    FILE *f = fopen(test_path(w->cache, "dataset.bin"), "rb");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &info), 0);
    b.n = (size_t)info.st_size;
    b.v = malloc(b.n);
    assert_int_equal(fread(b.v, 1, b.n, f), b.n);
    fclose(f);
    return b;
}

void world_write_cache(const world *w, const void *v, size_t n) {
    test_write_file(test_path(w->cache, "dataset.bin"), v, n);
}

void world_refuse_cache(const world *w, cache_bytes b, bool verify, const char *part) {
    ct__cache_header *h = (ct__cache_header *)b.v;
    ct_dataset *d = NULL;
    ct_error err = CT_ERROR_INIT;
    for (int i = 0; i < CT__N_SECTIONS; i++) {
        ct__section_entry *s = &h->sections[i];
        s->hash = ct_hash(b.v + s->offset, (size_t)((s->size + 63) / 64 * 64));
    }
    h->header_hash = 0;
    h->header_hash = ct_hash(h, sizeof *h);
    world_write_cache(w, b.v, b.n);
    if (ct_dataset_open(&d, w->cache, verify, &err) != CT_ERR_FORMAT) fail_msg("taken, or: %s", err.text);
    assert_null(d);
    if (!strstr(err.text, part)) fail_msg("'%s' lacks '%s'", err.text, part);
}

void world_expect_user(const world *w, int platform, const char *id, const char *wanted) {
    char got[512] = "";
    const ct_dataset *d = w->data;
    const int64_t u = ct_dataset_find_user(d, platform, id);
    assert_true(u >= 0 && u < d->n_users);
    assert_string_equal(ct_strings_get(&d->user_id, u), id);
    for (int64_t k = d->inter_begin[u]; k < d->inter_begin[u + 1]; k++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s %lld %g;",
                 ct_strings_get(&d->item_id, d->inter_item[k]), (long long)d->inter_time[k],
                 d->inter_weight[k]);
    assert_string_equal(got, wanted);
}

void world_expect_tokens(const world *w, const ct_token_lists *lists, int64_t i, const char *wanted) {
    char got[512] = "";
    for (int64_t k = lists->begin[i]; k < lists->begin[i + 1]; k++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "",
                 ct_tokenizer_token(w->data->tokenizer, lists->ids[k]));
    assert_string_equal(got, wanted);
}
