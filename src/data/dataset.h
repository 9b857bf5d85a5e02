/* The prepared data of a run: a read-only, memory-mapped cache that `prepare` writes once.
 *
 * Users and items of all platforms are numbered densely, platform after platform, in the order of the files (so "user
 * u" and "item i" are global numbers; platform p owns users [user_begin[p], user_begin[p + 1]) and likewise items).
 * A person is one or more users linked by a shared key or a link file; an entity is one or more items linked likewise;
 * a user or an item without a link is a person or an entity of its own. All arrays lie in the map. */
#ifndef CT_DATA_DATASET_H
#define CT_DATA_DATASET_H

#include <stdint.h>

#include "base/error.h"
#include "config/config.h"
#include "data/tokenizer.h"

/* Strings of bytes[begin[i]] .. bytes[begin[i + 1]] - 1, the last byte of each being its NUL. */
typedef struct ct_strings {
    const int64_t *begin; /* [n + 1] */
    const char *bytes;
} ct_strings;

static inline const char *ct_strings_get(const ct_strings *s, int64_t i) { return s->bytes + s->begin[i]; }

/* Token lists ids[begin[i]] .. ids[begin[i + 1]] - 1, without [CLS] and [SEP]. */
typedef struct ct_token_lists {
    const int64_t *begin; /* [n + 1] */
    const int32_t *ids;
} ct_token_lists;

/* A modality of items by precomputed vectors. */
typedef struct ct_item_vectors {
    const char *name;
    int32_t width;
    int64_t n_rows;
    const float *rows;       /* [n_rows, width], finite */
    const int32_t *item_row; /* [n_items]: the item's row, -1: missing */
} ct_item_vectors;

typedef struct ct_dataset {
    int32_t n_platforms;
    int64_t n_users, n_items, n_interactions, n_persons, n_entities;
    ct_strings platform_name;           /* [P] */
    const int64_t *user_begin, *item_begin; /* [P + 1] */
    const int32_t *user_platform;       /* [n_users] */
    const int32_t *item_platform;       /* [n_items] */

    ct_strings user_id, user_profile;   /* [n_users]; external id, profile text ("" when there is none) */
    ct_strings item_id, item_title, item_text, item_category, item_image; /* [n_items]; "" when there is none */
    const int32_t *user_person;         /* [n_users] in [0, n_persons) */
    const int32_t *item_entity;         /* [n_items] in [0, n_entities) */
    const int64_t *person_begin;        /* [n_persons + 1]: the users of a person ... */
    const int32_t *person_user;         /* [n_users]: ... ascending */

    int32_t picture_size;               /* P; 0: pictures were not read */
    int64_t n_pictures;
    const uint8_t *pictures;            /* [n_pictures, P, P, 3] RGB */
    const int32_t *item_picture;        /* [n_items]: row of pictures, -1: missing or broken */

    int32_t n_vectors;
    const ct_item_vectors *vectors;     /* [n_vectors], all that the platforms give */

    ct_token_lists profile_tokens;      /* [n_users] */
    ct_token_lists title_tokens;        /* [n_items], at most data.max_title_tokens each */
    ct_token_lists item_tokens;         /* [n_items]: title, category, text; at most data.max_item_tokens each */

    /* Interactions, by user, then time, then place in the files. */
    const int64_t *inter_begin;         /* [n_users + 1] */
    const int32_t *inter_item;          /* [n_interactions] */
    const int64_t *inter_time;          /* seconds since 1970; 0 where the data has no times */
    const float *inter_weight;          /* > 0 */
    ct_token_lists review_tokens;       /* [n_interactions], at most data.max_review_tokens each */

    int64_t test_time, valid_time;      /* split "time": first second of test and of validation */
    const ct_tokenizer *tokenizer;      /* owned by the dataset */
    uint64_t hash;                      /* of the whole content: what checkpoints and bundles name */
    struct ct_dataset_store *store;     /* the map and what else is to be freed */
} ct_dataset;

/* What prepare counted, for the person who runs it (see the printed table in docs/data.md). */
typedef struct ct_prepare_platform {
    const char *name;
    int64_t n_users, n_items, n_interactions;      /* kept */
    int64_t rows_read, bad_rows;                   /* all files of the platform */
    int64_t unknown_users, unknown_items;          /* interactions that name an id the files lack (bad rows too) */
    int64_t below_rating, dropped_events, below_k_core, repeated; /* left out, by reason */
    int64_t linked_users, linked_items;            /* with a counterpart on another platform */
    int64_t without_text, without_image;           /* items; without_image counts broken_images too */
    int64_t broken_images;                         /* named, but not there or not decodable */
} ct_prepare_platform;

/* What was counted of a platform's vectors of a modality. */
typedef struct ct_prepare_vectors {
    const char *name;
    int64_t unknown; /* rows whose id is no item of the platform */
    int64_t broken;  /* kept items whose vector holds a value that is not finite */
    int64_t missing; /* kept items without a vector, the broken ones too */
} ct_prepare_vectors;

typedef struct ct_prepare_report {
    ct_prepare_platform *platforms;
    int n_platforms;
    ct_prepare_vectors *vectors; /* [n_platforms, n_vectors] */
    int n_vectors;
    int64_t n_persons, n_entities, vocab_size;
    int64_t test_time, valid_time;
    uint64_t hash;
    bool reused;       /* the cache was there and fits */
    char *why_rebuilt; /* "the configuration changed (data.vocab_size)", "items.csv is newer", "corrupt: ..."; NULL: first time */
    char **first_bad;  /* "file:line: reason", at most 10 a platform */
    int n_first_bad;
} ct_prepare_report;

/* Makes the cache in config->data.cache unless a fitting one is there (same format version, same relevant settings,
 * same input files by path, size and time, whole by its checksums); rebuilds otherwise and says why. The cache appears
 * atomically. force: rebuild anyway. An interrupted or failed prepare leaves an old cache as it was.
 * CT_ERR_DATA when bad rows pass data.max_bad_rows (first ones in the message), a platform has no interaction left,
 * a link file joins nobody ("zero overlap"), or an id stands on both ends of nothing; CT_ERR_FORMAT / IO otherwise. */
ct_status ct_prepare(const ct_config *config, bool force, ct_prepare_report *report, ct_error *err);
void ct_prepare_report_free(ct_prepare_report *report);

/* Opens a cache; verify also checks every section's checksum (else only the header's). CT_ERR_FORMAT names the file,
 * and says truncated, corrupt, or another version. */
ct_status ct_dataset_open(ct_dataset **out, const char *cache_dir, bool verify, ct_error *err);
void ct_dataset_close(ct_dataset *data); /* accepts NULL */

/* An item's picture [P, P, 3]; NULL when there is none. */
const uint8_t *ct_dataset_picture(const ct_dataset *data, int32_t item);
/* NULL when there is none. */
const ct_item_vectors *ct_dataset_find_vectors(const ct_dataset *data, const char *name);
/* -1 when there is none. */
int32_t ct_dataset_platform(const ct_dataset *data, const char *name);
int64_t ct_dataset_find_user(const ct_dataset *data, int32_t platform, const char *id);
int64_t ct_dataset_find_item(const ct_dataset *data, int32_t platform, const char *id);

#endif
