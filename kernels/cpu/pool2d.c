/* Pooling of image tensors: maxima of windows with all channels of a block side by side, and means of
 * pictures. */
#include "kernels/cpu/image.h"

/* Channels that are handled together. */
#define LANES 64

/* The part of a window that lies inside the picture, in places of the window. */
typedef struct span {
    int64_t from, to;
} span;

static inline span inside(int64_t start, int64_t kernel, int64_t size) {
    return (span){ct_max_i64(0, -start), ct_min_i64(kernel, size - start)};
}

typedef struct window {
    int64_t top, left; /* where it starts, perhaps outside */
    span rows, cols;
} window;

static inline window window_at(int64_t i, int64_t j, int64_t kernel, int64_t stride, int64_t pad,
                               ct_image x) {
    window w = {.top = i * stride - pad, .left = j * stride - pad};
    w.rows = inside(w.top, kernel, x.h);
    w.cols = inside(w.left, kernel, x.w);
    return w;
}

/* Maxima and their places for `width` channels from `plane` on (channel 0 of pixel (0, 0)). A NaN wins over
 * all numbers, so that it does not vanish here. */
static inline __attribute__((always_inline)) void window_max(float *restrict best, int32_t *restrict place,
                                                             const float *restrict plane, window w,
                                                             int64_t kernel, ct_image x,
                                                             const int64_t width) {
#pragma omp simd
    for (int64_t l = 0; l < width; l++) {
        best[l] = -INFINITY;
        place[l] = (int32_t)(w.rows.from * kernel + w.cols.from);
    }
    for (int64_t r = w.rows.from; r < w.rows.to; r++)
        for (int64_t s = w.cols.from; s < w.cols.to; s++) {
            const float *pixel = plane + ((w.top + r) * x.w + w.left + s) * x.cb;
            const int32_t here = (int32_t)(r * kernel + s);
#pragma omp simd
            for (int64_t l = 0; l < width; l++) {
                const bool wins = !(pixel[l] <= best[l]) && best[l] == best[l];
                place[l] = wins ? here : place[l];
                best[l] = wins ? pixel[l] : best[l];
            }
        }
}

static inline __attribute__((always_inline)) void max_row(const struct ct_max_pool2d_forward_args *a,
                                                          const float *plane, int64_t out, int64_t i,
                                                          const int64_t width) {
    float best[LANES], *y = a->y.data;
    int32_t place[LANES];
    uint8_t *argmax = a->argmax.data;
    for (int64_t j = 0; j < a->y.w; j++, out += a->y.cb) {
        window_max(best, place, plane, window_at(i, j, a->kernel, a->stride, a->pad, a->x), a->kernel, a->x,
                   width);
        memcpy(y + out, best, (size_t)width * sizeof *y);
        if (!argmax) continue;
#pragma omp simd
        for (int64_t l = 0; l < width; l++) argmax[out + l] = (uint8_t)place[l];
    }
}

ct_status CT_CPU(max_pool2d_forward)(ct_kctx *ctx, const struct ct_max_pool2d_forward_args *args) {
    const ct_image y = args->y, x = args->x;
    if (ctx->dry || y.n == 0) return CT_OK;
    const int64_t planes = y.n * ct_ceil_div(y.c, y.cb);
    const int threads = ct_threads(ctx, ct_image_elements(y) * args->kernel * args->kernel);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t plane = 0; plane < planes; plane++)
        for (int64_t i = 0; i < y.h; i++)
            for (int64_t from = 0; from < y.cb; from += LANES) {
                const float *in = (const float *)x.data + plane * x.h * x.w * x.cb + from;
                const int64_t out = (plane * y.h + i) * y.w * y.cb + from;
                if (y.cb == 16)
                    max_row(args, in, out, i, 16);
                else if (y.cb == 8)
                    max_row(args, in, out, i, 8);
                else
                    max_row(args, in, out, i, ct_min_i64(LANES, y.cb - from));
            }
    return CT_OK;
}

/* Gives one pixel's gradients to the places that won; the others of the window get nothing added. */
static inline __attribute__((always_inline)) void spread(float *restrict plane, const float *restrict dy,
                                                         const uint8_t *restrict argmax, window w,
                                                         int64_t kernel, ct_image dx, const int64_t width) {
    int32_t place[LANES];
#pragma omp simd
    for (int64_t l = 0; l < width; l++) place[l] = argmax[l];
    for (int64_t r = w.rows.from; r < w.rows.to; r++)
        for (int64_t s = w.cols.from; s < w.cols.to; s++) {
            float *pixel = plane + ((w.top + r) * dx.w + w.left + s) * dx.cb;
            const int32_t here = (int32_t)(r * kernel + s);
#pragma omp simd
            for (int64_t l = 0; l < width; l++) pixel[l] += place[l] == here ? dy[l] : 0.0f;
        }
}

static inline __attribute__((always_inline)) void
spread_plane(const struct ct_max_pool2d_backward_args *a, int64_t plane, int64_t from, const int64_t width) {
    const ct_image dx = a->dx, dy = a->dy;
    float *out = (float *)dx.data + plane * dx.h * dx.w * dx.cb + from;
    int64_t at = plane * dy.h * dy.w * dy.cb + from;
    for (int64_t i = 0; i < dy.h; i++)
        for (int64_t j = 0; j < dy.w; j++, at += dy.cb)
            spread(out, (const float *)dy.data + at, (const uint8_t *)a->argmax.data + at,
                   window_at(i, j, a->kernel, a->stride, a->pad, dx), a->kernel, dx, width);
}

ct_status CT_CPU(max_pool2d_backward)(ct_kctx *ctx, const struct ct_max_pool2d_backward_args *args) {
    const ct_image dx = args->dx;
    if (ctx->dry || dx.n == 0) return CT_OK;
    const int64_t planes = dx.n * ct_ceil_div(dx.c, dx.cb), size = dx.h * dx.w * dx.cb;
    const int threads = ct_threads(ctx, ct_image_elements(args->dy) * args->kernel * args->kernel);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t plane = 0; plane < planes; plane++) {
        ct_scale_row((float *)dx.data + plane * size, args->beta, size);
        for (int64_t from = 0; from < dx.cb; from += LANES) {
            if (dx.cb == 16)
                spread_plane(args, plane, from, 16);
            else if (dx.cb == 8)
                spread_plane(args, plane, from, 8);
            else
                spread_plane(args, plane, from, ct_min_i64(LANES, dx.cb - from));
        }
    }
    return CT_OK;
}

/* The pixels of picture n in a group, as a part of it. */
static inline ct_part picture(const ct_grid *g, int64_t n) {
    return (ct_part){n, n + 1, 0, g->pixels};
}

ct_status CT_CPU(global_pool_forward)(ct_kctx *ctx, const struct ct_global_pool_forward_args *args) {
    const ct_image x = args->x;
    const ct_grid g = ct_grid_of(x);
    if (ctx->dry || x.n == 0) return CT_OK;
    const int threads = ct_threads(ctx, ct_image_elements(x));
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t n = 0; n < x.n; n++)
        for (int64_t group = 0; group < g.groups; group++) {
            const ct_group s = ct_group_at(&g, group);
            float sum[CT_STRIP] = {0.0f}, mean[CT_STRIP];
            for (int64_t i = 0; i < 2; i++) ct_sum_rows(sum, x.data, ct_piece_at(&g, &s, picture(&g, n), i));
            ct_fold_in(&g, &s, mean, sum, 1.0f / (float)g.pixels);
            const size_t real = (size_t)ct_group_real(&s, x);
            if (real > 0) memcpy(ct_row(args->y, n) + s.first, mean, real * sizeof *mean);
        }
    return CT_OK;
}

ct_status CT_CPU(global_pool_backward)(ct_kctx *ctx, const struct ct_global_pool_backward_args *args) {
    const ct_image dx = args->dx;
    const ct_grid g = ct_grid_of(dx);
    if (ctx->dry || dx.n == 0) return CT_OK;
    const int threads = ct_threads(ctx, ct_image_elements(dx));
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t n = 0; n < dx.n; n++)
        for (int64_t group = 0; group < g.groups; group++) {
            const ct_group s = ct_group_at(&g, group);
            const int64_t real = ct_group_real(&s, dx);
            float share[CT_STRIP] = {0.0f}, row[CT_STRIP];
            if (real > 0) ct_axpy(share, 1.0f / (float)g.pixels, ct_row(args->dy, n) + s.first, real);
            ct_fold_out(&g, &s, row, share);
            for (int64_t i = 0; i < 2; i++) {
                const ct_piece p = ct_piece_at(&g, &s, picture(&g, n), i);
                for (int64_t r = 0; r < p.rows; r++)
                    ct_blend_row((float *)dx.data + p.at + r * p.stride, row, args->beta, p.width);
            }
        }
    return CT_OK;
}
