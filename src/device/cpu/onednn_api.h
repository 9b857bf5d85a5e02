/* The parts of oneDNN's C API that changed between 2.x and 3.x, under one set of names. Only onednn*.c
 * include this. In 2.x a memory descriptor is a struct of the caller, in 3.x an object of the library. */
#ifndef CT_DEVICE_CPU_ONEDNN_API_H
#define CT_DEVICE_CPU_ONEDNN_API_H

#include <dnnl.h>

/* A convolution of one direction; which of the descriptors are differentials follows from it. */
typedef struct onednn_conv_sizes {
    dnnl_prop_kind_t prop; /* forward_training, backward_data, backward_weights */
    dnnl_dims_t strides, padding;
} onednn_conv_sizes;

#if DNNL_VERSION_MAJOR >= 3

typedef const_dnnl_memory_desc_t onednn_layout; /* borrowed */

static inline onednn_layout onednn_layout_of(const dnnl_memory_desc_t *desc) {
    return *desc;
}
static inline void onednn_desc_free(dnnl_memory_desc_t *desc) {
    if (*desc) dnnl_memory_desc_destroy(*desc);
    *desc = NULL;
}
static inline dnnl_status_t onednn_desc_by_tag(dnnl_memory_desc_t *out, int n, const dnnl_dims_t dims,
                                               dnnl_format_tag_t tag) {
    return dnnl_memory_desc_create_with_tag(out, n, dims, dnnl_f32, tag);
}
static inline dnnl_status_t onednn_desc_by_strides(dnnl_memory_desc_t *out, int n, const dnnl_dims_t dims,
                                                   const dnnl_dims_t strides) {
    return dnnl_memory_desc_create_with_strides(out, n, dims, dnnl_f32, strides);
}
static inline dnnl_status_t onednn_add_sum(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}
static inline dnnl_status_t onednn_add_relu(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0.0f, 0.0f);
}
static inline dnnl_status_t onednn_conv_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             const onednn_conv_sizes *s, onednn_layout x, onednn_layout w,
                                             onednn_layout bias, onednn_layout y,
                                             const_dnnl_primitive_attr_t attr,
                                             const_dnnl_primitive_desc_t hint) {
    const dnnl_dims_t dense = {0, 0};
    if (s->prop == dnnl_backward_data)
        return dnnl_convolution_backward_data_primitive_desc_create(out, engine, dnnl_convolution_direct, x,
                                                                    w, y, s->strides, dense, s->padding,
                                                                    s->padding, hint, attr);
    if (s->prop == dnnl_backward_weights)
        return dnnl_convolution_backward_weights_primitive_desc_create(out, engine, dnnl_convolution_direct,
                                                                       x, w, NULL, y, s->strides, dense,
                                                                       s->padding, s->padding, hint, attr);
    return dnnl_convolution_forward_primitive_desc_create(out, engine, s->prop, dnnl_convolution_direct, x, w,
                                                          bias, y, s->strides, dense, s->padding, s->padding,
                                                          attr);
}

#else

typedef const dnnl_memory_desc_t *onednn_layout;

static inline onednn_layout onednn_layout_of(const dnnl_memory_desc_t *desc) {
    return desc;
}
static inline void onednn_desc_free(dnnl_memory_desc_t *desc) {
    (void)desc;
}
static inline dnnl_status_t onednn_desc_by_tag(dnnl_memory_desc_t *out, int n, const dnnl_dims_t dims,
                                               dnnl_format_tag_t tag) {
    return dnnl_memory_desc_init_by_tag(out, n, dims, dnnl_f32, tag);
}
static inline dnnl_status_t onednn_desc_by_strides(dnnl_memory_desc_t *out, int n, const dnnl_dims_t dims,
                                                   const dnnl_dims_t strides) {
    return dnnl_memory_desc_init_by_strides(out, n, dims, dnnl_f32, strides);
}
static inline dnnl_status_t onednn_add_sum(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_sum(ops, 1.0f);
}
static inline dnnl_status_t onednn_add_relu(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
}
static inline dnnl_status_t onednn_conv_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                             const onednn_conv_sizes *s, onednn_layout x, onednn_layout w,
                                             onednn_layout bias, onednn_layout y,
                                             const_dnnl_primitive_attr_t attr,
                                             const_dnnl_primitive_desc_t hint) {
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
    dnnl_convolution_desc_t desc;
    dnnl_status_t st;
    if (s->prop == dnnl_backward_data)
        st = dnnl_convolution_backward_data_desc_init(&desc, direct, x, w, y, s->strides, s->padding,
                                                      s->padding);
    else if (s->prop == dnnl_backward_weights)
        st = dnnl_convolution_backward_weights_desc_init(&desc, direct, x, w, NULL, y, s->strides, s->padding,
                                                         s->padding);
    else
        st = dnnl_convolution_forward_desc_init(&desc, s->prop, direct, x, w, bias, y, s->strides, s->padding,
                                                s->padding);
    return st == dnnl_success ? dnnl_primitive_desc_create(out, &desc, attr, engine, hint) : st;
}

#endif
#endif
