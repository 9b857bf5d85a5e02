/* Who is asked what: the users of a platform with something to find, what they had before, what is to be found. */
#ifndef CT_EVAL_PROTOCOL_H
#define CT_EVAL_PROTOCOL_H

#include "data/split.h"

/* Item numbers here are local: 0 is the platform's first item. */
typedef struct ct_queries {
    int32_t platform;
    int64_t first_item, n_items;
    int64_t n;               /* users */
    int64_t n_targets;
    ct_moment *moments;      /* [n] */
    int32_t *target_begin, *target; /* [n + 1], [n_targets]: distinct items of the stage that are not in the history */
    int32_t *seen_begin, *seen;     /* [n + 1], [*]: the user's items on this platform before the stage, ascending */
} ct_queries;

/* max_users 0: all of them; else so many, drawn by seed (fewer when there are fewer). Users without a target are left
 * out: the stage gave them nothing, or only what they had before. */
ct_status ct_queries_create(ct_queries *q, const ct_dataset *data, const ct_split *split, int32_t platform,
                            ct_stage stage, int64_t max_users, uint64_t seed, ct_error *err);
void ct_queries_free(ct_queries *q);

#endif
