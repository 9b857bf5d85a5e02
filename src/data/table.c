/* Tables row by row: what all formats share. The formats are table_csv.c (CSV, TSV) and table_json.c. */
#include "data/table.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/table_source.h"

ct__table_kind ct__table_kind_of(const char *path) {
    static const struct {
        const char *ending;
        ct__table_kind kind;
    } kinds[] = {{".csv", CT__TABLE_CSV},    {".tsv", CT__TABLE_TSV},     {".item", CT__TABLE_TYPED},
                 {".user", CT__TABLE_TYPED}, {".inter", CT__TABLE_TYPED}, {".jsonl", CT__TABLE_JSON},
                 {".ndjson", CT__TABLE_JSON}};
    size_t n = strlen(path);
    if (n > 3 && strcmp(path + n - 3, ".gz") == 0) n -= 3;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t m = strlen(kinds[i].ending);
        if (n > m && memcmp(path + n - m, kinds[i].ending, m) == 0) return kinds[i].kind;
    }
    return CT__TABLE_UNKNOWN;
}

ct_status ct__table_add_column(ct_table *t, const char *name, size_t n, ct_error *err) {
    const size_t count = (size_t)t->n_columns + 1;
    if (t->names_capacity < count)
        CT_CHECK(ct_grow((void **)&t->names, &t->names_capacity, count, sizeof *t->names, err));
    if (t->cells_capacity < count)
        CT_CHECK(ct_grow((void **)&t->cells, &t->cells_capacity, count, sizeof *t->cells, err));
    CT_CHECK(ct_strndup(name, n, &t->names[t->n_columns], err));
    t->cells[t->n_columns] = (ct__cell){NULL, 0};
    t->n_columns++;
    if (count > 1) CT_CHECK(ct_str_puts(&t->columns_text, ", ", err));
    return ct_str_append(&t->columns_text, name, n, err);
}

bool ct__table_bad_bytes(ct_table *t, const char *bytes, size_t n) {
    if (n == 0) return false;
    if (memchr(bytes, '\0', n)) {
        snprintf(t->reason, sizeof t->reason, "a NUL byte in the row");
        return true;
    }
    const size_t valid = ct_utf8_valid_prefix(bytes, n);
    if (valid == n) return false;
    snprintf(t->reason, sizeof t->reason, "not UTF-8: byte 0x%02x at byte %zu of the row",
             (unsigned)(unsigned char)bytes[valid], valid + 1);
    return true;
}

/* Skips a byte-order mark; an empty file is an error. */
static ct_status begin_file(ct_table *t, ct_error *err) {
    ct__source *s = &t->source;
    while (!s->eof && s->end - s->begin < 3) CT_CHECK(ct__source_fill(s, t->path, err));
    if (s->end - s->begin >= 3 && memcmp(s->buf + s->begin, "\xEF\xBB\xBF", 3) == 0) s->begin += 3;
    if (s->begin == s->end && !s->eof) CT_CHECK(ct__source_fill(s, t->path, err));
    if (s->begin == s->end) return ct_fail(err, CT_ERR_DATA, "'%s': the file is empty", t->path);
    return CT_OK;
}

ct_status ct_table_open(ct_table **out, const char *path, ct_error *err) {
    ct_status st = CT_OK;
    ct_table *t = NULL;
    *out = NULL;

    const ct__table_kind kind = ct__table_kind_of(path);
    if (kind == CT__TABLE_UNKNOWN)
        return ct_fail(
            err, CT_ERR_DATA,
            "'%s': unknown ending, want .csv, .tsv, .jsonl, .ndjson, .item, .user or .inter, each with .gz "
            "or without",
            path);
    CT_TRY(ct_calloc(1, sizeof *t, (void **)&t, err), st, done);
    t->kind = kind;
    t->next_line = 1;
    CT_TRY(ct_strdup(path, &t->path, err), st, done);
    CT_TRY(ct__source_open(&t->source, path, err), st, done);
    CT_TRY(begin_file(t, err), st, done);
    if (kind != CT__TABLE_JSON) CT_TRY(ct__table_read_header(t, err), st, done);
    *out = t;
    t = NULL;
done:
    ct_table_close(t);
    return st;
}

void ct_table_close(ct_table *t) {
    if (!t) return;
    ct__source_close(&t->source);
    for (int i = 0; i < t->n_columns; i++) ct_free(t->names[i]);
    ct_free(t->names);
    ct_free(t->cells);
    ct_str_free(&t->columns_text);
    ct_str_free(&t->text);
    ct_free(t->path);
    ct_free(t);
}

static int find_column(const ct_table *t, const char *name) {
    for (int i = 0; i < t->n_columns; i++)
        if (strcmp(t->names[i], name) == 0) return i;
    return -1;
}

int ct_table_column(ct_table *t, const char *name) {
    const int found = find_column(t, name);
    if (found >= 0 || t->kind != CT__TABLE_JSON) return found;
    /* Out of memory shows as a column that is not there: the interface has no error here. */
    return ct__table_add_column(t, name, strlen(name), NULL) == CT_OK ? t->n_columns - 1 : -1;
}

const char *ct_table_columns_text(const ct_table *t) {
    return ct_str_text(&t->columns_text);
}

ct_status ct_table_next(ct_table *t, bool *more, const char **bad, ct_error *err) {
    t->reason[0] = '\0';
    *more = false;
    *bad = NULL;
    for (int i = 0; i < t->n_columns; i++) t->cells[i] = (ct__cell){NULL, 0};
    CT_CHECK(t->kind == CT__TABLE_JSON ? ct__table_next_json(t, more, err)
                                       : ct__table_next_separated(t, more, err));
    if (!t->reason[0]) return CT_OK;
    *bad = t->reason;
    for (int i = 0; i < t->n_columns; i++) t->cells[i] = (ct__cell){NULL, 0};
    return CT_OK;
}

const char *ct_table_cell(const ct_table *t, int column, size_t *length) {
    const ct__cell cell = column >= 0 && column < t->n_columns ? t->cells[column] : (ct__cell){NULL, 0};
    if (length) *length = cell.length;
    return cell.text;
}

ct_status ct_table_next_good(ct_table *t, bool *more, ct_error *err) {
    const char *bad = NULL;
    CT_CHECK(ct_table_next(t, more, &bad, err));
    if (bad)
        return ct_fail(err, CT_ERR_FORMAT, "%s:%lld: %s", ct_table_path(t), (long long)ct_table_line(t), bad);
    return CT_OK;
}

int64_t ct_table_line(const ct_table *t) {
    return t->line;
}

const char *ct_table_path(const ct_table *t) {
    return t->path;
}
