/* Makers of the ops on pictures, and of the fusion of modalities. */
#include <math.h>

#include "benchmarks/ops.h"

static double image_bytes(ct_image t) {
    return 4.0 * (double)ct_image_elements(t);
}

static int64_t output_size(int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
    const int64_t room = size + 2 * pad - kernel;
    return room < 0 ? 1 : room / stride + 1; /* the op says what is wrong with a kernel beyond the picture */
}

/* A convolution of square pictures with `kernel`, `stride`; padded so that stride 1 keeps the size. */
static void conv_shape(bench_maker *m, ct_conv2d_shape *shape, int64_t *S, int64_t *OS) {
    shape->kernel = bench_size(m, "kernel");
    shape->stride = bench_size(m, "stride");
    shape->pad = (shape->kernel - 1) / 2;
    *S = bench_size(m, "S");
    *OS = output_size(*S, shape->kernel, shape->stride, shape->pad);
}

void bench_make_conv2d_forward(bench_maker *m, struct ct_conv2d_forward_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C"), O = bench_size(m, "O");
    int64_t S, OS;
    conv_shape(m, &a->shape, &S, &OS);
    const int64_t taps = C * a->shape.kernel * a->shape.kernel;
    a->y = bench_image(m, N, O, OS, OS);
    a->x = bench_image(m, N, C, S, S);
    a->w = bench_f32(m, O, taps);
    m->work =
        bench_counts(2.0 * N * OS * OS * O * taps, image_bytes(a->y) + image_bytes(a->x) + 4.0 * O * taps);
}

/* dx (but for pictures, which have no gradient) and dw. */
void bench_make_conv2d_backward(bench_maker *m, struct ct_conv2d_backward_args *a) {
    struct ct_conv2d_forward_args f = {0};
    bench_make_conv2d_forward(m, &f);
    const double weights = 4.0 * (double)(f.w.rows * f.w.cols), x = image_bytes(f.x), y = image_bytes(f.y);
    const bool want_dx = f.x.c != 3;
    a->dy = f.y, a->x = f.x, a->w = f.w, a->shape = f.shape;
    a->dw = bench_zeros(m, CT_DTYPE_F32, f.w.rows, f.w.cols);
    if (want_dx) a->dx = bench_image(m, f.x.n, f.x.c, f.x.h, f.x.w);
    m->work =
        bench_counts(m->work.flop * (want_dx ? 2 : 1), y + x + 2 * weights + (want_dx ? x + weights : 0));
}

/* Statistics of the batch and ReLU. residual=1: the sum at the end of a block. Two passes over x, one of them
 * counted: the second finds it in the cache where it fits. */
void bench_make_batch_norm_act_forward(bench_maker *m, struct ct_batch_norm_act_forward_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C"), S = bench_size(m, "S");
    const bool residual = bench_number_or(m, "residual", 0) != 0;
    a->y = bench_image(m, N, C, S, S);
    a->x = bench_image(m, N, C, S, S);
    if (residual) a->residual = bench_image(m, N, C, S, S);
    a->mean = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->rstd = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->var = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->running_mean = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->running_var = bench_between(m, 1, C, 0.5, 1);
    a->w = bench_f32(m, 1, C);
    a->b = bench_f32(m, 1, C);
    a->eps = 1e-5f;
    a->batch_stats = a->relu = true;
    m->work = bench_counts(6.0 * N * C * S * S, (residual ? 3 : 2) * image_bytes(a->x));
}

/* dy, x, y read, dx (and dresidual) written. */
void bench_make_batch_norm_fold(bench_maker *m, struct ct_batch_norm_fold_args *a) {
    const int64_t O = bench_size(m, "O"), K = bench_size(m, "K");
    a->folded = bench_zeros(m, CT_DTYPE_F32, O, K);
    a->bias = bench_zeros(m, CT_DTYPE_F32, 1, O);
    a->conv = bench_f32(m, O, K);
    a->w = bench_f32(m, 1, O);
    a->b = bench_f32(m, 1, O);
    a->running_mean = bench_f32(m, 1, O);
    a->running_var = bench_between(m, 1, O, 0.5, 2);
    a->eps = 1e-5f;
    m->work = bench_counts((double)O * (double)K, 4.0 * (2.0 * (double)O * (double)K + 5.0 * (double)O));
}

void bench_make_batch_norm_act_backward(bench_maker *m, struct ct_batch_norm_act_backward_args *a) {
    struct ct_batch_norm_act_forward_args f = {0};
    bench_make_batch_norm_act_forward(m, &f);
    const int64_t N = f.x.n, C = f.x.c, S = f.x.h;
    BENCH_RUN(m, batch_norm_act_forward, &f);
    a->dx = bench_image(m, N, C, S, S);
    if (f.residual.data) a->dresidual = bench_image(m, N, C, S, S);
    a->dw = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->db = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->dy = bench_image(m, N, C, S, S);
    a->x = f.x, a->y = f.y, a->mean = f.mean, a->rstd = f.rstd, a->w = f.w;
    a->batch_stats = a->relu = true;
    m->work = bench_counts(10.0 * N * C * S * S, (f.residual.data ? 5 : 4) * image_bytes(f.x));
}

/* A comparison for each place of a window. */
void bench_make_max_pool2d_forward(bench_maker *m, struct ct_max_pool2d_forward_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C");
    ct_conv2d_shape shape;
    int64_t S, OS;
    conv_shape(m, &shape, &S, &OS);
    a->kernel = shape.kernel, a->stride = shape.stride, a->pad = shape.pad;
    a->y = bench_image(m, N, C, OS, OS);
    a->argmax = bench_zeros(m, CT_DTYPE_U8, 1, ct_image_elements(a->y));
    a->x = bench_image(m, N, C, S, S);
    m->work = bench_counts((double)N * C * OS * OS * a->kernel * a->kernel,
                           1.25 * image_bytes(a->y) + image_bytes(a->x));
}

void bench_make_max_pool2d_backward(bench_maker *m, struct ct_max_pool2d_backward_args *a) {
    struct ct_max_pool2d_forward_args f = {0};
    bench_make_max_pool2d_forward(m, &f);
    BENCH_RUN(m, max_pool2d_forward, &f);
    a->dx = bench_image(m, f.x.n, f.x.c, f.x.h, f.x.w);
    a->dy = bench_image(m, f.y.n, f.y.c, f.y.h, f.y.w);
    a->argmax = f.argmax;
    a->kernel = f.kernel, a->stride = f.stride, a->pad = f.pad;
    m->work = bench_counts(0, 1.25 * image_bytes(a->dy) + image_bytes(a->dx));
}

void bench_make_global_pool_forward(bench_maker *m, struct ct_global_pool_forward_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C"), S = bench_size(m, "S");
    a->y = bench_zeros(m, CT_DTYPE_F32, N, C);
    a->x = bench_image(m, N, C, S, S);
    m->work = bench_counts((double)N * C * S * S, image_bytes(a->x) + 4.0 * N * C);
}

void bench_make_global_pool_backward(bench_maker *m, struct ct_global_pool_backward_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C"), S = bench_size(m, "S");
    a->dx = bench_image(m, N, C, S, S);
    a->dy = bench_f32(m, N, C);
    m->work = bench_counts(0, image_bytes(a->dx) + 4.0 * N * C);
}

/* Training's augmentation: a crop, a flip, colour. About 40 operations an output: eight to interpolate each
 * of three channels, the rest for colour. */
void bench_make_image_normalize(bench_maker *m, struct ct_image_normalize_args *a) {
    const int64_t N = bench_size(m, "N"), S = bench_size(m, "S"), P = bench_size(m, "source");
    a->y = bench_image(m, N, 3, S, S);
    a->pixels = bench_pixels(m, N, 3 * P * P);
    a->crop = bench_between(m, N, 4, 0.4 * P, 0.5 * P);
    a->flip = bench_indices(m, N, 1, 2);
    a->colour = bench_between(m, N, 3, 0.8, 1.2);
    a->source = P;
    for (int c = 0; c < 3; c++) {
        a->mean[c] = 0.45f;
        a->std[c] = 0.22f;
    }
    m->work = bench_counts(40.0 * N * 3 * S * S, image_bytes(a->y) + 0.25 * 3 * N * P * P);
}

void bench_make_fill_missing_forward(bench_maker *m, struct ct_fill_missing_forward_args *a) {
    const int64_t N = bench_size(m, "N"), M = bench_size(m, "M"), D = bench_size(m, "D");
    a->z = bench_zeros(m, CT_DTYPE_F32, N, M * D);
    a->x = bench_f32(m, N, M * D);
    a->present = bench_indices(m, N, M, 2);
    a->missing = bench_f32(m, M, D);
    m->work = bench_counts(0, 4.0 * 2 * N * M * D);
}

void bench_make_fill_missing_backward(bench_maker *m, struct ct_fill_missing_backward_args *a) {
    const int64_t N = bench_size(m, "N"), M = bench_size(m, "M"), D = bench_size(m, "D");
    a->dx = bench_zeros(m, CT_DTYPE_F32, N, M * D);
    a->dmissing = bench_zeros(m, CT_DTYPE_F32, M, D);
    a->dz = bench_f32(m, N, M * D);
    a->present = bench_indices(m, N, M, 2);
    m->work = bench_counts(0.5 * N * M * D, 4.0 * 2 * N * M * D);
}

void bench_make_gated_fusion_forward(bench_maker *m, struct ct_gated_fusion_forward_args *a) {
    const int64_t N = bench_size(m, "N"), M = bench_size(m, "M"), D = bench_size(m, "D");
    a->y = bench_zeros(m, CT_DTYPE_F32, N, D);
    a->a = bench_zeros(m, CT_DTYPE_F32, N, M);
    a->z = bench_f32(m, N, M * D);
    a->g = bench_f32(m, N, M);
    m->work = bench_counts(2.0 * N * M * D, 4.0 * (N * D + N * M * D));
}

void bench_make_gated_fusion_backward(bench_maker *m, struct ct_gated_fusion_backward_args *a) {
    struct ct_gated_fusion_forward_args f = {0};
    bench_make_gated_fusion_forward(m, &f);
    const int64_t N = f.y.rows, D = f.y.cols, M = f.g.cols;
    BENCH_RUN(m, gated_fusion_forward, &f);
    a->dz = bench_zeros(m, CT_DTYPE_F32, N, M * D);
    a->dg = bench_zeros(m, CT_DTYPE_F32, N, M);
    a->dy = bench_f32(m, N, D);
    a->z = f.z, a->a = f.a;
    m->work = bench_counts(3.0 * N * M * D, 4.0 * (N * D + 2.0 * N * M * D));
}
