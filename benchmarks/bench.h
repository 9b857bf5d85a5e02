/* What the benchmark program times: cases, each a thing that is opened once and then run again and again. A list of
 * cases a file; benchmarks/bench.c runs them and prints, or serves one case to tools/peers (see docs/benchmarks.md). */
#ifndef CT_BENCHMARKS_BENCH_H
#define CT_BENCHMARKS_BENCH_H

#include "base/error.h"

typedef struct bench_options {
    int threads;        /* of the device */
    const char *shapes; /* the folder benchmarks/shapes */
} bench_options;

/* What one repetition must do at least, for shares of the machine's peaks; 0: not counted. */
typedef struct bench_work {
    double flop;  /* floating-point operations, a multiply-add being two */
    double bytes; /* read and written, each array once */
} bench_work;

typedef struct bench_case {
    const char *name; /* "user_tower_step": letters, digits, _ */
    const char *what; /* one line: sizes, and what a repetition is */
    const char *unit; /* what n_units counts ("pairs", "pictures"); NULL: none */
    /* Everything that is not timed. *state is NULL on failure. */
    ct_status (*open)(void **state, const bench_options *options, ct_error *err);
    /* One repetition; waits for its end. */
    ct_status (*run)(void *state, ct_error *err);
    void (*close)(void *state); /* accepts NULL */
    bench_work (*work)(const void *state); /* NULL: not counted */
    double n_units;
} bench_case;

/* Lists end with a case whose name is NULL. */
extern const bench_case bench_step_cases[]; /* whole training steps and inference: benchmarks/steps*.c */

#endif
