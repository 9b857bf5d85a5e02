/* Cases of batch_norm_fold. shape: n = {O, K} */
#include <math.h>

#include "tests/ops/harness.h"

#define AT(member) offsetof(struct ct_batch_norm_fold_args, member)
#define LINK(member) OP_LINK(ct_batch_norm_fold_args, member)

static const op_field fields[] = {
    {.name = "folded", .at = AT(folded), .role = OP_OUTPUT},
    {.name = "bias", .at = AT(bias), .role = OP_OUTPUT, .scale = {LINK(running_mean), LINK(w)}},
    {.name = "conv", .at = AT(conv)},
    {.name = "w", .at = AT(w), .fill = OP_FILL_NORMAL},
    {.name = "b", .at = AT(b), .fill = OP_FILL_NORMAL},
    {.name = "running_mean", .at = AT(running_mean)},
    {.name = "running_var", .at = AT(running_var), .fill = OP_FILL_CASE},
};

static const op_shape shapes[] = {
    {{7, 5}, 0},    {{1, 1}, 0},     {{3, 15}, 0},    {{16, 16}, 0},
    {{5, 17}, 0},  {{31, 147}, 0}, {{64, 576}, 0},  {{301, 131}, 0},
};

static void setup(op_run *run) {
    const size_t vectors[] = {AT(bias), AT(w), AT(b), AT(running_mean), AT(running_var)};
    struct ct_batch_norm_fold_args *a = run->args;
    op_size(run, AT(folded), run->shape.n[0], run->shape.n[1]);
    op_size(run, AT(conv), run->shape.n[0], run->shape.n[1]);
    for (int i = 0; i < OP_COUNT(vectors); i++) op_size(run, vectors[i], 1, run->shape.n[0]);
    a->eps = 1e-3f;
}

/* One channel never varied: its variance is 0. */
static void fill(op_run *run, ct_rng *rng) {
    op_value *var = op_at(run, AT(running_var));
    for (int64_t o = 0; o < var->cols; o++) op_set(var, 0, o, o == 2 ? 0 : 0.1 + ct_rng_f64(rng));
}

/* The folded convolution and the two steps agree on a window's sum, which is linear in the window. */
static const char *verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_batch_norm_fold_args *a = run->args;
    const op_value *conv = op_see(run, AT(conv)), *folded = op_result(run, oracle, AT(folded)),
                   *bias = op_result(run, oracle, AT(bias));
    for (int64_t o = 0; o < conv->rows; o++) {
        const double mean = op_see(run, AT(running_mean))->f[o], b = op_see(run, AT(b))->f[o];
        const double rstd = pow(op_see(run, AT(running_var))->f[o] + (double)a->eps, -0.5);
        const double slope = rstd * op_see(run, AT(w))->f[o];
        double sum = 0, folded_sum = bias->f[o], size = fabs(b) + fabs(mean * slope);
        for (int64_t k = 0; k < conv->cols; k++) {
            const double window = 1 + (double)(k % 7);
            sum += window * op_f(conv, o, k);
            folded_sum += window * op_f(folded, o, k);
            size += fabs(window * op_f(conv, o, k) * slope);
            if (!(fabs(op_f(folded, o, k) - slope * op_f(conv, o, k)) <= 1e-12 * size)) return "a weight";
        }
        if (!(fabs(folded_sum - ((sum - mean) * slope + b)) <= 1e-12 * size)) return "a window's sum";
    }
    return NULL;
}

const op_case op_case_batch_norm_fold = {
    OP_TABLES(fields, shapes),
    .setup = setup,
    .fill = fill,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN,
    .k = 4,
    .same_bytes_any_threads = true,
};
