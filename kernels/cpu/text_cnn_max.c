/* Text CNN, forward: the convolution as a matrix product without im2col. A window of K tokens is K * C
 * neighbouring floats, so windows are rows that lie C apart. A thread takes a group of documents and a strip
 * of filters, computes the windows' scores into a buffer that stays in cache, and keeps the maximum. */
#include <omp.h>

#include "kernels/cpu/pack.h"

#define STRIP 64         /* filters of a strip */
#define DEPTH 128        /* how much of K * C at a time: STRIP * DEPTH weights are 32 KiB */
#define GROUP_WINDOWS 96 /* a group of documents has at least so many windows, or is the last */

typedef struct cnn {
    ct_tensor x, y, argmax;
    const int32_t *offsets;
    const float *bias, *weights; /* weights: per strip [K * C, padded strip] */
    int64_t width, channels, filters;
} cnn;

static int64_t windows_of(const cnn *c, int64_t n) {
    const int64_t length = c->offsets[n + 1] - c->offsets[n];
    return length == 0 ? 0 : ct_max_i64(1, length - c->width + 1);
}

/* groups[g] = first document of group g, behind the last one the number of documents; returns how many
 * groups. */
static int64_t group_documents(const cnn *c, int64_t documents, int32_t *groups) {
    int64_t count = 0, windows = GROUP_WINDOWS;
    for (int64_t n = 0; n < documents; n++) {
        if (windows >= GROUP_WINDOWS) {
            groups[count++] = (int32_t)n;
            windows = 0;
        }
        windows += windows_of(c, n);
    }
    groups[count] = (int32_t)documents;
    return count;
}

/* scores [windows of the documents, cols] of one strip of filters. */
static void score_group(const cnn *c, int64_t first, int64_t last, const float *weights, int64_t cols,
                        float *scores) {
    const int64_t depth = c->width * c->channels;
    for (int64_t k = 0; k < depth; k += DEPTH) {
        float *out = scores;
        for (int64_t n = first; n < last; n++) {
            const int64_t windows = windows_of(c, n), length = c->offsets[n + 1] - c->offsets[n];
            /* A document that is shorter than a window ends early: what lies beyond it counts as 0. */
            const int64_t rest = ct_min_i64(depth, length * c->channels) - k;
            if (windows > 0 && rest > 0)
                ct_tile_multiply(
                    (ct_result){out, cols, k > 0}, (ct_left){ct_row(c->x, c->offsets[n]) + k, c->channels, 1},
                    (ct_right){weights + k * cols, cols}, windows, cols, ct_min_i64(rest, DEPTH));
            out += windows * cols;
        }
    }
}

/* The first maximum of each column; NaN counts as the largest. */
static void fold_windows(const float *scores, int64_t windows, int64_t cols, float *best, int32_t *best_at) {
    for (int64_t f = 0; f < cols; f++) {
        best[f] = -INFINITY;
        best_at[f] = 0;
    }
    for (int64_t t = 0; t < windows; t++, scores += cols) {
#pragma omp simd
        for (int64_t f = 0; f < cols; f++) {
            const float s = scores[f];
            const int better = (s > best[f]) | (s != s);
            best[f] = better ? s : best[f];
            best_at[f] = better ? (int32_t)t : best_at[f];
        }
    }
}

/* Bias, ReLU and the place of the maximum, for n filters of a document from `filter` on. */
static void write_maxima(const cnn *c, int64_t document, int64_t filter, int64_t n, const float *best,
                         const int32_t *best_at, bool empty) {
    float *y = ct_row(c->y, document) + filter;
    int32_t *argmax = c->argmax.data ? (int32_t *)c->argmax.data + document * c->argmax.ld + filter : NULL;
    for (int64_t f = 0; f < n; f++) {
        const float value = empty ? 0.0f : best[f] + c->bias[filter + f];
        y[f] = value <= 0.0f ? 0.0f : value;
        if (argmax) argmax[f] = value <= 0.0f ? -1 : c->offsets[document] + best_at[f];
    }
}

static void forward_group(const cnn *c, int64_t first, int64_t last, float *scores) {
    float best[STRIP];
    int32_t best_at[STRIP];
    for (int64_t filter = 0; filter < c->filters; filter += STRIP) {
        const int64_t n = ct_min_i64(STRIP, c->filters - filter), cols = ct_padded(n);
        score_group(c, first, last, c->weights + filter * c->width * c->channels, cols, scores);
        const float *from = scores;
        for (int64_t document = first; document < last; document++) {
            const int64_t windows = windows_of(c, document);
            fold_windows(from, windows, cols, best, best_at);
            write_maxima(c, document, filter, n, best, best_at, windows == 0);
            from += windows * cols;
        }
    }
}

static void pack_weights(const ct_tensor *w, float *packed, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t filter = 0; filter < w->rows; filter += STRIP)
        ct_pack_transposed(packed + filter * w->cols, ct_row(*w, filter), w->ld,
                           ct_min_i64(STRIP, w->rows - filter), w->cols);
}

ct_status CT_CPU(text_cnn_max_forward)(ct_kctx *ctx, const struct ct_text_cnn_max_forward_args *args) {
    const int64_t documents = args->y.rows, filters = args->y.cols, depth = args->w.cols;
    const size_t scores_count = (size_t)(GROUP_WINDOWS + args->max_length) * STRIP;
    float *packed = NULL, *scores = NULL;
    int32_t *groups = NULL;
    CT_CHECK(
        ct_scratch_take(ctx, (size_t)depth * (size_t)ct_padded(filters), sizeof *packed, (void **)&packed));
    CT_CHECK(ct_scratch_take(ctx, scores_count * (size_t)ctx->n_threads, sizeof *scores, (void **)&scores));
    CT_CHECK(ct_scratch_take(ctx, (size_t)documents + 1, sizeof *groups, (void **)&groups));
    if (ctx->dry || documents == 0) return CT_OK;

    const cnn c = {.x = args->x,
                   .y = args->y,
                   .argmax = args->argmax,
                   .offsets = ct_ints(args->offsets),
                   .bias = ct_floats(args->b),
                   .weights = packed,
                   .width = args->width,
                   .channels = args->x.cols,
                   .filters = filters};
    const int64_t count = group_documents(&c, documents, groups);
    pack_weights(&args->w, packed, ct_threads(ctx, filters * depth));
    const int threads = ct_threads(ctx, (int64_t)c.offsets[documents] * filters * depth / 16);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t g = 0; g < count; g++)
        forward_group(&c, groups[g], groups[g + 1], scores + (size_t)omp_get_thread_num() * scores_count);
    return CT_OK;
}
