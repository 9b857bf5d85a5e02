/* Item-kNN without an item-item matrix. With X the binary user x item matrix and n_i its column sums, the score
 *   sum_h cos(h, j) = (1 / sqrt n_j) sum_{v has j} t_v,   t_v = sum_{h in history, v has h} 1 / sqrt n_h
 * needs only the users v that share an item with the history, and is above 0 for their items alone: a user costs what
 * they chose, whatever the size of the catalogue. */
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

/* One thread's scratch. t and score are zero between users. */
typedef struct workspace {
    double *t;     /* [n_users] */
    int32_t *user; /* [n_users]: those with t above 0 */
    double *score; /* [n_items] */
    int32_t *item; /* [n_items]: those with a score other than 0, n_scored of them */
    int64_t n_scored;
} workspace;

/* Adds `by` to entry i; an entry that was 0 joins the list. */
static void add(double *sum, int32_t *list, int64_t *n, int32_t i, double by) {
    if (sum[i] == 0.0) list[(*n)++] = i;
    sum[i] += by;
}

static void score_items(const matrix *x, const int32_t *seen, int64_t n_seen, workspace *w) {
    int64_t n_sharing = 0;
    for (int64_t h = 0; h < n_seen; h++)
        for (int64_t k = x->col_begin[seen[h]]; k < x->col_begin[seen[h] + 1]; k++)
            add(w->t, w->user, &n_sharing, x->col_user[k], x->rsqrt[seen[h]]);
    for (int64_t i = 0; i < n_sharing; i++) {
        const int32_t v = w->user[i];
        for (int64_t k = x->row_begin[v]; k < x->row_begin[v + 1]; k++)
            add(w->score, w->item, &w->n_scored, x->row_item[k], w->t[v]);
        w->t[v] = 0.0;
    }
    for (int64_t i = 0; i < w->n_scored; i++) w->score[w->item[i]] *= x->rsqrt[w->item[i]];
    /* Below every candidate: not in the ranking. They are in the list, for the user shares them with itself. */
    for (int64_t h = 0; h < n_seen; h++) w->score[seen[h]] = -1.0;
}

/* Sums of the same cosines in another order differ in their last bits: so near, scores are equal. All candidates
 * without a score are equal. */
static double rank_of(const workspace *w, int64_t n_candidates, int32_t target) {
    const double s = w->score[target], slack = 1e-12 * s;
    int64_t greater = 0, equal = 0;
    for (int64_t i = 0; i < w->n_scored; i++) {
        const double other = w->score[w->item[i]];
        greater += other > s + slack;
        equal += fabs(other - s) <= slack;
    }
    if (s == 0.0) equal = n_candidates - greater;
    return 1.0 + (double)greater + 0.5 * (double)(equal - 1);
}

static void rank_user(const matrix *x, const ct_queries *q, int64_t i, workspace *w, double *ranks) {
    const int64_t n_seen = q->seen_begin[i + 1] - q->seen_begin[i];
    score_items(x, q->seen + q->seen_begin[i], n_seen, w);
    for (int64_t k = q->target_begin[i]; k < q->target_begin[i + 1]; k++)
        ranks[k] = rank_of(w, x->n_items - n_seen, q->target[k]);
    while (w->n_scored > 0) w->score[w->item[--w->n_scored]] = 0.0;
}

ct_status ct_rank_item_knn(const ct_queries *q, const ct_dataset *data, const ct_split *split, ct_stage stage,
                           int n_threads, double *ranks, ct_error *err) {
    ct_status st = CT_OK;
    matrix x;
    double *t = NULL, *score = NULL;
    int32_t *user = NULL, *item = NULL;
    CT_TRY(matrix_create(&x, q, data, split, stage, err), st, done);
    const size_t threads = (size_t)n_threads, users = (size_t)x.n_users, items = (size_t)x.n_items;
    CT_TRY(ct_calloc(threads * users, sizeof *t, (void **)&t, err), st, done);
    CT_TRY(ct_calloc(threads * users, sizeof *user, (void **)&user, err), st, done);
    CT_TRY(ct_calloc(threads * items, sizeof *score, (void **)&score, err), st, done);
    CT_TRY(ct_calloc(threads * items, sizeof *item, (void **)&item, err), st, done);
#pragma omp parallel num_threads(n_threads)
    {
        const size_t me = (size_t)omp_get_thread_num();
        workspace w = {t + me * users, user + me * users, score + me * items, item + me * items, 0};
#pragma omp for schedule(dynamic, 16)
        for (int64_t i = 0; i < q->n; i++) rank_user(&x, q, i, &w, ranks);
    }
done:
    matrix_free(&x);
    ct_free(t);
    ct_free(user);
    ct_free(score);
    ct_free(item);
    return st;
}
