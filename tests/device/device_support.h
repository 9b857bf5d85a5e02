/* What the tests of the device share: an error that must be of a kind and name its subject, random numbers.
 */
#ifndef CT_TESTS_DEVICE_SUPPORT_H
#define CT_TESTS_DEVICE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "device/device.h"

/* A device of n_threads threads; fails the test when there is none. */
ct_device *open_cpu(int n_threads);

/* status is wanted and the message holds `part`; the error is forgotten. */
void assert_error(ct_status status, ct_error *err, ct_status wanted, const char *part);

/* CT_OK, or the test fails with the message. */
void assert_ok(ct_status status, const ct_error *err);

void fill_random(float *x, int64_t n, uint32_t stream);

#endif
