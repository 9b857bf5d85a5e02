/* Checkpoints: what is loaded is what was saved; a file that was damaged, cut, or made for something else is
 * refused with its reason; a write that fails leaves the old file as it was. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/rng.h"
#include "base/safetensors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"
#include "tests/train/step_support.h"
#include "train/checkpoint.h"

static char *folder;
static stepper one, two; /* two models of the same configuration, one of them trained a little */

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    stepper_open(&one, tiny_config(folder, NULL));
    stepper_open(&two, tiny_config(folder, NULL));
    for (int i = 0; i < 3; i++) {
        stepper_gradients(&one);
        stepper_update(&one);
    }
    return 0;
}

static int tear_down(void **state) {
    stepper_close(&one);
    stepper_close(&two);
    return test_dir_teardown(state);
}

static ct_checkpoint_state a_state(void) {
    return (ct_checkpoint_state){.step = 1234567,
                                 .skipped = 7,
                                 .best = 0.1 + 0.2,
                                 .best_step = 1200000,
                                 .bad_evals = 3,
                                 .vocab_hash = ct_tokenizer_hash(one.session.data->tokenizer),
                                 .data_hash = one.session.data->hash};
}

static ct_status save(const char *path, const stepper *s, const ct_checkpoint_state *state,
                      bool with_optimizer, ct_error *err) {
    return ct_checkpoint_save(path, s->session.model, s->config, state, with_optimizer, err);
}

static ct_status load(const char *path, const stepper *s, bool with_optimizer, ct_checkpoint_state *state,
                      ct_error *err) {
    ct_error_clear(err);
    return ct_checkpoint_load(path, s->session.model, s->session.data, with_optimizer, state, err);
}

/* A hash of all that the model holds; kinds: weights, and Adam's two moments. */
static uint64_t contents(const stepper *s, int kinds) {
    const ct_params *p = ct_model_params(s->session.model);
    const float *const dense[] = {p->w, p->m, p->v};
    uint64_t h = 0;
    for (int k = 0; k < kinds; k++) {
        for (int t = -1; t < p->n_tables - (k > 0 ? p->n_state_tables : 0); t++) {
            const ct_id_table *table = t < 0 ? NULL : &p->tables[t];
            const float *const parts[] = {table ? table->w : NULL, table ? table->m : NULL,
                                          table ? table->v : NULL};
            const int64_t n = table ? table->rows * table->cols : p->n_values;
            float *host = stepper_download(s, table ? parts[k] : dense[k], n);
            h = h * 31 + ct_hash(host, (size_t)n * sizeof *host);
            free(host);
        }
    }
    return h;
}

static void assert_same_file(const char *a, const char *b) {
    struct stat x, y;
    assert_int_equal(stat(a, &x), 0);
    assert_int_equal(stat(b, &y), 0);
    assert_int_equal(x.st_size, y.st_size);
    char *s = test_read_text(a), *t = test_read_text(b);
    assert_memory_equal(s, t, (size_t)x.st_size);
    free(s);
    free(t);
}

static void what_is_loaded_is_what_was_saved(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char *first = test_path(folder, "first.safetensors"),
               *second = test_path(folder, "second.safetensors");
    ct_checkpoint_state before = a_state(), after = {0};
    assert_int_equal(save(first, &one, &before, true, &err), CT_OK);
    assert_true(contents(&one, 3) != contents(&two, 3));
    if (load(first, &two, true, &after, &err) != CT_OK) fail_msg("%s", err.text);
    assert_true(contents(&one, 3) == contents(&two, 3));
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(save(second, &two, &after, true, &err), CT_OK);
    assert_same_file(first, second);
    /* The state alone, and the configuration. */
    char *yaml = NULL, *mine = NULL;
    memset(&after, 0, sizeof after);
    assert_int_equal(ct_checkpoint_peek(first, &after, &yaml, &err), CT_OK);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(ct_config_text(one.config, &mine, &err), CT_OK);
    assert_string_equal(yaml, mine);
    ct_text_free(yaml);
    ct_text_free(mine);
    /* No best yet. */
    before.best = NAN;
    assert_int_equal(save(first, &one, &before, false, &err), CT_OK);
    assert_int_equal(load(first, &two, false, &after, &err), CT_OK);
    assert_true(isnan(after.best));
}

static void weights_alone_are_enough_to_encode_and_not_to_go_on(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char *whole = test_path(folder, "whole.safetensors"),
               *alone = test_path(folder, "alone.safetensors");
    struct stat x, y;
    ct_checkpoint_state s = a_state();
    assert_int_equal(save(whole, &one, &s, true, &err), CT_OK);
    assert_int_equal(save(alone, &one, &s, false, &err), CT_OK);
    stat(whole, &x);
    stat(alone, &y);
    assert_true(y.st_size < x.st_size / 2);
    for (int i = 0; i < 2; i++) {
        const int64_t n = ct_model_params(two.session.model)->n_values;
        float *zeros = calloc((size_t)n, sizeof *zeros);
        ct_device_upload(two.session.device, ct_model_params(two.session.model)->w, zeros,
                         (size_t)n * sizeof *zeros, &err);
        free(zeros);
        if (load(i ? whole : alone, &two, false, &s, &err) != CT_OK) fail_msg("%s", err.text);
        assert_true(contents(&one, 1) == contents(&two, 1));
    }
    assert_int_equal(load(alone, &two, true, &s, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "no tensor 'adam_m/"));
}

/* ---- damage
 * ------------------------------------------------------------------------------------------------------ */

static char *bytes_of(const char *path, size_t *n) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    *n = (size_t)info.st_size;
    return test_read_text(path);
}

/* A changed byte is either found or, being a blank in the header, changes nothing. */
static void a_damaged_byte_is_found(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char *path = test_path(folder, "damaged.safetensors");
    const ct_checkpoint_state wanted = a_state();
    ct_checkpoint_state s;
    size_t n = 0;
    assert_int_equal(save(path, &one, &wanted, true, &err), CT_OK);
    char *bytes = bytes_of(path, &n);
    const uint64_t whole = contents(&one, 3);
    uint64_t header = 0;
    memcpy(&header, bytes, 8);
    ct_rng rng = ct_rng_make(20, 0, 0);
    int found = 0;
    for (int round = 0; round < 600; round++) {
        /* Half of them in the header, which is the more delicate part. */
        const size_t at = (size_t)ct_rng_below(&rng, round % 2 ? n : 8 + header);
        const char was = bytes[at];
        bytes[at] = (char)(was ^ (1 << ct_rng_below(&rng, 8)));
        unlink(path); /* a file that is cut and written again waits for the disk */
        test_write_file(path, bytes, n);
        memset(&s, 0, sizeof s);
        const ct_status st = load(path, &two, true, &s, &err);
        if (st == CT_OK && (contents(&two, 3) != whole || memcmp(&s, &wanted, sizeof s) != 0))
            fail_msg("byte %zu of %zu: %02x for %02x was not seen", at, n, (unsigned char)bytes[at],
                     (unsigned char)was);
        if (st != CT_OK) {
            found++;
            assert_true(strstr(err.text, "damaged.safetensors") != NULL);
            assert_true(st == CT_ERR_FORMAT || st == CT_ERR_CONFIG);
        }
        bytes[at] = was;
    }
    print_message("%d of 600 found\n", found);
    assert_true(found > 590);
    free(bytes);
}

static void a_cut_file_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char *path = test_path(folder, "cut.safetensors");
    ct_checkpoint_state s = a_state();
    size_t n = 0;
    assert_int_equal(save(path, &one, &s, true, &err), CT_OK);
    char *bytes = bytes_of(path, &n);
    for (size_t length = 0; length < n; length += length < 64 ? 1 : 1 + n / 97) {
        unlink(path);
        test_write_file(path, bytes, length);
        assert_int_equal(load(path, &two, true, &s, &err), CT_ERR_FORMAT);
        assert_non_null(strstr(err.text, "cut.safetensors"));
    }
    test_write_file(path, bytes, n - 1);
    assert_int_equal(load(path, &two, true, &s, &err), CT_ERR_FORMAT);
    free(bytes);
    test_write_text(path, "no checkpoint at all, but long enough to hold a header");
    assert_int_equal(load(path, &two, true, &s, &err), CT_ERR_FORMAT);
    assert_int_equal(load(test_path(folder, "nowhere"), &two, true, &s, &err), CT_ERR_IO);
    assert_int_equal(load(folder, &two, true, &s, &err), CT_ERR_IO);
    /* Another kind of safetensors file. */
    ct_safetensors_writer *w = NULL;
    assert_int_equal(ct_safetensors_writer_create(&w, path, NULL), CT_OK);
    assert_int_equal(ct_safetensors_writer_declare(w, "vectors", "F32", (const int64_t[]){1, 1}, 2, NULL),
                     CT_OK);
    assert_int_equal(ct_safetensors_writer_data(w, "1234", 4, NULL), CT_OK);
    assert_int_equal(ct_safetensors_writer_commit(w, NULL), CT_OK);
    ct_safetensors_writer_free(w);
    assert_int_equal(load(path, &two, true, &s, &err), CT_ERR_FORMAT);
    assert_non_null(strstr(err.text, "format '(none)', want 'crosstower-checkpoint-1'"));
}

/* ---- made for something else
 * ------------------------------------------------------------------------------------- */

static void expect_refusal(const char *path, const char *override, const char *wanted) {
    ct_error err = CT_ERROR_INIT;
    ct_checkpoint_state s;
    stepper other;
    stepper_open(&other, tiny_config(folder, override, NULL));
    if (load(path, &other, true, &s, &err) != CT_ERR_CONFIG)
        fail_msg("%s: not refused (%s)", override, err.text);
    if (!strstr(err.text, wanted)) fail_msg("%s: '%s' does not say '%s'", override, err.text, wanted);
    stepper_close(&other);
}

static void other_models_and_other_data_are_named(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char *path = test_path(folder, "other.safetensors");
    ct_checkpoint_state s = a_state();
    assert_int_equal(save(path, &one, &s, true, &err), CT_OK);
    expect_refusal(path, "model.user.hidden=32", "is [");
    expect_refusal(path, "model.user.layers=2", "no tensor 'param/user.encoder.layer.1.");
    expect_refusal(path, "model.ids.history=0", "user.projection.weight");
    expect_refusal(path, "model.ids={items: 8, users: 0, history: 4}", "user.projection.weight");
    expect_refusal(path, "data.vocab_min_count=30", "another vocabulary");
    s.data_hash ^= 1;
    assert_int_equal(save(path, &one, &s, true, &err), CT_OK);
    assert_int_equal(load(path, &two, true, &s, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "was trained on other data than the prepared data"));
    s.step = 3;
    s.skipped = 4;
    assert_int_equal(save(path, &one, &s, true, &err), CT_OK);
    assert_int_equal(load(path, &two, true, &s, &err), CT_ERR_FORMAT);
    assert_non_null(strstr(err.text, "step 3 with 4 skipped"));
}

/* A model of fewer parts finds tensors that it has no use for. */
static void a_spare_tensor_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    stepper more;
    ct_checkpoint_state s = a_state();
    const char *path = test_path(folder, "more.safetensors");
    stepper_open(&more, tiny_config(folder, "model.user.layers=2", NULL));
    assert_int_equal(save(path, &more, &s, true, &err), CT_OK);
    assert_int_equal(load(path, &two, true, &s, &err), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "tensors, this configuration has"));
    stepper_close(&more);
}

/* ---- failing writes
 * ---------------------------------------------------------------------------------------------- */

static void a_failing_write_leaves_the_old_file(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    char inner[512];
    snprintf(inner, sizeof inner, "%s/faults", folder);
    mkdir(inner, 0777);
    const char *path = test_path(inner, "c.safetensors"), *copy = test_path(folder, "copy.safetensors");
    ct_checkpoint_state old = a_state(), fresh = old;
    fresh.step++;
    assert_int_equal(save(path, &one, &old, true, &err), CT_OK);
    assert_int_equal(save(copy, &one, &old, true, &err), CT_OK);
    int failures = 0;
    for (uint64_t nth = 1;; nth++) {
        ct_error_clear(&err);
        ct_test_io_fault(nth, EIO);
        const ct_status st = save(path, &one, &fresh, true, &err);
        ct_test_io_fault(0, 0);
        assert_int_equal(test_count_entries(inner), 1); /* no temporary file is left */
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_IO);
        assert_non_null(strstr(err.text, strstr(err.text, "folder") ? "faults" : "c.safetensors"));
        failures++;
        ct_checkpoint_state s;
        assert_int_equal(load(path, &two, true, &s, &err), CT_OK);
        assert_true(s.step == old.step || s.step == fresh.step); /* the last fault comes behind the rename */
        if (s.step == old.step) assert_same_file(path, copy);
    }
    assert_true(failures > 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_loaded_is_what_was_saved),
        cmocka_unit_test(weights_alone_are_enough_to_encode_and_not_to_go_on),
        cmocka_unit_test(a_damaged_byte_is_found),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(other_models_and_other_data_are_named),
        cmocka_unit_test(a_spare_tensor_is_refused),
        cmocka_unit_test(a_failing_write_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
