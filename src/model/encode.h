/* Encoding of many users or items, a batch of rows at a time. */
#ifndef CT_MODEL_ENCODE_H
#define CT_MODEL_ENCODE_H

#include "data/loader.h"
#include "model/model.h"

/* Rows of an encoding batch: what a model that encodes is planned for. */
enum { CT_ENCODE_ROWS = 256 };

/* Called after each batch with how many rows are done; returning nonzero stops with CT_ERR_INTERRUPTED. May be NULL. */
typedef int (*ct_encode_progress)(void *ctx, int64_t done, int64_t total);

/* vectors [n, D] on the host. batcher and model belong to the calling thread. */
ct_status ct_encode_users(ct_model *model, ct_batcher *batcher, const ct_moment *moments, int64_t n, float *vectors,
                          ct_encode_progress progress, void *ctx, ct_error *err);
ct_status ct_encode_items(ct_model *model, ct_batcher *batcher, const int32_t *items, int64_t n, float *vectors,
                          ct_encode_progress progress, void *ctx, ct_error *err);
/* n texts, tokens only, as users or items of `platform` without id or history: vectors [n, D] in the order given. Texts
 * of like lengths go through together, the longest first. */
ct_status ct_encode_texts(ct_model *model, ct_batcher *batcher, ct_side side, const ct_token_lists *texts, int64_t n,
                          int32_t platform, float *vectors, ct_encode_progress progress, void *ctx, ct_error *err);
/* Fills rgb [most, P, P, 3], P the side of the cache's pictures, with the next *n pictures; 0: no more. */
typedef ct_status (*ct_picture_source)(void *ctx, int32_t most, uint8_t *rgb, int32_t *n, ct_error *err);
/* Pictures only, as items of `platform` without text or id, CT_ENCODE_ROWS at a time until the source has no more:
 * vectors [n, D] has room for all that it can give. */
ct_status ct_encode_pictures(ct_model *model, ct_batcher *batcher, ct_picture_source source, void *ctx, int32_t platform,
                             float *vectors, int64_t *n, ct_error *err);
/* One text as a user of `platform`: vector [D]. */
ct_status ct_encode_text(ct_model *model, ct_batcher *batcher, const char *text, int32_t platform, float *vector,
                         ct_error *err);

#endif
