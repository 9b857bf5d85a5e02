/* Reference of the convolution: the sums as they are written down, over image tensors of any channel block.
 */
#include "kernels/kernels.h"
#include "kernels/ref/image.h"
#include "kernels/ref/ref.h"

/* The input pixel that output (i, j) sees through tap (r, s) of the kernel. */
typedef struct tap {
    int64_t i, j;
    bool inside; /* outside the picture x is 0 */
} tap;

static tap tap_of(ct_image x, ct_conv2d_shape shape, int64_t i, int64_t j, int64_t r, int64_t s) {
    tap t = {i * shape.stride - shape.pad + r, j * shape.stride - shape.pad + s, false};
    t.inside = t.i >= 0 && t.i < x.h && t.j >= 0 && t.j < x.w;
    return t;
}

static ct_real *weight(ct_tensor w, ct_conv2d_shape shape, int64_t o, int64_t c, int64_t r, int64_t s) {
    return ref_row(w, o) + (c * shape.kernel + r) * shape.kernel + s;
}

static ct_real window_sum(const struct ct_conv2d_forward_args *a, int64_t n, int64_t o, int64_t i,
                          int64_t j) {
    ct_real sum = 0;
    for (int64_t c = 0; c < a->x.c; c++)
        for (int64_t r = 0; r < a->shape.kernel; r++)
            for (int64_t s = 0; s < a->shape.kernel; s++) {
                const tap t = tap_of(a->x, a->shape, i, j, r, s);
                if (t.inside) sum += *weight(a->w, a->shape, o, c, r, s) * *ref_pixel(a->x, n, c, t.i, t.j);
            }
    return sum;
}

ct_status CT_REF(conv2d_forward)(ct_kctx *ctx, const struct ct_conv2d_forward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image y = args->y;
    ref_image_scale(y, 0.0f); /* the channels beyond O */
    for (int64_t n = 0; n < y.n; n++)
        for (int64_t o = 0; o < y.c; o++)
            for (int64_t i = 0; i < y.h; i++)
                for (int64_t j = 0; j < y.w; j++) {
                    ct_real value = window_sum(args, n, o, i, j);
                    if (args->bias.data) value += ref_vector(args->bias)[o];
                    if (args->residual.data) value += *ref_pixel(args->residual, n, o, i, j);
                    *ref_pixel(y, n, o, i, j) = args->relu && value < 0 ? 0 : value;
                }
    return CT_OK;
}

/* What one output pixel sends back through the taps of its window. */
static void spread(const struct ct_conv2d_backward_args *a, ct_image x, int64_t n, int64_t o, int64_t i,
                   int64_t j) {
    const ct_real dy = *ref_pixel(a->dy, n, o, i, j);
    for (int64_t c = 0; c < x.c; c++)
        for (int64_t r = 0; r < a->shape.kernel; r++)
            for (int64_t s = 0; s < a->shape.kernel; s++) {
                const tap t = tap_of(x, a->shape, i, j, r, s);
                if (!t.inside) continue;
                if (a->dx.data) *ref_pixel(a->dx, n, c, t.i, t.j) += dy * *weight(a->w, a->shape, o, c, r, s);
                if (a->dw.data) *weight(a->dw, a->shape, o, c, r, s) += dy * *ref_pixel(a->x, n, c, t.i, t.j);
            }
}

ct_status CT_REF(conv2d_backward)(ct_kctx *ctx, const struct ct_conv2d_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const ct_image dy = args->dy, x = args->dx.data ? args->dx : args->x;
    if (args->dx.data) ref_image_scale(args->dx, args->beta);
    for (int64_t n = 0; n < dy.n; n++)
        for (int64_t o = 0; o < dy.c; o++)
            for (int64_t i = 0; i < dy.h; i++)
                for (int64_t j = 0; j < dy.w; j++) spread(args, x, n, o, i, j);
    return CT_OK;
}
