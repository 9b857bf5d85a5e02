/* Files: writers that are atomic, read-only maps, folders. Every failure names the path and the system's reason. */
#ifndef CT_BASE_IO_H
#define CT_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* An output that appears under its name only when it is whole: written to "PATH.crosstower-tmp-PID-N", synced,
 * renamed over PATH, its folder synced. Buffered. A writer that is freed without commit removes its temporary file;
 * opening one removes those that killed processes left in the folder (base/temporary.h). */
typedef struct ct_writer ct_writer;

ct_status ct_writer_open(ct_writer **out, const char *path, ct_error *err);
ct_status ct_writer_write(ct_writer *w, const void *bytes, size_t n, ct_error *err);
ct_status ct_writer_printf(ct_writer *w, ct_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint64_t ct_writer_offset(const ct_writer *w);
/* Overwrites n bytes at an earlier offset (headers with counts). */
ct_status ct_writer_patch(ct_writer *w, uint64_t offset, const void *bytes, size_t n, ct_error *err);
ct_status ct_writer_commit(ct_writer *w, ct_error *err); /* then only ct_writer_free may follow */
void ct_writer_free(ct_writer *w);                       /* accepts NULL */

/* Whole file in one call, atomically. */
ct_status ct_write_file(const char *path, const void *bytes, size_t n, ct_error *err);

/* A read-only memory map. An empty file gives bytes != NULL and size 0. */
typedef struct ct_map {
    const unsigned char *bytes;
    size_t size;
    void *base; /* what munmap wants; NULL for an empty file */
} ct_map;

ct_status ct_map_open(ct_map *map, const char *path, ct_error *err);
void ct_map_close(ct_map *map);

/* Whole file into an owned NUL-terminated block, refusing more than limit bytes (0: no limit). */
ct_status ct_read_file(const char *path, size_t limit, char **out, size_t *n, ct_error *err);

/* mkdir -p. */
ct_status ct_make_dirs(const char *path, ct_error *err);
bool ct_path_exists(const char *path);
bool ct_path_is_dir(const char *path);
/* "a/b", or b alone when b is absolute; into an owned string. */
ct_status ct_path_join(const char *a, const char *b, char **out, ct_error *err);
/* The folder part of path ("." when there is none). */
ct_status ct_path_dir(const char *path, char **out, ct_error *err);

/* Tests only: the nth call of base/io_calls.h from now (create, write, sync, close, rename, remove) fails with the
 * given errno (0 turns it off), or, with CT_IO_FAULT_KILL, is the moment of a kill -9. Returns how many such calls were
 * made since it was last set. The CLI sets it from CROSSTOWER_TEST_IO_FAULT="N:ERRNO" or "N:kill". */
enum { CT_IO_FAULT_KILL = -9 };
uint64_t ct_io_set_fault(uint64_t nth, int error_number);

/* CT_ERR_IO "cannot ACTION 'PATH': the reason in errno". */
ct_status ct__fail_errno(ct_error *err, const char *action, const char *path);

#endif
