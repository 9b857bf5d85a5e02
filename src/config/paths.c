/* Paths in a configuration: variables, the folder they start from, and whether something is there. */
#include "config/load.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The variable at *s, which points behind the '$'; *s moves behind it. *ok false: a mistake was reported. */
static ct_status put_variable(ct__load *l, ct__node *node, const char *key, const char **s, ct_str *out,
                              bool *ok) {
    const bool braces = **s == '{';
    const char *begin = *s + braces;
    const char *end = begin;
    while (is_word(*end)) end++;

    *ok = false;
    if (end == begin || (braces && *end != '}'))
        return CT__MISTAKE(l, node, key,
                           "a lone '$' in the path '%s'; want $NAME or ${NAME}, or $$ for a dollar sign",
                           node->text);
    char *name;
    CT_CHECK(ct_strndup(begin, (size_t)(end - begin), &name, l->err));
    const char *value = getenv(name);
    ct_status st;
    if (value) {
        *ok = true;
        st = ct_str_puts(out, value, l->err);
    } else {
        st = CT__MISTAKE(l, node, key, "the variable %s in the path '%s' is not set", name, node->text);
    }
    ct_free(name);
    *s = end + braces;
    return st;
}

ct_status ct__resolve_path(ct__load *l, ct__node *node, const char *key, char **out) {
    ct_str text = {0};
    ct_status st = CT_OK;
    bool ok = true;

    *out = NULL;
    for (const char *s = node->text; *s && ok && st == CT_OK;) {
        if (s[0] == '$' && s[1] == '$') {
            st = ct_str_puts(&text, "$", l->err);
            s += 2;
        } else if (*s == '$') {
            s++;
            st = put_variable(l, node, key, &s, &text, &ok);
        } else {
            const size_t n = strcspn(s, "$");
            st = ct_str_append(&text, s, n, l->err);
            s += n;
        }
    }
    if (st == CT_OK && ok && text.length == 0) {
        ok = false;
        st = CT__MISTAKE(l, node, key, "the path '%s' is empty", node->text);
    }
    if (st == CT_OK && ok) st = ct__absolute(node->source->dir, ct_str_text(&text), out, l->err);
    ct_str_free(&text);
    return st;
}

ct_status ct__working_dir(char **out, ct_error *err) {
    char *dir = getcwd(NULL, 0);
    if (!dir) return ct_fail(err, CT_ERR_IO, "the working directory: %s", strerror(errno));
    const ct_status st = ct_strdup(dir, out, err);
    free(dir);
    return st;
}

ct_status ct__absolute(const char *dir, const char *path, char **out, ct_error *err) {
    char *joined, *to;
    CT_CHECK(ct_path_join(dir, path, &joined, err));
    to = joined;
    for (const char *from = joined; *from;) {
        if (from[0] == '/' && from[1] == '/') {
            from++;
        } else if (from[0] == '/' && from[1] == '.' && (from[2] == '/' || from[2] == 0)) {
            from += 2;
        } else {
            *to++ = *from++;
        }
    }
    if (to == joined) *to++ = '/'; /* "/." was all */
    if (to > joined + 1 && to[-1] == '/') to--;
    *to = 0;
    *out = joined;
    return CT_OK;
}

static ct_status check_glob(ct__load *l, ct__node *node, const char *key, const char *pattern) {
    glob_t found = {0};
    bool any = false;
    const int rc = glob(pattern, GLOB_NOSORT, NULL, &found);
    for (size_t i = 0; rc == 0 && i < found.gl_pathc && !any; i++) any = !ct_path_is_dir(found.gl_pathv[i]);
    globfree(&found);
    if (rc == GLOB_NOSPACE) return ct_fail(l->err, CT_ERR_MEMORY, "'%s': out of memory", pattern);
    return any ? CT_OK : CT__MISTAKE(l, node, key, "no such file: nothing matches '%s'", pattern);
}

ct_status ct__check_path(ct__load *l, ct__node *node, const char *key, const char *path, ct__path_want want,
                         bool glob) {
    struct stat info;
    if (want == CT__PATH_WANT_NOTHING) return CT_OK;
    if (stat(path, &info) != 0) {
        const int reason = errno;
        if (glob && strpbrk(path, "*?[")) return check_glob(l, node, key, path);
        if (reason == ENOENT || reason == ENOTDIR)
            return CT__MISTAKE(l, node, key, "no such %s: '%s'",
                               want == CT__PATH_WANT_FOLDER ? "folder" : "file", path);
        return CT__MISTAKE(l, node, key, "'%s': %s", path, strerror(reason));
    }
    if (want == CT__PATH_WANT_FOLDER && !S_ISDIR(info.st_mode))
        return CT__MISTAKE(l, node, key, "'%s' is a file, want a folder", path);
    if (want == CT__PATH_WANT_FILE && S_ISDIR(info.st_mode))
        return CT__MISTAKE(l, node, key, "'%s' is a folder, want a file", path);
    if (access(path, want == CT__PATH_WANT_FOLDER ? R_OK | X_OK : R_OK) != 0)
        return CT__MISTAKE(l, node, key, "'%s': %s", path, strerror(errno));
    return CT_OK;
}
