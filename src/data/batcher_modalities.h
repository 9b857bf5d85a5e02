/* Which modalities a batch's items have and show, and their precomputed vectors. All calls do nothing where an item is
 * its text alone. */
#ifndef CT_DATA_BATCHER_MODALITIES_H
#define CT_DATA_BATCHER_MODALITIES_H

#include "base/rng.h"
#include "data/batch.h"

/* The columns of ct_item_side.present, from a config. */
typedef struct ct__modalities {
    int32_t n;                       /* M; 0: text alone */
    int32_t text, image;             /* columns, -1: none */
    int32_t n_vectors, vector_width; /* the last n_vectors columns; their widths together */
    bool unit;                       /* vectors are scaled to a root mean square of 1 */
    const ct_item_vectors **vectors; /* [n_vectors], of the dataset */
} ct__modalities;

/* CT_ERR_CONFIG where the dataset lacks vectors that the config names. */
ct_status ct__modalities_create(ct__modalities *m, const ct_dataset *data, const ct_config_model *config,
                                ct_error *err);
void ct__modalities_free(ct__modalities *m);

/* Begins an empty item side. */
void ct__modalities_clear(const ct__modalities *m, ct_item_side *items);
/* The last item row: its vectors are looked up, and each modality is hidden with the probability, never all that the
 * item has; counter: the row. key NULL: nothing is hidden. Writes presence and the vectors that are shown. */
void ct__modalities_add(const ct__modalities *m, ct_item_side *items, bool has_text, bool has_image,
                        const ct_rng_key *key, double probability);
/* Does the last row show this column? True for -1. */
bool ct__modalities_shown(const ct_item_side *items, int32_t column);
/* The segments over kinds, once all rows are there. */
void ct__modalities_close(ct_item_side *items);

#endif
