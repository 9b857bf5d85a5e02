/* Cases of linear_forward and linear_backward. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {T, I, O} */
enum {
    NO_BIAS = 1,
    NO_DX = 2,  /* the first layer */
    FROZEN = 4, /* no dw, no x */
    NO_DB = 8
};

#define AT(member) offsetof(struct ct_linear_forward_args, member)
#define LINK(member) OP_LINK(ct_linear_forward_args, member)
#define BACK(member) offsetof(struct ct_linear_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_BLEND, .beta = LINK(beta)},
    {.name = "x", .at = AT(x)},
    {.name = "w", .at = AT(w), .fill = OP_FILL_NORMAL},
    {.name = "b", .at = AT(b), .fill = OP_FILL_NORMAL},
};

static const op_shape forward_shapes[] = {
    {{7, 5, 3}, 0},    {{0, 4, 4}, 0},      {{1, 1, 1}, 0},         {{1, 64, 1}, NO_BIAS},
    {{16, 16, 16}, 0}, {{15, 17, 31}, 0},   {{33, 64, 7}, NO_BIAS}, {{64, 63, 65}, 0},
    {{13, 1, 29}, 0},  {{301, 127, 97}, 0}, {{1100, 384, 64}, 0},
};

static void setup_forward(op_run *run) {
    const int64_t t = run->shape.n[0], i = run->shape.n[1], o = run->shape.n[2];
    op_size(run, AT(y), t, o);
    op_size(run, AT(x), t, i);
    op_size(run, AT(w), o, i);
    op_size(run, AT(b), 1, run->shape.flags & NO_BIAS ? 0 : o);
    run->length = (double)i;
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const op_value *x = op_see(run, AT(x)), *w = op_see(run, AT(w)), *b = op_see(run, AT(b));
    const op_value *y = op_result(run, oracle, AT(y));
    for (int64_t t = 0; t < y->rows; t++) {
        for (int64_t o = 0; o < y->cols; o++) {
            double sum = b->present ? op_f(b, 0, o) : 0, size = fabs(sum);
            for (int64_t i = 0; i < x->cols; i++) {
                sum += op_f(x, t, i) * op_f(w, o, i);
                size += fabs(op_f(x, t, i) * op_f(w, o, i));
            }
            if (!(fabs(op_f(y, t, o) - sum) <= 1e-12 * size)) return "an element";
        }
    }
    return NULL;
}

const op_case op_case_linear_forward = {
    OP_TABLES(forward_fields, forward_shapes),
    .setup = setup_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_EXACT,
    .k = 4,
};

static const op_field backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .grad = LINK(x),
     .beta = OP_LINK(ct_linear_backward_args, beta)},
    {.name = "dw", .at = BACK(dw), .role = OP_ADD, .grad = LINK(w)},
    {.name = "db", .at = BACK(db), .role = OP_ADD, .grad = LINK(b)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "x", .at = BACK(x), .from = LINK(x)},
    {.name = "w", .at = BACK(w), .from = LINK(w)},
};

static const op_shape backward_shapes[] = {
    {{7, 5, 3}, 0},
    {{0, 4, 4}, 0},
    {{1, 1, 1}, 0},
    {{1, 64, 1}, NO_BIAS},
    {{16, 16, 16}, NO_DX},
    {{15, 17, 31}, FROZEN},
    {{15, 17, 31}, FROZEN | NO_DB},
    {{33, 64, 7}, FROZEN | NO_DX}, /* a column sum alone */
    {{64, 63, 65}, NO_DB},
    {{301, 127, 97}, 0},
    {{1100, 384, 64}, 0}, /* dw from several products */
    {{200, 1030, 1020}, 0}, /* dw so large that one makes it */
};

static void setup_backward(op_run *run) {
    const unsigned flags = run->shape.flags;
    if (flags & NO_DX) {
        op_absent(run, BACK(dx));
        op_absent(run, BACK(w));
    }
    if (flags & FROZEN) {
        op_absent(run, BACK(dw));
        op_absent(run, BACK(x));
    }
    if (flags & NO_DB) op_absent(run, BACK(db));
    run->length = (double)(run->shape.n[0] > run->shape.n[2] ? run->shape.n[0] : run->shape.n[2]);
}

const op_case op_case_linear_backward = {
    OP_TABLES(backward_fields, backward_shapes),
    .forward = &op_case_linear_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EXACT,
    .k = 4,
};
