/* The parameters of a model: one flat store of dense segments, and the id tables beside it.
 *
 * Dense: segments in the order they were added (forward order), each 256-element aligned in one flat f32 array, with
 * gradients, and Adam's m and v, in arrays of the same layout. Passes over all parameters (optimizer, norm, checkpoint)
 * are loops over ranges.
 * Id tables: too large for dense gradients. A step leaves the gradient of its unique rows in a compact buffer.
 * Tables of state are written by the forward pass and have neither gradients nor moments; they stand behind the others.
 */
#ifndef CT_NN_PARAMS_H
#define CT_NN_PARAMS_H

#include "device/device.h"

typedef enum ct_init {
    CT_INIT_ZERO,
    CT_INIT_ONE,
    CT_INIT_NORMAL,  /* N(0, scale^2) */
    CT_INIT_UNIFORM, /* U(-scale, scale) */
    CT_INIT_VALUE    /* scale itself */
} ct_init;

/* A dense parameter's number in its store; CT_PARAM_NONE: absent. */
typedef int32_t ct_param;
#define CT_PARAM_NONE ((ct_param) - 1)

typedef struct ct_segment {
    char name[96];     /* "user.encoder.layer.0.attention.qkv.weight" */
    int64_t rows, cols, offset;
    ct_init init;
    float scale;
    bool decays;       /* weight decay applies: matrices and tables; not biases, norms, scalars */
    bool frozen;
    bool state;        /* running statistics: no gradient; an update moves them towards those of the batch */
    float momentum;    /* of state: the share of the way that one update goes; 0: they stay */
    float lr_scale;    /* group's learning rate / train.lr */
    float decay;
} ct_segment;

typedef struct ct_id_table {
    char name[96];
    int64_t rows, cols;
    float scale;       /* init N(0, scale^2), row by row from the row's number: growing a table keeps old rows */
    float lr_scale, decay;
    int64_t max_unique;/* most rows a batch can touch */
    bool state;        /* written by the forward pass, never trained: no m, v, g */
    float *w, *m, *v;  /* [rows, cols] on the device; m, v NULL when not training */
    float *g;          /* [max_unique, cols] */
    int64_t n_unique;  /* rows touched by the current batch */
    const int32_t *unique; /* [n_unique] on the device, ascending */
} ct_id_table;

#define CT_ID_TABLES_MAX 4

typedef struct ct_params {
    ct_device *device;
    ct_segment *segments;
    int32_t n_segments;
    size_t segments_capacity;
    int64_t n_values;     /* flat length, padding included */
    float *w, *g, *m, *v; /* flat, on the device; g, m, v NULL when not training */
    ct_id_table tables[CT_ID_TABLES_MAX];
    int32_t n_tables, n_state_tables; /* all; those of state */
    bool training;
    bool pretends; /* see ct_params_pretend */
} ct_params;

/* An empty store. */
void ct_params_begin(ct_params *params, ct_device *device, bool training);
/* Adds a segment; the name must be new and fit. */
ct_status ct_params_add(ct_params *params, ct_param *out, const char *name, int64_t rows, int64_t cols, ct_init init,
                        float scale, bool decays, ct_error *err);
/* A segment of state [1, cols]: frozen for AdamW. */
ct_status ct_params_add_state(ct_params *params, ct_param *out, const char *name, int64_t cols, ct_init init,
                              float momentum, ct_error *err);
ct_status ct_params_add_table(ct_params *params, int32_t *out, const char *name, int64_t rows, int64_t cols,
                              float scale, int64_t max_unique, ct_error *err);
/* A table of state, zero at first. */
ct_status ct_params_add_state_table(ct_params *params, int32_t *out, const char *name, int64_t rows, int64_t cols,
                                    ct_error *err);
/* Allocates on the device and fills with initial values: each segment and table row from (seed, its name) alone. */
ct_status ct_params_allocate(ct_params *params, uint64_t seed, ct_error *err);
/* For planning without memory: addresses that must not be touched; ct_params_free knows. */
void ct_params_pretend(ct_params *params);
void ct_params_free(ct_params *params);

/* The number of a name, or CT_PARAM_NONE. */
ct_param ct_params_find(const ct_params *params, const char *name);
ct_tensor ct_params_weight(const ct_params *params, ct_param p); /* data NULL for CT_PARAM_NONE */
/* data NULL when the segment is absent or frozen, or nothing trains. */
ct_tensor ct_params_grad(const ct_params *params, ct_param p);
/* Where a training pass leaves the batch's value of a state, which the next update moves it towards: state needs no
 * Adam moment, so this lies in the place of m. data NULL for state that stays, or when nothing trains. */
ct_tensor ct_params_batch_state(const ct_params *params, ct_param p);
int64_t ct_params_count(const ct_params *params); /* values without padding, id tables included, without their state */

/* Zeroes gradients: the flat ones, and the rows of the tables that the coming batch will touch. */
ct_status ct_params_zero_grad(ct_params *params, ct_error *err);

#endif
