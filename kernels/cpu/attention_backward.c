/* Attention over packed sequences, backward: probabilities are computed again from the kept log-sum-exp; a task owns
 * the gradients of one head of one sequence, so nothing is shared between threads. */
#include "kernels/cpu/attention_heads.h"
#include "kernels/cpu/vmath.h"

/* A thread's scratch. */
typedef struct space {
    float *keys, *values;       /* [E, padded L]: transposed */
    float *key_rows;            /* [L, padded E] */
    float *queries, *dout;      /* [block, padded E] */
    float *prob, *dprob;        /* [block, padded L] */
    float *dq;                  /* [block, padded E] */
    float *dk, *dv;             /* [L, padded E] */
    float *keep;                /* [padded L] */
} space;

/* Pointers into base; returns the number of floats. */
static int64_t space_carve(space *s, float *base, int64_t length, int64_t size) {
    const int64_t lp = ct_padded(length), ep = ct_padded(size);
    uintptr_t cursor = (uintptr_t)base;
    s->keys = ct_carve(&cursor, size * lp);
    s->values = ct_carve(&cursor, size * lp);
    s->key_rows = ct_carve(&cursor, length * ep);
    s->queries = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->dout = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->prob = ct_carve(&cursor, CT_QUERY_BLOCK * lp);
    s->dprob = ct_carve(&cursor, CT_QUERY_BLOCK * lp);
    s->dq = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->dk = ct_carve(&cursor, length * ep);
    s->dv = ct_carve(&cursor, length * ep);
    s->keep = ct_carve(&cursor, ct_keep_room(lp));
    return (int64_t)((cursor - (uintptr_t)base) / sizeof(float));
}

/* prob: products of query and key to dropped probabilities; dprob: gradient of those to gradient of the scores,
 * P (dP - dout . out). Both are 0 for keys in [visible, n). */
static void score_gradients(float *prob, float *dprob, const float *keep, int64_t visible, int64_t n, float scale,
                            float lse, float along) {
    if (keep) {
#pragma omp simd
        for (int64_t j = 0; j < n; j++) {
            const float p = ct_exp_negative(scale * prob[j] - lse);
            prob[j] = p * keep[j];
            dprob[j] = p * (dprob[j] * keep[j] - along);
        }
    } else {
#pragma omp simd
        for (int64_t j = 0; j < n; j++) {
            prob[j] = ct_exp_negative(scale * prob[j] - lse);
            dprob[j] = prob[j] * (dprob[j] - along);
        }
    }
    for (int64_t j = visible; j < n; j++) prob[j] = dprob[j] = 0.0f;
}

static void write_rows(float *to, int64_t ld, const float *from, int64_t rows, int64_t n, float scale) {
    const int64_t padded = ct_padded(n);
    for (int64_t r = 0; r < rows; r++, to += ld, from += padded) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) to[c] = scale * from[c];
    }
}

/* dq of a block of queries, and what the block adds to dk and dv. */
static void backward_block(const ct_heads *h, const ct_head *head, const space *s, int64_t query, int64_t rows,
                           const struct ct_attention_backward_args *args) {
    const int64_t lp = ct_padded(head->length), ep = ct_padded(head->size);
    const int64_t keys = ct_block_keys(h, head, query, rows), kp = ct_padded(keys), token = head->from + query;
    ct_pack_rows(s->queries, head->q + query * head->ld, head->ld, rows, head->size);
    ct_pack_rows(s->dout, ct_row(args->dout, token) + head->column, args->dout.ld, rows, head->size);
    ct_tile_multiply(&(ct_tile){.a = s->queries, .row_step = ep, .k_step = 1, .b = s->keys, .ldb = lp, .c = s->prob,
                                .ldc = lp, .m = rows, .n = kp, .k = head->size});
    ct_tile_multiply(&(ct_tile){.a = s->dout, .row_step = ep, .k_step = 1, .b = s->values, .ldb = lp, .c = s->dprob,
                                .ldc = lp, .m = rows, .n = kp, .k = head->size});
    for (int64_t i = 0; i < rows; i++) {
        const float along = ct_dot(s->dout + i * ep, ct_row(args->out, token + i) + head->column, head->size);
        if (h->p > 0.0f)
            ct_keep_fill(s->keep, keys, (uint32_t)(query + i), head->row, 1 + head->head, h->key, h->p);
        score_gradients(s->prob + i * lp, s->dprob + i * lp, h->p > 0.0f ? s->keep : NULL,
                        ct_query_keys(h, head, query + i), keys, h->scale, ct_row(args->lse, token + i)[head->head],
                        along);
    }
    ct_tile_multiply(&(ct_tile){.a = s->dprob, .row_step = lp, .k_step = 1, .b = s->key_rows, .ldb = ep, .c = s->dq,
                                .ldc = ep, .m = rows, .n = ep, .k = keys});
    ct_tile_multiply(&(ct_tile){.a = s->dprob, .row_step = 1, .k_step = lp, .b = s->queries, .ldb = ep, .c = s->dk,
                                .ldc = ep, .m = keys, .n = ep, .k = rows, .add = true});
    ct_tile_multiply(&(ct_tile){.a = s->prob, .row_step = 1, .k_step = lp, .b = s->dout, .ldb = ep, .c = s->dv,
                                .ldc = ep, .m = keys, .n = ep, .k = rows, .add = true});
    write_rows(ct_row(args->dqkv, token) + head->column, args->dqkv.ld, s->dq, rows, head->size, h->scale);
}

static void backward_head(const ct_heads *h, ct_head head, const space *s,
                          const struct ct_attention_backward_args *args) {
    const int64_t block = h->heads * h->size;
    const size_t gradient_bytes = (size_t)(head.length * ct_padded(head.size)) * sizeof(float);
    ct_pack_transposed(s->keys, head.k, head.ld, head.length, head.size);
    ct_pack_transposed(s->values, head.v, head.ld, head.length, head.size);
    ct_pack_rows(s->key_rows, head.k, head.ld, head.length, head.size);
    memset(s->dk, 0, gradient_bytes);
    memset(s->dv, 0, gradient_bytes);
    for (int64_t query = 0; query < head.length; query += CT_QUERY_BLOCK)
        backward_block(h, &head, s, query, ct_min_i64(CT_QUERY_BLOCK, head.length - query), args);
    float *dk = ct_row(args->dqkv, head.from) + block + head.column;
    write_rows(dk, args->dqkv.ld, s->dk, head.length, head.size, h->scale);
    write_rows(dk + block, args->dqkv.ld, s->dv, head.length, head.size, 1.0f);
}

ct_status CT_CPU(attention_backward)(ct_kctx *ctx, const struct ct_attention_backward_args *args) {
    const int64_t sequences = ct_max_i64(0, args->offsets.rows - 1), tasks = sequences * args->heads;
    ct_heads h = {args->qkv, args->offsets, args->row_of, args->heads, args->out.cols / args->heads,
                  args->scale, args->drop.p, args->causal, {0, 0}};
    space shape;
    const int64_t floats = space_carve(&shape, NULL, args->max_length, h.size);
    float *base = NULL;
    int32_t *order = NULL, *begin = NULL;
    CT_CHECK(ct_heads_order_take(ctx, sequences, args->max_length, &order, &begin));
    CT_CHECK(ct_scratch_take(ctx, (size_t)floats * (size_t)ctx->n_threads, sizeof *base, (void **)&base));
    if (ctx->dry) return CT_OK;

    if (h.p > 0.0f) h.key = ct_drop_key(ctx, args->drop);
    ct_heads_order(order, begin, args->offsets, sequences, args->max_length);
    const int threads = ct_threads(ctx, args->out.rows * args->out.cols * 32);
#pragma omp parallel num_threads(threads)
    {
        float *mine = base + omp_get_thread_num() * floats;
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < tasks; task++) {
            const ct_head head = ct_head_of(&h, order[task / h.heads], task % h.heads);
            space s;
            space_carve(&s, mine, head.length, head.size);
            backward_head(&h, head, &s, args);
        }
    }
    ct_zero_nobody(args->dqkv, args->offsets);
    return CT_OK;
}
