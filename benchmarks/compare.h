/* Two runs of the benchmarks beside each other. */
#ifndef CT_BENCHMARKS_COMPARE_H
#define CT_BENCHMARKS_COMPARE_H

#include <stdbool.h>

#include "base/error.h"

/* Prints a line a case; *slower: at least one is. CT_ERR_IO, CT_ERR_FORMAT for a file that is no result of
 * ours. */
ct_status bench_compare(const char *old_path, const char *new_path, bool *slower, ct_error *err);

#endif
