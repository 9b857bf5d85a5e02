/* What this machine can do at most: multiply-adds in registers, and copying of memory. */
#ifndef CT_BENCHMARKS_PEAKS_H
#define CT_BENCHMARKS_PEAKS_H

#include "device/device.h"

typedef struct bench_peaks {
    double flops_one, flops; /* f32, a multiply-add being two, by one thread and by all */
    double copy_bytes_per_s; /* read and written, by all threads */
} bench_peaks;

/* The best of some tries, with the instruction set and the threads of `info`; takes about half a second. The
 * peak without FMA instructions (x86-64-v2) is that of a multiplication and an addition. */
ct_status bench_peaks_measure(bench_peaks *out, const ct_device_info *info, ct_error *err);

/* `rounds` rounds of independent multiply-adds; returns how many operations that were. benchmarks/isa/fma.c
 */
double ct_bench_fma_cpu_base(int64_t rounds, float factor, float term, float *sink);
double ct_bench_fma_cpu_v2(int64_t rounds, float factor, float term, float *sink);
double ct_bench_fma_cpu_v3(int64_t rounds, float factor, float term, float *sink);
double ct_bench_fma_cpu_v4(int64_t rounds, float factor, float term, float *sink);

#endif
