/* Attention over packed sequences, backward: probabilities are computed again from the kept log-sum-exp; a
 * task owns the gradients of one head of one sequence, so nothing is shared between threads. */
#include "kernels/cpu/attention_heads.h"
#include "kernels/cpu/vmath.h"

/* A thread's scratch. */
typedef struct space {
    float *queries, *dout;         /* [E, block]: transposed */
    float *prob, *dprob;           /* [L, block]: transposed */
    float *key_rows;               /* [L, padded E] */
    float *query_rows, *dout_rows; /* [block, padded E] */
    float *dq, *dk, *dv;           /* [block or L, padded E], where E is not whole vectors */
    float *lse, *along;            /* [block]: of the queries; along = dout . out */
} space;

/* Pointers into base; returns the number of floats. */
static int64_t space_carve(space *s, float *base, int64_t length, int64_t size) {
    const int64_t ep = ct_padded(size);
    uintptr_t cursor = (uintptr_t)base;
    s->queries = ct_carve(&cursor, size * CT_QUERY_BLOCK);
    s->dout = ct_carve(&cursor, size * CT_QUERY_BLOCK);
    s->prob = ct_carve(&cursor, length * CT_QUERY_BLOCK);
    s->dprob = ct_carve(&cursor, length * CT_QUERY_BLOCK);
    s->key_rows = ct_carve(&cursor, length * ep);
    s->query_rows = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->dout_rows = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->dq = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->dk = ct_carve(&cursor, length * ep);
    s->dv = ct_carve(&cursor, length * ep);
    s->lse = ct_carve(&cursor, CT_QUERY_BLOCK);
    s->along = ct_carve(&cursor, CT_QUERY_BLOCK);
    return (int64_t)((cursor - (uintptr_t)base) / sizeof(float));
}

/* What the queries of a block need besides vectors: their log-sum-exp and dout . out. Padding: 0. */
static void read_queries(const ct_head *head, const space *s, int64_t query, int64_t rows,
                         const struct ct_attention_backward_args *args) {
    for (int64_t i = 0; i < rows; i++) {
        const int64_t token = head->from + query + i;
        s->lse[i] = ct_row(args->lse, token)[head->head];
        s->along[i] = ct_dot(ct_row(args->dout, token) + head->column,
                             ct_row(args->out, token) + head->column, head->size);
    }
    for (int64_t i = rows; i < ct_padded(rows); i++) s->lse[i] = s->along[i] = 0.0f;
}

/* prob: products of queries and keys to probabilities; dprob: gradient of the dropped probabilities to that
 * of the products, scale * P (keep dP - dout . out). prob ends as dropped probabilities. All [keys, n]. */
static void score_gradients(const ct_heads *h, const ct_head *head, const space *s, int64_t query,
                            int64_t keys, int64_t n) {
    if (h->p > 0.0f) ct_drop_scores(h, head, s->dprob, query, keys, n);
    const float scale = h->scale, *lse = s->lse, *along = s->along;
    for (int64_t j = 0; j < keys; j++) {
        float *prob = s->prob + j * n, *dprob = s->dprob + j * n;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            prob[i] = ct_exp_negative(scale * prob[i] - lse[i]);
            dprob[i] = scale * prob[i] * (dprob[i] - along[i]);
        }
    }
    if (h->causal) {
        ct_mask_causal(s->prob, query, keys, n, 0.0f);
        ct_mask_causal(s->dprob, query, keys, n, 0.0f);
    }
    if (h->p > 0.0f) ct_drop_scores(h, head, s->prob, query, keys, n);
}

/* Gradients from a block of queries. dk and dv of keys are set by the last block, which comes first, then
 * added to. */
static void backward_block(const ct_heads *h, const ct_head *head, const space *s, int64_t query,
                           ct_right key_rows, ct_result dk, ct_result dv,
                           const struct ct_attention_backward_args *args) {
    const int64_t rows = ct_min_i64(CT_QUERY_BLOCK, head->length - query), n = ct_padded(rows);
    const int64_t keys = ct_block_keys(h, head, query, rows), size = head->size, ep = ct_padded(size);
    const int64_t token = head->from + query;
    const bool in_place = head->length <= CT_IN_PLACE_LENGTH;
    const float *q = head->q + query * head->ld, *dout = ct_row(args->dout, token) + head->column;
    const ct_right query_rows = ct_right_rows(s->query_rows, q, head->ld, rows, size, in_place);
    const ct_right dout_rows = ct_right_rows(s->dout_rows, dout, args->dout.ld, rows, size, in_place);
    ct_pack_transposed(s->queries, q, head->ld, rows, size);
    ct_pack_transposed(s->dout, dout, args->dout.ld, rows, size);
    read_queries(head, s, query, rows, args);

    ct_tile_multiply((ct_result){s->prob, n, false}, (ct_left){head->k, head->ld, 1},
                     (ct_right){s->queries, n}, keys, n, size);
    ct_tile_multiply((ct_result){s->dprob, n, false}, (ct_left){head->v, head->ld, 1}, (ct_right){s->dout, n},
                     keys, n, size);
    score_gradients(h, head, s, query, keys, n);
    dk.add = dv.add = query + rows < head->length;
    ct_tile_multiply(dk, (ct_left){s->dprob, n, 1}, query_rows, keys, ep, rows);
    ct_tile_multiply(dv, (ct_left){s->prob, n, 1}, dout_rows, keys, ep, rows);
    float *dq_rows = ct_row(args->dqkv, token) + head->column;
    const ct_result dq = ct_result_rows(s->dq, dq_rows, args->dqkv.ld, size, false);
    ct_tile_multiply(dq, (ct_left){s->dprob, 1, n}, key_rows, rows, ep, keys);
    if (dq.data != dq_rows) ct_unpack_rows(dq_rows, args->dqkv.ld, dq.data, rows, size);
}

static void backward_head(const ct_heads *h, ct_head head, float *scratch, const void *arguments) {
    const struct ct_attention_backward_args *args = arguments;
    space s;
    space_carve(&s, scratch, head.length, head.size);
    const int64_t block = h->heads * h->size, ld = args->dqkv.ld, size = head.size;
    float *dk_rows = ct_row(args->dqkv, head.from) + block + head.column, *dv_rows = dk_rows + block;
    const ct_result dk = ct_result_rows(s.dk, dk_rows, ld, size, false);
    const ct_result dv = ct_result_rows(s.dv, dv_rows, ld, size, false);
    const ct_right key_rows =
        ct_right_rows(s.key_rows, head.k, head.ld, head.length, size, head.length <= CT_IN_PLACE_LENGTH);
    for (int64_t query = ct_last_block(head.length); query >= 0; query -= CT_QUERY_BLOCK)
        backward_block(h, &head, &s, query, key_rows, dk, dv, args);
    if (dk.data == dk_rows) return;
    ct_unpack_rows(dk_rows, ld, dk.data, head.length, size);
    ct_unpack_rows(dv_rows, ld, dv.data, head.length, size);
}

ct_status CT_CPU(attention_backward)(ct_kctx *ctx, const struct ct_attention_backward_args *args) {
    const ct_heads h = {.qkv = args->qkv,
                        .offsets = args->offsets,
                        .row_of = args->row_of,
                        .heads = args->heads,
                        .size = args->out.cols / args->heads,
                        .scale = args->scale,
                        .causal = args->causal};
    space shape;
    const int64_t floats = space_carve(&shape, NULL, args->max_length, h.size);
    CT_CHECK(ct_heads_run(ctx, h, args->drop, args->max_length, floats, args->out.rows * args->out.cols * 32,
                          backward_head, args));
    if (!ctx->dry) ct_zero_nobody(args->dqkv, args->offsets);
    return CT_OK;
}
