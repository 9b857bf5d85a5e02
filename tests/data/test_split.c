/* The split, moments, and what is known at a moment, against brute force. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "data/history.h"
#include "tests/data/fake_dataset.h"

static fake_dataset fake;

static int set_up(void **state) {
    (void)state;
    fake_create(&fake, &fake_three);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fake_free(&fake);
    return 0;
}

static ct_stage stage_of(const ct_split *split, int64_t user, int64_t k) {
    if (k < split->train_end[user]) return CT_STAGE_TRAIN;
    return k < split->valid_end[user] ? CT_STAGE_VALID : CT_STAGE_TEST;
}

static void time_split_follows_the_two_moments(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    ct_split split;
    int64_t count[3] = {0};
    assert_int_equal(ct_split_create(&split, d, CT_SPLIT_TIME, NULL), CT_OK);
    for (int64_t u = 0; u < d->n_users; u++) {
        for (int64_t k = d->inter_begin[u]; k < d->inter_begin[u + 1]; k++) {
            const int64_t time = d->inter_time[k];
            const ct_stage want = time < d->valid_time  ? CT_STAGE_TRAIN
                                  : time < d->test_time ? CT_STAGE_VALID
                                                        : CT_STAGE_TEST;
            assert_int_equal(stage_of(&split, u, k), want);
            count[want]++;
        }
    }
    assert_int_equal(split.n_train, count[0]);
    assert_int_equal(split.n_valid, count[1]);
    assert_int_equal(split.n_test, count[2]);
    assert_true(count[0] > 0 && count[1] > 0 && count[2] > 0);
    ct_split_free(&split);
    ct_split_free(NULL);
}

static void last_split_gives_one_away_each(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    ct_split split;
    int64_t small = 0, givers = 0;
    assert_int_equal(ct_split_create(&split, d, CT_SPLIT_LAST, NULL), CT_OK);
    for (int64_t u = 0; u < d->n_users; u++) {
        const int64_t end = d->inter_begin[u + 1], given = end - d->inter_begin[u] >= 3 ? 1 : 0;
        assert_int_equal(split.valid_end[u], end - given);
        assert_int_equal(split.train_end[u], end - 2 * given);
        givers += given;
        small += 1 - given;
    }
    assert_true(small > 0 && givers > 0);
    assert_int_equal(split.n_valid, givers);
    assert_int_equal(split.n_test, givers);
    assert_int_equal(split.n_train + 2 * givers, d->n_interactions);
    ct_split_free(&split);
}

static void moments_in_the_wrong_order_are_refused(void **state) {
    (void)state;
    ct_dataset d = fake.data;
    ct_split split;
    ct_error err = CT_ERROR_INIT;
    d.valid_time = d.test_time + 1;
    assert_int_equal(ct_split_create(&split, &d, CT_SPLIT_TIME, &err), CT_ERR_DATA);
    assert_non_null(strstr(err.text, "validation begins at 49"));
    assert_null(split.train_end);
    ct_error_clear(&err);
    assert_int_equal(ct_split_create(&split, &d, (ct_split_kind)9, &err), CT_ERR_ARGUMENT);
}

static void a_dataset_without_users_splits(void **state) {
    (void)state;
    const int64_t zero = 0;
    ct_dataset d = {0};
    ct_split split;
    d.inter_begin = &zero;
    assert_int_equal(ct_split_create(&split, &d, CT_SPLIT_LAST, NULL), CT_OK);
    assert_int_equal(split.n_train, 0);
    ct_split_free(&split);
}

static void a_stage_begins_at_its_moment(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    for (int kind = CT_SPLIT_TIME; kind <= CT_SPLIT_LAST; kind++) {
        ct_split split;
        assert_int_equal(ct_split_create(&split, d, (ct_split_kind)kind, NULL), CT_OK);
        for (int32_t u = 0; u < d->n_users; u++) {
            const ct_moment valid = ct_moment_at_stage(d, &split, u, CT_STAGE_VALID);
            const ct_moment test = ct_moment_at_stage(d, &split, u, CT_STAGE_TEST);
            assert_int_equal(valid.own_end, split.train_end[u]);
            assert_int_equal(test.own_end, split.valid_end[u]);
            assert_int_equal(valid.user, u);
            assert_int_equal(valid.stage, CT_STAGE_VALID);
            if (kind == CT_SPLIT_TIME) {
                assert_int_equal(valid.time, d->valid_time);
                assert_int_equal(test.time, d->test_time);
            } else {
                const bool has = split.valid_end[u] < d->inter_begin[u + 1];
                assert_int_equal(test.time, has ? d->inter_time[split.valid_end[u]] : INT64_MAX);
                assert_int_equal(valid.time, has ? d->inter_time[split.train_end[u]] : INT64_MAX);
            }
        }
        ct_split_free(&split);
    }
}

/* ---- history by brute force: gather all that is known, sort, take the first ---- */

typedef struct known {
    int64_t k, time;
    int32_t rank; /* of the user: own, own platform, the rest by number */
} known;

static int compare_known(const void *a, const void *b) {
    const known *x = a, *y = b;
    if (x->time != y->time) return x->time > y->time ? -1 : 1;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->k > y->k ? -1 : 1;
}

static bool stage_allows(ct_stage predicted, ct_stage of) {
    if (predicted == CT_STAGE_NOW) return true;
    if (predicted == CT_STAGE_TEST) return of != CT_STAGE_TEST;
    return of == CT_STAGE_TRAIN;
}

static int gather(const ct_dataset *d, const ct_split *split, ct_moment m, ct__latest which, known *out) {
    int n = 0;
    for (int32_t u = 0; u < d->n_users; u++) {
        if (d->user_person[u] != d->user_person[m.user]) continue;
        const int32_t rank = u == m.user ? -2 : d->user_platform[u] == d->user_platform[m.user] ? -1 : u;
        for (int64_t k = d->inter_begin[u]; k < d->inter_begin[u + 1]; k++) {
            const bool past = u == m.user ? k < m.own_end
                                          : d->inter_time[k] < m.time && stage_allows(m.stage, stage_of(split, u, k));
            const bool review = d->review_tokens.begin[k + 1] > d->review_tokens.begin[k];
            if (past && (which != CT__LATEST_REVIEWS || review)) out[n++] = (known){k, d->inter_time[k], rank};
        }
    }
    qsort(out, (size_t)n, sizeof *out, compare_known);
    if (which != CT__LATEST_ENTITIES) return n;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        bool seen = false;
        for (int j = 0; j < kept; j++) {
            seen |= d->item_entity[d->inter_item[out[j].k]] == d->item_entity[d->inter_item[out[i].k]];
        }
        if (!seen) out[kept++] = out[i];
    }
    return kept;
}

static void check_moment(const ct_dataset *d, const ct_split *split, ct_moment m) {
    static const int limits[] = {0, 1, 2, 3, 5, 200};
    known want[256];
    int64_t got[200];
    for (int which = CT__LATEST_ALL; which <= CT__LATEST_REVIEWS; which++) {
        const int all = gather(d, split, m, (ct__latest)which, want);
        for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
            const int n = ct__history(d, split, m, (ct__latest)which, limits[l], got);
            assert_int_equal(n, all < limits[l] ? all : limits[l]);
            for (int i = 0; i < n; i++) assert_int_equal(got[i], want[i].k);
        }
    }
    const int n = ct_history(d, split, m, 7, got);
    const int all = gather(d, split, m, CT__LATEST_ALL, want);
    assert_int_equal(n, all < 7 ? all : 7);
    for (int i = 0; i < n; i++) assert_int_equal(got[i], want[i].k);
}

static void history_is_what_brute_force_finds(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    for (int kind = CT_SPLIT_TIME; kind <= CT_SPLIT_LAST; kind++) {
        ct_split split;
        assert_int_equal(ct_split_create(&split, d, (ct_split_kind)kind, NULL), CT_OK);
        for (int32_t u = 0; u < d->n_users; u++) {
            for (int stage = CT_STAGE_TRAIN; stage <= CT_STAGE_NOW; stage++) {
                check_moment(d, &split, ct_moment_at_stage(d, &split, u, (ct_stage)stage));
            }
            for (int64_t k = d->inter_begin[u]; k < split.train_end[u]; k++) {
                check_moment(d, &split, ct_moment_before(d, u, k));
            }
        }
        ct_split_free(&split);
    }
}

static void now_knows_everything(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    int64_t got[256];
    ct_split split;
    assert_int_equal(ct_split_create(&split, d, CT_SPLIT_TIME, NULL), CT_OK);
    for (int32_t u = 0; u < d->n_users; u++) {
        int64_t all = 0;
        for (int32_t v = 0; v < d->n_users; v++) {
            if (d->user_person[v] == d->user_person[u]) all += d->inter_begin[v + 1] - d->inter_begin[v];
        }
        assert_int_equal(ct_history(d, &split, ct_moment_now(d, u), 256, got), all);
    }
    ct_split_free(&split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_split_follows_the_two_moments),
        cmocka_unit_test(last_split_gives_one_away_each),
        cmocka_unit_test(moments_in_the_wrong_order_are_refused),
        cmocka_unit_test(a_dataset_without_users_splits),
        cmocka_unit_test(a_stage_begins_at_its_moment),
        cmocka_unit_test(history_is_what_brute_force_finds),
        cmocka_unit_test(now_knows_everything),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
