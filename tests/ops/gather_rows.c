/* Cases of gather_rows_forward and gather_rows_backward: single rows, bags (empty ones too), scales, compact
 * and scattered gradients. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/harness.h"

/* shape: n = {N, C, V, longest bag} */
enum {
    BAGS = 1,
    SCALE = 2,
    COMPACT = 4, /* the gradient has a row for each unique id only */
    EMPTY = 8    /* bags, all of them empty */
};

#define AT(member) offsetof(struct ct_gather_rows_forward_args, member)
#define LINK(member) OP_LINK(ct_gather_rows_forward_args, member)
#define BACK(member) offsetof(struct ct_gather_rows_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_BLEND, .beta = LINK(beta)},
    {.name = "table", .at = AT(table)},
    {.name = "ids", .at = AT(ids), .role = OP_INDEX, .vector = true},
    {.name = "offsets", .at = AT(offsets), .role = OP_INDEX, .vector = true},
    {.name = "scale", .at = AT(scale), .fill = OP_FILL_NORMAL, .vector = true},
};

static const op_shape shapes[] = {
    {{7, 5, 4, 0}, 0},
    {{0, 8, 3, 0}, 0},
    {{0, 8, 3, 0}, BAGS | SCALE},
    {{1, 1, 1, 0}, SCALE},
    {{9, 3, 6, 0}, COMPACT},
    {{12, 15, 5, 4}, BAGS},
    {{13, 16, 30, 3}, BAGS | SCALE},
    {{13, 17, 9, 5}, BAGS | SCALE | COMPACT},
    {{6, 4, 3, 0}, BAGS | EMPTY},
    {{64, 33, 1000, 0}, SCALE},
    {{31, 127, 2, 9}, BAGS | SCALE}, /* few ids, long segments */
    {{70001, 2, 11, 0}, 0},
    {{3000, 64, 500, 6}, BAGS | SCALE},
};

static int64_t bag_length(const op_shape *s, int64_t n) {
    if (!(s->flags & BAGS)) return 1;
    return s->flags & EMPTY ? 0 : (n * 7 + 3) % (s->n[3] + 1);
}

static void setup_forward(op_run *run) {
    const op_shape *s = &run->shape;
    int64_t entries = 0;
    for (int64_t n = 0; n < s->n[0]; n++) entries += bag_length(s, n);
    op_size(run, AT(y), s->n[0], s->n[1]);
    op_size(run, AT(table), s->n[2], s->n[1]);
    op_size(run, AT(ids), entries, 1);
    op_size(run, AT(offsets), s->n[0] + 1, s->flags & BAGS ? 1 : 0);
    op_size(run, AT(scale), s->n[0], s->flags & SCALE ? 1 : 0);
    run->length = (double)(1 + s->n[3]);
}

static void fill_forward(op_run *run, ct_rng *rng) {
    const op_shape *s = &run->shape;
    op_value *ids = op_at(run, AT(ids)), *offsets = op_at(run, AT(offsets));
    for (int64_t k = 0; k < ids->rows; k++) ids->i[k] = (int32_t)ct_rng_below(rng, (uint64_t)s->n[2]);
    for (int64_t n = 0; offsets->present && n < s->n[0]; n++)
        offsets->i[n + 1] = offsets->i[n] + (int32_t)bag_length(s, n);
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const op_value *y = op_result(run, oracle, AT(y)), *table = op_see(run, AT(table)),
                   *scale = op_see(run, AT(scale));
    const int32_t *ids = op_see(run, AT(ids))->i;
    int64_t k = 0;
    for (int64_t n = 0; n < y->rows; k += bag_length(&run->shape, n), n++) {
        for (int64_t c = 0; c < y->cols; c++) {
            double sum = 0, size = 0;
            for (int64_t i = k; i < k + bag_length(&run->shape, n); i++) {
                sum += op_f(table, ids[i], c);
                size += fabs(op_f(table, ids[i], c));
            }
            if (scale->present) sum *= scale->f[n];
            if (!(fabs(op_f(y, n, c) - sum) <= 1e-12 * (size + fabs(sum)))) return "a bag's sum";
        }
    }
    return NULL;
}

const op_case op_case_gather_rows_forward = {
    OP_TABLES(forward_fields, shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_EXACT,
    .k = 4,
};

static const op_field backward_fields[] = {
    {.name = "dtable", .at = BACK(dtable), .role = OP_ADD, .grad = LINK(table)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "rows", .at = BACK(rows), .role = OP_INDEX, .vector = true},
    {.name = "seg_begin", .at = BACK(seg_begin), .role = OP_INDEX, .vector = true},
    {.name = "seg_row", .at = BACK(seg_row), .role = OP_INDEX, .vector = true},
    {.name = "scale", .at = BACK(scale), .vector = true, .from = LINK(scale)},
};

static int64_t entries_of(const op_value *ids, int32_t id) {
    int64_t n = 0;
    for (int64_t k = 0; k < ids->rows; k++) n += ids->i[k] == id;
    return n;
}

static void setup_backward(op_run *run) {
    const op_value *ids = op_see(run->forward, AT(ids));
    const op_shape *s = &run->shape;
    int64_t unique = 0, longest = 1;
    for (int32_t id = 0; id < s->n[2]; id++) {
        const int64_t n = entries_of(ids, id);
        unique += n > 0;
        longest = n > longest ? n : longest;
    }
    op_size(run, BACK(dtable), s->flags & COMPACT ? unique : s->n[2], s->n[1]);
    op_size(run, BACK(rows), unique, s->flags & COMPACT ? 0 : 1);
    op_size(run, BACK(seg_begin), unique + 1, 1);
    op_size(run, BACK(seg_row), ids->rows, 1);
    run->length = (double)longest;
}

static void fill_backward(op_run *run, ct_rng *rng) {
    const op_value *ids = op_see(run->forward, AT(ids));
    op_value *rows = op_at(run, BACK(rows)), *begin = op_at(run, BACK(seg_begin)),
             *seg = op_at(run, BACK(seg_row));
    int32_t *bag = op_alloc((size_t)ids->rows, sizeof *bag);
    int64_t u = 0, e = 0;
    (void)rng;
    for (int64_t n = 0, k = 0; n < run->shape.n[0]; n++)
        for (int64_t i = 0; i < bag_length(&run->shape, n); i++) bag[k++] = (int32_t)n;
    for (int32_t id = 0; id < run->shape.n[2]; id++) {
        const int64_t before = e;
        for (int64_t k = 0; k < ids->rows; k++)
            if (ids->i[k] == id) seg->i[e++] = bag[k];
        if (e == before) continue;
        if (rows->present) rows->i[u] = id;
        begin->i[++u] = (int32_t)e;
    }
    free(bag);
}

const op_case op_case_gather_rows_backward = {
    OP_TABLES(backward_fields, shapes),
    .forward = &op_case_gather_rows_forward,
    .setup = setup_backward,
    .fill = fill_backward,
    .patterns = 1 << OP_EXACT,
    .k = 4,
};
