/* A device, a parameter store and a tape for one test, and its checks. */
#include "tests/nn/nn_support.h"

#include <string.h>

#include "base/alloc.h"

int bench_setup(void **state) {
    test_bench *b = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_calloc(1, sizeof *b, (void **)&b, &err), &err);
    assert_ok(ct_device_open(&b->device, "cpu", 1, &err), &err);
    ct_params_begin(&b->params, b->device, true);
    assert_ok(ct_tape_create(&b->tape, b->device, &b->params, &err), &err);
    *state = b;
    return 0;
}

int bench_teardown(void **state) {
    test_bench *b = *state;
    ct_tape_free(b->tape);
    ct_params_free(&b->params);
    ct_device_close(b->device);
    ct_free(b);
    return 0;
}

ct_param bench_param(test_bench *b, const char *name, int64_t rows, int64_t cols) {
    ct_param p;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_params_add(&b->params, &p, name, rows, cols, CT_INIT_NORMAL, 1.0f, true, &err), &err);
    return p;
}

void bench_allocate(test_bench *b) {
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_params_allocate(&b->params, 1, &err), &err);
}

void bench_write(test_bench *b, ct_tensor to, const float *values) {
    ct_error err = CT_ERROR_INIT;
    for (int64_t r = 0; r < to.rows; r++)
        assert_ok(ct_device_upload(b->device, (float *)to.data + r * to.ld, values + r * to.cols,
                                   (size_t)to.cols * sizeof(float), &err), &err);
}

void bench_read(test_bench *b, ct_tensor from, float *values) {
    ct_error err = CT_ERROR_INIT;
    for (int64_t r = 0; r < from.rows; r++)
        assert_ok(ct_device_download(b->device, values + r * from.cols, (const float *)from.data + r * from.ld,
                                     (size_t)from.cols * sizeof(float), &err), &err);
}

void assert_ok(ct_status status, const ct_error *err) {
    if (status != CT_OK) fail_msg("status %d: %s", (int)status, err->text);
}

void assert_error(ct_status status, ct_error *err, ct_status wanted, const char *part) {
    if (status != wanted || !strstr(err->text, part))
        fail_msg("status %d: '%s', want %d with '%s'", (int)status, err->text, (int)wanted, part);
    ct_error_clear(err);
}
