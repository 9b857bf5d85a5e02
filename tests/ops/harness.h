/* The op harness: what a case file declares, and what the harness keeps of one run.
 *
 * A case names the tensors of an op's args struct (fields), a list of shapes, and a callback that turns a
 * shape into sizes and scalars. The harness does the rest: values, guard bytes, poison, the f64 oracle,
 * limits, accumulation, aliases, repeatability, threads, planning, finite differences. Every op of
 * kernels/ops.def needs a case. */
#ifndef CT_TESTS_OPS_HARNESS_H
#define CT_TESTS_OPS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"

typedef enum op_role {
    OP_INPUT,        /* filled by the harness or the case, or copied from the forward; must stay as it is */
    OP_INDEX,        /* i32 (or u8) input, filled by the case or copied from the forward */
    OP_OUTPUT,       /* overwritten; NaN before the call */
    OP_INDEX_OUTPUT, /* i32 (or u8), overwritten */
    OP_BLEND,        /* beta * old + value; NaN before the call when beta is 0 */
    OP_ADD,          /* a parameter's gradient: added to whatever is there */
    OP_UPDATE        /* read and written: starts as an input, is compared as an output */
} op_role;

typedef enum op_fill {
    OP_FILL_PATTERN, /* by the pattern of the run */
    OP_FILL_NORMAL,  /* standard normal whatever the pattern */
    OP_FILL_CASE     /* by the case's fill() */
} op_fill;

typedef enum op_pattern {
    OP_NORMAL, /* standard normal */
    OP_ONES,
    OP_MEAN,  /* a large mean and a small variance */
    OP_EQUAL, /* one value everywhere, no power of two */
    OP_HUGE,  /* far below zero */
    OP_EXACT, /* halves in [-1, 1]: f32 sums are exact, so ties are ties on every device */
    OP_PATTERNS
} op_pattern;

/* One tensor of an args struct. Links to other tensors are OP_LINK(struct, member), 0 means none. */
#define OP_LINK(type, member) (offsetof(struct type, member) + 1)
typedef struct op_field {
    const char *name;
    size_t at; /* offsetof the ct_tensor or ct_image */
    op_role role;
    op_fill fill;
    bool vector;     /* [n, 1]: its ld is always 1 */
    bool tight;      /* its contract wants ld == cols */
    bool image;      /* a ct_image: a matrix with a row a pixel of a channel block, cb columns */
    ct_dtype dtype;  /* of floats on the device: CT_DTYPE_F32, or CT_DTYPE_F64 where the contract says f64;
                        of indices: i32, or CT_DTYPE_U8 where the contract says u8 */
    size_t beta;     /* OP_BLEND: link to the float of the same struct */
    size_t scale[3]; /* links to inputs of the same struct: the error may follow the product of their
                        magnitudes */
    size_t from;     /* backward: the tensor of the forward with the same content */
    size_t upstream; /* backward: this is the gradient of that output of the forward */
    size_t grad;     /* backward output: this is the gradient of that input of the forward */
    size_t like;     /* backward: sizes come from that tensor of the forward (else from the links above) */
} op_field;

typedef struct op_shape {
    int64_t n[4];
    unsigned flags; /* the case's own bits */
} op_shape;

/* Content of one tensor on the host, dense. */
typedef struct op_value {
    bool present;
    int64_t rows, cols;
    double *f;  /* floats, or */
    int32_t *i; /* indices */
} op_value;

enum { OP_MAX_FIELDS = 24 };

typedef struct op_run op_run;
typedef struct op_special op_special;

/* Result of one execution. */
typedef struct op_outcome {
    ct_status status;
    op_value out[OP_MAX_FIELDS]; /* content of every output afterwards */
    ct_step step;                /* the step state afterwards */
    char fault[600]; /* what went wrong beside values: an error text, guard bytes, changed inputs */
} op_outcome;

typedef struct op_alias {
    size_t out, in; /* links: the output may share the input's memory (an OP_BLEND only with beta 0) */
} op_alias;

typedef struct op_case {
    const op_field *fields;
    const op_shape *shapes;
    int n_fields, n_shapes;
    unsigned patterns; /* 1 << op_pattern, beside OP_NORMAL */
    double k;          /* the factor of the error limit, see limits.c */
    op_alias aliases[3];
    const struct op_case *forward; /* backward cases */
    bool same_bytes_any_threads;
    bool writes_step;
    /* Sizes (op_size), scalars of run->args, run->length, changes to run->step. */
    void (*setup)(op_run *run);
    /* Fields with OP_FILL_CASE and OP_INDEX without a link. */
    void (*fill)(op_run *run, ct_rng *rng);
    /* Is `got` as good as the oracle's index when they differ by rounding? Not asked under OP_EXACT. */
    bool (*index_ok)(const op_run *run, const op_field *field, int64_t row, int64_t col, int32_t got,
                     int32_t want);
    /* A second opinion on the oracle, written from the header alone; returns NULL or what is wrong. */
    const char *(*verify)(const op_run *run, const op_outcome *oracle);
    /* What finite differences differentiate, if not the upstream-weighted sum of the outputs: `base` is the
     * forward's outcome before, `now` after an input of run->forward was moved. */
    double (*objective)(const op_run *run, const op_outcome *base, const op_outcome *now);
    /* Forward cases: did no element cross a kink (as a ReLU has at 0) between these outcomes? Differences are
     * not taken across one, nor where an index output moves. */
    bool (*smooth)(const op_run *run, const op_outcome *before, const op_outcome *now);
    /* Checks of its own on one device. */
    void (*special)(op_special *s);
} op_case;

/* One shape with one pattern: initial contents and scalars. */
struct op_run {
    const op_case *c;
    const struct op_entry *op;
    op_shape shape;
    op_pattern pattern;
    uint64_t seed;
    bool wide; /* matrices are column blocks of wider ones */
    void *args;
    op_value value[OP_MAX_FIELDS];
    ct_step step;
    double length;           /* longest sum behind an output element, sets the limit */
    double scale;            /* size of the terms that an output is the difference of, if no input says it */
    op_run *forward;         /* backward cases: the forward run, and */
    op_outcome *forward_out; /* what the oracle made of it */
};

/* An op of ops.def with everything that was expanded for it. */
typedef struct op_entry {
    const char *name;
    size_t args_bytes;
    size_t table_at;  /* offset of the op in a ct_op_table */
    const op_case *c; /* NULL: no case */
    ct_status (*on_device)(ct_device *dev, const void *args, ct_error *err);
    ct_status (*on_oracle)(ct_kctx *ctx, const void *args); /* through op_oracle_table */
} op_entry;

/* --- For case files
 * ------------------------------------------------------------------------------------------- */

#define OP_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define OP_TABLES(fields_, shapes_)                                                                          \
    .fields = fields_, .n_fields = OP_COUNT(fields_), .shapes = shapes_, .n_shapes = OP_COUNT(shapes_)

/* The tensor at an offset of the run's args gets its sizes; cols 0 makes it absent. Backward tensors that are
 * linked to the forward have theirs already. */
void op_size(op_run *run, size_t at, int64_t rows, int64_t cols);
/* The same for an image; cb 0 makes it absent. Its channels beyond c are 0 in inputs, and must be in outputs.
 */
void op_size_image(op_run *run, size_t at, int64_t n, int64_t c, int64_t h, int64_t w, int64_t cb);
void op_absent(op_run *run, size_t at);
/* Where an element of the image at an offset lies in its value. */
int64_t op_image_element(const op_run *run, size_t at, int64_t n, int64_t c, int64_t i, int64_t j);
/* The content at an offset, as dense arrays. */
op_value *op_at(op_run *run, size_t at);
const op_value *op_see(const op_run *run, size_t at);
const op_value *op_result(const op_run *run, const op_outcome *outcome, size_t at);
/* Numbers of a value. */
static inline double op_f(const op_value *v, int64_t r, int64_t c) {
    return v->f[r * v->cols + c];
}
static inline void op_set(op_value *v, int64_t r, int64_t c, double x) {
    v->f[r * v->cols + c] = (double)(float)x;
}
/* i32 [n + 1, 1] of running sums of lengths. */
void op_fill_offsets(op_value *v, const int64_t *lengths);
/* row_of and pos_of that differ from 0, 1, 2, ... */
void op_fill_row_pos(op_run *run, size_t row_of, size_t pos_of);

/* Sequence lengths by number, shared by the ops on packed sequences; *n sequences. */
const int64_t *op_lengths(int64_t preset, int64_t *n);
int64_t op_lengths_sum(int64_t preset);
int64_t op_lengths_max(int64_t preset);

/* --- For special checks (special.c)
 * --------------------------------------------------------------------------- */

struct op_special {
    const struct op_device *device;
    const char *op;
    ct_device *dev; /* the one with two threads */
    ct_step step;
    void *blocks[64];
    int n_blocks;
};

/* Tensors on the device, freed when the special check ends. values may be NULL (NaN, or -77 for indices). */
ct_tensor op_special_f32(op_special *s, int64_t rows, int64_t cols, const double *values);
ct_tensor op_special_f64(op_special *s, int64_t rows, int64_t cols, const double *values);
ct_tensor op_special_i32(op_special *s, int64_t rows, int64_t cols, const int32_t *values);
void op_special_read(op_special *s, ct_tensor t, double *out);
void op_special_read_i32(op_special *s, ct_tensor t, int32_t *out);
/* Hands s->step to the device. */
void op_special_step(op_special *s);
/* Prints one TAP line. */
void op_special_check(op_special *s, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- Inside the harness
 * --------------------------------------------------------------------------------------- */

/* A device under test: the same table with one and with two threads. */
typedef struct op_device {
    char name[16];
    ct_device *one, *two;
} op_device;

extern const op_entry op_entries[];
extern const int op_n_entries;
extern ct_op_table op_oracle_table; /* ref_f64; the mutants replace entries */
extern const ct_op_table op_ref_f32_table;

void *op_alloc(size_t count, size_t size); /* zeroed; the test ends when there is no memory */

/* run.c */
op_run *op_run_create(const op_entry *op, const op_shape *shape, op_pattern pattern, bool wide,
                      uint64_t seed);
void op_run_free(op_run *run); /* accepts NULL */
const op_field *op_field_at(const op_case *c, size_t at);
/* The field's tensor in an args struct; an image as the matrix of its pixels. */
ct_tensor op_field_tensor(const op_field *field, const void *args);
/* Is this element of an image's value a channel beyond the last? */
bool op_is_padding(const op_run *run, const op_field *field, int64_t element);
bool op_is_output(const op_field *field);
int64_t op_run_elements(const op_run *run);
void op_run_label(const op_run *run, char *text, size_t n);
void op_outcome_free(op_outcome *outcome);

/* execute.c. betas: bit i is the beta of the i-th OP_BLEND field; alias: -1 or an index of case.aliases.
 * `exact` keeps the f64 values of tensors that the forward left, otherwise the oracle reads them rounded as
 * the device does. */
void op_execute_device(const op_run *run, ct_device *dev, unsigned betas, int alias, op_outcome *outcome);
void op_execute_oracle(const op_run *run, unsigned betas, bool exact, op_outcome *outcome);
void op_execute_plan(const op_run *run, ct_device *dev, op_outcome *outcome);
void op_oracle_close(void);

/* limits.c */
typedef struct op_limits {
    op_value
        of[OP_MAX_FIELDS]; /* how far rounding may move each output element, before the output's own size */
} op_limits;
void op_limits_make(const op_run *run, const op_outcome *oracle, op_limits *limits);
void op_limits_free(op_limits *limits);
/* False, with the first bad element in `why`, when an output is not what the oracle says. */
bool op_compare(const op_run *run, const op_limits *limits, const op_outcome *got, const op_outcome *want,
                char *why, size_t n);
bool op_same_bytes(const op_run *run, const op_outcome *a, const op_outcome *b, char *why, size_t n);

/* checks.c, gradient.c: each kind of check yields one TAP line an op and device. */
typedef struct op_tally {
    int run, failed, skipped;
    char first[1200]; /* the first failure */
} op_tally;
void op_tally_add(op_tally *t, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));

typedef enum op_check {
    OP_CHECK_VALUES,
    OP_CHECK_ACCUMULATE,
    OP_CHECK_ALIAS,
    OP_CHECK_REPEAT,
    OP_CHECK_THREADS,
    OP_CHECK_PLAN,
    OP_CHECKS
} op_check;
extern const char *const op_check_names[OP_CHECKS];

/* The oracle's answers for one run, shared by all devices. */
typedef struct op_expected {
    op_run *run;
    unsigned betas[3]; /* 0, all, and the mixture where there are several */
    int n_betas;
    op_outcome want[3];
    op_limits limits;
} op_expected;
void op_expected_make(op_expected *e, op_run *run); /* owns the run */
void op_expected_free(op_expected *e);
/* Runs the checks of one run on one device; `only_values` for the mutants. */
void op_check_run(const op_expected *e, const op_device *device, bool only_values,
                  op_tally tallies[OP_CHECKS]);
/* The oracle against itself: accumulation, and the case's second opinion. */
void op_check_oracle(const op_expected *e, op_tally *tally);

/* Finite differences: what was compared and what was skipped at kinks, by field of the backward case. */
typedef struct op_gradient {
    op_tally tally;
    int compared[OP_MAX_FIELDS], kinks[OP_MAX_FIELDS];
} op_gradient;
void op_check_gradient(op_run *run, op_gradient *g);
/* Every gradient must have been compared somewhere, and at most half of the elements skipped. */
void op_gradient_coverage(const op_case *c, op_gradient *g);

/* The runs of a case: calls visit for every shape, pattern and layout. quick: small ones only. */
typedef bool (*op_visit)(op_run *run, void *ctx); /* owns the run; false stops */
void op_for_each_run(const op_entry *op, uint64_t seed, bool quick, op_visit visit, void *ctx);

/* report.c: TAP. */
void op_tap(bool ok, const char *name, const char *diagnostic);
void op_tap_skip(const char *name, const char *reason);
void op_tap_unsupported(const char *name); /* the device's table lacks the op */
void op_tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
int op_tap_finish(void); /* prints plan and counts; the exit status */
/* What runs now, for the message of a crash. */
void op_doing(const char *format, ...) __attribute__((format(printf, 1, 2)));
void op_catch_crashes(void);

/* mutants.c: the number of mutants that nothing noticed. */
int op_mutants(const op_device *device, uint64_t seed, const char *only_op);

/* special.c */
void op_special_run(const op_entry *op, const op_device *device);

#endif
