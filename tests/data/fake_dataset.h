/* A small dataset made in memory for the tests of src/data: several platforms, linked persons and entities, many equal
 * times, empty texts, users without interactions. Tokens tell where they come from, so that a test can see a leak. */
#ifndef CT_TESTS_FAKE_DATASET_H
#define CT_TESTS_FAKE_DATASET_H

#include "config/config.h"
#include "data/dataset.h"

#define FAKE_PLATFORMS 3

typedef struct fake_shape {
    int32_t n_platforms;
    int32_t users[FAKE_PLATFORMS], items[FAKE_PLATFORMS];
    int32_t max_interactions; /* a user */
    bool links;               /* join some users and items over platforms, and two users of platform 0 */
    int64_t n_times;          /* times are drawn from [0, n_times) */
    uint64_t seed;
} fake_shape;

typedef struct fake_dataset {
    ct_dataset data;
    ct_tokenizer *tokenizer;
    int32_t first_title, first_review; /* token first_title + i begins the title of item i; first_review + k the review
                                          of interaction k */
    void *blocks[64];
    int n_blocks;
} fake_dataset;

extern const fake_shape fake_three; /* three platforms of different sizes, linked */

void fake_create(fake_dataset *f, const fake_shape *shape);
void fake_free(fake_dataset *f);

/* A small run: batch 32, Transformer for users, CNN for items, id tables of 8, no dropouts. Owns nothing. */
ct_config fake_config(void);

#endif
