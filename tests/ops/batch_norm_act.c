/* Cases of batch_norm_act_forward and batch_norm_act_backward. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/harness.h"

/* shape: n = {N, C, S, cb}; pictures are S by S + 2, or 1 by 1 */
enum {
    RELU = 1,
    RESIDUAL = 2,
    RUNNING = 4, /* batch_stats false */
    NO_DX = 8,
    FROZEN = 16,
    NO_VAR = 32
};

#define AT(member) offsetof(struct ct_batch_norm_act_forward_args, member)
#define LINK(member) OP_LINK(ct_batch_norm_act_forward_args, member)
#define BACK(member) offsetof(struct ct_batch_norm_act_backward_args, member)
#define BACK_LINK(member) OP_LINK(ct_batch_norm_act_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT, .image = true},
    {.name = "mean", .at = AT(mean), .role = OP_OUTPUT},
    {.name = "rstd", .at = AT(rstd), .role = OP_OUTPUT},
    /* The squares of distances from a mean whose own error follows x. */
    {.name = "var", .at = AT(var), .role = OP_OUTPUT, .scale = {LINK(x), LINK(x)}},
    {.name = "running_mean", .at = AT(running_mean), .fill = OP_FILL_NORMAL},
    {.name = "running_var", .at = AT(running_var), .fill = OP_FILL_CASE},
    {.name = "x", .at = AT(x), .image = true},
    {.name = "residual", .at = AT(residual), .image = true},
    {.name = "w", .at = AT(w), .fill = OP_FILL_NORMAL},
    {.name = "b", .at = AT(b), .fill = OP_FILL_NORMAL},
};

/* Blocks of 8, of 16, of C, of neither; wider than a strip of 128; parts of one picture and of several. */
static const op_shape shapes[] = {
    {{2, 5, 3, 8}, RELU | RESIDUAL},
    {{0, 8, 3, 8}, RELU},
    {{1, 1, 1, 1}, 0},
    {{3, 16, 1, 16}, RELU},
    {{3, 3, 4, 3}, 0},
    {{2, 7, 5, 7}, RELU | RESIDUAL | RUNNING},
    {{2, 13, 3, 5}, RESIDUAL | NO_DX},
    {{5, 24, 2, 16}, RELU | FROZEN},
    {{2, 17, 3, 16}, RUNNING | FROZEN | RELU},
    {{3, 8, 3, 8}, RUNNING | NO_VAR},
    {{2, 131, 2, 131}, RELU | RESIDUAL},
    {{2, 100, 2, 300}, RELU},
    {{29, 19, 7, 16}, RELU | RESIDUAL},
    {{3, 10, 31, 8}, RELU},
    {{2, 64, 14, 64}, RELU | RESIDUAL},
    {{3, 40, 37, 16}, RELU | RESIDUAL},
    {{301, 23, 1, 16}, NO_VAR},
};

static void setup_forward(op_run *run) {
    const int64_t *n = run->shape.n, width = n[2] > 1 ? n[2] + 2 : 1;
    const unsigned flags = run->shape.flags;
    struct ct_batch_norm_act_forward_args *a = run->args;
    op_size_image(run, AT(y), n[0], n[1], n[2], width, n[3]);
    op_size_image(run, AT(x), n[0], n[1], n[2], width, n[3]);
    if (flags & RESIDUAL) op_size_image(run, AT(residual), n[0], n[1], n[2], width, n[3]);
    op_size(run, AT(mean), 1, n[1]);
    op_size(run, AT(rstd), 1, n[1]);
    if (!(flags & NO_VAR)) op_size(run, AT(var), 1, n[1]);
    op_size(run, AT(running_mean), 1, n[1]);
    op_size(run, AT(running_var), 1, n[1]);
    op_size(run, AT(w), 1, n[1]);
    op_size(run, AT(b), 1, n[1]);
    a->eps = 1e-5f;
    a->batch_stats = !(flags & RUNNING);
    a->relu = flags & RELU;
    run->length = (double)(1 + n[0] * n[2] * width);
}

static void fill_forward(op_run *run, ct_rng *rng) {
    op_value *var = op_at(run, AT(running_var));
    for (int64_t c = 0; c < var->cols; c++) op_set(var, 0, c, 0.1 + ct_rng_f64(rng));
}

static bool near(double a, double b, double size) {
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b) + size);
}

/* One channel, its moments by the sum of squares of all pairs of neighbours in a running mean (Welford). */
static const char *verify_channel(const op_run *run, const op_outcome *oracle, int64_t c) {
    const struct ct_batch_norm_act_forward_args *a = run->args;
    const op_value *x = op_see(run, AT(x)), *residual = op_see(run, AT(residual)),
                   *y = op_result(run, oracle, AT(y));
    const double old_mean = op_see(run, AT(running_mean))->f[c], old_var = op_see(run, AT(running_var))->f[c];
    double mean = 0, squares = 0, count = 0;
    for (int64_t n = 0; n < a->x.n; n++)
        for (int64_t p = 0; p < a->x.h * a->x.w; p++) {
            const double v = x->f[op_image_element(run, AT(x), n, c, 0, p)], d = v - mean;
            mean += d / ++count;
            squares += d * (v - mean);
        }
    const bool batch = a->batch_stats && count > 0;
    const double var = batch ? squares / count : old_var, rstd = pow(var + (double)a->eps, -0.5);
    const double unbiased = !batch ? old_var : count > 1 ? squares / (count - 1) : 0;
    if (!batch) mean = old_mean;
    if (!near(op_result(run, oracle, AT(mean))->f[c], mean, 0)) return "mean";
    if (!near(op_result(run, oracle, AT(rstd))->f[c], rstd, 0)) return "rstd";
    const op_value *towards = op_result(run, oracle, AT(var));
    if (towards->present && !near(towards->f[c], unbiased, 0)) return "var";
    for (int64_t n = 0; n < a->x.n; n++)
        for (int64_t p = 0; p < a->x.h * a->x.w; p++) {
            const int64_t e = op_image_element(run, AT(x), n, c, 0, p);
            double v = (x->f[e] - mean) * rstd * op_see(run, AT(w))->f[c] + op_see(run, AT(b))->f[c];
            if (residual->present) v += residual->f[e];
            if (!near(y->f[e], a->relu ? fmax(v, 0) : v, rstd)) return "y";
        }
    return NULL;
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const char *verdict = NULL;
    for (int64_t c = 0; c < run->shape.n[1] && !verdict; c++) verdict = verify_channel(run, oracle, c);
    return verdict;
}

/* The ReLU lets through just what it let through before. */
static bool smooth(const op_run *run, const op_outcome *before, const op_outcome *now) {
    const op_value *a = op_result(run, before, AT(y)), *b = op_result(run, now, AT(y));
    if (!(run->shape.flags & RELU)) return true;
    for (int64_t e = 0; e < a->rows * a->cols; e++)
        if ((a->f[e] > 0) != (b->f[e] > 0)) return false;
    return true;
}

/* 32768 pixels around 300 with a deviation of 0.01: the mean of squares less the square of the mean has no
 * digit left. */
static void special(op_special *s) {
    enum { N = 2, S = 128, PIXELS = N * S * S };
    static const double zero = 0, one = 1;
    double *x = op_alloc(PIXELS, sizeof *x), mean = 0, var = 0, got[3];
    ct_rng rng = ct_rng_make(5, 0, 0);
    ct_error err = CT_ERROR_INIT;
    for (int i = 0; i < PIXELS; i++) {
        x[i] = (double)(float)(300 + 0.01 * ct_rng_normal(&rng));
        mean += x[i] / PIXELS;
    }
    for (int i = 0; i < PIXELS; i++) var += (x[i] - mean) * (x[i] - mean) / PIXELS;
    const ct_image shape = {.n = N, .c = 1, .h = S, .w = S, .cb = 1};
    struct ct_batch_norm_act_forward_args args = {
        .y = shape, .x = shape, .eps = 1e-12f, .batch_stats = true};
    args.x.data = op_special_f32(s, N * S * S, 1, x).data;
    args.y.data = op_special_f32(s, N * S * S, 1, NULL).data;
    args.mean = op_special_f32(s, 1, 1, NULL);
    args.rstd = op_special_f32(s, 1, 1, NULL);
    args.var = op_special_f32(s, 1, 1, NULL);
    args.running_mean = op_special_f32(s, 1, 1, &zero);
    args.running_var = op_special_f32(s, 1, 1, &one);
    args.w = op_special_f32(s, 1, 1, &one);
    args.b = op_special_f32(s, 1, 1, &zero);
    op_special_step(s);
    const ct_status st = ct_batch_norm_act_forward(s->dev, &args, &err);
    op_special_check(s, st == CT_OK, "a large mean with a small variance runs");
    op_special_read(s, args.mean, &got[0]);
    op_special_read(s, args.rstd, &got[1]);
    op_special_read(s, args.var, &got[2]);
    /* The mean is rounded to a float; the reference adds 32768 floats one by one, which may cost a few of its
     * steps. */
    const bool naive = s->device->name[0] == 'r';
    const double step = 300 * 0x1p-23, off = naive ? 32768 * step : 2 * step;
    op_special_check(s, fabs(got[0] - mean) <= off, "the mean is %.7g, want %.7g", got[0], mean);
    if (!naive) {
        op_special_check(s, fabs(got[1] * sqrt(var) - 1) <= 1e-4, "rstd is %.6g, want %.6g", got[1],
                         1 / sqrt(var));
        op_special_check(s, fabs(got[2] / var - 1) <= 1e-4, "the variance is %.6g, want %.6g", got[2], var);
    }
    free(x);
}

const op_case op_case_batch_norm_act_forward = {
    OP_TABLES(forward_fields, shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .smooth = smooth,
    .special = special,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_HUGE,
    .k = 8,
    .aliases = {{LINK(y), LINK(x)}},
    .same_bytes_any_threads = true,
};

/* The three terms of dx cancel; each is about this large. */
#define SCALE .scale = {BACK_LINK(rstd), BACK_LINK(w), BACK_LINK(dy)}

static const op_field backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .image = true,
     .grad = LINK(x),
     .beta = BACK_LINK(beta_x),
     SCALE},
    {.name = "dresidual",
     .at = BACK(dresidual),
     .role = OP_BLEND,
     .image = true,
     .grad = LINK(residual),
     .beta = BACK_LINK(beta_residual)},
    {.name = "dw", .at = BACK(dw), .role = OP_ADD, .grad = LINK(w)},
    {.name = "db", .at = BACK(db), .role = OP_ADD, .grad = LINK(b)},
    {.name = "dy", .at = BACK(dy), .image = true, .upstream = LINK(y)},
    {.name = "x", .at = BACK(x), .image = true, .from = LINK(x)},
    {.name = "y", .at = BACK(y), .image = true, .from = LINK(y)},
    {.name = "mean", .at = BACK(mean), .from = LINK(mean)},
    {.name = "rstd", .at = BACK(rstd), .from = LINK(rstd)},
    {.name = "w", .at = BACK(w), .from = LINK(w)},
};

static void setup_backward(op_run *run) {
    const struct ct_batch_norm_act_forward_args *f = run->forward->args;
    struct ct_batch_norm_act_backward_args *a = run->args;
    a->batch_stats = f->batch_stats;
    a->relu = f->relu;
    if (run->shape.flags & NO_DX) op_absent(run, BACK(dx));
    if (run->shape.flags & FROZEN) {
        op_absent(run, BACK(dw));
        op_absent(run, BACK(db));
    }
}

const op_case op_case_batch_norm_act_backward = {
    OP_TABLES(backward_fields, shapes),
    .forward = &op_case_batch_norm_act_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_HUGE,
    .k = 8,
    .aliases = {{BACK_LINK(dx), BACK_LINK(dy)}},
    .same_bytes_any_threads = true,
};
