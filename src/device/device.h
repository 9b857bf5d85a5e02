/* A device: memory, copies, and its table of ops, each checked once here before it runs.
 *
 * Work is queued in order on the device's stream and may still be under way when a call returns (a CPU device has
 * finished); ct_device_sync waits. Pointers handed out by ct_device_alloc are the device's: host code must not read
 * them. One thread at a time uses a device. */
#ifndef CT_DEVICE_DEVICE_H
#define CT_DEVICE_DEVICE_H

#include "kernels/kernels.h"

typedef struct ct_device ct_device;

typedef struct ct_device_info {
    const char *kind;        /* "cpu" */
    char name[128];          /* the processor's own name */
    const char *isa;         /* "x86-64-v4" ... : which CPU kernels run */
    int n_threads;
    const char *gemm;        /* "oneDNN 2.6.3" */
} ct_device_info;

/* name: "cpu", or "auto" (the best device there is; today always the CPU). n_threads 0: all cores the process may
 * use. The environment variable CROSSTOWER_ISA=v2|v3|v4 forces a lower instruction set, for tests; one that the
 * machine lacks, or another word, is CT_ERR_CONFIG. An unknown name is CT_ERR_CONFIG; "cuda" says that this build
 * has no CUDA device (CT_ERR_UNSUPPORTED). */
ct_status ct_device_open(ct_device **out, const char *name, int n_threads, ct_error *err);
void ct_device_close(ct_device *dev); /* accepts NULL */
ct_device_info ct_device_get_info(const ct_device *dev);
/* The channel block (ct_image.cb) that this device's convolutions like best: 16 with AVX-512, else 8. A layer with
 * fewer channels has the same block, its other channels zero; only pictures come as NHWC, with cb = 3. */
int64_t ct_device_channel_block(const ct_device *dev);

/* Zeroed memory; never inside a training step. */
ct_status ct_device_alloc(ct_device *dev, size_t count, size_t size, void **out, ct_error *err);
void ct_device_free(ct_device *dev, void *block);
ct_status ct_device_upload(ct_device *dev, void *to_device, const void *from_host, size_t bytes, ct_error *err);
ct_status ct_device_download(ct_device *dev, void *to_host, const void *from_device, size_t bytes, ct_error *err);
ct_status ct_device_zero(ct_device *dev, void *block, size_t bytes, ct_error *err);
ct_status ct_device_sync(ct_device *dev, ct_error *err);

/* The step state that kernels read. set: copied in before the step's work; get: waits for the work queued so far. */
ct_status ct_device_set_step(ct_device *dev, const ct_step *step, ct_error *err);
ct_status ct_device_get_step(ct_device *dev, ct_step *step, ct_error *err);

/* Planning: between begin and end ops check their arguments and reserve scratch but touch no data, and upload,
 * download and zero do nothing (the addresses may come from a dry arena); end allocates the scratch that the largest op
 * asked for. May be repeated: scratch only grows. An op that runs with more than was planned grows the scratch itself
 * (one allocation). */
void ct_device_plan_begin(ct_device *dev);
ct_status ct_device_plan_end(ct_device *dev, ct_error *err);
size_t ct_device_scratch_bytes(const ct_device *dev);
/* Ends planning without allocating; the bytes that the largest op asked for. */
size_t ct_device_plan_cancel(ct_device *dev);

/* Is there an implementation of every op? Answered by the table that runs them. */
const ct_op_table *ct_device_table(const ct_device *dev);
/* Replaces the table (NULL: the device's own again); for the mutant tests. Borrowed until the device closes. An op is
 * called twice: dry, to learn its scratch, then to run. */
void ct_device_set_table(ct_device *dev, const ct_op_table *table);

/* The ops: ct_status ct_<name>(dev, &args, err). Each checks shapes, dtypes and required tensors against the contract
 * in kernels/<op>.h (CT_ERR_SHAPE, CT_ERR_DTYPE, CT_ERR_ARGUMENT; the message names op, tensor, found, wanted), then
 * runs the device's implementation. */
#define CT_OP(name, home) ct_status ct_##name(ct_device *dev, const struct ct_##name##_args *args, ct_error *err);
#include "kernels/ops.def"
#undef CT_OP

#endif
