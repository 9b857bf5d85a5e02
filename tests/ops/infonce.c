/* Cases of infonce_forward and infonce_backward. */
#include "tests/ops/infonce.h"

#include <math.h>

#define AT(member) offsetof(struct ct_infonce_forward_args, member)
#define LINK(member) OP_LINK(ct_infonce_forward_args, member)
#define BACK(member) offsetof(struct ct_infonce_backward_args, member)
#define BACK_LINK(member) OP_LINK(ct_infonce_backward_args, member)

#define OWN .fill = OP_FILL_CASE, .vector = true
#define ID .role = OP_INDEX, .vector = true
#define KEPT .role = OP_OUTPUT, .vector = true

static const op_field forward_fields[] = {
    {.name = "loss", .at = AT(loss), KEPT},
    {.name = "stats", .at = AT(stats), KEPT},
    {.name = "row_neg", .at = AT(row_neg), KEPT},
    {.name = "col_neg", .at = AT(col_neg), KEPT},
    {.name = "row_coef", .at = AT(row_coef), KEPT},
    {.name = "col_coef", .at = AT(col_coef), KEPT},
    {.name = "pos_coef", .at = AT(pos_coef), KEPT},
    {.name = "u", .at = AT(batch.u)},
    {.name = "v", .at = AT(batch.v)},
    {.name = "log_scale", .at = AT(batch.log_scale), OWN},
    {.name = "pos", .at = AT(batch.pos), ID},
    {.name = "mask_begin", .at = AT(batch.mask_begin), ID},
    {.name = "mask_col", .at = AT(batch.mask_col), ID},
    {.name = "user_group", .at = AT(batch.user_group), ID},
    {.name = "item_group", .at = AT(batch.item_group), ID},
    {.name = "item_logq", .at = AT(batch.item_logq), OWN},
    {.name = "user_logq", .at = AT(batch.user_logq), OWN},
    {.name = "weight", .at = AT(batch.weight), OWN},
};

static const op_shape shapes[] = {
    {{5, 7, 4}, INFONCE_MASKED},
    {{0, 5, 4}, 0},
    {{0, 0, 4}, 0},
    {{1, 1, 8}, 0}, /* one pair: nothing to tell it from */
    {{1, 4, 1}, INFONCE_CLASSIC},
    {{6, 6, 5}, INFONCE_NO_NEGATIVES},
    {{6, 6, 5}, INFONCE_NO_NEGATIVES | INFONCE_CORRECTED},
    {{8, 8, 16}, INFONCE_WEIGHTS | INFONCE_SHARED},
    {{8, 9, 16}, INFONCE_NO_WEIGHT | INFONCE_FROZEN},
    {{15, 17, 15}, INFONCE_CLASSIC | INFONCE_MASKED | INFONCE_WEIGHTS},
    {{16, 16, 17}, INFONCE_CORRECTED | INFONCE_SHARED | INFONCE_MASKED},
    {{17, 33, 8}, INFONCE_CORRECTED | INFONCE_GROUPS | INFONCE_WEIGHTS},
    {{13, 15, 8}, INFONCE_CORRECTED | INFONCE_SAME_GROUP | INFONCE_ONE_WAY},
    {{12, 12, 6}, INFONCE_GROUPS},
    {{12, 12, 6}, INFONCE_SAME_GROUP | INFONCE_CLASSIC | INFONCE_SHARED},
    {{9, 11, 8}, INFONCE_ONE_WAY | INFONCE_FROZEN | INFONCE_MASKED},
    {{31, 32, 16}, INFONCE_HOT},
    {{31, 33, 16}, INFONCE_HOT | INFONCE_CORRECTED},
    {{20, 20, 16}, INFONCE_ALIGNED},
    {{20, 20, 16}, INFONCE_ALIGNED | INFONCE_HOT},
    {{65, 67, 24}, INFONCE_MASKED | INFONCE_GROUPS | INFONCE_CLASSIC},
    {{130, 257, 64}, INFONCE_MASKED | INFONCE_SHARED | INFONCE_CORRECTED | INFONCE_WEIGHTS | INFONCE_GROUPS},
    {{300, 515, 32}, INFONCE_MASKED | INFONCE_HOT | INFONCE_FROZEN},
};

static int64_t column_of(const op_shape *s, int64_t b) {
    return s->flags & INFONCE_SHARED ? b / 2 : b;
}

/* Which columns user b is known to like; a function of numbers, so that sizes and contents agree. */
static bool liked(const op_shape *s, int64_t b, int64_t j) {
    if (j == column_of(s, b)) return true;
    if (s->flags & INFONCE_NO_NEGATIVES && b % 2 == 0) return true;
    return s->flags & INFONCE_MASKED && (b * 7 + j * 13) % 11 == 0;
}

static ct_logq_mode mode_of(const op_shape *s) {
    if (s->flags & INFONCE_CORRECTED) return CT_LOGQ_CORRECTED;
    return s->flags & INFONCE_CLASSIC ? CT_LOGQ_CLASSIC : CT_LOGQ_NONE;
}

static void set_scalars(const op_shape *s, struct ct_infonce_batch *batch) {
    batch->mode = mode_of(s);
    batch->same_group = s->flags & INFONCE_SAME_GROUP;
    batch->row_share = s->flags & INFONCE_ONE_WAY ? 1 : 0.375f;
}

static void setup_forward(op_run *run) {
    const op_shape *s = &run->shape;
    const int64_t b = s->n[0], n = s->n[1], d = s->n[2];
    const int64_t groups = s->flags & (INFONCE_GROUPS | INFONCE_SAME_GROUP) ? 1 : 0,
                  logq = mode_of(s) ? 1 : 0;
    const int64_t weights = s->flags & (INFONCE_WEIGHTS | INFONCE_NO_WEIGHT) ? 1 : 0;
    int64_t masked = 0;
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < n; j++) masked += liked(s, i, j);
    op_size(run, AT(loss), 1, 1);
    op_size(run, AT(stats), 3, 1);
    op_size(run, AT(row_neg), b, 1);
    op_size(run, AT(col_neg), n, 1);
    op_size(run, AT(row_coef), b, 1);
    op_size(run, AT(col_coef), n, 1);
    op_size(run, AT(pos_coef), b, 1);
    op_size(run, AT(batch.u), b, d);
    op_size(run, AT(batch.v), n, d);
    op_size(run, AT(batch.log_scale), 1, 1);
    op_size(run, AT(batch.pos), b, 1);
    op_size(run, AT(batch.mask_begin), b + 1, 1);
    op_size(run, AT(batch.mask_col), masked, 1);
    op_size(run, AT(batch.user_group), b, groups);
    op_size(run, AT(batch.item_group), n, groups);
    op_size(run, AT(batch.item_logq), n, logq);
    op_size(run, AT(batch.user_logq), b, logq);
    op_size(run, AT(batch.weight), b, weights);
    set_scalars(s, &((struct ct_infonce_forward_args *)run->args)->batch);
    run->length = (double)(d + (b > n ? b : n));
}

static void unit_rows(op_value *x) {
    for (int64_t r = 0; r < x->rows; r++) {
        double square = 0;
        for (int64_t c = 0; c < x->cols; c++) square += op_f(x, r, c) * op_f(x, r, c);
        for (int64_t c = 0; c < x->cols; c++) op_set(x, r, c, op_f(x, r, c) / sqrt(square));
    }
}

static void fill_vectors(op_run *run) {
    op_value *u = op_at(run, AT(batch.u)), *v = op_at(run, AT(batch.v));
    if (run->pattern != OP_NORMAL) return;
    if (run->shape.flags & INFONCE_ALIGNED)
        for (int64_t b = 0; b < u->rows; b++)
            for (int64_t c = 0; c < u->cols; c++) op_set(v, b, c, op_f(u, b, c) + 0.1 * op_f(v, b, c));
    unit_rows(u);
    unit_rows(v);
}

static void fill_lists(op_run *run) {
    const op_shape *s = &run->shape;
    op_value *begin = op_at(run, AT(batch.mask_begin)), *col = op_at(run, AT(batch.mask_col));
    op_value *users = op_at(run, AT(batch.user_group)), *items = op_at(run, AT(batch.item_group));
    int32_t k = 0;
    for (int64_t b = 0; b < s->n[0]; b++) {
        op_at(run, AT(batch.pos))->i[b] = (int32_t)column_of(s, b);
        for (int64_t j = 0; j < s->n[1]; j++)
            if (liked(s, b, j)) col->i[k++] = (int32_t)j;
        begin->i[b + 1] = k;
    }
    for (int64_t b = 0; users->present && b < users->rows; b++) users->i[b] = (int32_t)(b % 3);
    for (int64_t j = 0; items->present && j < items->rows; j++) items->i[j] = (int32_t)(j % 3);
}

static void fill_forward(op_run *run, ct_rng *rng) {
    op_value *item = op_at(run, AT(batch.item_logq)), *user = op_at(run, AT(batch.user_logq));
    op_value *weight = op_at(run, AT(batch.weight));
    fill_vectors(run);
    fill_lists(run);
    op_set(op_at(run, AT(batch.log_scale)), 0, 0, log(run->shape.flags & INFONCE_HOT ? 100 : 14));
    for (int64_t j = 0; item->present && j < item->rows; j++) op_set(item, j, 0, -0.5 - 6 * ct_rng_f64(rng));
    for (int64_t b = 0; user->present && b < user->rows; b++) op_set(user, b, 0, -0.5 - 6 * ct_rng_f64(rng));
    for (int64_t b = 0; weight->present && b < weight->rows; b++)
        op_set(weight, b, 0, run->shape.flags & INFONCE_NO_WEIGHT ? 0 : 0.5 * (double)(b % 3));
}

const op_case op_case_infonce_forward = {
    OP_TABLES(forward_fields, shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = infonce_verify,
    .patterns = 1 << OP_ONES | 1 << OP_EXACT,
    .k = 16,
};

static const op_field backward_fields[] = {
    {.name = "du", .at = BACK(du), .role = OP_BLEND, .grad = LINK(batch.u), .beta = BACK_LINK(beta_u)},
    {.name = "dv", .at = BACK(dv), .role = OP_BLEND, .grad = LINK(batch.v), .beta = BACK_LINK(beta_v)},
    {.name = "dlog_scale",
     .at = BACK(dlog_scale),
     .role = OP_ADD,
     .vector = true,
     .grad = LINK(batch.log_scale)},
    {.name = "row_neg", .at = BACK(row_neg), .vector = true, .from = LINK(row_neg)},
    {.name = "col_neg", .at = BACK(col_neg), .vector = true, .from = LINK(col_neg)},
    {.name = "row_coef", .at = BACK(row_coef), .vector = true, .from = LINK(row_coef)},
    {.name = "col_coef", .at = BACK(col_coef), .vector = true, .from = LINK(col_coef)},
    {.name = "pos_coef", .at = BACK(pos_coef), .vector = true, .from = LINK(pos_coef)},
    {.name = "u", .at = BACK(batch.u), .from = LINK(batch.u)},
    {.name = "v", .at = BACK(batch.v), .from = LINK(batch.v)},
    {.name = "log_scale", .at = BACK(batch.log_scale), .vector = true, .from = LINK(batch.log_scale)},
    {.name = "pos", .at = BACK(batch.pos), ID, .from = LINK(batch.pos)},
    {.name = "mask_begin", .at = BACK(batch.mask_begin), ID, .from = LINK(batch.mask_begin)},
    {.name = "mask_col", .at = BACK(batch.mask_col), ID, .from = LINK(batch.mask_col)},
    {.name = "user_group", .at = BACK(batch.user_group), ID, .from = LINK(batch.user_group)},
    {.name = "item_group", .at = BACK(batch.item_group), ID, .from = LINK(batch.item_group)},
    {.name = "item_logq", .at = BACK(batch.item_logq), .vector = true, .from = LINK(batch.item_logq)},
    {.name = "user_logq", .at = BACK(batch.user_logq), .vector = true, .from = LINK(batch.user_logq)},
    {.name = "weight", .at = BACK(batch.weight), .vector = true, .from = LINK(batch.weight)},
};

static void setup_backward(op_run *run) {
    struct ct_infonce_backward_args *a = run->args;
    set_scalars(&run->shape, &a->batch);
    a->grad_loss = 0.75f;
    if (run->shape.flags & INFONCE_FROZEN) op_absent(run, BACK(dlog_scale));
    run->length = run->forward->length;
}

/* NONE and CLASSIC: the loss itself. CORRECTED stops the gradient at 1 - P, so its objective is the loss with
 * those factors (the kept coefficients) as they were before the move; constants of N fall out of a
 * difference. */
static double objective(const op_run *run, const op_outcome *base, const op_outcome *now) {
    const struct ct_infonce_backward_args *a = run->args;
    const op_run *f = run->forward;
    const op_value *u = op_see(f, AT(batch.u)), *v = op_see(f, AT(batch.v)), *pos = op_see(f, AT(batch.pos));
    const double scale = exp(op_see(f, AT(batch.log_scale))->f[0]);
    double sum = 0;
    if (a->batch.mode != CT_LOGQ_CORRECTED) return (double)a->grad_loss * op_result(f, now, AT(loss))->f[0];
    for (int64_t b = 0; b < u->rows; b++) {
        const double row = op_result(f, base, AT(row_coef))->f[b];
        const double col = op_result(f, base, AT(pos_coef))->f[b] - row;
        double s = 0;
        for (int64_t c = 0; c < u->cols; c++) s += scale * op_f(u, b, c) * op_f(v, pos->i[b], c);
        if (row != 0) sum += row * (op_result(f, now, AT(row_neg))->f[b] - s);
        if (col != 0) sum += col * (op_result(f, now, AT(col_neg))->f[pos->i[b]] - s);
    }
    return (double)a->grad_loss * sum;
}

const op_case op_case_infonce_backward = {
    OP_TABLES(backward_fields, shapes),
    .forward = &op_case_infonce_forward,
    .setup = setup_backward,
    .objective = objective,
    .patterns = 1 << OP_EXACT,
    .k = 16,
};
