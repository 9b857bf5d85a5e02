/* Attention over packed sequences, forward: threads take (sequence, head) tasks; a task works through blocks
 * of queries against all keys that they see. */
#include <math.h>

#include "kernels/cpu/attention_heads.h"
#include "kernels/cpu/vmath.h"

/* A thread's scratch. */
typedef struct space {
    float *queries;   /* [E, block]: transposed */
    float *scores;    /* [L, block]: transposed */
    float *values;    /* [L, padded E] */
    float *out;       /* [block, padded E] */
    float *max, *sum; /* [block] */
} space;

/* Pointers into base; returns the number of floats. */
static int64_t space_carve(space *s, float *base, int64_t length, int64_t size) {
    const int64_t ep = ct_padded(size);
    uintptr_t cursor = (uintptr_t)base;
    s->queries = ct_carve(&cursor, size * CT_QUERY_BLOCK);
    s->scores = ct_carve(&cursor, length * CT_QUERY_BLOCK);
    s->values = ct_carve(&cursor, length * ep);
    s->out = ct_carve(&cursor, CT_QUERY_BLOCK * ep);
    s->max = ct_carve(&cursor, CT_QUERY_BLOCK);
    s->sum = ct_carve(&cursor, CT_QUERY_BLOCK);
    return (int64_t)((cursor - (uintptr_t)base) / sizeof(float));
}

/* Scores [keys, n] of CT_LANES queries to probabilities, with the queries' maxima and sums of exp(score -
 * max). */
static void softmax_lanes(float *scores, int64_t keys, int64_t n, float *max, float *sum) {
    float top[CT_LANES], total[CT_LANES];
    for (int l = 0; l < CT_LANES; l++) {
        top[l] = -INFINITY;
        total[l] = 0.0f;
    }
    for (int64_t j = 0; j < keys; j++) {
        const float *score = scores + j * n;
#pragma omp simd
        for (int l = 0; l < CT_LANES; l++) top[l] = score[l] > top[l] ? score[l] : top[l];
    }
    for (int64_t j = 0; j < keys; j++) {
        float *score = scores + j * n;
#pragma omp simd
        for (int l = 0; l < CT_LANES; l++) {
            score[l] = ct_exp_negative(score[l] - top[l]);
            total[l] += score[l];
        }
    }
    for (int l = 0; l < CT_LANES; l++) {
        max[l] = top[l];
        sum[l] = total[l];
        total[l] = 1.0f / total[l];
    }
    for (int64_t j = 0; j < keys; j++) {
        float *score = scores + j * n;
#pragma omp simd
        for (int l = 0; l < CT_LANES; l++) score[l] *= total[l];
    }
}

/* Products of queries and keys to dropped probabilities, all transposed [keys, n]. */
static void make_probabilities(const ct_heads *h, const ct_head *head, const space *s, int64_t query,
                               int64_t keys, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < keys * n; i++) s->scores[i] *= h->scale;
    if (h->causal) ct_mask_causal(s->scores, query, keys, n, -INFINITY);
    for (int64_t i = 0; i < n; i += CT_LANES) softmax_lanes(s->scores + i, keys, n, s->max + i, s->sum + i);
    if (h->p > 0.0f) ct_drop_scores(h, head, s->scores, query, keys, n);
}

static void write_lse(const ct_head *head, const space *s, int64_t query, int64_t rows, ct_tensor lse) {
#pragma omp simd
    for (int64_t i = 0; i < rows; i++) s->max[i] += ct_log(s->sum[i]);
    for (int64_t i = 0; i < rows; i++) ct_row(lse, head->from + query + i)[head->head] = s->max[i];
}

static void forward_head(const ct_heads *h, ct_head head, float *scratch, const void *arguments) {
    const struct ct_attention_forward_args *args = arguments;
    const ct_tensor out = args->out, lse = args->lse;
    space s;
    space_carve(&s, scratch, head.length, head.size);
    const int64_t size = head.size, ep = ct_padded(size);
    const ct_right values =
        ct_right_rows(s.values, head.v, head.ld, head.length, size, head.length <= CT_IN_PLACE_LENGTH);
    for (int64_t query = ct_last_block(head.length); query >= 0; query -= CT_QUERY_BLOCK) {
        const int64_t rows = ct_min_i64(CT_QUERY_BLOCK, head.length - query), n = ct_padded(rows);
        const int64_t keys = ct_block_keys(h, &head, query, rows);
        ct_pack_transposed(s.queries, head.q + query * head.ld, head.ld, rows, size);
        ct_tile_multiply((ct_result){s.scores, n, false}, (ct_left){head.k, head.ld, 1},
                         (ct_right){s.queries, n}, keys, n, size);
        make_probabilities(h, &head, &s, query, keys, n);
        float *to = ct_row(out, head.from + query) + head.column;
        const ct_result result = ct_result_rows(s.out, to, out.ld, size, false);
        ct_tile_multiply(result, (ct_left){s.scores, 1, n}, values, rows, ep, keys);
        if (result.data != to) ct_unpack_rows(to, out.ld, result.data, rows, size);
        if (lse.data) write_lse(&head, &s, query, rows, lse);
    }
}

ct_status CT_CPU(attention_forward)(ct_kctx *ctx, const struct ct_attention_forward_args *args) {
    const ct_heads h = {.qkv = args->qkv,
                        .offsets = args->offsets,
                        .row_of = args->row_of,
                        .heads = args->heads,
                        .size = args->out.cols / args->heads,
                        .scale = args->scale,
                        .causal = args->causal};
    space shape;
    const int64_t floats = space_carve(&shape, NULL, args->max_length, h.size);
    CT_CHECK(ct_heads_run(ctx, h, args->drop, args->max_length, floats, args->out.rows * args->out.cols * 16,
                          forward_head, args));
    if (ctx->dry) return CT_OK;
    ct_zero_nobody(args->out, args->offsets);
    if (args->lse.data) ct_zero_nobody(args->lse, args->offsets);
    return CT_OK;
}
