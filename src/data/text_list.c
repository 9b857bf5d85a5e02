/* Reading texts to embed, from tables and from plain lines. */
#include "data/text_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "data/columns.h"
#include "data/table_source.h"

enum { PROGRESS_ROWS = 4096 }; /* between two calls of progress */

typedef struct reader {
    ct_text_list *list;
    const char *path;
    const ct_tokenizer *tokenizer;
    int32_t limit;
    int64_t bytes; /* of the file, compressed or not */
    ct_text_list_progress progress;
    void *ctx;
} reader;

static ct_status add(reader *r, const char *id, size_t id_bytes, const char *text, size_t n, ct_error *err) {
    ct_text_list *l = r->list;
    const size_t before = l->buffer.count;
    CT_CHECK(ct_grow((void **)&l->token_begin, &l->token_capacity, (size_t)l->n + 2, sizeof *l->token_begin, err));
    CT_CHECK(ct_string_list_add(&l->ids, id, id_bytes, err));
    CT_CHECK(ct_tokenize(r->tokenizer, text, n, (size_t)r->limit, &l->buffer, err));
    l->n++;
    l->n_empty += l->buffer.count == before;
    l->token_begin[l->n] = (int64_t)l->buffer.count;
    return CT_OK;
}

static ct_status show(const reader *r, const ct__source *source, bool at_end, ct_error *err) {
    if (!r->progress || (!at_end && r->list->n % PROGRESS_ROWS != 0)) return CT_OK;
    const int64_t done = at_end ? r->bytes : (int64_t)gzoffset(source->gz);
    if (r->progress(r->ctx, done < r->bytes ? done : r->bytes, r->bytes) == 0) return CT_OK;
    return ct_fail(err, CT_ERR_INTERRUPTED, "'%s': stopped after %" PRId64 " texts", r->path, r->list->n);
}

/* ---- tables --------------------------------------------------------------------------------------------------- */

enum { ID, TEXT, N_COLUMNS };

static ct_status table_row(reader *r, ct_table *t, ct__column columns[N_COLUMNS], ct_strmap *ids, ct_error *err) {
    const char *id, *text;
    size_t id_bytes, n;
    int64_t first = 0;
    int fresh = 0;
    CT_CHECK(ct__column_read(&columns[ID], t, &id, &id_bytes, err));
    CT_CHECK(ct__column_read(&columns[TEXT], t, &text, &n, err));
    if (!id) return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": no id", r->path, ct_table_line(t));
    CT_CHECK(ct_strmap_insert(ids, id, id_bytes, ct_table_line(t), &first, &fresh, err));
    if (!fresh)
        return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": id '%.100s' stands in line %" PRId64 " already", r->path,
                       ct_table_line(t), id, first);
    CT_CHECK(add(r, id, id_bytes, text ? text : "", text ? n : 0, err));
    return show(r, &t->source, false, err);
}

static ct_status table_rows(reader *r, ct_table *t, ct__column columns[N_COLUMNS], ct_strmap *ids, ct_error *err) {
    CT_CHECK(ct__column_bind(&columns[ID], t, "of the texts", "id", true, err));
    CT_CHECK(ct__column_bind(&columns[TEXT], t, "of the texts", "text", true, err));
    for (;;) {
        bool more = false;
        const char *bad = NULL;
        CT_CHECK(ct_table_next(t, &more, &bad, err));
        if (!more) break;
        if (bad) return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": %s", r->path, ct_table_line(t), bad);
        CT_CHECK(table_row(r, t, columns, ids, err));
    }
    CT_CHECK(r->list->n > 0 ? ct__column_finish(&columns[TEXT], t, err) : CT_OK);
    return show(r, &t->source, true, err);
}

static ct_status read_table(reader *r, ct_error *err) {
    ct_table *t = NULL;
    ct_strmap *ids = NULL;
    ct__column columns[N_COLUMNS] = {0};
    ct_status st = ct_table_open(&t, r->path, err);
    if (st == CT_OK) st = ct_strmap_create(&ids, err);
    if (st == CT_OK) st = table_rows(r, t, columns, ids, err);
    for (int i = 0; i < N_COLUMNS; i++) ct__column_free(&columns[i]);
    ct_strmap_free(ids);
    ct_table_close(t);
    return st;
}

/* ---- lines ---------------------------------------------------------------------------------------------------- */

static ct_status lines(reader *r, ct__source *s, ct_error *err) {
    for (;;) {
        char id[24];
        const char *text = NULL;
        size_t n = 0;
        bool more = false;
        CT_CHECK(ct__source_next(s, r->path, r->list->n + 1, &text, &n, &more, err));
        if (!more) return show(r, s, true, err);
        const int id_bytes = snprintf(id, sizeof id, "%" PRId64, r->list->n + 1);
        CT_CHECK(add(r, id, (size_t)id_bytes, text, n, err));
        CT_CHECK(show(r, s, false, err));
    }
}

static ct_status read_lines(reader *r, ct_error *err) {
    ct__source source;
    CT_CHECK(ct__source_open(&source, r->path, err));
    const ct_status st = lines(r, &source, err);
    ct__source_close(&source);
    return st;
}

/* ---- the list ------------------------------------------------------------------------------------------------- */

ct_status ct_text_list_read(ct_text_list *list, const char *path, const ct_tokenizer *tokenizer, int32_t limit,
                            ct_text_list_progress progress, void *ctx, ct_error *err) {
    struct stat info;
    reader r = {list, path, tokenizer, limit, stat(path, &info) == 0 ? (int64_t)info.st_size : 0, progress, ctx};
    memset(list, 0, sizeof *list);
    CT_CHECK(ct__table_kind_of(path) == CT__TABLE_UNKNOWN ? read_lines(&r, err) : read_table(&r, err));
    if (list->n == 0) return ct_fail(err, CT_ERR_DATA, "'%s': no text in it", path);
    list->id = ct_string_list_view(&list->ids);
    list->tokens = (ct_token_lists){list->token_begin, list->buffer.ids};
    return CT_OK;
}

void ct_text_list_free(ct_text_list *list) {
    ct_string_list_free(&list->ids);
    ct_free(list->token_begin);
    ct_token_buffer_free(&list->buffer);
    memset(list, 0, sizeof *list);
}
