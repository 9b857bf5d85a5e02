/* What the tests of evaluations and reports share: a trained model of the tiny project. */
#ifndef CT_TESTS_EVAL_TINY_EVAL_H
#define CT_TESTS_EVAL_TINY_EVAL_H

#include "eval/evaluate.h"
#include "run/session.h"
#include "tests/support/tiny_run.h"

extern char *tiny_folder; /* with the project and its run */

/* cmocka's set-up of a group: writes and trains. Tear-down: test_dir_teardown. */
int tiny_set_up(void **state);

/* These end the test when they fail. */
void tiny_open(ct_session *s, const ct_config *c);
ct_eval_report tiny_evaluate(const ct_session *s, ct_eval_options options);

/* |found - wanted| must be at most 1e-9; slice and figure are named when it is not. */
void tiny_near(double found, double wanted, const char *slice, const char *figure);

#endif
