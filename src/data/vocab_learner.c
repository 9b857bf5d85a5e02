/* Learning a WordPiece vocabulary: words are counted as texts are fed, then an alphabet is chosen and pairs are merged.
 * Memory grows with the distinct words, not with the corpus.
 *
 * The words are those of BERT's basic tokenisation. A CJK ideograph is a word of its own there, so merges never join
 * ideographs; each frequent one becomes a token. Words of more than 100 characters, which a tokenizer reads as [UNK],
 * are not counted. */
#include "data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "data/tokenizer_basic.h"
#include "data/vocab_merge.h"

struct ct_vocab_learner {
    ct__word_rules rules;
    ct_strmap *words;     /* word to its slot */
    ct__vocab_word *info; /* [capacity], by slot */
    size_t capacity;
};

ct_status ct_vocab_learner_create(ct_vocab_learner **out, bool lowercase, ct_error *err) {
    ct_status st = CT_OK;
    ct_vocab_learner *learner = NULL;
    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *learner, (void **)&learner, err), st, done);
    CT_TRY(ct_strmap_create(&learner->words, err), st, done);
    ct__word_rules_init(&learner->rules, lowercase, CT__SPECIAL_COUNT);
    *out = learner;
    learner = NULL;
done:
    ct_vocab_learner_free(learner);
    return st;
}

void ct_vocab_learner_free(ct_vocab_learner *learner) {
    if (!learner) return;
    ct_strmap_free(learner->words);
    ct_free(learner->info);
    ct_free(learner);
}

ct_status ct_vocab_learner_feed(ct_vocab_learner *learner, const char *text, size_t n, ct_error *err) {
    ct__word_reader word;
    ct__word_reader_init(&word, &learner->rules, text, n);
    while (ct__word_reader_next(&word)) {
        if (word.kind == CT__WORD_SPECIAL || word.n_chars > CT__WORD_MAX_CHARS) continue;
        const int64_t next = ct_strmap_count(learner->words);
        int64_t place;
        if ((size_t)next == learner->capacity) {
            CT_CHECK(ct_grow((void **)&learner->info, &learner->capacity, (size_t)next + 1, sizeof *learner->info,
                             err));
        }
        CT_CHECK(ct_strmap_insert(learner->words, (const char *)word.bytes, word.n_bytes, next, &place, NULL, err));
        learner->info[place].count++;
        learner->info[place].alone = word.kind == CT__WORD_ALONE;
    }
    return CT_OK;
}

/* ---- the alphabet ----------------------------------------------------------------------------------------------- */

typedef struct letter {
    int64_t count;
    const char *text; /* not NUL-terminated */
    size_t n;
    bool joins; /* seen in words that may have more characters: "##x" is wanted beside "x" */
} letter;

/* Most frequent first; ties by bytes, which for UTF-8 is by code point. */
static int by_frequency(const void *a, const void *b) {
    const letter *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* Counts the characters of all words into *out, an owned array. */
static ct_status count_letters(const ct_vocab_learner *learner, letter **out, size_t *n_letters, ct_error *err) {
    ct_status st = CT_OK;
    ct_strmap *places = NULL;
    size_t capacity = 0;
    *out = NULL;
    CT_TRY(ct_strmap_create(&places, err), st, done);
    for (int64_t w = 0; w < ct_strmap_count(learner->words); w++) {
        size_t n;
        const char *text = ct_strmap_key(learner->words, w, &n);
        for (size_t at = 0, length; at < n; at += length) {
            length = ct__utf8_length((unsigned char)text[at]);
            const int64_t next = ct_strmap_count(places);
            int64_t place;
            if ((size_t)next == capacity) {
                CT_TRY(ct_grow((void **)out, &capacity, (size_t)next + 1, sizeof **out, err), st, done);
            }
            CT_TRY(ct_strmap_insert(places, text + at, length, next, &place, NULL, err), st, done);
            letter *l = &(*out)[place];
            l->count += learner->info[w].count;
            l->text = text + at;
            l->n = length;
            l->joins |= !learner->info[w].alone;
        }
    }
done:
    *n_letters = st == CT_OK ? (size_t)ct_strmap_count(places) : 0;
    ct_strmap_free(places);
    return st;
}

static ct_status add_token(ct_strmap *tokens, const char *prefix, const char *text, size_t n, ct_error *err) {
    char token[8];
    const size_t skip = strlen(prefix);
    memcpy(token, prefix, skip);
    memcpy(token + skip, text, n);
    return ct_strmap_insert(tokens, token, skip + n, ct_strmap_count(tokens), NULL, NULL, err);
}

/* Adds the alphabet to tokens: a frequent character as "x", and as "##x" if it joins, so that a word of known
 * characters is never unknown. */
static ct_status add_alphabet(const ct_vocab_learner *learner, int32_t size, int32_t min_count, ct_strmap *tokens,
                              ct_error *err) {
    ct_status st = CT_OK;
    letter *letters = NULL;
    size_t n = 0;
    const int64_t begin = ct_strmap_count(tokens);
    int64_t end = begin + size / 2;
    if (end > size) end = size;
    CT_TRY(count_letters(learner, &letters, &n, err), st, done);
    if (n > 0) qsort(letters, n, sizeof *letters, by_frequency);
    for (size_t i = 0; i < n && letters[i].count >= min_count; i++) {
        if (ct_strmap_count(tokens) >= end) break;
        CT_TRY(add_token(tokens, "", letters[i].text, letters[i].n, err), st, done);
        if (!letters[i].joins || ct_strmap_count(tokens) >= end) continue;
        CT_TRY(add_token(tokens, "##", letters[i].text, letters[i].n, err), st, done);
    }
done:
    ct_free(letters);
    return st;
}

/* ---- the vocabulary --------------------------------------------------------------------------------------------- */

static ct_status write_tokens(const ct_strmap *tokens, char **out, size_t *n, ct_error *err) {
    size_t total = 0, length;
    for (int64_t i = 0; i < ct_strmap_count(tokens); i++) {
        ct_strmap_key(tokens, i, &length);
        total += length + 1;
    }
    CT_CHECK(ct_calloc(total + 1, 1, (void **)out, err));
    *n = total;
    char *at = *out;
    for (int64_t i = 0; i < ct_strmap_count(tokens); i++) {
        const char *token = ct_strmap_key(tokens, i, &length);
        memcpy(at, token, length);
        at[length] = '\n';
        at += length + 1;
    }
    return CT_OK;
}

ct_status ct_vocab_learner_finish(ct_vocab_learner *learner, int32_t size, int32_t min_count, char **out, size_t *n,
                                  ct_error *err) {
    ct_status st = CT_OK;
    ct_strmap *tokens = NULL;
    *out = NULL;
    *n = 0;
    if (size < CT__SPECIAL_COUNT + 1) {
        return ct_fail(err, CT_ERR_ARGUMENT, "vocabulary: size %d, want at least %d", size, CT__SPECIAL_COUNT + 1);
    }
    if (min_count < 1) {
        return ct_fail(err, CT_ERR_ARGUMENT, "vocabulary: smallest count %d, want at least 1", min_count);
    }
    CT_TRY(ct_strmap_create(&tokens, err), st, done);
    for (int i = 0; i < CT__SPECIAL_COUNT; i++) {
        const char *name = ct__special_names[i];
        CT_TRY(ct_strmap_insert(tokens, name, strlen(name), i, NULL, NULL, err), st, done);
    }
    CT_TRY(add_alphabet(learner, size, min_count, tokens, err), st, done);
    CT_TRY(ct__vocab_merge(learner->words, learner->info, size, min_count, tokens, err), st, done);
    CT_TRY(write_tokens(tokens, out, n, err), st, done);
done:
    ct_strmap_free(tokens);
    return st;
}
