/* ct_config_load: the steps in their order; and freeing what they made. */
#include "config/load.h"

#include <string.h>

#include "base/alloc.h"

static void free_list(ct_strlist *list) {
    for (int i = 0; i < list->n; i++) ct_free(list->v[i]);
    ct_free(list->v);
}

static void free_section(int row, void *base);

static void free_map(const ct__map *m, int row, void *base) {
    const int below = ct__schema_next(row, -1);
    char *elements;
    memcpy(&elements, (char *)base + m->array, sizeof elements);
    const int n = *(int *)((char *)base + m->count);
    for (int i = 0; i < n; i++) {
        char *element = elements + (size_t)i * m->element_bytes;
        ct_free(*(char **)(element + m->name));
        if (ct__schema[below].type == CT__KEY_TYPE_SECTION)
            free_section(below, element);
        else if (ct__schema[below].type == CT__KEY_TYPE_PATH)
            ct_free(*(char **)(element + ct__schema[below].offset));
    }
    ct_free(elements);
}

static void free_section(int row, void *base) {
    for (int i = ct__schema_next(row, -1); i >= 0; i = ct__schema_next(row, i)) {
        const ct__key *key = &ct__schema[i];
        void *field = key->offset == CT__NOWHERE ? NULL : (char *)base + key->offset;
        if (key->type == CT__KEY_TYPE_SECTION) free_section(i, base);
        if (key->type == CT__KEY_TYPE_MAP) free_map(key->map, i, base);
        if (!field) continue;
        if (key->type == CT__KEY_TYPE_TEXT || key->type == CT__KEY_TYPE_PATH ||
            key->type == CT__KEY_TYPE_TIME)
            ct_free(*(char **)field);
        if (key->type == CT__KEY_TYPE_PATHS || key->type == CT__KEY_TYPE_NAMES) free_list(field);
        if (key->type == CT__KEY_TYPE_INTS) ct_free(((ct_intlist *)field)->v);
    }
}

void ct_config_free(ct_config *config) {
    if (!config) return;
    free_section(-1, config);
    ct_free(config->file);
    ct_free(config);
}

static void free_sources(ct__load *l) {
    for (size_t i = 0; i < l->n_sources; i++) {
        ct_free(l->sources[i]->file);
        ct_free(l->sources[i]->dir);
        ct_free(l->sources[i]->argument);
        ct_free(l->sources[i]);
    }
    ct_free(l->sources);
}

/* Mistakes in the order of the files, each from top to bottom. */
static ct_status sort_mistakes(ct__load *l) {
    const char **files;
    CT_CHECK(ct_calloc(l->n_sources, sizeof *files, (void **)&files, l->err));
    for (size_t i = 0; i < l->n_sources; i++) files[i] = l->sources[i]->file;
    ct__diagnostics_sort(l->diags, files, (int)l->n_sources);
    ct_free(files);
    return CT_OK;
}

static ct_status summarise(ct__load *l, const char *path) {
    const ct_diagnostic *d = &l->diags->v[0];
    const char *colon = d->key[0] ? ": " : "";
    if (l->diags->n == 1)
        return ct_fail(l->err, CT_ERR_CONFIG, "configuration '%s': %s%s%s", path, d->key, colon, d->message);
    return ct_fail(l->err, CT_ERR_CONFIG, "configuration '%s': %zu mistakes, the first: %s%s%s", path,
                   l->diags->n, d->key, colon, d->message);
}

ct_status ct_config_load(ct_config **out, const char *path, const char *const *overrides, int n_overrides,
                         ct_diagnostics *diags, ct_error *err) {
    ct__load l = {.diags = diags, .err = err};
    ct_status st;

    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *l.config, (void **)&l.config, err), st, done);
    CT_TRY(ct_strdup(path, &l.config->file, err), st, done);
    CT_TRY(ct__read_sources(&l, path, overrides, n_overrides), st, done);
    ct__drop_overruled(&l);
    if (l.root) {
        CT_TRY(ct__bind_defaults(&l, -1, l.config), st, done);
        CT_TRY(ct__bind_section(&l, -1, l.root, "", l.config), st, done);
    }
    if (l.root && !l.incomplete) {
        CT_TRY(ct__find_tables(&l), st, done);
        CT_TRY(ct__fill(&l), st, done);
        CT_TRY(ct__check(&l), st, done);
    }
    if (diags->n > 0) {
        CT_TRY(sort_mistakes(&l), st, done);
        st = summarise(&l, path);
        goto done;
    }
    *out = l.config;
    l.config = NULL;
done:
    ct__node_free(l.root);
    free_sources(&l);
    ct_config_free(l.config);
    return st;
}
