/* The convolution ops of the CPU device on oneDNN: a cache of primitives by shape, scratch, running. Weights
 * come as the parameter store keeps them and are reordered for each call. */
#include <omp.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "device/cpu/onednn.h"
#include "device/cpu/onednn_conv.h"

/* A shape may lie in any of the WAYS places of its set; the one that was not used for the longest time gives
 * way. ResNet-50 has 70 primitives for one number of pictures. */
enum { SETS = 128, WAYS = 8 };

/* The number of pictures changes from batch to batch, and a primitive is made for one number and takes longer to
 * make than to run. A batch is therefore run in parts of 128, 64, ... 1 pictures: eight numbers in all. */
enum { PART_MAX = 128 };

struct ct__conv_cache {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    uint64_t clock;
    conv places[SETS][WAYS];
};

ct_status ct__conv_cache_open(ct__conv_cache **out, ct_error *err) {
    ct_status st = CT_OK;
    ct__conv_cache *cache = NULL;
    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *cache, (void **)&cache, err), st, done);
    CT_TRY(ct__onednn_status(dnnl_engine_create(&cache->engine, dnnl_cpu, 0), "engine", err), st, done);
    CT_TRY(ct__onednn_status(dnnl_stream_create(&cache->stream, cache->engine, dnnl_stream_default_flags),
                             "stream", err),
           st, done);
    *out = cache;
    cache = NULL;
done:
    ct__conv_cache_close(cache);
    return st;
}

void ct__conv_cache_close(ct__conv_cache *cache) {
    if (!cache) return;
    for (int set = 0; set < SETS; set++)
        for (int way = 0; way < WAYS; way++) ct__conv_destroy(&cache->places[set][way]);
    if (cache->stream) dnnl_stream_destroy(cache->stream);
    if (cache->engine) dnnl_engine_destroy(cache->engine);
    ct_free(cache);
}

static ct_status build_at(ct__conv_cache *cache, conv *place, const conv_key *key, ct_error *err) {
    const int callers_threads = omp_get_max_threads();
    ct__conv_destroy(place);
    omp_set_num_threads((int)key->n_threads);
    const ct_status st = ct__conv_build(place, cache->engine, key, err);
    omp_set_num_threads(callers_threads);
    if (st != CT_OK) ct__conv_destroy(place);
    return st;
}

/* *out is valid until the next call. */
static ct_status find(ct__conv_cache *cache, const conv_key *key, conv **out, ct_error *err) {
    conv *set = cache->places[ct_hash(key, sizeof *key) % SETS], *place = set;
    for (int way = 0; way < WAYS; way++) {
        if (set[way].used && memcmp(&set[way].key, key, sizeof *key) == 0) {
            place = &set[way];
            break;
        }
        if (set[way].used < place->used) place = &set[way];
    }
    if (!place->used || memcmp(&place->key, key, sizeof *key) != 0)
        CT_CHECK(build_at(cache, place, key, err));
    place->used = ++cache->clock;
    *out = place;
    return CT_OK;
}

/* Takes the scratch of one execution, in the dry call too. */
static ct_status take_scratch(ct_kctx *ctx, const conv *v, void **scratchpad, void *own[CONV_PORTS]) {
    if (v->scratchpad) CT_CHECK(ct_scratch_take(ctx, v->scratchpad_bytes, 1, scratchpad));
    for (int id = 0; id < CONV_PORTS; id++)
        if (v->ports[id].own) CT_CHECK(ct_scratch_take(ctx, v->ports[id].own_bytes, 1, &own[id]));
    return CT_OK;
}

static dnnl_status_t reorder(const ct__conv_cache *cache, const conv_port *port, bool to_user) {
    const dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, to_user ? port->own : port->user},
                                     {DNNL_ARG_TO, to_user ? port->user : port->own}};
    return dnnl_primitive_execute(port->reorder, cache->stream, 2, args);
}

static dnnl_status_t execute(const ct__conv_cache *cache, const conv *v, void *scratchpad, void *const user[],
                             void *const own[]) {
    dnnl_exec_arg_t args[CONV_PORTS + 1];
    dnnl_status_t st = dnnl_success;
    int n = 0;
    for (int id = 0; id < CONV_PORTS && st == dnnl_success; id++) {
        const conv_port *port = &v->ports[id];
        if (!port->arg) continue;
        st = dnnl_memory_set_data_handle(port->user, user[id]);
        if (st == dnnl_success && port->own) st = dnnl_memory_set_data_handle(port->own, own[id]);
        if (st == dnnl_success && port->own && id != (int)v->output) st = reorder(cache, port, false);
        args[n++] = (dnnl_exec_arg_t){port->arg, port->own ? port->own : port->user};
    }
    if (v->scratchpad) {
        if (st == dnnl_success) st = dnnl_memory_set_data_handle(v->scratchpad, scratchpad);
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, v->scratchpad};
    }
    if (st == dnnl_success) st = dnnl_primitive_execute(v->primitive, cache->stream, n, args);
    const conv_port *output = &v->ports[v->output];
    if (st == dnnl_success && output->own) st = reorder(cache, output, true);
    return st == dnnl_success ? dnnl_stream_wait(cache->stream) : st;
}

static int64_t next_part(int64_t n_left) {
    int64_t part = PART_MAX;
    while (part > n_left) part /= 2;
    return part;
}

/* From one picture to the next in the tensor of a port; 0: all pictures share it. */
static size_t picture_bytes(const conv_key *k, conv_port_id port) {
    ct_image one = {.n = 1, .c = k->c, .h = k->h, .w = k->w, .cb = k->cb};
    if (port == PORT_Y || port == PORT_RESIDUAL) one = (ct_image){.n = 1, .c = k->o, .h = k->oh, .w = k->ow, .cb = k->ob};
    else if (port != PORT_X) return 0;
    return (size_t)ct_image_elements(one) * sizeof(float);
}

static ct_status run_part(ct_kctx *ctx, const conv_key *key, void *const user[CONV_PORTS]) {
    ct__conv_cache *cache = ctx->library;
    conv *v = NULL;
    void *scratchpad = NULL, *own[CONV_PORTS] = {NULL};
    CT_CHECK(find(cache, key, &v, ctx->err));
    CT_CHECK(take_scratch(ctx, v, &scratchpad, own));
    if (ctx->dry) return CT_OK;
    return ct__onednn_status(execute(cache, v, scratchpad, user, own), "convolution", ctx->err);
}

/* One convolution from a key to its result, part by part; the parts' weight gradients add up. user: the callers'
 * data by port. */
static ct_status run(ct_kctx *ctx, const conv_key *key, void *const user[CONV_PORTS]) {
    const size_t mark = ct_arena_mark(ctx->scratch);
    void *at[CONV_PORTS];
    conv_key part = *key;
    for (int id = 0; id < CONV_PORTS; id++) at[id] = user[id];
    for (int64_t left = key->n; left > 0; left -= part.n) {
        part.n = next_part(left);
        CT_CHECK(run_part(ctx, &part, at));
        ct_arena_release(ctx->scratch, mark);
        for (int id = 0; id < CONV_PORTS; id++)
            if (at[id]) at[id] = (char *)at[id] + (size_t)part.n * picture_bytes(key, (conv_port_id)id);
    }
    return CT_OK;
}

static conv_key key_of(const ct_kctx *ctx, conv_kind kind, const ct_image *x, const ct_image *y,
                       const ct_tensor *w, const ct_conv2d_shape *shape) {
    return (conv_key){.kind = kind,
                      .n_threads = ctx->n_threads,
                      .n = x->n,
                      .c = x->c,
                      .h = x->h,
                      .w = x->w,
                      .cb = x->cb,
                      .o = y->c,
                      .oh = y->h,
                      .ow = y->w,
                      .ob = y->cb,
                      .kernel = shape->kernel,
                      .stride = shape->stride,
                      .pad = shape->pad,
                      .ldw = w->ld};
}

ct_status ct_conv2d_forward_onednn(ct_kctx *ctx, const struct ct_conv2d_forward_args *args) {
    if (args->y.n == 0) return CT_OK;
    conv_key key = key_of(ctx, CONV_FORWARD, &args->x, &args->y, &args->w, &args->shape);
    key.bias = args->bias.data != NULL;
    key.residual = args->residual.data != NULL;
    key.relu = args->relu;
    return run(ctx, &key,
               (void *[CONV_PORTS]){[PORT_X] = args->x.data,
                                    [PORT_W] = args->w.data,
                                    [PORT_Y] = args->y.data,
                                    [PORT_BIAS] = args->bias.data,
                                    [PORT_RESIDUAL] = args->residual.data});
}

/* A 1x1 kernel of stride 1 is a matrix: its transpose goes the other way, by a primitive that adds to dx. All
 * others add in a pass of their own. */
static conv_kind data_kind(const struct ct_conv2d_backward_args *a) {
    const bool matrix = a->shape.kernel == 1 && a->shape.stride == 1 && a->shape.pad == 0;
    return matrix && a->beta != 0.0f && a->dx.cb == a->dy.cb ? CONV_DATA_FORWARD : CONV_DATA;
}

ct_status ct_conv2d_backward_onednn(ct_kctx *ctx, const struct ct_conv2d_backward_args *args) {
    if (args->dy.n == 0) return CT_OK;
    if (args->dx.data) {
        conv_key key = key_of(ctx, data_kind(args), &args->dx, &args->dy, &args->w, &args->shape);
        key.accumulate = args->beta != 0.0f;
        CT_CHECK(run(ctx, &key,
                     (void *[CONV_PORTS]){
                         [PORT_X] = args->dx.data, [PORT_W] = args->w.data, [PORT_Y] = args->dy.data}));
    }
    if (args->dw.data) {
        conv_key key = key_of(ctx, CONV_WEIGHTS, &args->x, &args->dy, &args->dw, &args->shape);
        key.accumulate = 1;
        CT_CHECK(run(ctx, &key,
                     (void *[CONV_PORTS]){
                         [PORT_X] = args->x.data, [PORT_W] = args->dw.data, [PORT_Y] = args->dy.data}));
    }
    return CT_OK;
}
