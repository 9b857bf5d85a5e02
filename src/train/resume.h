/* Deciding whether a run starts or goes on, and checking that what goes on is the same run. */
#ifndef CT_TRAIN_RESUME_H
#define CT_TRAIN_RESUME_H

#include "run/session.h"
#include "train/checkpoint.h"

/* *path: the newest whole checkpoint when options->resume and there is one, else NULL. A file that is not whole is
 * named and the one before it taken. Without resume a folder that holds checkpoints is CT_ERR_CONFIG unless
 * options->overwrite. A checkpoint of another configuration is CT_ERR_CONFIG, naming the keys. Removes nothing. */
ct_status ct_resume_find(const ct_config *config, const ct_train_options *options, const ct_observer *observer,
                         char **path, ct_error *err);
/* Removes what an earlier run left in the run folder: checkpoints, metrics, events. For options->overwrite, once all
 * that can be wrong with the new run has been checked. */
ct_status ct_resume_start_over(const ct_config *config, ct_error *err);
/* Loads it into the session's model and checks that it was trained on the session's data. */
ct_status ct_resume_load(const char *path, const ct_session *session, ct_checkpoint_state *state, ct_error *err);

#endif
