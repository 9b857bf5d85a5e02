/* Residual, dropout and layer norm in one visit to each row. */
#include "kernels/cpu/keep.h"
#include "kernels/cpu/norm.h"

/* s = x + dropout(r); r NULL: a copy. s may be x or r. */
static void add_row(float *s, const float *x, const float *r, int64_t n, ct_place at, ct_rng_key key,
                    float p) {
    if (!r) {
        if (s != x) memcpy(s, x, (size_t)n * sizeof *s);
        return;
    }
    if (p == 0.0f) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) s[c] = x[c] + r[c];
        return;
    }
    const float scale = 1.0f / (1.0f - p);
    float keep[CT_KEEP_GROUP];
    for (int64_t c = 0; c < n; c += CT_KEEP_GROUP) {
        const int64_t m = ct_min_i64(CT_KEEP_GROUP, n - c);
        ct__keep_group(keep, (uint32_t)(c / 4), at.pos, at.row, 0, key, p, scale);
#pragma omp simd
        for (int64_t i = 0; i < m; i++) s[c + i] = x[c + i] + r[c + i] * keep[i];
    }
}

ct_status CT_CPU(add_layer_norm_forward)(ct_kctx *ctx, const struct ct_add_layer_norm_forward_args *args) {
    const ct_tensor y = args->y, s = args->s, x = args->x, r = args->r;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const float p = r.data ? args->drop.p : 0.0f;
    const ct_rng_key key = p > 0.0f ? ct_drop_key(ctx, args->drop) : (ct_rng_key){0, 0};
    const int threads = ct_threads(ctx, 4 * y.rows * y.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < y.rows; t++) {
        /* Without s the row of y holds the sum until it is normalised in place. */
        float *row = ct_row(s.data ? s : y, t);
        add_row(row, ct_row(x, t), r.data ? ct_row(r, t) : NULL, y.cols,
                ct_place_of(args->row_of, args->pos_of, t), key, p);
        const ct_row_moments m = ct_row_moments_of(row, y.cols, args->eps);
        if (args->mean.data) ct_floats(args->mean)[t] = m.mean;
        if (args->rstd.data) ct_floats(args->rstd)[t] = m.rstd;
        ct_norm_row(ct_row(y, t), row, m, ct_floats(args->w), ct_floats(args->b), y.cols);
    }
    return CT_OK;
}

/* One row. ds is made in dx where dx is overwritten, else in the thread's spare row. */
static void backward_row(const struct ct_add_layer_norm_backward_args *args, int64_t t, float *dw, float *db,
                         float *spare, ct_rng_key key) {
    const ct_tensor dx = args->dx, dr = args->dr;
    const int64_t n = args->dy.cols;
    const float *dy = ct_row(args->dy, t), *s = ct_row(args->s, t), *w = ct_floats(args->w);
    const ct_row_moments m = {ct_floats(args->mean)[t], ct_floats(args->rstd)[t]};
    const ct_row_means means = ct_norm_row_means(dy, s, m, w, dw, db, n);
    const bool in_place = dx.data && args->beta_x == 0.0f;
    float *ds = in_place ? ct_row(dx, t) : spare;
    ct_norm_row_gradient(ds, dy, s, m, means, w, n);
    if (dx.data && !in_place) ct_blend_row(ct_row(dx, t), ds, args->beta_x, n);
    if (dr.data)
        ct_drop_blend_row(ct_row(dr, t), ds, args->beta_r, n, ct_place_of(args->row_of, args->pos_of, t), key,
                          args->drop.p);
}

ct_status CT_CPU(add_layer_norm_backward)(ct_kctx *ctx, const struct ct_add_layer_norm_backward_args *args) {
    const int64_t rows = args->dy.rows, cols = args->dy.cols;
    ct_norm_partials partials;
    float *spare = NULL;
    CT_CHECK(ct_norm_partials_take(ctx, &partials, rows, cols, args->dw.data != NULL));
    const int64_t blocks = partials.blocks;
    CT_CHECK(ct_scratch_take(ctx, (size_t)blocks * (size_t)cols, sizeof *spare, (void **)&spare));
    if (ctx->dry || rows == 0) return CT_OK;

    const ct_rng_key key = args->drop.p > 0.0f ? ct_drop_key(ctx, args->drop) : (ct_rng_key){0, 0};
    const int threads = ct_threads(ctx, 6 * rows * cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t block = 0; block < blocks; block++) {
        float *dw, *db;
        ct_norm_partials_begin(&partials, block, &dw, &db);
        for (int64_t t = ct_block_begin(rows, blocks, block); t < ct_block_begin(rows, blocks, block + 1);
             t++)
            backward_row(args, t, dw, db, spare + block * cols, key);
    }
    ct_norm_partials_add(ctx, &partials, args->dw.data, args->db.data);
    return CT_OK;
}
