/* Ids of vectors, from our own bundles' tables or from plain lines. */
#include "data/vector_ids.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "data/table_source.h"

/* FILE + suffix for FILE.npy; *path NULL when there is no such file. */
static ct_status beside(const char *npy, const char *suffix, char **path, ct_error *err) {
    ct_str name = {0};
    const size_t n = strlen(npy), stem = n > 4 && strcmp(npy + n - 4, ".npy") == 0 ? n - 4 : n;
    *path = NULL;
    ct_status st = ct_str_append(&name, npy, stem, err);
    if (st == CT_OK) st = ct_str_puts(&name, suffix, err);
    if (st == CT_OK && ct_path_exists(ct_str_text(&name))) st = ct_strdup(ct_str_text(&name), path, err);
    ct_str_free(&name);
    return st;
}

ct_status ct__vector_ids_find(const char *npy, char **ids, ct_error *err) {
    char *table = NULL, *lines = NULL;
    ct_status st = CT_OK;
    *ids = NULL;
    CT_TRY(beside(npy, ".ids.csv", &table, err), st, done);
    CT_TRY(beside(npy, ".ids", &lines, err), st, done);
    if (table && lines) {
        st = ct_fail(err, CT_ERR_DATA, "vectors '%s': ids stand in '%s' and in '%s'; keep one", npy, table, lines);
        goto done;
    }
    *ids = table ? table : lines;
    table = lines = NULL;
done:
    ct_free(table);
    ct_free(lines);
    return st;
}

/* ---- the table of a bundle ---- */

static ct_status table_rows(ct_table *t, const char *platform, ct__vector_id take, void *ctx, int64_t *n_rows,
                            ct_error *err) {
    const int id_column = ct_table_column(t, "id"), platform_column = ct_table_column(t, "platform");
    if (id_column < 0)
        return ct_fail(err, CT_ERR_DATA, "'%s': columns %s, want id (and platform)", ct_table_path(t),
                       ct_table_columns_text(t));
    for (;; ++*n_rows) {
        bool more = false;
        size_t n = 0;
        CT_CHECK(ct_table_next_good(t, &more, err));
        if (!more) return CT_OK;
        const char *owner = ct_table_cell(t, platform_column, NULL), *id = ct_table_cell(t, id_column, &n);
        const bool has_id = id && n > 0;
        if (!has_id || (platform_column >= 0 && !(owner && owner[0])))
            return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": no %s", ct_table_path(t), ct_table_line(t),
                           has_id ? "platform" : "id");
        if (owner && strcmp(owner, platform) != 0) continue;
        CT_CHECK(take(ctx, *n_rows, ct_table_line(t), id, n, err));
    }
}

static ct_status read_table(const char *path, const char *platform, ct__vector_id take, void *ctx, int64_t *n_rows,
                            ct_error *err) {
    ct_table *t = NULL;
    CT_CHECK(ct_table_open(&t, path, err));
    const ct_status st = table_rows(t, platform, take, ctx, n_rows, err);
    ct_table_close(t);
    return st;
}

/* ---- plain lines ---- */

static ct_status lines(ct__source *s, const char *path, ct__vector_id take, void *ctx, int64_t *n_rows, ct_error *err) {
    for (;; ++*n_rows) {
        const char *id = NULL;
        size_t n = 0;
        bool more = false;
        CT_CHECK(ct__source_next(s, path, *n_rows + 1, &id, &n, &more, err));
        if (!more) return CT_OK;
        if (n == 0) return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": no id", path, *n_rows + 1);
        CT_CHECK(take(ctx, *n_rows, *n_rows + 1, id, n, err));
    }
}

static ct_status read_lines(const char *path, ct__vector_id take, void *ctx, int64_t *n_rows, ct_error *err) {
    ct__source source;
    CT_CHECK(ct__source_open(&source, path, err));
    const ct_status st = lines(&source, path, take, ctx, n_rows, err);
    ct__source_close(&source);
    return st;
}

ct_status ct__vector_ids_read(const char *path, const char *platform, ct__vector_id take, void *ctx, int64_t *n_rows,
                              ct_error *err) {
    *n_rows = 0;
    if (ct__table_kind_of(path) == CT__TABLE_UNKNOWN) return read_lines(path, take, ctx, n_rows, err);
    return read_table(path, platform, take, ctx, n_rows, err);
}
