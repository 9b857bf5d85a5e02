/* Text to token ids: BERT's WordPiece over a vocabulary file, and the learning of such a vocabulary from a corpus.
 *
 * Basic tokenisation as in BERT (Devlin et al. 2019, arXiv:1810.04805; google-research/bert tokenization.py): control
 * characters dropped, white space split, every CJK ideograph a word of its own, punctuation split; when lowercase is
 * set, lower-cased, NFD-decomposed and stripped of combining marks. Then greedy longest match first, continuations
 * written "##x"; a word of more than 100 characters or without a match becomes [UNK]. Invalid UTF-8 bytes are read as
 * U+FFFD and dropped, as BERT does. */
#ifndef CT_DATA_TOKENIZER_H
#define CT_DATA_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ct_tokenizer ct_tokenizer; /* immutable after creation: may be shared by threads */

/* The ids of the special tokens. */
typedef struct ct_special_tokens {
    int32_t pad, unk, cls, sep;
} ct_special_tokens;

/* Reads the bytes of a vocab.txt (they are copied; name stands in messages): one token a line, its id the line number from 0. CT_ERR_DATA names line and token when a token
 * stands twice, when a special token ([PAD] [UNK] [CLS] [SEP]) is missing, when the file has no token or a line is not
 * UTF-8. CR LF is accepted; an empty last line is not a token. */
ct_status ct_tokenizer_parse(ct_tokenizer **out, const char *name, const char *bytes, size_t n, bool lowercase,
                             ct_error *err);
void ct_tokenizer_free(ct_tokenizer *t); /* accepts NULL */

int32_t ct_tokenizer_size(const ct_tokenizer *t);                   /* V */
ct_special_tokens ct_tokenizer_special(const ct_tokenizer *t);
const char *ct_tokenizer_token(const ct_tokenizer *t, int32_t id);  /* borrowed; NULL when out of range */
uint64_t ct_tokenizer_hash(const ct_tokenizer *t);                  /* of the tokens in order and of lowercase */

/* A caller's reusable buffers: one a thread. Zero-initialise; free with ct_token_buffer_free. */
typedef struct ct_token_buffer {
    int32_t *ids;
    size_t count, capacity;
} ct_token_buffer;

/* Appends the tokens of text[0..n) to buffer (no [CLS] or [SEP] is added), at most `limit` of them (0: no limit).
 * A special token written in the text ("[SEP]") is kept whole, as BERT tokenisers do. */
ct_status ct_tokenize(const ct_tokenizer *t, const char *text, size_t n, size_t limit, ct_token_buffer *buffer,
                      ct_error *err);
void ct_token_buffer_free(ct_token_buffer *buffer);

/* Learning a vocabulary: texts are fed, then `size` tokens are chosen.
 * The alphabet (every character seen at least min_count times, most frequent first, at most half the size) comes
 * first, then pieces by byte-pair merging of the words' characters in order of pair frequency until the size is
 * reached or no pair reaches min_count. Ties go to the pair that sorts first, so the same corpus in any order gives
 * the same file. Frequent words thereby end as single tokens. */
typedef struct ct_vocab_learner ct_vocab_learner;

ct_status ct_vocab_learner_create(ct_vocab_learner **out, bool lowercase, ct_error *err);
ct_status ct_vocab_learner_feed(ct_vocab_learner *learner, const char *text, size_t n, ct_error *err);
/* Writes the vocabulary (special tokens [PAD] [UNK] [CLS] [SEP] [MASK] first), newline-terminated lines, into an owned
 * block at *out. size counts the special tokens; at least 5 + one character, else CT_ERR_ARGUMENT. An empty corpus
 * gives the special tokens alone. */
ct_status ct_vocab_learner_finish(ct_vocab_learner *learner, int32_t size, int32_t min_count, char **out, size_t *n,
                                  ct_error *err);
void ct_vocab_learner_free(ct_vocab_learner *learner);

#endif
