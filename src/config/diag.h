/* Collecting mistakes. */
#ifndef CT_CONFIG_DIAG_H
#define CT_CONFIG_DIAG_H

#include "config/config.h"
#include "config/node.h"

/* Adds a mistake; strings are copied. A mistake in an override has no line: its argument stands behind the message.
 * The only failure is CT_ERR_MEMORY. */
ct_status ct__diagnose(ct_diagnostics *diags, ct_error *err, const ct__source *source, int line, int column,
                       const char *key, const char *format, ...) __attribute__((format(printf, 7, 8)));

/* Sorts by the place of `file` in files[0..n_files) (others last), then line, then column; equal ones keep order. */
void ct__diagnostics_sort(ct_diagnostics *diags, const char *const *files, int n_files);

#endif
