/* Names and listings in the run folder. */
#include "run/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"

ct_status ct_run_path(const ct_config *config, const char *name, char **out, ct_error *err) {
    ct_status st = CT_OK;
    char *folder = NULL;
    *out = NULL;
    CT_TRY(ct_path_join(config->run_dir, name, out, err), st, done);
    CT_TRY(ct_path_dir(*out, &folder, err), st, done);
    CT_TRY(ct_make_dirs(folder, err), st, done);
done:
    ct_free(folder);
    if (st != CT_OK) {
        ct_free(*out);
        *out = NULL;
    }
    return st;
}

static int newest_first(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static void checkpoint_name(int64_t step, char *name, size_t size) {
    snprintf(name, size, "step-%08lld.safetensors", (long long)step);
}

/* The step in "step-00000120.safetensors", or -1: temporary files and names that we would not write are none. */
static int64_t step_of(const char *name) {
    long long step = -1;
    char ours[64];
    if (sscanf(name, "step-%lld", &step) != 1 || step < 0) return -1;
    checkpoint_name(step, ours, sizeof ours);
    return strcmp(name, ours) == 0 ? step : -1;
}

ct_status ct_run_checkpoint_path(const ct_config *config, int64_t step, char **out, ct_error *err) {
    char name[96] = "checkpoints/";
    checkpoint_name(step, name + strlen(name), sizeof name - strlen(name));
    return ct_run_path(config, name, out, err);
}

ct_status ct_run_checkpoints(const ct_config *config, int64_t **steps, int *n, ct_error *err) {
    ct_status st = CT_OK;
    char *folder = NULL;
    DIR *dir = NULL;
    size_t capacity = 0;
    *steps = NULL;
    *n = 0;
    CT_TRY(ct_path_join(config->run_dir, "checkpoints", &folder, err), st, done);
    dir = opendir(folder);
    if (!dir) {
        if (errno != ENOENT && errno != ENOTDIR)
            st = ct_fail(err, CT_ERR_IO, "folder '%s': %s", folder, strerror(errno));
        goto done;
    }
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        const int64_t step = step_of(e->d_name);
        if (step < 0) continue;
        CT_TRY(ct_grow((void **)steps, &capacity, (size_t)*n + 1, sizeof **steps, err), st, done);
        (*steps)[(*n)++] = step;
    }
    if (*n > 1) qsort(*steps, (size_t)*n, sizeof **steps, newest_first);
done:
    if (dir) closedir(dir);
    ct_free(folder);
    if (st != CT_OK) {
        ct_free(*steps);
        *steps = NULL;
        *n = 0;
    }
    return st;
}

ct_status ct_run_prune_checkpoints(const ct_config *config, int64_t last, int64_t keep, ct_error *err) {
    ct_status st = CT_OK;
    int64_t *steps = NULL;
    int n = 0;
    CT_CHECK(ct_run_checkpoints(config, &steps, &n, err));
    for (int i = 0; i < n && st == CT_OK; i++) {
        char *path = NULL;
        if (steps[i] > last || keep-- > 0) continue;
        st = ct_run_checkpoint_path(config, steps[i], &path, err);
        if (st == CT_OK && unlink(path) != 0 && errno != ENOENT)
            st = ct_fail(err, CT_ERR_IO, "old checkpoint '%s' cannot be removed: %s", path, strerror(errno));
        ct_free(path);
    }
    ct_free(steps);
    return st;
}

ct_status ct_run_find_weights(const ct_config *config, const char *asked, char **out, ct_error *err) {
    ct_status st = CT_OK;
    int64_t *steps = NULL;
    int n = 0;
    *out = NULL;
    if (asked) {
        if (!ct_path_exists(asked)) return ct_fail(err, CT_ERR_CONFIG, "checkpoint '%s': no such file", asked);
        return ct_strdup(asked, out, err);
    }
    CT_TRY(ct_path_join(config->run_dir, "checkpoints/best.safetensors", out, err), st, done);
    if (ct_path_exists(*out)) goto done;
    ct_free(*out);
    *out = NULL;
    CT_TRY(ct_run_checkpoints(config, &steps, &n, err), st, done);
    if (n == 0) {
        st = ct_fail(err, CT_ERR_CONFIG, "run folder '%s' holds no checkpoint: run `crosstower train` first, or name one "
                     "with --checkpoint", config->run_dir);
        goto done;
    }
    st = ct_run_checkpoint_path(config, steps[0], out, err);
done:
    ct_free(steps);
    return st;
}
