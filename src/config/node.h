/* A configuration file as a tree of nodes that remember where they stand. */
#ifndef CT_CONFIG_NODE_H
#define CT_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Where text came from. */
typedef struct ct__source {
    char *file;     /* as shown in messages */
    char *dir;      /* absolute folder that relative paths start from */
    char *argument; /* the whole override, NULL for a file */
} ct__source;

typedef enum ct__node_kind { CT__NODE_KIND_SCALAR, CT__NODE_KIND_LIST, CT__NODE_KIND_MAP } ct__node_kind;

typedef struct ct__node {
    ct__node_kind kind;
    const ct__source *source; /* borrowed: outlives the tree */
    int line, column;         /* of the value, from 1 */
    char *key;                /* of a map's child, else NULL */
    int key_line, key_column;
    char *text;               /* SCALAR */
    bool plain;               /* SCALAR: written without quotes */
    bool replaces;            /* in a merge takes the whole place of what stands below it */
    bool bad;                 /* a mistake was reported here: checks that need the value keep silent */
    struct ct__node **child;  /* LIST, MAP */
    size_t n, capacity;
} ct__node;

ct_status ct__node_create(ct__node **out, ct__node_kind kind, const ct__source *source, int line, int column,
                          ct_error *err);
void ct__node_free(ct__node *node); /* accepts NULL; with everything below it */

/* The parent owns the child from here on. */
ct_status ct__node_append(ct__node *parent, ct__node *child, ct_error *err);
/* Takes the child at `at` out and frees it. */
void ct__node_remove(ct__node *parent, size_t at);
ct_status ct__node_set_key(ct__node *node, const char *key, int line, int column, ct_error *err);

/* The child of a map by its key; NULL. */
ct__node *ct__node_get(const ct__node *map, const char *key);
/* The node at "model.user.layers" (keys without dots); NULL. */
ct__node *ct__node_find(ct__node *root, const char *path);
/* An empty value: nothing, ~ or null without quotes. */
bool ct__node_is_null(const ct__node *node);

/* Lays `over` onto *base: maps are merged key by key, anything else takes the place of what stood there. Both trees
 * are used up: *base holds the result, nodes of `over` are moved into it or freed. */
ct_status ct__node_merge(ct__node **base, ct__node *over, ct_error *err);

#endif
