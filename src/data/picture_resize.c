/* The resize of a picture, row by row: a horizontal pass over each row as it comes, a ring of the rows that
 * the vertical pass still needs, and an output row as soon as its last source row is there. Only what the
 * centre square needs is computed. Arithmetic is f32, rounded to whole levels after each pass as Pillow's
 * 8-bit resampler does. */
#include <string.h>

#include "base/alloc.h"
#include "data/picture_parts.h"

/* Values that are computed together; rows of the ring are padded to it. */
#define LANES 16

/* f32 values in memory without more than their own alignment. */
typedef float v4 __attribute__((vector_size(16)));
typedef float v4_loose __attribute__((vector_size(16), aligned(4)));
typedef int32_t v4i __attribute__((vector_size(16)));

/* To the nearest whole number, halves up; x >= 0. */
static inline v4 round4(v4 x) {
    return __builtin_convertvector(__builtin_convertvector(x + 0.5f, v4i), v4);
}

/* ---- the plan ------------------------------------------------------------------------------------------ */

/* Outputs [from, from + size) of an axis that maps extent source pixels, held in `pixels` of them, to `out`.
 * The triangle reaches one output pixel to each side when reducing, one source pixel when enlarging. */
static ct_status plan_axis(ct__axis *a, int pixels, double extent, int64_t out, int64_t from, int size,
                           ct_error *err) {
    const double scale = extent / (double)out, support = scale > 1 ? scale : 1;
    const int taps =
        2 * (int)support + 4; /* whole numbers in an interval of length 2 * support, two to spare */
    CT_CHECK(ct__block_reserve(&a->first_block, (size_t)size, sizeof *a->first, err));
    CT_CHECK(ct__block_reserve(&a->count_block, (size_t)size, sizeof *a->count, err));
    CT_CHECK(ct__block_reserve(&a->weights_block, (size_t)size * (size_t)taps, sizeof *a->weights, err));
    a->first = a->first_block.at;
    a->count = a->count_block.at;
    a->weights = a->weights_block.at;
    a->taps = taps;
    a->most = 0;
    for (int i = 0; i < size; i++) {
        const double centre = ((double)(from + i) + 0.5) * scale;
        const double low = centre - support + 0.5, high = centre + support + 0.5;
        const int first = low > 0 ? (int)low : 0, end = high < pixels ? (int)high : pixels;
        float *weights = a->weights + (size_t)i * (size_t)taps;
        double sum = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int k = first; k < end; k++) {
                const double distance = (k + 0.5 - centre) / support;
                const double weight = 1 - (distance < 0 ? -distance : distance);
                if (pass == 0)
                    sum += weight > 0 ? weight : 0;
                else
                    weights[k - first] = weight > 0 ? (float)(weight / sum) : 0;
            }
        }
        weights[end - first] = 0; /* the horizontal pass takes them in pairs */
        a->first[i] = first;
        a->count[i] = end - first;
        if (a->most < a->count[i]) a->most = a->count[i];
    }
    a->begin = a->first[0];
    a->end = a->first[size - 1] + a->count[size - 1];
    return CT_OK;
}

/* Half of d, halves to even: where torchvision's centre crop begins. */
static int64_t crop_offset(int64_t d) {
    const int64_t half = d / 2;
    return d % 2 == 0 || half % 2 == 0 ? half : half + 1;
}

/* Whether an EXIF orientation shows the columns, the rows of the stored picture from their other end. */
static bool mirrors_columns(int orientation) {
    return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}
static bool mirrors_rows(int orientation) {
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

ct_status ct__resizer_begin(ct__resizer *r, const ct__picture_source *s, int size, uint8_t *dst,
                            ct_error *err) {
    const int64_t w = s->full_width, h = s->full_height;
    const int64_t out_w = w <= h ? size : size * w / h, out_h = h <= w ? size : size * h / w;
    int64_t left = crop_offset(out_w - size), top = crop_offset(out_h - size);
    /* The square is centred on the picture as it is seen: half a pixel off in a mirrored one is the other
     * half. */
    if (mirrors_columns(s->orientation)) left = out_w - size - left;
    if (mirrors_rows(s->orientation)) top = out_h - size - top;
    CT_CHECK(plan_axis(&r->x, s->width, s->x_extent, out_w, left, size, err));
    CT_CHECK(plan_axis(&r->y, s->height, s->y_extent, out_h, top, size, err));

    r->format = s->format;
    r->size = size;
    r->orientation = s->orientation;
    r->n_rows = r->n_out = 0;
    r->slots = r->y.taps;
    const size_t n_values = (size_t)size * 3 + 1; /* the last pixel is stored as four */
    r->ring_stride = (n_values + LANES - 1) / LANES * LANES;
    CT_CHECK(ct__block_reserve(&r->row_block, (size_t)(r->x.end - r->x.begin) + 1, sizeof(v4), err));
    CT_CHECK(ct__block_reserve(&r->ring_block, (size_t)r->slots * r->ring_stride, sizeof(float), err));
    CT_CHECK(ct__block_reserve(&r->taps_block, (size_t)r->y.taps, sizeof(const float *), err));
    r->dst = r->out = dst;
    if (r->orientation != 1) {
        CT_CHECK(ct__block_reserve(&r->turn_block, (size_t)size * (size_t)size, 3, err));
        r->out = r->turn_block.at;
    }
    return CT_OK;
}

void ct__resizer_free(ct__resizer *r) {
    ct__block *blocks[] = {&r->x.first_block, &r->x.count_block,   &r->x.weights_block, &r->y.first_block,
                           &r->y.count_block, &r->y.weights_block, &r->row_block,       &r->ring_block,
                           &r->taps_block,    &r->turn_block};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) ct_free(blocks[i]->at);
}

/* ---- the horizontal pass ------------------------------------------------------------------------------- */

/* n pixels to f32 [n, 4]. */
static void load_row(float *restrict out, const uint8_t *restrict in, int n, ct__row_format format) {
    int i = 0;
    if (format == CT__ROW_RGB) {
        for (; i < n; i++) {
            for (int c = 0; c < 3; c++) out[4 * i + c] = in[3 * i + c];
        }
        return;
    }
    for (; i + 4 <= n; i += 4) {
        for (int c = 0; c < 16; c++) out[4 * i + c] = in[4 * i + c];
    }
    for (; i < n; i++) {
        for (int c = 0; c < 4; c++) out[4 * i + c] = in[4 * i + c];
    }
    if (format == CT__ROW_RGBX) return;
    v4 *pixels = (v4 *)out;
    for (i = 0; i < n; i++) {
        const float last = pixels[i][3]; /* alpha, or what K leaves */
        const v4 scaled = pixels[i] * (last / 255);
        pixels[i] = round4(format == CT__ROW_RGBA ? scaled + (255 - last) : scaled);
    }
}

/* The row has a pixel more than the window: the last output may weigh it with 0. */
static void resize_across(const ct__axis *a, const v4 *restrict row, int size, float *restrict out) {
    const float *weight = a->weights;
    for (int i = 0; i < size; i++, weight += a->taps) {
        const v4 *pixel = row + (a->first[i] - a->begin);
        v4 sum = pixel[0] * weight[0] + pixel[1] * weight[1];
        if (a->most > 2) { /* the same for all outputs; an enlarged row never has more */
            for (int k = 2; k < a->count[i]; k += 2)
                sum += pixel[k] * weight[k] + pixel[k + 1] * weight[k + 1];
        }
        *(v4_loose *)(out + 3 * i) =
            round4(sum); /* the fourth is overwritten by the next pixel, or is padding */
    }
}

/* ---- the vertical pass --------------------------------------------------------------------------------- */

/* LANES values of an output row from column `at` on. */
static inline void resize_down(const float *const *rows, const float *weight, int n_taps, size_t at,
                               uint8_t *restrict out) {
    v4 a = {0.5f, 0.5f, 0.5f, 0.5f}, b = a, c = a, d = a;
    for (int k = 0; k < n_taps; k++) {
        const v4_loose *row = (const v4_loose *)(rows[k] + at);
        a += row[0] * weight[k];
        b += row[1] * weight[k];
        c += row[2] * weight[k];
        d += row[3] * weight[k];
    }
    const v4i whole[4] = {__builtin_convertvector(a, v4i), __builtin_convertvector(b, v4i),
                          __builtin_convertvector(c, v4i), __builtin_convertvector(d, v4i)};
    const int32_t *level = (const int32_t *)whole;
    for (int j = 0; j < LANES; j++) out[j] = (uint8_t)level[j];
}

static void give_row(ct__resizer *r, int y) {
    const float *ring = r->ring_block.at, **rows = r->taps_block.at;
    const float *weight = r->y.weights + (size_t)y * (size_t)r->y.taps;
    const int n_taps = r->y.count[y];
    const size_t n = (size_t)r->size * 3;
    uint8_t *out = r->out + (size_t)y * n, last[LANES];
    size_t at = 0;
    for (int k = 0; k < n_taps; k++)
        rows[k] = ring + (size_t)((r->y.first[y] + k) % r->slots) * r->ring_stride;
    for (; at + LANES <= n; at += LANES) resize_down(rows, weight, n_taps, at, out + at);
    if (at == n) return;
    resize_down(rows, weight, n_taps, at, last);
    memcpy(out + at, last, n - at);
}

void ct__resizer_row(ct__resizer *r, const uint8_t *pixels) {
    const int y = r->n_rows++;
    if (y < r->y.begin || y >= r->y.end) return;
    float *row = r->row_block.at, *slot = (float *)r->ring_block.at + (size_t)(y % r->slots) * r->ring_stride;
    const size_t bytes_per_pixel = r->format == CT__ROW_RGB ? 3 : 4;
    load_row(row, pixels + (size_t)r->x.begin * bytes_per_pixel, r->x.end - r->x.begin, r->format);
    resize_across(&r->x, (const v4 *)row, r->size, slot);
    while (r->n_out < r->size && r->y.first[r->n_out] + r->y.count[r->n_out] == y + 1)
        give_row(r, r->n_out++);
}

/* ---- the turn ------------------------------------------------------------------------------------------ */

void ct__resizer_finish(ct__resizer *r) {
    const int last = r->size - 1;
    const size_t size = (size_t)r->size;
    if (r->orientation == 1) return;
    const bool turned = r->orientation >= 5, columns = mirrors_columns(r->orientation),
               rows = mirrors_rows(r->orientation);
    for (int y = 0; y < r->size; y++) {
        for (int x = 0; x < r->size; x++) {
            const int across = turned ? y : x, down = turned ? x : y;
            const size_t from_x = (size_t)(columns ? last - across : across);
            const size_t from_y = (size_t)(rows ? last - down : down);
            memcpy(r->dst + ((size_t)y * size + (size_t)x) * 3, r->out + (from_y * size + from_x) * 3, 3);
        }
    }
}
