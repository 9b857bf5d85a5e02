/* Ranks of vectors, popularity and item-kNN, and coverage, against loops over all pairs in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "eval/rank.h"
#include "tests/eval/hand_dataset.h"
#include "tests/support/cmocka.h"

static const hand_shape shapes[] = {
    {{40, 25, 10}, {30, 45, 12}, 14, 40, 11},
    {{700, 3, 1}, {20, 4, 2}, 5, 1000, 12}, /* more than two blocks of users, many without a past */
    {{12, 9, 4}, {3, 1, 40}, 30, 9, 13},
};

static ct_device *device;

static int set_up(void **state) {
    (void)state;
    return ct_device_open(&device, "cpu", 2, NULL) == CT_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    ct_device_close(device);
    return 0;
}

static bool is_seen(const ct_queries *q, int64_t user, int64_t item) {
    for (int32_t k = q->seen_begin[user]; k < q->seen_begin[user + 1]; k++)
        if (q->seen[k] == item) return true;
    return false;
}

/* 1 + better + half of the equal ones; scores within eps of each other are equal. */
static double rank_of(const double *score, const ct_queries *q, int64_t user, int32_t target, double eps) {
    int greater = 0, equal = 0;
    for (int64_t j = 0; j < q->n_items; j++) {
        if (j == target || is_seen(q, user, j)) continue;
        greater += score[j] > score[target] + eps;
        equal += fabs(score[j] - score[target]) <= eps;
    }
    return 1.0 + greater + 0.5 * equal;
}

typedef void (*score_fn)(const void *ctx, const ct_queries *q, int64_t user, double *score);

static void check_ranks(const ct_queries *q, const double *ranks, score_fn score_of, const void *ctx,
                        double eps) {
    double *score = calloc((size_t)q->n_items + 1, sizeof *score);
    for (int64_t u = 0; u < q->n; u++) {
        score_of(ctx, q, u, score);
        for (int32_t k = q->target_begin[u]; k < q->target_begin[u + 1]; k++) {
            const double wanted = rank_of(score, q, u, q->target[k], eps);
            if (!(ranks[k] == wanted))
                fail_msg("user %lld, item %d: rank %g, want %g", (long long)u, q->target[k], ranks[k],
                         wanted);
        }
    }
    free(score);
}

/* Runs `check` over datasets, splits, platforms and stages. */
typedef void (*check_fn)(const hand *h, const ct_split *split, const ct_queries *q, ct_stage stage);

static void everywhere(check_fn check) {
    int64_t asked = 0;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int kind = 0; kind < 2; kind++) {
            hand h;
            ct_split split;
            hand_create(&h, &shapes[s]);
            assert_int_equal(ct_split_create(&split, &h.data, kind ? CT_SPLIT_LAST : CT_SPLIT_TIME, NULL),
                             CT_OK);
            for (int32_t p = 0; p < HAND_PLATFORMS; p++)
                for (int stage = CT_STAGE_VALID; stage <= CT_STAGE_TEST; stage++) {
                    ct_queries q;
                    assert_int_equal(ct_queries_create(&q, &h.data, &split, p, (ct_stage)stage, 0, 1, NULL),
                                     CT_OK);
                    check(&h, &split, &q, (ct_stage)stage);
                    asked += q.n;
                    ct_queries_free(&q);
                }
            ct_split_free(&split);
            hand_free(&h);
        }
    assert_true(asked > 1000);
}

/* ---- vectors
 * ------------------------------------------------------------------------------------------------------ */

typedef struct vectors {
    float *users, *items;
    int64_t dim;
} vectors;

/* Small whole numbers: scores are exact, and many are equal. `steps` 0: reals instead. */
static vectors draw_vectors(const ct_queries *q, int64_t dim, int steps, uint64_t seed) {
    ct_rng rng = ct_rng_make(seed, 0, 0);
    vectors v = {calloc((size_t)(q->n * dim) + 1, sizeof(float)),
                 calloc((size_t)(q->n_items * dim) + 1, sizeof(float)), dim};
    for (int64_t i = 0; i < (q->n + q->n_items) * dim; i++) {
        float *x = i < q->n * dim ? &v.users[i] : &v.items[i - q->n * dim];
        *x = steps ? (float)ct_rng_below(&rng, (uint64_t)steps) - 1.0f : (float)ct_rng_normal(&rng);
    }
    return v;
}

static void free_vectors(vectors *v) {
    free(v->users);
    free(v->items);
}

static void score_vectors(const void *ctx, const ct_queries *q, int64_t user, double *score) {
    const vectors *v = ctx;
    for (int64_t j = 0; j < q->n_items; j++) {
        score[j] = 0.0;
        for (int64_t d = 0; d < v->dim; d++)
            score[j] += (double)v->users[user * v->dim + d] * (double)v->items[j * v->dim + d];
    }
}

static void check_vectors(const hand *h, const ct_split *split, const ct_queries *q, ct_stage stage) {
    static const struct {
        int64_t dim;
        int steps;
    } cases[] = {{1, 3}, {3, 3}, {16, 2}, {5, 0}};
    (void)h;
    (void)split;
    (void)stage;
    double *ranks = calloc((size_t)q->n_targets + 1, sizeof *ranks);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        vectors v = draw_vectors(q, cases[c].dim, cases[c].steps, c);
        for (int64_t i = 0; i < q->n_targets; i++) ranks[i] = NAN;
        assert_int_equal(ct_rank_vectors(device, q, v.users, v.items, v.dim, ranks, NULL), CT_OK);
        check_ranks(q, ranks, score_vectors, &v,
                    0.0); /* reals as these do not come within a rounding of f32 */
        free_vectors(&v);
    }
    free(ranks);
}

static void ranks_of_vectors(void **state) {
    (void)state;
    everywhere(check_vectors);
}

/* ---- coverage
 * ----------------------------------------------------------------------------------------------------- */

static void check_coverage(const hand *h, const ct_split *split, const ct_queries *q, ct_stage stage) {
    static const int64_t cuts[] = {1, 3, 10, 1000};
    (void)h;
    (void)split;
    (void)stage;
    vectors v = draw_vectors(q, 4, 0, 99);
    double *score = calloc((size_t)q->n_items + 1, sizeof *score);
    double all[sizeof cuts / sizeof *cuts]; /* of one call for all cut-offs */
    assert_int_equal(ct_rank_coverage(device, q, v.users, v.items, v.dim, cuts, (int)(sizeof cuts / sizeof *cuts), all,
                                      NULL), CT_OK);
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        char *covered = calloc((size_t)q->n_items + 1, 1);
        for (int64_t u = 0; u < q->n; u++) {
            score_vectors(&v, q, u, score);
            for (int64_t j = 0; j < q->n_items; j++) {
                int64_t better = 0;
                for (int64_t i = 0; i < q->n_items; i++) better += !is_seen(q, u, i) && score[i] > score[j];
                if (!is_seen(q, u, j) && better < cuts[c]) covered[j] = 1;
            }
        }
        int n = 0;
        double found = NAN;
        for (int64_t j = 0; j < q->n_items; j++) n += covered[j];
        assert_int_equal(ct_rank_coverage(device, q, v.users, v.items, v.dim, &cuts[c], 1, &found, NULL), CT_OK);
        assert_true(found == (double)n / (double)q->n_items);
        assert_true(all[c] == found);
        free(covered);
    }
    free(score);
    free_vectors(&v);
}

static void coverage_counts_what_anybody_sees(void **state) {
    (void)state;
    everywhere(check_coverage);
}

/* ---- popularity
 * --------------------------------------------------------------------------------------------------- */

typedef struct past {
    const ct_dataset *data;
    const ct_split *split;
    ct_stage stage;
} past;

static void score_popularity(const void *ctx, const ct_queries *q, int64_t user, double *score) {
    const past *p = ctx;
    (void)user;
    memset(score, 0, (size_t)q->n_items * sizeof *score);
    for (int64_t u = 0; u < p->data->n_users; u++) {
        int64_t begin, end;
        hand_stage(p->data, p->split, u, p->stage, &begin, &end);
        for (int64_t k = p->data->inter_begin[u]; k < begin; k++) {
            const int64_t item = p->data->inter_item[k] - q->first_item;
            if (item >= 0 && item < q->n_items) score[item] += 1.0;
        }
    }
}

static void check_popularity(const hand *h, const ct_split *split, const ct_queries *q, ct_stage stage) {
    const past p = {&h->data, split, stage};
    double *ranks = calloc((size_t)q->n_targets + 1, sizeof *ranks);
    assert_int_equal(ct_rank_popularity(device, q, &h->data, split, stage, ranks, NULL), CT_OK);
    check_ranks(q, ranks, score_popularity, &p, 0.0);
    free(ranks);
}

static void ranks_of_popularity(void **state) {
    (void)state;
    everywhere(check_popularity);
}

/* ---- item-kNN
 * ----------------------------------------------------------------------------------------------------- */

/* Sum over the user's items h of cos(h, j), the cosine being that of two columns written out. */
static void score_knn(const void *ctx, const ct_queries *q, int64_t user, double *score) {
    const past *p = ctx;
    const int64_t first = p->data->user_begin[q->platform], n = p->data->user_begin[q->platform + 1] - first;
    char *x = calloc((size_t)(n * q->n_items) + 1, 1);
    for (int64_t u = 0; u < n; u++) {
        int64_t begin, end;
        hand_stage(p->data, p->split, first + u, p->stage, &begin, &end);
        for (int64_t k = p->data->inter_begin[first + u]; k < begin; k++)
            x[u * q->n_items + p->data->inter_item[k] - q->first_item] = 1;
    }
    for (int64_t j = 0; j < q->n_items; j++) {
        score[j] = 0.0;
        for (int32_t s = q->seen_begin[user]; s < q->seen_begin[user + 1]; s++) {
            const int64_t h = q->seen[s];
            double both = 0.0, n_h = 0.0, n_j = 0.0;
            for (int64_t u = 0; u < n; u++) {
                both += x[u * q->n_items + h] && x[u * q->n_items + j];
                n_h += x[u * q->n_items + h];
                n_j += x[u * q->n_items + j];
            }
            if (both > 0.0) score[j] += both / (sqrt(n_h) * sqrt(n_j));
        }
    }
    free(x);
}

static void check_knn(const hand *h, const ct_split *split, const ct_queries *q, ct_stage stage) {
    const past p = {&h->data, split, stage};
    double *one = calloc((size_t)q->n_targets + 1, sizeof *one),
           *three = calloc((size_t)q->n_targets + 1, sizeof *three);
    assert_int_equal(ct_rank_item_knn(q, &h->data, split, stage, 1, one, NULL), CT_OK);
    assert_int_equal(ct_rank_item_knn(q, &h->data, split, stage, 3, three, NULL), CT_OK);
    assert_memory_equal(one, three, (size_t)q->n_targets * sizeof *one);
    check_ranks(q, one, score_knn, &p, 1e-9);
    free(one);
    free(three);
}

static void ranks_of_item_knn(void **state) {
    (void)state;
    everywhere(check_knn);
}

/* A case to be done on paper: users a {0 1}, b {0 1 2}, c {2 3}; c is asked for item 0.
 * cos(2, 0) = 1 / sqrt(2 * 2), cos(2, 1) = 1/2, cos(3, .) = 0: items 0 and 1 tie at the top of what c has not
 * seen. */
static void item_knn_on_paper(void **state) {
    (void)state;
    static const int64_t begin[] = {0, 2, 5, 8}, users[] = {0, 3, 3, 3}, items[] = {0, 5, 5, 5},
                         time[8] = {0, 0, 0, 0, 0, 0, 0, 5};
    static const int32_t item[] = {0, 1, 0, 1, 2, 2, 3, 0};
    static const int32_t zeros[3] = {0};
    ct_dataset d = {.n_platforms = 1,
                    .n_users = 3,
                    .n_items = 5,
                    .n_interactions = 8,
                    .user_begin = users,
                    .item_begin = items,
                    .user_platform = zeros,
                    .inter_begin = begin,
                    .inter_item = item,
                    .inter_time = time,
                    .valid_time = 4,
                    .test_time = 5};
    ct_split split;
    ct_queries q;
    double rank = 0.0;
    assert_int_equal(ct_split_create(&split, &d, CT_SPLIT_TIME, NULL), CT_OK);
    assert_int_equal(ct_queries_create(&q, &d, &split, 0, CT_STAGE_TEST, 0, 1, NULL), CT_OK);
    assert_true(q.n == 1 && q.n_targets == 1);
    assert_int_equal(ct_rank_item_knn(&q, &d, &split, CT_STAGE_TEST, 1, &rank, NULL), CT_OK);
    assert_true(rank == 1.5);
    assert_int_equal(ct_rank_popularity(device, &q, &d, &split, CT_STAGE_TEST, &rank, NULL), CT_OK);
    assert_true(rank == 1.5); /* 0 and 1 twice each; 4 never */
    ct_queries_free(&q);
    ct_split_free(&split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_of_vectors),    cmocka_unit_test(coverage_counts_what_anybody_sees),
        cmocka_unit_test(ranks_of_popularity), cmocka_unit_test(ranks_of_item_knn),
        cmocka_unit_test(item_knn_on_paper),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
