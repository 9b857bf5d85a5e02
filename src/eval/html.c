/* The page: head, facts of the run, and the order of the sections. */
#include "eval/html.h"

#include <string.h>

#include "crosstower/crosstower.h"
#include "eval/html_parts.h"

static const char *stage_name(const ct_eval_report *r) { return r->stage == CT_STAGE_VALID ? "validation" : "test"; }

static void put_head(ct__page *p) {
    ct__put(p, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
            "<meta name=\"color-scheme\" content=\"light dark\" />\n<title>");
    ct__put_text(p, p->config->name, 80);
    ct__put(p, ": %s report</title>\n<style>\n", stage_name(p->report));
    ct__put(p, "%s</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"kicker\">Crosstower · %s report</p>\n<h1>",
            ct__html_style, stage_name(p->report));
    ct__put_text(p, p->config->name, 80);
    ct__put(p, "</h1>\n<p class=\"protocol\">");
    ct__put_text(p, p->report->protocol, 1000);
    ct__put(p, ".</p>\n</header>\n");
}

/* ---- facts ----------------------------------------------------------------------------------------------------- */

static void begin_fact(ct__page *p, const char *name) { ct__put(p, "<div><dt>%s</dt><dd>", name); }
static void end_fact(ct__page *p) { ct__put(p, "</dd></div>\n"); }

static void put_model_facts(ct__page *p) {
    const char *slash = strrchr(p->run->weights, '/');
    begin_fact(p, "weights");
    ct__put_text(p, slash ? slash + 1 : p->run->weights, 80);
    ct__put(p, ", step ");
    ct__put_count(p, p->run->step);
    end_fact(p);
    begin_fact(p, "model");
    ct__put_count(p, p->run->n_parameters);
    ct__put(p, " parameters, vectors of %lld, %s", (long long)p->config->model.dim,
            p->config->model.similarity == CT_SIMILARITY_COSINE ? "cosine" : "dot product");
    end_fact(p);
    begin_fact(p, "device");
    ct__put_text(p, p->run->device.kind, 20);
    ct__put(p, ": ");
    ct__put_text(p, p->run->device.name, 80);
    ct__put(p, ", %d thread%s", p->run->device.n_threads, p->run->device.n_threads == 1 ? "" : "s");
    end_fact(p);
}

static void put_counts(ct__page *p, const int64_t *counts, const char *const *names, int n) {
    for (int i = 0; i < n; i++) {
        ct__put(p, i ? ", " : "");
        ct__put_count(p, counts[i]);
        ct__put(p, " %s", names[i]);
    }
}

static void put_data_facts(ct__page *p) {
    static const char *const rows[] = {"users", "items", "persons"};
    static const char *const parts[] = {"training", "validation", "test"};
    begin_fact(p, "data");
    ct__put(p, "%d platform%s, ", (int)p->data->n_platforms, p->data->n_platforms == 1 ? "" : "s");
    put_counts(p, (const int64_t[]){p->data->n_users, p->data->n_items, p->data->n_persons}, rows, 3);
    end_fact(p);
    begin_fact(p, "interactions");
    put_counts(p, (const int64_t[]){p->split->n_train, p->split->n_valid, p->split->n_test}, parts, 3);
    end_fact(p);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static void put_platform(ct__page *p, const ct_platform_report *pr) {
    ct__put(p, "<section class=\"platform\">\n<h2>");
    ct__put_text(p, pr->name, 60);
    ct__put(p, "</h2>\n");
    ct__put_metrics(p, pr);
    ct__put_examples(p, pr);
    ct__put(p, "</section>\n");
}

ct_status ct_eval_report_html(const ct_eval_report *report, const ct_dataset *data, const ct_split *split,
                              const ct_config *config, const ct_html_run *run, ct_str *out, ct_error *err) {
    ct__page p = {.out = out, .err = err, .report = report, .data = data, .split = split, .config = config,
                  .run = run};
    put_head(&p);
    ct__put(&p, "<dl class=\"facts\">\n");
    put_model_facts(&p);
    put_data_facts(&p);
    ct__put(&p, "</dl>\n");
    ct__put_summary(&p);
    ct__put_curves(&p);
    for (int i = 0; i < report->n_platforms && p.st == CT_OK; i++) put_platform(&p, &report->platforms[i]);
    ct__put(&p, "<footer><p>Written by crosstower %s. All figures: the JSON file beside this page.</p></footer>\n"
            "</main>\n</body>\n</html>\n", CT_VERSION);
    return p.st;
}
