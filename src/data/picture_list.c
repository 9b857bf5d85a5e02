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

static ct_status add(ct_picture_list *l, const char *id, size_t id_bytes, const char *path, size_t path_bytes,
                     ct_error *err) {
    CT_CHECK(ct_string_list_add(&l->ids, id, id_bytes, err));
    CT_CHECK(ct_string_list_add(&l->paths, path, path_bytes, err));
    l->n++;
    return CT_OK;
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

/* Names as they are found, in no order. */
typedef struct names {
    ct_string_list list;
    const char **sorted; /* [list.n] into its bytes */
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
    return ct_string_list_add(&found->list, name, length, err);
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
    const ct_strings all = ct_string_list_view(&found->list);
    const size_t n = (size_t)found->list.n;
    CT_CHECK(ct_calloc(n, sizeof *found->sorted, (void **)&found->sorted, err));
    for (size_t i = 0; i < n; i++) found->sorted[i] = ct_strings_get(&all, (int64_t)i);
    if (n > 0) qsort(found->sorted, n, sizeof *found->sorted, by_bytes);
    return CT_OK;
}

static ct_status read_folder(ct_picture_list *l, const char *folder, ct_error *err) {
    ct_status st = CT_OK;
    names found = {0};
    CT_TRY(ct_strdup(folder, &l->folder, err), st, done);
    CT_TRY(walk(&found, folder, err), st, done);
    CT_TRY(sort_names(&found, err), st, done);
    for (int64_t i = 0; i < found.list.n; i++) {
        const char *name = found.sorted[i];
        CT_TRY(add(l, name, strlen(name), name, strlen(name), err), st, done);
    }
done:
    ct_string_list_free(&found.list);
    ct_free(found.sorted);
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
    if (n == 0) return CT_OK;
    const char *tab = memchr(text, '\t', n);
    const size_t id_bytes = tab ? (size_t)(tab - text) : n;
    const char *path = tab ? tab + 1 : text;
    const size_t path_bytes = n - (size_t)(path - text);
    const char *wrong = id_bytes == 0                            ? "no id before the tab"
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
        const char *text = NULL;
        size_t n = 0;
        bool more = false;
        CT_CHECK(ct__source_next(s, r->path, r->line, &text, &n, &more, err));
        if (!more) return CT_OK;
        CT_CHECK(take_line(r, text, n, err));
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
    list->id = ct_string_list_view(&list->ids);
    list->path = ct_string_list_view(&list->paths);
    return CT_OK;
}

void ct_picture_list_free(ct_picture_list *list) {
    ct_free(list->folder);
    ct_string_list_free(&list->ids);
    ct_string_list_free(&list->paths);
    memset(list, 0, sizeof *list);
}

ct_status ct_picture_list_path(const ct_picture_list *list, int64_t i, char **path, ct_error *err) {
    return ct_path_join(list->folder, ct_strings_get(&list->path, i), path, err);
}
