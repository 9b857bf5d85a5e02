/* BERT's input layer: three lookups, layer norm and dropout in one visit to each row. */
#include "kernels/cpu/keep.h"
#include "kernels/cpu/norm.h"

static void sum_row(float *s, const float *token, const float *position, const float *type, int64_t n) {
    if (type) {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) s[c] = token[c] + position[c] + type[c];
    } else {
#pragma omp simd
        for (int64_t c = 0; c < n; c++) s[c] = token[c] + position[c];
    }
}

ct_status CT_CPU(embed_layer_norm_forward)(ct_kctx *ctx,
                                           const struct ct_embed_layer_norm_forward_args *args) {
    const ct_tensor y = args->y, s = args->s;
    if (ctx->dry || y.rows == 0) return CT_OK;
    const float p = args->drop.p;
    const ct_rng_key key = ct_drop_key(ctx, args->drop);
    const int threads = ct_threads(ctx, 4 * y.rows * y.cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t t = 0; t < y.rows; t++) {
        /* Without s the row of y holds the sum until it is normalised in place. */
        float *row = ct_row(s.data ? s : y, t), *out = ct_row(y, t);
        sum_row(row, ct_row(args->token, ct_ints(args->ids)[t]),
                ct_row(args->position, ct_ints(args->pos_of)[t]), args->type.data, y.cols);
        const ct_row_moments m = ct_row_moments_of(row, y.cols, args->eps);
        if (args->mean.data) ct_floats(args->mean)[t] = m.mean;
        if (args->rstd.data) ct_floats(args->rstd)[t] = m.rstd;
        ct_norm_row(out, row, m, ct_floats(args->w), ct_floats(args->b), y.cols);
        if (p > 0.0f) ct_drop_row(out, out, y.cols, ct_place_of(args->row_of, args->pos_of, t), key, p);
    }
    return CT_OK;
}

ct_status CT_CPU(embed_layer_norm_backward)(ct_kctx *ctx,
                                            const struct ct_embed_layer_norm_backward_args *args) {
    const ct_tensor ds = args->ds;
    const int64_t rows = ds.rows, cols = ds.cols;
    ct_norm_partials partials;
    CT_CHECK(ct_norm_partials_take(ctx, &partials, rows, cols, args->dw.data != NULL));
    if (ctx->dry || rows == 0) return CT_OK;

    const float p = args->drop.p, *w = ct_floats(args->w);
    const ct_rng_key key = ct_drop_key(ctx, args->drop);
    const int64_t blocks = partials.blocks;
    const int threads = ct_threads(ctx, 6 * rows * cols);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t block = 0; block < blocks; block++) {
        float *dw, *db;
        ct_norm_partials_begin(&partials, block, &dw, &db);
        for (int64_t t = ct_block_begin(rows, blocks, block); t < ct_block_begin(rows, blocks, block + 1);
             t++) {
            float *out = ct_row(ds, t);
            const float *dy = ct_row(args->dy, t), *s = ct_row(args->s, t);
            if (p > 0.0f) { /* the gradient before dropout, kept in the output's row */
                ct_drop_row(out, dy, cols, ct_place_of(args->row_of, args->pos_of, t), key, p);
                dy = out;
            }
            const ct_row_moments m = {ct_floats(args->mean)[t], ct_floats(args->rstd)[t]};
            const ct_row_means means = ct_norm_row_means(dy, s, m, w, dw, db, cols);
            ct_norm_row_gradient(out, dy, s, m, means, w, cols);
        }
    }
    ct_norm_partials_add(ctx, &partials, args->dw.data, args->db.data);
    return CT_OK;
}
