/* The fully connected layer and the matrix product of the CPU device against loops in double. */
#include "device_support.h"

#include <math.h>
#include <string.h>

#include "device/cpu/onednn.h"

enum { MOST = 300 * 70 };

typedef struct sizes {
    int64_t t, i, o, pad; /* pad: how far ld is beyond the columns */
} sizes;

static const sizes cases[] = {{1, 1, 1, 0},    {5, 7, 3, 0},     {16, 16, 16, 0},
                              {17, 33, 65, 3}, {300, 64, 48, 5}, {130, 1, 9, 1},
                              {3, 61, 1, 2},   {0, 4, 5, 0},     {257, 8, 2, 0}};

static float x[MOST], w[MOST], b[MOST], y[MOST], old_y[MOST], dx[MOST], dw[MOST], db[MOST];

static ct_tensor padded(float *data, int64_t rows, int64_t cols, int64_t pad) {
    assert_true(rows * (cols + pad) <= MOST);
    return (ct_tensor){data, CT_DTYPE_F32, rows, cols, cols + pad};
}

static float at(ct_tensor t, int64_t i, int64_t j) {
    return ((const float *)t.data)[i * t.ld + j];
}

/* got is within rounding of want, a sum of `length` products of size about 1. NaN is not. */
static void assert_close(float got, double want, int64_t length) {
    const double limit = 4e-7 * (double)(length + 4) * (1 + fabs(want));
    if (!(fabs((double)got - want) <= limit)) fail_msg("%.9g, want %.9g", (double)got, want);
}

/* What lies between the columns of a row and the next row is not the op's. */
static void assert_gaps_kept(ct_tensor t, const float *before) {
    for (int64_t i = 0; i < t.rows; i++)
        for (int64_t j = t.cols; j < t.ld; j++) {
            const int64_t k = i * t.ld + j;
            assert_memory_equal((const float *)t.data + k, before + k, sizeof *before);
        }
}

static void check_forward(ct_device *dev, sizes s, float beta, bool with_bias) {
    ct_error err = CT_ERROR_INIT;
    struct ct_linear_forward_args args = {.y = padded(y, s.t, s.o, s.pad),
                                          .x = padded(x, s.t, s.i, s.pad),
                                          .w = padded(w, s.o, s.i, s.pad),
                                          .beta = beta};
    if (with_bias) args.b = ct_f32(b, 1, s.o);
    for (int64_t k = 0; k < MOST; k++) old_y[k] = y[k] = beta == 0.0f ? NAN : 1.5f;
    assert_ok(ct_linear_forward(dev, &args, &err), &err);
    for (int64_t t = 0; t < s.t; t++)
        for (int64_t o = 0; o < s.o; o++) {
            double want = beta == 0.0f ? 0.0 : 1.5;
            if (with_bias) want += (double)b[o];
            for (int64_t i = 0; i < s.i; i++) want += (double)at(args.x, t, i) * (double)at(args.w, o, i);
            assert_close(at(args.y, t, o), want, s.i);
        }
    assert_gaps_kept(args.y, old_y);
}

static void forward_is_the_formula(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        ct_device *dev = open_cpu(threads);
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            for (int variant = 0; variant < 4; variant++)
                check_forward(dev, cases[c], (float)(variant % 2), variant / 2 == 1);
        ct_device_close(dev);
    }
}

/* y plays dy here. */
static void check_backward(ct_device *dev, sizes s, float beta) {
    ct_error err = CT_ERROR_INIT;
    struct ct_linear_backward_args args = {.dx = padded(dx, s.t, s.i, s.pad),
                                           .dw = padded(dw, s.o, s.i, s.pad),
                                           .db = ct_f32(db, 1, s.o),
                                           .dy = padded(y, s.t, s.o, s.pad),
                                           .x = padded(x, s.t, s.i, s.pad),
                                           .w = padded(w, s.o, s.i, s.pad),
                                           .beta = beta};
    for (int64_t k = 0; k < MOST; k++) {
        dx[k] = beta == 0.0f ? NAN : 2.0f;
        dw[k] = db[k] = 0.5f;
    }
    assert_ok(ct_linear_backward(dev, &args, &err), &err);
    for (int64_t t = 0; t < s.t; t++)
        for (int64_t i = 0; i < s.i; i++) {
            double want = beta == 0.0f ? 0.0 : 2.0;
            for (int64_t o = 0; o < s.o; o++) want += (double)at(args.dy, t, o) * (double)at(args.w, o, i);
            assert_close(at(args.dx, t, i), want, s.o);
        }
    for (int64_t o = 0; o < s.o; o++) {
        double bias = 0.5;
        for (int64_t t = 0; t < s.t; t++) bias += (double)at(args.dy, t, o);
        assert_close(db[o], bias, s.t);
        for (int64_t i = 0; i < s.i; i++) {
            double want = 0.5;
            for (int64_t t = 0; t < s.t; t++) want += (double)at(args.dy, t, o) * (double)at(args.x, t, i);
            assert_close(at(args.dw, o, i), want, s.t);
        }
    }
}

static void backward_is_the_formula(void **state) {
    (void)state;
    fill_random(y, MOST, 3);
    ct_device *dev = open_cpu(2);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int beta = 0; beta < 2; beta++) check_backward(dev, cases[c], (float)beta);
    ct_device_close(dev);
}

/* A frozen weight leaves only dx; nothing wanted is legal too. */
static void backward_skips_what_is_absent(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_device *dev = open_cpu(1);
    fill_random(y, MOST, 3);
    struct ct_linear_backward_args args = {
        .dx = ct_f32(dx, 4, 3), .dy = ct_f32(y, 4, 2), .w = ct_f32(w, 2, 3)};
    assert_ok(ct_linear_backward(dev, &args, &err), &err);
    args.dx = (ct_tensor){0};
    assert_ok(ct_linear_backward(dev, &args, &err), &err);
    args.dw = ct_f32(dw, 2, 3);
    assert_error(ct_linear_backward(dev, &args, &err), &err, CT_ERR_ARGUMENT, "linear_backward: x is absent");
    ct_device_close(dev);
}

/* The same number of threads gives the same bytes. */
static void repeats_its_bytes(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_device *dev = open_cpu(2);
    fill_random(y, MOST, 3);
    const sizes s = {300, 64, 48, 0};
    const struct ct_linear_backward_args args = {.dw = ct_f32(dw, s.o, s.i),
                                                 .db = ct_f32(db, 1, s.o),
                                                 .dy = ct_f32(y, s.t, s.o),
                                                 .x = ct_f32(x, s.t, s.i)};
    static float first_dw[MOST], first_db[MOST];
    for (int run = 0; run < 10; run++) {
        memset(dw, 0, sizeof dw);
        memset(db, 0, sizeof db);
        assert_ok(ct_linear_backward(dev, &args, &err), &err);
        if (run == 0) {
            memcpy(first_dw, dw, sizeof dw);
            memcpy(first_db, db, sizeof db);
        }
        assert_memory_equal(dw, first_dw, sizeof dw);
        assert_memory_equal(db, first_db, sizeof db);
    }
    ct_device_close(dev);
}

/* All four transpositions, alpha, and a sum of nothing. */
static void gemm_is_the_formula(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const int64_t m = 9, n = 14, sums[] = {5, 0};
    for (int variant = 0; variant < 16; variant++) {
        const bool ta = variant & 1, tb = variant & 2;
        const float beta = variant & 4 ? 1.0f : 0.0f;
        const int64_t k = sums[variant >> 3], lda = 20, ldb = 21, ldc = 17;
        for (int64_t c = 0; c < MOST; c++) y[c] = beta == 0.0f ? NAN : 3.0f;
        assert_ok(ct__onednn_gemm(ta, tb, m, n, k, 0.5f, x, lda, w, ldb, beta, y, ldc, &err), &err);
        for (int64_t r = 0; r < m; r++)
            for (int64_t c = 0; c < n; c++) {
                double sum = 0;
                for (int64_t p = 0; p < k; p++)
                    sum +=
                        (double)x[ta ? p * lda + r : r * lda + p] * (double)w[tb ? c * ldb + p : p * ldb + c];
                assert_close(y[r * ldc + c], 0.5 * sum + (beta == 0.0f ? 0.0 : 3.0), k);
            }
    }
    assert_ok(ct__onednn_gemm(false, false, 0, 3, 2, 1.0f, NULL, 2, w, 3, 0.0f, NULL, 3, &err), &err);
    assert_error(ct__onednn_gemm(false, false, 2, 3, 4, 1.0f, x, 1, w, 3, 0.0f, y, 3, &err), &err,
                 CT_ERR_INTERNAL, "oneDNN sgemm of 2 x 3 x 4");
}

static int fill_inputs(void **state) {
    (void)state;
    fill_random(x, MOST, 1);
    fill_random(w, MOST, 2);
    fill_random(b, MOST, 4);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_the_formula),        cmocka_unit_test(backward_is_the_formula),
        cmocka_unit_test(backward_skips_what_is_absent), cmocka_unit_test(repeats_its_bytes),
        cmocka_unit_test(gemm_is_the_formula),
    };
    return cmocka_run_group_tests(tests, fill_inputs, NULL);
}
