/* The sampler: passes, quotas, temperature, homogeneous batches, random access, logQ. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "data/loader.h"
#include "tests/data/fake_split.h"

enum { MAX_PAIRS = 512, MAX_INTERACTIONS = 4096 };

static ct_sampler *make(const ct_config *config) {
    ct_sampler *s = NULL;
    assert_int_equal(ct_sampler_create(&s, &fake.data, &split, config, NULL), CT_OK);
    return s;
}

static int64_t n_train_of(int32_t p) {
    int64_t n = 0;
    for (int64_t u = fake.data.user_begin[p]; u < fake.data.user_begin[p + 1]; u++) {
        n += split.train_end[u] - fake.data.inter_begin[u];
    }
    return n;
}

static int32_t platform_of(ct_pair pair) { return fake.data.user_platform[pair.user]; }

static void check_pair(ct_pair pair) {
    assert_in_range(pair.user, 0, fake.data.n_users - 1);
    assert_true(pair.interaction >= fake.data.inter_begin[pair.user]);
    assert_true(pair.interaction < split.train_end[pair.user]);
}

/* Whatever the batches, the draws of a platform are one pass after the other, each a permutation. */
static void check_passes(const ct_config *config, int64_t steps) {
    static int32_t seen[MAX_INTERACTIONS];
    int64_t drawn[FAKE_PLATFORMS] = {0};
    ct_pair pairs[MAX_PAIRS];
    ct_sampler *s = make(config);
    memset(seen, 0, sizeof seen);
    for (int64_t t = 0; t < steps; t++) {
        ct_sampler_pairs(s, t, pairs);
        for (int64_t j = 0; j < config->train.batch; j++) {
            const int32_t p = platform_of(pairs[j]);
            check_pair(pairs[j]);
            assert_int_equal(seen[pairs[j].interaction]++, drawn[p]++ / n_train_of(p));
        }
    }
    for (int32_t p = 0; p < FAKE_PLATFORMS; p++) assert_true(drawn[p] > 2 * n_train_of(p));
    ct_sampler_free(s);
}

static void every_pass_draws_each_interaction_once(void **state) {
    (void)state;
    ct_config config = fake_config();
    for (int64_t batch = 1; batch <= 64; batch = batch * 3 + 1) {
        config.train.batch = batch;
        config.train.batches = CT_BATCHES_MIXED;
        check_passes(&config, 4000 / batch);
        config.train.batches = CT_BATCHES_HOMOGENEOUS;
        check_passes(&config, 4000 / batch);
    }
    config.train.platform_temperature = 3.0;
    check_passes(&config, 400);
}

static void one_epoch_draws_each_interaction_once(void **state) {
    (void)state;
    static int32_t seen[MAX_INTERACTIONS];
    ct_config config = fake_config();
    config.train.batch = 1;
    ct_sampler *s = make(&config);
    const int64_t steps = ct_sampler_steps(s, 1.0);
    assert_int_equal(steps, split.n_train);
    memset(seen, 0, sizeof seen);
    for (int64_t t = 0; t < steps; t++) {
        ct_pair pair;
        ct_sampler_pairs(s, t, &pair);
        assert_int_equal(seen[pair.interaction]++, 0);
    }
    ct_sampler_free(s);
}

static void each_pass_has_an_order_of_its_own(void **state) {
    (void)state;
    static ct_pair pass[2][MAX_INTERACTIONS];
    ct_config config = fake_config();
    config.train.batch = split.n_train; /* a step is a pass */
    ct_sampler *s = make(&config);
    for (int t = 0; t < 2; t++) ct_sampler_pairs(s, t, pass[t]);
    int64_t same = 0, in_order = 0;
    for (int64_t j = 0; j < split.n_train; j++) {
        same += pass[0][j].interaction == pass[1][j].interaction;
        in_order += j > 0 && pass[0][j].interaction == pass[0][j - 1].interaction + 1;
    }
    assert_true(same < split.n_train / 10);
    assert_true(in_order < split.n_train / 10);
    ct_sampler_free(s);
}

/* Two halvings of three platforms: no platform is ever two pairs off its share. */
static void check_quotas(const ct_config *config, double bound) {
    const double t_inverse = 1.0 / config->train.platform_temperature;
    double sum = 0.0;
    int64_t drawn[FAKE_PLATFORMS] = {0};
    ct_pair pairs[MAX_PAIRS];
    ct_sampler *s = make(config);
    for (int32_t p = 0; p < FAKE_PLATFORMS; p++) sum += pow((double)n_train_of(p), t_inverse);
    for (int64_t t = 0; t < 3000; t++) {
        ct_sampler_pairs(s, t, pairs);
        for (int64_t j = 0; j < config->train.batch; j++) drawn[platform_of(pairs[j])]++;
        for (int32_t p = 0; p < FAKE_PLATFORMS; p++) {
            const double share = pow((double)n_train_of(p), t_inverse) / sum;
            const double want = share * (double)config->train.batch * (double)(t + 1);
            if (!(fabs((double)drawn[p] - want) < bound)) {
                fail_msg("step %lld, platform %d: %lld drawn, want %g", (long long)t, p, (long long)drawn[p], want);
            }
        }
    }
    ct_sampler_free(s);
}

static void quotas_follow_the_shares(void **state) {
    (void)state;
    ct_config config = fake_config();
    static const double temperatures[] = {1.0, 2.0, 5.0, 1e9, 0.5};
    for (size_t i = 0; i < sizeof temperatures / sizeof temperatures[0]; i++) {
        config.train.platform_temperature = temperatures[i];
        for (int64_t batch = 1; batch <= 64; batch = batch * 2 + 1) {
            config.train.batch = batch;
            check_quotas(&config, 2.0);
        }
    }
}

static void a_tiny_temperature_leaves_the_largest_platform(void **state) {
    (void)state;
    ct_config config = fake_config();
    ct_pair pairs[MAX_PAIRS];
    int64_t drawn[FAKE_PLATFORMS] = {0};
    config.train.platform_temperature = 1e-3;
    ct_sampler *s = make(&config);
    for (int64_t t = 0; t < 50; t++) {
        ct_sampler_pairs(s, t, pairs);
        for (int64_t j = 0; j < config.train.batch; j++) drawn[platform_of(pairs[j])]++;
    }
    assert_true(drawn[0] + 2 >= 50 * config.train.batch);
    ct_sampler_free(s);
}

static void homogeneous_batches_hold_one_platform(void **state) {
    (void)state;
    ct_config config = fake_config();
    config.train.batches = CT_BATCHES_HOMOGENEOUS;
    ct_pair pairs[MAX_PAIRS];
    int64_t batches[FAKE_PLATFORMS] = {0}, changes = 0;
    int32_t before = -1;
    ct_sampler *s = make(&config);
    const int64_t steps = 64 * 30;
    for (int64_t t = 0; t < steps; t++) {
        ct_sampler_pairs(s, t, pairs);
        const int32_t p = platform_of(pairs[0]);
        for (int64_t j = 1; j < config.train.batch; j++) assert_int_equal(platform_of(pairs[j]), p);
        batches[p]++;
        changes += p != before;
        before = p;
    }
    for (int32_t p = 0; p < FAKE_PLATFORMS; p++) {
        const double want = (double)n_train_of(p) / (double)split.n_train * (double)steps;
        assert_true(fabs((double)batches[p] - want) < 2.0);
    }
    assert_true(changes > steps / 4); /* shuffled, not platform after platform */
    ct_sampler_free(s);
}

static void a_step_needs_no_other_step(void **state) {
    (void)state;
    static ct_pair all[200][64];
    ct_config config = fake_config();
    config.train.batch = 64;
    for (int kind = CT_BATCHES_MIXED; kind <= CT_BATCHES_HOMOGENEOUS; kind++) {
        config.train.batches = (ct_batches)kind;
        ct_sampler *s = make(&config), *again = make(&config);
        memset(all, 0, sizeof all);
        for (int t = 0; t < 200; t++) ct_sampler_pairs(s, t, all[t]);
        for (int t = 199; t >= 0; t--) {
            ct_pair pairs[64];
            memset(pairs, 0, sizeof pairs);
            ct_sampler_pairs(again, t, pairs);
            for (int j = 0; j < 64; j++) assert_int_equal(pairs[j].interaction, all[t][j].interaction);
        }
        config.seed++;
        ct_sampler *other = make(&config);
        int same = 0;
        for (int t = 0; t < 200; t++) {
            ct_pair pairs[64];
            ct_sampler_pairs(other, t, pairs);
            for (int j = 0; j < 64; j++) same += pairs[j].interaction == all[t][j].interaction;
        }
        assert_true(same < 200 * 64 / 10);
        ct_pair far[64];
        ct_sampler_pairs(s, INT64_C(1) << 40, far);
        for (int j = 0; j < 64; j++) check_pair(far[j]);
        ct_sampler_free(s);
        ct_sampler_free(again);
        ct_sampler_free(other);
    }
}

static void steps_are_rounded_up(void **state) {
    (void)state;
    ct_config config = fake_config();
    config.train.batch = 10;
    ct_sampler *s = make(&config);
    const int64_t n = split.n_train;
    assert_int_equal(ct_sampler_steps(s, 1.0), (n + 9) / 10);
    assert_int_equal(ct_sampler_steps(s, 10.0), n);
    assert_int_equal(ct_sampler_steps(s, 0.0), 1);
    assert_int_equal(ct_sampler_steps(s, 1e-9), 1);
    assert_int_equal(ct_sampler_steps(s, NAN), 1);
    assert_true(ct_sampler_steps(s, 1e300) > 0);
    ct_sampler_free(s);
}

/* q is the share of an item among the draws. */
static void check_logq(const ct_config *config, bool mixture) {
    const ct_dataset *d = &fake.data;
    static int64_t count[256], user_count[256];
    memset(count, 0, sizeof count);
    memset(user_count, 0, sizeof user_count);
    double weights = 0.0;
    for (int64_t u = 0; u < d->n_users; u++) {
        for (int64_t k = d->inter_begin[u]; k < split.train_end[u]; k++) {
            count[d->inter_item[k]]++;
            user_count[u]++;
        }
    }
    const double t_inverse = 1.0 / config->train.platform_temperature;
    for (int32_t p = 0; p < d->n_platforms; p++) weights += pow((double)n_train_of(p), t_inverse);
    ct_sampler *s = make(config);
    for (int32_t i = 0; i < d->n_items; i++) {
        const int64_t n = n_train_of(d->item_platform[i]);
        double q = (double)count[i] / (double)n;
        if (mixture) q *= pow((double)n, t_inverse) / weights;
        if (count[i] == 0) assert_true(ct_sampler_item_logq(s, i) == -INFINITY);
        else assert_true(fabs((double)ct_sampler_item_logq(s, i) - log(q)) < 1e-5);
    }
    for (int32_t u = 0; u < d->n_users; u++) {
        const int64_t n = n_train_of(d->user_platform[u]);
        double q = (double)user_count[u] / (double)n;
        if (mixture) q *= pow((double)n, t_inverse) / weights;
        if (user_count[u] == 0) assert_true(ct_sampler_user_logq(s, u) == -INFINITY);
        else assert_true(fabs((double)ct_sampler_user_logq(s, u) - log(q)) < 1e-5);
    }
    ct_sampler_free(s);
}

static void logq_is_the_share_among_the_draws(void **state) {
    (void)state;
    ct_config config = fake_config();
    check_logq(&config, true);
    config.train.platform_temperature = 2.0;
    check_logq(&config, true);
    config.loss.negatives = CT_NEGATIVES_PLATFORM;
    check_logq(&config, false);
    config.loss.negatives = CT_NEGATIVES_BATCH;
    config.train.batches = CT_BATCHES_HOMOGENEOUS;
    check_logq(&config, false);
}

static void a_platform_without_training_is_never_drawn(void **state) {
    (void)state;
    ct_split none = split;
    int64_t ends[256];
    memcpy(ends, split.train_end, (size_t)fake.data.n_users * sizeof *ends);
    for (int64_t u = fake.data.user_begin[1]; u < fake.data.user_begin[2]; u++) ends[u] = fake.data.inter_begin[u];
    none.train_end = ends;
    for (int kind = CT_BATCHES_MIXED; kind <= CT_BATCHES_HOMOGENEOUS; kind++) {
        ct_config config = fake_config();
        ct_sampler *s = NULL;
        config.train.batches = (ct_batches)kind;
        config.train.platform_temperature = 1e6;
        assert_int_equal(ct_sampler_create(&s, &fake.data, &none, &config, NULL), CT_OK);
        for (int64_t t = 0; t < 300; t++) {
            ct_pair pairs[MAX_PAIRS];
            ct_sampler_pairs(s, t, pairs);
            for (int64_t j = 0; j < config.train.batch; j++) assert_int_not_equal(platform_of(pairs[j]), 1);
        }
        ct_sampler_free(s);
    }
}

static void what_cannot_be_sampled_is_refused(void **state) {
    (void)state;
    ct_config config = fake_config();
    ct_split none = split;
    ct_sampler *s = NULL;
    ct_error err = CT_ERROR_INIT;
    none.train_end = (int64_t *)fake.data.inter_begin; /* read only: nobody has anything */
    assert_int_equal(ct_sampler_create(&s, &fake.data, &none, &config, &err), CT_ERR_DATA);
    assert_non_null(strstr(err.text, "no training interaction"));
    assert_null(s);
    ct_error_clear(&err);
    config.train.batch = 0;
    assert_int_equal(ct_sampler_create(&s, &fake.data, &split, &config, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "train.batch: found 0"));
    config.train.batch = 1;
    config.train.platform_temperature = NAN;
    assert_int_equal(ct_sampler_create(&s, &fake.data, &split, &config, NULL), CT_ERR_CONFIG);
    ct_sampler_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pass_draws_each_interaction_once),
        cmocka_unit_test(one_epoch_draws_each_interaction_once),
        cmocka_unit_test(each_pass_has_an_order_of_its_own),
        cmocka_unit_test(quotas_follow_the_shares),
        cmocka_unit_test(a_tiny_temperature_leaves_the_largest_platform),
        cmocka_unit_test(homogeneous_batches_hold_one_platform),
        cmocka_unit_test(a_step_needs_no_other_step),
        cmocka_unit_test(steps_are_rounded_up),
        cmocka_unit_test(logq_is_the_share_among_the_draws),
        cmocka_unit_test(a_platform_without_training_is_never_drawn),
        cmocka_unit_test(what_cannot_be_sampled_is_refused),
    };
    return cmocka_run_group_tests(tests, fake_split_set_up, fake_split_tear_down);
}
