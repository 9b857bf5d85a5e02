/* The run folder RUN_DIR: where its files are, which checkpoints there are. */
#ifndef CT_RUN_FOLDER_H
#define CT_RUN_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"

/* RUN_DIR/name, an owned string; the folders on the way are made. */
ct_status ct_run_path(const ct_config *config, const char *name, char **out, ct_error *err);

/* checkpoints/step-%08d.safetensors */
ct_status ct_run_checkpoint_path(const ct_config *config, int64_t step, char **out, ct_error *err);
/* The steps of the checkpoints in the folder, newest first; n 0 when there are none. Owned array. */
ct_status ct_run_checkpoints(const ct_config *config, int64_t **steps, int *n, ct_error *err);
/* Removes all but the newest `keep` of those up to step `last`. Later ones stay: a run that went back behind a damaged
 * checkpoint must not count it among the good ones, and writes over it in time. */
ct_status ct_run_prune_checkpoints(const ct_config *config, int64_t last, int64_t keep, ct_error *err);
/* The file that a verb takes: `asked` if given, else checkpoints/best.safetensors, else the newest checkpoint.
 * CT_ERR_CONFIG says how to get one when there is none. */
ct_status ct_run_find_weights(const ct_config *config, const char *asked, char **out, ct_error *err);

#endif
