/* What every kernel gets beside its arguments: the context of one call, and the state of the training step.
 *
 * A kernel is `ct_status f(ct_kctx *ctx, const struct ct_<op>_args *args)`. Shapes, dtypes and NULLs were checked in
 * src/device/; a kernel asserts at most. Rules that hold for all ops, said here once:
 * - Tensors are row-major with a leading dimension; outputs never overlap inputs unless the op's header allows it.
 * - Gradients of activations are written as g = beta * g + value with beta 0 or 1; with beta 0 the old content is not
 *   read (it may be NaN). Gradients of parameters are always added to.
 * - A tensor with data == NULL is absent; where that is allowed the op's header says so.
 * - Zero rows are legal everywhere: nothing is written but parameter gradients stay as they are.
 * - Sums run in f32 (f64 in the oracle); variance in two passes or by Welford; the maximum is subtracted before exp. */
#ifndef CT_KERNELS_KERNEL_H
#define CT_KERNELS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/tensor.h"

/* What changes from step to step; on a GPU it lies in device memory, so that a captured graph reads fresh values. */
typedef struct ct_step {
    uint64_t seed;
    uint64_t step;      /* from 0; keys the random streams */
    float lr;           /* this step's learning rate, before the groups' factors */
    float bias1, bias2; /* 1 - beta1^t and 1 - beta2^t of Adam, t = step + 1 - skipped steps */
    float clip;         /* factor on every gradient, written by grad_guard */
    int32_t skip;       /* 1 when this step's update must not happen, written by grad_guard */
    float grad_norm;    /* global norm before clipping, written by grad_guard */
} ct_step;

/* C = alpha * op(A) op(B) + beta * C, all row-major f32, op by transpose flag, sizes of op(A) [m, k], op(B) [k, n]. */
typedef ct_status (*ct_gemm_fn)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                                const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                                int64_t ldc, ct_error *err);

typedef struct ct_kctx {
    ct_step *step;
    ct_arena *scratch; /* released by the device after each op */
    bool dry;          /* planning: take the scratch that these shapes need, touch no data, return */
    int n_threads;     /* CPU kernels: how many OpenMP threads to use */
    ct_gemm_fn gemm;   /* CPU kernels: the device's matrix product, threaded; call it outside parallel regions */
    void *library;     /* LIBRARY ops: what their device keeps for them (descriptors, primitives); else NULL */
    ct_error *err;
} ct_kctx;

/* count * size bytes for the length of this op. */
static inline ct_status ct_scratch_take(ct_kctx *ctx, size_t count, size_t size, void **out) {
    return ct_arena_take(ctx->scratch, count, size, out, ctx->err);
}

/* Dropout, the same on every device: element (row, pos, channel) of the stream named by `stream` is dropped with
 * probability p, kept ones are scaled by 1 / (1 - p). p = 0 means no dropout (and no random number is drawn). */
typedef struct ct_dropout {
    float p;         /* 0 <= p < 1 */
    uint32_t stream; /* ct_hash_name of the layer */
} ct_dropout;

/* The four words of channels 4*c4 .. 4*c4+3. */
static inline ct_philox ct_dropout_words(ct_rng_key key, uint32_t row, uint32_t pos, uint32_t c4) {
    return ct_philox4x32(c4, pos, row, 0, key.k0, key.k1);
}
static inline bool ct_dropout_drops(uint32_t word, float p) { return ct_rng_unit(word) < p; }

/* The reference kernels are written once on ct_real and compiled twice; ct_ref(name) is name_f32 or name_f64. */
#ifdef CT_REAL_DOUBLE
#if CT_REAL_DOUBLE
typedef double ct_real;
#define CT_REAL_DTYPE CT_DTYPE_F64
#define CT_REF(name) ct_##name##_ref_f64
#else
typedef float ct_real;
#define CT_REAL_DTYPE CT_DTYPE_F32
#define CT_REF(name) ct_##name##_ref_f32
#endif
#endif

/* CPU kernels are compiled once an instruction set, with CT_ISA = v2, v3, v4 or base in their names. */
#ifdef CT_ISA
#define CT_JOIN3(a, b, c) a##b##c
#define CT_CPU_NAME(name, isa) CT_JOIN3(ct_##name##_cpu, _, isa)
#define CT_CPU(name) CT_CPU_NAME(name, CT_ISA)
#endif

#endif
