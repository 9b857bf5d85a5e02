/* ResNets: pictures to one row each. He et al. 2015, arXiv:1512.03385; the stride of a bottleneck is on its
 * 3x3 convolution, as in torchvision, whose parameter names these are behind "item.image.". */
#ifndef CT_MODEL_RESNET_H
#define CT_MODEL_RESNET_H

#include "config/config.h"
#include "model/device_batch.h"
#include "nn/layers_image.h"

enum { CT_RESNET_STAGES_MAX = 4 };

typedef struct ct_resnet_conv {
    ct_param weight;
    ct_batch_norm_params norm;
    ct_conv2d_shape shape;
    int64_t out;
} ct_resnet_conv;

/* A residual block: 2 (basic) or 3 (bottleneck) convolutions, and one on the shortcut where shapes differ. */
typedef struct ct_resnet_block {
    ct_resnet_conv conv[3], shortcut;
    int n_convs;
    bool has_shortcut;
} ct_resnet_block;

typedef struct ct_resnet {
    const ct_config_image *config;
    ct_resnet_conv stem;
    bool stem_pool;
    ct_resnet_block *blocks;
    int n_blocks;
    int64_t width; /* channels of the last stage */
} ct_resnet;

/* Registers the parameters. kind CT_IMAGE_NONE gives width 0 and nothing else. */
ct_status ct_resnet_create(ct_resnet *net, const ct_config_image *config, ct_params *params, ct_error *err);
void ct_resnet_free(ct_resnet *net);
/* Pooled pictures [n_pictures, width] of the batch's items. */
ct_var ct_resnet_forward(const ct_resnet *net, ct_tape *t, const ct_device_batch *batch);

/* Fills the parameters from a safetensors file with torchvision's names (its fc layer is ignored). */
ct_status ct_resnet_load(ct_params *params, const char *path, ct_error *err);

#endif
