/* What every verb opens: prepared data, split, device, model with or without weights, batcher. */
#ifndef CT_RUN_SESSION_H
#define CT_RUN_SESSION_H

#include "crosstower/crosstower.h"
#include "data/loader.h"
#include "model/encode.h"

typedef struct ct_session {
    const ct_config *config;   /* borrowed */
    const ct_observer *observer; /* borrowed, may be NULL */
    ct_dataset *data;
    ct_split split;
    ct_sampler *sampler;       /* training only */
    ct_device *device;
    ct_model *model;
    ct_batcher *batcher;
    int32_t *vector_widths;    /* of config->model.vectors */
    int64_t step;              /* at which the weights that were read were written */
} ct_session;

/* Prepares the data when needed; opens it, the device and the batcher (training: with a sampler), but no model. */
ct_status ct_session_open_data(ct_session *s, const ct_config *config, bool training, const ct_observer *observer,
                               ct_error *err);
/* What the data decides of a model, and the caps that it is planned for. */
ct_model_sizes ct_session_sizes(const ct_session *s);
ct_model_caps ct_session_caps(const ct_session *s);
/* Prepares the data when needed, opens everything. training: gradients, optimizer state, sampler. */
ct_status ct_session_open(ct_session *s, const ct_config *config, bool training, const ct_observer *observer,
                          ct_error *err);
/* The same for encoding, with the weights of `checkpoint` (NULL: see ct_run_find_weights). *path (may be NULL): owned,
 * the file that was read. */
ct_status ct_session_open_weights(ct_session *s, const ct_config *config, const char *checkpoint,
                                  const ct_observer *observer, char **path, ct_error *err);
void ct_session_close(ct_session *s);

/* Messages to the observer; progress callbacks for long encodings (ctx: a ct_work). */
void ct_observe(const ct_observer *observer, ct_message_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool ct_observer_stop(const ct_observer *observer);

typedef struct ct_work {
    const ct_observer *observer;
    const char *what;
} ct_work;
int ct_work_progress(void *ctx, int64_t done, int64_t total);

#endif
