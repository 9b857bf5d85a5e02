/* The optimizer's passes over memory: squared norm, AdamW on flat ranges, AdamW on rows. */
#include <math.h>

#include "kernels/cpu/loops.h"

/* One partial sum covers at least this many elements; threads take pieces of AdamW of this size. */
#define PIECE 16384

/* The partial sums of sq_norm: a matrix is cut into runs of rows, a dense one counts as a single long row. */
typedef struct cut {
    int64_t rows, cols, ld;
    int64_t pieces;    /* partial sums */
    int64_t per_row;   /* pieces of one row, when rows are long, or */
    int64_t per_piece; /* rows of one piece, when they are short */
} cut;

static cut cut_of(ct_tensor x) {
    cut c = {x.rows, x.cols, x.ld, 0, 1, 1};
    if (x.ld == x.cols) {
        c.rows = x.rows > 0 ? 1 : 0;
        c.cols = c.ld = x.rows * x.cols;
    }
    if (c.cols >= PIECE)
        c.per_row = ct_ceil_div(c.cols, PIECE);
    else if (c.cols > 0)
        c.per_piece = ct_ceil_div(PIECE, c.cols);
    c.pieces = c.cols > 0 ? ct_ceil_div(c.rows, c.per_piece) * c.per_row : 0;
    return c;
}

static double sum_squares(const float *x, int64_t n) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

static double piece_sum(const float *x, cut c, int64_t piece) {
    if (c.per_row > 1) {
        const int64_t row = piece / c.per_row, from = piece % c.per_row * PIECE;
        return sum_squares(x + row * c.ld + from, ct_min_i64(PIECE, c.cols - from));
    }
    double sum = 0.0;
    const int64_t from = piece * c.per_piece, to = ct_min_i64(c.rows, from + c.per_piece);
    for (int64_t row = from; row < to; row++) sum += sum_squares(x + row * c.ld, c.cols);
    return sum;
}

ct_status CT_CPU(sq_norm)(ct_kctx *ctx, const struct ct_sq_norm_args *args) {
    const cut c = cut_of(args->x);
    const float *x = args->x.data;
    double *partial = NULL;
    CT_CHECK(ct_scratch_take(ctx, (size_t)c.pieces, sizeof *partial, (void **)&partial));
    if (ctx->dry) return CT_OK;
    const int threads = ct_threads(ctx, c.rows * c.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t piece = 0; piece < c.pieces; piece++) partial[piece] = piece_sum(x, c, piece);

    double sum = 0.0;
    for (int64_t piece = 0; piece < c.pieces; piece++) sum += partial[piece];
    *(double *)args->sum.data += sum;
    return CT_OK;
}

/* The constants of one update. */
typedef struct adam {
    float clip, beta1, beta2, rest1, rest2, rbias1, rbias2, eps, decay, lr;
} adam;

static adam adam_of(const ct_step *step, const struct ct_adam_hyper *h) {
    return (adam){.clip = step->clip,
                  .beta1 = h->beta1,
                  .beta2 = h->beta2,
                  .rest1 = 1.0f - h->beta1,
                  .rest2 = 1.0f - h->beta2,
                  .rbias1 = 1.0f / step->bias1,
                  .rbias2 = 1.0f / step->bias2,
                  .eps = h->eps,
                  .decay = h->decay,
                  .lr = step->lr * h->lr_scale};
}

static void update(float *restrict w, float *restrict m, float *restrict v, const float *restrict g, adam a,
                   int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float grad = a.clip * g[i];
        const float m1 = a.beta1 * m[i] + a.rest1 * grad, v1 = a.beta2 * v[i] + a.rest2 * grad * grad;
        const float step = (m1 * a.rbias1) / (sqrtf(v1 * a.rbias2) + a.eps);
        m[i] = m1;
        v[i] = v1;
        w[i] -= a.lr * (a.decay * w[i] + step);
    }
}

ct_status CT_CPU(adamw)(ct_kctx *ctx, const struct ct_adamw_args *args) {
    if (ctx->dry || ctx->step->skip) return CT_OK;
    const int64_t n = args->w.rows * args->w.cols;
    const adam a = adam_of(ctx->step, &args->hyper);
    float *w = args->w.data, *m = args->m.data, *v = args->v.data;
    const float *g = args->g.data;
    const int threads = ct_threads(ctx, 2 * n);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t from = 0; from < n; from += PIECE)
        update(w + from, m + from, v + from, g + from, a, ct_min_i64(PIECE, n - from));
    return CT_OK;
}

ct_status CT_CPU(row_update)(ct_kctx *ctx, const struct ct_row_update_args *args) {
    if (ctx->dry || ctx->step->skip) return CT_OK;
    const ct_tensor table = args->table;
    const adam a = adam_of(ctx->step, &args->hyper);
    const int32_t *rows = ct_ints(args->rows);
    const int threads = ct_threads(ctx, 4 * args->rows.rows * table.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t u = 0; u < args->rows.rows; u++)
        update(ct_row(table, rows[u]), ct_row(args->m, rows[u]), ct_row(args->v, rows[u]), ct_row(args->g, u),
               a, table.cols);
    return CT_OK;
}
