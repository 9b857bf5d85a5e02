/* A small table-driven reader of command lines: what a subcommand takes stands in one table, from which come both the
 * check and the help text. Mistakes go to stderr with the nearest name that exists. */
#ifndef CT_CLI_ARGS_H
#define CT_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/* One option. Exactly one of flag, text, number is set: where it goes. A target keeps its value, the default, when the
 * option is not given. */
typedef struct ct__option {
    const char *name;  /* "--checkpoint" or "-k" */
    const char *value; /* what the help calls the value, "FILE"; NULL for a flag */
    const char *help;
    bool *flag;
    const char **text; /* borrowed from argv */
    int64_t *number;   /* within min .. max */
    int64_t min, max;
    const char *const *choices; /* of text; NULL-terminated; NULL: anything */
} ct__option;

typedef struct ct__usage {
    const char *command;    /* "train" */
    const char *positional; /* "CONFIG", "PATH|device" */
    bool may_lack;          /* the positional may be left out */
    bool overrides;         /* key=value arguments are taken */
    bool observes;          /* --quiet is taken */
    const char *about;      /* for the help: sentences in lines of at most 100 columns */
    const ct__option *options;
    int n_options; /* at most CT__OPTIONS_MAX */
} ct__usage;

enum { CT__OPTIONS_MAX = 24 };

typedef struct ct__args {
    const char *positional; /* NULL when left out */
    const char *const *overrides;
    int n_overrides;
    bool quiet;
} ct__args;

/* Reads argv[0 .. argc), which begins behind the subcommand's name; argv is reordered, the texts stay. Returns -1 when
 * the command shall go on, else the exit code: --help was printed, or the usage is wrong. */
int ct__args_parse(const ct__usage *usage, int argc, char **argv, ct__args *args);

/* Prints "crosstower: MESSAGE" and where help is found to stderr; returns CT__EXIT_WRONG. command may be NULL. */
int ct__args_wrong(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The name among n that is nearest to text, or NULL when none is near. */
const char *ct__args_nearest(const char *text, const char *const *names, int n);

#endif
