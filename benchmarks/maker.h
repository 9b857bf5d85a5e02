/* Makes what a case works on: tensors on the device with contents, sizes from a line of a shape file. The
 * first failure is kept and the rest does nothing, so that a maker is a list of tensors. */
#ifndef CT_BENCHMARKS_MAKER_H
#define CT_BENCHMARKS_MAKER_H

#include "benchmarks/bench.h"
#include "device/device.h"

enum { BENCH_KEYS_MAX = 16, BENCH_BLOCKS_MAX = 64 };

/* "T=4096 I=384": what a shape line says behind its names. */
typedef struct bench_sizes {
    struct {
        char key[12];
        double value;
        bool used;
    } of[BENCH_KEYS_MAX];
    int n;
} bench_sizes;

/* Reads KEY=NUMBER words. CT_ERR_CONFIG names the word that is none. */
ct_status bench_sizes_read(bench_sizes *sizes, const char *text, ct_error *err);

typedef struct bench_maker {
    ct_device *dev;
    bench_sizes sizes;
    bench_work work;
    ct_rng rng;
    void *blocks[BENCH_BLOCKS_MAX]; /* on the device */
    int n_blocks;
    ct_status status;
    ct_error *err; /* of whoever opened the case; only while it is made */
} bench_maker;

/* Opens the device with a step state. Borrows err until the case is made. On failure the maker is to be
 * closed too. */
ct_status bench_maker_open(bench_maker *m, const bench_options *options, const char *sizes, ct_error *err);
void bench_maker_close(bench_maker *m);
/* The status, when all is made: also CT_ERR_CONFIG for a size that nobody asked for. Lets go of err. */
ct_status bench_maker_end(bench_maker *m);

/* A size of the line: at least 1, at most 2^31 - 1; missing: CT_ERR_CONFIG. The other one may be missing. */
int64_t bench_size(bench_maker *m, const char *key);
double bench_number_or(bench_maker *m, const char *key, double fallback);

/* Matrices [rows, cols]. Uniform in [-1, 1), in [low, high); zeros; whole numbers in [0, below). */
ct_tensor bench_f32(bench_maker *m, int64_t rows, int64_t cols);
ct_tensor bench_between(bench_maker *m, int64_t rows, int64_t cols, double low, double high);
ct_tensor bench_zeros(bench_maker *m, ct_dtype dtype, int64_t rows, int64_t cols);
ct_tensor bench_indices(bench_maker *m, int64_t rows, int64_t cols, int64_t below);
ct_tensor bench_pixels(bench_maker *m, int64_t rows, int64_t cols);
/* [n, 1] = 0, step, 2 step, ... */
ct_tensor bench_strided(bench_maker *m, int64_t n, int64_t step);
static inline ct_tensor bench_counting(bench_maker *m, int64_t n) {
    return bench_strided(m, n, 1);
}
/* From the host. */
ct_tensor bench_i32(bench_maker *m, const int32_t *values, int64_t rows, int64_t cols);
/* An image tensor of uniform values in the device's channel block; channels beyond c are zero. */
ct_image bench_image(bench_maker *m, int64_t n, int64_t c, int64_t h, int64_t w);

/* N packed sequences, their lengths spread evenly over [shortest, longest] and mixed: what the line's N,
 * shortest and longest say. */
typedef struct bench_packed {
    ct_tensor offsets;
    int64_t n, tokens, longest;
    double squares; /* sum of the squared lengths */
} bench_packed;
bench_packed bench_sequences(bench_maker *m);

/* What the host hands to the backward of a lookup of `entries` random rows out of V, `bag` entries a row of
 * dy. */
typedef struct bench_lookup {
    ct_tensor ids, rows, seg_begin, seg_row;
    int64_t n_unique;
} bench_lookup;
bench_lookup bench_look_up(bench_maker *m, int64_t entries, int64_t bag, int64_t V);

/* Runs an op while making, for what its backward needs. */
#define BENCH_RUN(m, op, args)                                                                               \
    do {                                                                                                     \
        if ((m)->status == CT_OK) (m)->status = ct_##op((m)->dev, args, (m)->err);                           \
    } while (0)

static inline bench_work bench_counts(double flop, double bytes) {
    return (bench_work){flop, bytes};
}

#endif
