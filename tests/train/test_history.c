/* model.history: the vectors of the latest items in the user tower, in training and after it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/safetensors.h"
#include "model/encode.h"
#include "run/session.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

enum { DIM = 16, MOST = 256 };

static char *folder;

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    return 0;
}

/* Trains and opens the weights that the last step left. */
static ct_safetensors *train(const char *epochs, const char *every) {
    ct_config *c = tiny_config(folder, epochs, every, NULL);
    const ct_train_result done = tiny_train(c, &(ct_train_options){.overwrite = true});
    char name[64];
    ct_safetensors *f = NULL;
    snprintf(name, sizeof name, "step-%08lld", (long long)done.steps);
    assert_int_equal(ct_safetensors_open(&f, tiny_checkpoint(folder, name), NULL), CT_OK);
    ct_config_close(c);
    return f;
}

static void check_entry(const ct_safetensors *f, const char *name, bool wanted) {
    if ((ct_safetensors_find(f, name) != NULL) != wanted) fail_msg("%s is %sthere", name, wanted ? "not " : "");
}

static void a_checkpoint_has_the_vectors_without_moments(void **state) {
    (void)state;
    ct_safetensors *f = train("train.epochs=0.5", "eval.every=1");
    check_entry(f, "param/item.vectors", true);
    check_entry(f, "adam_m/item.vectors", false);
    check_entry(f, "adam_m/item.ids", true);
    const ct_safetensor *t = ct_safetensors_find(f, "param/item.vectors");
    const float *v = (const float *)t->data;
    int64_t seen = 0;
    for (int64_t i = 0; i < t->shape[0]; i++) {
        double length = 0.0;
        for (int64_t d = 0; d < DIM; d++) length += (double)v[i * DIM + d] * (double)v[i * DIM + d];
        assert_true(length == 0.0 || fabs(length - 1.0) < 1e-5); /* never met, or as the item tower left it */
        seen += length > 0.0;
    }
    assert_true(seen > t->shape[0] / 2);
    ct_safetensors_close(f);
}

static uint64_t weights_after(const char *every) {
    ct_safetensors *f = train("train.epochs=2", every);
    const uint64_t hash = ct_safetensors_hash(f);
    ct_safetensors_close(f);
    return hash;
}

static double largest_difference(const float *a, const float *b, int64_t n) {
    double most = 0.0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

static void encode_all_items(ct_session *s) {
    static float vectors[MOST * DIM];
    int32_t numbers[MOST];
    assert_true(s->data->n_items <= MOST);
    for (int32_t i = 0; i < s->data->n_items; i++) numbers[i] = i;
    assert_int_equal(
        ct_encode_items(s->model, s->batcher, numbers, s->data->n_items, vectors, NULL, NULL, NULL), CT_OK);
}

/* A user needs the vectors of the latest items; who encoded them, and when, makes no difference. */
static void users_come_out_the_same_whatever_was_encoded_before(void **state) {
    (void)state;
    ct_config *c = tiny_config(folder, "train.epochs=1", NULL);
    ct_session s;
    ct_error err = CT_ERROR_INIT;
    static float first[MOST * DIM], again[MOST * DIM], forgotten[MOST * DIM];
    ct_moment now[MOST];
    tiny_train(c, &(ct_train_options){.overwrite = true});
    if (ct_session_open_weights(&s, c, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    const int64_t n = s.data->n_users;
    assert_true(n <= MOST);
    for (int64_t u = 0; u < n; u++) now[u] = ct_moment_now(s.data, (int32_t)u);
    assert_false(ct_model_knows_item(s.model, 0));
    assert_int_equal(ct_encode_users(s.model, s.batcher, now, n, first, NULL, NULL, NULL), CT_OK);
    encode_all_items(&s);
    assert_true(ct_model_knows_item(s.model, 0));
    assert_int_equal(ct_encode_users(s.model, s.batcher, now, n, again, NULL, NULL, NULL), CT_OK);
    assert_true(largest_difference(first, again, n * DIM) < 1e-5);

    /* Seen red: with the flags kept, the zeroed table goes unnoticed. */
    const ct_params *p = ct_model_params(s.model);
    const ct_id_table *t = &p->tables[p->n_tables - 1];
    assert_string_equal(t->name, "item.vectors");
    assert_int_equal(ct_device_zero(s.device, t->w, (size_t)(t->rows * t->cols) * sizeof(float), NULL), CT_OK);
    assert_int_equal(ct_encode_users(s.model, s.batcher, now, n, forgotten, NULL, NULL, NULL), CT_OK);
    assert_true(largest_difference(first, forgotten, n * DIM) > 1e-2);
    ct_model_forget_items(s.model);
    assert_int_equal(ct_encode_users(s.model, s.batcher, now, n, again, NULL, NULL, NULL), CT_OK);
    assert_true(largest_difference(first, again, n * DIM) < 1e-5);
    ct_session_close(&s);
    ct_config_close(c);
}

static void validating_changes_nothing_in_training(void **state) {
    (void)state;
    assert_int_equal(weights_after("eval.every=1"), weights_after("eval.every=1"));
    /* The resolved configuration is in the metadata, not in the hash of the tensors. */
    assert_int_equal(weights_after("eval.every=1"), weights_after("eval.every=0.5"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_has_the_vectors_without_moments),
        cmocka_unit_test(users_come_out_the_same_whatever_was_encoded_before),
        cmocka_unit_test(validating_changes_nothing_in_training),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
