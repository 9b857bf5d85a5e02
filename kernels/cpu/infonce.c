/* InfoNCE, forward: one visit to each tile of scores updates a running log-sum-exp of its rows and of its
 * columns. A row belongs to one thread, a column to one thread, tiles come in order: the same bytes for any
 * number of threads. */
#include "kernels/cpu/infonce_tile.h"
#include "kernels/cpu/vmath.h"

#define COLUMNS 64 /* of a tile that one thread goes through together */

/* A running sum of exponentials of negatives, as arrays over rows or columns. */
typedef struct sums {
    float *max, *sum; /* sum of exp(z - max) */
    float *other;     /* the part of sum on other groups; rows only, NULL without groups */
    int32_t *count;   /* negatives */
} sums;

/* One direction of one pair. */
typedef struct side {
    double loss, probability, rest; /* rest = 1 - probability, exact where that is tiny */
} side;

typedef struct pair {
    side row, column;
    double other; /* share of the row's probability on negatives of another group */
} pair;

static ct_status sums_take(ct_kctx *ctx, sums *s, int64_t n, bool groups) {
    CT_CHECK(ct_scratch_take(ctx, (size_t)n, sizeof *s->max, (void **)&s->max));
    CT_CHECK(ct_scratch_take(ctx, (size_t)n, sizeof *s->sum, (void **)&s->sum));
    if (groups) CT_CHECK(ct_scratch_take(ctx, (size_t)n, sizeof *s->other, (void **)&s->other));
    return ct_scratch_take(ctx, (size_t)n, sizeof *s->count, (void **)&s->count);
}

static void sums_clear(sums *s, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        s->max[i] = -INFINITY;
        s->sum[i] = 0.0f;
        s->count[i] = 0;
        if (s->other) s->other[i] = 0.0f;
    }
}

/* The log of a sum; -inf for an empty one. */
static float sums_log(const sums *s, int64_t i) {
    return s->count[i] == 0 ? -INFINITY : s->max[i] + logf(s->sum[i]);
}

/* Adds the tile's part of row b. What is no negative becomes -inf in the tile, for the columns' visit too. */
static void add_row(const ct_scores *s, int64_t b, sums *rows, float *positive) {
    float z[CT_SCORES_COLS];
    float *score = s->tile + (b - s->row) * s->ld;
    const float *logq = s->item_logq + s->col;
    const int64_t at = ct_scores_positive(s, b), n = s->cols;
    if (at >= 0) positive[b] = score[at];
    ct_scores_mask(s, b, score, -INFINITY);

    int32_t count = 0;
#pragma omp simd reduction(+ : count)
    for (int64_t j = 0; j < n; j++) {
        z[j] = score[j] - logq[j];
        count += score[j] != -INFINITY;
    }
    if (count == 0) return;
    const float before = rows->max[b], here = ct_max(z, n), top = here > before ? here : before;
    const float shrink = rows->count[b] > 0 ? ct_exp(before - top) : 0.0f;
    float sum = 0.0f, other = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) {
        z[j] = ct_exp_negative(z[j] - top);
        sum += z[j];
    }
    if (rows->other) {
        const int32_t group = ct_ints(s->batch->user_group)[b], *of = ct_ints(s->batch->item_group) + s->col;
#pragma omp simd reduction(+ : other)
        for (int64_t j = 0; j < n; j++) other += of[j] != group ? z[j] : 0.0f;
        rows->other[b] = rows->other[b] * shrink + other;
    }
    rows->max[b] = top;
    rows->sum[b] = rows->sum[b] * shrink + sum;
    rows->count[b] += count;
}

/* Adds the tile's part of up to COLUMNS columns from `first` (in the tile) on: the maxima first, then the
 * sums. */
static void add_columns(const ct_scores *s, int64_t first, sums *columns) {
    const int64_t n = ct_min_i64(COLUMNS, s->cols - first);
    float *max = columns->max + s->col + first, *sum = columns->sum + s->col + first;
    int32_t *count = columns->count + s->col + first;
    const float *tile = s->tile + first, *logq = s->user_logq + s->row;
    float top[COLUMNS];
    memcpy(top, max, (size_t)n * sizeof *top);
    for (int64_t b = 0; b < s->rows; b++) {
        const float *score = tile + b * s->ld;
#pragma omp simd
        for (int64_t j = 0; j < n; j++) {
            const float z = score[j] - logq[b];
            top[j] = z > top[j] ? z : top[j];
        }
    }
    for (int64_t j = 0; j < n; j++) {
        if (count[j] > 0) sum[j] *= ct_exp(max[j] - top[j]);
        max[j] = top[j];
        if (top[j] == -INFINITY)
            top[j] = 0.0f; /* only masked scores: their exponentials are 0 from any base */
    }
    for (int64_t b = 0; b < s->rows; b++) {
        const float *score = tile + b * s->ld;
#pragma omp simd
        for (int64_t j = 0; j < n; j++) {
            sum[j] += ct_exp_negative((score[j] - logq[b]) - top[j]);
            count[j] += score[j] != -INFINITY;
        }
    }
}

static void add_tile(const ct_kctx *ctx, const ct_scores *s, sums *rows, sums *columns, float *positive) {
    const int threads = ct_threads(ctx, s->rows * s->cols * 8);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t b = s->row; b < s->row + s->rows; b++) add_row(s, b, rows, positive);
#pragma omp for schedule(static)
        for (int64_t first = 0; first < s->cols; first += COLUMNS) add_columns(s, first, columns);
    }
}

/* One direction of a pair: its score, the log-sum-exp of its n negatives, log q of its positive. */
static side side_of(ct_logq_mode mode, double score, double negatives, int32_t n, double logq) {
    if (n == 0) return (side){0.0, 1.0, 0.0};
    const bool corrected = mode == CT_LOGQ_CORRECTED;
    const double gap =
        corrected ? negatives + log1p(-exp(logq)) - log((double)n) - score : negatives - (score - logq);
    const double p = 1.0 / (1.0 + exp(gap)), rest = 1.0 / (1.0 + exp(-gap));
    if (corrected) return (side){rest == 0.0 ? 0.0 : rest * gap, p, rest};
    return (side){(gap > 0.0 ? gap : 0.0) + log1p(exp(-fabs(gap))), p, rest};
}

/* Both directions of every pair, with the coefficients that belong to a row. */
static void make_pairs(const ct_kctx *ctx, const struct ct_infonce_forward_args *args, const ct_scores *s,
                       const sums *rows, const sums *columns, const float *positive, pair *pairs) {
    const int64_t n = args->batch.u.rows;
    const int threads = ct_threads(ctx, n * 256);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < n; b++) {
        const int64_t p = ct_ints(args->batch.pos)[b];
        const float row_neg = sums_log(rows, b);
        pair *out = &pairs[b];
        out->row = side_of(args->batch.mode, positive[b], row_neg, rows->count[b], s->item_logq[p]);
        out->column =
            side_of(args->batch.mode, positive[b], sums_log(columns, p), columns->count[p], s->user_logq[b]);
        out->other = 0.0;
        if (rows->other && rows->count[b] > 0) out->other = out->row.rest * rows->other[b] / rows->sum[b];
        ct_floats(args->row_neg)[b] = row_neg;
    }
}

/* Loss, figures and coefficients: sums over the pairs in order. */
static void finish(const struct ct_infonce_forward_args *args, const pair *pairs) {
    const int64_t n = args->batch.u.rows;
    const float *weight = ct_floats(args->batch.weight);
    const double of_row = args->batch.row_share;
    double weights = 0.0, loss = 0.0, stats[3] = {0.0, 0.0, 0.0};
    for (int64_t b = 0; b < n; b++) weights += weight ? weight[b] : 1.0;
    memset(args->col_coef.data, 0, (size_t)args->batch.v.rows * sizeof(float));
    for (int64_t b = 0; b < n; b++) {
        const double share = weights == 0.0 ? 0.0 : (weight ? weight[b] : 1.0) / weights;
        const pair *p = &pairs[b];
        const double row_coef = share * of_row * p->row.rest;
        const double col_coef = share * (1.0 - of_row) * p->column.rest;
        ct_floats(args->row_coef)[b] = (float)row_coef;
        ct_floats(args->col_coef)[ct_ints(args->batch.pos)[b]] += (float)col_coef;
        ct_floats(args->pos_coef)[b] = (float)(row_coef + col_coef);
        loss += share * (of_row * p->row.loss + (1.0 - of_row) * p->column.loss);
        stats[0] += share * p->row.probability;
        stats[1] += share * p->column.probability;
        stats[2] += share * p->other;
    }
    ct_floats(args->loss)[0] = (float)loss;
    for (int i = 0; i < 3; i++) ct_floats(args->stats)[i] = (float)stats[i];
}

ct_status CT_CPU(infonce_forward)(ct_kctx *ctx, const struct ct_infonce_forward_args *args) {
    const struct ct_infonce_batch *batch = &args->batch;
    const int64_t n_rows = batch->u.rows, n_cols = batch->v.rows;
    ct_scores s;
    sums rows = {0}, columns = {0};
    float *positive = NULL;
    pair *pairs = NULL;
    CT_CHECK(ct_scores_begin(ctx, &s, batch));
    CT_CHECK(sums_take(ctx, &rows, n_rows, batch->item_group.data != NULL));
    CT_CHECK(sums_take(ctx, &columns, n_cols, false));
    CT_CHECK(ct_scratch_take(ctx, (size_t)n_rows, sizeof *positive, (void **)&positive));
    CT_CHECK(ct_scratch_take(ctx, (size_t)n_rows, sizeof *pairs, (void **)&pairs));
    if (ctx->dry) return CT_OK;

    sums_clear(&rows, n_rows);
    sums_clear(&columns, n_cols);
    for (int64_t row = 0; row < n_rows; row += CT_SCORES_ROWS)
        for (int64_t col = 0; col < n_cols; col += CT_SCORES_COLS) {
            CT_CHECK(ct_scores_fill(ctx, &s, row, col));
            add_tile(ctx, &s, &rows, &columns, positive);
        }
    for (int64_t j = 0; j < n_cols; j++) ct_floats(args->col_neg)[j] = sums_log(&columns, j);
    make_pairs(ctx, args, &s, &rows, &columns, positive, pairs);
    finish(args, pairs);
    return CT_OK;
}
