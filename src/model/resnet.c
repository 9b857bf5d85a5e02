/* ResNet-18, -34, -50 as published, and a small one for small pictures. */
#include "model/resnet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/safetensors.h"

#define PREFIX "item.image."

/* Channels of a stage's 3x3 convolutions, and how many blocks it has. */
typedef struct plan {
    bool bottleneck;
    int n_stages, blocks[CT_RESNET_STAGES_MAX];
    int64_t channels[CT_RESNET_STAGES_MAX];
    ct_conv2d_shape stem;
    bool stem_pool;
} plan;

static const plan plans[] = {
    [CT_IMAGE_RESNET_SMALL] = {false, 3, {2, 2, 2}, {32, 64, 128}, {3, 2, 1}, false},
    [CT_IMAGE_RESNET18] = {false, 4, {2, 2, 2, 2}, {64, 128, 256, 512}, {7, 2, 3}, true},
    [CT_IMAGE_RESNET34] = {false, 4, {3, 4, 6, 3}, {64, 128, 256, 512}, {7, 2, 3}, true},
    [CT_IMAGE_RESNET50] = {true, 4, {3, 4, 6, 3}, {64, 128, 256, 512}, {7, 2, 3}, true},
};

/* ---- parameters ---------------------------------------------------------------------------------------- */

/* Registers names under a prefix and keeps the first failure. */
typedef struct builder {
    ct_params *params;
    bool batch_stats; /* see ct_batch_norm_add */
    ct_status status;
    ct_error *err;
} builder;

/* conv.weight and the four vectors of the norm behind it; He initialisation for ReLU by fan out, as
 * torchvision. */
static ct_resnet_conv add_conv(builder *b, const char *conv, const char *norm, int64_t in, int64_t out,
                               ct_conv2d_shape shape) {
    ct_resnet_conv c = {.shape = shape, .out = out};
    char name[96];
    if (b->status != CT_OK) return c;
    const int64_t window = shape.kernel * shape.kernel;
    snprintf(name, sizeof name, PREFIX "%s.weight", conv);
    b->status = ct_params_add(b->params, &c.weight, name, out, in * window, CT_INIT_NORMAL,
                              sqrtf(2.0f / (float)(out * window)), true, b->err);
    if (b->status != CT_OK) return c;
    snprintf(name, sizeof name, PREFIX "%s", norm);
    b->status = ct_batch_norm_add(b->params, &c.norm, name, out, b->batch_stats, b->err);
    return c;
}

/* Block `index` of stage `stage` (from 1): in -> out channels, the first block of a stage strides. */
static ct_resnet_block add_block(builder *b, const plan *p, int stage, int index, int64_t in, int64_t *out) {
    const int64_t channels = p->channels[stage - 1], stride = stage > 1 && index == 0 ? 2 : 1;
    const ct_conv2d_shape one = {1, 1, 0}, three = {3, 1, 1}, strided = {3, stride, 1};
    ct_resnet_block block = {.n_convs = p->bottleneck ? 3 : 2};
    char conv[64], norm[64];
    *out = p->bottleneck ? 4 * channels : channels;
    for (int i = 0; i < block.n_convs; i++) {
        const bool last = i + 1 == block.n_convs;
        const ct_conv2d_shape shape = p->bottleneck ? (i == 1 ? strided : one) : (i == 0 ? strided : three);
        snprintf(conv, sizeof conv, "layer%d.%d.conv%d", stage, index, i + 1);
        snprintf(norm, sizeof norm, "layer%d.%d.bn%d", stage, index, i + 1);
        block.conv[i] = add_conv(b, conv, norm, i == 0 ? in : channels, last ? *out : channels, shape);
    }
    block.has_shortcut = stride != 1 || in != *out;
    if (block.has_shortcut) {
        snprintf(conv, sizeof conv, "layer%d.%d.downsample.0", stage, index);
        snprintf(norm, sizeof norm, "layer%d.%d.downsample.1", stage, index);
        block.shortcut = add_conv(b, conv, norm, in, *out, (ct_conv2d_shape){1, stride, 0});
    }
    return block;
}

/* Training normalises by the batch; else by the running statistics, which then stay as they are. */
static bool batch_stats(const ct_config_image *config) {
    return config->batch_norm != CT_BATCH_NORM_FROZEN;
}

ct_status ct_resnet_create(ct_resnet *net, const ct_config_image *config, ct_params *params, ct_error *err) {
    memset(net, 0, sizeof *net);
    net->config = config;
    if (config->kind == CT_IMAGE_NONE) return CT_OK;
    const plan *p = &plans[config->kind];
    builder b = {params, batch_stats(config), CT_OK, err};
    int n = 0;
    for (int s = 0; s < p->n_stages; s++) n += p->blocks[s];
    CT_CHECK(ct_calloc((size_t)n, sizeof *net->blocks, (void **)&net->blocks, err));
    net->stem = add_conv(&b, "conv1", "bn1", 3, p->channels[0], p->stem);
    net->stem_pool = p->stem_pool;
    net->width = p->channels[0];
    for (int stage = 1; stage <= p->n_stages; stage++)
        for (int i = 0; i < p->blocks[stage - 1]; i++)
            net->blocks[net->n_blocks++] = add_block(&b, p, stage, i, net->width, &net->width);
    return b.status;
}

void ct_resnet_free(ct_resnet *net) {
    ct_free(net->blocks);
}

/* ---- forward ------------------------------------------------------------------------------------------- */

typedef struct pass {
    ct_tape *tape;
    bool batch_stats;
    int64_t block;  /* channels of a block */
    ct_tensor room; /* for one convolution's folded weights; absent in training */
} pass;

static const ct_image_var no_residual = {.v = CT_VAR_NEW};

static ct_image_var conv_norm(const pass *p, const ct_resnet_conv *c, ct_image_var x, ct_image_var residual,
                              bool relu) {
    if (p->room.data) {
        const ct_folded folded = ct_nn_fold_batch_norm(p->tape, p->room, c->weight, &c->norm);
        return ct_nn_conv2d_folded(p->tape, x, residual, folded, c->shape, relu, p->block);
    }
    const ct_image_var y = ct_nn_conv2d(p->tape, x, c->weight, c->shape, c->out, p->block);
    return ct_nn_batch_norm_act(p->tape, y, residual, &c->norm, p->batch_stats, relu);
}

static ct_image_var residual_block(const pass *p, const ct_resnet_block *b, ct_image_var x) {
    const ct_image_var shortcut = b->has_shortcut ? conv_norm(p, &b->shortcut, x, no_residual, false) : x;
    ct_image_var y = x;
    for (int i = 0; i + 1 < b->n_convs; i++) y = conv_norm(p, &b->conv[i], y, no_residual, true);
    return conv_norm(p, &b->conv[b->n_convs - 1], y, shortcut, true);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t folded_values(const ct_params *params, const ct_resnet_conv *c) {
    const ct_segment *s = &params->segments[c->weight];
    return s->rows * s->cols + s->rows;
}

/* Each pass folds anew, one convolution before the next: nothing has to know when weights or statistics changed, and
 * one convolution's room is enough. It costs a pass over the weights, which the library reads to lay out anyway. */
static ct_tensor room_to_fold(const ct_resnet *net, ct_tape *t) {
    const ct_params *params = ct_tape_params(t);
    int64_t most = folded_values(params, &net->stem);
    for (int i = 0; i < net->n_blocks; i++) {
        const ct_resnet_block *b = &net->blocks[i];
        for (int k = 0; k < b->n_convs; k++) most = larger(most, folded_values(params, &b->conv[k]));
        if (b->has_shortcut) most = larger(most, folded_values(params, &b->shortcut));
    }
    return ct_tape_keep(t, CT_DTYPE_F32, 1, most);
}

ct_var ct_resnet_forward(const ct_resnet *net, ct_tape *t, const ct_device_batch *batch) {
    const ct_item_side *side = &batch->host->items;
    const int64_t n = side->n_pictures, bytes = (int64_t)side->picture_size * side->picture_size * 3;
    const pass p = {.tape = t,
                    .batch_stats = batch_stats(net->config),
                    .block = ct_device_channel_block(ct_tape_device(t)),
                    .room = ct_tape_training(t) ? (ct_tensor){0} : room_to_fold(net, t)};
    const ct_pictures pictures = {.pixels = ct_device_rows(batch, side->pixels, CT_DTYPE_U8, n, bytes),
                                  .crop = ct_device_rows(batch, side->crop, CT_DTYPE_F32, n, 4),
                                  .flip = ct_device_i32(batch, side->flip, n),
                                  .colour = ct_device_rows(batch, side->colour, CT_DTYPE_F32, n, 3),
                                  .source = side->picture_size};
    ct_image_var x = ct_nn_image_normalize(t, &pictures, net->config->size);
    x = conv_norm(&p, &net->stem, x, no_residual, true);
    if (net->stem_pool) x = ct_nn_max_pool2d(t, x, 3, 2, 1);
    for (int i = 0; i < net->n_blocks; i++) x = residual_block(&p, &net->blocks[i], x);
    return ct_nn_global_pool(t, CT_VAR_NEW, x);
}

/* ---- published weights --------------------------------------------------------------------------------- */

static ct_status load_segment(ct_params *params, const ct_segment *s, const ct_safetensors *f,
                              const char *path, ct_error *err) {
    ct_status st = CT_OK;
    const char *name = s->name + strlen(PREFIX);
    const ct_safetensor *t = ct_safetensors_find(f, name);
    const int64_t n = s->rows * s->cols;
    float *host = NULL;
    int64_t found = t ? 1 : 0;
    for (int i = 0; t && i < t->n_dims; i++) found *= t->shape[i];
    if (!t || found != n)
        return ct_fail(err, CT_ERR_FORMAT, "%s: tensor '%s' has %lld values, want %lld", path, name,
                       (long long)found, (long long)n);
    CT_CHECK(ct_calloc((size_t)n, sizeof *host, (void **)&host, err));
    CT_TRY(ct_safetensor_to_f32(t, host, n, err), st, done);
    st = ct_device_upload(params->device, params->w + s->offset, host, (size_t)n * sizeof *host, err);
done:
    ct_free(host);
    return st;
}

ct_status ct_resnet_load(ct_params *params, const char *path, ct_error *err) {
    ct_safetensors *f = NULL;
    ct_status st = CT_OK;
    CT_CHECK(ct_safetensors_open(&f, path, err));
    for (int32_t i = 0; i < params->n_segments && st == CT_OK; i++)
        if (strncmp(params->segments[i].name, PREFIX, strlen(PREFIX)) == 0)
            st = load_segment(params, &params->segments[i], f, path, err);
    ct_safetensors_close(f);
    return st;
}
