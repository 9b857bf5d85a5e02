/* The machine's peak of multiply-adds in f32, one source for all instruction sets: sums in registers, nothing
 * else. */
#include "benchmarks/peaks.h"
#include "kernels/cpu/tile.h"

/* Enough sums that none waits for another: two units of four cycles need eight, and this many fit every
 * register file that is meant here. */
enum { SUMS = 12 };

double CT_CPU(bench_fma)(int64_t rounds, float factor, float term, float *sink) {
    ct_lanes sum[SUMS], a, b;
#pragma GCC unroll 16
    for (int i = 0; i < CT_LANES; i++) {
        a[i] = factor;
        b[i] = term;
    }
#pragma GCC unroll 16
    for (int s = 0; s < SUMS; s++) sum[s] = a * (float)s;
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
        for (int s = 0; s < SUMS; s++) sum[s] = sum[s] * a + b;
    }
#pragma GCC unroll 16
    for (int s = 1; s < SUMS; s++) sum[0] += sum[s];
    *sink = sum[0][0];
    return 2.0 * CT_LANES * SUMS * (double)rounds;
}
