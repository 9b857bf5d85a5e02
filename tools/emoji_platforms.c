/* emoji_platforms: turns a folder of pictures that have names and keywords in English and Chinese into two platforms,
 * "en" and "zh", whose items are the pictures and whose users are queries, for text-to-picture retrieval. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/str.h"
#include "data/table.h"

static const char usage[] =
    "usage: emoji_platforms --in FOLDER --out DIR\n"
    "FOLDER/items.tsv has the columns item_id, title_en, title_zh, keywords_en, keywords_zh (joined by \" | \"),\n"
    "subgroup, image (a path within FOLDER). Writes DIR/en and DIR/zh: items.csv (the picture, its name and subgroup\n"
    "for people to read), users.csv (queries: the name, the keywords, both), interactions.csv (which picture a query\n"
    "asks for); for the pictures that are held out, DIR/LANGUAGE/queries.csv (name and keywords) and names.csv (the\n"
    "name alone); and the lists DIR/pictures.txt (all) and held-out.txt. By a hash of its id a picture is for\n"
    "training (75%, January 2026), validation (10%, February) or test (15%, March), its queries with it.\n";

enum { N_LANGUAGES = 2, SHARES = 20, TEST_SHARES = 3, VALID_SHARES = 2 };
static const char *const languages[N_LANGUAGES] = {"en", "zh"};

typedef enum part { TRAIN, VALID, TEST } part;
static const char *const days[] = {"2026-01-01", "2026-02-01", "2026-03-01"};

enum { ITEM_ID, IMAGE, SUBGROUP, TITLE_EN, TITLE_ZH, KEYWORDS_EN, KEYWORDS_ZH, N_COLUMNS };
static const char *const columns[N_COLUMNS] = {"item_id",  "image",       "subgroup",   "title_en",
                                               "title_zh", "keywords_en", "keywords_zh"};

/* Files of each language, then lists for both. */
enum { ITEMS, USERS, INTERACTIONS, QUERIES, NAMES, N_FILES };
static const struct {
    const char *name, *head;
} files[N_FILES] = {{"items.csv", "item_id,title,category,image,thing"},
                    {"users.csv", "user_id,text"},
                    {"interactions.csv", "user_id,item_id,timestamp"},
                    {"queries.csv", "id,text"},
                    {"names.csv", "id,text"}};
enum { ALL, HELD_OUT, N_LISTS };
static const char *const lists[N_LISTS] = {"pictures.txt", "held-out.txt"};

typedef struct job {
    const char *out;
    char folder[PATH_MAX]; /* absolute: the files name pictures where they lie */
    ct_table *table;
    int column[N_COLUMNS];
    ct_strmap *ids;
    ct_writer *file[N_LANGUAGES][N_FILES], *list[N_LISTS];
    ct_str row, text;
    int64_t n[3], n_queries[N_LANGUAGES];
} job;

/* ---- reading --------------------------------------------------------------------------------------------------- */

static ct_status open_input(job *j, const char *folder, ct_error *err) {
    char *path = NULL;
    if (!realpath(folder, j->folder)) return ct__fail_errno(err, "open", folder);
    CT_CHECK(ct_path_join(j->folder, "items.tsv", &path, err));
    ct_status st = ct_table_open(&j->table, path, err);
    for (int c = 0; st == CT_OK && c < N_COLUMNS; c++) {
        j->column[c] = ct_table_column(j->table, columns[c]);
        if (j->column[c] < 0)
            st = ct_fail(err, CT_ERR_DATA, "'%s': no column '%s'; there are %s", path, columns[c],
                         ct_table_columns_text(j->table));
    }
    ct_free(path);
    return st == CT_OK ? ct_strmap_create(&j->ids, err) : st;
}

static const char *cell(const job *j, int column) {
    const char *text = ct_table_cell(j->table, j->column[column], NULL);
    return text ? text : "";
}

static ct_status bad_row(const job *j, const char *why, const char *what, ct_error *err) {
    return ct_fail(err, CT_ERR_DATA, "%s:%" PRId64 ": %s%s", ct_table_path(j->table), ct_table_line(j->table), why, what);
}

static ct_status check_row(job *j, ct_error *err) {
    const char *id = cell(j, ITEM_ID), *image = cell(j, IMAGE);
    char *path = NULL;
    int64_t first = 0;
    int fresh = 0;
    if (!id[0] || strpbrk(id, "\t\r\n")) return bad_row(j, "no item_id, or one with a tab or line break", "", err);
    if (!image[0] || strpbrk(image, "\t\r\n")) return bad_row(j, "no image, or one with a tab or line break", "", err);
    CT_CHECK(ct_strmap_insert(j->ids, id, strlen(id), ct_table_line(j->table), &first, &fresh, err));
    if (!fresh) return bad_row(j, "this item_id stands there already: ", id, err);
    CT_CHECK(ct_path_join(j->folder, image, &path, err));
    const ct_status st = ct_path_exists(path) ? CT_OK : bad_row(j, "no such picture: ", path, err);
    ct_free(path);
    return st;
}

static part part_of(const char *id) {
    const uint64_t share = ct_hash(id, strlen(id)) % SHARES;
    return share < TEST_SHARES ? TEST : share < TEST_SHARES + VALID_SHARES ? VALID : TRAIN;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static ct_status put_cell(ct_str *row, const char *text, ct_error *err) {
    CT_CHECK(row->length > 0 ? ct_str_puts(row, ",", err) : CT_OK);
    if (!strpbrk(text, ",\"\r\n")) return ct_str_puts(row, text, err);
    CT_CHECK(ct_str_puts(row, "\"", err));
    for (; *text; text++) CT_CHECK(ct_str_append(row, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1, err));
    return ct_str_puts(row, "\"", err);
}

static ct_status put_row(job *j, ct_writer *w, const char *const *cells, int n, ct_error *err) {
    ct_str_clear(&j->row);
    for (int i = 0; i < n; i++) CT_CHECK(put_cell(&j->row, cells[i], err));
    CT_CHECK(ct_str_puts(&j->row, "\n", err));
    return ct_writer_write(w, ct_str_text(&j->row), j->row.length, err);
}

static ct_status open_file(ct_writer **w, const char *out, const char *folder, const char *name, ct_error *err) {
    ct_str path = {0};
    ct_status st = ct_str_printf(&path, err, "%s/%s", out, folder);
    if (st == CT_OK) st = ct_make_dirs(ct_str_text(&path), err);
    if (st == CT_OK) st = ct_str_printf(&path, err, "/%s", name);
    if (st == CT_OK) st = ct_writer_open(w, ct_str_text(&path), err);
    ct_str_free(&path);
    return st;
}

static ct_status open_output(job *j, ct_error *err) {
    for (int l = 0; l < N_LANGUAGES; l++)
        for (int f = 0; f < N_FILES; f++) {
            CT_CHECK(open_file(&j->file[l][f], j->out, languages[l], files[f].name, err));
            CT_CHECK(ct_writer_printf(j->file[l][f], err, "%s\n", files[f].head));
        }
    for (int i = 0; i < N_LISTS; i++) CT_CHECK(open_file(&j->list[i], j->out, ".", lists[i], err));
    return CT_OK;
}

static ct_status commit(job *j, ct_error *err) {
    for (int l = 0; l < N_LANGUAGES; l++)
        for (int f = 0; f < N_FILES; f++) CT_CHECK(ct_writer_commit(j->file[l][f], err));
    for (int i = 0; i < N_LISTS; i++) CT_CHECK(ct_writer_commit(j->list[i], err));
    return CT_OK;
}

/* A query for the row's picture: a user whose profile it is, and the one thing that this user chose. */
static ct_status put_query(job *j, int language, const char *kind, const char *text, part p, ct_error *err) {
    ct_str user = {0};
    ct_status st = ct_str_printf(&user, err, "%s.%s", cell(j, ITEM_ID), kind);
    const char *const profile[] = {ct_str_text(&user), text};
    const char *const choice[] = {ct_str_text(&user), cell(j, ITEM_ID), days[p]};
    if (st == CT_OK) st = put_row(j, j->file[language][USERS], profile, 2, err);
    if (st == CT_OK) st = put_row(j, j->file[language][INTERACTIONS], choice, 3, err);
    ct_str_free(&user);
    j->n_queries[language]++;
    return st;
}

/* "a | b | c" without the name, which stands among the keywords, as ", a, b, c" behind what the text has. */
static ct_status put_keywords(ct_str *text, const char *keywords, const char *name, ct_error *err) {
    while (*keywords) {
        const char *end = strstr(keywords, " | ");
        const size_t n = end ? (size_t)(end - keywords) : strlen(keywords);
        if (n > 0 && !(n == strlen(name) && memcmp(keywords, name, n) == 0)) {
            CT_CHECK(text->length > 0 ? ct_str_puts(text, ", ", err) : CT_OK);
            CT_CHECK(ct_str_append(text, keywords, n, err));
        }
        keywords += n + (end ? 3 : 0);
    }
    return CT_OK;
}

/* What is held out is asked for by one query, name and keywords; in training name and keywords come alone too. */
static ct_status put_queries(job *j, int language, part p, ct_error *err) {
    const char *id = cell(j, ITEM_ID), *name = cell(j, TITLE_EN + language);
    const char *keywords = cell(j, KEYWORDS_EN + language);
    ct_str_clear(&j->text);
    CT_CHECK(put_keywords(&j->text, keywords, name, err));
    const bool both = name[0] && j->text.length > 0;
    if (p == TRAIN && both) {
        CT_CHECK(put_query(j, language, "name", name, p, err));
        CT_CHECK(put_query(j, language, "keywords", ct_str_text(&j->text), p, err));
    }
    ct_str_clear(&j->text);
    CT_CHECK(ct_str_puts(&j->text, name, err));
    CT_CHECK(put_keywords(&j->text, keywords, name, err));
    if (j->text.length == 0) return CT_OK; /* nothing to ask with in this language */
    CT_CHECK(put_query(j, language, "query", ct_str_text(&j->text), p, err));
    if (p != TEST) return CT_OK;
    const char *const query[] = {id, ct_str_text(&j->text)}, *const alone[] = {id, name};
    CT_CHECK(put_row(j, j->file[language][QUERIES], query, 2, err));
    return name[0] ? put_row(j, j->file[language][NAMES], alone, 2, err) : CT_OK;
}

static ct_status put_item(job *j, ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL;
    const char *id = cell(j, ITEM_ID);
    const part p = part_of(id);
    CT_TRY(ct_path_join(j->folder, cell(j, IMAGE), &path, err), st, done);
    for (int l = 0; l < N_LANGUAGES; l++) {
        const char *const item[] = {id, cell(j, TITLE_EN + l), cell(j, SUBGROUP), path, id};
        CT_TRY(put_row(j, j->file[l][ITEMS], item, 5, err), st, done);
        CT_TRY(put_queries(j, l, p, err), st, done);
    }
    CT_TRY(ct_writer_printf(j->list[ALL], err, "%s\t%s\n", id, path), st, done);
    if (p == TEST) st = ct_writer_printf(j->list[HELD_OUT], err, "%s\t%s\n", id, path);
    j->n[p]++;
done:
    ct_free(path);
    return st;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static ct_status convert(job *j, const char *in, ct_error *err) {
    CT_CHECK(open_input(j, in, err));
    CT_CHECK(open_output(j, err));
    for (;;) {
        bool more = false;
        CT_CHECK(ct_table_next_good(j->table, &more, err));
        if (!more) break;
        CT_CHECK(check_row(j, err));
        CT_CHECK(put_item(j, err));
    }
    for (int p = TRAIN; p <= TEST; p++)
        if (j->n[p] == 0)
            return ct_fail(err, CT_ERR_DATA, "'%s': too few rows: training, validation or test has none",
                           ct_table_path(j->table));
    return commit(j, err);
}

static void job_close(job *j) {
    for (int l = 0; l < N_LANGUAGES; l++)
        for (int f = 0; f < N_FILES; f++) ct_writer_free(j->file[l][f]);
    for (int i = 0; i < N_LISTS; i++) ct_writer_free(j->list[i]);
    ct_table_close(j->table);
    ct_strmap_free(j->ids);
    ct_str_free(&j->row);
    ct_str_free(&j->text);
}

static int wrong_usage(const char *argument, const char *why) {
    fprintf(stderr, "emoji_platforms: %s%s\n%s", argument, why, usage);
    return 2;
}

int main(int argc, char **argv) {
    static job j;
    const char *in = NULL;
    ct_error err = CT_ERROR_INIT;
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "--in") == 0 ? &in : strcmp(argv[i], "--out") == 0 ? &j.out : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (!value) return wrong_usage(argv[i], " is no option");
        if (++i == argc) return wrong_usage(argv[i - 1], " wants a folder");
        *value = argv[i];
    }
    if (!in || !j.out) return wrong_usage(in ? "--out" : "--in", " is missing");
    const ct_status st = convert(&j, in, &err);
    if (st == CT_OK)
        printf("%s: %" PRId64 " pictures for training, %" PRId64 " for validation, %" PRId64 " for test; %" PRId64
               " English and %" PRId64 " Chinese queries\n", j.out, j.n[TRAIN], j.n[VALID], j.n[TEST], j.n_queries[0],
               j.n_queries[1]);
    else
        fprintf(stderr, "emoji_platforms: %s\n", err.text);
    job_close(&j);
    return st == CT_OK ? 0 : 1;
}
