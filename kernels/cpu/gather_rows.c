/* Embedding lookup of rows and bags of rows, and the sum of gradients into the rows that were named. */
#include "kernels/cpu/loops.h"

/* Backward: threads share the rows in pieces of this many channels, so that one frequent id does not hold up
 * all. */
#define PIECE 256

/* y = beta * y + scale * (sum of the named rows). */
static void gather_bag(float *y, ct_tensor table, const int32_t *ids, int64_t count, float scale,
                       float beta) {
    ct_scale_row(y, beta, table.cols);
    for (int64_t k = 0; k < count; k++) ct_axpy(y, scale, ct_row(table, ids[k]), table.cols);
}

ct_status CT_CPU(gather_rows_forward)(ct_kctx *ctx, const struct ct_gather_rows_forward_args *args) {
    const ct_tensor y = args->y;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const int32_t *ids = ct_ints(args->ids), *offsets = ct_ints(args->offsets);
    const int threads = ct_threads(ctx, args->ids.rows * y.cols);
#pragma omp parallel for num_threads(threads) schedule(guided)
    for (int64_t n = 0; n < y.rows; n++) {
        const int64_t from = offsets ? offsets[n] : n, to = offsets ? offsets[n + 1] : n + 1;
        const float scale = args->scale.data ? ct_floats(args->scale)[n] : 1.0f;
        gather_bag(ct_row(y, n), args->table, ids + from, to - from, scale, args->beta);
    }
    return CT_OK;
}

/* Adds the rows of dy that a segment lists to n <= PIECE channels of one row of the table. */
static void add_segment(float *restrict table, const struct ct_gather_rows_backward_args *args, int64_t begin,
                        int64_t end, int64_t channel, int64_t n) {
    const int32_t *seg_row = ct_ints(args->seg_row);
    const float *scale = ct_floats(args->scale);
    float sum[PIECE] = {0.0f};
    for (int64_t k = begin; k < end; k++) {
        const int64_t row = seg_row[k];
        ct_axpy(sum, scale ? scale[row] : 1.0f, ct_row(args->dy, row) + channel, n);
    }
    ct_axpy(table, 1.0f, sum, n);
}

ct_status CT_CPU(gather_rows_backward)(ct_kctx *ctx, const struct ct_gather_rows_backward_args *args) {
    const ct_tensor dtable = args->dtable;
    const int64_t unique = args->seg_begin.rows - 1;
    if (ctx->dry || unique <= 0) return CT_OK;
    const int32_t *begin = ct_ints(args->seg_begin), *rows = ct_ints(args->rows);
    const int threads = ct_threads(ctx, args->seg_row.rows * dtable.cols);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(dynamic, 8)
    for (int64_t u = 0; u < unique; u++)
        for (int64_t c = 0; c < dtable.cols; c += PIECE)
            add_segment(ct_row(dtable, rows ? rows[u] : u) + c, args, begin[u], begin[u + 1], c,
                        ct_min_i64(PIECE, dtable.cols - c));
    return CT_OK;
}
