/* The public verbs: prepare, train, evaluate, export. Each opens a session, works, closes it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "crosstower/crosstower.h"
#include "eval/html.h"
#include "run/folder.h"
#include "run/session.h"
#include "run/text.h"
#include "serve/bundle.h"
#include "serve/vectors.h"
#include "train/trainer.h"

/* The library's messages go to the observer for the length of a call. */
static void forward_message(void *ctx, ct_log_level level, const char *text) {
    static const ct_message_level levels[] = {[CT_LOG_DEBUG] = CT_MESSAGE_DEBUG,
                                              [CT_LOG_INFO] = CT_MESSAGE_INFO,
                                              [CT_LOG_WARNING] = CT_MESSAGE_WARNING};
    const ct_observer *observer = ctx;
    if (observer && observer->message) observer->message(observer->ctx, levels[level], text);
}

static void listen(const ct_observer *observer) { ct_log_set_sink(forward_message, (void *)observer); }
static void stop_listening(void) { ct_log_set_sink(NULL, NULL); }

/* ---- prepare --------------------------------------------------------------------------------------------------- */

static ct_status put_platform(ct_str *out, const ct_prepare_platform *p, ct_error *err) {
    const struct {
        const char *what;
        int64_t n;
    } left_out[] = {{"bad rows", p->bad_rows},
                    {"of them naming unknown users", p->unknown_users},
                    {"of them naming unknown items", p->unknown_items},
                    {"below the rating threshold", p->below_rating},
                    {"of events with weight 0", p->dropped_events},
                    {"below the k-core", p->below_k_core},
                    {"exact repeats", p->repeated}};
    CT_CHECK(ct_str_printf(out, err, "%-12s %9" PRId64 " users %9" PRId64 " items %11" PRId64 " interactions; %" PRId64
                           " users and %" PRId64 " items linked to other platforms\n", p->name, p->n_users, p->n_items,
                           p->n_interactions, p->linked_users, p->linked_items));
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (left_out[i].n) CT_CHECK(ct_str_printf(out, err, "    %" PRId64 " %s\n", left_out[i].n, left_out[i].what));
    if (p->without_text || p->without_image)
        CT_CHECK(ct_str_printf(out, err, "    %" PRId64 " items without text, %" PRId64 " without a picture (%" PRId64
                               " of them named one that is not there or cannot be decoded)\n",
                               p->without_text, p->without_image, p->broken_images));
    return CT_OK;
}

static ct_status put_vectors(ct_str *out, const ct_prepare_platform *p, const ct_prepare_vectors *v, ct_error *err) {
    CT_CHECK(ct_str_printf(out, err, "    %s: %" PRId64 " of %" PRId64 " items have a vector", v->name,
                           p->n_items - v->missing, p->n_items));
    if (v->broken) CT_CHECK(ct_str_printf(out, err, "; %" PRId64 " have one that is not finite", v->broken));
    if (v->unknown) CT_CHECK(ct_str_printf(out, err, "; %" PRId64 " rows name unknown items", v->unknown));
    return ct_str_puts(out, "\n", err);
}

static ct_status put_report(ct_str *out, const ct_prepare_report *r, const char *cache, ct_error *err) {
    if (r->reused) {
        CT_CHECK(ct_str_printf(out, err, "cache %s fits: reused\n", cache));
    } else if (r->why_rebuilt) {
        CT_CHECK(ct_str_printf(out, err, "cache %s rebuilt: %s\n", cache, r->why_rebuilt));
    } else {
        CT_CHECK(ct_str_printf(out, err, "cache %s made\n", cache));
    }
    for (int i = 0; i < r->n_platforms; i++) {
        CT_CHECK(put_platform(out, &r->platforms[i], err));
        for (int k = 0; k < r->n_vectors; k++)
            CT_CHECK(put_vectors(out, &r->platforms[i], &r->vectors[i * r->n_vectors + k], err));
    }
    for (int i = 0; i < r->n_first_bad; i++) CT_CHECK(ct_str_printf(out, err, "    %s\n", r->first_bad[i]));
    return ct_str_printf(out, err, "%" PRId64 " persons, %" PRId64 " entities, vocabulary of %" PRId64 " tokens\n",
                         r->n_persons, r->n_entities, r->vocab_size);
}

ct_status ct_run_prepare(const ct_config *config, bool force, const ct_observer *observer, char **text, ct_error *err) {
    ct_prepare_report report = {0};
    ct_str s = {0};
    if (text) *text = NULL;
    listen(observer);
    ct_status st = ct_prepare(config, force, &report, err);
    stop_listening();
    if (st == CT_OK && text) st = ct__text_out(put_report(&s, &report, config->data.cache, err), &s, text, err);
    ct_prepare_report_free(&report);
    return st;
}

/* ---- train ----------------------------------------------------------------------------------------------------- */

ct_status ct_run_train(const ct_config *config, const ct_train_options *options, const ct_observer *observer,
                       ct_train_result *result, ct_error *err) {
    const ct_train_options defaults = {0};
    if (options && options->resume && options->overwrite)
        return ct_fail(err, CT_ERR_ARGUMENT, "train: resume and overwrite exclude each other");
    listen(observer);
    const ct_status st = ct_trainer_run(config, options ? options : &defaults, observer, result, err);
    stop_listening();
    return st;
}

/* ---- evaluate -------------------------------------------------------------------------------------------------- */

static ct_status parse_stage(const char *name, ct_stage *stage, ct_error *err) {
    if (strcmp(name, "test") != 0 && strcmp(name, "valid") != 0)
        return ct_fail(err, CT_ERR_ARGUMENT, "stage '%s': want test or valid", name);
    *stage = strcmp(name, "test") == 0 ? CT_STAGE_TEST : CT_STAGE_VALID;
    return CT_OK;
}

/* Writes reports/eval-STAGE.KIND; *path: owned. */
static ct_status write_report(const ct_config *config, const char *stage, const char *kind, const ct_str *text, char **path,
                              ct_error *err) {
    char name[64];
    snprintf(name, sizeof name, "reports/eval-%s.%s", stage, kind);
    CT_CHECK(ct_run_path(config, name, path, err));
    return ct_write_file(*path, ct_str_text(text), text->length, err);
}

static ct_status write_json(const ct_session *s, const char *stage, const ct_eval_report *report, ct_str *json,
                            ct_error *err) {
    char *path = NULL;
    CT_CHECK(ct_eval_report_json(report, json, err));
    const ct_status st = write_report(s->config, stage, "json", json, &path, err);
    ct_free(path);
    return st;
}

static ct_status write_page(const ct_session *s, const char *weights, const char *stage, const ct_eval_report *report,
                            ct_error *err) {
    char *metrics = NULL, *path = NULL;
    ct_str page = {0};
    ct_status st = ct_path_join(s->config->run_dir, "metrics.jsonl", &metrics, err);
    const ct_html_run run = {.weights = weights,
                             .step = s->step,
                             .n_parameters = ct_params_count(ct_model_params(s->model)),
                             .device = ct_device_get_info(s->device),
                             .metrics = metrics,
                             .picture = s->data->picture_size > 0 ? ct_dataset_picture : NULL,
                             .picture_size = s->data->picture_size};
    if (st == CT_OK) st = ct_eval_report_html(report, s->data, &s->split, s->config, &run, &page, err);
    if (st == CT_OK) st = write_report(s->config, stage, "html", &page, &path, err);
    if (st == CT_OK) ct_observe(s->observer, CT_MESSAGE_INFO, "report as a page: %s", path);
    ct_str_free(&page);
    ct_free(metrics);
    ct_free(path);
    return st;
}

static ct_status evaluate(ct_session *s, const char *weights, const char *stage_name, ct_stage stage, char **table,
                          char **json, ct_error *err) {
    const ct_config_eval *eval = &s->config->eval;
    const ct_eval_options options = {.stage = stage, .max_users = eval->max_users, .floors = eval->floors, .compare = true,
                                     .examples = CT_HTML_EXAMPLES};
    ct_work work = {s->observer, "evaluating"};
    ct_eval_report report;
    ct_str text = {0}, figures = {0};
    CT_CHECK(ct_evaluate_model(s->model, s->data, &s->split, s->config, &options, ct_work_progress, &work, &report, err));
    ct_status st = write_json(s, stage_name, &report, &figures, err);
    if (st == CT_OK) st = write_page(s, weights, stage_name, &report, err);
    if (st == CT_OK) st = ct_eval_report_text(&report, &text, err);
    if (st == CT_OK && table) st = ct_strdup(ct_str_text(&text), table, err);
    if (st == CT_OK && json) st = ct_strdup(ct_str_text(&figures), json, err);
    ct_str_free(&text);
    ct_str_free(&figures);
    ct_eval_report_free(&report);
    return st;
}

ct_status ct_run_evaluate(const ct_config *config, const char *checkpoint, const char *stage_name,
                          const ct_observer *observer, char **table, char **json, ct_error *err) {
    ct_session s;
    ct_stage stage;
    char *weights = NULL;
    if (table) *table = NULL;
    if (json) *json = NULL;
    CT_CHECK(parse_stage(stage_name, &stage, err));
    listen(observer);
    ct_status st = ct_session_open_weights(&s, config, checkpoint, observer, &weights, err);
    if (st == CT_OK) st = evaluate(&s, weights, stage_name, stage, table, json, err);
    ct_session_close(&s);
    ct_free(weights);
    stop_listening();
    return st;
}

/* ---- export ---------------------------------------------------------------------------------------------------- */

static ct_status export_bundle(const ct_session *s, const char *weights, const char *path, ct_error *err) {
    ct_work work = {s->observer, "encoding"};
    char hex[17];
    uint64_t hash = 0, bytes = 0;
    CT_CHECK(ct_file_hash(weights, &hash, &bytes, err));
    snprintf(hex, sizeof hex, "%016" PRIx64, hash);
    return ct_bundle_write(path, s->model, s->data, &s->split, s->config, hex, ct_work_progress, &work, err);
}

ct_status ct_run_export(const ct_config *config, const char *checkpoint, const char *path, const ct_observer *observer,
                        char **written, ct_error *err) {
    ct_session s;
    char *weights = NULL;
    const char *target = path ? path : config->export.path;
    if (written) *written = NULL;
    listen(observer);
    ct_status st = ct_session_open_weights(&s, config, checkpoint, observer, &weights, err);
    if (st == CT_OK) st = export_bundle(&s, weights, target, err);
    if (st == CT_OK && written) st = ct_strdup(target, written, err);
    ct_session_close(&s);
    ct_free(weights);
    stop_listening();
    return st;
}
