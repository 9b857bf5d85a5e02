/* Drawing example users from the queries and ranking for them alone. */
#include "eval/examples.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"
#include "eval/rank.h"

/* The chosen rows of larger queries, as queries of their own. */
typedef struct sample {
    ct_queries q;
    float *users;      /* [n, D] */
    double *ranks;     /* [n_targets] */
    float *values;     /* [n, CT_EXAMPLE_ITEMS] */
    int32_t *ids;      /* likewise */
} sample;

static int32_t length(const int32_t *begin, int64_t i) { return begin[i + 1] - begin[i]; }

static ct_status copy_rows(sample *s, const ct_queries *q, const int64_t *rows, int n, const float *users, int64_t dim,
                           ct_error *err) {
    int64_t targets = 0, seen = 0;
    for (int i = 0; i < n; i++) {
        targets += length(q->target_begin, rows[i]);
        seen += length(q->seen_begin, rows[i]);
    }
    s->q = (ct_queries){.platform = q->platform, .first_item = q->first_item, .n_items = q->n_items, .n = n,
                        .n_targets = targets};
    CT_CHECK(ct_calloc((size_t)n, sizeof *s->q.moments, (void **)&s->q.moments, err));
    CT_CHECK(ct_calloc((size_t)n + 1, sizeof(int32_t), (void **)&s->q.target_begin, err));
    CT_CHECK(ct_calloc((size_t)n + 1, sizeof(int32_t), (void **)&s->q.seen_begin, err));
    CT_CHECK(ct_calloc((size_t)targets, sizeof(int32_t), (void **)&s->q.target, err));
    CT_CHECK(ct_calloc((size_t)seen, sizeof(int32_t), (void **)&s->q.seen, err));
    CT_CHECK(ct_calloc((size_t)n * (size_t)dim, sizeof *s->users, (void **)&s->users, err));
    for (int i = 0; i < n; i++) {
        const int32_t t = length(q->target_begin, rows[i]), e = length(q->seen_begin, rows[i]);
        s->q.moments[i] = q->moments[rows[i]];
        memcpy(s->users + i * dim, users + rows[i] * dim, (size_t)dim * sizeof *users);
        memcpy(s->q.target + s->q.target_begin[i], q->target + q->target_begin[rows[i]], (size_t)t * sizeof(int32_t));
        memcpy(s->q.seen + s->q.seen_begin[i], q->seen + q->seen_begin[rows[i]], (size_t)e * sizeof(int32_t));
        s->q.target_begin[i + 1] = s->q.target_begin[i] + t;
        s->q.seen_begin[i + 1] = s->q.seen_begin[i] + e;
    }
    return CT_OK;
}

static ct_status rank_sample(sample *s, ct_device *dev, const float *items, int64_t dim, ct_error *err) {
    const size_t cells = (size_t)s->q.n * CT_EXAMPLE_ITEMS;
    CT_CHECK(ct_calloc((size_t)s->q.n_targets, sizeof *s->ranks, (void **)&s->ranks, err));
    CT_CHECK(ct_calloc(cells, sizeof *s->values, (void **)&s->values, err));
    CT_CHECK(ct_calloc(cells, sizeof *s->ids, (void **)&s->ids, err));
    CT_CHECK(ct_rank_vectors(dev, &s->q, s->users, items, dim, s->ranks, err));
    return ct_rank_topk(dev, &s->q, s->users, items, dim, CT_EXAMPLE_ITEMS, s->values, s->ids, err);
}

static bool is_target(const ct_example *e, int32_t item) {
    for (int32_t i = 0; i < e->n_targets; i++)
        if (e->target[i] == item) return true;
    return false;
}

static ct_status take_example(ct_example *e, const sample *s, int64_t row, ct_error *err) {
    const int32_t first = (int32_t)s->q.first_item, begin = s->q.target_begin[row];
    e->moment = s->q.moments[row];
    e->n_targets = length(s->q.target_begin, row);
    CT_CHECK(ct_calloc((size_t)e->n_targets, sizeof *e->target, (void **)&e->target, err));
    CT_CHECK(ct_calloc((size_t)e->n_targets, sizeof *e->rank, (void **)&e->rank, err));
    for (int32_t i = 0; i < e->n_targets; i++) {
        e->target[i] = first + s->q.target[begin + i];
        e->rank[i] = s->ranks[begin + i];
    }
    for (int k = 0; k < CT_EXAMPLE_ITEMS; k++) {
        const int64_t cell = row * CT_EXAMPLE_ITEMS + k;
        if (s->ids[cell] < 0) break;
        e->item[k] = first + s->ids[cell];
        e->score[k] = s->values[cell];
        e->hit[k] = is_target(e, e->item[k]);
        e->n_items++;
    }
    return CT_OK;
}

static void sample_close(sample *s) {
    ct_queries_free(&s->q);
    ct_free(s->users);
    ct_free(s->ranks);
    ct_free(s->values);
    ct_free(s->ids);
}

ct_status ct_examples_create(ct_example **out, int *n, ct_device *dev, const ct_queries *q, const float *users,
                             const float *items, int64_t dim, int most, uint64_t seed, ct_error *err) {
    ct_status st = CT_OK;
    sample s = {0};
    int64_t *rows = NULL;
    const int count = q->n < most ? (int)q->n : most;
    const ct_rng_key key = ct_rng_key_make(seed, (uint64_t)q->platform, ct_hash_name("eval/examples"));
    *out = NULL;
    *n = 0;
    if (count <= 0 || q->n_items == 0) return CT_OK;
    CT_TRY(ct_calloc((size_t)count, sizeof *rows, (void **)&rows, err), st, done);
    for (int i = 0; i < count; i++) rows[i] = (int64_t)ct_permute((uint64_t)i, (uint64_t)q->n, key);
    CT_TRY(copy_rows(&s, q, rows, count, users, dim, err), st, done);
    CT_TRY(rank_sample(&s, dev, items, dim, err), st, done);
    CT_TRY(ct_calloc((size_t)count, sizeof **out, (void **)out, err), st, done);
    *n = count;
    for (int i = 0; i < count; i++) CT_TRY(take_example(&(*out)[i], &s, i, err), st, done);
done:
    sample_close(&s);
    ct_free(rows);
    if (st != CT_OK) {
        ct_examples_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return st;
}

void ct_examples_free(ct_example *examples, int n) {
    for (int i = 0; examples && i < n; i++) {
        ct_free(examples[i].target);
        ct_free(examples[i].rank);
    }
    ct_free(examples);
}
