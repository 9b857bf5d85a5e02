/* Checks of the convolution. */
#include "device/check.h"
#include "device/check_rules.h"

#define F32 CT_DTYPE_F32

/* Bounds that keep the arithmetic below, and a library's int, from overflowing. */
static void shape_rules(ct_rules *r, const ct_conv2d_shape *shape) {
    ct__between(r, "shape.kernel", (double)shape->kernel, 1, INT32_MAX);
    ct__between(r, "shape.stride", (double)shape->stride, 1, INT32_MAX);
    ct__between(r, "shape.pad", (double)shape->pad, 0, (double)shape->kernel - 1);
}

static void size_rules(ct_rules *r, const ct_image *t) {
    const int64_t sizes[] = {t->n, t->c, t->h, t->w, t->cb};
    for (int i = 0; i < 5; i++) ct__indexable(r, "the sizes of an image", sizes[i]);
}

static int64_t output_size(int64_t size, const ct_conv2d_shape *shape) {
    const int64_t room = size + 2 * shape->pad - shape->kernel;
    return room < 0 ? 0 : room / shape->stride + 1;
}

/* y's sizes and w's follow from x. dw has the shape of w; a side that is absent is not looked at. */
static void conv_rules(ct_rules *r, const ct_conv2d_shape *shape, const char *x_name, const ct_image *x,
                       const char *y_name, const ct_image *y, const char *w_name, const ct_tensor *w) {
    ct__need_image(r, x_name, x, F32, ct_any_image());
    size_rules(r, x);
    if (r->status != CT_OK) return;
    const ct_image want = {
        .n = x->n, .c = CT_ANY, .h = output_size(x->h, shape), .w = output_size(x->w, shape), .cb = CT_ANY};
    ct__at_least(r, "with this padding the kernel's places in a picture are",
                 want.h < want.w ? want.h : want.w, 1);
    ct__need_image(r, y_name, y, F32, want);
    size_rules(r, y);
    int64_t taps;
    if (r->status != CT_OK) return;
    if (__builtin_mul_overflow(shape->kernel * shape->kernel, x->c, &taps)) taps = INT64_MAX;
    ct__need(r, w_name, w, F32, y->c, taps);
}

ct_status ct__check_conv2d_forward(const struct ct_conv2d_forward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    shape_rules(&r, &a->shape);
    conv_rules(&r, &a->shape, "x", &a->x, "y", &a->y, "w", &a->w);
    ct__may(&r, "bias", &a->bias, F32, 1, a->y.c);
    ct__may_image(&r, "residual", &a->residual, F32, a->y);
    return r.status;
}

ct_status ct__check_conv2d_backward(const struct ct_conv2d_backward_args *a, ct_error *err) {
    ct_rules r = {err, CT_OK};
    shape_rules(&r, &a->shape);
    ct__need_image(&r, "dy", &a->dy, F32, ct_any_image());
    if (a->dx.data) conv_rules(&r, &a->shape, "dx", &a->dx, "dy", &a->dy, "w", &a->w);
    if (a->dw.data) conv_rules(&r, &a->shape, "x", &a->x, "dy", &a->dy, "dw", &a->dw);
    ct__beta(&r, "beta", a->beta);
    return r.status;
}
