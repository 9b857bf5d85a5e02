/* Small helpers for the checks that a table of fields cannot say: tensors on the device, and one TAP line a
 * check. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/ops/harness.h"

static void end_if(ct_status status, const ct_error *err) {
    if (status == CT_OK) return;
    printf("Bail out! device memory: %s\n", err->text);
    exit(2);
}

static ct_tensor put(op_special *s, int64_t rows, int64_t cols, ct_dtype dtype, const void *content) {
    ct_error err = CT_ERROR_INIT;
    const size_t size = ct_dtype_bytes(dtype), n = (size_t)(rows * cols);
    ct_tensor t = {NULL, dtype, rows, cols, cols};
    if (s->n_blocks == OP_COUNT(s->blocks)) abort();
    end_if(ct_device_alloc(s->dev, n ? n : 1, size, &t.data, &err), &err);
    end_if(ct_device_upload(s->dev, t.data, content, n * size, &err), &err);
    s->blocks[s->n_blocks++] = t.data;
    return t;
}

ct_tensor op_special_f32(op_special *s, int64_t rows, int64_t cols, const double *values) {
    float *x = op_alloc((size_t)(rows * cols), sizeof *x);
    for (int64_t i = 0; i < rows * cols; i++) x[i] = values ? (float)values[i] : NAN;
    const ct_tensor t = put(s, rows, cols, CT_DTYPE_F32, x);
    free(x);
    return t;
}

ct_tensor op_special_f64(op_special *s, int64_t rows, int64_t cols, const double *values) {
    return put(s, rows, cols, CT_DTYPE_F64, values);
}

ct_tensor op_special_i32(op_special *s, int64_t rows, int64_t cols, const int32_t *values) {
    int32_t *x = op_alloc((size_t)(rows * cols), sizeof *x);
    for (int64_t i = 0; i < rows * cols; i++) x[i] = values ? values[i] : -77;
    const ct_tensor t = put(s, rows, cols, CT_DTYPE_I32, x);
    free(x);
    return t;
}

void op_special_read(op_special *s, ct_tensor t, double *out) {
    ct_error err = CT_ERROR_INIT;
    const size_t n = (size_t)(t.rows * t.cols);
    float *x = op_alloc(n, sizeof *x);
    end_if(ct_device_download(s->dev, x, t.data, n * sizeof *x, &err), &err);
    for (size_t i = 0; i < n; i++) out[i] = x[i];
    free(x);
}

void op_special_read_i32(op_special *s, ct_tensor t, int32_t *out) {
    ct_error err = CT_ERROR_INIT;
    end_if(ct_device_download(s->dev, out, t.data, (size_t)(t.rows * t.cols) * sizeof *out, &err), &err);
}

void op_special_step(op_special *s) {
    ct_error err = CT_ERROR_INIT;
    end_if(ct_device_set_step(s->dev, &s->step, &err), &err);
}

void op_special_check(op_special *s, bool ok, const char *format, ...) {
    char text[200], name[300];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    snprintf(name, sizeof name, "%s %s: %s", s->device->name, s->op, text);
    op_tap(ok, name, NULL);
}

void op_special_run(const op_entry *op, const op_device *device) {
    op_special s = {.device = device, .op = op->name, .dev = device->two};
    s.step = (ct_step){.seed = 99, .step = 3, .lr = 1e-2f, .bias1 = 0.3f, .bias2 = 0.02f, .clip = 1};
    op_doing("%s: special checks of %s", device->name, op->name);
    op->c->special(&s);
    for (int i = 0; i < s.n_blocks; i++) ct_device_free(s.dev, s.blocks[i]);
}
