/* Fuzzing: readers get good inputs that were damaged, and must answer with a status: no crash, no leak, no
 * hang, no memory out of proportion to the input. An input is a function of (seed, reader, round) and of
 * nothing else, so that a run repeats itself and a finding can be made again.
 *
 * A new reader is a function that calls it, and a row in the table of one of the programs
 * tests/fuzz/test_fuzz_*.c. Each reader runs in a process of its own: whatever ends that process is a
 * finding, and its input is saved. */
#ifndef CT_TESTS_FUZZ_FUZZ_H
#define CT_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/rng.h"
#include "tests/fuzz/fuzz_mutate.h"

typedef struct fuzz_input {
    const unsigned char
        *bytes; /* [n]; the block ends where they end, so that a sanitizer sees a read behind it */
    size_t n;
    const char *path; /* a file with these bytes, named as the reader's row says */
    const char *dir;  /* a folder of this reader alone; what prepare put there stays */
} fuzz_input;

typedef struct fuzz_reader {
    const char *name;
    const char *file; /* where the input is written, below dir: "shop/items.csv" */
    void (*prepare)(fuzz_corpus *corpus,
                    const char *dir); /* adds good inputs, makes what reading needs; may be NULL */
    const char *const *texts;         /* more good inputs, up to a NULL; may be NULL */
    const char *const *tokens;        /* words of the format, up to a NULL; may be NULL */
    void (*mend)(unsigned char *bytes, size_t n, ct_rng *rng); /* makes checksums right again; may be NULL */
    /* Reads the input, frees all it got. CT_OK or an error with its text; fuzz_found for what is wrong but no
     * crash. */
    ct_status (*read)(const fuzz_input *in, ct_error *err);
    unsigned rounds;        /* inputs of a bounded run under sanitizers; without, an eighth */
    unsigned memory_factor; /* bytes of memory that a byte of input may take; 0: 64 ... */
    unsigned memory_mib;    /* ... beyond these MiB, which any input may take; 0: 4 */
    bool takes_all;         /* no input is refused */
} fuzz_reader;

typedef struct fuzz_options {
    uint64_t seed, rounds; /* rounds 0: the reader's own */
    double seconds;        /* > 0: that long, however many rounds */
    double limit_s;        /* processor time of one input; a longer one hangs */
    const char *replay;    /* this file is the only input; NULL: mutations */
    const char *out;       /* the folder for inputs that were findings */
    bool quiet;            /* what sanitizers say of a finding is not shown */
} fuzz_options;

typedef struct fuzz_result {
    uint64_t rounds, accepted, refused;
    bool found;
    uint64_t round;   /* of the finding */
    char why[1088];   /* what was found */
    char saved[1024]; /* the file with its input; "" when none was read yet */
} fuzz_result;

/* The options that the environment gives: CROSSTOWER_FUZZ_SEED, CROSSTOWER_FUZZ_ROUNDS, BUILD. */
fuzz_options fuzz_options_default(void);

/* Good inputs first, then mutations of them, until the first finding. */
void fuzz_run(const fuzz_reader *reader, const fuzz_options *options, fuzz_result *result);

/* Inside read: ends the process with a finding. */
void fuzz_found(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define FUZZ_EXPECT(condition)                                                                               \
    do {                                                                                                     \
        if (!(condition)) fuzz_found("%s:%d: not so: %s", __FILE__, __LINE__, #condition);                   \
    } while (0)

/* A program of readers: each is a test of its own. Arguments: see fuzz_main.c. */
int fuzz_main(int argc, char **argv, const fuzz_reader *readers, size_t n);

#endif
