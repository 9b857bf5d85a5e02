/* Checks of the loss, the optimizer and the ranking ops. */
#include "device/check.h"

#include <float.h>
#include <math.h>

#include "device/check_rules.h"

#define F32 CT_DTYPE_F32
#define I32 CT_DTYPE_I32

static void logq_rules(ct_rules *r, const struct ct_infonce_batch *b) {
    if (b->mode == CT_LOGQ_NONE) {
        ct__absent(r, "item_logq", &b->item_logq, "the mode takes no logq");
        ct__absent(r, "user_logq", &b->user_logq, "the mode takes no logq");
    } else {
        ct__need_vector(r, "item_logq", &b->item_logq, F32, b->v.rows);
        ct__need_vector(r, "user_logq", &b->user_logq, F32, b->u.rows);
    }
}

static void batch_rules(ct_rules *r, const struct ct_infonce_batch *b) {
    const int64_t B = b->u.rows, N = b->v.rows;
    ct__need(r, "u", &b->u, F32, CT_ANY, CT_ANY);
    ct__need(r, "v", &b->v, F32, CT_ANY, b->u.cols);
    ct__at_least(r, "u's columns are", b->u.cols, 1);
    if (B > 0) ct__at_least(r, "v's rows are", N, 1);
    ct__indexable(r, "u's rows", B);
    ct__indexable(r, "v's rows", N);
    ct__need(r, "log_scale", &b->log_scale, F32, 1, 1);
    ct__need_vector(r, "pos", &b->pos, I32, B);
    ct__offsets(r, "mask_begin", &b->mask_begin, B, b->mask_col.rows);
    ct__need_vector(r, "mask_col", &b->mask_col, I32, CT_ANY);
    ct__may_vector(r, "user_group", &b->user_group, I32, B);
    ct__may_vector(r, "item_group", &b->item_group, I32, N);
    if (B > 0) ct__together(r, "user_group", &b->user_group, "item_group", &b->item_group);
    ct__between(r, "mode", (double)b->mode, CT_LOGQ_NONE, CT_LOGQ_CORRECTED);
    logq_rules(r, b);
    ct__may_vector(r, "weight", &b->weight, F32, B);
    ct__between(r, "row_share", (double)b->row_share, 0.0, 1.0);
}

ct_status ct__check_infonce_forward(const struct ct_infonce_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t B = a->batch.u.rows, N = a->batch.v.rows;
    batch_rules(&r, &a->batch);
    ct__need(&r, "loss", &a->loss, F32, 1, 1);
    ct__need_vector(&r, "stats", &a->stats, F32, 3);
    ct__need_vector(&r, "row_neg", &a->row_neg, F32, B);
    ct__need_vector(&r, "col_neg", &a->col_neg, F32, N);
    ct__need_vector(&r, "row_coef", &a->row_coef, F32, B);
    ct__need_vector(&r, "col_coef", &a->col_coef, F32, N);
    ct__need_vector(&r, "pos_coef", &a->pos_coef, F32, B);
    return r.status;
}

ct_status ct__check_infonce_backward(const struct ct_infonce_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t B = a->batch.u.rows, N = a->batch.v.rows, D = a->batch.u.cols;
    batch_rules(&r, &a->batch);
    ct__need(&r, "du", &a->du, F32, B, D);
    ct__need(&r, "dv", &a->dv, F32, N, D);
    ct__may(&r, "dlog_scale", &a->dlog_scale, F32, 1, 1);
    ct__need_vector(&r, "row_neg", &a->row_neg, F32, B);
    ct__need_vector(&r, "col_neg", &a->col_neg, F32, N);
    ct__need_vector(&r, "row_coef", &a->row_coef, F32, B);
    ct__need_vector(&r, "col_coef", &a->col_coef, F32, N);
    ct__need_vector(&r, "pos_coef", &a->pos_coef, F32, B);
    ct__finite(&r, "grad_loss", (double)a->grad_loss);
    ct__beta(&r, "beta_u", a->beta_u);
    ct__beta(&r, "beta_v", a->beta_v);
    return r.status;
}

ct_status ct__check_sq_norm(const struct ct_sq_norm_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "sum", &a->sum, CT_DTYPE_F64, 1, 1);
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    return r.status;
}

ct_status ct__check_grad_guard(const struct ct_grad_guard_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "sum", &a->sum, CT_DTYPE_F64, 1, 1);
    ct__need(&r, "loss", &a->loss, F32, 1, 1);
    ct__between(&r, "max_norm", (double)a->max_norm, 0.0, FLT_MAX);
    return r.status;
}

static void adam_rules(ct_rules *r, const struct ct_adam_hyper *h) {
    const double below_one = 1.0 - 0x1p-24;
    ct__between(r, "beta1", (double)h->beta1, 0.0, below_one);
    ct__between(r, "beta2", (double)h->beta2, 0.0, below_one);
    ct__above_zero(r, "eps", (double)h->eps);
    ct__between(r, "decay", (double)h->decay, 0.0, FLT_MAX);
    ct__finite(r, "lr_scale", (double)h->lr_scale);
}

ct_status ct__check_adamw(const struct ct_adamw_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t n = a->w.cols;
    ct__need(&r, "w", &a->w, F32, 1, CT_ANY);
    ct__need(&r, "m", &a->m, F32, 1, n);
    ct__need(&r, "v", &a->v, F32, 1, n);
    ct__need(&r, "g", &a->g, F32, 1, n);
    adam_rules(&r, &a->hyper);
    return r.status;
}

ct_status ct__check_running_update(const struct ct_running_update_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, 1, CT_ANY);
    ct__need(&r, "batch", &a->batch, F32, 1, a->x.cols);
    ct__between(&r, "momentum", (double)a->momentum, 0.0, 1.0);
    return r.status;
}

ct_status ct__check_clamp(const struct ct_clamp_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__between(&r, "upper", (double)a->upper, -(double)INFINITY, (double)INFINITY);
    ct__between(&r, "lower", (double)a->lower, -(double)INFINITY, (double)a->upper);
    return r.status;
}

ct_status ct__check_row_update(const struct ct_row_update_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t V = a->table.rows, C = a->table.cols, unique = a->rows.rows;
    ct__need(&r, "table", &a->table, F32, CT_ANY, CT_ANY);
    ct__need(&r, "m", &a->m, F32, V, C);
    ct__need(&r, "v", &a->v, F32, V, C);
    ct__need_vector(&r, "rows", &a->rows, I32, CT_ANY);
    ct__need(&r, "g", &a->g, F32, unique, C);
    ct__indexable(&r, "table's rows", V);
    adam_rules(&r, &a->hyper);
    return r.status;
}

static void ranking_rules(ct_rules *r, const ct_tensor *q, const ct_tensor *x, const ct_tensor *exclude_begin,
                          const ct_tensor *exclude_col) {
    ct__need(r, "q", q, F32, CT_ANY, CT_ANY);
    ct__need(r, "x", x, F32, CT_ANY, q->cols);
    ct__at_least(r, "q's columns are", q->cols, 1);
    ct__indexable(r, "x's rows", x->rows);
    if (exclude_begin->data) {
        ct__offsets(r, "exclude_begin", exclude_begin, q->rows, exclude_col->rows);
        ct__need_vector(r, "exclude_col", exclude_col, I32, CT_ANY);
    } else {
        ct__absent(r, "exclude_col", exclude_col, "exclude_begin is absent");
    }
}

ct_status ct__check_score_topk(const struct ct_score_topk_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ranking_rules(&r, &a->q, &a->x, &a->exclude_begin, &a->exclude_col);
    ct__need(&r, "values", &a->values, F32, a->q.rows, CT_ANY);
    ct__at_least(&r, "k (the columns of values) is", a->values.cols, 1);
    ct__need(&r, "ids", &a->ids, I32, a->q.rows, a->values.cols);
    return r.status;
}

ct_status ct__check_score_rank(const struct ct_score_rank_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t M = a->target_col.rows;
    ranking_rules(&r, &a->q, &a->x, &a->exclude_begin, &a->exclude_col);
    ct__offsets(&r, "target_begin", &a->target_begin, a->q.rows, M);
    ct__need_vector(&r, "target_col", &a->target_col, I32, CT_ANY);
    ct__need_vector(&r, "greater", &a->greater, I32, M);
    ct__need_vector(&r, "equal", &a->equal, I32, M);
    return r.status;
}
