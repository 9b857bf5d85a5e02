/* Writing a folder beside its place and renaming it; replacing an older one in one move where the system can. */
#include "serve/out_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/str.h"

/* Removes a folder of plain files. */
static ct_status remove_folder(const char *path, ct_error *err) {
    DIR *dir = opendir(path);
    if (!dir) return errno == ENOENT ? CT_OK : ct_fail(err, CT_ERR_IO, "folder '%s': %s", path, strerror(errno));
    ct_status st = CT_OK;
    for (const struct dirent *e; st == CT_OK && (e = readdir(dir)) != NULL;) {
        char *file = NULL;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        st = ct_path_join(path, e->d_name, &file, err);
        if (st == CT_OK && unlink(file) != 0) st = ct_fail(err, CT_ERR_IO, "'%s': %s", file, strerror(errno));
        ct_free(file);
    }
    closedir(dir);
    if (st == CT_OK && rmdir(path) != 0) st = ct_fail(err, CT_ERR_IO, "folder '%s': %s", path, strerror(errno));
    return st;
}

/* ---- what may be replaced ------------------------------------------------------------------------------------- */

/* The manifest's "format", owned; NULL when it cannot be read or names none. */
static ct_status manifest_format(const char *manifest, char **format, ct_error *err) {
    json_t *root = json_load_file(manifest, 0, NULL);
    const char *found = json_string_value(json_object_get(root, "format"));
    const ct_status st = found ? ct_strdup(found, format, err) : CT_OK;
    json_decref(root);
    return st;
}

static ct_status check_target(const char *path, const char *format, const char *how, ct_error *err) {
    char *manifest = NULL, *found = NULL;
    if (!ct_path_exists(path)) return CT_OK;
    ct_status st = ct_path_join(path, "manifest.json", &manifest, err);
    const bool there = st == CT_OK && ct_path_exists(manifest);
    if (there) st = manifest_format(manifest, &found, err);
    if (st == CT_OK && there && found && strcmp(found, format) != 0)
        st = ct_fail(err, CT_ERR_CONFIG, "export path '%s' is there and holds something else (its manifest.json says '%s', "
                     "want '%s'): remove it or %s", path, found, format, how);
    if (st == CT_OK && !there && rmdir(path) != 0) /* an empty folder is no loss */
        st = ct_fail(err, CT_ERR_CONFIG, "export path '%s' is there and is no bundle (no manifest.json in it): remove it or "
                     "%s", path, how);
    ct_free(manifest);
    ct_free(found);
    return st;
}

ct_status ct__out_folder_check(ct__out_folder *f, const char *path, const char *format, const char *how, ct_error *err) {
    size_t n = strlen(path);
    memset(f, 0, sizeof *f);
    while (n > 1 && path[n - 1] == '/') n--; /* "a/b/" names the same folder as "a/b", but no neighbour of it */
    CT_CHECK(ct_strndup(path, n, &f->target, err));
    return check_target(f->target, format, how, err);
}

/* ---- writing and renaming ------------------------------------------------------------------------------------- */

ct_status ct__out_folder_begin(ct__out_folder *f, ct_error *err) {
    ct_str name = {0};
    ct_status st = ct_str_printf(&name, err, "%s.tmp-%ld", f->target, (long)getpid());
    if (st == CT_OK) st = remove_folder(ct_str_text(&name), err);
    if (st == CT_OK) st = ct_make_dirs(ct_str_text(&name), err);
    if (st == CT_OK) st = ct_strdup(ct_str_text(&name), &f->fresh, err);
    ct_str_free(&name);
    return st;
}

/* Swaps two names in one move, so that a reader finds the old folder or the new one at any time. Not every file system
 * can. */
static bool swap_names(const char *a, const char *b) {
#ifdef RENAME_EXCHANGE
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0;
#else
    (void)a;
    (void)b;
    return false;
#endif
}

/* The new folder takes the name and the old one goes; where names cannot be swapped the old one steps aside first. */
ct_status ct__out_folder_commit(ct__out_folder *f, ct_error *err) {
    ct_status st = CT_OK;
    ct_str old = {0};
    if (swap_names(f->fresh, f->target)) return remove_folder(f->fresh, err);
    CT_TRY(ct_str_printf(&old, err, "%s.old-%ld", f->target, (long)getpid()), st, done);
    const bool replaces = ct_path_exists(f->target);
    if (replaces && rename(f->target, ct_str_text(&old)) != 0) {
        st = ct_fail(err, CT_ERR_IO, "bundle '%s' cannot be moved aside: %s", f->target, strerror(errno));
        goto done;
    }
    if (rename(f->fresh, f->target) != 0) {
        st = ct_fail(err, CT_ERR_IO, "bundle '%s' cannot be renamed to '%s': %s", f->fresh, f->target, strerror(errno));
        if (replaces && rename(ct_str_text(&old), f->target) != 0)
            st = ct_fail(err, CT_ERR_IO, "bundle '%s' cannot be moved back", ct_str_text(&old));
        goto done;
    }
    if (replaces) st = remove_folder(ct_str_text(&old), err);
done:
    ct_str_free(&old);
    return st;
}

void ct__out_folder_end(ct__out_folder *f) {
    if (f->fresh) remove_folder(f->fresh, NULL); /* gone already when it was committed */
    ct_free(f->fresh);
    ct_free(f->target);
    memset(f, 0, sizeof *f);
}
