/* The parameter store: layout, initial values, zeroing of gradients. */
#include "nn/params.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { SEGMENT_ALIGN = 256 };

void ct_params_begin(ct_params *params, ct_device *device, bool training) {
    memset(params, 0, sizeof *params);
    params->device = device;
    params->training = training;
}

ct_status ct_params_add(ct_params *params, ct_param *out, const char *name, int64_t rows, int64_t cols, ct_init init,
                        float scale, bool decays, ct_error *err) {
    *out = CT_PARAM_NONE;
    if (strlen(name) >= sizeof params->segments[0].name || ct_params_find(params, name) != CT_PARAM_NONE)
        return ct_fail(err, CT_ERR_INTERNAL, "parameter '%s': name is too long or stands twice", name);
    if (rows < 1 || cols < 1)
        return ct_fail(err, CT_ERR_SHAPE, "parameter '%s': shape [%lld, %lld], want at least [1, 1]", name,
                       (long long)rows, (long long)cols);
    CT_CHECK(ct_grow((void **)&params->segments, &params->segments_capacity, (size_t)params->n_segments + 1,
                     sizeof *params->segments, err));
    ct_segment *s = &params->segments[params->n_segments];
    *s = (ct_segment){.rows = rows, .cols = cols, .offset = params->n_values, .init = init, .scale = scale,
                      .decays = decays, .lr_scale = 1.0f};
    strcpy(s->name, name);
    params->n_values += (rows * cols + SEGMENT_ALIGN - 1) / SEGMENT_ALIGN * SEGMENT_ALIGN;
    *out = params->n_segments++;
    return CT_OK;
}

ct_status ct_params_add_state(ct_params *params, ct_param *out, const char *name, int64_t cols, ct_init init,
                              float momentum, ct_error *err) {
    CT_CHECK(ct_params_add(params, out, name, 1, cols, init, 0.0f, false, err));
    params->segments[*out].state = params->segments[*out].frozen = true;
    params->segments[*out].momentum = momentum;
    return CT_OK;
}

ct_status ct_params_add_table(ct_params *params, int32_t *out, const char *name, int64_t rows, int64_t cols,
                              float scale, int64_t max_unique, ct_error *err) {
    *out = -1;
    if (params->n_state_tables > 0)
        return ct_fail(err, CT_ERR_INTERNAL, "id table '%s': added behind a table of state", name);
    if (params->n_tables == CT_ID_TABLES_MAX || strlen(name) >= sizeof params->tables[0].name)
        return ct_fail(err, CT_ERR_INTERNAL, "id table '%s': at most %d tables, names shorter than %zu", name,
                       CT_ID_TABLES_MAX, sizeof params->tables[0].name);
    ct_id_table *t = &params->tables[params->n_tables];
    *t = (ct_id_table){.rows = rows, .cols = cols, .scale = scale, .lr_scale = 1.0f, .max_unique = max_unique};
    strcpy(t->name, name);
    *out = params->n_tables++;
    return CT_OK;
}

ct_status ct_params_add_state_table(ct_params *params, int32_t *out, const char *name, int64_t rows, int64_t cols,
                                    ct_error *err) {
    CT_CHECK(ct_params_add_table(params, out, name, rows, cols, 0.0f, 0, err));
    params->tables[*out].state = true;
    params->n_state_tables++;
    return CT_OK;
}

/* Fills n values of a stream. Host code: the store is initialised once a run. */
static void init_values(float *w, int64_t n, ct_init init, float scale, ct_rng *rng) {
    switch (init) {
    case CT_INIT_ZERO: break; /* device memory is zeroed */
    case CT_INIT_ONE:
        for (int64_t i = 0; i < n; i++) w[i] = 1.0f;
        break;
    case CT_INIT_VALUE:
        for (int64_t i = 0; i < n; i++) w[i] = scale;
        break;
    case CT_INIT_NORMAL:
        for (int64_t i = 0; i < n; i++) w[i] = scale * (float)ct_rng_normal(rng);
        break;
    case CT_INIT_UNIFORM:
        for (int64_t i = 0; i < n; i++) w[i] = scale * (float)(2.0 * ct_rng_f64(rng) - 1.0);
        break;
    }
}

static ct_status init_segment(ct_params *params, const ct_segment *s, uint64_t seed, ct_error *err) {
    ct_status st = CT_OK;
    const int64_t n = s->rows * s->cols;
    float *host = NULL;
    ct_rng rng = ct_rng_make(seed, 0, ct_hash_name(s->name));
    CT_CHECK(ct_calloc((size_t)n, sizeof *host, (void **)&host, err));
    init_values(host, n, s->init, s->scale, &rng);
    st = ct_device_upload(params->device, params->w + s->offset, host, (size_t)n * sizeof *host, err);
    ct_free(host);
    return st;
}

/* Rows are drawn one by one, each from (seed, its number, the table's name). */
static ct_status init_table(ct_params *params, const ct_id_table *t, uint64_t seed, ct_error *err) {
    enum { CHUNK = 4096 };
    ct_status st = CT_OK;
    float *host = NULL;
    CT_CHECK(ct_calloc((size_t)(CHUNK * t->cols), sizeof *host, (void **)&host, err));
    for (int64_t row0 = 0; row0 < t->rows; row0 += CHUNK) {
        const int64_t rows = t->rows - row0 < CHUNK ? t->rows - row0 : CHUNK;
        for (int64_t r = 0; r < rows; r++) {
            ct_rng rng = ct_rng_make(seed, (uint64_t)(row0 + r), ct_hash_name(t->name));
            init_values(host + r * t->cols, t->cols, CT_INIT_NORMAL, t->scale, &rng);
        }
        CT_TRY(ct_device_upload(params->device, t->w + row0 * t->cols, host,
                                (size_t)(rows * t->cols) * sizeof *host, err), st, done);
    }
done:
    ct_free(host);
    return st;
}

static ct_status allocate_f32(ct_params *params, float **out, int64_t rows, int64_t cols, ct_error *err) {
    return ct_device_alloc(params->device, (size_t)rows * (size_t)cols, sizeof(float), (void **)out, err);
}

static ct_status allocate_table(ct_params *params, ct_id_table *t, ct_error *err) {
    CT_CHECK(allocate_f32(params, &t->w, t->rows, t->cols, err));
    if (!params->training || t->state) return CT_OK;
    CT_CHECK(allocate_f32(params, &t->m, t->rows, t->cols, err));
    CT_CHECK(allocate_f32(params, &t->v, t->rows, t->cols, err));
    return allocate_f32(params, &t->g, t->max_unique, t->cols, err);
}

ct_status ct_params_allocate(ct_params *params, uint64_t seed, ct_error *err) {
    CT_CHECK(allocate_f32(params, &params->w, params->n_values, 1, err));
    if (params->training) {
        CT_CHECK(allocate_f32(params, &params->g, params->n_values, 1, err));
        CT_CHECK(allocate_f32(params, &params->m, params->n_values, 1, err));
        CT_CHECK(allocate_f32(params, &params->v, params->n_values, 1, err));
    }
    for (int32_t i = 0; i < params->n_segments; i++) CT_CHECK(init_segment(params, &params->segments[i], seed, err));
    for (int32_t i = 0; i < params->n_tables; i++) {
        CT_CHECK(allocate_table(params, &params->tables[i], err));
        if (!params->tables[i].state) CT_CHECK(init_table(params, &params->tables[i], seed, err)); /* others stay 0 */
    }
    return CT_OK;
}

void ct_params_pretend(ct_params *params) {
    static float nowhere;
    params->pretends = true;
    params->w = params->g = params->m = params->v = &nowhere;
    for (int32_t i = 0; i < params->n_tables; i++) {
        ct_id_table *t = &params->tables[i];
        t->w = t->m = t->v = t->g = &nowhere;
    }
}

void ct_params_free(ct_params *params) {
    ct_device *dev = params->device;
    if (dev && !params->pretends) {
        ct_device_free(dev, params->w);
        ct_device_free(dev, params->g);
        ct_device_free(dev, params->m);
        ct_device_free(dev, params->v);
        for (int32_t i = 0; i < params->n_tables; i++) {
            ct_device_free(dev, params->tables[i].w);
            ct_device_free(dev, params->tables[i].m);
            ct_device_free(dev, params->tables[i].v);
            ct_device_free(dev, params->tables[i].g);
        }
    }
    ct_free(params->segments);
    memset(params, 0, sizeof *params);
}

ct_param ct_params_find(const ct_params *params, const char *name) {
    for (int32_t i = 0; i < params->n_segments; i++)
        if (strcmp(params->segments[i].name, name) == 0) return i;
    return CT_PARAM_NONE;
}

ct_tensor ct_params_weight(const ct_params *params, ct_param p) {
    if (p == CT_PARAM_NONE) return (ct_tensor){0};
    const ct_segment *s = &params->segments[p];
    return ct_f32(params->w + s->offset, s->rows, s->cols);
}

ct_tensor ct_params_grad(const ct_params *params, ct_param p) {
    if (p == CT_PARAM_NONE || !params->training || params->segments[p].frozen) return (ct_tensor){0};
    const ct_segment *s = &params->segments[p];
    return ct_f32(params->g + s->offset, s->rows, s->cols);
}

ct_tensor ct_params_batch_state(const ct_params *params, ct_param p) {
    const ct_segment *s = &params->segments[p];
    if (!params->training || s->momentum == 0.0f) return (ct_tensor){0};
    return ct_f32(params->m + s->offset, s->rows, s->cols);
}

int64_t ct_params_count(const ct_params *params) {
    int64_t n = 0;
    for (int32_t i = 0; i < params->n_segments; i++) n += params->segments[i].rows * params->segments[i].cols;
    for (int32_t i = 0; i < params->n_tables - params->n_state_tables; i++)
        n += params->tables[i].rows * params->tables[i].cols;
    return n;
}

ct_status ct_params_zero_grad(ct_params *params, ct_error *err) {
    CT_CHECK(ct_device_zero(params->device, params->g, (size_t)params->n_values * sizeof(float), err));
    for (int32_t i = 0; i < params->n_tables; i++) {
        const ct_id_table *t = &params->tables[i];
        const size_t bytes = (size_t)(t->n_unique * t->cols) * sizeof(float);
        if (bytes) CT_CHECK(ct_device_zero(params->device, t->g, bytes, err));
    }
    return CT_OK;
}
