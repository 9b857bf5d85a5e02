/* Reading an input file's good rows, with its bad ones counted, shown and limited. */
#ifndef CT_DATA_PREPARE_ROWS_H
#define CT_DATA_PREPARE_ROWS_H

#include "data/prepare_state.h"
#include "data/table.h"

enum { CT__BAD_ROWS_SHOWN = 10 }; /* a platform (and for all link files together) */

typedef struct ct__rows {
    ct__prepare *p;
    ct__raw_platform *platform; /* NULL: a link file */
    ct_table *table;
    int64_t good, bad;
    ct_str first; /* the first reasons, for the message */
    bool patient; /* the limit is checked by the caller at the end */
} ct__rows;

ct_status ct__rows_open(ct__rows *rows, ct__prepare *p, ct__raw_platform *platform, const char *path,
                        ct_error *err);
void ct__rows_close(ct__rows *rows);
/* The next row that the table could read. Broken ones are counted on the way. */
ct_status ct__rows_next(ct__rows *rows, bool *more, ct_error *err);
/* Counts the current row as bad. CT_ERR_DATA when the file has more than data.max_bad_rows. */
ct_status ct__rows_bad(ct__rows *rows, ct_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* CT_ERR_DATA, with the first reasons, when there are too many. */
ct_status ct__rows_check_limit(const ct__rows *rows, ct_error *err);

#endif
