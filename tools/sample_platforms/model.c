/* The latent model: items with attributes, persons with tastes, utility as their inner product. */
#include <string.h>

#include "base/hash.h"
#include "sample.h"

const char *const platform_names[N_PLATFORMS] = {"shop", "video", "news"};

/* How strongly tastes are spread. Settled with --stats and trial runs of the quickstart's model, then fixed: see
 * docs/sample-data.md. */
static const double topic_spread = 0.2, topic_least = 4.0, topic_range = 0.3;
static const double style_spread = 0.08, mood_loved = 2.0, level_loved = 1.1, colour_loved = 2.2, pattern_loved = 0.8;
static const double platform_spread = 0.08, popularity_spread = 0.3;

/* Of the items, this share is there before the year begins; the rest appear until shortly before its end. */
static const double born_before = 0.55, born_until = 0.97;

ct_rng sample_rng(const sample *s, int platform, const char *what, int64_t index) {
    const uint32_t stream = ct_hash_name(what) + 0x9E3779B9u * (uint32_t)(platform + 1);
    return ct_rng_make(s->seed, (uint64_t)index, stream);
}

static uint8_t below(ct_rng *r, int n) { return (uint8_t)ct_rng_below(r, (uint64_t)n); }

item sample_item(const sample *s, int platform, int64_t index) {
    ct_rng r = sample_rng(s, platform, "item", index);
    const ct_rng_key key = ct_rng_key_make(s->seed, (uint64_t)platform, ct_hash_name("topics"));
    item it = {0};
    /* Topics in equal parts, whatever the number of items. */
    it.topic = (uint8_t)(ct_permute((uint64_t)index, (uint64_t)s->n_items, key) % N_TOPICS);
    it.mood = below(&r, N_MOODS);
    it.level = below(&r, N_LEVELS);
    it.colour = below(&r, N_COLOURS);
    it.pattern = below(&r, N_PATTERNS);
    const double language = ct_rng_f64(&r);
    it.languages = language < 0.45 ? 1 << ZH : language < 0.8 ? 1 << EN : 1 << ZH | 1 << EN;
    it.popularity = popularity_spread * exact_normal(&r);
    const double born = ct_rng_f64(&r), at = (born - born_before) / (1.0 - born_before) * born_until;
    it.born = YEAR_BEGIN;
    if (born > born_before) it.born += (int64_t)(at * (double)YEAR_SECONDS);
    return it;
}

/* Small likes and dislikes for n values, and one that is loved. */
static uint8_t style_taste(ct_rng *r, double *taste, int n, double loved) {
    const uint8_t favourite = below(r, n);
    for (int i = 0; i < n; i++) taste[i] = style_spread * exact_normal(r);
    taste[favourite] += loved;
    return favourite;
}

static void topic_taste(ct_rng *r, person *p) {
    double *taste = p->taste + DIM_TOPIC;
    for (int i = 0; i < N_TOPICS; i++) taste[i] = topic_spread * exact_normal(r);
    p->n_loved = (uint8_t)(2 + below(r, 2));
    for (int i = 0; i < p->n_loved; i++) {
        uint8_t topic = below(r, N_TOPICS);
        while (memchr(p->loved, topic, (size_t)i)) topic = (uint8_t)((topic + 1) % N_TOPICS);
        p->loved[i] = topic;
        taste[topic] = topic_least + topic_range * ct_rng_f64(r);
    }
    for (int i = 1; i < p->n_loved; i++) {
        for (int k = i; k > 0 && taste[p->loved[k]] > taste[p->loved[k - 1]]; k--) {
            const uint8_t swap = p->loved[k];
            p->loved[k] = p->loved[k - 1];
            p->loved[k - 1] = swap;
        }
    }
}

person sample_person(const sample *s, int64_t number) {
    ct_rng r = sample_rng(s, N_PLATFORMS, "person", number);
    person p = {0};
    topic_taste(&r, &p);
    p.mood = style_taste(&r, p.taste + DIM_MOOD, N_MOODS, mood_loved);
    p.level = style_taste(&r, p.taste + DIM_LEVEL, N_LEVELS, level_loved);
    p.colour = style_taste(&r, p.taste + DIM_COLOUR, N_COLOURS, colour_loved);
    p.pattern = style_taste(&r, p.taste + DIM_PATTERN, N_PATTERNS, pattern_loved);
    p.taste[DIM_POPULARITY] = 1.0;
    p.language = ct_rng_f64(&r) < 0.6 ? ZH : EN;
    p.age = (uint8_t)(16 + below(&r, 50));
    p.city = below(&r, 255);
    return p;
}

void sample_taste(const sample *s, int platform, int64_t person_number, const person *p, double taste[N_DIMS]) {
    ct_rng r = sample_rng(s, platform, "platform taste", person_number);
    for (int d = 0; d < N_DIMS; d++) taste[d] = p->taste[d];
    for (int d = 0; d < DIM_POPULARITY; d++) taste[d] += platform_spread * exact_normal(&r);
}

double sample_utility(const double taste[N_DIMS], const item *it) {
    return taste[DIM_TOPIC + it->topic] + taste[DIM_MOOD + it->mood] + taste[DIM_LEVEL + it->level] +
           taste[DIM_COLOUR + it->colour] + taste[DIM_PATTERN + it->pattern] + taste[DIM_POPULARITY] * it->popularity;
}
