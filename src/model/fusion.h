/* The item's modalities: each encoder's row, or precomputed vector, projected to the shared size, stand-ins for
 * what is missing, fused. */
#ifndef CT_MODEL_FUSION_H
#define CT_MODEL_FUSION_H

#include "model/encoders.h"
#include "model/resnet.h"

/* A modality by precomputed vectors: columns [from, from + width) of the batch's, to D columns. */
typedef struct ct_fusion_vectors {
    int64_t from, width;
    ct_param weight;
} ct_fusion_vectors;

/* Used when the item has an image encoder or vectors; a text alone goes to the tower's projection as it is. */
typedef struct ct_fusion {
    const ct_config_model *config;
    const ct_text_encoder *text; /* NULL: the item has no text encoder */
    bool has_image;
    ct_resnet image;
    int n_vectors;
    ct_fusion_vectors *vectors; /* [n_vectors] */
    int n_modalities;           /* M: text, image, vectors, in this order */
    ct_param text_weight, image_weight;                        /* to D columns each; the norm brings a bias */
    ct_batch_norm_params norm;                                 /* of the M D columns */
    ct_param missing;                                          /* [M, D] */
    ct_param mix_weight, mix_bias;                             /* concat: [D, M D]; gated: [M, M D] */
    ct_param kind, qkv_weight, qkv_bias, out_weight, out_bias, norm_weight, norm_bias; /* cross attention */
    int64_t heads;
} ct_fusion;

/* Registers everything behind "item.fusion." and "item.image."; text: the item's text encoder (its kind may
 * be NONE); widths: of config->vectors. */
ct_status ct_fusion_create(ct_fusion *f, const ct_config_model *config, const ct_text_encoder *text,
                           const int32_t *widths, ct_params *params, ct_error *err);
void ct_fusion_free(ct_fusion *f);
/* The fused rows [items.n_rows, D] into `into`. */
void ct_fusion_forward(const ct_fusion *f, ct_tape *t, ct_var into, const ct_device_batch *batch);

#endif
