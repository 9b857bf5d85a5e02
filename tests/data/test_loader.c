/* The loader gives the batcher's batches in order, from any step, ends cleanly, and carries errors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "data/loader.h"
#include "tests/data/fake_split.h"

static ct_config config;
static ct_sampler *sampler;

static int set_up(void **state) {
    if (fake_split_set_up(state) != 0) return 1;
    config = fake_config();
    config.model.id_dropout = 0.2;
    config.train.part_dropout = 0.3;
    return ct_sampler_create(&sampler, &fake.data, &split, &config, NULL) == CT_OK ? 0 : 1;
}

static int tear_down(void **state) {
    ct_sampler_free(sampler);
    return fake_split_tear_down(state);
}

/* ---- a hash of all that a batch says, and of nothing else in its block ---- */

static uint64_t mix(uint64_t h, const void *v, int64_t n) { return ct_hash_seeded(v, (size_t)n * 4, h ^ (uint64_t)n); }

static uint64_t mix_segments(uint64_t h, const ct_segments *s) {
    if (s->rows) h = mix(h, s->rows, s->n_unique);
    h = mix(h, s->seg_begin, s->n_unique + 1);
    return mix(h, s->seg_row, s->seg_begin[s->n_unique]);
}

static uint64_t mix_pack(uint64_t h, const ct_token_pack *p) {
    h = mix(mix(mix(h, p->ids, p->n_padded), p->pos, p->n_padded), p->row, p->n_padded);
    h = mix(mix(h, p->offsets, p->n_rows + 1), p->row_of, p->n_rows);
    return mix_segments(mix_segments(h ^ (uint64_t)p->max_length, &p->by_id), &p->by_pos);
}

static uint64_t mix_bag(uint64_t h, const ct_bag *b) {
    return mix(mix(mix(h, b->offsets, b->n_rows + 1), b->ids, b->n_entries), b->scale, b->n_rows);
}

static uint64_t hash_batch(const ct_batch *b) {
    uint64_t h = (uint64_t)b->step;
    h = mix(mix_pack(h, &b->users.text), b->users.platform, b->users.n_rows);
    h = mix_bag(mix_bag(mix_segments(h, &b->users.by_platform), &b->users.person), &b->users.history);
    h = mix_bag(h, &b->users.latest);
    h = mix(mix_pack(h, &b->items.text), b->items.platform, b->items.n_rows);
    h = mix_bag(mix_segments(h, &b->items.by_platform), &b->items.entity);
    h = mix(mix(mix(h, b->items.item, b->items.n_rows), b->pos, b->n_pairs), b->weight, b->n_pairs);
    h = mix(mix(h, b->mask_begin, b->n_pairs + 1), b->mask_col, b->mask_begin[b->n_pairs]);
    h = mix(mix(h, b->item_logq, b->items.n_rows), b->user_logq, b->n_pairs);
    h = mix(mix(h, b->person_rows.rows, b->person_rows.n_unique), b->entity_rows.rows, b->entity_rows.n_unique);
    h = mix_segments(mix_segments(mix_segments(h, &b->person_seg), &b->entity_seg), &b->history_seg);
    return mix(h, b->platform_pairs, FAKE_PLATFORMS);
}

enum { STEPS = 60 };

static void hash_steps(uint64_t *hashes) {
    ct_batcher *batcher = NULL;
    ct_batch batch;
    assert_int_equal(ct_batcher_create(&batcher, &fake.data, &split, sampler, &config, NULL), CT_OK);
    const ct_batch_caps caps = ct_batcher_train_caps(batcher);
    assert_int_equal(ct_batch_create(&batch, &caps, NULL), CT_OK);
    memset(batch.block, 0xEE, batch.block_bytes); /* nothing is taken for zero */
    for (int t = STEPS - 1; t >= 0; t--) {        /* nor for what the step before left */
        assert_int_equal(ct_batcher_train(batcher, t, &batch, NULL), CT_OK);
        hashes[t] = hash_batch(&batch);
    }
    ct_batch_free(&batch);
    ct_batcher_free(batcher);
}

static ct_loader *start(int64_t first, int64_t last, int depth) {
    ct_loader *l = NULL;
    assert_int_equal(ct_loader_create(&l, &fake.data, &split, sampler, &config, first, last, depth, NULL), CT_OK);
    return l;
}

static void the_loader_gives_the_batchers_batches(void **state) {
    (void)state;
    uint64_t hashes[STEPS];
    hash_steps(hashes);
    assert_true(hashes[0] != hashes[1]);
    for (int depth = 1; depth <= 7; depth += 3) {
        for (int64_t first = 0; first < STEPS; first += 23) {
            ct_loader *l = start(first, STEPS, depth);
            const ct_batch *b = NULL;
            double waited = 0.0;
            for (int64_t t = first; t < STEPS; t++) {
                assert_int_equal(ct_loader_next(l, &b, &waited, NULL), CT_OK);
                assert_non_null(b);
                assert_int_equal(b->step, t);
                assert_true(hash_batch(b) == hashes[t]);
            }
            for (int again = 0; again < 2; again++) {
                assert_int_equal(ct_loader_next(l, &b, NULL, NULL), CT_OK);
                assert_null(b);
            }
            assert_true(waited >= 0.0);
            ct_loader_free(l);
        }
    }
}

/* A borrowed batch stays as it is while the thread runs on. */
static void a_borrowed_batch_is_left_alone(void **state) {
    (void)state;
    const struct timespec pause = {0, 2000000};
    ct_loader *l = start(0, 30, 2);
    const ct_batch *b = NULL;
    for (int t = 0; t < 30; t++) {
        assert_int_equal(ct_loader_next(l, &b, NULL, NULL), CT_OK);
        const uint64_t before = hash_batch(b);
        nanosleep(&pause, NULL);
        assert_true(hash_batch(b) == before);
    }
    ct_loader_free(l);
}

static void loading_allocates_nothing(void **state) {
    (void)state;
    ct_loader *l = start(0, 50, 3);
    const uint64_t before = ct_alloc_count();
    const ct_batch *b = NULL;
    for (int t = 0; t < 50; t++) assert_int_equal(ct_loader_next(l, &b, NULL, NULL), CT_OK);
    assert_int_equal(ct_alloc_count(), before);
    ct_loader_free(l);
}

static void a_loader_may_end_at_any_time(void **state) {
    (void)state;
    for (int taken = 0; taken < 8; taken++) {
        ct_loader *l = start(5, 1000000, 3);
        const ct_batch *b = NULL;
        for (int t = 0; t < taken; t++) assert_int_equal(ct_loader_next(l, &b, NULL, NULL), CT_OK);
        ct_loader_free(l);
    }
    ct_loader *l = start(5, 5, 3);
    const ct_batch *b = NULL;
    assert_int_equal(ct_loader_next(l, &b, NULL, NULL), CT_OK);
    assert_null(b);
    ct_loader_free(l);
    ct_loader_free(NULL);
}

/* The batcher refuses steps past 2^62 / batch: the thread comes to one after a few good ones. */
static void an_error_in_the_thread_comes_out(void **state) {
    (void)state;
    const int64_t last_good = INT64_MAX / 2 / config.train.batch - 64;
    ct_loader *l = start(last_good - 2, last_good + 10, 4);
    const ct_batch *b = NULL;
    ct_error err = CT_ERROR_INIT;
    for (int t = 0; t < 3; t++) {
        assert_int_equal(ct_loader_next(l, &b, NULL, &err), CT_OK);
        assert_int_equal(b->step, last_good - 2 + t);
    }
    for (int again = 0; again < 2; again++) {
        ct_error_clear(&err);
        assert_int_equal(ct_loader_next(l, &b, NULL, &err), CT_ERR_ARGUMENT);
        assert_null(b);
        assert_non_null(strstr(err.text, "batcher: step"));
    }
    ct_loader_free(l);
}

static void wrong_arguments_are_refused(void **state) {
    (void)state;
    ct_loader *l = NULL;
    assert_int_equal(ct_loader_create(&l, &fake.data, &split, sampler, &config, 0, 9, 0, NULL), CT_ERR_ARGUMENT);
    assert_int_equal(ct_loader_create(&l, &fake.data, &split, sampler, &config, -1, 9, 1, NULL), CT_ERR_ARGUMENT);
    assert_int_equal(ct_loader_create(&l, &fake.data, &split, NULL, &config, 0, 9, 1, NULL), CT_ERR_ARGUMENT);
    assert_null(l);
}

/* ---- each allocation fails once: an error, no leak, no crash ---- */

static int fail_at, calls;

static void *failing_allocate(void *ctx, size_t bytes) {
    (void)ctx;
    if (++calls == fail_at) return NULL;
    return aligned_alloc(CT_ALIGN, (bytes + CT_ALIGN) / CT_ALIGN * CT_ALIGN);
}

static void plain_release(void *ctx, void *block) {
    (void)ctx;
    free(block);
}

static void create_all(ct_status *st) {
    ct_split s = {0};
    ct_sampler *p = NULL;
    ct_loader *l = NULL;
    const ct_batch *b = NULL;
    *st = ct_split_create(&s, &fake.data, CT_SPLIT_TIME, NULL);
    if (*st == CT_OK) *st = ct_sampler_create(&p, &fake.data, &s, &config, NULL);
    if (*st == CT_OK) *st = ct_loader_create(&l, &fake.data, &s, p, &config, 0, 3, 2, NULL);
    if (*st == CT_OK) *st = ct_loader_next(l, &b, NULL, NULL);
    ct_loader_free(l);
    ct_sampler_free(p);
    ct_split_free(&s);
}

static void every_failed_allocation_is_reported(void **state) {
    (void)state;
    const ct_allocator failing = {failing_allocate, plain_release, NULL};
    ct_status st = CT_OK;
    int failures = 0;
    ct_set_allocator(&failing);
    for (fail_at = 1; fail_at < 1000; fail_at++) {
        calls = 0;
        create_all(&st);
        if (calls < fail_at) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        failures++;
    }
    ct_set_allocator(NULL);
    assert_int_equal(st, CT_OK);
    assert_true(failures > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loader_gives_the_batchers_batches),
        cmocka_unit_test(a_borrowed_batch_is_left_alone),
        cmocka_unit_test(loading_allocates_nothing),
        cmocka_unit_test(a_loader_may_end_at_any_time),
        cmocka_unit_test(an_error_in_the_thread_comes_out),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
