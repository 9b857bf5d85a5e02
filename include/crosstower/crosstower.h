/* Crosstower's public interface: open a configuration, prepare data, train, evaluate, export, recommend, inspect.
 *
 * Objects are opaque; whoever opens, closes. Every call that can fail returns ct_status and fills the ct_error that
 * comes last (which may be NULL). Calls on different objects may run in different threads; one object is used by one
 * thread at a time. Nothing here prints: progress and messages go to the observer that the caller passes. */
#ifndef CROSSTOWER_CROSSTOWER_H
#define CROSSTOWER_CROSSTOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crosstower/status.h"

#define CT_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

CT_API const char *ct_version(void);

/* ---- observing ---------------------------------------------------------------------------------------------- */

typedef enum ct_message_level { CT_MESSAGE_DEBUG, CT_MESSAGE_INFO, CT_MESSAGE_WARNING } ct_message_level;

/* Where a training run stands. Counts are totals since step 0; rates are since the last call. */
typedef struct ct_train_progress {
    int64_t step, n_steps;
    double epoch;
    double loss, temperature, lr, grad_norm;
    double prob_row, prob_col, other_mass; /* see docs/training.md */
    double pairs_per_s, tokens_per_s;
    double wait_share;   /* of the time, spent waiting for data */
    double eta_s;
    int64_t skipped;     /* updates that were not finite */
} ct_train_progress;

/* One validation during training. metric is eval.best's mean over the platforms. */
typedef struct ct_train_validation {
    int64_t step;
    const char *metric_name;
    double metric, best;
    bool improved;
    double seconds;
} ct_train_validation;

/* Callbacks, each may be NULL. progress_* may be called often; texts are borrowed for the call. */
typedef struct ct_observer {
    void *ctx;
    void (*message)(void *ctx, ct_message_level level, const char *text);
    void (*train_progress)(void *ctx, const ct_train_progress *progress);
    void (*train_validation)(void *ctx, const ct_train_validation *validation);
    /* Long work other than training: what ("encoding items"), how far. */
    void (*work_progress)(void *ctx, const char *what, int64_t done, int64_t total);
    /* Asked at every step or batch: nonzero stops the call with CT_ERR_INTERRUPTED (training writes a checkpoint). */
    int (*stop)(void *ctx);
} ct_observer;

/* ---- configuration ------------------------------------------------------------------------------------------ */

typedef struct ct_config ct_config;

/* Opens a YAML file with "key=value" overrides. On CT_ERR_CONFIG *mistakes (may be NULL) receives an owned text with
 * one "file:line:column: key: message" line for each mistake, to be freed with ct_text_free. */
CT_API ct_status ct_config_open(ct_config **out, const char *path, const char *const *overrides, int n_overrides,
                                char **mistakes, ct_error *err);
CT_API void ct_config_close(ct_config *config); /* accepts NULL */
/* The resolved configuration as YAML, every default written out. Owned text. */
CT_API ct_status ct_config_text(const ct_config *config, char **text, ct_error *err);
/* Every key with type, default, range and meaning. Owned text. */
CT_API ct_status ct_config_reference(bool markdown, char **text, ct_error *err);
CT_API const char *ct_config_name(const ct_config *config);
CT_API const char *ct_config_run_dir(const ct_config *config);
CT_API void ct_text_free(char *text); /* accepts NULL */

/* ---- verbs -------------------------------------------------------------------------------------------------- */

/* Makes or reuses the dataset cache; *report (may be NULL): an owned table of counts for people. */
CT_API ct_status ct_run_prepare(const ct_config *config, bool force, const ct_observer *observer, char **report,
                                ct_error *err);

typedef struct ct_train_options {
    bool resume;       /* go on from the newest checkpoint of the run folder */
    bool overwrite;    /* start over in a run folder that holds checkpoints */
    int64_t stop_after;/* > 0: stop as if interrupted after this many steps of this call (tests, time slices) */
} ct_train_options;

typedef struct ct_train_result {
    int64_t steps, skipped;
    double loss; /* of the last step; NaN when this call had none left to do */
    double best;
    int64_t best_step;
    bool stopped_early;
} ct_train_result;

CT_API ct_status ct_run_train(const ct_config *config, const ct_train_options *options, const ct_observer *observer,
                              ct_train_result *result, ct_error *err);

/* What a run would be, before anything large is allocated: parameters, memory, negatives, steps. Owned text. */
CT_API ct_status ct_run_plan(const ct_config *config, const ct_observer *observer, char **text, ct_error *err);

/* Where a verb takes its weights: NULL means the run folder's best checkpoint, or the newest where there is no best. */

/* Ranks a stage ("valid" or "test"). table and json are owned texts (each may be NULL); the JSON also goes to
 * RUN_DIR/reports/eval-STAGE.json, and a page with curves, bars and example users to eval-STAGE.html beside it: a message
 * of the observer names it. */
CT_API ct_status ct_run_evaluate(const ct_config *config, const char *checkpoint, const char *stage,
                                 const ct_observer *observer, char **table, char **json, ct_error *err);

/* Writes the bundle; path NULL: the config's export.path. *written (may be NULL): owned path. */
CT_API ct_status ct_run_export(const ct_config *config, const char *checkpoint, const char *path,
                               const ct_observer *observer, char **written, ct_error *err);

/* ---- embedding texts and pictures --------------------------------------------------------------------------- */

typedef struct ct_embed_options {
    const char *checkpoint; /* NULL: as above */
    const char *texts;      /* a table (CSV, TSV, JSON lines) with columns "id" and "text", or a text a line */
    const char *images;     /* or a folder of pictures, or a list: "PATH" or "ID<TAB>PATH" a line */
    const char *out;        /* the folder to be written; one that this call wrote before is replaced */
    bool items;             /* texts as the item tower reads them, as pictures always are; else as the user tower does */
    const char *platform;   /* of what platform they are; NULL: the first */
} ct_embed_options;

typedef struct ct_embed_result {
    int64_t n, dim;
    int64_t n_empty;        /* texts without a token: they all have one vector */
    int64_t n_broken;       /* pictures that could not be read: they have none */
} ct_embed_result;

/* Embeds texts, or pictures, of which nothing else is known: no id, no history, an item's picture without its text.
 * Writes texts.ids.csv, texts.npy (or images.*) and the formats of export.formats, and manifest.json; the folder appears
 * when it is whole. CT_ERR_CONFIG when the tower reads no text, or no picture; CT_ERR_DATA when no picture could be read;
 * some that could not are named to the observer. */
CT_API ct_status ct_run_embed(const ct_config *config, const ct_embed_options *options, const ct_observer *observer,
                              ct_embed_result *result, ct_error *err);

/* ---- recommending ------------------------------------------------------------------------------------------- */

/* A platform's items are encoded at the first query about them. */
typedef struct ct_recommender ct_recommender;

CT_API ct_status ct_recommender_open(ct_recommender **out, const ct_config *config, const char *checkpoint,
                                     const ct_observer *observer, ct_error *err);
CT_API void ct_recommender_close(ct_recommender *r); /* accepts NULL */

typedef struct ct_query {
    const char *user;          /* external user id, with user_platform; or NULL */
    const char *user_platform; /* NULL: the only platform that knows the id */
    const char *text;          /* or free text */
    const char *platform;      /* whose items; NULL: all platforms together */
    int k;
    bool with_seen;            /* do not leave out what the person already has, on any platform, by entity */
} ct_query;

typedef struct ct_recommendation {
    const char *platform, *item, *title, *category; /* borrowed from the recommender */
    double score;       /* u . i */
    double probability; /* softmax of score / temperature over the candidates */
} ct_recommendation;

/* Fills at most query->k rows, best first; *n is how many. CT_ERR_ARGUMENT / CT_ERR_DATA name an unknown user or
 * platform (with near ones). *user_text (may be NULL): owned, the words that the user tower read. */
CT_API ct_status ct_recommend(ct_recommender *r, const ct_query *query, ct_recommendation *rows, int *n,
                              char **user_text, ct_error *err);

/* ---- inspecting --------------------------------------------------------------------------------------------- */

/* What is in a checkpoint file, a cache folder, a bundle folder, a run folder, or "device". Owned text. */
CT_API ct_status ct_inspect(const char *path, char **text, ct_error *err);

/* ---- tests --------------------------------------------------------------------------------------------------- */

/* The nth call that makes or changes an output (create, write, sync, close, rename, remove) from now fails with
 * error_number; 0 turns it off, CT_TEST_IO_KILL kills the process there, as kill -9 would. */
enum { CT_TEST_IO_KILL = -9 };
CT_API void ct_test_io_fault(uint64_t nth, int error_number);

#ifdef __cplusplus
}
#endif
#endif
