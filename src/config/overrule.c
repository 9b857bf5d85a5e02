/* A choice that goes over another takes along what stood for the other one: `model.item.image=none` as an argument, or in
 * a file with a base, over a file that names the picture's size. Without this nobody could leave a part of a model out
 * but by a file of their own. */
#include "config/load.h"

#include <string.h>

/* Arguments lie over files, and a file over its bases, which were read after it. */
bool ct__lies_over(const ct__load *l, const ct__source *a, const ct__source *b) {
    if (a->argument || b->argument) return a->argument && !b->argument;
    for (size_t i = 0; i < l->n_sources && l->sources[i] != b; i++)
        if (l->sources[i] == a) return true;
    return false;
}

/* Does the word choose what gives the key a meaning? A word that is no choice is reported elsewhere. */
static bool gives_meaning(const ct__key *key, const ct__key *decides, const char *word) {
    for (const ct__choice *c = decides->choices; c->word; c++)
        if (strcmp(c->word, word) == 0) return c->refusal || ((1u << c->value) & key->when_mask) != 0;
    return true;
}

/* Takes out the children of map whose deciding choice lies over them and leaves them no meaning. */
static void drop_below(ct__load *l, int row, ct__node *map) {
    for (int i = ct__schema_next(row, -1); i >= 0; i = ct__schema_next(row, i)) {
        const ct__key *key = &ct__schema[i], *decides = ct__schema_deciding(key);
        for (size_t at = 0; at < map->n; at++) {
            ct__node *child = map->child[at];
            if (strcmp(child->key, ct__key_name(key)) != 0) continue;
            if (key->type == CT__KEY_TYPE_SECTION && child->kind == CT__NODE_KIND_MAP) {
                const size_t before = child->n;
                drop_below(l, i, child);
                if (before > 0 && child->n == 0) ct__node_remove(map, at);
            } else if (decides) {
                const ct__node *choice = ct__node_find(l->root, decides->path);
                if (choice && choice->kind == CT__NODE_KIND_SCALAR && ct__lies_over(l, choice->source, child->source) &&
                    !gives_meaning(key, decides, choice->text))
                    ct__node_remove(map, at);
            }
            break; /* a key stands once in a section */
        }
    }
}

void ct__drop_overruled(ct__load *l) {
    if (l->root && l->root->kind == CT__NODE_KIND_MAP) drop_below(l, -1, l->root);
}
