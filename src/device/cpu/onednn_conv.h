/* Convolutions by oneDNN: what is built once for a shape, and the cache that keeps it. Inside onednn_conv*.c.
 */
#ifndef CT_DEVICE_CPU_ONEDNN_CONV_H
#define CT_DEVICE_CPU_ONEDNN_CONV_H

#include "device/cpu/onednn_api.h"
#include "kernels/kernels.h"

typedef enum conv_kind {
    CONV_FORWARD,
    CONV_DATA,         /* dx from dy and w */
    CONV_DATA_FORWARD, /* the same for 1x1 kernels of stride 1: a forward convolution of dy by w transposed,
                          which adds to dx as it writes */
    CONV_WEIGHTS,      /* dw from dy and x */
    CONV_KINDS
} conv_kind;

/* Everything that a primitive depends on. All of one type: compared and hashed as bytes. */
typedef struct conv_key {
    int64_t kind, n_threads;
    int64_t n, c, h, w, cb; /* x */
    int64_t o, oh, ow, ob;  /* y; ob its channel block */
    int64_t kernel, stride, pad;
    int64_t ldw;                  /* of w or dw */
    int64_t bias, residual, relu; /* forward */
    int64_t accumulate;           /* data, weights: added to what is there */
} conv_key;

/* The tensors of a convolution, by their place in the forward direction. */
typedef enum conv_port_id { PORT_X, PORT_W, PORT_Y, PORT_BIAS, PORT_RESIDUAL, CONV_PORTS } conv_port_id;

/* One tensor: in the caller's layout, and in the primitive's where that is another. */
typedef struct conv_port {
    int arg;                  /* DNNL_ARG_...; 0: not there */
    dnnl_memory_t user, own;  /* own NULL: the primitive works on the caller's memory */
    dnnl_primitive_t reorder; /* user to own; own to user for the output, adding where the key says so */
    size_t own_bytes;         /* of scratch */
} conv_port;

typedef struct conv {
    conv_key key;
    uint64_t used; /* the cache's clock at the last use; 0: an empty place */
    dnnl_primitive_t primitive;
    dnnl_memory_t scratchpad; /* NULL: none needed */
    size_t scratchpad_bytes;
    conv_port_id output;
    conv_port ports[CONV_PORTS];
} conv;

/* v is zeroed; on failure it holds what ct__conv_destroy takes back. Creating a primitive reads OpenMP's
 * number of threads, which must be the key's. */
ct_status ct__conv_build(conv *v, dnnl_engine_t engine, const conv_key *key, ct_error *err);
void ct__conv_destroy(conv *v); /* leaves it zeroed */

#endif
