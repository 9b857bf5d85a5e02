/* WordPiece over a vocabulary file: greedy longest match first, by a hash table of the tokens that is probed with the
 * hashes of a word's prefixes, which one pass over the word computes. */
#include "data/tokenizer.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/str.h"
#include "data/tokenizer_basic.h"

/* A slot of the table; tag is a part of the key's hash. */
typedef struct slot {
    uint32_t tag;
    int32_t id; /* -1: free */
} slot;

/* Tokens "##x" are kept under the key x of the CONTINUATION space, all others under themselves in the INITIAL one. */
enum { INITIAL, CONTINUATION };

struct ct_tokenizer {
    char *text;        /* the tokens, each with a NUL behind it */
    size_t *starts;    /* [size + 1] where each begins in text */
    int32_t size;
    slot *slots;       /* open addressing, at most half full */
    int shift;         /* 64 - log2 of the number of slots */
    size_t longest[2]; /* bytes of the longest key of each space, at most CT__WORD_MAX_BYTES */
    ct_special_tokens special;
    int32_t special_ids[CT__SPECIAL_COUNT]; /* the same, in the reader's order, and [MASK] */
    ct__word_rules rules;
    uint64_t hash;
};

/* The hash of a key, byte by byte, so that the hash of every prefix is a by-product. */
#define HASH_FACTOR 0x9E3779B97F4A7C15u /* odd, 2^64 over the golden ratio: Knuth's multiplicative hashing */

/* Any two numbers: the first digits of pi. */
static uint64_t hash_start(int space) { return space == INITIAL ? 0x243F6A8885A308D3u : 0x13198A2E03707344u; }
static uint64_t hash_step(uint64_t h, unsigned char byte) {
    h = (h ^ byte) * HASH_FACTOR;
    return h ^ h >> 32;
}
static uint32_t hash_tag(uint64_t h) { return (uint32_t)h; }

static size_t token_length(const ct_tokenizer *t, int32_t id) {
    return t->starts[id + 1] - t->starts[id] - 1;
}

static bool is_continuation(const char *token, size_t n) { return n > 2 && token[0] == '#' && token[1] == '#'; }

/* The slot of the key: where it is, or the free one where it would go. */
static slot *find_slot(const ct_tokenizer *t, int space, const unsigned char *key, size_t n, uint64_t h) {
    const size_t mask = ((size_t)1 << (64 - t->shift)) - 1;
    const size_t skip = space == CONTINUATION ? 2 : 0;
    size_t i = (size_t)((h * HASH_FACTOR) >> t->shift);
    for (;; i = (i + 1) & mask) {
        slot *s = &t->slots[i];
        if (s->id < 0) return s;
        if (s->tag != hash_tag(h)) continue;
        const char *token = t->text + t->starts[s->id];
        const size_t length = token_length(t, s->id);
        if (length == n + skip && is_continuation(token, length) == (space == CONTINUATION) &&
            memcmp(token + skip, key, n) == 0) {
            return s;
        }
    }
}

static slot *find_token(const ct_tokenizer *t, const char *token, size_t n, uint64_t *hash) {
    const int space = is_continuation(token, n) ? CONTINUATION : INITIAL;
    const size_t skip = space == CONTINUATION ? 2 : 0;
    const unsigned char *key = (const unsigned char *)token + skip;
    uint64_t h = hash_start(space);
    for (size_t i = 0; i < n - skip; i++) h = hash_step(h, key[i]);
    *hash = h;
    return find_slot(t, space, key, n - skip, h);
}

/* ---- the vocabulary file ---------------------------------------------------------------------------------------- */

/* Bytes of a token that a message shows: at most 60, whole characters. */
static int shown(const char *token) {
    const size_t n = strlen(token);
    return (int)ct_utf8_valid_prefix(token, n < 60 ? n : 60);
}

static size_t count_lines(const char *bytes, size_t n) {
    size_t lines = 0;
    for (size_t i = 0; i < n; i++) lines += bytes[i] == '\n';
    return lines;
}

static ct_status check_text(const char *name, const char *bytes, size_t n, ct_error *err) {
    const size_t valid = ct_utf8_valid_prefix(bytes, n);
    if (valid < n) {
        return ct_fail(err, CT_ERR_DATA, "vocabulary '%s': line %zu is not UTF-8 (byte 0x%02X)", name,
                       count_lines(bytes, valid) + 1, (unsigned)(unsigned char)bytes[valid]);
    }
    const char *nul = memchr(bytes, 0, n);
    if (nul) {
        return ct_fail(err, CT_ERR_DATA, "vocabulary '%s': line %zu holds a NUL byte, want text", name,
                       count_lines(bytes, (size_t)(nul - bytes)) + 1);
    }
    return CT_OK;
}

/* Copies the lines of bytes[0..n), n > 0, to text and starts. */
static ct_status read_lines(ct_tokenizer *t, const char *name, const char *bytes, size_t n, ct_error *err) {
    const size_t lines = count_lines(bytes, n) + (bytes[n - 1] != '\n');
    if (lines > INT32_MAX / 4) {
        return ct_fail(err, CT_ERR_DATA, "vocabulary '%s': %zu tokens, want at most %d", name, lines, INT32_MAX / 4);
    }
    CT_CHECK(ct_calloc(n + 1, 1, (void **)&t->text, err));
    CT_CHECK(ct_calloc(lines + 1, sizeof *t->starts, (void **)&t->starts, err));
    size_t at = 0;
    for (const char *line = bytes; line < bytes + n;) {
        const char *newline = memchr(line, '\n', (size_t)(bytes + n - line));
        const char *end = newline ? newline : bytes + n, *next = newline ? newline + 1 : end;
        if (end > line && end[-1] == '\r') end--;
        memcpy(t->text + at, line, (size_t)(end - line));
        at += (size_t)(end - line) + 1;
        t->starts[++t->size] = at;
        line = next;
    }
    return CT_OK;
}

static ct_status index_tokens(ct_tokenizer *t, const char *name, ct_error *err) {
    t->shift = 64 - 4;
    while (((size_t)1 << (64 - t->shift)) < 2 * (size_t)t->size) t->shift--;
    const size_t n_slots = (size_t)1 << (64 - t->shift);
    CT_CHECK(ct_calloc(n_slots, sizeof *t->slots, (void **)&t->slots, err));
    for (size_t i = 0; i < n_slots; i++) t->slots[i].id = -1;
    for (int32_t id = 0; id < t->size; id++) {
        const char *token = t->text + t->starts[id];
        const size_t n = token_length(t, id);
        uint64_t h;
        slot *s = find_token(t, token, n, &h);
        if (s->id >= 0) {
            return ct_fail(err, CT_ERR_DATA, "vocabulary '%s': token '%.*s' stands on line %d and again on line %d",
                           name, shown(token), token, s->id + 1, id + 1);
        }
        *s = (slot){hash_tag(h), id};
        const int space = is_continuation(token, n);
        const size_t key = n - (space == CONTINUATION ? 2 : 0);
        if (key > t->longest[space]) t->longest[space] = key < CT__WORD_MAX_BYTES ? key : CT__WORD_MAX_BYTES;
    }
    return CT_OK;
}

static ct_status find_special(ct_tokenizer *t, const char *name, ct_error *err) {
    for (int i = 0; i < CT__SPECIAL_COUNT; i++) {
        uint64_t h;
        t->special_ids[i] = find_token(t, ct__special_names[i], strlen(ct__special_names[i]), &h)->id;
        if (t->special_ids[i] < 0 && i != CT__SPECIAL_MASK) {
            return ct_fail(err, CT_ERR_DATA, "vocabulary '%s': no token %s among %d, want one a line", name,
                           ct__special_names[i], t->size);
        }
    }
    t->special = (ct_special_tokens){t->special_ids[CT__SPECIAL_PAD], t->special_ids[CT__SPECIAL_UNK],
                                     t->special_ids[CT__SPECIAL_CLS], t->special_ids[CT__SPECIAL_SEP]};
    return CT_OK;
}

ct_status ct_tokenizer_parse(ct_tokenizer **out, const char *name, const char *bytes, size_t n, bool lowercase,
                             ct_error *err) {
    ct_status st = CT_OK;
    ct_tokenizer *t = NULL;
    *out = NULL;
    if (n == 0) return ct_fail(err, CT_ERR_DATA, "vocabulary '%s': no token, want one a line", name);
    CT_TRY(check_text(name, bytes, n, err), st, done);
    CT_TRY(ct_calloc(1, sizeof *t, (void **)&t, err), st, done);
    CT_TRY(read_lines(t, name, bytes, n, err), st, done);
    CT_TRY(index_tokens(t, name, err), st, done);
    CT_TRY(find_special(t, name, err), st, done);
    ct__word_rules_init(&t->rules, lowercase,
                        t->special_ids[CT__SPECIAL_MASK] < 0 ? CT__SPECIAL_MASK : CT__SPECIAL_COUNT);
    t->hash = ct_hash_seeded(t->text, t->starts[t->size], lowercase);
    *out = t;
    t = NULL;
done:
    ct_tokenizer_free(t);
    return st;
}

void ct_tokenizer_free(ct_tokenizer *t) {
    if (!t) return;
    ct_free(t->text);
    ct_free(t->starts);
    ct_free(t->slots);
    ct_free(t);
}

int32_t ct_tokenizer_size(const ct_tokenizer *t) { return t->size; }
ct_special_tokens ct_tokenizer_special(const ct_tokenizer *t) { return t->special; }
uint64_t ct_tokenizer_hash(const ct_tokenizer *t) { return t->hash; }

const char *ct_tokenizer_token(const ct_tokenizer *t, int32_t id) {
    return id < 0 || id >= t->size ? NULL : t->text + t->starts[id];
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* The longest token that word[0..n) begins with; *length is its bytes there. -1 when there is none. */
static int32_t longest_match(const ct_tokenizer *t, int space, const unsigned char *word, size_t n, size_t *length) {
    uint64_t prefix[CT__WORD_MAX_BYTES + 1];
    if (n > t->longest[space]) n = t->longest[space];
    prefix[0] = hash_start(space);
    for (size_t i = 0; i < n; i++) prefix[i + 1] = hash_step(prefix[i], word[i]);
    for (; n > 0; n--) {
        const int32_t id = find_slot(t, space, word, n, prefix[n])->id;
        if (id >= 0) {
            *length = n;
            return id;
        }
    }
    return -1;
}

/* Writes the word's pieces to ids, which has room for one a byte; returns how many. */
static size_t split_word(const ct_tokenizer *t, const ct__word_reader *word, int32_t *ids) {
    size_t count = 0;
    if (word->n_chars > CT__WORD_MAX_CHARS) {
        ids[0] = t->special.unk;
        return 1;
    }
    for (size_t at = 0, length = 0; at < word->n_bytes; at += length) {
        const int space = at == 0 ? INITIAL : CONTINUATION;
        const int32_t id = longest_match(t, space, word->bytes + at, word->n_bytes - at, &length);
        if (id < 0) {
            ids[0] = t->special.unk;
            return 1;
        }
        ids[count++] = id;
    }
    return count;
}

ct_status ct_tokenize(const ct_tokenizer *t, const char *text, size_t n, size_t limit, ct_token_buffer *buffer,
                      ct_error *err) {
    const size_t before = buffer->count;
    ct__word_reader word;
    ct__word_reader_init(&word, &t->rules, text, n);
    while ((limit == 0 || buffer->count - before < limit) && ct__word_reader_next(&word)) {
        if (buffer->capacity - buffer->count < CT__WORD_MAX_BYTES) {
            const ct_status st = ct_grow((void **)&buffer->ids, &buffer->capacity, buffer->count + CT__WORD_MAX_BYTES,
                                         sizeof *buffer->ids, err);
            if (st != CT_OK) {
                buffer->count = before;
                return st;
            }
        }
        if (word.kind == CT__WORD_SPECIAL) buffer->ids[buffer->count++] = t->special_ids[word.special];
        else buffer->count += split_word(t, &word, buffer->ids + buffer->count);
    }
    if (limit != 0 && buffer->count - before > limit) buffer->count = before + limit;
    return CT_OK;
}

void ct_token_buffer_free(ct_token_buffer *buffer) {
    if (!buffer) return;
    ct_free(buffer->ids);
    memset(buffer, 0, sizeof *buffer);
}
