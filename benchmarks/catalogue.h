/* All cases there are: those of the shape files, those that peers are measured on too, and whole steps. */
#ifndef CT_BENCHMARKS_CATALOGUE_H
#define CT_BENCHMARKS_CATALOGUE_H

#include "base/str.h"
#include "benchmarks/ops.h"

typedef struct bench_entry {
    bench_case c;       /* of an op: open is NULL */
    const bench_op *op; /* NULL: a case that opens itself */
    ct_str name, sizes; /* of an op, where c points to */
    ct_str place;       /* "benchmarks/shapes/minilm.txt:6", for messages */
} bench_entry;

typedef struct bench_catalogue {
    bench_entry *entries;
    size_t n, capacity;
} bench_catalogue;

/* Reads every *.txt of the folder, in the order of their names. CT_ERR_CONFIG names file and line of what is
 * wrong; CT_ERR_IO. Names are unique. */
ct_status bench_catalogue_read(bench_catalogue *out, const char *shapes, ct_error *err);
void bench_catalogue_free(bench_catalogue *catalogue);

ct_status bench_entry_open(void **state, const bench_entry *entry, const bench_options *options,
                           ct_error *err);

/* peers.c: cases whose names tools/peers knows. */
extern const bench_case bench_peer_cases[];

#endif
