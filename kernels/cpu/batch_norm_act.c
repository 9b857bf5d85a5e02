/* Batch norm, residual and ReLU, forward. Mean and squares of a part are taken while it lies in the first
 * cache, around its own mean; the parts of a channel are merged in order (Chan, Golub & LeVeque 1979). */
#include "kernels/cpu/image.h"

/* What the passes share; the arrays have a place for each channel, padding included. */
typedef struct norm {
    const struct ct_batch_norm_act_forward_args *args;
    ct_grid grid;
    float *part_mean, *part_squares; /* [parts, channels] */
    float *mean, *scale, *shift;     /* y = (x - mean) * scale + shift; all 0 in padding */
} norm;

static inline __attribute__((always_inline)) void square_rows(float *restrict sum, const float *restrict x,
                                                              const float *restrict mean, int64_t rows,
                                                              int64_t stride, const int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t l = 0; l < width; l++) {
            const float d = x[r * stride + l] - mean[l];
            sum[l] += d * d;
        }
    }
}

static void part_statistics(const norm *b, int64_t group, int64_t part) {
    const ct_grid *g = &b->grid;
    const ct_group s = ct_group_at(g, group);
    const ct_part p = ct_part_at(g, part);
    const float *x = b->args->x.data;
    const int64_t pieces = ct_part_pieces(p), at = part * g->channels + s.first;
    float sum[CT_STRIP] = {0.0f}, mean[CT_STRIP];
    for (int64_t i = 0; i < pieces; i++) ct_sum_rows(sum, x, ct_piece_at(g, &s, p, i));
    ct_fold_in(g, &s, b->part_mean + at, sum, 1.0f / (float)ct_part_pixels(p));
    ct_fold_out(g, &s, mean, b->part_mean + at);
    memset(sum, 0, sizeof sum);
    for (int64_t i = 0; i < pieces; i++) {
        const ct_piece r = ct_piece_at(g, &s, p, i);
        if (r.width == CT_STRIP)
            square_rows(sum, x + r.at, mean, r.rows, r.stride, CT_STRIP);
        else
            square_rows(sum, x + r.at, mean, r.rows, r.stride, r.width);
    }
    ct_fold_in(g, &s, b->part_squares + at, sum, 1.0f);
}

/* The group's mean and sum of squares around it, from its parts. Means are merged as distances from the first
 * part's: a large common mean costs no digits. */
static void merge_parts(const norm *b, const ct_group *s, float *restrict mean, float *restrict squares) {
    const ct_grid *g = &b->grid;
    const float *means = b->part_mean + s->first, *part_squares = b->part_squares + s->first, *first = means;
    const float total = (float)(g->n * g->pixels);
    float distance[CT_STRIP] = {0.0f};
    for (int64_t part = 1; part < g->parts; part++) {
        const float share = (float)ct_part_pixels(ct_part_at(g, part)) / total,
                    *other = means + part * g->channels;
        for (int64_t c = 0; c < s->channels; c++) distance[c] += share * (other[c] - first[c]);
    }
    for (int64_t c = 0; c < s->channels; c++) {
        mean[c] = first[c] + distance[c];
        squares[c] = 0.0f;
    }
    for (int64_t part = 0; part < g->parts; part++) {
        const float count = (float)ct_part_pixels(ct_part_at(g, part));
        const float *other = means + part * g->channels, *own = part_squares + part * g->channels;
        for (int64_t c = 0; c < s->channels; c++) {
            const float d = (other[c] - first[c]) - distance[c];
            squares[c] += own[c] + count * d * d;
        }
    }
}

/* Statistics and coefficients of a group, after those of its parts. */
static void group_coefficients(const norm *b, int64_t group) {
    const struct ct_batch_norm_act_forward_args *a = b->args;
    const ct_group s = ct_group_at(&b->grid, group);
    const int64_t count = a->x.n * b->grid.pixels;
    float mean[CT_STRIP] = {0.0f}, squares[CT_STRIP] = {0.0f};
    const bool batch = a->batch_stats && count > 0;
    if (batch) merge_parts(b, &s, mean, squares);
    for (int64_t l = 0; l < s.channels; l++) {
        const int64_t c = s.first + l;
        if (c >= a->x.c) {
            b->mean[c] = b->scale[c] = b->shift[c] = 0.0f;
            continue;
        }
        float var = ct_floats(a->running_var)[c], unbiased = var;
        if (batch) {
            var = squares[l] / (float)count;
            unbiased = count > 1 ? squares[l] / (float)(count - 1) : 0.0f;
        } else {
            mean[l] = ct_floats(a->running_mean)[c];
        }
        const float rstd = 1.0f / sqrtf(var + a->eps);
        ct_floats(a->mean)[c] = b->mean[c] = mean[l];
        ct_floats(a->rstd)[c] = rstd;
        b->scale[c] = rstd * ct_floats(a->w)[c];
        b->shift[c] = ct_floats(a->b)[c];
        if (a->var.data) ct_floats(a->var)[c] = unbiased;
    }
}

typedef struct row_norm {
    float mean[CT_STRIP], scale[CT_STRIP], shift[CT_STRIP];
} row_norm;

/* y may be x. */
static inline __attribute__((always_inline)) void norm_rows(float *y, const float *x, const float *residual,
                                                            const row_norm *restrict k, ct_piece p,
                                                            const int64_t width, const bool add,
                                                            const bool relu) {
    for (int64_t at = p.at; at < p.at + p.rows * p.stride; at += p.stride) {
#pragma omp simd
        for (int64_t l = 0; l < width; l++) {
            float v = (x[at + l] - k->mean[l]) * k->scale[l] + k->shift[l];
            if (add) v += residual[at + l];
            y[at + l] = relu && v < 0.0f ? 0.0f : v;
        }
    }
}

static inline __attribute__((always_inline)) void norm_piece(const struct ct_batch_norm_act_forward_args *a,
                                                             const row_norm *k, ct_piece p, const bool add,
                                                             const bool relu) {
    if (p.width == CT_STRIP)
        norm_rows(a->y.data, a->x.data, a->residual.data, k, p, CT_STRIP, add, relu);
    else
        norm_rows(a->y.data, a->x.data, a->residual.data, k, p, p.width, add, relu);
}

static void part_apply(const norm *b, int64_t group, int64_t part) {
    const struct ct_batch_norm_act_forward_args *a = b->args;
    const ct_grid *g = &b->grid;
    const ct_group s = ct_group_at(g, group);
    const ct_part p = ct_part_at(g, part);
    row_norm k;
    ct_fold_out(g, &s, k.mean, b->mean + s.first);
    ct_fold_out(g, &s, k.scale, b->scale + s.first);
    ct_fold_out(g, &s, k.shift, b->shift + s.first);
    for (int64_t i = 0; i < ct_part_pieces(p); i++) {
        const ct_piece r = ct_piece_at(g, &s, p, i);
        if (a->residual.data && a->relu)
            norm_piece(a, &k, r, true, true);
        else if (a->residual.data)
            norm_piece(a, &k, r, true, false);
        else if (a->relu)
            norm_piece(a, &k, r, false, true);
        else
            norm_piece(a, &k, r, false, false);
    }
}

ct_status CT_CPU(batch_norm_act_forward)(ct_kctx *ctx, const struct ct_batch_norm_act_forward_args *args) {
    norm b = {.args = args, .grid = ct_grid_of(args->x)};
    const int64_t groups = b.grid.groups, parts = b.grid.parts;
    const size_t channels = (size_t)b.grid.channels,
                 summed = args->batch_stats ? (size_t)parts * channels : 0;
    CT_CHECK(ct_scratch_take(ctx, summed, sizeof(float), (void **)&b.part_mean));
    CT_CHECK(ct_scratch_take(ctx, summed, sizeof(float), (void **)&b.part_squares));
    CT_CHECK(ct_scratch_take(ctx, channels, sizeof(float), (void **)&b.mean));
    CT_CHECK(ct_scratch_take(ctx, channels, sizeof(float), (void **)&b.scale));
    CT_CHECK(ct_scratch_take(ctx, channels, sizeof(float), (void **)&b.shift));
    if (ctx->dry) return CT_OK;
    const int threads = ct_threads(ctx, 4 * ct_image_elements(args->x));
    if (ct_groups_suffice(&b.grid, threads)) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int64_t group = 0; group < groups; group++) {
            for (int64_t part = 0; args->batch_stats && part < parts; part++)
                part_statistics(&b, group, part);
            group_coefficients(&b, group);
            /* Backwards: what was read last lies in cache. */
            for (int64_t part = parts - 1; part >= 0; part--) part_apply(&b, group, part);
        }
        return CT_OK;
    }
#pragma omp parallel num_threads(threads)
    {
        if (args->batch_stats) {
#pragma omp for collapse(2) schedule(static)
            for (int64_t part = 0; part < parts; part++)
                for (int64_t group = 0; group < groups; group++) part_statistics(&b, group, part);
        }
#pragma omp for schedule(static)
        for (int64_t group = 0; group < groups; group++) group_coefficients(&b, group);
#pragma omp for collapse(2) schedule(static)
        for (int64_t part = 0; part < parts; part++)
            for (int64_t group = 0; group < groups; group++) part_apply(&b, group, part);
    }
    return CT_OK;
}
