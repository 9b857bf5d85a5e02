/* Running the program crosstower as a user would, in a folder of its own with small platforms in it. */
#ifndef CT_TESTS_CLI_SUPPORT_H
#define CT_TESTS_CLI_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* cmocka's set-up and tear-down: a new temporary folder becomes the working directory. */
int cli_setup(void **state);
int cli_teardown(void **state);

/* ---- running ------------------------------------------------------------------------------------------------- */

typedef enum cli_stdout { CLI_STDOUT_KEPT, CLI_STDOUT_CLOSED, CLI_STDOUT_FULL, CLI_STDOUT_BROKEN } cli_stdout;

typedef struct cli_how {
    const char *fault;   /* CROSSTOWER_TEST_IO_FAULT; NULL: none */
    cli_stdout standard_output;
    const char *terminal; /* the device that stderr goes to; NULL: it is kept */
    bool as_nobody;      /* as an ordinary user, from a copy of the program in the working directory */
    long file_limit;     /* RLIMIT_FSIZE: a real write past it is cut short, the next one fails; 0: none */
} cli_how;

/* What the last run wrote; valid until the next one. */
extern char *cli_out, *cli_err;

/* Starts "crosstower ARGS", ARGS split at blanks. */
pid_t cli_start(const cli_how *how, const char *args);
/* The exit code, or 128 + the signal. Fails the test when a sanitizer had something to say. */
int cli_wait(pid_t pid);
/* Both. how may be NULL. */
int cli_run(const cli_how *how, const char *args);
/* The same with ready arguments, which may hold blanks; NULL-terminated. */
int cli_run_arguments(const char *const *arguments);

/* Runs and checks the exit code and that what was printed (both streams) holds `says`, each unless NULL. */
void cli_expect(const char *args, int code, const char *says);
/* Fails with command, exit code and output. */
void cli_fail(const char *args, const char *what, const char *detail);

/* ---- files --------------------------------------------------------------------------------------------------- */

void cli_mkdir(const char *path);
void cli_remove(const char *path); /* a file or a whole folder, if there */
bool cli_exists(const char *path);
void cli_write_gz(const char *path, const char *text);
/* Changes one byte; cuts the file to n bytes (negative: from the end). */
void cli_flip_byte(const char *path, long offset);
void cli_cut(const char *path, long n);
/* Fails when the two files differ, or one is not there. */
void cli_same_file(const char *a, const char *b);
/* Fails unless both folders hold the same names with the same bytes. */
void cli_same_folder(const char *a, const char *b);
/* Names in a folder that have `part` in them. */
int cli_count(const char *folder, const char *part);
/* What bears a checkpoint's name in the tiny run's folder is whole. */
void cli_check_checkpoints(void);

/* ---- platforms ----------------------------------------------------------------------------------------------- */

/* Three small platforms in the working directory (CSV with columns of its own and gzip; JSONL and TSV; RecBole's
 * files), links.csv between their users, and run.yaml: a tiny model, 60 steps. */
void cli_write_platforms(void);

#endif
