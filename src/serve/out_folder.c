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
#include "base/io_calls.h"
#include "base/log.h"
#include "base/str.h"
#include "base/temporary.h"

#define OLD ".crosstower-old-"

/* Removes a folder of plain files. What another process removes meanwhile is gone as well. */
static ct_status remove_folder(const char *path, ct_error *err) {
    DIR *dir = opendir(path);
    if (!dir) return errno == ENOENT ? CT_OK : ct__fail_errno(err, "open the folder", path);
    ct_status st = CT_OK;
    for (const struct dirent *e; st == CT_OK && (e = readdir(dir)) != NULL;) {
        char *file = NULL;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        st = ct_path_join(path, e->d_name, &file, err);
        if (st == CT_OK && ct__io_remove(file) != 0 && errno != ENOENT) st = ct__fail_errno(err, "remove", file);
        ct_free(file);
    }
    closedir(dir);
    if (st == CT_OK && ct__io_remove(path) != 0 && errno != ENOENT)
        st = ct__fail_errno(err, "remove the folder", path);
    return st;
}

/* A handle with the folder's lock, or -1. */
static int lock_folder(const char *path) {
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ct__temporary_hold(fd, path)) return fd;
    close(fd);
    return -1;
}

/* ---- what killed processes left ------------------------------------------------------------------------------- */

/* Is name "TARGET<mark>PID-N"? */
static bool is_mark(const char *name, const char *target, const char *mark) {
    const size_t n = strlen(target), m = strlen(mark);
    return strncmp(name, target, n) == 0 && strncmp(name + n, mark, m) == 0 && ct__temporary_numbers(name + n + m, 2);
}

static ct_status settle(const char *target, const char *parent, const char *name, ct_error *err) {
    const char *slash = strrchr(target, '/'), *base = slash ? slash + 1 : target;
    const bool fresh = is_mark(name, base, CT__TEMPORARY), old = is_mark(name, base, OLD);
    char *path = NULL;
    ct_status st = CT_OK;
    if (!fresh && !old) return CT_OK;
    CT_CHECK(ct_path_join(parent, name, &path, err));
    if (ct__temporary_stale_folder(path)) {
        if (old && !ct_path_exists(target)) {
            if (ct__io_rename(path, target) != 0) st = ct__fail_errno(err, "move back the folder", path);
        } else {
            st = remove_folder(path, err);
        }
    }
    ct_free(path);
    return st;
}

static ct_status settle_leftovers(const char *target, ct_error *err) {
    char *parent = NULL;
    ct_status st = ct_path_dir(target, &parent, err);
    DIR *dir = st == CT_OK ? opendir(parent) : NULL; /* no such folder, or one that may not be read: nothing to do */
    for (const struct dirent *e; dir && st == CT_OK && (e = readdir(dir)) != NULL;)
        st = settle(target, parent, e->d_name, err);
    if (dir) closedir(dir);
    ct_free(parent);
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
    CT_CHECK(settle_leftovers(f->target, err));
    return check_target(f->target, format, how, err);
}

/* ---- writing and renaming ------------------------------------------------------------------------------------- */

/* A name beside the target that is not taken, of this process; owned. */
static ct_status free_name(const ct__out_folder *f, const char *mark, char **out, ct_error *err) {
    ct_status st = CT_OK;
    ct_str name = {0};
    for (unsigned n = 0; st == CT_OK; n++) {
        ct_str_clear(&name);
        st = ct_str_printf(&name, err, "%s%s%ld-%u", f->target, mark, (long)getpid(), n);
        if (st == CT_OK && !ct_path_exists(ct_str_text(&name))) break;
    }
    if (st == CT_OK) st = ct_strdup(ct_str_text(&name), out, err);
    ct_str_free(&name);
    return st;
}

ct_status ct__out_folder_begin(ct__out_folder *f, ct_error *err) {
    ct_status st = CT_OK;
    char *parent = NULL;
    CT_TRY(ct_path_dir(f->target, &parent, err), st, done);
    CT_TRY(ct_make_dirs(parent, err), st, done);
    CT_TRY(free_name(f, CT__TEMPORARY, &f->fresh, err), st, done);
    f->lock = -1;
    if (ct__io_make_dir(f->fresh) == 0)
        f->lock = lock_folder(f->fresh);
    else
        st = ct__fail_errno(err, "create the folder", f->fresh);
done:
    ct_free(parent);
    return st;
}

/* The new folder stands in its place, so the output is done: an old one that will not go is worth a warning only, and
 * goes with the next output here. */
static void remove_old(const char *path) {
    ct_error why = CT_ERROR_INIT;
    if (remove_folder(path, &why) != CT_OK) ct_log(CT_LOG_WARNING, "the folder that was replaced stays: %s", why.text);
}

/* Where names cannot be swapped the old folder steps aside, and comes back when its place is not taken. */
static ct_status replace_in_two_moves(const ct__out_folder *f, ct_error *err) {
    ct_status st = CT_OK;
    char *old = NULL;
    CT_CHECK(free_name(f, OLD, &old, err));
    const int lock = lock_folder(f->target);
    if (ct__io_rename(f->target, old) != 0) {
        st = ct__fail_errno(err, "move aside the folder", f->target);
    } else if (ct__io_rename(f->fresh, f->target) != 0) {
        st = ct__fail_errno(err, "rename to", f->target);
        if (ct__io_rename(old, f->target) != 0)
            ct_error_prefix(err, "the folder before it is now called '%s'", old);
    } else {
        remove_old(old);
    }
    if (lock >= 0) close(lock);
    ct_free(old);
    return st;
}

/* The new folder takes the name and the old one goes. */
ct_status ct__out_folder_commit(ct__out_folder *f, ct_error *err) {
    if (!ct_path_exists(f->target))
        return ct__io_rename(f->fresh, f->target) == 0 ? CT_OK : ct__fail_errno(err, "rename to", f->target);
    if (ct__io_exchange(f->fresh, f->target) == 0) {
        remove_old(f->fresh);
        return CT_OK;
    }
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return ct__fail_errno(err, "rename to", f->target);
    return replace_in_two_moves(f, err);
}

void ct__out_folder_end(ct__out_folder *f) {
    if (f->fresh) {
        remove_folder(f->fresh, NULL); /* gone already when it was committed */
        if (f->lock >= 0) close(f->lock);
    }
    ct_free(f->fresh);
    ct_free(f->target);
    memset(f, 0, sizeof *f);
}
