/* What both directions of InfoNCE share: the walk over the score matrix in tiles of at most 2 MiB. Both
 * compute a tile by the same call, so a score has the same bytes in forward and backward. */
#ifndef CT_KERNELS_CPU_INFONCE_TILE_H
#define CT_KERNELS_CPU_INFONCE_TILE_H

#include "kernels/cpu/loops.h"

/* Large enough that the library's packing of both operands is small beside the product. */
#define CT_SCORES_ROWS 512
#define CT_SCORES_COLS 1024

typedef struct ct_scores {
    const struct ct_infonce_batch *batch;
    const float *item_logq, *user_logq; /* zeros where the mode takes none */
    float scale;                        /* exp(log_scale) */
    float *tile;                        /* [rows, cols], ld apart */
    int64_t ld, row, rows, col, cols;   /* the part of the matrix that the tile holds now */
} ct_scores;

/* Scratch and constants. */
static inline ct_status ct_scores_begin(ct_kctx *ctx, ct_scores *s, const struct ct_infonce_batch *batch) {
    const int64_t rows = ct_min_i64(CT_SCORES_ROWS, batch->u.rows),
                  cols = ct_min_i64(CT_SCORES_COLS, batch->v.rows);
    const int64_t longest = ct_max_i64(batch->u.rows, batch->v.rows);
    float *zeros = NULL;
    *s = (ct_scores){.batch = batch, .ld = cols + 16}; /* rows a power of two apart would share cache sets */
    CT_CHECK(ct_scratch_take(ctx, (size_t)rows * (size_t)s->ld, sizeof *s->tile, (void **)&s->tile));
    if (batch->mode == CT_LOGQ_NONE)
        CT_CHECK(ct_scratch_take(ctx, (size_t)longest, sizeof *zeros, (void **)&zeros));
    if (ctx->dry) return CT_OK;
    if (zeros) memset(zeros, 0, (size_t)longest * sizeof *zeros);
    s->item_logq = zeros ? zeros : ct_floats(batch->item_logq);
    s->user_logq = zeros ? zeros : ct_floats(batch->user_logq);
    s->scale = (float)exp(ct_floats(batch->log_scale)[0]);
    return CT_OK;
}

/* Computes the tile at (row, col): s_bj of up to CT_SCORES_ROWS x CT_SCORES_COLS pairs. */
static inline ct_status ct_scores_fill(ct_kctx *ctx, ct_scores *s, int64_t row, int64_t col) {
    const ct_tensor u = s->batch->u, v = s->batch->v;
    s->row = row;
    s->col = col;
    s->rows = ct_min_i64(CT_SCORES_ROWS, u.rows - row);
    s->cols = ct_min_i64(CT_SCORES_COLS, v.rows - col);
    return ctx->gemm(false, true, s->rows, s->cols, u.cols, s->scale, ct_row(u, row), u.ld, ct_row(v, col),
                     v.ld, 0.0f, s->tile, s->ld, ctx->err);
}

/* Writes `value` at the columns of the tile that are no negatives of row b: its masked ones and, with
 * same_group, those of other groups. values is the row, as wide as the tile. */
static inline void ct_scores_mask(const ct_scores *s, int64_t b, float *values, float value) {
    const struct ct_infonce_batch *batch = s->batch;
    const int32_t *begin = ct_ints(batch->mask_begin), *cols = ct_ints(batch->mask_col);
    if (batch->same_group && batch->item_group.data) {
        const int32_t group = ct_ints(batch->user_group)[b], *of = ct_ints(batch->item_group) + s->col;
#pragma omp simd
        for (int64_t j = 0; j < s->cols; j++) values[j] = of[j] == group ? values[j] : value;
    }
    int64_t k = ct_lower_bound(cols, begin[b], begin[b + 1], s->col);
    for (; k < begin[b + 1] && cols[k] < s->col + s->cols; k++) values[cols[k] - s->col] = value;
}

/* Where the positive of row b lies in the tile, or -1. */
static inline int64_t ct_scores_positive(const ct_scores *s, int64_t b) {
    const int64_t at = ct_ints(s->batch->pos)[b] - s->col;
    return at >= 0 && at < s->cols ? at : -1;
}

#endif
