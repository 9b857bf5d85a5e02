/* The parameter store: its layout, its initial values, which gradients there are. */
#include <math.h>
#include <string.h>

#include "tests/nn/nn_support.h"
#include "tests/support/failing_alloc.h"

#include "base/alloc.h"

static void segments_lie_one_behind_the_other(void **state) {
    test_bench *b = *state;
    const ct_param first = bench_param(b, "first", 3, 5), second = bench_param(b, "second", 16, 16),
                   third = bench_param(b, "third", 257, 1);
    int32_t table = -1;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_params_add_table(&b->params, &table, "ids", 10, 4, 1.0f, 5, &err), &err);
    assert_int_equal(b->params.segments[first].offset, 0);
    assert_int_equal(b->params.segments[second].offset, 256);
    assert_int_equal(b->params.segments[third].offset, 512);
    assert_int_equal(b->params.n_values, 512 + 512);
    assert_int_equal(ct_params_count(&b->params), 15 + 256 + 257 + 40);
    assert_int_equal(ct_params_find(&b->params, "second"), second);
    assert_int_equal(ct_params_find(&b->params, "sec"), CT_PARAM_NONE);
    assert_int_equal(table, 0);
}

static void names_and_shapes_that_are_refused(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    ct_param p;
    int32_t table;
    char longest[97];
    memset(longest, 'x', 96);
    longest[96] = '\0';
    bench_param(b, "twice", 1, 1);
    assert_error(ct_params_add(&b->params, &p, "twice", 1, 1, CT_INIT_ZERO, 0, false, &err), &err, CT_ERR_INTERNAL,
                 "'twice'");
    assert_error(ct_params_add(&b->params, &p, longest, 1, 1, CT_INIT_ZERO, 0, false, &err), &err, CT_ERR_INTERNAL,
                 "too long");
    assert_error(ct_params_add(&b->params, &p, "empty", 0, 4, CT_INIT_ZERO, 0, false, &err), &err, CT_ERR_SHAPE,
                 "[0, 4]");
    assert_int_equal(p, CT_PARAM_NONE);
    assert_error(ct_params_add_table(&b->params, &table, longest, 1, 1, 1, 1, &err), &err, CT_ERR_INTERNAL, "names");
    for (int i = 0; i < CT_ID_TABLES_MAX; i++)
        assert_ok(ct_params_add_table(&b->params, &table, "table", 1, 1, 1, 1, &err), &err);
    assert_error(ct_params_add_table(&b->params, &table, "more", 1, 1, 1, 1, &err), &err, CT_ERR_INTERNAL, "'more'");
}

static void each_kind_of_initial_value(void **state) {
    test_bench *b = *state;
    enum { N = 10000 };
    static const ct_init kinds[] = {CT_INIT_ZERO, CT_INIT_ONE, CT_INIT_VALUE, CT_INIT_NORMAL, CT_INIT_UNIFORM};
    static const char *const names[] = {"zero", "one", "value", "normal", "uniform"};
    static const double means[] = {0, 1, 0.5, 0, 0}, spreads[] = {0, 0, 0, 0.25, 0.25 / 3}; /* variances */
    static float values[N];
    ct_param p[5];
    ct_error err = CT_ERROR_INIT;
    for (int i = 0; i < 5; i++)
        assert_ok(ct_params_add(&b->params, &p[i], names[i], 1, N, kinds[i], 0.5f, true, &err), &err);
    bench_allocate(b);
    for (int i = 0; i < 5; i++) {
        double sum = 0.0, squares = 0.0, most = 0.0;
        bench_read(b, ct_params_weight(&b->params, p[i]), values);
        for (int k = 0; k < N; k++) {
            sum += values[k];
            most = fmax(most, fabs((double)values[k]));
        }
        const double mean = sum / N;
        for (int k = 0; k < N; k++) squares += (values[k] - mean) * (values[k] - mean);
        /* Four standard errors of a mean, and of a variance, of 10,000 draws. */
        assert_true(fabs(mean - means[i]) <= 4 * sqrt(spreads[i] / N));
        assert_true(fabs(squares / N - spreads[i]) <= 4 * spreads[i] * sqrt(2.0 / N));
        if (kinds[i] == CT_INIT_UNIFORM) assert_true(most <= 0.5 && most > 0.49);
    }
}

/* A store with the segments named, in this order, and a table of `rows` rows. */
static void make_store(ct_params *params, ct_device *device, const char *first, const char *second, int64_t rows) {
    ct_error err = CT_ERROR_INIT;
    ct_param p;
    int32_t table;
    ct_params_begin(params, device, true);
    assert_ok(ct_params_add(params, &p, first, 2, 3, CT_INIT_NORMAL, 1.0f, true, &err), &err);
    assert_ok(ct_params_add(params, &p, second, 2, 3, CT_INIT_NORMAL, 1.0f, true, &err), &err);
    assert_ok(ct_params_add_table(params, &table, "ids", rows, 3, 1.0f, 2, &err), &err);
    assert_ok(ct_params_allocate(params, 7, &err), &err);
}

/* A value depends on seed and name, not on what else is there; a table that grows keeps its old rows. */
static void initial_values_depend_on_the_name_alone(void **state) {
    test_bench *b = *state;
    enum { MANY = 5000, COLS = 3 };
    ct_params small, large;
    float left[6], right[6], few[4 * COLS], many[4 * COLS];
    make_store(&small, b->device, "a", "b", 4);
    make_store(&large, b->device, "b", "a", MANY); /* more rows than are drawn at a time */
    bench_read(b, ct_params_weight(&small, 0), left);
    bench_read(b, ct_params_weight(&large, 1), right);
    assert_memory_equal(left, right, sizeof left);
    bench_read(b, ct_params_weight(&large, 0), right);
    assert_memory_not_equal(left, right, sizeof left);
    bench_read(b, ct_f32(small.tables[0].w, 4, COLS), few);
    bench_read(b, ct_f32(large.tables[0].w, 4, COLS), many);
    assert_memory_equal(few, many, sizeof few);
    bench_read(b, ct_f32(large.tables[0].w + (MANY - 4) * COLS, 4, COLS), many);
    assert_memory_not_equal(few, many, sizeof few);
    for (int i = 0; i < 4 * COLS; i++) assert_true(many[i] != 0.0f && isfinite(many[i]));
    ct_params_free(&small);
    ct_params_free(&large);
}

static void which_gradients_there_are(void **state) {
    test_bench *b = *state;
    const ct_param live = bench_param(b, "live", 2, 2), frozen = bench_param(b, "frozen", 2, 2);
    b->params.segments[frozen].frozen = true;
    bench_allocate(b);
    assert_non_null(ct_params_grad(&b->params, live).data);
    assert_null(ct_params_grad(&b->params, frozen).data);
    assert_non_null(ct_params_weight(&b->params, frozen).data);
    assert_null(ct_params_grad(&b->params, CT_PARAM_NONE).data);
    assert_null(ct_params_weight(&b->params, CT_PARAM_NONE).data);

    ct_params still;
    ct_param p;
    ct_error err = CT_ERROR_INIT;
    ct_params_begin(&still, b->device, false);
    assert_ok(ct_params_add(&still, &p, "w", 2, 2, CT_INIT_ONE, 0, true, &err), &err);
    assert_ok(ct_params_allocate(&still, 1, &err), &err);
    assert_null(ct_params_grad(&still, p).data);
    assert_null(still.m);
    ct_params_free(&still);
}

/* Of a table only the rows of the coming batch are cleared. */
static void zeroing(void **state) {
    test_bench *b = *state;
    ct_error err = CT_ERROR_INIT;
    int32_t table;
    const ct_param p = bench_param(b, "w", 2, 2);
    float ones[6] = {1, 1, 1, 1, 1, 1}, got[6];
    assert_ok(ct_params_add_table(&b->params, &table, "ids", 10, 2, 1.0f, 3, &err), &err);
    bench_allocate(b);
    ct_id_table *t = &b->params.tables[table];
    bench_write(b, ct_params_grad(&b->params, p), ones);
    bench_write(b, ct_f32(t->g, 3, 2), ones);
    t->n_unique = 2;
    assert_ok(ct_params_zero_grad(&b->params, &err), &err);
    bench_read(b, ct_params_grad(&b->params, p), got);
    for (int i = 0; i < 4; i++) assert_true(got[i] == 0.0f);
    bench_read(b, ct_f32(t->g, 3, 2), got);
    for (int i = 0; i < 6; i++) assert_true(got[i] == (i < 4 ? 0.0f : 1.0f));
}

static void the_nth_allocation_fails(void **state) {
    test_bench *b = *state;
    test_alloc_install();
    for (uint64_t n = 1;; n++) {
        ct_params params;
        ct_param p;
        int32_t table;
        ct_error err = CT_ERROR_INIT;
        ct_params_begin(&params, b->device, true);
        test_alloc_fail_at(n);
        ct_status st = ct_params_add(&params, &p, "w", 2, 2, CT_INIT_ONE, 0, true, &err);
        if (st == CT_OK) st = ct_params_add_table(&params, &table, "ids", 10, 2, 1.0f, 3, &err);
        if (st == CT_OK) st = ct_params_allocate(&params, 1, &err);
        test_alloc_fail_at(0);
        ct_params_free(&params);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {ON_BENCH(segments_lie_one_behind_the_other),
                                       ON_BENCH(names_and_shapes_that_are_refused),
                                       ON_BENCH(each_kind_of_initial_value),
                                       ON_BENCH(initial_values_depend_on_the_name_alone),
                                       ON_BENCH(which_gradients_there_are),
                                       ON_BENCH(zeroing),
                                       ON_BENCH(the_nth_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
