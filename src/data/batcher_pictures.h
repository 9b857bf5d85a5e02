/* The pictures of a batch's items. All calls do nothing where the batch has no pictures. */
#ifndef CT_DATA_BATCHER_PICTURES_H
#define CT_DATA_BATCHER_PICTURES_H

#include "base/rng.h"
#include "data/batch.h"

/* Begins an empty item side; caps are the batch's own. */
void ct__pictures_clear(ct_item_side *items, const ct_batch_caps *caps);
/* The last item row's picture; NULL: none, or hidden. augment_key NULL: the picture as it is. */
void ct__pictures_add(ct_item_side *items, const ct_config_image *config, const uint8_t *picture,
                      const ct_rng_key *augment_key);

#endif
