/* Sample platforms: what the parts of the generator share. docs/sample-data.md has the model and its formulas.
 *
 * Every value is a function of the seed and of what it belongs to (a platform's item 12, person 7), never of the order
 * in which things are written, so that nothing large is held in memory. */
#ifndef TOOLS_SAMPLE_PLATFORMS_SAMPLE_H
#define TOOLS_SAMPLE_PLATFORMS_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"

/* Changes whenever the same arguments give other files. */
#define SAMPLE_VERSION 1

enum { SHOP, VIDEO, NEWS, N_PLATFORMS };
enum { N_TOPICS = 12, N_MOODS = 4, N_LEVELS = 3, N_COLOURS = 6, N_PATTERNS = 4 };
enum { ZH, EN, N_LANGUAGES };

/* A vector's places: one for each value of each attribute, and one for popularity. */
enum {
    DIM_TOPIC = 0,
    DIM_MOOD = DIM_TOPIC + N_TOPICS,
    DIM_LEVEL = DIM_MOOD + N_MOODS,
    DIM_COLOUR = DIM_LEVEL + N_LEVELS,
    DIM_PATTERN = DIM_COLOUR + N_COLOURS,
    DIM_POPULARITY = DIM_PATTERN + N_PATTERNS,
    N_DIMS
};

typedef struct sample {
    const char *out;
    uint64_t seed;
    int64_t n_users, n_items; /* of each platform */
    int pictures;             /* side in pixels; 0: none are drawn */
} sample;

extern const char *const platform_names[N_PLATFORMS];

/* The random stream of one thing: `what` names the use, `index` the thing. */
ct_rng sample_rng(const sample *s, int platform, const char *what, int64_t index);

/* ---- arithmetic that gives the same bits on every machine (exact.c) ---- */

double exact_exp(double x);         /* |relative error| < 1e-14 for |x| < 700 */
double exact_normal(ct_rng *r);     /* sum of 12 uniforms, minus 6 */

/* ---- the latent model (model.c) ---- */

typedef struct item {
    uint8_t topic, mood, level; /* in the text */
    uint8_t colour, pattern;    /* in the picture */
    uint8_t languages;          /* bits 1 << ZH, 1 << EN */
    double popularity;
    int64_t born;               /* first second in which it can be chosen */
} item;

typedef struct person {
    double taste[N_DIMS];       /* on every platform */
    uint8_t loved[3];           /* topics, the most loved first */
    uint8_t n_loved;
    uint8_t mood, level, colour, pattern; /* the favourite of each */
    uint8_t language, age, city;
} person;

#define YEAR_BEGIN INT64_C(1735689600) /* 2025-01-01 UTC */
#define YEAR_SECONDS (INT64_C(365) * 86400)

item sample_item(const sample *s, int platform, int64_t index);
person sample_person(const sample *s, int64_t number);
/* The person's taste as it is on one platform. */
void sample_taste(const sample *s, int platform, int64_t person_number, const person *p, double taste[N_DIMS]);
/* log of the probability of choosing the item, up to a constant of the user. */
double sample_utility(const double taste[N_DIMS], const item *it);

/* ---- who is where (people.c) ---- */

int64_t sample_n_persons(const sample *s);
/* The person behind a platform's user. */
int64_t sample_person_of(const sample *s, int platform, int64_t user);
/* users[person] = the person's user on the platform, or -1; [sample_n_persons]. */
ct_status sample_users_of(const sample *s, int platform, int32_t **users, ct_error *err);

/* ---- choosing (choice.c) ---- */

typedef struct catalogue catalogue;

/* The items of a platform, grouped so that a draw takes a time that hardly depends on their number. */
ct_status catalogue_create(catalogue **out, const sample *s, int platform, ct_error *err);
void catalogue_free(catalogue *c); /* accepts NULL */
const item *catalogue_item(const catalogue *c, int64_t index);

typedef struct choice {
    int64_t item, time;
} choice;

enum { MAX_CHOICES = 60 };

/* What the user chooses during the year, in order of time; returns how many. */
int catalogue_choose(catalogue *c, int64_t user, const double taste[N_DIMS], choice choices[MAX_CHOICES]);

/* ---- texts (text.c) ---- */

void sample_user_id(int platform, int64_t user, char out[32]);
void sample_item_id(int platform, int64_t index, char out[32]);
/* The picture's path, from the platform's folder. */
void sample_image_path(int platform, int64_t index, char out[64]);

/* Each appends to its text. An item's description is one text a language; absent languages stay empty. */
ct_status sample_item_texts(const sample *s, int platform, int64_t index, const item *it, ct_str *title,
                            ct_str description[N_LANGUAGES], ct_error *err);
const char *sample_category(const item *it);
const char *sample_city(const person *p);
/* with_facts: age and town too, which some platforms keep in columns of their own. */
ct_status sample_profile(const sample *s, int platform, int64_t user, const person *p, bool with_facts, ct_str *out,
                         ct_error *err);
ct_status sample_review(int platform, const person *p, const item *it, ct_rng *r, ct_str *out, ct_error *err);

/* ---- files ---- */

typedef struct counts {
    int64_t items, users, interactions, reviews, pictures;
} counts;

ct_status write_items(const sample *s, int platform, const catalogue *c, counts *n, ct_error *err);
ct_status write_users(const sample *s, int platform, counts *n, ct_error *err);
ct_status write_interactions(const sample *s, int platform, catalogue *c, counts *n, ct_error *err);
ct_status write_links(const sample *s, int64_t *n_rows, ct_error *err);
ct_status write_pictures(const sample *s, int platform, const catalogue *c, counts *n, ct_error *err);
ct_status write_oracle(const sample *s, ct_error *err);

/* What the oracle, popularity and counting of attributes reach: prints a table. Holds all interactions in memory. */
ct_status print_statistics(const sample *s, ct_error *err);

#endif
