/* Precomputed vectors of items: the files of all platforms opened and compared, and each item's row found in them. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "data/dataset_format.h"
#include "data/prepare_report.h"
#include "data/prepare_state.h"
#include "data/vector_ids.h"

static const char *name_of(const void *ctx, int i) {
    return ((const ct__prepare *)ctx)->vectors[i].name;
}

/* ---- opening ---- */

static int find_modality(const ct__prepare *p, const char *name) {
    int i = 0;
    while (i < p->n_vectors && strcmp(p->vectors[i].name, name) != 0) i++;
    return i;
}

/* The first file of a modality that was opened. */
static const ct__vector_file *first_file(const ct__vector_input *v, int n_platforms) {
    for (int i = 0; i < n_platforms; i++)
        if (v->files[i].npy.values) return &v->files[i];
    return NULL;
}

static ct_status open_file(const ct__prepare *p, int platform, const ct_config_vectors *c, ct__vector_input *v,
                           ct_error *err) {
    ct__vector_file *f = &v->files[platform];
    const ct__vector_file *first = first_file(v, p->config->n_platforms);
    CT_CHECK(ct_npy_open(&f->npy, c->path, err));
    f->path = c->path;
    if (f->npy.dim > CT__VECTOR_WIDTH_MAX)
        return ct_fail(err, CT_ERR_DATA, "vectors '%s': %" PRId64 " columns, want at most %d", c->path, f->npy.dim,
                       CT__VECTOR_WIDTH_MAX);
    if (first && f->npy.dim != first->npy.dim)
        return ct_fail(err, CT_ERR_DATA,
                       "items.vectors.%s: '%s' has %" PRId64 " columns and '%s' has %" PRId64
                       "; a modality has the same on all platforms (give another kind of vector another name)",
                       c->name, first->path, first->npy.dim, c->path, f->npy.dim);
    v->width = f->npy.dim;
    return CT_OK;
}

ct_status ct__prepare_open_vectors(ct__prepare *p, ct_error *err) {
    const ct_config *config = p->config;
    size_t most = 0;
    for (int i = 0; i < config->n_platforms; i++) most += (size_t)config->platforms[i].items.n_vectors;
    CT_CHECK(ct_calloc(most, sizeof *p->vectors, (void **)&p->vectors, err));
    for (int i = 0; i < config->n_platforms; i++) {
        const ct_config_items *items = &config->platforms[i].items;
        for (int k = 0; k < items->n_vectors; k++) {
            ct__vector_input *v = &p->vectors[find_modality(p, items->vectors[k].name)];
            if (!v->name) {
                CT_CHECK(ct_calloc((size_t)config->n_platforms, sizeof *v->files, (void **)&v->files, err));
                v->name = items->vectors[k].name;
                p->n_vectors++;
            }
            CT_CHECK(open_file(p, i, &items->vectors[k], v, err));
        }
    }
    return ct__report_add_vectors(p->report, p->n_vectors, name_of, p, err);
}

void ct__prepare_free_vectors(ct__prepare *p) {
    for (int i = 0; i < p->n_vectors; i++) {
        for (int k = 0; k < p->config->n_platforms; k++) {
            ct_npy_close(&p->vectors[i].files[k].npy);
            ct_free(p->vectors[i].files[k].row);
        }
        ct_free(p->vectors[i].files);
    }
    ct_free(p->vectors);
}

/* ---- whose row is whose ---- */

typedef struct match {
    const ct__raw_platform *platform;
    ct__vector_file *file;
    const char *ids; /* path */
    int64_t n_rows, known, unknown;
    ct_str first_unknown;
} match;

static ct_status take_id(void *ctx, int64_t row, int64_t line, const char *id, size_t n, ct_error *err) {
    match *m = ctx;
    const int64_t item = ct_strmap_find(m->platform->item_ids, id, n);
    if (item < 0) {
        if (m->unknown++ == 0) CT_CHECK(ct_str_append(&m->first_unknown, id, n < 100 ? n : 100, err));
        return CT_OK;
    }
    if (m->file->row[item] >= 0)
        return ct_fail(err, CT_ERR_DATA, "'%s', line %" PRId64 ": id '%.*s' stands twice", m->ids, line,
                       n < 100 ? (int)n : 100, id);
    m->file->row[item] = row;
    m->known++;
    return CT_OK;
}

static ct_status match_ids(match *m, ct_error *err) {
    const ct__raw_platform *platform = m->platform;
    const char *name = platform->config->name;
    CT_CHECK(ct__vector_ids_read(m->ids, name, take_id, m, &m->n_rows, err));
    if (m->n_rows != m->file->npy.n)
        return ct_fail(err, CT_ERR_DATA, "'%s' has %" PRId64 " ids, and '%s' has %" PRId64 " vectors; want as many",
                       m->ids, m->n_rows, m->file->path, m->file->npy.n);
    if (m->known > 0 || ct_strmap_count(platform->item_ids) == 0) return CT_OK;
    if (m->unknown == 0)
        return ct_fail(err, CT_ERR_DATA, "'%s': no row is of platform '%s'", m->ids, name);
    return ct_fail(err, CT_ERR_DATA, "'%s': none of its ids is an item of platform '%s': '%s' here, '%s' there", m->ids,
                   name, ct_str_text(&m->first_unknown), ct_strmap_key(platform->item_ids, 0, NULL));
}

/* Without ids row i is item i: a row that was left out as bad would shift them, so the counts must agree. */
static ct_status match_places(match *m, ct_error *err) {
    const int64_t n = ct_strmap_count(m->platform->item_ids);
    if (m->file->npy.n != n)
        return ct_fail(err, CT_ERR_DATA,
                       "vectors '%s': %" PRId64 " rows, and platform '%s' has %" PRId64 " items (%" PRId64
                       " bad rows in its files); put the ids of the rows beside it, one a line, in FILE.ids for "
                       "FILE.npy",
                       m->file->path, m->file->npy.n, m->platform->config->name, n, m->platform->counts->bad_rows);
    for (int64_t i = 0; i < n; i++) m->file->row[i] = i;
    return CT_OK;
}

static ct_status match_file(ct__prepare *p, int platform, int modality, ct_error *err) {
    match m = {.platform = &p->platforms[platform], .file = &p->vectors[modality].files[platform]};
    char *ids = NULL;
    const int64_t n = ct_strmap_count(m.platform->item_ids);
    if (!m.file->path) return CT_OK;
    CT_CHECK(ct_calloc((size_t)n, sizeof *m.file->row, (void **)&m.file->row, err));
    for (int64_t i = 0; i < n; i++) m.file->row[i] = -1;
    CT_CHECK(ct__vector_ids_find(m.file->path, &ids, err));
    m.ids = ids;
    const ct_status st = ids ? match_ids(&m, err) : match_places(&m, err);
    p->report->vectors[platform * p->n_vectors + modality].unknown = m.unknown;
    ct_str_free(&m.first_unknown);
    ct_free(ids);
    return st;
}

ct_status ct__prepare_match_vectors(ct__prepare *p, ct_error *err) {
    for (int i = 0; i < p->config->n_platforms; i++)
        for (int k = 0; k < p->n_vectors; k++) CT_CHECK(match_file(p, i, k, err));
    return CT_OK;
}
