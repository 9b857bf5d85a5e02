/* The two towers: encoder and id vectors side by side, one projection, the platform's vector added, unit length. */
#ifndef CT_MODEL_TOWERS_H
#define CT_MODEL_TOWERS_H

#include "model/encoders.h"
#include "model/fusion.h"
#include "model/model.h"

/* One tower's parameters. Id blocks that the config leaves out have width 0. */
typedef struct ct_tower {
    ct_text_encoder encoder;
    ct_param projection_weight, projection_bias, platform;
    int64_t text_width; /* columns of the content (text, or modalities fused), 0: none */
    int64_t width; /* columns of the projection's input */
} ct_tower;

typedef struct ct_towers {
    const ct_config *config;
    ct_tower user, item;
    ct_fusion fusion; /* of the item, where it has more than a text */
    bool fuses;
    int32_t person_table, entity_table; /* -1: none */
    int32_t vectors_table;              /* state: each item's vector as its last training step saw it; -1: none */
    ct_tensor vectors; /* [n_items, D]: where ct_towers_item leaves its vectors and ct_towers_user finds those of the
                          latest items; data NULL: none. Its owner sets it before a pass */
} ct_towers;

/* Registers the parameters of both towers and the id tables. */
ct_status ct_towers_create(ct_towers *towers, const ct_config *config, const ct_model_sizes *sizes, ct_params *params,
                           const ct_batch_caps *train_caps, ct_error *err);
void ct_towers_free(ct_towers *towers);

/* u [users.n_rows, D] and i [items.n_rows, D] of the batch on the device. */
ct_var ct_towers_user(const ct_towers *towers, ct_tape *t, const ct_device_batch *batch);
ct_var ct_towers_item(const ct_towers *towers, ct_tape *t, const ct_device_batch *batch);

#endif
