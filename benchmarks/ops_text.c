/* Makers of the ops on packed sequences: attention, text CNN, pooling. */
#include <math.h>

#include "benchmarks/ops.h"

/* Two products of length x length x E a head, four operations a pair of tokens and channel. */
void bench_make_attention_forward(bench_maker *m, struct ct_attention_forward_args *a) {
    const bench_packed p = bench_sequences(m);
    const int64_t A = bench_size(m, "A"), E = bench_size(m, "E"), T = p.tokens;
    a->out = bench_zeros(m, CT_DTYPE_F32, T, A * E);
    a->lse = bench_zeros(m, CT_DTYPE_F32, T, A);
    a->qkv = bench_f32(m, T, 3 * A * E);
    a->offsets = p.offsets;
    a->heads = A;
    a->max_length = p.longest;
    a->scale = 1.0f / sqrtf((float)E);
    a->drop = (ct_dropout){.p = (float)bench_number_or(m, "drop", 0), .stream = 1};
    m->work = bench_counts(4.0 * p.squares * A * E, 4.0 * T * (4.0 * A * E + A));
}

/* Five products: q k^T again, dout v^T, and those of dq, dk, dv. */
void bench_make_attention_backward(bench_maker *m, struct ct_attention_backward_args *a) {
    struct ct_attention_forward_args f = {0};
    bench_make_attention_forward(m, &f);
    const int64_t T = f.out.rows, C = f.out.cols;
    BENCH_RUN(m, attention_forward, &f);
    a->dqkv = bench_zeros(m, CT_DTYPE_F32, T, 3 * C);
    a->dout = bench_f32(m, T, C);
    a->out = f.out, a->lse = f.lse, a->qkv = f.qkv, a->offsets = f.offsets;
    a->heads = f.heads, a->max_length = f.max_length, a->scale = f.scale, a->drop = f.drop;
    m->work = bench_counts(2.5 * m->work.flop, 4.0 * T * (8.0 * C + f.heads));
}

/* A window of `width` tokens at each token that has room for one. */
void bench_make_text_cnn_max_forward(bench_maker *m, struct ct_text_cnn_max_forward_args *a) {
    const bench_packed p = bench_sequences(m);
    const int64_t C = bench_size(m, "C"), F = bench_size(m, "F"), K = bench_size(m, "width");
    const double windows = fmax((double)(p.tokens - p.n * (K - 1)), (double)p.n);
    a->y = bench_zeros(m, CT_DTYPE_F32, p.n, F);
    a->argmax = bench_zeros(m, CT_DTYPE_I32, p.n, F);
    a->x = bench_f32(m, p.tokens, C);
    a->offsets = p.offsets;
    a->w = bench_f32(m, F, K * C);
    a->b = bench_f32(m, 1, F);
    a->width = K;
    a->max_length = p.longest;
    m->work = bench_counts(2.0 * windows * K * C * F, 4.0 * (2.0 * p.n * F + p.tokens * C + F * K * C));
}

/* Only the windows that won take part: N F of them, each into dw and into dx. */
void bench_make_text_cnn_max_backward(bench_maker *m, struct ct_text_cnn_max_backward_args *a) {
    struct ct_text_cnn_max_forward_args f = {0};
    bench_make_text_cnn_max_forward(m, &f);
    const int64_t N = f.y.rows, F = f.y.cols, T = f.x.rows, C = f.x.cols, taps = f.w.cols;
    BENCH_RUN(m, text_cnn_max_forward, &f);
    a->dx = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->dw = bench_zeros(m, CT_DTYPE_F32, F, taps);
    a->db = bench_zeros(m, CT_DTYPE_F32, 1, F);
    a->dy = bench_f32(m, N, F);
    a->argmax = f.argmax, a->x = f.x, a->offsets = f.offsets, a->w = f.w, a->width = f.width;
    m->work = bench_counts(4.0 * N * F * taps, 4.0 * (2.0 * N * F + 2.0 * T * C + 3.0 * F * taps));
}

void bench_make_seq_pool_forward(bench_maker *m, struct ct_seq_pool_forward_args *a) {
    const bench_packed p = bench_sequences(m);
    const int64_t C = bench_size(m, "C");
    a->y = bench_zeros(m, CT_DTYPE_F32, p.n, C);
    a->x = bench_f32(m, p.tokens, C);
    a->offsets = p.offsets;
    a->mode = CT_POOL_MEAN;
    m->work = bench_counts((double)p.tokens * C, 4.0 * (p.n * C + p.tokens * C));
}

void bench_make_seq_pool_backward(bench_maker *m, struct ct_seq_pool_backward_args *a) {
    const bench_packed p = bench_sequences(m);
    const int64_t C = bench_size(m, "C");
    a->dx = bench_zeros(m, CT_DTYPE_F32, p.tokens, C);
    a->dy = bench_f32(m, p.n, C);
    a->offsets = p.offsets;
    a->mode = CT_POOL_MEAN;
    m->work = bench_counts((double)p.n * C, 4.0 * (p.n * C + p.tokens * C));
}
