/* Ranking of a catalogue: blocks of queries against blocks of items; a block of scores is used while it is in
 * cache and then forgotten. Items go by in order, once. */
#include "kernels/cpu/loops.h"

#define QUERIES 256
#define ITEMS 2048 /* with QUERIES: 2 MiB of scores; the best 100 of a million for 256 queries come 1.1 times as fast as
                      with 128 */
#define CHUNK 64   /* scores that are compared with the threshold at once */

/* A block of scores [rows, cols] of queries from row and items from col on. */
typedef struct block {
    float *scores;
    int64_t row, rows, col, cols;
} block;

static ct_status block_take(ct_kctx *ctx, block *s, ct_tensor q, ct_tensor x) {
    const int64_t rows = ct_min_i64(QUERIES, q.rows), cols = ct_min_i64(ITEMS, x.rows);
    return ct_scratch_take(ctx, (size_t)rows * (size_t)cols, sizeof *s->scores, (void **)&s->scores);
}

static void block_place(block *s, ct_tensor q, ct_tensor x, int64_t row, int64_t col) {
    s->row = row;
    s->col = col;
    s->rows = ct_min_i64(QUERIES, q.rows - row);
    s->cols = ct_min_i64(ITEMS, x.rows - col);
}

static ct_status block_fill(ct_kctx *ctx, const block *s, ct_tensor q, ct_tensor x) {
    return ctx->gemm(false, true, s->rows, s->cols, q.cols, 1.0f, ct_row(q, s->row), q.ld, ct_row(x, s->col),
                     x.ld, 0.0f, s->scores, s->cols, ctx->err);
}

/* The part of row b of a ragged list that lies in [col, col + cols): places [begin, end). */
typedef struct part {
    int64_t begin, end;
} part;

static part part_of(ct_tensor begin, ct_tensor list, int64_t b, int64_t col, int64_t cols) {
    if (!begin.data) return (part){0, 0};
    const int32_t *at = ct_ints(begin), *values = ct_ints(list);
    const int64_t from = ct_lower_bound(values, at[b], at[b + 1], col);
    return (part){from, ct_lower_bound(values, from, at[b + 1], col + cols)};
}

/* The best k so far of one query: a heap with the worst on top, in the row's own outputs. */
typedef struct best {
    float *values;
    int32_t *ids;
    int64_t count, k;
} best;

/* Does (s, i) come before (t, j)? Higher scores first, NaN last, equals by lower id. */
static bool comes_before(float s, int32_t i, float t, int32_t j) {
    if (s > t) return true;
    if (s < t) return false;
    const bool s_nan = s != s, t_nan = t != t;
    return s_nan != t_nan ? t_nan : i < j;
}

static bool is_before(const best *h, int64_t a, int64_t b) {
    return comes_before(h->values[a], h->ids[a], h->values[b], h->ids[b]);
}

static void swap(best *h, int64_t a, int64_t b) {
    const float value = h->values[a];
    const int32_t id = h->ids[a];
    h->values[a] = h->values[b];
    h->ids[a] = h->ids[b];
    h->values[b] = value;
    h->ids[b] = id;
}

/* Restores the heap of the first n below the root. */
static void sift_down(best *h, int64_t n) {
    for (int64_t at = 0, child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_before(h, child, child + 1)) child++;
        if (is_before(h, child, at)) return;
        swap(h, at, child);
    }
}

static void offer(best *h, float score, int32_t id) {
    if (h->count == h->k) {
        if (!comes_before(score, id, h->values[0], h->ids[0])) return;
        h->values[0] = score;
        h->ids[0] = id;
        sift_down(h, h->k);
        return;
    }
    int64_t at = h->count++;
    h->values[at] = score;
    h->ids[at] = id;
    for (int64_t up; at > 0 && is_before(h, up = (at - 1) / 2, at); at = up) swap(h, at, up);
}

/* Offers n scores of the items from `id` on. Most chunks hold nothing above the k-th best and are passed
 * over. */
static void offer_run(best *h, const float *scores, int64_t n, int64_t id) {
    for (int64_t from = 0; from < n; from += CHUNK) {
        const int64_t to = ct_min_i64(n, from + CHUNK);
        const float threshold = h->values[0];
        if (h->count == h->k && threshold == threshold) {
            int hit = 0;
#pragma omp simd reduction(| : hit)
            for (int64_t j = from; j < to; j++) hit |= scores[j] > threshold;
            if (!hit) continue;
        }
        for (int64_t j = from; j < to; j++) offer(h, scores[j], (int32_t)(id + j));
    }
}

/* Offers the block's scores of query b, leaving out the excluded items between the runs. */
static void offer_row(const struct ct_score_topk_args *args, const block *s, int64_t b, best *h) {
    const float *scores = s->scores + (b - s->row) * s->cols;
    const part out = part_of(args->exclude_begin, args->exclude_col, b, s->col, s->cols);
    int64_t from = 0;
    for (int64_t e = out.begin; e < out.end; e++) {
        const int64_t excluded = ct_ints(args->exclude_col)[e] - s->col;
        offer_run(h, scores + from, excluded - from, s->col + from);
        from = excluded + 1;
    }
    offer_run(h, scores + from, s->cols - from, s->col + from);
}

static best best_of(const struct ct_score_topk_args *args, int64_t b, int64_t count) {
    return (best){ct_row(args->values, b), (int32_t *)args->ids.data + b * args->ids.ld, count,
                  args->values.cols};
}

/* Sorts the heap, best first, and marks the places that stayed empty. */
static void finish_row(best h) {
    for (int64_t n = h.count; n > 1; n--) {
        swap(&h, 0, n - 1);
        sift_down(&h, n - 1);
    }
    for (int64_t i = h.count; i < h.k; i++) {
        h.values[i] = -INFINITY;
        h.ids[i] = -1;
    }
}

ct_status CT_CPU(score_topk)(ct_kctx *ctx, const struct ct_score_topk_args *args) {
    const ct_tensor q = args->q, x = args->x;
    block s = {0};
    int64_t *counts = NULL;
    CT_CHECK(block_take(ctx, &s, q, x));
    CT_CHECK(ct_scratch_take(ctx, (size_t)q.rows, sizeof *counts, (void **)&counts));
    if (ctx->dry || q.rows == 0) return CT_OK;

    memset(counts, 0, (size_t)q.rows * sizeof *counts);
    for (int64_t col = 0; col < x.rows; col += ITEMS)
        for (int64_t row = 0; row < q.rows; row += QUERIES) {
            block_place(&s, q, x, row, col);
            CT_CHECK(block_fill(ctx, &s, q, x));
            const int threads = ct_threads(ctx, s.rows * s.cols);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
            for (int64_t b = row; b < row + s.rows; b++) {
                best h = best_of(args, b, counts[b]);
                offer_row(args, &s, b, &h);
                counts[b] = h.count;
            }
        }
    const int threads = ct_threads(ctx, q.rows * args->values.cols * 16);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < q.rows; b++) finish_row(best_of(args, b, counts[b]));
    return CT_OK;
}

/* Keeps the scores of the targets that lie in the block. They come from the same product as the scores that
 * they are compared with, or an item could differ from itself by a rounding. */
static ct_status keep_targets(ct_kctx *ctx, const struct ct_score_rank_args *args, const block *s,
                              float *kept) {
    bool filled = false;
    for (int64_t b = s->row; b < s->row + s->rows; b++) {
        const int32_t *at = ct_ints(args->target_begin), *cols = ct_ints(args->target_col);
        for (int64_t t = at[b]; t < at[b + 1]; t++) {
            if (cols[t] < s->col || cols[t] >= s->col + s->cols) continue;
            if (!filled) CT_CHECK(block_fill(ctx, s, args->q, args->x));
            filled = true;
            kept[t] = s->scores[(b - s->row) * s->cols + cols[t] - s->col];
        }
    }
    return CT_OK;
}

/* Counts the block's scores of query b against each of its targets. */
static void count_row(const struct ct_score_rank_args *args, const block *s, int64_t b, const float *kept) {
    float *scores = s->scores + (b - s->row) * s->cols;
    const part out = part_of(args->exclude_begin, args->exclude_col, b, s->col, s->cols);
    for (int64_t e = out.begin; e < out.end; e++) /* NaN is neither greater nor equal */
        scores[ct_ints(args->exclude_col)[e] - s->col] = NAN;
    const int32_t *at = ct_ints(args->target_begin);
    for (int64_t t = at[b]; t < at[b + 1]; t++) {
        const float score = kept[t];
        int32_t greater = 0, equal = 0;
#pragma omp simd reduction(+ : greater, equal)
        for (int64_t j = 0; j < s->cols; j++) {
            greater += scores[j] > score;
            equal += scores[j] == score;
        }
        ((int32_t *)args->greater.data)[t] += greater;
        ((int32_t *)args->equal.data)[t] += equal;
    }
}

/* Takes each target out of its own count; a NaN target comes after every item that there is. */
static void finish_targets(const struct ct_score_rank_args *args, const float *kept) {
    const int32_t *at = ct_ints(args->target_begin), *out = ct_ints(args->exclude_begin);
    int32_t *greater = args->greater.data, *equal = args->equal.data;
    for (int64_t b = 0; b < args->q.rows; b++)
        for (int64_t t = at[b]; t < at[b + 1]; t++) {
            if (kept[t] == kept[t]) {
                equal[t] -= 1;
                continue;
            }
            greater[t] = (int32_t)args->x.rows - 1 - (out ? out[b + 1] - out[b] : 0);
            equal[t] = 0;
        }
}

ct_status CT_CPU(score_rank)(ct_kctx *ctx, const struct ct_score_rank_args *args) {
    const ct_tensor q = args->q, x = args->x;
    const int64_t targets = args->target_col.rows;
    block s = {0};
    float *kept = NULL;
    CT_CHECK(block_take(ctx, &s, q, x));
    CT_CHECK(ct_scratch_take(ctx, (size_t)targets, sizeof *kept, (void **)&kept));
    if (ctx->dry || targets == 0) return CT_OK;

    memset(args->greater.data, 0, (size_t)targets * sizeof(int32_t));
    memset(args->equal.data, 0, (size_t)targets * sizeof(int32_t));
    for (int64_t col = 0; col < x.rows; col += ITEMS)
        for (int64_t row = 0; row < q.rows; row += QUERIES) {
            block_place(&s, q, x, row, col);
            CT_CHECK(keep_targets(ctx, args, &s, kept));
        }
    for (int64_t col = 0; col < x.rows; col += ITEMS)
        for (int64_t row = 0; row < q.rows; row += QUERIES) {
            block_place(&s, q, x, row, col);
            CT_CHECK(block_fill(ctx, &s, q, x));
            const int threads = ct_threads(ctx, s.rows * s.cols);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
            for (int64_t b = row; b < row + s.rows; b++) count_row(args, &s, b, kept);
        }
    finish_targets(args, kept);
    return CT_OK;
}
