/* What the tests of the model share: two small configurations, batches made from plain arrays, comparisons. */
#ifndef CT_TESTS_MODEL_SUPPORT_H
#define CT_TESTS_MODEL_SUPPORT_H

#include "tests/support/cmocka.h"

#include "base/rng.h"
#include "config/config.h"
#include "model/model.h"

/* The sizes of tools/golden/step.py. */
enum {
    TEST_VOCAB = 40,
    TEST_PLATFORMS = 3,
    TEST_PERSONS = 9,
    TEST_ENTITIES = 13,
    TEST_USER_TOKENS = 12,
    TEST_ITEM_TOKENS = 9,
    TEST_HISTORY = 4,
    TEST_PAIRS = 12,
    TEST_ITEMS = 12,
    TEST_BUCKET = 8,
    TEST_PICTURE = 20, /* side of a stored picture */
    TEST_VECTORS = 2,
    TEST_VECTOR_WIDTH = 5 + 9 /* of both modalities by vectors */
};

/* Ids of rows that follow one another: row n is ids[offsets[n]] to ids[offsets[n + 1]]. offsets NULL: no such input. */
typedef struct test_rows {
    const int32_t *offsets, *ids;
} test_rows;

typedef struct test_pairs {
    int32_t n_pairs, n_items;
    test_rows user_text, item_text, person, history, entity;
    const int32_t *user_platform, *item_platform, *pos, *mask_begin, *mask_col;
    const float *weight, *item_logq, *user_logq;
} test_pairs;

/* Transformer users, CNN items, ids and history, cosine. No dropout, no groups; nothing is on the heap. */
ct_config test_config_text_cnn(void);
/* Transformers on both sides, the users' pooled by [CLS], dot product. */
ct_config test_config_two_transformers(void);
/* The first of the two with a small ResNet over 16 pixels, as one modality where the item's text is then taken away. */
ct_config test_config_pictures(ct_fusion_kind fusion, bool with_text);
/* The first of the two with vectors "audio" of 5 and "video" of 9 columns, and no picture. */
ct_config test_config_vectors(ct_fusion_kind fusion, bool with_text);
ct_model_sizes test_sizes(void);
/* Both kinds of pass at the sizes above; what the config lacks (a text, a history) has no room. */
ct_model_caps test_caps(const ct_config *config);

/* Fills a batch that was created at test_caps(); row0: the number of its first row in the step. */
void test_batch_fill(ct_batch *batch, const test_pairs *pairs, int32_t row0);
/* A batch of those caps, with random contents of n_pairs pairs over n_items items. ct_batch_free frees it. */
ct_batch test_batch_random(const ct_config *config, uint32_t stream, int32_t n_pairs, int32_t n_items);
/* The same contents at the caps of encoding: without pairs. */
ct_batch test_batch_to_encode(const ct_config *config, uint32_t stream, int32_t n_users, int32_t n_items);

/* A device of n_threads threads; fails the test when there is none. */
ct_device *test_device(int n_threads);
/* A model at test_caps() on the device; fails the test when it cannot be made. */
ct_model *test_model(const ct_config *config, ct_device *device, bool training);
/* The step state of update 0, with the config's seed. */
void test_set_step(ct_model *model, const ct_config *config, int64_t step);
/* Weights of parameter p: to and from the device. */
void test_upload(ct_model *model, ct_param p, const float *values);
void test_download(ct_model *model, ct_tensor from, float *values);

void assert_ok(ct_status status, const ct_error *err);
/* status is wanted and the message holds `part`; the error is forgotten. */
void assert_error(ct_status status, ct_error *err, ct_status wanted, const char *part);
/* |got - want| <= tolerance * max(|want|, least) in the Euclidean norm; NaN fails. */
void assert_near(const char *name, const float *got, const float *want, int64_t n, double tolerance, double least);

#endif
