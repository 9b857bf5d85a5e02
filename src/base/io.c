/* Reading files, and folders and paths. Writing is in writer.c. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "base/alloc.h"
#include "base/io_calls.h"

ct_status ct__fail_errno(ct_error *err, const char *action, const char *path) {
    const int number = errno;
    char text[128];
    return ct_fail(err, CT_ERR_IO, "cannot %s '%s': %s", action, path, strerror_r(number, text, sizeof text));
}

/* Opens for reading. The kinds that could block or never end are refused. */
static ct_status open_readable(const char *path, bool pipes, int *fd, struct stat *info, ct_error *err) {
    /* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | (pipes ? 0 : O_NONBLOCK));
    if (*fd < 0) return ct__fail_errno(err, "open", path);
    ct_status st = CT_OK;
    if (fstat(*fd, info) != 0)
        st = ct__fail_errno(err, "open", path);
    else if (S_ISDIR(info->st_mode))
        st = ct_fail(err, CT_ERR_IO, "cannot read '%s': it is a folder", path);
    else if (!S_ISREG(info->st_mode) && !(pipes && S_ISFIFO(info->st_mode)))
        st = ct_fail(err, CT_ERR_IO, "cannot read '%s': it is not a regular file", path);
    if (st != CT_OK) {
        close(*fd);
        *fd = -1;
    }
    return st;
}

/* The last page of a map goes on behind the file's end, in zeros. Under the address sanitizer reading there is an error
 * all the same. */
static void forbid_tail(void *base, size_t size, bool forbid) {
#if defined(__SANITIZE_ADDRESS__)
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), tail = (page - size % page) % page;
    if (forbid)
        __asan_poison_memory_region((char *)base + size, tail);
    else
        __asan_unpoison_memory_region((char *)base + size, tail);
#else
    (void)base, (void)size, (void)forbid;
#endif
}

ct_status ct_map_open(ct_map *map, const char *path, ct_error *err) {
    struct stat info;
    int fd;
    *map = (ct_map){0};
    CT_CHECK(open_readable(path, false, &fd, &info, err));
    ct_status st = CT_OK;
    if (info.st_size == 0) {
        map->bytes = (const unsigned char *)"";
    } else {
        void *base = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (base == MAP_FAILED)
            st = ct__fail_errno(err, "map", path);
        else
            *map = (ct_map){base, (size_t)info.st_size, base};
        forbid_tail(map->base, map->size, true);
    }
    close(fd);
    return st;
}

void ct_map_close(ct_map *map) {
    if (map->base) {
        forbid_tail(map->base, map->size, false); /* the pages may be given to somebody else */
        munmap(map->base, map->size);
    }
    *map = (ct_map){0};
}

/* Reads to the end into *block, whose size grows with what is really there: a size of 0 (/proc) or one that
 * changes meanwhile does no harm. */
static ct_status read_to_end(int fd, const char *path, size_t expected, size_t limit, char **block, size_t *n,
                             ct_error *err) {
    size_t capacity = 0;
    CT_CHECK(
        ct_grow((void **)block, &capacity, expected + 2, 1, err)); /* the NUL, and a byte to see the end */
    for (;;) {
        if (capacity - *n < 2) CT_CHECK(ct_grow((void **)block, &capacity, capacity + 1, 1, err));
        const ssize_t got = read(fd, *block + *n, capacity - *n - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ct__fail_errno(err, "read", path);
        if (got == 0) break;
        *n += (size_t)got;
        if (limit > 0 && *n > limit)
            return ct_fail(err, CT_ERR_DATA, "'%s' is larger than the %zu bytes allowed", path, limit);
    }
    (*block)[*n] = '\0';
    return CT_OK;
}

ct_status ct_read_file(const char *path, size_t limit, char **out, size_t *n, ct_error *err) {
    ct_status st = CT_OK;
    struct stat info;
    int fd = -1;
    char *block = NULL;
    size_t length = 0;
    *out = NULL;
    if (n) *n = 0;
    CT_TRY(open_readable(path, true, &fd, &info, err), st, done);
    const size_t expected = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : 0;
    if (limit > 0 && expected > limit) {
        st = ct_fail(err, CT_ERR_DATA, "'%s' has %zu bytes, %zu are allowed", path, expected, limit);
        goto done;
    }
    CT_TRY(read_to_end(fd, path, expected, limit, &block, &length, err), st, done);
    *out = block;
    if (n) *n = length;
    block = NULL;
done:
    if (fd >= 0) close(fd);
    ct_free(block);
    return st;
}

/* ---- folders and paths
 * ------------------------------------------------------------------------------------------ */

bool ct_path_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool ct_path_is_dir(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* mkdir of one folder; one that is there already, perhaps since a moment ago, is fine. */
static ct_status make_dir(const char *path, ct_error *err) {
    if (ct__io_make_dir(path) == 0) return CT_OK;
    if (errno == EEXIST) {
        if (ct_path_is_dir(path)) return CT_OK;
        return ct_fail(err, CT_ERR_IO, "cannot create the folder '%s': there is a file of that name", path);
    }
    return ct__fail_errno(err, "create the folder", path);
}

ct_status ct_make_dirs(const char *path, ct_error *err) {
    ct_status st = CT_OK;
    char *copy;
    if (ct_path_is_dir(path)) return CT_OK; /* parents that may not be written to need no mkdir */
    CT_CHECK(ct_strdup(path, &copy, err));
    for (char *p = copy; *p; p++) {
        if (*p != '/' || p == copy) continue;
        *p = '\0';
        if (!ct_path_is_dir(copy)) CT_TRY(make_dir(copy, err), st, done);
        *p = '/';
    }
    st = make_dir(path, err);
done:
    ct_free(copy);
    return st;
}

ct_status ct_path_join(const char *a, const char *b, char **out, ct_error *err) {
    const size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a == 0 || b[0] == '/') return ct_strdup(b, out, err);
    const size_t slash = a[n_a - 1] != '/';
    CT_CHECK(ct_calloc(n_a + slash + n_b + 1, 1, (void **)out, err));
    memcpy(*out, a, n_a);
    if (slash) (*out)[n_a] = '/';
    memcpy(*out + n_a + slash, b, n_b);
    return CT_OK;
}

ct_status ct_path_dir(const char *path, char **out, ct_error *err) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--; /* slashes at the end do not make a name */
    while (n > 0 && path[n - 1] != '/') n--;
    while (n > 1 && path[n - 1] == '/') n--;
    return n == 0 ? ct_strdup(".", out, err) : ct_strndup(path, n, out, err);
}
