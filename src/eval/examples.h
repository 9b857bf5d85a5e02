/* Users drawn by seed, with what the model puts on top for them and where it puts what they took. */
#ifndef CT_EVAL_EXAMPLES_H
#define CT_EVAL_EXAMPLES_H

#include "device/device.h"
#include "eval/protocol.h"

enum { CT_EXAMPLE_ITEMS = 10 };

typedef struct ct_example {
    ct_moment moment;
    int n_items;                       /* fewer than CT_EXAMPLE_ITEMS where the catalogue is smaller */
    int32_t item[CT_EXAMPLE_ITEMS];    /* global numbers, best first */
    float score[CT_EXAMPLE_ITEMS];
    bool hit[CT_EXAMPLE_ITEMS];        /* it is a target */
    int32_t n_targets;
    int32_t *target;                   /* [n_targets] global numbers */
    double *rank;                      /* [n_targets], as the metrics count it */
} ct_example;

/* At most `most` of the users of the queries: the same ones for the same seed and queries. users [n, D] and items
 * [n_items, D] on the host. Owned array. */
ct_status ct_examples_create(ct_example **out, int *n, ct_device *dev, const ct_queries *q, const float *users,
                             const float *items, int64_t dim, int most, uint64_t seed, ct_error *err);
void ct_examples_free(ct_example *examples, int n);

#endif
