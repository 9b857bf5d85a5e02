/* Cases of sq_norm, grad_guard, adamw, row_update, running_update and clamp: what a step does to the parameters. */
#include <math.h>
#include <string.h>

#include "tests/ops/harness.h"

/* --- sq_norm: n = {R, C} --- */
#define NORM(member) offsetof(struct ct_sq_norm_args, member)

static const op_field norm_fields[] = {
    {.name = "sum", .at = NORM(sum), .role = OP_ADD, .vector = true, .dtype = CT_DTYPE_F64},
    {.name = "x", .at = NORM(x)},
};

static const op_shape norm_shapes[] = {
    {{7, 5}, 0},     {{0, 8}, 0},      {{1, 1}, 0},     {{1, 15}, 0},   {{3, 16}, 0},
    {{5, 17}, 0},    {{2, 31}, 0},     {{1, 4095}, 0},  {{1, 4096}, 0}, {{1, 4097}, 0},
    {{3, 16385}, 0}, {{1, 300007}, 0}, {{70001, 3}, 0},
};

static void norm_setup(op_run *run) {
    op_size(run, NORM(sum), 1, 1);
    op_size(run, NORM(x), run->shape.n[0], run->shape.n[1]);
    run->length = (double)(1 + run->shape.n[0] * run->shape.n[1]);
}

static const char *norm_verify(const op_run *run, const op_outcome *oracle) {
    const op_value *x = op_see(run, NORM(x));
    double sum = op_see(run, NORM(sum))->f[0];
    for (int64_t e = 0; e < x->rows * x->cols; e++) sum += x->f[e] * x->f[e];
    return fabs(op_result(run, oracle, NORM(sum))->f[0] - sum) <= 1e-12 * fabs(sum) ? NULL
                                                                                    : "the sum of squares";
}

static void norm_special(op_special *s) {
    const double bad[] = {NAN, INFINITY, -INFINITY, 2e19};
    bool ok = true;
    for (int i = 0; i < 4; i++) {
        double x[133] = {0}, start = 1, got = 0;
        ct_error err = CT_ERROR_INIT;
        x[70] = bad[i];
        struct ct_sq_norm_args a = {.sum = op_special_f64(s, 1, 1, &start),
                                    .x = op_special_f32(s, 1, 133, x)};
        op_special_step(s);
        ok = ok && ct_sq_norm(s->dev, &a, &err) == CT_OK &&
             ct_device_download(s->dev, &got, a.sum.data, sizeof got, &err) == CT_OK;
        ok = ok && (i == 0 ? isnan(got) : i < 3 ? isinf(got) : fabs(got - 4e38) < 1e32);
    }
    op_special_check(s, ok, "NaN and infinity come through, squares beyond f32 stay finite");
}

const op_case op_case_sq_norm = {
    OP_TABLES(norm_fields, norm_shapes),
    .setup = norm_setup,
    .verify = norm_verify,
    .special = norm_special,
    .same_bytes_any_threads = true,
    .patterns = 1 << OP_MEAN | 1 << OP_HUGE,
    .k = 4,
};

/* --- grad_guard: n = {sum, loss, max_norm} as numbers below --- */
#define GUARD(member) offsetof(struct ct_grad_guard_args, member)

static const op_field guard_fields[] = {
    {.name = "sum", .at = GUARD(sum), .fill = OP_FILL_CASE, .vector = true, .dtype = CT_DTYPE_F64},
    {.name = "loss", .at = GUARD(loss), .fill = OP_FILL_CASE, .vector = true},
};

static const double guard_values[] = {0, 0.25, 9, 1e30, NAN, INFINITY, -INFINITY};
static const op_shape guard_shapes[] = {
    {{2, 1, 1}, 0}, {{2, 1, 9}, 0}, {{2, 1, 0}, 0}, {{0, 1, 1}, 0}, {{3, 1, 1}, 0}, {{4, 1, 1}, 0},
    {{5, 1, 1}, 0}, {{2, 4, 1}, 0}, {{2, 5, 0}, 0}, {{2, 6, 1}, 0}, {{1, 0, 1}, 0},
};

static void guard_setup(op_run *run) {
    struct ct_grad_guard_args *a = run->args;
    op_size(run, GUARD(sum), 1, 1);
    op_size(run, GUARD(loss), 1, 1);
    a->max_norm = (float)run->shape.n[2];
    run->step.clip = 77; /* what an earlier step left */
    run->step.skip = run->shape.n[0] == 2;
    run->step.grad_norm = 55;
}

static void guard_fill(op_run *run, ct_rng *rng) {
    (void)rng;
    op_at(run, GUARD(sum))->f[0] = guard_values[run->shape.n[0]];
    op_at(run, GUARD(loss))->f[0] = guard_values[run->shape.n[1]];
}

static const char *guard_verify(const op_run *run, const op_outcome *oracle) {
    const double norm = sqrt(guard_values[run->shape.n[0]]), most = (double)run->shape.n[2];
    const bool skip = !isfinite(norm) || !isfinite(guard_values[run->shape.n[1]]);
    const double clip = skip ? 0 : most > 0 && norm > most ? most / norm : 1;
    if (oracle->step.skip != skip) return "skip";
    if (!(fabs((double)oracle->step.clip - clip) <= 1e-6)) return "clip";
    if (isfinite(norm) && !(fabs((double)oracle->step.grad_norm - norm) <= 1e-6 * norm)) return "grad_norm";
    return NULL;
}

const op_case op_case_grad_guard = {
    OP_TABLES(guard_fields, guard_shapes),
    .setup = guard_setup,
    .fill = guard_fill,
    .verify = guard_verify,
    .writes_step = true,
    .k = 4,
};

/* --- adamw: n = {n} --- */
enum { SKIP = 1, NO_DECAY = 2, FIRST_STEP = 4 };
#define ADAM(member) offsetof(struct ct_adamw_args, member)

static const op_field adam_fields[] = {
    {.name = "w", .at = ADAM(w), .role = OP_UPDATE},
    {.name = "m", .at = ADAM(m), .role = OP_UPDATE, .fill = OP_FILL_NORMAL},
    {.name = "v", .at = ADAM(v), .role = OP_UPDATE, .fill = OP_FILL_CASE},
    {.name = "g", .at = ADAM(g), .fill = OP_FILL_NORMAL},
};

static const op_shape adam_shapes[] = {
    {{5}, 0},  {{1}, 0},  {{15}, NO_DECAY},   {{16}, SKIP},   {{17}, FIRST_STEP},
    {{31}, 0}, {{64}, 0}, {{4097}, NO_DECAY}, {{4099}, SKIP}, {{300007}, 0},
};

static struct ct_adam_hyper hyper_of(unsigned flags) {
    return (struct ct_adam_hyper){
        .beta1 = 0.9f, .beta2 = 0.98f, .eps = 1e-6f, .decay = flags & NO_DECAY ? 0 : 0.1f, .lr_scale = 0.5f};
}

static void fill_second_moment(op_value *v, ct_rng *rng, bool zero) {
    for (int64_t e = 0; e < v->rows * v->cols; e++) {
        const double x = ct_rng_normal(rng);
        v->f[e] = zero ? 0 : (double)(float)(1e-3 * x * x);
    }
}

static void adam_setup(op_run *run) {
    struct ct_adamw_args *a = run->args;
    op_size(run, ADAM(w), 1, run->shape.n[0]);
    op_size(run, ADAM(m), 1, run->shape.n[0]);
    op_size(run, ADAM(v), 1, run->shape.n[0]);
    op_size(run, ADAM(g), 1, run->shape.n[0]);
    a->hyper = hyper_of(run->shape.flags);
    run->step.skip = run->shape.flags & SKIP ? 1 : 0;
}

static void adam_fill(op_run *run, ct_rng *rng) {
    fill_second_moment(op_at(run, ADAM(v)), rng, run->shape.flags & FIRST_STEP);
}

/* One element of AdamW by the formula; false when an outcome is not it. */
static bool adam_agrees(const op_run *run, const struct ct_adam_hyper *h, const double old[3], double grad,
                        const double now[3]) {
    const ct_step *step = &run->step;
    if (step->skip) return now[0] == old[0] && now[1] == old[1] && now[2] == old[2];
    const double g = (double)step->clip * grad, lr = (double)step->lr * (double)h->lr_scale;
    const double m = (double)h->beta1 * old[1] + (1 - (double)h->beta1) * g;
    const double v = (double)h->beta2 * old[2] + (1 - (double)h->beta2) * g * g;
    const double move = (double)h->decay * old[0] +
                        m / (double)step->bias1 / (sqrt(v / (double)step->bias2) + (double)h->eps);
    const double w = old[0] - lr * move;
    return fabs(now[0] - w) <= 1e-9 * (1 + fabs(w)) && fabs(now[1] - m) <= 1e-9 * (1 + fabs(m)) &&
           fabs(now[2] - v) <= 1e-9 * (1 + fabs(v));
}

static const char *adam_verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_adamw_args *a = run->args;
    const size_t at[] = {ADAM(w), ADAM(m), ADAM(v)};
    for (int64_t e = 0; e < run->shape.n[0]; e++) {
        double old[3], now[3];
        for (int i = 0; i < 3; i++) {
            old[i] = op_see(run, at[i])->f[e];
            now[i] = op_result(run, oracle, at[i])->f[e];
        }
        if (!adam_agrees(run, &a->hyper, old, op_see(run, ADAM(g))->f[e], now)) return "an element";
    }
    return NULL;
}

/* A gradient that is not finite must leave no trace when the step is skipped. */
static void adam_special(op_special *s) {
    enum { N = 37 };
    double w[N], m[N], v[N], g[N], got[N];
    ct_error err = CT_ERROR_INIT;
    for (int i = 0; i < N; i++) w[i] = m[i] = v[i] = 0.25 * i, g[i] = i % 3 ? NAN : INFINITY;
    struct ct_adamw_args a = {.w = op_special_f32(s, 1, N, w),
                              .m = op_special_f32(s, 1, N, m),
                              .v = op_special_f32(s, 1, N, v),
                              .g = op_special_f32(s, 1, N, g),
                              .hyper = hyper_of(0)};
    s->step.skip = 1;
    op_special_step(s);
    bool ok = ct_adamw(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.w, got);
    ok = ok && memcmp(got, w, sizeof w) == 0;
    op_special_read(s, a.m, got);
    ok = ok && memcmp(got, m, sizeof m) == 0;
    op_special_read(s, a.v, got);
    op_special_check(s, ok && memcmp(got, v, sizeof v) == 0, "a skipped step writes nothing");
}

const op_case op_case_adamw = {
    OP_TABLES(adam_fields, adam_shapes),
    .setup = adam_setup,
    .fill = adam_fill,
    .verify = adam_verify,
    .special = adam_special,
    .patterns = 1 << OP_MEAN | 1 << OP_EQUAL,
    .k = 4,
};

/* --- row_update: n = {V, C, U} --- */
#define ROWS(member) offsetof(struct ct_row_update_args, member)

static const op_field row_fields[] = {
    {.name = "table", .at = ROWS(table), .role = OP_UPDATE},
    {.name = "m", .at = ROWS(m), .role = OP_UPDATE, .fill = OP_FILL_NORMAL},
    {.name = "v", .at = ROWS(v), .role = OP_UPDATE, .fill = OP_FILL_CASE},
    {.name = "g", .at = ROWS(g), .fill = OP_FILL_NORMAL},
    {.name = "rows", .at = ROWS(rows), .role = OP_INDEX, .vector = true},
};

static const op_shape row_shapes[] = {
    {{7, 5, 3}, 0},         {{4, 8, 0}, 0},         {{1, 1, 1}, 0},
    {{9, 15, 9}, NO_DECAY}, {{9, 16, 4}, SKIP},     {{31, 17, 16}, 0},
    {{100, 64, 33}, 0},     {{70001, 3, 70001}, 0}, {{5000, 33, 700}, FIRST_STEP},
};

/* The u-th of U ascending rows of V; the last is row V - 1. */
static int32_t row_number(const op_shape *s, int64_t u) {
    return (int32_t)((u + 1) * s->n[0] / s->n[2] - 1);
}

static void row_setup(op_run *run) {
    const size_t wide[] = {ROWS(table), ROWS(m), ROWS(v)};
    struct ct_row_update_args *a = run->args;
    for (int i = 0; i < 3; i++) op_size(run, wide[i], run->shape.n[0], run->shape.n[1]);
    op_size(run, ROWS(g), run->shape.n[2], run->shape.n[1]);
    op_size(run, ROWS(rows), run->shape.n[2], 1);
    a->hyper = hyper_of(run->shape.flags);
    run->step.skip = run->shape.flags & SKIP ? 1 : 0;
}

static void row_fill(op_run *run, ct_rng *rng) {
    fill_second_moment(op_at(run, ROWS(v)), rng, run->shape.flags & FIRST_STEP);
    for (int64_t u = 0; u < run->shape.n[2]; u++) op_at(run, ROWS(rows))->i[u] = row_number(&run->shape, u);
}

static const char *row_verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_row_update_args *a = run->args;
    const size_t at[] = {ROWS(table), ROWS(m), ROWS(v)};
    int64_t u = 0;
    for (int64_t r = 0; r < run->shape.n[0]; r++) {
        const bool named = u < run->shape.n[2] && row_number(&run->shape, u) == r;
        for (int64_t c = 0; c < run->shape.n[1]; c++) {
            double old[3], now[3];
            for (int i = 0; i < 3; i++) {
                old[i] = op_f(op_see(run, at[i]), r, c);
                now[i] = op_f(op_result(run, oracle, at[i]), r, c);
                if (!named && old[i] != now[i]) return "a row that is not named changed";
            }
            if (named && !adam_agrees(run, &a->hyper, old, op_f(op_see(run, ROWS(g)), u, c), now))
                return "an element";
        }
        u += named;
    }
    return NULL;
}

const op_case op_case_row_update = {
    OP_TABLES(row_fields, row_shapes), .setup = row_setup, .fill = row_fill, .verify = row_verify, .k = 4,
};

/* --- running_update: n = {n} --- */
#define RUNNING(member) offsetof(struct ct_running_update_args, member)

static const op_field running_fields[] = {{.name = "x", .at = RUNNING(x), .role = OP_UPDATE},
                                          {.name = "batch", .at = RUNNING(batch), .fill = OP_FILL_NORMAL}};
static const op_shape running_shapes[] = {{{7}, 0}, {{1}, 0}, {{64}, SKIP}, {{257}, 0}, {{4099}, 0}};

static void running_setup(op_run *run) {
    struct ct_running_update_args *a = run->args;
    op_size(run, RUNNING(x), 1, run->shape.n[0]);
    op_size(run, RUNNING(batch), 1, run->shape.n[0]);
    a->momentum = 0.3f;
    run->step.skip = run->shape.flags & SKIP ? 1 : 0;
}

static const char *running_verify(const op_run *run, const op_outcome *oracle) {
    const op_value *x = op_see(run, RUNNING(x)), *batch = op_see(run, RUNNING(batch)),
                   *got = op_result(run, oracle, RUNNING(x));
    const double momentum = run->step.skip ? 0 : (double)0.3f;
    for (int64_t e = 0; e < x->cols; e++) {
        const double want = (1 - momentum) * x->f[e] + momentum * batch->f[e];
        if (!(fabs(got->f[e] - want) <= 1e-12 * (fabs(x->f[e]) + fabs(batch->f[e])))) return "an element";
    }
    return NULL;
}

/* Statistics that are not finite must leave no trace when the step is skipped; equal ones stay to the bit. */
static void running_special(op_special *s) {
    const double x[] = {0.1f, 3, -7.7f}, bad[] = {NAN, INFINITY, 1};
    double got[3];
    ct_error err = CT_ERROR_INIT;
    struct ct_running_update_args a = {
        .x = op_special_f32(s, 1, 3, x), .batch = op_special_f32(s, 1, 3, bad), .momentum = 0.1f};
    s->step.skip = 1;
    op_special_step(s);
    bool ok = ct_running_update(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.x, got);
    op_special_check(s, ok && memcmp(got, x, sizeof x) == 0, "a skipped step writes nothing");
    a.batch = op_special_f32(s, 1, 3, x);
    s->step.skip = 0;
    op_special_step(s);
    ok = ct_running_update(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.x, got);
    op_special_check(s, ok && memcmp(got, x, sizeof x) == 0, "statistics equal to the batch's stay");
}

const op_case op_case_running_update = {
    OP_TABLES(running_fields, running_shapes),
    .setup = running_setup,
    .verify = running_verify,
    .special = running_special,
    .patterns = 1 << OP_MEAN | 1 << OP_EQUAL,
    .k = 4,
};

/* --- clamp: n = {R, C} --- */
#define CLAMP(member) offsetof(struct ct_clamp_args, member)

static const op_field clamp_fields[] = {{.name = "x", .at = CLAMP(x), .role = OP_UPDATE}};
static const op_shape clamp_shapes[] = {{{7, 5}, 0}, {{0, 3}, 0}, {{1, 1}, 0}, {{3, 17}, 0}, {{64, 33}, 0}};

static void clamp_setup(op_run *run) {
    struct ct_clamp_args *a = run->args;
    op_size(run, CLAMP(x), run->shape.n[0], run->shape.n[1]);
    a->lower = -0.5f;
    a->upper = 1;
}

static const char *clamp_verify(const op_run *run, const op_outcome *oracle) {
    const op_value *x = op_see(run, CLAMP(x)), *y = op_result(run, oracle, CLAMP(x));
    for (int64_t e = 0; e < x->rows * x->cols; e++)
        if (y->f[e] != fmin(fmax(x->f[e], -0.5), 1)) return "an element";
    return NULL;
}

static void clamp_special(op_special *s) {
    const double x[] = {NAN, -INFINITY, INFINITY, 0.25};
    double got[4];
    ct_error err = CT_ERROR_INIT;
    struct ct_clamp_args a = {.x = op_special_f32(s, 1, 4, x), .lower = 0, .upper = 4.6f};
    op_special_step(s);
    bool ok = ct_clamp(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.x, got);
    ok = ok && isnan(got[0]) && got[1] == 0 && got[2] == (double)4.6f && got[3] == 0.25;
    op_special_check(s, ok, "NaN stays, infinities are bounded");
}

const op_case op_case_clamp = {
    OP_TABLES(clamp_fields, clamp_shapes),
    .setup = clamp_setup,
    .verify = clamp_verify,
    .special = clamp_special,
    .patterns = 1 << OP_ONES | 1 << OP_EXACT,
    .k = 1,
};
