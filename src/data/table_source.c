/* The byte source under the table readers: plain or gzip files in bounded memory, by zlib. */
#include "data/table_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum { CHUNK = 1 << 18 };

ct_status ct__source_open(ct__source *s, const char *path, ct_error *err) {
    memset(s, 0, sizeof *s);
    /* O_NONBLOCK: a FIFO must not hang the open; it is refused below. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return ct_fail(err, CT_ERR_IO, "'%s': %s", path, strerror(errno));
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return ct_fail(err, CT_ERR_IO, "'%s': not a regular file", path);
    }
    s->gz = gzdopen(fd, "rb");
    if (!s->gz) {
        close(fd);
        return ct_fail(err, CT_ERR_MEMORY, "'%s': zlib: out of memory", path);
    }
    gzbuffer(s->gz, CHUNK);
    return CT_OK;
}

void ct__source_close(ct__source *s) {
    if (s->gz) gzclose(s->gz);
    ct_free(s->buf);
    memset(s, 0, sizeof *s);
}

ct_status ct__source_fill(ct__source *s, const char *path, ct_error *err) {
    if (s->eof) return CT_OK;
    if (s->begin > 0) {
        memmove(s->buf, s->buf + s->begin, s->end - s->begin);
        s->end -= s->begin;
        s->begin = 0;
    }
    if (s->capacity < s->end + CHUNK + 1)
        CT_CHECK(ct_grow((void **)&s->buf, &s->capacity, s->end + CHUNK + 1, 1, err));
    const int got = gzread(s->gz, s->buf + s->end, CHUNK);
    int code = Z_OK;
    const char *text = gzerror(s->gz, &code);
    if (got < 0) {
        if (code == Z_ERRNO) return ct_fail(err, CT_ERR_IO, "'%s': %s", path, strerror(errno));
        return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt gzip stream (%s)", path, text);
    }
    /* zlib hands out what a cut stream still held and tells of the cut only here. */
    if (got < CHUNK && code == Z_BUF_ERROR)
        return ct_fail(err, CT_ERR_FORMAT, "'%s': truncated gzip stream", path);
    if (got == 0) s->eof = true;
    s->end += (size_t)got;
    return CT_OK;
}

ct_status ct__source_skip_line(ct__source *s, const char *path, ct_error *err) {
    for (;;) {
        const char *feed = s->end > s->begin ? memchr(s->buf + s->begin, '\n', s->end - s->begin) : NULL;
        if (feed) {
            s->begin = (size_t)(feed - s->buf) + 1;
            return CT_OK;
        }
        s->begin = s->end;
        if (s->eof) return CT_OK;
        CT_CHECK(ct__source_fill(s, path, err));
    }
}

ct_status ct__source_line(ct__source *s, const char *path, size_t *length, size_t *advance, bool *too_long,
                          ct_error *err) {
    size_t seen = 0;
    *too_long = false;
    for (;;) {
        const size_t n = s->end - s->begin;
        const char *feed = n > seen ? memchr(s->buf + s->begin + seen, '\n', n - seen) : NULL;
        if (feed || s->eof) {
            *length = feed ? (size_t)(feed - (s->buf + s->begin)) : n;
            *advance = feed ? *length + 1 : n;
            *too_long = *length > CT__ROW_LIMIT;
            return CT_OK;
        }
        if (n > CT__ROW_LIMIT) {
            *too_long = true;
            return CT_OK;
        }
        seen = n;
        CT_CHECK(ct__source_fill(s, path, err));
    }
}

ct_status ct__source_next(ct__source *s, const char *path, int64_t number, const char **text, size_t *n, bool *more,
                          ct_error *err) {
    size_t length, advance;
    bool too_long;
    *more = false;
    CT_CHECK(ct__source_line(s, path, &length, &advance, &too_long, err));
    if (too_long)
        return ct_fail(err, CT_ERR_DATA, "'%s', line %lld: longer than %zu MiB", path, (long long)number,
                       CT__ROW_LIMIT >> 20);
    if (advance == 0) return CT_OK;
    const size_t mark = number == 1 && length >= 3 && memcmp(s->buf + s->begin, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    *text = s->buf + s->begin + mark;
    *n = length - mark;
    if (*n > 0 && (*text)[*n - 1] == '\r') --*n;
    const size_t valid = ct_utf8_valid_prefix(*text, *n);
    if (valid < *n || memchr(*text, '\0', *n))
        return ct_fail(err, CT_ERR_DATA, "'%s', line %lld: %s", path, (long long)number,
                       valid < *n ? "not UTF-8" : "a NUL byte in the line");
    s->begin += advance;
    *more = true;
    return CT_OK;
}
