/* What the tests of training batches work with. */
#include "tests/data/fake_rig.h"

#include "tests/support/cmocka.h"

void rig_create(rig *r, ct_config config) {
    *r = (rig){.config = config};
    assert_int_equal(ct_sampler_create(&r->sampler, &fake.data, &split, &r->config, NULL), CT_OK);
    assert_int_equal(ct_batcher_create(&r->batcher, &fake.data, &split, r->sampler, &r->config, NULL), CT_OK);
    r->caps = ct_batcher_train_caps(r->batcher);
    assert_int_equal(ct_batch_create(&r->batch, &r->caps, NULL), CT_OK);
}

void rig_step(rig *r, int64_t step) {
    assert_int_equal(ct_batcher_train(r->batcher, step, &r->batch, NULL), CT_OK);
    ct_sampler_pairs(r->sampler, step, r->pairs);
}

void rig_free(rig *r) {
    ct_batch_free(&r->batch);
    ct_batcher_free(r->batcher);
    ct_sampler_free(r->sampler);
}
