/* Checkpoints: everything a run needs to go on as if it had not stopped, in one safetensors file.
 *
 * Tensors: "param/NAME" (f32) for each segment and id table, "adam_m/NAME", "adam_v/NAME" unless the file is
 * weights-only. Metadata ("__metadata__", strings): format "crosstower-checkpoint-1", step, skipped_steps, seed, the
 * resolved config as YAML, vocabulary and dataset hashes, platform names, best metric and its step, evaluations without
 * improvement, library version, xxh3 of all tensor bytes. Written atomically; a file whose hash does not match is
 * CT_ERR_FORMAT. */
#ifndef CT_TRAIN_CHECKPOINT_H
#define CT_TRAIN_CHECKPOINT_H

#include "model/model.h"

typedef struct ct_checkpoint_state {
    int64_t step;          /* steps done */
    int64_t skipped;       /* of these, updates that were not finite */
    double best;           /* best eval.best so far; NaN: none yet */
    int64_t best_step;
    int64_t bad_evals;     /* evaluations since the best */
    uint64_t vocab_hash, data_hash;
} ct_checkpoint_state;

ct_status ct_checkpoint_save(const char *path, ct_model *model, const ct_config *config,
                             const ct_checkpoint_state *state, bool with_optimizer, ct_error *err);
/* Loads into a model of the same parameters. Refuses (CT_ERR_CONFIG, naming each difference) another vocabulary, other
 * tables, other shapes. with_optimizer false reads the weights alone. */
ct_status ct_checkpoint_load(const char *path, ct_model *model, bool with_optimizer, ct_checkpoint_state *state,
                             ct_error *err);
/* CT_ERR_CONFIG when the checkpoint was trained on other data (vocabulary or content) than `data`. */
ct_status ct_checkpoint_check_data(const char *path, const ct_checkpoint_state *state, const ct_dataset *data,
                                   ct_error *err);
/* The resolved config text and the state alone, for `inspect` and for commands that only have a run folder. */
ct_status ct_checkpoint_peek(const char *path, ct_checkpoint_state *state, char **config_yaml, ct_error *err);

#endif
