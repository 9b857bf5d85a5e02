/* Example users: drawn by seed, their lists and ranks against loops over all pairs. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "eval/examples.h"
#include "tests/eval/hand_dataset.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"

enum { DIM = 5 };

static const hand_shape shape = {{60, 25, 20}, {30, 45, 9}, 14, 40, 21};

typedef struct world {
    hand h;
    ct_split split;
    ct_queries q;
    ct_device *device;
    float *users, *items;
} world;

/* Small whole numbers: scores are exact, and many are equal. */
static void world_create(world *w, int32_t platform) {
    ct_rng rng = ct_rng_make(5, (uint64_t)platform, 0);
    hand_create(&w->h, &shape);
    assert_int_equal(ct_split_create(&w->split, &w->h.data, CT_SPLIT_TIME, NULL), CT_OK);
    assert_int_equal(ct_queries_create(&w->q, &w->h.data, &w->split, platform, CT_STAGE_TEST, 0, 1, NULL), CT_OK);
    assert_int_equal(ct_device_open(&w->device, "cpu", 1, NULL), CT_OK);
    w->users = calloc((size_t)w->q.n * DIM + 1, sizeof *w->users);
    w->items = calloc((size_t)w->q.n_items * DIM + 1, sizeof *w->items);
    for (int64_t i = 0; i < w->q.n * DIM; i++) w->users[i] = (float)ct_rng_below(&rng, 5) - 2.0f;
    for (int64_t i = 0; i < w->q.n_items * DIM; i++) w->items[i] = (float)ct_rng_below(&rng, 5) - 2.0f;
}

static void world_free(world *w) {
    free(w->users);
    free(w->items);
    ct_device_close(w->device);
    ct_queries_free(&w->q);
    ct_split_free(&w->split);
    hand_free(&w->h);
}

static int64_t query_of(const world *w, const ct_example *e) {
    for (int64_t i = 0; i < w->q.n; i++)
        if (w->q.moments[i].user == e->moment.user) return i;
    fail_msg("user %d was not asked", e->moment.user);
    return -1;
}

static bool listed(const int32_t *begin, const int32_t *list, int64_t row, int64_t item) {
    for (int32_t k = begin[row]; k < begin[row + 1]; k++)
        if (list[k] == item) return true;
    return false;
}

static float score_of(const world *w, int64_t user, int64_t item) {
    float s = 0.0f;
    for (int c = 0; c < DIM; c++) s += w->users[user * DIM + c] * w->items[item * DIM + c];
    return s;
}

static void check_example(const world *w, const ct_example *e) {
    const int64_t u = query_of(w, e);
    int64_t left = 0;
    assert_int_equal(e->moment.own_end, w->q.moments[u].own_end);
    for (int64_t i = 0; i < w->q.n_items; i++) left += !listed(w->q.seen_begin, w->q.seen, u, i);
    assert_int_equal(e->n_items, left < CT_EXAMPLE_ITEMS ? left : CT_EXAMPLE_ITEMS);
    for (int k = 0; k < e->n_items; k++) {
        const int64_t item = e->item[k] - w->q.first_item;
        int64_t before = 0;
        assert_in_range(item, 0, w->q.n_items - 1);
        assert_true(e->score[k] == score_of(w, u, item));
        assert_false(listed(w->q.seen_begin, w->q.seen, u, item));
        assert_int_equal(e->hit[k], listed(w->q.target_begin, w->q.target, u, item));
        for (int64_t i = 0; i < w->q.n_items; i++) {
            const float other = score_of(w, u, i);
            before += !listed(w->q.seen_begin, w->q.seen, u, i) && (other > e->score[k] || (other == e->score[k] && i < item));
        }
        assert_int_equal(before, k);
    }
    assert_int_equal(e->n_targets, w->q.target_begin[u + 1] - w->q.target_begin[u]);
    for (int32_t t = 0; t < e->n_targets; t++) {
        const int64_t item = e->target[t] - w->q.first_item;
        double rank = 1.0;
        assert_int_equal(item, w->q.target[w->q.target_begin[u] + t]);
        for (int64_t i = 0; i < w->q.n_items; i++) {
            const float other = score_of(w, u, i), own = score_of(w, u, item);
            if (i != item && !listed(w->q.seen_begin, w->q.seen, u, i)) rank += other > own ? 1.0 : other == own ? 0.5 : 0.0;
        }
        assert_true(e->rank[t] == rank);
    }
}

static void lists_are_what_brute_force_finds(void **state) {
    (void)state;
    int hits = 0;
    for (int32_t p = 0; p < HAND_PLATFORMS; p++) {
        world w;
        ct_example *e = NULL;
        int n = -1;
        world_create(&w, p);
        assert_true(w.q.n > 0);
        assert_int_equal(ct_examples_create(&e, &n, w.device, &w.q, w.users, w.items, DIM, 1000, 3, NULL), CT_OK);
        assert_int_equal(n, w.q.n); /* all of them when that many are wanted, each once */
        for (int i = 0; i < n; i++) {
            check_example(&w, &e[i]);
            for (int k = 0; k < i; k++) assert_int_not_equal(e[k].moment.user, e[i].moment.user);
            for (int k = 0; k < e[i].n_items; k++) hits += e[i].hit[k];
        }
        ct_examples_free(e, n);
        world_free(&w);
    }
    assert_true(hits > 10);
}

static void the_seed_draws(void **state) {
    (void)state;
    world w;
    ct_example *a, *b, *c;
    int n = 0, same = 0;
    world_create(&w, 0);
    ct_examples_create(&a, &n, w.device, &w.q, w.users, w.items, DIM, 4, 7, NULL);
    ct_examples_create(&b, &n, w.device, &w.q, w.users, w.items, DIM, 4, 7, NULL);
    ct_examples_create(&c, &n, w.device, &w.q, w.users, w.items, DIM, 4, 8, NULL);
    assert_int_equal(n, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i].moment.user, b[i].moment.user);
        same += a[i].moment.user == c[i].moment.user;
    }
    assert_true(same < 4);
    ct_examples_free(a, 4);
    ct_examples_free(b, 4);
    ct_examples_free(c, 4);
    ct_examples_free(NULL, 4);
    world_free(&w);
}

static void nobody_is_nobody(void **state) {
    (void)state;
    world w;
    ct_example *e = NULL;
    int n = -1;
    world_create(&w, 1);
    assert_int_equal(ct_examples_create(&e, &n, w.device, &w.q, w.users, w.items, DIM, 0, 7, NULL), CT_OK);
    assert_true(n == 0 && e == NULL);
    const int64_t users = w.q.n;
    w.q.n = 0;
    assert_int_equal(ct_examples_create(&e, &n, w.device, &w.q, w.users, w.items, DIM, 4, 7, NULL), CT_OK);
    assert_true(n == 0 && e == NULL);
    w.q.n = users;
    world_free(&w);
}

static void a_lack_of_memory_is_an_error(void **state) {
    (void)state;
    world w;
    test_alloc_install();
    world_create(&w, 0);
    for (uint64_t nth = 1;; nth++) {
        ct_example *e = NULL;
        int n = -1;
        const int64_t before = test_alloc_live();
        test_alloc_fail_at(nth);
        const ct_status st = ct_examples_create(&e, &n, w.device, &w.q, w.users, w.items, DIM, 4, 7, NULL);
        test_alloc_fail_at(0);
        ct_examples_free(e, n);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        assert_true(e == NULL && n == 0);
        assert_true(test_alloc_live() <= before + 1); /* the device keeps scratch that it grew */
    }
    world_free(&w);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_what_brute_force_finds),
        cmocka_unit_test(the_seed_draws),
        cmocka_unit_test(nobody_is_nobody),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
