/* Devices: opening one by name, its memory, its step state, planning of scratch, and the ops, each of which
 * is checked, given scratch, run from the device's table, and has its scratch taken back. */
#include "device/device.h"

#include <string.h>

#include "base/alloc.h"
#include "device/backend.h"
#include "device/check.h"
#include "device/cpu/cpu.h"

struct ct_device {
    ct_backend_opened opened;
    const ct_op_table *table; /* opened.table, or what a test put in its place */
    ct_step *step;            /* the device's memory */
    ct_arena scratch;         /* over a block of the device */
    size_t planned;           /* bytes: the most that an op asked for while planning */
    bool planning;
};

ct_status ct_device_open(ct_device **out, const char *name, int n_threads, ct_error *err) {
    ct_status st = CT_OK;
    ct_device *dev = NULL;
    *out = NULL;

    if (!name) return ct_fail(err, CT_ERR_ARGUMENT, "device: no name given, want cpu or auto");
    if (strcmp(name, "cuda") == 0)
        return ct_fail(err, CT_ERR_UNSUPPORTED,
                       "device 'cuda': this build has no CUDA device; use cpu or auto");
    if (strcmp(name, "cpu") != 0 && strcmp(name, "auto") != 0)
        return ct_fail(err, CT_ERR_CONFIG, "device '%s' is unknown, want cpu or auto", name);

    CT_TRY(ct_calloc(1, sizeof *dev, (void **)&dev, err), st, done);
    dev->scratch.name = "op scratch";
    CT_TRY(ct__cpu_open(&dev->opened, n_threads, err), st, done);
    dev->table = dev->opened.table;
    CT_TRY(ct_device_alloc(dev, 1, sizeof *dev->step, (void **)&dev->step, err), st, done);
    *out = dev;
    dev = NULL;
done:
    ct_device_close(dev);
    return st;
}

void ct_device_close(ct_device *dev) {
    if (!dev) return;
    if (dev->opened.verbs) {
        ct_device_free(dev, dev->scratch.block);
        ct_device_free(dev, dev->step);
        dev->opened.verbs->close(dev->opened.state);
    }
    ct_free(dev);
}

ct_device_info ct_device_get_info(const ct_device *dev) {
    return dev->opened.info;
}

int64_t ct_device_channel_block(const ct_device *dev) {
    return dev->opened.verbs->channel_block(dev->opened.state);
}

ct_status ct_device_alloc(ct_device *dev, size_t count, size_t size, void **out, ct_error *err) {
    return dev->opened.verbs->alloc(dev->opened.state, count, size, out, err);
}

void ct_device_free(ct_device *dev, void *block) {
    dev->opened.verbs->free(dev->opened.state, block);
}

/* While planning, addresses may come from a dry arena: copies and clears, like ops, touch nothing. */
ct_status ct_device_upload(ct_device *dev, void *to_device, const void *from_host, size_t bytes,
                           ct_error *err) {
    if (bytes == 0 || dev->planning) return CT_OK;
    return dev->opened.verbs->upload(dev->opened.state, to_device, from_host, bytes, err);
}

ct_status ct_device_download(ct_device *dev, void *to_host, const void *from_device, size_t bytes,
                             ct_error *err) {
    if (bytes == 0 || dev->planning) return CT_OK;
    return dev->opened.verbs->download(dev->opened.state, to_host, from_device, bytes, err);
}

ct_status ct_device_zero(ct_device *dev, void *block, size_t bytes, ct_error *err) {
    if (bytes == 0 || dev->planning) return CT_OK;
    return dev->opened.verbs->zero(dev->opened.state, block, bytes, err);
}

ct_status ct_device_sync(ct_device *dev, ct_error *err) {
    return dev->opened.verbs->sync(dev->opened.state, err);
}

ct_status ct_device_set_step(ct_device *dev, const ct_step *step, ct_error *err) {
    return dev->opened.verbs->upload(dev->opened.state, dev->step, step, sizeof *step, err);
}

ct_status ct_device_get_step(ct_device *dev, ct_step *step, ct_error *err) {
    return dev->opened.verbs->download(dev->opened.state, step, dev->step, sizeof *step, err);
}

void ct_device_plan_begin(ct_device *dev) {
    dev->planning = true;
    dev->planned = 0;
}

/* Gives the scratch arena at least bytes; contents are not kept. */
static ct_status grow_scratch(ct_device *dev, size_t bytes, ct_error *err) {
    if (bytes <= dev->scratch.capacity) return CT_OK;
    void *block = NULL;
    CT_CHECK(ct_device_alloc(dev, bytes, 1, &block, err));
    ct_device_free(dev, dev->scratch.block);
    dev->scratch.block = block;
    dev->scratch.capacity = bytes;
    return CT_OK;
}

ct_status ct_device_plan_end(ct_device *dev, ct_error *err) {
    dev->planning = false;
    return grow_scratch(dev, dev->planned, err);
}

size_t ct_device_plan_cancel(ct_device *dev) {
    dev->planning = false;
    return dev->planned;
}

size_t ct_device_scratch_bytes(const ct_device *dev) {
    return dev->scratch.capacity;
}

const ct_op_table *ct_device_table(const ct_device *dev) {
    return dev->table;
}

void ct_device_set_table(ct_device *dev, const ct_op_table *table) {
    dev->table = table ? table : dev->opened.table;
}

typedef ct_status (*run_fn)(const ct_op_table *table, ct_kctx *ctx, const void *args);

/* The op asks for its scratch first, in a dry call that touches no data: the arena then never runs out half
 * way. */
static ct_status run_checked(ct_device *dev, run_fn run, const void *args, ct_error *err) {
    ct_arena dry;
    ct_arena_create_dry(&dry, dev->scratch.name);
    ct_kctx ctx = {.step = dev->step,
                   .scratch = &dry,
                   .dry = true,
                   .n_threads = dev->opened.info.n_threads,
                   .gemm = dev->opened.gemm,
                   .library = dev->opened.library,
                   .err = err};
    CT_CHECK(run(dev->table, &ctx, args));
    if (dev->planning) {
        if (dry.peak > dev->planned) dev->planned = dry.peak;
        return CT_OK;
    }
    CT_CHECK(grow_scratch(dev, dry.peak, err));
    ctx.scratch = &dev->scratch;
    ctx.dry = false;
    dev->opened.verbs->enter(dev->opened.state);
    const ct_status st = run(dev->table, &ctx, args);
    dev->opened.verbs->leave(dev->opened.state);
    ct_arena_release(&dev->scratch, 0);
    return st;
}

static ct_status name_op(const char *op, ct_status st, bool fresh, ct_error *err) {
    if (st != CT_OK && fresh) ct_error_prefix(err, "%s", op);
    return st;
}

#define CT_OP(name, home)                                                                                    \
    static ct_status run_##name(const ct_op_table *table, ct_kctx *ctx, const void *args) {                  \
        return table->name(ctx, args);                                                                       \
    }                                                                                                        \
    ct_status ct_##name(ct_device *dev, const struct ct_##name##_args *args, ct_error *err) {                \
        const bool fresh = err && err->status == CT_OK;                                                      \
        if (!dev->table->name)                                                                               \
            return ct_fail(err, CT_ERR_UNSUPPORTED, #name ": the device '%s' has none",                      \
                           dev->opened.info.kind);                                                           \
        ct_status st = ct__check_##name(args, err);                                                          \
        if (st == CT_OK) st = run_checked(dev, run_##name, args, err);                                       \
        return name_op(#name, st, fresh, err);                                                               \
    }
#include "kernels/ops.def"
#undef CT_OP
