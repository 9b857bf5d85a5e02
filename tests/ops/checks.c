/* The checks of one run: values, accumulation, aliases, the same bytes twice, threads, planning; and of the
 * oracle against itself. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/ops/harness.h"

const char *const op_check_names[OP_CHECKS] = {"values", "accumulate", "alias", "repeat", "threads", "plan"};

static int blend_fields(const op_case *c) {
    int n = 0;
    for (int i = 0; i < c->n_fields; i++) n += c->fields[i].role == OP_BLEND;
    return n;
}

void op_expected_make(op_expected *e, op_run *run) {
    const int blends = blend_fields(run->c);
    memset(e, 0, sizeof *e);
    e->run = run;
    e->n_betas = 1 + (blends > 0) + (blends > 1);
    e->betas[1] = ~0u;
    e->betas[2] = 1;
    for (int b = 0; b < e->n_betas; b++) op_execute_oracle(run, e->betas[b], false, &e->want[b]);
    op_limits_make(run, &e->want[0], &e->limits);
}

void op_expected_free(op_expected *e) {
    for (int b = 0; b < e->n_betas; b++) op_outcome_free(&e->want[b]);
    op_limits_free(&e->limits);
    op_run_free(e->run);
}

/* One call on the device against the oracle; the outcome is kept when `keep` is given. */
static void check_call(const op_expected *e, ct_device *dev, int betas, int alias, op_tally *tally,
                       op_outcome *keep) {
    op_outcome got;
    char why[700] = "", label[240];
    op_execute_device(e->run, dev, e->betas[betas], alias, &got);
    const bool ok = op_compare(e->run, &e->limits, &got, &e->want[betas], why, sizeof why);
    op_run_label(e->run, label, sizeof label);
    op_tally_add(tally, ok, "%s, beta bits %#x: %s", label, e->betas[betas], why);
    if (keep)
        *keep = got;
    else
        op_outcome_free(&got);
}

static void check_same(const op_expected *e, const op_outcome *a, const op_outcome *b, op_tally *tally) {
    char why[200] = "", label[240];
    const bool ok = op_same_bytes(e->run, a, b, why, sizeof why);
    op_run_label(e->run, label, sizeof label);
    op_tally_add(tally, ok, "%s: %s", label, why);
}

static void check_alias(const op_expected *e, const op_device *device, op_tally *tally) {
    const op_case *c = e->run->c;
    for (int a = 0; a < OP_COUNT(c->aliases); a++) {
        if (!c->aliases[a].out) break;
        if (!op_see(e->run, c->aliases[a].out - 1)->present || !op_see(e->run, c->aliases[a].in - 1)->present)
            continue;
        check_call(e, device->two, 0, a, tally, NULL);
    }
}

static void check_plan(const op_expected *e, const op_device *device, op_tally *tally) {
    op_outcome got;
    char label[240];
    op_execute_plan(e->run, device->two, &got);
    op_run_label(e->run, label, sizeof label);
    op_tally_add(tally, got.status == CT_OK && !got.fault[0], "%s: %s", label, got.fault);
    op_outcome_free(&got);
}

void op_check_run(const op_expected *e, const op_device *device, bool only_values,
                  op_tally tallies[OP_CHECKS]) {
    op_outcome first, again, one;
    char label[240];
    op_run_label(e->run, label, sizeof label);
    op_doing("%s: %s", device->name, label);
    check_call(e, device->two, 0, -1, &tallies[OP_CHECK_VALUES], &first);
    for (int b = 1; b < e->n_betas; b++)
        check_call(e, device->two, b, -1, &tallies[OP_CHECK_ACCUMULATE], NULL);
    if (!only_values && e->run->pattern == OP_NORMAL) {
        check_alias(e, device, &tallies[OP_CHECK_ALIAS]);
        check_call(e, device->two, 0, -1, &tallies[OP_CHECK_REPEAT], &again);
        check_same(e, &first, &again, &tallies[OP_CHECK_REPEAT]);
        check_call(e, device->one, 0, -1, &tallies[OP_CHECK_THREADS], &one);
        if (e->run->c->same_bytes_any_threads) check_same(e, &first, &one, &tallies[OP_CHECK_THREADS]);
        check_plan(e, device, &tallies[OP_CHECK_PLAN]);
        op_outcome_free(&again);
        op_outcome_free(&one);
    }
    op_outcome_free(&first);
}

/* In f64, beta 1 must be the old content plus what beta 0 gives. */
static bool oracle_accumulates(const op_expected *e, char *why, size_t n) {
    const op_case *c = e->run->c;
    for (int i = 0; i < c->n_fields; i++) {
        const op_value *zero = &e->want[0].out[i], *one = &e->want[1].out[i], *old = &e->run->value[i];
        if (c->fields[i].role != OP_BLEND || !zero->f) continue;
        for (int64_t x = 0; x < zero->rows * zero->cols; x++) {
            const double sum = old->f[x] + zero->f[x];
            if (!(fabs(one->f[x] - sum) <= 1e-12 * (fabs(old->f[x]) + fabs(zero->f[x])))) {
                snprintf(why, n, "%s element %lld with beta 1 is %.17g, want %.17g", c->fields[i].name,
                         (long long)x, one->f[x], sum);
                return false;
            }
        }
    }
    return true;
}

/* Two calls, with the old content of each gradient at what it was and at twice that: the results differ by
 * just the old content. */
static bool oracle_adds(const op_expected *e, char *why, size_t n) {
    const op_case *c = e->run->c;
    bool ok = true;
    op_outcome twice;
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].role == OP_ADD)
            for (int64_t x = 0; x < e->run->value[i].rows * e->run->value[i].cols; x++)
                e->run->value[i].f[x] *= 2;
    op_execute_oracle(e->run, 0, false, &twice);
    for (int i = 0; i < c->n_fields; i++) {
        if (c->fields[i].role != OP_ADD) continue;
        const op_value *a = &e->want[0].out[i], *b = &twice.out[i], *old = &e->run->value[i];
        for (int64_t x = 0; x < old->rows * old->cols; x++) {
            old->f[x] /= 2;
            if (!ok || !b->f) continue;
            ok = fabs(b->f[x] - a->f[x] - old->f[x]) <= 1e-12 * (fabs(a->f[x]) + fabs(b->f[x]));
            if (!ok) snprintf(why, n, "%s element %lld is not added to", c->fields[i].name, (long long)x);
        }
    }
    op_outcome_free(&twice);
    return ok;
}

void op_check_oracle(const op_expected *e, op_tally *tally) {
    char label[240], why[300] = "";
    op_run_label(e->run, label, sizeof label);
    op_doing("oracle: %s", label);
    const bool ran = e->want[0].status == CT_OK;
    op_tally_add(tally, ran, "%s: %s", label, e->want[0].fault);
    if (!ran) return;
    if (e->n_betas > 1) op_tally_add(tally, oracle_accumulates(e, why, sizeof why), "%s: %s", label, why);
    op_tally_add(tally, oracle_adds(e, why, sizeof why), "%s: %s", label, why);
    if (e->run->c->verify) {
        const char *verdict = e->run->c->verify(e->run, &e->want[0]);
        op_tally_add(tally, verdict == NULL, "%s: the oracle disagrees with the header: %s", label,
                     verdict ? verdict : "");
    }
}
