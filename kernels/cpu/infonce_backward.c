/* InfoNCE, backward: each tile of scores is computed again, turned into its gradient in place, and multiplied
 * into du and dv: 8 B N D operations with the forward's 2. */
#include "kernels/cpu/infonce_tile.h"
#include "kernels/cpu/vmath.h"

/* Row b of the tile becomes grad_loss * ds. Adds the row's sum of ds * s to *sum where that is wanted. */
static void row_gradient(const struct ct_infonce_backward_args *args, const ct_scores *s, int64_t b,
                         double *sum) {
    float ds[CT_SCORES_COLS];
    float *score = s->tile + (b - s->row) * s->ld;
    const int64_t n = s->cols, at = ct_scores_positive(s, b);
    const float *item_logq = s->item_logq + s->col, user_logq = s->user_logq[b];
    const float *col_neg = ct_floats(args->col_neg) + s->col, *col_coef = ct_floats(args->col_coef) + s->col;
    const float row_neg = ct_floats(args->row_neg)[b],
                row_coef = args->grad_loss * ct_floats(args->row_coef)[b];
    const float grad = args->grad_loss;
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        ds[j] = row_coef * ct_exp_negative((score[j] - item_logq[j]) - row_neg) +
                grad * col_coef[j] * ct_exp_negative((score[j] - user_logq) - col_neg[j]);
    /* A row or column without negatives has -inf for its sum and nonsense in ds; all of that is masked here.
     */
    ct_scores_mask(s, b, ds, 0.0f);
    if (at >= 0) ds[at] = -grad * ct_floats(args->pos_coef)[b];
    if (sum) {
        double total = 0.0;
#pragma omp simd reduction(+ : total)
        for (int64_t j = 0; j < n; j++) total += (double)(ds[j] * score[j]);
        *sum += total;
    }
    memcpy(score, ds, (size_t)n * sizeof *ds);
}

/* The tile's part of du and dv; the first tile of a row or column brings beta. */
static ct_status add_products(ct_kctx *ctx, const struct ct_infonce_backward_args *args, const ct_scores *s) {
    const ct_tensor u = args->batch.u, v = args->batch.v, du = args->du, dv = args->dv;
    const float beta_u = s->col == 0 ? args->beta_u : 1.0f, beta_v = s->row == 0 ? args->beta_v : 1.0f;
    CT_CHECK(ctx->gemm(false, false, s->rows, u.cols, s->cols, s->scale, s->tile, s->ld, ct_row(v, s->col),
                       v.ld, beta_u, ct_row(du, s->row), du.ld, ctx->err));
    return ctx->gemm(true, false, s->cols, v.cols, s->rows, s->scale, s->tile, s->ld, ct_row(u, s->row), u.ld,
                     beta_v, ct_row(dv, s->col), dv.ld, ctx->err);
}

ct_status CT_CPU(infonce_backward)(ct_kctx *ctx, const struct ct_infonce_backward_args *args) {
    const int64_t n_rows = args->batch.u.rows, n_cols = args->batch.v.rows;
    const bool wanted = args->dlog_scale.data != NULL;
    ct_scores s;
    double *sums = NULL; /* of ds * s, by row */
    CT_CHECK(ct_scores_begin(ctx, &s, &args->batch));
    CT_CHECK(ct_scratch_take(ctx, (size_t)n_rows, sizeof *sums, (void **)&sums));
    if (ctx->dry) return CT_OK;

    memset(sums, 0, (size_t)n_rows * sizeof *sums);
    for (int64_t row = 0; row < n_rows; row += CT_SCORES_ROWS)
        for (int64_t col = 0; col < n_cols; col += CT_SCORES_COLS) {
            CT_CHECK(ct_scores_fill(ctx, &s, row, col));
            const int threads = ct_threads(ctx, s.rows * s.cols * 8);
#pragma omp parallel for num_threads(threads) schedule(static)
            for (int64_t b = row; b < row + s.rows; b++) row_gradient(args, &s, b, wanted ? &sums[b] : NULL);
            CT_CHECK(add_products(ctx, args, &s));
        }
    if (n_rows == 0) /* no tile brought beta to dv */
        for (int64_t j = 0; j < n_cols; j++) ct_scale_row(ct_row(args->dv, j), args->beta_v, args->dv.cols);
    if (!wanted) return CT_OK;
    double total = 0.0;
    for (int64_t b = 0; b < n_rows; b++) total += sums[b];
    ct_floats(args->dlog_scale)[0] += (float)total;
    return CT_OK;
}
