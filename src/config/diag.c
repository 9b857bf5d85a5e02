/* Mistakes in a configuration: a list with places. */
#include "config/diag.h"

#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/format.h"

/* A file's text must not steer the terminal that shows the message. */
static void make_printable(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) *c = '?';
    }
}

ct_status ct__diagnose(ct_diagnostics *diags, ct_error *err, const ct__source *source, int line, int column,
                       const char *key, const char *format, ...) {
    char text[1024];
    ct_str message = {0};
    ct_diagnostic d = {.line = source->argument ? 0 : line, .column = source->argument ? 0 : column};
    ct_status st;
    va_list arguments;

    va_start(arguments, format);
    ct__vformat_cut(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    CT_TRY(ct_str_puts(&message, text, err), st, done);
    if (source->argument) {
        const size_t n = strlen(source->argument), most = 100;
        CT_TRY(ct_str_printf(&message, err, " (argument '%.*s%s')",
                             (int)ct_utf8_valid_prefix(source->argument, n < most ? n : most),
                             source->argument, n > most ? "..." : ""),
               st, done);
        make_printable(message.data);
    }

    CT_TRY(ct_grow((void **)&diags->v, &diags->capacity, diags->n + 1, sizeof *diags->v, err), st, done);
    CT_TRY(ct_strdup(source->file, &d.file, err), st, done);
    CT_TRY(ct_strdup(key, &d.key, err), st, done);
    CT_TRY(ct_strdup(ct_str_text(&message), &d.message, err), st, done);
    make_printable(d.key);
    diags->v[diags->n++] = d;
done:
    ct_str_free(&message);
    if (st != CT_OK) {
        ct_free(d.file);
        ct_free(d.key);
        ct_free(d.message);
    }
    return st;
}

static int rank_of(const char *file, const char *const *files, int n_files) {
    for (int i = 0; i < n_files; i++) {
        if (strcmp(file, files[i]) == 0) return i;
    }
    return n_files;
}

static bool stands_before(const ct_diagnostic *a, const ct_diagnostic *b, const char *const *files,
                          int n_files) {
    const int rank_a = rank_of(a->file, files, n_files), rank_b = rank_of(b->file, files, n_files);
    if (rank_a != rank_b) return rank_a < rank_b;
    if (a->line != b->line) return a->line < b->line;
    return a->column < b->column;
}

void ct__diagnostics_sort(ct_diagnostics *diags, const char *const *files, int n_files) {
    /* Insertion sort: stable, and the list is nearly in order already. */
    for (size_t i = 1; i < diags->n; i++) {
        const ct_diagnostic d = diags->v[i];
        size_t j = i;
        for (; j > 0 && stands_before(&d, &diags->v[j - 1], files, n_files); j--)
            diags->v[j] = diags->v[j - 1];
        diags->v[j] = d;
    }
}

void ct_diagnostics_free(ct_diagnostics *diags) {
    if (!diags) return;
    for (size_t i = 0; i < diags->n; i++) {
        ct_free(diags->v[i].file);
        ct_free(diags->v[i].key);
        ct_free(diags->v[i].message);
    }
    ct_free(diags->v);
    *diags = (ct_diagnostics){0};
}

ct_status ct_diagnostics_format(const ct_diagnostics *diags, ct_str *out, ct_error *err) {
    for (size_t i = 0; i < diags->n; i++) {
        const ct_diagnostic *d = &diags->v[i];
        CT_CHECK(ct_str_puts(out, d->file, err));
        if (d->line > 0) CT_CHECK(ct_str_printf(out, err, ":%d:%d", d->line, d->column));
        if (d->key[0]) CT_CHECK(ct_str_printf(out, err, ": %s", d->key));
        CT_CHECK(ct_str_printf(out, err, ": %s\n", d->message));
    }
    return CT_OK;
}
