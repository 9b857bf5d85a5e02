/* Reference of the way from stored pictures to the network's input: sample, colour, normalise. */
#include "kernels/kernels.h"
#include "kernels/ref/image.h"
#include "kernels/ref/ref.h"

/* Two neighbours on one axis and the share of the second. */
typedef struct sample {
    int64_t first, second;
    ct_real share;
} sample;

/* Where output place `to` of `size` falls on a source axis of P pixels, of which [from, from + length) is
 * shown. */
static sample sample_of(ct_real from, ct_real length, int64_t to, int64_t size, int64_t P) {
    const ct_real at = from + ((ct_real)to + (ct_real)0.5) * length / (ct_real)size - (ct_real)0.5;
    const ct_real last = (ct_real)(P - 1), low = at > 0 ? at : 0, clamped = low < last ? low : last;
    const int64_t first = (int64_t)clamped;
    return (sample){first, first + 1 < P ? first + 1 : first, clamped - (ct_real)first};
}

static ct_real clamp01(ct_real v) {
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static ct_real luma(const ct_real rgb[3]) {
    return (ct_real)0.299 * rgb[0] + (ct_real)0.587 * rgb[1] + (ct_real)0.114 * rgb[2];
}

/* factor * v + (1 - factor) * other, clamped. */
static void blend(ct_real rgb[3], ct_real factor, ct_real other) {
    for (int c = 0; c < 3; c++) rgb[c] = clamp01(factor * rgb[c] + (1 - factor) * other);
}

/* Picture n, resized: values in [0, 1], in y. */
static void resize(const struct ct_image_normalize_args *a, int64_t n) {
    const int64_t P = a->source, S = a->y.h;
    const ct_real whole[4] = {0, 0, (ct_real)P, (ct_real)P},
                  *crop = a->crop.data ? ref_row(a->crop, n) : whole;
    const uint8_t *pixels = (const uint8_t *)a->pixels.data + n * a->pixels.ld;
    const bool mirror = a->flip.data && ref_ints(a->flip)[n * a->flip.ld];
    for (int64_t i = 0; i < S; i++)
        for (int64_t j = 0; j < S; j++) {
            const sample v = sample_of(crop[1], crop[3], i, S, P);
            const sample h = sample_of(crop[0], crop[2], mirror ? S - 1 - j : j, S, P);
            const uint8_t *top = pixels + v.first * P * 3, *bottom = pixels + v.second * P * 3;
            for (int64_t c = 0; c < 3; c++) {
                const ct_real left = top[h.first * 3 + c] * (1 - v.share) + bottom[h.first * 3 + c] * v.share;
                const ct_real right =
                    top[h.second * 3 + c] * (1 - v.share) + bottom[h.second * 3 + c] * v.share;
                *ref_pixel(a->y, n, c, i, j) = (left * (1 - h.share) + right * h.share) / 255;
            }
        }
}

static void colour(const struct ct_image_normalize_args *a, int64_t n) {
    const int64_t pixels = a->y.h * a->y.w;
    const ct_real *factor = ref_row(a->colour, n);
    ct_real *picture = ref_pixel(a->y, n, 0, 0, 0), mean = 0;
    for (int64_t p = 0; p < pixels; p++) {
        blend(picture + 3 * p, factor[0], 0); /* brightness */
        mean += luma(picture + 3 * p) / (ct_real)pixels;
    }
    for (int64_t p = 0; p < pixels; p++) {
        blend(picture + 3 * p, factor[1], mean);                  /* contrast */
        blend(picture + 3 * p, factor[2], luma(picture + 3 * p)); /* saturation */
    }
}

ct_status CT_REF(image_normalize)(ct_kctx *ctx, const struct ct_image_normalize_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image y = args->y;
    for (int64_t n = 0; n < y.n; n++) {
        const bool present = !args->present.data || ref_ints(args->present)[n * args->present.ld];
        if (present) resize(args, n);
        if (present && args->colour.data) colour(args, n);
        for (int64_t i = 0; i < y.h; i++)
            for (int64_t j = 0; j < y.w; j++)
                for (int64_t c = 0; c < 3; c++) {
                    ct_real *v = ref_pixel(y, n, c, i, j);
                    *v = present ? (*v - (ct_real)args->mean[c]) / (ct_real)args->std[c] : 0;
                }
    }
    return CT_OK;
}
