/* Runs an op once: lays its tensors out between guard words, poisons what must not be read, calls the device
 * or the oracle, and looks afterwards at guards, inputs and step state. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tests/ops/harness.h"

/* Guard words are signalling NaNs, so that a sum that strays into them shows and arithmetic on them changes
 * their bits; as an index they are far out of range. */
static const uint32_t guard_f32 = 0x7fa5a5a5u;
static const uint64_t guard_f64 = 0x7ff5a5a5a5a5a5a5u;
static const int32_t poison_index = -77;
enum { GUARD = 128, WIDE_GAP = 5, WIDE_START = 3 };

/* One tensor in memory: the bytes that were written before the call, and where they lie on the device. */
typedef struct block {
    char *image;
    void *memory; /* the device's; the oracle works in the image itself */
    size_t bytes, start;
    ct_tensor tensor; /* with its data pointer into memory */
    bool shared;      /* the memory is another block's */
} block;

typedef struct call {
    const op_run *run;
    ct_device *dev; /* NULL: the oracle */
    unsigned betas;
    const op_alias *alias;
    bool exact;
    char *args;
    block blocks[OP_MAX_FIELDS];
} call;

static size_t element_bytes(ct_dtype dtype) {
    return dtype == CT_DTYPE_F64 ? 8 : dtype == CT_DTYPE_U8 ? 1 : 4;
}

static bool is_whole(ct_dtype dtype) {
    return dtype == CT_DTYPE_I32 || dtype == CT_DTYPE_U8;
}

static void paint_guards(char *image, size_t bytes, ct_dtype dtype) {
    if (dtype == CT_DTYPE_F64) {
        for (size_t i = 0; i + 8 <= bytes; i += 8) memcpy(image + i, &guard_f64, 8);
    } else {
        for (size_t i = 0; i + 4 <= bytes; i += 4) memcpy(image + i, &guard_f32, 4);
    }
}

static char *cell(const block *b, char *base, int64_t r, int64_t c) {
    return base + b->start + (size_t)(r * b->tensor.ld + c) * element_bytes(b->tensor.dtype);
}

/* The beta of an OP_BLEND field in this call: bit i of betas belongs to the i-th such field. */
static unsigned field_beta(const call *k, int field) {
    int bit = 0;
    for (int i = 0; i < field; i++) bit += k->run->c->fields[i].role == OP_BLEND;
    return k->betas >> bit & 1;
}

static void write_cell(const call *k, block *b, int field, int64_t r, int64_t c) {
    const op_field *f = &k->run->c->fields[field];
    const op_value *v = &k->run->value[field];
    char *to = cell(b, b->image, r, c);
    if (is_whole(b->tensor.dtype)) {
        const int32_t x = f->role == OP_INDEX_OUTPUT ? poison_index : v->i[r * v->cols + c];
        if (b->tensor.dtype == CT_DTYPE_U8)
            *to = (char)x;
        else
            memcpy(to, &x, 4);
        return;
    }
    const bool poison = f->role == OP_OUTPUT || (f->role == OP_BLEND && !field_beta(k, field));
    double x = poison ? NAN : v->f[r * v->cols + c];
    if (b->tensor.dtype == CT_DTYPE_F32) {
        const float y = (float)x;
        memcpy(to, &y, 4);
        return;
    }
    if (!k->exact && f->dtype == CT_DTYPE_F32) x = (double)(float)x; /* what the device reads */
    memcpy(to, &x, 8);
}

static void layout_block(const call *k, int field) {
    const op_field *f = &k->run->c->fields[field];
    const op_value *v = &k->run->value[field];
    block *b = (block *)&k->blocks[field];
    const bool index = f->role == OP_INDEX || f->role == OP_INDEX_OUTPUT,
               wide = k->run->wide && !f->vector && !f->tight && !f->image;
    const ct_dtype whole = f->dtype == CT_DTYPE_U8 ? CT_DTYPE_U8 : CT_DTYPE_I32;
    const ct_dtype real = k->dev ? f->dtype : CT_DTYPE_F64, dtype = index ? whole : real;
    const size_t size = element_bytes(dtype);
    b->tensor = (ct_tensor){NULL, dtype, v->rows, v->cols, f->vector ? 1 : v->cols + (wide ? WIDE_GAP : 0)};
    b->start = GUARD + (wide ? WIDE_START * size : 0);
    b->bytes = b->start + (size_t)(v->rows * b->tensor.ld) * size + GUARD;
    b->image = op_alloc(b->bytes, 1);
    paint_guards(b->image, b->bytes, dtype);
    for (int64_t r = 0; r < v->rows; r++)
        for (int64_t c = 0; c < v->cols; c++) write_cell(k, b, field, r, c);
}

static ct_status place_block(call *k, int field, ct_error *err) {
    block *b = &k->blocks[field];
    if (!k->dev) {
        b->memory = b->image;
    } else {
        CT_CHECK(ct_device_alloc(k->dev, b->bytes, 1, &b->memory, err));
        CT_CHECK(ct_device_upload(k->dev, b->memory, b->image, b->bytes, err));
    }
    b->tensor.data = (char *)b->memory + b->start;
    return CT_OK;
}

/* The block's tensor becomes the field's of the arguments; an image keeps the sizes that the run gave it. */
static void point_field(call *k, int field) {
    const op_field *f = &k->run->c->fields[field];
    const ct_tensor *t = &k->blocks[field].tensor;
    if (!f->image) {
        memcpy(k->args + f->at, t, sizeof *t);
        return;
    }
    ct_image *image = (ct_image *)(k->args + f->at);
    image->data = t->data;
    image->dtype = t->dtype;
}

static ct_status prepare(call *k, ct_error *err) {
    const op_case *c = k->run->c;
    k->args = op_alloc(1, k->run->op->args_bytes);
    memcpy(k->args, k->run->args, k->run->op->args_bytes);
    for (int i = 0; i < c->n_fields; i++) {
        if (!k->run->value[i].present) {
            memset(k->args + c->fields[i].at, 0, c->fields[i].image ? sizeof(ct_image) : sizeof(ct_tensor));
            continue;
        }
        layout_block(k, i);
        CT_CHECK(place_block(k, i, err));
    }
    for (int i = 0; i < c->n_fields; i++) {
        const op_field *f = &c->fields[i];
        if (f->role == OP_BLEND) {
            const float beta = (float)field_beta(k, i);
            memcpy(k->args + f->beta - 1, &beta, sizeof beta);
        }
        if (!k->run->value[i].present) continue;
        if (k->alias && k->alias->out == f->at + 1) {
            const block *in = &k->blocks[op_field_at(c, k->alias->in - 1) - c->fields];
            k->blocks[i].tensor = in->tensor;
            k->blocks[i].shared = true;
        }
        point_field(k, i);
    }
    return CT_OK;
}

static void finish(call *k) {
    for (int i = 0; i < OP_MAX_FIELDS; i++) {
        if (k->dev && k->blocks[i].memory) ct_device_free(k->dev, k->blocks[i].memory);
        free(k->blocks[i].image);
    }
    free(k->args);
}

static void read_value(const block *b, const char *now, op_value *out) {
    char *base = (char *)now;
    *out = (op_value){.present = true, .rows = b->tensor.rows, .cols = b->tensor.cols};
    const size_t n = (size_t)(out->rows * out->cols);
    if (is_whole(b->tensor.dtype))
        out->i = op_alloc(n, sizeof *out->i);
    else
        out->f = op_alloc(n, sizeof *out->f);
    for (int64_t r = 0; r < out->rows; r++) {
        for (int64_t c = 0; c < out->cols; c++) {
            const char *from = cell(b, base, r, c);
            float x;
            if (b->tensor.dtype == CT_DTYPE_U8) {
                out->i[r * out->cols + c] = (uint8_t)*from;
            } else if (out->i) {
                memcpy(&out->i[r * out->cols + c], from, 4);
            } else if (b->tensor.dtype == CT_DTYPE_F64) {
                memcpy(&out->f[r * out->cols + c], from, 8);
            } else {
                memcpy(&x, from, 4);
                out->f[r * out->cols + c] = x;
            }
        }
    }
}

/* Every byte outside the tensor's cells, and for inputs the cells too, must be what it was. */
static void check_bytes(const call *k, int field, const char *now, bool cells_too, op_outcome *outcome) {
    const block *b = &k->blocks[field];
    const size_t size = element_bytes(b->tensor.dtype);
    for (size_t i = 0; i < b->bytes; i++) {
        if (now[i] == b->image[i]) continue;
        const int64_t e = i < b->start ? -1 : (int64_t)((i - b->start) / size);
        const bool inside = e >= 0 && e < b->tensor.rows * b->tensor.ld && e % b->tensor.ld < b->tensor.cols;
        if (inside && !cells_too) continue;
        snprintf(outcome->fault, sizeof outcome->fault, "%s: %s changed at byte %lld (row %lld, column %lld)",
                 k->run->c->fields[field].name, inside ? "an input" : "memory outside the tensor",
                 (long long)i - (long long)b->start, (long long)(e < 0 ? -1 : e / b->tensor.ld),
                 (long long)(e < 0 ? -1 : e % b->tensor.ld));
        return;
    }
}

/* Downloads everything, checks guards and inputs, keeps the outputs. */
static ct_status inspect(call *k, bool outputs_too, op_outcome *outcome, ct_error *err) {
    const op_case *c = k->run->c;
    for (int i = 0; i < c->n_fields; i++) {
        block *b = &k->blocks[i];
        if (!b->image) continue;
        const bool output = op_is_output(&c->fields[i]);
        const bool written = output || (k->alias && k->alias->in == c->fields[i].at + 1);
        const block *home = b->shared ? &k->blocks[op_field_at(c, k->alias->in - 1) - c->fields] : b;
        char *now = op_alloc(b->bytes, 1);
        const ct_status st = ct_device_download(k->dev, now, home->memory, b->bytes, err);
        if (st == CT_OK && !outcome->fault[0] && !b->shared)
            check_bytes(k, i, now, !written || outputs_too, outcome);
        if (st == CT_OK && output && !outputs_too) read_value(b, now, &outcome->out[i]);
        free(now);
        CT_CHECK(st);
    }
    return CT_OK;
}

static ct_status call_device(call *k, op_outcome *outcome, ct_error *err) {
    CT_CHECK(prepare(k, err));
    CT_CHECK(ct_device_set_step(k->dev, &k->run->step, err));
    CT_CHECK(k->run->op->on_device(k->dev, k->args, err));
    CT_CHECK(ct_device_sync(k->dev, err));
    CT_CHECK(ct_device_get_step(k->dev, &outcome->step, err));
    CT_CHECK(inspect(k, false, outcome, err));
    if (!k->run->c->writes_step && !outcome->fault[0] &&
        memcmp(&outcome->step, &k->run->step, sizeof(ct_step)))
        snprintf(outcome->fault, sizeof outcome->fault, "the step state changed");
    return CT_OK;
}

static void note_error(op_outcome *outcome, const ct_error *err) {
    if (outcome->status != CT_OK)
        snprintf(outcome->fault, sizeof outcome->fault, "%s: %.500s", ct_status_name(outcome->status),
                 err->text);
}

void op_execute_device(const op_run *run, ct_device *dev, unsigned betas, int alias, op_outcome *outcome) {
    ct_error err = CT_ERROR_INIT;
    call k = {.run = run, .dev = dev, .betas = betas, .alias = alias < 0 ? NULL : &run->c->aliases[alias]};
    *outcome = (op_outcome){0};
    outcome->status = call_device(&k, outcome, &err);
    note_error(outcome, &err);
    finish(&k);
}

/* Planning touches no data, and the op that was planned allocates nothing. */
static ct_status call_plan(call *k, op_outcome *outcome, ct_error *err) {
    CT_CHECK(prepare(k, err));
    CT_CHECK(ct_device_set_step(k->dev, &k->run->step, err));
    ct_device_plan_begin(k->dev);
    const ct_status planned = k->run->op->on_device(k->dev, k->args, err);
    CT_CHECK(ct_device_plan_end(k->dev, err));
    CT_CHECK(planned);
    CT_CHECK(inspect(k, true, outcome, err));
    const uint64_t before = ct_alloc_count();
    CT_CHECK(k->run->op->on_device(k->dev, k->args, err));
    if (ct_alloc_count() != before && !outcome->fault[0])
        snprintf(outcome->fault, sizeof outcome->fault, "a planned call made %llu allocations",
                 (unsigned long long)(ct_alloc_count() - before));
    return CT_OK;
}

void op_execute_plan(const op_run *run, ct_device *dev, op_outcome *outcome) {
    ct_error err = CT_ERROR_INIT;
    call k = {.run = run, .dev = dev};
    *outcome = (op_outcome){0};
    outcome->status = call_plan(&k, outcome, &err);
    note_error(outcome, &err);
    finish(&k);
}

static ct_arena oracle_scratch;

void op_oracle_close(void) {
    ct_arena_free(&oracle_scratch);
}

/* Scratch for one oracle call: a dry call counts, then the arena grows if it must. */
static ct_status plan_oracle(const call *k, ct_kctx *ctx, ct_error *err) {
    ct_arena dry;
    ct_arena_create_dry(&dry, "oracle");
    ctx->dry = true;
    ctx->scratch = &dry;
    CT_CHECK(k->run->op->on_oracle(ctx, k->args));
    ctx->dry = false;
    ctx->scratch = &oracle_scratch;
    if (dry.peak <= oracle_scratch.capacity && oracle_scratch.block) return CT_OK;
    ct_arena_free(&oracle_scratch);
    return ct_arena_create(&oracle_scratch, "oracle", dry.peak + (1 << 20), err);
}

static ct_status call_oracle(call *k, op_outcome *outcome, ct_error *err) {
    ct_kctx ctx = {.step = &outcome->step, .n_threads = 1, .err = err};
    outcome->step = k->run->step;
    CT_CHECK(prepare(k, err));
    CT_CHECK(plan_oracle(k, &ctx, err));
    const size_t mark = ct_arena_mark(&oracle_scratch);
    const ct_status st = k->run->op->on_oracle(&ctx, k->args);
    ct_arena_release(&oracle_scratch, mark);
    CT_CHECK(st);
    for (int i = 0; i < k->run->c->n_fields; i++)
        if (k->blocks[i].image && op_is_output(&k->run->c->fields[i]))
            read_value(&k->blocks[i], k->blocks[i].image, &outcome->out[i]);
    return CT_OK;
}

void op_execute_oracle(const op_run *run, unsigned betas, bool exact, op_outcome *outcome) {
    ct_error err = CT_ERROR_INIT;
    call k = {.run = run, .betas = betas, .exact = exact};
    *outcome = (op_outcome){0};
    outcome->status = call_oracle(&k, outcome, &err);
    note_error(outcome, &err);
    finish(&k);
}
