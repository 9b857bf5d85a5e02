/* The ops of kernels/ops.def as benchmark cases: a maker an op turns a line of sizes into arguments and
 * counts of work; an op without a maker does not link. */
#ifndef CT_BENCHMARKS_OPS_H
#define CT_BENCHMARKS_OPS_H

#include "benchmarks/maker.h"

typedef struct bench_op {
    const char *name; /* "linear_forward" */
    size_t args_bytes;
    void (*make)(bench_maker *m, void *args);
    ct_status (*run)(ct_device *dev, const void *args, ct_error *err);
} bench_op;

extern const bench_op bench_ops[];
extern const int bench_n_ops;

/* One op with arguments on a device of its own. *state is NULL on failure. */
ct_status bench_op_open(void **state, const bench_op *op, const char *sizes, const bench_options *options,
                        ct_error *err);
ct_status bench_op_run(void *state, ct_error *err);
void bench_op_close(void *state); /* accepts NULL */
bench_work bench_op_work(const void *state);

/* The makers: ops_layers.c, ops_text.c, ops_image.c, ops_training.c. They take their sizes, fill args and set
 * m->work: flop of the formula, and bytes of the arrays, each once for reading and once for writing.
 * Dropout's numbers, exp and the like count as nothing, so that a share of the peak never flatters. A
 * backward's maker runs the forward for what is kept. */
#define CT_OP(name, home) void bench_make_##name(bench_maker *m, struct ct_##name##_args *a);
#include "kernels/ops.def"
#undef CT_OP

#endif
