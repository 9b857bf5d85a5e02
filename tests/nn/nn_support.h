/* What the tests of the tape and the parameter store share. */
#ifndef CT_TESTS_NN_SUPPORT_H
#define CT_TESTS_NN_SUPPORT_H

#include "tests/support/cmocka.h"

#include "nn/layers.h"

/* A device of one thread, an empty store that trains, and a tape over both. */
typedef struct test_bench {
    ct_device *device;
    ct_params params;
    ct_tape *tape;
} test_bench;

/* cmocka's set-up and tear-down: *state is a test_bench. */
int bench_setup(void **state);
int bench_teardown(void **state);

/* Adds a segment of normal values. */
ct_param bench_param(test_bench *b, const char *name, int64_t rows, int64_t cols);
/* Allocates what was added. */
void bench_allocate(test_bench *b);

/* Whole tensors without gaps, or column blocks, from and to arrays without gaps. */
void bench_write(test_bench *b, ct_tensor to, const float *values);
void bench_read(test_bench *b, ct_tensor from, float *values);

void assert_ok(ct_status status, const ct_error *err);
/* status is wanted and the message holds `part`; the error is forgotten. */
void assert_error(ct_status status, ct_error *err, ct_status wanted, const char *part);

#endif
