/* Sampler, batcher and a batch with room for training, on the fake platforms of fake_split. */
#ifndef CT_TESTS_FAKE_RIG_H
#define CT_TESTS_FAKE_RIG_H

#include "data/loader.h"
#include "tests/data/fake_split.h"

typedef struct rig {
    ct_config config; /* what sampler and batcher borrow */
    ct_sampler *sampler;
    ct_batcher *batcher;
    ct_batch batch;
    ct_batch_caps caps;
    ct_pair pairs[256]; /* of the step in the batch */
} rig;

void rig_create(rig *r, ct_config config);
void rig_step(rig *r, int64_t step);
void rig_free(rig *r);

#endif
