/* From ranks to figures: one row a user, averages over chosen users, bootstrap intervals. */
#ifndef CT_EVAL_FIGURES_H
#define CT_EVAL_FIGURES_H

#include "eval/evaluate.h"
#include "eval/protocol.h"

/* Figures of one method for each user of the queries. at: [n_at] cut-offs. */
typedef struct ct_figures {
    int64_t n;
    int n_at;
    double *recall, *ndcg, *hr, *rr_at; /* [n, n_at] */
    double *rr;                         /* [n] */
} ct_figures;

/* The formulas of evaluate.h on ranks [n_targets]. */
ct_status ct_figures_create(ct_figures *f, const ct_queries *q, const double *ranks, const int64_t *at, int n_at,
                            ct_error *err);
void ct_figures_free(ct_figures *f);

/* Averages over the users listed; coverage is left NaN. Owned arrays in *m: ct_metrics_free. */
ct_status ct_figures_average(const ct_figures *f, const int64_t *users, int64_t n, ct_metrics *m, ct_error *err);
void ct_metrics_free(ct_metrics *m);

/* 95% percentile intervals, per cut-off, of the mean of a's ndcg (b NULL) or of a's minus b's, over `draws` resamplings
 * of the users listed; the same resamplings for every call with the same seed and n, so that pairs stay pairs.
 * out [n_at]; NaN when draws or n is 0. */
ct_status ct_bootstrap(const ct_figures *a, const ct_figures *b, const int64_t *users, int64_t n, int64_t draws,
                       uint64_t seed, int n_threads, ct_interval *out, ct_error *err);

#endif
