/* Which pairs a step trains on, as a pure function of (seed, step): quotas by integer division over a tree of
 * platforms, orders by keyed permutations. Nothing is replayed and nothing is remembered. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/loader.h"

/* Homogeneous batches: the order of the platforms is shuffled in blocks of this many steps. */
#define BLOCK_STEPS 64

/* Weight of the largest platform when the weights are not plain counts. */
#define SHARE_UNITS 1099511627776.0 /* 2^40 */

struct ct_sampler {
    const ct_dataset *data; /* borrowed, as split */
    const ct_split *split;
    uint64_t seed;
    int64_t batch, n_train;
    bool homogeneous;
    int32_t n_platforms;
    int64_t *first;      /* [n_users + 1]: training interactions of the users before */
    int64_t *weight_sum; /* [P + 1]: integer weights of the platforms before */
    uint32_t *stream;    /* [P]: names the platform's random order */
    float *item_logq, *user_logq;
};

static int64_t platform_pairs(const ct_sampler *s, int32_t p) {
    return s->first[s->data->user_begin[p + 1]] - s->first[s->data->user_begin[p]];
}

static void count_pairs(ct_sampler *s) {
    const ct_dataset *data = s->data;
    for (int64_t u = 0; u < data->n_users; u++) {
        s->first[u + 1] = s->first[u] + s->split->train_end[u] - data->inter_begin[u];
    }
    s->n_train = s->first[data->n_users];
}

/* Weights n_p^(1 / T), against the largest platform so that a small T cannot overflow. With T = 1 they are the counts
 * themselves, so that a pass is exact. */
static void weigh_platforms(ct_sampler *s, double temperature) {
    int64_t largest = 1;
    for (int32_t p = 0; p < s->n_platforms; p++) {
        if (platform_pairs(s, p) > largest) largest = platform_pairs(s, p);
    }
    for (int32_t p = 0; p < s->n_platforms; p++) {
        const int64_t n = platform_pairs(s, p);
        int64_t weight = n;
        if (n > 0 && temperature != 1.0) {
            weight = llround(pow((double)n / (double)largest, 1.0 / temperature) * SHARE_UNITS);
            if (weight < 1) weight = 1; /* rare, but drawn */
        }
        s->weight_sum[p + 1] = s->weight_sum[p] + weight;
    }
}

/* log of count / n of the platform, times the platform's share for the mixture; -inf for what is never drawn. */
static float log_share(const ct_sampler *s, int64_t count, int32_t platform, bool mixture) {
    if (count == 0) return -INFINITY;
    double q = (double)count / (double)platform_pairs(s, platform);
    if (mixture) {
        const double weight = (double)(s->weight_sum[platform + 1] - s->weight_sum[platform]);
        q *= weight / (double)s->weight_sum[s->n_platforms];
    }
    return (float)log(q);
}

static ct_status make_logq(ct_sampler *s, bool mixture, ct_error *err) {
    const ct_dataset *data = s->data;
    int64_t *count = NULL;
    CT_CHECK(ct_calloc((size_t)data->n_items, sizeof *count, (void **)&count, err));
    for (int64_t u = 0; u < data->n_users; u++) {
        for (int64_t k = data->inter_begin[u]; k < s->split->train_end[u]; k++) count[data->inter_item[k]]++;
        s->user_logq[u] = log_share(s, s->first[u + 1] - s->first[u], data->user_platform[u], mixture);
    }
    for (int64_t i = 0; i < data->n_items; i++) {
        s->item_logq[i] = log_share(s, count[i], data->item_platform[i], mixture);
    }
    ct_free(count);
    return CT_OK;
}

static ct_status name_streams(ct_sampler *s, ct_error *err) {
    ct_status st = CT_OK;
    ct_str name = {0};
    for (int32_t p = 0; p < s->n_platforms; p++) {
        ct_str_clear(&name);
        CT_TRY(ct_str_printf(&name, err, "pairs/%s", ct_strings_get(&s->data->platform_name, p)), st, done);
        s->stream[p] = ct_hash_name(ct_str_text(&name));
    }
done:
    ct_str_free(&name);
    return st;
}

static ct_status allocate(ct_sampler *s, ct_error *err) {
    const size_t users = (size_t)s->data->n_users, platforms = (size_t)s->n_platforms;
    CT_CHECK(ct_calloc(users + 1, sizeof *s->first, (void **)&s->first, err));
    CT_CHECK(ct_calloc(platforms + 1, sizeof *s->weight_sum, (void **)&s->weight_sum, err));
    CT_CHECK(ct_calloc(platforms, sizeof *s->stream, (void **)&s->stream, err));
    CT_CHECK(ct_calloc((size_t)s->data->n_items, sizeof *s->item_logq, (void **)&s->item_logq, err));
    return ct_calloc(users, sizeof *s->user_logq, (void **)&s->user_logq, err);
}

static ct_status check(const ct_config *config, ct_error *err) {
    if (config->train.batch < 1 || config->train.batch > INT32_MAX) {
        return ct_fail(err, CT_ERR_CONFIG, "train.batch: found %lld, want from 1 to 2^31 - 1",
                       (long long)config->train.batch);
    }
    if (!(config->train.platform_temperature > 0.0)) {
        return ct_fail(err, CT_ERR_CONFIG, "train.platform_temperature: found %g, want more than 0",
                       config->train.platform_temperature);
    }
    return CT_OK;
}

ct_status ct_sampler_create(ct_sampler **out, const ct_dataset *data, const ct_split *split, const ct_config *config,
                            ct_error *err) {
    ct_status st = CT_OK;
    ct_sampler *s = NULL;
    *out = NULL;
    CT_CHECK(check(config, err));
    CT_TRY(ct_calloc(1, sizeof *s, (void **)&s, err), st, done);
    s->data = data;
    s->split = split;
    s->seed = (uint64_t)config->seed;
    s->batch = config->train.batch;
    s->homogeneous = config->train.batches == CT_BATCHES_HOMOGENEOUS;
    s->n_platforms = data->n_platforms;
    CT_TRY(allocate(s, err), st, done);
    count_pairs(s);
    if (s->n_train == 0) {
        st = ct_fail(err, CT_ERR_DATA, "no training interaction: the split leaves 0 of %lld, want at least 1",
                     (long long)data->n_interactions);
        goto done;
    }
    weigh_platforms(s, config->train.platform_temperature);
    CT_TRY(name_streams(s, err), st, done);
    const bool mixture = !s->homogeneous && config->loss.negatives == CT_NEGATIVES_BATCH;
    CT_TRY(make_logq(s, mixture, err), st, done);
    *out = s;
    s = NULL;
done:
    ct_sampler_free(s);
    return st;
}

void ct_sampler_free(ct_sampler *s) {
    if (!s) return;
    ct_free(s->first);
    ct_free(s->weight_sum);
    ct_free(s->stream);
    ct_free(s->item_logq);
    ct_free(s->user_logq);
    ct_free(s);
}

/* How many of the first x draws are platform p's. Halving the platforms again and again, the left half gets
 * floor(x * its weight / both weights) and the right half the rest. Either is monotone in x and both together are x,
 * which a floor for each platform by itself would not give. */
static int64_t draws_of(const ct_sampler *s, int32_t p, int64_t x) {
    int32_t lo = 0, hi = s->n_platforms;
    while (hi - lo > 1) {
        const int32_t middle = lo + (hi - lo) / 2;
        const int64_t both = s->weight_sum[hi] - s->weight_sum[lo], left = s->weight_sum[middle] - s->weight_sum[lo];
        const int64_t share = both > 0 ? (int64_t)((__int128)x * left / both) : 0;
        if (p < middle) {
            hi = middle;
            x = share;
        } else {
            lo = middle;
            x -= share;
        }
    }
    return x;
}

/* The pair of training interaction i of platform p. */
static ct_pair pair_at(const ct_sampler *s, int32_t p, int64_t i) {
    int64_t lo = s->data->user_begin[p], hi = s->data->user_begin[p + 1];
    i += s->first[lo];
    while (hi - lo > 1) { /* the last user with first[user] <= i */
        const int64_t middle = lo + (hi - lo) / 2;
        if (s->first[middle] <= i) lo = middle;
        else hi = middle;
    }
    return (ct_pair){(int32_t)lo, s->data->inter_begin[lo] + i - s->first[lo]};
}

/* Draws [from, from + n) of platform p: draw d is place d mod n_p of pass d div n_p. */
static void draw(const ct_sampler *s, int32_t p, int64_t from, int64_t n, ct_pair *pairs) {
    const uint64_t size = (uint64_t)platform_pairs(s, p);
    for (int64_t j = 0; j < n; j++) {
        const uint64_t d = (uint64_t)(from + j);
        const ct_rng_key key = ct_rng_key_make(s->seed, d / size, s->stream[p]);
        pairs[j] = pair_at(s, p, (int64_t)ct_permute(d % size, size, key));
    }
}

static void mixed_pairs(const ct_sampler *s, int64_t step, ct_pair *pairs) {
    int64_t done = 0;
    for (int32_t p = 0; p < s->n_platforms; p++) {
        const int64_t from = draws_of(s, p, step * s->batch), to = draws_of(s, p, (step + 1) * s->batch);
        draw(s, p, from, to - from, pairs + done);
        done += to - from;
    }
}

/* In a block, platform p owns as many ranks as it has batches there, in a row; a step's rank is its place permuted. */
static void homogeneous_pairs(const ct_sampler *s, int64_t step, ct_pair *pairs) {
    const int64_t block = step / BLOCK_STEPS, place = step % BLOCK_STEPS;
    const ct_rng_key key = ct_rng_key_make(s->seed, (uint64_t)block, ct_hash_name("homogeneous"));
    const int64_t rank = (int64_t)ct_permute((uint64_t)place, BLOCK_STEPS, key);
    int64_t lo = 0;
    for (int32_t p = 0; p < s->n_platforms; p++) {
        const int64_t before = draws_of(s, p, block * BLOCK_STEPS);
        const int64_t hi = lo + draws_of(s, p, (block + 1) * BLOCK_STEPS) - before;
        if (rank >= lo && rank < hi) {
            int64_t earlier = 0;
            for (int64_t i = 0; i < place; i++) {
                const int64_t other = (int64_t)ct_permute((uint64_t)i, BLOCK_STEPS, key);
                earlier += other >= lo && other < hi;
            }
            draw(s, p, (before + earlier) * s->batch, s->batch, pairs);
            return;
        }
        lo = hi;
    }
}

void ct_sampler_pairs(const ct_sampler *s, int64_t step, ct_pair *pairs) {
    if (s->homogeneous) homogeneous_pairs(s, step, pairs);
    else mixed_pairs(s, step, pairs);
}

int64_t ct_sampler_steps(const ct_sampler *s, double epochs) {
    /* The small part keeps 0.1 epochs of 1000 pairs from counting as 100.00000000000001. */
    const double steps = ceil(epochs * (double)s->n_train / (double)s->batch * (1.0 - 1e-12));
    if (!(steps >= 1.0)) return 1;
    return steps < 0x1p62 ? (int64_t)steps : INT64_MAX / 2;
}

float ct_sampler_item_logq(const ct_sampler *s, int32_t item) { return s->item_logq[item]; }

float ct_sampler_user_logq(const ct_sampler *s, int32_t user) { return s->user_logq[user]; }
