/* A model that knows something, and its evaluation. */
#include "tests/eval/tiny_eval.h"

#include <math.h>

#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

char *tiny_folder;

int tiny_set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    tiny_folder = *state;
    tiny_write(tiny_folder);
    ct_config *c = tiny_config(tiny_folder, NULL);
    tiny_train(c, NULL);
    ct_config_close(c);
    return 0;
}

void tiny_open(ct_session *s, const ct_config *c) {
    ct_error err = CT_ERROR_INIT;
    if (ct_session_open_weights(s, c, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
}

ct_eval_report tiny_evaluate(const ct_session *s, ct_eval_options options) {
    ct_eval_report r;
    ct_error err = CT_ERROR_INIT;
    if (ct_evaluate_model(s->model, s->data, &s->split, s->config, &options, NULL, NULL, &r, &err) != CT_OK)
        fail_msg("%s", err.text);
    return r;
}

void tiny_near(double found, double wanted, const char *slice, const char *figure) {
    if (!(fabs(found - wanted) <= 1e-9))
        fail_msg("%s: %s is %.12g, want %.12g", slice, figure, found, wanted);
}
