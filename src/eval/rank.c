/* Ranks by the device's scoring ops: vectors, and popularity as vectors of one dimension. */
#include "eval/rank.h"

#include <string.h>

#include "base/alloc.h"

enum { RANK_ROWS = 256 }; /* users scored at a time */

/* A block of queries on the device, with offsets that begin at 0. */
typedef struct block {
    ct_device *dev;
    float *items, *users;
    int32_t *target_begin, *target, *seen_begin, *seen, *greater, *equal;
    int32_t *host_begin; /* [RANK_ROWS + 1] */
    int32_t *host_counts;/* [most targets of a block] */
    int64_t max_targets, max_seen;
} block;

/* The most entries that RANK_ROWS consecutive rows hold. */
static int64_t most(const int32_t *begin, int64_t n) {
    int64_t best = 1;
    for (int64_t i = 0; i < n; i += RANK_ROWS) {
        const int64_t end = i + RANK_ROWS < n ? i + RANK_ROWS : n;
        if (begin[end] - begin[i] > best) best = begin[end] - begin[i];
    }
    return best;
}

static ct_status put(ct_device *dev, const void *host, size_t count, size_t size, void **out, ct_error *err) {
    CT_CHECK(ct_device_alloc(dev, count, size, out, err));
    return count ? ct_device_upload(dev, *out, host, count * size, err) : CT_OK;
}

static ct_status block_open(block *b, ct_device *dev, const ct_queries *q, const float *items, int64_t dim,
                            ct_error *err) {
    const size_t i32 = sizeof(int32_t);
    memset(b, 0, sizeof *b);
    b->dev = dev;
    b->max_targets = most(q->target_begin, q->n);
    b->max_seen = most(q->seen_begin, q->n);
    CT_CHECK(put(dev, items, (size_t)(q->n_items * dim), sizeof(float), (void **)&b->items, err));
    CT_CHECK(ct_device_alloc(dev, (size_t)(RANK_ROWS * dim), sizeof(float), (void **)&b->users, err));
    CT_CHECK(ct_device_alloc(dev, RANK_ROWS + 1, i32, (void **)&b->target_begin, err));
    CT_CHECK(ct_device_alloc(dev, RANK_ROWS + 1, i32, (void **)&b->seen_begin, err));
    CT_CHECK(ct_device_alloc(dev, (size_t)b->max_targets, i32, (void **)&b->target, err));
    CT_CHECK(ct_device_alloc(dev, (size_t)b->max_targets, i32, (void **)&b->greater, err));
    CT_CHECK(ct_device_alloc(dev, (size_t)b->max_targets, i32, (void **)&b->equal, err));
    CT_CHECK(ct_device_alloc(dev, (size_t)b->max_seen, i32, (void **)&b->seen, err));
    CT_CHECK(ct_calloc(RANK_ROWS + 1, i32, (void **)&b->host_begin, err));
    return ct_calloc((size_t)b->max_targets, i32, (void **)&b->host_counts, err);
}

static void block_close(block *b) {
    void *const blocks[] = {b->items, b->users, b->target_begin, b->target, b->seen_begin, b->seen, b->greater, b->equal};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) ct_device_free(b->dev, blocks[i]);
    ct_free(b->host_begin);
    ct_free(b->host_counts);
}

/* Uploads rows [from, from + rows) of a CSR list. */
static ct_status upload_list(block *b, const int32_t *begin, const int32_t *list, int64_t from, int64_t rows,
                             int32_t *dev_begin, int32_t *dev_list, ct_error *err) {
    const size_t n = (size_t)(begin[from + rows] - begin[from]);
    for (int64_t i = 0; i <= rows; i++) b->host_begin[i] = begin[from + i] - begin[from];
    CT_CHECK(ct_device_upload(b->dev, dev_begin, b->host_begin, (size_t)(rows + 1) * sizeof *begin, err));
    return n ? ct_device_upload(b->dev, dev_list, list + begin[from], n * sizeof *list, err) : CT_OK;
}

static ct_status upload_rows(block *b, const ct_queries *q, const float *users, int64_t dim, int64_t from, int64_t rows,
                             ct_error *err) {
    CT_CHECK(ct_device_upload(b->dev, b->users, users + from * dim, (size_t)(rows * dim) * sizeof *users, err));
    return upload_list(b, q->seen_begin, q->seen, from, rows, b->seen_begin, b->seen, err);
}

static ct_status rank_block(block *b, const ct_queries *q, int64_t dim, int64_t from, int64_t rows, double *ranks,
                            ct_error *err) {
    const int64_t n = q->target_begin[from + rows] - q->target_begin[from];
    const int64_t n_seen = q->seen_begin[from + rows] - q->seen_begin[from];
    double *out = ranks + q->target_begin[from];
    CT_CHECK(upload_list(b, q->target_begin, q->target, from, rows, b->target_begin, b->target, err));
    const struct ct_score_rank_args a = {.greater = ct_i32(b->greater, n, 1),
                                         .equal = ct_i32(b->equal, n, 1),
                                         .q = ct_f32(b->users, rows, dim),
                                         .x = ct_f32(b->items, q->n_items, dim),
                                         .target_begin = ct_i32(b->target_begin, rows + 1, 1),
                                         .target_col = ct_i32(b->target, n, 1),
                                         .exclude_begin = ct_i32(b->seen_begin, rows + 1, 1),
                                         .exclude_col = ct_i32(b->seen, n_seen, 1)};
    CT_CHECK(ct_score_rank(b->dev, &a, err));
    CT_CHECK(ct_device_download(b->dev, b->host_counts, b->greater, (size_t)n * sizeof(int32_t), err));
    for (int64_t i = 0; i < n; i++) out[i] = 1.0 + b->host_counts[i];
    CT_CHECK(ct_device_download(b->dev, b->host_counts, b->equal, (size_t)n * sizeof(int32_t), err));
    for (int64_t i = 0; i < n; i++) out[i] += 0.5 * b->host_counts[i];
    return CT_OK;
}

ct_status ct_rank_vectors(ct_device *dev, const ct_queries *q, const float *users, const float *items, int64_t dim,
                          double *ranks, ct_error *err) {
    ct_status st = CT_OK;
    block b;
    CT_TRY(block_open(&b, dev, q, items, dim, err), st, done);
    for (int64_t from = 0; from < q->n; from += RANK_ROWS) {
        const int64_t rows = q->n - from < RANK_ROWS ? q->n - from : RANK_ROWS;
        CT_TRY(upload_rows(&b, q, users, dim, from, rows, err), st, done);
        CT_TRY(rank_block(&b, q, dim, from, rows, ranks, err), st, done);
    }
done:
    block_close(&b);
    return st;
}

/* The k best of RANK_ROWS users on the device. */
typedef struct topk {
    float *values;
    int32_t *ids;
    int64_t k;
} topk;

static ct_status topk_open(topk *t, ct_device *dev, int64_t k, ct_error *err) {
    t->k = k;
    CT_CHECK(ct_device_alloc(dev, (size_t)(RANK_ROWS * k), sizeof *t->values, (void **)&t->values, err));
    return ct_device_alloc(dev, (size_t)(RANK_ROWS * k), sizeof *t->ids, (void **)&t->ids, err);
}

static void topk_close(topk *t, ct_device *dev) {
    ct_device_free(dev, t->values);
    ct_device_free(dev, t->ids);
}

/* Of users [from, from + rows). ids (and values, which may be NULL) [rows, k] on the host. */
static ct_status topk_block(block *b, topk *t, const ct_queries *q, const float *users, int64_t dim, int64_t from,
                            int64_t rows, float *values, int32_t *ids, ct_error *err) {
    const int64_t n_seen = q->seen_begin[from + rows] - q->seen_begin[from];
    const size_t cells = (size_t)(rows * t->k);
    CT_CHECK(upload_rows(b, q, users, dim, from, rows, err));
    const struct ct_score_topk_args a = {.values = ct_f32(t->values, rows, t->k),
                                         .ids = ct_i32(t->ids, rows, t->k),
                                         .q = ct_f32(b->users, rows, dim),
                                         .x = ct_f32(b->items, q->n_items, dim),
                                         .exclude_begin = ct_i32(b->seen_begin, rows + 1, 1),
                                         .exclude_col = ct_i32(b->seen, n_seen, 1)};
    CT_CHECK(ct_score_topk(b->dev, &a, err));
    CT_CHECK(ct_device_download(b->dev, ids, t->ids, cells * sizeof *ids, err));
    return values ? ct_device_download(b->dev, values, t->values, cells * sizeof *values, err) : CT_OK;
}

ct_status ct_rank_topk(ct_device *dev, const ct_queries *q, const float *users, const float *items, int64_t dim,
                       int64_t k, float *values, int32_t *ids, ct_error *err) {
    ct_status st = CT_OK;
    block b;
    topk t = {0};
    CT_TRY(block_open(&b, dev, q, items, dim, err), st, done);
    CT_TRY(topk_open(&t, dev, k, err), st, done);
    for (int64_t from = 0; from < q->n; from += RANK_ROWS) {
        const int64_t rows = q->n - from < RANK_ROWS ? q->n - from : RANK_ROWS;
        CT_TRY(topk_block(&b, &t, q, users, dim, from, rows, values + from * k, ids + from * k, err), st, done);
    }
done:
    topk_close(&t, dev);
    block_close(&b);
    return st;
}

/* The top k of a smaller k is the beginning of that of a larger one: one pass at the largest serves every cut-off. */
ct_status ct_rank_coverage(ct_device *dev, const ct_queries *q, const float *users, const float *items, int64_t dim,
                           const int64_t *at, int n_at, double *coverage, ct_error *err) {
    ct_status st = CT_OK;
    block b;
    topk t = {0};
    int32_t *ids = NULL, *place = NULL; /* of an item: the best in anybody's list, most where it is in none */
    int64_t most = 1;
    for (int c = 0; c < n_at; c++) most = at[c] > most ? at[c] : most;
    CT_TRY(block_open(&b, dev, q, items, dim, err), st, done);
    CT_TRY(topk_open(&t, dev, most, err), st, done);
    CT_TRY(ct_calloc((size_t)(RANK_ROWS * most), sizeof *ids, (void **)&ids, err), st, done);
    CT_TRY(ct_calloc((size_t)q->n_items, sizeof *place, (void **)&place, err), st, done);
    for (int64_t i = 0; i < q->n_items; i++) place[i] = (int32_t)most;
    for (int64_t from = 0; from < q->n; from += RANK_ROWS) {
        const int64_t rows = q->n - from < RANK_ROWS ? q->n - from : RANK_ROWS;
        CT_TRY(topk_block(&b, &t, q, users, dim, from, rows, NULL, ids, err), st, done);
        for (int64_t i = 0; i < rows * most; i++)
            if (ids[i] >= 0 && i % most < place[ids[i]]) place[ids[i]] = (int32_t)(i % most);
    }
    for (int c = 0; c < n_at; c++) {
        int64_t covered = 0;
        for (int64_t i = 0; i < q->n_items; i++) covered += place[i] < at[c];
        coverage[c] = q->n_items ? (double)covered / (double)q->n_items : 0.0;
    }
done:
    topk_close(&t, dev);
    block_close(&b);
    ct_free(ids);
    ct_free(place);
    return st;
}

ct_status ct_rank_popularity(ct_device *dev, const ct_queries *q, const ct_dataset *data, const ct_split *split,
                             ct_stage stage, double *ranks, ct_error *err) {
    ct_status st = CT_OK;
    float *counts = NULL, *ones = NULL;
    CT_TRY(ct_calloc((size_t)q->n_items, sizeof *counts, (void **)&counts, err), st, done);
    CT_TRY(ct_calloc((size_t)q->n, sizeof *ones, (void **)&ones, err), st, done);
    for (int64_t u = data->user_begin[q->platform]; u < data->user_begin[q->platform + 1]; u++) {
        const int64_t end = stage == CT_STAGE_VALID ? split->train_end[u] : split->valid_end[u];
        for (int64_t k = data->inter_begin[u]; k < end; k++) counts[data->inter_item[k] - q->first_item] += 1.0f;
    }
    for (int64_t i = 0; i < q->n; i++) ones[i] = 1.0f;
    st = ct_rank_vectors(dev, q, ones, counts, 1, ranks, err);
done:
    ct_free(counts);
    ct_free(ones);
    return st;
}
