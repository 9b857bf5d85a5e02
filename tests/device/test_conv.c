/* The convolution of the CPU device beside its values: checks of arguments, the channel block, the cache of
 * primitives when there are more shapes than places. */
#include "device_support.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static ct_device *dev;
static float data[4096], filters[4096];

static ct_image image(int64_t n, int64_t c, int64_t h, int64_t w, int64_t cb) {
    return (ct_image){data, CT_DTYPE_F32, n, c, h, w, cb};
}

static const ct_image no_image = {0};
static const ct_tensor no_tensor = {0};

/* The op, called with this field on top of `args`, fails like this. */
#define FAILS(op, status, part, field, value)                                                                \
    do {                                                                                                     \
        struct ct_##op##_args broken_args = args;                                                            \
        ct_error err = CT_ERROR_INIT;                                                                        \
        broken_args.field = (value);                                                                         \
        assert_error(ct_##op(dev, &broken_args, &err), &err, status, #op ": " part);                         \
    } while (0)

static void checks_forward(void **state) {
    (void)state;
    ct_image f64 = image(2, 3, 5, 5, 3);
    f64.dtype = CT_DTYPE_F64;
    const struct ct_conv2d_forward_args args = {.y = image(2, 4, 3, 3, 8),
                                                .x = image(2, 3, 5, 5, 3),
                                                .w = ct_f32(filters, 4, 27),
                                                .bias = ct_f32(filters, 1, 4),
                                                .residual = image(2, 4, 3, 3, 8),
                                                .shape = {3, 2, 1}};
    FAILS(conv2d_forward, CT_ERR_SHAPE, "y is [2, 4, 3, 2] in blocks of 8, want [2, any, 3, 3]", y,
          image(2, 4, 3, 2, 8));
    FAILS(conv2d_forward, CT_ERR_SHAPE, "y is [1, 4, 3, 3]", y, image(1, 4, 3, 3, 8));
    FAILS(conv2d_forward, CT_ERR_SHAPE, "w is [4, 27], want [5, 27]", y, image(2, 5, 3, 3, 8));
    FAILS(conv2d_forward, CT_ERR_SHAPE, "w is [4, 9], want [4, 27]", w, ct_f32(filters, 4, 9));
    FAILS(conv2d_forward, CT_ERR_SHAPE, "bias is [4, 1], want [1, 4]", bias, ct_f32(filters, 4, 1));
    FAILS(conv2d_forward, CT_ERR_SHAPE, "residual is [2, 4, 3, 3] in blocks of 4", residual,
          image(2, 4, 3, 3, 4));
    FAILS(conv2d_forward, CT_ERR_SHAPE, "x is [2, 0, 5, 5]", x, image(2, 0, 5, 5, 3));
    FAILS(conv2d_forward, CT_ERR_SHAPE, "the sizes of an image are 4294967296", x,
          image(2, 3, (int64_t)1 << 32, 5, 3));
    FAILS(conv2d_forward, CT_ERR_DTYPE, "x is f64, want f32", x, f64);
    FAILS(conv2d_forward, CT_ERR_ARGUMENT, "x is absent", x.data, NULL);
    FAILS(conv2d_forward, CT_ERR_ARGUMENT, "w is absent", w, no_tensor);
    FAILS(conv2d_forward, CT_ERR_ARGUMENT, "shape.kernel is 0, want 1 to", shape.kernel, 0);
    FAILS(conv2d_forward, CT_ERR_ARGUMENT, "shape.stride is 0, want 1 to", shape.stride, 0);
    FAILS(conv2d_forward, CT_ERR_ARGUMENT, "shape.pad is -1, want 0 to 2", shape.pad, -1);
    FAILS(conv2d_forward, CT_ERR_ARGUMENT, "shape.pad is 3, want 0 to 2", shape.pad, 3);
    FAILS(conv2d_forward, CT_ERR_SHAPE, "with this padding the kernel's places in a picture are 0", shape,
          ((ct_conv2d_shape){8, 1, 1}));
}

/* Sizes whose product has no int64. */
static void checks_overflow(void **state) {
    (void)state;
    const struct ct_conv2d_forward_args args = {.y = image(2, 4, 1, 1, 8),
                                                .x = image(2, 3, 1, 1, 3),
                                                .w = ct_f32(filters, 4, 27),
                                                .shape = {INT32_MAX, INT32_MAX, INT32_MAX - 1}};
    FAILS(conv2d_forward, CT_ERR_SHAPE, "w is [4, 27], want [4, 9223372036854775807]", relu, false);
}

static void checks_backward(void **state) {
    (void)state;
    const struct ct_conv2d_backward_args args = {.dx = image(2, 3, 5, 5, 3),
                                                 .dw = ct_f32(filters, 4, 27),
                                                 .dy = image(2, 4, 3, 3, 8),
                                                 .x = image(2, 3, 5, 5, 3),
                                                 .w = ct_f32(filters, 4, 27),
                                                 .shape = {3, 2, 1}};
    FAILS(conv2d_backward, CT_ERR_SHAPE, "dy is [2, 4, 3, 2]", dy, image(2, 4, 3, 2, 8));
    FAILS(conv2d_backward, CT_ERR_SHAPE, "dw is [4, 9], want [4, 27]", dw, ct_f32(filters, 4, 9));
    FAILS(conv2d_backward, CT_ERR_SHAPE, "w is [9, 3], want [4, 27]", w, ct_f32(filters, 9, 3));
    FAILS(conv2d_backward, CT_ERR_ARGUMENT, "w is absent", w, no_tensor);
    FAILS(conv2d_backward, CT_ERR_ARGUMENT, "x is absent", x.data, NULL);
    FAILS(conv2d_backward, CT_ERR_SHAPE, "dy is [0, 0, 0, 0]", dy, no_image);
    FAILS(conv2d_backward, CT_ERR_ARGUMENT, "beta is 0.5", beta, 0.5f);
}

static void names_a_block_it_lacks(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    struct ct_conv2d_forward_args args = {
        .y = image(1, 4, 2, 2, 5), .x = image(1, 4, 2, 2, 4), .w = ct_f32(filters, 4, 4), .shape = {1, 1, 0}};
    assert_error(ct_conv2d_forward(dev, &args, &err), &err, CT_ERR_UNSUPPORTED,
                 "conv2d_forward: channel blocks of 4 and 5, want 16, 8, 4 or all channels");
    args.y.cb = 4;
    assert_ok(ct_conv2d_forward(dev, &args, &err), &err); /* the failure left nothing behind */
}

/* y = 3 x by a 1x1 kernel. */
static void triple(int64_t h, int64_t w) {
    ct_error err = CT_ERROR_INIT;
    static float y[1024];
    float three = 3;
    struct ct_conv2d_forward_args args = {
        .y = image(1, 1, h, w, 1), .x = image(1, 1, h, w, 1), .w = ct_f32(&three, 1, 1), .shape = {1, 1, 0}};
    args.y.data = y;
    memset(y, 0xff, sizeof y);
    assert_ok(ct_conv2d_forward(dev, &args, &err), &err);
    for (int64_t i = 0; i < h * w; i++)
        if (!(y[i] == 3 * data[i])) fail_msg("%lld of %lld x %lld", (long long)i, (long long)h, (long long)w);
}

/* As many shapes as the cache has places: some sets overflow, and their places are taken again. Nothing is
 * allocated by us. */
static void survives_many_shapes(void **state) {
    (void)state;
    triple(32, 32);
    const uint64_t before = ct_alloc_count();
    for (int64_t h = 1; h <= 32; h++)
        for (int64_t w = 1; w <= 32; w++) triple(h, w);
    for (int64_t w = 1; w <= 32; w++) triple(1, w);
    assert_int_equal(ct_alloc_count(), before);
}

static void block_follows_the_instruction_set(void **state) {
    (void)state;
    static const struct {
        const char *isa;
        int64_t block;
    } cases[] = {{"v2", 8}, {"v3", 8}, {"v4", 16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_error err = CT_ERROR_INIT;
        ct_device *other = NULL;
        setenv("CROSSTOWER_ISA", cases[i].isa, 1);
        const ct_status st = ct_device_open(&other, "cpu", 1, &err);
        unsetenv("CROSSTOWER_ISA");
        if (st == CT_ERR_CONFIG) continue; /* this machine lacks it */
        assert_ok(st, &err);
        assert_int_equal(ct_device_channel_block(other), cases[i].block);
        ct_device_close(other);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_forward),       cmocka_unit_test(checks_overflow),
        cmocka_unit_test(checks_backward),      cmocka_unit_test(names_a_block_it_lacks),
        cmocka_unit_test(survives_many_shapes), cmocka_unit_test(block_follows_the_instruction_set),
    };
    fill_random(data, 4096, 1);
    fill_random(filters, 4096, 2);
    dev = open_cpu(1);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ct_device_close(dev);
    return failed;
}
