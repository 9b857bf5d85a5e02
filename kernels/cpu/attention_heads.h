/* What both directions of attention share: the list of (sequence, head) tasks, longest first, and where a
 * task's data lies. */
#ifndef CT_KERNELS_CPU_ATTENTION_HEADS_H
#define CT_KERNELS_CPU_ATTENTION_HEADS_H

#include <omp.h>

#include "kernels/cpu/keep.h"
#include "kernels/cpu/pack.h"

/* Scores are held transposed, [keys, queries]: a vector is one key for many queries, so maxima and sums over
 * the keys need no sums across a vector, and the keys need no transposed copy. Queries are taken in blocks of
 * this many; with 512 keys the scores of a block are 128 KiB. */
#define CT_QUERY_BLOCK 64

/* Up to this length rows are used where they lie; longer sequences read them often enough to pay for a dense
 * copy. */
#define CT_IN_PLACE_LENGTH 48

typedef struct ct_heads {
    ct_tensor qkv, offsets, row_of;
    int64_t heads, size; /* A, E */
    float scale, p;
    bool causal;
    ct_rng_key key;
} ct_heads;

/* One head of one sequence. */
typedef struct ct_head {
    const float *q, *k, *v; /* their first rows, ld apart */
    int64_t ld;
    int64_t from, length; /* tokens of the sequence */
    int64_t size, column; /* E, and where the head begins in out */
    uint32_t row, head;
} ct_head;

static inline ct_head ct_head_of(const ct_heads *h, int64_t sequence, int64_t head) {
    const int32_t *offsets = ct_ints(h->offsets);
    const int64_t from = offsets[sequence], block = h->heads * h->size, column = head * h->size;
    const float *q = ct_row(h->qkv, from) + column;
    return (ct_head){.q = q,
                     .k = q + block,
                     .v = q + 2 * block,
                     .ld = h->qkv.ld,
                     .from = from,
                     .length = offsets[sequence + 1] - from,
                     .size = h->size,
                     .column = column,
                     .row = h->row_of.data ? (uint32_t)ct_ints(h->row_of)[sequence] : (uint32_t)sequence,
                     .head = (uint32_t)head};
}

/* Scratch for ct_heads_order. */
static inline ct_status ct_heads_order_take(ct_kctx *ctx, int64_t sequences, int64_t max_length,
                                            int32_t **order, int32_t **begin) {
    CT_CHECK(ct_scratch_take(ctx, (size_t)sequences, sizeof **order, (void **)order));
    return ct_scratch_take(ctx, (size_t)max_length + 2, sizeof **begin, (void **)begin);
}

/* Sequences by falling length (a counting sort): threads that take tasks from this list in turn end together.
 */
static inline void ct_heads_order(int32_t *order, int32_t *begin, ct_tensor offsets, int64_t sequences,
                                  int64_t max_length) {
    const int32_t *at = ct_ints(offsets);
    memset(begin, 0, ((size_t)max_length + 2) * sizeof *begin);
    for (int64_t n = 0; n < sequences; n++) begin[max_length - (at[n + 1] - at[n]) + 1]++;
    for (int64_t i = 0; i < max_length; i++) begin[i + 1] += begin[i];
    for (int64_t n = 0; n < sequences; n++) order[begin[max_length - (at[n + 1] - at[n])]++] = (int32_t)n;
}

/* What a direction does with one head, in a thread's own scratch. */
typedef void (*ct_head_fn)(const ct_heads *h, ct_head head, float *scratch, const void *args);

/* All heads of all sequences, longest sequences first: threads take one after the other, each with `floats` of scratch.
 * work: operations of the whole, about. In a dry call only the scratch is taken. */
static inline ct_status ct_heads_run(ct_kctx *ctx, ct_heads h, ct_dropout drop, int64_t max_length, int64_t floats,
                                     int64_t work, ct_head_fn run, const void *args) {
    const int64_t sequences = ct_max_i64(0, h.offsets.rows - 1), tasks = sequences * h.heads;
    float *base = NULL;
    int32_t *order = NULL, *begin = NULL;
    CT_CHECK(ct_heads_order_take(ctx, sequences, max_length, &order, &begin));
    CT_CHECK(ct_scratch_take(ctx, (size_t)floats * (size_t)ctx->n_threads, sizeof *base, (void **)&base));
    if (ctx->dry) return CT_OK;

    h.p = drop.p;
    if (h.p > 0.0f) h.key = ct_drop_key(ctx, drop);
    ct_heads_order(order, begin, h.offsets, sequences, max_length);
    const int threads = ct_threads(ctx, work);
#pragma omp parallel num_threads(threads)
    {
        float *mine = base + omp_get_thread_num() * floats;
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < tasks; task++)
            run(&h, ct_head_of(&h, order[task / h.heads], task % h.heads), mine, args);
    }
    return CT_OK;
}

/* Keys that a block of queries sees. */
static inline int64_t ct_block_keys(const ct_heads *h, const ct_head *head, int64_t query, int64_t queries) {
    return h->causal ? query + queries : head->length;
}

/* First query of the last block: blocks go from the last to the first, so that with a causal mask too the
 * first one that is worked on sees all keys. */
static inline int64_t ct_last_block(int64_t length) {
    return (ct_ceil_div(length, CT_QUERY_BLOCK) - 1) * CT_QUERY_BLOCK;
}

/* Sets the scores [keys, n] of queries before their key to `value`; query: the block's first. */
static inline void ct_mask_causal(float *scores, int64_t query, int64_t keys, int64_t n, float value) {
    for (int64_t j = query + 1; j < keys; j++)
        for (int64_t i = 0; i < j - query && i < n; i++) scores[j * n + i] = value;
}

/* scores [keys, n] *= dropout factors. */
static inline void ct_drop_scores(const ct_heads *h, const ct_head *head, float *scores, int64_t query,
                                  int64_t keys, int64_t n) {
    float keep[4][CT_KEEP_GROUP];
    for (int64_t j = 0; j < keys; j += 4) {
        ct_keep_columns(keep, n, (uint32_t)(j / 4), (uint32_t)query, head->row, 1 + head->head, h->key, h->p);
        for (int64_t w = 0; w < 4 && j + w < keys; w++) {
            float *row = scores + (j + w) * n;
#pragma omp simd
            for (int64_t i = 0; i < n; i++) row[i] *= keep[w][i];
        }
    }
}

/* Rows of tokens that belong to no sequence. */
static inline void ct_zero_nobody(ct_tensor t, ct_tensor offsets) {
    const int64_t owned = offsets.rows > 0 ? ct_ints(offsets)[offsets.rows - 1] : 0;
    for (int64_t row = owned; row < t.rows; row++) memset(ct_row(t, row), 0, (size_t)t.cols * sizeof(float));
}

#endif
