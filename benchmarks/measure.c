/* Repetitions and their median and spread. */
#include "benchmarks/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A repetition lasts at least this long: the clock and a wake-up of the threads are far below it. */
static const double repetition_ms = 50;

double bench_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int bench_ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(const double *sorted, int64_t n, double share) {
    const double at = share * (double)(n - 1);
    const int64_t below = (int64_t)at, above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

void bench_times_sum_up(bench_times *t) {
    double sorted[BENCH_REPEATS_MAX];
    memcpy(sorted, t->ms, (size_t)t->n * sizeof *sorted);
    qsort(sorted, (size_t)t->n, sizeof *sorted, bench_ascending);
    t->least = sorted[0];
    t->most = sorted[t->n - 1];
    t->quarter = bench_quantile(sorted, t->n, 0.25);
    t->median = bench_quantile(sorted, t->n, 0.5);
    t->three_quarters = bench_quantile(sorted, t->n, 0.75);
}

static ct_status run_times(const bench_case *c, void *state, int n, double *ms, ct_error *err) {
    const double begin = bench_now_ms();
    for (int i = 0; i < n; i++) CT_CHECK(c->run(state, err));
    *ms = bench_now_ms() - begin;
    return CT_OK;
}

ct_status bench_times_take(bench_times *out, const bench_case *c, void *state, int n, ct_error *err) {
    double ms = 0;
    *out = (bench_times){.n = n, .inside = 1};
    CT_CHECK(run_times(c, state, 1, &ms, err));
    CT_CHECK(run_times(c, state, 1, &ms, err));
    while (ms < repetition_ms) { /* a first guess from one short run is too high */
        const double factor = ms > 0 ? fmin(1.2 * repetition_ms / ms, 10) : 10;
        out->inside = (int)ceil(factor * out->inside);
        CT_CHECK(run_times(c, state, out->inside, &ms, err));
    }
    for (int i = 0; i < n; i++) {
        CT_CHECK(run_times(c, state, out->inside, &out->ms[i], err));
        out->ms[i] /= out->inside;
    }
    bench_times_sum_up(out);
    return CT_OK;
}
