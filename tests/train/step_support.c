/* Steps without the trainer around them. */
#include "tests/train/step_support.h"

#include <stdlib.h>

#include "tests/support/cmocka.h"

static void ok(ct_status st, const ct_error *err) {
    if (st != CT_OK) fail_msg("%s", err->text);
}

void stepper_open(stepper *s, ct_config *config) {
    ct_error err = CT_ERROR_INIT;
    *s = (stepper){.config = config, .n_steps = 100};
    ok(ct_session_open(&s->session, config, true, NULL, &err), &err);
    ok(ct_optimizer_create(&s->optimizer, config, s->session.model, &err), &err);
    ok(ct_loader_create(&s->loader, s->session.data, &s->session.split, s->session.sampler, config, 0, 1000,
                        (int)config->train.prefetch, &err),
       &err);
}

void stepper_close(stepper *s) {
    ct_loader_free(s->loader);
    ct_optimizer_free(&s->optimizer, s->session.model);
    ct_session_close(&s->session);
    ct_config_close(s->config);
}

void stepper_gradients(stepper *s) {
    ct_error err = CT_ERROR_INIT;
    const ct_batch *batch = NULL;
    ok(ct_loader_next(s->loader, &batch, NULL, &err), &err);
    const ct_step step = ct_optimizer_step_state(s->config, s->step, s->n_steps, s->skipped);
    ok(ct_device_set_step(s->session.device, &step, &err), &err);
    ok(ct_model_step(s->session.model, batch, &err), &err);
}

void stepper_update(stepper *s) {
    ct_error err = CT_ERROR_INIT;
    ok(ct_optimizer_apply(&s->optimizer, s->session.model, &err), &err);
    s->step++;
}

float *stepper_download(const stepper *s, const float *device, int64_t n) {
    ct_error err = CT_ERROR_INIT;
    float *host = malloc((size_t)n * sizeof *host + 1);
    ok(ct_device_download(s->session.device, host, device, (size_t)n * sizeof *host, &err), &err);
    return host;
}
