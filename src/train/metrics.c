/* Writing metrics.jsonl and TensorBoard scalars. */
#include "train/metrics.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/io_calls.h"
#include "base/str.h"
#include "run/folder.h"
#include "train/tfevents.h"

struct ct_metrics_log {
    int fd;
    char *path;
    ct_tfevents *events;
};

/* Keeps the lines of steps up to last; a line that is not one of ours (a half-written last one) goes too. */
static ct_status drop_later_lines(const char *path, int64_t last, ct_error *err) {
    ct_status st = CT_OK;
    char *text = NULL;
    ct_writer *w = NULL;
    if (!ct_path_exists(path)) return CT_OK;
    CT_TRY(ct_read_file(path, 0, &text, NULL, err), st, done);
    CT_TRY(ct_writer_open(&w, path, err), st, done);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *row = json_loadb(line, (size_t)(end - line), 0, NULL);
        const json_t *step = json_object_get(row, "step");
        const bool keep = json_is_integer(step) && json_integer_value(step) <= last;
        json_decref(row);
        if (keep) CT_TRY(ct_writer_write(w, line, (size_t)(end - line) + 1, err), st, done);
    }
    st = ct_writer_commit(w, err);
done:
    ct_writer_free(w);
    ct_free(text);
    return st;
}

ct_status ct_metrics_log_open(ct_metrics_log **out, const ct_config *config, int64_t first_step, ct_error *err) {
    ct_status st = CT_OK;
    ct_metrics_log *log = NULL;
    *out = NULL;
    CT_CHECK(ct_calloc(1, sizeof *log, (void **)&log, err));
    log->fd = -1;
    CT_TRY(ct_run_path(config, "metrics.jsonl", &log->path, err), st, fail);
    CT_TRY(drop_later_lines(log->path, first_step, err), st, fail);
    log->fd = ct__io_create(log->path, O_WRONLY | O_APPEND);
    if (log->fd < 0) {
        st = ct__fail_errno(err, "create", log->path);
        goto fail;
    }
    CT_TRY(ct_tfevents_open(&log->events, config->run_dir, err), st, fail);
    *out = log;
    return CT_OK;
fail:
    ct_metrics_log_close(log);
    return st;
}

void ct_metrics_log_close(ct_metrics_log *log) {
    if (!log) return;
    if (log->fd >= 0) close(log->fd);
    ct_tfevents_close(log->events);
    ct_free(log->path);
    ct_free(log);
}

/* Writes and releases row. */
static ct_status write_line(ct_metrics_log *log, json_t *row, ct_error *err) {
    ct_str line = {0};
    char *text = row ? json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(row);
    if (!text) return ct_fail(err, CT_ERR_MEMORY, "%s: a line", log->path);
    ct_status st = ct_str_printf(&line, err, "%s\n", text);
    free(text);
    if (st == CT_OK) st = ct__io_write(log->fd, log->path, line.data, line.length, -1, err);
    ct_str_free(&line);
    return st;
}

/* JSON has no NaN: a value that is not finite becomes null. */
static void put(json_t *row, const char *key, double value) {
    json_t *v = json_real(value);
    json_object_set_new(row, key, v ? v : json_null());
}

ct_status ct_metrics_log_train(ct_metrics_log *log, const ct_train_progress *p, ct_error *err) {
    const struct {
        const char *key, *tag;
        double value;
    } values[] = {{"epoch", "train/epoch", p->epoch},
                  {"loss", "train/loss", p->loss},
                  {"lr", "train/lr", p->lr},
                  {"temperature", "train/temperature", p->temperature},
                  {"grad_norm", "train/grad_norm", p->grad_norm},
                  {"prob_row", "train/prob_user_to_item", p->prob_row},
                  {"prob_col", "train/prob_item_to_user", p->prob_col},
                  {"other_mass", "train/other_platform_mass", p->other_mass},
                  {"pairs_per_s", "speed/pairs_per_s", p->pairs_per_s},
                  {"tokens_per_s", "speed/tokens_per_s", p->tokens_per_s},
                  {"wait_share", "speed/wait_share", p->wait_share}};
    json_t *row = json_pack("{s:s, s:I}", "kind", "train", "step", (json_int_t)p->step);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) put(row, values[i].key, values[i].value);
    json_object_set_new(row, "skipped", json_integer(p->skipped));
    CT_CHECK(write_line(log, row, err));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        CT_CHECK(ct_tfevents_scalar(log->events, p->step, values[i].tag, values[i].value, err));
    return CT_OK;
}

static json_t *platform_json(const ct_eval_report *report, const ct_platform_report *platform) {
    const ct_metrics *m = &platform->slices[0].model;
    json_t *figures = json_object();
    char key[32];
    for (int i = 0; i < report->n_at; i++) {
        snprintf(key, sizeof key, "recall@%lld", (long long)report->at[i]);
        put(figures, key, m->recall[i]);
        snprintf(key, sizeof key, "ndcg@%lld", (long long)report->at[i]);
        put(figures, key, m->ndcg[i]);
    }
    put(figures, "mrr", m->mrr);
    return figures;
}

static ct_status platform_events(ct_metrics_log *log, int64_t step, const ct_eval_report *report,
                                 const ct_platform_report *platform, ct_error *err) {
    char tag[128];
    for (int i = 0; i < report->n_at; i++) {
        snprintf(tag, sizeof tag, "valid/%.80s/ndcg@%lld", platform->name, (long long)report->at[i]);
        CT_CHECK(ct_tfevents_scalar(log->events, step, tag, platform->slices[0].model.ndcg[i], err));
    }
    return CT_OK;
}

ct_status ct_metrics_log_valid(ct_metrics_log *log, const ct_train_validation *v, const ct_eval_report *report,
                               ct_error *err) {
    json_t *row = json_pack("{s:s, s:I}", "kind", "valid", "step", (json_int_t)v->step);
    json_t *platforms = json_object();
    put(row, v->metric_name, v->metric);
    for (int i = 0; i < report->n_platforms; i++)
        json_object_set_new(platforms, report->platforms[i].name, platform_json(report, &report->platforms[i]));
    json_object_set_new(row, "platforms", platforms);
    CT_CHECK(write_line(log, row, err));
    for (int i = 0; i < report->n_platforms; i++)
        CT_CHECK(platform_events(log, v->step, report, &report->platforms[i], err));
    return CT_OK;
}
