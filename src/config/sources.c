/* From files and arguments to one tree: the opened file, its bases, then the overrides. */
#include "config/load.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "config/yaml.h"

enum { MAX_BASES = 16 };

/* The files that are being read, innermost first, to see a circle. */
typedef struct open_file {
    dev_t device;
    ino_t inode;
    const struct open_file *outer;
    int depth;
} open_file;

ct_status ct__add_source(ct__load *l, const char *file, const char *argument, ct__source **out) {
    ct__source *s = NULL;
    char *cwd = NULL, *folder = NULL;
    ct_status st;

    CT_TRY(ct_grow((void **)&l->sources, &l->sources_capacity, l->n_sources + 1, sizeof *l->sources, l->err),
           st, done);
    CT_TRY(ct_calloc(1, sizeof *s, (void **)&s, l->err), st, done);
    l->sources[l->n_sources++] = s;
    CT_TRY(ct_strdup(file, &s->file, l->err), st, done);
    CT_TRY(ct__working_dir(&cwd, l->err), st, done);
    if (argument) {
        CT_TRY(ct_strdup(argument, &s->argument, l->err), st, done);
        CT_TRY(ct_strdup(cwd, &s->dir, l->err), st, done);
    } else {
        CT_TRY(ct_path_dir(file, &folder, l->err), st, done);
        CT_TRY(ct__absolute(cwd, folder, &s->dir, l->err), st, done);
    }
    *out = s;
done:
    ct_free(cwd);
    ct_free(folder);
    return st;
}

/* Whole file; *bytes stays NULL when it could not be read and that was reported. */
static ct_status read_bytes(ct__load *l, const ct__source *source, open_file *self, char **bytes, size_t *n) {
    struct stat info;
    ct_error error = CT_ERROR_INIT;

    *bytes = NULL;
    if (stat(source->file, &info) != 0)
        return ct__diagnose(l->diags, l->err, source, 0, 0, "", "%s",
                            errno == ENOENT || errno == ENOTDIR ? "no such file" : strerror(errno));
    if (S_ISDIR(info.st_mode))
        return ct__diagnose(l->diags, l->err, source, 0, 0, "", "a folder, want a YAML file");
    if (S_ISREG(info.st_mode) && info.st_size > CT__YAML_MAX_BYTES)
        return ct__diagnose(l->diags, l->err, source, 0, 0, "",
                            "%lld bytes, and a configuration has at most %d; is this the right file?",
                            (long long)info.st_size, CT__YAML_MAX_BYTES);
    self->device = info.st_dev;
    self->inode = info.st_ino;
    const ct_status st = ct_read_file(source->file, CT__YAML_MAX_BYTES, bytes, n, &error);
    if (st == CT_OK) return CT_OK;
    if (st == CT_ERR_MEMORY) return ct_fail(l->err, st, "%s", error.text);
    return ct__diagnose(l->diags, l->err, source, 0, 0, "", "%s", error.text);
}

static ct_status read_tree(ct__load *l, const ct__source *source, const open_file *outer, ct__node **out);

/* A base file's name for messages: beside the file that names it, as the user wrote it. */
static ct_status shown_name(ct__load *l, const ct__node *extends, const char *path, char **out) {
    if (strchr(extends->text, '$') || !strchr(extends->source->file, '/'))
        return ct_strdup(strchr(extends->text, '$') ? path : extends->text, out, l->err);
    char *folder;
    CT_CHECK(ct_path_dir(extends->source->file, &folder, l->err));
    const ct_status st = ct_path_join(folder, extends->text, out, l->err);
    ct_free(folder);
    return st;
}

/* Reads the file that `extends` names and puts own over it; *tree stays own when there is nothing to put
 * below. */
static ct_status read_base(ct__load *l, ct__node *extends, const open_file *self, ct__node **tree,
                           ct__node *own) {
    const ct__key *key = &ct__schema[ct__schema_find("extends")];
    char *path = NULL, *shown = NULL;
    ct__source *source;
    ct__node *base = NULL;
    ct_status st;

    bool merged = false;
    *tree = own;
    if (extends->kind != CT__NODE_KIND_SCALAR || ct__node_is_null(extends) || !extends->text[0]) {
        char buffer[128];
        st = CT__MISTAKE(l, extends, "extends", "found %s, want the path of a file",
                         ct__found(extends, buffer, sizeof buffer));
        goto done;
    }
    CT_TRY(ct__resolve_path(l, extends, "extends", &path), st, done);
    if (!path) goto done;
    CT_TRY(ct__check_path(l, extends, "extends", path, key->want, false), st, done);
    if (extends->bad) goto done;

    struct stat info;
    if (stat(path, &info) == 0) {
        for (const open_file *f = self; f; f = f->outer) {
            if (f->device != info.st_dev || f->inode != info.st_ino) continue;
            st = CT__MISTAKE(l, extends, "extends",
                             "'%s' is being read already: these files extend each other in a circle", path);
            goto done;
        }
    }
    if (self->depth >= MAX_BASES) {
        st = CT__MISTAKE(l, extends, "extends", "more than %d files extend each other", MAX_BASES);
        goto done;
    }
    CT_TRY(shown_name(l, extends, path, &shown), st, done);
    CT_TRY(ct__add_source(l, shown, NULL, &source), st, done);
    CT_TRY(read_tree(l, source, self, &base), st, done);
    if (!base) goto done;
    merged = true;
    *tree = base;
    base = NULL;
    st = ct__node_merge(tree, own, l->err);
done:
    if (!merged) l->incomplete = true;
    ct__node_free(base);
    ct_free(path);
    ct_free(shown);
    return st;
}

static void drop_extends(ct__node *map) {
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->child[i]->key, "extends") == 0) {
            ct__node_remove(map, i);
            return;
        }
    }
}

/* One file with its bases. *out is NULL when it is not readable as YAML. */
static ct_status read_tree(ct__load *l, const ct__source *source, const open_file *outer, ct__node **out) {
    open_file self = {.outer = outer, .depth = outer ? outer->depth + 1 : 0};
    ct__node *own = NULL, *extends = NULL;
    char *bytes = NULL;
    size_t n = 0;
    ct_status st;

    *out = NULL;
    CT_TRY(read_bytes(l, source, &self, &bytes, &n), st, done);
    if (!bytes) goto done;
    CT_TRY(ct__yaml_parse(&own, source, bytes, n, "", l->diags, l->err), st, done);
    if (!own) goto done;
    if (own->kind != CT__NODE_KIND_MAP) {
        char buffer[128];
        st = ct__node_is_null(own) ? CT__MISTAKE(l, own, "", "the file is empty; want at least `platforms`")
                                   : CT__MISTAKE(l, own, "", "found %s, want keys with values (name: value)",
                                                 ct__found(own, buffer, sizeof buffer));
        goto done;
    }
    CT_TRY(ct__expand_shorthands(l, -1, own), st, done);
    extends = ct__node_get(own, "extends");
    *out = own;
    own = NULL;
    if (extends) st = read_base(l, extends, &self, out, *out);
    if (*out) drop_extends(*out);
done:
    ct__node_free(own);
    ct_free(bytes);
    return st;
}

ct_status ct__expand_shorthands(ct__load *l, int row, ct__node *map) {
    for (size_t i = 0; i < map->n; i++) {
        ct__node *node = map->child[i];
        const int child = ct__schema_child(row, node->key);
        if (child < 0) continue;
        const char *shorthand = ct__schema[child].shorthand;
        if (shorthand && node->kind != CT__NODE_KIND_MAP && !ct__node_is_null(node)) {
            ct__node *section;
            CT_CHECK(
                ct__node_create(&section, CT__NODE_KIND_MAP, node->source, node->line, node->column, l->err));
            ct_status st = ct__node_set_key(section, node->key, node->key_line, node->key_column, l->err);
            if (st == CT_OK) st = ct__node_set_key(node, shorthand, node->key_line, node->key_column, l->err);
            if (st == CT_OK) st = ct__node_append(section, node, l->err);
            if (st != CT_OK) {
                ct__node_free(section);
                return st;
            }
            /* Another method makes the settings of the one below meaningless; another number does not. */
            section->replaces = ct__schema[ct__schema_child(child, shorthand)].type == CT__KEY_TYPE_CHOICE;
            map->child[i] = section;
        } else if (node->kind == CT__NODE_KIND_MAP) {
            CT_CHECK(ct__expand_shorthands(l, child, node));
        }
    }
    return CT_OK;
}

ct_status ct__read_sources(ct__load *l, const char *path, const char *const *overrides, int n_overrides) {
    ct__source *source;
    CT_CHECK(ct__add_source(l, path, NULL, &source));
    CT_CHECK(read_tree(l, source, NULL, &l->root));
    return ct__apply_overrides(l, overrides, n_overrides);
}
