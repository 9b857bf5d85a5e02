/* A mapped column of an open table: a column's name, or a template such as "{genre} {release_year}" over
 * several. */
#ifndef CT_DATA_COLUMNS_H
#define CT_DATA_COLUMNS_H

#include "base/str.h"
#include "data/table.h"

typedef struct ct__column_part {
    int column; /* of the table; -1: the literal text */
    char *text; /* the literal, or the column's name */
} ct__column_part;

/* Zero-initialise; free with ct__column_free. */
typedef struct ct__column {
    ct__column_part *parts; /* none: the column is absent */
    size_t n_parts, capacity;
    bool is_template;
    bool wanted;            /* absence is an error */
    bool seen;              /* some row had a value */
    const char *key, *spec; /* borrowed until the free */
    ct_str composed;
} ct__column;

/* Looks spec up in the table's header. When the header lacks a column: CT_ERR_DATA that names file, column
 * and the columns there are if `wanted` or spec is a template, else an absent column. key ("items.title") is
 * for messages. spec NULL: absent. CT_ERR_CONFIG for a brace that is not closed. */
ct_status ct__column_bind(ct__column *c, ct_table *t, const char *key, const char *spec, bool wanted,
                          ct_error *err);

/* The column's text in the current row, borrowed until the next row or read; *text is NULL when absent or
 * empty. A template whose columns are all empty is empty; spaces at its ends go. */
ct_status ct__column_read(ct__column *c, const ct_table *t, const char **text, size_t *n, ct_error *err);

/* JSON lines have no header: a wanted column that no row had is found only at the end of the file. */
ct_status ct__column_finish(const ct__column *c, const ct_table *t, ct_error *err);

void ct__column_free(ct__column *c);

#endif
