/* The update, as passes over ranges of the parameter store; and the learning-rate schedule. */
#include "train/optimizer.h"

#include <math.h>

#include "base/alloc.h"
#include "train/trainer.h"

double ct_schedule_lr(const ct_config_train *train, int64_t step, int64_t n_steps) {
    const double warmup = floor(train->warmup * (double)n_steps);
    if ((double)step < warmup) return train->lr * (double)(step + 1) / warmup;
    if (train->schedule == CT_SCHEDULE_CONSTANT) return train->lr;
    const double rest = (double)n_steps - warmup;
    const double done = rest > 0.0 ? fmin(((double)step - warmup) / rest, 1.0) : 1.0;
    return train->lr * (train->min_lr + (1.0 - train->min_lr) * 0.5 * (1.0 + cos(M_PI * done)));
}

ct_step ct_optimizer_step_state(const ct_config *config, int64_t step, int64_t n_steps, int64_t skipped) {
    const ct_config_train *train = &config->train;
    const double t = (double)(step + 1 - skipped);
    return (ct_step){.seed = (uint64_t)config->seed,
                     .step = (uint64_t)step,
                     .lr = (float)ct_schedule_lr(train, step, n_steps),
                     .bias1 = (float)(1.0 - pow(train->beta1, t)),
                     .bias2 = (float)(1.0 - pow(train->beta2, t))};
}

ct_status ct_optimizer_create(ct_optimizer *o, const ct_config *config, ct_model *model, ct_error *err) {
    o->config = config;
    return ct_device_alloc(ct_model_device(model), 1, sizeof *o->sum, (void **)&o->sum, err);
}

void ct_optimizer_free(ct_optimizer *o, ct_model *model) {
    if (o->sum) ct_device_free(ct_model_device(model), o->sum);
    o->sum = NULL;
}

static struct ct_adam_hyper hyper(const ct_config_train *train, float decay, float lr_scale) {
    return (struct ct_adam_hyper){.beta1 = (float)train->beta1,
                                  .beta2 = (float)train->beta2,
                                  .eps = (float)train->eps,
                                  .decay = decay,
                                  .lr_scale = lr_scale};
}

/* Squared norm of all gradients, then clip factor and skip flag. */
static ct_status guard(ct_optimizer *o, ct_model *model, ct_error *err) {
    const ct_params *p = ct_model_params(model);
    ct_device *dev = ct_model_device(model);
    const ct_tensor sum = ct_matrix(o->sum, CT_DTYPE_F64, 1, 1);
    CT_CHECK(ct_device_zero(dev, o->sum, sizeof *o->sum, err));
    const struct ct_sq_norm_args dense = {.sum = sum, .x = ct_f32(p->g, 1, p->n_values)};
    CT_CHECK(ct_sq_norm(dev, &dense, err));
    for (int32_t i = 0; i < p->n_tables; i++) {
        const ct_id_table *t = &p->tables[i];
        const struct ct_sq_norm_args rows = {.sum = sum, .x = ct_f32(t->g, t->n_unique, t->cols)};
        CT_CHECK(ct_sq_norm(dev, &rows, err));
    }
    const struct ct_grad_guard_args g = {
        .sum = sum, .loss = ct_model_loss_tensor(model), .max_norm = (float)o->config->train.clip};
    return ct_grad_guard(dev, &g, err);
}

static bool same_range(const ct_segment *a, const ct_segment *b) {
    return a->frozen == b->frozen && a->decay == b->decay && a->lr_scale == b->lr_scale &&
           a->momentum == b->momentum;
}

static ct_status update_state(const ct_params *p, const ct_segment *s, int64_t n, ct_error *err) {
    const struct ct_running_update_args a = {.x = ct_f32(p->w + s->offset, 1, n),
                                             .batch = ct_f32(p->m + s->offset, 1, n),
                                             .momentum = s->momentum};
    return ct_running_update(p->device, &a, err);
}

/* Segments with the same settings that follow one another are one range. */
static ct_status update_dense(ct_optimizer *o, ct_model *model, ct_error *err) {
    const ct_params *p = ct_model_params(model);
    for (int32_t i = 0, j; i < p->n_segments; i = j) {
        const ct_segment *s = &p->segments[i];
        for (j = i + 1; j < p->n_segments && same_range(s, &p->segments[j]);) j++;
        const int64_t end = j < p->n_segments ? p->segments[j].offset : p->n_values, n = end - s->offset;
        if (s->momentum > 0.0f) CT_CHECK(update_state(p, s, n, err));
        if (s->frozen) continue;
        const struct ct_adamw_args a = {.w = ct_f32(p->w + s->offset, 1, n),
                                        .m = ct_f32(p->m + s->offset, 1, n),
                                        .v = ct_f32(p->v + s->offset, 1, n),
                                        .g = ct_f32(p->g + s->offset, 1, n),
                                        .hyper = hyper(&o->config->train, s->decay, s->lr_scale)};
        CT_CHECK(ct_adamw(ct_model_device(model), &a, err));
    }
    return CT_OK;
}

static ct_status update_tables(ct_optimizer *o, ct_model *model, ct_error *err) {
    const ct_params *p = ct_model_params(model);
    for (int32_t i = 0; i < p->n_tables; i++) {
        const ct_id_table *t = &p->tables[i];
        if (t->lr_scale == 0.0f || t->n_unique == 0) continue;
        const struct ct_row_update_args a = {.table = ct_f32(t->w, t->rows, t->cols),
                                             .m = ct_f32(t->m, t->rows, t->cols),
                                             .v = ct_f32(t->v, t->rows, t->cols),
                                             .g = ct_f32(t->g, t->n_unique, t->cols),
                                             .rows = ct_i32((int32_t *)t->unique, t->n_unique, 1),
                                             .hyper = hyper(&o->config->train, t->decay, t->lr_scale)};
        CT_CHECK(ct_row_update(ct_model_device(model), &a, err));
    }
    return CT_OK;
}

static ct_status clamp_temperature(ct_optimizer *o, ct_model *model, ct_error *err) {
    const ct_config_loss *c = &o->config->loss;
    const struct ct_clamp_args a = {.x = ct_params_weight(ct_model_params(model), ct_model_log_scale(model)),
                                    .lower = (float)-log(c->temperature_max),
                                    .upper = (float)-log(c->temperature_min)};
    return ct_clamp(ct_model_device(model), &a, err);
}

ct_status ct_optimizer_apply(ct_optimizer *o, ct_model *model, ct_error *err) {
    CT_CHECK(guard(o, model, err));
    CT_CHECK(update_dense(o, model, err));
    CT_CHECK(update_tables(o, model, err));
    return clamp_temperature(o, model, err);
}

/* Is every value of a device range finite? */
static ct_status all_finite(ct_device *dev, const float *values, int64_t n, bool *finite, ct_error *err) {
    ct_status st = CT_OK;
    float *host = NULL;
    *finite = true;
    CT_CHECK(ct_calloc((size_t)n, sizeof *host, (void **)&host, err));
    st = ct_device_download(dev, host, values, (size_t)n * sizeof *host, err);
    for (int64_t i = 0; i < n && *finite; i++) *finite = isfinite(host[i]);
    ct_free(host);
    return st;
}

ct_status ct_optimizer_find_non_finite(ct_model *model, const char **name, ct_error *err) {
    const ct_params *p = ct_model_params(model);
    bool finite = true;
    for (int32_t i = 0; i < p->n_segments; i++) {
        const ct_segment *s = &p->segments[i];
        *name = s->name;
        CT_CHECK(all_finite(ct_model_device(model), p->g + s->offset, s->rows * s->cols, &finite, err));
        if (!finite) return CT_OK;
    }
    for (int32_t i = 0; i < p->n_tables; i++) {
        const ct_id_table *t = &p->tables[i];
        *name = t->name;
        CT_CHECK(all_finite(ct_model_device(model), t->g, t->n_unique * t->cols, &finite, err));
        if (!finite) return CT_OK;
    }
    *name = "the loss";
    return CT_OK;
}
