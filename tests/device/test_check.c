/* The checks of arguments: each broken rule has its status and a message that names op, tensor, found and
 * wanted; no arguments, however odd, get past them into a crash. */
#include "device_support.h"

#include <math.h>
#include <string.h>

#include "device/check.h"

static ct_device *dev;
static float data[64];
static int32_t ints[64];

static ct_tensor f(int64_t rows, int64_t cols) {
    return ct_f32(data, rows, cols);
}
static ct_tensor n(int64_t rows) {
    return ct_i32(ints, rows, 1);
}

/* The op, called with these fields on top of `args`, fails like this. */
#define FAILS(op, status, part, field, value)                                                                \
    do {                                                                                                     \
        struct ct_##op##_args broken_args = args;                                                            \
        ct_error err = CT_ERROR_INIT;                                                                        \
        broken_args.field = (value);                                                                         \
        assert_error(ct_##op(dev, &broken_args, &err), &err, status, #op ": " part);                         \
    } while (0)

#define RUNS(op)                                                                                             \
    do {                                                                                                     \
        ct_error err = CT_ERROR_INIT;                                                                        \
        assert_ok(ct_##op(dev, &args, &err), &err);                                                          \
    } while (0)

static ct_tensor with_ld(ct_tensor t, int64_t ld) {
    t.ld = ld;
    return t;
}

static ct_tensor as(ct_tensor t, ct_dtype dtype) {
    t.dtype = dtype;
    return t;
}

static const ct_tensor absent = {0};

static void checks_linear(void **state) {
    (void)state;
    const struct ct_linear_forward_args args = {.y = f(2, 3), .x = f(2, 4), .w = f(3, 4), .b = f(1, 3)};
    FAILS(linear_forward, CT_ERR_SHAPE, "w is [3, 5], want [3, 4]", w, f(3, 5));
    FAILS(linear_forward, CT_ERR_SHAPE, "x is [1, 4], want [2, any]", x, f(1, 4));
    FAILS(linear_forward, CT_ERR_SHAPE, "b is [3, 1], want [1, 3]", b, f(3, 1));
    FAILS(linear_forward, CT_ERR_SHAPE, "w has ld 3, want at least its 4 columns", w, with_ld(f(3, 4), 3));
    FAILS(linear_forward, CT_ERR_SHAPE, "y is [-2, 3], want no negative size", y, f(-2, 3));
    FAILS(linear_forward, CT_ERR_SHAPE, "x's columns are 0, want at least 1", x, f(2, 0));
    FAILS(linear_forward, CT_ERR_SHAPE, "y is [4611686018427387904, 3]", y, f((int64_t)1 << 62, 3));
    FAILS(linear_forward, CT_ERR_DTYPE, "x is f64, want f32", x, as(f(2, 4), CT_DTYPE_F64));
    FAILS(linear_forward, CT_ERR_ARGUMENT, "w is absent, want [3, 4]", w, absent);
    FAILS(linear_forward, CT_ERR_ARGUMENT, "x is absent", x, absent);
    FAILS(linear_forward, CT_ERR_ARGUMENT, "beta is 0.5, want 0 or 1", beta, 0.5f);
    FAILS(linear_forward, CT_ERR_ARGUMENT, "beta is nan", beta, NAN);
}

static void checks_attention(void **state) {
    (void)state;
    ints[0] = 0, ints[1] = 2;
    const struct ct_attention_forward_args args = {.out = ct_f32(data + 32, 2, 4),
                                                   .lse = ct_f32(data + 48, 2, 2),
                                                   .qkv = f(2, 12),
                                                   .offsets = n(2),
                                                   .heads = 2,
                                                   .max_length = 2,
                                                   .scale = 0.5f};
    RUNS(attention_forward);
    FAILS(attention_forward, CT_ERR_SHAPE, "qkv has 12 columns, want a multiple of 3 times the 5 heads",
          heads, 5);
    FAILS(attention_forward, CT_ERR_SHAPE, "heads are 0, want at least 1", heads, 0);
    FAILS(attention_forward, CT_ERR_SHAPE, "out is [2, 12], want [2, 4]", out, f(2, 12));
    FAILS(attention_forward, CT_ERR_SHAPE, "lse is [2, 4], want [2, 2]", lse, f(2, 4));
    FAILS(attention_forward, CT_ERR_SHAPE, "max_length is -1, want at least 0", max_length, -1);
    FAILS(attention_forward, CT_ERR_SHAPE, "max_length's tokens are 4294967296", max_length,
          (int64_t)1 << 32);
    FAILS(attention_forward, CT_ERR_SHAPE, "offsets has no element", offsets, n(0));
    FAILS(attention_forward, CT_ERR_DTYPE, "offsets is f32, want i32", offsets, as(n(2), CT_DTYPE_F32));
    FAILS(attention_forward, CT_ERR_SHAPE, "offsets has ld 2, want 1", offsets, with_ld(n(2), 2));
    FAILS(attention_forward, CT_ERR_SHAPE, "row_of is [3, 1], want [1, 1]", row_of, n(3));
    FAILS(attention_forward, CT_ERR_ARGUMENT, "dropout's p is 1, want 0 <= p < 1", drop.p, 1.0f);
    FAILS(attention_forward, CT_ERR_ARGUMENT, "dropout's p is nan", drop.p, NAN);
    FAILS(attention_forward, CT_ERR_ARGUMENT, "scale is inf", scale, INFINITY);
}

static void checks_norms(void **state) {
    (void)state;
    const struct ct_add_layer_norm_backward_args args = {
        .dx = f(2, 3), .dy = f(2, 3), .s = f(2, 3), .mean = f(2, 1), .rstd = f(2, 1), .w = f(1, 3)};
    FAILS(add_layer_norm_backward, CT_ERR_ARGUMENT, "db is absent but dw is there, want both or neither", dw,
          f(1, 3));
    FAILS(add_layer_norm_backward, CT_ERR_SHAPE, "mean is [3, 1], want [2, 1]", mean, f(3, 1));
    FAILS(add_layer_norm_backward, CT_ERR_SHAPE, "rstd has ld 4, want 1", rstd, with_ld(f(2, 1), 4));
    FAILS(add_layer_norm_backward, CT_ERR_ARGUMENT, "s is absent", s, absent);
    FAILS(add_layer_norm_backward, CT_ERR_ARGUMENT, "beta_r is 2", beta_r, 2.0f);
}

static void checks_text_cnn(void **state) {
    (void)state;
    const struct ct_text_cnn_max_forward_args args = {
        .y = f(1, 2), .x = f(4, 3), .offsets = n(2), .w = f(2, 6), .b = f(1, 2), .width = 2, .max_length = 4};
    FAILS(text_cnn_max_forward, CT_ERR_SHAPE, "x has ld 5, want its 3 columns", x, with_ld(f(4, 3), 5));
    FAILS(text_cnn_max_forward, CT_ERR_SHAPE, "w is [2, 6], want [2, 9]", width, 3);
    FAILS(text_cnn_max_forward, CT_ERR_SHAPE, "width is 0, want at least 1", width, 0);
    FAILS(text_cnn_max_forward, CT_ERR_SHAPE, "width is 9223372036854775807", width, INT64_MAX);
    FAILS(text_cnn_max_forward, CT_ERR_SHAPE, "offsets is [3, 1], want [2, 1]", offsets, n(3));
    FAILS(text_cnn_max_forward, CT_ERR_DTYPE, "argmax is f32, want i32", argmax, f(1, 2));
}

static void checks_lookups(void **state) {
    (void)state;
    const struct ct_gather_rows_backward_args args = {
        .dtable = f(2, 3), .dy = f(4, 3), .seg_begin = n(3), .seg_row = n(4)};
    FAILS(gather_rows_backward, CT_ERR_SHAPE, "dtable's rows are 1, want at least 2", dtable, f(1, 3));
    FAILS(gather_rows_backward, CT_ERR_SHAPE, "rows is [3, 1], want [2, 1]", rows, n(3));
    FAILS(gather_rows_backward, CT_ERR_SHAPE, "scale is [1, 1], want [4, 1]", scale, f(1, 1));
    FAILS(gather_rows_backward, CT_ERR_SHAPE, "dy is [4, 2], want [any, 3]", dy, f(4, 2));
}

static void checks_infonce(void **state) {
    (void)state;
    const struct ct_infonce_forward_args args = {.loss = f(1, 1),
                                                 .stats = f(3, 1),
                                                 .row_neg = f(2, 1),
                                                 .col_neg = f(3, 1),
                                                 .row_coef = f(2, 1),
                                                 .col_coef = f(3, 1),
                                                 .pos_coef = f(2, 1),
                                                 .batch = {.u = f(2, 4),
                                                           .v = f(3, 4),
                                                           .log_scale = f(1, 1),
                                                           .pos = n(2),
                                                           .mask_begin = n(3),
                                                           .mask_col = n(2),
                                                           .row_share = 0.5f}};
    FAILS(infonce_forward, CT_ERR_SHAPE, "v is [3, 5], want [any, 4]", batch.v, f(3, 5));
    FAILS(infonce_forward, CT_ERR_SHAPE, "v's rows are 0, want at least 1", batch.v, f(0, 4));
    FAILS(infonce_forward, CT_ERR_SHAPE, "stats is [1, 3], want [3, 1]", stats, f(1, 3));
    FAILS(infonce_forward, CT_ERR_ARGUMENT, "item_logq is absent, want [3, 1]", batch.mode, CT_LOGQ_CLASSIC);
    FAILS(infonce_forward, CT_ERR_ARGUMENT, "item_logq is there, want it absent", batch.item_logq, f(3, 1));
    FAILS(infonce_forward, CT_ERR_ARGUMENT, "item_group is absent but user_group is there", batch.user_group,
          n(2));
    FAILS(infonce_forward, CT_ERR_ARGUMENT, "row_share is 1.5, want 0 to 1", batch.row_share, 1.5f);
    FAILS(infonce_forward, CT_ERR_ARGUMENT, "mode is 3", batch.mode, (ct_logq_mode)3);
}

static void checks_optimizer(void **state) {
    (void)state;
    const struct ct_adamw_args args = {
        .w = f(1, 3), .m = f(1, 3), .v = f(1, 3), .g = f(1, 3), .hyper.eps = 1e-8f};
    FAILS(adamw, CT_ERR_SHAPE, "g is [1, 2], want [1, 3]", g, f(1, 2));
    FAILS(adamw, CT_ERR_ARGUMENT, "beta1 is 1, want 0 to 1", hyper.beta1, 1.0f);
    FAILS(adamw, CT_ERR_ARGUMENT, "eps is 0, want a finite number above 0", hyper.eps, 0.0f);
    FAILS(adamw, CT_ERR_ARGUMENT, "decay is -1", hyper.decay, -1.0f);
}

static void checks_running_update(void **state) {
    (void)state;
    const struct ct_running_update_args args = {.x = f(1, 3), .batch = f(1, 3), .momentum = 0.1f};
    FAILS(running_update, CT_ERR_SHAPE, "batch is [1, 2], want [1, 3]", batch, f(1, 2));
    FAILS(running_update, CT_ERR_ARGUMENT, "momentum is 2, want 0 to 1", momentum, 2.0f);
}

static void checks_sums(void **state) {
    (void)state;
    double sum = 0;
    const struct ct_sq_norm_args args = {.sum = ct_matrix(&sum, CT_DTYPE_F64, 1, 1), .x = f(1, 3)};
    FAILS(sq_norm, CT_ERR_DTYPE, "sum is f32, want f64", sum, f(1, 1));
}

static void checks_ranking(void **state) {
    (void)state;
    const struct ct_score_topk_args args = {
        .values = f(2, 3), .ids = ct_i32(ints, 2, 3), .q = f(2, 4), .x = f(5, 4)};
    FAILS(score_topk, CT_ERR_SHAPE, "ids is [2, 2], want [2, 3]", ids, ct_i32(ints, 2, 2));
    FAILS(score_topk, CT_ERR_SHAPE, "k (the columns of values) is 0, want at least 1", values, f(2, 0));
    FAILS(score_topk, CT_ERR_SHAPE, "exclude_begin is [2, 1], want [3, 1]", exclude_begin, n(2));
    FAILS(score_topk, CT_ERR_ARGUMENT, "exclude_col is there, want it absent", exclude_col, n(2));
}

/* [n, c, h, w] in blocks of cb; at most 64 elements. */
static ct_image image(int64_t pictures, int64_t c, int64_t h, int64_t w, int64_t cb) {
    return (ct_image){data, CT_DTYPE_F32, pictures, c, h, w, cb};
}

static void checks_batch_norm(void **state) {
    (void)state;
    const struct ct_batch_norm_act_forward_args args = {.y = image(1, 3, 2, 2, 4),
                                                        .mean = f(1, 3),
                                                        .rstd = f(1, 3),
                                                        .running_mean = f(1, 3),
                                                        .running_var = f(1, 3),
                                                        .x = image(1, 3, 2, 2, 4),
                                                        .w = f(1, 3),
                                                        .b = f(1, 3),
                                                        .eps = 1e-5f};
    RUNS(batch_norm_act_forward);
    FAILS(batch_norm_act_forward, CT_ERR_SHAPE,
          "y is [1, 3, 2, 2] in blocks of 8, want [1, 3, 2, 2] in blocks of 4", y, image(1, 3, 2, 2, 8));
    FAILS(batch_norm_act_forward, CT_ERR_SHAPE, "residual is [1, 3, 2, 1] in blocks of 4", residual,
          image(1, 3, 2, 1, 4));
    FAILS(batch_norm_act_forward, CT_ERR_SHAPE, "x is [1, 3, 2, 2] in blocks of 0, want no negative number",
          x, image(1, 3, 2, 2, 0));
    FAILS(batch_norm_act_forward, CT_ERR_SHAPE,
          "x is [1, 3, 1099511627776, 1099511627776] in blocks of 4: more bytes", x,
          image(1, 3, (int64_t)1 << 40, (int64_t)1 << 40, 4));
    FAILS(batch_norm_act_forward, CT_ERR_SHAPE,
          "x is [1, 3, 2, 2] in blocks of 9223372036854775807: more bytes", x, image(1, 3, 2, 2, INT64_MAX));
    FAILS(batch_norm_act_forward, CT_ERR_DTYPE, "x is f64, want f32", x.dtype, CT_DTYPE_F64);
    FAILS(batch_norm_act_forward, CT_ERR_ARGUMENT, "x is absent", x.data, NULL);
    FAILS(batch_norm_act_forward, CT_ERR_SHAPE, "mean is [3, 1], want [1, 3]", mean, f(3, 1));
    FAILS(batch_norm_act_forward, CT_ERR_SHAPE, "var is [1, 2], want [1, 3]", var, f(1, 2));
    FAILS(batch_norm_act_forward, CT_ERR_ARGUMENT, "eps is 0", eps, 0.0f);
}

static void checks_batch_norm_fold(void **state) {
    (void)state;
    const struct ct_batch_norm_fold_args args = {.folded = f(3, 5),
                                                 .bias = f(1, 3),
                                                 .conv = f(3, 5),
                                                 .w = f(1, 3),
                                                 .b = f(1, 3),
                                                 .running_mean = f(1, 3),
                                                 .running_var = f(1, 3),
                                                 .eps = 1e-5f};
    RUNS(batch_norm_fold);
    FAILS(batch_norm_fold, CT_ERR_SHAPE, "folded is [5, 3], want [3, 5]", folded, f(5, 3));
    FAILS(batch_norm_fold, CT_ERR_SHAPE, "running_var is [1, 5], want [1, 3]", running_var, f(1, 5));
    FAILS(batch_norm_fold, CT_ERR_ARGUMENT, "bias is absent", bias.data, NULL);
    FAILS(batch_norm_fold, CT_ERR_ARGUMENT, "eps is 0", eps, 0.0f);
}

static void checks_pools(void **state) {
    (void)state;
    static uint8_t places[64];
    const struct ct_max_pool2d_backward_args args = {.dx = image(1, 2, 5, 4, 2),
                                                     .dy = image(1, 2, 3, 2, 2),
                                                     .argmax = ct_matrix(places, CT_DTYPE_U8, 1, 12),
                                                     .kernel = 3,
                                                     .stride = 2,
                                                     .pad = 1};
    RUNS(max_pool2d_backward);
    FAILS(max_pool2d_backward, CT_ERR_SHAPE, "dy is [1, 2, 3, 2] in blocks of 2, want [1, 2, 5, 4]", stride,
          1);
    FAILS(max_pool2d_backward, CT_ERR_ARGUMENT, "pad is 3, want 0 to 2", pad, 3);
    FAILS(max_pool2d_backward, CT_ERR_ARGUMENT, "kernel is 17, want 1 to 16", kernel, 17);
    FAILS(max_pool2d_backward, CT_ERR_ARGUMENT, "stride is 0", stride, 0);
    FAILS(max_pool2d_backward, CT_ERR_SHAPE, "the picture's height is 5, want at least 7", kernel, 9);
    FAILS(max_pool2d_backward, CT_ERR_SHAPE, "argmax is [1, 11], want [1, 12]", argmax.cols, 11);
    FAILS(max_pool2d_backward, CT_ERR_DTYPE, "argmax is f32, want u8", argmax, f(1, 12));
    FAILS(max_pool2d_backward, CT_ERR_ARGUMENT, "argmax is absent", argmax, absent);
}

static void checks_pictures(void **state) {
    (void)state;
    static uint8_t pixels[64];
    const struct ct_image_normalize_args args = {.y = image(1, 3, 2, 2, 3),
                                                 .pixels = ct_matrix(pixels, CT_DTYPE_U8, 1, 48),
                                                 .source = 4,
                                                 .std = {1, 1, 1}};
    RUNS(image_normalize);
    FAILS(image_normalize, CT_ERR_SHAPE,
          "y is [1, 3, 2, 2] in blocks of 8, want [any, 3, any, 2] in blocks of 3", y, image(1, 3, 2, 2, 8));
    FAILS(image_normalize, CT_ERR_SHAPE,
          "y is [1, 3, 2, 3] in blocks of 3, want [any, 3, any, 2] in blocks of 3", y, image(1, 3, 2, 3, 3));
    FAILS(image_normalize, CT_ERR_SHAPE, "pixels is [1, 48], want [1, 75]", source, 5);
    FAILS(image_normalize, CT_ERR_ARGUMENT, "source is", source, (int64_t)1 << 40);
    FAILS(image_normalize, CT_ERR_SHAPE, "crop is [1, 3], want [1, 4]", crop, f(1, 3));
    FAILS(image_normalize, CT_ERR_DTYPE, "flip is f32, want i32", flip, f(1, 1));
    FAILS(image_normalize, CT_ERR_ARGUMENT, "std is 0", std[2], 0.0f);
    FAILS(image_normalize, CT_ERR_ARGUMENT, "mean is nan", mean[1], NAN);
}

static void checks_fusion(void **state) {
    (void)state;
    const struct ct_fill_missing_backward_args args = {
        .dx = ct_f32(data + 32, 2, 6), .dz = f(2, 6), .present = ct_i32(ints, 2, 3)};
    RUNS(fill_missing_backward);
    FAILS(fill_missing_backward, CT_ERR_SHAPE, "dz has 6 columns, want a multiple of the 4 of present",
          present, ct_i32(ints, 2, 4));
    FAILS(fill_missing_backward, CT_ERR_SHAPE, "dmissing is [2, 2], want [3, 2]", dmissing, f(2, 2));
}

/* The first message stays when there already is one. */
static void keeps_the_first_error(void **state) {
    (void)state;
    const struct ct_gelu_forward_args args = {.x = f(2, 3), .y = f(3, 2)};
    ct_error err = CT_ERROR_INIT;
    ct_fail(&err, CT_ERR_IO, "first");
    assert_int_equal(ct_gelu_forward(dev, &args, &err), CT_ERR_SHAPE);
    assert_string_equal(err.text, "first");
    assert_int_equal(ct_gelu_forward(dev, &args, NULL), CT_ERR_SHAPE);
}

/* Arguments that are all zero are refused or are legal empty work. */
static void stands_zero_arguments(void **state) {
    (void)state;
#define CT_OP(name, home)                                                                                    \
    {                                                                                                        \
        const struct ct_##name##_args args = {0};                                                            \
        ct_error err = CT_ERROR_INIT;                                                                        \
        const ct_status st = ct_##name(dev, &args, &err);                                                    \
        assert_true((st == CT_OK) == (err.status == CT_OK));                                                 \
    }
#include "kernels/ops.def"
#undef CT_OP
}

static int64_t odd_size(ct_rng *rng) {
    static const int64_t sizes[] = {
        0, 1, 2, 3, 4, -1, INT64_MAX, INT64_MIN, (int64_t)1 << 31, (int64_t)1 << 40};
    return sizes[ct_rng_below(rng, sizeof sizes / sizeof *sizes)];
}

static ct_tensor odd_tensor(ct_rng *rng) {
    ct_tensor t = {ct_rng_below(rng, 4) ? data : NULL, (ct_dtype)ct_rng_below(rng, 3), 0, 0, 0};
    t.rows = odd_size(rng);
    t.cols = odd_size(rng);
    t.ld = ct_rng_below(rng, 4) ? t.cols : odd_size(rng);
    return t;
}

/* Half of the sizes are usual ones, so that more than the first rule is met. */
static int64_t half_odd(ct_rng *rng) {
    return ct_rng_below(rng, 2) ? 1 + (int64_t)ct_rng_below(rng, 3) : odd_size(rng);
}

static ct_image odd_image(ct_rng *rng) {
    ct_image t = {ct_rng_below(rng, 4) ? data : NULL, (ct_dtype)(ct_rng_below(rng, 4) / 3), 0, 0, 0, 0, 0};
    t.n = half_odd(rng);
    t.c = half_odd(rng);
    t.h = half_odd(rng);
    t.w = half_odd(rng);
    t.cb = half_odd(rng);
    return t;
}

/* Every tensor field of the op, up to its first scalar, gets odd values; only the check is called. A check
 * that looks at data would read what is not there; one that computes on unchecked sizes would overflow (the
 * sanitizers see it). */
#define ODD(op, first_scalar, ...)                                                                           \
    for (int round = 0; round < 3000; round++) {                                                             \
        struct ct_##op##_args args = {__VA_ARGS__};                                                          \
        ct_error err = CT_ERROR_INIT;                                                                        \
        ct_tensor *const tensors = (ct_tensor *)(void *)&args;                                               \
        const size_t count = offsetof(struct ct_##op##_args, first_scalar) / sizeof *tensors;                \
        for (size_t i = 0; i < count; i++) tensors[i] = odd_tensor(&rng);                                    \
        const ct_status st = ct__check_##op(&args, &err);                                                    \
        assert_true((st == CT_OK) == (err.status == CT_OK));                                                 \
    }

/* The same for ops on pictures, whose tensors and images the arguments name. */
#define ODD_IMAGES(op, ...)                                                                                  \
    for (int round = 0; round < 3000; round++) {                                                             \
        const struct ct_##op##_args args = {__VA_ARGS__};                                                    \
        ct_error err = CT_ERROR_INIT;                                                                        \
        const ct_status st = ct__check_##op(&args, &err);                                                    \
        assert_true((st == CT_OK) == (err.status == CT_OK));                                                 \
    }

static void stands_odd_images(void **state) {
    (void)state;
    ct_rng rng = ct_rng_make(6, 0, 0);
    ODD_IMAGES(batch_norm_act_forward, .y = odd_image(&rng), .x = odd_image(&rng), .w = odd_tensor(&rng),
               .eps = 1)
    ODD_IMAGES(max_pool2d_forward, .y = odd_image(&rng), .x = odd_image(&rng), .argmax = odd_tensor(&rng),
               .kernel = half_odd(&rng), .stride = half_odd(&rng), .pad = half_odd(&rng))
    ODD_IMAGES(max_pool2d_backward, .dy = odd_image(&rng), .dx = odd_image(&rng), .argmax = odd_tensor(&rng),
               .kernel = half_odd(&rng), .stride = half_odd(&rng), .pad = half_odd(&rng))
    ODD_IMAGES(global_pool_forward, .y = odd_tensor(&rng), .x = odd_image(&rng))
    ODD_IMAGES(image_normalize, .y = odd_image(&rng), .pixels = odd_tensor(&rng), .source = half_odd(&rng))
    ODD(fill_missing_backward, beta, .beta = 0.0f)
    ODD(gated_fusion_backward, beta, .beta = 0.0f)
}

static void stands_odd_shapes(void **state) {
    (void)state;
    ct_rng rng = ct_rng_make(5, 0, 0);
    ODD(linear_forward, beta, .beta = 0.0f)
    ODD(linear_backward, beta, .beta = 0.0f)
    ODD(add_layer_norm_forward, drop, .eps = 1.0f)
    ODD(embed_layer_norm_forward, drop, .eps = 1.0f)
    ODD(attention_forward, heads, .heads = 2, .scale = 1.0f)
    ODD(attention_backward, heads, .heads = INT64_MAX, .max_length = INT64_MAX, .scale = 1.0f)
    ODD(text_cnn_max_forward, width, .width = 3)
    ODD(text_cnn_max_backward, width, .width = INT64_MAX / 2)
    ODD(seq_pool_forward, mode, .mode = CT_POOL_FIRST)
    ODD(gather_rows_forward, beta, .beta = 1.0f)
    ODD(infonce_forward, batch.mode, .batch.row_share = 0.5f)
    ODD(infonce_backward, batch.mode, .batch.row_share = 0.5f)
    ODD(row_update, hyper, .hyper.eps = 1.0f)
}

static int open_device(void **state) {
    (void)state;
    dev = open_cpu(1);
    return 0;
}

static int close_device(void **state) {
    (void)state;
    ct_device_close(dev);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_linear),         cmocka_unit_test(checks_attention),
        cmocka_unit_test(checks_norms),          cmocka_unit_test(checks_text_cnn),
        cmocka_unit_test(checks_lookups),        cmocka_unit_test(checks_infonce),
        cmocka_unit_test(checks_optimizer),      cmocka_unit_test(checks_sums),
        cmocka_unit_test(checks_ranking),        cmocka_unit_test(keeps_the_first_error),
        cmocka_unit_test(stands_zero_arguments), cmocka_unit_test(stands_odd_shapes),
        cmocka_unit_test(checks_batch_norm),     cmocka_unit_test(checks_pools),
        cmocka_unit_test(checks_pictures),       cmocka_unit_test(checks_fusion),
        cmocka_unit_test(stands_odd_images),     cmocka_unit_test(checks_running_update),
        cmocka_unit_test(checks_batch_norm_fold),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
