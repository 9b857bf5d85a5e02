/* A run's metrics.jsonl as curves: a bounded number of points each, whatever the length of the file. */
#ifndef CT_EVAL_CURVES_H
#define CT_EVAL_CURVES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { CT_CURVE_POINTS = 400 };

/* When a curve is full, neighbours are merged into their mean: each point then stands for `merged` values. */
typedef struct ct_curve {
    const char *name; /* borrowed from the caller of ct_curves_read; "loss", "temperature", or a platform */
    int n;
    int64_t merged;
    double step[CT_CURVE_POINTS], value[CT_CURVE_POINTS];
    double step_sum, value_sum; /* of the point that is being gathered */
    int64_t gathered;
} ct_curve;

typedef struct ct_curves {
    bool found;        /* the file is there and could be read */
    char why[160];     /* why not */
    int64_t n_lines, n_broken; /* broken: longer than 64 KiB, no JSON object, of no known kind, without a step */
    int64_t n_not_finite;      /* values that are absent, null, or beyond 1e30 */
    ct_curve loss, temperature;
    ct_curve *valid;   /* [n_valid]: the metric on each platform */
    int n_valid;
} ct_curves;

/* metric: "ndcg@10", as validations name it. names [n]: the platforms. A file that is not there, or that cannot be
 * read, is no error: found tells. Only a lack of memory fails. */
ct_status ct_curves_read(ct_curves *c, const char *path, const char *metric, const char *const *names, int n,
                         ct_error *err);
void ct_curves_free(ct_curves *c);

#endif
