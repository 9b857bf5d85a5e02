/* Cases of max_pool2d_forward, max_pool2d_backward, global_pool_forward and global_pool_backward. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {N, C, S, cb}; pictures are S by S + 1, or 1 by 1 */
enum { K2 = 1, K1 = 2, K5 = 4, DENSE = 8, NO_ARGMAX = 16, STRIDES = 32 };

typedef struct windows {
    int64_t kernel, stride, pad;
} windows;

static windows windows_of(unsigned flags) {
    if (flags & K2) return (windows){2, 2, 0};
    if (flags & K1) return (windows){1, 1, 0};
    if (flags & K5) return (windows){5, 3, 2};
    if (flags & DENSE) return (windows){3, 1, 1};
    if (flags & STRIDES) return (windows){2, 5, 1}; /* pixels between the windows belong to none */
    return (windows){3, 2, 1};
}

static int64_t out_size(int64_t size, windows w) {
    return (size + 2 * w.pad - w.kernel) / w.stride + 1;
}
static int64_t width_of(int64_t size) {
    return size > 1 ? size + 1 : 1;
}

#define AT(member) offsetof(struct ct_max_pool2d_forward_args, member)
#define LINK(member) OP_LINK(ct_max_pool2d_forward_args, member)
#define BACK(member) offsetof(struct ct_max_pool2d_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT, .image = true},
    {.name = "argmax", .at = AT(argmax), .role = OP_INDEX_OUTPUT, .dtype = CT_DTYPE_U8, .tight = true},
    {.name = "x", .at = AT(x), .image = true},
};

static const op_shape forward_shapes[] = {
    {{2, 5, 7, 8}, 0},           {{0, 8, 4, 8}, 0},    {{1, 1, 1, 1}, 0},     {{3, 16, 1, 16}, K1},
    {{2, 3, 6, 3}, K2},          {{2, 3, 7, 3}, K2},   {{2, 13, 11, 5}, K5},  {{1, 24, 5, 16}, DENSE},
    {{2, 17, 9, 16}, NO_ARGMAX}, {{1, 70, 4, 70}, 0},  {{2, 9, 6, 8}, DENSE}, {{2, 131, 3, 131}, DENSE},
    {{1, 8, 13, 8}, STRIDES},    {{3, 64, 31, 16}, 0}, {{2, 30, 23, 16}, K5},
};

static void setup_forward(op_run *run) {
    const int64_t *n = run->shape.n;
    const windows w = windows_of(run->shape.flags);
    struct ct_max_pool2d_forward_args *a = run->args;
    op_size_image(run, AT(x), n[0], n[1], n[2], width_of(n[2]), n[3]);
    op_size_image(run, AT(y), n[0], n[1], out_size(n[2], w), out_size(width_of(n[2]), w), n[3]);
    if (!(run->shape.flags & NO_ARGMAX)) op_size(run, AT(argmax), 1, ct_image_elements(a->y));
    a->kernel = w.kernel;
    a->stride = w.stride;
    a->pad = w.pad;
}

/* From the picture's side: no pixel of a window is above its maximum, and the place names a pixel that equals
 * it with no equal one before it. */
static const char *verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_max_pool2d_forward_args *a = run->args;
    const op_value *x = op_see(run, AT(x)), *y = op_result(run, oracle, AT(y)),
                   *k = op_result(run, oracle, AT(argmax));
    for (int64_t n = 0; n < a->y.n; n++)
        for (int64_t c = 0; c < a->y.c; c++)
            for (int64_t i = 0; i < a->y.h; i++)
                for (int64_t j = 0; j < a->y.w; j++) {
                    const int64_t e = op_image_element(run, AT(y), n, c, i, j);
                    bool found = false;
                    for (int64_t place = 0; place < a->kernel * a->kernel; place++) {
                        const int64_t row = i * a->stride + place / a->kernel - a->pad,
                                      col = j * a->stride + place % a->kernel - a->pad;
                        if (row < 0 || col < 0 || row >= a->x.h || col >= a->x.w) continue;
                        const double v = x->f[op_image_element(run, AT(x), n, c, row, col)];
                        if (v > y->f[e]) return "a maximum that is none";
                        if (v == y->f[e] && !found && k->present && k->i[e] != place) return "a place";
                        found = found || v == y->f[e];
                    }
                    if (!found) return "a maximum that is no pixel";
                }
    return NULL;
}

/* A NaN must not vanish in a maximum. */
static void special(op_special *s) {
    static const double x[9] = {1, 2, 3, 4, NAN, 6, 7, 8, NAN};
    double y[4];
    ct_error err = CT_ERROR_INIT;
    struct ct_max_pool2d_forward_args args = {.x = {.n = 1, .c = 1, .h = 3, .w = 3, .cb = 1},
                                              .y = {.n = 1, .c = 1, .h = 2, .w = 2, .cb = 1},
                                              .kernel = 2,
                                              .stride = 2,
                                              .pad = 1};
    args.x.data = op_special_f32(s, 9, 1, x).data;
    const ct_tensor out = op_special_f32(s, 4, 1, NULL);
    args.y.data = out.data;
    op_special_step(s);
    const ct_status st = ct_max_pool2d_forward(s->dev, &args, &err);
    op_special_read(s, out, y);
    op_special_check(s, st == CT_OK && y[0] == 1 && y[1] == 3 && y[2] == 7 && isnan(y[3]),
                     "a NaN is the maximum of its window");
}

const op_case op_case_max_pool2d_forward = {
    OP_TABLES(forward_fields, forward_shapes),
    .setup = setup_forward,
    .verify = verify,
    .special = special,
    .patterns = 1 << OP_EQUAL | 1 << OP_HUGE | 1 << OP_EXACT,
    .k = 1,
    .same_bytes_any_threads = true,
};

static const op_field backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .image = true,
     .grad = LINK(x),
     .beta = OP_LINK(ct_max_pool2d_backward_args, beta)},
    {.name = "dy", .at = BACK(dy), .image = true, .upstream = LINK(y)},
    {.name = "argmax",
     .at = BACK(argmax),
     .role = OP_INDEX,
     .dtype = CT_DTYPE_U8,
     .tight = true,
     .from = LINK(argmax)},
};

static const op_shape backward_shapes[] = {
    {{2, 5, 7, 8}, 0},    {{0, 8, 4, 8}, 0},     {{1, 1, 1, 1}, 0},         {{3, 16, 1, 16}, K1},
    {{2, 3, 6, 3}, K2},   {{2, 3, 7, 3}, K2},    {{2, 13, 11, 5}, K5},      {{1, 24, 5, 16}, DENSE},
    {{1, 70, 4, 70}, 0},  {{2, 9, 6, 8}, DENSE}, {{2, 131, 3, 131}, DENSE}, {{1, 8, 13, 8}, STRIDES},
    {{3, 64, 31, 16}, 0}, {{2, 30, 23, 16}, K5},
};

static void setup_backward(op_run *run) {
    const struct ct_max_pool2d_forward_args *f = run->forward->args;
    struct ct_max_pool2d_backward_args *a = run->args;
    a->kernel = f->kernel;
    a->stride = f->stride;
    a->pad = f->pad;
    run->length = (double)(1 + f->kernel * f->kernel);
}

const op_case op_case_max_pool2d_backward = {
    OP_TABLES(backward_fields, backward_shapes),
    .forward = &op_case_max_pool2d_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_EXACT,
    .k = 4,
    .same_bytes_any_threads = true,
};

/* Global pooling. */

#define POOL_AT(member) offsetof(struct ct_global_pool_forward_args, member)
#define POOL_LINK(member) OP_LINK(ct_global_pool_forward_args, member)
#define POOL_BACK(member) offsetof(struct ct_global_pool_backward_args, member)

static const op_field pool_fields[] = {
    {.name = "y", .at = POOL_AT(y), .role = OP_OUTPUT},
    {.name = "x", .at = POOL_AT(x), .image = true},
};

static const op_shape pool_shapes[] = {
    {{2, 5, 7, 8}, 0},     {{0, 8, 4, 8}, 0},  {{1, 1, 1, 1}, 0},     {{3, 16, 1, 16}, 0},
    {{2, 3, 6, 3}, 0},     {{2, 13, 3, 5}, 0}, {{1, 100, 2, 300}, 0}, {{2, 17, 7, 16}, 0},
    {{2, 131, 3, 131}, 0}, {{5, 24, 7, 8}, 0}, {{3, 7, 41, 16}, 0},   {{2, 512, 7, 16}, 0},
};

static void setup_pool(op_run *run) {
    const int64_t *n = run->shape.n;
    op_size_image(run, POOL_AT(x), n[0], n[1], n[2], width_of(n[2]), n[3]);
    op_size(run, POOL_AT(y), n[0], n[1]);
    run->length = (double)(1 + n[2] * width_of(n[2]));
}

static const char *verify_pool(const op_run *run, const op_outcome *oracle) {
    const struct ct_global_pool_forward_args *a = run->args;
    const op_value *x = op_see(run, POOL_AT(x)), *y = op_result(run, oracle, POOL_AT(y));
    const int64_t pixels = a->x.h * a->x.w;
    for (int64_t n = 0; n < y->rows; n++)
        for (int64_t c = 0; c < y->cols; c++) {
            double mean = 0, size = 0;
            for (int64_t p = pixels - 1; p >= 0; p--) {
                const double v = x->f[op_image_element(run, POOL_AT(x), n, c, 0, p)];
                mean += v / (double)pixels;
                size += fabs(v);
            }
            if (!(fabs(op_f(y, n, c) - mean) <= 1e-12 * size)) return "a mean";
        }
    return NULL;
}

const op_case op_case_global_pool_forward = {
    OP_TABLES(pool_fields, pool_shapes),
    .setup = setup_pool,
    .verify = verify_pool,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL,
    .k = 4,
    .same_bytes_any_threads = true,
};

static const op_field pool_backward_fields[] = {
    {.name = "dx",
     .at = POOL_BACK(dx),
     .role = OP_BLEND,
     .image = true,
     .grad = POOL_LINK(x),
     .beta = OP_LINK(ct_global_pool_backward_args, beta)},
    {.name = "dy", .at = POOL_BACK(dy), .upstream = POOL_LINK(y)},
};

static void setup_pool_backward(op_run *run) {
    run->length = 1;
}

const op_case op_case_global_pool_backward = {
    OP_TABLES(pool_backward_fields, pool_shapes),
    .forward = &op_case_global_pool_forward,
    .setup = setup_pool_backward,
    .k = 4,
    .same_bytes_any_threads = true,
};
