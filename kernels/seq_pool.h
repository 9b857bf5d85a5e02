/* Pooling of packed sequences to one row each: the mean over tokens, or the first token ([CLS]). */
#ifndef CT_KERNELS_SEQ_POOL_H
#define CT_KERNELS_SEQ_POOL_H
#include "kernels/kernel.h"

typedef enum ct_pool_mode { CT_POOL_MEAN, CT_POOL_FIRST } ct_pool_mode;

/* y [N, C], x [T, C], offsets i32 [N + 1, 1]. An empty sequence gives a row of 0. */
struct ct_seq_pool_forward_args {
    ct_tensor y;
    ct_tensor x, offsets;
    ct_pool_mode mode;
};

/* dx [T, C] = beta * dx + ...; with beta 0 every row is written, tokens of nobody get 0. */
struct ct_seq_pool_backward_args {
    ct_tensor dx;
    ct_tensor dy, offsets;
    ct_pool_mode mode;
    float beta;
};
#endif
