/* Vectors by the encoder, ranks by loops in double, figures and slices by their definitions. */
#include "tests/eval/recount.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/eval/tiny_eval.h"
#include "tests/support/cmocka.h"

static int64_t stage_begin(const recount *e, int64_t user) {
    return e->stage == CT_STAGE_VALID ? e->s->split.train_end[user] : e->s->split.valid_end[user];
}

static int64_t stage_end(const recount *e, int64_t user) {
    return e->stage == CT_STAGE_VALID ? e->s->split.valid_end[user] : e->s->data->inter_begin[user + 1];
}

static bool holds(const recount *e, int64_t begin, int64_t end, int64_t item) {
    for (int64_t k = begin; k < end; k++)
        if (e->s->data->inter_item[k] == item) return true;
    return false;
}

static double rank_of(const recount *e, const double *score, const char *seen, int64_t target) {
    double rank = 1.0;
    for (int64_t j = 0; j < e->n_items; j++) {
        if (seen[j] || j == target) continue;
        if (fabs(score[j] - score[target]) <= 1e-7)
            rank += 0.5;
        else if (score[j] > score[target])
            rank += 1.0;
    }
    return rank;
}

static void fill_figures(recount_user *a, int method, const double *rank, int n, const int64_t *at) {
    double best = rank[0];
    for (int i = 1; i < n; i++) best = fmin(best, rank[i]);
    a->rr[method] = 1.0 / best;
    for (int k = 0; k < RECOUNT_AT; k++) {
        double hits = 0.0, dcg = 0.0, ideal = 0.0;
        for (int i = 0; i < n; i++)
            if (rank[i] <= (double)at[k]) {
                hits++;
                dcg += log(2.0) / log(1.0 + rank[i]);
            }
        for (int i = 0; i < n && i < at[k]; i++) ideal += log(2.0) / log(2.0 + i);
        a->recall[method][k] = hits / n;
        a->ndcg[method][k] = dcg / ideal;
        a->hr[method][k] = hits > 0.0;
    }
}

/* Scores of one user under both methods, and what follows. */
static void ask(recount *e, int64_t user, const float *vector, const int64_t *at) {
    const int64_t dim = ct_model_dim(e->s->model), begin = stage_begin(e, user), end = stage_end(e, user);
    double *score = calloc((size_t)e->n_items, sizeof *score);
    char *seen = calloc((size_t)e->n_items, 1);
    double ranks[RECOUNT_METHODS][64];
    int n = 0;
    for (int64_t j = 0; j < e->n_items; j++) {
        seen[j] = holds(e, e->s->data->inter_begin[user], begin, e->first + j);
        for (int64_t d = 0; d < dim; d++) score[j] += (double)vector[d] * (double)e->items[j * dim + d];
    }
    for (int64_t j = 0; j < e->n_items; j++) {
        if (seen[j] || !holds(e, begin, end, e->first + j)) continue;
        ranks[0][n] = rank_of(e, score, seen, j);
        ranks[1][n++] = rank_of(e, e->popularity, seen, j);
    }
    if (n > 0) {
        recount_user *a = &e->users[e->n++];
        *a = (recount_user){.user = user, .past = begin - e->s->data->inter_begin[user]};
        for (int m = 0; m < RECOUNT_METHODS; m++) fill_figures(a, m, ranks[m], n, at);
        e->n_targets += n;
        for (int k = 0; k < RECOUNT_AT; k++)
            for (int64_t j = 0; j < e->n_items; j++) {
                int64_t better = 0;
                for (int64_t i = 0; i < e->n_items; i++)
                    better += !seen[i] && (score[i] > score[j] || (score[i] == score[j] && i < j));
                if (!seen[j] && better < at[k]) e->covered[k][j] = 1;
            }
    }
    free(score);
    free(seen);
}

static void count_popularity(recount *e) {
    for (int64_t u = 0; u < e->s->data->n_users; u++)
        for (int64_t k = e->s->data->inter_begin[u]; k < stage_begin(e, u); k++) {
            const int64_t item = e->s->data->inter_item[k] - e->first;
            if (item >= 0 && item < e->n_items) e->popularity[item] += 1.0;
        }
}

recount recount_create(ct_session *s, int32_t p, ct_stage stage) {
    const ct_dataset *d = s->data;
    const int64_t dim = ct_model_dim(s->model), n_users = d->user_begin[p + 1] - d->user_begin[p];
    recount e = {.s = s,
                  .p = p,
                  .stage = stage,
                  .first = d->item_begin[p],
                  .n_items = d->item_begin[p + 1] - d->item_begin[p]};
    float *items = calloc((size_t)(e.n_items * dim), sizeof *items),
          *vector = calloc((size_t)dim, sizeof *vector);
    int32_t *numbers = calloc((size_t)e.n_items, sizeof *numbers);
    for (int64_t i = 0; i < e.n_items; i++) numbers[i] = (int32_t)(e.first + i);
    assert_int_equal(ct_encode_items(s->model, s->batcher, numbers, e.n_items, items, NULL, NULL, NULL),
                     CT_OK);
    e.items = items;
    e.popularity = calloc((size_t)e.n_items, sizeof *e.popularity);
    e.users = calloc((size_t)n_users, sizeof *e.users);
    for (int k = 0; k < RECOUNT_AT; k++) e.covered[k] = calloc((size_t)e.n_items, 1);
    count_popularity(&e);
    for (int64_t u = d->user_begin[p]; u < d->user_begin[p + 1]; u++) {
        const ct_moment m = ct_moment_at_stage(d, &s->split, (int32_t)u, stage);
        assert_int_equal(ct_encode_users(s->model, s->batcher, &m, 1, vector, NULL, NULL, NULL), CT_OK);
        ask(&e, u, vector, s->config->eval.at.v);
    }
    e.items = NULL;
    free(items);
    free(vector);
    free(numbers);
    return e;
}

void recount_free(recount *e) {
    free(e->popularity);
    free(e->users);
    for (int k = 0; k < RECOUNT_AT; k++) free(e->covered[k]);
}

static bool comes_from(const recount *e, int64_t user, const char *source) {
    const ct_dataset *d = e->s->data;
    const ct_moment m = ct_moment_at_stage(d, &e->s->split, (int32_t)user, e->stage);
    for (int64_t other = 0; other < d->n_users; other++) {
        if (other == user || d->user_person[other] != d->user_person[user]) continue;
        if (strcmp(ct_strings_get(&d->platform_name, d->user_platform[other]), source) != 0) continue;
        for (int64_t k = d->inter_begin[other]; k < stage_begin(e, other); k++)
            if (d->inter_time[k] < m.time) return true;
    }
    return false;
}

static bool belongs(const recount *e, const recount_user *a, const char *slice) {
    long long low = 0, high = 0;
    if (strcmp(slice, "all") == 0) return true;
    if (strncmp(slice, "from ", 5) == 0) return comes_from(e, a->user, slice + 5);
    if (strcmp(slice, "0 past") == 0) return a->past == 0;
    if (strcmp(slice, "21+ past") == 0) return a->past >= 21;
    assert_int_equal(sscanf(slice, "%lld-%lld past", &low, &high), 2);
    return a->past >= low && a->past <= high;
}

static void check_metrics(const recount *e, const ct_metrics *m, int method, const char *slice) {
    int n = 0;
    double rr = 0.0, recall[RECOUNT_AT] = {0}, ndcg[RECOUNT_AT] = {0}, hr[RECOUNT_AT] = {0};
    for (int i = 0; i < e->n; i++) {
        const recount_user *a = &e->users[i];
        if (!belongs(e, a, slice)) continue;
        n++;
        rr += a->rr[method];
        for (int k = 0; k < RECOUNT_AT; k++) {
            recall[k] += a->recall[method][k];
            ndcg[k] += a->ndcg[method][k];
            hr[k] += a->hr[method][k];
        }
    }
    assert_int_equal(m->n_users, n);
    for (int k = 0; k < RECOUNT_AT && n > 0; k++) {
        tiny_near(m->recall[k], recall[k] / n, slice, "recall");
        tiny_near(m->ndcg[k], ndcg[k] / n, slice, "ndcg");
        tiny_near(m->hr[k], hr[k] / n, slice, "hr");
    }
    if (n > 0) tiny_near(m->mrr, rr / n, slice, "mrr");
}

static const ct_slice *slice_of(const ct_platform_report *r, const char *name) {
    for (int i = 0; i < r->n_slices; i++)
        if (strcmp(r->slices[i].name, name) == 0) return &r->slices[i];
    return NULL;
}

void recount_check(const recount *e, const ct_platform_report *r, const ct_config *c) {
    static const char *const names[] = {"from shop", "from video", "from news", "0 past",
                                        "1-5 past",  "6-20 past",  "21+ past"};
    assert_string_equal(r->slices[0].name, "all");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int n = 0;
        for (int u = 0; u < e->n; u++) n += belongs(e, &e->users[u], names[i]);
        assert_int_equal(slice_of(r, names[i]) != NULL, n > 0);
    }
    for (int i = 0; i < r->n_slices; i++) {
        const ct_slice *s = &r->slices[i];
        check_metrics(e, &s->model, 0, s->name);
        check_metrics(e, &s->popularity, 1, s->name);
        assert_int_equal(s->item_knn.n_users, s->model.n_users);
        for (int k = 0; k < RECOUNT_AT && s->model.n_users > 0; k++) {
            assert_true(s->model_ndcg[k].low <= s->model.ndcg[k] + 1e-12 &&
                        s->model_ndcg[k].high >= s->model.ndcg[k] - 1e-12);
            assert_true(s->gain_popularity[k].low <= s->gain_popularity[k].high);
            assert_true(s->gain_knn[k].low <= s->model.ndcg[k] - s->item_knn.ndcg[k] + 1e-12);
        }
    }
    for (int k = 0; k < RECOUNT_AT; k++) {
        double n = 0.0;
        for (int64_t j = 0; j < e->n_items; j++) n += e->covered[k][j];
        tiny_near(r->slices[0].model.coverage[k], n / (double)e->n_items, "all", "coverage");
        assert_true(isnan(r->slices[0].popularity.coverage[k]));
    }
    assert_int_equal(c->eval.at.n, RECOUNT_AT);
}
