/* Matrix products by oneDNN's dnnl_sgemm (row-major, the same call in 2.x and 3.x). */
#include "device/cpu/onednn.h"

#include <dnnl.h>
#include <stdio.h>

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
