/* A user's text: the template is parsed once into pieces, each a part with the literal words before it; composing
 * copies token lists into the caller's buffer and allocates nothing. */
#include "data/user_text.h"

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "data/history.h"

/* The most items or reviews a part may ask for: composing holds their numbers on the stack. */
#define MAX_LATEST 256

enum { MAX_PIECES = 4 }; /* each part once, and the words behind the last */

typedef struct piece {
    unsigned part;                    /* CT_PART_*; 0: the words behind the last part */
    int latest;                       /* N of titles and reviews */
    size_t word_begin, word_end;      /* bytes of words, without white space around them */
    size_t literal_begin, literal_end;/* the same as tokens: entries of literals */
} piece;

struct ct_user_text {
    piece pieces[MAX_PIECES];
    int n_pieces;
    char *words; /* the template */
    ct_token_buffer literals;
    const ct_tokenizer *tokenizer; /* borrowed from the dataset */
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Characters from 1 up to the one at byte `at`, for messages. */
static int place_of(const char *text, size_t at) {
    int place = 1;
    for (size_t i = 0; i < at; i++) place += (text[i] & 0xC0) != 0x80;
    return place;
}

static ct_status bad_part(const char *text, size_t at, size_t n, ct_error *err) {
    const size_t shown = ct_utf8_valid_prefix(text + at, n < 60 ? n : 60);
    return ct_fail(err, CT_ERR_CONFIG,
                   "data.user_text: character %d: found '%.*s', want {profile}, {titles:N} or {reviews:N} with N from "
                   "1 to %d, each at most once",
                   place_of(text, at), (int)shown, text + at, MAX_LATEST);
}

/* The part whose braces are text[at .. at + n). */
static ct_status parse_part(ct_user_text *t, piece *p, const char *text, size_t at, size_t n, ct_error *err) {
    static const struct {
        const char *name;
        unsigned part;
    } counted[] = {{"{titles:", CT_PART_TITLES}, {"{reviews:", CT_PART_REVIEWS}};
    if (n == strlen("{profile}") && memcmp(text + at, "{profile}", n) == 0) p->part = CT_PART_PROFILE;
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        const size_t head = strlen(counted[i].name);
        char digits[8] = {0};
        int64_t latest = 0;
        if (n < head + 2 || n - head - 1 >= sizeof digits || memcmp(text + at, counted[i].name, head) != 0) continue;
        memcpy(digits, text + at + head, n - head - 1);
        if (!ct_parse_i64(digits, &latest) || latest < 1 || latest > MAX_LATEST) continue;
        p->part = counted[i].part;
        p->latest = (int)latest;
    }
    if (p->part == 0) return bad_part(text, at, n, err);
    for (int i = 0; i < t->n_pieces; i++) {
        if (t->pieces[i].part == p->part) return bad_part(text, at, n, err);
    }
    return CT_OK;
}

/* The literal words text[begin .. end), which stand before p's part. */
static ct_status parse_words(ct_user_text *t, piece *p, size_t begin, size_t end, ct_error *err) {
    while (begin < end && is_space(t->words[begin])) begin++;
    while (end > begin && is_space(t->words[end - 1])) end--;
    p->word_begin = begin;
    p->word_end = end;
    p->literal_begin = t->literals.count;
    CT_CHECK(ct_tokenize(t->tokenizer, t->words + begin, end - begin, 0, &t->literals, err));
    p->literal_end = t->literals.count;
    return CT_OK;
}

static ct_status parse(ct_user_text *t, ct_error *err) {
    const char *text = t->words;
    const size_t n = strlen(text);
    size_t at = 0;
    while (at < n) {
        piece p = {0};
        const size_t words = at;
        while (at < n && text[at] != '{' && text[at] != '}') at++;
        const size_t words_end = at;
        if (at < n) {
            const size_t length = strcspn(text + at + 1, "{}") + 1; /* up to the next brace */
            if (text[at] == '}' || text[at + length] != '}') {
                return ct_fail(err, CT_ERR_CONFIG,
                               "data.user_text: character %d: found '%c' without its partner, want parts such as "
                               "{profile}",
                               place_of(text, at), text[at]);
            }
            CT_CHECK(parse_part(t, &p, text, at, length + 1, err));
            at += length + 1;
        }
        CT_CHECK(parse_words(t, &p, words, words_end, err));
        t->pieces[t->n_pieces++] = p;
    }
    if (t->n_pieces == 0 || t->pieces[0].part == 0) {
        return ct_fail(err, CT_ERR_CONFIG,
                       "data.user_text: found '%s' without a part, want at least one of {profile}, {titles:N}, "
                       "{reviews:N}",
                       text);
    }
    return CT_OK;
}

ct_status ct_user_text_create(ct_user_text **out, const char *text, const ct_tokenizer *tokenizer, ct_error *err) {
    ct_status st = CT_OK;
    ct_user_text *t = NULL;
    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *t, (void **)&t, err), st, done);
    t->tokenizer = tokenizer;
    CT_TRY(ct_strdup(text, &t->words, err), st, done);
    CT_TRY(parse(t, err), st, done);
    *out = t;
    t = NULL;
done:
    ct_user_text_free(t);
    return st;
}

void ct_user_text_free(ct_user_text *t) {
    if (!t) return;
    ct_token_buffer_free(&t->literals);
    ct_free(t->words);
    ct_free(t);
}

typedef struct writer {
    int32_t *ids;
    int n, limit;
} writer;

static void put(writer *w, const int32_t *ids, int64_t n) {
    if (n > w->limit - w->n) n = w->limit - w->n;
    if (n <= 0) return;
    memcpy(w->ids + w->n, ids, (size_t)n * sizeof *ids);
    w->n += (int)n;
}

static void put_list(writer *w, const ct_token_lists *lists, int64_t i) {
    put(w, lists->ids + lists->begin[i], lists->begin[i + 1] - lists->begin[i]);
}

static ct__latest latest_of(const piece *p) {
    return p->part == CT_PART_TITLES ? CT__LATEST_ENTITIES : CT__LATEST_REVIEWS;
}

static void put_part(writer *w, const piece *p, const ct_dataset *data, const ct_split *split, ct_moment moment) {
    if (p->part == CT_PART_PROFILE) {
        put_list(w, &data->profile_tokens, moment.user);
        return;
    }
    int64_t latest[MAX_LATEST];
    const int n = ct__history(data, split, moment, latest_of(p), p->latest, latest);
    for (int i = 0; i < n && w->n < w->limit; i++) {
        if (p->part == CT_PART_TITLES) put_list(w, &data->title_tokens, data->inter_item[latest[i]]);
        else put_list(w, &data->review_tokens, latest[i]);
    }
}

int ct_user_text_compose(const ct_user_text *t, const ct_dataset *data, const ct_split *split, ct_moment moment,
                         unsigned parts, int limit, int32_t *ids) {
    writer w = {ids, 0, limit};
    for (int i = 0; i < t->n_pieces && w.n < w.limit; i++) {
        const piece *p = &t->pieces[i];
        const int before = w.n;
        if (p->part == 0 && w.n == 0) break; /* a user of whom nothing is known has no text */
        if (p->part != 0 && !(parts & p->part)) continue;
        if (p->literal_end > p->literal_begin) {
            put(&w, t->literals.ids + p->literal_begin, (int64_t)(p->literal_end - p->literal_begin));
        }
        if (p->part == 0) break;
        const int literal_end = w.n;
        put_part(&w, p, data, split, moment);
        if (w.n > literal_end) continue;
        w.n = before; /* an empty part, or one that is cut, takes its words with it */
        if (literal_end == w.limit) break;
    }
    return w.n;
}

/* Joins with `between` unless the text is empty. */
static ct_status add_words(ct_str *out, const char *between, const char *bytes, size_t n, ct_error *err) {
    if (n == 0) return CT_OK;
    if (out->length > 0) CT_CHECK(ct_str_puts(out, between, err));
    return ct_str_append(out, bytes, n, err);
}

/* A review is kept as tokens only: pieces "##x" are joined to what they continue. */
static ct_status add_tokens(const ct_user_text *t, const ct_token_lists *lists, int64_t i, ct_str *out, ct_error *err) {
    for (int64_t k = lists->begin[i]; k < lists->begin[i + 1]; k++) {
        const char *token = ct_tokenizer_token(t->tokenizer, lists->ids[k]);
        if (!token) continue;
        const bool continues = token[0] == '#' && token[1] == '#' && token[2] != 0 && k > lists->begin[i];
        if (continues) CT_CHECK(ct_str_puts(out, token + 2, err));
        else CT_CHECK(add_words(out, k == lists->begin[i] ? ", " : " ", token, strlen(token), err));
    }
    return CT_OK;
}

/* The part alone; stays empty when it has nothing to say. */
static ct_status part_words(const ct_user_text *t, const piece *p, const ct_dataset *data, const ct_split *split,
                            ct_moment moment, ct_str *out, ct_error *err) {
    if (p->part == CT_PART_PROFILE) {
        const char *profile = ct_strings_get(&data->user_profile, moment.user);
        return ct_str_puts(out, profile, err);
    }
    int64_t latest[MAX_LATEST];
    const int n = ct__history(data, split, moment, latest_of(p), p->latest, latest);
    for (int i = 0; i < n; i++) {
        if (p->part == CT_PART_TITLES) {
            const char *title = ct_strings_get(&data->item_title, data->inter_item[latest[i]]);
            CT_CHECK(add_words(out, ", ", title, strlen(title), err));
        } else {
            CT_CHECK(add_tokens(t, &data->review_tokens, latest[i], out, err));
        }
    }
    return CT_OK;
}

ct_status ct_user_text_words(const ct_user_text *t, const ct_dataset *data, const ct_split *split, ct_moment moment,
                             ct_str *out, ct_error *err) {
    ct_status st = CT_OK;
    ct_str text = {0}, part = {0};
    for (int i = 0; i < t->n_pieces; i++) {
        const piece *p = &t->pieces[i];
        ct_str_clear(&part);
        if (p->part != 0) CT_TRY(part_words(t, p, data, split, moment, &part, err), st, done);
        if (p->part != 0 ? part.length == 0 : text.length == 0) continue;
        CT_TRY(add_words(&text, " ", t->words + p->word_begin, p->word_end - p->word_begin, err), st, done);
        CT_TRY(add_words(&text, " ", ct_str_text(&part), part.length, err), st, done);
    }
    CT_TRY(ct_str_append(out, ct_str_text(&text), text.length, err), st, done);
done:
    ct_str_free(&text);
    ct_str_free(&part);
    return st;
}
