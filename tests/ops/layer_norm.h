/* The formula of layer norm for one row, shared by the cases of both ops that end in one. */
#ifndef CT_TESTS_OPS_LAYER_NORM_H
#define CT_TESTS_OPS_LAYER_NORM_H

#include <math.h>

#include "tests/ops/harness.h"

/* What one row of s must become: its statistics, and element c before any dropout. */
typedef struct row_norm {
    double mean, rstd;
} row_norm;

static inline row_norm row_norm_of(const double *s, int64_t n, double eps) {
    row_norm r = {0, 0};
    double square = 0;
    for (int64_t c = 0; c < n; c++) r.mean += s[c] / (double)n;
    for (int64_t c = 0; c < n; c++) square += (s[c] - r.mean) * (s[c] - r.mean) / (double)n;
    r.rstd = 1 / sqrt(square + eps);
    return r;
}

/* The dropout factor of (row, pos, channel) by kernels/dropout.h. */
static inline double drop_factor(const op_run *run, ct_dropout drop, const op_value *row_of,
                                 const op_value *pos_of, int64_t t, int64_t c) {
    const ct_rng_key key = ct_rng_key_make(run->step.seed, run->step.step, drop.stream);
    const uint32_t row = (uint32_t)(row_of->present ? row_of->i[t] : t),
                   pos = pos_of->present ? (uint32_t)pos_of->i[t] : 0;
    const uint32_t word = ct_dropout_words(key, row, pos, (uint32_t)(c / 4)).v[c % 4];
    return ct_rng_unit(word) < drop.p ? 0 : 1 / (1 - (double)drop.p);
}

static inline bool norm_near(double got, double want, double size) {
    return fabs(got - want) <= 1e-9 * (1 + size);
}

#endif
