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

ct_status ct__fill(ct__load *l) {
    fill_picture_size(l);
    CT_CHECK(fill_name(l));
    CT_CHECK(fill_folders(l));
    return fill_best(l);
}
