/* The machine's peaks. */
#include "benchmarks/peaks.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "benchmarks/measure.h"

/* Tries of a few milliseconds; the best counts, since a neighbour can only take away. */
enum { FMA_TRIES = 60, COPY_TRIES = 30, ROUNDS = 1 << 20 };

/* Two arrays beyond the caches of a core and small beside the memory; a try copies the next piece. */
#define COPY_BYTES ((size_t)1 << 27)
#define PIECE_BYTES ((size_t)1 << 26)

typedef double (*fma_fn)(int64_t rounds, float factor, float term, float *sink);

static fma_fn choose_fma(const char *isa) {
#if defined(__x86_64__)
    return strcmp(isa, "x86-64-v4") == 0   ? ct_bench_fma_cpu_v4
           : strcmp(isa, "x86-64-v3") == 0 ? ct_bench_fma_cpu_v3
                                           : ct_bench_fma_cpu_v2;
#else
    (void)isa;
    return ct_bench_fma_cpu_base;
#endif
}

/* The factor is near 1 and the term small, so that the sums stay ordinary numbers. */
static double best_of_thread(fma_fn fma) {
    volatile float keep;
    double best = 0;
    for (int i = 0; i < FMA_TRIES; i++) {
        float sink = 0;
        const double begin = bench_now_ms(), flop = fma(ROUNDS, 0.999f, 0.5f, &sink);
        keep = sink;
        best = fmax(best, flop / (bench_now_ms() - begin) * 1e3);
    }
    (void)keep;
    return best;
}

/* The threads run beside each other, and each has its best try: all of them undisturbed at once would be rare
 * on a busy machine. */
static double best_flops(fma_fn fma, int threads) {
    double sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    sum += best_of_thread(fma);
    return sum;
}

static double best_copy(char *to, const char *from, int threads) {
    const size_t share = PIECE_BYTES / (size_t)threads;
    double best = 0;
    for (int i = 0; i < COPY_TRIES; i++) {
        const size_t piece = (size_t)i * PIECE_BYTES % COPY_BYTES;
        const double begin = bench_now_ms();
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int part = 0; part < threads; part++)
            memcpy(to + piece + share * (size_t)part, from + piece + share * (size_t)part, share);
        best = fmax(best, 2.0 * (double)(share * (size_t)threads) / (bench_now_ms() - begin) * 1e3);
    }
    return best;
}

ct_status bench_peaks_measure(bench_peaks *out, const ct_device_info *info, ct_error *err) {
    const fma_fn fma = choose_fma(info->isa);
    char *blocks = NULL;
    CT_CHECK(ct_calloc(2, COPY_BYTES, (void **)&blocks, err));
    out->copy_bytes_per_s = best_copy(blocks, blocks + COPY_BYTES, info->n_threads);
    ct_free(blocks);
    out->flops_one = best_flops(fma, 1);
    out->flops = best_flops(fma, info->n_threads);
    return CT_OK;
}
