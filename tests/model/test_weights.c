/* Pre-trained BERT weights: small folders in the published layout, made here, and all that can be wrong with them. */
#include <stdio.h>
#include <string.h>

#include "tests/model/model_support.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

#include "base/alloc.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/safetensors.h"

enum { HIDDEN = 16, FFN = 64, POSITIONS = 20, TYPES = 2 }; /* more positions and types than our models have */

/* How a folder differs from a good one. */
typedef struct variation {
    const char *prefix;         /* of all names */
    const char *dtype;          /* of all tensors */
    const char *without;        /* a tensor that is not there */
    const char *other;          /* a tensor of another shape: */
    int64_t shape[3];
    int n_dims;
} variation;

static const variation plain = {.prefix = "", .dtype = "F32"};

typedef struct tensor {
    char name[96];
    int64_t shape[3];
    int n_dims;
} tensor;

typedef struct checkpoint {
    tensor tensors[64];
    int n;
} checkpoint;

static void add(checkpoint *c, const char *name, int64_t rows, int64_t cols) {
    tensor *t = &c->tensors[c->n++];
    assert_true(c->n <= 64);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->n_dims = rows ? 2 : 1;
    t->shape[0] = rows ? rows : cols;
    t->shape[1] = cols;
}

static void add_both(checkpoint *c, int layer, const char *name, int64_t rows, int64_t cols) {
    char full[96];
    snprintf(full, sizeof full, "encoder.layer.%d.%s.weight", layer, name);
    add(c, full, rows, cols);
    snprintf(full, sizeof full, "encoder.layer.%d.%s.bias", layer, name);
    add(c, full, 0, rows ? rows : cols);
}

/* The tensors of a BERT of one layer, and some that we have no place for. */
static checkpoint published(void) {
    checkpoint c = {.n = 0};
    add(&c, "pooler.dense.bias", 0, HIDDEN);
    add(&c, "embeddings.word_embeddings.weight", TEST_VOCAB, HIDDEN);
    add(&c, "embeddings.position_embeddings.weight", POSITIONS, HIDDEN);
    add(&c, "embeddings.token_type_embeddings.weight", TYPES, HIDDEN);
    add(&c, "embeddings.LayerNorm.weight", 0, HIDDEN);
    add(&c, "embeddings.LayerNorm.bias", 0, HIDDEN);
    add_both(&c, 0, "attention.self.value", HIDDEN, HIDDEN);
    add_both(&c, 0, "attention.self.key", HIDDEN, HIDDEN);
    add_both(&c, 0, "attention.self.query", HIDDEN, HIDDEN);
    add_both(&c, 0, "attention.output.dense", HIDDEN, HIDDEN);
    add_both(&c, 0, "attention.output.LayerNorm", 0, HIDDEN);
    add_both(&c, 0, "intermediate.dense", FFN, HIDDEN);
    add_both(&c, 0, "output.dense", HIDDEN, FFN);
    add_both(&c, 0, "output.LayerNorm", 0, HIDDEN);
    return c;
}

/* Element i of a tensor: a number that halves hold exactly, and that says where it comes from. */
static float value_of(const char *name, int64_t i) {
    return (float)((ct_hash_name(name) + (uint64_t)i * 37) % 1021) / 512.0f - 1.0f;
}

static size_t put(const char *dtype, float value, unsigned char *out) {
    const double d = value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t half = ct_f32_to_f16(value), brain = (uint16_t)(bits >> 16);
    const struct {
        const char *dtype;
        const void *bytes;
        size_t n;
    } forms[] = {{"F16", &half, 2}, {"BF16", &brain, 2}, {"F64", &d, 8}, {"F32", &value, 4}, {"I32", &value, 4}};
    int form = 0;
    while (strcmp(forms[form].dtype, dtype) != 0) form++;
    memcpy(out, forms[form].bytes, forms[form].n);
    return forms[form].n;
}

static int64_t count(const tensor *t) {
    int64_t n = 1;
    for (int d = 0; d < t->n_dims; d++) n *= t->shape[d];
    return n;
}

/* Writes DIR/model.safetensors; tensors keep their order in the file, which is not ours. */
static void write_folder(const char *dir, const variation *v) {
    checkpoint c = published();
    ct_safetensors_writer *w = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_safetensors_writer_create(&w, test_path(dir, "model.safetensors"), &err), &err);
    for (int i = 0; i < c.n; i++) {
        tensor *t = &c.tensors[i];
        char name[128];
        if (v->without && strcmp(t->name, v->without) == 0) snprintf(t->name, sizeof t->name, "somewhere.else");
        if (v->other && strcmp(t->name, v->other) == 0) {
            memcpy(t->shape, v->shape, sizeof t->shape);
            t->n_dims = v->n_dims;
        }
        snprintf(name, sizeof name, "%s%s", v->prefix, t->name);
        assert_ok(ct_safetensors_writer_declare(w, name, v->dtype, t->shape, t->n_dims, &err), &err);
    }
    for (int i = 0; i < c.n; i++)
        for (int64_t k = 0; k < count(&c.tensors[i]); k++) {
            unsigned char bytes[8];
            const size_t n = put(v->dtype, value_of(c.tensors[i].name, k), bytes);
            assert_ok(ct_safetensors_writer_data(w, bytes, n, &err), &err);
        }
    assert_ok(ct_safetensors_writer_commit(w, &err), &err);
    ct_safetensors_writer_free(w);
}

static ct_config config_with(char *folder) {
    ct_config c = test_config_two_transformers();
    c.model.user.weights = folder;
    return c;
}

static ct_status create(ct_model **model, const ct_config *config, ct_device *device, ct_error *err) {
    const ct_model_sizes sizes = test_sizes();
    const ct_model_caps caps = test_caps(config);
    return ct_model_create(model, config, &sizes, device, &caps, false, err);
}

/* Rows from row0 on of our parameter are the first elements of the tensor `theirs`. */
static void assert_came_from(ct_model *model, const char *ours, const char *theirs, int64_t from, int64_t n) {
    static float values[4096];
    const ct_params *p = ct_model_params(model);
    const ct_tensor w = ct_params_weight(p, ct_params_find(p, ours));
    if (!w.data) fail_msg("no parameter '%s'", ours);
    assert_true(w.rows * w.cols <= 4096 && from + n <= w.rows * w.cols);
    test_download(model, w, values);
    for (int64_t i = 0; i < n; i++)
        if (!(values[from + i] == value_of(theirs, i)))
            fail_msg("%s: element %lld is %g, '%s' has %g there", ours, (long long)(from + i), values[from + i], theirs,
                     value_of(theirs, i));
}

static void assert_loaded(ct_model *model) {
    const int64_t square = HIDDEN * HIDDEN;
#define LAYER "user.encoder.layer.0."
#define THEIR "encoder.layer.0."
    assert_came_from(model, "user.encoder.embeddings.token", "embeddings.word_embeddings.weight", 0,
                     TEST_VOCAB * HIDDEN);
    assert_came_from(model, "user.encoder.embeddings.position", "embeddings.position_embeddings.weight", 0,
                     TEST_USER_TOKENS * HIDDEN);
    assert_came_from(model, "user.encoder.embeddings.type", "embeddings.token_type_embeddings.weight", 0, HIDDEN);
    assert_came_from(model, "user.encoder.embeddings.norm.weight", "embeddings.LayerNorm.weight", 0, HIDDEN);
    assert_came_from(model, "user.encoder.embeddings.norm.bias", "embeddings.LayerNorm.bias", 0, HIDDEN);
    assert_came_from(model, LAYER "attention.qkv.weight", THEIR "attention.self.query.weight", 0, square);
    assert_came_from(model, LAYER "attention.qkv.weight", THEIR "attention.self.key.weight", square, square);
    assert_came_from(model, LAYER "attention.qkv.weight", THEIR "attention.self.value.weight", 2 * square, square);
    assert_came_from(model, LAYER "attention.qkv.bias", THEIR "attention.self.query.bias", 0, HIDDEN);
    assert_came_from(model, LAYER "attention.qkv.bias", THEIR "attention.self.key.bias", HIDDEN, HIDDEN);
    assert_came_from(model, LAYER "attention.qkv.bias", THEIR "attention.self.value.bias", 2 * HIDDEN, HIDDEN);
    assert_came_from(model, LAYER "attention.output.weight", THEIR "attention.output.dense.weight", 0, square);
    assert_came_from(model, LAYER "attention.output.bias", THEIR "attention.output.dense.bias", 0, HIDDEN);
    assert_came_from(model, LAYER "attention.norm.weight", THEIR "attention.output.LayerNorm.weight", 0, HIDDEN);
    assert_came_from(model, LAYER "attention.norm.bias", THEIR "attention.output.LayerNorm.bias", 0, HIDDEN);
    assert_came_from(model, LAYER "ffn.up.weight", THEIR "intermediate.dense.weight", 0, FFN * HIDDEN);
    assert_came_from(model, LAYER "ffn.up.bias", THEIR "intermediate.dense.bias", 0, FFN);
    assert_came_from(model, LAYER "ffn.down.weight", THEIR "output.dense.weight", 0, HIDDEN * FFN);
    assert_came_from(model, LAYER "ffn.down.bias", THEIR "output.dense.bias", 0, HIDDEN);
    assert_came_from(model, LAYER "ffn.norm.weight", THEIR "output.LayerNorm.weight", 0, HIDDEN);
    assert_came_from(model, LAYER "ffn.norm.bias", THEIR "output.LayerNorm.bias", 0, HIDDEN);
#undef LAYER
#undef THEIR
}

/* ---- good folders --------------------------------------------------------------------------------------------- */

static void every_tensor_finds_its_place(void **state) {
    static const variation variations[] = {
        {.prefix = "", .dtype = "F32"}, {.prefix = "bert.", .dtype = "F32"}, {.prefix = "", .dtype = "F16"},
        {.prefix = "bert.", .dtype = "F64"}};
    ct_device *device = test_device(1);
    for (size_t i = 0; i < sizeof variations / sizeof *variations; i++) {
        ct_model *model = NULL;
        ct_error err = CT_ERROR_INIT;
        write_folder(*state, &variations[i]);
        const ct_config config = config_with(*state);
        assert_ok(create(&model, &config, device, &err), &err);
        assert_loaded(model);
        ct_model_free(model);
    }
    ct_device_close(device);
}

/* Brain floats keep seven bits: the sign and the size are right. */
static void brain_floats(void **state) {
    ct_device *device = test_device(1);
    ct_model *model = NULL;
    ct_error err = CT_ERROR_INIT;
    const variation v = {.prefix = "", .dtype = "BF16"};
    float values[HIDDEN];
    write_folder(*state, &v);
    const ct_config config = config_with(*state);
    assert_ok(create(&model, &config, device, &err), &err);
    const ct_params *p = ct_model_params(model);
    test_download(model, ct_params_weight(p, ct_params_find(p, "user.encoder.embeddings.norm.bias")), values);
    for (int i = 0; i < HIDDEN; i++)
        assert_float_equal(values[i], value_of("embeddings.LayerNorm.bias", i), 0x1p-7);
    ct_model_free(model);
    ct_device_close(device);
}

/* Each tower loads its own; what no folder is named for keeps its random values. */
static void the_other_tower_stays(void **state) {
    ct_device *device = test_device(1);
    ct_model *with = NULL, *without = NULL;
    ct_error err = CT_ERROR_INIT;
    float a[HIDDEN * HIDDEN], b[HIDDEN * HIDDEN];
    write_folder(*state, &plain);
    const ct_config config = config_with(*state), fresh = config_with(NULL);
    assert_ok(create(&with, &config, device, &err), &err);
    assert_ok(create(&without, &fresh, device, &err), &err);
    const ct_param p = ct_params_find(ct_model_params(with), "item.encoder.layer.1.attention.output.weight");
    test_download(with, ct_params_weight(ct_model_params(with), p), a);
    test_download(without, ct_params_weight(ct_model_params(without), p), b);
    assert_memory_equal(a, b, sizeof a);
    ct_model_free(with);
    ct_model_free(without);
    ct_device_close(device);
}

/* ---- bad folders ---------------------------------------------------------------------------------------------- */

static void broken_folders(void **state) {
    static const struct {
        variation v;
        ct_status status;
        const char *message;
    } cases[] = {
        {{.prefix = "", .dtype = "F32", .without = "encoder.layer.0.output.dense.bias"}, CT_ERR_FORMAT,
         "no tensor 'encoder.layer.0.output.dense.bias' (nor 'bert.encoder"},
        {{.prefix = "roberta.", .dtype = "F32"}, CT_ERR_FORMAT, "no tensor 'embeddings.word_embeddings.weight'"},
        {{.prefix = "", .dtype = "F32", .other = "embeddings.word_embeddings.weight", .shape = {41, 16}, .n_dims = 2},
         CT_ERR_FORMAT, "is [41, 16], 'user.encoder.embeddings.token' wants [40, 16]"},
        {{.prefix = "", .dtype = "F32", .other = "embeddings.position_embeddings.weight", .shape = {11, 16},
          .n_dims = 2}, CT_ERR_FORMAT, "is [11, 16], 'user.encoder.embeddings.position' wants [12, 16]"},
        {{.prefix = "", .dtype = "F32", .other = "encoder.layer.0.attention.self.key.weight", .shape = {32, 16},
          .n_dims = 2}, CT_ERR_FORMAT, "is [32, 16], 'user.encoder.layer.0.attention.qkv.weight' wants [16, 16]"},
        {{.prefix = "", .dtype = "F32", .other = "encoder.layer.0.attention.self.key.bias", .shape = {15}, .n_dims = 1},
         CT_ERR_FORMAT, "is [1, 15], 'user.encoder.layer.0.attention.qkv.bias' wants [1, 16]"},
        {{.prefix = "", .dtype = "F32", .other = "encoder.layer.0.output.dense.bias", .shape = {0, 16}, .n_dims = 2},
         CT_ERR_FORMAT, "is [0, 16]"},
        {{.prefix = "", .dtype = "F32", .other = "encoder.layer.0.output.dense.bias", .n_dims = 0}, CT_ERR_FORMAT,
         "has 0 dimensions"},
        {{.prefix = "", .dtype = "F32", .other = "encoder.layer.0.output.dense.bias", .shape = {1, 1, 16}, .n_dims = 3},
         CT_ERR_FORMAT, "has 3 dimensions"},
        {{.prefix = "", .dtype = "I32"}, CT_ERR_DTYPE, "is I32"},
    };
    ct_device *device = test_device(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_model *model = NULL;
        ct_error err = CT_ERROR_INIT;
        write_folder(*state, &cases[i].v);
        const ct_config config = config_with(*state);
        const ct_status st = create(&model, &config, device, &err);
        assert_null(model);
        assert_non_null(strstr(err.text, "model.safetensors"));
        assert_error(st, &err, cases[i].status, cases[i].message);
    }
    ct_device_close(device);
}

static void no_folder_and_no_safetensors(void **state) {
    ct_device *device = test_device(1);
    ct_model *model = NULL;
    ct_error err = CT_ERROR_INIT;
    const ct_config config = config_with(*state);
    assert_error(create(&model, &config, device, &err), &err, CT_ERR_IO, "model.safetensors");
    test_write_text(test_path(*state, "model.safetensors"), "PK\x03\x04 this is something else");
    assert_error(create(&model, &config, device, &err), &err, CT_ERR_FORMAT, "model.safetensors");
    assert_null(model);
    ct_device_close(device);
}

static void loading_without_memory(void **state) {
    ct_device *device = test_device(1);
    ct_model *model = NULL;
    ct_error err = CT_ERROR_INIT;
    write_folder(*state, &plain);
    const ct_config config = config_with(*state);
    assert_ok(create(&model, &config, device, &err), &err); /* the device keeps the scratch that it has grown */
    ct_model_free(model);
    test_alloc_install();
    for (uint64_t n = 1;; n++) {
        test_alloc_fail_at(n);
        const ct_status st = create(&model, &config, device, NULL);
        test_alloc_fail_at(0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        assert_int_equal(test_alloc_live(), 0);
    }
    ct_model_free(model);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
    ct_device_close(device);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {IN_A_FOLDER(every_tensor_finds_its_place),
                                       IN_A_FOLDER(brain_floats),
                                       IN_A_FOLDER(the_other_tower_stays),
                                       IN_A_FOLDER(broken_folders),
                                       IN_A_FOLDER(no_folder_and_no_safetensors),
                                       IN_A_FOLDER(loading_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
