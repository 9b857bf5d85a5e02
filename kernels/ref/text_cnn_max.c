/* Reference of a text CNN's width: every window of every sequence, the maximum of each filter. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* Where sequence n's windows lie. A window is cut at the sequence's end: what is beyond counts as zero. */
typedef struct span {
    int64_t from, to, windows;
} span;

static span span_of(ct_tensor offsets, int64_t n, int64_t width) {
    const int64_t from = ref_ints(offsets)[n], to = ref_ints(offsets)[n + 1], length = to - from;
    return (span){from, to, length == 0 ? 0 : length < width ? 1 : length - width + 1};
}

static int64_t window_tokens(span s, int64_t t, int64_t width) {
    return t + width < s.to ? width : s.to - t;
}

ct_status CT_REF(text_cnn_max_forward)(ct_kctx *ctx, const struct ct_text_cnn_max_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const int64_t channels = args->x.cols;
    for (int64_t n = 0; n < args->y.rows; n++) {
        const span s = span_of(args->offsets, n, args->width);
        for (int64_t f = 0; f < args->y.cols; f++) {
            ct_real best = 0;
            int64_t best_at = -1;
            for (int64_t t = s.from; t < s.from + s.windows; t++) {
                const int64_t taken = window_tokens(s, t, args->width) * channels;
                const ct_real value =
                    ref_vector(args->b)[f] + ref_dot(ref_row(args->w, f), ref_row(args->x, t), taken);
                if (value > best) {
                    best = value;
                    best_at = t;
                }
            }
            ref_row(args->y, n)[f] = best;
            if (args->argmax.data) ref_ints(args->argmax)[n * args->argmax.ld + f] = (int32_t)best_at;
        }
    }
    return CT_OK;
}

ct_status CT_REF(text_cnn_max_backward)(ct_kctx *ctx, const struct ct_text_cnn_max_backward_args *args) {
    if (ctx->dry) return CT_OK;
    if (args->dx.data) ref_scale(args->dx, args->beta);
    const int64_t channels = args->w.cols / args->width;
    for (int64_t n = 0; n < args->dy.rows; n++) {
        const span s = span_of(args->offsets, n, args->width);
        for (int64_t f = 0; f < args->dy.cols; f++) {
            const int64_t t = ref_ints(args->argmax)[n * args->argmax.ld + f];
            if (t < 0) continue;
            const ct_real dy = ref_row(args->dy, n)[f];
            if (args->db.data) ref_vector(args->db)[f] += dy;
            for (int64_t j = 0; j < window_tokens(s, t, args->width); j++)
                for (int64_t c = 0; c < channels; c++) {
                    if (args->dw.data)
                        ref_row(args->dw, f)[j * channels + c] += dy * ref_row(args->x, t + j)[c];
                    if (args->dx.data)
                        ref_row(args->dx, t + j)[c] += dy * ref_row(args->w, f)[j * channels + c];
                }
        }
    }
    return CT_OK;
}
