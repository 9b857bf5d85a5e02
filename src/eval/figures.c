/* Recall, NDCG, hit rate, reciprocal rank of each user; their averages; their intervals. */
#include "eval/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"

/* Figures of one user at one cut-off. IDCG is over the min(k, targets) best places. */
static void user_at(const double *rank, int32_t n, int64_t k, double *recall, double *ndcg, double *hr) {
    double hits = 0.0, dcg = 0.0, ideal = 0.0;
    for (int32_t i = 0; i < n; i++)
        if (rank[i] <= (double)k) {
            hits += 1.0;
            dcg += 1.0 / log2(1.0 + rank[i]);
        }
    for (int64_t i = 1; i <= k && i <= n; i++) ideal += 1.0 / log2(1.0 + (double)i);
    *recall = hits / n;
    *ndcg = dcg / ideal;
    *hr = hits > 0.0;
}

ct_status ct_figures_create(ct_figures *f, const ct_queries *q, const double *ranks, const int64_t *at, int n_at,
                            ct_error *err) {
    ct_status st = CT_OK;
    const size_t cells = (size_t)q->n * (size_t)n_at;
    *f = (ct_figures){.n = q->n, .n_at = n_at};
    CT_TRY(ct_calloc(cells, sizeof *f->recall, (void **)&f->recall, err), st, fail);
    CT_TRY(ct_calloc(cells, sizeof *f->ndcg, (void **)&f->ndcg, err), st, fail);
    CT_TRY(ct_calloc(cells, sizeof *f->hr, (void **)&f->hr, err), st, fail);
    CT_TRY(ct_calloc(cells, sizeof *f->rr_at, (void **)&f->rr_at, err), st, fail);
    CT_TRY(ct_calloc((size_t)q->n, sizeof *f->rr, (void **)&f->rr, err), st, fail);
    for (int64_t u = 0; u < q->n; u++) {
        const double *rank = ranks + q->target_begin[u];
        const int32_t n = q->target_begin[u + 1] - q->target_begin[u];
        double best = INFINITY;
        for (int32_t i = 0; i < n; i++) best = fmin(best, rank[i]);
        f->rr[u] = 1.0 / best;
        for (int k = 0; k < n_at; k++) {
            const int64_t cell = u * n_at + k;
            user_at(rank, n, at[k], &f->recall[cell], &f->ndcg[cell], &f->hr[cell]);
            f->rr_at[cell] = best <= (double)at[k] ? f->rr[u] : 0.0;
        }
    }
    return CT_OK;
fail:
    ct_figures_free(f);
    return st;
}

void ct_figures_free(ct_figures *f) {
    ct_free(f->recall);
    ct_free(f->ndcg);
    ct_free(f->hr);
    ct_free(f->rr_at);
    ct_free(f->rr);
    memset(f, 0, sizeof *f);
}

static double mean(const double *v, int64_t stride, const int64_t *users, int64_t n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += v[users[i] * stride];
    return n ? sum / (double)n : 0.0;
}

ct_status ct_figures_average(const ct_figures *f, const int64_t *users, int64_t n, ct_metrics *m, ct_error *err) {
    ct_status st = CT_OK;
    const size_t n_at = (size_t)f->n_at;
    memset(m, 0, sizeof *m);
    m->n_users = n;
    CT_TRY(ct_calloc(n_at, sizeof(double), (void **)&m->recall, err), st, fail);
    CT_TRY(ct_calloc(n_at, sizeof(double), (void **)&m->ndcg, err), st, fail);
    CT_TRY(ct_calloc(n_at, sizeof(double), (void **)&m->hr, err), st, fail);
    CT_TRY(ct_calloc(n_at, sizeof(double), (void **)&m->mrr_at, err), st, fail);
    CT_TRY(ct_calloc(n_at, sizeof(double), (void **)&m->coverage, err), st, fail);
    m->mrr = mean(f->rr, 1, users, n);
    for (int k = 0; k < f->n_at; k++) {
        m->recall[k] = mean(f->recall + k, f->n_at, users, n);
        m->ndcg[k] = mean(f->ndcg + k, f->n_at, users, n);
        m->hr[k] = mean(f->hr + k, f->n_at, users, n);
        m->mrr_at[k] = mean(f->rr_at + k, f->n_at, users, n);
        m->coverage[k] = NAN;
    }
    return CT_OK;
fail:
    ct_metrics_free(m);
    return st;
}

void ct_metrics_free(ct_metrics *m) {
    ct_free(m->recall);
    ct_free(m->ndcg);
    ct_free(m->hr);
    ct_free(m->mrr_at);
    ct_free(m->coverage);
    memset(m, 0, sizeof *m);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Means of one resampling, for each cut-off, into sums[k * draws + draw]. */
static void resample(const ct_figures *a, const ct_figures *b, const int64_t *users, int64_t n, ct_rng rng, int64_t draw,
                     int64_t draws, double *sums) {
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = users[ct_rng_below(&rng, (uint64_t)n)] * a->n_at;
        for (int k = 0; k < a->n_at; k++)
            sums[k * draws + draw] += (a->ndcg[row + k] - (b ? b->ndcg[row + k] : 0.0)) / (double)n;
    }
}

ct_status ct_bootstrap(const ct_figures *a, const ct_figures *b, const int64_t *users, int64_t n, int64_t draws,
                       uint64_t seed, int n_threads, ct_interval *out, ct_error *err) {
    double *sums = NULL;
    const uint32_t stream = ct_hash_name("eval/bootstrap");
    for (int k = 0; k < a->n_at; k++) out[k] = (ct_interval){NAN, NAN};
    if (draws == 0 || n == 0) return CT_OK;
    CT_CHECK(ct_calloc((size_t)draws * (size_t)a->n_at, sizeof *sums, (void **)&sums, err));
#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int64_t d = 0; d < draws; d++)
        resample(a, b, users, n, ct_rng_make(seed, (uint64_t)d, stream), d, draws, sums);
    for (int k = 0; k < a->n_at; k++) {
        double *v = sums + k * draws;
        qsort(v, (size_t)draws, sizeof *v, by_value);
        out[k] = (ct_interval){v[(int64_t)(0.025 * (double)(draws - 1))], v[(int64_t)ceil(0.975 * (double)(draws - 1))]};
    }
    ct_free(sums);
    return CT_OK;
}
