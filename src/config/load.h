/* The steps of loading a configuration, which share one context:
 * read (files, bases, overrides to one tree) -> drop what is overruled -> bind (tree to struct) -> fill (computed
 * defaults) -> check.
 */
#ifndef CT_CONFIG_LOAD_H
#define CT_CONFIG_LOAD_H

#include "config/diag.h"
#include "config/node.h"
#include "config/schema.h"

typedef struct ct__load {
    ct_config *config;
    ct_diagnostics *diags;
    ct_error *err;
    ct__node *root;       /* the merged tree; NULL when a file could not be read */
    bool incomplete;      /* a base could not be read: what is missing may stand there */
    ct__source **sources; /* owned; the opened file first */
    size_t n_sources, sources_capacity;
} ct__load;

/* A mistake in the value of node; further checks of it keep silent. */
#define CT__MISTAKE(l, node, key, ...)                                                                       \
    ((node)->bad = true,                                                                                     \
     ct__diagnose((l)->diags, (l)->err, (node)->source, (node)->line, (node)->column, (key), __VA_ARGS__))

/* sources.c: fills root and sources. Wrong files and arguments are reported. */
ct_status ct__read_sources(ct__load *l, const char *path, const char *const *overrides, int n_overrides);
ct_status ct__add_source(ct__load *l, const char *file, const char *argument, ct__source **out);

/* overrides.c: lays the arguments "key=value" over *root (which may be NULL, then they are only read). */
ct_status ct__apply_overrides(ct__load *l, const char *const *overrides, int n_overrides);
/* A value where a section with a shorthand is wanted becomes that section ("temperature: 0.1"). */
ct_status ct__expand_shorthands(ct__load *l, int row, ct__node *map);

/* overrule.c: what the files say for another choice than the one that lies over them leaves the tree. */
void ct__drop_overruled(ct__load *l);
bool ct__lies_over(const ct__load *l, const ct__source *a, const ct__source *b);

/* bind.c: the defaults of all rows below `row` into base; then the tree. */
ct_status ct__bind_defaults(ct__load *l, int row, void *base);
ct_status ct__bind_section(ct__load *l, int row, ct__node *map, const char *path, void *base);
/* value.c: one value into its field. */
ct_status ct__bind_value(ct__load *l, const ct__key *key, ct__node *node, const char *path, void *base);
/* What stands at a node, for messages: "'abc'", "a list". */
const char *ct__found(const ct__node *node, char *buffer, size_t size);

/* paths.c: *out stays NULL when a mistake was reported. */
ct_status ct__resolve_path(ct__load *l, ct__node *node, const char *key, char **out);
ct_status ct__check_path(ct__load *l, ct__node *node, const char *key, const char *path, ct__path_want want,
                         bool glob);
/* Joined with the folder `dir` (absolute), without "." parts and doubled slashes. */
ct_status ct__absolute(const char *dir, const char *path, char **out, ct_error *err);
ct_status ct__working_dir(char **out, ct_error *err);
/* from.c: looks for tables in the platforms' `from` folders; reports platforms without items or interactions.
 */
ct_status ct__find_tables(ct__load *l);

/* fill.c: names, folders and the like that no file says. */
ct_status ct__fill(ct__load *l);
/* check.c and weights.c: what several keys say together. */
ct_status ct__check(ct__load *l);
ct_status ct__check_weights(ct__load *l);
/* Whether the key is free of mistakes (or not written). */
bool ct__is_sound(const ct__load *l, const char *key);
/* The node of the first of the keys that is written; the root when none is. */
ct__node *ct__place_of(const ct__load *l, const char *key, const char *or_key);
/* Frees *slot and puts a copy of text there. */
ct_status ct__set_text(char **slot, const char *text, ct_error *err);

#endif
