/* Reading tables row by row: CSV, TSV (RecBole's typed headers too) and JSON lines, gzip or plain, one interface.
 *
 * The kind comes from the name: .csv, .tsv, .jsonl / .ndjson, .item / .user / .inter (RecBole: TSV whose header
 * cells read "name:type"), each with .gz or without. CSV as RFC 4180 (quotes, doubled quotes, line breaks inside
 * quotes, CR LF); TSV has no quoting. A byte-order mark is skipped. A JSON row is an object; string, number, true,
 * false are read as text, an array of those as its texts joined by spaces, null as absent. */
#ifndef CT_DATA_TABLE_H
#define CT_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ct_table ct_table;

/* Opens path (a file, not a glob). CT_ERR_DATA: unknown ending, empty file, header with a column twice or not UTF-8. */
ct_status ct_table_open(ct_table **out, const char *path, ct_error *err);
void ct_table_close(ct_table *t); /* accepts NULL */

/* A column's number for ct_table_cell, or -1 when the header lacks it. JSON lines have no header: every name gets a
 * number, and rows that lack the field give NULL. */
int ct_table_column(ct_table *t, const char *name);
/* "a, b, c": the header, for messages. Borrowed. */
const char *ct_table_columns_text(const ct_table *t);

/* Reads the next row. CT_OK with *more false at the end. A row that is broken (wrong number of cells, an unclosed
 * quote, not UTF-8, a NUL byte, not a JSON object, longer than 16 MiB) is no error of the call: *bad then holds the
 * reason (borrowed until the next call; NULL for a good row) and reading goes on at the next line. A corrupt gzip
 * stream or a read error is CT_ERR_IO / CT_ERR_FORMAT. */
ct_status ct_table_next(ct_table *t, bool *more, const char **bad, ct_error *err);

/* The same for readers that take no bad row: one is CT_ERR_FORMAT, naming file, line and reason. */
ct_status ct_table_next_good(ct_table *t, bool *more, ct_error *err);

/* The cell of the current row: NUL-terminated UTF-8, borrowed until the next row; NULL when absent. length may be
 * NULL. */
const char *ct_table_cell(const ct_table *t, int column, size_t *length);
int64_t ct_table_line(const ct_table *t); /* where the current row begins, from 1 */
const char *ct_table_path(const ct_table *t);

#endif
