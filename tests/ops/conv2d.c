/* Cases of conv2d_forward and conv2d_backward: kernels, strides and paddings, channel blocks that C and O do
 * not fill, pictures smaller than the kernel. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {N, C, O, geometry} */
enum {
    BIAS = 1,
    RESIDUAL = 2,
    RELU = 4,
    FUSED = BIAS | RESIDUAL | RELU,
    NO_DX = 8, /* the stem */
    FROZEN = 16
};

#define AT(member) offsetof(struct ct_conv2d_forward_args, member)
#define LINK(member) OP_LINK(ct_conv2d_forward_args, member)
#define BACK(member) offsetof(struct ct_conv2d_backward_args, member)

/* Blocks of x and y; 0: NHWC. */
typedef struct geometry {
    int64_t h, w, kernel, stride, pad, cb, ob;
} geometry;

enum {
    K1_16,
    K1_8,
    K1_NHWC,
    K1_STEP,
    K3_16,
    K3_8,
    K3_4,
    K3_STEP,
    K3_STEP_NHWC,
    K3_BARE,
    K3_MIXED,
    K3_SPOT,
    STEM_16,
    STEM_8,
    K7_NHWC,
    K7_SPOT,
    K2_STEP
};
static const geometry geometries[] = {
    [K1_16] = {5, 4, 1, 1, 0, 16, 16},
    [K1_8] = {4, 5, 1, 1, 0, 8, 8},
    [K1_NHWC] = {3, 3, 1, 1, 0, 0, 0},
    [K1_STEP] = {6, 5, 1, 2, 0, 16, 16}, /* the last rows and columns are never seen */
    [K3_16] = {6, 5, 3, 1, 1, 16, 16},
    [K3_8] = {5, 6, 3, 1, 1, 8, 8},
    [K3_4] = {4, 4, 3, 1, 1, 4, 4},
    [K3_STEP] = {7, 8, 3, 2, 1, 16, 16},
    [K3_STEP_NHWC] = {8, 7, 3, 2, 1, 0, 0},
    [K3_BARE] = {5, 3, 3, 1, 0, 8, 8}, /* one column out */
    [K3_MIXED] = {4, 3, 3, 1, 1, 8, 16},
    [K3_SPOT] = {1, 1, 3, 1, 1, 16, 16},
    [STEM_16] = {14, 11, 7, 2, 3, 0, 16},
    [STEM_8] = {11, 14, 7, 2, 3, 0, 8},
    [K7_NHWC] = {9, 8, 7, 1, 3, 0, 0},
    [K7_SPOT] = {1, 1, 7, 2, 3, 8, 8},
    [K2_STEP] = {5, 5, 2, 3, 1, 16, 16}, /* a stride longer than the kernel */
};

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT, .image = true},
    {.name = "x", .at = AT(x), .image = true},
    {.name = "residual", .at = AT(residual), .image = true},
    {.name = "w", .at = AT(w), .fill = OP_FILL_NORMAL},
    {.name = "bias", .at = AT(bias), .fill = OP_FILL_NORMAL},
};

static const op_shape forward_shapes[] = {
    {{1, 1, 1, K1_16}, 0},
    {{0, 16, 16, K3_16}, FUSED},
    {{3, 16, 16, K1_16}, 0},
    {{1, 17, 15, K1_8}, FUSED},
    {{3, 5, 7, K1_NHWC}, BIAS},
    {{1, 33, 31, K1_STEP}, 0},
    {{3, 16, 32, K3_16}, FUSED},
    {{1, 10, 18, K3_16}, RELU},
    {{3, 8, 16, K3_8}, RESIDUAL},
    {{1, 13, 9, K3_8}, FUSED},
    {{1, 6, 5, K3_4}, 0},
    {{3, 32, 16, K3_STEP}, BIAS | RELU},
    {{1, 3, 20, K3_STEP_NHWC}, RESIDUAL | RELU},
    {{1, 9, 8, K3_BARE}, 0},
    {{1, 8, 16, K3_MIXED}, FUSED},
    {{3, 20, 16, K3_SPOT}, FUSED},
    {{3, 3, 16, STEM_16}, BIAS | RELU},
    {{1, 3, 24, STEM_8}, 0},
    {{1, 3, 4, K7_NHWC}, FUSED},
    {{1, 8, 11, K7_SPOT}, 0},
    {{3, 16, 7, K2_STEP}, FUSED},
    {{2, 64, 64, K3_16}, FUSED},
    {{139, 5, 3, K3_SPOT}, FUSED}, /* a device may run a large batch in parts */
};

static const geometry *geometry_of(const op_run *run) {
    return &geometries[run->shape.n[3]];
}

static int64_t output_size(int64_t size, const geometry *g) {
    return (size + 2 * g->pad - g->kernel) / g->stride + 1;
}

static void setup_forward(op_run *run) {
    const geometry *g = geometry_of(run);
    const unsigned flags = run->shape.flags;
    const int64_t n = run->shape.n[0], c = run->shape.n[1], o = run->shape.n[2], taps = g->kernel * g->kernel;
    const int64_t oh = output_size(g->h, g), ow = output_size(g->w, g), ob = g->ob ? g->ob : o;
    struct ct_conv2d_forward_args *a = run->args;
    op_size_image(run, AT(y), n, o, oh, ow, ob);
    op_size_image(run, AT(x), n, c, g->h, g->w, g->cb ? g->cb : c);
    op_size_image(run, AT(residual), n, o, oh, ow, flags & RESIDUAL ? ob : 0);
    op_size(run, AT(w), o, c * taps);
    op_size(run, AT(bias), 1, flags & BIAS ? o : 0);
    a->shape = (ct_conv2d_shape){g->kernel, g->stride, g->pad};
    a->relu = flags & RELU;
    run->length = (double)(c * taps);
}

/* Output element (n, o, i, j) before relu, by the header's formula; *size is the sum of magnitudes. */
static double element(const op_run *run, int64_t n, int64_t o, int64_t i, int64_t j, double *size) {
    const geometry *g = geometry_of(run);
    const op_value *x = op_see(run, AT(x)), *w = op_see(run, AT(w)), *bias = op_see(run, AT(bias)),
                   *residual = op_see(run, AT(residual));
    double sum = bias->present ? op_f(bias, 0, o) : 0;
    if (residual->present) sum += residual->f[op_image_element(run, AT(residual), n, o, i, j)];
    *size = fabs(sum);
    for (int64_t p = 0; p < w->cols; p++) {
        const int64_t r = p / g->kernel % g->kernel, s = p % g->kernel, c = p / g->kernel / g->kernel;
        const int64_t row = i * g->stride - g->pad + r, column = j * g->stride - g->pad + s;
        if (row < 0 || row >= g->h || column < 0 || column >= g->w) continue;
        const double term = op_f(w, o, p) * x->f[op_image_element(run, AT(x), n, c, row, column)];
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_conv2d_forward_args *a = run->args;
    const op_value *y = op_result(run, oracle, AT(y));
    for (int64_t n = 0; n < a->y.n; n++)
        for (int64_t o = 0; o < a->y.c; o++)
            for (int64_t p = 0; p < a->y.h * a->y.w; p++) {
                double size, want = element(run, n, o, p / a->y.w, p % a->y.w, &size);
                if (a->relu) want = fmax(0, want);
                const double got = y->f[op_image_element(run, AT(y), n, o, p / a->y.w, p % a->y.w)];
                if (!(fabs(got - want) <= 1e-12 * (1 + size))) return "an element";
            }
    return NULL;
}

const op_case op_case_conv2d_forward = {
    OP_TABLES(forward_fields, forward_shapes),
    .setup = setup_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EXACT,
    .k = 4,
};

static const op_field backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .image = true,
     .grad = LINK(x),
     .beta = OP_LINK(ct_conv2d_backward_args, beta)},
    {.name = "dw", .at = BACK(dw), .role = OP_ADD, .grad = LINK(w)},
    {.name = "dy", .at = BACK(dy), .image = true, .upstream = LINK(y)},
    {.name = "x", .at = BACK(x), .image = true, .from = LINK(x)},
    {.name = "w", .at = BACK(w), .from = LINK(w)},
};

static const op_shape backward_shapes[] = {
    {{1, 1, 1, K1_16}, 0},         {{0, 16, 16, K3_16}, 0},      {{3, 16, 16, K1_16}, 0},
    {{1, 17, 15, K1_8}, 0},        {{3, 5, 7, K1_NHWC}, 0},      {{1, 33, 31, K1_STEP}, 0},
    {{3, 16, 32, K3_16}, 0},       {{1, 10, 18, K3_16}, 0},      {{3, 8, 16, K3_8}, FROZEN},
    {{1, 13, 9, K3_8}, 0},         {{1, 6, 5, K3_4}, 0},         {{3, 32, 16, K3_STEP}, 0},
    {{1, 3, 20, K3_STEP_NHWC}, 0}, {{1, 9, 8, K3_BARE}, 0},      {{1, 8, 16, K3_MIXED}, 0},
    {{3, 20, 16, K3_SPOT}, 0},     {{3, 3, 16, STEM_16}, NO_DX}, {{1, 3, 24, STEM_8}, 0},
    {{1, 3, 4, K7_NHWC}, 0},       {{1, 8, 11, K7_SPOT}, 0},     {{3, 16, 7, K2_STEP}, 0},
    {{2, 64, 64, K3_16}, 0},
};

static void setup_backward(op_run *run) {
    const struct ct_conv2d_forward_args *forward = run->forward->args;
    struct ct_conv2d_backward_args *a = run->args;
    const ct_image *y = &forward->y;
    a->shape = forward->shape;
    if (run->shape.flags & NO_DX) {
        op_absent(run, BACK(dx));
        op_absent(run, BACK(w));
    }
    if (run->shape.flags & FROZEN) {
        op_absent(run, BACK(dw));
        op_absent(run, BACK(x));
    }
    /* dx sums over filters and taps, dw over pixels. */
    run->length = fmax((double)(y->c * a->shape.kernel * a->shape.kernel), (double)(y->n * y->h * y->w));
}

const op_case op_case_conv2d_backward = {
    OP_TABLES(backward_fields, backward_shapes),
    .forward = &op_case_conv2d_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_EXACT,
    .k = 4,
};
