/* What infonce.c and infonce_dense.c share: the shapes' flags, and the loss by its definition. */
#ifndef CT_TESTS_OPS_INFONCE_H
#define CT_TESTS_OPS_INFONCE_H

#include "tests/ops/harness.h"

/* shape: n = {B, N, D} */
enum {
    INFONCE_CLASSIC = 1,
    INFONCE_CORRECTED = 2,
    INFONCE_WEIGHTS = 4,         /* some of them 0 */
    INFONCE_NO_WEIGHT = 8,       /* all of them 0 */
    INFONCE_GROUPS = 16,         /* three groups, counted in the statistics only */
    INFONCE_SAME_GROUP = 32,     /* and others masked */
    INFONCE_HOT = 64,            /* a temperature of 1/100, the least that training allows */
    INFONCE_ONE_WAY = 128,       /* users to items only */
    INFONCE_SHARED = 256,        /* an item stands in two pairs */
    INFONCE_MASKED = 512,        /* further known positives */
    INFONCE_NO_NEGATIVES = 1024, /* every other row has none */
    INFONCE_ALIGNED = 2048,      /* the positives are found already: P near 1 */
    INFONCE_FROZEN = 4096        /* backward: no dlog_scale */
};

/* The definition of kernels/infonce.h with the whole score matrix in memory: compares every output of the
 * oracle. Returns NULL or what differs. */
const char *infonce_verify(const op_run *run, const op_outcome *oracle);

#endif
