/* Attention over packed sequences, forward: threads take (sequence, head) tasks; a task works through blocks of
 * queries against all keys of the sequence, with its operands copied to dense scratch. */
#include <math.h>

#include "kernels/cpu/attention_heads.h"
#include "kernels/cpu/vmath.h"

/* A thread's scratch. */
typedef struct space {
    float *keys;    /* [E, padded L]: K transposed */
    float *values;  /* [L, padded E] */
    float *queries; /* [block, padded E] */
    float *scores;  /* [block, padded L] */
    float *out;     /* [block, padded E] */
    float *keep;    /* [padded L] dropout factors of one query */
    float *max, *sum; /* [block] */
} space;

/* Pointers into base; returns the number of floats. */
static int64_t space_carve(space *s, float *base, int64_t length, int64_t size) {
    const int64_t lp = ct_padded(length), ep = ct_padded(size);
    uintptr_t cursor = (uintptr_t)base;
    s->keys = ct_carve(&cursor, size * lp);
    s->values = ct_carve(&cursor, length * ep);
    s->queries = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->scores = ct_carve(&cursor, CT_QUERY_BLOCK * lp);
    s->out = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->keep = ct_carve(&cursor, ct_keep_room(lp));
    s->max = ct_carve(&cursor, CT_QUERY_BLOCK);
    s->sum = ct_carve(&cursor, CT_QUERY_BLOCK);
    return (int64_t)((cursor - (uintptr_t)base) / sizeof(float));
}

/* Products of one query with the keys to exp(scale * product - max), 0 for keys that it does not see; n is whole
 * vectors. */
static void softmax_row(float *score, float scale, int64_t visible, int64_t n, float *max, float *sum) {
#pragma omp simd
    for (int64_t j = 0; j < n; j++) score[j] *= scale;
    for (int64_t j = visible; j < n; j++) score[j] = -INFINITY;
    const float top = ct_max(score, n);
    float total = 0.0f;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < n; j++) {
        score[j] = ct_exp_negative(score[j] - top);
        total += score[j];
    }
    *max = top;
    *sum = total;
}

static void drop_scores(const ct_heads *h, const ct_head *head, int64_t query, float *score, int64_t n, float *keep) {
    ct_keep_fill(keep, n, (uint32_t)query, head->row, 1 + head->head, h->key, h->p);
#pragma omp simd
    for (int64_t j = 0; j < n; j++) score[j] *= keep[j];
}

/* The block's rows of out, divided by their sums, and of lse. */
static void write_block(const ct_head *head, const space *s, int64_t query, int64_t rows, ct_tensor out,
                        ct_tensor lse) {
    const int64_t ep = ct_padded(head->size);
    for (int64_t i = 0; i < rows; i++) {
        float *to = ct_row(out, head->from + query + i) + head->column;
        const float *from = s->out + i * ep, scale = 1.0f / s->sum[i];
#pragma omp simd
        for (int64_t e = 0; e < head->size; e++) to[e] = from[e] * scale;
    }
    if (!lse.data) return;
#pragma omp simd
    for (int64_t i = 0; i < rows; i++) s->max[i] += ct_log(s->sum[i]);
    for (int64_t i = 0; i < rows; i++) ct_row(lse, head->from + query + i)[head->head] = s->max[i];
}

static void forward_head(const ct_heads *h, ct_head head, const space *s, ct_tensor out, ct_tensor lse) {
    const int64_t lp = ct_padded(head.length), ep = ct_padded(head.size);
    ct_pack_transposed(s->keys, head.k, head.ld, head.length, head.size);
    ct_pack_rows(s->values, head.v, head.ld, head.length, head.size);
    for (int64_t query = 0; query < head.length; query += CT_QUERY_BLOCK) {
        const int64_t rows = ct_min_i64(CT_QUERY_BLOCK, head.length - query);
        const int64_t keys = ct_block_keys(h, &head, query, rows), kp = ct_padded(keys);
        ct_pack_rows(s->queries, head.q + query * head.ld, head.ld, rows, head.size);
        ct_tile_multiply(&(ct_tile){.a = s->queries, .row_step = ep, .k_step = 1, .b = s->keys, .ldb = lp,
                                    .c = s->scores, .ldc = lp, .m = rows, .n = kp, .k = head.size});
        for (int64_t i = 0; i < rows; i++) {
            float *score = s->scores + i * lp;
            softmax_row(score, h->scale, ct_query_keys(h, &head, query + i), kp, &s->max[i], &s->sum[i]);
            if (h->p > 0.0f) drop_scores(h, &head, query + i, score, keys, s->keep);
        }
        ct_tile_multiply(&(ct_tile){.a = s->scores, .row_step = lp, .k_step = 1, .b = s->values, .ldb = ep,
                                    .c = s->out, .ldc = ep, .m = rows, .n = ep, .k = keys});
        write_block(&head, s, query, rows, out, lse);
    }
}

ct_status CT_CPU(attention_forward)(ct_kctx *ctx, const struct ct_attention_forward_args *args) {
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
    const int threads = ct_threads(ctx, args->out.rows * args->out.cols * 16);
#pragma omp parallel num_threads(threads)
    {
        float *mine = base + omp_get_thread_num() * floats;
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < tasks; task++) {
            const ct_head head = ct_head_of(&h, order[task / h.heads], task % h.heads);
            space s;
            space_carve(&s, mine, head.length, head.size);
            forward_head(&h, head, &s, args->out, args->lse);
        }
    }
    ct_zero_nobody(args->out, args->offsets);
    if (args->lse.data) ct_zero_nobody(args->lse, args->offsets);
    return CT_OK;
}
