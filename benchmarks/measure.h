/* Times a case, and what several times say together. */
#ifndef CT_BENCHMARKS_MEASURE_H
#define CT_BENCHMARKS_MEASURE_H

#include <stdint.h>

#include "benchmarks/bench.h"

enum { BENCH_REPEATS_MAX = 100 };

typedef struct bench_times {
    int n;      /* repetitions */
    int inside; /* runs within a repetition; ms is that of one run */
    double ms[BENCH_REPEATS_MAX];
    double median, least, most, quarter, three_quarters;
} bench_times;

double bench_now_ms(void); /* of a clock that only goes forward */

/* Two runs to warm up, then n repetitions, each of as many runs as take 50 ms. */
ct_status bench_times_take(bench_times *out, const bench_case *c, void *state, int n, ct_error *err);

/* The numbers that follow from ms[0..n). n >= 1. */
void bench_times_sum_up(bench_times *t);

/* The value below which a share of the ascending values lies, between two of them in proportion. */
double bench_quantile(const double *sorted, int64_t n, double share);
int bench_ascending(const void *a, const void *b); /* of doubles, for qsort */

#endif
