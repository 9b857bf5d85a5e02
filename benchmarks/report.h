/* Results of a run: a line of a table each, and a JSON file of all. */
#ifndef CT_BENCHMARKS_REPORT_H
#define CT_BENCHMARKS_REPORT_H

#include "benchmarks/measure.h"
#include "benchmarks/peaks.h"

/* "format" in the file; another one is refused by --compare. */
enum { BENCH_FORMAT = 1 };

typedef struct bench_result {
    const bench_case *c;
    bench_work work;
    bench_times times;
    ct_status status; /* else it failed: times are not there, and error says why */
    ct_error error;
} bench_result;

typedef struct bench_report {
    ct_device_info info;
    bench_peaks peaks;
    bench_result *results;
    size_t n, capacity;
} bench_report;

void bench_report_free(bench_report *report);

void bench_print_head(const bench_report *report);
void bench_print_result(const bench_report *report, const bench_result *result);

/* The least time that the machine's peaks allow, as a share of the median: the longer of flop / peak and
 * bytes / copy rate. 0 where nothing is counted. *by_flop: which of the two it is. */
double bench_share_of_bound(const bench_report *report, const bench_result *result, bool *by_flop);

ct_status bench_report_write(const bench_report *report, const char *path, ct_error *err);

#endif
