/* What oneDNN does for the CPU device: matrix products and convolutions. Only onednn*.c include oneDNN itself. */
#ifndef CT_DEVICE_CPU_ONEDNN_H
#define CT_DEVICE_CPU_ONEDNN_H

#include "kernels/kernels.h"

/* "oneDNN 2.6.3" into out: the library that was loaded, not the one compiled against. */
void ct__onednn_version(char *out, size_t size);

/* What a dnnl_status_t means; `what` oneDNN was asked for goes into the message. */
ct_status ct__onednn_status(int dnnl_status, const char *what, ct_error *err);

/* ct_gemm_fn. Runs on as many threads as OpenMP is set to for the calling thread; the same bytes for the same
 * number. k == 0 gives beta * C. CT_ERR_INTERNAL when oneDNN refuses. */
ct_status ct__onednn_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                          const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                          int64_t ldc, ct_error *err);

/* Primitives of convolutions by shape: in a ct_kctx of the CPU device, `library` is one. It makes all its
 * allocations when it is opened; oneDNN makes its own when a shape is seen first. */
typedef struct ct__conv_cache ct__conv_cache;
ct_status ct__conv_cache_open(ct__conv_cache **out, ct_error *err);
void ct__conv_cache_close(ct__conv_cache *cache); /* accepts NULL */

/* Contracts in kernels/conv2d.h. Channel blocks of 16, 8, 4, or all channels; CT_ERR_UNSUPPORTED for others.
 * The same bytes for the same number of threads. */
ct_status ct_conv2d_forward_onednn(ct_kctx *ctx, const struct ct_conv2d_forward_args *args);
ct_status ct_conv2d_backward_onednn(ct_kctx *ctx, const struct ct_conv2d_backward_args *args);

#endif
