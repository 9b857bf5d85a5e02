/* The fully connected layer: the device's matrix product, and the bias in vector loops around it. */
#include "kernels/cpu/loops.h"

/* y = beta * y + b in each row, which the product is then added to. */
static void start_from_bias(const ct_kctx *ctx, ct_tensor y, const float *b, float beta) {
    const int threads = ct_threads(ctx, y.rows * y.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < y.rows; t++) {
        float *row = ct_row(y, t);
        if (beta == 0.0f) {
            memcpy(row, b, (size_t)y.cols * sizeof *row);
            continue;
        }
#pragma omp simd
        for (int64_t c = 0; c < y.cols; c++) row[c] = beta * row[c] + b[c];
    }
}

ct_status CT_CPU(linear_forward)(ct_kctx *ctx, const struct ct_linear_forward_args *args) {
    const ct_tensor y = args->y, x = args->x, w = args->w;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const bool biased = args->b.data;
    if (biased) start_from_bias(ctx, y, args->b.data, args->beta);
    return ctx->gemm(false, true, y.rows, y.cols, x.cols, 1.0f, x.data, x.ld, w.data, w.ld,
                     biased ? 1.0f : args->beta, y.data, y.ld, ctx->err);
}

/* db += the column sums of dy. */
static void add_column_sums(const ct_kctx *ctx, float *db, ct_tensor dy, float *partial, int64_t blocks) {
    const int threads = ct_threads(ctx, dy.rows * dy.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t block = 0; block < blocks; block++) {
        float *sum = partial + block * dy.cols;
        const int64_t end = ct_block_begin(dy.rows, blocks, block + 1);
        memset(sum, 0, (size_t)dy.cols * sizeof *sum);
        for (int64_t t = ct_block_begin(dy.rows, blocks, block); t < end; t++) {
            const float *row = ct_row(dy, t);
#pragma omp simd
            for (int64_t c = 0; c < dy.cols; c++) sum[c] += row[c];
        }
    }
    ct_add_partials(ctx, db, partial, blocks, dy.cols);
}

/* dw += dy^T x. oneDNN packs 384 rows of dy and x at a time, which misses the caches where rows are wide: with 192 rows a
 * product, dw [1536, 384] over 2304 rows ran at 141 GFLOP/s instead of 115 on one core. Where dw itself is far larger
 * than a core's cache, passing over it more often costs more than that. */
#define DW_ROWS 192
#define DW_SMALL ((int64_t)1 << 20)
static ct_status add_dw(const ct_kctx *ctx, ct_tensor dw, ct_tensor dy, ct_tensor x) {
    const int64_t step = dw.rows * dw.cols <= DW_SMALL ? DW_ROWS : dy.rows;
    for (int64_t t = 0; t < dy.rows; t += step)
        CT_CHECK(ctx->gemm(true, false, dw.rows, dw.cols, ct_min_i64(step, dy.rows - t), 1.0f, ct_row(dy, t), dy.ld,
                           ct_row(x, t), x.ld, 1.0f, dw.data, dw.ld, ctx->err));
    return CT_OK;
}

ct_status CT_CPU(linear_backward)(ct_kctx *ctx, const struct ct_linear_backward_args *args) {
    const ct_tensor dx = args->dx, dw = args->dw, dy = args->dy, x = args->x, w = args->w;
    const int64_t blocks = ct_sum_blocks(dy.rows);
    float *partial = NULL;
    if (args->db.data)
        CT_CHECK(ct_scratch_take(ctx, (size_t)(blocks * dy.cols), sizeof *partial, (void **)&partial));
    if (ctx->dry || dy.rows == 0) return CT_OK;

    if (args->db.data) add_column_sums(ctx, args->db.data, dy, partial, blocks);
    if (dx.data)
        CT_CHECK(ctx->gemm(false, false, dy.rows, dx.cols, dy.cols, 1.0f, dy.data, dy.ld, w.data, w.ld, args->beta,
                           dx.data, dx.ld, ctx->err));
    return dw.data ? add_dw(ctx, dw, dy, x) : CT_OK;
}
