/* Matrix products by oneDNN's dnnl_sgemm (row-major, the same call in 2.x and 3.x), and the fully connected
 * layer on them. */
#include "device/cpu/onednn.h"

#include <dnnl.h>
#include <stdio.h>

/* Rows of dy that one partial sum of db covers: fixed, so that db does not depend on the number of threads.
 */
#define DB_BLOCK 128

void ct__onednn_version(char *out, size_t size) {
    const dnnl_version_t *v = dnnl_version();
    snprintf(out, size, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
}

ct_status ct__onednn_status(int dnnl_status, const char *what, ct_error *err) {
    switch (dnnl_status) {
    case dnnl_success:
        return CT_OK;
    case dnnl_out_of_memory:
        return ct_fail(err, CT_ERR_MEMORY, "oneDNN: no memory for a %s", what);
    case dnnl_unimplemented:
        return ct_fail(err, CT_ERR_UNSUPPORTED, "oneDNN has no %s for these shapes and layouts", what);
    default:
        return ct_fail(err, CT_ERR_INTERNAL, "oneDNN: a %s failed with status %d", what, dnnl_status);
    }
}

static void scale_rows(int64_t m, int64_t n, float beta, float *c, int64_t ldc) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) c[i * ldc + j] = beta == 0.0f ? 0.0f : beta * c[i * ldc + j];
}

ct_status ct__onednn_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                          const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                          int64_t ldc, ct_error *err) {
    if (m == 0 || n == 0) return CT_OK;
    if (k == 0) {
        scale_rows(m, n, beta, c, ldc);
        return CT_OK;
    }
    const dnnl_status_t st = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a,
                                        lda, b, ldb, beta, c, ldc);
    if (st != dnnl_success)
        return ct_fail(err, st == dnnl_out_of_memory ? CT_ERR_MEMORY : CT_ERR_INTERNAL,
                       "oneDNN sgemm of %lld x %lld x %lld failed with status %d", (long long)m, (long long)n,
                       (long long)k, (int)st);
    return CT_OK;
}

static void add_bias(int64_t rows, int64_t cols, float *y, int64_t ldy, const float *bias, int n_threads) {
#pragma omp parallel for num_threads(n_threads) schedule(static) if (rows * cols > 16384)
    for (int64_t i = 0; i < rows; i++) {
        float *row = y + i * ldy;
        for (int64_t j = 0; j < cols; j++) row[j] += bias[j];
    }
}

ct_status ct_linear_forward_onednn(ct_kctx *ctx, const struct ct_linear_forward_args *args) {
    const ct_tensor *y = &args->y, *x = &args->x, *w = &args->w;
    if (ctx->dry || y->rows == 0) return CT_OK;
    CT_CHECK(ctx->gemm(false, true, y->rows, y->cols, x->cols, 1.0f, x->data, x->ld, w->data, w->ld,
                       args->beta, y->data, y->ld, ctx->err));
    if (args->b.data) add_bias(y->rows, y->cols, y->data, y->ld, args->b.data, ctx->n_threads);
    return CT_OK;
}

/* partial [blocks, cols] = column sums of each block of rows; then db += their sum in order. */
static void add_column_sums(float *db, const ct_tensor *dy, float *partial, int64_t blocks, int n_threads) {
    const float *data = dy->data;
    const int64_t rows = dy->rows, cols = dy->cols, ld = dy->ld;
#pragma omp parallel for num_threads(n_threads) schedule(static) if (rows * cols > 16384)
    for (int64_t block = 0; block < blocks; block++) {
        float *sum = partial + block * cols;
        const int64_t from = block * DB_BLOCK, to = from + DB_BLOCK < rows ? from + DB_BLOCK : rows;
        for (int64_t j = 0; j < cols; j++) sum[j] = 0.0f;
        for (int64_t i = from; i < to; i++)
            for (int64_t j = 0; j < cols; j++) sum[j] += data[i * ld + j];
    }
    for (int64_t block = 1; block < blocks; block++)
        for (int64_t j = 0; j < cols; j++) partial[j] += partial[block * cols + j];
    for (int64_t j = 0; j < cols; j++) db[j] += partial[j];
}

ct_status ct_linear_backward_onednn(ct_kctx *ctx, const struct ct_linear_backward_args *args) {
    const ct_tensor *dx = &args->dx, *dw = &args->dw, *dy = &args->dy, *x = &args->x, *w = &args->w;
    const int64_t rows = dy->rows, outputs = dy->cols, blocks = (rows + DB_BLOCK - 1) / DB_BLOCK;
    float *partial = NULL;
    if (args->db.data)
        CT_CHECK(ct_scratch_take(ctx, (size_t)blocks * (size_t)outputs, sizeof *partial, (void **)&partial));
    if (ctx->dry || rows == 0) return CT_OK;

    if (args->db.data) add_column_sums(args->db.data, dy, partial, blocks, ctx->n_threads);
    if (dx->data)
        CT_CHECK(ctx->gemm(false, false, rows, dx->cols, outputs, 1.0f, dy->data, dy->ld, w->data, w->ld,
                           args->beta, dx->data, dx->ld, ctx->err));
    if (dw->data)
        CT_CHECK(ctx->gemm(true, false, outputs, dw->cols, rows, 1.0f, dy->data, dy->ld, x->data, x->ld, 1.0f,
                           dw->data, dw->ld, ctx->err));
    return CT_OK;
}
