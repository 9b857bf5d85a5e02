/* What the table readers share: the byte source (plain or gzip), the table object, one entry point a format.
 */
#ifndef CT_DATA_TABLE_SOURCE_H
#define CT_DATA_TABLE_SOURCE_H

#include <zlib.h>

#include "base/str.h"
#include "data/table.h"

/* The longest row, in bytes. A longer one is a bad row, so that one unclosed quote cannot take all memory. */
#define CT__ROW_LIMIT ((size_t)16 << 20)

/* Unread bytes are buf[begin .. end); one byte behind end is always there for a NUL. */
typedef struct ct__source {
    gzFile gz;
    char *buf;
    size_t capacity, begin, end;
    bool eof;
} ct__source;

/* Opens a regular file; zlib reads plain bytes as they are. */
ct_status ct__source_open(ct__source *s, const char *path, ct_error *err);
void ct__source_close(ct__source *s);
/* Reads on behind end, growing the buffer when it is full, or sets eof. Pointers into buf are stale
 * afterwards. */
ct_status ct__source_fill(ct__source *s, const char *path, ct_error *err);
/* Drops everything up to and with the next line feed, in bounded memory. */
ct_status ct__source_skip_line(ct__source *s, const char *path, ct_error *err);
/* Finds the line at begin: *length bytes without its line feed, *advance with it. When it is longer than
 * CT__ROW_LIMIT, *too_long is set and nothing is taken. */
ct_status ct__source_line(ct__source *s, const char *path, size_t *length, size_t *advance, bool *too_long,
                          ct_error *err);

/* Takes the next line, which is line `number` of the file: *text [*n] without its line end and without a byte-order mark
 * before line 1, borrowed until the next call; *more false at the end. CT_ERR_DATA for a line that is longer than
 * CT__ROW_LIMIT, not UTF-8, or holds a NUL. */
ct_status ct__source_next(ct__source *s, const char *path, int64_t number, const char **text, size_t *n, bool *more,
                          ct_error *err);

typedef enum ct__table_kind {
    CT__TABLE_UNKNOWN,
    CT__TABLE_CSV,
    CT__TABLE_TSV,
    CT__TABLE_TYPED,
    CT__TABLE_JSON
} ct__table_kind;

/* By the name's ending, ".gz" put aside. */
ct__table_kind ct__table_kind_of(const char *path);

typedef struct ct__cell {
    const char *text; /* NULL: absent */
    size_t length;
} ct__cell;

struct ct_table {
    char *path;
    ct__table_kind kind;
    ct__source source;
    int64_t line, next_line; /* of the current row, of what follows it; from 1 */
    char **names;            /* [n_columns] */
    int n_columns;
    size_t names_capacity, cells_capacity;
    ct__cell *cells; /* [n_columns] of the current row */
    ct_str columns_text;
    ct_str text;      /* JSON: the texts of the row's cells */
    char reason[256]; /* why the current row is bad; "" for a good one */
};

/* Adds a column name (copied) and its cell. */
ct_status ct__table_add_column(ct_table *t, const char *name, size_t n, ct_error *err);

/* CSV and TSV: the header, then a row. JSON: a row. Both set reason for a bad row. */
ct_status ct__table_read_header(ct_table *t, ct_error *err);
ct_status ct__table_next_separated(ct_table *t, bool *more, ct_error *err);
ct_status ct__table_next_json(ct_table *t, bool *more, ct_error *err);

/* true when the bytes hold a NUL or are not UTF-8; the reason is then set. */
bool ct__table_bad_bytes(ct_table *t, const char *bytes, size_t n);

#endif
