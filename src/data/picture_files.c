/* Reading and decoding picture files, one a thread at a time. */
#include "data/picture_files.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "data/picture.h"

enum { FILE_LIMIT = 256 << 20 };

/* A pipe among the pictures must not be waited for. */
static ct_status check_regular(const char *path, ct_error *err) {
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) return CT_OK; /* reading it tells */
    return ct_fail(err, CT_ERR_IO, "cannot read '%s': it is not a regular file", path);
}

static void decode(ct_picture_file *f, int size) {
    ct_picture_scratch scratch = {0};
    char *bytes = NULL;
    size_t n = 0;
    f->why = (ct_error)CT_ERROR_INIT;
    if (check_regular(f->path, &f->why) == CT_OK && ct_read_file(f->path, FILE_LIMIT, &bytes, &n, &f->why) == CT_OK) {
        if (ct_picture_decode(bytes, n, size, f->rgb, &scratch, &f->why) != CT_OK)
            ct_error_prefix(&f->why, "'%s'", f->path);
    }
    ct_picture_scratch_free(&scratch);
    ct_free(bytes);
}

ct_status ct_picture_files_decode(ct_picture_file *files, int n, int size, ct_error *err) {
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n; i++) decode(&files[i], size);
    for (int i = 0; i < n; i++)
        if (files[i].why.status == CT_ERR_MEMORY)
            return ct_fail(err, CT_ERR_MEMORY, "picture: %s", files[i].why.text);
    return CT_OK;
}
