/* Fusion of modality vectors into one, with learned stand-ins for what is missing. */
#ifndef CT_KERNELS_FUSION_H
#define CT_KERNELS_FUSION_H
#include "kernels/kernel.h"

/* z [N, M*D]: block m of row n is x's block where present[n, m] is 1, else missing[m] [M, D]. What a fusion layer sees.
 * z may alias x. */
struct ct_fill_missing_forward_args {
    ct_tensor z;
    ct_tensor x, present, missing; /* [N, M*D], i32 [N, M], [M, D] */
};
/* dx = beta * dx + (dz where present, else 0), may be absent; dmissing += sums over the rows that miss (absent:
 * frozen). */
struct ct_fill_missing_backward_args {
    ct_tensor dx, dmissing;
    ct_tensor dz, present;
    float beta;
};

/* y [N, D] = sum_m a_m z_m, a = softmax over m of the gate logits g [N, M] (a linear layer of z; the gate may prefer what
 * is there: a modality that is missing takes part with its learned vector). a [N, M] kept for backward.
 * Arevalo et al. 2017, arXiv:1702.01992, with a softmax over modalities. */
struct ct_gated_fusion_forward_args {
    ct_tensor y, a;
    ct_tensor z, g;
};
/* dz = beta * dz + a_m dy; dg = a_m (dy . z_m - sum_k a_k dy . z_k), overwritten. */
struct ct_gated_fusion_backward_args {
    ct_tensor dz, dg;
    ct_tensor dy, z, a;
    float beta;
};
#endif
