/* The list of cases: shape files are read line by line, an op's name without a direction stands for both. */
#include "benchmarks/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

/* Far above any shape file. */
enum { FILE_BYTES_MAX = 1 << 20 };

typedef struct shape_file {
    bench_catalogue *catalogue;
    const char *path;
    char *model; /* its name without folder and ending */
    int line;
    ct_error *err;
} shape_file;

/* Entries that are being made have no name yet. */
static const bench_entry *find(const bench_catalogue *catalogue, const char *name) {
    for (size_t i = 0; i < catalogue->n; i++)
        if (catalogue->entries[i].c.name && strcmp(catalogue->entries[i].c.name, name) == 0)
            return &catalogue->entries[i];
    return NULL;
}

static ct_status add_entry(bench_catalogue *catalogue, bench_entry **out, ct_error *err) {
    CT_CHECK(ct_grow((void **)&catalogue->entries, &catalogue->capacity, catalogue->n + 1,
                     sizeof *catalogue->entries, err));
    *out = &catalogue->entries[catalogue->n++];
    **out = (bench_entry){0};
    return CT_OK;
}

static ct_status add_cases(bench_catalogue *catalogue, const bench_case *cases, ct_error *err) {
    for (; cases->name; cases++) {
        bench_entry *entry;
        if (find(catalogue, cases->name))
            return ct_fail(err, CT_ERR_INTERNAL, "there are two cases '%s'", cases->name);
        CT_CHECK(add_entry(catalogue, &entry, err));
        entry->c = *cases;
    }
    return CT_OK;
}

/* ---- a shape file -------------------------------------------------------------------------------------- */

static ct_status add_op(shape_file *f, const bench_op *op, const char *label, const char *sizes) {
    bench_entry *entry;
    bench_sizes checked;
    CT_CHECK(bench_sizes_read(&checked, sizes, f->err));
    CT_CHECK(add_entry(f->catalogue, &entry, f->err));
    CT_CHECK(ct_str_printf(&entry->name, f->err, "%s_%s_%s", op->name, f->model, label));
    CT_CHECK(ct_str_puts(&entry->sizes, sizes, f->err));
    CT_CHECK(ct_str_printf(&entry->place, f->err, "%s:%d", f->path, f->line));
    const char *name = ct_str_text(&entry->name);
    if (find(f->catalogue, name)) return ct_fail(f->err, CT_ERR_CONFIG, "there is a case '%s' already", name);
    entry->op = op;
    entry->c = (bench_case){.name = name,
                            .what = ct_str_text(&entry->sizes),
                            .run = bench_op_run,
                            .close = bench_op_close,
                            .work = bench_op_work};
    return CT_OK;
}

/* Is this the op `name`, or one of its directions? */
static bool is_of(const bench_op *op, const char *name) {
    const size_t n = strlen(name);
    if (strncmp(op->name, name, n) != 0) return false;
    const char *rest = op->name + n;
    return *rest == '\0' || strcmp(rest, "_forward") == 0 || strcmp(rest, "_backward") == 0;
}

/* Cuts the next word off; NULL: there is none. */
static char *next_word(char **text) {
    char *word = *text + strspn(*text, " \t");
    if (!*word) return NULL;
    char *end = word + strcspn(word, " \t");
    *text = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static ct_status read_line(shape_file *f, char *text) {
    char *comment = strchr(text, '#');
    if (comment) *comment = '\0';
    const char *op = next_word(&text), *label = next_word(&text);
    int found = 0;
    if (!op) return CT_OK;
    if (!label) return ct_fail(f->err, CT_ERR_CONFIG, "'%s' alone, want OP LABEL KEY=NUMBER ...", op);
    for (size_t n = strlen(text); n > 0 && strchr(" \t\r", text[n - 1]); n--) text[n - 1] = '\0';
    for (int i = 0; i < bench_n_ops; i++) {
        if (!is_of(&bench_ops[i], op)) continue;
        CT_CHECK(add_op(f, &bench_ops[i], label, text + strspn(text, " \t")));
        found++;
    }
    return found ? CT_OK : ct_fail(f->err, CT_ERR_CONFIG, "'%s' is no op of kernels/ops.def", op);
}

static ct_status read_lines(shape_file *f, char *text) {
    ct_error *err = f->err;
    for (char *end; *text; text = end) {
        end = text + strcspn(text, "\n");
        if (*end) *end++ = '\0';
        f->line++;
        const ct_status st = read_line(f, text);
        if (st != CT_OK) ct_error_prefix(err, "%s:%d", f->path, f->line);
        CT_CHECK(st);
    }
    return CT_OK;
}

static ct_status read_file(bench_catalogue *catalogue, const char *folder, const char *name, ct_error *err) {
    ct_status st = CT_OK;
    shape_file f = {.catalogue = catalogue, .err = err};
    char *path = NULL, *text = NULL;
    size_t n;
    CT_TRY(ct_path_join(folder, name, &path, err), st, done);
    f.path = path;
    CT_TRY(ct_strndup(name, strlen(name) - strlen(".txt"), &f.model, err), st, done);
    CT_TRY(ct_read_file(path, FILE_BYTES_MAX, &text, &n, err), st, done);
    CT_TRY(read_lines(&f, text), st, done);
done:
    ct_free(text);
    ct_free(f.model);
    ct_free(path);
    return st;
}

/* ---- the folder ---------------------------------------------------------------------------------------- */

static int is_shape_file(const struct dirent *entry) {
    const size_t n = strlen(entry->d_name);
    return n > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 4, ".txt") == 0;
}

static ct_status read_folder(bench_catalogue *catalogue, const char *folder, ct_error *err) {
    ct_status st = CT_OK;
    struct dirent **files = NULL;
    const int n = scandir(folder, &files, is_shape_file, alphasort);
    if (n < 0)
        return ct_fail(err, CT_ERR_IO,
                       "cannot read the folder of shapes '%s': %s; start from the project's root, or give "
                       "--shapes FOLDER",
                       folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (st == CT_OK) st = read_file(catalogue, folder, files[i]->d_name, err);
        free(files[i]); /* scandir's */
    }
    free(files);
    return st;
}

ct_status bench_catalogue_read(bench_catalogue *out, const char *shapes, ct_error *err) {
    *out = (bench_catalogue){0};
    ct_status st = add_cases(out, bench_step_cases, err);
    if (st == CT_OK) st = add_cases(out, bench_peer_cases, err);
    if (st == CT_OK) st = read_folder(out, shapes, err);
    if (st != CT_OK) bench_catalogue_free(out);
    return st;
}

void bench_catalogue_free(bench_catalogue *catalogue) {
    for (size_t i = 0; i < catalogue->n; i++) {
        ct_str_free(&catalogue->entries[i].name);
        ct_str_free(&catalogue->entries[i].sizes);
        ct_str_free(&catalogue->entries[i].place);
    }
    ct_free(catalogue->entries);
    *catalogue = (bench_catalogue){0};
}

ct_status bench_entry_open(void **state, const bench_entry *entry, const bench_options *options,
                           ct_error *err) {
    if (!entry->op) return entry->c.open(state, options, err);
    const ct_status st = bench_op_open(state, entry->op, ct_str_text(&entry->sizes), options, err);
    if (st != CT_OK) ct_error_prefix(err, "%s", ct_str_text(&entry->place));
    return st;
}
