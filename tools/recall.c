/* recall: ranks the items of one set of vectors for each query of another and says how often the item of the query's id
 * is among the first, beside chance and beside knowing the item's group. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/table.h"
#include "serve/vectors.h"

static const char usage[] =
    "usage: recall --queries STEM --items STEM [--groups FILE]\n"
    "STEM names STEM.npy and STEM.ids.csv, as crosstower embed and export write them (out/texts, out/images). Each\n"
    "query is for the item with its id. Prints METHOD METRIC VALUE a line: recall@1, recall@5, recall@10 of the vectors\n"
    "by inner product (ties count half), of an order by chance and, with --groups (a table with the columns item_id and\n"
    "category), of an order by chance in which the items of the right category come first.\n";

enum { N_AT = 3 };
static const int at[N_AT] = {1, 5, 10};

typedef struct set {
    int64_t n, dim;
    float *rows;
    ct_strmap *ids; /* id to row; keys in the order of the rows */
} set;

typedef struct job {
    set queries, items;
    ct_strmap *groups; /* item id to the number of its group */
} job;

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* Calls take for each row of two columns. */
static ct_status read_pairs(const char *path, const char *first, const char *second,
                            ct_status (*take)(void *ctx, const ct_table *t, const char *a, const char *b,
                                              ct_error *err),
                            void *ctx, ct_error *err) {
    ct_table *t = NULL;
    CT_CHECK(ct_table_open(&t, path, err));
    const int a = ct_table_column(t, first), b = ct_table_column(t, second);
    ct_status st = CT_OK;
    if (a < 0 || b < 0)
        st = ct_fail(err, CT_ERR_DATA, "'%s': no column '%s'; there are %s", path, a < 0 ? first : second,
                     ct_table_columns_text(t));
    while (st == CT_OK) {
        bool more = false;
        st = ct_table_next_good(t, &more, err);
        if (st != CT_OK || !more) break;
        const char *one = ct_table_cell(t, a, NULL), *two = ct_table_cell(t, b, NULL);
        st = take(ctx, t, one ? one : "", two ? two : "", err);
    }
    ct_table_close(t);
    return st;
}

static ct_status take_id(void *ctx, const ct_table *t, const char *platform, const char *id, ct_error *err) {
    set *s = ctx;
    int64_t row = 0;
    int fresh = 0;
    (void)platform;
    CT_CHECK(ct_strmap_insert(s->ids, id, strlen(id), ct_strmap_count(s->ids), &row, &fresh, err));
    if (fresh) return CT_OK;
    return ct_fail(err, CT_ERR_DATA, "%s:%" PRId64 ": id '%s' stands twice", ct_table_path(t), ct_table_line(t),
                   id);
}

static ct_status read_set(set *s, const char *stem, ct_error *err) {
    ct_str path = {0};
    ct_status st = CT_OK;
    CT_TRY(ct_strmap_create(&s->ids, err), st, done);
    CT_TRY(ct_str_printf(&path, err, "%s.ids.csv", stem), st, done);
    CT_TRY(read_pairs(ct_str_text(&path), "platform", "id", take_id, s, err), st, done);
    ct_str_clear(&path);
    CT_TRY(ct_str_printf(&path, err, "%s.npy", stem), st, done);
    CT_TRY(ct_read_npy(ct_str_text(&path), &s->n, &s->dim, &s->rows, err), st, done);
    if (s->n == 0 || s->n != ct_strmap_count(s->ids))
        st = ct_fail(err, CT_ERR_DATA, "'%s': %" PRId64 " vectors, but %" PRId64 " ids", ct_str_text(&path), s->n,
                     ct_strmap_count(s->ids));
done:
    ct_str_free(&path);
    return st;
}

typedef struct group_reader {
    ct_strmap *names, *groups;
} group_reader;

static ct_status take_group(void *ctx, const ct_table *t, const char *id, const char *group, ct_error *err) {
    group_reader *r = ctx;
    int64_t number = 0, before = 0;
    int fresh = 0;
    CT_CHECK(ct_strmap_insert(r->names, group, strlen(group), ct_strmap_count(r->names), &number, &fresh, err));
    CT_CHECK(ct_strmap_insert(r->groups, id, strlen(id), number, &before, &fresh, err));
    if (fresh) return CT_OK;
    return ct_fail(err, CT_ERR_DATA, "%s:%" PRId64 ": item_id '%s' stands twice", ct_table_path(t),
                   ct_table_line(t), id);
}

static ct_status read_groups(job *j, const char *path, ct_error *err) {
    group_reader r = {NULL, NULL};
    ct_status st = ct_strmap_create(&r.names, err);
    if (st == CT_OK) st = ct_strmap_create(&j->groups, err);
    r.groups = j->groups;
    if (st == CT_OK) st = read_pairs(path, "item_id", "category", take_group, &r, err);
    ct_strmap_free(r.names);
    return st;
}

/* ---- ranking --------------------------------------------------------------------------------------------------- */

static double score(const job *j, int64_t query, int64_t item) {
    const float *q = j->queries.rows + query * j->queries.dim, *i = j->items.rows + item * j->items.dim;
    double sum = 0.0;
    for (int64_t c = 0; c < j->items.dim; c++) sum += (double)q[c] * (double)i[c];
    return isnan(sum) ? -INFINITY : sum;
}

/* 1 + better ones + half of the others that score the same. */
static double rank_of(const job *j, int64_t query, int64_t target) {
    const double own = score(j, query, target);
    double rank = 1.0;
    for (int64_t i = 0; i < j->items.n; i++) {
        const double other = i == target ? -INFINITY : score(j, query, i);
        if (i != target) rank += other > own ? 1.0 : other == own ? 0.5 : 0.0;
    }
    return rank;
}

static int64_t group_of(const job *j, const char *id, size_t n) { return ct_strmap_find(j->groups, id, n); }

/* How many items are of the target's group, itself among them. */
static ct_status group_size(const job *j, int64_t target, int64_t *size, ct_error *err) {
    size_t n = 0;
    const char *id = ct_strmap_key(j->items.ids, target, &n);
    const int64_t wanted = group_of(j, id, n);
    *size = 0;
    if (wanted < 0) return ct_fail(err, CT_ERR_DATA, "item '%.*s' is not in the table of groups", (int)n, id);
    for (int64_t i = 0; i < j->items.n; i++) {
        id = ct_strmap_key(j->items.ids, i, &n);
        *size += group_of(j, id, n) == wanted;
    }
    return CT_OK;
}

static void print(const char *method, const double *sum, int64_t n) {
    for (int k = 0; k < N_AT; k++) printf("%s recall@%d %.6f\n", method, at[k], sum[k] / (double)n);
}

/* A target among `size` in an order by chance is among the first k with k / size. */
static double by_chance(int k, int64_t size) { return k < size ? (double)k / (double)size : 1.0; }

static ct_status measure(const job *j, ct_error *err) {
    double model[N_AT] = {0}, chance[N_AT] = {0}, group[N_AT] = {0};
    for (int64_t q = 0; q < j->queries.n; q++) {
        size_t n = 0;
        int64_t size = 0;
        const char *id = ct_strmap_key(j->queries.ids, q, &n);
        const int64_t target = ct_strmap_find(j->items.ids, id, n);
        if (target < 0) return ct_fail(err, CT_ERR_DATA, "query '%.*s': no item has this id", (int)n, id);
        if (j->groups) CT_CHECK(group_size(j, target, &size, err));
        const double rank = rank_of(j, q, target);
        for (int k = 0; k < N_AT; k++) {
            model[k] += rank <= at[k];
            chance[k] += by_chance(at[k], j->items.n);
            group[k] += j->groups ? by_chance(at[k], size) : 0.0;
        }
    }
    print("model", model, j->queries.n);
    print("chance", chance, j->queries.n);
    if (j->groups) print("group", group, j->queries.n);
    return CT_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static ct_status run(job *j, const char *queries, const char *items, const char *groups, ct_error *err) {
    CT_CHECK(read_set(&j->queries, queries, err));
    CT_CHECK(read_set(&j->items, items, err));
    if (j->queries.dim != j->items.dim)
        return ct_fail(err, CT_ERR_SHAPE, "queries have %" PRId64 " dimensions, items %" PRId64, j->queries.dim,
                       j->items.dim);
    if (groups) CT_CHECK(read_groups(j, groups, err));
    return measure(j, err);
}

static int wrong_usage(const char *argument, const char *why) {
    fprintf(stderr, "recall: %s%s\n%s", argument, why, usage);
    return 2;
}

int main(int argc, char **argv) {
    static const char *const names[] = {"--queries", "--items", "--groups"};
    const char *values[3] = {NULL, NULL, NULL};
    job j = {0};
    ct_error err = CT_ERROR_INIT;
    for (int i = 1; i < argc; i++) {
        int option = 0;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        while (option < 3 && strcmp(argv[i], names[option]) != 0) option++;
        if (option == 3) return wrong_usage(argv[i], " is no option");
        if (++i == argc) return wrong_usage(argv[i - 1], " wants a value");
        values[option] = argv[i];
    }
    if (!values[0] || !values[1]) return wrong_usage(names[values[0] ? 1 : 0], " is missing");
    const ct_status st = run(&j, values[0], values[1], values[2], &err);
    if (st != CT_OK) fprintf(stderr, "recall: %s\n", err.text);
    ct_free(j.queries.rows);
    ct_free(j.items.rows);
    ct_strmap_free(j.queries.ids);
    ct_strmap_free(j.items.ids);
    ct_strmap_free(j.groups);
    return st == CT_OK ? 0 : 1;
}
