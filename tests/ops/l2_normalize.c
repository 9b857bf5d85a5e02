/* Cases of l2_normalize_forward and l2_normalize_backward. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {N, D} */
enum {
    ZERO_ROW = 1, /* the first row is zero */
    TINY = 2,     /* every row is shorter than eps */
    INFER = 4
};

#define AT(member) offsetof(struct ct_l2_normalize_forward_args, member)
#define LINK(member) OP_LINK(ct_l2_normalize_forward_args, member)
#define BACK(member) offsetof(struct ct_l2_normalize_backward_args, member)
#define BACK_LINK(member) OP_LINK(ct_l2_normalize_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT},
    {.name = "rnorm", .at = AT(rnorm), .role = OP_OUTPUT, .vector = true},
    {.name = "x", .at = AT(x), .fill = OP_FILL_PATTERN},
};

static const op_shape forward_shapes[] = {
    {{7, 5}, 0},      {{0, 8}, 0},   {{1, 1}, 0},           {{3, 15}, ZERO_ROW}, {{4, 16}, TINY},
    {{5, 17}, INFER}, {{33, 31}, 0}, {{13, 127}, ZERO_ROW}, {{9, 1024}, 0},      {{70001, 3}, 0},
};

static void setup_forward(op_run *run) {
    struct ct_l2_normalize_forward_args *a = run->args;
    op_size(run, AT(y), run->shape.n[0], run->shape.n[1]);
    op_size(run, AT(rnorm), run->shape.n[0], run->shape.flags & INFER ? 0 : 1);
    op_size(run, AT(x), run->shape.n[0], run->shape.n[1]);
    a->eps = run->shape.flags & TINY ? 1e5f : 1e-3f;
    run->length = (double)run->shape.n[1];
}

static void fill_forward(op_run *run, ct_rng *rng) {
    op_value *x = op_at(run, AT(x));
    (void)rng;
    if (run->shape.flags & ZERO_ROW)
        for (int64_t c = 0; c < x->cols; c++) op_set(x, 0, c, 0);
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_l2_normalize_forward_args *a = run->args;
    const op_value *x = op_see(run, AT(x)), *y = op_result(run, oracle, AT(y)),
                   *rnorm = op_result(run, oracle, AT(rnorm));
    for (int64_t n = 0; n < x->rows; n++) {
        double square = 0;
        for (int64_t c = 0; c < x->cols; c++) square += op_f(x, n, c) * op_f(x, n, c);
        const double length = fmax(sqrt(square), (double)a->eps);
        if (rnorm->present && !(fabs(rnorm->f[n] * length - 1) <= 1e-12)) return "rnorm";
        for (int64_t c = 0; c < x->cols; c++) {
            const double want = op_f(x, n, c) / length;
            if (!(fabs(op_f(y, n, c) - want) <= 1e-12)) return "an element";
        }
    }
    return NULL;
}

const op_case op_case_l2_normalize_forward = {
    OP_TABLES(forward_fields, forward_shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_HUGE,
    .k = 4,
    .aliases = {{LINK(y), LINK(x)}},
};

static const op_field backward_fields[] = {
    {.name = "dx", .at = BACK(dx), .role = OP_BLEND, .grad = LINK(x), .beta = BACK_LINK(beta)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "y", .at = BACK(y), .from = LINK(y)},
    {.name = "rnorm", .at = BACK(rnorm), .vector = true, .from = LINK(rnorm)},
};

static const op_shape backward_shapes[] = {
    {{7, 5}, 0},  {{0, 8}, 0},   {{1, 1}, 0},           {{3, 15}, ZERO_ROW}, {{4, 16}, TINY},
    {{5, 17}, 0}, {{33, 31}, 0}, {{13, 127}, ZERO_ROW}, {{9, 1024}, 0},      {{70001, 3}, 0},
};

static void setup_backward(op_run *run) {
    const struct ct_l2_normalize_forward_args *f = run->forward->args;
    struct ct_l2_normalize_backward_args *a = run->args;
    a->eps = f->eps;
    run->length = (double)run->shape.n[1];
}

const op_case op_case_l2_normalize_backward = {
    OP_TABLES(backward_fields, backward_shapes),
    .forward = &op_case_l2_normalize_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN,
    .k = 4,
    .aliases = {{BACK_LINK(dx), BACK_LINK(dy)}},
};
