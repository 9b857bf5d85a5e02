/* Reference of the fusion of modality vectors: stand-ins for what is missing, and the gated sum. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

static bool present_at(ct_tensor present, int64_t n, int64_t m) {
    return ref_ints(present)[n * present.ld + m] != 0;
}

ct_status CT_REF(fill_missing_forward)(ct_kctx *ctx, const struct ct_fill_missing_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const int64_t M = args->missing.rows, D = args->missing.cols;
    for (int64_t n = 0; n < args->z.rows; n++)
        for (int64_t m = 0; m < M; m++)
            for (int64_t d = 0; d < D; d++)
                ref_row(args->z, n)[m * D + d] = present_at(args->present, n, m)
                                                     ? ref_row(args->x, n)[m * D + d]
                                                     : ref_row(args->missing, m)[d];
    return CT_OK;
}

ct_status CT_REF(fill_missing_backward)(ct_kctx *ctx, const struct ct_fill_missing_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const int64_t M = args->present.cols, D = M > 0 ? args->dz.cols / M : 0;
    if (args->dx.data) ref_scale(args->dx, args->beta);
    for (int64_t n = 0; n < args->dz.rows; n++)
        for (int64_t m = 0; m < M; m++)
            for (int64_t d = 0; d < D; d++) {
                const ct_real dz = ref_row(args->dz, n)[m * D + d];
                if (!present_at(args->present, n, m)) {
                    if (args->dmissing.data) ref_row(args->dmissing, m)[d] += dz;
                } else if (args->dx.data) {
                    ref_row(args->dx, n)[m * D + d] += dz;
                }
            }
    return CT_OK;
}

static void softmax(ct_real *a, const ct_real *g, int64_t M) {
    ct_real top = -INFINITY, sum = 0;
    for (int64_t m = 0; m < M; m++) top = g[m] > top ? g[m] : top;
    for (int64_t m = 0; m < M; m++) sum += a[m] = (ct_real)exp(g[m] - top);
    for (int64_t m = 0; m < M; m++) a[m] /= sum;
}

ct_status CT_REF(gated_fusion_forward)(ct_kctx *ctx, const struct ct_gated_fusion_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const int64_t M = args->g.cols, D = args->y.cols;
    for (int64_t n = 0; n < args->y.rows; n++) {
        ct_real *a = ref_row(args->a, n);
        softmax(a, ref_row(args->g, n), M);
        for (int64_t d = 0; d < D; d++) {
            ct_real sum = 0;
            for (int64_t m = 0; m < M; m++) sum += a[m] * ref_row(args->z, n)[m * D + d];
            ref_row(args->y, n)[d] = sum;
        }
    }
    return CT_OK;
}

ct_status CT_REF(gated_fusion_backward)(ct_kctx *ctx, const struct ct_gated_fusion_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const int64_t M = args->a.cols, D = args->dy.cols;
    ref_scale(args->dz, args->beta);
    for (int64_t n = 0; n < args->dy.rows; n++) {
        const ct_real *a = ref_row(args->a, n), *dy = ref_row(args->dy, n), *z = ref_row(args->z, n);
        ct_real mean = 0;
        for (int64_t m = 0; m < M; m++) mean += a[m] * ref_dot(dy, z + m * D, D);
        for (int64_t m = 0; m < M; m++) {
            ref_row(args->dg, n)[m] = a[m] * (ref_dot(dy, z + m * D, D) - mean);
            for (int64_t d = 0; d < D; d++) ref_row(args->dz, n)[m * D + d] += a[m] * dy[d];
        }
    }
    return CT_OK;
}
