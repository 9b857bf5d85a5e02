/* Cases of gelu_forward and gelu_backward. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {T, C}; the last has more rows than a grid of 65,535 blocks. */
#define AT(member) offsetof(struct ct_gelu_forward_args, member)
#define LINK(member) OP_LINK(ct_gelu_forward_args, member)
#define BACK(member) offsetof(struct ct_gelu_backward_args, member)
#define BACK_LINK(member) OP_LINK(ct_gelu_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT, .scale = {LINK(x)}},
    {.name = "x", .at = AT(x)},
};

static const op_shape shapes[] = {
    {{7, 5}, 0},  {{0, 8}, 0},  {{1, 1}, 0},   {{1, 15}, 0},   {{3, 16}, 0},
    {{5, 17}, 0}, {{2, 31}, 0}, {{64, 33}, 0}, {{13, 127}, 0}, {{70001, 3}, 0},
};

static void setup_forward(op_run *run) {
    op_size(run, AT(y), run->shape.n[0], run->shape.n[1]);
    op_size(run, AT(x), run->shape.n[0], run->shape.n[1]);
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const op_value *x = op_see(run, AT(x)), *y = op_result(run, oracle, AT(y));
    for (int64_t e = 0; e < x->rows * x->cols; e++)
        if (!(fabs(y->f[e] - 0.5 * x->f[e] * erfc(-x->f[e] / sqrt(2))) <= 1e-12 * fabs(x->f[e])))
            return "an element";
    return NULL;
}

/* Far from 0 the function is x, and 0: infinities and the largest numbers must not become NaN. */
static void special(op_special *s) {
    const double x[] = {-3e38, -1000, -40, -10, -6, -0.0, 0, 6, 10, 40, 1000, 3e38};
    const double want[] = {0, 0, 0, 0, 0, 0, 0, 6, 10, 40, 1000, 3e38};
    double got[12];
    ct_error err = CT_ERROR_INIT;
    struct ct_gelu_forward_args a = {.y = op_special_f32(s, 1, 12, NULL), .x = op_special_f32(s, 1, 12, x)};
    op_special_step(s);
    bool ok = ct_gelu_forward(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.y, got);
    for (int i = 0; i < 12; i++)
        ok = ok && fabs(got[i] - (double)(float)want[i]) <= 1e-6 + 1e-6 * fabs(want[i]);
    op_special_check(s, ok, "its two ends");
}

const op_case op_case_gelu_forward = {
    OP_TABLES(forward_fields, shapes),
    .setup = setup_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_HUGE | 1 << OP_EXACT,
    .k = 8,
    .aliases = {{LINK(y), LINK(x)}},
    .special = special,
};

static const op_field backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .grad = LINK(x),
     .beta = BACK_LINK(beta),
     .scale = {BACK_LINK(dy)}},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "x", .at = BACK(x), .from = LINK(x)},
};

static void setup_backward(op_run *run) {
    (void)run;
}

const op_case op_case_gelu_backward = {
    OP_TABLES(backward_fields, shapes),
    .forward = &op_case_gelu_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_HUGE,
    .k = 8,
    .aliases = {{BACK_LINK(dx), BACK_LINK(dy)}},
};
