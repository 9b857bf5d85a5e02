/* Recall, NDCG, hit rate, reciprocal rank on small lists worked out by hand; the bootstrap on cases whose
 * answer is known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "eval/figures.h"
#include "tests/support/cmocka.h"

static void near(double found, double wanted) {
    if (!(fabs(found - wanted) <= 1e-12)) fail_msg("found %.17g, want %.17g", found, wanted);
}

static void figures_by_hand(void **state) {
    (void)state;
    static int32_t begin[] = {0, 3, 4, 5, 7};
    static const double ranks[] = {1, 3, 12, /* */ 10.5, /* */ 5, /* */ 1.5, 1.5};
    static const int64_t at[] = {2, 5, 10};
    const ct_queries q = {.n = 4, .n_targets = 7, .target_begin = begin};
    ct_figures f;
    assert_int_equal(ct_figures_create(&f, &q, ranks, at, 3, NULL), CT_OK);
    const double l3 = log2(3.0);
    /* Three targets, at 1, 3 and 12. */
    near(f.recall[0], 1.0 / 3.0);
    near(f.recall[1], 2.0 / 3.0);
    near(f.recall[2], 2.0 / 3.0);
    near(f.ndcg[0], 1.0 / (1.0 + 1.0 / l3));       /* the ideal list of 2 has two of the three */
    near(f.ndcg[1], 1.5 / (1.0 + 1.0 / l3 + 0.5)); /* 1/log2(2) + 1/log2(4) over all three at the top */
    near(f.rr[0], 1.0);
    near(f.hr[0], 1.0);
    near(f.rr_at[0], 1.0);
    /* One target that ties across the cut: rank 10.5 is not among ten. */
    near(f.recall[3 + 2], 0.0);
    near(f.hr[3 + 2], 0.0);
    near(f.ndcg[3 + 2], 0.0);
    near(f.rr[1], 1.0 / 10.5);
    near(f.rr_at[3 + 2], 0.0);
    /* One target exactly at a cut. */
    near(f.recall[6 + 0], 0.0);
    near(f.recall[6 + 1], 1.0);
    near(f.ndcg[6 + 1], 1.0 / log2(6.0));
    near(f.rr_at[6 + 0], 0.0);
    near(f.rr_at[6 + 1], 0.2);
    /* Two that tie with one another. */
    near(f.recall[9 + 0], 1.0);
    near(f.ndcg[9 + 0], 2.0 / log2(2.5) / (1.0 + 1.0 / l3));
    near(f.rr[3], 1.0 / 1.5);
    /* Averages over some users, one of them twice. */
    static const int64_t users[] = {0, 2, 2};
    ct_metrics m;
    assert_int_equal(ct_figures_average(&f, users, 3, &m, NULL), CT_OK);
    assert_int_equal(m.n_users, 3);
    near(m.recall[1], (2.0 / 3.0 + 2.0) / 3.0);
    near(m.hr[0], 1.0 / 3.0);
    near(m.mrr, 1.4 / 3.0);
    near(m.mrr_at[0], 1.0 / 3.0);
    assert_true(isnan(m.coverage[0]) && isnan(m.coverage[2]));
    ct_metrics_free(&m);
    assert_int_equal(ct_figures_average(&f, users, 0, &m, NULL), CT_OK);
    assert_true(m.n_users == 0 && m.recall[0] == 0.0 && m.mrr == 0.0);
    ct_metrics_free(&m);
    ct_figures_free(&f);
}

/* ---- bootstrap
 * ------------------------------------------------------------------------------------------------------ */

/* Figures of which only ndcg counts: [n, n_at], from a function of the user. */
static ct_figures with_ndcg(int64_t n, int n_at, double *ndcg) {
    return (ct_figures){.n = n, .n_at = n_at, .ndcg = ndcg};
}

static int64_t *everybody(int64_t n) {
    int64_t *users = malloc((size_t)n * sizeof *users);
    for (int64_t i = 0; i < n; i++) users[i] = i;
    return users;
}

static ct_interval interval(const ct_figures *a, const ct_figures *b, const int64_t *users, int64_t n,
                            int64_t draws, uint64_t seed, int threads) {
    ct_interval out[4];
    assert_int_equal(ct_bootstrap(a, b, users, n, draws, seed, threads, out, NULL), CT_OK);
    return out[a->n_at - 1];
}

/* A mean of 400 zeros and ones: the interval is close to the normal one. */
static void a_mean_of_coins(void **state) {
    (void)state;
    enum { N = 400 };
    static double ndcg[2 * N];
    int64_t *users = everybody(N);
    for (int i = 0; i < N; i++) {
        ndcg[2 * i] = 0.5; /* a figure that never varies, beside one that does */
        ndcg[2 * i + 1] = i % 4 == 0;
    }
    const ct_figures f = with_ndcg(N, 2, ndcg);
    ct_interval out[2];
    assert_int_equal(ct_bootstrap(&f, NULL, users, N, 4000, 1, 1, out, NULL), CT_OK);
    const double half = 1.96 * sqrt(0.25 * 0.75 / N);
    assert_true(fabs(out[1].low - (0.25 - half)) < 0.006 && fabs(out[1].high - (0.25 + half)) < 0.006);
    assert_true(fabs(out[0].low - 0.5) < 1e-12 && fabs(out[0].high - 0.5) < 1e-12);
    free(users);
}

/* Two methods that differ by the same for each user: pairing takes all the noise out. */
static void pairs_stay_pairs(void **state) {
    (void)state;
    enum { N = 300 };
    static double a[N], b[N];
    int64_t *users = everybody(N);
    ct_rng rng = ct_rng_make(4, 0, 0);
    for (int i = 0; i < N; i++) {
        b[i] = ct_rng_f64(&rng);
        a[i] = b[i] + 0.125;
    }
    const ct_figures fa = with_ndcg(N, 1, a), fb = with_ndcg(N, 1, b);
    const ct_interval paired = interval(&fa, &fb, users, N, 500, 9, 1),
                      alone = interval(&fa, NULL, users, N, 500, 9, 1);
    const ct_interval other = interval(&fb, NULL, users, N, 500, 9, 1);
    assert_true(fabs(paired.low - 0.125) < 1e-9 && fabs(paired.high - 0.125) < 1e-9);
    assert_true(alone.high - alone.low > 0.02);
    /* The same resamplings for every call: so the intervals are shifted by as much. */
    assert_true(fabs(alone.low - other.low - 0.125) < 1e-9 && fabs(alone.high - other.high - 0.125) < 1e-9);
    free(users);
}

static void the_same_for_any_number_of_threads(void **state) {
    (void)state;
    enum { N = 77 };
    static double a[N];
    int64_t *users = everybody(N);
    ct_rng rng = ct_rng_make(5, 0, 0);
    for (int i = 0; i < N; i++) a[i] = ct_rng_f64(&rng);
    const ct_figures f = with_ndcg(N, 1, a);
    const ct_interval one = interval(&f, NULL, users, N, 333, 9, 1),
                      two = interval(&f, NULL, users, N, 333, 9, 2);
    const ct_interval other = interval(&f, NULL, users, N, 333, 10, 2);
    assert_true(one.low == two.low && one.high == two.high);
    assert_true(one.low != other.low);
    /* Only the users that are listed count. */
    a[70] = 1e6;
    const ct_interval some = interval(&f, NULL, users, 60, 333, 9, 2);
    assert_true(some.high < 1.0 && some.low > 0.0);
    free(users);
}

static void nothing_to_draw_from(void **state) {
    (void)state;
    double a[1] = {0.5};
    const int64_t users[1] = {0};
    const ct_figures f = with_ndcg(1, 1, a);
    ct_interval none = interval(&f, NULL, users, 0, 100, 1, 1);
    assert_true(isnan(none.low) && isnan(none.high));
    none = interval(&f, NULL, users, 1, 0, 1, 1);
    assert_true(isnan(none.low) && isnan(none.high));
    const ct_interval one = interval(&f, NULL, users, 1, 1, 1, 1);
    assert_true(one.low == 0.5 && one.high == 0.5);
}

/* 95% intervals hold the truth about 95 times in a hundred: 400 samples of 150 coins of 0.3. */
static void intervals_cover_the_truth(void **state) {
    (void)state;
    enum { N = 150, SAMPLES = 400 };
    static double a[N];
    int64_t *users = everybody(N);
    const ct_figures f = with_ndcg(N, 1, a);
    int covered = 0, below = 0;
    for (int s = 0; s < SAMPLES; s++) {
        ct_rng rng = ct_rng_make(6, (uint64_t)s, 0);
        for (int i = 0; i < N; i++) a[i] = ct_rng_f64(&rng) < 0.3;
        const ct_interval v = interval(&f, NULL, users, N, 300, (uint64_t)s, 1);
        covered += v.low <= 0.3 && v.high >= 0.3;
        below += v.high < 0.3;
    }
    /* A binomial of 0.94 (a percentile interval of coins is a little short) has a spread of 1.2%. */
    print_message("%d of %d hold it, %d lie below\n", covered, SAMPLES, below);
    assert_true(covered >= 0.90 * SAMPLES && covered <= 0.98 * SAMPLES);
    assert_true(below > 0 && below < SAMPLES - covered); /* misses on both sides */
    free(users);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_by_hand),      cmocka_unit_test(a_mean_of_coins),
        cmocka_unit_test(pairs_stay_pairs),     cmocka_unit_test(the_same_for_any_number_of_threads),
        cmocka_unit_test(nothing_to_draw_from), cmocka_unit_test(intervals_cover_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
