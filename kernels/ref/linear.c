/* Reference of the fully connected layer: the three sums as they are written down. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

ct_status CT_REF(linear_forward)(ct_kctx *ctx, const struct ct_linear_forward_args *args) {
    if (ctx->dry) return CT_OK;
    ref_scale(args->y, args->beta);
    for (int64_t t = 0; t < args->y.rows; t++)
        for (int64_t o = 0; o < args->y.cols; o++) {
            ct_real value = ref_dot(ref_row(args->x, t), ref_row(args->w, o), args->x.cols);
            if (args->b.data) value += ref_vector(args->b)[o];
            ref_row(args->y, t)[o] += value;
        }
    return CT_OK;
}

static void add_dx(const struct ct_linear_backward_args *args) {
    ref_scale(args->dx, args->beta);
    for (int64_t t = 0; t < args->dy.rows; t++)
        for (int64_t i = 0; i < args->dx.cols; i++) {
            ct_real sum = 0;
            for (int64_t o = 0; o < args->dy.cols; o++)
                sum += ref_row(args->dy, t)[o] * ref_row(args->w, o)[i];
            ref_row(args->dx, t)[i] += sum;
        }
}

static void add_dw(const struct ct_linear_backward_args *args) {
    for (int64_t o = 0; o < args->dy.cols; o++)
        for (int64_t i = 0; i < args->dw.cols; i++) {
            ct_real sum = 0;
            for (int64_t t = 0; t < args->dy.rows; t++)
                sum += ref_row(args->dy, t)[o] * ref_row(args->x, t)[i];
            ref_row(args->dw, o)[i] += sum;
        }
}

ct_status CT_REF(linear_backward)(ct_kctx *ctx, const struct ct_linear_backward_args *args) {
    if (ctx->dry) return CT_OK;
    if (args->dx.data) add_dx(args);
    if (args->dw.data) add_dw(args);
    if (args->db.data)
        for (int64_t o = 0; o < args->dy.cols; o++) {
            ct_real sum = 0;
            for (int64_t t = 0; t < args->dy.rows; t++) sum += ref_row(args->dy, t)[o];
            ref_vector(args->db)[o] += sum;
        }
    return CT_OK;
}
