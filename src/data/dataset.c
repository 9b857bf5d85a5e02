/* Opening the dataset cache. Nothing in the file is believed: sizes follow from the counts, offsets ascend
 * and end where their section ends, numbers lie in range, before a pointer into the map is handed out. */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "data/dataset_format.h"
#include "data/prepare_report.h"

/* How many elements a section must have. */
typedef enum extent {
    ANY,
    PLATFORMS_1, /* n_platforms + 1 ... */
    USERS,
    USERS_1,
    ITEMS,
    ITEMS_1,
    PERSONS_1,
    INTERS,
    INTERS_1,
    REPORT,
    N_EXTENTS
} extent;

static const struct {
    unsigned char bytes; /* an element */
    unsigned char count; /* extent */
} layout[CT__N_SECTIONS] = {
    [CT__SECTION_PLATFORM_NAME_BEGIN] = {8, PLATFORMS_1},
    [CT__SECTION_PLATFORM_NAME] = {1, ANY},
    [CT__SECTION_USER_BEGIN] = {8, PLATFORMS_1},
    [CT__SECTION_ITEM_BEGIN] = {8, PLATFORMS_1},
    [CT__SECTION_USER_PLATFORM] = {4, USERS},
    [CT__SECTION_ITEM_PLATFORM] = {4, ITEMS},
    [CT__SECTION_USER_ID_BEGIN] = {8, USERS_1},
    [CT__SECTION_USER_ID] = {1, ANY},
    [CT__SECTION_USER_PROFILE_BEGIN] = {8, USERS_1},
    [CT__SECTION_USER_PROFILE] = {1, ANY},
    [CT__SECTION_ITEM_ID_BEGIN] = {8, ITEMS_1},
    [CT__SECTION_ITEM_ID] = {1, ANY},
    [CT__SECTION_ITEM_TITLE_BEGIN] = {8, ITEMS_1},
    [CT__SECTION_ITEM_TITLE] = {1, ANY},
    [CT__SECTION_ITEM_TEXT_BEGIN] = {8, ITEMS_1},
    [CT__SECTION_ITEM_TEXT] = {1, ANY},
    [CT__SECTION_ITEM_CATEGORY_BEGIN] = {8, ITEMS_1},
    [CT__SECTION_ITEM_CATEGORY] = {1, ANY},
    [CT__SECTION_ITEM_IMAGE_BEGIN] = {8, ITEMS_1},
    [CT__SECTION_ITEM_IMAGE] = {1, ANY},
    [CT__SECTION_USER_PERSON] = {4, USERS},
    [CT__SECTION_ITEM_ENTITY] = {4, ITEMS},
    [CT__SECTION_PERSON_BEGIN] = {8, PERSONS_1},
    [CT__SECTION_PERSON_USER] = {4, USERS},
    [CT__SECTION_USER_BY_ID] = {4, USERS},
    [CT__SECTION_ITEM_BY_ID] = {4, ITEMS},
    [CT__SECTION_PROFILE_TOKENS] = {4, ANY},
    [CT__SECTION_PROFILE_TOKENS_BEGIN] = {8, USERS_1},
    [CT__SECTION_TITLE_TOKENS] = {4, ANY},
    [CT__SECTION_TITLE_TOKENS_BEGIN] = {8, ITEMS_1},
    [CT__SECTION_ITEM_TOKENS] = {4, ANY},
    [CT__SECTION_ITEM_TOKENS_BEGIN] = {8, ITEMS_1},
    [CT__SECTION_INTER_BEGIN] = {8, USERS_1},
    [CT__SECTION_INTER_ITEM] = {4, INTERS},
    [CT__SECTION_INTER_TIME] = {8, INTERS},
    [CT__SECTION_INTER_WEIGHT] = {4, INTERS},
    [CT__SECTION_REVIEW_TOKENS] = {4, ANY},
    [CT__SECTION_REVIEW_TOKENS_BEGIN] = {8, INTERS_1},
    [CT__SECTION_PICTURES] = {1, ANY},
    [CT__SECTION_ITEM_PICTURE] = {4, ANY},
    [CT__SECTION_VECTORS] = {4, ANY},
    [CT__SECTION_ITEM_VECTOR] = {4, ANY},
    [CT__SECTION_VECTOR_SHAPE] = {8, ANY},
    [CT__SECTION_VECTOR_NAME_BEGIN] = {8, ANY},
    [CT__SECTION_VECTOR_NAME] = {1, ANY},
    [CT__SECTION_VOCAB] = {1, ANY},
    [CT__SECTION_SETTINGS] = {1, ANY},
    [CT__SECTION_INPUTS] = {1, ANY},
    [CT__SECTION_REPORT] = {8, REPORT},
    [CT__SECTION_VECTOR_REPORT] = {8, ANY},
    [CT__SECTION_BAD_ROWS] = {1, ANY},
};

/* A file being checked; `bad` is the first section that is wrong, -1: none. */
typedef struct check {
    const struct ct_dataset_store *store;
    bool verify;
    int bad;
} check;

static void fail(check *c, int section) {
    if (c->bad < 0) c->bad = section;
}

static int64_t count_of(const check *c, int section) {
    return (int64_t)(c->store->header->sections[section].size / layout[section].bytes);
}

static void check_sizes(check *c) {
    const ct__cache_header *h = c->store->header;
    const int64_t counts[N_EXTENTS] = {
        [PLATFORMS_1] = h->n_platforms + 1,
        [USERS] = h->n_users,
        [USERS_1] = h->n_users + 1,
        [ITEMS] = h->n_items,
        [ITEMS_1] = h->n_items + 1,
        [PERSONS_1] = h->n_persons + 1,
        [INTERS] = h->n_interactions,
        [INTERS_1] = h->n_interactions + 1,
        [REPORT] = h->n_platforms * CT__REPORT_COUNTS,
    };
    for (int i = 0; i < CT__N_SECTIONS; i++) {
        const uint64_t size = h->sections[i].size;
        if (size % layout[i].bytes != 0) fail(c, i);
        if (layout[i].count != ANY && size / layout[i].bytes != (uint64_t)counts[layout[i].count]) fail(c, i);
    }
    /* Offsets of no names are one 0. */
    if (h->sections[CT__SECTION_VECTOR_NAME_BEGIN].size == 0) fail(c, CT__SECTION_VECTOR_NAME_BEGIN);
}

/* Offsets that begin at 0, ascend by at least `least` and end at `total`. */
static void check_offsets(check *c, int section, int64_t total, int64_t least) {
    const int64_t *begin = ct__cache_section(c->store, section);
    const int64_t n = count_of(c, section) - 1;
    bool good = begin[0] == 0 && begin[n] == total;
    for (int64_t i = 0; good && i < n; i++)
        good = begin[i] <= begin[i + 1] && begin[i + 1] - begin[i] >= least;
    if (!good) fail(c, section);
}

/* Numbers in [0, limit). */
static void check_range(check *c, int section, int64_t limit) {
    const int32_t *v = ct__cache_section(c->store, section);
    const int64_t n = count_of(c, section);
    for (int64_t i = 0; i < n; i++)
        if (v[i] < 0 || v[i] >= limit) {
            fail(c, section);
            return;
        }
}

static void check_text(check *c, int section) {
    const char *bytes = ct__cache_section(c->store, section);
    const int64_t n = count_of(c, section);
    if (n == 0 || bytes[n - 1] != '\0') fail(c, section);
}

/* Every string ends in a NUL; without verify only the last, which keeps reading inside the section. */
static void check_strings(check *c, int begin_section) {
    const int section = begin_section + 1;
    const int64_t *begin = ct__cache_section(c->store, begin_section);
    const char *bytes = ct__cache_section(c->store, section);
    const int64_t n = count_of(c, begin_section) - 1;
    check_offsets(c, begin_section, count_of(c, section), 1);
    if (c->bad >= 0) return;
    for (int64_t i = c->verify || n == 0 ? 0 : n - 1; i < n; i++)
        if (bytes[begin[i + 1] - 1] != '\0') {
            fail(c, section);
            return;
        }
}

static void check_tokens(check *c, int section, int64_t vocab_size) {
    check_offsets(c, section + 1, count_of(c, section), 0);
    if (c->verify) check_range(c, section, vocab_size);
}

/* Platform p owns [begin[p], begin[p + 1]). */
static void check_owners(check *c, int begin_section, int owner_section, int64_t n) {
    const int64_t *begin = ct__cache_section(c->store, begin_section);
    const int32_t *owner = ct__cache_section(c->store, owner_section);
    check_offsets(c, begin_section, n, 0);
    if (c->bad >= 0) return;
    for (int32_t p = 0; p < c->store->header->n_platforms; p++)
        for (int64_t i = begin[p]; i < begin[p + 1]; i++)
            if (owner[i] != p) {
                fail(c, owner_section);
                return;
            }
}

static void check_weights(check *c) {
    const float *weight = ct__cache_section(c->store, CT__SECTION_INTER_WEIGHT);
    for (int64_t i = 0; i < c->store->header->n_interactions; i++)
        if (!(weight[i] > 0) || !isfinite(weight[i])) {
            fail(c, CT__SECTION_INTER_WEIGHT);
            return;
        }
}

static int64_t picture_bytes(const ct__cache_header *h) {
    return h->picture_size * h->picture_size * 3;
}

/* Whole pictures, and rows of them (or -1) for all items; or nothing at all. */
static void check_pictures(check *c) {
    const ct__cache_header *h = c->store->header;
    const int64_t bytes = (int64_t)h->sections[CT__SECTION_PICTURES].size;
    const int64_t rows = count_of(c, CT__SECTION_ITEM_PICTURE);
    if (h->picture_size == 0) {
        if (bytes != 0 || rows != 0) fail(c, CT__SECTION_PICTURES);
        return;
    }
    if (bytes % picture_bytes(h) != 0) fail(c, CT__SECTION_PICTURES);
    if (rows != h->n_items) fail(c, CT__SECTION_ITEM_PICTURE);
    const int32_t *picture = ct__cache_section(c->store, CT__SECTION_ITEM_PICTURE);
    for (int64_t i = 0; i < rows && c->bad < 0; i++)
        if (picture[i] < -1 || picture[i] >= bytes / picture_bytes(h)) fail(c, CT__SECTION_ITEM_PICTURE);
}

static bool counts_fit(const ct__cache_header *h) {
    const int64_t counts[] = {h->n_platforms, h->n_users, h->n_items, h->n_persons, h->n_entities};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i] < 1 || counts[i] > INT32_MAX) return false;
    return h->n_interactions >= 0 && h->n_interactions <= UINT32_MAX && h->n_persons <= h->n_users &&
           h->n_entities <= h->n_items && h->lowercase <= 1 && h->picture_size >= 0 &&
           h->picture_size <= 4096;
}

static void check_content(check *c, int64_t vocab_size) {
    static const int strings[] = {CT__SECTION_PLATFORM_NAME_BEGIN, CT__SECTION_USER_ID_BEGIN,
                                  CT__SECTION_USER_PROFILE_BEGIN,  CT__SECTION_ITEM_ID_BEGIN,
                                  CT__SECTION_ITEM_TITLE_BEGIN,    CT__SECTION_ITEM_TEXT_BEGIN,
                                  CT__SECTION_ITEM_CATEGORY_BEGIN, CT__SECTION_ITEM_IMAGE_BEGIN,
                                  CT__SECTION_VECTOR_NAME_BEGIN};
    static const int tokens[] = {CT__SECTION_PROFILE_TOKENS, CT__SECTION_TITLE_TOKENS,
                                 CT__SECTION_ITEM_TOKENS, CT__SECTION_REVIEW_TOKENS};
    const ct__cache_header *h = c->store->header;
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) check_strings(c, strings[i]);
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) check_tokens(c, tokens[i], vocab_size);
    check_owners(c, CT__SECTION_USER_BEGIN, CT__SECTION_USER_PLATFORM, h->n_users);
    check_owners(c, CT__SECTION_ITEM_BEGIN, CT__SECTION_ITEM_PLATFORM, h->n_items);
    check_range(c, CT__SECTION_USER_PERSON, h->n_persons);
    check_range(c, CT__SECTION_ITEM_ENTITY, h->n_entities);
    check_offsets(c, CT__SECTION_PERSON_BEGIN, h->n_users, 0);
    check_range(c, CT__SECTION_PERSON_USER, h->n_users);
    check_range(c, CT__SECTION_USER_BY_ID, h->n_users);
    check_range(c, CT__SECTION_ITEM_BY_ID, h->n_items);
    check_offsets(c, CT__SECTION_INTER_BEGIN, h->n_interactions, 0);
    check_range(c, CT__SECTION_INTER_ITEM, h->n_items);
    if (c->verify) check_weights(c);
    check_pictures(c);
    check_text(c, CT__SECTION_SETTINGS);
    check_text(c, CT__SECTION_INPUTS);
    if (count_of(c, CT__SECTION_BAD_ROWS) > 0) check_text(c, CT__SECTION_BAD_ROWS);
}

static ct_strings strings_of(const struct ct_dataset_store *store, ct__section begin) {
    return (ct_strings){ct__cache_section(store, begin), ct__cache_section(store, begin + 1)};
}

static ct_token_lists tokens_of(const struct ct_dataset_store *store, ct__section ids) {
    return (ct_token_lists){ct__cache_section(store, ids + 1), ct__cache_section(store, ids)};
}

static void set_arrays(ct_dataset *d, struct ct_dataset_store *s) {
    const ct__cache_header *h = s->header;
    d->n_platforms = (int32_t)h->n_platforms;
    d->n_users = h->n_users;
    d->n_items = h->n_items;
    d->n_interactions = h->n_interactions;
    d->n_persons = h->n_persons;
    d->n_entities = h->n_entities;
    d->platform_name = strings_of(s, CT__SECTION_PLATFORM_NAME_BEGIN);
    d->user_begin = ct__cache_section(s, CT__SECTION_USER_BEGIN);
    d->item_begin = ct__cache_section(s, CT__SECTION_ITEM_BEGIN);
    d->user_platform = ct__cache_section(s, CT__SECTION_USER_PLATFORM);
    d->item_platform = ct__cache_section(s, CT__SECTION_ITEM_PLATFORM);
    d->user_id = strings_of(s, CT__SECTION_USER_ID_BEGIN);
    d->user_profile = strings_of(s, CT__SECTION_USER_PROFILE_BEGIN);
    d->item_id = strings_of(s, CT__SECTION_ITEM_ID_BEGIN);
    d->item_title = strings_of(s, CT__SECTION_ITEM_TITLE_BEGIN);
    d->item_text = strings_of(s, CT__SECTION_ITEM_TEXT_BEGIN);
    d->item_category = strings_of(s, CT__SECTION_ITEM_CATEGORY_BEGIN);
    d->item_image = strings_of(s, CT__SECTION_ITEM_IMAGE_BEGIN);
    d->user_person = ct__cache_section(s, CT__SECTION_USER_PERSON);
    d->item_entity = ct__cache_section(s, CT__SECTION_ITEM_ENTITY);
    d->person_begin = ct__cache_section(s, CT__SECTION_PERSON_BEGIN);
    d->person_user = ct__cache_section(s, CT__SECTION_PERSON_USER);
    d->profile_tokens = tokens_of(s, CT__SECTION_PROFILE_TOKENS);
    d->title_tokens = tokens_of(s, CT__SECTION_TITLE_TOKENS);
    d->item_tokens = tokens_of(s, CT__SECTION_ITEM_TOKENS);
    d->inter_begin = ct__cache_section(s, CT__SECTION_INTER_BEGIN);
    d->inter_item = ct__cache_section(s, CT__SECTION_INTER_ITEM);
    d->inter_time = ct__cache_section(s, CT__SECTION_INTER_TIME);
    d->inter_weight = ct__cache_section(s, CT__SECTION_INTER_WEIGHT);
    d->review_tokens = tokens_of(s, CT__SECTION_REVIEW_TOKENS);
    d->picture_size = (int32_t)h->picture_size;
    if (d->picture_size > 0) {
        d->n_pictures = (int64_t)h->sections[CT__SECTION_PICTURES].size / picture_bytes(h);
        d->pictures = ct__cache_section(s, CT__SECTION_PICTURES);
        d->item_picture = ct__cache_section(s, CT__SECTION_ITEM_PICTURE);
    }
    d->n_vectors = s->n_vectors;
    d->vectors = s->vectors;
    s->user_by_id = ct__cache_section(s, CT__SECTION_USER_BY_ID);
    s->item_by_id = ct__cache_section(s, CT__SECTION_ITEM_BY_ID);
    d->valid_time = h->valid_time;
    d->test_time = h->test_time;
    d->hash = h->content_hash;
    d->tokenizer = s->tokenizer;
}

static ct_status open_store(struct ct_dataset_store *s, const char *path, bool verify, ct_error *err) {
    CT_CHECK(ct_map_open(&s->map, path, err));
    CT_CHECK(ct__cache_check(&s->map, path, verify, err));
    s->header = (const ct__cache_header *)s->map.bytes;
    if (!counts_fit(s->header)) return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt: counts", path);
    check c = {s, verify, -1};
    check_sizes(&c);
    if (c.bad < 0) {
        ct_error reason = CT_ERROR_INIT;
        const ct_status st = ct_tokenizer_parse(
            &s->tokenizer, CT__CACHE_VOCAB_FILE, ct__cache_section(s, CT__SECTION_VOCAB),
            (size_t)s->header->sections[CT__SECTION_VOCAB].size, s->header->lowercase != 0, &reason);
        if (st == CT_ERR_MEMORY) return ct_fail(err, st, "%s", reason.text);
        if (st != CT_OK) return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt: %s", path, reason.text);
        check_content(&c, ct_tokenizer_size(s->tokenizer));
    }
    if (c.bad < 0) CT_CHECK(ct__dataset_open_vectors(s, verify, &c.bad, err));
    if (c.bad >= 0) return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt: content of section %d", path, c.bad);
    return CT_OK;
}

ct_status ct_dataset_open(ct_dataset **out, const char *cache_dir, bool verify, ct_error *err) {
    ct_status st = CT_OK;
    ct_dataset *d = NULL;
    char *path = NULL;
    *out = NULL;
    CT_TRY(ct_path_join(cache_dir, CT__CACHE_FILE, &path, err), st, done);
    CT_TRY(ct_calloc(1, sizeof *d, (void **)&d, err), st, done);
    CT_TRY(ct_calloc(1, sizeof *d->store, (void **)&d->store, err), st, done);
    CT_TRY(open_store(d->store, path, verify, err), st, done);
    set_arrays(d, d->store);
    *out = d;
    d = NULL;
done:
    ct_free(path);
    ct_dataset_close(d);
    return st;
}

void ct_dataset_close(ct_dataset *data) {
    if (!data) return;
    if (data->store) {
        ct_tokenizer_free(data->store->tokenizer);
        ct_free(data->store->vectors);
        if (data->store->map.bytes) ct_map_close(&data->store->map);
        ct_free(data->store);
    }
    ct_free(data);
}

const uint8_t *ct_dataset_picture(const ct_dataset *data, int32_t item) {
    if (data->picture_size == 0 || data->item_picture[item] < 0) return NULL;
    const size_t side = (size_t)data->picture_size;
    return data->pictures + (size_t)data->item_picture[item] * side * side * 3;
}

const ct_item_vectors *ct_dataset_find_vectors(const ct_dataset *data, const char *name) {
    for (int32_t i = 0; i < data->n_vectors; i++)
        if (strcmp(data->vectors[i].name, name) == 0) return &data->vectors[i];
    return NULL;
}

int32_t ct_dataset_platform(const ct_dataset *data, const char *name) {
    for (int32_t p = 0; p < data->n_platforms; p++)
        if (strcmp(ct_strings_get(&data->platform_name, p), name) == 0) return p;
    return -1;
}

/* The number of id among by_id[begin .. end), which is sorted. */
static int64_t find(const ct_strings *ids, const int32_t *by_id, int64_t begin, int64_t end, const char *id) {
    while (begin < end) {
        const int64_t middle = begin + (end - begin) / 2;
        const int order = strcmp(ct_strings_get(ids, by_id[middle]), id);
        if (order == 0) return by_id[middle];
        if (order < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return -1;
}

int64_t ct_dataset_find_user(const ct_dataset *data, int32_t platform, const char *id) {
    if (platform < 0 || platform >= data->n_platforms) return -1;
    return find(&data->user_id, data->store->user_by_id, data->user_begin[platform],
                data->user_begin[platform + 1], id);
}

int64_t ct_dataset_find_item(const ct_dataset *data, int32_t platform, const char *id) {
    if (platform < 0 || platform >= data->n_platforms) return -1;
    return find(&data->item_id, data->store->item_by_id, data->item_begin[platform],
                data->item_begin[platform + 1], id);
}
