/* Text encoders: packed tokens to one row a sequence. */
#ifndef CT_MODEL_ENCODERS_H
#define CT_MODEL_ENCODERS_H

#include "config/config.h"
#include "model/device_batch.h"

enum { CT_WIDTHS_MAX = 16 };

typedef struct ct_transformer_layer {
    ct_param qkv_weight, qkv_bias, out_weight, out_bias, norm1_weight, norm1_bias;
    ct_param up_weight, up_bias, down_weight, down_bias, norm2_weight, norm2_bias;
    char attention_stream[112], out_stream[112], down_stream[112]; /* a layer's prefix and the longest suffix fit */
} ct_transformer_layer;

typedef struct ct_text_encoder {
    const ct_config_encoder *config;
    char name[48];                 /* "user.encoder" */
    ct_embed_params embed;         /* transformer */
    ct_transformer_layer *layers;  /* [config->layers] */
    ct_param token;                /* cnn: the token table */
    ct_param conv_weight[CT_WIDTHS_MAX], conv_bias[CT_WIDTHS_MAX];
    char embed_stream[96];
} ct_text_encoder;

/* Registers the parameters under name. positions: rows of the position table. */
ct_status ct_text_encoder_create(ct_text_encoder *e, const char *name, const ct_config_encoder *config,
                                 ct_params *params, int32_t vocab, int64_t positions, ct_error *err);
void ct_text_encoder_free(ct_text_encoder *e);
/* Columns of the encoder's output; 0 for CT_ENCODER_NONE. */
int64_t ct_text_encoder_width(const ct_config_encoder *config);
/* Writes the pooled text into `into` [pack->n_rows, width]. */
void ct_text_encoder_forward(const ct_text_encoder *e, ct_tape *t, ct_var into, const ct_device_batch *batch,
                             const ct_token_pack *pack);

#endif
