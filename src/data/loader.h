/* From a dataset to batches: the sampler (a pure function of seed and step), the builder, and the thread that builds
 * ahead. */
#ifndef CT_DATA_LOADER_H
#define CT_DATA_LOADER_H

#include "data/batch.h"
#include "data/split.h"
#include "data/user_text.h"

/* The sampler. Training pairs of platform p are walked in an order that is shuffled anew each pass; how many pairs of
 * each platform a batch holds follows n_p^(1 / platform_temperature), by exact quotas over the steps (a mixed batch) or
 * by whole batches of one platform (homogeneous). State: (seed, step) and nothing else. */
typedef struct ct_sampler ct_sampler;

typedef struct ct_pair {
    int32_t user;
    int64_t interaction;
} ct_pair;

ct_status ct_sampler_create(ct_sampler **out, const ct_dataset *data, const ct_split *split, const ct_config *config,
                            ct_error *err);
void ct_sampler_free(ct_sampler *s); /* accepts NULL */
/* The train.batch pairs of a step. */
void ct_sampler_pairs(const ct_sampler *s, int64_t step, ct_pair *pairs);
/* Steps in `epochs` passes: ceil(epochs * n_train / batch), at least 1. */
int64_t ct_sampler_steps(const ct_sampler *s, double epochs);
/* log q of an item (the chance that a pair drawn by this sampler, from the mixture, or, in homogeneous batches or with
 * negatives of the own platform only, from the item's platform, is one of the item's) and of a user. */
float ct_sampler_item_logq(const ct_sampler *s, int32_t item);
float ct_sampler_user_logq(const ct_sampler *s, int32_t user);

/* Fills batches. One a thread: it owns scratch. What it is created from is borrowed for its life. A person or an entity
 * without a training interaction is unknown to the id tables: its vector was never trained, so its bag stays empty. */
typedef struct ct_batcher ct_batcher;

ct_status ct_batcher_create(ct_batcher **out, const ct_dataset *data, const ct_split *split, const ct_sampler *sampler,
                            const ct_config *config, ct_error *err); /* sampler may be NULL when only encoding */
void ct_batcher_free(ct_batcher *b); /* accepts NULL */

/* Caps of a training batch of this config, and of an encoding pass of rows users or items. */
ct_batch_caps ct_batcher_train_caps(const ct_batcher *b);
ct_batch_caps ct_batcher_encode_caps(const ct_batcher *b, int32_t rows);

/* The training batch of a step; no allocation. Ids and parts of the text are hidden by counter: stream
 * (seed, step, "id_dropout" / "part_dropout"), counter the pair's place in the batch. */
ct_status ct_batcher_train(ct_batcher *b, int64_t step, ct_batch *batch, ct_error *err);
/* For encoding: moments[n] into batch->users; items[n] (ascending or not, distinct) into batch->items in the order
 * given. n at most the caps' rows. Nothing is hidden. */
ct_status ct_batcher_users(ct_batcher *b, const ct_moment *moments, int32_t n, ct_batch *batch, ct_error *err);
ct_status ct_batcher_items(ct_batcher *b, const int32_t *items, int32_t n, ct_batch *batch, ct_error *err);
/* n users, or items, of a platform who are only a text, without id or history: texts[rows[0..n)], each cut to what the
 * tower reads, into that side of the batch (an item's number is then -1). n at most the caps' rows. */
typedef enum ct_side { CT_SIDE_USER, CT_SIDE_ITEM } ct_side;
ct_status ct_batcher_texts(ct_batcher *b, ct_side side, const ct_token_lists *texts, const int64_t *rows, int32_t n,
                           int32_t platform, ct_batch *batch, ct_error *err);
/* n items of a platform who are only a picture: pictures [n, P, P, 3], P the dataset's picture_size. */
ct_status ct_batcher_pictures(ct_batcher *b, const uint8_t *pictures, int32_t n, int32_t platform, ct_batch *batch,
                              ct_error *err);
/* The most tokens of a text that a tower reads, [CLS] and [SEP] apart; 0: it reads none. */
int32_t ct_batcher_text_limit(const ct_batcher *b, ct_side side);
/* One user who is only a text. Tokenises; may allocate. */
ct_status ct_batcher_text(ct_batcher *b, const char *text, int32_t platform, ct_batch *batch, ct_error *err);

/* Builds train batches ahead in a thread of its own. */
typedef struct ct_loader ct_loader;

/* Starts at first_step; depth batches ahead. Allocates all buffers here. */
ct_status ct_loader_create(ct_loader **out, const ct_dataset *data, const ct_split *split, const ct_sampler *sampler,
                           const ct_config *config, int64_t first_step, int64_t last_step, int depth, ct_error *err);
void ct_loader_free(ct_loader *l); /* stops and joins; accepts NULL */
/* The next step's batch, borrowed until the next call; NULL in *batch after last_step - 1. An error in the thread comes
 * out here. *waited_s (may be NULL) grows by the seconds spent waiting. */
ct_status ct_loader_next(ct_loader *l, const ct_batch **batch, double *waited_s, ct_error *err);

#endif
