/* Finite differences of the loss along a direction of one tensor. */
#include "tests/model/gradient_support.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

float test_step_loss(ct_model *model, const ct_batch *batch) {
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
    assert_ok(ct_device_upload(ct_model_device(model), w.data, scratch, (size_t)n * sizeof *scratch, &err),
              &err);
}

/* Half of the direction is the gradient's own, half is random, so that neither a factor nor a stray term
 * hides. */
static void choose_direction(const float *grad, int64_t n, uint32_t stream, float *direction) {
    ct_rng rng = ct_rng_make(2, 0, stream);
    double size = 0.0;
    for (int64_t i = 0; i < n; i++) size += (double)grad[i] * (double)grad[i];
    for (int64_t i = 0; i < n; i++)
        direction[i] = (float)((double)grad[i] / sqrt(size) + 0.5 * ct_rng_normal(&rng) / sqrt((double)n));
}

/* w lies on the device; grad [n] was read before. */
static void check_tensor(ct_model *model, const ct_batch *batch, const char *name, ct_tensor w,
                         const float *grad, double step) {
    const int64_t n = w.rows * w.cols;
    float *block = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc((size_t)(3 * n), sizeof *block, (void **)&block, &err), &err);
    float *from = block, *direction = block + n, *scratch = block + 2 * n;
    double slope = 0.0;
    test_download(model, w, from);
    choose_direction(grad, n, (uint32_t)n, direction);
    for (int64_t i = 0; i < n; i++) slope += (double)grad[i] * (double)direction[i];
    move(model, w, from, direction, step, scratch);
    const double above = (double)test_step_loss(model, batch);
    move(model, w, from, direction, -step, scratch);
    const double below = (double)test_step_loss(model, batch);
    move(model, w, from, direction, 0.0, scratch);
    const double measured = (above - below) / (2 * step);
    if (!(fabs(slope) > 1e-3)) fail_msg("%s: a slope of %g tells nothing", name, slope);
    if (!(fabs(measured - slope) <= TEST_GRADIENT_TOLERANCE * fmax(fabs(measured), fabs(slope))))
        fail_msg("%s: slope %.6f, by differences %.6f", name, slope, measured);
    ct_free(block);
}

static void check_dense(ct_model *model, const ct_batch *batch, const char *name, double step) {
    const ct_params *params = ct_model_params(model);
    const ct_param p = ct_params_find(params, name);
    if (p == CT_PARAM_NONE) fail_msg("no parameter '%s'", name);
    const ct_tensor g = ct_params_grad(params, p);
    float *grad = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc((size_t)(g.rows * g.cols), sizeof *grad, (void **)&grad, &err), &err);
    test_step_loss(model, batch);
    test_download(model, g, grad);
    check_tensor(model, batch, name, ct_params_weight(params, p), grad, step);
    ct_free(grad);
}

/* The compact gradient, spread over the whole table. */
static void check_table(ct_model *model, const ct_batch *batch, int32_t table, const ct_table_rows *rows,
                        double step) {
    const ct_id_table *t = &ct_model_params(model)->tables[table];
    float compact[(TEST_PERSONS + TEST_ENTITIES) * 8], grad[(TEST_PERSONS + TEST_ENTITIES) * 8] = {0};
    test_step_loss(model, batch);
    test_download(model, ct_f32(t->g, t->n_unique, t->cols), compact);
    assert_int_equal(t->n_unique, rows->n_unique);
    for (int32_t u = 0; u < rows->n_unique; u++)
        memcpy(grad + rows->rows[u] * t->cols, compact + u * t->cols, (size_t)t->cols * sizeof *grad);
    check_tensor(model, batch, t->name, ct_f32(t->w, t->rows, t->cols), grad, step);
}

/* Weights that are drawn at 0.02 give a text almost no say; larger ones make the slopes worth measuring. */
void test_liven(ct_model *model) {
    const ct_params *params = ct_model_params(model);
    ct_error err = CT_ERROR_INIT;
    for (ct_param p = 0; p < params->n_segments; p++) {
        const ct_segment *s = &params->segments[p];
        const int64_t n = s->rows * s->cols;
        const bool gain = s->init == CT_INIT_ONE;
        if (p == ct_model_log_scale(model) || s->state) continue;
        float *values = NULL;
        ct_rng rng = ct_rng_make(3, 0, (uint32_t)p);
        assert_ok(ct_calloc((size_t)n, sizeof *values, (void **)&values, &err), &err);
        for (int64_t i = 0; i < n; i++) values[i] = (gain ? 1.0f : 0.0f) + 0.25f * (float)ct_rng_normal(&rng);
        test_upload(model, p, values);
        ct_free(values);
    }
}

void check_gradients(const ct_config *config, const char *const *names, int n_names, double step) {
    ct_device *device = test_device(1);
    ct_model *model = test_model(config, device, true);
    ct_batch batch = test_batch_random(config, 77, TEST_PAIRS, TEST_ITEMS);
    test_liven(model);
    test_set_step(model, config, 4);
    for (int i = 0; i < n_names; i++) check_dense(model, &batch, names[i], step);
    if (config->model.id_users) check_table(model, &batch, 0, &batch.person_rows, step);
    if (config->model.id_items) check_table(model, &batch, 1, &batch.entity_rows, step);
    ct_batch_free(&batch);
    ct_model_free(model);
    ct_device_close(device);
}
