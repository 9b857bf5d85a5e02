/* Training batches and encoding batches, each array against brute force over the dataset. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/batcher.h"
#include "data/history.h"
#include "tests/data/fake_rig.h"

static int32_t entity_of(int64_t k) { return fake.data.item_entity[fake.data.inter_item[k]]; }

/* Segments of `key` hold exactly the entries with rows[u] == key[entry], in the entries' order. */
static void check_segments(const ct_segments *s, const int32_t *rows, const int32_t *key, const int32_t *entry_row,
                           int32_t n) {
    int32_t done = 0;
    for (int32_t u = 0; u < s->n_unique; u++) {
        if (u > 0) assert_true(rows[u] > rows[u - 1]);
        assert_int_equal(s->seg_begin[u], done);
        for (int32_t i = 0; i < n; i++) {
            if (key[i] == rows[u]) assert_int_equal(s->seg_row[done++], entry_row ? entry_row[i] : i);
        }
    }
    assert_int_equal(s->seg_begin[s->n_unique], done);
    assert_int_equal(done, n);
}

static void check_pack(const rig *r, const ct_token_pack *p, int32_t rows, bool specials, int32_t cap) {
    const ct_special_tokens special = ct_tokenizer_special(fake.tokenizer);
    int32_t longest = 0;
    assert_int_equal(p->n_rows, rows);
    assert_int_equal(p->offsets[0], 0);
    for (int32_t i = 0; i < rows; i++) {
        const int32_t from = p->offsets[i], to = p->offsets[i + 1];
        assert_in_range(to - from, specials ? 2 : 0, cap);
        longest = to - from > longest ? to - from : longest;
        assert_int_equal(p->row_of[i], i);
        for (int32_t t = from; t < to; t++) {
            assert_int_equal(p->pos[t], t - from);
            assert_int_equal(p->row[t], i);
        }
        if (!specials) continue;
        assert_int_equal(p->ids[from], special.cls);
        assert_int_equal(p->ids[to - 1], special.sep);
    }
    assert_int_equal(p->n_tokens, p->offsets[rows]);
    assert_int_equal(p->max_length, longest);
    assert_int_equal(p->n_padded % r->config.data.bucket, 0);
    assert_in_range(p->n_padded - p->n_tokens, 0, r->config.data.bucket - 1);
    for (int32_t t = p->n_tokens; t < p->n_padded; t++) {
        assert_int_equal(p->ids[t], special.pad);
        assert_int_equal(p->pos[t], 0);
        assert_int_equal(p->row[t], rows);
    }
    if (!p->by_id.rows) return;
    check_segments(&p->by_id, p->by_id.rows, p->ids, NULL, p->n_tokens);
    check_segments(&p->by_pos, p->by_pos.rows, p->pos, NULL, p->n_tokens);
}

static void check_bag(const ct_bag *bag, int32_t rows, int32_t most) {
    assert_int_equal(bag->n_rows, rows);
    assert_int_equal(bag->offsets[0], 0);
    for (int32_t i = 0; i < rows; i++) {
        const int32_t n = bag->offsets[i + 1] - bag->offsets[i];
        assert_in_range(n, 0, most);
        assert_true(bag->scale[i] == (n > 0 ? 1.0f / (float)n : 0.0f));
    }
    assert_int_equal(bag->n_entries, bag->offsets[rows]);
}

static void check_pairs(const rig *r) {
    const ct_dataset *d = &fake.data;
    const ct_batch *b = &r->batch;
    int32_t platform_pairs[FAKE_PLATFORMS] = {0};
    assert_int_equal(b->n_pairs, r->config.train.batch);
    assert_int_equal(b->users.n_rows, b->n_pairs);
    for (int32_t i = 0; i < b->n_pairs; i++) {
        const ct_pair pair = r->pairs[i];
        assert_in_range(b->pos[i], 0, b->items.n_rows - 1);
        assert_int_equal(b->items.item[b->pos[i]], d->inter_item[pair.interaction]);
        assert_true(b->weight[i] == d->inter_weight[pair.interaction]);
        assert_true(b->user_logq[i] == ct_sampler_user_logq(r->sampler, pair.user) && isfinite(b->user_logq[i]));
        assert_int_equal(b->users.platform[i], d->user_platform[pair.user]);
        platform_pairs[d->user_platform[pair.user]]++;
    }
    assert_memory_equal(b->platform_pairs, platform_pairs, sizeof platform_pairs);
    for (int32_t j = 0; j < b->items.n_rows; j++) {
        if (j > 0) assert_true(b->items.item[j] > b->items.item[j - 1]);
        assert_int_equal(b->items.platform[j], d->item_platform[b->items.item[j]]);
        assert_true(b->item_logq[j] == ct_sampler_item_logq(r->sampler, b->items.item[j]) && isfinite(b->item_logq[j]));
        bool used = false;
        for (int32_t i = 0; i < b->n_pairs; i++) used |= b->pos[i] == j;
        assert_true(used);
    }
}

static bool person_has(int32_t person, int32_t entity) {
    for (int64_t u = 0; u < fake.data.n_users; u++) {
        if (fake.data.user_person[u] != person) continue;
        for (int64_t k = fake.data.inter_begin[u]; k < split.train_end[u]; k++) {
            if (entity_of(k) == entity) return true;
        }
    }
    return false;
}

static int32_t check_masks(const rig *r) {
    const ct_batch *b = &r->batch;
    int32_t n = 0, foreign = 0;
    for (int32_t i = 0; i < b->n_pairs; i++) {
        assert_int_equal(b->mask_begin[i], n);
        for (int32_t j = 0; j < b->items.n_rows; j++) {
            const int32_t entity = fake.data.item_entity[b->items.item[j]];
            if (!person_has(fake.data.user_person[r->pairs[i].user], entity)) {
                assert_int_not_equal(b->pos[i], j);
                continue;
            }
            assert_int_equal(b->mask_col[n++], j);
            foreign += b->items.platform[j] != b->users.platform[i];
        }
    }
    assert_int_equal(b->mask_begin[b->n_pairs], n);
    assert_true(n <= r->caps.mask_entries);
    return foreign;
}

static void check_rows(const rig *r) {
    const ct_batch *b = &r->batch;
    static int32_t key[8192], row[8192];
    check_segments(&b->users.by_platform, b->users.by_platform.rows, b->users.platform, NULL, b->n_pairs);
    check_segments(&b->items.by_platform, b->items.by_platform.rows, b->items.platform, NULL, b->items.n_rows);
    const ct_bag *bags[] = {&b->users.person, &b->items.entity, &b->users.history};
    const ct_segments *segments[] = {&b->person_seg, &b->entity_seg, &b->history_seg};
    const ct_table_rows *rows[] = {&b->person_rows, &b->entity_rows, &b->entity_rows};
    for (int i = 0; i < 3; i++) {
        int32_t n = 0;
        for (int32_t j = 0; j < bags[i]->n_rows; j++) {
            for (int32_t k = bags[i]->offsets[j]; k < bags[i]->offsets[j + 1]; k++) {
                key[n] = bags[i]->ids[k];
                row[n++] = j;
            }
        }
        assert_int_equal(segments[i]->n_unique, rows[i]->n_unique);
        check_segments(segments[i], rows[i]->rows, key, row, n);
    }
    for (int32_t u = 0; u < b->entity_rows.n_unique; u++) { /* no row that nobody named */
        assert_true(b->entity_seg.seg_begin[u + 1] > b->entity_seg.seg_begin[u] ||
                    b->history_seg.seg_begin[u + 1] > b->history_seg.seg_begin[u]);
    }
}

/* Is interaction j known to somebody who is about to make training interaction k? */
static bool allowed(ct_pair pair, int64_t j) {
    const ct_dataset *d = &fake.data;
    int64_t owner = 0;
    while (d->inter_begin[owner + 1] <= j) owner++;
    if (d->user_person[owner] != d->user_person[pair.user] || j >= split.train_end[owner]) return false;
    return owner == pair.user ? j < pair.interaction : d->inter_time[j] < d->inter_time[pair.interaction];
}

static bool allowed_item(ct_pair pair, int32_t item, bool by_entity) {
    for (int64_t j = 0; j < fake.data.n_interactions; j++) {
        const bool same = by_entity ? entity_of(j) == item : fake.data.inter_item[j] == item;
        if (same && allowed(pair, j)) return true;
    }
    return false;
}

/* The markers in a user's text say which interactions and items it came from. */
static void check_past(const rig *r, int64_t *reviews, int64_t *titles) {
    const ct_batch *b = &r->batch;
    for (int32_t i = 0; i < b->n_pairs; i++) {
        for (int32_t t = b->users.text.offsets[i]; t < b->users.text.offsets[i + 1]; t++) {
            const int32_t id = b->users.text.ids[t];
            if (id >= fake.first_review) {
                assert_true(allowed(r->pairs[i], id - fake.first_review));
                ++*reviews;
            } else if (id >= fake.first_title) {
                assert_true(allowed_item(r->pairs[i], id - fake.first_title, false));
                ++*titles;
            }
        }
        const ct_bag *history = &b->users.history;
        for (int32_t k = history->offsets[i]; k < history->offsets[i + 1]; k++) {
            assert_true(allowed_item(r->pairs[i], history->ids[k], true));
            for (int32_t l = history->offsets[i]; l < k; l++) assert_int_not_equal(history->ids[l], history->ids[k]);
        }
        const ct_bag *latest = &b->users.latest;
        for (int32_t k = latest->offsets[i]; k < latest->offsets[i + 1]; k++)
            assert_true(allowed_item(r->pairs[i], latest->ids[k], false));
    }
}

/* The fake vocabulary fits one digit of the sort; real ones, and ids, do not. */
static void large_keys_are_sorted_too(void **state) {
    (void)state;
    static const uint64_t ranges[] = {1, 2, 2048, 2049, 30000, 1 << 22, (1 << 22) + 1, UINT64_C(1) << 31};
    static int32_t keys[700], rows[700], begin[701], seg_row[700];
    ct_segments segments = {0, rows, begin, seg_row};
    ct__sorter sorter;
    ct_rng rng = ct_rng_make(3, 0, 0);
    assert_int_equal(ct__sorter_create(&sorter, 700, NULL), CT_OK);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        for (int32_t n = 0; n <= 700; n += n < 3 ? 1 : 697) {
            for (int32_t k = 0; k < n; k++) {
                keys[k] = k > 0 && k % 3 == 0 ? keys[k / 2] : (int32_t)ct_rng_below(&rng, ranges[i]);
            }
            ct__segments_fill(&sorter, keys, n, &segments);
            check_segments(&segments, rows, keys, NULL, n);
        }
    }
    ct__sorter_free(&sorter);
}

static void check_config(ct_config config, int64_t steps) {
    rig r;
    int64_t reviews = 0, titles = 0, foreign = 0;
    rig_create(&r, config);
    const bool user_text = config.model.user.kind != CT_ENCODER_NONE;
    const bool item_text = config.model.item.kind != CT_ENCODER_NONE;
    for (int64_t t = 0; t < steps; t++) {
        rig_step(&r, t * t);
        assert_int_equal(r.batch.step, t * t);
        check_pairs(&r);
        check_pack(&r, &r.batch.users.text, user_text ? r.batch.n_pairs : 0,
                   config.model.user.kind == CT_ENCODER_TRANSFORMER, r.caps.user_tokens);
        check_pack(&r, &r.batch.items.text, item_text ? r.batch.items.n_rows : 0,
                   config.model.item.kind == CT_ENCODER_TRANSFORMER, r.caps.item_tokens);
        check_bag(&r.batch.users.person, r.batch.n_pairs, 1);
        check_bag(&r.batch.users.history, r.batch.n_pairs, (int32_t)config.model.id_history);
        check_bag(&r.batch.items.entity, r.batch.items.n_rows, 1);
        foreign += check_masks(&r);
        check_rows(&r);
        check_past(&r, &reviews, &titles);
    }
    if (user_text) assert_true(reviews > 0 && titles > 0);
    if (config.train.batches == CT_BATCHES_MIXED && config.train.batch >= 32) assert_true(foreign > 0);
    rig_free(&r);
}

static void every_array_is_what_brute_force_finds(void **state) {
    (void)state;
    ct_config config = fake_config();
    check_config(config, 12);
    config.model.user.kind = CT_ENCODER_CNN;
    config.model.item.kind = CT_ENCODER_TRANSFORMER;
    config.model.id_dropout = 0.4;
    config.train.part_dropout = 0.5;
    config.train.batch = 150; /* more than all items */
    check_config(config, 6);
    config.train.batch = 1;
    check_config(config, 40);
    config.model.user.kind = config.model.item.kind = CT_ENCODER_NONE;
    config.train.batch = 33;
    config.train.batches = CT_BATCHES_HOMOGENEOUS;
    check_config(config, 5);
    config.model.id_users = config.model.id_items = 0;
    check_config(config, 3);
}

static void ids_are_hidden_with_their_probability(void **state) {
    (void)state;
    ct_config config = fake_config();
    for (int i = 0; i <= 4; i++) {
        rig r;
        int64_t rows = 0, persons = 0, histories = 0, items = 0, entities = 0, both = 0, pasts = 0, latest = 0;
        config.model.id_dropout = 0.25 * i;
        config.train.part_dropout = 0.2 * i;
        rig_create(&r, config);
        for (int64_t t = 0; t < 60; t++) {
            rig_step(&r, t);
            rows += r.batch.n_pairs;
            items += r.batch.items.n_rows;
            persons += r.batch.users.person.n_entries;
            entities += r.batch.items.entity.n_entries;
            for (int32_t b = 0; b < r.batch.n_pairs; b++) {
                int64_t one;
                const ct_pair pair = r.pairs[b];
                const ct_moment m = ct_moment_before(&fake.data, pair.user, pair.interaction);
                if (ct_history(&fake.data, &split, m, 1, &one) == 0) continue;
                const bool history = r.batch.users.history.scale[b] > 0.0f;
                pasts++;
                histories += history;
                latest += r.batch.users.latest.scale[b] > 0.0f;
                both += history && r.batch.users.person.scale[b] > 0.0f;
            }
        }
        const double want = 1.0 - config.model.id_dropout;
        assert_true(fabs((double)persons / (double)rows - want) < 0.05);
        assert_true(fabs((double)entities / (double)items - want) < 0.05);
        assert_true(fabs((double)histories / (double)pasts - want) < 0.05);
        assert_true(fabs((double)both / (double)pasts - want * want) < 0.05); /* each by itself */
        assert_true(fabs((double)latest / (double)pasts - (1.0 - config.train.part_dropout)) < 0.05);
        rig_free(&r);
    }
}

static void a_text_is_never_hidden_whole(void **state) {
    (void)state;
    ct_config config = fake_config();
    rig shown, hidden;
    int64_t shorter = 0;
    rig_create(&shown, config);
    config.train.part_dropout = 0.6;
    rig_create(&hidden, config);
    for (int64_t t = 0; t < 40; t++) {
        rig_step(&shown, t);
        rig_step(&hidden, t);
        for (int32_t i = 0; i < shown.batch.n_pairs; i++) {
            const int32_t *a = shown.batch.users.text.offsets + i, *b = hidden.batch.users.text.offsets + i;
            assert_int_equal(a[1] - a[0] > 2, b[1] - b[0] > 2);
            shorter += b[1] - b[0] < a[1] - a[0];
        }
    }
    assert_true(shorter > 300);
    rig_free(&hidden);
    config.train.part_dropout = 1.0; /* all hidden, so all shown */
    rig_create(&hidden, config);
    rig_step(&shown, 3);
    rig_step(&hidden, 3);
    assert_int_equal(shown.batch.users.text.n_tokens, hidden.batch.users.text.n_tokens);
    rig_free(&hidden);
    rig_free(&shown);
}

static void training_allocates_nothing(void **state) {
    (void)state;
    ct_config config = fake_config();
    rig r;
    int32_t fewest = INT32_MAX, most = 0;
    config.model.id_dropout = config.train.part_dropout = 0.3;
    rig_create(&r, config);
    const uint64_t before = ct_alloc_count();
    for (int64_t t = 0; t < 50; t++) {
        assert_int_equal(ct_batcher_train(r.batcher, t, &r.batch, NULL), CT_OK);
        const int32_t n = r.batch.users.text.n_tokens;
        fewest = n < fewest ? n : fewest;
        most = n > most ? n : most;
    }
    assert_int_equal(ct_alloc_count(), before);
    assert_true(most > fewest); /* ragged */
    rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_keys_are_sorted_too),
        cmocka_unit_test(every_array_is_what_brute_force_finds),
        cmocka_unit_test(ids_are_hidden_with_their_probability),
        cmocka_unit_test(a_text_is_never_hidden_whole),
        cmocka_unit_test(training_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, fake_split_set_up, fake_split_tear_down);
}
