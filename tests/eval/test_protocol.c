/* Who is asked what, against sets worked out anew from the interactions. */
#include <stdlib.h>
#include <string.h>

#include "eval/protocol.h"
#include "tests/eval/hand_dataset.h"
#include "tests/support/cmocka.h"

static const hand_shape shapes[] = {
    {{40, 25, 10}, {30, 45, 12}, 14, 40, 1},
    {{7, 0, 3}, {5, 4, 2}, 6, 3, 2},    /* a platform without users */
    {{20, 9, 4}, {3, 1, 40}, 30, 9, 3}, /* catalogues that everybody has seen through */
    {{300, 2, 1}, {9, 2, 1}, 2, 1000, 4},
};

static bool has(const ct_dataset *d, int64_t begin, int64_t end, int32_t item) {
    for (int64_t k = begin; k < end; k++)
        if (d->inter_item[k] == item) return true;
    return false;
}

/* The items that stand in [begin, end) and not in [first, begin), ascending, local; returns how many. */
static int fresh_items(const ct_dataset *d, int32_t p, int64_t first, int64_t begin, int64_t end,
                       int32_t *out) {
    int n = 0;
    for (int64_t i = d->item_begin[p]; i < d->item_begin[p + 1]; i++)
        if (has(d, begin, end, (int32_t)i) && !has(d, first, begin, (int32_t)i))
            out[n++] = (int32_t)(i - d->item_begin[p]);
    return n;
}

/* Query i is that of `user`. */
static void check_query(const ct_dataset *d, const ct_split *split, const ct_queries *q, int64_t i,
                        int64_t user, ct_stage stage) {
    int32_t wanted[64];
    int64_t begin, end;
    hand_stage(d, split, user, stage, &begin, &end);
    assert_int_equal(q->moments[i].user, user);
    assert_int_equal(q->moments[i].stage, stage);
    assert_int_equal(q->moments[i].own_end, begin);
    assert_int_equal(q->moments[i].time, split->kind == CT_SPLIT_LAST ? d->inter_time[begin]
                                         : stage == CT_STAGE_VALID    ? d->valid_time
                                                                      : d->test_time);
    int n = fresh_items(d, q->platform, d->inter_begin[user], begin, end, wanted);
    assert_int_equal(q->target_begin[i + 1] - q->target_begin[i], n);
    assert_memory_equal(q->target + q->target_begin[i], wanted, (size_t)n * sizeof *wanted);
    n = fresh_items(d, q->platform, d->inter_begin[user], d->inter_begin[user], begin, wanted);
    assert_int_equal(q->seen_begin[i + 1] - q->seen_begin[i], n);
    assert_memory_equal(q->seen + q->seen_begin[i], wanted, (size_t)n * sizeof *wanted);
}

static bool is_asked(const ct_dataset *d, const ct_split *split, int32_t p, int64_t user, ct_stage stage) {
    int32_t items[64];
    int64_t begin, end;
    hand_stage(d, split, user, stage, &begin, &end);
    return fresh_items(d, p, d->inter_begin[user], begin, end, items) > 0;
}

static void check_platform(const ct_dataset *d, const ct_split *split, int32_t p, ct_stage stage) {
    ct_queries q;
    assert_int_equal(ct_queries_create(&q, d, split, p, stage, 0, 1, NULL), CT_OK);
    int64_t n = 0;
    for (int64_t u = d->user_begin[p]; u < d->user_begin[p + 1]; u++)
        if (is_asked(d, split, p, u, stage)) {
            assert_true(n < q.n);
            check_query(d, split, &q, n++, u, stage);
        }
    assert_int_equal(q.n, n);
    assert_int_equal(q.n_targets, q.target_begin[q.n]);
    assert_int_equal(q.n_items, d->item_begin[p + 1] - d->item_begin[p]);
    assert_int_equal(q.first_item, d->item_begin[p]);
    ct_queries_free(&q);
}

static void queries_are_what_the_interactions_say(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int kind = 0; kind < 2; kind++) {
            hand h;
            ct_split split;
            hand_create(&h, &shapes[s]);
            assert_int_equal(ct_split_create(&split, &h.data, kind ? CT_SPLIT_LAST : CT_SPLIT_TIME, NULL),
                             CT_OK);
            for (int32_t p = 0; p < HAND_PLATFORMS; p++) {
                check_platform(&h.data, &split, p, CT_STAGE_VALID);
                check_platform(&h.data, &split, p, CT_STAGE_TEST);
            }
            ct_split_free(&split);
            hand_free(&h);
        }
}

/* A draw of users: so many, all different, each with its own query; by seed. */
static void some_users_are_drawn_by_seed(void **state) {
    (void)state;
    hand h;
    ct_split split;
    ct_queries all, few, again, other;
    hand_create(&h, &shapes[0]);
    assert_int_equal(ct_split_create(&split, &h.data, CT_SPLIT_TIME, NULL), CT_OK);
    assert_int_equal(ct_queries_create(&all, &h.data, &split, 0, CT_STAGE_TEST, 0, 1, NULL), CT_OK);
    assert_true(all.n > 20);
    assert_int_equal(ct_queries_create(&few, &h.data, &split, 0, CT_STAGE_TEST, 12, 1, NULL), CT_OK);
    assert_int_equal(ct_queries_create(&again, &h.data, &split, 0, CT_STAGE_TEST, 12, 1, NULL), CT_OK);
    assert_int_equal(ct_queries_create(&other, &h.data, &split, 0, CT_STAGE_TEST, 12, 2, NULL), CT_OK);
    assert_int_equal(few.n, 12);
    assert_int_equal(again.n, 12);
    assert_int_equal(few.n_targets, few.target_begin[12]);
    int different = 0;
    for (int64_t i = 0; i < 12; i++) {
        check_query(&h.data, &split, &few, i, few.moments[i].user, CT_STAGE_TEST);
        assert_int_equal(few.moments[i].user, again.moments[i].user);
        different += few.moments[i].user != other.moments[i].user;
        for (int64_t j = 0; j < i; j++) assert_int_not_equal(few.moments[i].user, few.moments[j].user);
    }
    assert_true(different > 0);
    ct_queries_free(&few);
    assert_int_equal(ct_queries_create(&few, &h.data, &split, 0, CT_STAGE_TEST, 1000, 1, NULL), CT_OK);
    assert_int_equal(few.n, all.n); /* all that there are */
    assert_int_equal(few.n_targets, all.n_targets);
    ct_queries_free(&all);
    ct_queries_free(&few);
    ct_queries_free(&again);
    ct_queries_free(&other);
    ct_split_free(&split);
    hand_free(&h);
}

static void nobody_has_anything_to_find(void **state) {
    (void)state;
    hand h;
    ct_split split;
    ct_queries q;
    hand_create(&h, &shapes[0]);
    h.data.valid_time = h.data.test_time = 1000000;
    assert_int_equal(ct_split_create(&split, &h.data, CT_SPLIT_TIME, NULL), CT_OK);
    for (int stage = CT_STAGE_VALID; stage <= CT_STAGE_TEST; stage++) {
        assert_int_equal(ct_queries_create(&q, &h.data, &split, 0, (ct_stage)stage, stage, 1, NULL), CT_OK);
        assert_true(q.n == 0 && q.n_targets == 0 && q.target_begin[0] == 0 && q.seen_begin[0] == 0);
        ct_queries_free(&q);
    }
    ct_split_free(&split);
    hand_free(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_are_what_the_interactions_say),
        cmocka_unit_test(some_users_are_drawn_by_seed),
        cmocka_unit_test(nobody_has_anything_to_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
