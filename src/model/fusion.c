/* Fusing text, image and precomputed vectors: concatenation, a gate, or attention among the modalities. */
#include "model/fusion.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

#define NORM_EPS 1e-5f

/* ---- parameters ---------------------------------------------------------------------------------------- */

static ct_status add_weight(ct_params *params, ct_param *weight, const char *name, int64_t out, int64_t in,
                            ct_error *err) {
    return ct_params_add(params, weight, name, out, in, CT_INIT_NORMAL, 1.0f / sqrtf((float)in), true, err);
}

static ct_status add_linear(ct_params *params, ct_param *weight, ct_param *bias, const char *weight_name,
                            const char *bias_name, int64_t out, int64_t in, ct_error *err) {
    CT_CHECK(add_weight(params, weight, weight_name, out, in, err));
    return ct_params_add(params, bias, bias_name, 1, out, CT_INIT_ZERO, 0.0f, false, err);
}

static bool batch_stats(const ct_fusion *f) {
    return f->config->image.batch_norm != CT_BATCH_NORM_FROZEN;
}

/* Heads of 32 columns where they fit, else the most that divide D. */
static int64_t heads_for(int64_t d) {
    int64_t heads = d / 32 > 0 ? d / 32 : 1;
    while (d % heads != 0) heads--;
    return heads;
}

static ct_status add_cross_attention(ct_fusion *f, ct_params *params, ct_error *err) {
    const int64_t d = f->config->dim;
    f->heads = heads_for(d);
    CT_CHECK(ct_params_add(params, &f->kind, "item.fusion.kind", f->n_modalities, d, CT_INIT_NORMAL, 0.02f,
                           true, err));
    CT_CHECK(add_linear(params, &f->qkv_weight, &f->qkv_bias, "item.fusion.qkv.weight",
                        "item.fusion.qkv.bias", 3 * d, d, err));
    CT_CHECK(add_linear(params, &f->out_weight, &f->out_bias, "item.fusion.output.weight",
                        "item.fusion.output.bias", d, d, err));
    CT_CHECK(ct_params_add(params, &f->norm_weight, "item.fusion.norm.weight", 1, d, CT_INIT_ONE, 0.0f, false,
                           err));
    return ct_params_add(params, &f->norm_bias, "item.fusion.norm.bias", 1, d, CT_INIT_ZERO, 0.0f, false,
                         err);
}

/* "item.fusion.vectors.NAME.weight" for each of the config's. */
static ct_status add_vectors(ct_fusion *f, const int32_t *widths, ct_params *params, ct_error *err) {
    const ct_strlist *names = &f->config->vectors;
    int64_t from = 0;
    CT_CHECK(ct_calloc((size_t)names->n, sizeof *f->vectors, (void **)&f->vectors, err));
    for (int i = 0; i < names->n; i++) {
        ct_fusion_vectors *v = &f->vectors[i];
        ct_str name = {0};
        *v = (ct_fusion_vectors){.from = from, .width = widths[i]};
        from += v->width;
        ct_status st = ct_str_printf(&name, err, "item.fusion.vectors.%s.weight", names->v[i]);
        if (st == CT_OK) st = add_weight(params, &v->weight, ct_str_text(&name), f->config->dim, v->width, err);
        ct_str_free(&name);
        CT_CHECK(st);
    }
    f->n_vectors = names->n;
    return CT_OK;
}

ct_status ct_fusion_create(ct_fusion *f, const ct_config_model *config, const ct_text_encoder *text,
                           const int32_t *widths, ct_params *params, ct_error *err) {
    const int64_t d = config->dim;
    memset(f, 0, sizeof *f);
    f->config = config;
    f->text = config->item.kind == CT_ENCODER_NONE ? NULL : text;
    f->has_image = config->image.kind != CT_IMAGE_NONE;
    f->n_modalities = ct_config_n_modalities(config);
    if (f->text)
        CT_CHECK(add_weight(params, &f->text_weight, "item.fusion.text.weight", d, ct_text_encoder_width(&config->item),
                            err));
    if (f->has_image) {
        CT_CHECK(ct_resnet_create(&f->image, &config->image, params, err));
        CT_CHECK(add_weight(params, &f->image_weight, "item.fusion.image.weight", d, f->image.width, err));
    }
    CT_CHECK(add_vectors(f, widths, params, err));
    CT_CHECK(ct_batch_norm_add(params, &f->norm, "item.fusion.batch_norm", f->n_modalities * d, batch_stats(f), err));
    CT_CHECK(ct_params_add(params, &f->missing, "item.fusion.missing", f->n_modalities, d, CT_INIT_NORMAL,
                           0.02f, true, err));
    if (f->n_modalities == 1) return CT_OK;
    if (config->fusion == CT_FUSION_CROSS_ATTENTION) return add_cross_attention(f, params, err);
    return add_linear(params, &f->mix_weight, &f->mix_bias, "item.fusion.mix.weight", "item.fusion.mix.bias",
                      config->fusion == CT_FUSION_CONCAT ? d : f->n_modalities, f->n_modalities * d, err);
}

void ct_fusion_free(ct_fusion *f) {
    ct_resnet_free(&f->image);
    ct_free(f->vectors);
    f->vectors = NULL;
}

/* ---- forward ------------------------------------------------------------------------------------------- */

/* Attention among the M rows of each item, a residual, a norm, the mean over the rows. z [N, M D]. */
static void cross_attention(const ct_fusion *f, ct_tape *t, ct_var into, ct_var z, const ct_device_batch *b) {
    const ct_item_side *side = &b->host->items;
    const int64_t n = side->n_rows, m = f->n_modalities, d = f->config->dim;
    const ct_tensor offsets = ct_device_i32(b, side->modality_begin, n + 1);
    const ct_lookup_grad by_kind = {.seg_begin =
                                        ct_device_i32(b, side->kind_begin, side->kind_begin ? m + 1 : 0),
                                    .seg_row = ct_device_i32(b, side->kind_row, n * m)};
    const ct_var rows = ct_tape_reshape(t, z, n * m, d);
    const ct_var x = ct_nn_lookup(t, rows, true, f->kind, ct_device_i32(b, side->kind, n * m), by_kind);
    const ct_var qkv = ct_nn_linear(t, CT_VAR_NEW, x, f->qkv_weight, f->qkv_bias);
    const ct_var mixed = ct_nn_attention(t, qkv, offsets, (ct_tensor){0}, f->heads, m, 0.0f, NULL);
    const ct_var out = ct_nn_linear(t, CT_VAR_NEW, mixed, f->out_weight, f->out_bias);
    const ct_var y = ct_nn_add_layer_norm(t, x, out, f->norm_weight, f->norm_bias, NORM_EPS, 0.0f, NULL,
                                          (ct_rows_info){0});
    ct_nn_seq_pool(t, into, y, offsets, CT_POOL_MEAN);
}

static void fuse(const ct_fusion *f, ct_tape *t, ct_var into, ct_var z, const ct_device_batch *b) {
    switch (f->config->fusion) {
    case CT_FUSION_CONCAT:
        ct_nn_linear(t, into, z, f->mix_weight, f->mix_bias);
        break;
    case CT_FUSION_GATED:
        ct_nn_gated_fusion(t, into, z, ct_nn_linear(t, CT_VAR_NEW, z, f->mix_weight, f->mix_bias));
        break;
    case CT_FUSION_CROSS_ATTENTION:
        cross_attention(f, t, into, z, b);
        break;
    }
}

/* Encoders end in ReLUs: what all items have in common is much larger than what tells them apart, and a modality with
 * large values would drown one with small ones. Each column is brought to mean 0 and variance 1 over the batch. */
static ct_var normalize_columns(const ct_fusion *f, ct_tape *t, ct_var x, int64_t rows) {
    const int64_t columns = f->n_modalities * f->config->dim;
    const ct_image_var as_image = {.v = x, .n = rows, .c = columns, .h = 1, .w = 1, .cb = columns},
                       no_residual = {.v = CT_VAR_NEW};
    return ct_nn_batch_norm_act(t, as_image, no_residual, &f->norm, batch_stats(f), false).v;
}

static void text_forward(const ct_fusion *f, ct_tape *t, ct_var into, const ct_device_batch *b) {
    const ct_item_side *side = &b->host->items;
    const ct_var text = ct_tape_new(t, side->n_rows, ct_text_encoder_width(&f->config->item), true);
    ct_text_encoder_forward(f->text, t, text, b, &side->text);
    ct_nn_linear(t, into, text, f->text_weight, CT_PARAM_NONE);
}

/* The batch holds only the pictures that are shown; items without one get zeros. */
static void image_forward(const ct_fusion *f, ct_tape *t, ct_var into, const ct_device_batch *b) {
    const ct_item_side *side = &b->host->items;
    const ct_var pooled = ct_resnet_forward(&f->image, t, b);
    const ct_var placed =
        ct_nn_place_rows(t, CT_VAR_NEW, pooled, ct_device_i32(b, side->picture_begin, side->n_rows + 1),
                         ct_device_i32(b, side->picture_ids, side->n_pictures + 1),
                         ct_device_i32(b, side->picture_row, side->n_pictures));
    ct_nn_linear(t, into, placed, f->image_weight, CT_PARAM_NONE);
}

/* Rows of zeros stand where a vector is missing: one product over all rows costs less than packing the others. */
static void vectors_forward(const ct_fusion_vectors *v, ct_tape *t, ct_var into, const ct_device_batch *b) {
    const ct_item_side *side = &b->host->items;
    const ct_tensor all = ct_device_rows(b, side->vectors, CT_DTYPE_F32, side->n_rows, side->vector_width);
    ct_nn_linear(t, into, ct_tape_input(t, ct_columns(all, v->from, v->width)), v->weight, CT_PARAM_NONE);
}

void ct_fusion_forward(const ct_fusion *f, ct_tape *t, ct_var into, const ct_device_batch *b) {
    const ct_item_side *side = &b->host->items;
    const int64_t n = side->n_rows, d = f->config->dim;
    int64_t from = 0;
    const ct_var x = ct_tape_new(t, n, f->n_modalities * d, true);
    if (f->text) {
        text_forward(f, t, ct_tape_columns(t, x, from, d), b);
        from += d;
    }
    if (f->has_image) {
        image_forward(f, t, ct_tape_columns(t, x, from, d), b);
        from += d;
    }
    for (int i = 0; i < f->n_vectors; i++, from += d)
        vectors_forward(&f->vectors[i], t, ct_tape_columns(t, x, from, d), b);
    const ct_var z = normalize_columns(f, t, x, n);
    const ct_tensor present = ct_device_rows(b, side->present, CT_DTYPE_I32, n, f->n_modalities);
    /* One modality needs no fusion: its row, or the stand-in, is the result. */
    if (f->n_modalities == 1) {
        ct_nn_fill_missing(t, into, z, present, f->missing);
    } else {
        fuse(f, t, into, ct_nn_fill_missing(t, CT_VAR_NEW, z, present, f->missing), b);
    }
}
