/* Writes the cache: strings and tokens are streamed, so that no text and no token list is held in memory. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/dataset_format.h"
#include "data/prepare_report.h"
#include "data/prepare_state.h"

typedef struct writer {
    ct__prepare *p;
    ct__cache_out *out;
    ct_tokenizer *tokenizer;
    ct_token_buffer tokens; /* of one text */
    int64_t *begin;         /* [largest count + 1]: offsets of the section being written */
} writer;

/* ---- strings ---- */

typedef const char *(*text_of)(const ct__prepare *p, int64_t i);

static const char *platform_name(const ct__prepare *p, int64_t i) {
    return p->config->platforms[i].name;
}

static const char *user_id(const ct__prepare *p, int64_t i) {
    const ct__raw_platform *platform = ct__prepare_user_platform(p, p->user_raw[i]);
    return ct_strmap_key(platform->user_ids, p->user_raw[i] - platform->user_begin, NULL);
}

static const char *item_id(const ct__prepare *p, int64_t i) {
    const ct__raw_platform *platform = ct__prepare_item_platform(p, p->item_raw[i]);
    return ct_strmap_key(platform->item_ids, p->item_raw[i] - platform->item_begin, NULL);
}

static const char *user_profile(const ct__prepare *p, int64_t i) {
    return ct__texts_get(&p->texts, p->users[p->user_raw[i]].profile);
}

static const char *item_title(const ct__prepare *p, int64_t i) {
    return ct__texts_get(&p->texts, p->items[p->item_raw[i]].title);
}

static const char *item_text(const ct__prepare *p, int64_t i) {
    return ct__texts_get(&p->texts, p->items[p->item_raw[i]].text);
}

static const char *item_category(const ct__prepare *p, int64_t i) {
    return ct__texts_get(&p->texts, p->items[p->item_raw[i]].category);
}

static const char *item_image(const ct__prepare *p, int64_t i) {
    return ct__texts_get(&p->texts, p->items[p->item_raw[i]].image);
}

/* The offsets, then the bytes in the section behind. */
static ct_status write_strings(writer *w, ct__section begin, int64_t n, text_of text, ct_error *err) {
    w->begin[0] = 0;
    for (int64_t i = 0; i < n; i++) w->begin[i + 1] = w->begin[i] + (int64_t)strlen(text(w->p, i)) + 1;
    CT_CHECK(ct__cache_out_section(w->out, begin, w->begin, ((size_t)n + 1) * sizeof *w->begin, err));
    CT_CHECK(ct__cache_out_begin(w->out, begin + 1, err));
    for (int64_t i = 0; i < n; i++) {
        const char *s = text(w->p, i);
        CT_CHECK(ct__cache_out_write(w->out, s, strlen(s) + 1, err));
    }
    return ct__cache_out_end(w->out, err);
}

/* ---- token lists ---- */

/* Appends text i's tokens to w->tokens, which is empty. */
typedef ct_status (*tokens_of)(writer *w, int64_t i, ct_error *err);

/* Appends at most limit tokens in all. */
static ct_status add_text(writer *w, const char *text, int64_t limit, ct_error *err) {
    const size_t most = (size_t)limit;
    if (!text[0] || w->tokens.count >= most) return CT_OK;
    return ct_tokenize(w->tokenizer, text, strlen(text), most - w->tokens.count, &w->tokens, err);
}

static ct_status profile_tokens(writer *w, int64_t i, ct_error *err) {
    return add_text(w, user_profile(w->p, i), w->p->config->data.max_user_tokens, err);
}

static ct_status title_tokens(writer *w, int64_t i, ct_error *err) {
    return add_text(w, item_title(w->p, i), w->p->config->data.max_title_tokens, err);
}

static ct_status item_tokens(writer *w, int64_t i, ct_error *err) {
    const int64_t limit = w->p->config->data.max_item_tokens;
    CT_CHECK(add_text(w, item_title(w->p, i), limit, err));
    CT_CHECK(add_text(w, item_category(w->p, i), limit, err));
    return add_text(w, item_text(w->p, i), limit, err);
}

static ct_status review_tokens(writer *w, int64_t i, ct_error *err) {
    const ct__prepare *p = w->p;
    return add_text(w, ct__texts_get(&p->texts, p->inters[p->order[i]].review),
                    p->config->data.max_review_tokens, err);
}

/* The tokens, then the offsets in the section behind. */
static ct_status write_tokens(writer *w, ct__section ids, int64_t n, tokens_of tokens, ct_error *err) {
    w->begin[0] = 0;
    CT_CHECK(ct__cache_out_begin(w->out, ids, err));
    for (int64_t i = 0; i < n; i++) {
        w->tokens.count = 0;
        CT_CHECK(tokens(w, i, err));
        CT_CHECK(ct__cache_out_write(w->out, w->tokens.ids, w->tokens.count * sizeof *w->tokens.ids, err));
        w->begin[i + 1] = w->begin[i] + (int64_t)w->tokens.count;
    }
    CT_CHECK(ct__cache_out_end(w->out, err));
    return ct__cache_out_section(w->out, ids + 1, w->begin, ((size_t)n + 1) * sizeof *w->begin, err);
}

/* ---- arrays ---- */

/* The platform of each of the nodes that begin[] shares out. */
static ct_status write_platforms(writer *w, ct__section section, const int64_t *begin, ct_error *err) {
    CT_CHECK(ct__cache_out_begin(w->out, section, err));
    for (int32_t p = 0; p < w->p->config->n_platforms; p++)
        for (int64_t i = begin[p]; i < begin[p + 1]; i++)
            CT_CHECK(ct__cache_out_write(w->out, &p, sizeof p, err));
    return ct__cache_out_end(w->out, err);
}

typedef struct by_id {
    const ct__prepare *p;
    text_of id;
} by_id;

static int compare_ids(const void *a, const void *b, void *ctx) {
    const by_id *order = ctx;
    return strcmp(order->id(order->p, *(const int32_t *)a), order->id(order->p, *(const int32_t *)b));
}

static ct_status write_by_id(writer *w, ct__section section, const int64_t *begin, text_of id,
                             ct_error *err) {
    const int np = w->p->config->n_platforms;
    by_id order = {w->p, id};
    int32_t *v = NULL;
    CT_CHECK(ct_calloc((size_t)begin[np], sizeof *v, (void **)&v, err));
    for (int32_t i = 0; i < begin[np]; i++) v[i] = i;
    for (int p = 0; p < np; p++)
        qsort_r(v + begin[p], (size_t)(begin[p + 1] - begin[p]), sizeof *v, compare_ids, &order);
    const ct_status st = ct__cache_out_section(w->out, section, v, (size_t)begin[np] * sizeof *v, err);
    ct_free(v);
    return st;
}

static ct_status write_interactions(writer *w, ct_error *err) {
    const ct__prepare *p = w->p;
    for (int64_t u = 0; u < p->n_users; u++) w->begin[u] = p->order_begin[p->user_raw[u]];
    w->begin[p->n_users] = p->n_inters;
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_INTER_BEGIN, w->begin,
                                   ((size_t)p->n_users + 1) * sizeof *w->begin, err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_INTER_ITEM, err));
    for (int64_t k = 0; k < p->n_inters; k++)
        CT_CHECK(
            ct__cache_out_write(w->out, &p->item_new[p->inters[p->order[k]].item], sizeof(int32_t), err));
    CT_CHECK(ct__cache_out_end(w->out, err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_INTER_TIME, err));
    for (int64_t k = 0; k < p->n_inters; k++)
        CT_CHECK(ct__cache_out_write(w->out, &p->inters[p->order[k]].time, sizeof(int64_t), err));
    CT_CHECK(ct__cache_out_end(w->out, err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_INTER_WEIGHT, err));
    for (int64_t k = 0; k < p->n_inters; k++)
        CT_CHECK(ct__cache_out_write(w->out, &p->inters[p->order[k]].weight, sizeof(float), err));
    CT_CHECK(ct__cache_out_end(w->out, err));
    return write_tokens(w, CT__SECTION_REVIEW_TOKENS, p->n_inters, review_tokens, err);
}

static ct_status write_catalogue(writer *w, ct_error *err) {
    const ct__prepare *p = w->p;
    const size_t np1 = ((size_t)p->config->n_platforms + 1) * sizeof(int64_t);
    const size_t nu = (size_t)p->n_users * sizeof(int32_t), ni = (size_t)p->n_items * sizeof(int32_t);
    CT_CHECK(write_strings(w, CT__SECTION_PLATFORM_NAME_BEGIN, p->config->n_platforms, platform_name, err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_USER_BEGIN, p->user_begin, np1, err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_ITEM_BEGIN, p->item_begin, np1, err));
    CT_CHECK(write_platforms(w, CT__SECTION_USER_PLATFORM, p->user_begin, err));
    CT_CHECK(write_platforms(w, CT__SECTION_ITEM_PLATFORM, p->item_begin, err));
    CT_CHECK(write_strings(w, CT__SECTION_USER_ID_BEGIN, p->n_users, user_id, err));
    CT_CHECK(write_strings(w, CT__SECTION_USER_PROFILE_BEGIN, p->n_users, user_profile, err));
    CT_CHECK(write_strings(w, CT__SECTION_ITEM_ID_BEGIN, p->n_items, item_id, err));
    CT_CHECK(write_strings(w, CT__SECTION_ITEM_TITLE_BEGIN, p->n_items, item_title, err));
    CT_CHECK(write_strings(w, CT__SECTION_ITEM_TEXT_BEGIN, p->n_items, item_text, err));
    CT_CHECK(write_strings(w, CT__SECTION_ITEM_CATEGORY_BEGIN, p->n_items, item_category, err));
    CT_CHECK(write_strings(w, CT__SECTION_ITEM_IMAGE_BEGIN, p->n_items, item_image, err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_USER_PERSON, p->user_person, nu, err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_ITEM_ENTITY, p->item_entity, ni, err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_PERSON_BEGIN, p->person_begin,
                                   ((size_t)p->n_persons + 1) * sizeof(int64_t), err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_PERSON_USER, p->person_user, nu, err));
    CT_CHECK(write_by_id(w, CT__SECTION_USER_BY_ID, p->user_begin, user_id, err));
    CT_CHECK(write_by_id(w, CT__SECTION_ITEM_BY_ID, p->item_begin, item_id, err));
    CT_CHECK(write_tokens(w, CT__SECTION_PROFILE_TOKENS, p->n_users, profile_tokens, err));
    CT_CHECK(write_tokens(w, CT__SECTION_TITLE_TOKENS, p->n_items, title_tokens, err));
    return write_tokens(w, CT__SECTION_ITEM_TOKENS, p->n_items, item_tokens, err);
}

/* ---- how it was made ---- */

static void count_missing(ct__prepare *p) {
    for (int i = 0; i < p->config->n_platforms; i++)
        for (int64_t k = p->item_begin[i]; k < p->item_begin[i + 1]; k++) {
            const ct__raw_item *item = &p->items[p->item_raw[k]];
            p->platforms[i].counts->without_text += item->title < 0 && item->text < 0 && item->category < 0;
            p->platforms[i].counts->without_image += item->image < 0;
        }
}

static ct_status write_origin(writer *w, const ct_str *settings, const ct_str *inputs, ct_error *err) {
    ct_prepare_report *report = w->p->report;
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_SETTINGS, ct_str_text(settings), settings->length + 1,
                                   err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_INPUTS, err));
    CT_CHECK(ct__cache_out_write(w->out, ct_str_text(inputs), inputs->length + 1, err));
    const ct_str *pictures = &w->p->picture_files;
    if (pictures->length > 0) CT_CHECK(ct__cache_out_write(w->out, pictures->data, pictures->length + 1, err));
    CT_CHECK(ct__cache_out_end(w->out, err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_REPORT, err));
    for (int i = 0; i < report->n_platforms; i++)
        CT_CHECK(ct__cache_out_write(w->out, ct__report_counts(&report->platforms[i]),
                                     CT__REPORT_COUNTS * sizeof(int64_t), err));
    CT_CHECK(ct__cache_out_end(w->out, err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_VECTOR_REPORT, err));
    for (int i = 0; i < report->n_platforms * report->n_vectors; i++)
        CT_CHECK(ct__cache_out_write(w->out, ct__report_vector_counts(&report->vectors[i]),
                                     CT__VECTOR_COUNTS * sizeof(int64_t), err));
    CT_CHECK(ct__cache_out_end(w->out, err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_BAD_ROWS, err));
    for (int i = 0; i < report->n_first_bad; i++)
        CT_CHECK(ct__cache_out_write(w->out, report->first_bad[i], strlen(report->first_bad[i]) + 1, err));
    return ct__cache_out_end(w->out, err);
}

static void fill_header(writer *w, const ct_str *settings) {
    const ct__prepare *p = w->p;
    ct__cache_header *h = ct__cache_out_header(w->out);
    h->n_platforms = p->config->n_platforms;
    h->n_users = p->n_users;
    h->n_items = p->n_items;
    h->n_interactions = p->n_inters;
    h->n_persons = p->n_persons;
    h->n_entities = p->n_entities;
    h->valid_time = p->valid_time;
    h->test_time = p->test_time;
    h->lowercase = p->config->data.lowercase;
    h->picture_size = p->config->data.picture_size;
    h->settings_hash = ct_hash(ct_str_text(settings), settings->length);
}

static void fill_report(const writer *w) {
    const ct__prepare *p = w->p;
    p->report->n_persons = p->n_persons;
    p->report->n_entities = p->n_entities;
    p->report->vocab_size = ct_tokenizer_size(w->tokenizer);
    p->report->valid_time = p->valid_time;
    p->report->test_time = p->test_time;
    p->report->hash = ct__cache_out_header(w->out)->content_hash;
}

static int64_t largest(int64_t a, int64_t b) {
    return a > b ? a : b;
}

ct_status ct__prepare_write(ct__prepare *p, const char *path, const ct_str *settings, const ct_str *inputs,
                            ct_error *err) {
    writer w = {.p = p};
    ct_status st = CT_OK;
    char *vocab_path = NULL;
    const int64_t n = largest(largest(p->n_users, p->n_items), largest(p->n_inters, p->config->n_platforms));
    CT_TRY(ct_calloc((size_t)n + 1, sizeof *w.begin, (void **)&w.begin, err), st, done);
    CT_TRY(ct_tokenizer_parse(&w.tokenizer, p->vocab.n ? p->vocab.v[0].path : CT__CACHE_VOCAB_FILE,
                              p->vocab_bytes, p->n_vocab_bytes, p->config->data.lowercase, err),
           st, done);
    CT_TRY(ct__cache_out_open(&w.out, path, err), st, done);
    count_missing(p);
    CT_TRY(write_catalogue(&w, err), st, done);
    CT_TRY(write_interactions(&w, err), st, done);
    CT_TRY(ct__prepare_pictures(p, w.out, err), st, done);
    CT_TRY(ct__prepare_write_vectors(p, w.out, err), st, done);
    CT_TRY(ct__cache_out_section(w.out, CT__SECTION_VOCAB, p->vocab_bytes, p->n_vocab_bytes, err), st, done);
    CT_TRY(write_origin(&w, settings, inputs, err), st, done);
    fill_header(&w, settings);
    /* vocab.txt first: the copy inside dataset.bin is the one that counts, and its rename is the moment of
     * change. */
    CT_TRY(ct_path_join(p->config->data.cache, CT__CACHE_VOCAB_FILE, &vocab_path, err), st, done);
    CT_TRY(ct_write_file(vocab_path, p->vocab_bytes, p->n_vocab_bytes, err), st, done);
    CT_TRY(ct__cache_out_commit(w.out, err), st, done);
    fill_report(&w);
done:
    ct__cache_out_free(w.out);
    ct_tokenizer_free(w.tokenizer);
    ct_token_buffer_free(&w.tokens);
    ct_free(w.begin);
    ct_free(vocab_path);
    return st;
}
