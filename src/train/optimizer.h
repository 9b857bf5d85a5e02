/* One update of all parameters from their gradients: norm, clipping and skipping, AdamW, the temperature's clamp. */
#ifndef CT_TRAIN_OPTIMIZER_H
#define CT_TRAIN_OPTIMIZER_H

#include "model/model.h"

typedef struct ct_optimizer {
    const ct_config *config;
    double *sum; /* f64 [1, 1] on the device: squared norm */
} ct_optimizer;

ct_status ct_optimizer_create(ct_optimizer *o, const ct_config *config, ct_model *model, ct_error *err);
void ct_optimizer_free(ct_optimizer *o, ct_model *model);

/* The step state of update `step` (from 0), of which `skipped` earlier ones were not applied. */
ct_step ct_optimizer_step_state(const ct_config *config, int64_t step, int64_t n_steps, int64_t skipped);
/* Queues the whole update after ct_model_step. Grad norm and skip flag then stand in the device's step state. */
ct_status ct_optimizer_apply(ct_optimizer *o, ct_model *model, ct_error *err);

/* After a skipped update: the name of the first segment or table whose gradient is not finite, "the loss" when all are
 * finite. Reads gradients back: slow, for messages. */
ct_status ct_optimizer_find_non_finite(ct_model *model, const char **name, ct_error *err);

#endif
