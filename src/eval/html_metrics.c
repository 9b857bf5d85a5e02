/* Metrics in the page: the table of all platforms, and for each platform key figures, bars by slice, all figures. */
#include <math.h>

#include "eval/html_parts.h"

/* One ranking of a slice: the model's, a floor's, or a compared bundle's. */
typedef struct method {
    const char *name, *class;
    const ct_metrics *metrics;
    const ct_interval *interval; /* of its ndcg; NULL: none */
    const ct_interval *gain;     /* of the model's ndcg minus its own; NULL: none */
} method;

static int n_methods(const ct__page *p) { return 3 + p->report->n_compare; }

/* The i-th method; false where the slice was not ranked by it. */
static bool method_at(const ct__page *p, const ct_slice *s, int i, method *m) {
    switch (i) {
    case 0: *m = (method){"model", "model", &s->model, s->model_ndcg, NULL}; break;
    case 1: *m = (method){"popularity", "floor", &s->popularity, NULL, s->gain_popularity}; break;
    case 2: *m = (method){"item-kNN", "floor", &s->item_knn, NULL, s->gain_knn}; break;
    default: *m = (method){p->report->compare[i - 3].name, "other", &s->compare[i - 3], NULL, NULL};
    }
    return m->metrics->n_users > 0;
}

static bool known(const ct_interval *v, int k) { return v && isfinite(v[k].low) && isfinite(v[k].high); }

static void put_interval(ct__page *p, const ct_interval *v, int k, void (*put)(ct__page *, double)) {
    if (!known(v, k)) return;
    ct__put(p, " <span class=\"interval\">");
    put(p, v[k].low);
    ct__put(p, " to ");
    put(p, v[k].high);
    ct__put(p, "</span>");
}

/* ---- all platforms in a table ---------------------------------------------------------------------------------- */

static void put_summary_row(ct__page *p, const ct_platform_report *pr) {
    ct__put(p, "<tr><th scope=\"row\">");
    ct__put_text(p, pr->name, 40);
    ct__put(p, "</th><td class=\"less\">");
    ct__put_count(p, pr->n_items);
    ct__put(p, "</td><td>");
    ct__put_count(p, pr->slices[0].model.n_users);
    ct__put(p, "</td><td class=\"less\">");
    ct__put_count(p, pr->n_targets);
    ct__put(p, "</td>");
    for (int i = 0; i < n_methods(p); i++) {
        method m;
        ct__put(p, i ? "<td>" : "<td class=\"model\">");
        if (!method_at(p, &pr->slices[0], i, &m)) {
            ct__put(p, "–</td>");
            continue;
        }
        ct__put_figure(p, m.metrics->ndcg[0]);
        put_interval(p, m.interval, 0, ct__put_figure);
        ct__put(p, "</td>");
    }
    ct__put(p, "</tr>\n");
}

void ct__put_summary(ct__page *p) {
    const ct_eval_report *r = p->report;
    if (r->n_at == 0) return;
    ct__put(p, "<section>\n<h2>NDCG@%lld on each platform</h2>\n<div class=\"scroll\"><table class=\"figures\">\n"
            "<thead><tr><th scope=\"col\">platform</th><th scope=\"col\" class=\"less\">items</th>"
            "<th scope=\"col\">users asked</th><th scope=\"col\" class=\"less\">targets</th>"
            "<th scope=\"col\">model <span class=\"interval\">and 95%%</span></th><th scope=\"col\">popularity</th>"
            "<th scope=\"col\">item-kNN</th>", (long long)r->at[0]);
    for (int i = 0; i < r->n_compare; i++) {
        ct__put(p, "<th scope=\"col\">");
        ct__put_text(p, r->compare[i].name, 40);
        ct__put(p, "</th>");
    }
    ct__put(p, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < r->n_platforms && p->st == CT_OK; i++) put_summary_row(p, &r->platforms[i]);
    ct__put(p, "</tbody></table></div>\n</section>\n");
}

/* ---- key figures ----------------------------------------------------------------------------------------------- */

static void put_multiple(ct__page *p, const ct_slice *s, int i) {
    method m;
    if (!method_at(p, s, i, &m)) return;
    const double other = m.metrics->ndcg[0], model = s->model.ndcg[0];
    ct__put(p, "<li><b>");
    if (!(other > 0.0)) ct__put(p, "–");
    else if (i < 3) ct__put(p, model < 1e4 * other ? "%.2f×" : "%.3g×", model / other);
    else ct__put(p, model < 1e4 * other ? "%.1f%%" : "%.3g%%", 100.0 * model / other);
    ct__put(p, "</b> ");
    if (i >= 3) ct__put(p, "of ");
    ct__put_text(p, m.name, 40);
    if (!(other > 0.0)) ct__put(p, ", which finds nothing");
    ct__put(p, "</li>\n");
}

static void put_key_figures(ct__page *p, const ct_slice *all) {
    ct__put(p, "<ul class=\"tiles\">\n<li><b>");
    ct__put_figure(p, all->model.ndcg[0]);
    ct__put(p, "</b> NDCG@%lld", (long long)p->report->at[0]);
    put_interval(p, all->model_ndcg, 0, ct__put_figure);
    ct__put(p, "</li>\n");
    for (int i = 1; i < n_methods(p); i++) put_multiple(p, all, i);
    if (isfinite(all->model.coverage[0]))
        ct__put(p, "<li><b>%.1f%%</b> of the items stand in somebody’s top %lld</li>\n",
                100.0 * all->model.coverage[0], (long long)p->report->at[0]);
    ct__put(p, "</ul>\n");
}

/* ---- bars ------------------------------------------------------------------------------------------------------ */

/* The largest figure of the page: one scale for all bars, so that they can be compared. */
static double largest(const ct__page *p) {
    double most = 0.0;
    for (int i = 0; i < p->report->n_platforms; i++)
        for (int k = 0; k < p->report->platforms[i].n_slices; k++)
            for (int j = 0; j < n_methods(p); j++) {
                method m;
                if (!method_at(p, &p->report->platforms[i].slices[k], j, &m)) continue;
                if (isfinite(m.metrics->ndcg[0])) most = fmax(most, m.metrics->ndcg[0]);
                if (known(m.interval, 0)) most = fmax(most, m.interval[0].high);
            }
    return most > 0.0 ? most : 1.0;
}

static double percent(double value, double most) {
    return isfinite(value) ? fmin(fmax(100.0 * (value / most), 0.0), 100.0) : 0.0;
}

static void put_bar(ct__page *p, const method *m, double most) {
    ct__put(p, "<div class=\"bar %s\"><span class=\"who\">", m->class);
    ct__put_text(p, m->name, 24);
    ct__put(p, "</span><span class=\"track\"><span class=\"fill\" style=\"width:%.2f%%\"></span>",
            percent(m->metrics->ndcg[0], most));
    if (known(m->interval, 0)) {
        const double low = percent(m->interval[0].low, most), high = percent(m->interval[0].high, most);
        ct__put(p, "<span class=\"whisker\" style=\"left:%.2f%%;width:%.2f%%\"></span>", low, fmax(high - low, 0.0));
    }
    ct__put(p, "</span><span class=\"num\">");
    ct__put_figure(p, m->metrics->ndcg[0]);
    ct__put(p, "</span></div>\n");
}

static void put_slice_bars(ct__page *p, const ct_slice *s, double most) {
    ct__put(p, "<div class=\"slice\"><h4>");
    ct__put_text(p, s->name, 64);
    ct__put(p, " <span class=\"muted\">");
    ct__put_count(p, s->model.n_users);
    ct__put(p, s->model.n_users == 1 ? " user</span></h4>\n" : " users</span></h4>\n");
    for (int i = 0; i < n_methods(p); i++) {
        method m;
        if (method_at(p, s, i, &m)) put_bar(p, &m, most);
    }
    ct__put(p, "</div>\n");
}

/* ---- all figures ----------------------------------------------------------------------------------------------- */

static void put_head(ct__page *p) {
    ct__put(p, "<thead><tr><th scope=\"col\">slice</th><th scope=\"col\" class=\"left\">method</th>"
            "<th scope=\"col\">users</th>");
    for (int k = 0; k < p->report->n_at; k++) {
        static const char *const figures[] = {"recall", "ndcg", "hr", "mrr"};
        for (int i = 0; i < 4; i++)
            ct__put(p, "<th scope=\"col\">%s@%lld</th>", figures[i], (long long)p->report->at[k]);
        ct__put(p, "<th scope=\"col\">model minus it, ndcg@%lld, 95%%</th>", (long long)p->report->at[k]);
    }
    ct__put(p, "<th scope=\"col\">mrr</th></tr></thead>\n");
}

static void put_cell(ct__page *p, double value) {
    ct__put(p, "<td>");
    ct__put_figure(p, value);
    ct__put(p, "</td>");
}

static void put_row(ct__page *p, const ct_slice *s, const method *m, bool first) {
    ct__put(p, first ? "<tr class=\"first\"><th scope=\"row\">" : "<tr><th scope=\"row\">");
    if (first) ct__put_text(p, s->name, 64);
    ct__put(p, "</th><th scope=\"row\">");
    ct__put_text(p, m->name, 40);
    ct__put(p, "</th><td>");
    ct__put_count(p, m->metrics->n_users);
    ct__put(p, "</td>");
    for (int k = 0; k < p->report->n_at; k++) {
        const double values[] = {m->metrics->recall[k], m->metrics->ndcg[k], m->metrics->hr[k], m->metrics->mrr_at[k]};
        for (int i = 0; i < 4; i++) put_cell(p, values[i]);
        ct__put(p, "<td>");
        if (m->metrics != &s->model) ct__put_gain(p, s->model.ndcg[k] - m->metrics->ndcg[k]);
        put_interval(p, m->gain, k, ct__put_gain);
        ct__put(p, "</td>");
    }
    put_cell(p, m->metrics->mrr);
    ct__put(p, "</tr>\n");
}

static void put_all_figures(ct__page *p, const ct_platform_report *pr) {
    ct__put(p, "<details><summary>All figures</summary>\n<div class=\"scroll\"><table class=\"figures\">\n");
    put_head(p);
    ct__put(p, "<tbody>\n");
    for (int i = 0; i < pr->n_slices; i++) {
        for (int j = 0; j < n_methods(p); j++) {
            method m;
            if (method_at(p, &pr->slices[i], j, &m)) put_row(p, &pr->slices[i], &m, j == 0);
        }
    }
    ct__put(p, "</tbody></table></div></details>\n");
}

/* ---- a platform ------------------------------------------------------------------------------------------------ */

void ct__put_metrics(ct__page *p, const ct_platform_report *pr) {
    if (p->report->n_at == 0 || pr->n_slices == 0 || pr->slices[0].model.n_users == 0) {
        ct__put(p, "<p class=\"muted\">Nobody here has something to find in this stage.</p>\n");
        return;
    }
    const double most = largest(p);
    put_key_figures(p, &pr->slices[0]);
    ct__put(p, "<h3>NDCG@%lld by slice of the users</h3>\n<div class=\"slices\">\n", (long long)p->report->at[0]);
    for (int i = 0; i < pr->n_slices; i++) put_slice_bars(p, &pr->slices[i], most);
    ct__put(p, "</div>\n<p class=\"muted\">Bars of all platforms have one scale, 0 to ");
    ct__put_figure(p, most);
    ct__put(p, ". The line across the model’s bar is its 95%% interval over the users.</p>\n");
    put_all_figures(p, pr);
}
