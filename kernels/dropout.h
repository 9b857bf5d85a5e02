/* Inverted dropout by counter: y = x * keep / (1 - p). Srivastava et al. 2014. */
#ifndef CT_KERNELS_DROPOUT_H
#define CT_KERNELS_DROPOUT_H
#include "kernels/kernel.h"

/* y, x [N, C], may alias. Element (n, c) uses word c % 4 of ct_dropout_words(key, row_of[n], pos_of[n], c / 4) with
 * key = ct_rng_key_make(step.seed, step.step, drop.stream). row_of, pos_of i32 [N, 1]; absent: n, and 0. */
struct ct_dropout_forward_args {
    ct_tensor y;
    ct_tensor x, row_of, pos_of;
    ct_dropout drop;
};

/* dx = beta * dx + dy * keep / (1 - p), the mask replayed. dx may alias dy when beta is 0. */
struct ct_dropout_backward_args {
    ct_tensor dx;
    ct_tensor dy, row_of, pos_of;
    ct_dropout drop;
    float beta;
};
#endif
