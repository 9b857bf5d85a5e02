/* One case, run once for each line that comes in: for a driver that runs several programs by turns. */
#ifndef CT_BENCHMARKS_SERVE_H
#define CT_BENCHMARKS_SERVE_H

#include "benchmarks/catalogue.h"

/* Opens the case, prints {"ready": NAME}; for each line of standard input runs it once and prints {"ms": x};
 * at its end prints {"peak_rss_bytes": n, "rss_before_bytes": m}: the process's high-water mark at the end
 * and before the first run. */
ct_status bench_serve(const bench_entry *entry, const bench_options *options, ct_error *err);

#endif
