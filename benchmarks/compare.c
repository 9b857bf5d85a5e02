/* Compares two JSON files case by case, and tells a change from noise.
 *
 * The judge is the shift between the samples' logarithms by ranks (Hodges & Lehmann 1963): of the ratios of
 * all pairs of a new and an old sample, those from the k-th smallest to the k-th largest are an interval of
 * 99 % for the ratio, k following from the normal approximation of Mann and Whitney's statistic, rounded to
 * the safe side. It asks nothing of the times' distribution, which has a long tail. A case has changed when
 * the interval leaves out 1 by at least 1 %. */
#include "benchmarks/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/io.h"
#include "benchmarks/measure.h"
#include "benchmarks/report.h"

static const double z_99 = 2.5758293; /* 99.5 % of a normal distribution lie below */
static const double least_change = 0.01;
/* The machine's own peaks moved more than this: something else than the code changed. */
static const double quiet_drift = 0.05;

typedef enum verdict { SAME, FASTER, SLOWER, TOO_FEW } verdict;
static const char *const verdict_names[] = {"no difference beyond noise", "faster", "slower",
                                            "too few samples to tell"};

typedef struct comparison {
    double ratio, low, high; /* of medians; the interval */
    verdict verdict;
} comparison;

/* ---- the judgement ------------------------------------------------------------------------------------- */

static int64_t all_ratios(const bench_times *old, const bench_times *new, double *ratios) {
    int64_t n = 0;
    for (int i = 0; i < old->n; i++)
        for (int j = 0; j < new->n; j++) ratios[n++] = new->ms[j] / old->ms[i];
    qsort(ratios, (size_t)n, sizeof *ratios, bench_ascending);
    return n;
}

static comparison compare_times(const bench_times *old, const bench_times *new) {
    double ratios[BENCH_REPEATS_MAX * BENCH_REPEATS_MAX];
    const int64_t n = all_ratios(old, new, ratios);
    const double m = (double)n, k = floor(m / 2 - z_99 * sqrt(m * (old->n + new->n + 1) / 12));
    comparison c = {.ratio = new->median / old->median, .verdict = TOO_FEW};
    if (k < 1) return c;
    c.low = ratios[(int64_t)k - 1];
    c.high = ratios[n - (int64_t)k];
    c.verdict = c.low > 1 + least_change ? SLOWER : c.high < 1 - least_change ? FASTER : SAME;
    return c;
}

/* ---- the files ----------------------------------------------------------------------------------------- */

static ct_status load(json_t **out, const char *path, ct_error *err) {
    char *text = NULL;
    size_t n;
    json_error_t problem;
    *out = NULL;
    CT_CHECK(ct_read_file(path, (size_t)1 << 28, &text, &n, err));
    json_t *json = json_loadb(text, n, 0, &problem);
    ct_free(text);
    if (!json) return ct_fail(err, CT_ERR_FORMAT, "'%s' line %d: %s", path, problem.line, problem.text);
    const json_t *format = json_object_get(json, "format");
    if (json_integer_value(format) != BENCH_FORMAT || !json_is_array(json_object_get(json, "cases"))) {
        json_decref(json);
        return ct_fail(err, CT_ERR_FORMAT, "'%s' is no result of bench --json in format %d", path,
                       BENCH_FORMAT);
    }
    *out = json;
    return CT_OK;
}

static const char *name_of(const json_t *result) {
    const char *name = json_string_value(json_object_get(result, "name"));
    return name ? name : "";
}

static const json_t *find(const json_t *file, const char *name) {
    const json_t *cases = json_object_get(file, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (strcmp(name_of(json_array_get(cases, i)), name) == 0) return json_array_get(cases, i);
    return NULL;
}

/* False for a case that failed, or whose samples are none. */
static bool read_times(const json_t *result, bench_times *out) {
    const json_t *samples = json_object_get(result, "samples_ms");
    const size_t n = json_array_size(samples);
    if (n < 1 || n > BENCH_REPEATS_MAX) return false;
    out->n = (int)n;
    for (size_t i = 0; i < n; i++) {
        out->ms[i] = json_number_value(json_array_get(samples, i));
        if (!(out->ms[i] > 0)) return false;
    }
    bench_times_sum_up(out);
    return true;
}

/* ---- the machines -------------------------------------------------------------------------------------- */

static void warn_of_text(const json_t *old, const json_t *new, const char *key) {
    const char *a = json_string_value(json_object_get(old, key)),
               *b = json_string_value(json_object_get(new, key));
    if (strcmp(a ? a : "", b ? b : "") != 0)
        printf("warning: %s differs: '%s', then '%s'\n", key, a ? a : "", b ? b : "");
}

static void warn_of_peak(const json_t *old, const json_t *new, const char *key) {
    const double a = json_number_value(json_object_get(old, key)),
                 b = json_number_value(json_object_get(new, key));
    if (!(fabs(b - a) <= quiet_drift * a))
        printf("warning: the machine's %s went from %.4g to %.4g: not the same machine, or not as idle; "
               "ratios below "
               "are not corrected for it\n",
               key, a, b);
}

static void warn_of_machines(const json_t *old_file, const json_t *new_file) {
    const json_t *old = json_object_get(old_file, "machine"), *new = json_object_get(new_file, "machine");
    const char *const texts[] = {"cpu", "isa", "gemm", "spin"}, *const peaks[] = {"peak_flops",
                                                                                  "copy_bytes_per_s"};
    const long long a = json_integer_value(json_object_get(old, "threads")),
                    b = json_integer_value(json_object_get(new, "threads"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) warn_of_text(old, new, texts[i]);
    if (a != b) printf("warning: threads differ: %lld, then %lld\n", a, b);
    for (size_t i = 0; i < sizeof peaks / sizeof *peaks; i++) warn_of_peak(old, new, peaks[i]);
}

/* ---- all cases ----------------------------------------------------------------------------------------- */

static void compare_case(const json_t *old, const json_t *new, int counts[4]) {
    bench_times a, b;
    if (!old || !read_times(old, &a) || !read_times(new, &b)) {
        printf("%-44s %s\n", name_of(new), !old ? "only in the new file" : "no times in one of the files");
        return;
    }
    const comparison c = compare_times(&a, &b);
    printf("%-44s %10.4g %10.4g %7.3f", name_of(new), a.median, b.median, c.ratio);
    if (c.verdict == TOO_FEW)
        printf(" %15s", "");
    else
        printf(" %6.3f .. %5.3f", c.low, c.high);
    printf("  %s\n", verdict_names[c.verdict]);
    counts[c.verdict]++;
}

static void compare_files(const json_t *old, const json_t *new, int counts[4]) {
    const json_t *cases = json_object_get(new, "cases"), *before = json_object_get(old, "cases");
    warn_of_machines(old, new);
    printf("%-44s %10s %10s %7s %15s\n", "case", "old ms", "new ms", "ratio", "99% interval");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *result = json_array_get(cases, i);
        compare_case(find(old, name_of(result)), result, counts);
    }
    for (size_t i = 0; i < json_array_size(before); i++) {
        const char *name = name_of(json_array_get(before, i));
        if (!find(new, name)) printf("%-44s only in the old file\n", name);
    }
    printf("%d slower, %d faster, %d without a difference beyond noise, %d with too few samples\n",
           counts[SLOWER], counts[FASTER], counts[SAME], counts[TOO_FEW]);
}

ct_status bench_compare(const char *old_path, const char *new_path, bool *slower, ct_error *err) {
    ct_status st = CT_OK;
    json_t *old = NULL, *new = NULL;
    int counts[4] = {0};
    CT_TRY(load(&old, old_path, err), st, done);
    CT_TRY(load(&new, new_path, err), st, done);
    compare_files(old, new, counts);
    *slower = counts[SLOWER] > 0;
done:
    json_decref(old);
    json_decref(new);
    return st;
}
