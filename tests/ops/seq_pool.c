/* Cases of seq_pool_forward and seq_pool_backward. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {C, lengths, tokens of nobody} */
enum { FIRST = 1 };

#define AT(member) offsetof(struct ct_seq_pool_forward_args, member)
#define LINK(member) OP_LINK(ct_seq_pool_forward_args, member)
#define BACK(member) offsetof(struct ct_seq_pool_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT},
    {.name = "x", .at = AT(x)},
    {.name = "offsets", .at = AT(offsets), .role = OP_INDEX, .vector = true},
};

static const op_shape shapes[] = {
    {{5, 2, 3}, 0},     {{5, 2, 3}, FIRST},  {{1, 1, 0}, 0},   {{8, 0, 4}, 0},
    {{8, 0, 0}, FIRST}, {{3, 6, 2}, 0},      {{16, 5, 0}, 0},  {{15, 5, 1}, FIRST},
    {{33, 8, 7}, 0},    {{64, 3, 0}, FIRST}, {{127, 4, 5}, 0}, {{384, 7, 60}, 0},
};

static void setup_forward(op_run *run) {
    const int64_t c = run->shape.n[0], preset = run->shape.n[1];
    struct ct_seq_pool_forward_args *a = run->args;
    int64_t n;
    op_lengths(preset, &n);
    op_size(run, AT(y), n, c);
    op_size(run, AT(x), op_lengths_sum(preset) + run->shape.n[2], c);
    op_size(run, AT(offsets), n + 1, 1);
    a->mode = run->shape.flags & FIRST ? CT_POOL_FIRST : CT_POOL_MEAN;
    run->length = (double)(1 + op_lengths_max(preset));
}

static void fill_forward(op_run *run, ct_rng *rng) {
    int64_t n;
    (void)rng;
    op_fill_offsets(op_at(run, AT(offsets)), op_lengths(run->shape.n[1], &n));
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const op_value *x = op_see(run, AT(x)), *y = op_result(run, oracle, AT(y));
    const int32_t *offsets = op_see(run, AT(offsets))->i;
    for (int64_t n = 0; n < y->rows; n++) {
        const int64_t length = offsets[n + 1] - offsets[n],
                      used = run->shape.flags & FIRST && length ? 1 : length;
        for (int64_t c = 0; c < y->cols; c++) {
            double sum = 0, size = 0;
            for (int64_t t = offsets[n]; t < offsets[n] + used; t++) {
                sum += op_f(x, t, c) / (double)used;
                size += fabs(op_f(x, t, c));
            }
            if (!(fabs(op_f(y, n, c) - sum) <= 1e-12 * size)) return "an element";
        }
    }
    return NULL;
}

const op_case op_case_seq_pool_forward = {
    OP_TABLES(forward_fields, shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL,
    .k = 4,
};

static const op_field backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .grad = LINK(x),
     .beta = OP_LINK(ct_seq_pool_backward_args, beta)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "offsets", .at = BACK(offsets), .role = OP_INDEX, .vector = true, .from = LINK(offsets)},
};

static void setup_backward(op_run *run) {
    struct ct_seq_pool_backward_args *a = run->args;
    a->mode = run->shape.flags & FIRST ? CT_POOL_FIRST : CT_POOL_MEAN;
}

const op_case op_case_seq_pool_backward = {
    OP_TABLES(backward_fields, shapes),
    .forward = &op_case_seq_pool_forward,
    .setup = setup_backward,
    .k = 4,
};
