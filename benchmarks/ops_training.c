/* Makers of the loss, the optimizer's ops and the ranking ops. */
#include <math.h>

#include "benchmarks/ops.h"

/* B pairs, each with its own column, and only that masked; classic logQ, as training has by default. */
static void make_batch(bench_maker *m, struct ct_infonce_batch *b) {
    const int64_t B = bench_size(m, "B"), D = bench_size(m, "D");
    const double length = sqrt(3.0 / (double)D); /* rows of about unit length */
    b->u = bench_between(m, B, D, -length, length);
    b->v = bench_between(m, B, D, -length, length);
    b->log_scale = bench_between(m, 1, 1, 2.5, 2.7);
    b->pos = bench_counting(m, B);
    b->mask_begin = bench_counting(m, B + 1);
    b->mask_col = bench_counting(m, B);
    b->item_logq = bench_between(m, B, 1, -9, -7);
    b->user_logq = bench_between(m, B, 1, -9, -7);
    b->mode = CT_LOGQ_CLASSIC;
    b->row_share = 0.5f;
}

/* The product of scores; exp of each counts as nothing. */
void bench_make_infonce_forward(bench_maker *m, struct ct_infonce_forward_args *a) {
    make_batch(m, &a->batch);
    const int64_t B = a->batch.u.rows, D = a->batch.u.cols;
    a->loss = bench_zeros(m, CT_DTYPE_F32, 1, 1);
    a->stats = bench_zeros(m, CT_DTYPE_F32, 3, 1);
    a->row_neg = bench_zeros(m, CT_DTYPE_F32, B, 1);
    a->col_neg = bench_zeros(m, CT_DTYPE_F32, B, 1);
    a->row_coef = bench_zeros(m, CT_DTYPE_F32, B, 1);
    a->col_coef = bench_zeros(m, CT_DTYPE_F32, B, 1);
    a->pos_coef = bench_zeros(m, CT_DTYPE_F32, B, 1);
    m->work = bench_counts(2.0 * B * B * D, 4.0 * 2 * B * D);
}

/* The scores again, and the products of du and dv. */
void bench_make_infonce_backward(bench_maker *m, struct ct_infonce_backward_args *a) {
    struct ct_infonce_forward_args f = {0};
    bench_make_infonce_forward(m, &f);
    const int64_t B = f.batch.u.rows, D = f.batch.u.cols;
    BENCH_RUN(m, infonce_forward, &f);
    a->du = bench_zeros(m, CT_DTYPE_F32, B, D);
    a->dv = bench_zeros(m, CT_DTYPE_F32, B, D);
    a->dlog_scale = bench_zeros(m, CT_DTYPE_F32, 1, 1);
    a->row_neg = f.row_neg, a->col_neg = f.col_neg;
    a->row_coef = f.row_coef, a->col_coef = f.col_coef, a->pos_coef = f.pos_coef;
    a->batch = f.batch;
    a->grad_loss = 1.0f;
    m->work = bench_counts(6.0 * B * B * D, 4.0 * 4 * B * D);
}

void bench_make_sq_norm(bench_maker *m, struct ct_sq_norm_args *a) {
    const int64_t n = bench_size(m, "n");
    a->sum = bench_zeros(m, CT_DTYPE_F64, 1, 1);
    a->x = bench_f32(m, 1, n);
    m->work = bench_counts(2.0 * n, 4.0 * n);
}

/* A handful of operations: what is timed is the call. */
void bench_make_grad_guard(bench_maker *m, struct ct_grad_guard_args *a) {
    a->sum = bench_zeros(m, CT_DTYPE_F64, 1, 1);
    a->loss = bench_f32(m, 1, 1);
    a->max_norm = (float)bench_number_or(m, "max_norm", 1);
}

static struct ct_adam_hyper adam(void) {
    return (struct ct_adam_hyper){
        .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .decay = 0.01f, .lr_scale = 1.0f};
}

/* w, m, v read and written, g read. */
void bench_make_adamw(bench_maker *m, struct ct_adamw_args *a) {
    const int64_t n = bench_size(m, "n");
    a->w = bench_f32(m, 1, n);
    a->m = bench_zeros(m, CT_DTYPE_F32, 1, n);
    a->v = bench_zeros(m, CT_DTYPE_F32, 1, n);
    a->g = bench_f32(m, 1, n);
    a->hyper = adam();
    m->work = bench_counts(15.0 * n, 4.0 * 7 * n);
}

/* K random entries of V rows name the rows. */
void bench_make_row_update(bench_maker *m, struct ct_row_update_args *a) {
    const int64_t K = bench_size(m, "K"), V = bench_size(m, "V"), C = bench_size(m, "C");
    const bench_lookup l = bench_look_up(m, K, 1, V);
    a->table = bench_f32(m, V, C);
    a->m = bench_zeros(m, CT_DTYPE_F32, V, C);
    a->v = bench_zeros(m, CT_DTYPE_F32, V, C);
    a->g = bench_f32(m, l.n_unique, C);
    a->rows = l.rows;
    a->hyper = adam();
    m->work = bench_counts(15.0 * l.n_unique * C, 4.0 * (7.0 * l.n_unique * C + l.n_unique));
}

/* The running means and variances of a network. */
void bench_make_running_update(bench_maker *m, struct ct_running_update_args *a) {
    const int64_t n = bench_size(m, "n");
    a->x = bench_f32(m, 1, n);
    a->batch = bench_f32(m, 1, n);
    a->momentum = 0.1f;
    m->work = bench_counts(3.0 * n, 4.0 * 3 * n);
}

void bench_make_clamp(bench_maker *m, struct ct_clamp_args *a) {
    const int64_t n = bench_size(m, "n");
    a->x = bench_f32(m, 1, n);
    a->lower = -0.5f;
    a->upper = 0.5f;
    m->work = bench_counts(0, 4.0 * 2 * n);
}

/* The product of scores; keeping the best counts as nothing. */
void bench_make_score_topk(bench_maker *m, struct ct_score_topk_args *a) {
    const int64_t B = bench_size(m, "B"), N = bench_size(m, "N"), D = bench_size(m, "D"),
                  k = bench_size(m, "k");
    a->values = bench_zeros(m, CT_DTYPE_F32, B, k);
    a->ids = bench_zeros(m, CT_DTYPE_I32, B, k);
    a->q = bench_f32(m, B, D);
    a->x = bench_f32(m, N, D);
    m->work = bench_counts(2.0 * B * N * D, 4.0 * (N * D + B * D + 2.0 * B * k));
}

/* One target a row. */
void bench_make_score_rank(bench_maker *m, struct ct_score_rank_args *a) {
    const int64_t B = bench_size(m, "B"), N = bench_size(m, "N"), D = bench_size(m, "D");
    a->greater = bench_zeros(m, CT_DTYPE_I32, B, 1);
    a->equal = bench_zeros(m, CT_DTYPE_I32, B, 1);
    a->q = bench_f32(m, B, D);
    a->x = bench_f32(m, N, D);
    a->target_begin = bench_counting(m, B + 1);
    a->target_col = bench_indices(m, B, 1, N);
    m->work = bench_counts(2.0 * B * N * D, 4.0 * (N * D + B * D + 2.0 * B));
}
