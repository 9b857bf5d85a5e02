/* The dataset cache, dataset.bin: a header with a table of sections, then the sections, each 64-byte aligned
 * and zero padded, one right behind the other. Every byte is under a checksum: the header's own, or its
 * section's.
 *
 * Little-endian; the byte-order mark in the header refuses a file from another kind of machine. */
#ifndef CT_DATA_DATASET_FORMAT_H
#define CT_DATA_DATASET_FORMAT_H

#include "base/io.h"
#include "data/dataset.h"

#define CT__CACHE_FILE "dataset.bin"
#define CT__CACHE_VOCAB_FILE "vocab.txt"
enum { CT__CACHE_VERSION = 3, CT__CACHE_ALIGN = 64 };

/* In the order of the file. Those from CT__SECTION_SETTINGS on say how the cache was made and are no content.
 */
typedef enum ct__section {
    CT__SECTION_PLATFORM_NAME_BEGIN,
    CT__SECTION_PLATFORM_NAME,
    CT__SECTION_USER_BEGIN,
    CT__SECTION_ITEM_BEGIN,
    CT__SECTION_USER_PLATFORM,
    CT__SECTION_ITEM_PLATFORM,
    CT__SECTION_USER_ID_BEGIN,
    CT__SECTION_USER_ID,
    CT__SECTION_USER_PROFILE_BEGIN,
    CT__SECTION_USER_PROFILE,
    CT__SECTION_ITEM_ID_BEGIN,
    CT__SECTION_ITEM_ID,
    CT__SECTION_ITEM_TITLE_BEGIN,
    CT__SECTION_ITEM_TITLE,
    CT__SECTION_ITEM_TEXT_BEGIN,
    CT__SECTION_ITEM_TEXT,
    CT__SECTION_ITEM_CATEGORY_BEGIN,
    CT__SECTION_ITEM_CATEGORY,
    CT__SECTION_ITEM_IMAGE_BEGIN,
    CT__SECTION_ITEM_IMAGE,
    CT__SECTION_USER_PERSON,
    CT__SECTION_ITEM_ENTITY,
    CT__SECTION_PERSON_BEGIN,
    CT__SECTION_PERSON_USER,
    CT__SECTION_USER_BY_ID, /* user numbers, a platform after the other, each sorted by the bytes of the id */
    CT__SECTION_ITEM_BY_ID,
    CT__SECTION_PROFILE_TOKENS,
    CT__SECTION_PROFILE_TOKENS_BEGIN,
    CT__SECTION_TITLE_TOKENS,
    CT__SECTION_TITLE_TOKENS_BEGIN,
    CT__SECTION_ITEM_TOKENS,
    CT__SECTION_ITEM_TOKENS_BEGIN,
    CT__SECTION_INTER_BEGIN,
    CT__SECTION_INTER_ITEM,
    CT__SECTION_INTER_TIME,
    CT__SECTION_INTER_WEIGHT,
    CT__SECTION_REVIEW_TOKENS,
    CT__SECTION_REVIEW_TOKENS_BEGIN,
    CT__SECTION_PICTURES,     /* [pictures, P, P, 3] bytes; empty when none are read */
    CT__SECTION_ITEM_PICTURE, /* row of each item's picture, -1: none; empty when none are read */
    CT__SECTION_VECTORS,      /* f32: the rows of modality 0, then those of modality 1 ... */
    CT__SECTION_ITEM_VECTOR,  /* [modalities, items]: row in the modality, -1: missing */
    CT__SECTION_VECTOR_SHAPE, /* [modalities, 2]: rows, width */
    CT__SECTION_VECTOR_NAME_BEGIN,
    CT__SECTION_VECTOR_NAME,
    CT__SECTION_VOCAB,    /* the bytes of vocab.txt, so that one rename makes the whole cache appear */
    CT__SECTION_SETTINGS, /* ct__fingerprint_settings */
    CT__SECTION_INPUTS,   /* ct__fingerprint_inputs with its NUL; then, if any, ct__fingerprint_picture of all with one */
    CT__SECTION_REPORT,   /* ct__report_counts of each platform, in int64 */
    CT__SECTION_VECTOR_REPORT, /* [platforms, modalities, CT__VECTOR_COUNTS] in int64 */
    CT__SECTION_BAD_ROWS, /* the report's first_bad, each with its NUL */
    CT__N_SECTIONS
} ct__section;

typedef struct ct__section_entry {
    uint64_t offset, size; /* bytes, size without the padding */
    uint64_t hash;         /* XXH3-64 of the bytes with the padding */
} ct__section_entry;

typedef struct ct__cache_header {
    char magic[8];
    uint32_t byte_order, version;
    uint64_t header_hash; /* XXH3-64 of the header with this field 0 */
    uint64_t file_size;
    uint64_t content_hash;  /* ct_dataset.hash */
    uint64_t settings_hash; /* XXH3-64 of the settings */
    int64_t n_platforms, n_users, n_items, n_interactions, n_persons, n_entities;
    int64_t valid_time, test_time;
    int64_t picture_size; /* P, 0: none are read */
    uint32_t lowercase, n_sections;
    ct__section_entry sections[CT__N_SECTIONS];
} ct__cache_header;

/* ---- writing: sections in any number of pieces, in the order of ct__section ---- */

typedef struct ct__cache_out ct__cache_out;

ct_status ct__cache_out_open(ct__cache_out **out, const char *path, ct_error *err);
/* The header's counts, times and lowercase are the caller's to set before the commit. */
ct__cache_header *ct__cache_out_header(ct__cache_out *out);
ct_status ct__cache_out_begin(ct__cache_out *out, ct__section section, ct_error *err);
ct_status ct__cache_out_write(ct__cache_out *out, const void *bytes, size_t n, ct_error *err);
ct_status ct__cache_out_end(ct__cache_out *out, ct_error *err);
/* A whole section. */
ct_status ct__cache_out_section(ct__cache_out *out, ct__section section, const void *bytes, size_t n,
                                ct_error *err);
ct_status ct__cache_out_commit(ct__cache_out *out, ct_error *err);
void ct__cache_out_free(ct__cache_out *out); /* accepts NULL; without commit nothing appears */

/* ---- reading ---- */

/* Checks header, sizes and the section table of a mapped file; with verify, every section's checksum. */
ct_status ct__cache_check(const ct_map *map, const char *path, bool verify, ct_error *err);

/* What a dataset holds besides its arrays. */
struct ct_dataset_store {
    ct_map map;
    const ct__cache_header *header;
    ct_tokenizer *tokenizer;
    const int32_t *user_by_id, *item_by_id;
    ct_item_vectors *vectors; /* [n_vectors] */
    int32_t n_vectors;
};

static inline const void *ct__cache_section(const struct ct_dataset_store *store, ct__section section) {
    return store->map.bytes + store->header->sections[section].offset;
}

/* vector_sections.c: fills store->vectors from sections that are whole elements, the names being good strings. *bad:
 * the first section whose content is wrong, -1: none. verify: the values are looked at, too. */
enum { CT__VECTOR_WIDTH_MAX = 65536 };
ct_status ct__dataset_open_vectors(struct ct_dataset_store *store, bool verify, int *bad, ct_error *err);

#endif
