/* One width of a text CNN: convolution over the tokens of each sequence, ReLU, maximum over time. Kim 2014,
 * arXiv:1408.5882. Nothing is stored but the maximum and its place. */
#ifndef CT_KERNELS_TEXT_CNN_MAX_H
#define CT_KERNELS_TEXT_CNN_MAX_H
#include "kernels/kernel.h"

/* y [N, F] = max(0, max_t (b_f + sum_{j<K, c} w[f, j*C + c] x[t + j, c])) with t over the windows that lie wholly in
 * sequence n; a sequence shorter than K (but not empty) is zero-extended to K and has one window. An empty sequence
 * gives 0. argmax i32 [N, F]: packed index t of the first window that reaches the maximum, -1 where y is 0; may be
 * absent when inferring. x [T, C] with ld == C (so that K tokens are contiguous); w [F, K*C]; b [1, F]; offsets i32
 * [N + 1, 1]. K >= 1. max_length: longest sequence of the batch (host knowledge). */
struct ct_text_cnn_max_forward_args {
    ct_tensor y, argmax;
    ct_tensor x, offsets, w, b;
    int64_t width; /* K */
    int64_t max_length;
};

/* dx [T, C] = beta * dx + ..., every row of dx is defined afterwards; absent: skipped. dw, db += (absent together:
 * frozen). Windows of zero-extended sequences take and give nothing beyond the sequence's end. */
struct ct_text_cnn_max_backward_args {
    ct_tensor dx, dw, db;
    ct_tensor dy, argmax, x, offsets, w;
    int64_t width;
    float beta;
};
#endif
