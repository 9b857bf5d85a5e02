/* Ops of the CPU device that oneDNN carries: matrix products, and the fully connected layer on them. */
#ifndef CT_DEVICE_CPU_ONEDNN_H
#define CT_DEVICE_CPU_ONEDNN_H

#include "kernels/kernels.h"

/* "oneDNN 2.6.3" into out: the library that was loaded, not the one compiled against. */
void ct__onednn_version(char *out, size_t size);

/* ct_gemm_fn. Runs on as many threads as OpenMP is set to for the calling thread; the same bytes for the same
 * number. k == 0 gives beta * C. CT_ERR_INTERNAL when oneDNN refuses. */
ct_status ct__onednn_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                          const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                          int64_t ldc, ct_error *err);

/* Contracts in kernels/linear.h. */
ct_status ct_linear_forward_onednn(ct_kctx *ctx, const struct ct_linear_forward_args *args);
ct_status ct_linear_backward_onednn(ct_kctx *ctx, const struct ct_linear_backward_args *args);

#endif
