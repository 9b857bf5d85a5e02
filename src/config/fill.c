/* What no file says and no row of the schema can: the run's name and folders, the metric that picks the best.
 */
#include "config/load.h"

#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static ct_status fill_name(ct__load *l) {
    ct_config *c = l->config;
    ct__node *node = ct__node_get(l->root, "name");

    if (node && node->bad) return CT_OK;
    if (!c->name) {
        const char *base = strrchr(c->file, '/');
        base = base ? base + 1 : c->file;
        const char *dot = strrchr(base, '.');
        CT_CHECK(ct_strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base), &c->name, l->err));
    }
    for (const char *s = c->name; *s; s++) {
        if (is_name_char(*s)) continue;
        return CT__MISTAKE(l, node ? node : l->root, "name",
                           "found '%s'; a run's name has letters, digits, and . _ - only%s", c->name,
                           node ? "" : " (it was taken from the file's name; write `name:`)");
    }
    if (c->name[0] == '.' || c->name[0] == '-' || strlen(c->name) > 100)
        return CT__MISTAKE(
            l, node ? node : l->root, "name",
            "found '%s'; a run's name has at most 100 characters and begins with a letter or digit", c->name);
    return CT_OK;
}

/* *slot = dir/name where it is not set yet. */
static ct_status fill_folder(ct__load *l, char **slot, const char *dir, const char *name) {
    return *slot ? CT_OK : ct_path_join(dir, name, slot, l->err);
}

static ct_status fill_folders(ct__load *l) {
    ct_config *c = l->config;
    char *cwd = NULL, *runs = NULL;
    ct_status st;

    CT_TRY(ct__working_dir(&cwd, l->err), st, done);
    CT_TRY(ct_path_join(cwd, "runs", &runs, l->err), st, done);
    CT_TRY(fill_folder(l, &c->run_dir, runs, c->name ? c->name : "unnamed"), st, done);
    CT_TRY(fill_folder(l, &c->data.cache, c->run_dir, "cache"), st, done);
    CT_TRY(fill_folder(l, &c->export.path, c->run_dir, "export"), st, done);
done:
    ct_free(cwd);
    ct_free(runs);
    return st;
}

static ct_status fill_best(ct__load *l) {
    ct_config *c = l->config;
    long long k = c->eval.at.v[0];
    if (c->eval.best || !ct__is_sound(l, "eval.best")) return CT_OK;
    for (int i = 0; i < c->eval.at.n; i++) {
        if (c->eval.at.v[i] == 10) k = 10;
    }
    ct_str text = {0};
    ct_status st = ct_str_printf(&text, l->err, "ndcg@%lld", k);
    if (st == CT_OK) st = ct__set_text(&c->eval.best, ct_str_text(&text), l->err);
    ct_str_free(&text);
    return st;
}

/* Pictures are read for an encoder that looks at them. */
static void fill_picture_size(ct__load *l) {
    ct_config *c = l->config;
    if (c->data.picture_size == 0 && c->model.image.kind != CT_IMAGE_NONE) c->data.picture_size = c->model.image.size;
}

static bool is_listed(const ct_strlist *list, const char *name) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->v[i], name) == 0) return true;
    return false;
}

/* All modalities that platforms give vectors of, unless the model names its own. */
static ct_status fill_vectors(ct__load *l) {
    ct_config *c = l->config;
    ct_strlist *list = &c->model.vectors;
    size_t capacity = 0;
    if (ct__node_find(l->root, "model.item.vectors")) return CT_OK;
    for (int p = 0; p < c->n_platforms; p++) {
        const ct_config_items *items = &c->platforms[p].items;
        for (int i = 0; i < items->n_vectors; i++) {
            if (is_listed(list, items->vectors[i].name)) continue;
            CT_CHECK(ct_grow((void **)&list->v, &capacity, (size_t)list->n + 1, sizeof *list->v, l->err));
            CT_CHECK(ct_strdup(items->vectors[i].name, &list->v[list->n], l->err));
            list->n++;
        }
    }
    return CT_OK;
}

int ct_config_n_modalities(const ct_config_model *m) {
    return (m->item.kind != CT_ENCODER_NONE) + (m->image.kind != CT_IMAGE_NONE) + m->vectors.n;
}

bool ct_config_fuses(const ct_config_model *m) {
    return m->image.kind != CT_IMAGE_NONE || m->vectors.n > 0;
}

static void fill_given(ct_config_model *m) {
    m->has_vectors = m->vectors.n > 0 ? CT_CONFIG_GIVEN_YES : CT_CONFIG_GIVEN_NO;
    m->has_several = ct_config_n_modalities(m) > 1 ? CT_CONFIG_GIVEN_YES : CT_CONFIG_GIVEN_NO;
}

ct_status ct__fill(ct__load *l) {
    fill_picture_size(l);
    CT_CHECK(fill_vectors(l));
    fill_given(&l->config->model);
    CT_CHECK(fill_name(l));
    CT_CHECK(fill_folders(l));
    return fill_best(l);
}
