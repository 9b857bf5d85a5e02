/* The system calls that make or change an output. All outputs go through them, so that a test may let any one of them
 * fail (ct_io_set_fault), and so that a full disk or a folder that is gone is met in one way. */
#ifndef CT_BASE_IO_CALLS_H
#define CT_BASE_IO_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* As the system's: -1 with errno set on failure. */
int ct__io_create(const char *path, int flags); /* open with O_CREAT, mode 0666 */
int ct__io_make_dir(const char *path);          /* mode 0777 */
int ct__io_sync(int fd);
int ct__io_close(int fd); /* closed even when it fails */
int ct__io_rename(const char *from, const char *to);
int ct__io_remove(const char *path); /* a file or an empty folder */

/* Swaps two names in one move, so that a reader finds the one or the other at any time. Not every file system can:
 * errno is then EINVAL, ENOSYS or ENOTSUP; ENOENT when one of them is not there. */
int ct__io_exchange(const char *a, const char *b);

/* Writes all n bytes, at offset `at` or (-1) at the file's end. `path` is for the message. */
ct_status ct__io_write(int fd, const char *path, const void *bytes, size_t n, int64_t at, ct_error *err);

/* Makes a change of names in a folder durable. Folders that cannot be opened for reading, and file systems that cannot
 * sync a folder, are left as they are. */
ct_status ct__io_sync_folder(const char *folder, ct_error *err);

#endif
