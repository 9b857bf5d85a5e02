/* Text CNN, backward: only the window that won a filter's maximum takes part. Threads own documents for dx
 * and filters for dw, so that every sum has one owner and one order. */
#include "kernels/cpu/loops.h"

/* dw goes through the documents in blocks whose tokens stay in cache while all filters of a thread read them.
 */
#define DOCUMENT_BLOCK 16

/* Tokens of the window at t that lie inside document n: fewer than K in one that was extended by zeros. */
static int64_t window_tokens(const struct ct_text_cnn_max_backward_args *args, int64_t n, int64_t t) {
    return ct_min_i64(args->width, ct_ints(args->offsets)[n + 1] - t);
}

static const int32_t *argmax_row(const struct ct_text_cnn_max_backward_args *args, int64_t n) {
    return ct_ints(args->argmax) + n * args->argmax.ld;
}

/* dx of the tokens of one document. */
static void input_gradient(const struct ct_text_cnn_max_backward_args *args, int64_t n) {
    const ct_tensor dx = args->dx;
    const int32_t *offsets = ct_ints(args->offsets), *argmax = argmax_row(args, n);
    const float *dy = ct_row(args->dy, n);
    const int64_t channels = dx.cols;
    for (int64_t t = offsets[n]; t < offsets[n + 1]; t++) ct_scale_row(ct_row(dx, t), args->beta, channels);
    for (int64_t f = 0; f < args->dy.cols; f++) {
        if (argmax[f] < 0) continue;
        const int64_t tokens = window_tokens(args, n, argmax[f]);
        const float *w = ct_row(args->w, f);
        if (dx.ld == channels) {
            ct_axpy(ct_row(dx, argmax[f]), dy[f], w, tokens * channels);
            continue;
        }
        for (int64_t j = 0; j < tokens; j++)
            ct_axpy(ct_row(dx, argmax[f] + j), dy[f], w + j * channels, channels);
    }
}

/* What documents [first, last) add to dw and db of one filter. */
static void filter_gradient(const struct ct_text_cnn_max_backward_args *args, int64_t f, int64_t first,
                            int64_t last) {
    const int64_t channels = args->x.cols;
    float *dw = ct_row(args->dw, f);
    float sum = 0.0f;
    for (int64_t n = first; n < last; n++) {
        const int64_t t = argmax_row(args, n)[f];
        if (t < 0) continue;
        const float dy = ct_row(args->dy, n)[f];
        ct_axpy(dw, dy, ct_row(args->x, t), window_tokens(args, n, t) * channels);
        sum += dy;
    }
    ct_floats(args->db)[f] += sum;
}

ct_status CT_CPU(text_cnn_max_backward)(ct_kctx *ctx, const struct ct_text_cnn_max_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_tensor dx = args->dx;
    const int64_t documents = args->dy.rows, filters = args->dy.cols;
    const int64_t owned = args->offsets.rows > 0 ? ct_ints(args->offsets)[args->offsets.rows - 1] : 0;
    const int64_t work = documents * filters * args->width * (dx.data ? dx.cols : args->x.cols);
    const int threads = ct_threads(ctx, work + (dx.data ? dx.rows * dx.cols : 0));
#pragma omp parallel num_threads(threads)
    {
        if (dx.data) {
#pragma omp for schedule(dynamic, 4) nowait
            for (int64_t n = 0; n < documents; n++) input_gradient(args, n);
#pragma omp for schedule(static) nowait
            for (int64_t t = owned; t < dx.rows; t++) ct_scale_row(ct_row(dx, t), args->beta, dx.cols);
        }
        if (args->dw.data) {
            for (int64_t n = 0; n < documents; n += DOCUMENT_BLOCK) {
#pragma omp for schedule(static) nowait
                for (int64_t f = 0; f < filters; f++)
                    filter_gradient(args, f, n, ct_min_i64(documents, n + DOCUMENT_BLOCK));
            }
        }
    }
    return CT_OK;
}
