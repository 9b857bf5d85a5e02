/* What the tests of whole runs share: the tiny project in one folder for all tests of a program, an observer that notes
 * what it saw, and the comparison of two runs. */
#ifndef CT_TESTS_TRAIN_RUN_SUPPORT_H
#define CT_TESTS_TRAIN_RUN_SUPPORT_H

#include <jansson.h>

#include "tests/support/tiny_run.h"

/* What an observer saw. */
typedef struct run_seen {
    double first_loss, last_loss;
    int n_progress, n_validations, n_warnings;
    int64_t last_step;
    char warnings[4096];
    int steps_left; /* the stop callback answers yes from the call on that finds 0; negative: never */
} run_seen;

/* An observer that writes into s, which is cleared, and checks what it is told. */
ct_observer run_observer(run_seen *s);

extern char *run_folder; /* with the project */

/* cmocka's set-up of the group (tear-down: test_dir_teardown), and of each test: no run/, no kept/. */
int run_set_up(void **state);
int run_clean(void **state);

/* Removes run/ or kept/. */
void run_remove(const char *name);
/* Moves run/ to kept/: a checkpoint names its run folder, so runs that are compared must have had the same. */
void run_keep(void);

/* run/metrics.jsonl or kept/metrics.jsonl as a list, without the fields that tell the speed; to be freed. */
json_t *run_metrics(const char *run);

/* run/ and kept/ must have the same checkpoints, byte for byte, and the same metrics. */
void run_assert_same_checkpoints(int wanted);
void run_assert_same_metrics(void);

#endif
