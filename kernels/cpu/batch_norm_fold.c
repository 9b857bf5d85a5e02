/* Folding batch norm into a convolution: one pass over the weights, threads share the output channels. */
#include "kernels/cpu/loops.h"

ct_status CT_CPU(batch_norm_fold)(ct_kctx *ctx, const struct ct_batch_norm_fold_args *args) {
    if (ctx->dry) return CT_OK;
    const int64_t rows = args->folded.rows, cols = args->folded.cols;
    const float *mean = ct_floats(args->running_mean), *var = ct_floats(args->running_var);
    const float *w = ct_floats(args->w), *b = ct_floats(args->b);
    const int threads = ct_threads(ctx, rows * cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < rows; o++) {
        const float scale = w[o] / sqrtf(var[o] + args->eps);
        float *restrict out = ct_row(args->folded, o);
        const float *restrict in = ct_row(args->conv, o);
#pragma omp simd
        for (int64_t k = 0; k < cols; k++) out[k] = in[k] * scale;
        ct_floats(args->bias)[o] = b[o] - mean[o] * scale;
    }
    return CT_OK;
}
