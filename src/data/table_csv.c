/* CSV by RFC 4180 (quotes, doubled quotes, line breaks inside quotes) and TSV without quoting. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/table_source.h"

/* The extent of a record is found first and its cells are decoded in place only when it is whole, so that
 * after an unclosed quote reading can go on at the second line of what looked like one record. */
typedef enum scan_state { SCAN_CELL_START, SCAN_PLAIN, SCAN_QUOTED, SCAN_AFTER_QUOTE } scan_state;

typedef struct record {
    size_t length, advance; /* without and with the line break, from source.begin */
    int64_t lines;          /* line feeds in it */
    const char *broken;     /* why it is no record; NULL: it is one */
} record;

/* Goes on through the bytes at *at; true when the record ended or is broken. */
static bool scan(const char *bytes, size_t n, size_t *at, scan_state *state, record *r) {
    size_t i = *at;
    scan_state s = *state;
    for (; i < n; i++) {
        const char c = bytes[i];
        if (s == SCAN_QUOTED) {
            if (c == '"') s = SCAN_AFTER_QUOTE;
            if (c == '\n') r->lines++;
            continue;
        }
        if (c == '\n') {
            r->length = i > 0 && bytes[i - 1] == '\r' ? i - 1 : i;
            r->advance = i + 1;
            r->lines++;
            return true;
        }
        if (c == ',') {
            s = SCAN_CELL_START;
        } else if (s == SCAN_AFTER_QUOTE) {
            if (c == '"') {
                s = SCAN_QUOTED;
            } else if (c != '\r') {
                r->broken = "text after a closing quote";
                return true;
            }
        } else if (s == SCAN_CELL_START) {
            s = c == '"' ? SCAN_QUOTED : SCAN_PLAIN;
        }
    }
    *at = i;
    *state = s;
    return false;
}

static ct_status find_csv_record(ct_table *t, record *r, ct_error *err) {
    ct__source *s = &t->source;
    scan_state state = SCAN_CELL_START;
    size_t at = 0;
    *r = (record){0, 0, 0, NULL};
    for (;;) {
        const size_t n = s->end - s->begin;
        if (scan(s->buf + s->begin, n, &at, &state, r)) break;
        if (s->eof) {
            if (state == SCAN_QUOTED) r->broken = "a quote that is never closed";
            r->length = r->advance = n;
            if (n > 0 && s->buf[s->begin + n - 1] == '\r') r->length--;
            break;
        }
        if (n > CT__ROW_LIMIT) {
            r->broken =
                state == SCAN_QUOTED ? "a quote that is not closed within 16 MiB" : "longer than 16 MiB";
            break;
        }
        CT_CHECK(ct__source_fill(s, t->path, err));
    }
    if (!r->broken && r->length > CT__ROW_LIMIT) r->broken = "longer than 16 MiB";
    return CT_OK;
}

static ct_status find_tsv_record(ct_table *t, record *r, ct_error *err) {
    bool too_long = false;
    *r = (record){0, 0, 1, NULL};
    CT_CHECK(ct__source_line(&t->source, t->path, &r->length, &r->advance, &too_long, err));
    if (too_long) {
        r->broken = "longer than 16 MiB";
        return CT_OK;
    }
    const char *bytes = t->source.buf + t->source.begin;
    if (r->length > 0 && bytes[r->length - 1] == '\r') r->length--;
    return CT_OK;
}

/* The cell at p, ended in place; *next is where the following one begins, NULL after the last. */
static ct__cell take_cell(char *p, char *end, bool quoting, char separator, char **next) {
    if (!quoting || p == end || *p != '"') {
        char *stop = memchr(p, separator, (size_t)(end - p));
        *next = stop ? stop + 1 : NULL;
        if (!stop) stop = end;
        *stop = '\0';
        return (ct__cell){p, (size_t)(stop - p)};
    }
    char *to = p;
    const char *from = p + 1;
    while (from < end && (*from != '"' || (from + 1 < end && from[1] == '"'))) {
        if (*from == '"') from++;
        *to++ = *from++;
    }
    char *stop = memchr(from, separator, (size_t)(end - from));
    *next = stop ? stop + 1 : NULL;
    *to = '\0';
    return (ct__cell){p, (size_t)(to - p)};
}

/* Takes the record at source.begin, which is whole. The byte behind it (its line break, or the spare one
 * behind end) becomes the last cell's NUL. */
static void decode(ct_table *t, const record *r) {
    char *p = t->source.buf + t->source.begin, *end = p + r->length;
    const bool quoting = t->kind == CT__TABLE_CSV;
    const char separator = quoting ? ',' : '\t';
    int n = 0;
    while (p) {
        char *next = NULL;
        const ct__cell cell = take_cell(p, end, quoting, separator, &next);
        if (n < t->n_columns) t->cells[n] = cell;
        n++;
        p = next;
    }
    if (n != t->n_columns)
        snprintf(t->reason, sizeof t->reason, "%d cells, want %d as in the header", n, t->n_columns);
}

/* Finds the next record that is not an empty line and steps over it; *at is where its bytes are until the
 * next fill. A broken one loses its first line only. */
static ct_status next_record(ct_table *t, bool *more, record *r, ct_error *err) {
    ct__source *s = &t->source;
    *more = false;
    for (;;) {
        if (s->begin == s->end && !s->eof) CT_CHECK(ct__source_fill(s, t->path, err));
        if (s->begin == s->end) {
            if (s->eof) return CT_OK;
            continue;
        }
        t->line = t->next_line;
        CT_CHECK(t->kind == CT__TABLE_CSV ? find_csv_record(t, r, err) : find_tsv_record(t, r, err));
        if (r->broken) {
            *more = true;
            t->next_line++;
            return ct__source_skip_line(s, t->path, err);
        }
        t->next_line += r->lines;
        if (r->length > 0) {
            *more = true;
            return CT_OK;
        }
        s->begin += r->advance;
    }
}

ct_status ct__table_next_separated(ct_table *t, bool *more, ct_error *err) {
    record r;
    CT_CHECK(next_record(t, more, &r, err));
    if (!*more) return CT_OK;
    if (r.broken) {
        snprintf(t->reason, sizeof t->reason, "%s", r.broken);
        return CT_OK;
    }
    if (!ct__table_bad_bytes(t, t->source.buf + t->source.begin, r.length)) decode(t, &r);
    t->source.begin += r.advance;
    return CT_OK;
}

/* Adds the header's cell; RecBole writes "name:type". */
static ct_status add_name(ct_table *t, ct__cell cell, ct_error *err) {
    if (t->kind == CT__TABLE_TYPED) {
        const char *colon = strrchr(cell.text, ':');
        if (colon) cell.length = (size_t)(colon - cell.text);
    }
    for (int i = 0; i < t->n_columns; i++)
        if (cell.length > 0 && strlen(t->names[i]) == cell.length &&
            memcmp(t->names[i], cell.text, cell.length) == 0)
            return ct_fail(err, CT_ERR_DATA, "'%s': the header has column '%s' twice", t->path, t->names[i]);
    if (t->n_columns == 65536)
        return ct_fail(err, CT_ERR_DATA, "'%s': the header has over 65536 columns", t->path);
    return ct__table_add_column(t, cell.text, cell.length, err);
}

ct_status ct__table_read_header(ct_table *t, ct_error *err) {
    record r;
    bool more = false;
    CT_CHECK(next_record(t, &more, &r, err));
    if (!more) return ct_fail(err, CT_ERR_DATA, "'%s': the file is empty", t->path);
    char *p = t->source.buf + t->source.begin, *end = p + r.length;
    if (r.broken) snprintf(t->reason, sizeof t->reason, "%s", r.broken);
    if (r.broken || ct__table_bad_bytes(t, p, r.length))
        return ct_fail(err, CT_ERR_DATA, "'%s': header: %s", t->path, t->reason);
    const bool quoting = t->kind == CT__TABLE_CSV;
    while (p) {
        char *next = NULL;
        const ct__cell cell = take_cell(p, end, quoting, quoting ? ',' : '\t', &next);
        CT_CHECK(add_name(t, cell, err));
        p = next;
    }
    t->source.begin += r.advance;
    return CT_OK;
}
