/* What a model does besides its gradients: encoding, freezing, leaving parts out, refusing misuse. */
#include <math.h>
#include <string.h>

#include "tests/model/model_support.h"

#include "base/alloc.h"
#include "train/optimizer.h"

/* ---- encoding ------------------------------------------------------------------------------------------------- */

/* Row direction, no logQ, one weight for all: the loss that vectors have, in double. */
static double loss_of_vectors(const ct_batch *b, const float *u, const float *v, int64_t dim, double scale) {
    double sum = 0.0;
    for (int32_t p = 0; p < b->n_pairs; p++) {
        double positive = 0.0, all = 0.0;
        for (int32_t i = 0; i < b->items.n_rows; i++) {
            double s = 0.0;
            bool masked = false;
            for (int64_t d = 0; d < dim; d++) s += scale * (double)u[p * dim + d] * (double)v[i * dim + d];
            for (int32_t k = b->mask_begin[p]; k < b->mask_begin[p + 1]; k++) masked |= b->mask_col[k] == i;
            if (i == b->pos[p]) positive = s;
            if (i == b->pos[p] || !masked) all += exp(s);
        }
        sum += log(all) - positive;
    }
    return sum / b->n_pairs;
}

/* The loss of the encoded vectors is the loss of the training pass: both see the same vectors. */
static void encoding_equals_the_training_forward(void **state) {
    (void)state;
    ct_config configs[] = {test_config_text_cnn(), test_config_two_transformers()};
    for (int i = 0; i < 2; i++) {
        ct_config *c = &configs[i];
        c->loss.logq = CT_LOGQ_KIND_NONE;
        c->loss.row_share = 1.0;
        ct_device *device = test_device(2);
        ct_model *model = test_model(c, device, true);
        ct_batch batch = test_batch_random(c, 1, TEST_PAIRS, TEST_ITEMS - 2);
        ct_error err = CT_ERROR_INIT;
        float u[TEST_PAIRS * 16], v[TEST_ITEMS * 16], scale;
        ct_model_loss loss, eval;
        for (int32_t p = 0; p < batch.n_pairs; p++) batch.weight[p] = 1.0f;
        test_set_step(model, c, 0);
        assert_ok(ct_model_step(model, &batch, &err), &err);
        assert_ok(ct_model_read_loss(model, &loss, &err), &err);
        assert_ok(ct_model_encode_users(model, &batch, u, &err), &err);
        assert_ok(ct_model_encode_items(model, &batch, v, &err), &err);
        assert_ok(ct_model_scale(model, &scale, &err), &err);
        assert_float_equal(scale, 1.0 / c->loss.temperature, 1e-5 * scale);
        assert_float_equal(loss.loss, loss_of_vectors(&batch, u, v, 16, (double)scale), 2e-6 * (double)loss.loss);

        /* Dropout is for training: with it on, encoding and the validation loss are what they were. */
        c->model.user.dropout = c->model.item.dropout = 0.5;
        float again[TEST_PAIRS * 16];
        assert_ok(ct_model_encode_users(model, &batch, again, &err), &err);
        assert_memory_equal(u, again, sizeof u);
        assert_ok(ct_model_eval_loss(model, &batch, &eval, &err), &err);
        assert_memory_equal(&eval, &loss, sizeof eval);
        assert_ok(ct_model_step(model, &batch, &err), &err);
        assert_ok(ct_model_read_loss(model, &loss, &err), &err);
        assert_true(loss.loss != eval.loss);
        ct_batch_free(&batch);
        ct_model_free(model);
        ct_device_close(device);
    }
}

/* A model that only encodes gives the vectors of one that trains. */
static void encoding_alone(void **state) {
    (void)state;
    const ct_config c = test_config_text_cnn();
    ct_device *device = test_device(2);
    ct_model *trains = test_model(&c, device, true), *encodes = test_model(&c, device, false);
    ct_batch batch = test_batch_to_encode(&c, 2, TEST_PAIRS, TEST_ITEMS);
    ct_batch pairs = test_batch_random(&c, 2, TEST_PAIRS, TEST_ITEMS);
    ct_error err = CT_ERROR_INIT;
    float a[TEST_PAIRS * 16], b[TEST_PAIRS * 16], v[TEST_ITEMS * 16];
    assert_true(ct_model_activation_bytes(encodes) < ct_model_activation_bytes(trains));
    assert_ok(ct_model_encode_users(trains, &pairs, a, &err), &err);
    assert_ok(ct_model_encode_users(encodes, &batch, b, &err), &err);
    assert_memory_equal(a, b, sizeof a);
    assert_ok(ct_model_encode_items(encodes, &batch, v, &err), &err);
    for (int n = 0; n < TEST_ITEMS; n++) {
        double length = 0.0;
        for (int d = 0; d < 16; d++) length += (double)v[n * 16 + d] * (double)v[n * 16 + d];
        assert_float_equal(length, 1.0, 1e-5);
    }
    assert_error(ct_model_step(encodes, &batch, &err), &err, CT_ERR_ARGUMENT, "opened for encoding");
    ct_batch_free(&batch);
    ct_batch_free(&pairs);
    ct_model_free(encodes);
    ct_model_free(trains);
    ct_device_close(device);
}

/* ---- updates -------------------------------------------------------------------------------------------------- */

/* All weights of the model, dense and ids, into one block to be freed with ct_free. */
static float *weights_of(ct_model *model) {
    const ct_params *p = ct_model_params(model);
    int64_t n = p->n_values, at = p->n_values;
    float *all = NULL;
    ct_error err = CT_ERROR_INIT;
    for (int32_t i = 0; i < p->n_tables; i++) n += p->tables[i].rows * p->tables[i].cols;
    assert_ok(ct_calloc((size_t)n, sizeof *all, (void **)&all, &err), &err);
    test_download(model, ct_f32(p->w, 1, p->n_values), all);
    for (int32_t i = 0; i < p->n_tables; i++) {
        test_download(model, ct_f32(p->tables[i].w, p->tables[i].rows, p->tables[i].cols), all + at);
        at += p->tables[i].rows * p->tables[i].cols;
    }
    return all;
}

static float update(ct_model *model, const ct_config *c, const ct_batch *batch) {
    ct_optimizer optimizer = {0};
    ct_step state = ct_optimizer_step_state(c, 0, 1, 0);
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_optimizer_create(&optimizer, c, model, &err), &err);
    assert_ok(ct_device_set_step(ct_model_device(model), &state, &err), &err);
    assert_ok(ct_model_step(model, batch, &err), &err);
    assert_ok(ct_optimizer_apply(&optimizer, model, &err), &err);
    assert_ok(ct_device_get_step(ct_model_device(model), &state, &err), &err);
    ct_optimizer_free(&optimizer, model);
    return state.grad_norm;
}

/* The longest prefix decides; what is frozen keeps its bytes and has no part in the norm. */
static void frozen_groups(void **state) {
    (void)state;
    ct_config_group groups[] = {{"user.", NAN, NAN, true},
                                {"user.projection", 0.006, 0.5, false},
                                {"item.ids", NAN, NAN, true},
                                {"item.", 0.0015, NAN, false}};
    ct_config c = test_config_text_cnn();
    c.train.groups = groups;
    c.train.n_groups = 4;
    ct_device *device = test_device(2);
    ct_model *model = test_model(&c, device, true);
    ct_batch batch = test_batch_random(&c, 3, TEST_PAIRS, TEST_ITEMS);
    float *before = weights_of(model), norm = update(model, &c, &batch), *after = weights_of(model), *g = NULL;
    const ct_params *p = ct_model_params(model);
    ct_error err = CT_ERROR_INIT;
    double squares = 0.0;
    assert_ok(ct_calloc((size_t)p->n_values, sizeof *g, (void **)&g, &err), &err);
    test_download(model, ct_f32(p->g, 1, p->n_values), g);
    for (int32_t i = 0; i < p->n_segments; i++) {
        const ct_segment *s = &p->segments[i];
        const bool user = strncmp(s->name, "user.", 5) == 0, projection = strncmp(s->name, "user.projection", 15) == 0;
        const bool item = strncmp(s->name, "item.", 5) == 0;
        const size_t bytes = (size_t)(s->rows * s->cols) * sizeof(float);
        assert_int_equal(s->frozen, user && !projection);
        assert_int_equal(ct_params_grad(p, i).data == NULL, s->frozen);
        assert_float_equal(s->lr_scale, projection ? 2.0 : item ? 0.5 : 1.0, 1e-6);
        assert_float_equal(s->decay, !s->decays ? 0.0 : projection ? 0.5 : 0.01, 1e-6);
        const bool same = memcmp(before + s->offset, after + s->offset, bytes) == 0;
        if (same != s->frozen) fail_msg("%s: frozen %d, unchanged %d", s->name, s->frozen, same);
        for (int64_t k = 0; k < s->rows * s->cols; k++)
            squares += (double)g[s->offset + k] * (double)g[s->offset + k] * (s->frozen ? 0.0 : 1.0);
    }
    /* user.ids is frozen by "user.", item.ids by its own name. */
    const size_t tables = (size_t)(TEST_PERSONS + TEST_ENTITIES) * 8 * sizeof(float);
    assert_memory_equal(before + p->n_values, after + p->n_values, tables);
    assert_float_equal(norm, sqrt(squares), 1e-5 * norm);
    ct_free(g);
    ct_free(before);
    ct_free(after);
    ct_batch_free(&batch);
    ct_model_free(model);
    ct_device_close(device);
}

static void a_temperature_that_is_not_learned(void **state) {
    (void)state;
    for (int learn = 0; learn < 2; learn++) {
        ct_config c = test_config_text_cnn();
        c.loss.temperature_learn = learn;
        ct_device *device = test_device(1);
        ct_model *model = test_model(&c, device, true);
        ct_batch batch = test_batch_random(&c, 4, TEST_PAIRS, TEST_ITEMS);
        ct_error err = CT_ERROR_INIT;
        float before, after;
        assert_ok(ct_model_scale(model, &before, &err), &err);
        update(model, &c, &batch);
        assert_ok(ct_model_scale(model, &after, &err), &err);
        assert_int_equal(before == after, !learn);
        assert_float_equal(before, 10.0, 1e-5);
        ct_batch_free(&batch);
        ct_model_free(model);
        ct_device_close(device);
    }
}

/* A learned temperature stays between its bounds. */
static void the_temperature_is_clamped(void **state) {
    (void)state;
    ct_config c = test_config_text_cnn();
    ct_device *device = test_device(1);
    ct_model *model = test_model(&c, device, true);
    ct_batch batch = test_batch_random(&c, 4, TEST_PAIRS, TEST_ITEMS);
    ct_error err = CT_ERROR_INIT;
    const float outside[] = {-3.0f, 9.0f}, bound[] = {1.0f, 100.0f};
    for (int i = 0; i < 2; i++) {
        float scale;
        test_upload(model, ct_model_log_scale(model), &outside[i]);
        update(model, &c, &batch);
        assert_ok(ct_model_scale(model, &scale, &err), &err);
        assert_float_equal(scale, bound[i], 1e-4 * bound[i]);
    }
    ct_batch_free(&batch);
    ct_model_free(model);
    ct_device_close(device);
}

/* ---- parts left out ------------------------------------------------------------------------------------------- */

/* A model of this config trains: the loss falls on a batch that it sees again and again. */
static void assert_learns(const ct_config *c, int n_tables) {
    ct_device *device = test_device(1);
    ct_model *model = test_model(c, device, true);
    ct_batch batch = test_batch_random(c, 5, TEST_PAIRS, TEST_ITEMS);
    ct_error err = CT_ERROR_INIT;
    ct_model_loss first, last;
    float u[TEST_PAIRS * 16], v[TEST_ITEMS * 16];
    assert_int_equal(ct_model_params(model)->n_tables, n_tables);
    assert_ok(ct_model_eval_loss(model, &batch, &first, &err), &err);
    for (int i = 0; i < 5; i++) update(model, c, &batch);
    assert_ok(ct_model_eval_loss(model, &batch, &last, &err), &err);
    assert_true(last.loss < first.loss);
    assert_ok(ct_model_encode_users(model, &batch, u, &err), &err);
    assert_ok(ct_model_encode_items(model, &batch, v, &err), &err);
    for (int i = 0; i < TEST_PAIRS * 16; i++) assert_true(isfinite(u[i]));
    for (int i = 0; i < TEST_ITEMS * 16; i++) assert_true(isfinite(v[i]));
    ct_batch_free(&batch);
    ct_model_free(model);
    ct_device_close(device);
}

static void without_id_tables(void **state) {
    (void)state;
    ct_config c = test_config_text_cnn();
    c.loss.logq = CT_LOGQ_KIND_CLASSIC; /* the corrected loss is no figure that has to fall */
    c.model.id_history = 0;
    assert_learns(&c, 2);
    c.model.id_users = 0;
    assert_learns(&c, 1);
    c.model.id_items = 0;
    assert_learns(&c, 0);
}

static void without_encoders(void **state) {
    (void)state;
    ct_config c = test_config_text_cnn();
    c.loss.logq = CT_LOGQ_KIND_CLASSIC;
    c.model.item = (ct_config_encoder){.kind = CT_ENCODER_NONE};
    assert_learns(&c, 2);
    c.model.user = (ct_config_encoder){.kind = CT_ENCODER_NONE};
    assert_learns(&c, 2);
    c.model.platform_embedding = false;
    c.model.similarity = CT_SIMILARITY_DOT;
    assert_learns(&c, 2);
}

/* At the start a row that has neither text nor id is no zero vector, whose direction would have a gradient of 1e6. */
static void rows_without_content(void **state) {
    (void)state;
    ct_config c = test_config_text_cnn();
    ct_device *device = test_device(1);
    for (int platforms = 0; platforms < 2; platforms++) {
        c.model.platform_embedding = platforms;
        ct_model *model = test_model(&c, device, true);
        ct_batch batch = test_batch_random(&c, 3, TEST_PAIRS, TEST_ITEMS);
        int empty = 0;
        for (int i = 0; i < TEST_ITEMS; i++)
            empty += batch.items.text.offsets[i] == batch.items.text.offsets[i + 1] &&
                     batch.items.entity.offsets[i] == batch.items.entity.offsets[i + 1];
        assert_true(empty > 0);
        assert_true(update(model, &c, &batch) < 50.0f);
        ct_batch_free(&batch);
        ct_model_free(model);
    }
    ct_device_close(device);
}

/* ---- creation and misuse -------------------------------------------------------------------------------------- */

static void initial_weights_come_from_the_seed(void **state) {
    (void)state;
    ct_config c = test_config_text_cnn();
    ct_device *device = test_device(1);
    float *weights[3];
    int64_t n = 0;
    for (int i = 0; i < 3; i++) {
        if (i == 2) c.seed++;
        ct_model *model = test_model(&c, device, i != 1); /* whether it trains or not */
        weights[i] = weights_of(model);
        n = ct_model_params(model)->n_values + (TEST_PERSONS + TEST_ENTITIES) * 8;
        ct_model_free(model);
    }
    assert_memory_equal(weights[0], weights[1], (size_t)n * sizeof(float));
    assert_memory_not_equal(weights[0], weights[2], (size_t)n * sizeof(float));
    for (int i = 0; i < 3; i++) ct_free(weights[i]);
    ct_device_close(device);
}

static void misuse(void **state) {
    (void)state;
    const ct_config c = test_config_text_cnn();
    ct_device *device = test_device(1);
    ct_model *model = test_model(&c, device, true);
    ct_model_loss loss;
    ct_error err = CT_ERROR_INIT;
    assert_error(ct_model_read_loss(model, &loss, &err), &err, CT_ERR_ARGUMENT, "no step");
    ct_batch_caps caps = test_caps(&c).train;
    caps.pairs *= 2;
    ct_batch large;
    assert_ok(ct_batch_create(&large, &caps, &err), &err);
    ct_batch_fill_caps(&large, &caps);
    assert_error(ct_model_step(model, &large, &err), &err, CT_ERR_INTERNAL, "planned for");
    ct_batch_free(&large);
    ct_model_free(model);
    ct_model_free(NULL);
    ct_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(encoding_equals_the_training_forward),
                                       cmocka_unit_test(encoding_alone),
                                       cmocka_unit_test(frozen_groups),
                                       cmocka_unit_test(a_temperature_that_is_not_learned),
                                       cmocka_unit_test(the_temperature_is_clamped),
                                       cmocka_unit_test(without_id_tables),
                                       cmocka_unit_test(without_encoders),
                                       cmocka_unit_test(rows_without_content),
                                       cmocka_unit_test(initial_weights_come_from_the_seed),
                                       cmocka_unit_test(misuse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
