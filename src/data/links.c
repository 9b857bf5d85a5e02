/* Union-find over users or items, joined by shared keys and by link files. */
#include "data/links.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "data/columns.h"
#include "data/prepare_rows.h"

ct_status ct__links_create(ct__links *links, const char *what, const char *setting, ct_error *err) {
    memset(links, 0, sizeof *links);
    links->what = what;
    links->setting = setting;
    return ct_strmap_create(&links->keys, err);
}

void ct__links_free(ct__links *links) {
    ct_free(links->parent);
    ct_free(links->slots);
    ct_strmap_free(links->keys);
    memset(links, 0, sizeof *links);
}

ct_status ct__links_add(ct__links *links, ct_error *err) {
    if (links->n >= INT32_MAX) return ct_fail(err, CT_ERR_DATA, "over 2^31 - 1 %s", links->what);
    if (links->capacity < links->n + 1)
        CT_CHECK(
            ct_grow((void **)&links->parent, &links->capacity, links->n + 1, sizeof *links->parent, err));
    links->parent[links->n] = (int32_t)links->n;
    links->n++;
    return CT_OK;
}

int32_t ct__links_root(const ct__links *links, int32_t node) {
    int32_t *parent = links->parent;
    while (parent[node] != node) {
        parent[node] = parent[parent[node]]; /* halves the path for later calls */
        node = parent[node];
    }
    return node;
}

/* The lower number becomes the root, so that numbering does not depend on the order of joins. */
void ct__links_join(ct__links *links, int32_t a, int32_t b) {
    const int32_t x = ct__links_root(links, a), y = ct__links_root(links, b);
    if (x < y)
        links->parent[y] = x;
    else
        links->parent[x] = y;
}

ct_status ct__links_key(ct__links *links, int32_t node, int32_t platform, const char *key, size_t n,
                        ct_error *err) {
    int64_t at = 0;
    int inserted = 0;
    CT_CHECK(ct_strmap_insert(links->keys, key, n, ct_strmap_count(links->keys), &at, &inserted, err));
    if (links->slots_capacity < (size_t)at + 1)
        CT_CHECK(ct_grow((void **)&links->slots, &links->slots_capacity, (size_t)at + 1, sizeof *links->slots,
                         err));
    ct__link_key *slot = &links->slots[at];
    if (inserted) {
        *slot = (ct__link_key){node, platform};
        return CT_OK;
    }
    if (slot->last_platform == platform)
        links->repeats++;
    else
        links->matches++;
    slot->last_platform = platform;
    ct__links_join(links, slot->first, node);
    return CT_OK;
}

/* ---- link files ---- */

/* One side of a link file: the platform of a column. */
typedef struct side {
    const ct__raw_platform *platform;
    ct__column column;
    int64_t looked_up, known;
    ct_str examples; /* the first two ids of the file */
} side;

typedef struct link_file {
    ct__prepare *p;
    ct__links *links;
    const char *setting; /* "links.users" */
    ct__rows rows;
    side *sides;    /* [n_platforms]; column.n_parts == 0: the file lacks the platform */
    int64_t joined; /* rows that named two known ids or more */
    bool users;
} link_file;

static const ct_strmap *ids_of(const link_file *f, const ct__raw_platform *platform) {
    return f->users ? platform->user_ids : platform->item_ids;
}

static ct_status bind_sides(link_file *f, ct_error *err) {
    const int n = f->p->config->n_platforms;
    int bound = 0;
    for (int i = 0; i < n; i++) {
        f->sides[i].platform = &f->p->platforms[i];
        CT_CHECK(ct__column_bind(&f->sides[i].column, f->rows.table, f->setting,
                                 f->p->config->platforms[i].name, false, err));
        if (f->sides[i].column.n_parts > 0) bound++;
    }
    if (bound >= 2) return CT_OK;
    return ct_fail(err, CT_ERR_DATA,
                   "'%s' (%s): want a column named after each of two platforms or more; the file has: %s",
                   ct_table_path(f->rows.table), f->setting, ct_table_columns_text(f->rows.table));
}

static ct_status add_example(side *s, const char *id, ct_error *err) {
    if (s->looked_up > 2) return CT_OK;
    return ct_str_printf(&s->examples, err, "%s'%.60s'", s->looked_up > 1 ? ", " : "", id);
}

static ct_status take_row(link_file *f, ct_error *err) {
    int32_t first = -1;
    int known = 0;
    bool unknown = false;
    for (int i = 0; i < f->p->config->n_platforms; i++) {
        side *s = &f->sides[i];
        const char *id = NULL;
        size_t n = 0;
        CT_CHECK(ct__column_read(&s->column, f->rows.table, &id, &n, err));
        if (!id) continue;
        s->looked_up++;
        CT_CHECK(add_example(s, id, err));
        const int64_t number = ct_strmap_find(ids_of(f, s->platform), id, n);
        if (number < 0 && !unknown) {
            unknown = true; /* a row is bad once, however many of its ids are unknown */
            CT_CHECK(ct__rows_bad(&f->rows, err, "'%.100s' is not one of the %s of platform '%s'", id,
                                  f->links->what, s->platform->config->name));
        }
        if (number < 0) continue;
        s->known++;
        const int64_t begin = f->users ? s->platform->user_begin : s->platform->item_begin;
        const int32_t node = (int32_t)(begin + number);
        if (known++ == 0)
            first = node;
        else
            ct__links_join(f->links, first, node);
    }
    if (known >= 2) f->joined++;
    return CT_OK;
}

static ct_status zero_overlap(const link_file *f, ct_error *err) {
    ct_status st = CT_OK;
    ct_str text = {0};
    for (int i = 0; i < f->p->config->n_platforms; i++) {
        const side *s = &f->sides[i];
        if (s->column.n_parts == 0) continue;
        CT_TRY(ct_str_printf(&text, err, "\n  %s: %lld ids looked up, %lld known; the file has %s",
                             s->platform->config->name, (long long)s->looked_up, (long long)s->known,
                             s->looked_up ? ct_str_text(&s->examples) : "none"),
               st, done);
        const ct_strmap *ids = ids_of(f, s->platform);
        for (int64_t k = 0; k < 2 && k < ct_strmap_count(ids); k++)
            CT_TRY(ct_str_printf(&text, err, "%s'%.60s'", k ? ", " : "; the platform has ",
                                 ct_strmap_key(ids, k, NULL)),
                   st, done);
    }
    st = ct_fail(err, CT_ERR_DATA, "'%s' (%s): zero overlap: no row names two known %s:%s",
                 ct_table_path(f->rows.table), f->setting, f->links->what, ct_str_text(&text));
done:
    ct_str_free(&text);
    return st;
}

static ct_status read_link_file(ct__prepare *p, ct__links *links, bool users, const char *path,
                                ct_error *err) {
    link_file f = {.p = p, .links = links, .users = users, .setting = users ? "links.users" : "links.items"};
    ct_status st = CT_OK;
    bool more = false;
    const int n = p->config->n_platforms;
    CT_TRY(ct_calloc((size_t)n, sizeof *f.sides, (void **)&f.sides, err), st, done);
    CT_TRY(ct__rows_open(&f.rows, p, NULL, path, err), st, done);
    f.rows.patient = true; /* "zero overlap" says more than "too many unknown ids" */
    CT_TRY(bind_sides(&f, err), st, done);
    CT_TRY(ct__rows_next(&f.rows, &more, err), st, done);
    while (more) {
        CT_TRY(take_row(&f, err), st, done);
        CT_TRY(ct__rows_next(&f.rows, &more, err), st, done);
    }
    if (f.joined == 0)
        st = zero_overlap(&f, err);
    else
        st = ct__rows_check_limit(&f.rows, err);
    if (st == CT_OK && f.rows.bad > 0)
        ct_log(CT_LOG_WARNING, "'%s' (%s): %lld bad rows", path, f.setting, (long long)f.rows.bad);
done:
    for (int i = 0; f.sides && i < n; i++) {
        ct__column_free(&f.sides[i].column);
        ct_str_free(&f.sides[i].examples);
    }
    ct_free(f.sides);
    ct__rows_close(&f.rows);
    return st;
}

ct_status ct__links_read_files(ct__prepare *p, ct_error *err) {
    for (size_t i = 0; i < p->user_links.n; i++)
        CT_CHECK(read_link_file(p, &p->persons, true, p->user_links.v[i].path, err));
    for (size_t i = 0; i < p->item_links.n; i++)
        CT_CHECK(read_link_file(p, &p->entities, false, p->item_links.v[i].path, err));
    return CT_OK;
}

/* ---- shared keys ---- */

/* The first two keys of a platform: without any overlap each key has one platform only. */
static ct_status describe_keys(const ct__links *links, const ct__raw_platform *platform, ct_str *text,
                               ct_error *err) {
    int64_t n = 0;
    CT_CHECK(ct_str_printf(text, err, "\n  %s has ", platform->config->name));
    for (int64_t k = 0; k < ct_strmap_count(links->keys); k++) {
        if (links->slots[k].last_platform != platform->index) continue;
        if (n++ < 2)
            CT_CHECK(ct_str_printf(text, err, "%s'%.60s'", n > 1 ? ", " : "",
                                   ct_strmap_key(links->keys, k, NULL)));
    }
    return ct_str_printf(text, err, "%s%lld keys", n > 0 ? " ... " : "", (long long)n);
}

static ct_status check_keys(const ct__prepare *p, const ct__links *links, bool users, ct_error *err) {
    ct_status st = CT_OK;
    ct_str text = {0};
    int with_key = 0;
    for (int i = 0; i < p->config->n_platforms; i++) {
        const ct_config_platform *c = &p->config->platforms[i];
        if (!(users ? c->users.person : c->items.entity)) continue;
        with_key++;
        CT_TRY(describe_keys(links, &p->platforms[i], &text, err), st, done);
    }
    if (links->repeats > 0)
        ct_log(CT_LOG_WARNING,
               "%lld %s share their %s with another of the same platform; they are linked too",
               (long long)links->repeats, links->what, links->setting);
    if (with_key > 0 && links->matches == 0)
        st = ct_fail(err, CT_ERR_DATA, "%s: zero overlap: no key is the same on two platforms:%s%s",
                     links->setting, ct_str_text(&text),
                     with_key == 1 ? "; no other platform names such a column" : "");
done:
    ct_str_free(&text);
    return st;
}

ct_status ct__links_check_keys(ct__prepare *p, ct_error *err) {
    CT_CHECK(check_keys(p, &p->persons, true, err));
    return check_keys(p, &p->entities, false, err);
}
