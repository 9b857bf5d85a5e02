/* Ranking of a whole catalogue without storing the scores: top-k, and exact ranks with ties counted.
 * s_bj = q_b . x_j in f32. Items named in the exclusion list of a row (exclude_begin i32 [B + 1, 1], exclude_col i32
 * [*, 1] ascending in a row; absent together: nothing is excluded) do not exist for that row. */
#ifndef CT_KERNELS_SCORE_H
#define CT_KERNELS_SCORE_H
#include "kernels/kernel.h"

/* values [B, k], ids i32 [B, k]: the k highest scores, highest first, equal scores by lower id first. Where fewer than
 * k items are left: -inf and -1. q [B, D], x [N, D], 1 <= k. NaN scores rank last. */
struct ct_score_topk_args {
    ct_tensor values, ids;
    ct_tensor q, x, exclude_begin, exclude_col;
};

/* For every target t of row b (target_begin i32 [B + 1, 1], target_col i32 [M, 1], each in [0, N) and not excluded):
 * greater i32 [M, 1] = number of items with a higher score, equal i32 [M, 1] = number of other items with the same
 * score; excluded items do not count, other targets of the row do. rank = 1 + greater + equal / 2. A NaN score of a
 * target counts every other item as greater. */
struct ct_score_rank_args {
    ct_tensor greater, equal;
    ct_tensor q, x, target_begin, target_col, exclude_begin, exclude_col;
};
#endif
