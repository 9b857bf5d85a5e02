/* Checks of the ops that layers are made of. */
#include "device/check.h"
#include "device/check_rules.h"

#define F32 CT_DTYPE_F32
#define I32 CT_DTYPE_I32

ct_status ct__check_linear_forward(const struct ct_linear_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t T = a->y.rows, O = a->y.cols, I = a->x.cols;
    ct__need(&r, "y", &a->y, F32, CT_ANY, CT_ANY);
    ct__need(&r, "x", &a->x, F32, T, CT_ANY);
    ct__at_least(&r, "y's columns are", O, 1);
    ct__at_least(&r, "x's columns are", I, 1);
    ct__need(&r, "w", &a->w, F32, O, I);
    ct__may(&r, "b", &a->b, F32, 1, O);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_linear_backward(const struct ct_linear_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t T = a->dy.rows, O = a->dy.cols;
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, CT_ANY);
    ct__at_least(&r, "dy's columns are", O, 1);
    ct__may(&r, "dx", &a->dx, F32, T, CT_ANY);
    if (a->dx.data) ct__need(&r, "w", &a->w, F32, O, a->dx.cols);
    ct__may(&r, "dw", &a->dw, F32, O, CT_ANY);
    if (a->dw.data) ct__need(&r, "x", &a->x, F32, T, a->dw.cols);
    ct__may(&r, "db", &a->db, F32, 1, O);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_gelu_forward(const struct ct_gelu_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__need(&r, "y", &a->y, F32, a->x.rows, a->x.cols);
    return r.status;
}

ct_status ct__check_gelu_backward(const struct ct_gelu_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__need(&r, "dy", &a->dy, F32, a->x.rows, a->x.cols);
    ct__need(&r, "dx", &a->dx, F32, a->x.rows, a->x.cols);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_dropout_forward(const struct ct_dropout_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__need(&r, "y", &a->y, F32, a->x.rows, a->x.cols);
    ct__dropout(&r, &a->drop, &a->row_of, &a->pos_of, a->x.rows);
    return r.status;
}

ct_status ct__check_dropout_backward(const struct ct_dropout_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, CT_ANY);
    ct__need(&r, "dx", &a->dx, F32, a->dy.rows, a->dy.cols);
    ct__dropout(&r, &a->drop, &a->row_of, &a->pos_of, a->dy.rows);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_add_layer_norm_forward(const struct ct_add_layer_norm_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t T = a->x.rows, C = a->x.cols;
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__at_least(&r, "x's columns are", C, 1);
    ct__may(&r, "r", &a->r, F32, T, C);
    ct__need(&r, "w", &a->w, F32, 1, C);
    ct__need(&r, "b", &a->b, F32, 1, C);
    ct__need(&r, "y", &a->y, F32, T, C);
    ct__may(&r, "s", &a->s, F32, T, C);
    ct__may_vector(&r, "mean", &a->mean, F32, T);
    ct__may_vector(&r, "rstd", &a->rstd, F32, T);
    ct__dropout(&r, &a->drop, &a->row_of, &a->pos_of, T);
    ct__above_zero(&r, "eps", (double)a->eps);
    return r.status;
}

ct_status ct__check_add_layer_norm_backward(const struct ct_add_layer_norm_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t T = a->dy.rows, C = a->dy.cols;
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, CT_ANY);
    ct__at_least(&r, "dy's columns are", C, 1);
    ct__need(&r, "s", &a->s, F32, T, C);
    ct__need_vector(&r, "mean", &a->mean, F32, T);
    ct__need_vector(&r, "rstd", &a->rstd, F32, T);
    ct__need(&r, "w", &a->w, F32, 1, C);
    ct__may(&r, "dx", &a->dx, F32, T, C);
    ct__may(&r, "dr", &a->dr, F32, T, C);
    ct__may(&r, "dw", &a->dw, F32, 1, C);
    ct__may(&r, "db", &a->db, F32, 1, C);
    ct__together(&r, "dw", &a->dw, "db", &a->db);
    ct__dropout(&r, &a->drop, &a->row_of, &a->pos_of, T);
    ct__beta(&r, "beta_x", a->beta_x);
    ct__beta(&r, "beta_r", a->beta_r);
    return r.status;
}

ct_status ct__check_embed_layer_norm_forward(const struct ct_embed_layer_norm_forward_args *a,
                                             ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t T = a->y.rows, H = a->y.cols;
    ct__need(&r, "y", &a->y, F32, CT_ANY, CT_ANY);
    ct__at_least(&r, "y's columns are", H, 1);
    ct__need_vector(&r, "ids", &a->ids, I32, T);
    ct__need_vector(&r, "pos_of", &a->pos_of, I32, T);
    ct__need(&r, "token", &a->token, F32, CT_ANY, H);
    ct__need(&r, "position", &a->position, F32, CT_ANY, H);
    ct__may(&r, "type", &a->type, F32, 1, H);
    ct__need(&r, "w", &a->w, F32, 1, H);
    ct__need(&r, "b", &a->b, F32, 1, H);
    ct__may(&r, "s", &a->s, F32, T, H);
    ct__may_vector(&r, "mean", &a->mean, F32, T);
    ct__may_vector(&r, "rstd", &a->rstd, F32, T);
    ct__dropout(&r, &a->drop, &a->row_of, &a->pos_of, T);
    ct__above_zero(&r, "eps", (double)a->eps);
    return r.status;
}

ct_status ct__check_embed_layer_norm_backward(const struct ct_embed_layer_norm_backward_args *a,
                                              ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t T = a->dy.rows, H = a->dy.cols;
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, CT_ANY);
    ct__at_least(&r, "dy's columns are", H, 1);
    ct__need(&r, "ds", &a->ds, F32, T, H);
    ct__need(&r, "s", &a->s, F32, T, H);
    ct__need_vector(&r, "mean", &a->mean, F32, T);
    ct__need_vector(&r, "rstd", &a->rstd, F32, T);
    ct__need(&r, "w", &a->w, F32, 1, H);
    ct__may(&r, "dw", &a->dw, F32, 1, H);
    ct__may(&r, "db", &a->db, F32, 1, H);
    ct__together(&r, "dw", &a->dw, "db", &a->db);
    ct__dropout(&r, &a->drop, &a->row_of, &a->pos_of, T);
    return r.status;
}

/* What both directions of attention share: qkv is the tensor that gives T and A * E. */
static void attention_rules(ct_rules *r, const ct_tensor *qkv, int64_t heads, int64_t max_length, float scale,
                            const ct_tensor *offsets, const ct_tensor *row_of, const ct_dropout *drop) {
    const ct_tensor no_positions = {0};
    ct__need(r, "qkv", qkv, F32, CT_ANY, CT_ANY);
    ct__at_least(r, "heads are", heads, 1);
    ct__at_least(r, "qkv's columns are", qkv->cols, 1);
    if (r->status == CT_OK && (qkv->cols % 3 != 0 || qkv->cols / 3 % heads != 0))
        r->status =
            ct_fail(r->err, CT_ERR_SHAPE, "qkv has %lld columns, want a multiple of 3 times the %lld heads",
                    (long long)qkv->cols, (long long)heads);
    ct__offsets(r, "offsets", offsets, CT_ANY, qkv->rows);
    ct__at_least(r, "max_length is", max_length, 0);
    ct__indexable(r, "max_length's tokens", max_length);
    ct__finite(r, "scale", (double)scale);
    if (r->status == CT_OK) ct__dropout(r, drop, row_of, &no_positions, offsets->rows - 1);
}

ct_status ct__check_attention_forward(const struct ct_attention_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    attention_rules(&r, &a->qkv, a->heads, a->max_length, a->scale, &a->offsets, &a->row_of, &a->drop);
    ct__need(&r, "out", &a->out, F32, a->qkv.rows, a->qkv.cols / 3);
    ct__may(&r, "lse", &a->lse, F32, a->qkv.rows, a->heads);
    return r.status;
}

ct_status ct__check_attention_backward(const struct ct_attention_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t T = a->qkv.rows, C = a->qkv.cols;
    attention_rules(&r, &a->qkv, a->heads, a->max_length, a->scale, &a->offsets, &a->row_of, &a->drop);
    ct__need(&r, "dqkv", &a->dqkv, F32, T, C);
    ct__need(&r, "dout", &a->dout, F32, T, C / 3);
    ct__need(&r, "out", &a->out, F32, T, C / 3);
    ct__need(&r, "lse", &a->lse, F32, T, a->heads);
    return r.status;
}

/* x [T, C] whose rows lie without gaps, so that a window of tokens is one run of memory. */
static void window_rules(ct_rules *r, const ct_tensor *x, int64_t width) {
    int64_t taps;
    ct__need(r, "x", x, F32, CT_ANY, CT_ANY);
    ct__at_least(r, "x's columns are", x->cols, 1);
    ct__at_least(r, "width is", width, 1);
    if (r->status == CT_OK && x->ld != x->cols)
        r->status =
            ct_fail(r->err, CT_ERR_SHAPE, "x has ld %lld, want its %lld columns: windows lie in one piece",
                    (long long)x->ld, (long long)x->cols);
    if (r->status == CT_OK && __builtin_mul_overflow(width, x->cols, &taps))
        r->status = ct_fail(r->err, CT_ERR_SHAPE, "width is %lld: too many weights", (long long)width);
}

ct_status ct__check_text_cnn_max_forward(const struct ct_text_cnn_max_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->y.rows, F = a->y.cols;
    window_rules(&r, &a->x, a->width);
    ct__need(&r, "y", &a->y, F32, CT_ANY, CT_ANY);
    if (r.status != CT_OK) return r.status;
    ct__need(&r, "w", &a->w, F32, F, a->width * a->x.cols);
    ct__need(&r, "b", &a->b, F32, 1, F);
    ct__may(&r, "argmax", &a->argmax, I32, N, F);
    ct__offsets(&r, "offsets", &a->offsets, N, a->x.rows);
    ct__at_least(&r, "max_length is", a->max_length, 0);
    ct__indexable(&r, "max_length's tokens", a->max_length);
    return r.status;
}

ct_status ct__check_text_cnn_max_backward(const struct ct_text_cnn_max_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->dy.rows, F = a->dy.cols;
    window_rules(&r, &a->x, a->width);
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, CT_ANY);
    if (r.status != CT_OK) return r.status;
    ct__need(&r, "argmax", &a->argmax, I32, N, F);
    ct__need(&r, "w", &a->w, F32, F, a->width * a->x.cols);
    ct__offsets(&r, "offsets", &a->offsets, N, a->x.rows);
    ct__may(&r, "dx", &a->dx, F32, a->x.rows, a->x.cols);
    ct__may(&r, "dw", &a->dw, F32, F, a->width * a->x.cols);
    ct__may(&r, "db", &a->db, F32, 1, F);
    ct__together(&r, "dw", &a->dw, "db", &a->db);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_seq_pool_forward(const struct ct_seq_pool_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__need(&r, "y", &a->y, F32, CT_ANY, a->x.cols);
    ct__offsets(&r, "offsets", &a->offsets, a->y.rows, a->x.rows);
    ct__between(&r, "mode", (double)a->mode, CT_POOL_MEAN, CT_POOL_FIRST);
    return r.status;
}

ct_status ct__check_seq_pool_backward(const struct ct_seq_pool_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "dx", &a->dx, F32, CT_ANY, CT_ANY);
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, a->dx.cols);
    ct__offsets(&r, "offsets", &a->offsets, a->dy.rows, a->dx.rows);
    ct__between(&r, "mode", (double)a->mode, CT_POOL_MEAN, CT_POOL_FIRST);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_gather_rows_forward(const struct ct_gather_rows_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t N = a->y.rows, C = a->y.cols;
    ct__need(&r, "y", &a->y, F32, CT_ANY, CT_ANY);
    ct__need(&r, "table", &a->table, F32, CT_ANY, C);
    ct__need_vector(&r, "ids", &a->ids, I32, a->offsets.data ? CT_ANY : N);
    if (a->offsets.data) ct__offsets(&r, "offsets", &a->offsets, N, a->ids.rows);
    ct__may_vector(&r, "scale", &a->scale, F32, N);
    ct__indexable(&r, "table's rows", a->table.rows);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}

ct_status ct__check_gather_rows_backward(const struct ct_gather_rows_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    const int64_t C = a->dtable.cols;
    ct__offsets(&r, "seg_begin", &a->seg_begin, CT_ANY, a->seg_row.rows);
    if (r.status != CT_OK) return r.status;
    const int64_t unique = a->seg_begin.rows - 1;
    ct__need(&r, "dtable", &a->dtable, F32, CT_ANY, CT_ANY);
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, C);
    ct__need_vector(&r, "seg_row", &a->seg_row, I32, CT_ANY);
    ct__may_vector(&r, "rows", &a->rows, I32, unique);
    if (!a->rows.data) ct__at_least(&r, "dtable's rows are", a->dtable.rows, unique);
    ct__may_vector(&r, "scale", &a->scale, F32, a->dy.rows);
    ct__indexable(&r, "dtable's rows", a->dtable.rows);
    return r.status;
}

ct_status ct__check_scatter_rows(const struct ct_scatter_rows_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__need(&r, "table", &a->table, F32, CT_ANY, a->x.cols);
    ct__need_vector(&r, "rows", &a->rows, I32, a->x.rows);
    ct__indexable(&r, "table's rows", a->table.rows);
    return r.status;
}

ct_status ct__check_l2_normalize_forward(const struct ct_l2_normalize_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "x", &a->x, F32, CT_ANY, CT_ANY);
    ct__need(&r, "y", &a->y, F32, a->x.rows, a->x.cols);
    ct__may_vector(&r, "rnorm", &a->rnorm, F32, a->x.rows);
    ct__above_zero(&r, "eps", (double)a->eps);
    return r.status;
}

ct_status ct__check_l2_normalize_backward(const struct ct_l2_normalize_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    ct__need(&r, "dy", &a->dy, F32, CT_ANY, CT_ANY);
    ct__need(&r, "y", &a->y, F32, a->dy.rows, a->dy.cols);
    ct__need_vector(&r, "rnorm", &a->rnorm, F32, a->dy.rows);
    ct__need(&r, "dx", &a->dx, F32, a->dy.rows, a->dy.cols);
    ct__above_zero(&r, "eps", (double)a->eps);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}
