/* The tape: variables and their column blocks, who writes a gradient first, planning, errors that stick. */
#include <string.h>

#include "tests/nn/nn_support.h"
#include "tests/support/failing_alloc.h"

#include "base/alloc.h"

/* ---- layers made for these tests ------------------------------------------------------------------------------ */

/* Backward adds `value` to every element of v's gradient, as a layer does that read v; writes down its beta. */
typedef struct reader {
    ct_var v;
    float value;
    float *beta; /* may be NULL */
} reader;

static ct_status reader_backward(ct_tape *t, const void *state, ct_error *err) {
    const reader *s = state;
    ct_tensor grad;
    float beta = -1.0f;
    CT_CHECK(ct_tape_grad_into(t, s->v, &grad, &beta, err));
    if (s->beta) *s->beta = beta;
    for (int64_t i = 0; i < grad.rows * grad.cols && grad.data; i++) {
        float g = 0.0f;
        float *at = (float *)grad.data + i;
        if (beta == 1.0f) CT_CHECK(ct_device_download(ct_tape_device(t), &g, at, sizeof g, err));
        g += s->value;
        CT_CHECK(ct_device_upload(ct_tape_device(t), at, &g, sizeof g, err));
    }
    return CT_OK;
}

static void read_var(test_bench *b, ct_var v, float value, float *beta) {
    const reader s = {v, value, beta};
    ct_tape_record(b->tape, reader_backward, &s, sizeof s);
}

/* Backward takes down the gradient of v, an output. */
typedef struct probe {
    ct_var v;
    ct_tensor *seen;
} probe;

static ct_status probe_backward(ct_tape *t, const void *state, ct_error *err) {
    const probe *s = state;
    (void)err;
    *s->seen = ct_tape_grad(t, s->v);
    return CT_OK;
}

/* A tape with room for rows x cols values, and as many gradients, that is not planning any more. */
static void plan_room(test_bench *b, int64_t rows, int64_t cols) {
    ct_error err = CT_ERROR_INIT;
    ct_tape_plan_begin(b->tape);
    ct_tape_begin(b->tape, true);
    read_var(b, ct_tape_new(b->tape, rows, cols, true), 0.0f, NULL);
    assert_ok(ct_tape_backward(b->tape, &err), &err);
    assert_ok(ct_tape_plan_end(b->tape, &err), &err);
    ct_tape_begin(b->tape, true);
}

/* ---- column blocks -------------------------------------------------------------------------------------------- */

static void columns_are_parts_of_the_whole(void **state) {
    test_bench *b = *state;
    plan_room(b, 64, 64);
    const ct_var whole = ct_tape_new(b->tape, 3, 10, true), block = ct_tape_columns(b->tape, whole, 2, 6),
                 inner = ct_tape_columns(b->tape, block, 1, 2);
    const ct_tensor w = ct_tape_value(b->tape, whole), i = ct_tape_value(b->tape, inner);
    assert_ptr_equal(i.data, (float *)w.data + 3);
    assert_int_equal(i.rows, 3);
    assert_int_equal(i.cols, 2);
    assert_int_equal(i.ld, 10);
    assert_true(ct_tape_needs_grad(b->tape, inner));

    ct_tensor of_block = {0}, of_inner = {0}, early = {&of_block, CT_DTYPE_F32, 1, 1, 1};
    ct_error err = CT_ERROR_INIT;
    ct_tape_record(b->tape, probe_backward, &(probe){block, &of_block}, sizeof(probe));
    ct_tape_record(b->tape, probe_backward, &(probe){inner, &of_inner}, sizeof(probe));
    read_var(b, whole, 4.0f, NULL);
    ct_tape_record(b->tape, probe_backward, &(probe){inner, &early}, sizeof(probe));
    assert_ok(ct_tape_backward(b->tape, &err), &err);
    const ct_tensor grad = ct_tape_grad(b->tape, whole);
    assert_null(early.data); /* nobody had read the whole yet */
    assert_ptr_equal(of_block.data, (float *)grad.data + 2);
    assert_int_equal(of_block.cols, 6);
    assert_ptr_equal(of_inner.data, (float *)grad.data + 3);
    assert_int_equal(of_inner.ld, 10);
    assert_int_equal(of_inner.cols, 2);
}

static void a_column_block_is_not_read_on_its_own(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    plan_room(b, 64, 64);
    const ct_var whole = ct_tape_new(b->tape, 2, 4, true);
    read_var(b, ct_tape_columns(b->tape, whole, 0, 2), 1.0f, NULL);
    assert_error(ct_tape_backward(b->tape, &err), &err, CT_ERR_INTERNAL, "read the whole");
}

/* A concatenation of a linear layer and a block of two others has the gradients that the three have apart. */
static void layers_write_into_blocks(void **state) {
    test_bench *b = *state;
    enum { ROWS = 3, IN = 2 };
    const ct_param wa = bench_param(b, "a", 4, IN), wb = bench_param(b, "b", 1, IN), wc = bench_param(b, "c", 2, IN),
                   out = bench_param(b, "out", 1, 7);
    bench_allocate(b);
    plan_room(b, 64, 64);
    ct_error err = CT_ERROR_INIT;
    const float x[ROWS * IN] = {1, 2, 3, 4, 5, 6};
    const ct_var in = ct_tape_new(b->tape, ROWS, IN, false), whole = ct_tape_new(b->tape, ROWS, 7, true),
                 tail = ct_tape_columns(b->tape, whole, 4, 3);
    bench_write(b, ct_tape_value(b->tape, in), x);
    ct_nn_linear(b->tape, ct_tape_columns(b->tape, whole, 0, 4), in, wa, CT_PARAM_NONE);
    ct_nn_linear(b->tape, ct_tape_columns(b->tape, tail, 0, 1), in, wb, CT_PARAM_NONE);
    ct_nn_linear(b->tape, ct_tape_columns(b->tape, tail, 1, 2), in, wc, CT_PARAM_NONE);
    read_var(b, ct_nn_linear(b->tape, CT_VAR_NEW, whole, out, CT_PARAM_NONE), 1.0f, NULL);
    assert_ok(ct_tape_backward(b->tape, &err), &err);

    /* d out / d w[o, i] = out[o] * sum of x over the rows: 9 and 12. */
    float weights[7], grads[7 * IN];
    bench_read(b, ct_params_weight(&b->params, out), weights);
    bench_read(b, ct_params_grad(&b->params, wa), grads);
    bench_read(b, ct_params_grad(&b->params, wb), grads + 4 * IN);
    bench_read(b, ct_params_grad(&b->params, wc), grads + 5 * IN);
    for (int o = 0; o < 7; o++) {
        assert_float_equal(grads[o * IN], 9.0f * weights[o], 1e-5);
        assert_float_equal(grads[o * IN + 1], 12.0f * weights[o], 1e-5);
    }
}

/* ---- gradients ------------------------------------------------------------------------------------------------ */

static void the_first_writer_overwrites_and_the_next_add(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    float beta[3] = {-1, -1, -1}, got[4];
    plan_room(b, 64, 64);
    for (int pass = 0; pass < 2; pass++) { /* the second pass finds the arena full of the first one's gradients */
        ct_tape_begin(b->tape, true);
        const ct_var v = ct_tape_new(b->tape, 2, 2, true);
        for (int i = 0; i < 3; i++) read_var(b, v, (float)(1 << i), &beta[i]);
        assert_ok(ct_tape_backward(b->tape, &err), &err);
        assert_true(beta[2] == 0.0f && beta[1] == 1.0f && beta[0] == 1.0f); /* played from the last to the first */
        bench_read(b, ct_tape_grad(b->tape, v), got);
        for (int i = 0; i < 4; i++) assert_true(got[i] == 7.0f);
    }
}

static void an_input_has_no_gradient(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    float beta = -1.0f;
    plan_room(b, 64, 64);
    const ct_var v = ct_tape_new(b->tape, 2, 2, false), block = ct_tape_columns(b->tape, v, 0, 1);
    read_var(b, v, 1.0f, &beta);
    read_var(b, block, 1.0f, NULL);
    read_var(b, CT_VAR_NEW, 1.0f, NULL);
    assert_ok(ct_tape_backward(b->tape, &err), &err);
    assert_null(ct_tape_grad(b->tape, v).data);
    assert_null(ct_tape_grad(b->tape, block).data);
    assert_true(beta == 0.0f);
    assert_false(ct_tape_needs_grad(b->tape, v));
    assert_false(ct_tape_needs_grad(b->tape, CT_VAR_NEW));
    assert_null(ct_tape_value(b->tape, CT_VAR_NEW).data);
}

/* A layer whose output nobody reads has nothing to do; its parameters' gradients stay as they are. */
/* Memory of another owner: nothing of the arenas is taken for it, and no gradient goes there. */
static void memory_from_outside_is_an_input(void **state) {
    test_bench *b = *state;
    float outside[12] = {0};
    const ct_tensor columns = ct_columns(ct_f32(outside, 2, 6), 1, 3);
    ct_error err = CT_ERROR_INIT;
    plan_room(b, 64, 64);
    const ct_var before = ct_tape_new(b->tape, 1, 4, true), v = ct_tape_input(b->tape, columns),
                 after = ct_tape_new(b->tape, 1, 4, true);
    const ct_tensor value = ct_tape_value(b->tape, v);
    assert_ptr_equal(value.data, outside + 1);
    assert_int_equal(value.ld, 6);
    assert_int_equal(value.cols, 3);
    assert_false(ct_tape_needs_grad(b->tape, v));
    assert_true((char *)ct_tape_value(b->tape, after).data - (char *)ct_tape_value(b->tape, before).data <= 256);
    read_var(b, v, 1.0f, NULL);
    assert_ok(ct_tape_backward(b->tape, &err), &err);
    assert_null(ct_tape_grad(b->tape, v).data);
}

static void what_nobody_reads_gets_no_gradient(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    const ct_param w = bench_param(b, "w", 2, 2);
    bench_allocate(b);
    plan_room(b, 64, 64);
    const ct_var x = ct_tape_new(b->tape, 2, 2, true);
    bench_write(b, ct_tape_value(b->tape, x), (const float[]){1, 2, 3, 4});
    ct_nn_linear(b->tape, CT_VAR_NEW, x, w, CT_PARAM_NONE);
    ct_nn_gelu(b->tape, x);
    assert_ok(ct_tape_backward(b->tape, &err), &err);
    float grads[4];
    bench_read(b, ct_params_grad(&b->params, w), grads);
    for (int i = 0; i < 4; i++) assert_true(grads[i] == 0.0f);
    assert_null(ct_tape_grad(b->tape, x).data);
}

/* An op takes the gradients of gain and bias together or not at all; freezing one leaves the other's as it was. */
static void one_of_a_pair_is_frozen(void **state) {
    test_bench *b = *state;
    enum { ROWS = 3, COLS = 4 };
    const ct_param pair[] = {bench_param(b, "gain", 1, COLS), bench_param(b, "bias", 1, COLS)};
    const float x[ROWS * COLS] = {1, -2, 3, 0, 2, 2, -1, 5, 0, 1, 0, 7};
    float grads[3][2][COLS];
    bench_allocate(b);
    plan_room(b, 64, 64);
    for (int frozen = 0; frozen < 3; frozen++) { /* 2: neither */
        ct_error err = CT_ERROR_INIT;
        for (int i = 0; i < 2; i++) b->params.segments[pair[i]].frozen = i == frozen;
        assert_ok(ct_params_zero_grad(&b->params, &err), &err);
        ct_tape_begin(b->tape, true);
        const ct_var in = ct_tape_new(b->tape, ROWS, COLS, false);
        bench_write(b, ct_tape_value(b->tape, in), x);
        const ct_var y = ct_nn_add_layer_norm(b->tape, in, CT_VAR_NEW, pair[0], pair[1], 1e-5f, 0.0f, NULL,
                                              (ct_rows_info){{0}, {0}});
        read_var(b, y, 2.0f, NULL);
        assert_ok(ct_tape_backward(b->tape, &err), &err);
        for (int i = 0; i < 2; i++) {
            b->params.segments[pair[i]].frozen = false;
            bench_read(b, ct_params_grad(&b->params, pair[i]), grads[frozen][i]);
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(grads[1 - i][i], grads[2][i], sizeof grads[2][i]);
        for (int c = 0; c < COLS; c++) assert_true(grads[i][i][c] == 0.0f && grads[2][i][c] != 0.0f);
    }
}

static void a_pass_that_does_not_train_records_nothing(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    float beta = -1.0f;
    plan_room(b, 64, 64);
    ct_tape_begin(b->tape, false);
    assert_false(ct_tape_training(b->tape));
    const ct_var v = ct_tape_new(b->tape, 2, 2, true);
    read_var(b, v, 1.0f, &beta);
    const ct_rows_info rows = {{0}, {0}};
    assert_int_equal(ct_nn_dropout(b->tape, v, 0.5f, "stream", rows), v);
    assert_ok(ct_tape_backward(b->tape, &err), &err);
    assert_true(beta == -1.0f);
    ct_tape_begin(b->tape, true);
    const ct_var x = ct_tape_new(b->tape, 2, 2, true);
    assert_int_equal(ct_nn_dropout(b->tape, x, 0.0f, "stream", rows), x);
    assert_int_not_equal(ct_nn_dropout(b->tape, x, 0.5f, "stream", rows), x);
}

/* ---- planning ------------------------------------------------------------------------------------------------- */

/* Two layers on `rows` rows, forward and backward. */
static ct_status pass(test_bench *b, ct_param w, int64_t rows, ct_error *err) {
    ct_tape_begin(b->tape, true);
    const ct_var x = ct_tape_new(b->tape, rows, 8, false), h = ct_nn_linear(b->tape, CT_VAR_NEW, x, w, CT_PARAM_NONE);
    read_var(b, ct_nn_gelu(b->tape, h), 1.0f, NULL);
    return ct_tape_backward(b->tape, err);
}

static void a_planned_pass_allocates_nothing(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    const ct_param w = bench_param(b, "w", 8, 8);
    bench_allocate(b);
    ct_tape_plan_begin(b->tape);
    assert_ok(pass(b, w, 100, &err), &err);
    assert_ok(ct_tape_plan_end(b->tape, &err), &err);
    assert_true(ct_tape_bytes(b->tape) >= 5 * 100 * 8 * sizeof(float));
    const uint64_t before = ct_alloc_count();
    for (int64_t rows = 0; rows <= 100; rows += 10) assert_ok(pass(b, w, rows, &err), &err);
    assert_int_equal(ct_alloc_count(), before);
    assert_error(pass(b, w, 200, &err), &err, CT_ERR_MEMORY, "activations");
    assert_ok(pass(b, w, 100, &err), &err); /* the next pass starts afresh */
}

/* What an earlier plan needed stays. */
static void plans_follow_one_another(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    const ct_param w = bench_param(b, "w", 8, 8);
    bench_allocate(b);
    for (int64_t rows = 100; rows >= 50; rows -= 50) {
        ct_tape_plan_begin(b->tape);
        assert_ok(pass(b, w, rows, &err), &err);
        assert_ok(ct_tape_plan_end(b->tape, &err), &err);
    }
    assert_ok(pass(b, w, 100, &err), &err);
}

static void a_plan_that_is_cancelled_tells_its_size(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    const ct_param w = bench_param(b, "w", 8, 8);
    size_t activations = 0, scratch = 0;
    bench_allocate(b);
    const uint64_t before = ct_alloc_count();
    ct_tape_plan_begin(b->tape);
    assert_ok(pass(b, w, 100, &err), &err);
    const uint64_t lists = ct_alloc_count() - before; /* variables and steps */
    assert_ok(ct_tape_plan_cancel(b->tape, &activations, &scratch, &err), &err);
    assert_int_equal(ct_alloc_count() - before, lists);
    ct_tape_plan_begin(b->tape);
    assert_ok(pass(b, w, 100, &err), &err);
    assert_ok(ct_tape_plan_end(b->tape, &err), &err);
    assert_int_equal(activations, ct_tape_bytes(b->tape));
    assert_int_equal(scratch, ct_device_scratch_bytes(b->device));
}

static void planning_without_memory(void **state) {
    test_bench *b = *state;
    const ct_param w = bench_param(b, "w", 8, 8);
    bench_allocate(b);
    test_alloc_install();
    int failures = 0;
    for (uint64_t n = 1;; n++, failures++) {
        ct_error err = CT_ERROR_INIT;
        ct_tape *tape = NULL;
        test_alloc_fail_at(n);
        ct_status st = ct_tape_create(&tape, b->device, &b->params, &err);
        if (st == CT_OK) {
            test_bench other = {b->device, b->params, tape};
            ct_tape_plan_begin(tape);
            st = pass(&other, w, 100, &err);
            const ct_status end = ct_tape_plan_end(tape, &err);
            if (st == CT_OK) st = end;
        }
        test_alloc_fail_at(0);
        if (tape && st != CT_OK) { /* what follows gets no address of the plan */
            ct_tape_begin(tape, true);
            assert_int_equal(ct_tape_new(tape, 1, 1, true), CT_VAR_NEW);
        }
        ct_tape_free(tape);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
    assert_true(failures >= 4);
}

/* ---- errors --------------------------------------------------------------------------------------------------- */

static void the_first_error_sticks(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT, first = CT_ERROR_INIT, second = CT_ERROR_INIT;
    float beta = -1.0f;
    plan_room(b, 64, 64);
    const ct_var v = ct_tape_new(b->tape, 2, 2, true);
    ct_fail(&first, CT_ERR_FORMAT, "the %s one", "first");
    ct_fail(&second, CT_ERR_IO, "the second one");
    ct_tape_fail(b->tape, CT_ERR_FORMAT, &first);
    ct_tape_fail(b->tape, CT_ERR_IO, &second);
    assert_true(ct_tape_failed(b->tape));
    assert_error(ct_tape_status(b->tape, &err), &err, CT_ERR_FORMAT, "the first one");

    read_var(b, v, 1.0f, &beta);
    assert_int_equal(ct_tape_new(b->tape, 1, 1, true), CT_VAR_NEW);
    assert_int_equal(ct_tape_columns(b->tape, v, 0, 1), CT_VAR_NEW);
    assert_null(ct_tape_keep(b->tape, CT_DTYPE_F32, 1, 1).data);
    assert_int_equal(ct_nn_gelu(b->tape, v), CT_VAR_NEW);
    assert_int_equal(ct_nn_linear(b->tape, CT_VAR_NEW, CT_VAR_NEW, 0, CT_PARAM_NONE), CT_VAR_NEW);
    assert_error(ct_tape_backward(b->tape, &err), &err, CT_ERR_FORMAT, "the first one");
    assert_true(beta == -1.0f); /* no step was played */

    ct_tape_begin(b->tape, true);
    assert_ok(ct_tape_status(b->tape, &err), &err);
}

/* An op's own complaint becomes the tape's. */
static void a_layer_of_the_wrong_shape(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    const ct_param w = bench_param(b, "w", 2, 3);
    bench_allocate(b);
    plan_room(b, 64, 64);
    ct_nn_gelu(b->tape, ct_nn_linear(b->tape, CT_VAR_NEW, ct_tape_new(b->tape, 2, 2, true), w, CT_PARAM_NONE));
    assert_error(ct_tape_status(b->tape, &err), &err, CT_ERR_SHAPE, "linear_forward");
}

static void a_step_keeps_too_much(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    const char state_bytes[CT_TAPE_STATE_BYTES + 1] = {0};
    plan_room(b, 64, 64);
    ct_tape_record(b->tape, reader_backward, state_bytes, sizeof state_bytes);
    assert_error(ct_tape_status(b->tape, &err), &err, CT_ERR_INTERNAL, "keeps 769 bytes");
}

static ct_status failing_backward(ct_tape *t, const void *state, ct_error *err) {
    (void)t;
    (void)state;
    return ct_fail(err, CT_ERR_IO, "a step failed");
}

static void backward_stops_at_the_first_failure(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    float beta = -1.0f;
    plan_room(b, 64, 64);
    const ct_var v = ct_tape_new(b->tape, 2, 2, true);
    read_var(b, v, 1.0f, &beta);
    ct_tape_record(b->tape, failing_backward, &v, sizeof v);
    assert_error(ct_tape_backward(b->tape, &err), &err, CT_ERR_IO, "a step failed");
    assert_true(beta == -1.0f);
    ct_tape_free(NULL);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {ON_BENCH(columns_are_parts_of_the_whole),
                                       ON_BENCH(a_column_block_is_not_read_on_its_own),
                                       ON_BENCH(layers_write_into_blocks),
                                       ON_BENCH(the_first_writer_overwrites_and_the_next_add),
                                       ON_BENCH(an_input_has_no_gradient),
                                       ON_BENCH(memory_from_outside_is_an_input),
                                       ON_BENCH(what_nobody_reads_gets_no_gradient),
                                       ON_BENCH(one_of_a_pair_is_frozen),
                                       ON_BENCH(a_pass_that_does_not_train_records_nothing),
                                       ON_BENCH(a_planned_pass_allocates_nothing),
                                       ON_BENCH(plans_follow_one_another),
                                       ON_BENCH(a_plan_that_is_cancelled_tells_its_size),
                                       ON_BENCH(planning_without_memory),
                                       ON_BENCH(the_first_error_sticks),
                                       ON_BENCH(a_layer_of_the_wrong_shape),
                                       ON_BENCH(a_step_keeps_too_much),
                                       ON_BENCH(backward_stops_at_the_first_failure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
