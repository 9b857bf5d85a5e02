/* How far a device may be from the oracle, and the comparison.
 *
 * The limit of an output element is  k * g * (s + e * m) + k * e * a  with
 *   e  2^-24, the unit roundoff of f32;
 *   m  the largest magnitude in the element's row of the output;
 *   s  how much the oracle's row moves when every float input moves by up to e of itself at random: rounding
 * the inputs is beyond a kernel's power, and this number follows the condition of the problem (a large mean
 * with a small variance, scores of a hundred) without a hand-picked constant; g  growth of the rounding of
 * the longest sum: its square root where roundings are random, its length where all summands are alike and so
 * are their roundings; a  the product of the magnitudes of the inputs that the field names in `scale`, for
 * outputs that cancel (gelu far below zero, the gradient of a layer norm), and what the run says in its own
 * `scale`; k  the case's factor, a small number; and k * 2^-126 more, since numbers smaller than that may be
 * flushed to 0. Outputs that the contract sums in f64 get  k * length * 2^-53 * m. The channels of an image
 * beyond its last are exact zeros. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/harness.h"

static const double unit_f32 = 0x1p-24, unit_f64 = 0x1p-53, smallest_f32 = 0x1p-126;

/* Moves every float input by less than a rounding, keeping the old content in `kept`. Not by just one
 * rounding up or down: in a row of two elements both would move alike in every other draw, and a layer norm
 * would see nothing. */
static void perturb(const op_run *run, double **kept, ct_rng *rng) {
    for (int i = 0; i < run->c->n_fields; i++) {
        const op_field *f = &run->c->fields[i];
        const op_value *v = &run->value[i];
        kept[i] = NULL;
        if (!v->f || (f->role != OP_INPUT && f->role != OP_UPDATE)) continue;
        const size_t n = (size_t)(v->rows * v->cols);
        kept[i] = op_alloc(n, sizeof *kept[i]);
        memcpy(kept[i], v->f, n * sizeof *kept[i]);
        for (size_t e = 0; e < n; e++)
            v->f[e] = (double)(float)v->f[e] * (1 + unit_f32 * (2 * ct_rng_f64(rng) - 1));
    }
}

static void restore(const op_run *run, double **kept) {
    for (int i = 0; i < run->c->n_fields; i++) {
        const op_value *v = &run->value[i];
        if (kept[i]) memcpy(v->f, kept[i], (size_t)(v->rows * v->cols) * sizeof *kept[i]);
        free(kept[i]);
    }
}

/* Per element the largest move so far; afterwards spread over the row, and at least the tensor's root mean
 * square, so that an element which happened to stand still does not get a limit of nothing. */
static void collect(op_value *limit, const op_value *base, const op_value *moved) {
    for (int64_t e = 0; e < base->rows * base->cols; e++) {
        const double d = fabs(moved->f[e] - base->f[e]);
        if (d < INFINITY && d > limit->f[e]) limit->f[e] = d;
    }
}

static void spread(op_value *limit) {
    const int64_t n = limit->rows * limit->cols;
    double squares = 0;
    for (int64_t e = 0; e < n; e++) squares += limit->f[e] * limit->f[e];
    const double rms = n ? sqrt(squares / (double)n) : 0;
    for (int64_t r = 0; r < limit->rows; r++) {
        double *row = limit->f + r * limit->cols, most = rms;
        for (int64_t c = 0; c < limit->cols; c++) most = row[c] > most ? row[c] : most;
        for (int64_t c = 0; c < limit->cols; c++) row[c] = most;
    }
}

static bool has_limit(const op_run *run, const op_outcome *oracle, int field) {
    return oracle->out[field].f && run->c->fields[field].dtype == CT_DTYPE_F32;
}

void op_limits_make(const op_run *run, const op_outcome *oracle, op_limits *limits) {
    ct_rng rng = ct_rng_make(run->seed, 1, 3);
    const int draws = op_run_elements(run) > 500000 ? 3 : 6;
    memset(limits, 0, sizeof *limits);
    if (oracle->status != CT_OK) return;
    for (int i = 0; i < run->c->n_fields; i++) {
        if (!has_limit(run, oracle, i)) continue;
        limits->of[i] = oracle->out[i];
        limits->of[i].f = op_alloc((size_t)(oracle->out[i].rows * oracle->out[i].cols), sizeof(double));
    }
    for (int d = 0; d < draws; d++) {
        double *kept[OP_MAX_FIELDS];
        op_outcome moved;
        perturb(run, kept, &rng);
        op_execute_oracle(run, 0, true, &moved);
        restore(run, kept);
        for (int i = 0; i < run->c->n_fields && moved.status == CT_OK; i++)
            if (limits->of[i].f) collect(&limits->of[i], &oracle->out[i], &moved.out[i]);
        op_outcome_free(&moved);
    }
    for (int i = 0; i < run->c->n_fields; i++)
        if (limits->of[i].f) spread(&limits->of[i]);
}

void op_limits_free(op_limits *limits) {
    for (int i = 0; i < OP_MAX_FIELDS; i++) free(limits->of[i].f);
    memset(limits, 0, sizeof *limits);
}

static double magnitude(const op_value *v) {
    double most = 0;
    for (int64_t e = 0; v->f && e < v->rows * v->cols; e++)
        most = fabs(v->f[e]) > most ? fabs(v->f[e]) : most;
    return most;
}

static double row_magnitude(const op_value *v, int64_t r) {
    double most = 0;
    for (int64_t c = 0; c < v->cols; c++) {
        const double x = fabs(op_f(v, r, c));
        if (x > most && x < INFINITY) most = x;
    }
    return most;
}

static double scale_of(const op_run *run, const op_field *f) {
    double product = f->scale[0] ? 1 : 0;
    for (int i = 0; i < OP_COUNT(f->scale); i++)
        if (f->scale[i]) product *= magnitude(op_see(run, f->scale[i] - 1));
    return product;
}

static double growth(const op_run *run) {
    const bool alike = run->pattern == OP_ONES || run->pattern == OP_EQUAL;
    return alike ? run->length : sqrt(run->length);
}

static bool compare_floats(const op_run *run, int field, const op_value *moves, const op_value *got,
                           const op_value *want, char *why, size_t n) {
    const op_field *f = &run->c->fields[field];
    const double k = run->c->k, scale = scale_of(run, f);
    for (int64_t r = 0; r < want->rows; r++) {
        const double m = row_magnitude(want, r);
        for (int64_t c = 0; c < want->cols; c++) {
            const double w = op_f(want, r, c), g = op_f(got, r, c);
            const double limit = op_is_padding(run, f, r * want->cols + c) ? 0
                                 : f->dtype == CT_DTYPE_F64
                                     ? k * run->length * unit_f64 * m
                                     : k * growth(run) * (op_f(moves, r, c) + unit_f32 * m) +
                                           k * (unit_f32 * (scale + run->scale) + smallest_f32);
            const double error = g == w ? 0 : fabs(g - w); /* equal infinities differ by nothing */
            if (!(error <= limit)) {
                snprintf(why, n, "%s[%lld, %lld] of [%lld, %lld] is %.9g, want %.9g, error %.3g, limit %.3g",
                         f->name, (long long)r, (long long)c, (long long)want->rows, (long long)want->cols, g,
                         w, error, limit);
                return false;
            }
        }
    }
    return true;
}

static bool compare_indices(const op_run *run, int field, const op_value *got, const op_value *want,
                            char *why, size_t n) {
    const op_field *f = &run->c->fields[field];
    for (int64_t e = 0; e < want->rows * want->cols; e++) {
        const int64_t r = e / want->cols, c = e % want->cols;
        if (got->i[e] == want->i[e]) continue;
        if (run->pattern != OP_EXACT && run->c->index_ok &&
            run->c->index_ok(run, f, r, c, got->i[e], want->i[e]))
            continue;
        snprintf(why, n, "%s[%lld, %lld] is %d, want %d", f->name, (long long)r, (long long)c, got->i[e],
                 want->i[e]);
        return false;
    }
    return true;
}

/* Results of the ops that answer through the step state. */
static bool compare_step(const op_run *run, const ct_step *got, const ct_step *want, char *why, size_t n) {
    const float g[] = {got->clip, got->grad_norm}, w[] = {want->clip, want->grad_norm};
    bool ok =
        got->skip == want->skip && got->seed == want->seed && got->step == want->step && got->lr == want->lr;
    for (int i = 0; i < 2; i++) {
        const bool same = g[i] == w[i] || (isnan(g[i]) && isnan(w[i]));
        ok = ok && (same || fabs((double)g[i] - (double)w[i]) <= run->c->k * unit_f32 * fabs((double)w[i]));
    }
    if (!ok)
        snprintf(why, n, "step is {clip %g, norm %g, skip %d}, want {%g, %g, %d}", g[0], g[1], got->skip,
                 w[0], w[1], want->skip);
    return ok;
}

bool op_compare(const op_run *run, const op_limits *limits, const op_outcome *got, const op_outcome *want,
                char *why, size_t n) {
    if (want->status != CT_OK || want->fault[0]) {
        snprintf(why, n, "the oracle failed: %s", want->fault);
        return false;
    }
    if (got->status != CT_OK || got->fault[0]) {
        snprintf(why, n, "%s", got->fault);
        return false;
    }
    for (int i = 0; i < run->c->n_fields; i++) {
        const op_value *w = &want->out[i], *g = &got->out[i];
        if (w->f && !compare_floats(run, i, &limits->of[i], g, w, why, n)) return false;
        if (w->i && !compare_indices(run, i, g, w, why, n)) return false;
    }
    return !run->c->writes_step || compare_step(run, &got->step, &want->step, why, n);
}

bool op_same_bytes(const op_run *run, const op_outcome *a, const op_outcome *b, char *why, size_t n) {
    for (int i = 0; i < run->c->n_fields; i++) {
        const op_value *x = &a->out[i], *y = &b->out[i];
        const size_t count = (size_t)(x->rows * x->cols);
        if ((x->f && (!y->f || memcmp(x->f, y->f, count * sizeof *x->f))) ||
            (x->i && (!y->i || memcmp(x->i, y->i, count * sizeof *x->i)))) {
            snprintf(why, n, "%s differs", run->c->fields[i].name);
            return false;
        }
    }
    if (memcmp(&a->step, &b->step, sizeof(ct_step))) {
        snprintf(why, n, "the step state differs");
        return false;
    }
    return true;
}
