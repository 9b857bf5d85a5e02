/* Reading metrics.jsonl line by line. A broken line costs nothing but itself. */
#include "eval/curves.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { LINE_BYTES = 1 << 16 }; /* the longest line; ours have some hundreds */
#define LARGEST 1e30           /* beyond it differences of values are no longer to be trusted */

/* ---- points ---------------------------------------------------------------------------------------------------- */

/* Halves the points of a full curve. */
static void merge_points(ct_curve *c) {
    for (int i = 0; i < c->n / 2; i++) {
        c->step[i] = 0.5 * (c->step[2 * i] + c->step[2 * i + 1]);
        c->value[i] = 0.5 * (c->value[2 * i] + c->value[2 * i + 1]);
    }
    c->n /= 2;
    c->merged *= 2;
}

static void close_point(ct_curve *c) {
    if (c->gathered == 0) return;
    if (c->n == CT_CURVE_POINTS) merge_points(c);
    c->step[c->n] = c->step_sum / (double)c->gathered;
    c->value[c->n++] = c->value_sum / (double)c->gathered;
    c->step_sum = c->value_sum = 0.0;
    c->gathered = 0;
}

static void add_point(ct_curves *all, ct_curve *c, double step, const json_t *value) {
    const double v = json_number_value(value);
    if (!json_is_number(value) || !(fabs(v) <= LARGEST)) {
        all->n_not_finite++;
        return;
    }
    /* Make room before gathering, so that all values of a point are gathered under one `merged`. */
    if (c->gathered == 0 && c->n == CT_CURVE_POINTS) merge_points(c);
    c->step_sum += step;
    c->value_sum += v;
    if (++c->gathered == c->merged) close_point(c);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static bool add_row(ct_curves *c, const json_t *row, const char *metric) {
    const char *kind = json_string_value(json_object_get(row, "kind"));
    const json_t *step = json_object_get(row, "step"), *platforms = json_object_get(row, "platforms");
    const double at = json_number_value(step);
    if (!kind || !json_is_number(step) || !(fabs(at) <= LARGEST)) return false;
    if (strcmp(kind, "train") == 0) {
        add_point(c, &c->loss, at, json_object_get(row, "loss"));
        add_point(c, &c->temperature, at, json_object_get(row, "temperature"));
        return true;
    }
    if (strcmp(kind, "valid") != 0 || !json_is_object(platforms)) return false;
    for (int i = 0; i < c->n_valid; i++)
        add_point(c, &c->valid[i], at, json_object_get(json_object_get(platforms, c->valid[i].name), metric));
    return true;
}

static void add_line(ct_curves *c, const char *line, size_t n, const char *metric) {
    json_t *row = json_loadb(line, n, 0, NULL);
    c->n_lines++;
    if (!add_row(c, row, metric)) c->n_broken++;
    json_decref(row);
}

static void read_lines(ct_curves *c, FILE *f, char *line, const char *metric) {
    size_t n = 0;
    bool too_long = false;
    for (int byte; (byte = getc(f)) != EOF || n > 0 || too_long;) {
        if (byte != '\n' && byte != EOF) {
            if (n < LINE_BYTES) line[n++] = (char)byte;
            else too_long = true;
            continue;
        }
        if (too_long) {
            c->n_lines++;
            c->n_broken++;
        } else if (n > 0) {
            add_line(c, line, n, metric);
        }
        n = 0;
        too_long = false;
    }
    if (ferror(f)) {
        c->found = false;
        snprintf(c->why, sizeof c->why, "%s", strerror(errno));
    }
}

ct_status ct_curves_read(ct_curves *c, const char *path, const char *metric, const char *const *names, int n,
                         ct_error *err) {
    char *line = NULL;
    memset(c, 0, sizeof *c);
    c->loss = (ct_curve){.name = "loss", .merged = 1};
    c->temperature = (ct_curve){.name = "temperature", .merged = 1};
    CT_CHECK(ct_calloc((size_t)n, sizeof *c->valid, (void **)&c->valid, err));
    for (c->n_valid = 0; c->n_valid < n; c->n_valid++) {
        c->valid[c->n_valid].name = names[c->n_valid];
        c->valid[c->n_valid].merged = 1;
    }
    FILE *f = fopen(path, "rb");
    c->found = f != NULL;
    if (!f) {
        snprintf(c->why, sizeof c->why, "%s", strerror(errno));
        return CT_OK;
    }
    const ct_status st = ct_calloc(LINE_BYTES, 1, (void **)&line, err);
    if (st == CT_OK) read_lines(c, f, line, metric);
    fclose(f);
    ct_free(line);
    if (st != CT_OK) ct_curves_free(c);
    close_point(&c->loss);
    close_point(&c->temperature);
    for (int i = 0; i < c->n_valid; i++) close_point(&c->valid[i]);
    return st;
}

void ct_curves_free(ct_curves *c) {
    ct_free(c->valid);
    memset(c, 0, sizeof *c);
}
