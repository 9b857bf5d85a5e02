/* From stored u8 pictures to the network's input. A row of the output first blends two rows of the source
 * over the columns that the crop shows, then picks and blends columns; colour and normalisation follow while
 * the picture is in cache. Threads own pictures. */
#include "kernels/cpu/loops.h"

/* Two neighbours on one axis and the share of the second. */
typedef struct sample {
    int32_t first, second;
    float share;
} sample;

/* Where output place `to` of `size` falls on an axis of P pixels, of which [from, from + length) is shown. A
 * NaN in the crop ends at 0. */
static sample sample_of(float from, float length, int64_t to, int64_t size, int64_t P) {
    const float at = from + ((float)to + 0.5f) * length / (float)size - 0.5f, last = (float)(P - 1);
    const float low = at > 0.0f ? at : 0.0f, clamped = low < last ? low : last;
    const int32_t first = (int32_t)clamped;
    return (sample){first, first + 1 < P ? first + 1 : first, clamped - (float)first};
}

/* The horizontal samples of a picture, one an output float; scratch of a thread. */
typedef struct columns {
    int32_t *first, *second; /* [3 S]: elements of a source row */
    float *share;            /* [3 S] */
    float *mean, *rstd;      /* [3 S]: of the element's channel */
    float *blend;            /* [3 P]: a source row, blended of two */
    int64_t begin, end;      /* the elements of it that are looked at */
} columns;

static void place_columns(columns *k, const float crop[4], bool mirror, int64_t S, int64_t P) {
    k->begin = 3 * P;
    k->end = 0;
    for (int64_t j = 0; j < S; j++) {
        const sample h = sample_of(crop[0], crop[2], mirror ? S - 1 - j : j, S, P);
        for (int32_t c = 0; c < 3; c++) {
            k->first[3 * j + c] = 3 * h.first + c;
            k->second[3 * j + c] = 3 * h.second + c;
            k->share[3 * j + c] = h.share;
        }
        k->begin = ct_min_i64(k->begin, 3 * h.first);
        k->end = ct_max_i64(k->end, 3 * h.second + 3);
    }
}

/* One row of the output, values in [0, 1]. */
static void resize_row(float *restrict y, const uint8_t *pixels, const columns *k, sample v, int64_t S,
                       int64_t P) {
    const uint8_t *restrict top = pixels + v.first * P * 3, *restrict bottom = pixels + v.second * P * 3;
    const float down = v.share / 255.0f, up = (1.0f - v.share) / 255.0f;
    float *restrict blend = k->blend;
#pragma omp simd
    for (int64_t e = k->begin; e < k->end; e++) blend[e] = (float)top[e] * up + (float)bottom[e] * down;
    const int32_t *restrict first = k->first, *restrict second = k->second;
    const float *restrict share = k->share;
#pragma omp simd
    for (int64_t e = 0; e < 3 * S; e++) {
        const float left = blend[first[e]], right = blend[second[e]];
        y[e] = left + share[e] * (right - left);
    }
}

static inline float clamp01(float v) {
    const float low = v < 0.0f ? 0.0f : v;
    return low > 1.0f ? 1.0f : low;
}
static inline float luma(const float *rgb) {
    return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

/* Brightness of one row; returns the sum of its luma. */
static float brighten_row(float *y, float factor, int64_t S) {
    float sum = 0.0f;
    for (int64_t e = 0; e < 3 * S; e++) y[e] = clamp01(factor * y[e]);
    for (int64_t j = 0; j < S; j++) sum += luma(y + 3 * j);
    return sum;
}

/* Contrast, then saturation, of one row. */
static void colour_row(float *y, const float *factor, float mean, int64_t S) {
    for (int64_t e = 0; e < 3 * S; e++) y[e] = clamp01(factor[1] * y[e] + (1.0f - factor[1]) * mean);
    for (int64_t j = 0; j < S; j++) {
        const float grey = (1.0f - factor[2]) * luma(y + 3 * j);
        for (int c = 0; c < 3; c++) y[3 * j + c] = clamp01(factor[2] * y[3 * j + c] + grey);
    }
}

static void normalize_row(float *restrict y, const columns *k, int64_t S) {
    const float *restrict mean = k->mean, *restrict rstd = k->rstd;
#pragma omp simd
    for (int64_t e = 0; e < 3 * S; e++) y[e] = (y[e] - mean[e]) * rstd[e];
}

static void make_picture(const struct ct_image_normalize_args *a, columns *k, int64_t n) {
    const int64_t S = a->y.h, P = a->source;
    const float whole[4] = {0.0f, 0.0f, (float)P, (float)P},
                *crop = a->crop.data ? ct_row(a->crop, n) : whole;
    const float *factor = a->colour.data ? ct_row(a->colour, n) : NULL;
    const uint8_t *pixels = (const uint8_t *)a->pixels.data + n * a->pixels.ld;
    float *y = (float *)a->y.data + n * S * S * 3, sum = 0.0f;
    place_columns(k, crop, a->flip.data && ct_ints(a->flip)[n * a->flip.ld], S, P);
    for (int64_t i = 0; i < S; i++) {
        float *row = y + i * S * 3;
        resize_row(row, pixels, k, sample_of(crop[1], crop[3], i, S, P), S, P);
        if (factor)
            sum += brighten_row(row, factor[0], S);
        else
            normalize_row(row, k, S);
    }
    for (int64_t i = 0; factor && i < S; i++) {
        colour_row(y + i * S * 3, factor, sum / (float)(S * S), S);
        normalize_row(y + i * S * 3, k, S);
    }
}

ct_status CT_CPU(image_normalize)(ct_kctx *ctx, const struct ct_image_normalize_args *args) {
    const int64_t S = args->y.h, P = args->source, threads_max = ctx->n_threads;
    const size_t ints = (size_t)(6 * S), floats = (size_t)(9 * S + 3 * P);
    int32_t *places = NULL;
    float *values = NULL;
    CT_CHECK(ct_scratch_take(ctx, (size_t)threads_max * ints, sizeof *places, (void **)&places));
    CT_CHECK(ct_scratch_take(ctx, (size_t)threads_max * floats, sizeof *values, (void **)&values));
    if (ctx->dry || args->y.n == 0) return CT_OK;
    const int threads = ct_threads(ctx, 8 * ct_image_elements(args->y));
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int64_t thread = 0; thread < threads; thread++) {
        int32_t *own = places + thread * (int64_t)ints;
        float *own_values = values + thread * (int64_t)floats;
        columns k = {.first = own, .second = own + 3 * S, .share = own_values, .mean = own_values + 3 * S};
        k.rstd = k.mean + 3 * S;
        k.blend = k.rstd + 3 * S;
        for (int64_t e = 0; e < 3 * S; e++) {
            k.mean[e] = args->mean[e % 3];
            k.rstd[e] = 1.0f / args->std[e % 3];
        }
        for (int64_t n = thread; n < args->y.n; n += threads) {
            if (!args->present.data || ct_ints(args->present)[n * args->present.ld])
                make_picture(args, &k, n);
            else
                memset((float *)args->y.data + n * S * S * 3, 0, (size_t)(S * S * 3) * sizeof(float));
        }
    }
    return CT_OK;
}
