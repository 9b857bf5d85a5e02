/* ResNets as torchvision has them: published sizes, features of seeded weights read from a file, and batch norm folded
 * for inference. The expected features come from tools/golden/resnet.py.
 *
 * Tolerance. Each convolution, its norm and its residual round about four times, by 2^-24 of what they add up;
 * roundings of different layers are independent and stay about as large as the activations, which grow from block to
 * block by the residuals. With 4 * 2^-24 a layer as if all pointed one way: 17 + 1 layers 4.3e-6, 49 + 1 layers 1.2e-5
 * of the norm. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/formula.h"
#include "tests/model/model_support.h"
#include "tests/support/temp_dir.h"

#include "base/alloc.h"
#include "base/safetensors.h"
#include "model/resnet.h"

#define GOLDEN "tests/golden/resnet.safetensors"

enum { PICTURES = 3, SIZE = 72, PREFIX = sizeof "item.image." - 1 };

typedef struct network {
    ct_config_image config;
    ct_params params;
    ct_resnet net;
    ct_device *device;
    ct_tape *tape;
    ct_batch host;
    ct_device_batch batch;
} network;

/* ---- the network alone, without a model ------------------------------------------------------------------------ */

static void make_batch(network *n, int32_t pictures, int32_t size) {
    const ct_batch_caps caps = {
        .pairs = 1, .items = pictures, .bucket = 8, .n_platforms = 1, .picture_size = size, .n_modalities = 1};
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_batch_create(&n->host, &caps, &err), &err);
    ct_batch_fill_caps(&n->host, &caps);
    test_formula_pixels("pictures", (int64_t)pictures * size * size * 3, n->host.items.pixels);
    assert_ok(ct_device_batch_create(&n->batch, n->device, n->host.block_bytes, &err), &err);
    assert_ok(ct_device_batch_upload(&n->batch, &n->host, &err), &err);
}

static void run(network *n, bool training, ct_var *features) {
    ct_tape_begin(n->tape, training);
    *features = ct_resnet_forward(&n->net, n->tape, &n->batch);
}

/* Frozen norms: a pass that trains then has the same statistics as one that does not. */
static void open_network(network *n, ct_image_kind kind, int threads) {
    ct_error err = CT_ERROR_INIT;
    *n = (network){.config = {.kind = kind, .size = SIZE, .batch_norm = CT_BATCH_NORM_FROZEN},
                   .device = test_device(threads)};
    ct_params_begin(&n->params, n->device, false);
    assert_ok(ct_resnet_create(&n->net, &n->config, &n->params, &err), &err);
}

static void allocate_network(network *n) {
    ct_var features;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_params_allocate(&n->params, 1, &err), &err);
    assert_ok(ct_tape_create(&n->tape, n->device, &n->params, &err), &err);
    make_batch(n, PICTURES, SIZE);
    ct_tape_plan_begin(n->tape);
    run(n, true, &features);
    assert_ok(ct_tape_status(n->tape, &err), &err);
    run(n, false, &features);
    assert_ok(ct_tape_plan_end(n->tape, &err), &err);
}

static void close_network(network *n) {
    ct_tape_free(n->tape);
    ct_device_batch_free(&n->batch);
    ct_batch_free(&n->host);
    ct_params_free(&n->params);
    ct_resnet_free(&n->net);
    ct_device_close(n->device);
}

/* [PICTURES, width], to be freed with ct_free. */
static float *features_of(network *n, bool training) {
    ct_var v;
    float *out = NULL;
    ct_error err = CT_ERROR_INIT;
    run(n, training, &v);
    assert_ok(ct_tape_status(n->tape, &err), &err);
    const ct_tensor y = ct_tape_value(n->tape, v);
    assert_int_equal(y.rows, PICTURES);
    assert_int_equal(y.cols, n->net.width);
    assert_ok(ct_calloc((size_t)(y.rows * y.cols), sizeof *out, (void **)&out, &err), &err);
    assert_ok(ct_device_download(n->device, out, y.data, (size_t)(y.rows * y.cols) * sizeof *out, &err), &err);
    return out;
}

/* ---- weights in a file as torchvision saves them ---------------------------------------------------------------- */

static int64_t kernel_of(const ct_resnet *net, ct_param weight) {
    if (net->stem.weight == weight) return net->stem.shape.kernel;
    for (int i = 0; i < net->n_blocks; i++)
        for (int k = 0; k < net->blocks[i].n_convs; k++)
            if (net->blocks[i].conv[k].weight == weight) return net->blocks[i].conv[k].shape.kernel;
    return 1;
}

static void declare(ct_safetensors_writer *w, const network *n, ct_param p) {
    const ct_segment *s = &n->params.segments[p];
    const int64_t kernel = kernel_of(&n->net, p), filter[] = {s->rows, s->cols / (kernel * kernel), kernel, kernel};
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_safetensors_writer_declare(w, s->name + PREFIX, "F32", s->rows > 1 ? filter : &s->cols,
                                            s->rows > 1 ? 4 : 1, &err), &err);
}

/* Returns the sum of all values. What this network has no place for (the classifier, counters) is in the file too. */
static double write_weights(const network *n, const char *path) {
    static const float classifier[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t batches = 7;
    ct_safetensors_writer *w = NULL;
    ct_error err = CT_ERROR_INIT;
    double sum = 0.0;
    assert_ok(ct_safetensors_writer_create(&w, path, &err), &err);
    assert_ok(ct_safetensors_writer_declare(w, "fc.weight", "F32", (const int64_t[]){2, 3}, 2, &err), &err);
    assert_ok(ct_safetensors_writer_declare(w, "bn1.num_batches_tracked", "I64", NULL, 0, &err), &err);
    for (ct_param p = 0; p < n->params.n_segments; p++) declare(w, n, p);
    assert_ok(ct_safetensors_writer_data(w, classifier, sizeof classifier, &err), &err);
    assert_ok(ct_safetensors_writer_data(w, &batches, sizeof batches, &err), &err);
    for (ct_param p = 0; p < n->params.n_segments; p++) {
        const ct_segment *s = &n->params.segments[p];
        const int64_t values = s->rows * s->cols;
        float *host = NULL;
        assert_ok(ct_calloc((size_t)values, sizeof *host, (void **)&host, &err), &err);
        test_formula(s->name + PREFIX, s->rows, s->cols, host);
        for (int64_t i = 0; i < values; i++) sum += (double)host[i];
        assert_ok(ct_safetensors_writer_data(w, host, (size_t)values * sizeof *host, &err), &err);
        ct_free(host);
    }
    assert_ok(ct_safetensors_writer_commit(w, &err), &err);
    ct_safetensors_writer_free(w);
    return sum;
}

static ct_safetensors *open_golden(void) {
    ct_safetensors *file = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_safetensors_open(&file, GOLDEN, &err), &err);
    return file;
}

static const ct_safetensor *golden(const ct_safetensors *file, const char *name, const char *what) {
    char full[64];
    snprintf(full, sizeof full, "%s.%s", name, what);
    const ct_safetensor *t = ct_safetensors_find(file, full);
    if (!t) fail_msg("no tensor '%s'", full);
    return t;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

/* torchvision's counts less the classifier of 1000 classes: 11,689,512, 21,797,672 and 25,557,032. */
static void published_sizes(void **state) {
    static const struct {
        ct_image_kind kind;
        int64_t parameters, width;
    } want[] = {{CT_IMAGE_RESNET18, 11689512 - 513 * 1000, 512},
                {CT_IMAGE_RESNET34, 21797672 - 513 * 1000, 512},
                {CT_IMAGE_RESNET50, 25557032 - 2049 * 1000, 2048}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        network n;
        int64_t parameters = 0;
        open_network(&n, want[i].kind, 1);
        for (ct_param p = 0; p < n.params.n_segments; p++)
            if (!n.params.segments[p].state) parameters += n.params.segments[p].rows * n.params.segments[p].cols;
        assert_int_equal(parameters, want[i].parameters);
        assert_int_equal(n.net.width, want[i].width);
        close_network(&n);
    }
}

/* A device of the wanted instruction set, or a skipped test. */
static void set_isa(const char *isa) {
    ct_device *device = NULL;
    ct_error err = CT_ERROR_INIT;
    if (!*isa) return;
    setenv("CROSSTOWER_ISA", isa, 1);
    const bool here = ct_device_open(&device, "cpu", 1, &err) == CT_OK;
    ct_device_close(device);
    if (here) return;
    print_message("%s: %s\n", isa, err.text);
    skip();
}

typedef struct want {
    const char *network, *isa;
    ct_image_kind kind;
    double tolerance;
} want;

/* Folded and not: a pass that trains, with frozen norms, folds nothing. */
static void check_features(network *n, const want *w) {
    ct_safetensors *file = open_golden();
    float *expected = NULL;
    const int64_t values = PICTURES * n->net.width;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc((size_t)values, sizeof *expected, (void **)&expected, &err), &err);
    assert_ok(ct_safetensor_to_f32(golden(file, w->network, "features"), expected, values, &err), &err);
    float *folded = features_of(n, false), *apart = features_of(n, true);
    assert_near("folded features", folded, expected, values, w->tolerance, 0.0);
    assert_near("unfolded features", apart, expected, values, w->tolerance, 0.0);
    assert_near("folded beside unfolded", folded, apart, values, w->tolerance, 0.0);
    assert_memory_not_equal(folded, apart, (size_t)values * sizeof *folded); /* they are two ways */
    ct_free(folded);
    ct_free(apart);
    ct_free(expected);
    ct_safetensors_close(file);
}

static void features_are_torchvisions(void **state) {
    const want *w = *state;
    set_isa(w->isa);
    void *dir = NULL;
    double sum;
    ct_error err = CT_ERROR_INIT;
    test_dir_setup(&dir);
    for (int threads = 1; threads <= 2; threads++) {
        network n;
        const char *path = test_path(dir, "net.safetensors");
        open_network(&n, w->kind, threads);
        allocate_network(&n);
        if (threads == 1) {
            ct_safetensors *file = open_golden();
            memcpy(&sum, golden(file, w->network, "sum")->data, sizeof sum);
            if (!(fabs(write_weights(&n, path) - sum) <= 1e-9 * fabs(sum))) fail_msg("the formulas differ");
            ct_safetensors_close(file);
        }
        assert_ok(ct_resnet_load(&n.params, path, &err), &err);
        check_features(&n, w);
        close_network(&n);
    }
    test_dir_teardown(&dir);
}

/* Weights or statistics that change after a pass are in the next one. */
static void folding_follows_changes(void **state) {
    static const char *const names[] = {"item.image.layer2.0.conv1.weight", "item.image.layer1.1.bn2.running_mean",
                                        "item.image.layer3.1.bn1.running_var", "item.image.bn1.weight",
                                        "item.image.layer2.0.downsample.1.bias"};
    (void)state;
    network n;
    ct_error err = CT_ERROR_INIT;
    open_network(&n, CT_IMAGE_RESNET_SMALL, 1);
    allocate_network(&n);
    const size_t bytes = (size_t)(PICTURES * n.net.width) * sizeof(float);
    float *before = features_of(&n, false);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const ct_segment *s = &n.params.segments[ct_params_find(&n.params, names[i])];
        const float value = 0.75f;
        assert_ok(ct_device_upload(n.device, n.params.w + s->offset, &value, sizeof value, &err), &err);
        float *folded = features_of(&n, false), *apart = features_of(&n, true);
        assert_memory_not_equal(before, folded, bytes);
        assert_near(names[i], folded, apart, PICTURES * n.net.width, 13 * 4 * 0x1p-24, 0.0);
        ct_free(before);
        ct_free(apart);
        before = folded;
    }
    ct_free(before);
    close_network(&n);
}

static void a_file_that_does_not_fit(void **state) {
    (void)state;
    void *dir = NULL;
    ct_error err = CT_ERROR_INIT;
    test_dir_setup(&dir);
    network small, other;
    open_network(&small, CT_IMAGE_RESNET_SMALL, 1);
    open_network(&other, CT_IMAGE_RESNET18, 1);
    const char *path = test_path(dir, "net.safetensors");
    write_weights(&small, path);
    assert_ok(ct_params_allocate(&other.params, 1, &err), &err);
    assert_error(ct_resnet_load(&other.params, path, &err), &err, CT_ERR_FORMAT,
                 "tensor 'conv1.weight' has 864 values, want 9408");
    test_write_text(path, "no weights");
    assert_int_not_equal(ct_resnet_load(&other.params, path, &err), CT_OK);
    close_network(&small);
    close_network(&other);
    test_dir_teardown(&dir);
}

static int forget_isa(void **state) {
    (void)state;
    unsetenv("CROSSTOWER_ISA");
    return 0;
}

#define FEATURES(network, isa, kind, tolerance)                                                              \
    {network " " isa, features_are_torchvisions, NULL, forget_isa, &(want){network, isa, kind, tolerance}}
#define FEATURES_18(isa) FEATURES("resnet18", isa, CT_IMAGE_RESNET18, 18 * 4 * 0x1p-24)

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_sizes),
                                       FEATURES_18(""),
                                       FEATURES_18("v2"),
                                       FEATURES_18("v3"),
                                       FEATURES("resnet50", "", CT_IMAGE_RESNET50, 50 * 4 * 0x1p-24),
                                       cmocka_unit_test(folding_follows_changes),
                                       cmocka_unit_test(a_file_that_does_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
