/* The figures of an evaluation, worked out anew by their definitions, to hold a report against. */
#ifndef CT_TESTS_EVAL_RECOUNT_H
#define CT_TESTS_EVAL_RECOUNT_H

#include "eval/evaluate.h"
#include "run/session.h"

enum { RECOUNT_AT = 2, RECOUNT_METHODS = 2 }; /* model, popularity; item-kNN has its own test */

/* One user who is asked. */
typedef struct recount_user {
    int64_t user, past;
    double rr[RECOUNT_METHODS], recall[RECOUNT_METHODS][RECOUNT_AT], ndcg[RECOUNT_METHODS][RECOUNT_AT],
        hr[RECOUNT_METHODS][RECOUNT_AT];
} recount_user;

/* One platform at a stage. */
typedef struct recount {
    ct_session *s;
    int32_t p;
    ct_stage stage;
    int64_t first, n_items;
    const float *items; /* vectors of the platform's items */
    double *popularity;
    recount_user *users;
    int n, n_targets;
    char *covered[RECOUNT_AT];
} recount;

/* Ranks for all users of platform p who have something to find. Borrows the session. */
recount recount_create(ct_session *s, int32_t p, ct_stage stage);
void recount_free(recount *e);

/* The report's slices must be those that are not empty, and hold these figures. */
void recount_check(const recount *e, const ct_platform_report *r, const ct_config *c);

#endif
