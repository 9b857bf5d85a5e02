/* Reference of InfoNCE: every score is computed anew where it is used, O(B N D) a pass; nothing of size B x N
 * is held. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

typedef const struct ct_infonce_batch *batch_of;

static ct_real score(batch_of b, int64_t row, int64_t col) {
    return (ct_real)exp(ref_vector(b->log_scale)[0]) *
           ref_dot(ref_row(b->u, row), ref_row(b->v, col), b->u.cols);
}

static bool other_group(batch_of b, int64_t row, int64_t col) {
    return b->user_group.data && ref_ints(b->user_group)[row] != ref_ints(b->item_group)[col];
}

/* Is (row, col) a negative: outside M_row? */
static bool negative(batch_of b, int64_t row, int64_t col) {
    if (b->same_group && other_group(b, row, col)) return false;
    const int32_t *begin = ref_ints(b->mask_begin), *cols = ref_ints(b->mask_col);
    for (int64_t k = begin[row]; k < begin[row + 1]; k++)
        if (cols[k] == col) return false;
    return true;
}

static ct_real logq_at(batch_of b, ct_tensor logq, int64_t i) {
    return b->mode == CT_LOGQ_NONE ? (ct_real)0 : ref_vector(logq)[i];
}

/* A log of a sum of exponentials that grows term by term: the maximum so far is taken out. */
typedef struct log_sum {
    ct_real max, sum;
    int64_t count;
} log_sum;

static void log_sum_add(log_sum *l, ct_real z) {
    if (z > l->max) {
        l->sum = l->sum * (ct_real)exp(l->max - z) + 1;
        l->max = z;
    } else {
        l->sum += (ct_real)exp(z - l->max);
    }
    l->count++;
}

static const log_sum log_sum_empty = {-(ct_real)INFINITY, 0, 0};

static ct_real log_sum_value(log_sum l) {
    return l.count == 0 ? -(ct_real)INFINITY : l.max + (ct_real)log(l.sum);
}

static log_sum row_negatives(batch_of b, int64_t row) {
    log_sum l = log_sum_empty;
    for (int64_t col = 0; col < b->v.rows; col++)
        if (negative(b, row, col)) log_sum_add(&l, score(b, row, col) - logq_at(b, b->item_logq, col));
    return l;
}

static log_sum col_negatives(batch_of b, int64_t col) {
    log_sum l = log_sum_empty;
    for (int64_t row = 0; row < b->u.rows; row++)
        if (negative(b, row, col)) log_sum_add(&l, score(b, row, col) - logq_at(b, b->user_logq, row));
    return l;
}

/* rest is 1 - probability, computed as such: where the probability rounds to 1 the gradient does not vanish.
 */
typedef struct pair_loss {
    ct_real loss, probability, rest;
} pair_loss;

/* One direction of one pair: its score s, the log-sum-exp of its n negatives, log q of its positive. */
static pair_loss loss_of(ct_logq_mode mode, ct_real s, ct_real negatives, int64_t n, ct_real logq) {
    if (n == 0) return (pair_loss){0, 1, 0};
    if (mode == CT_LOGQ_CORRECTED) {
        const ct_real mean = negatives + (ct_real)log1p(-exp(logq)) - (ct_real)log((double)n);
        const ct_real rest = 1 / (1 + (ct_real)exp(s - mean));
        /* A positive with q = 1 makes the mean -inf. */
        return (pair_loss){rest == 0 ? 0 : rest * (mean - s), 1 / (1 + (ct_real)exp(mean - s)), rest};
    }
    const ct_real gap = negatives - (s - logq);
    const ct_real softplus = gap > 0 ? gap + (ct_real)log1p(exp(-gap)) : (ct_real)log1p(exp(gap));
    return (pair_loss){softplus, 1 / (1 + (ct_real)exp(gap)), 1 / (1 + (ct_real)exp(-gap))};
}

/* Share of the negatives' mass that lies on another group. */
static ct_real other_group_share(batch_of b, int64_t row, ct_real negatives) {
    ct_real sum = 0;
    for (int64_t col = 0; col < b->v.rows; col++)
        if (other_group(b, row, col) && negative(b, row, col))
            sum += (ct_real)exp(score(b, row, col) - logq_at(b, b->item_logq, col) - negatives);
    return sum;
}

static ct_real weight_of(batch_of b, int64_t row) {
    return b->weight.data ? ref_vector(b->weight)[row] : (ct_real)1;
}

/* Both directions of pair `row`, into the loss, the figures and the coefficients. share: weight / sum of
 * weights. */
static void add_pair(const struct ct_infonce_forward_args *args, int64_t row, ct_real share) {
    batch_of b = &args->batch;
    const int64_t pos = ref_ints(b->pos)[row];
    const ct_real s = score(b, row, pos), of_row = (ct_real)b->row_share;
    const log_sum row_neg = row_negatives(b, row), col_neg = col_negatives(b, pos);
    const ct_real row_lse = log_sum_value(row_neg);
    const pair_loss r = loss_of(b->mode, s, row_lse, row_neg.count, logq_at(b, b->item_logq, pos));
    const pair_loss c =
        loss_of(b->mode, s, log_sum_value(col_neg), col_neg.count, logq_at(b, b->user_logq, row));

    ref_vector(args->row_neg)[row] = row_lse;
    ref_vector(args->row_coef)[row] = share * of_row * r.rest;
    const ct_real col_coef = share * (1 - of_row) * c.rest;
    ref_vector(args->col_coef)[pos] += col_coef;
    ref_vector(args->pos_coef)[row] = ref_vector(args->row_coef)[row] + col_coef;

    ref_vector(args->loss)[0] += share * (of_row * r.loss + (1 - of_row) * c.loss);
    ref_vector(args->stats)[0] += share * r.probability;
    ref_vector(args->stats)[1] += share * c.probability;
    if (row_neg.count > 0) ref_vector(args->stats)[2] += share * r.rest * other_group_share(b, row, row_lse);
}

ct_status CT_REF(infonce_forward)(ct_kctx *ctx, const struct ct_infonce_forward_args *args) {
    if (ctx->dry) return CT_OK;
    batch_of b = &args->batch;
    ref_scale(args->loss, 0.0f);
    ref_scale(args->stats, 0.0f);
    ref_scale(args->col_coef, 0.0f);
    for (int64_t col = 0; col < b->v.rows; col++)
        ref_vector(args->col_neg)[col] = log_sum_value(col_negatives(b, col));
    ct_real weights = 0;
    for (int64_t row = 0; row < b->u.rows; row++) weights += weight_of(b, row);
    for (int64_t row = 0; row < b->u.rows; row++)
        add_pair(args, row, weights == 0 ? (ct_real)0 : weight_of(b, row) / weights);
    return CT_OK;
}

/* The gradient of the score of (row, col). */
static ct_real score_grad(const struct ct_infonce_backward_args *args, int64_t row, int64_t col, ct_real s) {
    batch_of b = &args->batch;
    ct_real ds = ref_ints(b->pos)[row] == col ? -ref_vector(args->pos_coef)[row] : (ct_real)0;
    if (negative(b, row, col)) {
        const ct_real row_z = s - logq_at(b, b->item_logq, col), col_z = s - logq_at(b, b->user_logq, row);
        ds += ref_vector(args->row_coef)[row] * (ct_real)exp(row_z - ref_vector(args->row_neg)[row]);
        ds += ref_vector(args->col_coef)[col] * (ct_real)exp(col_z - ref_vector(args->col_neg)[col]);
    }
    return (ct_real)args->grad_loss * ds;
}

ct_status CT_REF(infonce_backward)(ct_kctx *ctx, const struct ct_infonce_backward_args *args) {
    if (ctx->dry) return CT_OK;
    batch_of b = &args->batch;
    const ct_real scale = (ct_real)exp(ref_vector(b->log_scale)[0]);
    ref_scale(args->du, args->beta_u);
    ref_scale(args->dv, args->beta_v);
    for (int64_t row = 0; row < b->u.rows; row++)
        for (int64_t col = 0; col < b->v.rows; col++) {
            const ct_real s = score(b, row, col), ds = score_grad(args, row, col, s);
            for (int64_t d = 0; d < b->u.cols; d++) {
                ref_row(args->du, row)[d] += ds * scale * ref_row(b->v, col)[d];
                ref_row(args->dv, col)[d] += ds * scale * ref_row(b->u, row)[d];
            }
            if (args->dlog_scale.data) ref_vector(args->dlog_scale)[0] += ds * s;
        }
    return CT_OK;
}
