/* InfoNCE by its definition, the score matrix whole, written from kernels/infonce.h alone: a second opinion
 * on the oracle's loss, statistics and everything it keeps for the backward. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/infonce.h"

#define AT(member) offsetof(struct ct_infonce_forward_args, member)

typedef struct dense {
    const op_run *run;
    const struct ct_infonce_batch *batch;
    int64_t b, n;
    double *score;  /* [b, n] */
    bool *negative; /* [b, n] */
} dense;

static const op_value *see(const dense *d, size_t at) {
    return op_see(d->run, at);
}
static int64_t column(const dense *d, int64_t b) {
    return see(d, AT(batch.pos))->i[b];
}

static bool other_group(const dense *d, int64_t b, int64_t j) {
    const op_value *users = see(d, AT(batch.user_group)), *items = see(d, AT(batch.item_group));
    return users->present && users->i[b] != items->i[j];
}

static void dense_fill(dense *d) {
    const op_value *u = see(d, AT(batch.u)), *v = see(d, AT(batch.v)), *begin = see(d, AT(batch.mask_begin));
    const double scale = exp(see(d, AT(batch.log_scale))->f[0]);
    d->score = op_alloc((size_t)(d->b * d->n), sizeof *d->score);
    d->negative = op_alloc((size_t)(d->b * d->n), sizeof *d->negative);
    for (int64_t b = 0; b < d->b; b++) {
        for (int64_t j = 0; j < d->n; j++) {
            for (int64_t c = 0; c < u->cols; c++)
                d->score[b * d->n + j] += scale * op_f(u, b, c) * op_f(v, j, c);
            d->negative[b * d->n + j] = !(d->batch->same_group && other_group(d, b, j));
        }
        for (int64_t k = begin->i[b]; k < begin->i[b + 1]; k++)
            d->negative[b * d->n + see(d, AT(batch.mask_col))->i[k]] = false;
    }
}

/* One direction of one pair. */
typedef struct side {
    double neg;         /* log sum exp of the negatives' z */
    double loss, share; /* L and P */
    double elsewhere;   /* probability on negatives of another group */
} side;

static double logq_at(const dense *d, bool rows, int64_t i) {
    return d->batch->mode == CT_LOGQ_NONE ? 0
                                          : see(d, rows ? AT(batch.item_logq) : AT(batch.user_logq))->f[i];
}

/* rows: user b over the items. Otherwise the column of b's item over the users. */
static side dense_side(const dense *d, int64_t b, bool rows) {
    const int64_t p = column(d, b), count = rows ? d->n : d->b;
    double sum = 0, most = -INFINITY, other = 0;
    int64_t negatives = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < count; i++) {
            const int64_t cell = rows ? b * d->n + i : i * d->n + p;
            const double z = d->score[cell] - logq_at(d, rows, i);
            if (!d->negative[cell]) continue;
            if (pass == 0) {
                most = fmax(most, z);
                negatives++;
                continue;
            }
            sum += exp(z - most);
            if (rows && other_group(d, b, i)) other += exp(z - most);
        }
    }
    side s = {.neg = negatives ? most + log(sum) : -INFINITY, .share = 1};
    if (negatives == 0) return s;
    const bool corrected = d->batch->mode == CT_LOGQ_CORRECTED;
    const double own = logq_at(d, rows, rows ? p : b),
                 positive = d->score[b * d->n + p] - (corrected ? 0 : own);
    const double n = corrected ? s.neg + log(1 - exp(own)) - log((double)negatives) : s.neg;
    const double top = fmax(n, positive), all = top + log(exp(n - top) + exp(positive - top));
    s.share = exp(positive - all);
    s.loss = corrected ? exp(n - all) * (n - positive) : all - positive;
    s.elsewhere = exp(n - all) * other / sum;
    return s;
}

static bool near(double a, double b) {
    return a == b || fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

typedef struct totals {
    double loss, weights, stats[3];
    double *col_coef;
} totals;

static double weight_of(const dense *d, int64_t b) {
    const op_value *w = see(d, AT(batch.weight));
    return w->present ? w->f[b] : 1;
}

/* Compares what is kept for one pair and adds the pair to the totals. */
static const char *dense_pair(const dense *d, const op_outcome *oracle, int64_t b, totals *t) {
    const side row = dense_side(d, b, true), col = dense_side(d, b, false);
    const double w = weight_of(d, b), share = (double)d->batch->row_share;
    const double row_coef = t->weights > 0 ? w * share * (1 - row.share) / t->weights : 0;
    const double col_coef = t->weights > 0 ? w * (1 - share) * (1 - col.share) / t->weights : 0;
    t->loss += w * (share * row.loss + (1 - share) * col.loss);
    t->stats[0] += w * row.share;
    t->stats[1] += w * col.share;
    t->stats[2] += w * row.elsewhere;
    t->col_coef[column(d, b)] += col_coef;
    if (!near(op_result(d->run, oracle, AT(row_neg))->f[b], row.neg)) return "row_neg";
    if (!near(op_result(d->run, oracle, AT(col_neg))->f[column(d, b)], col.neg)) return "col_neg";
    if (!near(op_result(d->run, oracle, AT(row_coef))->f[b], row_coef)) return "row_coef";
    if (!near(op_result(d->run, oracle, AT(pos_coef))->f[b], row_coef + col_coef)) return "pos_coef";
    return NULL;
}

const char *infonce_verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_infonce_forward_args *a = run->args;
    dense d = {.run = run, .batch = &a->batch, .b = run->shape.n[0], .n = run->shape.n[1]};
    totals t = {.col_coef = op_alloc((size_t)d.n, sizeof *t.col_coef)};
    const op_value *stats = op_result(run, oracle, AT(stats)), *col = op_result(run, oracle, AT(col_coef));
    const char *verdict = NULL;
    dense_fill(&d);
    for (int64_t b = 0; b < d.b; b++) t.weights += weight_of(&d, b);
    for (int64_t b = 0; b < d.b && !verdict; b++) verdict = dense_pair(&d, oracle, b, &t);
    const double per = t.weights > 0 ? 1 / t.weights : 0;
    if (!verdict && !near(op_result(run, oracle, AT(loss))->f[0], t.loss * per)) verdict = "loss";
    for (int i = 0; i < 3 && !verdict && t.weights > 0; i++)
        if (!near(stats->f[i], t.stats[i] * per)) verdict = "stats";
    for (int64_t j = 0; j < d.n && !verdict; j++)
        if (!near(col->f[j], t.col_coef[j])) verdict = "col_coef";
    free(d.score);
    free(d.negative);
    free(t.col_coef);
    return verdict;
}
