/* Pictures of a batch's items, from plain arrays. */
#ifndef CT_TESTS_MODEL_PICTURE_SUPPORT_H
#define CT_TESTS_MODEL_PICTURE_SUPPORT_H

#include "data/batch.h"

/* Of n pictures: the item row of each, ascending, pixels of side TEST_PICTURE, crops and mirroring; one colour for all.
 * present [rows, M]: which modalities each item shows. crop, flip, colour are not read for a batch without them. */
typedef struct test_pictures {
    int32_t n;
    const int32_t *row, *present;
    const uint8_t *pixels;
    const float *crop;
    const int32_t *flip;
    float colour[3];
} test_pictures;

/* The batch has its rows and texts already. */
void test_batch_fill_pictures(ct_batch *batch, const test_pictures *pictures);

#endif
