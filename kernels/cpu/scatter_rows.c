/* Writing finite rows to their places in a table. */
#include "kernels/cpu/loops.h"

/* x - x is 0 for a finite x and NaN for the others; a sum of such is 0 or NaN. */
static bool all_finite(const float *x, int64_t n) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += x[i] - x[i];
    return sum == 0.0f;
}

ct_status CT_CPU(scatter_rows)(ct_kctx *ctx, const struct ct_scatter_rows_args *args) {
    const ct_tensor x = args->x;
    if (ctx->dry || x.rows == 0) return CT_OK;
    const int32_t *rows = ct_ints(args->rows);
    const int threads = ct_threads(ctx, x.rows * x.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < x.rows; n++)
        if (rows[n] >= 0 && all_finite(ct_row(x, n), x.cols))
            memcpy(ct_row(args->table, rows[n]), ct_row(x, n), (size_t)x.cols * sizeof(float));
    return CT_OK;
}
