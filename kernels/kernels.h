/* Everything in kernels/: argument structs, and the prototypes of all implementations, expanded from ops.def. */
#ifndef CT_KERNELS_KERNELS_H
#define CT_KERNELS_KERNELS_H

#include "kernels/add_layer_norm.h"
#include "kernels/attention.h"
#include "kernels/batch_norm_act.h"
#include "kernels/batch_norm_fold.h"
#include "kernels/conv2d.h"
#include "kernels/dropout.h"
#include "kernels/embed_layer_norm.h"
#include "kernels/fusion.h"
#include "kernels/gather_rows.h"
#include "kernels/gelu.h"
#include "kernels/image_normalize.h"
#include "kernels/infonce.h"
#include "kernels/l2_normalize.h"
#include "kernels/linear.h"
#include "kernels/optimizer.h"
#include "kernels/pool2d.h"
#include "kernels/scatter_rows.h"
#include "kernels/score.h"
#include "kernels/seq_pool.h"
#include "kernels/text_cnn_max.h"

/* A table of ops: what a device is able to do. A NULL entry is an op it lacks. */
typedef struct ct_op_table {
#define CT_OP(name, home) ct_status (*name)(ct_kctx * ctx, const struct ct_##name##_args *args);
#include "kernels/ops.def"
#undef CT_OP
} ct_op_table;

#define CT_OP(name, home)                                                                                              \
    ct_status ct_##name##_ref_f32(ct_kctx *ctx, const struct ct_##name##_args *args);                                  \
    ct_status ct_##name##_ref_f64(ct_kctx *ctx, const struct ct_##name##_args *args);                                  \
    ct_status ct_##name##_cpu_base(ct_kctx *ctx, const struct ct_##name##_args *args);                                 \
    ct_status ct_##name##_cpu_v2(ct_kctx *ctx, const struct ct_##name##_args *args);                                   \
    ct_status ct_##name##_cpu_v3(ct_kctx *ctx, const struct ct_##name##_args *args);                                   \
    ct_status ct_##name##_cpu_v4(ct_kctx *ctx, const struct ct_##name##_args *args);
#include "kernels/ops.def"
#undef CT_OP

#endif
