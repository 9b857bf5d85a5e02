/* The CPU device: tables of ops by instruction set, host memory, and the number of threads. */
#include "device/cpu/cpu.h"

#include <omp.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "device/cpu/onednn.h"

/* One line of ops.def becomes one entry; the op's home says whose function it is. */
#define LIBRARY(name) ct_##name##_onednn
#define REF(name) ct_##name##_ref_f32
#define CT_OP(name, home) .name = home(name),

#if defined(__x86_64__)
static const ct_op_table table_v2 = {
#define KERNEL(name) ct_##name##_cpu_v2
#include "kernels/ops.def"
#undef KERNEL
};
static const ct_op_table table_v3 = {
#define KERNEL(name) ct_##name##_cpu_v3
#include "kernels/ops.def"
#undef KERNEL
};
static const ct_op_table table_v4 = {
#define KERNEL(name) ct_##name##_cpu_v4
#include "kernels/ops.def"
#undef KERNEL
};
static const ct_op_table *const tables[] = {NULL, &table_v2, &table_v3, &table_v4};
#else
static const ct_op_table table_base = {
#define KERNEL(name) ct_##name##_cpu_base
#include "kernels/ops.def"
#undef KERNEL
};
static const ct_op_table *const tables[] = {&table_base, NULL, NULL, NULL};
#endif

#undef CT_OP
#undef REF
#undef LIBRARY

const ct_op_table *ct__cpu_table(ct_isa isa) {
    return tables[isa];
}

typedef struct cpu_state {
    char gemm[32]; /* oneDNN's version, for info */
    ct_isa isa;
    ct__conv_cache *convolutions;
    int n_threads;
    int callers_threads; /* the calling thread's OpenMP setting, put back after each op */
} cpu_state;

/* An affinity mask of 8192 processors: more than the kernel is built for. */
static int usable_cores(void) {
    cpu_set_t sets[8];
    memset(sets, 0, sizeof sets);
    if (sched_getaffinity(0, sizeof sets, sets) == 0) {
        const int n = CPU_COUNT_S(sizeof sets, sets);
        if (n > 0) return n < CT_CPU_MAX_THREADS ? n : CT_CPU_MAX_THREADS;
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online < CT_CPU_MAX_THREADS ? (int)online : CT_CPU_MAX_THREADS;
}

static ct_status cpu_alloc(void *state, size_t count, size_t size, void **out, ct_error *err) {
    (void)state;
    return ct_calloc(count, size, out, err);
}

static void cpu_free(void *state, void *block) {
    (void)state;
    ct_free(block);
}

static ct_status cpu_copy(void *state, void *to, const void *from, size_t bytes, ct_error *err) {
    (void)state;
    (void)err;
    memcpy(to, from, bytes);
    return CT_OK;
}

static ct_status cpu_zero(void *state, void *block, size_t bytes, ct_error *err) {
    (void)state;
    (void)err;
    memset(block, 0, bytes);
    return CT_OK;
}

static ct_status cpu_sync(void *state, ct_error *err) {
    (void)state;
    (void)err;
    return CT_OK;
}

/* oneDNN takes its number of threads from OpenMP's setting of the calling thread. */
static void cpu_enter(void *state) {
    cpu_state *cpu = state;
    cpu->callers_threads = omp_get_max_threads();
    omp_set_num_threads(cpu->n_threads);
}

static void cpu_leave(void *state) {
    omp_set_num_threads(((cpu_state *)state)->callers_threads);
}

/* A vector of the instruction set holds a block, or half of it: what oneDNN's kernels are written for. */
static int64_t cpu_channel_block(void *state) {
    return ((cpu_state *)state)->isa == CT_ISA_V4 ? 16 : 8;
}

static void cpu_close(void *state) {
    cpu_state *cpu = state;
    if (!cpu) return;
    ct__conv_cache_close(cpu->convolutions);
    ct_free(cpu);
}

static const ct_backend verbs = {
    .alloc = cpu_alloc,
    .free = cpu_free,
    .upload = cpu_copy,
    .download = cpu_copy,
    .zero = cpu_zero,
    .sync = cpu_sync,
    .enter = cpu_enter,
    .leave = cpu_leave,
    .channel_block = cpu_channel_block,
    .close = cpu_close,
};

ct_status ct__cpu_open(ct_backend_opened *out, int n_threads, ct_error *err) {
    if (n_threads < 0 || n_threads > CT_CPU_MAX_THREADS)
        return ct_fail(err, CT_ERR_ARGUMENT, "device 'cpu': %d threads, want 1 to %d, or 0 for all cores",
                       n_threads, CT_CPU_MAX_THREADS);
    ct_isa isa = CT_ISA_BASE;
    CT_CHECK(ct__isa_choose(&isa, err));
    cpu_state *cpu = NULL;
    CT_CHECK(ct_calloc(1, sizeof *cpu, (void **)&cpu, err));
    const ct_status st = ct__conv_cache_open(&cpu->convolutions, err);
    if (st != CT_OK) {
        cpu_close(cpu);
        return st;
    }
    cpu->isa = isa;
    cpu->n_threads = n_threads ? n_threads : usable_cores();
    ct__onednn_version(cpu->gemm, sizeof cpu->gemm);
    *out = (ct_backend_opened){
        .verbs = &verbs,
        .state = cpu,
        .table = tables[isa],
        .gemm = ct__onednn_gemm,
        .library = cpu->convolutions,
        .info = {.kind = "cpu", .isa = ct__isa_name(isa), .n_threads = cpu->n_threads, .gemm = cpu->gemm},
    };
    ct__processor_name(out->info.name, (int)sizeof out->info.name);
    return CT_OK;
}
