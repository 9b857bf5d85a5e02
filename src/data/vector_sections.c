/* The vectors' sections of the cache: written a row at a time from the maps of their files, and checked when it is
 * opened. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "data/dataset_format.h"
#include "data/prepare_report.h"
#include "data/prepare_state.h"

static bool all_finite(const float *v, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return false;
    return true;
}

/* ---- writing ---- */

typedef struct writer {
    ct__prepare *p;
    ct__cache_out *out;
    float *row;        /* [widest] */
    int32_t *item_row; /* [n_vectors, n_items] */
    int64_t *shape;    /* [n_vectors, 2] */
    int64_t *begin;    /* [n_vectors + 1]: of the names */
} writer;

/* One platform's items of a modality. */
static ct_status write_platform(writer *w, int modality, int platform, ct_error *err) {
    ct__prepare *p = w->p;
    const ct__vector_file *f = &p->vectors[modality].files[platform];
    ct_prepare_vectors *counts = &p->report->vectors[platform * p->n_vectors + modality];
    for (int64_t i = p->item_begin[platform]; i < p->item_begin[platform + 1]; i++) {
        int32_t *item_row = &w->item_row[modality * p->n_items + i];
        const int64_t row = f->path ? f->row[p->item_raw[i] - p->platforms[platform].item_begin] : -1;
        *item_row = -1;
        if (row >= 0) ct_npy_read(&f->npy, row, 1, w->row);
        const bool good = row >= 0 && all_finite(w->row, f->npy.dim);
        counts->broken += row >= 0 && !good;
        counts->missing += !good;
        if (!good) continue;
        *item_row = (int32_t)w->shape[2 * modality]++;
        CT_CHECK(ct__cache_out_write(w->out, w->row, (size_t)f->npy.dim * sizeof *w->row, err));
    }
    return CT_OK;
}

static ct_status write_sections(writer *w, ct_error *err) {
    const ct__prepare *p = w->p;
    const size_t n = (size_t)p->n_vectors;
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_VECTORS, err));
    for (int i = 0; i < p->n_vectors; i++) {
        w->shape[2 * i + 1] = p->vectors[i].width;
        for (int k = 0; k < p->config->n_platforms; k++) CT_CHECK(write_platform(w, i, k, err));
    }
    CT_CHECK(ct__cache_out_end(w->out, err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_ITEM_VECTOR, w->item_row,
                                   n * (size_t)p->n_items * sizeof *w->item_row, err));
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_VECTOR_SHAPE, w->shape, 2 * n * sizeof *w->shape, err));
    for (size_t i = 0; i < n; i++) w->begin[i + 1] = w->begin[i] + (int64_t)strlen(p->vectors[i].name) + 1;
    CT_CHECK(ct__cache_out_section(w->out, CT__SECTION_VECTOR_NAME_BEGIN, w->begin, (n + 1) * sizeof *w->begin, err));
    CT_CHECK(ct__cache_out_begin(w->out, CT__SECTION_VECTOR_NAME, err));
    for (size_t i = 0; i < n; i++)
        CT_CHECK(ct__cache_out_write(w->out, p->vectors[i].name, strlen(p->vectors[i].name) + 1, err));
    return ct__cache_out_end(w->out, err);
}

ct_status ct__prepare_write_vectors(ct__prepare *p, struct ct__cache_out *out, ct_error *err) {
    writer w = {.p = p, .out = out};
    ct_status st = CT_OK;
    int64_t widest = 0;
    const size_t n = (size_t)p->n_vectors;
    for (size_t i = 0; i < n; i++)
        if (p->vectors[i].width > widest) widest = p->vectors[i].width;
    CT_TRY(ct_calloc((size_t)widest, sizeof *w.row, (void **)&w.row, err), st, done);
    CT_TRY(ct_calloc(n, (size_t)p->n_items * sizeof *w.item_row, (void **)&w.item_row, err), st, done);
    CT_TRY(ct_calloc(2 * n, sizeof *w.shape, (void **)&w.shape, err), st, done);
    CT_TRY(ct_calloc(n + 1, sizeof *w.begin, (void **)&w.begin, err), st, done);
    st = write_sections(&w, err);
done:
    ct_free(w.row);
    ct_free(w.item_row);
    ct_free(w.shape);
    ct_free(w.begin);
    return st;
}

/* ---- opening ---- */

static int64_t elements(const struct ct_dataset_store *s, ct__section section, size_t bytes) {
    return (int64_t)(s->header->sections[section].size / bytes);
}

/* The sections' sizes against each other; 2^12 modalities keep all products below 2^63. */
static int wrong_section(const struct ct_dataset_store *s, int64_t n) {
    const int64_t *shape = ct__cache_section(s, CT__SECTION_VECTOR_SHAPE);
    int64_t values = 0;
    if (elements(s, CT__SECTION_VECTOR_SHAPE, sizeof *shape) != 2 * n || n > 4096) return CT__SECTION_VECTOR_SHAPE;
    for (int64_t i = 0; i < n; i++) {
        if (shape[2 * i] < 0 || shape[2 * i] > s->header->n_items || shape[2 * i + 1] < 1 ||
            shape[2 * i + 1] > CT__VECTOR_WIDTH_MAX)
            return CT__SECTION_VECTOR_SHAPE;
        values += shape[2 * i] * shape[2 * i + 1];
    }
    if (elements(s, CT__SECTION_VECTORS, sizeof(float)) != values) return CT__SECTION_VECTORS;
    if (elements(s, CT__SECTION_ITEM_VECTOR, sizeof(int32_t)) != n * s->header->n_items) return CT__SECTION_ITEM_VECTOR;
    if (elements(s, CT__SECTION_VECTOR_REPORT, sizeof(int64_t)) != n * s->header->n_platforms * CT__VECTOR_COUNTS)
        return CT__SECTION_VECTOR_REPORT;
    return -1;
}

static int wrong_content(const struct ct_dataset_store *s, bool verify) {
    for (int32_t i = 0; i < s->n_vectors; i++) {
        const ct_item_vectors *v = &s->vectors[i];
        for (int64_t k = 0; k < s->header->n_items; k++)
            if (v->item_row[k] < -1 || v->item_row[k] >= v->n_rows) return CT__SECTION_ITEM_VECTOR;
        if (verify && !all_finite(v->rows, v->n_rows * v->width)) return CT__SECTION_VECTORS;
    }
    return -1;
}

ct_status ct__dataset_open_vectors(struct ct_dataset_store *s, bool verify, int *bad, ct_error *err) {
    const int64_t n = elements(s, CT__SECTION_VECTOR_NAME_BEGIN, sizeof(int64_t)) - 1;
    const int64_t *shape = ct__cache_section(s, CT__SECTION_VECTOR_SHAPE);
    const int64_t *name_begin = ct__cache_section(s, CT__SECTION_VECTOR_NAME_BEGIN);
    const char *names = ct__cache_section(s, CT__SECTION_VECTOR_NAME);
    const float *rows = ct__cache_section(s, CT__SECTION_VECTORS);
    const int32_t *item_row = ct__cache_section(s, CT__SECTION_ITEM_VECTOR);
    *bad = wrong_section(s, n);
    if (*bad >= 0) return CT_OK;
    CT_CHECK(ct_calloc((size_t)n, sizeof *s->vectors, (void **)&s->vectors, err));
    s->n_vectors = (int32_t)n;
    for (int64_t i = 0; i < n; i++) {
        s->vectors[i] = (ct_item_vectors){.name = names + name_begin[i],
                                          .width = (int32_t)shape[2 * i + 1],
                                          .n_rows = shape[2 * i],
                                          .rows = rows,
                                          .item_row = item_row + i * s->header->n_items};
        rows += shape[2 * i] * shape[2 * i + 1];
    }
    *bad = wrong_content(s, verify);
    return CT_OK;
}
