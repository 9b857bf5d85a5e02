/* The table of ops, expanded from the list, and one op as a case. */
#include "benchmarks/ops.h"

#include "base/alloc.h"

#define CT_OP(name, home)                                                                                    \
    static void make_##name(bench_maker *m, void *args) {                                                    \
        bench_make_##name(m, args);                                                                          \
    }                                                                                                        \
    static ct_status run_##name(ct_device *dev, const void *args, ct_error *err) {                           \
        return ct_##name(dev, args, err);                                                                    \
    }
#include "kernels/ops.def"
#undef CT_OP

const bench_op bench_ops[] = {
#define CT_OP(name, home) {#name, sizeof(struct ct_##name##_args), make_##name, run_##name},
#include "kernels/ops.def"
#undef CT_OP
};
const int bench_n_ops = sizeof bench_ops / sizeof *bench_ops;

typedef struct op_state {
    bench_maker maker;
    const bench_op *op;
    void *args;
} op_state;

ct_status bench_op_open(void **state, const bench_op *op, const char *sizes, const bench_options *options,
                        ct_error *err) {
    ct_status st = CT_OK;
    op_state *s = NULL;
    *state = NULL;
    CT_TRY(ct_calloc(1, sizeof *s, (void **)&s, err), st, done);
    s->op = op;
    CT_TRY(ct_calloc(1, op->args_bytes, &s->args, err), st, done);
    CT_TRY(bench_maker_open(&s->maker, options, sizes, err), st, done);
    op->make(&s->maker, s->args);
    CT_TRY(bench_maker_end(&s->maker), st, done);
    *state = s;
    s = NULL;
done:
    bench_op_close(s);
    return st;
}

ct_status bench_op_run(void *state, ct_error *err) {
    op_state *s = state;
    CT_CHECK(s->op->run(s->maker.dev, s->args, err));
    return ct_device_sync(s->maker.dev, err);
}

void bench_op_close(void *state) {
    op_state *s = state;
    if (!s) return;
    bench_maker_close(&s->maker);
    ct_free(s->args);
    ct_free(s);
}

bench_work bench_op_work(const void *state) {
    return ((const op_state *)state)->maker.work;
}
