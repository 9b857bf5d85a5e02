/* Makers of the ops on matrices: linear, GELU, dropout, norms, lookups. */
#include <math.h>

#include "benchmarks/ops.h"

/* drop=0.1: the probability, 0 without. */
static ct_dropout dropout(bench_maker *m) {
    return (ct_dropout){.p = (float)bench_number_or(m, "drop", 0), .stream = 1};
}

void bench_make_linear_forward(bench_maker *m, struct ct_linear_forward_args *a) {
    const int64_t T = bench_size(m, "T"), I = bench_size(m, "I"), O = bench_size(m, "O");
    a->y = bench_zeros(m, CT_DTYPE_F32, T, O);
    a->x = bench_f32(m, T, I);
    a->w = bench_f32(m, O, I);
    a->b = bench_f32(m, 1, O);
    m->work = bench_counts(2.0 * T * I * O, 4.0 * (T * O + T * I + O * I));
}

/* dx, and dw and db added to. */
void bench_make_linear_backward(bench_maker *m, struct ct_linear_backward_args *a) {
    const int64_t T = bench_size(m, "T"), I = bench_size(m, "I"), O = bench_size(m, "O");
    a->dx = bench_zeros(m, CT_DTYPE_F32, T, I);
    a->dw = bench_zeros(m, CT_DTYPE_F32, O, I);
    a->db = bench_zeros(m, CT_DTYPE_F32, 1, O);
    a->dy = bench_f32(m, T, O);
    a->x = bench_f32(m, T, I);
    a->w = bench_f32(m, O, I);
    m->work = bench_counts(4.0 * T * I * O, 4.0 * (T * O + 2.0 * T * I + 3.0 * O * I));
}

/* About 25 operations an element: erf by a polynomial. */
void bench_make_gelu_forward(bench_maker *m, struct ct_gelu_forward_args *a) {
    const int64_t T = bench_size(m, "T"), C = bench_size(m, "C");
    a->y = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->x = bench_between(m, T, C, -3, 3);
    m->work = bench_counts(0, 4.0 * 2 * T * C);
}

void bench_make_gelu_backward(bench_maker *m, struct ct_gelu_backward_args *a) {
    const int64_t T = bench_size(m, "T"), C = bench_size(m, "C");
    a->dx = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->dy = bench_f32(m, T, C);
    a->x = bench_between(m, T, C, -3, 3);
    m->work = bench_counts(0, 4.0 * 3 * T * C);
}

void bench_make_dropout_forward(bench_maker *m, struct ct_dropout_forward_args *a) {
    const int64_t T = bench_size(m, "T"), C = bench_size(m, "C");
    a->y = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->x = bench_f32(m, T, C);
    a->row_of = bench_counting(m, T);
    a->pos_of = bench_counting(m, T);
    a->drop = dropout(m);
    m->work = bench_counts(0, 4.0 * 2 * T * C);
}

void bench_make_dropout_backward(bench_maker *m, struct ct_dropout_backward_args *a) {
    const int64_t T = bench_size(m, "T"), C = bench_size(m, "C");
    a->dx = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->dy = bench_f32(m, T, C);
    a->row_of = bench_counting(m, T);
    a->pos_of = bench_counting(m, T);
    a->drop = dropout(m);
    m->work = bench_counts(0, 4.0 * 2 * T * C);
}

/* s, the sum, is kept: two arrays read, two written. */
void bench_make_add_layer_norm_forward(bench_maker *m, struct ct_add_layer_norm_forward_args *a) {
    const int64_t T = bench_size(m, "T"), C = bench_size(m, "C");
    a->y = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->s = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->mean = bench_zeros(m, CT_DTYPE_F32, T, 1);
    a->rstd = bench_zeros(m, CT_DTYPE_F32, T, 1);
    a->x = bench_f32(m, T, C);
    a->r = bench_f32(m, T, C);
    a->w = bench_f32(m, 1, C);
    a->b = bench_f32(m, 1, C);
    a->row_of = bench_counting(m, T);
    a->pos_of = bench_counting(m, T);
    a->drop = dropout(m);
    a->eps = 1e-12f;
    m->work = bench_counts(8.0 * T * C, 4.0 * 4 * T * C);
}

void bench_make_add_layer_norm_backward(bench_maker *m, struct ct_add_layer_norm_backward_args *a) {
    struct ct_add_layer_norm_forward_args f = {0};
    bench_make_add_layer_norm_forward(m, &f);
    const int64_t T = f.y.rows, C = f.y.cols;
    BENCH_RUN(m, add_layer_norm_forward, &f);
    a->dx = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->dr = bench_zeros(m, CT_DTYPE_F32, T, C);
    a->dw = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->db = bench_zeros(m, CT_DTYPE_F32, 1, C);
    a->dy = bench_f32(m, T, C);
    a->s = f.s, a->mean = f.mean, a->rstd = f.rstd, a->w = f.w;
    a->row_of = f.row_of, a->pos_of = f.pos_of, a->drop = f.drop;
    m->work = bench_counts(12.0 * T * C, 4.0 * 4 * T * C);
}

/* Random rows of the tables count as read once a token. */
void bench_make_embed_layer_norm_forward(bench_maker *m, struct ct_embed_layer_norm_forward_args *a) {
    const int64_t T = bench_size(m, "T"), H = bench_size(m, "H"), V = bench_size(m, "V"),
                  P = bench_size(m, "P");
    a->y = bench_zeros(m, CT_DTYPE_F32, T, H);
    a->s = bench_zeros(m, CT_DTYPE_F32, T, H);
    a->mean = bench_zeros(m, CT_DTYPE_F32, T, 1);
    a->rstd = bench_zeros(m, CT_DTYPE_F32, T, 1);
    a->ids = bench_indices(m, T, 1, V);
    a->pos_of = bench_indices(m, T, 1, P);
    a->row_of = bench_counting(m, T);
    a->token = bench_f32(m, V, H);
    a->position = bench_f32(m, P, H);
    a->type = bench_f32(m, 1, H);
    a->w = bench_f32(m, 1, H);
    a->b = bench_f32(m, 1, H);
    a->drop = dropout(m);
    a->eps = 1e-12f;
    m->work = bench_counts(9.0 * T * H, 4.0 * 4 * T * H);
}

void bench_make_embed_layer_norm_backward(bench_maker *m, struct ct_embed_layer_norm_backward_args *a) {
    struct ct_embed_layer_norm_forward_args f = {0};
    bench_make_embed_layer_norm_forward(m, &f);
    const int64_t T = f.y.rows, H = f.y.cols;
    BENCH_RUN(m, embed_layer_norm_forward, &f);
    a->ds = bench_zeros(m, CT_DTYPE_F32, T, H);
    a->dw = bench_zeros(m, CT_DTYPE_F32, 1, H);
    a->db = bench_zeros(m, CT_DTYPE_F32, 1, H);
    a->dy = bench_f32(m, T, H);
    a->s = f.s, a->mean = f.mean, a->rstd = f.rstd, a->w = f.w;
    a->pos_of = f.pos_of, a->row_of = f.row_of, a->drop = f.drop;
    m->work = bench_counts(12.0 * T * H, 4.0 * 3 * T * H);
}

/* N bags of `bag` random rows each. */
void bench_make_gather_rows_forward(bench_maker *m, struct ct_gather_rows_forward_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C"), V = bench_size(m, "V");
    const int64_t bag = (int64_t)fmax(1, bench_number_or(m, "bag", 1));
    a->y = bench_zeros(m, CT_DTYPE_F32, N, C);
    a->table = bench_f32(m, V, C);
    a->ids = bench_indices(m, N * bag, 1, V);
    if (bag > 1) {
        a->offsets = bench_strided(m, N + 1, bag);
        a->scale = bench_between(m, N, 1, 0.1, 1);
    }
    m->work = bench_counts(bag > 1 ? 2.0 * N * bag * C : 0, 4.0 * (N * C + N * bag * (C + 1)));
}

/* Places far apart and none twice. */
void bench_make_scatter_rows(bench_maker *m, struct ct_scatter_rows_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C"), V = bench_size(m, "V");
    a->table = bench_zeros(m, CT_DTYPE_F32, V, C);
    a->x = bench_f32(m, N, C);
    a->rows = bench_strided(m, N, V / N);
    m->work = bench_counts(0, 4.0 * (2 * N * C + N));
}

/* The gradient of the table as it is kept for id tables: compact, a row for each row that was named. */
void bench_make_gather_rows_backward(bench_maker *m, struct ct_gather_rows_backward_args *a) {
    const int64_t N = bench_size(m, "N"), C = bench_size(m, "C"), V = bench_size(m, "V");
    const int64_t bag = (int64_t)fmax(1, bench_number_or(m, "bag", 1));
    const bench_lookup l = bench_look_up(m, N * bag, bag, V);
    a->dtable = bench_zeros(m, CT_DTYPE_F32, l.n_unique, C);
    a->dy = bench_f32(m, N, C);
    a->seg_begin = l.seg_begin;
    a->seg_row = l.seg_row;
    if (bag > 1) a->scale = bench_between(m, N, 1, 0.1, 1);
    m->work = bench_counts(2.0 * N * bag * C, 4.0 * (N * C + 2.0 * l.n_unique * C + 2.0 * N * bag));
}

void bench_make_l2_normalize_forward(bench_maker *m, struct ct_l2_normalize_forward_args *a) {
    const int64_t N = bench_size(m, "N"), D = bench_size(m, "D");
    a->y = bench_zeros(m, CT_DTYPE_F32, N, D);
    a->rnorm = bench_zeros(m, CT_DTYPE_F32, N, 1);
    a->x = bench_f32(m, N, D);
    a->eps = 1e-12f;
    m->work = bench_counts(3.0 * N * D, 4.0 * 2 * N * D);
}

void bench_make_l2_normalize_backward(bench_maker *m, struct ct_l2_normalize_backward_args *a) {
    struct ct_l2_normalize_forward_args f = {0};
    bench_make_l2_normalize_forward(m, &f);
    const int64_t N = f.y.rows, D = f.y.cols;
    BENCH_RUN(m, l2_normalize_forward, &f);
    a->dx = bench_zeros(m, CT_DTYPE_F32, N, D);
    a->dy = bench_f32(m, N, D);
    a->y = f.y, a->rnorm = f.rnorm, a->eps = f.eps;
    m->work = bench_counts(6.0 * N * D, 4.0 * 3 * N * D);
}
