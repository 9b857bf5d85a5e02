/* What one run of prepare holds, from the first row read to the last section written. */
#ifndef CT_DATA_PREPARE_STATE_H
#define CT_DATA_PREPARE_STATE_H

#include "base/hash.h"
#include "base/npy.h"
#include "base/str.h"
#include "data/dataset.h"
#include "data/links.h"
#include "data/prepare_texts.h"

/* Input files: sorted by name, each once. */
typedef struct ct__input {
    char *path;
    int64_t size, mtime_ns;
} ct__input;

typedef struct ct__inputs {
    ct__input *v;
    size_t n, capacity;
} ct__inputs;

typedef struct ct__raw_item {
    int64_t title, text, category, image; /* in ct__texts */
    int32_t file;                         /* of the platform's item files: pictures lie beside it */
} ct__raw_item;

typedef struct ct__raw_user {
    int64_t profile;
    bool listed; /* in a users file, not only named by an interaction */
} ct__raw_user;

typedef struct ct__raw_inter {
    int64_t time, review;
    int32_t user, item; /* raw numbers */
    float weight;
    int32_t event; /* number of its name; 0: none */
} ct__raw_inter;

typedef struct ct__raw_platform {
    const ct_config_platform *config;
    int32_t index;
    ct__inputs items, users, interactions, vectors;
    ct_strmap *user_ids, *item_ids; /* external id to the number within the platform, in order */
    int64_t user_begin, item_begin; /* raw number of the first */
    int64_t timed, untimed;         /* interactions with and without a time */
    int32_t item_file;              /* the item file being read */
    int n_bad_shown;
    ct_prepare_platform *counts; /* in the report */
} ct__raw_platform;

/* A platform's file of a modality; path NULL: it gives none. */
typedef struct ct__vector_file {
    const char *path; /* the configuration's */
    ct_npy npy;
    int64_t *row; /* [raw items of the platform]: its row, -1: none */
} ct__vector_file;

/* A modality by precomputed vectors. */
typedef struct ct__vector_input {
    const char *name; /* the configuration's */
    int64_t width;
    ct__vector_file *files; /* [n_platforms] */
} ct__vector_input;

/* Raw numbers count all users and items that were read; the dataset's numbers only those that are kept. */
typedef struct ct__prepare {
    const ct_config *config;
    ct_prepare_report *report;
    size_t first_bad_capacity;
    int n_link_bad_shown;              /* of the link files */
    ct__inputs user_links, item_links; /* link files */
    ct__inputs vocab;                  /* data.vocab, when it is a file */

    ct__raw_platform *platforms; /* [config->n_platforms] */
    ct__vector_input *vectors;   /* [n_vectors], as they are first named */
    int n_vectors;
    ct__texts texts;
    ct_strmap *events;
    ct__raw_user *users;
    ct__raw_item *items;
    ct__raw_inter *inters;
    int64_t n_raw_users, n_raw_items, n_raw_inters;
    size_t users_capacity, items_capacity, inters_capacity;
    ct__links persons, entities;

    /* Kept interactions by user, time, place: raw numbers; user u has order[order_begin[u]] .. order_begin[u
     * + 1]. */
    uint32_t *order;
    int64_t *order_begin;         /* [n_raw_users + 1] */
    int32_t *user_new, *item_new; /* raw to kept number, -1: left out */
    int32_t *user_raw, *item_raw; /* kept to raw number */
    int64_t n_users, n_items, n_inters;
    int64_t *user_begin, *item_begin; /* [n_platforms + 1], kept numbers */

    int32_t *user_person, *item_entity; /* [n_users], [n_items] */
    int64_t *person_begin;              /* [n_persons + 1] */
    int32_t *person_user;               /* [n_users] */
    int64_t n_persons, n_entities;

    int64_t valid_time, test_time;
    char *vocab_bytes;
    size_t n_vocab_bytes;
    ct_str picture_files; /* ct__fingerprint_picture of each that an item names */
} ct__prepare;

/* prepare_inputs.c: the files that the config names, with size and time. */
ct_status ct__prepare_find_inputs(ct__prepare *p, ct_error *err);
void ct__inputs_free(ct__inputs *inputs);
/* Size and time of a file that need not be there: -1 and 0 when it cannot be seen. The path is borrowed. */
void ct__input_look(ct__input *input, char *path);

/* prepare_vectors.c: opens the files of vectors; the widths of a modality must agree. Then, once the items are
 * read, finds each item's row. */
ct_status ct__prepare_open_vectors(ct__prepare *p, ct_error *err);
ct_status ct__prepare_match_vectors(ct__prepare *p, ct_error *err);
void ct__prepare_free_vectors(ct__prepare *p);

/* read_platform.c: items, users, interactions of every platform into the raw arrays. */
ct_status ct__prepare_read(ct__prepare *p, ct_error *err);

/* prepare_sort.c: order and order_begin; repeated interactions fall out. */
ct_status ct__prepare_sort(ct__prepare *p, ct_error *err);

/* k_core.c: k-core filtering, then the kept numbers. */
ct_status ct__prepare_k_core(ct__prepare *p, ct_error *err);

/* prepare_groups.c: the kept users' persons and the kept items' entities; the counts of linked ones. */
ct_status ct__prepare_groups(ct__prepare *p, ct_error *err);

/* prepare_split.c: valid_time and test_time. */
ct_status ct__prepare_split(ct__prepare *p, ct_error *err);

/* vocabulary.c: the bytes of vocab.txt, learnt or read. */
ct_status ct__prepare_vocabulary(ct__prepare *p, ct_error *err);

/* prepare_pictures.c: decodes the kept items' pictures into the two sections of the cache; counts broken ones. */
struct ct__cache_out;
ct_status ct__prepare_pictures(ct__prepare *p, struct ct__cache_out *out, ct_error *err);

/* vector_sections.c: the kept items' vectors into the sections of the cache; counts what is missing or broken. */
ct_status ct__prepare_write_vectors(ct__prepare *p, struct ct__cache_out *out, ct_error *err);

/* prepare_write.c: vocab.txt and dataset.bin; fills in what the report says of the result. */
ct_status ct__prepare_write(ct__prepare *p, const char *path, const ct_str *settings, const ct_str *inputs,
                            ct_error *err);

/* The platform of a raw number. */
const ct__raw_platform *ct__prepare_user_platform(const ct__prepare *p, int64_t raw_user);
const ct__raw_platform *ct__prepare_item_platform(const ct__prepare *p, int64_t raw_item);

#endif
