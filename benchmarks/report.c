/* The table and the JSON file. */
#include "benchmarks/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/str.h"
#include "crosstower/crosstower.h"

void bench_report_free(bench_report *report) {
    ct_free(report->results);
    report->results = NULL;
}

double bench_share_of_bound(const bench_report *report, const bench_result *result, bool *by_flop) {
    const double flop_s = result->work.flop / report->peaks.flops,
                 bytes_s = result->work.bytes / report->peaks.copy_bytes_per_s;
    *by_flop = flop_s > bytes_s;
    return fmax(flop_s, bytes_s) * 1e3 / result->times.median;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

void bench_print_head(const bench_report *report) {
    const bench_peaks *p = &report->peaks;
    printf("%s, %d threads, kernels %s, %s\n"
           "peak of f32 multiply-adds: %.0f GFLOP/s (one thread %.0f); copying memory: %.1f GB/s read and "
           "written\n"
           "caches are warm: a case runs again on the same arrays, so small ones may beat the rate of "
           "copying\n\n",
           report->info.name, report->info.n_threads, report->info.isa, report->info.gemm, p->flops / 1e9,
           p->flops_one / 1e9, p->copy_bytes_per_s / 1e9);
    printf("%-44s %10s %10s %6s %8s %5s %7s %5s %6s  %s\n", "case", "median ms", "least ms", "spread",
           "GFLOP/s", "peak", "GB/s", "copy", "bound", "units/s");
    fflush(stdout);
}

/* "12%"; a dash where nothing is counted. */
static void print_rate(int width, int digits, double rate, double peak) {
    if (rate > 0)
        printf(" %*.*f %4.0f%%", width, digits, rate / 1e9, 100 * rate / peak);
    else
        printf(" %*s %5s", width, "-", "-");
}

void bench_print_result(const bench_report *report, const bench_result *r) {
    const bench_times *t = &r->times;
    if (r->status != CT_OK) {
        printf("%-44s failed: %s\n", r->c->name, r->error.text);
        fflush(stdout);
        return;
    }
    bool by_flop;
    const double per_s = 1e3 / t->median, share = bench_share_of_bound(report, r, &by_flop);
    printf("%-44s %10.4g %10.4g %5.1f%%", r->c->name, t->median, t->least,
           100 * (t->three_quarters - t->quarter) / t->median);
    print_rate(8, 1, r->work.flop * per_s, report->peaks.flops);
    print_rate(7, 2, r->work.bytes * per_s, report->peaks.copy_bytes_per_s);
    if (share > 0)
        printf(" %4.0f%%%c", 100 * share, by_flop ? 'f' : 'b');
    else
        printf(" %6s", "-");
    if (r->c->unit) printf("  %.4g %s", r->c->n_units * per_s, r->c->unit);
    printf("\n");
    fflush(stdout);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *machine_json(const bench_report *report) {
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:f, s:f, s:f}", "cpu", report->info.name, "isa",
                     report->info.isa, "threads", report->info.n_threads, "gemm", report->info.gemm, "spin",
                     getenv("GOMP_SPINCOUNT") ? getenv("GOMP_SPINCOUNT") : "libgomp's default",
                     "peak_flops_one", report->peaks.flops_one, "peak_flops", report->peaks.flops,
                     "copy_bytes_per_s", report->peaks.copy_bytes_per_s);
}

static json_t *samples_json(const bench_times *t) {
    json_t *samples = json_array();
    for (int i = 0; i < t->n; i++) json_array_append_new(samples, json_real(t->ms[i]));
    return samples;
}

static json_t *result_json(const bench_report *report, const bench_result *r) {
    const bench_times *t = &r->times;
    bool by_flop;
    if (r->status != CT_OK) return json_pack("{s:s, s:s}", "name", r->c->name, "error", r->error.text);
    const double per_s = 1e3 / t->median, share = bench_share_of_bound(report, r, &by_flop);
    return json_pack("{s:s, s:s, s:s?, s:f, s:f, s:f, s:i, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                     "name", r->c->name, "what", r->c->what, "unit", r->c->unit, "n_units", r->c->n_units,
                     "flop", r->work.flop, "bytes", r->work.bytes, "runs_a_sample", t->inside, "samples_ms",
                     samples_json(t), "median_ms", t->median, "least_ms", t->least, "most_ms", t->most,
                     "quarter_ms", t->quarter, "three_quarters_ms", t->three_quarters, "units_per_s",
                     r->c->n_units * per_s, "flops", r->work.flop * per_s, "bytes_per_s",
                     r->work.bytes * per_s, "share_of_bound", share);
}

static json_t *report_json(const bench_report *report) {
    char date[32];
    const time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    json_t *cases = json_array();
    for (size_t i = 0; i < report->n; i++)
        json_array_append_new(cases, result_json(report, &report->results[i]));
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o}", "format", BENCH_FORMAT, "version", ct_version(),
                     "date", date, "cache", "warm", "machine", machine_json(report), "cases", cases);
}

ct_status bench_report_write(const bench_report *report, const char *path, ct_error *err) {
    json_t *json = report_json(report);
    char *text = json ? json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    ct_str file = {0};
    ct_status st = text ? ct_str_printf(&file, err, "%s\n", text)
                        : ct_fail(err, CT_ERR_MEMORY, "the results as JSON: no memory");
    if (st == CT_OK) st = ct_write_file(path, file.data, file.length, err);
    ct_str_free(&file);
    free(text); /* jansson's */
    json_decref(json);
    return st;
}
