/* Item-kNN without an item-item matrix. With X the binary user x item matrix and n_i its column sums, the score
 *   sum_h cos(h, j) = (1 / sqrt n_j) sum_{v has j} t_v,   t_v = sum_{h in history, v has h} 1 / sqrt n_h
 * needs only the users v that share an item with the history. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/alloc.h"
#include "eval/rank.h"

/* X by users (rows, distinct items) and by items, of what came before the stage. Local numbers. */
typedef struct matrix {
    int64_t n_users, n_items;
    int64_t *row_begin, *col_begin;
    int32_t *row_item, *col_user;
    double *rsqrt; /* [n_items]: 1 / sqrt n_i, 0 for n_i = 0 */
} matrix;

static void matrix_free(matrix *x) {
    ct_free(x->row_begin);
    ct_free(x->col_begin);
    ct_free(x->row_item);
    ct_free(x->col_user);
    ct_free(x->rsqrt);
}

/* Rows: distinct items in order of first use; `last` remembers the last row that had an item. */
static void fill_rows(matrix *x, const ct_queries *q, const ct_dataset *data, const ct_split *split, ct_stage stage,
                      int32_t *last) {
    const int64_t first = data->user_begin[q->platform];
    int64_t n = 0;
    for (int64_t i = 0; i < x->n_items; i++) last[i] = -1;
    for (int64_t u = 0; u < x->n_users; u++) {
        const int64_t end = stage == CT_STAGE_VALID ? split->train_end[first + u] : split->valid_end[first + u];
        for (int64_t k = data->inter_begin[first + u]; k < end; k++) {
            const int32_t item = (int32_t)(data->inter_item[k] - q->first_item);
            if (last[item] == (int32_t)u) continue;
            last[item] = (int32_t)u;
            x->row_item[n++] = item;
            x->col_begin[item + 1]++;
        }
        x->row_begin[u + 1] = n;
    }
}

static void fill_columns(matrix *x, int64_t *next) {
    for (int64_t i = 0; i < x->n_items; i++) {
        const int64_t n = x->col_begin[i + 1];
        x->rsqrt[i] = n ? 1.0 / sqrt((double)n) : 0.0;
        x->col_begin[i + 1] += x->col_begin[i];
        next[i] = x->col_begin[i];
    }
    for (int64_t u = 0; u < x->n_users; u++)
        for (int64_t k = x->row_begin[u]; k < x->row_begin[u + 1]; k++) x->col_user[next[x->row_item[k]]++] = (int32_t)u;
}

static ct_status matrix_create(matrix *x, const ct_queries *q, const ct_dataset *data, const ct_split *split,
                               ct_stage stage, ct_error *err) {
    ct_status st = CT_OK;
    const int64_t first = data->user_begin[q->platform];
    int32_t *last = NULL;
    int64_t *next = NULL;
    memset(x, 0, sizeof *x);
    x->n_users = data->user_begin[q->platform + 1] - first;
    x->n_items = q->n_items;
    const size_t nnz = (size_t)(data->inter_begin[first + x->n_users] - data->inter_begin[first]);
    CT_TRY(ct_calloc((size_t)x->n_users + 1, sizeof *x->row_begin, (void **)&x->row_begin, err), st, done);
    CT_TRY(ct_calloc((size_t)x->n_items + 1, sizeof *x->col_begin, (void **)&x->col_begin, err), st, done);
    CT_TRY(ct_calloc(nnz, sizeof *x->row_item, (void **)&x->row_item, err), st, done);
    CT_TRY(ct_calloc(nnz, sizeof *x->col_user, (void **)&x->col_user, err), st, done);
    CT_TRY(ct_calloc((size_t)x->n_items, sizeof *x->rsqrt, (void **)&x->rsqrt, err), st, done);
    CT_TRY(ct_calloc((size_t)x->n_items, sizeof *last, (void **)&last, err), st, done);
    CT_TRY(ct_calloc((size_t)x->n_items, sizeof *next, (void **)&next, err), st, done);
    fill_rows(x, q, data, split, stage, last);
    fill_columns(x, next);
done:
    ct_free(last);
    ct_free(next);
    return st;
}

/* One thread's scratch: zero between users. */
typedef struct workspace {
    double *t;        /* [n_users] */
    int32_t *touched; /* [n_users] */
    double *score;    /* [n_items] */
} workspace;

static void score_items(const matrix *x, const int32_t *seen, int64_t n_seen, workspace *w) {
    int64_t n_touched = 0;
    for (int64_t h = 0; h < n_seen; h++)
        for (int64_t k = x->col_begin[seen[h]]; k < x->col_begin[seen[h] + 1]; k++) {
            const int32_t v = x->col_user[k];
            if (w->t[v] == 0.0) w->touched[n_touched++] = v;
            w->t[v] += x->rsqrt[seen[h]];
        }
    for (int64_t i = 0; i < n_touched; i++) {
        const int32_t v = w->touched[i];
        for (int64_t k = x->row_begin[v]; k < x->row_begin[v + 1]; k++) w->score[x->row_item[k]] += w->t[v];
        w->t[v] = 0.0;
    }
    for (int64_t j = 0; j < x->n_items; j++) w->score[j] *= x->rsqrt[j];
    for (int64_t h = 0; h < n_seen; h++) w->score[seen[h]] = -1.0; /* below every candidate: not in the ranking */
}

/* Sums of the same cosines in another order differ in their last bits: so near, scores are equal. */
static double rank_of(const double *score, int64_t n, int32_t target) {
    const double s = score[target], slack = 1e-12 * s;
    int64_t greater = 0, equal = 0;
    for (int64_t j = 0; j < n; j++) {
        greater += score[j] > s + slack;
        equal += fabs(score[j] - s) <= slack;
    }
    return 1.0 + (double)greater + 0.5 * (double)(equal - 1);
}

static void rank_user(const matrix *x, const ct_queries *q, int64_t i, workspace *w, double *ranks) {
    score_items(x, q->seen + q->seen_begin[i], q->seen_begin[i + 1] - q->seen_begin[i], w);
    for (int64_t k = q->target_begin[i]; k < q->target_begin[i + 1]; k++)
        ranks[k] = rank_of(w->score, x->n_items, q->target[k]);
    memset(w->score, 0, (size_t)x->n_items * sizeof *w->score);
}

ct_status ct_rank_item_knn(const ct_queries *q, const ct_dataset *data, const ct_split *split, ct_stage stage,
                           int n_threads, double *ranks, ct_error *err) {
    ct_status st = CT_OK;
    matrix x;
    double *t = NULL, *score = NULL;
    int32_t *touched = NULL;
    CT_TRY(matrix_create(&x, q, data, split, stage, err), st, done);
    const size_t threads = (size_t)n_threads, users = (size_t)x.n_users, items = (size_t)x.n_items;
    CT_TRY(ct_calloc(threads * users, sizeof *t, (void **)&t, err), st, done);
    CT_TRY(ct_calloc(threads * users, sizeof *touched, (void **)&touched, err), st, done);
    CT_TRY(ct_calloc(threads * items, sizeof *score, (void **)&score, err), st, done);
#pragma omp parallel num_threads(n_threads)
    {
        const size_t me = (size_t)omp_get_thread_num();
        workspace w = {t + me * users, touched + me * users, score + me * items};
#pragma omp for schedule(dynamic, 16)
        for (int64_t i = 0; i < q->n; i++) rank_user(&x, q, i, &w, ranks);
    }
done:
    matrix_free(&x);
    ct_free(t);
    ct_free(touched);
    ct_free(score);
    return st;
}
