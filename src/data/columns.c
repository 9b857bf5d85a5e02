/* Mapped columns: binding names and templates to a table's header, and reading them row by row. */
#include "data/columns.h"

#include <string.h>

#include "base/alloc.h"
#include "data/table_source.h"

static ct_status add_part(ct__column *c, ct_table *t, const char *text, size_t n, bool literal,
                          ct_error *err) {
    if (c->capacity < c->n_parts + 1)
        CT_CHECK(ct_grow((void **)&c->parts, &c->capacity, c->n_parts + 1, sizeof *c->parts, err));
    ct__column_part *part = &c->parts[c->n_parts];
    *part = (ct__column_part){-1, NULL};
    CT_CHECK(ct_strndup(text, n, &part->text, err));
    c->n_parts++;
    if (!literal) part->column = ct_table_column(t, part->text);
    if (!literal && part->column < 0 &&
        t->kind == CT__TABLE_JSON) /* it takes every name, unless memory is out */
        return ct_fail(err, CT_ERR_MEMORY, "'%s': no memory for column '%s'", t->path, part->text);
    return CT_OK;
}

static ct_status missing(const ct__column *c, const ct_table *t, const char *name, ct_error *err) {
    return ct_fail(err, CT_ERR_DATA, "'%s': no column '%s' (%s); the file has: %s", ct_table_path(t), name,
                   c->key, ct_table_columns_text(t));
}

static ct_status bind_template(ct__column *c, ct_table *t, ct_error *err) {
    const char *p = c->spec;
    while (*p) {
        const char *open = strchr(p, '{');
        if (!open) return add_part(c, t, p, strlen(p), true, err);
        if (open > p) CT_CHECK(add_part(c, t, p, (size_t)(open - p), true, err));
        const char *close = strchr(open, '}');
        if (!close || close == open + 1)
            return ct_fail(err, CT_ERR_CONFIG, "%s: '%s': want {COLUMN} with its closing brace", c->key,
                           c->spec);
        CT_CHECK(add_part(c, t, open + 1, (size_t)(close - open - 1), false, err));
        const ct__column_part *part = &c->parts[c->n_parts - 1];
        if (part->column < 0) return missing(c, t, part->text, err);
        p = close + 1;
    }
    return CT_OK;
}

ct_status ct__column_bind(ct__column *c, ct_table *t, const char *key, const char *spec, bool wanted,
                          ct_error *err) {
    c->key = key;
    c->spec = spec;
    c->wanted = wanted;
    if (!spec) return CT_OK;
    c->is_template = strchr(spec, '{') != NULL;
    if (c->is_template) {
        c->wanted = true;
        return bind_template(c, t, err);
    }
    CT_CHECK(add_part(c, t, spec, strlen(spec), false, err));
    if (c->parts[0].column >= 0) return CT_OK;
    if (wanted) return missing(c, t, spec, err);
    ct_free(c->parts[0].text);
    c->n_parts = 0;
    return CT_OK;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static ct_status compose(ct__column *c, const ct_table *t, bool *any, ct_error *err) {
    ct_str_clear(&c->composed);
    *any = false;
    for (size_t i = 0; i < c->n_parts; i++) {
        size_t n = 0;
        const ct__column_part *part = &c->parts[i];
        const char *text = part->column < 0 ? part->text : ct_table_cell(t, part->column, &n);
        if (part->column < 0) n = strlen(text);
        if (part->column >= 0 && text) c->seen = true;
        if (n == 0) continue;
        if (part->column >= 0) *any = true;
        CT_CHECK(ct_str_append(&c->composed, text, n, err));
    }
    return CT_OK;
}

ct_status ct__column_read(ct__column *c, const ct_table *t, const char **text, size_t *n, ct_error *err) {
    *text = NULL;
    *n = 0;
    if (c->n_parts == 0) return CT_OK;
    if (!c->is_template) {
        *text = ct_table_cell(t, c->parts[0].column, n);
        if (*text) c->seen = true;
        if (*n == 0) *text = NULL;
        return CT_OK;
    }
    bool any = false;
    CT_CHECK(compose(c, t, &any, err));
    if (!any) return CT_OK;
    const char *begin = ct_str_text(&c->composed), *end = begin + c->composed.length;
    while (begin < end && is_space(*begin)) begin++;
    while (begin < end && is_space(end[-1])) end--;
    if (begin == end) return CT_OK;
    *text = begin;
    *n = (size_t)(end - begin);
    c->composed.data[end - c->composed.data] = '\0';
    return CT_OK;
}

ct_status ct__column_finish(const ct__column *c, const ct_table *t, ct_error *err) {
    if (!c->wanted || c->seen || c->n_parts == 0) return CT_OK;
    for (size_t i = 0; i < c->n_parts; i++)
        if (c->parts[i].column >= 0)
            return ct_fail(err, CT_ERR_DATA, "'%s': no row has a value in '%s' (%s)", ct_table_path(t),
                           c->parts[i].text, c->key);
    return CT_OK;
}

void ct__column_free(ct__column *c) {
    for (size_t i = 0; i < c->n_parts; i++) ct_free(c->parts[i].text);
    ct_free(c->parts);
    ct_str_free(&c->composed);
    memset(c, 0, sizeof *c);
}
