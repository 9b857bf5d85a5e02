/* Cases of embed_layer_norm_forward and embed_layer_norm_backward. */
#include <stdlib.h>

#include "tests/ops/layer_norm.h"

/* shape: n = {T, H, V, P}. With V == T token t has id t, so that the gradient of s is the gradient of the
 * table. */
enum { NO_TYPE = 1, INFER = 2, DROP = 4, FROZEN = 8 };

#define AT(member) offsetof(struct ct_embed_layer_norm_forward_args, member)
#define LINK(member) OP_LINK(ct_embed_layer_norm_forward_args, member)
#define BACK(member) offsetof(struct ct_embed_layer_norm_backward_args, member)
#define BACK_LINK(member) OP_LINK(ct_embed_layer_norm_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT},
    {.name = "s", .at = AT(s), .role = OP_OUTPUT},
    {.name = "mean", .at = AT(mean), .role = OP_OUTPUT, .vector = true},
    {.name = "rstd", .at = AT(rstd), .role = OP_OUTPUT, .vector = true},
    {.name = "ids", .at = AT(ids), .role = OP_INDEX, .vector = true},
    {.name = "pos_of", .at = AT(pos_of), .role = OP_INDEX, .vector = true},
    {.name = "row_of", .at = AT(row_of), .role = OP_INDEX, .vector = true},
    {.name = "token", .at = AT(token)},
    {.name = "position", .at = AT(position), .fill = OP_FILL_NORMAL},
    {.name = "type", .at = AT(type), .fill = OP_FILL_NORMAL},
    {.name = "w", .at = AT(w), .fill = OP_FILL_NORMAL},
    {.name = "b", .at = AT(b), .fill = OP_FILL_NORMAL},
};

static const op_shape forward_shapes[] = {
    {{7, 5, 11, 5}, 0},
    {{0, 8, 3, 5}, 0},
    {{1, 1, 1, 5}, 0},
    {{1, 15, 1, 5}, NO_TYPE},
    {{3, 16, 9, 7}, DROP},
    {{5, 17, 5, 5}, DROP},
    {{31, 33, 4, 5}, INFER},
    {{9, 3, 100, 6}, NO_TYPE | INFER},
    {{64, 31, 50, 5}, DROP | NO_TYPE},
    {{300, 384, 1000, 5}, DROP},
};

static void setup_forward(op_run *run) {
    const unsigned flags = run->shape.flags;
    const int64_t t = run->shape.n[0], h = run->shape.n[1], keep = flags & INFER ? 0 : 1;
    struct ct_embed_layer_norm_forward_args *a = run->args;
    op_size(run, AT(y), t, h);
    op_size(run, AT(s), t, keep * h);
    op_size(run, AT(mean), t, keep);
    op_size(run, AT(rstd), t, keep);
    op_size(run, AT(ids), t, 1);
    op_size(run, AT(pos_of), t, 1);
    op_size(run, AT(row_of), t, 1);
    op_size(run, AT(token), run->shape.n[2], h);
    op_size(run, AT(position), run->shape.n[3], h);
    op_size(run, AT(type), 1, flags & NO_TYPE ? 0 : h);
    op_size(run, AT(w), 1, h);
    op_size(run, AT(b), 1, h);
    a->drop = (ct_dropout){.p = flags & DROP ? 0.25f : 0, .stream = 79};
    a->eps = 1e-5f;
    run->length = (double)h;
}

static void fill_forward(op_run *run, ct_rng *rng) {
    const int64_t t = run->shape.n[0], v = run->shape.n[2];
    op_fill_row_pos(run, AT(row_of), AT(pos_of));
    for (int64_t i = 0; i < t; i++)
        op_at(run, AT(ids))->i[i] = t == v ? (int32_t)i : (int32_t)ct_rng_below(rng, (uint64_t)v);
    if (t > 1 && t != v) op_at(run, AT(ids))->i[t - 1] = (int32_t)(v - 1);
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_embed_layer_norm_forward_args *a = run->args;
    const op_value *ids = op_see(run, AT(ids)), *pos = op_see(run, AT(pos_of)),
                   *row = op_see(run, AT(row_of));
    const op_value *type = op_see(run, AT(type)), *w = op_see(run, AT(w)), *b = op_see(run, AT(b));
    const op_value *y = op_result(run, oracle, AT(y)), *s = op_result(run, oracle, AT(s));
    const op_value *mean = op_result(run, oracle, AT(mean)), *rstd = op_result(run, oracle, AT(rstd));
    const int64_t width = run->shape.n[1];
    const char *verdict = NULL;
    double *sum = op_alloc((size_t)width, sizeof *sum);
    for (int64_t t = 0; t < y->rows && !verdict; t++) {
        for (int64_t c = 0; c < width; c++) {
            sum[c] = op_f(op_see(run, AT(token)), ids->i[t], c) +
                     op_f(op_see(run, AT(position)), pos->i[t], c) + (type->present ? op_f(type, 0, c) : 0);
            if (s->present && !norm_near(op_f(s, t, c), sum[c], fabs(sum[c]))) verdict = "s";
        }
        const row_norm n = row_norm_of(sum, width, (double)a->eps);
        if (mean->present && !norm_near(mean->f[t], n.mean, fabs(n.mean))) verdict = "mean";
        if (rstd->present && !norm_near(rstd->f[t], n.rstd, n.rstd)) verdict = "rstd";
        for (int64_t c = 0; c < width; c++) {
            const double plain = (sum[c] - n.mean) * n.rstd * op_f(w, 0, c) + op_f(b, 0, c);
            if (!norm_near(op_f(y, t, c), plain * drop_factor(run, a->drop, row, pos, t, c), n.rstd))
                verdict = "y";
        }
    }
    free(sum);
    return verdict;
}

const op_case op_case_embed_layer_norm_forward = {
    OP_TABLES(forward_fields, forward_shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_HUGE,
    .k = 8,
};

static const op_field backward_fields[] = {
    {.name = "ds",
     .at = BACK(ds),
     .role = OP_OUTPUT,
     .grad = LINK(token),
     .like = LINK(s),
     .scale = {BACK_LINK(rstd), BACK_LINK(w), BACK_LINK(dy)}}, /* its three terms cancel */
    {.name = "dw", .at = BACK(dw), .role = OP_ADD, .grad = LINK(w)},
    {.name = "db", .at = BACK(db), .role = OP_ADD, .grad = LINK(b)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "s", .at = BACK(s), .from = LINK(s)},
    {.name = "mean", .at = BACK(mean), .vector = true, .from = LINK(mean)},
    {.name = "rstd", .at = BACK(rstd), .vector = true, .from = LINK(rstd)},
    {.name = "w", .at = BACK(w), .from = LINK(w)},
    {.name = "pos_of", .at = BACK(pos_of), .role = OP_INDEX, .vector = true, .from = LINK(pos_of)},
    {.name = "row_of", .at = BACK(row_of), .role = OP_INDEX, .vector = true, .from = LINK(row_of)},
};

static const op_shape backward_shapes[] = {
    {{7, 5, 7, 5}, 0},
    {{0, 8, 3, 5}, 0},
    {{1, 1, 1, 5}, 0},
    {{3, 16, 3, 7}, DROP},
    {{5, 17, 5, 5}, DROP},
    {{31, 33, 4, 5}, FROZEN},
    {{64, 31, 50, 5}, DROP | NO_TYPE},
    {{300, 384, 1000, 5}, DROP},
};

static void setup_backward(op_run *run) {
    const struct ct_embed_layer_norm_forward_args *f = run->forward->args;
    struct ct_embed_layer_norm_backward_args *a = run->args;
    a->drop = f->drop;
    if (run->shape.flags & FROZEN) {
        op_absent(run, BACK(dw));
        op_absent(run, BACK(db));
    }
    run->length = (double)(run->shape.n[0] > run->shape.n[1] ? run->shape.n[0] : run->shape.n[1]);
}

const op_case op_case_embed_layer_norm_backward = {
    OP_TABLES(backward_fields, backward_shapes),
    .forward = &op_case_embed_layer_norm_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN,
    .k = 8,
    .aliases = {{BACK_LINK(ds), BACK_LINK(dy)}},
};
