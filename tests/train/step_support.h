/* What the tests of steps share: a session of the tiny project and its loader, stepped as the trainer steps.
 */
#ifndef CT_TESTS_TRAIN_STEP_SUPPORT_H
#define CT_TESTS_TRAIN_STEP_SUPPORT_H

#include "run/session.h"
#include "train/optimizer.h"

typedef struct stepper {
    ct_config *config;
    ct_session session;
    ct_optimizer optimizer;
    ct_loader *loader;
    int64_t step, n_steps, skipped;
} stepper;

/* Takes the config, which stepper_close closes. Steps beyond the end of training are fine. */
void stepper_open(stepper *s, ct_config *config);
void stepper_close(stepper *s);

/* Forward and backward of the next step; gradients then stand in the params. Then the update. */
void stepper_gradients(stepper *s);
void stepper_update(stepper *s);

/* Host copies, to be freed with free(). */
float *stepper_download(const stepper *s, const float *device, int64_t n);

#endif
