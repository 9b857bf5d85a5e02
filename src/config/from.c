/* platforms.NAME.from: the tables of a folder, found by their names. */
#include "config/load.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

/* A table's name in our layout, and its ending in RecBole's. */
typedef struct table_kind {
    const char *section, *ending;
    bool required;
} table_kind;

static const table_kind kinds[] = {
    {"items", ".item", true}, {"users", ".user", false}, {"interactions", ".inter", true}};

static bool is_table(const char *file, const table_kind *kind) {
    static const char *const endings[] = {".csv", ".tsv", ".jsonl", ".ndjson"};
    size_t n = strlen(file);
    if (n > 3 && strcmp(file + n - 3, ".gz") == 0) n -= 3;

    const size_t section = strlen(kind->section), ending = strlen(kind->ending);
    if (n > ending && strncmp(file + n - ending, kind->ending, ending) == 0) return true;
    if (strncmp(file, kind->section, section) != 0) return false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t length = strlen(endings[i]);
        if (n == section + length && strncmp(file + section, endings[i], length) == 0) return true;
    }
    return false;
}

/* The names of a folder's tables of one kind: the first two in the order of names. */
static ct_status scan(ct__load *l, const char *folder, const table_kind *kind, char *found[2],
                      int *system_error) {
    DIR *dir = opendir(folder);
    ct_status st = CT_OK;
    *system_error = 0;
    if (!dir) {
        *system_error = errno;
        return CT_OK;
    }
    for (const struct dirent *e = readdir(dir); e && st == CT_OK; e = readdir(dir)) {
        if (!is_table(e->d_name, kind)) continue;
        const int at = !found[0] || strcmp(e->d_name, found[0]) < 0 ? 0 : 1;
        if (at == 1 && found[1] && strcmp(e->d_name, found[1]) > 0) continue;
        char *name;
        st = ct_strdup(e->d_name, &name, l->err);
        if (st != CT_OK) break;
        ct_free(found[1]);
        found[1] = at == 0 ? found[0] : name;
        if (at == 0) found[0] = name;
    }
    closedir(dir);
    return st;
}

static ct_status use_table(ct__load *l, const char *folder, const char *file, ct_strlist *list) {
    if (!list->v) CT_CHECK(ct_calloc(1, sizeof *list->v, (void **)&list->v, l->err));
    CT_CHECK(ct_path_join(folder, file, &list->v[0], l->err));
    list->n = 1;
    return CT_OK;
}

static ct_status find_table(ct__load *l, const ct_config_platform *p, ct__node *from, const char *key,
                            const table_kind *kind, ct_strlist *list) {
    char *found[2] = {NULL, NULL};
    int system_error;
    ct_status st;

    CT_TRY(scan(l, p->from, kind, found, &system_error), st, done);
    if (system_error) {
        st = CT__MISTAKE(l, from, key, "the folder '%s': %s", p->from, strerror(system_error));
    } else if (found[1]) {
        st = CT__MISTAKE(l, from, key, "'%s' holds %s and %s; say which one by platforms.%s.%s.path", p->from,
                         found[0], found[1], p->name, kind->section);
    } else if (found[0]) {
        st = use_table(l, p->from, found[0], list);
    } else if (kind->required) {
        st = CT__MISTAKE(l, from, key,
                         "no such file: '%s' holds no %s.* (csv, tsv, jsonl, with or without .gz) and no *%s",
                         p->from, kind->section, kind->ending);
    }
done:
    ct_free(found[0]);
    ct_free(found[1]);
    return st;
}

static ct_status find_of_platform(ct__load *l, ct_config_platform *p, ct__node *node) {
    ct_strlist *lists[3] = {&p->items.path, &p->users.path, &p->interactions.path};
    ct__node *from = ct__node_get(node, "from");
    ct_str key = {0};
    ct_status st = CT_OK;

    if (node->kind != CT__NODE_KIND_MAP || (from && from->bad)) return CT_OK; /* reported already */
    for (size_t i = 0; i < 3 && st == CT_OK; i++) {
        ct__node *section = ct__node_get(node, kinds[i].section);
        if ((section && section->bad) || (section && ct__node_get(section, "path"))) continue;
        ct_str_clear(&key);
        if (p->from) {
            st = ct_str_printf(&key, l->err, "platforms.%s.from", p->name);
            if (st == CT_OK) st = find_table(l, p, from, ct_str_text(&key), &kinds[i], lists[i]);
        } else if (kinds[i].required) {
            st = ct_str_printf(&key, l->err, "platforms.%s.%s", p->name, kinds[i].section);
            if (st == CT_OK)
                st = CT__MISTAKE(l, section ? section : node, ct_str_text(&key),
                                 "no path; name the files here, or their folder by platforms.%s.from",
                                 p->name);
        }
    }
    ct_str_free(&key);
    return st;
}

ct_status ct__find_tables(ct__load *l) {
    ct__node *platforms = ct__node_get(l->root, "platforms");
    for (int i = 0; platforms && i < l->config->n_platforms; i++) {
        ct_config_platform *p = &l->config->platforms[i];
        ct__node *node = ct__node_get(platforms, p->name);
        if (!node) continue;
        p->line = node->key_line;
        CT_CHECK(find_of_platform(l, p, node));
    }
    return CT_OK;
}
