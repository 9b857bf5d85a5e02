/* Multi-head self-attention over packed sequences.
 *
 * Sequence n owns tokens [offsets[n], offsets[n + 1]) of the packed array; tokens from offsets[N] on belong to nobody.
 * For each head, with q, k, v the E-wide column blocks of qkv: P = softmax(scale * q k^T) over the keys of the own
 * sequence (those at or before the query when causal), out = dropout(P) v. Online softmax as in FlashAttention-2
 * (Dao 2023, arXiv:2307.08691). */
#ifndef CT_KERNELS_ATTENTION_H
#define CT_KERNELS_ATTENTION_H
#include "kernels/kernel.h"

/* out [T, A*E]; lse [T, A] = log sum exp of scale * q k^T, kept for backward, may be absent when inferring;
 * qkv [T, 3*A*E] = q of all heads | k | v; offsets i32 [N + 1, 1]; row_of i32 [N, 1] global row of a sequence for
 * dropout (absent: n). Rows of tokens that belong to nobody are set to 0. Dropout of (sequence, head, query, key):
 * word key % 4 of ct_philox4x32(key / 4, query, row, 1 + head; rng key), positions counted inside the sequence. */
struct ct_attention_forward_args {
    ct_tensor out, lse;
    ct_tensor qkv, offsets, row_of;
    int64_t heads;
    int64_t max_length; /* longest sequence of the batch (host knowledge, sizes scratch) */
    float scale;
    bool causal;
    ct_dropout drop;
};

/* dqkv [T, 3*A*E] overwritten (rows of nobody: 0). Needs out, lse, qkv of the forward. */
struct ct_attention_backward_args {
    ct_tensor dqkv;
    ct_tensor dout, out, lse, qkv, offsets, row_of;
    int64_t heads, max_length;
    float scale;
    bool causal;
    ct_dropout drop;
};
#endif
