/* Cases of attention_forward and attention_backward: causal or not, empty sequences, tokens of nobody,
 * dropout. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/harness.h"

/* shape: n = {A heads, E, lengths, tokens of nobody} */
enum { CAUSAL = 1, DROP = 2, ROW_OF = 4, INFER = 8 };

#define AT(member) offsetof(struct ct_attention_forward_args, member)
#define LINK(member) OP_LINK(ct_attention_forward_args, member)
#define BACK(member) offsetof(struct ct_attention_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "out", .at = AT(out), .role = OP_OUTPUT},
    {.name = "lse", .at = AT(lse), .role = OP_OUTPUT},
    {.name = "qkv", .at = AT(qkv)},
    {.name = "offsets", .at = AT(offsets), .role = OP_INDEX, .vector = true},
    {.name = "row_of", .at = AT(row_of), .role = OP_INDEX, .vector = true},
};

static const op_shape forward_shapes[] = {
    {{2, 4, 2, 3}, 0},
    {{1, 1, 1, 0}, 0},
    {{2, 8, 0, 5}, 0}, /* no sequence at all */
    {{2, 8, 0, 0}, 0}, /* nothing at all */
    {{1, 8, 6, 2}, CAUSAL},
    {{3, 5, 5, 1}, CAUSAL},
    {{2, 16, 2, 0}, DROP},
    {{2, 15, 2, 4}, CAUSAL | DROP | ROW_OF},
    {{1, 33, 5, 3}, INFER | ROW_OF | DROP},
    {{4, 32, 8, 0}, CAUSAL | INFER},
    {{2, 64, 3, 7}, DROP},
    {{3, 17, 4, 0}, CAUSAL},
    {{2, 32, 7, 9}, DROP},
    {{6, 64, 7, 30}, DROP},
};

static void setup_forward(op_run *run) {
    const unsigned flags = run->shape.flags;
    const int64_t heads = run->shape.n[0], e = run->shape.n[1], preset = run->shape.n[2];
    const int64_t t = op_lengths_sum(preset) + run->shape.n[3];
    int64_t n;
    struct ct_attention_forward_args *a = run->args;
    op_lengths(preset, &n);
    op_size(run, AT(out), t, heads * e);
    op_size(run, AT(lse), t, flags & INFER ? 0 : heads);
    op_size(run, AT(qkv), t, 3 * heads * e);
    op_size(run, AT(offsets), n + 1, 1);
    op_size(run, AT(row_of), n, flags & ROW_OF ? 1 : 0);
    a->heads = heads;
    a->max_length = op_lengths_max(preset);
    a->scale = 1 / sqrtf((float)e);
    a->causal = flags & CAUSAL;
    a->drop = (ct_dropout){.p = flags & DROP ? 0.2f : 0, .stream = 80};
    run->length = (double)(a->max_length + e);
}

static void fill_forward(op_run *run, ct_rng *rng) {
    int64_t n;
    op_value *rows = op_at(run, AT(row_of));
    (void)rng;
    op_fill_offsets(op_at(run, AT(offsets)), op_lengths(run->shape.n[2], &n));
    for (int64_t i = 0; rows->present && i < n; i++) rows->i[i] = (int32_t)(1000 - 3 * i);
}

/* One query of one head by the formula. Returns whether out and lse of the oracle agree. */
static bool query_agrees(const op_run *run, const op_outcome *oracle, int64_t sequence, int64_t head,
                         int64_t query) {
    const struct ct_attention_forward_args *a = run->args;
    const op_value *qkv = op_see(run, AT(qkv)), *out = op_result(run, oracle, AT(out)),
                   *lse = op_result(run, oracle, AT(lse)), *rows = op_see(run, AT(row_of));
    const int32_t *offsets = op_see(run, AT(offsets))->i;
    const int64_t e = run->shape.n[1], width = a->heads * e, begin = offsets[sequence];
    const int64_t keys = a->causal ? query + 1 : offsets[sequence + 1] - begin;
    const ct_rng_key key = ct_rng_key_make(run->step.seed, run->step.step, a->drop.stream);
    const uint32_t row = (uint32_t)(rows->present ? rows->i[sequence] : sequence);
    double *score = op_alloc((size_t)keys, sizeof *score), *sum = op_alloc((size_t)e, sizeof *sum);
    double most = -INFINITY, total = 0;
    bool ok = true;
    for (int64_t k = 0; k < keys; k++) {
        for (int64_t c = 0; c < e; c++)
            score[k] += op_f(qkv, begin + query, head * e + c) * op_f(qkv, begin + k, width + head * e + c);
        score[k] *= (double)a->scale;
        most = fmax(most, score[k]);
    }
    for (int64_t k = 0; k < keys; k++) total += exp(score[k] - most);
    for (int64_t k = 0; k < keys; k++) {
        const uint32_t word =
            ct_philox4x32((uint32_t)(k / 4), (uint32_t)query, row, 1 + (uint32_t)head, key.k0, key.k1)
                .v[k % 4];
        const double keep = ct_rng_unit(word) < a->drop.p ? 0 : 1 / (1 - (double)a->drop.p);
        for (int64_t c = 0; c < e; c++)
            sum[c] += keep * exp(score[k] - most) / total * op_f(qkv, begin + k, 2 * width + head * e + c);
    }
    for (int64_t c = 0; c < e; c++)
        ok = ok && fabs(sum[c] - op_f(out, begin + query, head * e + c)) <= 1e-9 * (1 + fabs(sum[c]));
    if (lse->present)
        ok = ok && fabs(most + log(total) - op_f(lse, begin + query, head)) <= 1e-9 * (1 + fabs(most));
    free(score);
    free(sum);
    return ok;
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const op_value *offsets = op_see(run, AT(offsets)), *out = op_result(run, oracle, AT(out));
    for (int64_t n = 0; n + 1 < offsets->rows; n++)
        for (int64_t q = 0; q < offsets->i[n + 1] - offsets->i[n]; q++)
            for (int64_t h = 0; h < run->shape.n[0]; h++)
                if (!query_agrees(run, oracle, n, h, q)) return "a query's output or lse";
    for (int64_t t = offsets->i[offsets->rows - 1]; t < out->rows; t++)
        for (int64_t c = 0; c < out->cols; c++)
            if (op_f(out, t, c) != 0) return "a token of nobody is not 0";
    return NULL;
}

/* A sequence alone, with its global row, gives what it gives in a batch. */
static void special(op_special *s) {
    enum { A = 2, E = 8, T = 19, FROM = 6, LENGTH = 9 };
    const int32_t offsets[] = {0, FROM, FROM + LENGTH, T}, alone[] = {0, LENGTH}, row[] = {1};
    double qkv[T * 3 * A * E], all[T * A * E], part[LENGTH * A * E];
    ct_rng rng = ct_rng_make(5, 0, 0);
    ct_error err = CT_ERROR_INIT;
    for (int i = 0; i < T * 3 * A * E; i++) qkv[i] = ct_rng_normal(&rng);
    struct ct_attention_forward_args a = {.out = op_special_f32(s, T, A * E, NULL),
                                          .qkv = op_special_f32(s, T, 3 * A * E, qkv),
                                          .offsets = op_special_i32(s, 4, 1, offsets),
                                          .heads = A,
                                          .max_length = LENGTH,
                                          .scale = 0.3f,
                                          .drop = {.p = 0.3f, .stream = 4}};
    op_special_step(s);
    bool ok = ct_attention_forward(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.out, all);
    a.out = op_special_f32(s, LENGTH, A * E, NULL);
    a.qkv = op_special_f32(s, LENGTH, 3 * A * E, qkv + FROM * 3 * A * E);
    a.offsets = op_special_i32(s, 2, 1, alone);
    a.row_of = op_special_i32(s, 1, 1, row);
    ok = ok && ct_attention_forward(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.out, part);
    for (int i = 0; i < LENGTH * A * E; i++) ok = ok && fabs(part[i] - all[FROM * A * E + i]) <= 1e-5;
    op_special_check(s, ok, "a sequence's result does not depend on the packing");
}

const op_case op_case_attention_forward = {
    OP_TABLES(forward_fields, forward_shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .special = special,
    .patterns = 1 << OP_ONES | 1 << OP_HUGE,
    .k = 8,
};

static const op_field backward_fields[] = {
    {.name = "dqkv", .at = BACK(dqkv), .role = OP_OUTPUT, .grad = LINK(qkv)},
    {.name = "dout", .at = BACK(dout), .upstream = LINK(out)},
    {.name = "out", .at = BACK(out), .from = LINK(out)},
    {.name = "lse", .at = BACK(lse), .from = LINK(lse)},
    {.name = "qkv", .at = BACK(qkv), .from = LINK(qkv)},
    {.name = "offsets", .at = BACK(offsets), .role = OP_INDEX, .vector = true, .from = LINK(offsets)},
    {.name = "row_of", .at = BACK(row_of), .role = OP_INDEX, .vector = true, .from = LINK(row_of)},
};

static const op_shape backward_shapes[] = {
    {{2, 4, 2, 3}, 0},
    {{1, 1, 1, 0}, 0},
    {{2, 8, 0, 5}, 0},
    {{2, 8, 0, 0}, 0},
    {{1, 8, 6, 2}, CAUSAL},
    {{3, 5, 5, 1}, CAUSAL},
    {{2, 16, 2, 0}, DROP},
    {{2, 15, 2, 4}, CAUSAL | DROP | ROW_OF},
    {{1, 33, 5, 3}, ROW_OF | DROP},
    {{4, 32, 8, 0}, CAUSAL},
    {{2, 64, 3, 7}, DROP},
    {{3, 17, 4, 0}, CAUSAL},
    {{2, 32, 7, 9}, DROP},
    {{6, 64, 7, 30}, DROP},
};

static void setup_backward(op_run *run) {
    const struct ct_attention_forward_args *f = run->forward->args;
    struct ct_attention_backward_args *a = run->args;
    a->heads = f->heads;
    a->max_length = f->max_length;
    a->scale = f->scale;
    a->causal = f->causal;
    a->drop = f->drop;
}

const op_case op_case_attention_backward = {
    OP_TABLES(backward_fields, backward_shapes),
    .forward = &op_case_attention_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_HUGE,
    .k = 8,
};
