/* Arguments "train.lr=1e-4": a key path and a YAML value, laid over the tree of the files. */
#include "config/load.h"

#include <string.h>

#include "base/alloc.h"
#include "config/yaml.h"

static bool ends_with_child(int row, const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && ct__schema_child(row, dot + 1) >= 0;
}

/* How many bytes at the front of path are the next key, for a child of row. Names of events and prefixes may
 * hold dots themselves ("user.encoder"): they take all that is left, but for a known key at the end. */
static size_t next_part(int row, const char *path) {
    const int below = row >= 0 && ct__schema[row].type == CT__KEY_TYPE_MAP ? ct__schema_next(row, -1) : -1;
    if (below < 0 || !ct__schema[row].map->any_name) return strcspn(path, ".");
    if (ct__schema[below].type == CT__KEY_TYPE_SECTION && ends_with_child(below, path))
        return (size_t)(strrchr(path, '.') - path);
    return strlen(path);
}

/* The row at the end of a key path; -1 when there is none. *fits: no key with dots in it is longer than in a file. */
static int row_of(const char *path, bool *fits) {
    int row = -1;
    *fits = true;
    while (*path) {
        const size_t n = next_part(row, path);
        char name[CT__MOST_KEY_BYTES + 1];
        *fits = n < sizeof name;
        if (n == 0 || !*fits) return -1;
        memcpy(name, path, n);
        name[n] = 0;
        row = ct__schema_child(row, name);
        if (row < 0) return -1;
        path += n + (path[n] == '.');
    }
    return row;
}

/* Sections around value, from the innermost key outwards; *out owns value also on failure. */
static ct_status wrap(ct__load *l, const ct__source *source, const char *path, int row, ct__node *value,
                      ct__node **out) {
    ct__node *map = NULL, *inner = NULL;
    char *name = NULL;
    ct_status st;

    if (!*path) {
        *out = value;
        return CT_OK;
    }
    const size_t n = next_part(row, path);
    CT_TRY(ct__node_create(&map, CT__NODE_KIND_MAP, source, 0, 0, l->err), st, fail);
    CT_TRY(ct_strndup(path, n, &name, l->err), st, fail);
    /* Below an unknown key (-2) the parts between the dots are the keys: the binding will report it. */
    const int child = row == -2 ? -2 : ct__schema_child(row, name);
    CT_TRY(wrap(l, source, path + n + (path[n] == '.'), child < 0 ? -2 : child, value, &inner), st,
           fail_inner);
    value = NULL;
    CT_TRY(ct__node_set_key(inner, name, 0, 0, l->err), st, fail);
    CT_TRY(ct__node_append(map, inner, l->err), st, fail);
    ct_free(name);
    *out = map;
    return CT_OK;
fail_inner:
    value = NULL; /* freed further in */
fail:
    ct__node_free(value);
    ct__node_free(inner);
    ct__node_free(map);
    ct_free(name);
    return st;
}

/* The value's tree. The text of a key that takes a text may begin with { or [, as templates do, without
 * quotes. */
static ct_status read_value(ct__load *l, const ct__source *source, const char *path, int row, const char *text,
                            ct__node **value) {
    if (row >= 0 && ct__schema[row].type == CT__KEY_TYPE_TEXT && (*text == '{' || *text == '[') &&
        ct_utf8_valid_prefix(text, strlen(text)) == strlen(text)) {
        CT_CHECK(ct__node_create(value, CT__NODE_KIND_SCALAR, source, 0, 0, l->err));
        return ct_strdup(text, &(*value)->text, l->err);
    }
    return ct__yaml_parse(value, source, text, strlen(text), path, l->diags, l->err);
}

static bool is_path(const char *path) {
    if (!*path) return false;
    for (const char *s = path;; s++) {
        const size_t n = strcspn(s, ".");
        if (n == 0 || n > CT__MOST_KEY_BYTES) return false;
        s += n;
        if (!*s) return true;
    }
}

static ct_status apply_one(ct__load *l, const char *argument) {
    ct__source *source;
    const char *equals = strchr(argument, '=');
    char *path = NULL;
    ct__node *value = NULL, *tree = NULL;
    bool fits;
    ct_status st;

    CT_TRY(ct__add_source(l, "command line", argument, &source), st, done);
    if (!equals) {
        st = ct__diagnose(l->diags, l->err, source, 0, 0, "", "want key=value, such as train.lr=1e-4");
        goto done;
    }
    CT_TRY(ct_strndup(argument, (size_t)(equals - argument), &path, l->err), st, done);
    if (!is_path(path) || ct_utf8_valid_prefix(path, strlen(path)) != strlen(path)) {
        st = ct__diagnose(l->diags, l->err, source, 0, 0, "",
                          "the key in front of '=' is not a path such as train.lr");
        goto done;
    }
    const int row = row_of(path, &fits);
    if (!fits) {
        st = ct__diagnose(l->diags, l->err, source, 0, 0, "", "%s", CT__LONG_KEY);
        goto done;
    }
    if (strcmp(path, "extends") == 0) {
        st = ct__diagnose(l->diags, l->err, source, 0, 0, path,
                          "a base file is named in the file, not in an argument");
        goto done;
    }
    CT_TRY(read_value(l, source, path, row, equals + 1, &value), st, done);
    if (!value) goto done;
    st = wrap(l, source, path, -1, value, &tree);
    value = NULL;
    if (st != CT_OK) goto done;
    CT_TRY(ct__expand_shorthands(l, -1, tree), st, done);
    if (l->root) {
        st = ct__node_merge(&l->root, tree, l->err);
        tree = NULL;
    }
done:
    ct__node_free(value);
    ct__node_free(tree);
    ct_free(path);
    return st;
}

ct_status ct__apply_overrides(ct__load *l, const char *const *overrides, int n_overrides) {
    for (int i = 0; i < n_overrides; i++) CT_CHECK(apply_one(l, overrides[i]));
    return CT_OK;
}
