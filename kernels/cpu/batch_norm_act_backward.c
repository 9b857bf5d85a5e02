/* Batch norm, residual and ReLU, backward: the two sums of each channel by fixed parts, then the gradients.
 */
#include "kernels/cpu/image.h"

/* What the passes share; the arrays have a place for each channel, padding included. */
typedef struct norm {
    const struct ct_batch_norm_act_backward_args *args;
    ct_grid grid;
    bool sums;                    /* are the sums wanted? */
    float *part_grad, *part_dist; /* [parts, channels]: sums of g and of g (x - mean) */
    float *mean, *scale;          /* dx = scale * (g - grad - (x - mean) * dist); all 0 in padding */
    float *grad, *dist;
} norm;

/* g = dy where y > 0, or dy. */
static void masked_row(float *restrict g, const float *dy, const float *y, int64_t width) {
    if (!y) {
        memcpy(g, dy, (size_t)width * sizeof *g);
        return;
    }
#pragma omp simd
    for (int64_t l = 0; l < width; l++) g[l] = y[l] > 0.0f ? dy[l] : 0.0f;
}

static inline __attribute__((always_inline)) void sum_rows(float *restrict grad, float *restrict dist,
                                                           const struct ct_batch_norm_act_backward_args *a,
                                                           const float *restrict mean, ct_piece p,
                                                           const int64_t width, const bool relu) {
    const float *restrict dy = a->dy.data, *restrict x = a->x.data, *restrict y = a->y.data;
    for (int64_t at = p.at; at < p.at + p.rows * p.stride; at += p.stride) {
#pragma omp simd
        for (int64_t l = 0; l < width; l++) {
            const float g = !relu || y[at + l] > 0.0f ? dy[at + l] : 0.0f;
            grad[l] += g;
            dist[l] += g * (x[at + l] - mean[l]);
        }
    }
}

static void part_sums(const norm *b, int64_t group, int64_t part) {
    const struct ct_batch_norm_act_backward_args *a = b->args;
    const ct_grid *g = &b->grid;
    const ct_group s = ct_group_at(g, group);
    const ct_part p = ct_part_at(g, part);
    const int64_t at = part * g->channels + s.first;
    float grad[CT_STRIP] = {0.0f}, dist[CT_STRIP] = {0.0f}, mean[CT_STRIP];
    ct_fold_out(g, &s, mean, b->mean + s.first);
    for (int64_t i = 0; i < ct_part_pieces(p); i++) {
        const ct_piece r = ct_piece_at(g, &s, p, i);
        if (r.width == CT_STRIP && a->relu)
            sum_rows(grad, dist, a, mean, r, CT_STRIP, true);
        else if (a->relu)
            sum_rows(grad, dist, a, mean, r, r.width, true);
        else
            sum_rows(grad, dist, a, mean, r, r.width, false);
    }
    ct_fold_in(g, &s, b->part_grad + at, grad, 1.0f);
    ct_fold_in(g, &s, b->part_dist + at, dist, 1.0f);
}

/* Before the sums: what they need of each channel. */
static void group_begin(const norm *b, int64_t group) {
    const struct ct_batch_norm_act_backward_args *a = b->args;
    const ct_group s = ct_group_at(&b->grid, group);
    for (int64_t c = s.first; c < s.first + s.channels; c++) {
        const bool real = c < a->dy.c;
        b->mean[c] = real ? ct_floats(a->mean)[c] : 0.0f;
        b->scale[c] = real ? ct_floats(a->w)[c] * ct_floats(a->rstd)[c] : 0.0f;
        b->grad[c] = b->dist[c] = 0.0f;
    }
}

/* After them: gradients of the parameters, and the means that dx needs. */
static void group_end(const norm *b, int64_t group) {
    const struct ct_batch_norm_act_backward_args *a = b->args;
    const ct_grid *g = &b->grid;
    const ct_group s = ct_group_at(g, group);
    const float count = (float)(g->n * g->pixels);
    const int64_t end = b->sums ? s.first + ct_group_real(&s, a->dy) : 0;
    for (int64_t c = s.first; c < end; c++) {
        const float rstd = ct_floats(a->rstd)[c];
        float grad = 0.0f, dist = 0.0f;
        for (int64_t part = 0; part < g->parts; part++) {
            grad += b->part_grad[part * g->channels + c];
            dist += b->part_dist[part * g->channels + c];
        }
        if (a->dw.data) {
            ct_floats(a->dw)[c] += dist * rstd;
            ct_floats(a->db)[c] += grad;
        }
        if (a->batch_stats) {
            b->grad[c] = grad / count;
            b->dist[c] = dist * rstd * rstd / count;
        }
    }
}

typedef struct row_norm {
    float mean[CT_STRIP], scale[CT_STRIP], grad[CT_STRIP], dist[CT_STRIP];
} row_norm;

/* dx = beta * dx + ... of one row. */
static void input_row(float *dx, const float *restrict g, const float *restrict x, const row_norm *restrict k,
                      float beta, int64_t width) {
    if (beta == 0.0f) {
#pragma omp simd
        for (int64_t l = 0; l < width; l++)
            dx[l] = k->scale[l] * (g[l] - k->grad[l] - (x[l] - k->mean[l]) * k->dist[l]);
        return;
    }
#pragma omp simd
    for (int64_t l = 0; l < width; l++)
        dx[l] = beta * dx[l] + k->scale[l] * (g[l] - k->grad[l] - (x[l] - k->mean[l]) * k->dist[l]);
}

static void part_apply(const norm *b, int64_t group, int64_t part) {
    const struct ct_batch_norm_act_backward_args *a = b->args;
    const ct_grid *g = &b->grid;
    const ct_group s = ct_group_at(g, group);
    const ct_part p = ct_part_at(g, part);
    const float *dy = a->dy.data, *x = a->x.data, *y = a->relu ? a->y.data : NULL;
    float *dx = a->dx.data, *dresidual = a->dresidual.data, grad[CT_STRIP];
    row_norm k;
    ct_fold_out(g, &s, k.mean, b->mean + s.first);
    ct_fold_out(g, &s, k.scale, b->scale + s.first);
    ct_fold_out(g, &s, k.grad, b->grad + s.first);
    ct_fold_out(g, &s, k.dist, b->dist + s.first);
    for (int64_t i = 0; i < ct_part_pieces(p); i++) {
        const ct_piece r = ct_piece_at(g, &s, p, i);
        for (int64_t at = r.at; at < r.at + r.rows * r.stride; at += r.stride) {
            /* Apart, so that dx may be dy. */
            masked_row(grad, dy + at, y ? y + at : NULL, r.width);
            if (dx) input_row(dx + at, grad, x + at, &k, a->beta_x, r.width);
            if (dresidual) ct_blend_row(dresidual + at, grad, a->beta_residual, r.width);
        }
    }
}

static void run_by_group(const norm *b, int threads) {
    const int64_t parts = b->grid.parts;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t group = 0; group < b->grid.groups; group++) {
        group_begin(b, group);
        for (int64_t part = 0; b->sums && part < parts; part++) part_sums(b, group, part);
        group_end(b, group);
        /* Backwards: what was read last lies in cache. */
        for (int64_t part = parts - 1; part >= 0; part--) part_apply(b, group, part);
    }
}

static void run_by_part(const norm *b, int threads) {
    const int64_t groups = b->grid.groups, parts = b->grid.parts;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t group = 0; group < groups; group++) group_begin(b, group);
        if (b->sums) {
#pragma omp for collapse(2) schedule(static)
            for (int64_t part = 0; part < parts; part++)
                for (int64_t group = 0; group < groups; group++) part_sums(b, group, part);
        }
#pragma omp for schedule(static)
        for (int64_t group = 0; group < groups; group++) group_end(b, group);
#pragma omp for collapse(2) schedule(static)
        for (int64_t part = 0; part < parts; part++)
            for (int64_t group = 0; group < groups; group++) part_apply(b, group, part);
    }
}

ct_status CT_CPU(batch_norm_act_backward)(ct_kctx *ctx, const struct ct_batch_norm_act_backward_args *args) {
    norm b = {.args = args, .grid = ct_grid_of(args->dy)};
    b.sums = args->dw.data || (args->batch_stats && args->dx.data);
    const size_t channels = (size_t)b.grid.channels, summed = b.sums ? (size_t)b.grid.parts * channels : 0;
    CT_CHECK(ct_scratch_take(ctx, summed, sizeof(float), (void **)&b.part_grad));
    CT_CHECK(ct_scratch_take(ctx, summed, sizeof(float), (void **)&b.part_dist));
    CT_CHECK(ct_scratch_take(ctx, channels, sizeof(float), (void **)&b.mean));
    CT_CHECK(ct_scratch_take(ctx, channels, sizeof(float), (void **)&b.scale));
    CT_CHECK(ct_scratch_take(ctx, channels, sizeof(float), (void **)&b.grad));
    CT_CHECK(ct_scratch_take(ctx, channels, sizeof(float), (void **)&b.dist));
    if (ctx->dry || args->dy.n == 0) return CT_OK;
    const int threads = ct_threads(ctx, 6 * ct_image_elements(args->dy));
    if (ct_groups_suffice(&b.grid, threads))
        run_by_group(&b, threads);
    else
        run_by_part(&b, threads);
    return CT_OK;
}
