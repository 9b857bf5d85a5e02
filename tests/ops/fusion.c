/* Cases of fill_missing_forward, fill_missing_backward, gated_fusion_forward and gated_fusion_backward. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {N, M, D} */
enum { NO_DX = 1, FROZEN = 2 };

#define AT(member) offsetof(struct ct_fill_missing_forward_args, member)
#define LINK(member) OP_LINK(ct_fill_missing_forward_args, member)
#define BACK(member) offsetof(struct ct_fill_missing_backward_args, member)

static const op_field fill_fields[] = {
    {.name = "z", .at = AT(z), .role = OP_OUTPUT},
    {.name = "x", .at = AT(x)},
    {.name = "present", .at = AT(present), .role = OP_INDEX},
    {.name = "missing", .at = AT(missing)},
};

static const op_shape fill_shapes[] = {
    {{5, 2, 3}, 0},      {{0, 2, 4}, 0},   {{1, 1, 1}, 0},    {{2, 1, 7}, 0},     {{7, 3, 16}, NO_DX},
    {{9, 2, 5}, FROZEN}, {{33, 4, 17}, 0}, {{131, 3, 64}, 0}, {{1031, 2, 31}, 0},
};

static void setup_fill(op_run *run) {
    const int64_t N = run->shape.n[0], M = run->shape.n[1], D = run->shape.n[2];
    op_size(run, AT(z), N, M * D);
    op_size(run, AT(x), N, M * D);
    op_size(run, AT(present), N, M);
    op_size(run, AT(missing), M, D);
}

static void fill_present(op_run *run, ct_rng *rng) {
    op_value *present = op_at(run, AT(present));
    for (int64_t e = 0; e < present->rows * present->cols; e++) present->i[e] = (int32_t)ct_rng_below(rng, 2);
    if (present->rows * present->cols > 2)
        present->i[0] = 0, present->i[present->rows * present->cols - 1] = 1;
}

static const char *verify_fill(const op_run *run, const op_outcome *oracle) {
    const op_value *z = op_result(run, oracle, AT(z)), *present = op_see(run, AT(present));
    const int64_t D = run->shape.n[2];
    for (int64_t e = 0; e < z->rows * z->cols; e++) {
        const int64_t n = e / z->cols, c = e % z->cols;
        const bool there = present->i[n * present->cols + c / D];
        if (z->f[e] != (there ? op_see(run, AT(x))->f[e] : op_see(run, AT(missing))->f[c]))
            return "an element";
    }
    return NULL;
}

const op_case op_case_fill_missing_forward = {
    OP_TABLES(fill_fields, fill_shapes),
    .setup = setup_fill,
    .fill = fill_present,
    .verify = verify_fill,
    .k = 1,
    .aliases = {{LINK(z), LINK(x)}},
    .same_bytes_any_threads = true,
};

static const op_field fill_backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .grad = LINK(x),
     .beta = OP_LINK(ct_fill_missing_backward_args, beta)},
    {.name = "dmissing", .at = BACK(dmissing), .role = OP_ADD, .grad = LINK(missing)},
    {.name = "dz", .at = BACK(dz), .upstream = LINK(z)},
    {.name = "present", .at = BACK(present), .role = OP_INDEX, .from = LINK(present)},
};

static void setup_fill_backward(op_run *run) {
    if (run->shape.flags & NO_DX) op_absent(run, BACK(dx));
    if (run->shape.flags & FROZEN) op_absent(run, BACK(dmissing));
    run->length = (double)(1 + run->shape.n[0]);
}

const op_case op_case_fill_missing_backward = {
    OP_TABLES(fill_backward_fields, fill_shapes),
    .forward = &op_case_fill_missing_forward,
    .setup = setup_fill_backward,
    .k = 4,
    .same_bytes_any_threads = true,
};

/* Gated fusion. */

#define GATE(member) offsetof(struct ct_gated_fusion_forward_args, member)
#define GATE_LINK(member) OP_LINK(ct_gated_fusion_forward_args, member)
#define GATE_BACK(member) offsetof(struct ct_gated_fusion_backward_args, member)
#define GATE_BACK_LINK(member) OP_LINK(ct_gated_fusion_backward_args, member)

static const op_field gated_fields[] = {
    {.name = "y",
     .at = GATE(y),
     .role = OP_OUTPUT,
     .scale = {GATE_LINK(z)}}, /* shares of vectors may cancel */
    {.name = "a", .at = GATE(a), .role = OP_OUTPUT},
    {.name = "z", .at = GATE(z)},
    {.name = "g", .at = GATE(g)},
};

static const op_shape gated_shapes[] = {
    {{5, 2, 3}, 0},   {{0, 2, 4}, 0},   {{1, 1, 1}, 0},    {{2, 1, 7}, 0},     {{7, 3, 16}, 0},
    {{33, 4, 17}, 0}, {{13, 19, 5}, 0}, {{131, 3, 64}, 0}, {{1031, 2, 31}, 0},
};

static void setup_gated(op_run *run) {
    const int64_t N = run->shape.n[0], M = run->shape.n[1], D = run->shape.n[2];
    op_size(run, GATE(y), N, D);
    op_size(run, GATE(a), N, M);
    op_size(run, GATE(z), N, M * D);
    op_size(run, GATE(g), N, M);
    run->length = (double)(1 + M);
}

/* Shares from pairs of logits, so that no maximum is needed. */
static const char *verify_gated(const op_run *run, const op_outcome *oracle) {
    const int64_t N = run->shape.n[0], M = run->shape.n[1], D = run->shape.n[2];
    const op_value *g = op_see(run, GATE(g)), *z = op_see(run, GATE(z)), *y = op_result(run, oracle, GATE(y)),
                   *a = op_result(run, oracle, GATE(a));
    for (int64_t n = 0; n < N; n++) {
        for (int64_t m = 0; m < M; m++) {
            double others = 0;
            for (int64_t k = 0; k < M; k++) others += exp(op_f(g, n, k) - op_f(g, n, m));
            if (!(fabs(op_f(a, n, m) * others - 1) <= 1e-12 * (double)M)) return "a share";
        }
        for (int64_t d = 0; d < D; d++) {
            double sum = 0, size = 0;
            for (int64_t m = 0; m < M; m++) {
                sum += op_f(a, n, m) * op_f(z, n, m * D + d);
                size += fabs(op_f(z, n, m * D + d));
            }
            if (!(fabs(op_f(y, n, d) - sum) <= 1e-12 * size)) return "an element";
        }
    }
    return NULL;
}

const op_case op_case_gated_fusion_forward = {
    OP_TABLES(gated_fields, gated_shapes),
    .setup = setup_gated,
    .verify = verify_gated,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_HUGE,
    .k = 4,
    .same_bytes_any_threads = true,
};

/* dg is a difference of products of dy and z. */
static const op_field gated_backward_fields[] = {
    {.name = "dz", .at = GATE_BACK(dz), .role = OP_BLEND, .grad = GATE_LINK(z), .beta = GATE_BACK_LINK(beta)},
    {.name = "dg",
     .at = GATE_BACK(dg),
     .role = OP_OUTPUT,
     .grad = GATE_LINK(g),
     .scale = {GATE_BACK_LINK(dy), GATE_BACK_LINK(z)}},
    {.name = "dy", .at = GATE_BACK(dy), .upstream = GATE_LINK(y)},
    {.name = "z", .at = GATE_BACK(z), .from = GATE_LINK(z)},
    {.name = "a", .at = GATE_BACK(a), .from = GATE_LINK(a)},
};

static void setup_gated_backward(op_run *run) {
    run->length = (double)(1 + run->shape.n[2]);
}

const op_case op_case_gated_fusion_backward = {
    OP_TABLES(gated_backward_fields, gated_shapes),
    .forward = &op_case_gated_fusion_forward,
    .setup = setup_gated_backward,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EQUAL | 1 << OP_HUGE,
    .k = 4,
    .same_bytes_any_threads = true,
};
