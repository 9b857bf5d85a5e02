/* A fuzzing program: without arguments every reader of its table is a test, bounded by a count. Longer, or
 * one input:
 *
 *   PROGRAM --list                        the readers, one a line
 *   PROGRAM [--reader NAME] [--seconds S] [--rounds N] [--seed N]
 *   PROGRAM --reader NAME --replay FILE   an input that was saved
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/cmocka.h"

enum { MOST_READERS = 32 };

static fuzz_options options;
static const char *program;

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

fuzz_options fuzz_options_default(void) {
    static char out[512];
    const char *build = getenv("BUILD");
    snprintf(out, sizeof out, "%s/fuzz", build && *build ? build : "build");
    return (fuzz_options){.seed = number("CROSSTOWER_FUZZ_SEED", 20261001),
                          .rounds = number("CROSSTOWER_FUZZ_ROUNDS", 0),
                          .limit_s = 20,
                          .out = out};
}

/* The test of one reader. */
static void fuzz(void **state) {
    const fuzz_reader *reader = *state;
    fuzz_result result;
    fuzz_run(reader, &options, &result);
    printf("# %s: seed %" PRIu64 ", %" PRIu64 " inputs, %" PRIu64 " read, %" PRIu64 " refused\n",
           reader->name, options.seed, result.rounds, result.accepted, result.refused);
    fflush(stdout);
    if (result.found)
        fail_msg("%s, round %" PRIu64 ": %s\n  its input: %s\n  again: %s --reader %s --replay FILE",
                 reader->name, result.round, result.why, result.saved[0] ? result.saved : "(none)", program,
                 reader->name);
    if (result.rounds < 200 || options.replay) return;
    if (result.accepted == 0)
        fail_msg("%s: every input was refused; the damage is too coarse to test", reader->name);
    if (result.refused == 0 && !reader->takes_all)
        fail_msg("%s: no input was refused; the damage is too fine to test", reader->name);
}

static int usage(void) {
    fprintf(stderr,
            "usage: %s [--list] [--reader NAME] [--seconds S] [--rounds N] [--seed N] [--replay FILE]\n",
            program);
    return 2;
}

static bool take_argument(const char *name, const char *value, const char **reader) {
    int64_t n = 0;
    if (strcmp(name, "--reader") == 0) {
        *reader = value;
    } else if (strcmp(name, "--replay") == 0) {
        options.replay = value;
    } else if (strcmp(name, "--seconds") == 0) {
        return ct_parse_f64(value, &options.seconds) && options.seconds > 0;
    } else if (!ct_parse_i64(value, &n) || n < 0) {
        return false;
    } else if (strcmp(name, "--seed") == 0) {
        options.seed = (uint64_t)n;
    } else if (strcmp(name, "--rounds") == 0) {
        options.rounds = (uint64_t)n;
    } else {
        return false;
    }
    return true;
}

int fuzz_main(int argc, char **argv, const fuzz_reader *readers, size_t n) {
    struct CMUnitTest tests[MOST_READERS];
    const char *only = NULL;
    size_t chosen = 0;
    program = argv[0];
    options = fuzz_options_default();
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < n; i++) puts(readers[i].name);
        return 0;
    }
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !take_argument(argv[i], argv[i + 1], &only)) return usage();
    for (size_t i = 0; i < n && chosen < MOST_READERS; i++)
        if (!only || strcmp(only, readers[i].name) == 0)
            tests[chosen++] = (struct CMUnitTest){
                .name = readers[i].name, .test_func = fuzz, .initial_state = (void *)&readers[i]};
    if (chosen == 0 || n > MOST_READERS || (options.replay && !only)) return usage();
    return _cmocka_run_group_tests("fuzz", tests, chosen, NULL, NULL);
}
