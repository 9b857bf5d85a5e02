/* Checkpoints: everything a run needs to go on as if it had not stopped, in one safetensors file.
 *
 * Tensors: "param/NAME" (f32) for each segment and id table, "adam_m/NAME", "adam_v/NAME" unless the file is
 * weights-only. Metadata ("__metadata__", strings): format "crosstower-checkpoint-1", version, config (the resolved one
 * as YAML), seed, step, skipped, best, best_step, bad_evals, vocab_hash, data_hash; xxh3 of all tensor bytes, and
 * metadata_xxh3 of the rest of the metadata. Written atomically; a file whose hashes do not match is CT_ERR_FORMAT. */
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
/* Loads into a model of the same parameters. Refuses (CT_ERR_CONFIG, naming the difference) what was trained on another
 * vocabulary or other data than `data`, and a missing, spare or differently shaped tensor; the model is then in no
 * state to be used. with_optimizer false reads the weights alone. */
ct_status ct_checkpoint_load(const char *path, ct_model *model, const ct_dataset *data, bool with_optimizer,
                             ct_checkpoint_state *state, ct_error *err);
/* The resolved config text and the state alone, for `inspect` and for commands that only have a run folder. */
ct_status ct_checkpoint_peek(const char *path, ct_checkpoint_state *state, char **config_yaml, ct_error *err);

#endif
