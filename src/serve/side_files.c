/* The files of one side of a bundle, and their entries in the manifest. */
#include "serve/side_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

const ct__side_format ct__side_formats[CT__SIDE_FORMATS] = {
    {CT_EXPORT_NPY, "npy", ct_read_npy},
    {CT_EXPORT_SAFETENSORS, "safetensors", ct_read_vectors_safetensors},
    {CT_EXPORT_FAISS, "faiss", ct_read_faiss},
    {CT_EXPORT_CSV, "csv", ct_read_vectors_csv}};

typedef struct job {
    const ct__side *side;
    ct_str label; /* scratch of row_label */
} job;

/* A CSV cell, quoted where RFC 4180 asks for it. */
static ct_status put_cell(ct_str *out, const char *text, ct_error *err) {
    if (!strpbrk(text, ",\"\r\n")) return ct_str_puts(out, text, err);
    CT_CHECK(ct_str_puts(out, "\"", err));
    for (const char *c = text; *c; c++) CT_CHECK(ct_str_append(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1, err));
    return ct_str_puts(out, "\"", err);
}

static int32_t platform_of(const ct__side *s, int64_t row) {
    int32_t p = 0;
    while (s->begin[p + 1] <= row) p++;
    return p;
}

static ct_status make_label(job *j, int64_t row, ct_error *err) {
    const ct__side *s = j->side;
    ct_str_clear(&j->label);
    CT_CHECK(put_cell(&j->label, ct_strings_get(s->platform_name, platform_of(s, row)), err));
    CT_CHECK(ct_str_puts(&j->label, ",", err));
    return put_cell(&j->label, ct_strings_get(s->ids, row), err);
}

/* The ids were written first, by the same means, so memory for the longest label is there. */
static const char *row_label(void *ctx, int64_t row) {
    job *j = ctx;
    return make_label(j, row, NULL) == CT_OK ? ct_str_text(&j->label) : ",";
}

static ct_status put_ids(job *j, ct_writer *w, ct_error *err) {
    CT_CHECK(ct_writer_printf(w, err, "platform,id\n"));
    for (int64_t i = 0; i < j->side->vectors.n; i++) {
        CT_CHECK(make_label(j, i, err));
        CT_CHECK(ct_writer_printf(w, err, "%s\n", ct_str_text(&j->label)));
    }
    return CT_OK;
}

static ct_status write_ids(job *j, const char *path, ct_error *err) {
    ct_writer *w = NULL;
    CT_CHECK(ct_writer_open(&w, path, err));
    ct_status st = put_ids(j, w, err);
    if (st == CT_OK) st = ct_writer_commit(w, err);
    ct_writer_free(w);
    return st;
}

/* format 0: the ids. */
static ct_status write_format(job *j, unsigned format, bool f16, const char *path, ct_error *err) {
    const ct_vectors *v = &j->side->vectors;
    switch (format) {
    case CT_EXPORT_NPY: return ct_write_npy(path, v, f16, err);
    case CT_EXPORT_SAFETENSORS: return ct_write_vectors_safetensors(path, v, f16, err);
    case CT_EXPORT_FAISS: return ct_write_faiss(path, v, err);
    case CT_EXPORT_CSV: return ct_write_vectors_csv(path, v, row_label, j, err);
    default: return write_ids(j, path, err);
    }
}

/* Writes NAME.SUFFIX and enters it with size and checksum. */
static ct_status write_file(job *j, const char *folder, unsigned format, const char *suffix, bool f16, json_t *files,
                            ct_error *err) {
    ct_status st = CT_OK;
    char name[64], hex[17];
    char *path = NULL;
    uint64_t hash = 0, bytes = 0;
    snprintf(name, sizeof name, "%s.%s", j->side->name, suffix);
    CT_TRY(ct_path_join(folder, name, &path, err), st, done);
    CT_TRY(write_format(j, format, f16, path, err), st, done);
    CT_TRY(ct_file_hash(path, &hash, &bytes, err), st, done);
    snprintf(hex, sizeof hex, "%016" PRIx64, hash);
    json_object_set_new(files, name, json_pack("{s:I, s:s}", "bytes", (json_int_t)bytes, "xxh3", hex));
done:
    ct_free(path);
    return st;
}

ct_status ct__side_write(const ct__side *side, const char *folder, unsigned formats, bool f16, json_t *files,
                         ct_error *err) {
    job j = {.side = side};
    ct_status st = write_file(&j, folder, 0, "ids.csv", f16, files, err);
    for (int i = 0; i < CT__SIDE_FORMATS && st == CT_OK; i++) {
        const ct__side_format *f = &ct__side_formats[i];
        if (formats & f->format) st = write_file(&j, folder, f->format, f->suffix, f16, files, err);
    }
    ct_str_free(&j.label);
    return st;
}
