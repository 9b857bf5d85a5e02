/* Datasets made in memory for the tests of src/eval: only what ranking reads. Random, with repeats, equal
 * times, users without interactions, linked persons. */
#ifndef CT_TESTS_EVAL_HAND_DATASET_H
#define CT_TESTS_EVAL_HAND_DATASET_H

#include "data/dataset.h"
#include "data/split.h"

enum { HAND_PLATFORMS = 3 };

typedef struct hand_shape {
    int32_t users[HAND_PLATFORMS], items[HAND_PLATFORMS];
    int most;        /* interactions a user */
    int64_t n_times; /* times are in [0, n_times); validation begins at 6 tenths, test at 8 */
    uint64_t seed;
} hand_shape;

typedef struct hand {
    ct_dataset data;
    void *blocks[32];
    int n_blocks;
} hand;

void hand_create(hand *h, const hand_shape *shape);
void hand_free(hand *h);

/* Where `stage` begins and ends for a user, said once more than in the code under test. */
void hand_stage(const ct_dataset *data, const ct_split *split, int64_t user, ct_stage stage, int64_t *begin,
                int64_t *end);

#endif
