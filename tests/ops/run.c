/* Builds the runs of a case: sizes from its setup, values by pattern, and for a backward op the forward run
 * and what the oracle made of it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/harness.h"

static ct_tensor *tensor_at(const op_run *run, size_t at) {
    return (ct_tensor *)((char *)run->args + at);
}

const op_field *op_field_at(const op_case *c, size_t at) {
    for (int i = 0; i < c->n_fields; i++)
        if (c->fields[i].at == at) return &c->fields[i];
    fprintf(stderr, "a case names a tensor at offset %zu that its fields lack\n", at);
    abort();
}

static int field_number(const op_case *c, size_t at) {
    return (int)(op_field_at(c, at) - c->fields);
}

bool op_is_output(const op_field *field) {
    return field->role != OP_INPUT && field->role != OP_INDEX;
}

static bool is_index(const op_field *field) {
    return field->role == OP_INDEX || field->role == OP_INDEX_OUTPUT;
}

void op_size(op_run *run, size_t at, int64_t rows, int64_t cols) {
    ct_tensor *t = tensor_at(run, at);
    t->rows = rows;
    t->cols = cols;
}

op_value *op_at(op_run *run, size_t at) {
    return &run->value[field_number(run->c, at)];
}
const op_value *op_see(const op_run *run, size_t at) {
    return &run->value[field_number(run->c, at)];
}
const op_value *op_result(const op_run *run, const op_outcome *outcome, size_t at) {
    return &outcome->out[field_number(run->c, at)];
}

void op_fill_offsets(op_value *v, const int64_t *lengths) {
    v->i[0] = 0;
    for (int64_t n = 0; n + 1 < v->rows; n++) v->i[n + 1] = v->i[n] + (int32_t)lengths[n];
}

void op_fill_row_pos(op_run *run, size_t row_of, size_t pos_of) {
    op_value *row = op_at(run, row_of), *pos = op_at(run, pos_of);
    for (int64_t t = 0; row->present && t < row->rows; t++) row->i[t] = (int32_t)(100 + t / 5);
    for (int64_t t = 0; pos->present && t < pos->rows; t++) pos->i[t] = (int32_t)(t % 5);
}

/* Tiles of 32, 64 and 128 are met from both sides; empty sequences stand first, between and last. */
static const int64_t lengths_none[] = {0}, lengths_one[] = {1}, lengths_gaps[] = {0, 3, 0, 17, 1, 0},
                     lengths_tile[] = {63, 64, 65}, lengths_two[] = {131, 7},
                     lengths_small[] = {31, 32, 33, 5, 2, 13}, lengths_empty[] = {0, 0},
                     lengths_big[] = {257, 3, 64, 0, 129, 16, 8},
                     lengths_many[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                       12, 13, 14, 15, 16, 17, 19, 23, 29, 31};
static const struct {
    const int64_t *lengths;
    int64_t n;
} presets[] = {{lengths_none, 0},  {lengths_one, 1},   {lengths_gaps, 6}, {lengths_tile, 3}, {lengths_two, 2},
               {lengths_small, 6}, {lengths_empty, 2}, {lengths_big, 7},  {lengths_many, 21}};

const int64_t *op_lengths(int64_t preset, int64_t *n) {
    assert(preset >= 0 && preset < OP_COUNT(presets));
    *n = presets[preset].n;
    return presets[preset].lengths;
}

int64_t op_lengths_sum(int64_t preset) {
    int64_t n, sum = 0;
    const int64_t *lengths = op_lengths(preset, &n);
    for (int64_t i = 0; i < n; i++) sum += lengths[i];
    return sum;
}

int64_t op_lengths_max(int64_t preset) {
    int64_t n, max = 0;
    const int64_t *lengths = op_lengths(preset, &n);
    for (int64_t i = 0; i < n; i++) max = lengths[i] > max ? lengths[i] : max;
    return max;
}

static double draw(op_pattern pattern, ct_rng *rng) {
    const double normal = ct_rng_normal(rng);
    double x = normal;
    switch (pattern) {
    case OP_ONES:
        x = 1;
        break;
    case OP_MEAN:
        x = 100 + 0.05 * normal;
        break;
    case OP_EQUAL:
        x = 3.7;
        break;
    case OP_HUGE:
        x = -30 - 5 * fabs(normal);
        break;
    case OP_EXACT:
        x = 0.5 * (double)((int)ct_rng_below(rng, 5) - 2);
        break;
    case OP_NORMAL:
    case OP_PATTERNS:
        break;
    }
    return (double)(float)x;
}

static void value_alloc(op_value *v, ct_tensor t, bool index) {
    *v = (op_value){.present = t.cols > 0, .rows = t.rows, .cols = t.cols};
    if (!v->present) return;
    const size_t n = (size_t)(t.rows * t.cols);
    if (index)
        v->i = op_alloc(n, sizeof *v->i);
    else
        v->f = op_alloc(n, sizeof *v->f);
}

static void value_copy(op_value *to, const op_value *from) {
    const size_t n = (size_t)(to->rows * to->cols);
    assert(from->present && to->rows == from->rows && to->cols == from->cols);
    if (to->f) memcpy(to->f, from->f, n * sizeof *to->f);
    if (to->i) memcpy(to->i, from->i, n * sizeof *to->i);
}

/* The forward's content behind a link. */
static const op_value *forward_content(const op_run *run, size_t link) {
    const op_case *fc = run->forward->c;
    const int f = field_number(fc, link - 1);
    const bool output = op_is_output(&fc->fields[f]) && fc->fields[f].role != OP_UPDATE;
    return output ? &run->forward_out->out[f] : &run->forward->value[f];
}

static size_t size_link(const op_field *f) {
    if (f->like) return f->like;
    if (f->from) return f->from;
    return f->upstream ? f->upstream : f->grad;
}

static void sizes_from_forward(op_run *run) {
    for (int i = 0; i < run->c->n_fields; i++) {
        const op_field *f = &run->c->fields[i];
        if (!size_link(f)) continue;
        const op_field *source = op_field_at(run->forward->c, size_link(f) - 1);
        assert(f->image == source->image);
        memcpy((char *)run->args + f->at, (const char *)run->forward->args + source->at,
               f->image ? sizeof(ct_image) : sizeof(ct_tensor));
    }
}

static void fill_values(op_run *run, ct_rng *rng) {
    for (int i = 0; i < run->c->n_fields; i++) {
        const op_field *f = &run->c->fields[i];
        op_value *v = &run->value[i];
        if (!v->present) continue;
        if (f->from) {
            value_copy(v, forward_content(run, f->from));
            continue;
        }
        if (is_index(f) || f->role == OP_OUTPUT || f->fill == OP_FILL_CASE) continue;
        const bool normal =
            f->fill == OP_FILL_NORMAL || f->role == OP_BLEND || f->role == OP_ADD || f->upstream;
        const op_pattern pattern = normal && run->pattern != OP_EXACT ? OP_NORMAL : run->pattern;
        for (int64_t e = 0; e < v->rows * v->cols; e++) v->f[e] = draw(pattern, rng);
    }
    if (run->c->fill) run->c->fill(run, rng);
    for (int i = 0; i < run->c->n_fields; i++)
        for (int64_t e = 0; run->value[i].f && e < run->value[i].rows * run->value[i].cols; e++)
            if (op_is_padding(run, &run->c->fields[i], e)) run->value[i].f[e] = 0;
}

op_run *op_run_create(const op_entry *op, const op_shape *shape, op_pattern pattern, bool wide,
                      uint64_t seed) {
    op_run *run = op_alloc(1, sizeof *run);
    run->c = op->c;
    run->op = op;
    run->shape = *shape;
    run->pattern = pattern;
    run->wide = wide;
    run->seed = seed;
    run->length = 1;
    run->args = op_alloc(1, op->args_bytes);
    run->step = (ct_step){.seed = seed, .step = 7, .lr = 1e-2f, .bias1 = 0.3f, .bias2 = 0.02f, .clip = 0.5f};
    assert(op->c->n_fields <= OP_MAX_FIELDS);
    if (op->c->forward) {
        const op_entry *fwd = op_entries;
        while (fwd->c != op->c->forward) fwd++;
        run->forward = op_run_create(fwd, shape, pattern, wide, seed);
        run->forward_out = op_alloc(1, sizeof *run->forward_out);
        op_execute_oracle(run->forward, 0, true, run->forward_out);
        run->step = run->forward->step;
        run->length = run->forward->length;
        sizes_from_forward(run);
    }
    op->c->setup(run);
    for (int i = 0; i < op->c->n_fields; i++)
        value_alloc(&run->value[i], op_field_tensor(&op->c->fields[i], run->args),
                    is_index(&op->c->fields[i]));
    ct_rng rng = ct_rng_make(seed, 0, op->c->forward ? 2 : 1);
    fill_values(run, &rng);
    return run;
}

static void values_free(op_value *values) {
    for (int i = 0; i < OP_MAX_FIELDS; i++) {
        free(values[i].f);
        free(values[i].i);
    }
}

void op_outcome_free(op_outcome *outcome) {
    values_free(outcome->out);
    memset(outcome->out, 0, sizeof outcome->out);
}

void op_run_free(op_run *run) {
    if (!run) return;
    values_free(run->value);
    op_run_free(run->forward);
    if (run->forward_out) op_outcome_free(run->forward_out);
    free(run->forward_out);
    free(run->args);
    free(run);
}

int64_t op_run_elements(const op_run *run) {
    int64_t n = 0;
    for (int i = 0; i < run->c->n_fields; i++) n += run->value[i].rows * run->value[i].cols;
    return n;
}

void op_run_label(const op_run *run, char *text, size_t n) {
    static const char *const names[OP_PATTERNS] = {"normal", "ones", "mean", "equal", "huge", "exact"};
    const op_shape *s = &run->shape;
    snprintf(text, n, "%s shape {%lld, %lld, %lld, %lld} flags %#x, %s%s, seed %llu", run->op->name,
             (long long)s->n[0], (long long)s->n[1], (long long)s->n[2], (long long)s->n[3], s->flags,
             names[run->pattern], run->wide ? ", ld > cols" : "", (unsigned long long)run->seed);
}

static uint64_t run_seed(uint64_t seed, const op_case *c, int shape, op_pattern pattern, bool wide) {
    const int first = c->forward ? c->forward->n_fields : c->n_fields; /* any number that tells cases apart */
    const ct_philox p = ct_philox4x32((uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)shape,
                                      (uint32_t)pattern * 2 + wide, (uint32_t)first, 0x6f707321u);
    return (uint64_t)p.v[0] << 16 | (p.v[1] & 0xffff);
}

void op_for_each_run(const op_entry *op, uint64_t seed, bool quick, op_visit visit, void *ctx) {
    const op_case *c = op->c;
    for (int s = 0; s < c->n_shapes; s++) {
        for (op_pattern p = OP_NORMAL; p < OP_PATTERNS; p++) {
            if (p != OP_NORMAL && !(c->patterns & 1u << p)) continue;
            for (int wide = 0; wide < (p == OP_NORMAL ? 2 : 1); wide++) {
                op_doing("building %s shape %d pattern %d", op->name, s, (int)p);
                op_run *run = op_run_create(op, &c->shapes[s], p, wide, run_seed(seed, c, s, p, wide));
                const bool large = op_run_elements(run) > (quick ? 20000 : 200000);
                /* Large shapes are there for their size: one pattern and one layout will do. */
                if (large && (p != OP_NORMAL || wide || quick))
                    op_run_free(run);
                else if (!visit(run, ctx))
                    return;
            }
        }
    }
}
