/* Finite differences of the f64 forward against the f64 backward.
 *
 * The objective is the sum of the forward's outputs weighted by the random upstream gradients (a plain sum
 * would be constant for a softmax and for a layer norm). Differences take four points, so that their error is
 * of order h^4; elements at which an index output (an argmax) moves, or that the case says so of, lie on a
 * kink and are stepped around. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/ops/harness.h"

enum { SAMPLES = 16, LARGEST = 20000 };
static const double step_size = 1e-4, relative = 1e-6, absolute = 1e-10;

/* Sum of upstream * output; *size gets the sum of magnitudes, which bounds the rounding of a difference. */
static double weighted_sum(const op_run *run, const op_outcome *forward, double *size) {
    double sum = 0;
    *size = 0;
    for (int i = 0; i < run->c->n_fields; i++) {
        const op_field *f = &run->c->fields[i];
        if (!f->upstream || !run->value[i].present) continue;
        const op_value *y = op_result(run->forward, forward, f->upstream - 1), *dy = &run->value[i];
        for (int64_t e = 0; e < dy->rows * dy->cols; e++) {
            sum += dy->f[e] * y->f[e];
            *size += fabs(dy->f[e] * y->f[e]);
        }
    }
    return sum;
}

static double objective(const op_run *run, const op_outcome *now, double *size) {
    if (!run->c->objective) return weighted_sum(run, now, size);
    const double x = run->c->objective(run, run->forward_out, now);
    *size = fabs(x);
    return x;
}

static bool indices_moved(const op_run *run, const op_outcome *now) {
    for (int i = 0; i < run->forward->c->n_fields; i++) {
        const op_value *a = &run->forward_out->out[i], *b = &now->out[i];
        if (a->i && memcmp(a->i, b->i, (size_t)(a->rows * a->cols) * sizeof *a->i)) return true;
    }
    return false;
}

/* False at a kink or when the forward fails. */
static bool difference(op_run *run, double *x, double *slope, double *size) {
    static const double offsets[] = {-2, -1, 1, 2}, weights[] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    const double kept = *x, h = step_size * fmax(1, fabs(kept));
    bool smooth = true;
    *slope = *size = 0;
    for (int i = 0; i < 4 && smooth; i++) {
        op_outcome now;
        double terms;
        *x = kept + offsets[i] * h;
        op_execute_oracle(run->forward, 0, true, &now);
        smooth = now.status == CT_OK && !indices_moved(run, &now);
        if (smooth && run->forward->c->smooth)
            smooth = run->forward->c->smooth(run->forward, run->forward_out, &now);
        if (smooth) {
            *slope += weights[i] * objective(run, &now, &terms) / h;
            *size += terms;
        }
        op_outcome_free(&now);
    }
    *x = kept;
    return smooth;
}

static double analytic(const op_run *run, const op_outcome *backward, int field, int64_t element) {
    const double old = run->c->fields[field].role == OP_ADD ? run->value[field].f[element] : 0;
    return backward->out[field].f[element] - old;
}

static void check_field(op_run *run, const op_outcome *backward, int field, ct_rng *rng, op_gradient *g) {
    const op_field *f = &run->c->fields[field];
    op_value *x = op_at(run->forward, f->grad - 1);
    const op_value *dx = &run->value[field];
    const int64_t n = dx->rows * dx->cols, samples = n < SAMPLES ? n : SAMPLES;
    if (!dx->present || !x->present || x->rows != dx->rows || x->cols != dx->cols) return;
    for (int64_t s = 0; s < samples; s++) {
        /* The first and the last element are always among the samples. */
        const int64_t e = n <= SAMPLES ? s
                          : s == 0     ? 0
                          : s == 1     ? n - 1
                                       : (int64_t)ct_rng_below(rng, (uint64_t)n);
        double slope, size;
        if (op_is_padding(run, f, e)) continue;
        if (!difference(run, &x->f[e], &slope, &size)) {
            g->kinks[field]++;
            continue;
        }
        const double a = analytic(run, backward, field, e);
        const double limit = absolute * (1 + size) + relative * fmax(fabs(a), fabs(slope));
        char label[240];
        op_run_label(run, label, sizeof label);
        g->compared[field]++;
        op_tally_add(&g->tally, fabs(a - slope) <= limit,
                     "%s: %s element %lld is %.12g, differences give %.12g", label, f->name, (long long)e, a,
                     slope);
    }
}

void op_check_gradient(op_run *run, op_gradient *g) {
    if (!run->c->forward || run->pattern != OP_NORMAL || run->wide || op_run_elements(run) > LARGEST) return;
    op_outcome backward;
    ct_rng rng = ct_rng_make(run->seed, 2, 4);
    char label[240];
    op_run_label(run, label, sizeof label);
    op_doing("gradient: %s", label);
    op_execute_oracle(run, 0, true, &backward);
    op_tally_add(&g->tally, backward.status == CT_OK, "%s: %s", label, backward.fault);
    for (int i = 0; i < run->c->n_fields && backward.status == CT_OK; i++)
        if (run->c->fields[i].grad) check_field(run, &backward, i, &rng, g);
    op_outcome_free(&backward);
}

void op_gradient_coverage(const op_case *c, op_gradient *g) {
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].grad)
            op_tally_add(&g->tally, g->compared[i] > 0 && g->kinks[i] <= g->compared[i],
                         "%s: %d elements compared, %d skipped at kinks", c->fields[i].name, g->compared[i],
                         g->kinks[i]);
}
