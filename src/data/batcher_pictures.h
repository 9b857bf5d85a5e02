/* What the batcher does for items with pictures. All calls do nothing where the batch has no pictures. */
#ifndef CT_DATA_BATCHER_PICTURES_H
#define CT_DATA_BATCHER_PICTURES_H

#include "base/rng.h"
#include "data/batch.h"

/* Which modalities of an item are shown. */
typedef struct ct__shown {
    bool text, image;
} ct__shown;
#define CT__SHOW_ALL ((ct__shown){true, true})

/* Begins an empty item side; caps are the batch's own. */
void ct__pictures_clear(ct_item_side *items, const ct_batch_caps *caps);
/* Hides each modality with the probability, never all; counter: the item's row. */
ct__shown ct__modalities_shown(ct_rng_key key, int32_t row, int32_t n_modalities, double probability);
/* An item's picture in the dataset; NULL: it has none. */
const uint8_t *ct__picture_of(const ct_dataset *data, int32_t item);
/* The last item row's picture (NULL: none, or hidden) and presence. augment_key NULL: the picture as it is. */
void ct__pictures_add(ct_item_side *items, const ct_config_image *config, bool has_text, const uint8_t *picture,
                      const ct_rng_key *augment_key);
/* The segments over kinds, once all rows are there. */
void ct__pictures_close(ct_item_side *items);

#endif
