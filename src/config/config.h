/* A run's configuration: YAML checked against one schema table and stored in typed structs.
 *
 * The table in schema.c is the only place that knows a key's name, type, default, range and meaning: validation,
 * defaults, `config --explain`, the reference page and the resolved file all come from it. Strings are owned by the
 * config; an unset optional string is NULL. Paths were resolved against the folder of the file that names them, after
 * $VAR and ${VAR} were replaced (an unset variable is a mistake); globs stay globs. */
#ifndef CT_CONFIG_CONFIG_H
#define CT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef struct ct_strlist {
    char **v;
    int n;
} ct_strlist;

typedef struct ct_intlist {
    int64_t *v;
    int n;
} ct_intlist;

/* platforms.NAME.items.vectors: a modality's name and its .npy file. */
typedef struct ct_config_vectors {
    char *name, *path;
} ct_config_vectors;

/* platforms.NAME.items: "path" is a file, a glob or a list of them; the rest are column names. */
typedef struct ct_config_items {
    ct_strlist path;
    char *id;       /* default item_id */
    char *title;    /* default title */
    char *text;     /* a column, or a template such as "{genre} {release_year}"; default text */
    char *category; /* default category */
    char *image;    /* default image */
    char *entity;   /* column that names the same thing on other platforms; NULL: none */
    ct_config_vectors *vectors; /* precomputed vectors, a modality each */
    int n_vectors;
} ct_config_items;

typedef struct ct_config_users {
    ct_strlist path;  /* may be empty: users are then those that the interactions name, without a profile */
    char *id;         /* default user_id */
    char *text;       /* column or template; default text */
    char *person;     /* column that names the same person on other platforms; NULL: none */
} ct_config_users;

typedef struct ct_event_weight {
    char *event;
    double weight; /* > 0 keeps the event with that weight; 0 drops it */
} ct_event_weight;

typedef struct ct_config_interactions {
    ct_strlist path;
    char *user;   /* default user_id */
    char *item;   /* default item_id */
    char *time;   /* default timestamp: seconds since 1970 (integer or float) or ISO 8601 */
    char *weight; /* default weight, used where the column is there; else 1 */
    char *event;  /* default event */
    char *text;   /* review column, default review */
    char *rating; /* default rating */
    double min_rating;        /* rows rated lower are left out; NaN: keep all */
    ct_event_weight *weights; /* by event; an event that is not named is a bad row when any is named */
    int n_weights;
} ct_config_interactions;

typedef struct ct_config_platform {
    char *name;
    char *from; /* a folder with items.*, users.*, interactions.* in the default columns; NULL when not given */
    ct_config_items items;
    ct_config_users users;
    ct_config_interactions interactions;
    int line; /* where the platform stands in its file, for later messages */
} ct_config_platform;

/* links.users / links.items: CSV, TSV or JSONL files whose columns are platform names; a row names one person (thing)
 * by its ids on those platforms. */
typedef struct ct_config_links {
    ct_strlist users, items;
} ct_config_links;

typedef struct ct_config_data {
    char *cache;            /* folder of the prepared data; default runs/NAME/cache */
    int64_t max_bad_rows;   /* default 100, a file; -1: any number */
    int64_t k_core_users, k_core_items; /* least interactions a user / an item must have, repeated until stable; 0: off */
    char *vocab;            /* "auto", or the path of a vocab.txt */
    int64_t vocab_size;     /* for auto: default 8000 */
    int64_t vocab_min_count;/* for auto: default 2 */
    bool lowercase;         /* default true */
    char *user_text;        /* template, default "{profile} [SEP] {titles:10} [SEP] {reviews:3}" */
    int64_t max_user_tokens;   /* [CLS] and [SEP] counted; default 64 */
    int64_t max_item_tokens;   /* default 48 */
    int64_t max_title_tokens;  /* of one title in a history; default 12 */
    int64_t max_review_tokens; /* of one review in a user's text; default 32 */
    int64_t picture_size;      /* side of the square pictures in the cache; default: model.item.image_size when an image
                                  encoder is chosen, else 0 (pictures are not read) */
    int64_t bucket;            /* packed token counts are rounded up to a multiple; default 256 */
} ct_config_data;

typedef enum ct_encoder_kind { CT_ENCODER_NONE, CT_ENCODER_TRANSFORMER, CT_ENCODER_CNN } ct_encoder_kind;
typedef enum ct_pool_kind { CT_POOL_KIND_MEAN, CT_POOL_KIND_CLS } ct_pool_kind;

/* A text encoder; the keys of the kind that is not chosen must not be written. */
typedef struct ct_config_encoder {
    ct_encoder_kind kind;  /* user: transformer | none (key "encoder"); item: cnn | transformer | none (key "text") */
    /* transformer, in BERT's layout */
    int64_t layers, hidden, heads;
    int64_t ffn;           /* 0: 4 * hidden */
    ct_pool_kind pool;
    double attention_dropout;
    char *weights;         /* folder with model.safetensors (BERT names) and vocab.txt; NULL: fresh */
    /* cnn */
    int64_t embed;         /* token embedding size, default 64 */
    ct_intlist widths;     /* default [1, 2, 3] */
    int64_t filters;       /* a width, default 64 */
    /* both */
    double dropout;
} ct_config_encoder;

typedef enum ct_similarity { CT_SIMILARITY_COSINE, CT_SIMILARITY_DOT } ct_similarity;

typedef enum ct_image_kind {
    CT_IMAGE_NONE,
    CT_IMAGE_RESNET_SMALL, /* 3x3 stem, 3 stages of 2 basic blocks, 32-64-128 channels: for pictures of 32 to 64 px */
    CT_IMAGE_RESNET18,
    CT_IMAGE_RESNET34,
    CT_IMAGE_RESNET50
} ct_image_kind;
typedef enum ct_fusion_kind { CT_FUSION_CONCAT, CT_FUSION_GATED, CT_FUSION_CROSS_ATTENTION } ct_fusion_kind;
/* How a precomputed vector enters its layer: scaled to a root mean square of 1, or as it is. */
typedef enum ct_vector_scale { CT_VECTOR_SCALE_UNIT, CT_VECTOR_SCALE_NONE } ct_vector_scale;
/* Decides whether keys have a meaning, as a choice does. */
typedef enum ct_config_given { CT_CONFIG_GIVEN_NO, CT_CONFIG_GIVEN_YES } ct_config_given;
typedef enum ct_batch_norm_kind { CT_BATCH_NORM_SYNC, CT_BATCH_NORM_LOCAL, CT_BATCH_NORM_FROZEN } ct_batch_norm_kind;

/* model.item.image and what belongs to it; keys other than `image` must not be written without a network. */
typedef struct ct_config_image {
    ct_image_kind kind;          /* key "image": none (default) | small | resnet18 | resnet34 | resnet50 */
    int64_t size;                /* image_size: side of the network's input in pixels, default 64 */
    char *weights;               /* image_weights: a .safetensors file with torchvision's names; NULL: fresh */
    ct_batch_norm_kind batch_norm; /* sync (default) | local: statistics of the batch (of all ranks, or the own);
                                    frozen: the running ones, from weights */
    double crop;                 /* augment.crop: least share of the area that a random resized crop keeps, default 0.6;
                                    1: no crop */
    bool flip;                   /* augment.flip: mirror every second picture at random, default true */
    double colour;               /* augment.colour: brightness, contrast, saturation factors from 1 - c to 1 + c,
                                    default 0.1; 0: off */
} ct_config_image;

typedef struct ct_config_model {
    int64_t dim;             /* of the shared space, default 64 */
    ct_similarity similarity;
    ct_config_encoder user, item;
    ct_config_image image;
    ct_strlist vectors;      /* model.item.vectors: the modalities of platforms.NAME.items.vectors that the item tower
                                reads; default: all that a platform gives, in the order in which they are first named */
    ct_vector_scale vector_scale; /* model.item.vector_scale; default unit */
    ct_config_given has_vectors, has_several; /* worked out: any vectors; several modalities of text, image, vectors */
    ct_fusion_kind fusion;   /* model.item.fusion, where an item has several modalities; default gated */
    double modality_dropout; /* model.item.modality_dropout: probability that a modality of an item is hidden in
                                training (never all that it has), default 0.1 */
    bool platform_embedding; /* one learned vector a platform in each tower; default true */
    int64_t id_users;        /* size of the user-id (person) vectors, 0: none */
    int64_t id_items;        /* size of the item-id (entity) vectors, 0: none */
    int64_t id_history;      /* how many latest items' id vectors are averaged into the user tower, 0: none (needs id_items) */
    int64_t history;         /* how many latest items' vectors are averaged into the user tower, 0: none */
    double id_dropout;       /* probability that an id (user, item, history each) is hidden from a row in training, default 0.1 */
} ct_config_model;

typedef enum ct_logq_kind { CT_LOGQ_KIND_NONE, CT_LOGQ_KIND_CLASSIC, CT_LOGQ_KIND_CORRECTED } ct_logq_kind;
typedef enum ct_negatives { CT_NEGATIVES_BATCH, CT_NEGATIVES_PLATFORM } ct_negatives;

typedef struct ct_config_loss {
    ct_logq_kind logq;          /* default corrected */
    ct_negatives negatives;     /* batch: all items of the batch; platform: those of the pair's platform */
    double row_share;           /* weight of user-to-item against item-to-user, default 0.5 */
    double temperature;         /* init, default 0.07 */
    bool temperature_learn;     /* default true */
    double temperature_min, temperature_max; /* clamp after each step, default 0.01 and 1 */
} ct_config_loss;

/* train.groups: parameters whose name starts with prefix (longest wins). */
typedef struct ct_config_group {
    char *prefix;
    double lr;      /* absolute; NaN: train.lr */
    double decay;   /* NaN: train.weight_decay */
    bool freeze;
} ct_config_group;

typedef enum ct_schedule { CT_SCHEDULE_COSINE, CT_SCHEDULE_CONSTANT } ct_schedule;
typedef enum ct_batches { CT_BATCHES_MIXED, CT_BATCHES_HOMOGENEOUS } ct_batches;
typedef enum ct_non_finite { CT_NON_FINITE_SKIP, CT_NON_FINITE_STOP } ct_non_finite;

typedef struct ct_config_train {
    int64_t batch;      /* pairs a step for the whole world, default 512 */
    double epochs;      /* passes over the training interactions, default 10 */
    int64_t steps;      /* 0: from epochs */
    double lr;          /* default 1e-3 */
    double warmup;      /* share of the steps, default 0.05 */
    ct_schedule schedule;
    double min_lr;      /* share of lr at the end of the cosine, default 0.05 */
    double weight_decay;/* default 0.01; biases, norms, temperature are exempt */
    double id_decay;    /* of id tables, default 0 */
    double id_lr;       /* learning rate of id tables, NaN: lr */
    double beta1, beta2, eps;
    double clip;        /* global norm, 0: off; default 1 */
    ct_batches batches;
    double platform_temperature; /* platforms are drawn in proportion to n^(1/T); 1: by size, large: evenly; default 1 */
    double part_dropout;         /* probability that a part of the user's text is hidden in training; default 0.1 */
    ct_non_finite non_finite;
    int64_t patience;       /* evaluations without a better eval.best before stopping; 0: never */
    int64_t log_every;      /* steps, default 20 */
    double checkpoint_every;/* epochs, default 1 */
    int64_t checkpoint_keep;/* newest ones kept, default 2 (the best is kept too) */
    int64_t prefetch;       /* batches made ahead, default 4 */
    ct_config_group *groups;
    int n_groups;
} ct_config_train;

typedef enum ct_split_kind { CT_SPLIT_TIME, CT_SPLIT_LAST } ct_split_kind;

/* An outside bundle ranked by the same protocol, beside the model: eval.compare.NAME: folder. */
typedef struct ct_config_compare {
    char *name, *path;
} ct_config_compare;

typedef struct ct_config_eval {
    ct_split_kind split;   /* time: by two moments for everybody; last: each user's last for test, last but one for validation */
    double valid, test;    /* time: shares of all interactions, default 0.1 each */
    char *test_time, *valid_time; /* time: the moments themselves (ISO 8601 or seconds), instead of shares; NULL: by share */
    ct_intlist at;         /* cut-offs k, default [10, 50] */
    double every;          /* epochs between validations, default 1; 0: only at the end */
    char *best;            /* metric@k that picks the best checkpoint, mean over platforms; default ndcg@10 */
    bool floors;           /* popularity and item-kNN beside the model, default true */
    int64_t bootstrap;     /* draws, default 1000; 0: no intervals */
    int64_t max_users;       /* a platform, drawn by seed, for `crosstower eval`; 0: all, the default */
    int64_t max_valid_users; /* a platform, drawn by seed, for the validations during training; 0: all; default 2000 */
    ct_config_compare *compare;
    int n_compare;
} ct_config_eval;

enum { CT_EXPORT_NPY = 1, CT_EXPORT_SAFETENSORS = 2, CT_EXPORT_FAISS = 4, CT_EXPORT_CSV = 8 };

typedef struct ct_config_export {
    unsigned formats;  /* CT_EXPORT_*; default npy */
    bool f16;          /* dtype: f32 | f16 (npy and safetensors; faiss and CSV are f32 and refuse it) */
    char *path;        /* default runs/NAME/export */
} ct_config_export;

typedef struct ct_config {
    char *name;
    char *run_dir;     /* runs/NAME unless `run_dir` says otherwise */
    int64_t seed;      /* default 1 */
    char *device;      /* auto | cpu */
    int64_t threads;   /* 0: all */
    ct_config_platform *platforms;
    int n_platforms;
    ct_config_links links;
    ct_config_data data;
    ct_config_model model;
    ct_config_loss loss;
    ct_config_train train;
    ct_config_eval eval;
    ct_config_export export;
    char *file;        /* the file that was opened */
} ct_config;

/* One mistake (or remark) with its place. */
typedef struct ct_diagnostic {
    char *file;      /* or "command line" */
    int line, column;/* from 1; 0: no place */
    char *key;       /* "model.user.layers"; "" for the file itself */
    char *message;   /* what was found, what is wanted, what to do */
} ct_diagnostic;

typedef struct ct_diagnostics {
    ct_diagnostic *v;
    size_t n, capacity;
} ct_diagnostics;

/* Opens path, its base files (top-level key `extends: FILE`, read first, cycles are a mistake), then the overrides
 * ("train.lr=1e-4", YAML values; "platforms.shop.items.id=sku" too). On CT_ERR_CONFIG *out is NULL and diags holds
 * every mistake in the order of the file; err holds a summary line. diags must be zero-initialised. */
ct_status ct_config_load(ct_config **out, const char *path, const char *const *overrides, int n_overrides,
                         ct_diagnostics *diags, ct_error *err);
void ct_config_free(ct_config *config); /* accepts NULL */
void ct_diagnostics_free(ct_diagnostics *diags);
/* "file:line:column: key: message" lines. */
ct_status ct_diagnostics_format(const ct_diagnostics *diags, ct_str *out, ct_error *err);

/* The whole configuration with every default written out, as YAML that loads to the same config. */
ct_status ct_config_dump(const ct_config *config, ct_str *out, ct_error *err);

/* All keys, with type, default, range and meaning: plain text for the terminal, or Markdown for docs/config.md. */
ct_status ct_config_explain(bool markdown, ct_str *out, ct_error *err);

/* How many modalities an item has in the model: text, image, vectors. Whether they are fused (or filled in where they are
 * missing): true as soon as one of them is not the text. */
int ct_config_n_modalities(const ct_config_model *model);
bool ct_config_fuses(const ct_config_model *model);

/* "2026-10-01", "2026-10-01T12:30:00Z", "2026-10-01 12:30:00+02:00" or seconds (fractions are cut) to seconds since
 * 1970 UTC; false when it is none of these. */
bool ct_parse_time(const char *text, int64_t *seconds);

#endif
