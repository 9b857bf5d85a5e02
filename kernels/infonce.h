/* InfoNCE over a batch of pairs, both ways, with known positives masked and logQ correction.
 *
 * Pair b joins user row u_b and item column p = pos[b]; s_bj = exp(log_scale) u_b . v_j. The set M_b of masked columns
 * (mask_begin, mask_col: CSR, ascending in a row, pos[b] always in it) holds all columns that user b is known to like;
 * with same_group, columns of another group are masked too. A negative of row b is a column outside; a negative of
 * column j is a row b with j outside M_b.
 *   row direction, negatives j:      z_bj = s_bj - item_logq[j]
 *   column direction, negatives b:   z'_bj = s_bj - user_logq[b]
 * With N_b the log of the sum over the negatives of exp(z) (-inf when there is none), n_b their count:
 *   NONE       (no logq given) and CLASSIC:  z+ = s_bp - logq of the positive;  L = log(exp(z+) + exp(N_b)) - z+
 *   CORRECTED  z+ = s_bp;  N_b over z_j = s_bj - (logq_j - log(1 - q_positive)), minus log n_b (a mean);
 *              L = sg(1 - P_b) * (N_b - z+)
 * and in each case P_b = exp(z+) / (exp(z+) + exp(N_b)). No negative at all: L = 0, P = 1.
 *   loss = sum_b weight_b (row_share * L_row,b + (1 - row_share) * L_col,b) / sum_b weight_b
 * (0 when the weights sum to 0). sg stops the gradient. In every mode the gradient of a negative's s is
 * softmax-over-negatives * sum of weight (1 - P) of the pairs it stands against, which is what backward uses.
 * van den Oord et al. 2018, arXiv:1807.03748; logQ: Yi et al., RecSys 2019; corrected: Khrylchenko et al. 2025,
 * arXiv:2507.09331. The B x N score matrix is never held whole. */
#ifndef CT_KERNELS_INFONCE_H
#define CT_KERNELS_INFONCE_H
#include "kernels/kernel.h"

typedef enum ct_logq_mode { CT_LOGQ_NONE, CT_LOGQ_CLASSIC, CT_LOGQ_CORRECTED } ct_logq_mode;

/* The batch as both directions read it. u [B, D], v [N, D]; log_scale f32 [1, 1]; pos i32 [B, 1]; mask_begin i32
 * [B + 1, 1], mask_col i32 [*, 1]; user_group i32 [B, 1], item_group i32 [N, 1] (absent together: one group);
 * item_logq f32 [N, 1], user_logq f32 [B, 1] (absent when mode is NONE); weight f32 [B, 1] >= 0 (absent: 1). */
struct ct_infonce_batch {
    ct_tensor u, v, log_scale, pos, mask_begin, mask_col, user_group, item_group, item_logq, user_logq, weight;
    ct_logq_mode mode;
    bool same_group;
    float row_share; /* 0.5: both directions alike; 1: users to items only */
};

/* loss f32 [1, 1] overwritten. Kept for backward: row_neg [B, 1], col_neg [N, 1] (log-sum-exp of the negatives' z,
 * before the mean of CORRECTED, with the positive's log(1 - q) left out of it), row_coef [B, 1] = weight row_share (1 - P) / sum,
 * col_coef [N, 1] = sum over the pairs of the column of weight (1 - row_share) (1 - P) / sum, pos_coef [B, 1] = the
 * pair's two terms together. stats f32 [3, 1] = weighted means of P (row), P (column), and the share of row probability
 * that lies on negatives of another group. */
struct ct_infonce_forward_args {
    ct_tensor loss, stats, row_neg, col_neg, row_coef, col_coef, pos_coef;
    struct ct_infonce_batch batch;
};

/* du [B, D] = beta_u * du + ..., dv [N, D] = beta_v * dv + ...; dlog_scale [1, 1] += sum of ds * s (absent: frozen).
 * grad_loss scales all of it (1 for the loss itself). */
struct ct_infonce_backward_args {
    ct_tensor du, dv, dlog_scale;
    ct_tensor row_neg, col_neg, row_coef, col_coef, pos_coef;
    struct ct_infonce_batch batch;
    float grad_loss, beta_u, beta_v;
};
#endif
