/* BERT's basic tokenisation: a text becomes words, before any vocabulary is asked. Shared by the tokenizer and by the
 * vocabulary learner, so that what was learned is what is looked up.
 *
 * Follows the Hugging Face `tokenizers` library (BertNormalizer, then BertPreTokenizer; max 100 characters a word):
 *   1. special tokens ("[SEP]") are cut out of the raw text;
 *   2. U+0000, U+FFFD and characters of the categories Cc, Cf and Co are dropped (not TAB, LF, CR); white space
 *      (TAB, LF, CR and Z*) ends a word; invalid bytes count as U+FFFD;
 *   3. a character of the CJK ideograph blocks is a word of its own;
 *   4. with lowercase: canonical decomposition (NFD), marks (Mn) dropped, each character lower-cased;
 *   5. a punctuation character (ASCII that is neither letter, digit nor control; P*) is a word of its own.
 *
 * Where that library and the older Python BertTokenizer differ, this is the library: unassigned characters (Cn) are
 * kept, a capital sigma at the end of a word becomes a plain sigma, U+2B820..U+2B91F are not split, nothing is composed
 * (NFC) when lowercase is off. Categories are utf8proc's; the library's tables are Unicode 8, so some 600 characters
 * assigned or reclassified since then (marks and punctuation of rare scripts) may fall differently. */
#ifndef CT_DATA_TOKENIZER_BASIC_H
#define CT_DATA_TOKENIZER_BASIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CT__WORD_MAX_CHARS 100
#define CT__WORD_MAX_BYTES (4 * CT__WORD_MAX_CHARS)

/* The special tokens in the order in which a learned vocabulary lists them. */
enum { CT__SPECIAL_PAD, CT__SPECIAL_UNK, CT__SPECIAL_CLS, CT__SPECIAL_SEP, CT__SPECIAL_MASK, CT__SPECIAL_COUNT };
extern const char *const ct__special_names[CT__SPECIAL_COUNT];

/* What does not change from text to text. */
typedef struct ct__word_rules {
    bool lowercase;
    int n_special;              /* 5, or 4 where the vocabulary has no [MASK] and the text "[MASK]" is plain text */
    unsigned char letters[256]; /* ASCII letters and digits, lower-cased if so wanted; 0 for every other byte */
} ct__word_rules;

void ct__word_rules_init(ct__word_rules *rules, bool lowercase, int n_special);

typedef enum ct__word_kind {
    CT__WORD_PLAIN,  /* one or more characters */
    CT__WORD_ALONE,  /* a punctuation character or CJK ideograph, which never joins its neighbours */
    CT__WORD_SPECIAL /* a special token of the text; no bytes */
} ct__word_kind;

/* Walks over one text; lives on the caller's stack. */
typedef struct ct__word_reader {
    const ct__word_rules *rules;
    const unsigned char *at, *end;
    int32_t pending[8]; /* the decomposition of one character, as far as not yet read */
    int n_pending, next_pending;
    size_t run; /* where, in bytes, the current run of combining characters begins */
    /* The current word, valid until the next call. Of a longer word the first CT__WORD_MAX_CHARS characters. */
    ct__word_kind kind;
    int special;
    size_t n_bytes, n_chars; /* bytes held; characters of the whole word */
    unsigned char bytes[CT__WORD_MAX_BYTES];
} ct__word_reader;

/* rules and text are borrowed while reading; text may be NULL when n is 0. */
void ct__word_reader_init(ct__word_reader *r, const ct__word_rules *rules, const char *text, size_t n);
/* false at the end of the text. */
bool ct__word_reader_next(ct__word_reader *r);

/* Bytes of the UTF-8 sequence that begins with this byte, which must begin a valid one. */
static inline size_t ct__utf8_length(unsigned char first) {
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

#endif
