/* Can the harness fail? Every table entry is wrapped by broken versions of itself, and each must turn a check
 * red. The wrappers reach into tensors from the host, so they are for devices whose memory the host can read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ops/harness.h"

typedef enum mutation {
    MUTANT_DOUBLE,    /* an output twice too large */
    MUTANT_SLIGHT,    /* an output too large by a thousandth: limits must not be wide */
    MUTANT_SHIFT,     /* rows off by one (columns, where there is one row) */
    MUTANT_DROP,      /* the last element left as it was */
    MUTANT_SPILL,     /* an element written behind the last one */
    MUTANT_TOUCH,     /* an input changed */
    MUTANT_BETA_ZERO, /* beta 1 taken for 0 */
    MUTANT_BETA_ONE,  /* beta 0 taken for 1 */
    MUTANT_OVERWRITE, /* a parameter's gradient overwritten, not added to */
    MUTANT_INDEX,     /* ids off by one */
    MUTANT_UNSTEADY,  /* an output's last bit differs from call to call */
    MUTANT_THREADED,  /* the last bit depends on the number of threads, where it must not */
    MUTANT_PLANS,     /* a planning call writes */
    MUTANT_ALIAS,     /* an output that may share an input's memory is cleared first */
    MUTANT_NORM,      /* the step's norm twice too large */
    MUTANT_SKIP,      /* the step's skip flag flipped */
    MUTANT_CLIP,      /* the step's clip factor left as it was */
    MUTATIONS
} mutation;

static const char *const mutation_names[MUTATIONS] = {
    [MUTANT_DOUBLE] = "doubled",
    [MUTANT_SLIGHT] = "off by 1/1000",
    [MUTANT_SHIFT] = "shifted",
    [MUTANT_DROP] = "last dropped",
    [MUTANT_SPILL] = "spilled",
    [MUTANT_TOUCH] = "input",
    [MUTANT_BETA_ZERO] = "beta 1->0",
    [MUTANT_BETA_ONE] = "beta 0->1",
    [MUTANT_OVERWRITE] = "overwritten",
    [MUTANT_INDEX] = "ids off by 1",
    [MUTANT_UNSTEADY] = "unsteady",
    [MUTANT_THREADED] = "threads",
    [MUTANT_PLANS] = "plans",
    [MUTANT_ALIAS] = "alias",
    [MUTANT_NORM] = "norm",
    [MUTANT_SKIP] = "skip",
    [MUTANT_CLIP] = "clip",
};

/* The mutant under test; the wrappers have no other way to know. */
static struct {
    mutation kind;
    const op_field *field;
    ct_op_table base;
    int calls; /* since the checks of a run began */
} active;

static char *element(const ct_tensor *t, int64_t r, int64_t c) {
    return (char *)t->data + (size_t)(r * t->ld + c) * ct_dtype_bytes(t->dtype);
}

static void add_to(const ct_tensor *t, char *at, double factor, double summand) {
    float f;
    double d;
    int32_t i;
    uint8_t u;
    switch (t->dtype) {
    case CT_DTYPE_F32:
        memcpy(&f, at, sizeof f);
        f = (float)(f * factor + summand);
        memcpy(at, &f, sizeof f);
        break;
    case CT_DTYPE_F64:
        memcpy(&d, at, sizeof d);
        d = d * factor + summand;
        memcpy(at, &d, sizeof d);
        break;
    case CT_DTYPE_U8:
        memcpy(&u, at, sizeof u);
        u = (uint8_t)((int)(u * factor + summand) & 0xff);
        memcpy(at, &u, sizeof u);
        break;
    default:
        memcpy(&i, at, sizeof i);
        i = (int32_t)(i * factor + summand);
        memcpy(at, &i, sizeof i);
    }
}

static void for_all(const ct_tensor *t, double factor, double summand) {
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++) add_to(t, element(t, r, c), factor, summand);
}

static void shift(const ct_tensor *t) {
    const size_t size = ct_dtype_bytes(t->dtype);
    for (int64_t r = 0; t->rows > 1 && r + 1 < t->rows; r++)
        memcpy(element(t, r, 0), element(t, r + 1, 0), (size_t)t->cols * size);
    for (int64_t c = 0; t->rows == 1 && c + 1 < t->cols; c++)
        memcpy(element(t, 0, c), element(t, 0, c + 1), size);
}

/* The smallest change of every element, for floats too small for any limit. */
static void nudge(const ct_tensor *t) {
    const bool whole = t->dtype != CT_DTYPE_F64 && t->dtype != CT_DTYPE_F32;
    for_all(t, whole ? 1 : t->dtype == CT_DTYPE_F64 ? 1 + 0x1p-52 : 1 + 0x1p-23, whole);
}

static void spill(const ct_tensor *t) {
    memset(element(t, t->rows - 1, t->cols), 0x11, ct_dtype_bytes(t->dtype));
}

static float read_beta(const char *args) {
    float beta;
    memcpy(&beta, args + active.field->beta - 1, sizeof beta);
    return beta;
}

/* Not times 0: the memory may hold NaN. */
static void clear(const ct_tensor *t) {
    for (int64_t r = 0; r < t->rows; r++)
        memset(element(t, r, 0), 0, (size_t)t->cols * ct_dtype_bytes(t->dtype));
}

static void before_call(char *args, const ct_tensor *t) {
    const float beta = active.kind == MUTANT_BETA_ONE;
    if (active.kind == MUTANT_BETA_ZERO || active.kind == MUTANT_BETA_ONE)
        memcpy(args + active.field->beta - 1, &beta, sizeof beta);
    if (active.kind == MUTANT_OVERWRITE && t->data) for_all(t, 0, 0);
    if (active.kind == MUTANT_ALIAS && t->data && !(active.field->beta && read_beta(args) != 0)) clear(t);
}

static void after_call(const ct_tensor *t, const char *last, ct_kctx *ctx, const ct_step *old) {
    ct_step *step = ctx->step;
    const bool any = t && t->data && t->rows > 0 && t->cols > 0;
    switch (active.kind) {
    case MUTANT_DOUBLE:
        if (any) for_all(t, 2, 0);
        break;
    case MUTANT_SLIGHT:
        if (any) for_all(t, 1.001, 0);
        break;
    case MUTANT_SHIFT:
        if (any) shift(t);
        break;
    case MUTANT_DROP:
        if (any) memcpy(element(t, t->rows - 1, t->cols - 1), last, ct_dtype_bytes(t->dtype));
        break;
    case MUTANT_SPILL:
        if (any) spill(t);
        break;
    case MUTANT_TOUCH:
        if (any) add_to(t, element(t, t->rows - 1, t->cols - 1), 1, 1);
        break;
    case MUTANT_INDEX:
        if (any) for_all(t, 1, 1);
        break;
    case MUTANT_UNSTEADY:
        if (any && active.calls++ > 0) nudge(t);
        break;
    case MUTANT_THREADED:
        if (any && ctx->n_threads > 1) nudge(t);
        break;
    case MUTANT_NORM:
        step->grad_norm *= 2;
        break;
    case MUTANT_SKIP:
        step->skip = !step->skip;
        break;
    case MUTANT_CLIP:
        step->clip = old->clip;
        break;
    default:
        break;
    }
}

static void write_while_planning(const void *args) {
    const ct_tensor t = op_field_tensor(active.field, args);
    if (t.data && t.rows > 0 && t.cols > 0) memset(t.data, 0x11, ct_dtype_bytes(t.dtype));
}

static ct_status mutate(ct_kctx *ctx, const void *args, size_t bytes,
                        ct_status (*original)(ct_kctx *ctx, const void *args)) {
    if (ctx->dry) {
        if (active.kind == MUTANT_PLANS) write_while_planning(args);
        return original(ctx, args);
    }
    char *copy = op_alloc(bytes, 1), last[8] = {0};
    memcpy(copy, args, bytes);
    const ct_tensor seen = active.field ? op_field_tensor(active.field, copy) : (ct_tensor){0};
    const ct_tensor *t = active.field ? &seen : NULL;
    const ct_step old = *ctx->step;
    if (t && t->data && t->rows > 0)
        memcpy(last, element(t, t->rows - 1, t->cols - 1), ct_dtype_bytes(t->dtype));
    if (t) before_call(copy, t);
    const ct_status st = original(ctx, copy);
    if (st == CT_OK) after_call(t, last, ctx, &old);
    free(copy);
    return st;
}

#define CT_OP(name, home)                                                                                    \
    static ct_status base_##name(ct_kctx *ctx, const void *args) {                                           \
        return active.base.name(ctx, args);                                                                  \
    }                                                                                                        \
    static ct_status mutant_##name(ct_kctx *ctx, const struct ct_##name##_args *args) {                      \
        return mutate(ctx, args, sizeof *args, base_##name);                                                 \
    }
#include "kernels/ops.def"
#undef CT_OP

/* Puts the wrapper of one op into a table that else holds the originals. */
static void wrap(ct_op_table *table, const char *op) {
#define CT_OP(name, home)                                                                                    \
    if (strcmp(op, #name) == 0) table->name = mutant_##name;
#include "kernels/ops.def"
#undef CT_OP
}

static bool may_alias(const op_case *c, const op_field *f) {
    for (int a = 0; a < OP_COUNT(c->aliases); a++)
        if (c->aliases[a].out == f->at + 1) return true;
    return false;
}

static bool applies(const op_case *c, mutation m, const op_field *f) {
    const bool output = op_is_output(f), index = f->role == OP_INDEX_OUTPUT;
    switch (m) {
    case MUTANT_DOUBLE:
    case MUTANT_SLIGHT:
    case MUTANT_UNSTEADY:
        return output && !index;
    case MUTANT_THREADED:
        return output && c->same_bytes_any_threads;
    case MUTANT_PLANS:
        return output;
    case MUTANT_ALIAS:
        return may_alias(c, f);
    case MUTANT_SHIFT:
    case MUTANT_DROP:
    case MUTANT_SPILL:
        return output;
    case MUTANT_TOUCH:
        return !output;
    case MUTANT_BETA_ZERO:
    case MUTANT_BETA_ONE:
        return f->role == OP_BLEND;
    case MUTANT_OVERWRITE:
        return f->role == OP_ADD;
    case MUTANT_INDEX:
        return index;
    default:
        return false;
    }
}

/* Only one element in every shape: there is nothing to shift. */
static bool single(const op_entry *op, const op_field *f, op_expected *const *runs, int n) {
    const int i = (int)(f - op->c->fields);
    for (int r = 0; r < n; r++)
        if (runs[r]->run->value[i].rows * runs[r]->run->value[i].cols > 1) return false;
    return true;
}

enum { MAX_RUNS = 64 };
typedef struct run_list {
    op_expected *runs[MAX_RUNS];
    int n;
} run_list;

static bool keep_run(op_run *run, void *ctx) {
    run_list *list = ctx;
    op_expected *e = op_alloc(1, sizeof *e);
    op_expected_make(e, run);
    list->runs[list->n++] = e;
    return list->n < MAX_RUNS;
}

/* Is a check red? For the mutants that only one kind of check can see, is that one red? */
static bool red_on_device(const run_list *list, const op_device *device) {
    static const op_check seen_by[MUTATIONS] = {[MUTANT_UNSTEADY] = OP_CHECK_REPEAT,
                                                [MUTANT_THREADED] = OP_CHECK_THREADS,
                                                [MUTANT_PLANS] = OP_CHECK_PLAN,
                                                [MUTANT_ALIAS] = OP_CHECK_ALIAS};
    const op_check only = seen_by[active.kind];
    for (int r = 0; r < list->n; r++) {
        op_tally tallies[OP_CHECKS] = {0};
        active.calls = 0;
        op_check_run(list->runs[r], device, only == 0, tallies);
        for (int c = 0; c < OP_CHECKS; c++)
            if (tallies[c].failed && (only == 0 || c == (int)only)) return true;
    }
    return false;
}

static bool red_in_oracle(const run_list *list) {
    bool red = false;
    for (int r = 0; r < list->n && !red; r++) {
        op_expected e = *list->runs[r];
        op_gradient gradient = {0};
        op_tally tally = {0};
        for (int b = 0; b < e.n_betas; b++) op_execute_oracle(e.run, e.betas[b], false, &e.want[b]);
        op_check_oracle(&e, &tally);
        op_check_gradient(e.run, &gradient);
        for (int b = 0; b < e.n_betas; b++) op_outcome_free(&e.want[b]);
        red = tally.failed || gradient.tally.failed;
    }
    return red;
}

typedef struct score {
    int made, red;
    char green[600];
} score;

static void count(score *s, bool red, const op_field *f) {
    s->made++;
    s->red += red;
    const size_t used = strlen(s->green);
    if (!red)
        snprintf(s->green + used, sizeof s->green - used, "%s %s\n", f ? f->name : "step",
                 mutation_names[active.kind]);
}

static void device_mutants(const op_entry *op, const op_device *device, const run_list *list, score *s) {
    const ct_op_table *original = ct_device_table(device->two);
    ct_op_table broken = active.base = *original;
    wrap(&broken, op->name);
    ct_device_set_table(device->two, &broken);
    for (active.kind = 0; active.kind < MUTATIONS; active.kind++) {
        active.field = NULL;
        const bool of_step = active.kind >= MUTANT_NORM;
        if (of_step && op->c->writes_step) count(s, red_on_device(list, device), NULL);
        for (int i = 0; i < op->c->n_fields && !of_step; i++) {
            active.field = &op->c->fields[i];
            if (!applies(op->c, active.kind, active.field)) continue;
            if (active.kind == MUTANT_SHIFT && single(op, active.field, list->runs, list->n)) continue;
            count(s, red_on_device(list, device), active.field);
        }
    }
    ct_device_set_table(device->two, original);
}

/* Gradients fall to differences, accumulation to the accumulation check, forwards to the case's second
 * opinion. */
static bool oracle_can_tell(const op_case *c, const op_field *f, mutation m) {
    const bool wrong = m == MUTANT_DOUBLE || m == MUTANT_SLIGHT || m == MUTANT_SHIFT || m == MUTANT_DROP;
    if (m == MUTANT_BETA_ZERO || m == MUTANT_OVERWRITE) return true;
    return wrong && (f->grad || (c->verify && f->role != OP_INDEX_OUTPUT));
}

static void oracle_mutants(const op_entry *op, const run_list *list, score *s) {
    active.base = op_oracle_table;
    wrap(&op_oracle_table, op->name);
    for (active.kind = 0; active.kind < MUTANT_UNSTEADY; active.kind++) {
        for (int i = 0; i < op->c->n_fields; i++) {
            active.field = &op->c->fields[i];
            if (!applies(op->c, active.kind, active.field) ||
                !oracle_can_tell(op->c, active.field, active.kind))
                continue;
            if (active.kind == MUTANT_SHIFT && single(op, active.field, list->runs, list->n)) continue;
            count(s, red_in_oracle(list), active.field);
        }
    }
    op_oracle_table = active.base;
    active.kind = 0;
}

int op_mutants(const op_device *device, uint64_t seed, const char *only_op) {
    score all = {0};
    op_tap_note("%-28s %8s %8s %8s   of the device %s, and of the oracle", "op", "mutants", "red", "green",
                device->name);
    for (int o = 0; o < op_n_entries; o++) {
        const op_entry *op = &op_entries[o];
        if (!op->c || (only_op && strcmp(only_op, op->name))) continue;
        run_list list = {0};
        score s = {0};
        char name[80];
        op_for_each_run(op, seed, true, keep_run, &list);
        /* A check that is red anyway proves nothing. */
        snprintf(name, sizeof name, "%s %s is green without a mutant", device->name, op->name);
        op_tap(!red_on_device(&list, device) && !red_in_oracle(&list), name, NULL);
        device_mutants(op, device, &list, &s);
        oracle_mutants(op, &list, &s);
        op_tap_note("%-28s %8d %8d %8d", op->name, s.made, s.red, s.made - s.red);
        snprintf(name, sizeof name, "%s %s mutants are noticed", device->name, op->name);
        op_tap(s.made > 0 && s.made == s.red, name, s.green);
        all.made += s.made;
        all.red += s.red;
        for (int r = 0; r < list.n; r++) {
            op_expected_free(list.runs[r]);
            free(list.runs[r]);
        }
    }
    op_tap_note("%s: mutants %d, red %d, green %d", device->name, all.made, all.red, all.made - all.red);
    return all.made - all.red;
}
