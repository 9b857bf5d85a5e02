/* Fusion of modality vectors: stand-ins for what is missing, and the gated sum, a row at a time. */
#include "kernels/cpu/loops.h"

static inline bool present_at(ct_tensor present, int64_t n, int64_t m) {
    return ct_ints(present)[n * present.ld + m] != 0;
}

ct_status CT_CPU(fill_missing_forward)(ct_kctx *ctx, const struct ct_fill_missing_forward_args *args) {
    const ct_tensor z = args->z, missing = args->missing;
    if (ctx->dry || z.rows == 0) return CT_OK;
    const int64_t M = missing.rows, D = missing.cols;
    const int threads = ct_threads(ctx, z.rows * z.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < z.rows; n++)
        for (int64_t m = 0; m < M; m++) {
            const float *from =
                present_at(args->present, n, m) ? ct_row(args->x, n) + m * D : ct_row(missing, m);
            float *to = ct_row(z, n) + m * D;
            if (to != from) memcpy(to, from, (size_t)D * sizeof *to);
        }
    return CT_OK;
}

/* One row; missing [M, D] without gaps is what the row's block adds to. */
static void fill_backward_row(const struct ct_fill_missing_backward_args *a, int64_t n, int64_t D,
                              float *missing) {
    for (int64_t m = 0; m < a->present.cols; m++) {
        const float *dz = ct_row(a->dz, n) + m * D;
        float *dx = a->dx.data ? ct_row(a->dx, n) + m * D : NULL;
        if (present_at(a->present, n, m)) {
            if (dx) ct_blend_row(dx, dz, a->beta, D);
        } else {
            if (missing) ct_axpy(missing + m * D, 1.0f, dz, D);
            if (dx) ct_scale_row(dx, a->beta, D);
        }
    }
}

ct_status CT_CPU(fill_missing_backward)(ct_kctx *ctx, const struct ct_fill_missing_backward_args *args) {
    const ct_tensor dz = args->dz, dmissing = args->dmissing;
    const int64_t rows = dz.rows, cols = dz.cols, M = args->present.cols, D = M > 0 ? cols / M : 0;
    const int64_t blocks = ct_sum_blocks(rows);
    float *partial = NULL;
    const size_t count = dmissing.data ? (size_t)blocks * (size_t)cols : 0;
    CT_CHECK(ct_scratch_take(ctx, count, sizeof *partial, (void **)&partial));
    if (ctx->dry || rows == 0) return CT_OK;
    const int threads = ct_threads(ctx, 2 * rows * cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t block = 0; block < blocks; block++) {
        float *own = dmissing.data ? partial + block * cols : NULL;
        if (own) memset(own, 0, (size_t)cols * sizeof *own);
        for (int64_t n = ct_block_begin(rows, blocks, block); n < ct_block_begin(rows, blocks, block + 1);
             n++)
            fill_backward_row(args, n, D, own);
    }
    for (int64_t m = 0; dmissing.data && m < M; m++)
        for (int64_t block = 0; block < blocks; block++)
            ct_axpy(ct_row(dmissing, m), 1.0f, partial + block * cols + m * D, D);
    return CT_OK;
}

static void softmax(float *restrict a, const float *restrict g, int64_t n) {
    const float top = ct_max(g, n);
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        a[i] = expf(g[i] - top);
        sum += a[i];
    }
    ct_scale_row(a, 1.0f / sum, n);
}

ct_status CT_CPU(gated_fusion_forward)(ct_kctx *ctx, const struct ct_gated_fusion_forward_args *args) {
    const ct_tensor y = args->y, g = args->g;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const int threads = ct_threads(ctx, y.rows * args->z.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < y.rows; n++) {
        float *a = ct_row(args->a, n), *out = ct_row(y, n);
        softmax(a, ct_row(g, n), g.cols);
        memset(out, 0, (size_t)y.cols * sizeof *out);
        for (int64_t m = 0; m < g.cols; m++) ct_axpy(out, a[m], ct_row(args->z, n) + m * y.cols, y.cols);
    }
    return CT_OK;
}

/* dg and dz of one row. */
static void gated_backward_row(const struct ct_gated_fusion_backward_args *args, int64_t n) {
    const int64_t M = args->a.cols, D = args->dy.cols;
    const float *a = ct_row(args->a, n), *dy = ct_row(args->dy, n);
    float *dg = ct_row(args->dg, n), mean = 0.0f;
    for (int64_t m = 0; m < M; m++) {
        dg[m] = ct_dot(dy, ct_row(args->z, n) + m * D, D);
        mean += a[m] * dg[m];
    }
    for (int64_t m = 0; m < M; m++) {
        float *dz = ct_row(args->dz, n) + m * D;
        dg[m] = a[m] * (dg[m] - mean);
        ct_scale_row(dz, args->beta, D);
        ct_axpy(dz, a[m], dy, D);
    }
}

ct_status CT_CPU(gated_fusion_backward)(ct_kctx *ctx, const struct ct_gated_fusion_backward_args *args) {
    const int64_t rows = args->dy.rows;
    if (ctx->dry || rows == 0) return CT_OK;
    const int threads = ct_threads(ctx, 3 * rows * args->z.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < rows; n++) gated_backward_row(args, n);
    return CT_OK;
}
