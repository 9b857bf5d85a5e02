/* Plain files go through the library's writer, which shows a file only when it is whole; gzip through zlib. */
#include "files.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/io.h"

struct out_file {
    ct_writer *plain;
    gzFile gzip;
    char *path;
};

ct_status out_open(out_file **file, const sample *s, int platform, const char *name, ct_error *err) {
    ct_status st = CT_OK;
    ct_str path = {0};
    out_file *f = NULL;
    *file = NULL;
    CT_TRY(ct_calloc(1, sizeof *f, (void **)&f, err), st, fail);
    if (platform < 0) CT_TRY(ct_str_printf(&path, err, "%s/%s", s->out, name), st, fail);
    else CT_TRY(ct_str_printf(&path, err, "%s/%s/%s", s->out, platform_names[platform], name), st, fail);
    CT_TRY(ct_strdup(ct_str_text(&path), &f->path, err), st, fail);
    if (path.length > 3 && strcmp(path.data + path.length - 3, ".gz") == 0) {
        f->gzip = gzopen(f->path, "wb6");
        if (!f->gzip) CT_TRY(ct__fail_errno(err, "create", f->path), st, fail);
    } else {
        CT_TRY(ct_writer_open(&f->plain, f->path, err), st, fail);
    }
    ct_str_free(&path);
    *file = f;
    return CT_OK;
fail:
    ct_str_free(&path);
    return out_close(f, st, err);
}

ct_status out_bytes(out_file *f, const void *bytes, size_t n, ct_error *err) {
    if (f->plain) return ct_writer_write(f->plain, bytes, n, err);
    if (n > 0 && gzwrite(f->gzip, bytes, (unsigned)n) != (int)n)
        return ct_fail(err, CT_ERR_IO, "cannot write '%s': %s", f->path, gzerror(f->gzip, &(int){0}));
    return CT_OK;
}

ct_status out_row(out_file *f, ct_str *row, ct_error *err) {
    CT_CHECK(ct_str_puts(row, "\n", err));
    CT_CHECK(out_bytes(f, row->data, row->length, err));
    ct_str_clear(row);
    return CT_OK;
}

ct_status out_close(out_file *f, ct_status st, ct_error *err) {
    if (!f) return st;
    if (f->plain && st == CT_OK) st = ct_writer_commit(f->plain, err);
    ct_writer_free(f->plain);
    if (f->gzip && gzclose(f->gzip) != Z_OK && st == CT_OK)
        st = ct_fail(err, CT_ERR_IO, "cannot finish '%s'", f->path);
    ct_free(f->path);
    ct_free(f);
    return st;
}

ct_status put_csv(ct_str *row, const char *text, ct_error *err) {
    if (row->length > 0) CT_CHECK(ct_str_puts(row, ",", err));
    if (!strpbrk(text, ",\"\r\n")) return ct_str_puts(row, text, err);
    CT_CHECK(ct_str_puts(row, "\"", err));
    for (const char *t = text; *t; t++) CT_CHECK(*t == '"' ? ct_str_puts(row, "\"\"", err) : ct_str_append(row, t, 1, err));
    return ct_str_puts(row, "\"", err);
}

ct_status put_tsv(ct_str *row, const char *text, ct_error *err) {
    if (row->length > 0) CT_CHECK(ct_str_puts(row, "\t", err));
    return ct_str_puts(row, text, err);
}

ct_status json_text(ct_str *row, const char *text, ct_error *err) {
    if (!text) return ct_str_puts(row, "null", err);
    CT_CHECK(ct_str_puts(row, "\"", err));
    for (const char *t = text; *t; t++) {
        if (*t == '"' || *t == '\\') CT_CHECK(ct_str_puts(row, "\\", err));
        CT_CHECK(*t == '\n' ? ct_str_puts(row, "\\n", err) : ct_str_append(row, t, 1, err));
    }
    return ct_str_puts(row, "\"", err);
}

ct_status put_json(ct_str *row, const char *key, const char *text, ct_error *err) {
    CT_CHECK(ct_str_puts(row, row->length > 0 ? ", " : "{", err));
    CT_CHECK(json_text(row, key, err));
    CT_CHECK(ct_str_puts(row, ": ", err));
    return json_text(row, text, err);
}

ct_status json_end(ct_str *row, ct_error *err) { return ct_str_puts(row, "}", err); }
