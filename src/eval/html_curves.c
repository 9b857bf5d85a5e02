/* The curves of the run as SVG. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "eval/html_parts.h"

/* One chart, in units of its view box. */
enum { WIDTH = 380, HEIGHT = 220, LEFT = 50, RIGHT = 12, TOP = 12, BOTTOM = 30, COLOURS = 8, FEW = 40 };

typedef struct axis {
    double low, high, step; /* low and high are multiples of step */
} axis;

typedef struct chart {
    const char *title;
    const ct_curve *curves;
    int n;
    bool smooth; /* also a running mean */
    axis x, y;
} chart;

/* ---- axes ------------------------------------------------------------------------------------------------------ */

/* 1, 2 or 5 times a power of ten, so that about four steps fill the range. */
static double nice_step(double range) {
    const double raw = range / 4.0, power = pow(10.0, floor(log10(raw)));
    const double times = raw / power;
    return power * (times <= 1.0 ? 1.0 : times <= 2.0 ? 2.0 : times <= 5.0 ? 5.0 : 10.0);
}

static axis make_axis(double low, double high, bool outwards) {
    const double size = fmax(fabs(low), fabs(high));
    if (!(high - low > 1e-9 * size + 1e-30)) { /* one value, or as good as one: give it room */
        const double room = size > 1e-9 ? size * 0.1 : 1.0;
        low -= room;
        high += room;
    }
    const double step = nice_step(high - low);
    if (outwards) {
        low = floor(low / step) * step;
        high = ceil(high / step) * step;
    }
    return (axis){low, high, step};
}

static void find_axes(chart *c) {
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, -INFINITY};
    for (int k = 0; k < c->n; k++)
        for (int i = 0; i < c->curves[k].n; i++) {
            x[0] = fmin(x[0], c->curves[k].step[i]);
            x[1] = fmax(x[1], c->curves[k].step[i]);
            y[0] = fmin(y[0], c->curves[k].value[i]);
            y[1] = fmax(y[1], c->curves[k].value[i]);
        }
    c->x = make_axis(fmin(x[0], 0.0), x[1], false);
    c->y = make_axis(y[0], y[1], true);
}

static double place_x(const chart *c, double v) {
    return LEFT + (v - c->x.low) / (c->x.high - c->x.low) * (WIDTH - LEFT - RIGHT);
}
static double place_y(const chart *c, double v) {
    return HEIGHT - BOTTOM - (v - c->y.low) / (c->y.high - c->y.low) * (HEIGHT - BOTTOM - TOP);
}

static void put_axes(ct__page *p, const chart *c) {
    enum { MOST = 12 }; /* ticks, should rounding ever make more */
    for (int i = 0; i <= MOST; i++) {
        const double v = c->y.low + i * c->y.step, y = place_y(c, v);
        if (v > c->y.high + c->y.step / 2) break;
        ct__put(p, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" /><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">", LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 3.5);
        ct__put_short(p, fabs(v) < c->y.step * 1e-6 ? 0.0 : v);
        ct__put(p, "</text>");
    }
    for (int i = 0; i <= MOST; i++) {
        const double v = (ceil(c->x.low / c->x.step) + i) * c->x.step;
        if (v > c->x.high) break;
        ct__put(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", place_x(c, v), HEIGHT - BOTTOM + 16);
        ct__put_short(p, v);
        ct__put(p, "</text>");
    }
    ct__put(p, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">step</text>", WIDTH - RIGHT, HEIGHT - 2);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

/* The mean of the values within `reach` points of point i. */
static double mean_near(const ct_curve *c, int i, int reach) {
    const int from = i > reach ? i - reach : 0, to = i + reach < c->n ? i + reach : c->n - 1;
    double sum = 0.0;
    for (int k = from; k <= to; k++) sum += c->value[k];
    return sum / (to - from + 1);
}

static void put_line(ct__page *p, const chart *c, const ct_curve *curve, const char *class, int reach) {
    ct__put(p, "<polyline class=\"%s\" points=\"", class);
    for (int i = 0; i < curve->n; i++)
        ct__put(p, "%s%.1f,%.1f", i ? " " : "", place_x(c, curve->step[i]), place_y(c, mean_near(curve, i, reach)));
    ct__put(p, "\" />");
}

/* Each point of a short curve says its values. */
static void put_dots(ct__page *p, const chart *c, const ct_curve *curve, int colour) {
    for (int i = 0; i < curve->n && curve->n <= FEW; i++) {
        ct__put(p, "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>", colour, place_x(c, curve->step[i]),
                place_y(c, curve->value[i]));
        ct__put_text(p, curve->name, 60);
        ct__put(p, ", step ");
        ct__put_short(p, curve->step[i]);
        ct__put(p, ": ");
        ct__put_figure(p, curve->value[i]);
        ct__put(p, "</title></circle>");
    }
}

static void put_legend(ct__page *p, const chart *c) {
    if (c->n < 2) return;
    ct__put(p, "<ul class=\"legend\">");
    for (int k = 0; k < c->n; k++) {
        ct__put(p, "<li><svg class=\"key\" viewBox=\"0 0 18 8\" aria-hidden=\"true\"><line class=\"curve s%d%s\" "
                "x1=\"1\" x2=\"17\" y1=\"4\" y2=\"4\" /></svg>", k % COLOURS, k < COLOURS ? "" : " dashed");
        ct__put_text(p, c->curves[k].name, 40);
        ct__put(p, "</li>");
    }
    ct__put(p, "</ul>");
}

static void put_caption(ct__page *p, const chart *c) {
    ct__put(p, "<figcaption>");
    ct__put_text(p, c->title, 80);
    if (c->n == 1 && c->curves[0].n > 0) {
        ct__put(p, " <span class=\"muted\">");
        ct__put_figure(p, c->curves[0].value[0]);
        ct__put(p, " to ");
        ct__put_figure(p, c->curves[0].value[c->curves[0].n - 1]);
        ct__put(p, "</span>");
    }
    ct__put(p, "</figcaption>");
}

static void put_chart(ct__page *p, chart c) {
    int n = 0;
    for (int k = 0; k < c.n; k++) n += c.curves[k].n;
    ct__put(p, "<figure class=\"chart\">");
    put_caption(p, &c);
    if (n == 0) {
        ct__put(p, "<p class=\"muted\">No value of it in the file.</p></figure>\n");
        return;
    }
    find_axes(&c);
    ct__put(p, "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>", WIDTH, HEIGHT);
    ct__put_text(p, c.title, 80);
    ct__put(p, "</title>");
    put_axes(p, &c);
    for (int k = 0; k < c.n; k++) {
        char class[40];
        snprintf(class, sizeof class, "curve s%d%s%s", k % COLOURS, k < COLOURS ? "" : " dashed",
                 c.smooth ? " faint" : "");
        put_line(p, &c, &c.curves[k], class, 0);
        if (c.smooth) put_line(p, &c, &c.curves[k], "curve s0", c.curves[k].n / 25);
        put_dots(p, &c, &c.curves[k], k % COLOURS);
    }
    ct__put(p, "</svg>");
    put_legend(p, &c);
    if (c.smooth) ct__put(p, "<p class=\"muted\">Faint: as logged. Strong: a running mean.</p>");
    ct__put(p, "</figure>\n");
}

/* ---- the section ----------------------------------------------------------------------------------------------- */

/* What validations write for each platform: recall, ndcg and mrr. The metric that picks the best if it is one of them,
 * else the first ndcg. */
static void choose_metric(const ct__page *p, char *metric, size_t size) {
    const char *best = p->config->eval.best;
    const bool written = strncmp(best, "ndcg@", 5) == 0 || strncmp(best, "recall@", 7) == 0 || strcmp(best, "mrr") == 0;
    if (written) snprintf(metric, size, "%s", best);
    else snprintf(metric, size, "ndcg@%lld", p->report->n_at > 0 ? (long long)p->report->at[0] : 10LL);
}

static void put_remarks(ct__page *p, const ct_curves *c) {
    if (c->n_broken == 0 && c->n_not_finite == 0 && c->loss.merged == 1) return;
    ct__put(p, "<p class=\"muted\">");
    if (c->loss.merged > 1) {
        ct__put(p, "A point is the mean of up to ");
        ct__put_count(p, c->loss.merged);
        ct__put(p, " values. ");
    }
    if (c->n_broken > 0) {
        ct__put_count(p, c->n_broken);
        ct__put(p, " of ");
        ct__put_count(p, c->n_lines);
        ct__put(p, " lines of metrics.jsonl could not be read and were skipped. ");
    }
    if (c->n_not_finite > 0) {
        ct__put_count(p, c->n_not_finite);
        ct__put(p, " values were absent, not finite or too large to be drawn.");
    }
    ct__put(p, "</p>\n");
}

static void put_charts(ct__page *p, const ct_curves *c, const char *metric) {
    char title[64];
    snprintf(title, sizeof title, "%s in validation", metric);
    ct__put(p, "<div class=\"charts\">\n");
    put_chart(p, (chart){.title = "loss", .curves = &c->loss, .n = 1, .smooth = c->loss.n > FEW});
    put_chart(p, (chart){.title = "temperature", .curves = &c->temperature, .n = 1});
    put_chart(p, (chart){.title = title, .curves = c->valid, .n = c->n_valid});
    ct__put(p, "</div>\n");
}

void ct__put_curves(ct__page *p) {
    ct_curves curves;
    const char **names = NULL;
    char metric[48];
    const int32_t n = p->data->n_platforms;
    if (p->st != CT_OK) return;
    choose_metric(p, metric, sizeof metric);
    p->st = ct_calloc((size_t)n, sizeof *names, (void **)&names, p->err);
    for (int32_t i = 0; p->st == CT_OK && i < n; i++) names[i] = ct_strings_get(&p->data->platform_name, i);
    if (p->st == CT_OK) p->st = ct_curves_read(&curves, p->run->metrics, metric, names, n, p->err);
    if (p->st == CT_OK) {
        ct__put(p, "<section>\n<h2>Training</h2>\n");
        if (curves.found) {
            put_charts(p, &curves, metric);
            put_remarks(p, &curves);
        } else {
            ct__put(p, "<p class=\"muted\">No curves: metrics.jsonl of the run folder could not be read (");
            ct__put_text(p, curves.why, 160);
            ct__put(p, ").</p>\n");
        }
        ct__put(p, "</section>\n");
        ct_curves_free(&curves);
    }
    ct_free(names);
}
