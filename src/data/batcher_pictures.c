/* The pictures of a batch's items. */
#include <math.h>
#include <string.h>

#include "data/batcher_pictures.h"

void ct__pictures_clear(ct_item_side *items, const ct_batch_caps *caps) {
    items->picture_size = caps->picture_size;
    items->n_pictures = 0;
    if (caps->picture_size == 0) return;
    items->picture_begin[0] = items->picture_ids[0] = 0;
}

/* As torchvision's RandomResizedCrop: a share of the area from `least` to 1, sides 3:4 to 4:3 (log-uniform),
 * anywhere. */
static void random_crop(const float *unit, double least, int32_t size, float *crop) {
    const double area = least + (1.0 - least) * (double)unit[0],
                 ratio = exp((2.0 * (double)unit[1] - 1.0) * log(4.0 / 3.0));
    const double width = fmin(1.0, sqrt(area * ratio)), height = fmin(1.0, sqrt(area / ratio));
    crop[0] = (float)((1.0 - width) * (double)unit[2] * size);
    crop[1] = (float)((1.0 - height) * (double)unit[3] * size);
    crop[2] = (float)(width * size);
    crop[3] = (float)(height * size);
}

static void augment(ct_item_side *items, int32_t picture, int32_t row, ct_rng_key key,
                    const ct_config_image *config) {
    float unit[8];
    for (uint32_t i = 0; i < 2; i++) {
        const ct_philox random = ct_philox4x32((uint32_t)row, i, 0, 0, key.k0, key.k1);
        for (int k = 0; k < 4; k++) unit[4 * i + (uint32_t)k] = ct_rng_unit(random.v[k]);
    }
    random_crop(unit, config->crop, items->picture_size, items->crop + 4 * picture);
    items->flip[picture] = config->flip && unit[4] < 0.5f;
    for (int k = 0; k < 3; k++)
        items->colour[3 * picture + k] = (float)(1.0 + config->colour * (2.0 * (double)unit[5 + k] - 1.0));
}

void ct__pictures_add(ct_item_side *items, const ct_config_image *config, const uint8_t *picture,
                      const ct_rng_key *augment_key) {
    if (items->picture_size == 0) return;
    const int32_t row = items->n_rows - 1;
    const size_t bytes = (size_t)items->picture_size * (size_t)items->picture_size * 3;
    if (picture) {
        const int32_t at = items->n_pictures++;
        memcpy(items->pixels + (size_t)at * bytes, picture, bytes);
        items->picture_row[at] = row;
        items->picture_ids[at + 1] = at + 1;
        if (augment_key) augment(items, at, row, *augment_key, config);
    }
    items->picture_begin[row + 1] = items->n_pictures;
}
