/* TensorBoard event files: TFRecord frames (length, masked CRC-32C, payload, masked CRC-32C) of Event protobufs. */
#ifndef CT_TRAIN_TFEVENTS_H
#define CT_TRAIN_TFEVENTS_H

#include <stdint.h>

#include "base/error.h"

typedef struct ct_tfevents ct_tfevents;

/* Makes folder/events.out.tfevents.SECONDS.crosstower.PID and writes the version event. */
ct_status ct_tfevents_open(ct_tfevents **out, const char *folder, ct_error *err);
/* One scalar at a step, with the wall time; flushed. */
ct_status ct_tfevents_scalar(ct_tfevents *t, int64_t step, const char *tag, double value, ct_error *err);
void ct_tfevents_close(ct_tfevents *t); /* accepts NULL */

#endif
