/* Shared helpers of the device tests. */
#include "device_support.h"

#include <string.h>

ct_device *open_cpu(int n_threads) {
    ct_error err = CT_ERROR_INIT;
    ct_device *dev = NULL;
    assert_ok(ct_device_open(&dev, "cpu", n_threads, &err), &err);
    return dev;
}

void assert_error(ct_status status, ct_error *err, ct_status wanted, const char *part) {
    if (status != wanted)
        fail_msg("%s (%s), want %s", ct_status_name(status), err->text, ct_status_name(wanted));
    if (!strstr(err->text, part)) fail_msg("the message is '%s', want '%s' in it", err->text, part);
    ct_error_clear(err);
}

void assert_ok(ct_status status, const ct_error *err) {
    if (status != CT_OK) fail_msg("%s: %s", ct_status_name(status), err->text);
}

void fill_random(float *x, int64_t n, uint32_t stream) {
    ct_rng rng = ct_rng_make(17, 0, stream);
    for (int64_t i = 0; i < n; i++) x[i] = (float)ct_rng_normal(&rng);
}
