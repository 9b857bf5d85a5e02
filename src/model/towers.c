/* The towers' parameters and their forward passes. */
#include "model/towers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NORM_EPS 1e-6f /* a vector shorter than this stays short: see kernels/l2_normalize.h */

static ct_status add_projection(ct_tower *tower, const char *name, const ct_config *config, const ct_model_sizes *sizes,
                                ct_params *params, ct_error *err) {
    char full[96];
    const int64_t d = config->model.dim;
    snprintf(full, sizeof full, "%s.projection.weight", name);
    CT_CHECK(ct_params_add(params, &tower->projection_weight, full, d, tower->width, CT_INIT_NORMAL,
                           1.0f / sqrtf((float)tower->width), true, err));
    snprintf(full, sizeof full, "%s.projection.bias", name);
    /* Not zero: a row without text and ids (an empty title, a hidden id) would be the zero vector, whose direction has
     * a gradient of 1 / NORM_EPS that drowns all others. */
    CT_CHECK(ct_params_add(params, &tower->projection_bias, full, 1, d, CT_INIT_UNIFORM,
                           1.0f / sqrtf((float)tower->width), false, err));
    tower->platform = CT_PARAM_NONE;
    if (!config->model.platform_embedding) return CT_OK;
    snprintf(full, sizeof full, "%s.platform", name);
    return ct_params_add(params, &tower->platform, full, sizes->n_platforms, d, CT_INIT_ZERO, 0.0f, true, err);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static ct_status add_tables(ct_towers *w, const ct_model_sizes *sizes, ct_params *params, const ct_batch_caps *caps,
                            ct_error *err) {
    const ct_config_model *m = &w->config->model;
    w->person_table = w->entity_table = w->vectors_table = -1;
    if (m->id_users > 0)
        CT_CHECK(ct_params_add_table(params, &w->person_table, "user.ids", sizes->n_persons, m->id_users,
                                     1.0f / sqrtf((float)m->id_users), smaller(caps->pairs, sizes->n_persons), err));
    if (m->id_items > 0)
        CT_CHECK(ct_params_add_table(
            params, &w->entity_table, "item.ids", sizes->n_entities, m->id_items, 1.0f / sqrtf((float)m->id_items),
            smaller((int64_t)caps->items + (int64_t)caps->pairs * caps->history, sizes->n_entities), err));
    if (m->history > 0)
        CT_CHECK(ct_params_add_state_table(params, &w->vectors_table, "item.vectors", sizes->n_items, m->dim, err));
    return CT_OK;
}

ct_status ct_towers_create(ct_towers *w, const ct_config *config, const ct_model_sizes *sizes, ct_params *params,
                           const ct_batch_caps *train_caps, ct_error *err) {
    const ct_config_model *m = &config->model;
    const bool history = m->id_history > 0;
    memset(w, 0, sizeof *w);
    w->config = config;
    CT_CHECK(ct_text_encoder_create(&w->user.encoder, "user.encoder", &m->user, params, sizes->vocab,
                                    config->data.max_user_tokens, err));
    w->user.text_width = ct_text_encoder_width(&m->user);
    w->user.width = w->user.text_width + m->id_users + (history ? m->id_items : 0) + (m->history > 0 ? m->dim : 0);
    CT_CHECK(add_projection(&w->user, "user", config, sizes, params, err));
    CT_CHECK(ct_text_encoder_create(&w->item.encoder, "item.encoder", &m->item, params, sizes->vocab,
                                    config->data.max_item_tokens, err));
    w->fuses = ct_config_fuses(m);
    if (w->fuses)
        CT_CHECK(ct_fusion_create(&w->fusion, m, &w->item.encoder, sizes->vector_widths, params, err));
    w->item.text_width = w->fuses ? m->dim : ct_text_encoder_width(&m->item);
    w->item.width = w->item.text_width + m->id_items;
    CT_CHECK(add_projection(&w->item, "item", config, sizes, params, err));
    return add_tables(w, sizes, params, train_caps, err);
}

void ct_towers_free(ct_towers *w) {
    ct_text_encoder_free(&w->user.encoder);
    ct_text_encoder_free(&w->item.encoder);
    ct_fusion_free(&w->fusion);
}

/* A bag of id vectors into columns [from, from + width) of the projection's input; returns from + width. */
static int64_t bag_columns(ct_tape *t, ct_var whole, int64_t from, int32_t table, const ct_device_batch *b,
                           const ct_bag *bag, const ct_segments *segments) {
    if (table < 0 || ct_tape_failed(t)) return from;
    const int64_t width = ct_tape_params(t)->tables[table].cols;
    const ct_var into = ct_tape_columns(t, whole, from, width);
    ct_nn_bag(t, into, table, ct_device_i32(b, bag->ids, bag->n_entries), ct_device_i32(b, bag->offsets, bag->n_rows + 1),
              ct_device_f32(b, bag->scale, bag->n_rows), ct_device_segments(b, segments, bag->n_entries));
    return from + width;
}

/* The mean of the latest items' vectors. They are constants here: the items learn from the items' side. */
static void latest_columns(const ct_towers *w, ct_tape *t, ct_var into, const ct_device_batch *b) {
    const ct_bag *bag = &b->host->users.latest;
    ct_nn_fixed_bag(t, into, w->vectors, ct_device_i32(b, bag->ids, bag->n_entries),
                    ct_device_i32(b, bag->offsets, bag->n_rows + 1), ct_device_f32(b, bag->scale, bag->n_rows));
}

/* From the projection's input to the shared space. */
static ct_var project(const ct_tower *tower, const ct_config *config, ct_tape *t, ct_var input,
                      const ct_device_batch *b, const int32_t *platform, const ct_segments *by_platform, int64_t rows) {
    ct_var x = ct_nn_linear(t, CT_VAR_NEW, input, tower->projection_weight, tower->projection_bias);
    if (tower->platform != CT_PARAM_NONE)
        x = ct_nn_lookup(t, x, true, tower->platform, ct_device_i32(b, platform, rows),
                         ct_device_segments(b, by_platform, rows));
    return config->model.similarity == CT_SIMILARITY_COSINE ? ct_nn_l2_normalize(t, x, NORM_EPS) : x;
}

ct_var ct_towers_user(const ct_towers *w, ct_tape *t, const ct_device_batch *b) {
    const ct_batch *host = b->host;
    const ct_user_side *side = &host->users;
    const ct_var input = ct_tape_new(t, side->n_rows, w->user.width, true);
    int64_t from = w->user.text_width;
    if (from > 0) ct_text_encoder_forward(&w->user.encoder, t, ct_tape_columns(t, input, 0, from), b, &side->text);
    from = bag_columns(t, input, from, w->person_table, b, &side->person, &host->person_seg);
    if (w->config->model.id_history > 0)
        from = bag_columns(t, input, from, w->entity_table, b, &side->history, &host->history_seg);
    if (w->vectors.data) latest_columns(w, t, ct_tape_columns(t, input, from, w->config->model.dim), b);
    return project(&w->user, w->config, t, input, b, side->platform, &side->by_platform, side->n_rows);
}

ct_var ct_towers_item(const ct_towers *w, ct_tape *t, const ct_device_batch *b) {
    const ct_batch *host = b->host;
    const ct_item_side *side = &host->items;
    const ct_var input = ct_tape_new(t, side->n_rows, w->item.width, true);
    const int64_t from = w->item.text_width;
    if (w->fuses) {
        ct_fusion_forward(&w->fusion, t, ct_tape_columns(t, input, 0, from), b);
    } else if (from > 0) {
        ct_text_encoder_forward(&w->item.encoder, t, ct_tape_columns(t, input, 0, from), b, &side->text);
    }
    bag_columns(t, input, from, w->entity_table, b, &side->entity, &host->entity_seg);
    const ct_var v = project(&w->item, w->config, t, input, b, side->platform, &side->by_platform, side->n_rows);
    if (w->vectors.data) ct_nn_scatter(t, w->vectors, v, ct_device_i32(b, side->item, side->n_rows));
    return v;
}
