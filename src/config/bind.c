/* The merged tree into the structs, row by row of the schema. Every mistake is reported; binding goes on
 * behind it. */
#include "config/load.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "config/yaml.h"

static ct_status bind_default(ct__load *l, const ct__key *key, void *base) {
    static const ct__source schema = {.file = "schema"};
    const size_t before = l->diags->n;
    ct__node *node = NULL;
    ct_status st;

    if (!key->fallback) {
        if (key->type == CT__KEY_TYPE_REAL) *(double *)((char *)base + key->offset) = NAN;
        return CT_OK;
    }
    CT_TRY(ct__yaml_parse(&node, &schema, key->fallback, strlen(key->fallback), key->path, l->diags, l->err),
           st, done);
    if (node) CT_TRY(ct__bind_value(l, key, node, key->path, base), st, done);
    if (l->diags->n != before)
        st = ct_fail(l->err, CT_ERR_INTERNAL, "config: the default of %s is wrong", key->path);
done:
    ct__node_free(node);
    return st;
}

ct_status ct__bind_defaults(ct__load *l, int row, void *base) {
    for (int i = ct__schema_next(row, -1); i >= 0; i = ct__schema_next(row, i)) {
        const ct__key *key = &ct__schema[i];
        if (key->type == CT__KEY_TYPE_SECTION)
            CT_CHECK(ct__bind_defaults(l, i, base));
        else if (key->type != CT__KEY_TYPE_MAP)
            CT_CHECK(bind_default(l, key, base));
    }
    return CT_OK;
}

static ct_status child_path(ct__load *l, const char *path, const char *name, ct_str *out) {
    return ct_str_printf(out, l->err, "%s%s%s", path, path[0] ? "." : "", name);
}

/* The sibling whose name is nearest, -1 when none is within the limit. */
static int nearest_sibling(int row, const char *name, int limit) {
    int best = -1;
    for (int i = ct__schema_next(row, -1); i >= 0 && limit >= 0; i = ct__schema_next(row, i)) {
        const int distance = ct_edit_distance(ct__key_name(&ct__schema[i]), name, limit);
        if (distance > limit) continue;
        best = i;
        limit = distance - 1; /* only nearer ones from here on */
    }
    return best;
}

/* A key of that very name elsewhere, -1 when there is none. Names below a MAP are no help here. */
static int same_name_elsewhere(const char *name) {
    for (int i = 0; i < ct__n_schema; i++) {
        if (!strchr(ct__schema[i].path, '*') && strcmp(ct__key_name(&ct__schema[i]), name) == 0) return i;
    }
    return -1;
}

/* What was probably meant: a slip of one letter, else the key in another section, else a name that is a bit near. */
static const char *probable_key(int row, const char *name) {
    const size_t n = strlen(name);
    int found = nearest_sibling(row, name, 1);
    if (found >= 0) return ct__key_name(&ct__schema[found]);
    found = same_name_elsewhere(name);
    if (found >= 0) return ct__schema[found].path;
    found = nearest_sibling(row, name, n <= 3 ? 1 : n <= 7 ? 2 : 3);
    return found >= 0 ? ct__key_name(&ct__schema[found]) : NULL;
}

static ct_status report_unknown(ct__load *l, int row, ct__node *node, const char *path) {
    const char *meant = probable_key(row, node->key);
    ct_str keys = {0};
    ct_status st = CT_OK;

    node->bad = true;
    if (meant)
        return ct__diagnose(l->diags, l->err, node->source, node->key_line, node->key_column, path,
                            "unknown key; did you mean '%s'?", meant);
    for (int i = ct__schema_next(row, -1); i >= 0 && st == CT_OK; i = ct__schema_next(row, i))
        st = ct_str_printf(&keys, l->err, "%s%s", keys.length ? ", " : "", ct__key_name(&ct__schema[i]));
    if (st == CT_OK)
        st = ct__diagnose(l->diags, l->err, node->source, node->key_line, node->key_column, path,
                          "unknown key; the keys here are %s", ct_str_text(&keys));
    ct_str_free(&keys);
    return st;
}

static bool is_name(const char *name) {
    for (const char *c = name; *c; c++) {
        const bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (!letter && !(*c >= '0' && *c <= '9') && *c != '_' && *c != '-') return false;
    }
    return *name != 0;
}

/* Elements of a MAP: an array with one struct for each name. */
static ct_status bind_map(ct__load *l, int row, ct__node *map, const char *path, void *base) {
    const ct__map *m = ct__schema[row].map;
    const int below = ct__schema_next(row, -1); /* the "*" */
    char *elements;
    int *count = (int *)((char *)base + m->count);

    CT_CHECK(ct_calloc(map->n, m->element_bytes, (void **)&elements, l->err));
    memcpy((char *)base + m->array, &elements, sizeof elements);
    for (size_t i = 0; i < map->n; i++) {
        ct__node *node = map->child[i];
        char *element = elements + (size_t)*count * m->element_bytes;
        ct_str name = {0};
        ct_status st = child_path(l, path, node->key, &name);

        if (st == CT_OK && !m->any_name && !is_name(node->key)) {
            node->bad = true;
            st = ct__diagnose(l->diags, l->err, node->source, node->key_line, node->key_column,
                              ct_str_text(&name), "the name '%s' may only have letters, digits, _ and -",
                              node->key);
        }
        ++*count;
        if (st == CT_OK) st = ct_strdup(node->key, (char **)(element + m->name), l->err);
        if (st == CT_OK && ct__schema[below].type == CT__KEY_TYPE_SECTION) {
            st = ct__bind_defaults(l, below, element);
            if (st == CT_OK) st = ct__bind_section(l, below, node, ct_str_text(&name), element);
        } else if (st == CT_OK) {
            st = ct__bind_value(l, &ct__schema[below], node, ct_str_text(&name), element);
        }
        ct_str_free(&name);
        CT_CHECK(st);
    }
    return CT_OK;
}

static ct_status bind_child(ct__load *l, int row, ct__node *node, const char *path, void *base) {
    const int child = ct__schema_child(row, node->key);
    if (child < 0) return report_unknown(l, row, node, path);
    if (ct__schema[child].type == CT__KEY_TYPE_SECTION || ct__schema[child].type == CT__KEY_TYPE_MAP)
        return ct__bind_section(l, child, node, path, base);
    return ct__bind_value(l, &ct__schema[child], node, path, base);
}

ct_status ct__bind_section(ct__load *l, int row, ct__node *map, const char *path, void *base) {
    if (ct__node_is_null(map))
        return CT__MISTAKE(l, map, path, "the section is empty; write its keys, or leave it out");
    if (map->kind != CT__NODE_KIND_MAP) {
        char buffer[128];
        ct_str wanted = {0};
        ct_status st = row < 0 ? ct_str_puts(&wanted, "keys with values (name: value)", l->err)
                               : ct__key_wanted(&ct__schema[row], &wanted, l->err);
        if (st == CT_OK)
            st = CT__MISTAKE(l, map, path, "found %s, want %s", ct__found(map, buffer, sizeof buffer),
                             ct_str_text(&wanted));
        ct_str_free(&wanted);
        return st;
    }
    if (row >= 0 && ct__schema[row].type == CT__KEY_TYPE_MAP) return bind_map(l, row, map, path, base);
    for (size_t i = 0; i < map->n; i++) {
        ct_str name = {0};
        ct_status st = child_path(l, path, map->child[i]->key, &name);
        if (st == CT_OK) st = bind_child(l, row, map->child[i], ct_str_text(&name), base);
        ct_str_free(&name);
        CT_CHECK(st);
    }
    return CT_OK;
}
