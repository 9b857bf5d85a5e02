/* Listing pictures to embed: a folder is walked, a list is read line by line. */
#include "data/picture_list.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/io.h"
#include "data/table_source.h"

static ct_status add_string(ct_str *bytes, int64_t **begin, size_t *capacity, int64_t n, const char *text,
                            size_t length, ct_error *err) {
    CT_CHECK(ct_grow((void **)begin, capacity, (size_t)n + 2, sizeof **begin, err));
    CT_CHECK(ct_str_append(bytes, text, length, err));
    CT_CHECK(ct_str_append(bytes, "", 1, err));
    (*begin)[n + 1] = (int64_t)bytes->length;
    return CT_OK;
}

static ct_status add(ct_picture_list *l, const char *id, size_t id_bytes, const char *path, size_t path_bytes,
                     ct_error *err) {
    CT_CHECK(add_string(&l->id_bytes, &l->id_begin, &l->id_capacity, l->n, id, id_bytes, err));
    CT_CHECK(add_string(&l->path_bytes, &l->path_begin, &l->path_capacity, l->n, path, path_bytes, err));
    l->n++;
    return CT_OK;
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

/* Names as they are found, in no order. */
typedef struct names {
    int64_t n;
    int64_t *begin; /* [n + 1] */
    size_t capacity;
    ct_str bytes;
    const char **sorted; /* [n] into bytes */
} names;

static bool is_picture(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

/* One entry of the walk; prefix: bytes of the folder's own path in front of the names. */
static ct_status take_entry(names *found, const FTSENT *entry, size_t prefix, ct_error *err) {
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR) {
        errno = entry->fts_errno;
        return ct__fail_errno(err, "read folder", entry->fts_path);
    }
    if (entry->fts_info == FTS_D || entry->fts_info == FTS_DP || entry->fts_info == FTS_DC) return CT_OK;
    if (!is_picture(entry->fts_name)) return CT_OK;
    const char *name = entry->fts_path + prefix;
    while (*name == '/') name++;
    const size_t length = strlen(name);
    if (ct_utf8_valid_prefix(name, length) < length)
        return ct_fail(err, CT_ERR_DATA, "'%s': a name that is not UTF-8 cannot be an id; rename it", entry->fts_path);
    CT_CHECK(add_string(&found->bytes, &found->begin, &found->capacity, found->n, name, length, err));
    found->n++;
    return CT_OK;
}

static ct_status walk(names *found, const char *folder, ct_error *err) {
    char *const roots[] = {(char *)folder, NULL};
    ct_status st = CT_OK;
    FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (!tree) return ct__fail_errno(err, "read folder", folder);
    errno = 0;
    for (FTSENT *entry; st == CT_OK && (entry = fts_read(tree)); errno = 0)
        st = take_entry(found, entry, strlen(folder), err);
    if (st == CT_OK && errno != 0) st = ct__fail_errno(err, "read folder", folder);
    fts_close(tree);
    return st;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static ct_status sort_names(names *found, ct_error *err) {
    CT_CHECK(ct_calloc((size_t)found->n, sizeof *found->sorted, (void **)&found->sorted, err));
    for (int64_t i = 0; i < found->n; i++) found->sorted[i] = ct_str_text(&found->bytes) + found->begin[i];
    if (found->n > 0) qsort(found->sorted, (size_t)found->n, sizeof *found->sorted, by_bytes);
    return CT_OK;
}

static ct_status read_folder(ct_picture_list *l, const char *folder, ct_error *err) {
    ct_status st = CT_OK;
    names found = {0};
    CT_TRY(ct_strdup(folder, &l->folder, err), st, done);
    CT_TRY(walk(&found, folder, err), st, done);
    CT_TRY(sort_names(&found, err), st, done);
    for (int64_t i = 0; i < found.n; i++) {
        const char *name = found.sorted[i];
        CT_TRY(add(l, name, strlen(name), name, strlen(name), err), st, done);
    }
done:
    ct_free(found.begin);
    ct_free(found.sorted);
    ct_str_free(&found.bytes);
    return st;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

typedef struct reader {
    ct_picture_list *list;
    const char *path;
    ct_strmap *ids;
    int64_t line;
} reader;

static ct_status take_line(reader *r, const char *text, size_t n, ct_error *err) {
    int64_t first = 0;
    int fresh = 0;
    if (n > 0 && text[n - 1] == '\r') n--;
    if (n == 0) return CT_OK;
    const char *tab = memchr(text, '\t', n);
    const size_t id_bytes = tab ? (size_t)(tab - text) : n;
    const char *path = tab ? tab + 1 : text;
    const size_t path_bytes = n - (size_t)(path - text);
    const char *wrong = ct_utf8_valid_prefix(text, n) < n        ? "not UTF-8"
                        : memchr(text, '\0', n)                  ? "a NUL byte in the line"
                        : id_bytes == 0                          ? "no id before the tab"
                        : path_bytes == 0                        ? "no path behind the tab"
                        : tab && memchr(path, '\t', path_bytes) ? "more than one tab, want PATH or ID<TAB>PATH"
                                                                 : NULL;
    if (wrong) return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": %s", r->path, r->line, wrong);
    CT_CHECK(ct_strmap_insert(r->ids, text, id_bytes, r->line, &first, &fresh, err));
    if (!fresh)
        return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": id '%.*s' stands in line %" PRId64 " already",
                       r->path, r->line, (int)(id_bytes < 100 ? id_bytes : 100), text, first);
    return add(r->list, text, id_bytes, path, path_bytes, err);
}

static ct_status take_lines(reader *r, ct__source *s, ct_error *err) {
    for (r->line = 1;; r->line++) {
        size_t length, advance;
        bool too_long;
        CT_CHECK(ct__source_line(s, r->path, &length, &advance, &too_long, err));
        if (too_long)
            return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": longer than %zu MiB", r->path, r->line,
                           CT__ROW_LIMIT >> 20);
        if (advance == 0) return CT_OK;
        const size_t mark = r->line == 1 && length >= 3 && memcmp(s->buf + s->begin, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        CT_CHECK(take_line(r, s->buf + s->begin + mark, length - mark, err));
        s->begin += advance;
    }
}

static ct_status read_list(ct_picture_list *l, const char *path, ct_error *err) {
    ct__source source;
    reader r = {.list = l, .path = path};
    CT_CHECK(ct_path_dir(path, &l->folder, err));
    CT_CHECK(ct__source_open(&source, path, err));
    ct_status st = ct_strmap_create(&r.ids, err);
    if (st == CT_OK) st = take_lines(&r, &source, err);
    ct_strmap_free(r.ids);
    ct__source_close(&source);
    return st;
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

ct_status ct_picture_list_read(ct_picture_list *list, const char *path, ct_error *err) {
    const bool folder = ct_path_is_dir(path);
    memset(list, 0, sizeof *list);
    CT_CHECK(folder ? read_folder(list, path, err) : read_list(list, path, err));
    if (list->n == 0)
        return ct_fail(err, CT_ERR_DATA, "'%s': no picture in %s", path,
                       folder ? "this folder; wanted are names that end in jpg, jpeg, png or webp" : "this list");
    list->id = (ct_strings){list->id_begin, ct_str_text(&list->id_bytes)};
    list->path = (ct_strings){list->path_begin, ct_str_text(&list->path_bytes)};
    return CT_OK;
}

void ct_picture_list_free(ct_picture_list *list) {
    ct_free(list->folder);
    ct_free(list->id_begin);
    ct_free(list->path_begin);
    ct_str_free(&list->id_bytes);
    ct_str_free(&list->path_bytes);
    memset(list, 0, sizeof *list);
}

ct_status ct_picture_list_path(const ct_picture_list *list, int64_t i, char **path, ct_error *err) {
    return ct_path_join(list->folder, ct_strings_get(&list->path, i), path, err);
}
