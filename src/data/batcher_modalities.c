/* Presence of modalities, drawn and filled row by row; precomputed vectors copied from the map. */
#include "data/batcher_modalities.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

ct_status ct__modalities_create(ct__modalities *m, const ct_dataset *data, const ct_config_model *config,
                                ct_error *err) {
    *m = (ct__modalities){.text = -1, .image = -1, .unit = config->vector_scale == CT_VECTOR_SCALE_UNIT};
    if (!ct_config_fuses(config)) return CT_OK;
    if (config->item.kind != CT_ENCODER_NONE) m->text = m->n++;
    if (config->image.kind != CT_IMAGE_NONE) m->image = m->n++;
    CT_CHECK(ct_calloc((size_t)config->vectors.n, sizeof *m->vectors, (void **)&m->vectors, err));
    for (int i = 0; i < config->vectors.n; i++) {
        const ct_item_vectors *v = ct_dataset_find_vectors(data, config->vectors.v[i]);
        if (!v)
            return ct_fail(err, CT_ERR_CONFIG, "model.item.vectors: the prepared data have no vectors '%s'",
                           config->vectors.v[i]);
        if (v->width > INT32_MAX - m->vector_width)
            return ct_fail(err, CT_ERR_CONFIG, "model.item.vectors: more than 2^31 columns together");
        m->vectors[m->n_vectors++] = v;
        m->vector_width += v->width;
        m->n++;
    }
    return CT_OK;
}

void ct__modalities_free(ct__modalities *m) {
    ct_free(m->vectors);
    *m = (ct__modalities){0};
}

void ct__modalities_clear(const ct__modalities *m, ct_item_side *items) {
    items->n_modalities = m->n;
    items->vector_width = m->vector_width;
    if (m->n > 0) items->modality_begin[0] = 0;
}

/* Item -1, a bare text or picture, has no vectors. */
static bool has_vector(const ct__modalities *m, int32_t item, int32_t k) {
    return item >= 0 && m->vectors[k - (m->n - m->n_vectors)]->item_row[item] >= 0;
}

/* Text, image and vectors have random numbers of their own, whichever of them there are. */
static bool is_hidden(const ct__modalities *m, ct_rng_key key, int32_t row, int32_t k, double probability) {
    const int32_t slot = k == m->text ? 0 : k == m->image ? 1 : 2 + k - (m->n - m->n_vectors);
    const ct_philox random = ct_philox4x32((uint32_t)row, (uint32_t)slot / 4, 0, 0, key.k0, key.k1);
    return ct_rng_unit(random.v[slot % 4]) < probability;
}

enum { HIDDEN = 2 }; /* in presence, until it is known whether something else is shown */

/* 1 / root mean square; of nothing but zeros 1. */
static float unit_factor(const float *v, int32_t n) {
    double squares = 0.0;
    for (int32_t i = 0; i < n; i++) squares += (double)v[i] * (double)v[i];
    return squares > 0.0 ? (float)(1.0 / sqrt(squares / n)) : 1.0f;
}

static void copy_vectors(const ct__modalities *m, int32_t item, const int32_t *present, float *out) {
    for (int32_t i = 0; i < m->n_vectors; i++) {
        const ct_item_vectors *v = m->vectors[i];
        if (present[i]) {
            const float *in = v->rows + (int64_t)v->item_row[item] * v->width;
            const float factor = m->unit ? unit_factor(in, v->width) : 1.0f;
            for (int32_t k = 0; k < v->width; k++) out[k] = factor * in[k];
        } else {
            memset(out, 0, (size_t)v->width * sizeof *out);
        }
        out += v->width;
    }
}

void ct__modalities_add(const ct__modalities *m, ct_item_side *items, bool has_text, bool has_image,
                        const ct_rng_key *key, double probability) {
    if (m->n == 0) return;
    const int32_t row = items->n_rows - 1, item = items->item[row];
    int32_t *present = items->present + (int64_t)m->n * row, *kind = items->kind + (int64_t)m->n * row;
    int32_t left = 0; /* of what it has, after hiding */
    for (int32_t k = 0; k < m->n; k++) {
        const bool has = k == m->text ? has_text : k == m->image ? has_image : has_vector(m, item, k);
        kind[k] = k;
        present[k] = !has ? 0 : key && is_hidden(m, *key, row, k, probability) ? HIDDEN : 1;
        left += present[k] == 1;
    }
    for (int32_t k = 0; k < m->n; k++)
        if (present[k] == HIDDEN) present[k] = left == 0;
    if (m->n_vectors > 0)
        copy_vectors(m, item, present + m->n - m->n_vectors, items->vectors + (int64_t)m->vector_width * row);
    items->modality_begin[row + 1] = m->n * (row + 1);
}

bool ct__modalities_shown(const ct_item_side *items, int32_t column) {
    return column < 0 || items->present[(int64_t)items->n_modalities * (items->n_rows - 1) + column] != 0;
}

void ct__modalities_close(ct_item_side *items) {
    const int32_t n = items->n_rows, m = items->n_modalities;
    if (m == 0 || !items->kind_begin) return;
    for (int32_t k = 0; k <= m; k++) items->kind_begin[k] = k * n;
    for (int32_t k = 0; k < m; k++)
        for (int32_t r = 0; r < n; r++) items->kind_row[k * n + r] = m * r + k;
}
