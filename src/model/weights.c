/* Reading BERT checkpoints into a text encoder. */
#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/safetensors.h"

typedef struct loader {
    const ct_safetensors *file;
    ct_params *params;
    const char *path;
    ct_error *err;
    ct_status status;
} loader;

static const ct_safetensor *find(loader *l, const char *name) {
    char prefixed[192];
    const ct_safetensor *t = ct_safetensors_find(l->file, name);
    if (!t) {
        snprintf(prefixed, sizeof prefixed, "bert.%s", name);
        t = ct_safetensors_find(l->file, prefixed);
    }
    if (!t) l->status = ct_fail(l->err, CT_ERR_FORMAT, "%s: no tensor '%s' (nor 'bert.%s')", l->path, name, name);
    return t;
}

/* Rows [row0, row0 + rows) of parameter p from the tensor's first rows; more_rows: the file may hold more. */
static void load_rows(loader *l, ct_param p, const char *name, int64_t row0, int64_t rows, bool more_rows) {
    if (l->status != CT_OK) return;
    const ct_segment *s = &l->params->segments[p];
    const ct_safetensor *t = find(l, name);
    if (!t) return;
    if (t->n_dims != 1 && t->n_dims != 2) {
        l->status = ct_fail(l->err, CT_ERR_FORMAT, "%s: tensor '%s' has %d dimensions, want 1 or 2", l->path, name,
                            t->n_dims);
        return;
    }
    const int64_t found_rows = t->n_dims == 2 ? t->shape[0] : 1;
    const int64_t found_cols = t->shape[t->n_dims - 1];
    /* A bias is a vector in the file; for the q, k, v blocks of ours it is a stretch of one row. */
    const int64_t want_rows = s->rows == 1 ? 1 : rows, want_cols = s->rows == 1 ? rows : s->cols;
    if (found_cols != want_cols || found_rows < want_rows || (found_rows > want_rows && !more_rows)) {
        l->status = ct_fail(l->err, CT_ERR_FORMAT, "%s: tensor '%s' is [%lld, %lld], '%s' wants [%lld, %lld]", l->path,
                            name, (long long)found_rows, (long long)found_cols, s->name, (long long)want_rows,
                            (long long)want_cols);
        return;
    }
    float *host = NULL;
    l->status = ct_calloc((size_t)(found_rows * found_cols), sizeof *host, (void **)&host, l->err);
    if (l->status == CT_OK) {
        l->status = ct_safetensor_to_f32(t, host, found_rows * found_cols, l->err);
        if (l->status != CT_OK) ct_error_prefix(l->err, "%s", l->path);
    }
    if (l->status == CT_OK)
        l->status = ct_device_upload(l->params->device, l->params->w + s->offset + row0 * (s->rows == 1 ? 1 : s->cols),
                                     host, (size_t)(want_rows * want_cols) * sizeof *host, l->err);
    ct_free(host);
}

static void load_whole(loader *l, ct_param p, const char *name) {
    const ct_segment *s = &l->params->segments[p];
    load_rows(l, p, name, 0, s->rows == 1 ? s->cols : s->rows, false);
}

static void load_layer(loader *l, const ct_transformer_layer *layer, int64_t index, int64_t hidden) {
    static const char *const blocks[] = {"query", "key", "value"};
    char name[160];
#define LAYER_NAME(suffix) (snprintf(name, sizeof name, "encoder.layer.%lld.%s", (long long)index, suffix), name)
    for (int i = 0; i < 3; i++) {
        char suffix[64];
        snprintf(suffix, sizeof suffix, "attention.self.%s.weight", blocks[i]);
        load_rows(l, layer->qkv_weight, LAYER_NAME(suffix), i * hidden, hidden, false);
        snprintf(suffix, sizeof suffix, "attention.self.%s.bias", blocks[i]);
        load_rows(l, layer->qkv_bias, LAYER_NAME(suffix), i * hidden, hidden, false);
    }
    load_whole(l, layer->out_weight, LAYER_NAME("attention.output.dense.weight"));
    load_whole(l, layer->out_bias, LAYER_NAME("attention.output.dense.bias"));
    load_whole(l, layer->norm1_weight, LAYER_NAME("attention.output.LayerNorm.weight"));
    load_whole(l, layer->norm1_bias, LAYER_NAME("attention.output.LayerNorm.bias"));
    load_whole(l, layer->up_weight, LAYER_NAME("intermediate.dense.weight"));
    load_whole(l, layer->up_bias, LAYER_NAME("intermediate.dense.bias"));
    load_whole(l, layer->down_weight, LAYER_NAME("output.dense.weight"));
    load_whole(l, layer->down_bias, LAYER_NAME("output.dense.bias"));
    load_whole(l, layer->norm2_weight, LAYER_NAME("output.LayerNorm.weight"));
    load_whole(l, layer->norm2_bias, LAYER_NAME("output.LayerNorm.bias"));
#undef LAYER_NAME
}

ct_status ct_weights_load_bert(const ct_text_encoder *e, ct_params *params, const char *folder, ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL;
    ct_safetensors *file = NULL;
    CT_TRY(ct_path_join(folder, "model.safetensors", &path, err), st, done);
    CT_TRY(ct_safetensors_open(&file, path, err), st, done);

    loader l = {file, params, path, err, CT_OK};
    const ct_segment *positions = &params->segments[e->embed.position];
    load_whole(&l, e->embed.token, "embeddings.word_embeddings.weight");
    load_rows(&l, e->embed.position, "embeddings.position_embeddings.weight", 0, positions->rows, true);
    load_rows(&l, e->embed.type, "embeddings.token_type_embeddings.weight", 0, e->config->hidden, true);
    load_whole(&l, e->embed.weight, "embeddings.LayerNorm.weight");
    load_whole(&l, e->embed.bias, "embeddings.LayerNorm.bias");
    for (int64_t i = 0; i < e->config->layers; i++) load_layer(&l, &e->layers[i], i, e->config->hidden);
    st = l.status;
done:
    ct_safetensors_close(file);
    ct_free(path);
    return st;
}
