/* The training loop: batches, steps, optimizer, schedule, validation, checkpoints, metrics. */
#ifndef CT_TRAIN_TRAINER_H
#define CT_TRAIN_TRAINER_H

#include "crosstower/crosstower.h"
#include "config/config.h"

/* Trains config to its end, or until stop. Prepares the data first when needed. Into config->run_dir go config.yaml,
 * metrics.jsonl, events.out.tfevents.*, checkpoints/step-%08d.safetensors, checkpoints/best.safetensors (weights only).
 * resume: goes on from the newest whole checkpoint of the run folder (CT_ERR_CONFIG when its config differs in anything
 * that matters, naming the keys); without it a run folder that already holds a checkpoint is refused unless overwrite.
 * Exactly the same bytes come out whether or not the run was interrupted. */
ct_status ct_trainer_run(const ct_config *config, const ct_train_options *options, const ct_observer *observer,
                         ct_train_result *result, ct_error *err);

/* The learning rate of a step, by warm-up and schedule. */
double ct_schedule_lr(const ct_config_train *train, int64_t step, int64_t n_steps);

#endif
