/* Files that appear whole or not at all: a temporary beside the target, synced, then renamed over it. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/format.h"
#include "base/io_calls.h"
#include "base/temporary.h"

#define BUFFER_BYTES ((size_t)1 << 16)

struct ct_writer {
    char *path, *temporary, *folder;
    int fd;           /* -1 when closed */
    int lock;         /* a second handle: keeps the lock (base/temporary.h) when fd is closed before the rename */
    bool made;        /* the temporary is there and ours to remove */
    ct_status failed; /* a write failed: what lies in the file is not what the caller thinks */
    uint64_t offset;  /* bytes given by the caller */
    size_t n_buffered;
    char buffer[BUFFER_BYTES];
};

/* ---- opening
 * ---------------------------------------------------------------------------------------------------- */

/* The target must be a plain file or nothing: renaming over a device or a pipe would replace it. */
static ct_status check_target(const char *path, ct_error *err) {
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno == ENOENT) return CT_OK;
        return ct__fail_errno(err, "write", path);
    }
    if (S_ISDIR(info.st_mode)) return ct_fail(err, CT_ERR_IO, "cannot write '%s': it is a folder", path);
    if (!S_ISREG(info.st_mode))
        return ct_fail(err, CT_ERR_IO, "cannot write '%s': it is not a regular file", path);
    return CT_OK;
}

static ct_status create_temporary(ct_writer *w, ct_error *err) {
    static atomic_uint counter;
    const size_t size = strlen(w->path) + 64;
    CT_CHECK(ct_calloc(size, 1, (void **)&w->temporary, err));
    /* A name that is taken belongs to a process of another machine with our number, or was taken away by a sweep before
     * we had its lock: take the next. */
    for (int tries = 0; tries < 100; tries++) {
        snprintf(w->temporary, size, "%s" CT__TEMPORARY "%ld-%u", w->path, (long)getpid(),
                 atomic_fetch_add(&counter, 1));
        w->fd = ct__io_create(w->temporary, O_WRONLY | O_EXCL);
        if (w->fd < 0 && errno == EEXIST) continue;
        if (w->fd < 0) break;
        w->made = ct__temporary_hold(w->fd, w->temporary);
        if (w->made) {
            w->lock = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
            if (w->lock >= 0) return CT_OK;
            break;
        }
        close(w->fd);
        w->fd = -1;
    }
    return ct__fail_errno(err, "create", w->temporary);
}

ct_status ct_writer_open(ct_writer **out, const char *path, ct_error *err) {
    ct_status st = CT_OK;
    ct_writer *w = NULL;
    *out = NULL;
    CT_TRY(check_target(path, err), st, done);
    CT_TRY(ct_calloc(1, sizeof *w, (void **)&w, err), st, done);
    w->fd = w->lock = -1;
    CT_TRY(ct_strdup(path, &w->path, err), st, done);
    CT_TRY(ct_path_dir(path, &w->folder, err), st, done);
    ct__temporary_sweep(w->folder);
    CT_TRY(create_temporary(w, err), st, done);
    *out = w;
    w = NULL;
done:
    ct_writer_free(w);
    return st;
}

void ct_writer_free(ct_writer *w) {
    if (!w) return;
    if (w->fd >= 0) close(w->fd);
    if (w->made) unlink(w->temporary);
    if (w->lock >= 0) close(w->lock);
    ct_free(w->path);
    ct_free(w->temporary);
    ct_free(w->folder);
    ct_free(w);
}

/* ---- writing
 * ---------------------------------------------------------------------------------------------------- */

static ct_status write_all(ct_writer *w, const char *bytes, size_t n, int64_t at, ct_error *err) {
    const ct_status st = ct__io_write(w->fd, w->path, bytes, n, at, err);
    if (st != CT_OK) w->failed = st;
    return st;
}

static ct_status flush(ct_writer *w, ct_error *err) {
    const size_t n = w->n_buffered;
    w->n_buffered = 0;
    return write_all(w, w->buffer, n, -1, err);
}

/* After a failure nothing more may be written, whatever the caller does with the error. */
static ct_status check_writer(const ct_writer *w, ct_error *err) {
    if (w->failed != CT_OK)
        return ct_fail(err, w->failed, "cannot write '%s': an earlier write failed", w->path);
    if (w->fd < 0) return ct_fail(err, CT_ERR_ARGUMENT, "writer of '%s': already committed", w->path);
    return CT_OK;
}

ct_status ct_writer_write(ct_writer *w, const void *bytes, size_t n, ct_error *err) {
    CT_CHECK(check_writer(w, err));
    if (n == 0) return CT_OK;
    if (n > BUFFER_BYTES - w->n_buffered) CT_CHECK(flush(w, err));
    if (n > BUFFER_BYTES - w->n_buffered) {
        CT_CHECK(write_all(w, bytes, n, -1, err));
    } else {
        memcpy(w->buffer + w->n_buffered, bytes, n);
        w->n_buffered += n;
    }
    w->offset += n;
    return CT_OK;
}

ct_status ct_writer_printf(ct_writer *w, ct_error *err, const char *format, ...) {
    char small[512], *text = small;
    void *block = NULL;
    ct_status st = CT_OK;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = ct__vformat(small, sizeof small, format, args);
    if (n < 0) {
        st = ct_fail(err, CT_ERR_ARGUMENT, "writer of '%s': the format '%s' fails", w->path, format);
        goto done;
    }
    if ((size_t)n >= sizeof small) {
        CT_TRY(ct_calloc((size_t)n + 1, 1, &block, err), st, done);
        text = block;
        ct__vformat(text, (size_t)n + 1, format, again);
    }
    st = ct_writer_write(w, text, (size_t)n, err);
done:
    va_end(again);
    va_end(args);
    ct_free(block);
    return st;
}

uint64_t ct_writer_offset(const ct_writer *w) {
    return w->offset;
}

ct_status ct_writer_patch(ct_writer *w, uint64_t offset, const void *bytes, size_t n, ct_error *err) {
    CT_CHECK(check_writer(w, err));
    if (offset > w->offset || n > w->offset - offset)
        return ct_fail(err, CT_ERR_ARGUMENT, "writer of '%s': a patch of %zu bytes at %llu, %llu are written",
                       w->path, n, (unsigned long long)offset, (unsigned long long)w->offset);
    CT_CHECK(flush(w, err));
    return write_all(w, bytes, n, (int64_t)offset, err);
}

/* ---- committing
 * ------------------------------------------------------------------------------------------------- */

static ct_status sync_and_close(ct_writer *w, ct_error *err) {
    CT_CHECK(flush(w, err));
    if (ct__io_sync(w->fd) != 0) return w->failed = ct__fail_errno(err, "sync", w->path);
    const int fd = w->fd;
    w->fd = -1; /* closed even when close fails */
    if (ct__io_close(fd) != 0 && errno != EINTR) return w->failed = ct__fail_errno(err, "close", w->path);
    return CT_OK;
}

ct_status ct_writer_commit(ct_writer *w, ct_error *err) {
    CT_CHECK(check_writer(w, err));
    CT_CHECK(sync_and_close(w, err));
    if (ct__io_rename(w->temporary, w->path) != 0)
        return w->failed = ct__fail_errno(err, "rename to", w->path);
    w->made = false;
    return ct__io_sync_folder(w->folder, err);
}

ct_status ct_write_file(const char *path, const void *bytes, size_t n, ct_error *err) {
    ct_writer *w;
    CT_CHECK(ct_writer_open(&w, path, err));
    ct_status st = ct_writer_write(w, bytes, n, err);
    if (st == CT_OK) st = ct_writer_commit(w, err);
    ct_writer_free(w);
    return st;
}
