/* Layer norm of one row, shared by the references of add_layer_norm and embed_layer_norm. */
#ifndef CT_KERNELS_REF_LAYER_NORM_H
#define CT_KERNELS_REF_LAYER_NORM_H

#include "kernels/ref/ref.h"

typedef struct ref_moments {
    ct_real mean, rstd;
} ref_moments;

static inline ref_moments ref_moments_of(const ct_real *s, int64_t channels, float eps) {
    ct_real mean = 0, var = 0;
    for (int64_t c = 0; c < channels; c++) mean += s[c];
    mean /= (ct_real)channels;
    for (int64_t c = 0; c < channels; c++) var += (s[c] - mean) * (s[c] - mean);
    var /= (ct_real)channels;
    return (ref_moments){mean, 1 / (ct_real)sqrt(var + (ct_real)eps)};
}

/* What the gradient of a row needs besides the element: the means over its channels of w dy and of w dy xhat.
 */
typedef struct ref_norm_sums {
    ct_real grad, grad_xhat;
} ref_norm_sums;

/* ds of one element, from grad = w dy. */
static inline ct_real ref_norm_grad(ct_real grad, ct_real xhat, ct_real rstd, ref_norm_sums mean) {
    return rstd * (grad - mean.grad - xhat * mean.grad_xhat);
}

#endif
