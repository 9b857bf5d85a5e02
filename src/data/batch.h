/* Batches: what a step, or an encoding pass, hands to the device. Plain arrays of i32 and f32 that the host filled,
 * with everything the host knows better than the device: packing, sorted unique rows, masks, logQ.
 *
 * Sizes are capped by the plan (ct_batch_caps); all arrays of a ct_batch lie in one block that its creator allocates
 * once, so that a batch travels to the device in one copy and filling it allocates nothing. */
#ifndef CT_DATA_BATCH_H
#define CT_DATA_BATCH_H

#include <stdint.h>

#include "base/error.h"
#include "data/dataset.h"

/* For the backward of a lookup: the unique rows, ascending, and which row of the gradient each entry fed. */
typedef struct ct_segments {
    int32_t n_unique;
    int32_t *rows;      /* [n_unique] */
    int32_t *seg_begin; /* [n_unique + 1] */
    int32_t *seg_row;   /* [number of entries] */
} ct_segments;

/* Packed token sequences: [CLS] text [SEP] for a Transformer, the bare text for a CNN (a row may then be empty). */
typedef struct ct_token_pack {
    int32_t n_rows, n_tokens;
    int32_t n_padded;   /* n_tokens rounded up to data.bucket; tail entries are [PAD], position 0, row n_rows */
    int32_t max_length;
    int32_t *ids, *pos; /* [n_padded] */
    int32_t *row;       /* [n_padded]: global row of the sequence (dropout counter), n_rows + row0 in the tail */
    int32_t *offsets;   /* [n_rows + 1] */
    int32_t *row_of;    /* [n_rows]: global row number of each sequence */
    ct_segments by_id, by_pos; /* training only; the tail belongs to none */
} ct_token_pack;

/* Bags of rows of one id table: empty where the id is unknown, hidden, or the history is empty. */
typedef struct ct_bag {
    int32_t n_rows, n_entries;
    int32_t *offsets; /* [n_rows + 1] */
    int32_t *ids;     /* [n_entries] */
    float *scale;     /* [n_rows]: 1 / entries, 0 for an empty bag */
} ct_bag;

/* n_rows users as they stood at some moment. */
typedef struct ct_user_side {
    int32_t n_rows;
    ct_token_pack text;
    int32_t *platform;       /* [n_rows] */
    ct_segments by_platform; /* training only */
    ct_bag person;           /* at most one entry a row: user_person */
    ct_bag history;          /* item_entity of the latest items */
    ct_bag latest;           /* the latest items themselves, by number; scale sqrt(D) / entries: the vectors have length 1,
                                and their mean should have values of about 1, as the tower's other inputs have */
} ct_user_side;

/* n_rows distinct items. */
typedef struct ct_item_side {
    int32_t n_rows;
    ct_token_pack text;
    int32_t *platform;       /* [n_rows] */
    ct_segments by_platform;
    ct_bag entity;           /* at most one entry a row: item_entity */
    int32_t *item;           /* [n_rows]: global item number, ascending */

    /* Pictures, where the config has an image encoder; only items that have one (and show it, in training) take a
     * row. */
    int32_t picture_size;    /* P; 0: no image encoder, and all of this is NULL */
    int32_t n_pictures;
    uint8_t *pixels;         /* [n_pictures, P*P*3] */
    float *crop;             /* [n_pictures, 4]: see kernels/image_normalize.h; training with augmentation, else NULL */
    int32_t *flip;           /* [n_pictures] likewise */
    float *colour;           /* [n_pictures, 3] likewise */
    int32_t *picture_begin;  /* [n_rows + 1]: as bag offsets, item row r has picture picture_begin[r] or none */
    int32_t *picture_ids;    /* [n_pictures + 1]: 0, 1, 2 ...: the bags' entries, and the begins of their segments */
    int32_t *picture_row;    /* [n_pictures]: the item row of a picture: the segments' rows */
    /* Precomputed vectors, where the config has any: a row an item, the modalities side by side, zeros where one is
     * missing or hidden. */
    int32_t vector_width;    /* of all modalities together; 0: none, and vectors is NULL */
    float *vectors;          /* [n_rows, vector_width] */
    /* Which modalities an item has, and shows: [n_rows, M], columns text (where there is a text encoder), image (where
     * there is one), vectors in the order of model.item.vectors. */
    int32_t n_modalities;    /* M; 0: text alone, and all below is NULL */
    int32_t *present;
    /* For attention among the modalities of an item, rows n * M + m: */
    int32_t *modality_begin; /* [n_rows + 1]: 0, M, 2 M ... */
    int32_t *kind;           /* [n_rows * M]: 0 .. M - 1, again and again */
    int32_t *kind_begin;     /* [M + 1]: 0, n_rows, 2 n_rows ...; training only, else NULL, as is kind_row */
    int32_t *kind_row;       /* [M * n_rows]: the rows of kind 0, then those of kind 1 ... */
} ct_item_side;

/* The unique rows of an id table over all bags that read it, and per bag the segments over that same list. */
typedef struct ct_table_rows {
    int32_t n_unique;
    int32_t *rows; /* [n_unique] ascending */
} ct_table_rows;

typedef struct ct_batch {
    int64_t step;
    int32_t n_pairs;
    ct_user_side users;      /* one row a pair */
    ct_item_side items;      /* an item that stands twice is encoded once */
    int32_t *pos;            /* [n_pairs]: the pair's item, a row of items */
    float *weight;           /* [n_pairs]: inter_weight */
    int32_t *mask_begin;     /* [n_pairs + 1] */
    int32_t *mask_col;       /* items of the batch that the pair's user has in training (any platform of the person, by
                                entity), ascending; pos among them */
    float *item_logq;        /* [items.n_rows]: log of the item's share of the training pairs as they are sampled */
    float *user_logq;        /* [n_pairs] */
    ct_table_rows person_rows, entity_rows;
    ct_segments person_seg;  /* rows unused: by person_rows */
    ct_segments entity_seg, history_seg; /* both by entity_rows */
    int32_t *platform_pairs; /* [n_platforms]: pairs of each platform */

    void *block;             /* the one allocation */
    size_t block_bytes;
} ct_batch;

/* The most that a batch can hold. */
typedef struct ct_batch_caps {
    int32_t pairs, items;             /* rows a side */
    int32_t user_tokens, item_tokens; /* packed, a row: [CLS] and [SEP] counted */
    int32_t history, latest;          /* entries a row of these bags */
    int32_t bucket, n_platforms;
    int64_t mask_entries;             /* all rows together */
    bool training;                    /* segments, masks and pairs are wanted */
    int32_t picture_size;             /* 0: none */
    bool augment;                     /* crop, flip, colour are wanted */
    int32_t vector_width;             /* of all modalities by vectors together; 0: none */
    int32_t n_modalities;             /* columns of present; 0: text alone */
} ct_batch_caps;

/* Carves a batch with room for caps; frees with ct_batch_free. */
ct_status ct_batch_create(ct_batch *batch, const ct_batch_caps *caps, ct_error *err);
void ct_batch_free(ct_batch *batch);
/* Every count at its cap and indices in range (0): what the dry run plans with. */
void ct_batch_fill_caps(ct_batch *batch, const ct_batch_caps *caps);

#endif
