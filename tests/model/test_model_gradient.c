/* The gradient of the whole model with dropout on, by finite differences: a step with the same seed and number draws
 * the same masks, so that the loss is a function of the weights. How: tests/model/gradient_support.h. */
#include <string.h>

#include "tests/model/gradient_support.h"

#include "base/alloc.h"

static ct_config gradient_config(ct_config c) {
    c.model.user.dropout = 0.2;
    c.model.user.attention_dropout = 0.2;
    c.model.item.dropout = 0.2;
    if (c.model.item.kind == CT_ENCODER_TRANSFORMER) c.model.item.attention_dropout = 0.2;
    c.loss.logq = CT_LOGQ_KIND_CLASSIC; /* the corrected loss stops a gradient: differences do not see that */
    c.loss.temperature = 1.0;
    return c;
}

static void transformer_and_cnn(void **state) {
    static const char *const names[] = {
        "user.encoder.embeddings.token",         "user.encoder.embeddings.position",
        "user.encoder.embeddings.type",          "user.encoder.layer.0.attention.qkv.weight",
        "user.encoder.layer.1.attention.output.bias", "user.encoder.layer.0.ffn.down.weight",
        "user.encoder.layer.1.ffn.norm.weight",  "user.projection.weight",
        "user.platform",                         "item.encoder.token",
        "item.encoder.conv1.weight",             "item.encoder.conv3.weight",
        "item.encoder.conv2.bias",               "item.projection.bias",
        "item.platform",                         "loss.log_scale"};
    (void)state;
    const ct_config config = gradient_config(test_config_text_cnn());
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
}

static void two_transformers(void **state) {
    static const char *const names[] = {
        "user.encoder.embeddings.token", "user.encoder.layer.0.ffn.up.weight", "item.encoder.embeddings.position",
        "item.encoder.layer.0.attention.qkv.weight", "item.encoder.layer.1.ffn.norm.bias", "item.projection.weight"};
    (void)state;
    const ct_config config = gradient_config(test_config_two_transformers());
    check_gradients(&config, names, sizeof names / sizeof *names, TEST_GRADIENT_STEP);
}

/* What the differences rest on: the same step gives the same bytes, another step or seed gives other masks. */
static void masks_replay(void **state) {
    (void)state;
    ct_config config = gradient_config(test_config_text_cnn());
    ct_device *device = test_device(2);
    ct_model *model = test_model(&config, device, true);
    ct_batch batch = test_batch_random(&config, 77, TEST_PAIRS, TEST_ITEMS);
    const ct_params *params = ct_model_params(model);
    const ct_tensor all = ct_f32(params->g, 1, params->n_values);
    float *grads = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc((size_t)(2 * all.cols), sizeof *grads, (void **)&grads, &err), &err);
    test_liven(model);
    test_set_step(model, &config, 4);
    const float first = test_step_loss(model, &batch);
    test_download(model, all, grads);
    const float again = test_step_loss(model, &batch);
    test_download(model, all, grads + all.cols);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_equal(grads, grads + all.cols, (size_t)all.cols * sizeof *grads);
    test_set_step(model, &config, 5);
    assert_true(test_step_loss(model, &batch) != first);
    config.seed++;
    test_set_step(model, &config, 4);
    assert_true(test_step_loss(model, &batch) != first);
    ct_free(grads);
    ct_batch_free(&batch);
    ct_model_free(model);
    ct_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(transformer_and_cnn), cmocka_unit_test(two_transformers),
                                       cmocka_unit_test(masks_replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
