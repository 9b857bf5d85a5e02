/* Where a run's numbers go: RUN_DIR/metrics.jsonl (one JSON object a line) and TensorBoard events. */
#ifndef CT_TRAIN_METRICS_H
#define CT_TRAIN_METRICS_H

#include "crosstower/crosstower.h"
#include "eval/evaluate.h"

typedef struct ct_metrics_log ct_metrics_log;

/* Opens both. Lines of steps beyond first_step (from a run that went on after its last checkpoint) are removed, so that
 * a resumed run's file reads like that of a run that never stopped. */
ct_status ct_metrics_log_open(ct_metrics_log **out, const ct_config *config, int64_t first_step, ct_error *err);
void ct_metrics_log_close(ct_metrics_log *log); /* accepts NULL */

/* {"kind": "train", "step", "epoch", "loss", "lr", "temperature", ...} */
ct_status ct_metrics_log_train(ct_metrics_log *log, const ct_train_progress *p, ct_error *err);
/* {"kind": "valid", "step", METRIC, "platforms": {NAME: {METRIC@K...}}} */
ct_status ct_metrics_log_valid(ct_metrics_log *log, const ct_train_validation *v, const ct_eval_report *report,
                               ct_error *err);

#endif
