/* Building a convolution of oneDNN: memory layouts, the primitive, and the reorders between the caller's
 * layouts and the primitive's. */
#include <string.h>

#include "device/cpu/onednn.h"
#include "device/cpu/onednn_conv.h"

/* oneDNN's calls, inside functions that return its status. */
#define TRY_DNNL(call)                                                                                       \
    do {                                                                                                     \
        const dnnl_status_t dnnl_st = (call);                                                                \
        if (dnnl_st != dnnl_success) return dnnl_st;                                                         \
    } while (0)

/* What oneDNN calls the three tensors in each direction. */
typedef struct role {
    int arg;
    dnnl_query_t layout;
} role;
typedef struct direction {
    dnnl_prop_kind_t prop;
    conv_port_id output;
    role roles[3]; /* x, w, y */
} direction;

static const direction directions[CONV_KINDS] = {
    [CONV_FORWARD] = {dnnl_forward_training,
                      PORT_Y,
                      {{DNNL_ARG_SRC, dnnl_query_src_md},
                       {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                       {DNNL_ARG_DST, dnnl_query_dst_md}}},
    [CONV_DATA] = {dnnl_backward_data,
                   PORT_X,
                   {{DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md},
                    {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                    {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md}}},
    [CONV_DATA_FORWARD] = {dnnl_forward_training,
                           PORT_X,
                           {{DNNL_ARG_DST, dnnl_query_dst_md},
                            {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                            {DNNL_ARG_SRC, dnnl_query_src_md}}},
    [CONV_WEIGHTS] = {dnnl_backward_weights,
                      PORT_W,
                      {{DNNL_ARG_SRC, dnnl_query_src_md},
                       {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md},
                       {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md}}},
};

/* What is needed only while building. */
typedef struct plan {
    const conv_key *key;
    const direction *dir;
    dnnl_engine_t engine;
    dnnl_memory_desc_t user[CONV_PORTS];  /* the caller's layouts */
    dnnl_memory_desc_t asked[CONV_PORTS]; /* the same, or any: the primitive chooses */
    dnnl_primitive_attr_t attr, add;      /* of the convolution; of a reorder that adds */
    dnnl_post_ops_t ops, sum;
    dnnl_primitive_desc_t hint, desc;
} plan;

/* 0 for a channel block that oneDNN has no name for. */
static dnnl_format_tag_t block_tag(int64_t cb) {
    return cb == 16 ? dnnl_nChw16c : cb == 8 ? dnnl_nChw8c : cb == 4 ? dnnl_nChw4c : dnnl_format_tag_undef;
}

/* A block that holds all channels is NHWC, and a block of 16, 8 or 4 too; which of the two a kernel likes
 * depends on the other image of the convolution. */
static dnnl_format_tag_t image_tag(int64_t c, int64_t cb, int64_t other_cb) {
    const dnnl_format_tag_t blocked = block_tag(cb);
    return c == cb && (!blocked || cb != other_cb) ? dnnl_nhwc : blocked;
}

/* w as it lies in the parameter store; transposed for CONV_DATA_FORWARD, where O and C change places. */
static dnnl_status_t describe_weights(plan *p) {
    const conv_key *k = p->key;
    const dnnl_dim_t taps = k->kernel * k->kernel;
    const dnnl_dims_t dims = {k->o, k->c, k->kernel, k->kernel}, strides = {k->ldw, taps, k->kernel, 1};
    const dnnl_dims_t dims_t = {k->c, k->o, 1, 1}, strides_t = {1, k->ldw, 1, 1};
    const bool transposed = k->kind == CONV_DATA_FORWARD;
    TRY_DNNL(onednn_desc_by_strides(&p->user[PORT_W], 4, transposed ? dims_t : dims,
                                    transposed ? strides_t : strides));
    return onednn_desc_by_tag(&p->asked[PORT_W], 4, transposed ? dims_t : dims, dnnl_format_tag_any);
}

static dnnl_status_t describe(plan *p) {
    const conv_key *k = p->key;
    const dnnl_dims_t x = {k->n, k->c, k->h, k->w}, y = {k->n, k->o, k->oh, k->ow}, bias = {k->o};
    const dnnl_format_tag_t x_tag = image_tag(k->c, k->cb, k->ob), y_tag = image_tag(k->o, k->ob, k->cb);
    TRY_DNNL(onednn_desc_by_tag(&p->user[PORT_X], 4, x, x_tag));
    TRY_DNNL(onednn_desc_by_tag(&p->user[PORT_Y], 4, y, y_tag));
    /* The stem: NHWC in, blocks out. No kernel takes both; the small side is reordered. */
    TRY_DNNL(onednn_desc_by_tag(&p->asked[PORT_X], 4, x, x_tag == y_tag ? x_tag : dnnl_format_tag_any));
    TRY_DNNL(onednn_desc_by_tag(&p->asked[PORT_Y], 4, y, y_tag));
    if (k->bias) TRY_DNNL(onednn_desc_by_tag(&p->user[PORT_BIAS], 1, bias, dnnl_a));
    if (k->residual) TRY_DNNL(onednn_desc_by_tag(&p->user[PORT_RESIDUAL], 4, y, y_tag));
    return describe_weights(p);
}

static dnnl_status_t describe_attributes(plan *p) {
    const conv_key *k = p->key;
    TRY_DNNL(dnnl_post_ops_create(&p->ops));
    if (k->kind == CONV_DATA_FORWARD && k->accumulate) TRY_DNNL(onednn_add_sum(p->ops));
    if (k->residual)
        TRY_DNNL(
            dnnl_post_ops_append_binary(p->ops, dnnl_binary_add, onednn_layout_of(&p->user[PORT_RESIDUAL])));
    if (k->relu) TRY_DNNL(onednn_add_relu(p->ops));
    TRY_DNNL(dnnl_primitive_attr_create(&p->attr));
    TRY_DNNL(dnnl_primitive_attr_set_scratchpad_mode(p->attr, dnnl_scratchpad_mode_user));
    TRY_DNNL(dnnl_primitive_attr_set_post_ops(p->attr, p->ops));
    TRY_DNNL(dnnl_post_ops_create(&p->sum));
    TRY_DNNL(onednn_add_sum(p->sum));
    TRY_DNNL(dnnl_primitive_attr_create(&p->add));
    return dnnl_primitive_attr_set_post_ops(p->add, p->sum);
}

static dnnl_status_t create_desc(plan *p, dnnl_prop_kind_t prop, dnnl_primitive_desc_t *out) {
    const conv_key *k = p->key;
    const bool swapped = k->kind == CONV_DATA_FORWARD;
    const onednn_conv_sizes sizes = {prop, {k->stride, k->stride}, {k->pad, k->pad}};
    const dnnl_memory_desc_t *from = &p->asked[swapped ? PORT_Y : PORT_X],
                             *to = &p->asked[swapped ? PORT_X : PORT_Y];
    return onednn_conv_desc(
        out, p->engine, &sizes, onednn_layout_of(from), onednn_layout_of(&p->asked[PORT_W]),
        k->bias ? onednn_layout_of(&p->user[PORT_BIAS]) : NULL, onednn_layout_of(to), p->attr, p->hint);
}

static dnnl_status_t create_reorder(plan *p, conv_port *port, onednn_layout user, onednn_layout own,
                                    bool output, bool add) {
    dnnl_primitive_desc_t desc = NULL;
    TRY_DNNL(dnnl_reorder_primitive_desc_create(&desc, output ? own : user, p->engine, output ? user : own,
                                                p->engine, add ? p->add : NULL));
    const dnnl_status_t st = dnnl_primitive_create(&port->reorder, desc);
    dnnl_primitive_desc_destroy(desc);
    return st;
}

static dnnl_status_t create_port(plan *p, conv *v, conv_port_id id) {
    conv_port *port = &v->ports[id];
    const onednn_layout user = onednn_layout_of(&p->user[id]),
                        own = dnnl_primitive_desc_query_md(p->desc, p->dir->roles[id].layout, 0);
    const bool output = id == v->output,
               add = output && p->key->accumulate && p->key->kind != CONV_DATA_FORWARD;
    port->arg = p->dir->roles[id].arg;
    TRY_DNNL(dnnl_memory_create(&port->user, user, p->engine, DNNL_MEMORY_NONE));
    if (!add && dnnl_memory_desc_equal(user, own)) return dnnl_success;
    port->own_bytes = dnnl_memory_desc_get_size(own);
    TRY_DNNL(dnnl_memory_create(&port->own, own, p->engine, DNNL_MEMORY_NONE));
    return create_reorder(p, port, user, own, output, add);
}

static dnnl_status_t create_inference_port(plan *p, conv *v, conv_port_id id, int arg) {
    v->ports[id].arg = arg;
    return dnnl_memory_create(&v->ports[id].user, onednn_layout_of(&p->user[id]), p->engine,
                              DNNL_MEMORY_NONE);
}

static dnnl_status_t create(plan *p, conv *v) {
    TRY_DNNL(describe(p));
    TRY_DNNL(describe_attributes(p));
    if (p->dir->prop != dnnl_forward_training) TRY_DNNL(create_desc(p, dnnl_forward_training, &p->hint));
    TRY_DNNL(create_desc(p, p->dir->prop, &p->desc));
    TRY_DNNL(dnnl_primitive_create(&v->primitive, p->desc));
    for (conv_port_id id = PORT_X; id <= PORT_Y; id++) TRY_DNNL(create_port(p, v, id));
    if (p->key->bias) TRY_DNNL(create_inference_port(p, v, PORT_BIAS, DNNL_ARG_BIAS));
    if (p->key->residual)
        TRY_DNNL(
            create_inference_port(p, v, PORT_RESIDUAL, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1));
    const onednn_layout scratchpad = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
    v->scratchpad_bytes = dnnl_memory_desc_get_size(scratchpad);
    if (v->scratchpad_bytes == 0) return dnnl_success;
    return dnnl_memory_create(&v->scratchpad, scratchpad, p->engine, DNNL_MEMORY_NONE);
}

static void plan_free(plan *p) {
    for (int id = 0; id < CONV_PORTS; id++) {
        onednn_desc_free(&p->user[id]);
        onednn_desc_free(&p->asked[id]);
    }
    if (p->desc) dnnl_primitive_desc_destroy(p->desc);
    if (p->hint) dnnl_primitive_desc_destroy(p->hint);
    if (p->attr) dnnl_primitive_attr_destroy(p->attr);
    if (p->add) dnnl_primitive_attr_destroy(p->add);
    if (p->ops) dnnl_post_ops_destroy(p->ops);
    if (p->sum) dnnl_post_ops_destroy(p->sum);
}

ct_status ct__conv_build(conv *v, dnnl_engine_t engine, const conv_key *key, ct_error *err) {
    if (!image_tag(key->c, key->cb, key->ob) || !image_tag(key->o, key->ob, key->cb))
        return ct_fail(err, CT_ERR_UNSUPPORTED,
                       "channel blocks of %lld and %lld, want 16, 8, 4 or all channels", (long long)key->cb,
                       (long long)key->ob);
    plan p = {.key = key, .dir = &directions[key->kind], .engine = engine};
    v->key = *key;
    v->output = p.dir->output;
    const dnnl_status_t st = create(&p, v);
    plan_free(&p);
    return ct__onednn_status(st, "convolution", err);
}

void ct__conv_destroy(conv *v) {
    for (int id = 0; id < CONV_PORTS; id++) {
        conv_port *port = &v->ports[id];
        if (port->user) dnnl_memory_destroy(port->user);
        if (port->own) dnnl_memory_destroy(port->own);
        if (port->reorder) dnnl_primitive_destroy(port->reorder);
    }
    if (v->primitive) dnnl_primitive_destroy(v->primitive);
    if (v->scratchpad) dnnl_memory_destroy(v->scratchpad);
    memset(v, 0, sizeof *v);
}
