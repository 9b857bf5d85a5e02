/* Which interactions are training, validation and test; and what a user's past is at a moment.
 *
 * Interactions of user u: training [inter_begin[u], train_end[u]), validation [train_end[u], valid_end[u]), test
 * [valid_end[u], inter_begin[u + 1]).
 * TIME: by data->valid_time and data->test_time, the same moments for everybody.
 * LAST: the last is test, the last but one validation; ties in time by place in the file; users with fewer than 3
 * interactions give none away (all training). */
#ifndef CT_DATA_SPLIT_H
#define CT_DATA_SPLIT_H

#include "config/config.h"
#include "data/dataset.h"

/* NOW is after all stages: everything is known. */
typedef enum ct_stage { CT_STAGE_TRAIN, CT_STAGE_VALID, CT_STAGE_TEST, CT_STAGE_NOW } ct_stage;

typedef struct ct_split {
    ct_split_kind kind;
    int64_t *train_end, *valid_end; /* [n_users], owned */
    int64_t n_train, n_valid, n_test;
} ct_split;

ct_status ct_split_create(ct_split *split, const ct_dataset *data, ct_split_kind kind, ct_error *err);
void ct_split_free(ct_split *split);

/* A moment in a user's life: what may be known when interaction `own_end` of the user is to be predicted. Own
 * interactions before own_end are known; those of the person's other users are known when they are earlier than `time`
 * and lie in a stage before `stage` on their platform (training when predicting training or validation pairs; training
 * and validation for test; all of them now). */
typedef struct ct_moment {
    int32_t user;
    ct_stage stage;   /* of what is to be predicted */
    int64_t own_end;  /* interaction number; inter_begin[u] <= own_end <= inter_begin[u + 1] */
    int64_t time;     /* INT64_MAX: all that the stage allows */
} ct_moment;

/* The moment just before training interaction k of user u; and the moment at which `stage` begins for user u. */
ct_moment ct_moment_before(const ct_dataset *data, int32_t user, int64_t k);
ct_moment ct_moment_at_stage(const ct_dataset *data, const ct_split *split, int32_t user, ct_stage stage);
/* Everything known, for export and recommending: own_end = inter_begin[u + 1]. */
ct_moment ct_moment_now(const ct_dataset *data, int32_t user);

/* The latest interactions known at a moment, newest first over all users of the person, at most limit. Equal times:
 * the own platform's first, then by platform, later place in the file first. Returns how many. */
int ct_history(const ct_dataset *data, const ct_split *split, ct_moment moment, int limit, int64_t *interactions);

#endif
