/* The input files of a prepare run: globs expanded, sorted by name, each once, with size and time. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "data/prepare_state.h"
#include "data/vector_ids.h"

static void set_state(ct__input *input, const struct stat *info) {
    input->size = (int64_t)info->st_size;
    input->mtime_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

static ct_status add_input(ct__inputs *inputs, const char *path, ct_error *err) {
    struct stat info;
    if (stat(path, &info) != 0) return ct_fail(err, CT_ERR_IO, "'%s': %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode)) return ct_fail(err, CT_ERR_IO, "'%s': not a regular file", path);
    if (inputs->capacity < inputs->n + 1)
        CT_CHECK(ct_grow((void **)&inputs->v, &inputs->capacity, inputs->n + 1, sizeof *inputs->v, err));
    ct__input *input = &inputs->v[inputs->n];
    CT_CHECK(ct_strdup(path, &input->path, err));
    set_state(input, &info);
    inputs->n++;
    return CT_OK;
}

void ct__input_look(ct__input *input, char *path) {
    struct stat info;
    *input = (ct__input){.path = path, .size = -1};
    if (stat(path, &info) == 0) set_state(input, &info);
}

void ct__inputs_free(ct__inputs *inputs) {
    for (size_t i = 0; i < inputs->n; i++) ct_free(inputs->v[i].path);
    ct_free(inputs->v);
    memset(inputs, 0, sizeof *inputs);
}

/* Bytes, not the locale's collation: the order of files must not depend on the machine. */
static int by_path(const void *a, const void *b) {
    return strcmp(((const ct__input *)a)->path, ((const ct__input *)b)->path);
}

static void sort_unique(ct__inputs *inputs) {
    if (inputs->n < 2) return;
    qsort(inputs->v, inputs->n, sizeof *inputs->v, by_path);
    size_t kept = 1;
    for (size_t i = 1; i < inputs->n; i++) {
        if (strcmp(inputs->v[i].path, inputs->v[kept - 1].path) == 0)
            ct_free(inputs->v[i].path);
        else
            inputs->v[kept++] = inputs->v[i];
    }
    inputs->n = kept;
}

/* Adds the files that pattern matches. *found may stay 0. */
static ct_status add_glob(ct__inputs *inputs, const char *pattern, size_t *found, ct_error *err) {
    *found = 0;
    if (ct_path_exists(pattern)) { /* a name that holds a glob character, too */
        *found = 1;
        return add_input(inputs, pattern, err);
    }
    glob_t matches;
    const int code = glob(pattern, GLOB_NOSORT, NULL, &matches);
    if (code == GLOB_NOMATCH) return CT_OK;
    if (code != 0)
        return ct_fail(err, code == GLOB_NOSPACE ? CT_ERR_MEMORY : CT_ERR_IO,
                       "'%s': the pattern cannot be read", pattern);
    ct_status st = CT_OK;
    for (; *found < matches.gl_pathc && st == CT_OK; (*found)++)
        st = add_input(inputs, matches.gl_pathv[*found], err);
    globfree(&matches);
    return st;
}

static ct_status add_list(ct__inputs *inputs, const ct_strlist *paths, const char *key, ct_error *err) {
    for (int i = 0; i < paths->n; i++) {
        size_t found = 0;
        CT_CHECK(add_glob(inputs, paths->v[i], &found, err));
        if (found == 0) return ct_fail(err, CT_ERR_IO, "%s: no file '%s'", key, paths->v[i]);
    }
    sort_unique(inputs);
    return CT_OK;
}

/* The files of one part of a platform (the configuration has put those of its `from` folder among the paths).
 */
static ct_status find_part(ct__inputs *inputs, const ct_config_platform *platform, const char *part,
                           const ct_strlist *paths, bool needed, ct_error *err) {
    ct_status st = CT_OK;
    ct_str key = {0};
    CT_TRY(ct_str_printf(&key, err, "platforms.%s.%s.path", platform->name, part), st, done);
    CT_TRY(add_list(inputs, paths, key.data, err), st, done);
    if (inputs->n == 0 && needed)
        st = ct_fail(err, CT_ERR_CONFIG, "%s: none, want at least one file", key.data);
done:
    ct_str_free(&key);
    return st;
}

/* The files of vectors and the files of ids beside them. */
static ct_status find_vectors(ct__inputs *inputs, const ct_config_items *items, ct_error *err) {
    for (int i = 0; i < items->n_vectors; i++) {
        char *ids = NULL;
        CT_CHECK(add_input(inputs, items->vectors[i].path, err));
        CT_CHECK(ct__vector_ids_find(items->vectors[i].path, &ids, err));
        const ct_status st = ids ? add_input(inputs, ids, err) : CT_OK;
        ct_free(ids);
        CT_CHECK(st);
    }
    sort_unique(inputs);
    return CT_OK;
}

ct_status ct__prepare_find_inputs(ct__prepare *p, ct_error *err) {
    const ct_config *config = p->config;
    for (int i = 0; i < config->n_platforms; i++) {
        const ct_config_platform *platform = &config->platforms[i];
        ct__raw_platform *raw = &p->platforms[i];
        CT_CHECK(find_part(&raw->items, platform, "items", &platform->items.path, true, err));
        CT_CHECK(find_part(&raw->users, platform, "users", &platform->users.path, false, err));
        CT_CHECK(
            find_part(&raw->interactions, platform, "interactions", &platform->interactions.path, true, err));
        CT_CHECK(find_vectors(&raw->vectors, &platform->items, err));
    }
    CT_CHECK(add_list(&p->user_links, &config->links.users, "links.users", err));
    CT_CHECK(add_list(&p->item_links, &config->links.items, "links.items", err));
    if (strcmp(config->data.vocab, "auto") != 0) CT_CHECK(add_input(&p->vocab, config->data.vocab, err));
    return CT_OK;
}
