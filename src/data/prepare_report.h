/* The report of prepare as it is stored: the counts of each platform. */
#ifndef CT_DATA_PREPARE_REPORT_H
#define CT_DATA_PREPARE_REPORT_H

#include "data/dataset.h"

enum { CT__REPORT_COUNTS = 16, CT__VECTOR_COUNTS = 3 };

/* The counts of a platform, CT__REPORT_COUNTS of them, in the order of the struct. */
int64_t *ct__report_counts(ct_prepare_platform *platform);

/* The same of a platform's vectors, CT__VECTOR_COUNTS of them. */
int64_t *ct__report_vector_counts(ct_prepare_vectors *vectors);

/* Adds zero counts for n modalities on each platform; name(ctx, i) is copied. */
ct_status ct__report_add_vectors(ct_prepare_report *report, int n, const char *(*name)(const void *ctx, int i),
                                 const void *ctx, ct_error *err);

/* Zero counts and the platforms' names. */
ct_status ct__report_create(ct_prepare_report *report, const ct_config *config, ct_error *err);
/* Fills a fresh report from a cache of the same platforms. */
ct_status ct__report_restore(ct_prepare_report *report, const ct_dataset *data, ct_error *err);

#endif
