/* Nodes: making, finding, merging. Depth is bounded by the reader, so that recursion is safe here. */
#include "config/node.h"

#include <string.h>

#include "base/alloc.h"

ct_status ct__node_create(ct__node **out, ct__node_kind kind, const ct__source *source, int line, int column,
                          ct_error *err) {
    CT_CHECK(ct_calloc(1, sizeof **out, (void **)out, err));
    (*out)->kind = kind;
    (*out)->source = source;
    (*out)->line = line;
    (*out)->column = column;
    return CT_OK;
}

void ct__node_free(ct__node *node) {
    if (!node) return;
    for (size_t i = 0; i < node->n; i++) ct__node_free(node->child[i]);
    ct_free(node->child);
    ct_free(node->key);
    ct_free(node->text);
    ct_free(node);
}

ct_status ct__node_append(ct__node *parent, ct__node *child, ct_error *err) {
    CT_CHECK(ct_grow((void **)&parent->child, &parent->capacity, parent->n + 1, sizeof(ct__node *), err));
    parent->child[parent->n++] = child;
    return CT_OK;
}

void ct__node_remove(ct__node *parent, size_t at) {
    ct__node_free(parent->child[at]);
    memmove(&parent->child[at], &parent->child[at + 1], (parent->n - at - 1) * sizeof(ct__node *));
    parent->n--;
}

ct_status ct__node_set_key(ct__node *node, const char *key, int line, int column, ct_error *err) {
    char *copy;
    CT_CHECK(ct_strdup(key, &copy, err));
    ct_free(node->key);
    node->key = copy;
    node->key_line = line;
    node->key_column = column;
    return CT_OK;
}

ct__node *ct__node_get(const ct__node *map, const char *key) {
    if (map->kind != CT__NODE_KIND_MAP) return NULL;
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->child[i]->key, key) == 0) return map->child[i];
    }
    return NULL;
}

ct__node *ct__node_find(ct__node *root, const char *path) {
    ct__node *node = root;
    while (node && *path) {
        const size_t n = strcspn(path, ".");
        ct__node *next = NULL;
        if (node->kind != CT__NODE_KIND_MAP) return NULL;
        for (size_t i = 0; i < node->n && !next; i++) {
            const char *key = node->child[i]->key;
            if (strncmp(key, path, n) == 0 && key[n] == 0) next = node->child[i];
        }
        node = next;
        path += n + (path[n] == '.');
    }
    return node;
}

bool ct__node_is_null(const ct__node *node) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != CT__NODE_KIND_SCALAR || !node->plain) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(node->text, words[i]) == 0) return true;
    }
    return false;
}

ct_status ct__node_merge(ct__node **base, ct__node *over, ct_error *err) {
    if (!*base || (*base)->kind != CT__NODE_KIND_MAP || over->kind != CT__NODE_KIND_MAP || over->replaces) {
        ct__node_free(*base);
        *base = over;
        return CT_OK;
    }

    ct_status st = CT_OK;
    for (size_t i = 0; i < over->n && st == CT_OK; i++) {
        ct__node *child = over->child[i];
        size_t at = 0;
        while (at < (*base)->n && strcmp((*base)->child[at]->key, child->key) != 0) at++;
        if (at < (*base)->n) {
            st = ct__node_merge(&(*base)->child[at], child, err);
            over->child[i] = NULL; /* used up, also on failure */
        } else {
            st = ct__node_append(*base, child, err);
            if (st == CT_OK) over->child[i] = NULL;
        }
    }
    /* The merged section is where it was written last. */
    (*base)->source = over->source;
    (*base)->line = over->line;
    (*base)->column = over->column;
    (*base)->key_line = over->key_line;
    (*base)->key_column = over->key_column;
    ct__node_free(over);
    return st;
}
