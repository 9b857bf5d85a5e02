/* Cases of scatter_rows: places in any order, negative places, values that are not finite. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/harness.h"

/* shape: n = {N, C, V} */
enum { SKIPS = 1, BROKEN = 2 };

#define AT(member) offsetof(struct ct_scatter_rows_args, member)

static const op_field fields[] = {
    {.name = "table", .at = AT(table), .role = OP_UPDATE},
    {.name = "x", .at = AT(x)},
    {.name = "rows", .at = AT(rows), .role = OP_INDEX, .vector = true},
};

static const op_shape shapes[] = {
    {{1, 1, 1}, 0},       {{0, 3, 4}, 0},       {{5, 7, 9}, 0},
    {{6, 16, 6}, SKIPS},  {{13, 17, 40}, SKIPS}, {{13, 33, 20}, SKIPS | BROKEN},
    {{700, 64, 900}, SKIPS | BROKEN},
};

static void setup(op_run *run) {
    const op_shape *s = &run->shape;
    op_size(run, AT(table), s->n[2], s->n[1]);
    op_size(run, AT(x), s->n[0], s->n[1]);
    op_size(run, AT(rows), s->n[0], 1);
}

/* The places are the first N of a shuffle of the table's rows; with SKIPS every third is none. */
static void fill(op_run *run, ct_rng *rng) {
    const op_shape *s = &run->shape;
    op_value *rows = op_at(run, AT(rows)), *x = op_at(run, AT(x));
    int32_t *order = op_alloc((size_t)s->n[2], sizeof *order);
    for (int64_t v = 0; v < s->n[2]; v++) order[v] = (int32_t)v;
    for (int64_t n = 0; n < s->n[0]; n++) {
        const int64_t other = n + (int64_t)ct_rng_below(rng, (uint64_t)(s->n[2] - n));
        const int32_t row = order[other];
        order[other] = order[n];
        rows->i[n] = s->flags & SKIPS && n % 3 == 1 ? -1 : row;
        if (s->flags & BROKEN && n % 4 == 0) x->f[n * s->n[1] + n % s->n[1]] = n % 8 == 0 ? NAN : -INFINITY;
    }
    free(order);
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const op_value *table = op_result(run, oracle, AT(table)), *before = op_see(run, AT(table)),
                   *x = op_see(run, AT(x)), *rows = op_see(run, AT(rows));
    for (int64_t v = 0; v < table->rows; v++) {
        const op_value *from = before;
        int64_t row = v;
        for (int64_t n = 0; n < rows->rows; n++)
            if (rows->i[n] == v && !(run->shape.flags & BROKEN && n % 4 == 0)) from = x, row = n;
        for (int64_t c = 0; c < table->cols; c++)
            if (op_f(table, v, c) != op_f(from, row, c)) return "a row of the table";
    }
    return NULL;
}

const op_case op_case_scatter_rows = {
    OP_TABLES(fields, shapes),
    .setup = setup,
    .fill = fill,
    .verify = verify,
    .k = 1,
    .same_bytes_any_threads = true,
};
