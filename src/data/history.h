/* Private to src/data: the latest interactions at a moment, filtered. */
#ifndef CT_DATA_HISTORY_H
#define CT_DATA_HISTORY_H

#include "data/split.h"

typedef enum ct__latest {
    CT__LATEST_ALL,
    CT__LATEST_ENTITIES, /* one interaction an entity: its latest */
    CT__LATEST_REVIEWS   /* those with a review */
} ct__latest;

/* As ct_history (same order, same limits of knowledge), of the interactions that `which` names. Allocates nothing. */
int ct__history(const ct_dataset *data, const ct_split *split, ct_moment moment, ct__latest which, int limit,
                int64_t *interactions);

#endif
