/* Ranks of the targets: of vectors, of popularity, of item-kNN. ranks [n_targets] in the order of queries->target. */
#ifndef CT_EVAL_RANK_H
#define CT_EVAL_RANK_H

#include "device/device.h"
#include "eval/protocol.h"

/* By s = u . i with u [n, D], i [n_items, D] on the host. */
ct_status ct_rank_vectors(ct_device *dev, const ct_queries *q, const float *users, const float *items, int64_t dim,
                          double *ranks, ct_error *err);
/* The k best items of each user, best first, equal scores by place in the catalogue: values, ids [n, k]; -inf and -1
 * where there are no more. */
ct_status ct_rank_topk(ct_device *dev, const ct_queries *q, const float *users, const float *items, int64_t dim,
                       int64_t k, float *values, int32_t *ids, ct_error *err);
/* The share of the catalogue that stands in anybody's top k, for each cut-off k of at [n_at]: coverage [n_at]. */
ct_status ct_rank_coverage(ct_device *dev, const ct_queries *q, const float *users, const float *items, int64_t dim,
                           const int64_t *at, int n_at, double *coverage, ct_error *err);
/* By the number of interactions of an item before the stage. */
ct_status ct_rank_popularity(ct_device *dev, const ct_queries *q, const ct_dataset *data, const ct_split *split,
                             ct_stage stage, double *ranks, ct_error *err);
/* Item-kNN with all neighbours: the score of item j is the sum over the user's items h of the cosine between the binary
 * user columns of h and j (interactions before the stage; Deshpande & Karypis 2004). */
ct_status ct_rank_item_knn(const ct_queries *q, const ct_dataset *data, const ct_split *split, ct_stage stage,
                           int n_threads, double *ranks, ct_error *err);

#endif
