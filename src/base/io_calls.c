/* The system calls that make or change an output, counted for tests. */
#include "base/io_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

/* One write is at most this long: Linux stops at 2 GiB anyway, and a signal should not have to wait. */
#define MOST_PER_WRITE ((size_t)1 << 30)

/* ---- faults for tests ----------------------------------------------------------------------------------------- */

static atomic_uint_fast64_t fault_nth, fault_calls;
static atomic_int fault_errno;

uint64_t ct_io_set_fault(uint64_t nth, int error_number) {
    atomic_store(&fault_nth, 0);
    const uint64_t calls = atomic_exchange(&fault_calls, 0);
    atomic_store(&fault_errno, error_number);
    atomic_store(&fault_nth, error_number ? nth : 0);
    return calls;
}

/* Counts a call; true, with errno set, when this is the one that must fail. */
static bool fault(void) {
    const uint64_t call = atomic_fetch_add(&fault_calls, 1) + 1;
    if (call != atomic_load(&fault_nth)) return false;
    const int number = atomic_load(&fault_errno);
    if (number == CT_IO_FAULT_KILL) kill(getpid(), SIGKILL);
    errno = number;
    return true;
}

/* ---- the calls ------------------------------------------------------------------------------------------------- */

int ct__io_create(const char *path, int flags) {
    return fault() ? -1 : open(path, flags | O_CREAT | O_CLOEXEC, 0666);
}

int ct__io_make_dir(const char *path) {
    return fault() ? -1 : mkdir(path, 0777);
}

int ct__io_sync(int fd) {
    return fault() ? -1 : fsync(fd);
}

int ct__io_close(int fd) {
    const bool failed = fault();
    const int number = errno, rc = close(fd);
    if (!failed) return rc;
    errno = number;
    return -1;
}

int ct__io_rename(const char *from, const char *to) {
    return fault() ? -1 : rename(from, to);
}

int ct__io_remove(const char *path) {
    return fault() ? -1 : remove(path);
}

int ct__io_exchange(const char *a, const char *b) {
    if (fault()) return -1;
#ifdef RENAME_EXCHANGE
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
#else
    (void)a;
    (void)b;
    errno = ENOSYS;
    return -1;
#endif
}

/* A full disk shows as a short write first. */
ct_status ct__io_write(int fd, const char *path, const void *bytes, size_t n, int64_t at, ct_error *err) {
    const char *from = bytes;
    while (n > 0) {
        const size_t part = n < MOST_PER_WRITE ? n : MOST_PER_WRITE;
        ssize_t written = -1;
        if (!fault()) written = at < 0 ? write(fd, from, part) : pwrite(fd, from, part, (off_t)at);
        if (written < 0 && errno == EINTR) continue;
        if (written == 0) errno = ENOSPC;
        if (written <= 0) return ct__fail_errno(err, "write", path);
        from += written;
        n -= (size_t)written;
        if (at >= 0) at += written;
    }
    return CT_OK;
}

ct_status ct__io_sync_folder(const char *folder, ct_error *err) {
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == EACCES ? CT_OK : ct__fail_errno(err, "sync the folder", folder);
    ct_status st = CT_OK;
    if (ct__io_sync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        st = ct__fail_errno(err, "sync the folder", folder);
    close(fd);
    return st;
}
