/* Pictures for a benchmark of decoding: JPEG files of a folder, or made in memory. */
#ifndef CT_BENCHMARKS_JPEG_SAMPLES_H
#define CT_BENCHMARKS_JPEG_SAMPLES_H

#include <stddef.h>

#include "base/error.h"

typedef struct bench_bytes {
    void *bytes; /* ct_free */
    size_t n;
} bench_bytes;

/* n pictures of about 500 x 400, smooth shapes and grain, quality 90 with halved chroma: some 60 KB each.
 * out: n zeroed places, those filled are the caller's also on failure. */
ct_status bench_jpeg_make(bench_bytes *out, int n, ct_error *err);
/* The first files *.jpg or *.jpeg of a folder by name, again from the first where it has fewer than n. */
ct_status bench_jpeg_read(bench_bytes *out, int n, const char *folder, ct_error *err);

#endif
