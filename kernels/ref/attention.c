/* Reference of packed self-attention: one query at a time, its whole row of scores at hand. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* One head of one sequence: where its q, k and v lie, how many keys a query sees, and its dropout mask. */
typedef struct head_view {
    ct_tensor q, k, v; /* [length, E] column blocks */
    int64_t length;
    ct_real scale;
    bool causal;
    ct_rng_key key;
    float p;
    uint32_t row, head;
} head_view;

/* dqkv is laid out like qkv, so the same cut serves both. */
static ct_tensor block_of(ct_tensor qkv, int64_t from, int64_t length, int64_t heads, int64_t head,
                          int which) {
    const int64_t size = qkv.cols / (3 * heads);
    return ct_columns(ct_rows(qkv, from, length), (which * heads + head) * size, size);
}

static int64_t keys_of(const head_view *h, int64_t query) {
    return h->causal ? query + 1 : h->length;
}

static ct_real score(const head_view *h, int64_t query, int64_t key) {
    return h->scale * ref_dot(ref_row(h->q, query), ref_row(h->k, key), h->q.cols);
}

static ct_real keep(const head_view *h, int64_t query, int64_t key) {
    if (h->p == 0.0f) return 1;
    const ct_philox words =
        ct_philox4x32((uint32_t)(key / 4), (uint32_t)query, h->row, 1 + h->head, h->key.k0, h->key.k1);
    return ct_dropout_drops(words.v[key % 4], h->p) ? (ct_real)0 : 1 / (1 - (ct_real)h->p);
}

/* out and lse of one query; prob has room for the keys. */
static ct_real forward_query(const head_view *h, int64_t query, ct_real *out, ct_real *prob) {
    const int64_t keys = keys_of(h, query), size = h->q.cols;
    ct_real max = -(ct_real)INFINITY, sum = 0;
    for (int64_t k = 0; k < keys; k++) {
        prob[k] = score(h, query, k);
        if (prob[k] > max) max = prob[k];
    }
    for (int64_t k = 0; k < keys; k++) sum += prob[k] = (ct_real)exp(prob[k] - max);
    for (int64_t e = 0; e < size; e++) out[e] = 0;
    for (int64_t k = 0; k < keys; k++) {
        const ct_real weight = prob[k] / sum * keep(h, query, k);
        for (int64_t e = 0; e < size; e++) out[e] += weight * ref_row(h->v, k)[e];
    }
    return max + (ct_real)log(sum);
}

static head_view view_of(const ct_kctx *ctx, ct_tensor qkv, ct_tensor offsets, ct_tensor row_of,
                         int64_t heads, ct_dropout drop, int64_t n, int64_t head) {
    const int64_t from = ref_ints(offsets)[n], length = ref_ints(offsets)[n + 1] - from;
    return (head_view){.q = block_of(qkv, from, length, heads, head, 0),
                       .k = block_of(qkv, from, length, heads, head, 1),
                       .v = block_of(qkv, from, length, heads, head, 2),
                       .length = length,
                       .key = ct_rng_key_make(ctx->step->seed, ctx->step->step, drop.stream),
                       .p = drop.p,
                       .row = (uint32_t)(row_of.data ? ref_ints(row_of)[n] : n),
                       .head = (uint32_t)head};
}

ct_status CT_REF(attention_forward)(ct_kctx *ctx, const struct ct_attention_forward_args *args) {
    ct_real *prob = NULL;
    CT_CHECK(ct_scratch_take(ctx, (size_t)args->max_length, sizeof *prob, (void **)&prob));
    if (ctx->dry) return CT_OK;

    ref_scale(args->out, 0.0f);
    if (args->lse.data) ref_scale(args->lse, 0.0f);
    const int64_t size = args->out.cols / args->heads;
    for (int64_t n = 0; n + 1 < args->offsets.rows; n++)
        for (int64_t head = 0; head < args->heads; head++) {
            head_view h =
                view_of(ctx, args->qkv, args->offsets, args->row_of, args->heads, args->drop, n, head);
            h.scale = (ct_real)args->scale;
            h.causal = args->causal;
            const int64_t from = ref_ints(args->offsets)[n];
            for (int64_t query = 0; query < h.length; query++) {
                ct_real *out = ref_row(args->out, from + query) + head * size;
                const ct_real lse = forward_query(&h, query, out, prob);
                if (args->lse.data) ref_row(args->lse, from + query)[head] = lse;
            }
        }
    return CT_OK;
}

/* dq of one query, and what it adds to dk and dv of its keys. dS = P (dP - dout . out): the softmax's
 * Jacobian, where dout . out is the sum of P dP. */
static void backward_query(const head_view *h, int64_t query, const ct_real *dout, const ct_real *out,
                           ct_real lse, const ct_tensor grads[3]) {
    const int64_t size = h->q.cols;
    const ct_real sum = ref_dot(dout, out, size);
    for (int64_t k = 0; k < keys_of(h, query); k++) {
        const ct_real prob = (ct_real)exp(score(h, query, k) - lse), mask = keep(h, query, k);
        const ct_real dprob = mask * ref_dot(dout, ref_row(h->v, k), size);
        const ct_real dscore = h->scale * prob * (dprob - sum);
        for (int64_t e = 0; e < size; e++) {
            ref_row(grads[0], query)[e] += dscore * ref_row(h->k, k)[e];
            ref_row(grads[1], k)[e] += dscore * ref_row(h->q, query)[e];
            ref_row(grads[2], k)[e] += prob * mask * dout[e];
        }
    }
}

ct_status CT_REF(attention_backward)(ct_kctx *ctx, const struct ct_attention_backward_args *args) {
    if (ctx->dry) return CT_OK;
    ref_scale(args->dqkv, 0.0f);
    const int64_t size = args->out.cols / args->heads;
    for (int64_t n = 0; n + 1 < args->offsets.rows; n++)
        for (int64_t head = 0; head < args->heads; head++) {
            head_view h =
                view_of(ctx, args->qkv, args->offsets, args->row_of, args->heads, args->drop, n, head);
            h.scale = (ct_real)args->scale;
            h.causal = args->causal;
            const int64_t from = ref_ints(args->offsets)[n];
            const ct_tensor grads[3] = {block_of(args->dqkv, from, h.length, args->heads, head, 0),
                                        block_of(args->dqkv, from, h.length, args->heads, head, 1),
                                        block_of(args->dqkv, from, h.length, args->heads, head, 2)};
            for (int64_t query = 0; query < h.length; query++)
                backward_query(&h, query, ref_row(args->dout, from + query) + head * size,
                               ref_row(args->out, from + query) + head * size,
                               ref_row(args->lse, from + query)[head], grads);
        }
    return CT_OK;
}
