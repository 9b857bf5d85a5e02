/* A report as a number, as a table for the terminal, as JSON. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/evaluate.h"

/* ---- one number ------------------------------------------------------------------------------------------------ */

/* The figure `name` at cut-off index k (-1: over the whole list), or NULL. */
static const double *figure(const ct_metrics *m, const char *name, int k) {
    if (k < 0) return strcmp(name, "mrr") == 0 ? &m->mrr : NULL;
    if (strcmp(name, "recall") == 0) return &m->recall[k];
    if (strcmp(name, "ndcg") == 0) return &m->ndcg[k];
    if (strcmp(name, "hr") == 0) return &m->hr[k];
    if (strcmp(name, "mrr") == 0) return &m->mrr_at[k];
    return NULL;
}

ct_status ct_eval_report_metric(const ct_eval_report *r, const char *metric, double *value, ct_error *err) {
    char name[32];
    const char *at = strchr(metric, '@');
    const size_t length = at ? (size_t)(at - metric) : strlen(metric);
    int k = -1;
    int64_t wanted = 0;
    if (length >= sizeof name) return ct_fail(err, CT_ERR_ARGUMENT, "metric '%s': unknown", metric);
    memcpy(name, metric, length);
    name[length] = '\0';
    if (at)
        for (k = 0; k < r->n_at && !(ct_parse_i64(at + 1, &wanted) && r->at[k] == wanted);) k++;
    int platforms = 0; /* with somebody to ask */
    *value = 0.0;
    for (int p = 0; p < r->n_platforms; p++) {
        const ct_metrics *m = &r->platforms[p].slices[0].model;
        const double *f = k < r->n_at ? figure(m, name, k) : NULL;
        if (!f) return ct_fail(err, CT_ERR_ARGUMENT, "metric '%s': not computed (see eval.at)", metric);
        if (m->n_users == 0) continue;
        *value += *f;
        platforms++;
    }
    if (platforms > 0) *value /= platforms;
    return CT_OK;
}

/* ---- table ----------------------------------------------------------------------------------------------------- */

static ct_status row(ct_str *out, const ct_eval_report *r, const char *slice, const char *method, const ct_metrics *m,
                     ct_error *err) {
    CT_CHECK(ct_str_printf(out, err, "  %-18s %-12s %7lld", slice, method, (long long)m->n_users));
    for (int k = 0; k < r->n_at; k++)
        CT_CHECK(ct_str_printf(out, err, "  %8.4f %8.4f %8.4f", m->recall[k], m->ndcg[k], m->hr[k]));
    return ct_str_printf(out, err, "  %8.4f\n", m->mrr);
}

static ct_status slice_rows(ct_str *out, const ct_eval_report *r, const ct_slice *s, ct_error *err) {
    CT_CHECK(row(out, r, s->name, "model", &s->model, err));
    if (s->popularity.n_users > 0) CT_CHECK(row(out, r, "", "popularity", &s->popularity, err));
    if (s->item_knn.n_users > 0) CT_CHECK(row(out, r, "", "item-kNN", &s->item_knn, err));
    for (int i = 0; i < r->n_compare; i++) CT_CHECK(row(out, r, "", r->compare[i].name, &s->compare[i], err));
    return CT_OK;
}

/* "3.40 x popularity"; a method that finds nothing has no multiples. */
static ct_status times(ct_str *out, const char *before, double model, double floor_figure, const char *name,
                       ct_error *err) {
    if (floor_figure > 0.0) return ct_str_printf(out, err, "%s%.2f x %s", before, model / floor_figure, name);
    return ct_str_printf(out, err, "%s%s finds nothing", before, name);
}

/* "ndcg@10: 3.40 x popularity, 1.20 x item-kNN (model minus item-kNN +0.0810, ...), 71.0% of oracle" */
static ct_status summary(ct_str *out, const ct_eval_report *r, const ct_slice *s, ct_error *err) {
    const double model = s->model.ndcg[0];
    if (s->model.n_users == 0) return ct_str_puts(out, "  nobody here has something to find in this stage\n", err);
    CT_CHECK(ct_str_printf(out, err, "  ndcg@%lld", (long long)r->at[0]));
    if (s->popularity.n_users > 0) {
        CT_CHECK(times(out, ": ", model, s->popularity.ndcg[0], "popularity", err));
        CT_CHECK(times(out, ", ", model, s->item_knn.ndcg[0], "item-kNN", err));
        if (!isnan(s->gain_knn[0].low))
            CT_CHECK(ct_str_printf(out, err, " (model minus item-kNN %+.4f, 95%% %+.4f to %+.4f)",
                                   model - s->item_knn.ndcg[0], s->gain_knn[0].low, s->gain_knn[0].high));
    }
    for (int i = 0; i < r->n_compare; i++) {
        const double other = s->compare[i].ndcg[0];
        if (other > 0.0) CT_CHECK(ct_str_printf(out, err, ", %.1f%% of %s", 100.0 * model / other, r->compare[i].name));
        else CT_CHECK(ct_str_printf(out, err, ", %s finds nothing", r->compare[i].name));
    }
    if (!isnan(s->model.coverage[0]))
        CT_CHECK(ct_str_printf(out, err, "; top %lld lists cover %.1f%% of the catalogue", (long long)r->at[0],
                               100.0 * s->model.coverage[0]));
    return ct_str_puts(out, "\n", err);
}

ct_status ct_eval_report_text(const ct_eval_report *r, ct_str *out, ct_error *err) {
    CT_CHECK(ct_str_printf(out, err, "protocol: %s\n", r->protocol));
    for (int p = 0; p < r->n_platforms; p++) {
        const ct_platform_report *pr = &r->platforms[p];
        CT_CHECK(ct_str_printf(out, err, "\n%s: %lld items, %lld users, %lld targets\n", pr->name,
                               (long long)pr->n_items, (long long)pr->slices[0].model.n_users,
                               (long long)pr->n_targets));
        CT_CHECK(ct_str_printf(out, err, "  %-18s %-12s %7s", "slice", "method", "users"));
        for (int k = 0; k < r->n_at; k++) {
            char names[3][24];
            static const char *const figures[] = {"recall", "ndcg", "hr"};
            for (int i = 0; i < 3; i++) snprintf(names[i], sizeof names[i], "%s@%lld", figures[i], (long long)r->at[k]);
            CT_CHECK(ct_str_printf(out, err, " %9s%9s%9s", names[0], names[1], names[2]));
        }
        CT_CHECK(ct_str_printf(out, err, "%10s\n", "mrr"));
        for (int i = 0; i < pr->n_slices; i++) CT_CHECK(slice_rows(out, r, &pr->slices[i], err));
        CT_CHECK(summary(out, r, &pr->slices[0], err));
    }
    return CT_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

/* JSON has no NaN: null stands for a figure that was not computed. */
static json_t *number(double v) {
    json_t *j = json_real(v);
    return j ? j : json_null();
}

static void put_at(json_t *o, const char *name, int64_t at, json_t *value) {
    char key[48];
    snprintf(key, sizeof key, "%s@%lld", name, (long long)at);
    json_object_set_new(o, key, value);
}

static json_t *metrics_json(const ct_eval_report *r, const ct_metrics *m) {
    json_t *o = json_object();
    json_object_set_new(o, "users", json_integer(m->n_users));
    for (int k = 0; k < r->n_at; k++) {
        put_at(o, "recall", r->at[k], number(m->recall[k]));
        put_at(o, "ndcg", r->at[k], number(m->ndcg[k]));
        put_at(o, "hr", r->at[k], number(m->hr[k]));
        put_at(o, "mrr", r->at[k], number(m->mrr_at[k]));
        put_at(o, "coverage", r->at[k], number(m->coverage[k]));
    }
    json_object_set_new(o, "mrr", number(m->mrr));
    return o;
}

static void put_intervals(json_t *o, const ct_eval_report *r, const char *name, const ct_interval *v) {
    for (int k = 0; v && k < r->n_at; k++) {
        json_t *pair = json_array();
        json_array_append_new(pair, number(v[k].low));
        json_array_append_new(pair, number(v[k].high));
        put_at(o, name, r->at[k], pair);
    }
}

static json_t *slice_json(const ct_eval_report *r, const ct_slice *s) {
    json_t *o = json_object(), *compare = json_object(), *intervals = json_object();
    json_object_set_new(o, "slice", json_string(s->name));
    json_object_set_new(o, "model", metrics_json(r, &s->model));
    if (s->popularity.n_users > 0) json_object_set_new(o, "popularity", metrics_json(r, &s->popularity));
    if (s->item_knn.n_users > 0) json_object_set_new(o, "item_knn", metrics_json(r, &s->item_knn));
    for (int i = 0; i < r->n_compare; i++)
        json_object_set_new(compare, r->compare[i].name, metrics_json(r, &s->compare[i]));
    json_object_set_new(o, "compare", compare);
    put_intervals(intervals, r, "model_ndcg", s->model_ndcg);
    put_intervals(intervals, r, "ndcg_minus_popularity", s->gain_popularity);
    put_intervals(intervals, r, "ndcg_minus_item_knn", s->gain_knn);
    json_object_set_new(o, "intervals_95", intervals);
    return o;
}

ct_status ct_eval_report_json(const ct_eval_report *r, ct_str *out, ct_error *err) {
    json_t *root = json_object(), *platforms = json_array();
    json_object_set_new(root, "protocol", json_string(r->protocol));
    json_object_set_new(root, "stage", json_string(r->stage == CT_STAGE_VALID ? "valid" : "test"));
    json_object_set_new(root, "platforms", platforms);
    for (int p = 0; p < r->n_platforms; p++) {
        const ct_platform_report *pr = &r->platforms[p];
        json_t *o = json_object(), *slices = json_array();
        json_object_set_new(o, "platform", json_string(pr->name));
        json_object_set_new(o, "items", json_integer(pr->n_items));
        json_object_set_new(o, "targets", json_integer(pr->n_targets));
        for (int i = 0; i < pr->n_slices; i++) json_array_append_new(slices, slice_json(r, &pr->slices[i]));
        json_object_set_new(o, "slices", slices);
        json_array_append_new(platforms, o);
    }
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (!text) return ct_fail(err, CT_ERR_MEMORY, "evaluation report: JSON");
    ct_status st = ct_str_puts(out, text, err);
    if (st == CT_OK) st = ct_str_puts(out, "\n", err);
    free(text);
    return st;
}
