/* Ranking metrics over the whole catalogue of each platform: the protocol, the model, the floors, slices, intervals. */
#ifndef CT_EVAL_EVALUATE_H
#define CT_EVAL_EVALUATE_H

#include "data/loader.h"
#include "eval/examples.h"
#include "model/encode.h"

/* One ranked list's figures, averaged over users. at[] is config->eval.at. */
typedef struct ct_metrics {
    int64_t n_users;
    double *recall, *ndcg, *hr, *mrr_at; /* [n_at] */
    double mrr;
    double *coverage;           /* [n_at]: share of the catalogue in anybody's top k; NaN where it is not computed */
} ct_metrics;

typedef struct ct_interval {
    double low, high; /* 95% by paired bootstrap over users; NaN when not computed */
} ct_interval;

/* A slice of the users of a platform: all; by source platform ("from video"); by past interactions on the platform. */
typedef struct ct_slice {
    char name[64];              /* "all", "from video", "0 past", "1-5 past", "6-20 past", "21+ past" */
    ct_metrics model, popularity, item_knn; /* n_users 0 where floors are off */
    ct_metrics *compare;        /* [n_compare] */
    ct_interval *model_ndcg;    /* [n_at] */
    ct_interval *gain_popularity, *gain_knn; /* [n_at]: model's ndcg minus the floor's */
} ct_slice;

typedef struct ct_platform_report {
    const char *name;
    int64_t n_items, n_targets;
    ct_slice *slices;
    int n_slices;               /* slices[0] is "all" */
    ct_example *examples;
    int n_examples;
} ct_platform_report;

typedef struct ct_eval_report {
    char protocol[512];         /* one line that says exactly what was measured */
    ct_stage stage;
    int n_at;
    const int64_t *at;          /* borrowed from the config */
    int n_compare;
    const ct_config_compare *compare; /* borrowed from the config */
    ct_platform_report *platforms;
    int n_platforms;
} ct_eval_report;

/* Ranks stage's interactions for every user who has one. Scores are u . i; what the user did on the platform before
 * (training; for test, training and validation) does not exist for that user; candidates are all items of the
 * platform. rank of a target = 1 + better + equal / 2, other targets counted. recall@k = targets with rank <= k /
 * targets; hr@k = 1 if any; ndcg@k with binary gains 1 / log2(1 + rank) and IDCG over min(k, targets); mrr = 1 / best
 * rank; mrr@k the same, 0 where the best rank is beyond k. max_users > 0 draws that many users a platform by seed.
 * floors and compare as asked; quick skips slices other than "all", intervals, coverage (validation during training). */
typedef struct ct_eval_options {
    ct_stage stage;
    int64_t max_users;
    bool floors, compare, quick;
    int examples;               /* users a platform, drawn by seed, whose lists are kept */
} ct_eval_options;

ct_status ct_evaluate_model(ct_model *model, const ct_dataset *data, const ct_split *split, const ct_config *config,
                            const ct_eval_options *options, ct_encode_progress progress, void *ctx,
                            ct_eval_report *report, ct_error *err);
void ct_eval_report_free(ct_eval_report *report);

/* The value of a metric name such as "ndcg@10" or "mrr": mean over the "all" slices of the platforms that have users
 * to ask. */
ct_status ct_eval_report_metric(const ct_eval_report *report, const char *metric, double *value, ct_error *err);
/* A table for the terminal, and JSON (every figure). */
ct_status ct_eval_report_text(const ct_eval_report *report, ct_str *out, ct_error *err);
ct_status ct_eval_report_json(const ct_eval_report *report, ct_str *out, ct_error *err);

#endif
