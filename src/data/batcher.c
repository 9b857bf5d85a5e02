/* Fills batches from the dataset: packs texts, bags ids, and for training adds pairs, masks, logQ and segments. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/batcher.h"
#include "data/batcher_modalities.h"
#include "data/batcher_pictures.h"
#include "data/history.h"

/* Apart in the counter of the id_dropout stream. */
enum { HIDE_PERSON, HIDE_HISTORY, HIDE_ITEM };
/* Apart from the parts of the text, in the counter of the part_dropout stream. */
enum { HIDE_TEXT, HIDE_LATEST };

struct ct_batcher {
    const ct_dataset *data; /* borrowed for the batcher's life, as are the other four */
    const ct_split *split;
    const ct_sampler *sampler; /* NULL: encoding only */
    const ct_config *config;
    ct_user_text *text;
    ct_special_tokens special;
    int32_t user_limit, item_limit; /* most tokens of a row without [CLS] and [SEP]; 0: no text */
    int32_t history, n_latest;      /* entries of the bags; 0: none */
    ct__modalities modalities;
    bool *person_known, *entity_known; /* with a training interaction: the others' id vectors were never trained */
    int64_t *latest;                /* [most entries of a bag]: interactions */
    ct_token_buffer tokens;         /* of ct_batcher_text */
    /* training only */
    int32_t max_pairs, max_items;
    ct_pair *pairs;
    ct__sorter sorter;
    ct__known known;
};

static int32_t specials_of(const ct_config_encoder *encoder) { return encoder->kind == CT_ENCODER_TRANSFORMER ? 2 : 0; }

static ct_status check_range(const char *key, int64_t found, int64_t least, int64_t most, ct_error *err) {
    if (found >= least && found <= most) return CT_OK;
    return ct_fail(err, CT_ERR_CONFIG, "%s: found %lld, want from %lld to %lld", key, (long long)found,
                   (long long)least, (long long)most);
}

static ct_status text_limit(const char *key, const ct_config_encoder *encoder, int64_t tokens, int32_t *limit,
                            ct_error *err) {
    *limit = 0;
    if (encoder->kind == CT_ENCODER_NONE) return CT_OK;
    const int32_t specials = specials_of(encoder);
    CT_CHECK(check_range(key, tokens, specials + 1, INT32_MAX, err));
    *limit = (int32_t)tokens - specials;
    return CT_OK;
}

static ct_status mark_known(ct_batcher *b, ct_error *err) {
    const ct_dataset *data = b->data;
    CT_CHECK(ct_calloc((size_t)data->n_persons, sizeof(bool), (void **)&b->person_known, err));
    CT_CHECK(ct_calloc((size_t)data->n_entities, sizeof(bool), (void **)&b->entity_known, err));
    for (int64_t u = 0; u < data->n_users; u++) {
        for (int64_t k = data->inter_begin[u]; k < b->split->train_end[u]; k++) {
            b->person_known[data->user_person[u]] = true;
            b->entity_known[data->item_entity[data->inter_item[k]]] = true;
        }
    }
    return CT_OK;
}

static ct_status prepare_training(ct_batcher *b, ct_error *err) {
    const ct_batch_caps caps = ct_batcher_train_caps(b);
    const int64_t entries[] = {(int64_t)caps.pairs * caps.user_tokens, (int64_t)caps.items * caps.item_tokens,
                               caps.items + (int64_t)caps.pairs * caps.history, caps.pairs};
    int64_t most = 0;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) most = entries[i] > most ? entries[i] : most;
    if (most > INT32_MAX) {
        return ct_fail(err, CT_ERR_CONFIG, "train.batch: %d pairs make lists of %lld entries, want fewer than 2^31",
                       caps.pairs, (long long)most);
    }
    CT_CHECK(ct_calloc((size_t)caps.pairs, sizeof *b->pairs, (void **)&b->pairs, err));
    CT_CHECK(ct__sorter_create(&b->sorter, (int32_t)most, err));
    return ct__known_create(&b->known, b->data, b->split, caps.items, err);
}

static ct_status set_up(ct_batcher *b, ct_error *err) {
    const ct_config *config = b->config;
    const ct_config_model *model = &config->model;
    CT_CHECK(text_limit("data.max_user_tokens", &model->user, config->data.max_user_tokens, &b->user_limit, err));
    CT_CHECK(text_limit("data.max_item_tokens", &model->item, config->data.max_item_tokens, &b->item_limit, err));
    CT_CHECK(check_range("model.ids.history", model->id_history, 0, INT32_MAX, err));
    CT_CHECK(check_range("model.history", model->history, 0, INT32_MAX, err));
    CT_CHECK(check_range("data.bucket", config->data.bucket, 1, INT32_MAX / 2, err));
    if (model->image.kind != CT_IMAGE_NONE)
        CT_CHECK(check_range("pictures in the cache, data.picture_size", b->data->picture_size, model->image.size, 4096,
                             err));
    CT_CHECK(ct__modalities_create(&b->modalities, b->data, model, err));
    b->special = ct_tokenizer_special(b->data->tokenizer);
    b->history = model->id_items > 0 ? (int32_t)model->id_history : 0;
    b->n_latest = (int32_t)model->history;
    const int32_t most = b->history > b->n_latest ? b->history : b->n_latest;
    CT_CHECK(ct_calloc((size_t)most, sizeof *b->latest, (void **)&b->latest, err));
    if (b->user_limit > 0) {
        CT_CHECK(ct_user_text_create(&b->text, config->data.user_text, b->data->tokenizer, err));
    }
    CT_CHECK(mark_known(b, err));
    if (!b->sampler) return CT_OK;
    b->max_pairs = (int32_t)config->train.batch; /* the sampler checked its range */
    b->max_items = b->data->n_items < b->max_pairs ? (int32_t)b->data->n_items : b->max_pairs;
    return prepare_training(b, err);
}

ct_status ct_batcher_create(ct_batcher **out, const ct_dataset *data, const ct_split *split, const ct_sampler *sampler,
                            const ct_config *config, ct_error *err) {
    ct_status st = CT_OK;
    ct_batcher *b = NULL;
    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *b, (void **)&b, err), st, done);
    b->data = data;
    b->split = split;
    b->sampler = sampler;
    b->config = config;
    CT_TRY(set_up(b, err), st, done);
    *out = b;
    b = NULL;
done:
    ct_batcher_free(b);
    return st;
}

void ct_batcher_free(ct_batcher *b) {
    if (!b) return;
    ct_user_text_free(b->text);
    ct__modalities_free(&b->modalities);
    ct_free(b->person_known);
    ct_free(b->entity_known);
    ct_free(b->latest);
    ct_token_buffer_free(&b->tokens);
    ct_free(b->pairs);
    ct__sorter_free(&b->sorter);
    ct__known_free(&b->known);
    ct_free(b);
}

ct_batch_caps ct_batcher_encode_caps(const ct_batcher *b, int32_t rows) {
    ct_batch_caps caps = {0};
    caps.pairs = caps.items = rows;
    caps.user_tokens = b->user_limit > 0 ? b->user_limit + specials_of(&b->config->model.user) : 0;
    caps.item_tokens = b->item_limit > 0 ? b->item_limit + specials_of(&b->config->model.item) : 0;
    caps.history = b->history;
    caps.latest = b->n_latest;
    caps.bucket = (int32_t)b->config->data.bucket;
    caps.n_platforms = b->data->n_platforms;
    if (b->config->model.image.kind != CT_IMAGE_NONE) caps.picture_size = b->data->picture_size;
    caps.vector_width = b->modalities.vector_width;
    caps.n_modalities = b->modalities.n;
    return caps;
}

/* A pair masks at most every item of the batch, and at most what the person with the most known items knows. */
ct_batch_caps ct_batcher_train_caps(const ct_batcher *b) {
    ct_batch_caps caps = ct_batcher_encode_caps(b, b->max_pairs);
    caps.items = b->max_items;
    caps.mask_entries = caps.pairs * (b->known.widest < caps.items ? b->known.widest : (int64_t)caps.items);
    caps.training = true;
    caps.augment = caps.picture_size > 0 && (b->config->model.image.crop < 1.0 || b->config->model.image.flip ||
                                             b->config->model.image.colour > 0.0);
    return caps;
}

static void pack_clear(ct_token_pack *pack) {
    pack->n_rows = pack->n_tokens = pack->n_padded = pack->max_length = 0;
    pack->offsets[0] = 0;
    pack->by_id.n_unique = pack->by_pos.n_unique = 0;
}

/* Closes a row whose n words the caller wrote behind the place for [CLS], if any. */
static void pack_row(const ct_batcher *b, ct_token_pack *pack, int32_t specials, int32_t n) {
    const int32_t row = pack->n_rows++, from = pack->n_tokens, length = n + specials;
    if (specials) {
        pack->ids[from] = b->special.cls;
        pack->ids[from + length - 1] = b->special.sep;
    }
    for (int32_t i = 0; i < length; i++) {
        pack->pos[from + i] = i;
        pack->row[from + i] = row;
    }
    pack->row_of[row] = row;
    pack->n_tokens = pack->offsets[row + 1] = from + length;
    if (length > pack->max_length) pack->max_length = length;
}

/* Fills up to the bucket. */
static void pack_close(const ct_batcher *b, ct_token_pack *pack) {
    const int64_t bucket = b->config->data.bucket;
    pack->n_padded = (int32_t)((pack->n_tokens + bucket - 1) / bucket * bucket);
    for (int32_t i = pack->n_tokens; i < pack->n_padded; i++) {
        pack->ids[i] = b->special.pad;
        pack->pos[i] = 0;
        pack->row[i] = pack->n_rows;
    }
}

static int32_t *pack_end(const ct_token_pack *pack, int32_t specials) {
    return pack->ids + pack->n_tokens + specials / 2; /* behind [CLS] */
}

static void bag_clear(ct_bag *bag) {
    bag->n_rows = bag->n_entries = 0;
    bag->offsets[0] = 0;
}

/* Closes a row whose entries the caller added: `length` times their mean. */
static void bag_scaled_row(ct_bag *bag, float length) {
    const int32_t n = bag->n_entries - bag->offsets[bag->n_rows];
    bag->scale[bag->n_rows] = n > 0 ? length / (float)n : 0.0f;
    bag->offsets[++bag->n_rows] = bag->n_entries;
}

static void bag_row(ct_bag *bag) { bag_scaled_row(bag, 1.0f); }

static void users_clear(ct_user_side *users) {
    users->n_rows = 0;
    users->by_platform.n_unique = 0;
    pack_clear(&users->text);
    bag_clear(&users->person);
    bag_clear(&users->history);
    bag_clear(&users->latest);
}

static void items_clear(const ct_batcher *b, ct_item_side *items) {
    const ct_batch_caps caps = ct_batcher_encode_caps(b, 0);
    ct__pictures_clear(items, &caps);
    ct__modalities_clear(&b->modalities, items);
    items->n_rows = 0;
    items->by_platform.n_unique = 0;
    pack_clear(&items->text);
    bag_clear(&items->entity);
}

/* Both bags come from the latest items: the first n_ids of them by entity, the first n_vectors themselves. */
static void add_latest(ct_batcher *b, ct_user_side *users, ct_moment moment, int32_t n_ids, int32_t n_vectors) {
    ct_bag *ids = &users->history, *vectors = &users->latest;
    const int32_t most = n_ids > n_vectors ? n_ids : n_vectors;
    const int n = most > 0 ? ct__history(b->data, b->split, moment, CT__LATEST_ENTITIES, most, b->latest) : 0;
    for (int i = 0; i < n; i++) {
        const int32_t item = b->data->inter_item[b->latest[i]], entity = b->data->item_entity[item];
        if (i < n_ids && b->entity_known[entity]) ids->ids[ids->n_entries++] = entity;
        if (i < n_vectors) vectors->ids[vectors->n_entries++] = item;
    }
}

static void add_user_text(ct_batcher *b, ct_token_pack *pack, ct_moment moment, unsigned parts) {
    if (b->user_limit == 0) return;
    const int32_t specials = specials_of(&b->config->model.user);
    int32_t *ids = pack_end(pack, specials);
    int n = ct_user_text_compose(b->text, b->data, b->split, moment, parts, b->user_limit, ids);
    if (n == 0 && parts != CT_PART_ALL) { /* all that there is was hidden: show it */
        n = ct_user_text_compose(b->text, b->data, b->split, moment, CT_PART_ALL, b->user_limit, ids);
    }
    pack_row(b, pack, specials, n);
}

/* What of a user is shown. */
typedef struct shown_user {
    unsigned parts; /* of the text */
    bool person, history, latest;
} shown_user;

static void add_user(ct_batcher *b, ct_user_side *users, ct_moment moment, shown_user shown) {
    const int32_t person = b->data->user_person[moment.user];
    users->platform[users->n_rows++] = b->data->user_platform[moment.user];
    add_user_text(b, &users->text, moment, shown.parts);
    if (b->config->model.id_users > 0 && shown.person && b->person_known[person]) {
        users->person.ids[users->person.n_entries++] = person;
    }
    bag_row(&users->person);
    add_latest(b, users, moment, shown.history ? b->history : 0, shown.latest ? b->n_latest : 0);
    bag_row(&users->history);
    bag_scaled_row(&users->latest, sqrtf((float)b->config->model.dim));
}

/* The random streams of an item row in training; NULL: nothing is hidden, or changed. */
typedef struct item_keys {
    const ct_rng_key *modality, *augment;
} item_keys;

static void add_item(ct_batcher *b, ct_item_side *items, int32_t item, bool show_entity, item_keys keys) {
    const ct_dataset *data = b->data;
    const int32_t entity = data->item_entity[item];
    const int64_t begin = data->item_tokens.begin[item];
    const uint8_t *picture = ct_dataset_picture(data, item);
    int64_t n = data->item_tokens.begin[item + 1] - begin;
    items->item[items->n_rows] = item;
    items->platform[items->n_rows++] = data->item_platform[item];
    ct__modalities_add(&b->modalities, items, n > 0, picture != NULL, keys.modality, b->config->model.modality_dropout);
    if (b->item_limit > 0) {
        const int32_t specials = specials_of(&b->config->model.item);
        if (n > b->item_limit) n = b->item_limit;
        if (!ct__modalities_shown(items, b->modalities.text)) n = 0;
        if (n > 0) memcpy(pack_end(&items->text, specials), data->item_tokens.ids + begin, (size_t)n * sizeof(int32_t));
        pack_row(b, &items->text, specials, (int32_t)n);
    }
    if (b->config->model.id_items > 0 && show_entity && b->entity_known[entity]) {
        items->entity.ids[items->entity.n_entries++] = entity;
    }
    bag_row(&items->entity);
    ct__pictures_add(items, &b->config->model.image,
                     ct__modalities_shown(items, b->modalities.image) ? picture : NULL, keys.augment);
}

static bool hidden(ct_rng_key key, int32_t row, uint32_t what, double probability) {
    return ct_rng_unit(ct_philox4x32((uint32_t)row, what, 0, 0, key.k0, key.k1).v[0]) < probability;
}

static unsigned shown_parts(ct_rng_key key, int32_t row, double probability) {
    static const unsigned part[] = {CT_PART_PROFILE, CT_PART_TITLES, CT_PART_REVIEWS};
    const ct_philox random = ct_philox4x32((uint32_t)row, HIDE_TEXT, 0, 0, key.k0, key.k1);
    unsigned parts = CT_PART_ALL;
    for (int i = 0; i < 3; i++) {
        if (ct_rng_unit(random.v[i]) < probability) parts &= ~part[i];
    }
    return parts;
}

/* The distinct items of the pairs, ascending, and each pair's place among them. */
static void train_items(ct_batcher *b, ct_batch *batch, ct_rng_key key) {
    const double dropout = b->config->model.id_dropout;
    const uint64_t seed = (uint64_t)b->config->seed, step = (uint64_t)batch->step;
    const ct_rng_key modality_key = ct_rng_key_make(seed, step, ct_hash_name("modality_dropout"));
    const ct_rng_key augment_key = ct_rng_key_make(seed, step, ct_hash_name("augment"));
    const item_keys keys = {&modality_key, batch->items.crop ? &augment_key : NULL};
    ct__sorter *s = &b->sorter;
    for (int32_t i = 0; i < batch->n_pairs; i++) s->input[i] = b->data->inter_item[b->pairs[i].interaction];
    ct__sort(s, s->input, batch->n_pairs);
    const int32_t *item = s->key[s->now], *pair = s->index[s->now];
    items_clear(b, &batch->items);
    for (int32_t i = 0; i < batch->n_pairs; i++) {
        if (i == 0 || item[i] != item[i - 1]) {
            const int32_t row = batch->items.n_rows;
            add_item(b, &batch->items, item[i], !hidden(key, row, HIDE_ITEM, dropout), keys);
            batch->item_logq[row] = ct_sampler_item_logq(b->sampler, item[i]);
        }
        batch->pos[pair[i]] = batch->items.n_rows - 1;
    }
    ct__modalities_close(&batch->items);
    pack_close(b, &batch->items.text);
}

static void train_users(ct_batcher *b, ct_batch *batch, ct_rng_key id_key, ct_rng_key part_key) {
    const double dropout = b->config->model.id_dropout, part_dropout = b->config->train.part_dropout;
    users_clear(&batch->users);
    memset(batch->platform_pairs, 0, (size_t)b->data->n_platforms * sizeof(int32_t));
    for (int32_t i = 0; i < batch->n_pairs; i++) {
        const ct_pair pair = b->pairs[i];
        const shown_user shown = {shown_parts(part_key, i, part_dropout), !hidden(id_key, i, HIDE_PERSON, dropout),
                                  !hidden(id_key, i, HIDE_HISTORY, dropout),
                                  !hidden(part_key, i, HIDE_LATEST, part_dropout)};
        add_user(b, &batch->users, ct_moment_before(b->data, pair.user, pair.interaction), shown);
        batch->weight[i] = b->data->inter_weight[pair.interaction];
        batch->user_logq[i] = ct_sampler_user_logq(b->sampler, pair.user);
        batch->platform_pairs[b->data->user_platform[pair.user]]++;
    }
    pack_close(b, &batch->users.text);
}

static void train_segments(ct_batcher *b, ct_batch *batch) {
    ct_token_pack *packs[] = {&batch->users.text, &batch->items.text};
    for (int i = 0; i < 2; i++) {
        ct__segments_fill(&b->sorter, packs[i]->ids, packs[i]->n_tokens, &packs[i]->by_id);
        ct__segments_fill(&b->sorter, packs[i]->pos, packs[i]->n_tokens, &packs[i]->by_pos);
    }
    ct__segments_fill(&b->sorter, batch->users.platform, batch->users.n_rows, &batch->users.by_platform);
    ct__segments_fill(&b->sorter, batch->items.platform, batch->items.n_rows, &batch->items.by_platform);
    ct__table_segments_fill(&b->sorter, &batch->users.person, &batch->person_seg, NULL, NULL, &batch->person_rows);
    ct__table_segments_fill(&b->sorter, &batch->items.entity, &batch->entity_seg, &batch->users.history,
                            &batch->history_seg, &batch->entity_rows);
}

ct_status ct_batcher_train(ct_batcher *b, int64_t step, ct_batch *batch, ct_error *err) {
    if (!b->sampler) return ct_fail(err, CT_ERR_ARGUMENT, "batcher: made without a sampler, so it cannot train");
    if (!batch->pos) return ct_fail(err, CT_ERR_ARGUMENT, "batcher: a batch for encoding, want one for training");
    if (step < 0 || step > INT64_MAX / 2 / b->max_pairs - 64) { /* 64: the sampler looks ahead by a block */
        return ct_fail(err, CT_ERR_ARGUMENT, "batcher: step %lld, want from 0 to 2^62 / train.batch", (long long)step);
    }
    const uint64_t seed = (uint64_t)b->config->seed;
    const ct_rng_key id_key = ct_rng_key_make(seed, (uint64_t)step, ct_hash_name("id_dropout"));
    const ct_rng_key part_key = ct_rng_key_make(seed, (uint64_t)step, ct_hash_name("part_dropout"));
    batch->step = step;
    batch->n_pairs = b->max_pairs;
    ct_sampler_pairs(b->sampler, step, b->pairs);
    train_items(b, batch, id_key);
    train_users(b, batch, id_key, part_key);
    ct__known_masks(&b->known, b->data, b->pairs, batch);
    train_segments(b, batch);
    return CT_OK;
}

ct_status ct_batcher_users(ct_batcher *b, const ct_moment *moments, int32_t n, ct_batch *batch, ct_error *err) {
    users_clear(&batch->users);
    batch->n_pairs = 0;
    for (int32_t i = 0; i < n; i++) {
        if (moments[i].user < 0 || moments[i].user >= b->data->n_users) {
            return ct_fail(err, CT_ERR_ARGUMENT, "batcher: user %d, want from 0 to %lld", moments[i].user,
                           (long long)b->data->n_users - 1);
        }
        add_user(b, &batch->users, moments[i], (shown_user){CT_PART_ALL, true, true, true});
    }
    pack_close(b, &batch->users.text);
    return CT_OK;
}

ct_status ct_batcher_items(ct_batcher *b, const int32_t *items, int32_t n, ct_batch *batch, ct_error *err) {
    items_clear(b, &batch->items);
    batch->n_pairs = 0;
    for (int32_t i = 0; i < n; i++) {
        if (items[i] < 0 || items[i] >= b->data->n_items) {
            return ct_fail(err, CT_ERR_ARGUMENT, "batcher: item %d, want from 0 to %lld", items[i],
                           (long long)b->data->n_items - 1);
        }
        add_item(b, &batch->items, items[i], true, (item_keys){NULL, NULL});
    }
    ct__modalities_close(&batch->items);
    pack_close(b, &batch->items.text);
    return CT_OK;
}

int32_t ct_batcher_text_limit(const ct_batcher *b, ct_side side) {
    return side == CT_SIDE_USER ? b->user_limit : b->item_limit;
}

/* True: the text is not empty, and read. */
static bool add_text(ct_batcher *b, ct_side side, const ct_token_lists *texts, int64_t text, ct_token_pack *pack) {
    const int32_t limit = ct_batcher_text_limit(b, side);
    if (limit == 0) return false;
    const int32_t specials = specials_of(side == CT_SIDE_USER ? &b->config->model.user : &b->config->model.item);
    int64_t n = texts->begin[text + 1] - texts->begin[text];
    if (n > limit) n = limit;
    if (n > 0) memcpy(pack_end(pack, specials), texts->ids + texts->begin[text], (size_t)n * sizeof(int32_t));
    pack_row(b, pack, specials, (int32_t)n);
    return n > 0;
}

static ct_status check_platform(const ct_batcher *b, int32_t platform, ct_error *err) {
    if (platform >= 0 && platform < b->data->n_platforms) return CT_OK;
    return ct_fail(err, CT_ERR_ARGUMENT, "batcher: platform %d, want from 0 to %d", platform, b->data->n_platforms - 1);
}

ct_status ct_batcher_texts(ct_batcher *b, ct_side side, const ct_token_lists *texts, const int64_t *rows, int32_t n,
                           int32_t platform, ct_batch *batch, ct_error *err) {
    ct_user_side *users = &batch->users;
    ct_item_side *items = &batch->items;
    CT_CHECK(check_platform(b, platform, err));
    batch->n_pairs = 0;
    if (side == CT_SIDE_USER) users_clear(users);
    else items_clear(b, items);
    for (int32_t i = 0; i < n; i++) {
        if (side == CT_SIDE_USER) {
            users->platform[users->n_rows++] = platform;
            add_text(b, side, texts, rows[i], &users->text);
            bag_row(&users->person);
            bag_row(&users->history);
            bag_row(&users->latest);
        } else {
            items->item[items->n_rows] = -1;
            items->platform[items->n_rows++] = platform;
            const bool has_text = add_text(b, side, texts, rows[i], &items->text);
            bag_row(&items->entity);
            ct__modalities_add(&b->modalities, items, has_text, false, NULL, 0.0);
            ct__pictures_add(items, &b->config->model.image, NULL, NULL);
        }
    }
    if (side == CT_SIDE_ITEM) ct__modalities_close(items);
    pack_close(b, side == CT_SIDE_USER ? &users->text : &items->text);
    return CT_OK;
}

ct_status ct_batcher_pictures(ct_batcher *b, const uint8_t *pictures, int32_t n, int32_t platform, ct_batch *batch,
                              ct_error *err) {
    ct_item_side *items = &batch->items;
    const size_t side = (size_t)b->data->picture_size;
    CT_CHECK(check_platform(b, platform, err));
    if (b->config->model.image.kind == CT_IMAGE_NONE)
        return ct_fail(err, CT_ERR_ARGUMENT, "batcher: pictures, but model.item.image is none");
    batch->n_pairs = 0;
    items_clear(b, items);
    for (int32_t i = 0; i < n; i++) {
        items->item[items->n_rows] = -1;
        items->platform[items->n_rows++] = platform;
        if (b->item_limit > 0) pack_row(b, &items->text, specials_of(&b->config->model.item), 0);
        bag_row(&items->entity);
        ct__modalities_add(&b->modalities, items, false, true, NULL, 0.0);
        ct__pictures_add(items, &b->config->model.image, pictures + (size_t)i * side * side * 3, NULL);
    }
    ct__modalities_close(items);
    pack_close(b, &items->text);
    return CT_OK;
}

ct_status ct_batcher_text(ct_batcher *b, const char *text, int32_t platform, ct_batch *batch, ct_error *err) {
    const int64_t only = 0;
    b->tokens.count = 0;
    if (b->user_limit > 0)
        CT_CHECK(ct_tokenize(b->data->tokenizer, text, strlen(text), (size_t)b->user_limit, &b->tokens, err));
    const int64_t begin[] = {0, (int64_t)b->tokens.count};
    const ct_token_lists texts = {begin, b->tokens.ids};
    return ct_batcher_texts(b, CT_SIDE_USER, &texts, &only, 1, platform, batch, err);
}
