/* Byte-pair merging for the vocabulary learner: the longer pieces of a vocabulary, from counted words. */
#ifndef CT_DATA_VOCAB_MERGE_H
#define CT_DATA_VOCAB_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"

/* What is known of a word. */
typedef struct ct__vocab_word {
    int64_t count; /* how often it was seen */
    bool alone;    /* punctuation or an ideograph: one character by rule, nothing to merge */
} ct__vocab_word;

/* Adds pieces to tokens until there are `size` of them or no pair is seen min_count times. The most frequent pair of
 * neighbours is merged first; ties go to the pair whose left, then right token sorts first (bytes).
 * words: word to its slot, of at most CT__WORD_MAX_CHARS characters each; info[slot] describes it. tokens: token to its
 * slot; holds the alphabet, "x" for a first character and "##x" for a later one. A word with a character outside of
 * the alphabet takes no part: it is [UNK] to a tokenizer.
 * O(characters of the words x log(pairs)) time, O(characters) memory. CT_ERR_DATA beyond 2^31 characters. */
ct_status ct__vocab_merge(const ct_strmap *words, const ct__vocab_word *info, int32_t size, int32_t min_count,
                          ct_strmap *tokens, ct_error *err);

#endif
