/* Serves a case to a driver. */
#include "benchmarks/serve.h"

#include <stdio.h>
#include <stdlib.h>

#include "benchmarks/measure.h"

/* VmHWM of /proc/self/status in bytes; 0 where there is none. */
static long long peak_rss(void) {
    char line[256];
    long long kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f) && sscanf(line, "VmHWM: %lld kB", &kilobytes) != 1) continue;
    fclose(f);
    return kilobytes * 1024;
}

static ct_status answer(const bench_case *c, void *state, ct_error *err) {
    char *line = NULL;
    size_t room = 0;
    ct_status st = CT_OK;
    while (st == CT_OK && getline(&line, &room, stdin) > 0) {
        const double begin = bench_now_ms();
        st = c->run(state, err);
        if (st == CT_OK) printf("{\"ms\": %.6f}\n", bench_now_ms() - begin);
        fflush(stdout);
    }
    free(line); /* getline's */
    return st;
}

ct_status bench_serve(const bench_entry *entry, const bench_options *options, ct_error *err) {
    void *state = NULL;
    CT_CHECK(bench_entry_open(&state, entry, options, err));
    const long long before = peak_rss();
    printf("{\"ready\": \"%s\"}\n", entry->c.name);
    fflush(stdout);
    const ct_status st = answer(&entry->c, state, err);
    if (st == CT_OK) printf("{\"peak_rss_bytes\": %lld, \"rss_before_bytes\": %lld}\n", peak_rss(), before);
    fflush(stdout);
    entry->c.close(state);
    return st;
}
