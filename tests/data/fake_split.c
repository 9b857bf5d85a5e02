/* What the tests of sampler, texts and batches work on. */
#include "tests/data/fake_split.h"

fake_dataset fake;
ct_split split;

int fake_split_set_up(void **state) {
    (void)state;
    fake_create(&fake, &fake_three);
    return ct_split_create(&split, &fake.data, CT_SPLIT_TIME, NULL) == CT_OK ? 0 : 1;
}

int fake_split_tear_down(void **state) {
    (void)state;
    ct_split_free(&split);
    fake_free(&fake);
    return 0;
}
