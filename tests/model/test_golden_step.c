/* Whole training steps against PyTorch in float64: the loss, its figures, every gradient, ten updates. The files come
 * from tools/golden/step.py, which has the same settings in Python.
 *
 * Tolerances. A value passes through about 30 roundings on its longest way (embedding, two layers, projection, loss and
 * back), each of them relative 2^-24 or, for sums of up to 100 terms, a few times that; dividing by the temperature 0.1
 * makes ten times as much of the scores' error. 2^-24 * 30 * 10 = 1.8e-5 of a tensor's norm. Tensors whose gradient
 * almost cancels are held against a thousandth of the norm of all gradients instead. An update moves a weight by a
 * hundredth at most, so that what ten of them carry over is small beside that: the same limit. The files of models with
 * pictures hold sketches of large tensors (tests/model/formula.h), under the same limit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/formula.h"
#include "tests/model/model_support.h"
#include "tests/model/picture_support.h"

#include "base/alloc.h"
#include "base/safetensors.h"
#include "train/optimizer.h"

#define FOLDER "tests/golden/step/"
#define IMAGE_PREFIX "item.image."
#define TOLERANCE 1.8e-5
/* Pictures pass through convolutions, whose norm and residual make four roundings each way more. */
#define IMAGE_TOLERANCE(convolutions) ((30 + 8 * (convolutions)) * 10 * 0x1p-24)
/* The files' seeds are such that no input of a ReLU in the first step, and with the small ResNet in all ten, is so near
 * to 0 that rounding could take it to the other side. ResNet-50 has two million inputs in ten steps, and one that falls
 * over changes a gradient by one of 10^5 terms, about 1 / sqrt(10^5) of its norm. Three of them: */
#define LATER_TOLERANCE 1e-2

enum { STEPS = 10 };

typedef struct scenario {
    const char *model, *name; /* of the files */
    const char *isa;          /* CROSSTOWER_ISA; "": the machine's own */
} scenario;

/* A file of expected results, and how far from them is right. */
typedef struct golden {
    ct_safetensors *file;
    double tolerance, later; /* of the first step, of those after it */
    const float *norms;      /* of all gradients, [STEPS] */
} golden;

/* ---- settings ------------------------------------------------------------------------------------------------- */

static const struct picture_model {
    const char *name;
    ct_fusion_kind fusion;
    ct_image_kind kind;
    double tolerance, later;
} picture_models[] = {
    {"small_gated", CT_FUSION_GATED, CT_IMAGE_RESNET_SMALL, IMAGE_TOLERANCE(15), IMAGE_TOLERANCE(15)},
    {"small_concat", CT_FUSION_CONCAT, CT_IMAGE_RESNET_SMALL, IMAGE_TOLERANCE(15), IMAGE_TOLERANCE(15)},
    {"small_cross", CT_FUSION_CROSS_ATTENTION, CT_IMAGE_RESNET_SMALL, IMAGE_TOLERANCE(15), IMAGE_TOLERANCE(15)},
    {"resnet50_gated", CT_FUSION_GATED, CT_IMAGE_RESNET50, IMAGE_TOLERANCE(50), LATER_TOLERANCE}};

/* NULL: a model without pictures. */
static const struct picture_model *picture_model(const scenario *s) {
    for (size_t i = 0; i < sizeof picture_models / sizeof *picture_models; i++)
        if (strcmp(s->model, picture_models[i].name) == 0) return &picture_models[i];
    return NULL;
}

static ct_config picture_config(const struct picture_model *model) {
    static ct_config_group images[] = {{"item.image.", 0.0001, NAN, false}};
    ct_config c = test_config_pictures(model->fusion, true);
    c.model.image.kind = model->kind;
    c.train.groups = images;
    c.train.n_groups = 1;
    return c;
}

static ct_config scenario_config(const scenario *s) {
    static ct_config_group groups[] = {{"user.", 0.001, 0.0, false},
                                       {"item.encoder.embeddings.token", NAN, NAN, true},
                                       {"item.encoder.layer.0.ffn.norm.bias", NAN, NAN, true}};
    if (strcmp(s->model, "two_transformers") == 0) {
        ct_config c = test_config_two_transformers();
        c.loss.negatives = CT_NEGATIVES_PLATFORM;
        c.loss.temperature_learn = false;
        c.train.clip = 2.0;
        c.train.groups = groups;
        c.train.n_groups = 3;
        return c;
    }
    if (picture_model(s)) return picture_config(picture_model(s));
    ct_config c = test_config_text_cnn();
    if (strcmp(s->name, "none") == 0) {
        c.loss.logq = CT_LOGQ_KIND_NONE;
        c.loss.row_share = 1.0;
    }
    if (strcmp(s->name, "classic") == 0) {
        c.loss.logq = CT_LOGQ_KIND_CLASSIC;
        c.loss.negatives = CT_NEGATIVES_PLATFORM;
        c.loss.row_share = 0.7;
        c.train.id_decay = 0.1;
    }
    return c;
}

/* ---- reading the files ---------------------------------------------------------------------------------------- */

static ct_safetensors *open_golden(const char *name) {
    char path[128];
    ct_safetensors *file = NULL;
    ct_error err = CT_ERROR_INIT;
    snprintf(path, sizeof path, FOLDER "%s.safetensors", name);
    assert_ok(ct_safetensors_open(&file, path, &err), &err);
    return file;
}

static const ct_safetensor *tensor(const ct_safetensors *file, const char *prefix, const char *name) {
    char full[192];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ct_safetensors_find(file, full);
}

/* A tensor's values as floats, to be freed with ct_free; fails the test unless it has rows * cols of them. */
static float *floats(const ct_safetensors *file, const char *prefix, const char *name, int64_t n) {
    const ct_safetensor *t = tensor(file, prefix, name);
    float *values = NULL;
    ct_error err = CT_ERROR_INIT;
    if (!t) fail_msg("no tensor '%s%s'", prefix, name);
    assert_ok(ct_calloc((size_t)n, sizeof *values, (void **)&values, &err), &err);
    assert_ok(ct_safetensor_to_f32(t, values, n, &err), &err);
    return values;
}

/* An array of the file as it lies there; NULL where the file has none. */
static const void *array(const ct_safetensors *file, const char *prefix, const char *name, const char *dtype,
                         int32_t *n) {
    const ct_safetensor *t = tensor(file, prefix, name);
    if (!t) return NULL;
    assert_string_equal(t->dtype, dtype);
    assert_int_equal(t->n_dims, 1);
    if (strcmp(dtype, "U8") != 0) assert_int_equal((uintptr_t)t->data % 4, 0);
    if (n) *n = (int32_t)t->shape[0];
    return t->data;
}

static test_rows rows(const ct_safetensors *file, const char *prefix, const char *name) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return (test_rows){array(file, full, ".offsets", "I32", NULL), array(file, full, ".ids", "I32", NULL)};
}

static void fill_pictures(ct_batch *b, const ct_safetensors *file, const char *prefix) {
    test_pictures p = {.colour = {1.0f, 1.0f, 1.0f}};
    p.row = array(file, prefix, "picture_row", "I32", &p.n);
    p.present = array(file, prefix, "present", "I32", NULL);
    p.pixels = array(file, prefix, "pixels", "U8", NULL);
    p.crop = array(file, prefix, "crop", "F32", NULL);
    p.flip = array(file, prefix, "flip", "I32", NULL);
    test_batch_fill_pictures(b, &p);
}

static ct_batch golden_batch(const ct_safetensors *file, const char *prefix, const ct_config *config) {
    test_pairs p = {0};
    const ct_model_caps caps = test_caps(config);
    ct_batch b;
    ct_error err = CT_ERROR_INIT;
    p.pos = array(file, prefix, "pos", "I32", &p.n_pairs);
    p.item_platform = array(file, prefix, "item_platform", "I32", &p.n_items);
    p.user_platform = array(file, prefix, "user_platform", "I32", NULL);
    p.mask_begin = array(file, prefix, "mask_begin", "I32", NULL);
    p.mask_col = array(file, prefix, "mask_col", "I32", NULL);
    p.weight = array(file, prefix, "weight", "F32", NULL);
    p.item_logq = array(file, prefix, "item_logq", "F32", NULL);
    p.user_logq = array(file, prefix, "user_logq", "F32", NULL);
    p.user_text = rows(file, prefix, "user_text");
    p.item_text = rows(file, prefix, "item_text");
    if (config->model.id_users) p.person = rows(file, prefix, "person");
    if (config->model.id_history) p.history = rows(file, prefix, "history");
    if (config->model.id_items) p.entity = rows(file, prefix, "entity");
    assert_ok(ct_batch_create(&b, &caps.train, &err), &err);
    test_batch_fill(&b, &p, 0);
    if (config->model.image.kind != CT_IMAGE_NONE) fill_pictures(&b, file, prefix);
    return b;
}

/* ---- comparing ------------------------------------------------------------------------------------------------ */

/* A ResNet's weights are a formula's, all others the file's. */
static float *start_values(const ct_segment *s, const ct_safetensors *file) {
    float *values = NULL;
    ct_error err = CT_ERROR_INIT;
    if (strncmp(s->name, IMAGE_PREFIX, strlen(IMAGE_PREFIX)) != 0)
        return floats(file, "weight.", s->name, s->rows * s->cols);
    assert_ok(ct_calloc((size_t)(s->rows * s->cols), sizeof *values, (void **)&values, &err), &err);
    test_formula(s->name + strlen(IMAGE_PREFIX), s->rows, s->cols, values);
    return values;
}

static void load_weights(ct_model *model, const ct_safetensors *file) {
    const ct_params *params = ct_model_params(model);
    ct_error err = CT_ERROR_INIT;
    for (ct_param i = 0; i < params->n_segments; i++) {
        const ct_segment *s = &params->segments[i];
        if (s->state && strncmp(s->name, "item.image.", 11) != 0) continue; /* means 0 and variances 1 on both sides */
        float *values = start_values(s, file);
        test_upload(model, i, values);
        ct_free(values);
    }
    for (int32_t i = 0; i < params->n_tables; i++) {
        const ct_id_table *t = &params->tables[i];
        float *values = floats(file, "weight.", t->name, t->rows * t->cols);
        assert_ok(ct_device_upload(ct_model_device(model), t->w, values,
                                   (size_t)(t->rows * t->cols) * sizeof *values, &err), &err);
        ct_free(values);
    }
}

/* Values on the device beside a tensor of the file, or beside its sketch. */
static void check_tensor(ct_model *model, const golden *want, const char *kind, const char *name, ct_tensor device,
                         double least) {
    const int64_t n = device.rows * device.cols;
    char sketched[32];
    float *got = NULL, sketch[TEST_SKETCH];
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc((size_t)n, sizeof *got, (void **)&got, &err), &err);
    test_download(model, device, got);
    snprintf(sketched, sizeof sketched, "sketch.%s", kind);
    const bool whole = tensor(want->file, kind, name) != NULL;
    float *expected = whole ? floats(want->file, kind, name, n) : floats(want->file, sketched, name, TEST_SKETCH);
    if (!whole) test_sketch(name, got, n, sketch);
    assert_near(name, whole ? got : sketch, expected, whole ? n : TEST_SKETCH, want->tolerance, least);
    ct_free(expected);
    ct_free(got);
}

static int count_tensors(const ct_safetensors *file, const char *prefix) {
    int n = 0;
    for (int i = 0; i < ct_safetensors_count(file); i++)
        n += strncmp(ct_safetensors_at(file, i)->name, prefix, strlen(prefix)) == 0;
    return n;
}

static void check_gradients(ct_model *model, const golden *want) {
    const ct_params *params = ct_model_params(model);
    const double least = 1e-3 * (double)want->norms[0];
    int checked = 0;
    for (ct_param i = 0; i < params->n_segments; i++) {
        const ct_tensor grad = ct_params_grad(params, i);
        if (!grad.data) continue;
        check_tensor(model, want, "grad.", params->segments[i].name, grad, least);
        checked++;
    }
    for (int32_t i = 0; i < params->n_tables; i++, checked++) {
        const ct_id_table *t = &params->tables[i];
        check_tensor(model, want, "grad.", t->name, ct_f32(t->g, t->n_unique, t->cols), least);
    }
    /* None of the file's is left over. */
    assert_int_equal(checked, count_tensors(want->file, "grad.") + count_tensors(want->file, "sketch.grad."));
}

/* Running statistics after the first update. */
static void check_statistics(ct_model *model, const golden *want) {
    const ct_params *params = ct_model_params(model);
    int checked = 0;
    for (ct_param i = 0; i < params->n_segments; i++) {
        if (!params->segments[i].state) continue;
        check_tensor(model, want, "state.", params->segments[i].name, ct_params_weight(params, i), 0.0);
        checked++;
    }
    assert_int_equal(checked, count_tensors(want->file, "state.") + count_tensors(want->file, "sketch.state."));
}

static void check_first_step(ct_model *model, const ct_config *config, const ct_batch *batch, const golden *want) {
    const bool pictures = config->model.image.kind != CT_IMAGE_NONE;
    float *loss = floats(want->file, "", "loss", 1), *stats = floats(want->file, "", "stats", 3);
    float *inference = floats(want->file, "", pictures ? "eval_loss" : "loss", 1);
    ct_model_loss got, eval;
    ct_error err = CT_ERROR_INIT;
    test_set_step(model, config, 0);
    assert_ok(ct_model_step(model, batch, &err), &err);
    assert_ok(ct_model_read_loss(model, &got, &err), &err);
    assert_near("loss", &got.loss, loss, 1, want->tolerance, 0.0);
    assert_near("figures", (const float[]){got.prob_row, got.prob_col, got.other_mass}, stats, 3, want->tolerance, 0.0);
    check_gradients(model, want);
    assert_ok(ct_model_eval_loss(model, batch, &eval, &err), &err);
    assert_near("loss without gradients", &eval.loss, inference, 1, want->tolerance, 0.0);
    ct_free(loss);
    ct_free(stats);
    ct_free(inference);
}

static void check_updates(ct_model *model, const ct_config *config, const ct_batch batches[2], const golden *want) {
    float *losses = floats(want->file, "", "losses", STEPS), got[STEPS], got_norms[STEPS];
    ct_optimizer optimizer = {0};
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_optimizer_create(&optimizer, config, model, &err), &err);
    for (int64_t step = 0; step < STEPS; step++) {
        ct_step state = ct_optimizer_step_state(config, step, STEPS, 0);
        ct_model_loss loss;
        assert_ok(ct_device_set_step(ct_model_device(model), &state, &err), &err);
        assert_ok(ct_model_step(model, &batches[step % 2], &err), &err);
        assert_ok(ct_model_read_loss(model, &loss, &err), &err);
        assert_ok(ct_optimizer_apply(&optimizer, model, &err), &err);
        assert_ok(ct_device_get_step(ct_model_device(model), &state, &err), &err);
        assert_int_equal(state.skip, 0);
        if (step == 0) check_statistics(model, want);
        got[step] = loss.loss;
        got_norms[step] = state.grad_norm;
    }
    /* The corrected loss crosses 0, so the losses are measured by the largest of them. */
    for (int step = 0; step < STEPS; step++) {
        char name[32];
        const double tolerance = step == 0 ? want->tolerance : want->later;
        snprintf(name, sizeof name, "loss of step %d", step);
        assert_near(name, &got[step], &losses[step], 1, tolerance, fabs((double)losses[0]));
        snprintf(name, sizeof name, "norm of step %d", step);
        assert_near(name, &got_norms[step], &want->norms[step], 1, tolerance, 0.0);
    }
    ct_optimizer_free(&optimizer, model);
    ct_free(losses);
}

/* The same settings on a model with one thread and with two. */
static void golden_step(void **state) {
    const scenario *s = *state;
    const ct_config config = scenario_config(s);
    char name[64];
    if (*s->isa) setenv("CROSSTOWER_ISA", s->isa, 1);
    snprintf(name, sizeof name, "%s.%s", s->model, s->name);
    ct_safetensors *start = open_golden(s->model), *results = open_golden(name);
    ct_batch batches[] = {golden_batch(start, "batch0.", &config), golden_batch(start, "batch1.", &config)};
    float *norms = floats(results, "", "norms", STEPS);
    const struct picture_model *pictures = picture_model(s);
    const golden want = {.file = results,
                         .tolerance = pictures ? pictures->tolerance : TOLERANCE,
                         .later = pictures ? pictures->later : TOLERANCE,
                         .norms = norms};
    for (int threads = 1; threads <= 2; threads++) {
        ct_device *device = test_device(threads);
        ct_model *model = test_model(&config, device, true);
        load_weights(model, start);
        check_first_step(model, &config, &batches[0], &want);
        check_updates(model, &config, batches, &want);
        ct_model_free(model);
        ct_device_close(device);
    }
    ct_free(norms);
    ct_batch_free(&batches[0]);
    ct_batch_free(&batches[1]);
    ct_safetensors_close(start);
    ct_safetensors_close(results);
}

static int forget_isa(void **state) {
    (void)state;
    unsetenv("CROSSTOWER_ISA");
    return 0;
}

/* Skips, and says so, where the machine lacks the instruction set. */
static void golden_step_if_here(void **state) {
    const scenario *s = *state;
    ct_device *device = NULL;
    ct_error err = CT_ERROR_INIT;
    if (*s->isa) setenv("CROSSTOWER_ISA", s->isa, 1);
    const bool here = ct_device_open(&device, "cpu", 1, &err) == CT_OK;
    ct_device_close(device);
    if (!here) {
        print_message("%s: %s\n", s->isa, err.text);
        skip();
    }
    golden_step(state);
}

#define GOLDEN(model, name, isa)                                                                                       \
    {model " " name " " isa, *isa ? golden_step_if_here : golden_step, NULL, forget_isa,                               \
     &(scenario){model, name, isa}}
#define ALL_ISAS(model, name) GOLDEN(model, name, ""), GOLDEN(model, name, "v2"), GOLDEN(model, name, "v3")

int main(void) {
    const struct CMUnitTest tests[] = {ALL_ISAS("text_cnn", "none"), ALL_ISAS("text_cnn", "classic"),
                                       ALL_ISAS("text_cnn", "corrected"), ALL_ISAS("two_transformers", "corrected"),
                                       ALL_ISAS("small_gated", "corrected"), GOLDEN("small_concat", "corrected", ""),
                                       ALL_ISAS("small_cross", "corrected"), GOLDEN("resnet50_gated", "corrected", "")};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
