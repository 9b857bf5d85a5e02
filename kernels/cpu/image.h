/* How the CPU kernels walk image tensors of any channel block. The pixels of a channel block of a picture lie
 * one behind the other, cb channels each. Narrow blocks are folded, several pixels side by side making a row,
 * and wide ones (NHWC) are cut into strips of channels: loops then see rows of about CT_STRIP floats whatever
 * cb is.
 *
 * A group is a strip of a channel block, over all pictures. Its pixels are split into parts that fit the
 * first cache and do not depend on the number of threads; sums over a group add those of its parts in order.
 */
#ifndef CT_KERNELS_CPU_IMAGE_H
#define CT_KERNELS_CPU_IMAGE_H

#include "kernels/cpu/loops.h"

#define CT_STRIP 128
#define CT_PART_FLOATS 8192 /* 32 KiB: with a second tensor beside it still in the second cache */

typedef struct ct_grid {
    int64_t n, blocks, pixels, cb; /* pixels: of a picture */
    int64_t fold;                  /* pixels in a row */
    int64_t strips, groups;        /* of a block; of the tensor */
    int64_t span, spans;           /* pixels of a part; how many parts a picture makes */
    int64_t images, parts;         /* pictures of a part (1 where spans > 1); parts of a group */
    int64_t channels;              /* padding of the last block included */
} ct_grid;

static inline ct_grid ct_grid_of(ct_image t) {
    ct_grid g = {.n = t.n, .blocks = ct_ceil_div(t.c, t.cb), .pixels = t.h * t.w, .cb = t.cb};
    const int64_t strip = ct_min_i64(t.cb, CT_STRIP), most = CT_PART_FLOATS / strip;
    g.fold = CT_STRIP / strip;
    g.strips = ct_ceil_div(t.cb, CT_STRIP);
    g.groups = g.blocks * g.strips;
    g.span = ct_ceil_div(ct_ceil_div(g.pixels, ct_ceil_div(g.pixels, most)), g.fold) * g.fold;
    g.spans = ct_ceil_div(g.pixels, g.span);
    g.images = ct_max_i64(1, most / g.pixels);
    g.parts = ct_ceil_div(g.n, g.images) * g.spans;
    g.channels = g.blocks * t.cb;
    return g;
}

/* The channels of a group: the first one's number in the padded tensor, how many, and how wide its rows are.
 */
typedef struct ct_group {
    int64_t block, from; /* from: first channel inside the block */
    int64_t first, channels, width;
} ct_group;

static inline ct_group ct_group_at(const ct_grid *g, int64_t group) {
    ct_group s = {.block = group / g->strips, .from = group % g->strips * CT_STRIP};
    s.first = s.block * g->cb + s.from;
    s.channels = ct_min_i64(CT_STRIP, g->cb - s.from);
    s.width = s.channels * g->fold;
    return s;
}

/* How many of the group's channels are no padding. */
static inline int64_t ct_group_real(const ct_group *s, ct_image t) {
    return ct_max_i64(0, ct_min_i64(s->channels, t.c - s->first));
}

/* A part of a group: pixels [from, to) of pictures [first, last). */
typedef struct ct_part {
    int64_t first, last, from, to;
} ct_part;

static inline ct_part ct_part_at(const ct_grid *g, int64_t part) {
    ct_part p = {.first = part / g->spans * g->images, .from = part % g->spans * g->span};
    p.last = ct_min_i64(g->n, p.first + g->images);
    p.to = ct_min_i64(g->pixels, p.from + g->span);
    return p;
}
static inline int64_t ct_part_pixels(ct_part p) {
    return (p.last - p.first) * (p.to - p.from);
}

/* Rows of `width` floats that lie `stride` apart, from element `at` of the tensor on. */
typedef struct ct_piece {
    int64_t at, rows, stride, width;
} ct_piece;

/* A part has two pieces a picture: whole rows, and the pixels that fill no row (possibly none). */
static inline int64_t ct_part_pieces(ct_part p) {
    return 2 * (p.last - p.first);
}
static inline ct_piece ct_piece_at(const ct_grid *g, const ct_group *s, ct_part p, int64_t piece) {
    const int64_t picture = p.first + piece / 2, pixels = p.to - p.from, whole = pixels / g->fold;
    ct_piece r = {.rows = whole, .stride = g->fold * g->cb, .width = s->width};
    r.at = ((picture * g->blocks + s->block) * g->pixels + p.from) * g->cb + s->from;
    if (piece % 2 == 1) {
        r.at += whole * r.stride;
        r.rows = pixels % g->fold > 0;
        r.width = pixels % g->fold * g->cb;
    }
    return r;
}

/* row[f * channels + c] = values[c] for all pixels f of a row. */
static inline void ct_fold_out(const ct_grid *g, const ct_group *s, float *restrict row,
                               const float *restrict values) {
    for (int64_t f = 0; f < g->fold; f++)
        memcpy(row + f * s->channels, values, (size_t)s->channels * sizeof *row);
}
/* values[c] = scale * sum over the pixels of a row. */
static inline void ct_fold_in(const ct_grid *g, const ct_group *s, float *restrict values,
                              const float *restrict row, float scale) {
    memset(values, 0, (size_t)s->channels * sizeof *values);
    for (int64_t f = 0; f < g->fold; f++) ct_axpy(values, scale, row + f * s->channels, s->channels);
}

/* sum[l] += the rows of x. */
static inline __attribute__((always_inline)) void ct__sum_rows(float *restrict sum, const float *restrict x,
                                                               int64_t rows, int64_t stride,
                                                               const int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
#pragma omp simd
        for (int64_t l = 0; l < width; l++) sum[l] += x[r * stride + l];
    }
}
static inline void ct_sum_rows(float *restrict sum, const float *restrict x, ct_piece p) {
    if (p.width == CT_STRIP)
        ct__sum_rows(sum, x + p.at, p.rows, p.stride, CT_STRIP);
    else
        ct__sum_rows(sum, x + p.at, p.rows, p.stride, p.width);
}

/* Are there enough groups to give each thread its own, so that a group is read twice while it lies in cache?
 */
static inline bool ct_groups_suffice(const ct_grid *g, int threads) {
    return threads == 1 || g->groups % threads == 0 || g->groups >= 4 * threads;
}

#endif
