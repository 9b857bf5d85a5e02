/* The texts of a prepare run, in an unnamed temporary file. */
#include "data/prepare_texts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io_calls.h"
#include "base/str.h"

enum { BUFFER = 1 << 20 };

/* O_TMPFILE where the file system knows it; else a named file that loses its name at once. */
static int open_unnamed(const char *folder, char *name) {
    const int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    const int named = mkostemp(name, O_CLOEXEC);
    if (named >= 0) unlink(name);
    return named;
}

ct_status ct__texts_create(ct__texts *texts, const char *folder, ct_error *err) {
    ct_status st = CT_OK;
    ct_str name = {0};
    memset(texts, 0, sizeof *texts);
    texts->fd = -1;
    CT_TRY(ct_strdup(folder, &texts->folder, err), st, done);
    CT_TRY(ct_calloc(BUFFER, 1, (void **)&texts->buffer, err), st, done);
    CT_TRY(ct_str_printf(&name, err, "%s/texts.tmp-XXXXXX", folder), st, done);
    texts->fd = open_unnamed(folder, name.data);
    if (texts->fd < 0)
        st = ct_fail(err, CT_ERR_IO, "'%s': cannot create a temporary file: %s", folder, strerror(errno));
done:
    ct_str_free(&name);
    return st;
}

static ct_status write_all(const ct__texts *texts, const char *bytes, size_t n, ct_error *err) {
    const ct_status st = ct__io_write(texts->fd, texts->folder, bytes, n, -1, err);
    if (st != CT_OK) ct_error_prefix(err, "a temporary file of texts");
    return st;
}

static ct_status flush(ct__texts *texts, ct_error *err) {
    const size_t n = texts->used;
    texts->used = 0;
    return write_all(texts, texts->buffer, n, err);
}

ct_status ct__texts_add(ct__texts *texts, const char *text, size_t n, int64_t *ref, ct_error *err) {
    *ref = -1;
    if (n == 0) return CT_OK;
    if (texts->used + n + 1 > BUFFER) CT_CHECK(flush(texts, err));
    *ref = texts->size;
    texts->size += (int64_t)n + 1;
    if (n + 1 > BUFFER) {
        CT_CHECK(write_all(texts, text, n, err));
        return write_all(texts, "", 1, err);
    }
    memcpy(texts->buffer + texts->used, text, n);
    texts->buffer[texts->used + n] = '\0';
    texts->used += n + 1;
    return CT_OK;
}

ct_status ct__texts_seal(ct__texts *texts, ct_error *err) {
    CT_CHECK(flush(texts, err));
    if (texts->size == 0) return CT_OK;
    void *map = mmap(NULL, (size_t)texts->size, PROT_READ, MAP_SHARED, texts->fd, 0);
    if (map == MAP_FAILED)
        return ct_fail(err, CT_ERR_IO, "'%s': mapping a temporary file: %s", texts->folder, strerror(errno));
    texts->map = map;
    return CT_OK;
}

const char *ct__texts_get(const ct__texts *texts, int64_t ref) {
    return ref < 0 ? "" : texts->map + ref;
}

void ct__texts_free(ct__texts *texts) {
    if (texts->map) munmap((void *)texts->map, (size_t)texts->size);
    if (texts->fd >= 0) close(texts->fd);
    ct_free(texts->buffer);
    ct_free(texts->folder);
    memset(texts, 0, sizeof *texts);
    texts->fd = -1;
}
