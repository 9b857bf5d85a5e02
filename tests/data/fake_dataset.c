/* The dataset of fake_dataset.h, filled array by array. */
#include "tests/data/fake_dataset.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/str.h"

enum { N_WORDS = 50, FIRST_WORD = 5 };

const fake_shape fake_three = {3, {40, 25, 10}, {30, 45, 12}, 14, true, 60, 7};

static void *take(fake_dataset *f, int64_t n, size_t size) {
    assert_true(f->n_blocks < (int)(sizeof f->blocks / sizeof f->blocks[0]));
    void *block = NULL;
    assert_int_equal(ct_calloc((size_t)n, size, &block, NULL), CT_OK);
    f->blocks[f->n_blocks++] = block;
    return block;
}

/* Strings by a printf pattern with one number; every seventh is empty when gaps is set. */
static ct_strings make_strings(fake_dataset *f, int64_t n, const char *prefix, bool gaps) {
    int64_t *begin = take(f, n + 1, sizeof *begin);
    char *bytes = take(f, n * 24 + 1, 1);
    for (int64_t i = 0; i < n; i++) {
        int length = 0;
        if (!gaps || i % 7 != 3) length = snprintf(bytes + begin[i], 24, "%s%lld", prefix, (long long)i);
        begin[i + 1] = begin[i] + length + 1;
    }
    return (ct_strings){begin, bytes};
}

/* Lists of at most `most` words, a marker first (first + i) unless first is negative. Of each `gap` lists one (the
 * hit-th) is empty, or, with rare set, one is not. */
static ct_token_lists make_tokens(fake_dataset *f, ct_rng *rng, int64_t n, int most, int32_t first, int gap, int hit,
                                  bool rare) {
    int64_t *begin = take(f, n + 1, sizeof *begin);
    int32_t *ids = take(f, n * (most + 1), sizeof *ids);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = begin[i];
        if ((i % gap == hit) == rare) {
            if (first >= 0) ids[at++] = first + (int32_t)i;
            const int words = (int)ct_rng_below(rng, (uint64_t)most) + (first < 0);
            for (int w = 0; w < words; w++) ids[at++] = FIRST_WORD + (int32_t)ct_rng_below(rng, N_WORDS);
        }
        begin[i + 1] = at;
    }
    return (ct_token_lists){begin, ids};
}

static const int64_t *number_platforms(fake_dataset *f, const int32_t *sizes, int32_t n, const int32_t **platform) {
    int64_t *begin = take(f, n + 1, sizeof *begin);
    for (int32_t p = 0; p < n; p++) begin[p + 1] = begin[p] + sizes[p];
    int32_t *of = take(f, begin[n], sizeof *of);
    for (int32_t p = 0; p < n; p++) {
        for (int64_t i = begin[p]; i < begin[p + 1]; i++) of[i] = p;
    }
    *platform = of;
    return begin;
}

/* Every step-th of a platform is the same as its counterpart on platform 0; group numbers run backwards. */
static const int32_t *make_groups(fake_dataset *f, const int64_t *begin, const int32_t *platform, int64_t n, int step,
                                  bool links, bool twins, int64_t *n_groups) {
    int32_t *group = take(f, n, sizeof *group);
    *n_groups = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t place = i - begin[platform[i]];
        int64_t same = -1;
        if (links && platform[i] > 0 && place % step == 0 && place < begin[1]) same = place;
        if (links && twins && i == 3) same = 1;
        group[i] = same >= 0 ? group[same] : (int32_t)(*n_groups)++;
    }
    for (int64_t i = 0; i < n; i++) group[i] = (int32_t)*n_groups - 1 - group[i];
    return group;
}

static void list_persons(fake_dataset *f) {
    ct_dataset *d = &f->data;
    int64_t *begin = take(f, d->n_persons + 1, sizeof *begin);
    int32_t *user = take(f, d->n_users, sizeof *user);
    int64_t n = 0;
    for (int64_t p = 0; p < d->n_persons; p++) {
        for (int64_t u = 0; u < d->n_users; u++) {
            if (d->user_person[u] == p) user[n++] = (int32_t)u;
        }
        begin[p + 1] = n;
    }
    d->person_begin = begin;
    d->person_user = user;
}

static int compare_times(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void make_interactions(fake_dataset *f, const fake_shape *shape, ct_rng *rng) {
    ct_dataset *d = &f->data;
    const int64_t most = d->n_users * shape->max_interactions;
    int64_t *begin = take(f, d->n_users + 1, sizeof *begin), *time = take(f, most, sizeof *time);
    int32_t *item = take(f, most, sizeof *item);
    float *weight = take(f, most, sizeof *weight);
    for (int64_t u = 0; u < d->n_users; u++) {
        const int32_t p = d->user_platform[u];
        const int64_t n = (int64_t)ct_rng_below(rng, (uint64_t)shape->max_interactions + 1);
        begin[u + 1] = begin[u] + n;
        for (int64_t k = begin[u]; k < begin[u + 1]; k++) {
            item[k] = (int32_t)(d->item_begin[p] + (int64_t)ct_rng_below(rng, (uint64_t)shape->items[p]));
            time[k] = (int64_t)ct_rng_below(rng, (uint64_t)shape->n_times);
            weight[k] = 0.5f + (float)ct_rng_below(rng, 3);
        }
        qsort(time + begin[u], (size_t)n, sizeof *time, compare_times);
    }
    d->inter_begin = begin;
    d->inter_item = item;
    d->inter_time = time;
    d->inter_weight = weight;
    d->n_interactions = begin[d->n_users];
}

static void make_tokenizer(fake_dataset *f) {
    ct_str vocab = {0};
    assert_int_equal(ct_str_puts(&vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", NULL), CT_OK);
    for (int i = 0; i < N_WORDS; i++) assert_int_equal(ct_str_printf(&vocab, NULL, "w%d\n", i), CT_OK);
    f->first_title = FIRST_WORD + N_WORDS;
    for (int64_t i = 0; i < f->data.n_items; i++) {
        assert_int_equal(ct_str_printf(&vocab, NULL, "t%lld\n", (long long)i), CT_OK);
    }
    f->first_review = f->first_title + (int32_t)f->data.n_items;
    for (int64_t k = 0; k < f->data.n_interactions; k++) {
        assert_int_equal(ct_str_printf(&vocab, NULL, "r%lld\n", (long long)k), CT_OK);
    }
    assert_int_equal(ct_tokenizer_parse(&f->tokenizer, "fake", ct_str_text(&vocab), vocab.length, true, NULL), CT_OK);
    ct_str_free(&vocab);
    f->data.tokenizer = f->tokenizer;
}

void fake_create(fake_dataset *f, const fake_shape *shape) {
    memset(f, 0, sizeof *f);
    ct_dataset *d = &f->data;
    ct_rng rng = ct_rng_make(shape->seed, 0, 1);
    d->n_platforms = shape->n_platforms;
    d->platform_name = make_strings(f, shape->n_platforms, "platform", false);
    d->user_begin = number_platforms(f, shape->users, shape->n_platforms, &d->user_platform);
    d->item_begin = number_platforms(f, shape->items, shape->n_platforms, &d->item_platform);
    d->n_users = d->user_begin[shape->n_platforms];
    d->n_items = d->item_begin[shape->n_platforms];
    d->user_person = make_groups(f, d->user_begin, d->user_platform, d->n_users, 2, shape->links, true, &d->n_persons);
    d->item_entity = make_groups(f, d->item_begin, d->item_platform, d->n_items, 3, shape->links, false,
                                 &d->n_entities);
    list_persons(f);
    make_interactions(f, shape, &rng);
    make_tokenizer(f);
    d->user_id = make_strings(f, d->n_users, "u", false);
    d->user_profile = make_strings(f, d->n_users, "Profile ", true);
    d->item_id = make_strings(f, d->n_items, "i", false);
    d->item_title = make_strings(f, d->n_items, "Title ", true);
    d->item_text = d->item_category = d->item_image = make_strings(f, d->n_items, "", true);
    d->profile_tokens = make_tokens(f, &rng, d->n_users, 6, -1, 7, 3, false);
    d->title_tokens = make_tokens(f, &rng, d->n_items, 3, f->first_title, 7, 3, false);
    d->item_tokens = make_tokens(f, &rng, d->n_items, 12, -1, 5, 2, false);
    d->review_tokens = make_tokens(f, &rng, d->n_interactions, 4, f->first_review, 3, 1, true);
    d->valid_time = shape->n_times * 7 / 10;
    d->test_time = shape->n_times * 8 / 10;
}

void fake_free(fake_dataset *f) {
    for (int i = 0; i < f->n_blocks; i++) ct_free(f->blocks[i]);
    ct_tokenizer_free(f->tokenizer);
    memset(f, 0, sizeof *f);
}

ct_config fake_config(void) {
    static char template[] = "{profile} [SEP] {titles:4} [SEP] {reviews:3}";
    ct_config c = {0};
    c.seed = 11;
    c.data.user_text = template;
    c.data.max_user_tokens = 24;
    c.data.max_item_tokens = 9;
    c.data.bucket = 64;
    c.model.user.kind = CT_ENCODER_TRANSFORMER;
    c.model.item.kind = CT_ENCODER_CNN;
    c.model.id_users = c.model.id_items = 8;
    c.model.id_history = 5;
    c.model.history = 4;
    c.model.dim = 16;
    c.train.batch = 32;
    c.train.platform_temperature = 1.0;
    c.train.batches = CT_BATCHES_MIXED;
    c.loss.negatives = CT_NEGATIVES_BATCH;
    return c;
}
