/* Cases of dropout_forward and dropout_backward; the mask against the header's words, its statistics, its
 * replay, its independence of how rows are packed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/harness.h"

/* shape: n = {N, C} */
enum {
    ROW_POS = 1, /* row_of and pos_of given */
    OFF = 2,     /* p = 0 */
    MOST = 4     /* p = 0.9 */
};

#define AT(member) offsetof(struct ct_dropout_forward_args, member)
#define LINK(member) OP_LINK(ct_dropout_forward_args, member)
#define BACK(member) offsetof(struct ct_dropout_backward_args, member)
#define BACK_LINK(member) OP_LINK(ct_dropout_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT},
    {.name = "x", .at = AT(x)},
    {.name = "row_of", .at = AT(row_of), .role = OP_INDEX, .vector = true},
    {.name = "pos_of", .at = AT(pos_of), .role = OP_INDEX, .vector = true},
};

static const op_shape shapes[] = {
    {{7, 5}, 0},       {{0, 8}, 0},     {{1, 1}, 0},       {{1, 15}, ROW_POS},
    {{3, 16}, OFF},    {{5, 17}, MOST}, {{9, 3}, ROW_POS}, {{33, 31}, ROW_POS},
    {{2, 1023}, MOST}, {{13, 64}, 0},   {{70001, 3}, 0},
};

static ct_dropout drop_of(unsigned flags) {
    return (ct_dropout){.p = flags & OFF ? 0 : flags & MOST ? 0.9f : 0.3f, .stream = 77};
}

static void setup_forward(op_run *run) {
    const int64_t n = run->shape.n[0], c = run->shape.n[1], given = run->shape.flags & ROW_POS ? 1 : 0;
    struct ct_dropout_forward_args *a = run->args;
    op_size(run, AT(y), n, c);
    op_size(run, AT(x), n, c);
    op_size(run, AT(row_of), n, given);
    op_size(run, AT(pos_of), n, given);
    a->drop = drop_of(run->shape.flags);
}

static void fill_forward(op_run *run, ct_rng *rng) {
    (void)rng;
    op_fill_row_pos(run, AT(row_of), AT(pos_of));
}

/* The header, word by word. */
static const char *verify(const op_run *run, const op_outcome *oracle) {
    const struct ct_dropout_forward_args *a = run->args;
    const op_value *x = op_see(run, AT(x)), *y = op_result(run, oracle, AT(y)),
                   *row = op_see(run, AT(row_of)), *pos = op_see(run, AT(pos_of));
    const ct_rng_key key = ct_rng_key_make(run->step.seed, run->step.step, a->drop.stream);
    for (int64_t n = 0; n < x->rows; n++) {
        for (int64_t c = 0; c < x->cols; c++) {
            const uint32_t r = (uint32_t)(row->present ? row->i[n] : n),
                           p = (uint32_t)(pos->present ? pos->i[n] : 0);
            const uint32_t word = ct_dropout_words(key, r, p, (uint32_t)(c / 4)).v[c % 4];
            const double want = ct_rng_unit(word) < a->drop.p ? 0 : op_f(x, n, c) / (1 - (double)a->drop.p);
            if (!(fabs(op_f(y, n, c) - want) <= 1e-12 * fabs(want))) return "an element's mask or scale";
        }
    }
    return NULL;
}

static bool forward(op_special *s, float p, const double *x, int64_t n, int64_t c, const int32_t *row_of,
                    double *y) {
    ct_error err = CT_ERROR_INIT;
    struct ct_dropout_forward_args a = {
        .y = op_special_f32(s, n, c, NULL), .x = op_special_f32(s, n, c, x), .drop = {.p = p, .stream = 5}};
    if (row_of) a.row_of = op_special_i32(s, n, 1, row_of);
    op_special_step(s);
    if (ct_dropout_forward(s->dev, &a, &err) != CT_OK) return false;
    op_special_read(s, a.y, y);
    return true;
}

/* Of 40,000 elements the kept ones lie within five standard deviations, in every column class of four and
 * overall. */
static void check_rate(op_special *s) {
    enum { N = 400, C = 100 };
    double *x = op_alloc(N * C, sizeof *x), *y = op_alloc(N * C, sizeof *y);
    double kept[4] = {0};
    for (int i = 0; i < N * C; i++) x[i] = 1;
    bool ok = forward(s, 0.3f, x, N, C, NULL, y);
    for (int i = 0; i < N * C; i++) kept[i % 4] += y[i] != 0;
    for (int w = 0; w < 4; w++) ok = ok && fabs(kept[w] - 7000) <= 5 * sqrt(10000 * 0.3 * 0.7);
    op_special_check(s, ok, "keeps seven of ten");
    free(x);
    free(y);
}

/* Rows 2 and 3 of a batch of four get the same mask when they come alone with their global numbers; another
 * step gives another mask; p = 0 gives x itself. */
static void check_keys(op_special *s) {
    enum { C = 37 };
    const int32_t rows[] = {2, 3};
    double x[4 * C], all[4 * C], part[2 * C], later[4 * C], off[4 * C];
    for (int i = 0; i < 4 * C; i++) x[i] = 1 + i / 64.0;
    bool ok = forward(s, 0.5f, x, 4, C, NULL, all) && forward(s, 0.5f, x + 2 * C, 2, C, rows, part);
    op_special_check(s, ok && memcmp(all + 2 * C, part, sizeof part) == 0,
                     "a row's mask follows its global number");
    s->step.step++;
    ok = forward(s, 0.5f, x, 4, C, NULL, later);
    op_special_check(s, ok && memcmp(all, later, sizeof all) != 0, "another step, another mask");
    ok = forward(s, 0, x, 4, C, NULL, off);
    op_special_check(s, ok && memcmp(x, off, sizeof off) == 0, "p = 0 changes nothing");
}

/* The backward drops what the forward dropped. */
static void check_replay(op_special *s) {
    enum { N = 9, C = 41 };
    double x[N * C], y[N * C], dx[N * C];
    ct_error err = CT_ERROR_INIT;
    for (int i = 0; i < N * C; i++) x[i] = 1;
    bool ok = forward(s, 0.4f, x, N, C, NULL, y);
    struct ct_dropout_backward_args a = {.dx = op_special_f32(s, N, C, NULL),
                                         .dy = op_special_f32(s, N, C, x),
                                         .drop = {.p = 0.4f, .stream = 5}};
    ok = ok && ct_dropout_backward(s->dev, &a, &err) == CT_OK;
    op_special_read(s, a.dx, dx);
    op_special_check(s, ok && memcmp(y, dx, sizeof dx) == 0, "the backward replays the mask");
}

static void special(op_special *s) {
    check_rate(s);
    check_keys(s);
    check_replay(s);
}

const op_case op_case_dropout_forward = {
    OP_TABLES(forward_fields, shapes),
    .setup = setup_forward,
    .fill = fill_forward,
    .verify = verify,
    .special = special,
    .patterns = 1 << OP_ONES | 1 << OP_HUGE,
    .k = 4,
    .aliases = {{LINK(y), LINK(x)}},
};

static const op_field backward_fields[] = {
    {.name = "dx", .at = BACK(dx), .role = OP_BLEND, .grad = LINK(x), .beta = BACK_LINK(beta)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "row_of", .at = BACK(row_of), .role = OP_INDEX, .vector = true, .from = LINK(row_of)},
    {.name = "pos_of", .at = BACK(pos_of), .role = OP_INDEX, .vector = true, .from = LINK(pos_of)},
};

static void setup_backward(op_run *run) {
    struct ct_dropout_backward_args *a = run->args;
    a->drop = drop_of(run->shape.flags);
}

const op_case op_case_dropout_backward = {
    OP_TABLES(backward_fields, shapes),
    .forward = &op_case_dropout_forward,
    .setup = setup_backward,
    .k = 4,
    .aliases = {{BACK_LINK(dx), BACK_LINK(dy)}},
};
