/* The CPU device: opening it by name and instruction set, memory, step state, planning, and what an op does
 * around its kernel. */
#include "device_support.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "device/cpu/isa.h"

static void opens_and_closes(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char *const names[] = {"cpu", "auto"};
    for (int i = 0; i < 2; i++) {
        ct_device *dev = NULL;
        assert_ok(ct_device_open(&dev, names[i], 0, &err), &err);
        const ct_device_info info = ct_device_get_info(dev);
        assert_string_equal(info.kind, "cpu");
        assert_true(info.n_threads >= 1);
        assert_true(info.name[0] != '\0');
        assert_non_null(strstr(info.gemm, "oneDNN "));
        ct_device_close(dev);
    }
    ct_device_close(NULL);
}

static void refuses_unknown_devices(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_device *dev = (ct_device *)&err;
    assert_error(ct_device_open(&dev, "tpu", 0, &err), &err, CT_ERR_CONFIG, "'tpu'");
    assert_null(dev);
    assert_error(ct_device_open(&dev, "", 0, &err), &err, CT_ERR_CONFIG, "want cpu or auto");
    assert_error(ct_device_open(&dev, "cuda", 0, &err), &err, CT_ERR_UNSUPPORTED, "no CUDA device");
    assert_error(ct_device_open(&dev, NULL, 0, &err), &err, CT_ERR_ARGUMENT, "no name");
    assert_error(ct_device_open(&dev, "cpu", -1, &err), &err, CT_ERR_ARGUMENT, "-1 threads");
    assert_error(ct_device_open(&dev, "cpu", 1 << 20, &err), &err, CT_ERR_ARGUMENT, "1048576 threads");
    assert_null(dev);
}

static void has_every_op(void **state) {
    (void)state;
    ct_device *dev = open_cpu(1);
    const ct_op_table *table = ct_device_table(dev);
#define CT_OP(name, home) assert_true(table->name != NULL);
#include "kernels/ops.def"
#undef CT_OP
    ct_device_close(dev);
}

/* Every level up to the machine's can be forced and runs its own kernels; the ones above are refused. */
static void forces_instruction_sets(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_isa machine = CT_ISA_BASE;
    assert_ok(ct__isa_detect(&machine, &err), &err);
    const ct_op_table *before = NULL;
    for (int level = 2; level <= 4; level++) {
        const char word[] = {'v', (char)('0' + level), '\0'};
        const ct_isa isa = (ct_isa)(CT_ISA_V2 + level - 2);
        ct_device *dev = NULL;
        setenv("CROSSTOWER_ISA", word, 1);
        const ct_status st = ct_device_open(&dev, "cpu", 1, &err);
        if (isa > machine) {
            assert_error(st, &err, CT_ERR_CONFIG, "at most");
            continue;
        }
        assert_ok(st, &err);
        assert_string_equal(ct_device_get_info(dev).isa, ct__isa_name(isa));
        assert_ptr_not_equal(ct_device_table(dev), before);
        before = ct_device_table(dev);
        ct_device_close(dev);
    }
    const char *const wrong[] = {"v1", "v5", "avx2", "v33", "V3", "v"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ct_device *dev = NULL;
        setenv("CROSSTOWER_ISA", wrong[i], 1);
        assert_error(ct_device_open(&dev, "cpu", 1, &err), &err, CT_ERR_CONFIG, wrong[i]);
        assert_null(dev);
    }
    unsetenv("CROSSTOWER_ISA");
}

static void moves_memory(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_device *dev = open_cpu(1);
    const int32_t sent[3] = {4, 5, 6}, zero[3] = {0, 0, 0};
    int32_t got[3] = {9, 9, 9};
    void *block = NULL;
    assert_ok(ct_device_alloc(dev, 3, sizeof *sent, &block, &err), &err);
    assert_ok(ct_device_download(dev, got, block, sizeof got, &err), &err);
    assert_memory_equal(got, zero, sizeof got);
    assert_ok(ct_device_upload(dev, block, sent, sizeof sent, &err), &err);
    assert_ok(ct_device_sync(dev, &err), &err);
    assert_ok(ct_device_download(dev, got, block, sizeof got, &err), &err);
    assert_memory_equal(got, sent, sizeof got);
    assert_ok(ct_device_zero(dev, block, sizeof got, &err), &err);
    assert_ok(ct_device_download(dev, got, block, sizeof got, &err), &err);
    assert_memory_equal(got, zero, sizeof got);
    assert_ok(ct_device_upload(dev, NULL, NULL, 0, &err), &err);
    ct_device_free(dev, block);
    ct_device_free(dev, NULL);

    assert_error(ct_device_alloc(dev, SIZE_MAX / 2, 4, &block, &err), &err, CT_ERR_MEMORY, "");
    assert_null(block);
    ct_device_close(dev);
}

static void keeps_the_step(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_device *dev = open_cpu(1);
    const ct_step sent = {.seed = 1ull << 40, .step = 7, .lr = 0.5f, .skip = 1, .grad_norm = 3.0f};
    ct_step got = {0};
    assert_ok(ct_device_set_step(dev, &sent, &err), &err);
    assert_ok(ct_device_get_step(dev, &got, &err), &err);
    assert_true(got.seed == sent.seed && got.step == 7 && got.lr == 0.5f && got.skip == 1 &&
                got.grad_norm == 3.0f);

    /* A kernel writes it: a norm of 5 against at most 1. */
    double sum = 25.0;
    float loss = 1.0f;
    const struct ct_grad_guard_args args = {
        .sum = ct_matrix(&sum, CT_DTYPE_F64, 1, 1), .loss = ct_f32(&loss, 1, 1), .max_norm = 1.0f};
    assert_ok(ct_grad_guard(dev, &args, &err), &err);
    assert_ok(ct_device_get_step(dev, &got, &err), &err);
    assert_true(got.skip == 0 && got.grad_norm == 5.0f && got.clip == 0.2f && got.step == 7);
    ct_device_close(dev);
}

enum { ROWS = 256, OUTPUTS = 24 };

/* An op that needs scratch for its column sums. */
static ct_status sum_columns(ct_device *dev, float *dy, int64_t rows, float *db, ct_error *err) {
    const struct ct_linear_backward_args args = {.db = ct_f32(db, 1, OUTPUTS),
                                                 .dy = ct_f32(dy, rows, OUTPUTS)};
    return ct_linear_backward(dev, &args, err);
}

static void plans_then_runs_without_allocating(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    static float dy[2 * ROWS * OUTPUTS], db[OUTPUTS];
    for (int i = 0; i < 2 * ROWS * OUTPUTS; i++) dy[i] = 1.0f;
    ct_device *dev = open_cpu(2);
    assert_true(ct_device_scratch_bytes(dev) == 0);

    /* Planning touches nothing, be it an op, a copy or a clear: the addresses are not memory. */
    ct_arena dry;
    ct_arena_create_dry(&dry, "fake");
    void *fake = NULL;
    assert_ok(ct_arena_take(&dry, 2 * ROWS * OUTPUTS, sizeof(float), &fake, &err), &err);
    ct_device_plan_begin(dev);
    assert_ok(sum_columns(dev, fake, ROWS, fake, &err), &err);
    assert_ok(sum_columns(dev, fake, 1, fake, &err), &err);
    assert_ok(ct_device_zero(dev, fake, 100, &err), &err);
    assert_ok(ct_device_upload(dev, fake, dy, 100, &err), &err);
    assert_error(sum_columns(dev, NULL, ROWS, fake, &err), &err, CT_ERR_ARGUMENT, "dy is absent");
    assert_ok(ct_device_plan_end(dev, &err), &err);
    const size_t planned = ct_device_scratch_bytes(dev);
    assert_true(planned > 0);

    uint64_t count = ct_alloc_count();
    assert_ok(sum_columns(dev, dy, ROWS, db, &err), &err);
    assert_ok(sum_columns(dev, dy, 1, db, &err), &err);
    assert_true(ct_alloc_count() == count);
    assert_true(db[0] == ROWS + 1 && db[OUTPUTS - 1] == ROWS + 1);

    /* More than was planned: one allocation, once. */
    assert_ok(sum_columns(dev, dy, 2 * ROWS, db, &err), &err);
    assert_true(ct_alloc_count() == count + 1);
    assert_ok(sum_columns(dev, dy, 2 * ROWS, db, &err), &err);
    assert_true(ct_alloc_count() == count + 1);
    assert_true(ct_device_scratch_bytes(dev) > planned);

    /* A smaller plan leaves the scratch as it is. */
    const size_t grown = ct_device_scratch_bytes(dev);
    ct_device_plan_begin(dev);
    assert_ok(sum_columns(dev, fake, 1, fake, &err), &err);
    assert_ok(ct_device_plan_end(dev, &err), &err);
    assert_true(ct_device_scratch_bytes(dev) == grown);
    ct_device_close(dev);
}

static int seen_threads;
static ct_status gelu_that_looks(ct_kctx *ctx, const struct ct_gelu_forward_args *args) {
    (void)args;
    if (ctx->dry) return CT_OK;
    seen_threads = ctx->n_threads == omp_get_max_threads() ? ctx->n_threads : -1;
    return ct_fail(ctx->err, CT_ERR_INTERNAL, "looked");
}

/* The table that answers is the table that runs; the caller's OpenMP setting comes back even when the op
 * fails. */
static void runs_a_replaced_table(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    float x[2] = {0};
    const struct ct_gelu_forward_args args = {.y = ct_f32(x, 1, 2), .x = ct_f32(x, 1, 2)};
    ct_device *dev = open_cpu(3);
    const ct_op_table *own = ct_device_table(dev);
    ct_op_table other = *own;
    other.gelu_forward = gelu_that_looks;
    other.sq_norm = NULL;
    ct_device_set_table(dev, &other);
    assert_ptr_equal(ct_device_table(dev), &other);
    omp_set_num_threads(5);
    assert_error(ct_gelu_forward(dev, &args, &err), &err, CT_ERR_INTERNAL, "gelu_forward: looked");
    assert_int_equal(seen_threads, 3);
    assert_int_equal(omp_get_max_threads(), 5);
    const struct ct_sq_norm_args none = {0};
    assert_error(ct_sq_norm(dev, &none, &err), &err, CT_ERR_UNSUPPORTED, "sq_norm");
    ct_device_set_table(dev, NULL);
    assert_ptr_equal(ct_device_table(dev), own);
    assert_ok(ct_gelu_forward(dev, &args, &err), &err);
    ct_device_close(dev);
}

/* An allocator that refuses the nth call and counts what is still out. */
typedef struct faulty {
    int calls, fail_at, live;
} faulty;

static void *faulty_allocate(void *ctx, size_t bytes) {
    faulty *f = ctx;
    if (++f->calls == f->fail_at) return NULL;
    void *block = NULL;
    if (posix_memalign(&block, CT_ALIGN, bytes ? bytes : 1) != 0) return NULL;
    f->live++;
    return block;
}

static void faulty_release(void *ctx, void *block) {
    if (block) ((faulty *)ctx)->live--;
    free(block);
}

static void survives_a_full_memory(void **state) {
    (void)state;
    static float dy[ROWS * OUTPUTS], db[OUTPUTS];
    faulty f = {0};
    const ct_allocator allocator = {faulty_allocate, faulty_release, &f};
    ct_set_allocator(&allocator);
    int failures = 0;
    for (int n = 1; n <= 20; n++) {
        ct_error err = CT_ERROR_INIT;
        ct_device *dev = NULL;
        f = (faulty){.fail_at = n};
        ct_status st = ct_device_open(&dev, "cpu", 1, &err);
        if (st == CT_OK) st = sum_columns(dev, dy, ROWS, db, &err);
        ct_device_close(dev);
        if (f.live != 0) fail_msg("allocation %d failed and %d blocks were left", n, f.live);
        if (f.calls < n) break;
        assert_error(st, &err, CT_ERR_MEMORY, "");
        failures++;
    }
    ct_set_allocator(NULL);
    assert_true(failures >= 3);
}

int main(void) {
    unsetenv("CROSSTOWER_ISA");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_and_closes),
        cmocka_unit_test(refuses_unknown_devices),
        cmocka_unit_test(has_every_op),
        cmocka_unit_test(forces_instruction_sets),
        cmocka_unit_test(moves_memory),
        cmocka_unit_test(keeps_the_step),
        cmocka_unit_test(plans_then_runs_without_allocating),
        cmocka_unit_test(runs_a_replaced_table),
        cmocka_unit_test(survives_a_full_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
