/* The two-tower model: u = normalize(W_u [encoder(user text); person id; history ids] + platform),
 * i = normalize(W_i [content; entity id] + platform), score = u . i / temperature; an item's content is its encoded
 * text, or its modalities fused. With model.history the user's bracket also has the mean of i over the latest items, as
 * they were encoded last. */
#ifndef CT_MODEL_MODEL_H
#define CT_MODEL_MODEL_H

#include "config/config.h"
#include "data/batch.h"
#include "nn/tape.h"

/* What the data decides. */
typedef struct ct_model_sizes {
    int32_t vocab;
    int32_t n_platforms;
    int64_t n_persons, n_entities, n_items;
    const int32_t *vector_widths; /* [config->model.vectors.n]; borrowed until the model is made */
} ct_model_sizes;

/* Caps of the batches that the model will be given, for planning. encode_rows 0: never encodes. */
typedef struct ct_model_caps {
    ct_batch_caps train;  /* used when training */
    ct_batch_caps encode; /* rows of an encoding pass */
} ct_model_caps;

typedef struct ct_model ct_model;

/* Registers and initialises all parameters (from config->seed, and from pre-trained weights where the config names
 * them), plans memory at the caps. training false: no gradients and no optimizer state. config and device are borrowed
 * for the model's life. Mistakes in a weights folder are CT_ERR_FORMAT, naming file, tensor, found and wanted shape. */
ct_status ct_model_create(ct_model **out, const ct_config *config, const ct_model_sizes *sizes, ct_device *device,
                          const ct_model_caps *caps, bool training, ct_error *err);
void ct_model_free(ct_model *model); /* accepts NULL */

/* What a training run would take, its validation included, found by planning without allocating any of it. */
typedef struct ct_model_memory {
    int64_t n_dense, n_ids;      /* parameters: dense, in id tables */
    size_t weights, gradients, optimizer, activations, scratch, batch; /* bytes */
} ct_model_memory;
ct_status ct_model_measure(const ct_config *config, const ct_model_sizes *sizes, ct_device *device,
                           const ct_model_caps *caps, ct_model_memory *memory, ct_error *err);

ct_params *ct_model_params(ct_model *model);
ct_device *ct_model_device(ct_model *model);
ct_param ct_model_log_scale(const ct_model *model); /* log(1 / temperature), f32 [1, 1] */
int64_t ct_model_dim(const ct_model *model);        /* D */
size_t ct_model_activation_bytes(const ct_model *model);

/* Loss figures of a step, read back after the fact. */
typedef struct ct_model_loss {
    float loss;
    float prob_row, prob_col; /* weighted mean probability of the positive, each direction */
    float other_mass;         /* share of row probability on other platforms' negatives */
} ct_model_loss;

/* Uploads the batch, zeroes the gradients it will touch, runs forward and backward; gradients then lie in the params.
 * The device's step state must have been set. */
ct_status ct_model_step(ct_model *model, const ct_batch *batch, ct_error *err);
/* The device tensor of the last step's loss (for grad_guard), and the figures on the host (waits). */
ct_tensor ct_model_loss_tensor(const ct_model *model);
ct_status ct_model_read_loss(ct_model *model, ct_model_loss *loss, ct_error *err);
/* The loss of a batch without gradients or dropout: what tests compare with PyTorch and with finite differences, through
 * the same device and tape as a step. */
ct_status ct_model_eval_loss(ct_model *model, const ct_batch *batch, ct_model_loss *loss, ct_error *err);

/* Vectors of the batch's users or items to vectors[n_rows, D] on the host. With model.history a user's vector needs
 * those of the latest items: the caller first encodes the items for which ct_model_knows_item is false
 * (ct_encode_users does). vectors NULL: only users want them. */
ct_status ct_model_encode_users(ct_model *model, const ct_batch *batch, float *vectors, ct_error *err);
ct_status ct_model_encode_items(ct_model *model, const ct_batch *batch, float *vectors, ct_error *err);

/* False: the item's vector is asked for by users, and was not encoded since the weights changed. */
bool ct_model_knows_item(const ct_model *model, int32_t item);
/* After weights were changed by other ways than a step. */
void ct_model_forget_items(ct_model *model);

/* 1 / temperature as it stands (waits). */
ct_status ct_model_scale(ct_model *model, float *scale, ct_error *err);

#endif
