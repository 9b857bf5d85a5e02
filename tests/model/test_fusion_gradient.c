/* The multimodal model as a whole: its gradient by finite differences for every kind of parameter, what
 * pictures and stand-ins for missing ones do to an item's vector, and what the running statistics see. */
#include <math.h>
#include <string.h>

#include "tests/model/gradient_support.h"

#include "base/alloc.h"
#include "train/optimizer.h"

/* A smaller step than elsewhere: every ReLU behind a convolution is a kink. */
#define IMAGE_STEP 0.002

static ct_config gradient_config(ct_fusion_kind fusion, bool with_text) {
    ct_config c = test_config_pictures(fusion, with_text);
    c.loss.logq = CT_LOGQ_KIND_CLASSIC; /* the corrected loss stops a gradient: differences do not see that */
    c.loss.temperature = 1.0;
    return c;
}

static ct_config vectors_config(ct_fusion_kind fusion, bool with_text) {
    ct_config c = test_config_vectors(fusion, with_text);
    c.loss.logq = CT_LOGQ_KIND_CLASSIC;
    c.loss.temperature = 1.0;
    return c;
}

static void gated(void **state) {
    static const char *const names[] = {"item.fusion.text.weight",     "item.fusion.image.weight",
                                        "item.fusion.batch_norm.weight", "item.fusion.batch_norm.bias",
                                        "item.fusion.missing",         "item.fusion.mix.weight",
                                        "item.fusion.mix.bias",        "item.encoder.token",
                                        "item.projection.weight"};
    static const char *const image[] = {"item.image.conv1.weight",
                                        "item.image.bn1.weight",
                                        "item.image.bn1.bias",
                                        "item.image.layer1.1.conv2.weight",
                                        "item.image.layer2.0.downsample.0.weight",
                                        "item.image.layer2.0.downsample.1.bias",
                                        "item.image.layer3.1.bn2.weight"};
    (void)state;
    const ct_config config = gradient_config(CT_FUSION_GATED, true);
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
    check_gradients(&config, image, sizeof image / sizeof *image, IMAGE_STEP);
}

static void concatenated(void **state) {
    static const char *const names[] = {"item.fusion.mix.weight", "item.fusion.mix.bias",
                                        "item.fusion.missing", "item.fusion.text.weight",
                                        "item.fusion.image.weight"};
    (void)state;
    const ct_config config = gradient_config(CT_FUSION_CONCAT, true);
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
}

static void cross_attention(void **state) {
    static const char *const names[] = {"item.fusion.kind",        "item.fusion.qkv.weight",
                                        "item.fusion.qkv.bias",    "item.fusion.output.weight",
                                        "item.fusion.output.bias", "item.fusion.norm.weight",
                                        "item.fusion.norm.bias",   "item.fusion.missing",
                                        "item.fusion.text.weight", "item.fusion.image.weight"};
    (void)state;
    const ct_config config = gradient_config(CT_FUSION_CROSS_ATTENTION, true);
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
}

static void image_alone(void **state) {
    static const char *const names[] = {"item.fusion.image.weight", "item.fusion.missing",
                                        "item.projection.weight"};
    (void)state;
    ct_config config = gradient_config(CT_FUSION_GATED, false);
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
    config.model.image.batch_norm = CT_BATCH_NORM_FROZEN;
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
}

/* Two modalities by vectors beside the text, each kind of fusion; no picture anywhere. */
static void vectors(void **state) {
    static const char *const names[] = {
        "item.fusion.vectors.audio.weight", "item.fusion.vectors.video.weight", "item.fusion.text.weight",
        "item.fusion.batch_norm.weight",    "item.fusion.batch_norm.bias",      "item.fusion.missing",
        "item.projection.weight"};
    static const char *const mix[] = {"item.fusion.mix.weight", "item.fusion.mix.bias"};
    static const char *const attention[] = {"item.fusion.kind", "item.fusion.qkv.weight", "item.fusion.output.weight",
                                            "item.fusion.norm.weight"};
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        const ct_config config = vectors_config((ct_fusion_kind)kind, true);
        check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
        if (kind != CT_FUSION_CROSS_ATTENTION) check_gradients(&config, mix, 2, TEST_GRADIENT_STEP);
        if (kind == CT_FUSION_CROSS_ATTENTION) check_gradients(&config, attention, 4, TEST_GRADIENT_STEP);
    }
}

static void vectors_without_a_text(void **state) {
    static const char *const names[] = {"item.fusion.vectors.audio.weight", "item.fusion.vectors.video.weight",
                                        "item.fusion.missing", "item.projection.weight"};
    (void)state;
    ct_config config = vectors_config(CT_FUSION_GATED, false);
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
}

static void vectors_beside_pictures(void **state) {
    static const char *const names[] = {"item.fusion.vectors.audio.weight", "item.fusion.vectors.video.weight",
                                        "item.fusion.image.weight", "item.fusion.text.weight", "item.fusion.missing",
                                        "item.fusion.mix.weight"};
    (void)state;
    ct_config config = gradient_config(CT_FUSION_GATED, true);
    config.model.vectors = vectors_config(CT_FUSION_GATED, true).model.vectors;
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
}

static void read_state(ct_model *model, const char *name, float *values) {
    const ct_params *params = ct_model_params(model);
    const ct_param p = ct_params_find(params, name);
    assert_true(p != CT_PARAM_NONE);
    assert_true(params->segments[p].state && params->segments[p].frozen);
    test_download(model, ct_params_weight(params, p), values);
}

static void put_loss(ct_model *model, float value) {
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_device_upload(ct_model_device(model), ct_model_loss_tensor(model).data, &value, sizeof value,
                               &err),
              &err);
}

/* An update moves them, but not one that is skipped, nor a validation; frozen ones never move. */
static void running_statistics(void **state) {
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        ct_optimizer optimizer = {0};
        ct_config config = gradient_config(CT_FUSION_GATED, true);
        if (frozen) config.model.image.batch_norm = CT_BATCH_NORM_FROZEN;
        ct_device *device = test_device(1);
        ct_model *model = test_model(&config, device, true);
        ct_batch batch = test_batch_random(&config, 77, TEST_PAIRS, TEST_ITEMS);
        ct_model_loss loss;
        ct_error err = CT_ERROR_INIT;
        float before[32], mean[32], var[32], after[32];
        test_set_step(model, &config, 4);
        read_state(model, "item.image.bn1.running_mean", before);
        for (int i = 0; i < 32; i++) assert_true(before[i] == 0.0f);
        assert_ok(ct_optimizer_create(&optimizer, &config, model, &err), &err);
        test_step_loss(model, &batch);
        put_loss(model, NAN);
        assert_ok(ct_optimizer_apply(&optimizer, model, &err), &err);
        read_state(model, "item.image.bn1.running_mean", mean);
        read_state(model, "item.image.bn1.running_var", var);
        assert_memory_equal(before, mean, sizeof mean);
        for (int i = 0; i < 32; i++) assert_true(var[i] == 1.0f);
        test_step_loss(model, &batch);
        assert_ok(ct_optimizer_apply(&optimizer, model, &err), &err);
        read_state(model, "item.image.bn1.running_mean", mean);
        read_state(model, "item.image.bn1.running_var", var);
        assert_true((memcmp(before, mean, sizeof mean) != 0) == !frozen);
        for (int i = 0; i < 32; i++) assert_true(frozen ? var[i] == 1.0f : var[i] > 0.0f && var[i] != 1.0f);
        assert_ok(ct_model_eval_loss(model, &batch, &loss, &err), &err);
        assert_true(isfinite(loss.loss));
        read_state(model, "item.image.bn1.running_mean", after);
        assert_memory_equal(mean, after, sizeof mean);
        ct_optimizer_free(&optimizer, model);
        ct_batch_free(&batch);
        ct_model_free(model);
        ct_device_close(device);
    }
}

/* A batch whose items show no picture at all still has a loss and a gradient, and moves no statistics. */
static void no_picture_in_the_batch(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        const ct_config config = gradient_config((ct_fusion_kind)kind, true);
        ct_device *device = test_device(1);
        ct_model *model = test_model(&config, device, true);
        ct_batch batch = test_batch_random(&config, 77, TEST_PAIRS, TEST_ITEMS);
        ct_optimizer optimizer = {0};
        ct_error err = CT_ERROR_INIT;
        float mean[32];
        batch.items.n_pictures = 0;
        memset(batch.items.picture_begin, 0, (TEST_ITEMS + 1) * sizeof(int32_t));
        for (int i = 0; i < TEST_ITEMS; i++) batch.items.present[2 * i + 1] = 0;
        test_set_step(model, &config, 4);
        assert_ok(ct_optimizer_create(&optimizer, &config, model, &err), &err);
        assert_true(isfinite(test_step_loss(model, &batch)));
        assert_ok(ct_optimizer_apply(&optimizer, model, &err), &err);
        read_state(model, "item.image.bn1.running_mean", mean);
        for (int i = 0; i < 32; i++) assert_true(mean[i] == 0.0f);
        const ct_params *params = ct_model_params(model);
        const ct_segment *s = &params->segments[ct_params_find(params, "item.image.conv1.weight")];
        float grad[32 * 27];
        test_download(model, ct_params_grad(params, ct_params_find(params, "item.image.conv1.weight")), grad);
        assert_int_equal(s->rows * s->cols, 32 * 27);
        for (int i = 0; i < 32 * 27; i++) assert_true(grad[i] == 0.0f);
        ct_optimizer_free(&optimizer, model);
        ct_batch_free(&batch);
        ct_model_free(model);
        ct_device_close(device);
    }
}

static void encode(ct_model *model, const ct_batch *batch, float *vectors) {
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_model_encode_items(model, batch, vectors, &err), &err);
}

/* A picture changes its own item's vector and no other's; a hidden text's words change nothing. */
static void vectors_follow_what_is_present(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        const ct_config config = gradient_config((ct_fusion_kind)kind, true);
        ct_device *device = test_device(1);
        ct_model *model = test_model(&config, device, false);
        ct_batch batch = test_batch_to_encode(&config, 77, TEST_PAIRS, TEST_ITEMS);
        float first[TEST_ITEMS * 16], second[TEST_ITEMS * 16];
        const int64_t d = ct_model_dim(model);
        assert_int_equal(d, 16);
        encode(model, &batch, first);
        const int32_t row = batch.items.picture_row[2];
        memset(batch.items.pixels + 2 * TEST_PICTURE * TEST_PICTURE * 3, 7, TEST_PICTURE * TEST_PICTURE * 3);
        encode(model, &batch, second);
        for (int32_t r = 0; r < TEST_ITEMS; r++)
            assert_true((memcmp(first + r * d, second + r * d, 16 * sizeof(float)) != 0) == (r == row));
        for (int32_t r = 0; r < TEST_ITEMS; r++)
            for (int32_t t = batch.items.text.offsets[r]; t < batch.items.text.offsets[r + 1]; t++)
                if (!batch.items.present[2 * r])
                    batch.items.text.ids[t] = (batch.items.text.ids[t] + 1) % TEST_VOCAB;
        encode(model, &batch, first);
        assert_memory_equal(first, second, sizeof first);
        ct_batch_free(&batch);
        ct_model_free(model);
        ct_device_close(device);
    }
}

/* A vector changes its own item and no other; the columns of one that is missing change nothing, whatever they hold. */
static void items_follow_their_vectors(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        const ct_config config = vectors_config((ct_fusion_kind)kind, true);
        ct_device *device = test_device(1);
        ct_model *model = test_model(&config, device, false);
        ct_batch batch = test_batch_to_encode(&config, 77, TEST_PAIRS, TEST_ITEMS);
        float first[TEST_ITEMS * 16], second[TEST_ITEMS * 16];
        test_liven(model);
        encode(model, &batch, first);
        batch.items.vectors[3 * TEST_VECTOR_WIDTH + 2] += 1.0f; /* item 3's audio */
        encode(model, &batch, second);
        for (int32_t r = 0; r < TEST_ITEMS; r++)
            assert_true((memcmp(first + r * 16, second + r * 16, 16 * sizeof(float)) != 0) == (r == 3));
        assert_int_equal(batch.items.present[3 * 4 + 1], 0); /* item 4 has no audio */
        batch.items.vectors[4 * TEST_VECTOR_WIDTH + 2] = 50.0f;
        encode(model, &batch, first);
        assert_memory_equal(first, second, sizeof first);
        ct_batch_free(&batch);
        ct_model_free(model);
        ct_device_close(device);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gated),
                                       cmocka_unit_test(concatenated),
                                       cmocka_unit_test(cross_attention),
                                       cmocka_unit_test(image_alone),
                                       cmocka_unit_test(vectors),
                                       cmocka_unit_test(vectors_without_a_text),
                                       cmocka_unit_test(vectors_beside_pictures),
                                       cmocka_unit_test(items_follow_their_vectors),
                                       cmocka_unit_test(running_statistics),
                                       cmocka_unit_test(no_picture_in_the_batch),
                                       cmocka_unit_test(vectors_follow_what_is_present)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
