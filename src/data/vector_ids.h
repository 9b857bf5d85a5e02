/* The ids of a file of vectors, which stand in a file of their own beside it. */
#ifndef CT_DATA_VECTOR_IDS_H
#define CT_DATA_VECTOR_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The file of ids of FILE.npy: FILE.ids.csv or FILE.ids; *ids is owned, NULL when neither is there. CT_ERR_DATA when
 * both are. */
ct_status ct__vector_ids_find(const char *npy, char **ids, ct_error *err);

/* Called with each id in the order of the rows, `row` from 0 and `line` for messages. */
typedef ct_status (*ct__vector_id)(void *ctx, int64_t row, int64_t line, const char *id, size_t n, ct_error *err);

/* Reads such a file: CSV with a column id and perhaps a column platform, as our own bundles have (rows of other
 * platforms are counted, but not handed on), or an id a line. *n_rows: all rows. */
ct_status ct__vector_ids_read(const char *path, const char *platform, ct__vector_id take, void *ctx, int64_t *n_rows,
                              ct_error *err);

#endif
