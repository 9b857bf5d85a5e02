/* What a kind of device (cpu today) gives to device.c: memory and copies as function pointers, a table of
 * ops, facts about itself. A device that comes from a plug-in fills the same struct. */
#ifndef CT_DEVICE_BACKEND_H
#define CT_DEVICE_BACKEND_H

#include "device/device.h"

/* The verbs of ct_device_*, on the state that open made. All work on one device is queued in order. */
typedef struct ct_backend {
    /* Zeroed, CT_ALIGN-aligned; free accepts NULL. */
    ct_status (*alloc)(void *state, size_t count, size_t size, void **out, ct_error *err);
    void (*free)(void *state, void *block);
    ct_status (*upload)(void *state, void *to_device, const void *from_host, size_t bytes, ct_error *err);
    ct_status (*download)(void *state, void *to_host, const void *from_device, size_t bytes, ct_error *err);
    ct_status (*zero)(void *state, void *block, size_t bytes, ct_error *err);
    ct_status (*sync)(void *state, ct_error *err);
    /* Around each op: what the calling thread needs to be set, and set back (threads, a current device). */
    void (*enter)(void *state);
    void (*leave)(void *state);
    int64_t (*channel_block)(void *state);
    void (*close)(void *state);
} ct_backend;

typedef struct ct_backend_opened {
    const ct_backend *verbs;
    void *state; /* owned by whoever opened it; verbs->close gives it back */
    const ct_op_table *table;
    ct_gemm_fn gemm;
    void *library; /* for ct_kctx; the state's */
    ct_device_info info;
} ct_backend_opened;

#endif
