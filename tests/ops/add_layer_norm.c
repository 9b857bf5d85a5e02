/* Cases of add_layer_norm_forward and add_layer_norm_backward. */
#include <stdlib.h>

#include "tests/ops/layer_norm.h"

/* shape: n = {T, C} */
enum {
    NO_R = 1,  /* plain layer norm */
    INFER = 2, /* nothing kept */
    DROP = 4,
    ROW_POS = 8,
    NO_DX = 16,
    NO_DR = 32,
    FROZEN = 64
};

#define AT(member) offsetof(struct ct_add_layer_norm_forward_args, member)
#define LINK(member) OP_LINK(ct_add_layer_norm_forward_args, member)
#define BACK(member) offsetof(struct ct_add_layer_norm_backward_args, member)
#define BACK_LINK(member) OP_LINK(ct_add_layer_norm_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT},
    {.name = "s", .at = AT(s), .role = OP_OUTPUT},
    {.name = "mean", .at = AT(mean), .role = OP_OUTPUT, .vector = true},
    {.name = "rstd", .at = AT(rstd), .role = OP_OUTPUT, .vector = true},
    {.name = "x", .at = AT(x)},
    {.name = "r", .at = AT(r)},
    {.name = "w", .at = AT(w), .fill = OP_FILL_NORMAL},
    {.name = "b", .at = AT(b), .fill = OP_FILL_NORMAL},
    {.name = "row_of", .at = AT(row_of), .role = OP_INDEX, .vector = true},
    {.name = "pos_of", .at = AT(pos_of), .role = OP_INDEX, .vector = true},
};

static const op_shape forward_shapes[] = {
    {{7, 5}, 0},
    {{0, 8}, 0},
    {{1, 1}, 0},
    {{1, 15}, NO_R},
    {{3, 16}, DROP},
    {{5, 17}, DROP | ROW_POS},
    {{2, 31}, INFER},
    {{9, 3}, NO_R | INFER},
    {{33, 33}, INFER | DROP},
    {{13, 127}, DROP | ROW_POS},
    {{4, 768}, 0},
    {{2, 1025}, DROP},
    {{70001, 3}, NO_R},
    {{257, 384}, DROP},
};

static void setup_forward(op_run *run) {
    const unsigned flags = run->shape.flags;
    const int64_t t = run->shape.n[0], c = run->shape.n[1], keep = flags & INFER ? 0 : 1;
    struct ct_add_layer_norm_forward_args *a = run->args;
    op_size(run, AT(y), t, c);
    op_size(run, AT(s), t, keep * c);
    op_size(run, AT(mean), t, keep);
    op_size(run, AT(rstd), t, keep);
    op_size(run, AT(x), t, c);
    op_size(run, AT(r), t, flags & NO_R ? 0 : c);
    op_size(run, AT(w), 1, c);
    op_size(run, AT(b), 1, c);
    op_size(run, AT(row_of), t, flags & ROW_POS ? 1 : 0);
    op_size(run, AT(pos_of), t, flags & ROW_POS ? 1 : 0);
    a->drop = (ct_dropout){.p = flags & DROP ? 0.25f : 0, .stream = 78};
    a->eps = 1e-5f;
    run->length = (double)c;
}

static void fill_forward(op_run *run, ct_rng *rng) {
    (void)rng;
    op_fill_row_pos(run, AT(row_of), AT(pos_of));
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_add_layer_norm_forward_args *a = run->args;
    const op_value *x = op_see(run, AT(x)), *r = op_see(run, AT(r)), *w = op_see(run, AT(w)),
                   *b = op_see(run, AT(b));
    const op_value *y = op_result(run, oracle, AT(y)), *s = op_result(run, oracle, AT(s));
    const op_value *mean = op_result(run, oracle, AT(mean)), *rstd = op_result(run, oracle, AT(rstd));
    const int64_t width = x->cols;
    const char *verdict = NULL;
    double *sum = op_alloc((size_t)width, sizeof *sum);
    for (int64_t t = 0; t < x->rows && !verdict; t++) {
        for (int64_t c = 0; c < width; c++) {
            const double keep =
                drop_factor(run, a->drop, op_see(run, AT(row_of)), op_see(run, AT(pos_of)), t, c);
            sum[c] = op_f(x, t, c) + (r->present ? op_f(r, t, c) * keep : 0);
            if (s->present && !norm_near(op_f(s, t, c), sum[c], fabs(sum[c]))) verdict = "s";
        }
        const row_norm n = row_norm_of(sum, width, (double)a->eps);
        if (mean->present && !norm_near(mean->f[t], n.mean, fabs(n.mean))) verdict = "mean";
        if (rstd->present && !norm_near(rstd->f[t], n.rstd, n.rstd)) verdict = "rstd";
        for (int64_t c = 0; c < width; c++)
            if (!norm_near(op_f(y, t, c), (sum[c] - n.mean) * n.rstd * op_f(w, 0, c) + op_f(b, 0, c), n.rstd))
                verdict = "y";
    }
    free(sum);
    return verdict;
}

const op_case op_case_add_layer_norm_forward = {
    OP_TABLES(forward_fields, forward_shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_HUGE,
    .k = 8,
    .aliases = {{LINK(s), LINK(x)}, {LINK(s), LINK(r)}},
};

/* The three terms of ds cancel; each is about this large. */
#define SCALE .scale = {BACK_LINK(rstd), BACK_LINK(w), BACK_LINK(dy)}

static const op_field backward_fields[] = {
    {.name = "dx", .at = BACK(dx), .role = OP_BLEND, .grad = LINK(x), .beta = BACK_LINK(beta_x), SCALE},
    {.name = "dr", .at = BACK(dr), .role = OP_BLEND, .grad = LINK(r), .beta = BACK_LINK(beta_r), SCALE},
    {.name = "dw", .at = BACK(dw), .role = OP_ADD, .grad = LINK(w)},
    {.name = "db", .at = BACK(db), .role = OP_ADD, .grad = LINK(b)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "s", .at = BACK(s), .from = LINK(s)},
    {.name = "mean", .at = BACK(mean), .vector = true, .from = LINK(mean)},
    {.name = "rstd", .at = BACK(rstd), .vector = true, .from = LINK(rstd)},
    {.name = "w", .at = BACK(w), .from = LINK(w)},
    {.name = "row_of", .at = BACK(row_of), .role = OP_INDEX, .vector = true, .from = LINK(row_of)},
    {.name = "pos_of", .at = BACK(pos_of), .role = OP_INDEX, .vector = true, .from = LINK(pos_of)},
};

static const op_shape backward_shapes[] = {
    {{7, 5}, 0},
    {{0, 8}, 0},
    {{1, 1}, 0},
    {{1, 15}, NO_R},
    {{3, 16}, DROP},
    {{5, 17}, DROP | ROW_POS},
    {{5, 31}, NO_DX | DROP},
    {{5, 32}, NO_DR},
    {{33, 33}, FROZEN | DROP},
    {{13, 127}, DROP | ROW_POS},
    {{4, 768}, 0},
    {{2, 1025}, DROP},
    {{70001, 3}, NO_R},
    {{257, 384}, DROP},
};

static void setup_backward(op_run *run) {
    const struct ct_add_layer_norm_forward_args *f = run->forward->args;
    struct ct_add_layer_norm_backward_args *a = run->args;
    a->drop = f->drop;
    if (run->shape.flags & NO_DX) op_absent(run, BACK(dx));
    if (run->shape.flags & NO_DR) op_absent(run, BACK(dr));
    if (run->shape.flags & FROZEN) {
        op_absent(run, BACK(dw));
        op_absent(run, BACK(db));
    }
    run->length = (double)(run->shape.n[0] > run->shape.n[1] ? run->shape.n[0] : run->shape.n[1]);
}

const op_case op_case_add_layer_norm_backward = {
    OP_TABLES(backward_fields, backward_shapes),
    .forward = &op_case_add_layer_norm_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_HUGE,
    .k = 8,
    .aliases = {{BACK_LINK(dx), BACK_LINK(dy)}},
};
