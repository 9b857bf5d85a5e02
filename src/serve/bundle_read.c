/* Reading a bundle: manifest, ids, vectors. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "data/table.h"
#include "serve/bundle.h"
#include "serve/side_files.h"

typedef struct side {
    int64_t n, dim;
    float *vectors;
    ct_strmap *rows; /* "platform\0id" -> row */
} side;

struct ct_bundle {
    char *path;
    json_t *manifest; /* NULL: a folder without one */
    side users, items;
    ct_str key;
};

static ct_status file_path(const ct_bundle *b, const char *name, const char *suffix, char **out, ct_error *err) {
    ct_str file = {0};
    ct_status st = ct_str_printf(&file, err, "%s.%s", name, suffix);
    if (st == CT_OK) st = ct_path_join(b->path, ct_str_text(&file), out, err);
    ct_str_free(&file);
    return st;
}

/* Compares a file with its entry in the manifest. */
static ct_status check_file(const ct_bundle *b, const char *name, const char *suffix, const char *path, ct_error *err) {
    char key[64];
    uint64_t hash = 0, bytes = 0, want = 0;
    if (!b->manifest) return CT_OK;
    snprintf(key, sizeof key, "%s.%s", name, suffix);
    const json_t *entry = json_object_get(json_object_get(b->manifest, "files"), key);
    const char *hex = json_string_value(json_object_get(entry, "xxh3"));
    if (!hex || sscanf(hex, "%16" SCNx64, &want) != 1)
        return ct_fail(err, CT_ERR_FORMAT, "bundle '%s': the manifest does not list %s", b->path, key);
    CT_CHECK(ct_file_hash(path, &hash, &bytes, err));
    if (hash != want || (json_int_t)bytes != json_integer_value(json_object_get(entry, "bytes")))
        return ct_fail(err, CT_ERR_FORMAT, "bundle '%s': %s is not the file that the manifest describes (truncated or "
                       "changed)", b->path, key);
    return CT_OK;
}

static ct_status add_row(ct_bundle *b, side *s, const ct_table *t, int platform, int id, ct_error *err) {
    const char *p = ct_table_cell(t, platform, NULL), *i = ct_table_cell(t, id, NULL);
    int64_t row = 0;
    int fresh = 0;
    if (!p || !i) return ct_fail(err, CT_ERR_FORMAT, "%s:%" PRId64 ": no platform or id", ct_table_path(t), ct_table_line(t));
    ct_str_clear(&b->key);
    CT_CHECK(ct_str_append(&b->key, p, strlen(p) + 1, err));
    CT_CHECK(ct_str_puts(&b->key, i, err));
    CT_CHECK(ct_strmap_insert(s->rows, b->key.data, b->key.length, ct_strmap_count(s->rows), &row, &fresh, err));
    if (!fresh)
        return ct_fail(err, CT_ERR_FORMAT, "%s:%" PRId64 ": id '%s' of platform '%s' stands twice", ct_table_path(t),
                       ct_table_line(t), i, p);
    return CT_OK;
}

static ct_status read_ids(ct_bundle *b, side *s, const char *path, ct_error *err) {
    ct_status st = CT_OK;
    ct_table *t = NULL;
    CT_TRY(ct_strmap_create(&s->rows, err), st, done);
    CT_TRY(ct_table_open(&t, path, err), st, done);
    const int platform = ct_table_column(t, "platform"), id = ct_table_column(t, "id");
    if (platform < 0 || id < 0) {
        st = ct_fail(err, CT_ERR_FORMAT, "%s: columns %s, want platform and id", path, ct_table_columns_text(t));
        goto done;
    }
    for (;;) {
        bool more = false;
        CT_TRY(ct_table_next_good(t, &more, err), st, done);
        if (!more) break;
        CT_TRY(add_row(b, s, t, platform, id, err), st, done);
    }
done:
    ct_table_close(t);
    return st;
}

/* suffix NULL: whatever format is there. */
static ct_status read_vectors(const ct_bundle *b, side *s, const char *name, const char *suffix, ct_error *err) {
    for (int i = 0; i < CT__SIDE_FORMATS; i++) {
        const ct__side_format *f = &ct__side_formats[i];
        char *path = NULL;
        if (suffix && strcmp(suffix, f->suffix) != 0) continue;
        ct_status st = file_path(b, name, f->suffix, &path, err);
        const bool there = st == CT_OK && ct_path_exists(path);
        if (there) st = check_file(b, name, f->suffix, path, err);
        if (there && st == CT_OK) st = f->read(path, &s->n, &s->dim, &s->vectors, err);
        ct_free(path);
        if (there || st != CT_OK) return st;
    }
    return ct_fail(err, CT_ERR_FORMAT, "bundle '%s': there is no file of vectors %s.%s", b->path, name,
                   suffix ? suffix : "npy, .safetensors, .faiss or .csv");
}

static ct_status read_side(ct_bundle *b, side *s, const char *name, const char *suffix, ct_error *err) {
    ct_status st = CT_OK;
    char *ids = NULL;
    CT_TRY(file_path(b, name, "ids.csv", &ids, err), st, done);
    CT_TRY(check_file(b, name, "ids.csv", ids, err), st, done);
    CT_TRY(read_ids(b, s, ids, err), st, done);
    CT_TRY(read_vectors(b, s, name, suffix, err), st, done);
    if (ct_strmap_count(s->rows) != s->n)
        st = ct_fail(err, CT_ERR_FORMAT, "bundle '%s': %" PRId64 " ids and %" PRId64 " vectors of %s", b->path,
                     ct_strmap_count(s->rows), s->n, name);
done:
    ct_free(ids);
    return st;
}

static ct_status read_manifest(ct_bundle *b, ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL, *text = NULL;
    size_t n = 0;
    json_error_t why;
    CT_TRY(ct_path_join(b->path, "manifest.json", &path, err), st, done);
    if (!ct_path_exists(path)) goto done;
    CT_TRY(ct_read_file(path, 1 << 26, &text, &n, err), st, done);
    b->manifest = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    const char *format = json_string_value(json_object_get(b->manifest, "format"));
    if (!format || strcmp(format, "crosstower-bundle-1") != 0)
        st = ct_fail(err, CT_ERR_FORMAT, "%s: format '%s', want 'crosstower-bundle-1'", path, format ? format : "(none)");
done:
    ct_free(path);
    ct_free(text);
    return st;
}

ct_status ct__bundle_open_format(ct_bundle **out, const char *path, const char *suffix, ct_error *err) {
    ct_status st = CT_OK;
    ct_bundle *b = NULL;
    *out = NULL;
    if (!ct_path_is_dir(path)) return ct_fail(err, CT_ERR_IO, "bundle '%s': no such folder", path);
    CT_CHECK(ct_calloc(1, sizeof *b, (void **)&b, err));
    CT_TRY(ct_strdup(path, &b->path, err), st, fail);
    CT_TRY(read_manifest(b, err), st, fail);
    CT_TRY(read_side(b, &b->users, "users", suffix, err), st, fail);
    CT_TRY(read_side(b, &b->items, "items", suffix, err), st, fail);
    if (b->users.dim != b->items.dim) {
        st = ct_fail(err, CT_ERR_FORMAT, "bundle '%s': users have %" PRId64 " dimensions, items %" PRId64, path,
                     b->users.dim, b->items.dim);
        goto fail;
    }
    *out = b;
    return CT_OK;
fail:
    ct_bundle_close(b);
    return st;
}

ct_status ct_bundle_open(ct_bundle **out, const char *path, ct_error *err) {
    return ct__bundle_open_format(out, path, NULL, err);
}

static void side_free(side *s) {
    ct_free(s->vectors);
    ct_strmap_free(s->rows);
}

void ct_bundle_close(ct_bundle *b) {
    if (!b) return;
    side_free(&b->users);
    side_free(&b->items);
    json_decref(b->manifest);
    ct_str_free(&b->key);
    ct_free(b->path);
    ct_free(b);
}

ct_bundle_side ct_bundle_users(const ct_bundle *b) {
    return (ct_bundle_side){b->users.n, b->users.dim, b->users.vectors};
}

ct_bundle_side ct_bundle_items(const ct_bundle *b) {
    return (ct_bundle_side){b->items.n, b->items.dim, b->items.vectors};
}

static int64_t find(const side *s, const char *platform, const char *id) {
    char stack[512], *key = stack;
    const size_t p = strlen(platform) + 1, n = p + strlen(id);
    int64_t row = -1;
    if (n > sizeof stack && ct_calloc(n, 1, (void **)&key, NULL) != CT_OK) return -1;
    memcpy(key, platform, p);
    memcpy(key + p, id, n - p);
    row = ct_strmap_find(s->rows, key, n);
    if (key != stack) ct_free(key);
    return row;
}

int64_t ct_bundle_find_user(const ct_bundle *b, const char *platform, const char *id) {
    return find(&b->users, platform, id);
}
int64_t ct_bundle_find_item(const ct_bundle *b, const char *platform, const char *id) {
    return find(&b->items, platform, id);
}
