/* Damage to good inputs: bits, bytes, runs, cuts, copies, splices of two inputs, numbers at the edge of their
 * type, words of the format. */
#ifndef CT_TESTS_FUZZ_FUZZ_MUTATE_H
#define CT_TESTS_FUZZ_FUZZ_MUTATE_H

#include <stddef.h>

#include "base/rng.h"

/* The good inputs of a reader. */
typedef struct fuzz_corpus fuzz_corpus;

/* Copies of the bytes, of a NUL-terminated text, of a whole file. They end the program when they cannot. */
void fuzz_corpus_add(fuzz_corpus *corpus, const void *bytes, size_t n);
void fuzz_corpus_add_text(fuzz_corpus *corpus, const char *text);
void fuzz_corpus_add_file(fuzz_corpus *corpus, const char *path);

fuzz_corpus *fuzz_corpus_create(void);
void fuzz_corpus_free(fuzz_corpus *corpus);
size_t fuzz_corpus_count(const fuzz_corpus *corpus);
const unsigned char *fuzz_corpus_at(const fuzz_corpus *corpus, size_t i, size_t *n);

/* A damaged copy of one of them, *n bytes in a block that is borrowed until the next call. tokens: up to a
 * NULL, may be NULL. */
unsigned char *fuzz_mutate(fuzz_corpus *corpus, const char *const *tokens, ct_rng *rng, size_t *n);

#endif
