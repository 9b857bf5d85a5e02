/* What the files of the program crosstower share: exit codes, subcommands, errors, standard output, signals. */
#ifndef CT_CLI_CLI_H
#define CT_CLI_CLI_H

#include <stdbool.h>

#include "cli/args.h"
#include "crosstower/crosstower.h"

enum { CT__EXIT_DONE = 0, CT__EXIT_FAILED = 1, CT__EXIT_WRONG = 2, CT__EXIT_INTERRUPTED = 130 };

/* ---- subcommands: argv begins behind the name; each returns the exit code -------------------------------- */

int ct__command_prepare(int argc, char **argv);
int ct__command_train(int argc, char **argv);
int ct__command_eval(int argc, char **argv);
int ct__command_export(int argc, char **argv);
int ct__command_embed(int argc, char **argv);
int ct__command_recommend(int argc, char **argv);
int ct__command_inspect(int argc, char **argv);
int ct__command_config(int argc, char **argv);

/* ---- what they do alike -------------------------------------------------------------------------------- */

/* The configuration that args name. On failure prints every mistake, one a line, and returns the exit code; else -1. */
int ct__open_config(const ct__args *args, ct_config **config);

/* What a verb does with an open configuration: run calls the library, then print (may be NULL) shows what came of it on
 * standard output. ctx is the verb's own. at_once: see ct__signals_watch. */
typedef struct ct__verb {
    ct_status (*run)(const ct_config *config, const ct_observer *observer, void *ctx, ct_error *err);
    void (*print)(const ct_config *config, void *ctx);
    void *ctx;
    bool at_once;
} ct__verb;

/* Opens the configuration that args name, runs the verb under the progress line, prints; returns the exit code. */
int ct__run_verb(const ct__args *args, const ct__verb *verb);

/* Prints "crosstower: MESSAGE" for a failed call and returns its exit code; CT_OK: nothing, CT__EXIT_DONE. */
int ct__exit_code(ct_status status, const ct_error *err);

/* ---- standard output ----------------------------------------------------------------------------------- */

/* Opens what stands behind 0, 1, 2 when the caller closed it, so that no file of ours gets such a number. */
void ct__output_begin(void);
/* Prints a text of any length. */
void ct__print(const char *text);
/* Flushes standard output. What could not be written turns exit code 0 into 1, with a message. */
int ct__output_end(int exit_code);

/* Terminal columns of a UTF-8 text; a byte that is not UTF-8 counts one, as does a control character. */
int ct__text_columns(const char *text);
/* Prints text, cut to `columns` with an ellipsis or padded to them; pad false leaves the padding out. Characters that
 * would steer the terminal show as '?'. */
void ct__print_cell(const char *text, int columns, bool pad);
/* Prints a JSON string in quotes. */
void ct__print_json(const char *text);
/* Is all of it UTF-8? */
bool ct__is_utf8(const char *text);

/* ---- signals ------------------------------------------------------------------------------------------- */

/* From now on SIGINT and SIGTERM ask to stop (ct__stop_asked), and a second one ends the program at once; or the first
 * does, for work that leaves nothing half-written under its name. The exit code is 130. Once, before other threads. */
void ct__signals_watch(bool at_once);
/* For ct_observer.stop. */
int ct__stop_asked(void *ctx);

#endif
