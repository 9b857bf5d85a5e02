/* Reading an input file's good rows, with its bad ones counted, shown and limited. */
#include "data/prepare_rows.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { IN_MESSAGE = 5 };

ct_status ct__rows_open(ct__rows *rows, ct__prepare *p, ct__raw_platform *platform, const char *path,
                        ct_error *err) {
    memset(rows, 0, sizeof *rows);
    rows->p = p;
    rows->platform = platform;
    return ct_table_open(&rows->table, path, err);
}

void ct__rows_close(ct__rows *rows) {
    ct_table_close(rows->table);
    ct_str_free(&rows->first);
    memset(rows, 0, sizeof *rows);
}

static ct_status show(ct__rows *rows, const char *reason, ct_error *err) {
    ct_prepare_report *report = rows->p->report;
    const size_t n = (size_t)report->n_first_bad;
    if (rows->p->first_bad_capacity < n + 1)
        CT_CHECK(ct_grow((void **)&report->first_bad, &rows->p->first_bad_capacity, n + 1,
                         sizeof *report->first_bad, err));
    CT_CHECK(ct_strdup(reason, &report->first_bad[n], err));
    report->n_first_bad++;
    return CT_OK;
}

ct_status ct__rows_check_limit(const ct__rows *rows, ct_error *err) {
    const int64_t limit = rows->p->config->data.max_bad_rows;
    if (limit < 0 || rows->bad <= limit) return CT_OK;
    return ct_fail(err, CT_ERR_DATA, "'%s': more than data.max_bad_rows (%lld) bad rows; the first:%s",
                   ct_table_path(rows->table), (long long)limit, ct_str_text(&rows->first));
}

ct_status ct__rows_bad(ct__rows *rows, ct_error *err, const char *format, ...) {
    ct_status st = CT_OK;
    ct_str reason = {0};
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const size_t whole = ct_utf8_valid_prefix(text, strlen(text)); /* a cut may have split a character */
    text[whole] = '\0';

    rows->bad++;
    if (rows->platform) rows->platform->counts->bad_rows++;
    CT_TRY(ct_str_printf(&reason, err, "%s:%lld: %s", ct_table_path(rows->table),
                         (long long)ct_table_line(rows->table), text),
           st, done);
    int *shown = rows->platform ? &rows->platform->n_bad_shown : &rows->p->n_link_bad_shown;
    if (*shown < CT__BAD_ROWS_SHOWN) {
        CT_TRY(show(rows, reason.data, err), st, done);
        (*shown)++;
    }
    if (rows->bad <= IN_MESSAGE)
        CT_TRY(ct_str_printf(&rows->first, err, "\n  line %lld: %.200s",
                             (long long)ct_table_line(rows->table), text),
               st, done);
    if (!rows->patient) st = ct__rows_check_limit(rows, err);
done:
    ct_str_free(&reason);
    return st;
}

ct_status ct__rows_next(ct__rows *rows, bool *more, ct_error *err) {
    for (;;) {
        const char *bad = NULL;
        CT_CHECK(ct_table_next(rows->table, more, &bad, err));
        if (!*more) return CT_OK;
        if (rows->platform) rows->platform->counts->rows_read++;
        if (!bad) {
            rows->good++;
            return CT_OK;
        }
        CT_CHECK(ct__rows_bad(rows, err, "%s", bad));
    }
}
