/* The readers of a platform's three kinds of file, and the names of its settings in messages. */
#ifndef CT_DATA_READ_PLATFORM_H
#define CT_DATA_READ_PLATFORM_H

#include "data/columns.h"
#include "data/prepare_rows.h"

/* A column's name, and whether its absence is an error: it is when the name is not the default, or when it is
 * needed. The config does not tell a default from the same name written out. */
typedef struct ct__mapping {
    const char *key;      /* "items.title" */
    const char *spec;     /* NULL: none */
    const char *fallback; /* the default name; NULL: none */
    bool needed;
} ct__mapping;

/* Binds n columns to the open table. */
ct_status ct__bind_columns(ct__column *columns, const ct__mapping *mappings, int n, ct_table *table,
                           ct_error *err);
/* After the last row: wanted fields of JSON lines that no row had. */
ct_status ct__finish_columns(const ct__column *columns, int n, const ct__rows *rows, ct_error *err);
void ct__free_columns(ct__column *columns, int n);

/* Each reads one file to its end. */
ct_status ct__read_items(ct__prepare *p, ct__raw_platform *platform, const char *path, ct_error *err);
ct_status ct__read_users(ct__prepare *p, ct__raw_platform *platform, const char *path, ct_error *err);
ct_status ct__read_interactions(ct__prepare *p, ct__raw_platform *platform, const char *path, ct_error *err);

/* Adds a user. listed: a users file names it. */
ct_status ct__add_user(ct__prepare *p, const char *profile, size_t n, bool listed, ct_error *err);

#endif
