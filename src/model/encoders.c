/* The Transformer encoder in BERT's layout (post-norm, GELU by erf) and the text CNN. */
#include "model/encoders.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define BERT_EPS 1e-12f /* layer norm's epsilon in BERT's published configurations */
#define BERT_INIT 0.02f /* their initializer_range */

/* Adds "NAME.SUFFIX" and keeps the first failure. */
typedef struct adder {
    ct_params *params;
    const char *prefix;
    ct_status status;
    ct_error *err;
} adder;

static ct_param add(adder *a, const char *suffix, int64_t rows, int64_t cols, ct_init init, float scale, bool decays) {
    ct_param out = CT_PARAM_NONE;
    char name[192];
    if (a->status != CT_OK) return out;
    snprintf(name, sizeof name, "%s.%s", a->prefix, suffix);
    a->status = ct_params_add(a->params, &out, name, rows, cols, init, scale, decays, a->err);
    return out;
}

static ct_param add_weight(adder *a, const char *suffix, int64_t rows, int64_t cols) {
    return add(a, suffix, rows, cols, CT_INIT_NORMAL, BERT_INIT, true);
}
static ct_param add_bias(adder *a, const char *suffix, int64_t cols) {
    return add(a, suffix, 1, cols, CT_INIT_ZERO, 0.0f, false);
}
static ct_param add_gain(adder *a, const char *suffix, int64_t cols) {
    return add(a, suffix, 1, cols, CT_INIT_ONE, 0.0f, false);
}

int64_t ct_text_encoder_width(const ct_config_encoder *c) {
    switch (c->kind) {
    case CT_ENCODER_TRANSFORMER: return c->hidden;
    case CT_ENCODER_CNN: return c->filters * c->widths.n;
    case CT_ENCODER_NONE: break;
    }
    return 0;
}

static int64_t ffn_width(const ct_config_encoder *c) { return c->ffn ? c->ffn : 4 * c->hidden; }

static ct_status add_layer(ct_text_encoder *e, ct_params *params, int64_t index, ct_error *err) {
    const int64_t h = e->config->hidden, ffn = ffn_width(e->config);
    ct_transformer_layer *l = &e->layers[index];
    char prefix[80];
    snprintf(prefix, sizeof prefix, "%s.layer.%lld", e->name, (long long)index);
    adder a = {params, prefix, CT_OK, err};
    l->qkv_weight = add_weight(&a, "attention.qkv.weight", 3 * h, h);
    l->qkv_bias = add_bias(&a, "attention.qkv.bias", 3 * h);
    l->out_weight = add_weight(&a, "attention.output.weight", h, h);
    l->out_bias = add_bias(&a, "attention.output.bias", h);
    l->norm1_weight = add_gain(&a, "attention.norm.weight", h);
    l->norm1_bias = add_bias(&a, "attention.norm.bias", h);
    l->up_weight = add_weight(&a, "ffn.up.weight", ffn, h);
    l->up_bias = add_bias(&a, "ffn.up.bias", ffn);
    l->down_weight = add_weight(&a, "ffn.down.weight", h, ffn);
    l->down_bias = add_bias(&a, "ffn.down.bias", h);
    l->norm2_weight = add_gain(&a, "ffn.norm.weight", h);
    l->norm2_bias = add_bias(&a, "ffn.norm.bias", h);
    snprintf(l->attention_stream, sizeof l->attention_stream, "%s.attention.dropout", prefix);
    snprintf(l->out_stream, sizeof l->out_stream, "%s.attention.output.dropout", prefix);
    snprintf(l->down_stream, sizeof l->down_stream, "%s.ffn.dropout", prefix);
    return a.status;
}

static ct_status create_transformer(ct_text_encoder *e, ct_params *params, int32_t vocab, int64_t positions,
                                    ct_error *err) {
    const int64_t h = e->config->hidden, n = e->config->layers;
    adder a = {params, e->name, CT_OK, err};
    e->embed.token = add_weight(&a, "embeddings.token", vocab, h);
    e->embed.position = add_weight(&a, "embeddings.position", positions, h);
    e->embed.type = add_weight(&a, "embeddings.type", 1, h);
    e->embed.weight = add_gain(&a, "embeddings.norm.weight", h);
    e->embed.bias = add_bias(&a, "embeddings.norm.bias", h);
    CT_CHECK(a.status);
    CT_CHECK(ct_calloc((size_t)n, sizeof *e->layers, (void **)&e->layers, err));
    for (int64_t i = 0; i < n; i++) CT_CHECK(add_layer(e, params, i, err));
    return CT_OK;
}

static ct_status create_cnn(ct_text_encoder *e, ct_params *params, int32_t vocab, ct_error *err) {
    const ct_config_encoder *c = e->config;
    adder a = {params, e->name, CT_OK, err};
    /* Embeddings and filters start so that activations have unit scale: N(0, 1 / embed) and He for ReLU. */
    e->token = add(&a, "token", vocab, c->embed, CT_INIT_NORMAL, 1.0f / sqrtf((float)c->embed), true);
    for (int i = 0; i < c->widths.n; i++) {
        const int64_t taps = c->widths.v[i] * c->embed;
        char suffix[32];
        snprintf(suffix, sizeof suffix, "conv%lld.weight", (long long)c->widths.v[i]);
        e->conv_weight[i] = add(&a, suffix, c->filters, taps, CT_INIT_NORMAL, sqrtf(2.0f / (float)taps), true);
        snprintf(suffix, sizeof suffix, "conv%lld.bias", (long long)c->widths.v[i]);
        e->conv_bias[i] = add_bias(&a, suffix, c->filters);
    }
    return a.status;
}

ct_status ct_text_encoder_create(ct_text_encoder *e, const char *name, const ct_config_encoder *config,
                                 ct_params *params, int32_t vocab, int64_t positions, ct_error *err) {
    memset(e, 0, sizeof *e);
    e->config = config;
    snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->embed_stream, sizeof e->embed_stream, "%s.dropout", name);
    if (config->kind == CT_ENCODER_TRANSFORMER) return create_transformer(e, params, vocab, positions, err);
    if (config->kind == CT_ENCODER_CNN) return create_cnn(e, params, vocab, err);
    return CT_OK;
}

void ct_text_encoder_free(ct_text_encoder *e) { ct_free(e->layers); }

/* What the layers of one packed text share. */
typedef struct packed_text {
    ct_tensor ids, offsets, row_of;
    ct_rows_info rows;
    ct_lookup_grad by_id, by_pos;
    int64_t max_length;
} packed_text;

static packed_text on_device(const ct_device_batch *b, const ct_token_pack *p) {
    return (packed_text){.ids = ct_device_i32(b, p->ids, p->n_padded),
                         .offsets = ct_device_i32(b, p->offsets, p->n_rows + 1),
                         .row_of = ct_device_i32(b, p->row_of, p->n_rows),
                         .rows = {ct_device_i32(b, p->row, p->n_padded), ct_device_i32(b, p->pos, p->n_padded)},
                         .by_id = ct_device_segments(b, &p->by_id, p->n_tokens),
                         .by_pos = ct_device_segments(b, &p->by_pos, p->n_tokens),
                         .max_length = p->max_length};
}

static ct_var transformer_layer(const ct_transformer_layer *l, const ct_config_encoder *c, ct_tape *t, ct_var x,
                                const packed_text *p) {
    const float drop = (float)c->dropout;
    const ct_var qkv = ct_nn_linear(t, CT_VAR_NEW, x, l->qkv_weight, l->qkv_bias);
    const ct_var mixed = ct_nn_attention(t, qkv, p->offsets, p->row_of, c->heads, p->max_length,
                                         (float)c->attention_dropout, l->attention_stream);
    const ct_var out = ct_nn_linear(t, CT_VAR_NEW, mixed, l->out_weight, l->out_bias);
    const ct_var h = ct_nn_add_layer_norm(t, x, out, l->norm1_weight, l->norm1_bias, BERT_EPS, drop, l->out_stream,
                                          p->rows);
    const ct_var up = ct_nn_gelu(t, ct_nn_linear(t, CT_VAR_NEW, h, l->up_weight, l->up_bias));
    const ct_var down = ct_nn_linear(t, CT_VAR_NEW, up, l->down_weight, l->down_bias);
    return ct_nn_add_layer_norm(t, h, down, l->norm2_weight, l->norm2_bias, BERT_EPS, drop, l->down_stream, p->rows);
}

static void transformer(const ct_text_encoder *e, ct_tape *t, ct_var into, const packed_text *p) {
    const ct_config_encoder *c = e->config;
    ct_var x = ct_nn_embed_layer_norm(t, &e->embed, p->ids, p->rows, p->by_id, p->by_pos, BERT_EPS,
                                      (float)c->dropout, e->embed_stream);
    for (int64_t i = 0; i < c->layers; i++) x = transformer_layer(&e->layers[i], c, t, x, p);
    ct_nn_seq_pool(t, into, x, p->offsets, c->pool == CT_POOL_KIND_CLS ? CT_POOL_FIRST : CT_POOL_MEAN);
}

static void text_cnn(const ct_text_encoder *e, ct_tape *t, ct_var into, const packed_text *p) {
    const ct_config_encoder *c = e->config;
    const ct_var looked_up = ct_nn_lookup(t, CT_VAR_NEW, false, e->token, p->ids, p->by_id);
    const ct_var x = ct_nn_dropout(t, looked_up, (float)c->dropout, e->embed_stream, p->rows);
    for (int i = 0; i < c->widths.n; i++) {
        const ct_var block = ct_tape_columns(t, into, i * c->filters, c->filters);
        ct_nn_text_cnn_max(t, block, x, p->offsets, e->conv_weight[i], e->conv_bias[i], c->widths.v[i],
                           p->max_length);
    }
}

void ct_text_encoder_forward(const ct_text_encoder *e, ct_tape *t, ct_var into, const ct_device_batch *batch,
                             const ct_token_pack *pack) {
    if (ct_tape_failed(t)) return;
    const packed_text p = on_device(batch, pack);
    if (e->config->kind == CT_ENCODER_TRANSFORMER) transformer(e, t, into, &p);
    if (e->config->kind == CT_ENCODER_CNN) text_cnn(e, t, into, &p);
}
