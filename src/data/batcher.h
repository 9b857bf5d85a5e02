/* Private to src/data: what the files of the batcher share. */
#ifndef CT_DATA_BATCHER_H
#define CT_DATA_BATCHER_H

#include "data/loader.h"

/* Sorts (key, index) by key in scratch of its own: radix sort, stable, no allocation after creation. */
typedef struct ct__sorter {
    int32_t capacity;
    int32_t *input;             /* [capacity]: room for the caller's keys */
    int32_t *entry_row;         /* [capacity]: bag row of each entry of input */
    int32_t *key[2], *index[2]; /* [capacity]; the result lies in key[now], index[now] */
    int now;
} ct__sorter;

ct_status ct__sorter_create(ct__sorter *s, int32_t capacity, ct_error *err);
void ct__sorter_free(ct__sorter *s);
/* keys[n] >= 0, n at most the capacity; keys may be s->input. */
void ct__sort(ct__sorter *s, const int32_t *keys, int32_t n);
/* Entry i (a row of the gradient) named key keys[i]. */
void ct__segments_fill(ct__sorter *s, const int32_t *keys, int32_t n, ct_segments *segments);
/* The unique rows over both bags (b and b_segments may be NULL) and each bag's segments by them. */
void ct__table_segments_fill(ct__sorter *s, const ct_bag *a, ct_segments *a_segments, const ct_bag *b,
                             ct_segments *b_segments, ct_table_rows *rows);

/* Which entities a person has in training, and the scratch that turns this into a batch's masks. */
typedef struct ct__known {
    int64_t *begin;     /* [n_persons + 1] */
    int32_t *entity;    /* ascending in a person */
    int64_t widest;     /* most items that one person's entities stand for */
    int32_t *first_row; /* [n_entities]: the batch's first item row of an entity; -1 between batches */
    int32_t *next_row;  /* [max_items]: the next row of the same entity; -1 */
    uint64_t *bits;     /* [max_items / 64 + 1] */
} ct__known;

ct_status ct__known_create(ct__known *known, const ct_dataset *data, const ct_split *split, int32_t max_items,
                           ct_error *err);
void ct__known_free(ct__known *known);
/* Fills mask_begin and mask_col from batch->items. */
void ct__known_masks(ct__known *known, const ct_dataset *data, const ct_pair *pairs, ct_batch *batch);

#endif
