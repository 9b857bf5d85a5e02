/* The datasets of hand_dataset.h. */
#include "tests/eval/hand_dataset.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/cmocka.h"

static void *take(hand *h, int64_t n, size_t size) {
    assert_true(h->n_blocks < 32);
    return h->blocks[h->n_blocks++] = calloc((size_t)n + 1, size);
}

static const int64_t *count_up(hand *h, const int32_t *sizes, const int32_t **of) {
    int64_t *begin = take(h, HAND_PLATFORMS + 1, sizeof *begin);
    for (int p = 0; p < HAND_PLATFORMS; p++) begin[p + 1] = begin[p] + sizes[p];
    int32_t *platform = take(h, begin[HAND_PLATFORMS], sizeof *platform);
    for (int p = 0; p < HAND_PLATFORMS; p++)
        for (int64_t i = begin[p]; i < begin[p + 1]; i++) platform[i] = p;
    *of = platform;
    return begin;
}

/* Every third user of a platform is the person of the same place on platform 0. */
static void link_persons(hand *h) {
    ct_dataset *d = &h->data;
    int32_t *person = take(h, d->n_users, sizeof *person), *user = take(h, d->n_users, sizeof *user);
    int64_t n = 0;
    for (int64_t u = 0; u < d->n_users; u++) {
        const int64_t place = u - d->user_begin[d->user_platform[u]];
        person[u] = d->user_platform[u] > 0 && place % 3 == 0 && place < d->user_begin[1]
                        ? person[place]
                        : (int32_t)d->n_persons++;
    }
    int64_t *begin = take(h, d->n_persons + 1, sizeof *begin);
    for (int64_t p = 0; p < d->n_persons; p++) {
        for (int64_t u = 0; u < d->n_users; u++)
            if (person[u] == p) user[n++] = (int32_t)u;
        begin[p + 1] = n;
    }
    d->user_person = person;
    d->person_begin = begin;
    d->person_user = user;
}

static int ascending(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void draw_interactions(hand *h, const hand_shape *s) {
    ct_dataset *d = &h->data;
    ct_rng rng = ct_rng_make(s->seed, 0, 0);
    const int64_t most = d->n_users * s->most;
    int64_t *begin = take(h, d->n_users + 1, sizeof *begin), *time = take(h, most, sizeof *time);
    int32_t *item = take(h, most, sizeof *item);
    for (int64_t u = 0; u < d->n_users; u++) {
        const int32_t p = d->user_platform[u];
        const int64_t n = s->items[p] ? (int64_t)ct_rng_below(&rng, (uint64_t)s->most + 1) : 0;
        begin[u + 1] = begin[u] + n;
        for (int64_t k = begin[u]; k < begin[u + 1]; k++) {
            /* The lower of two draws: some items are popular. */
            const uint64_t a = ct_rng_below(&rng, (uint64_t)s->items[p]),
                           b = ct_rng_below(&rng, (uint64_t)s->items[p]);
            item[k] = (int32_t)(d->item_begin[p] + (int64_t)(a < b ? a : b));
            time[k] = (int64_t)ct_rng_below(&rng, (uint64_t)s->n_times);
        }
        qsort(time + begin[u], (size_t)n, sizeof *time, ascending);
    }
    d->inter_begin = begin;
    d->inter_item = item;
    d->inter_time = time;
    d->n_interactions = begin[d->n_users];
}

void hand_create(hand *h, const hand_shape *s) {
    static const char names[] = "shop\0video\0news";
    static const int64_t name_begin[] = {0, 5, 11, 16};
    memset(h, 0, sizeof *h);
    ct_dataset *d = &h->data;
    d->n_platforms = HAND_PLATFORMS;
    d->platform_name = (ct_strings){name_begin, names};
    d->user_begin = count_up(h, s->users, &d->user_platform);
    d->item_begin = count_up(h, s->items, &d->item_platform);
    d->n_users = d->user_begin[HAND_PLATFORMS];
    d->n_items = d->item_begin[HAND_PLATFORMS];
    d->valid_time = s->n_times * 6 / 10;
    d->test_time = s->n_times * 8 / 10;
    link_persons(h);
    draw_interactions(h, s);
}

void hand_free(hand *h) {
    for (int i = 0; i < h->n_blocks; i++) free(h->blocks[i]);
    memset(h, 0, sizeof *h);
}

void hand_stage(const ct_dataset *data, const ct_split *split, int64_t user, ct_stage stage, int64_t *begin,
                int64_t *end) {
    const int64_t first = data->inter_begin[user], last = data->inter_begin[user + 1];
    const int64_t lower = stage == CT_STAGE_VALID ? data->valid_time : data->test_time;
    const int64_t upper = stage == CT_STAGE_VALID ? data->test_time : INT64_MAX;
    if (split->kind == CT_SPLIT_LAST) {
        const int64_t n = last - first >= 3 ? 1 : 0;
        *end = stage == CT_STAGE_VALID ? last - n : last;
        *begin = *end - n;
        return;
    }
    for (*begin = first; *begin < last && data->inter_time[*begin] < lower;) ++*begin;
    for (*end = *begin; *end < last && data->inter_time[*end] < upper;) ++*end;
}
