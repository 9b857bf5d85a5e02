/* The gradient of the whole model with dropout on, by finite differences: a step with the same seed and number draws
 * the same masks, so that the loss is a function of the weights. Along a direction of one tensor,
 *     (L(w + h d) - L(w - h d)) / 2h = g . d + O(h^2).
 * The loss is a float near 2: its rounding of 1e-7, over 2h = 0.02, leaves 1e-5 of noise beside derivatives of 0.01 and
 * more; the maxima of the CNN have kinks. 2% tells a wrong formula from a right one; tests/ops has the fine measure. */
#include <math.h>
#include <string.h>

#include "tests/model/model_support.h"

#include "base/alloc.h"

#define STEP 0.01
#define TOLERANCE 0.02

static float loss_of(ct_model *model, const ct_batch *batch) {
    ct_model_loss loss;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_model_step(model, batch, &err), &err);
    assert_ok(ct_model_read_loss(model, &loss, &err), &err);
    return loss.loss;
}

/* w + amount * direction, to the device. */
static void move(ct_model *model, ct_tensor w, const float *from, const float *direction, double amount,
                 float *scratch) {
    const int64_t n = w.rows * w.cols;
    ct_error err = CT_ERROR_INIT;
    for (int64_t i = 0; i < n; i++) scratch[i] = (float)((double)from[i] + amount * (double)direction[i]);
    assert_ok(ct_device_upload(ct_model_device(model), w.data, scratch, (size_t)n * sizeof *scratch, &err), &err);
}

/* Half of the direction is the gradient's own, half is random, so that neither a factor nor a stray term hides. */
static void choose_direction(const float *grad, int64_t n, uint32_t stream, float *direction) {
    ct_rng rng = ct_rng_make(2, 0, stream);
    double size = 0.0;
    for (int64_t i = 0; i < n; i++) size += (double)grad[i] * (double)grad[i];
    for (int64_t i = 0; i < n; i++)
        direction[i] = (float)((double)grad[i] / sqrt(size) + 0.5 * ct_rng_normal(&rng) / sqrt((double)n));
}

/* w lies on the device; grad [n] was read before. */
static void check_tensor(ct_model *model, const ct_batch *batch, const char *name, ct_tensor w, const float *grad) {
    const int64_t n = w.rows * w.cols;
    float *block = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc((size_t)(3 * n), sizeof *block, (void **)&block, &err), &err);
    float *from = block, *direction = block + n, *scratch = block + 2 * n;
    double slope = 0.0;
    test_download(model, w, from);
    choose_direction(grad, n, (uint32_t)n, direction);
    for (int64_t i = 0; i < n; i++) slope += (double)grad[i] * (double)direction[i];
    move(model, w, from, direction, STEP, scratch);
    const double above = (double)loss_of(model, batch);
    move(model, w, from, direction, -STEP, scratch);
    const double below = (double)loss_of(model, batch);
    move(model, w, from, direction, 0.0, scratch);
    const double measured = (above - below) / (2 * STEP);
    if (!(fabs(slope) > 1e-3)) fail_msg("%s: a slope of %g tells nothing", name, slope);
    if (!(fabs(measured - slope) <= TOLERANCE * fmax(fabs(measured), fabs(slope))))
        fail_msg("%s: slope %.6f, by differences %.6f", name, slope, measured);
    ct_free(block);
}

static void check_dense(ct_model *model, const ct_batch *batch, const char *name) {
    const ct_params *params = ct_model_params(model);
    const ct_param p = ct_params_find(params, name);
    if (p == CT_PARAM_NONE) fail_msg("no parameter '%s'", name);
    const ct_tensor g = ct_params_grad(params, p);
    float *grad = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc((size_t)(g.rows * g.cols), sizeof *grad, (void **)&grad, &err), &err);
    loss_of(model, batch);
    test_download(model, g, grad);
    check_tensor(model, batch, name, ct_params_weight(params, p), grad);
    ct_free(grad);
}

/* The compact gradient, spread over the whole table. */
static void check_table(ct_model *model, const ct_batch *batch, int32_t table, const ct_table_rows *rows) {
    const ct_id_table *t = &ct_model_params(model)->tables[table];
    float compact[(TEST_PERSONS + TEST_ENTITIES) * 8], grad[(TEST_PERSONS + TEST_ENTITIES) * 8] = {0};
    loss_of(model, batch);
    test_download(model, ct_f32(t->g, t->n_unique, t->cols), compact);
    assert_int_equal(t->n_unique, rows->n_unique);
    for (int32_t u = 0; u < rows->n_unique; u++)
        memcpy(grad + rows->rows[u] * t->cols, compact + u * t->cols, (size_t)t->cols * sizeof *grad);
    check_tensor(model, batch, t->name, ct_f32(t->w, t->rows, t->cols), grad);
}

/* Weights that are drawn at 0.02 give a text almost no say; larger ones make the slopes worth measuring. */
static void liven(ct_model *model) {
    const ct_params *params = ct_model_params(model);
    ct_error err = CT_ERROR_INIT;
    for (ct_param p = 0; p < params->n_segments; p++) {
        const ct_segment *s = &params->segments[p];
        const int64_t n = s->rows * s->cols;
        const bool gain = s->init == CT_INIT_ONE;
        if (p == ct_model_log_scale(model)) continue;
        float *values = NULL;
        ct_rng rng = ct_rng_make(3, 0, (uint32_t)p);
        assert_ok(ct_calloc((size_t)n, sizeof *values, (void **)&values, &err), &err);
        for (int64_t i = 0; i < n; i++) values[i] = (gain ? 1.0f : 0.0f) + 0.25f * (float)ct_rng_normal(&rng);
        test_upload(model, p, values);
        ct_free(values);
    }
}

static ct_config gradient_config(ct_config c) {
    c.model.user.dropout = 0.2;
    c.model.user.attention_dropout = 0.2;
    c.model.item.dropout = 0.2;
    if (c.model.item.kind == CT_ENCODER_TRANSFORMER) c.model.item.attention_dropout = 0.2;
    c.loss.logq = CT_LOGQ_KIND_CLASSIC; /* the corrected loss stops a gradient: differences do not see that */
    c.loss.temperature = 1.0;
    return c;
}

static void check_model(const ct_config *config, const char *const *names, int n_names) {
    ct_device *device = test_device(2);
    ct_model *model = test_model(config, device, true);
    ct_batch batch = test_batch_random(config, 77, TEST_PAIRS, TEST_ITEMS);
    liven(model);
    test_set_step(model, config, 4);
    for (int i = 0; i < n_names; i++) check_dense(model, &batch, names[i]);
    if (config->model.id_users) check_table(model, &batch, 0, &batch.person_rows);
    if (config->model.id_items) check_table(model, &batch, 1, &batch.entity_rows);
    ct_batch_free(&batch);
    ct_model_free(model);
    ct_device_close(device);
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
    check_model(&config, names, sizeof names / sizeof *names);
}

static void two_transformers(void **state) {
    static const char *const names[] = {
        "user.encoder.embeddings.token", "user.encoder.layer.0.ffn.up.weight", "item.encoder.embeddings.position",
        "item.encoder.layer.0.attention.qkv.weight", "item.encoder.layer.1.ffn.norm.bias", "item.projection.weight"};
    (void)state;
    const ct_config config = gradient_config(test_config_two_transformers());
    check_model(&config, names, sizeof names / sizeof *names);
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
    liven(model);
    test_set_step(model, &config, 4);
    const float first = loss_of(model, &batch);
    test_download(model, all, grads);
    const float again = loss_of(model, &batch);
    test_download(model, all, grads + all.cols);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_equal(grads, grads + all.cols, (size_t)all.cols * sizeof *grads);
    test_set_step(model, &config, 5);
    assert_true(loss_of(model, &batch) != first);
    config.seed++;
    test_set_step(model, &config, 4);
    assert_true(loss_of(model, &batch) != first);
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
