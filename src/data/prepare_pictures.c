/* The kept items' pictures, decoded, resized and streamed into the cache. A block of them at a time is
 * decoded by all threads; what cannot be read or decoded is a missing modality: counted, the first ones
 * named. */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "data/dataset_format.h"
#include "data/picture.h"
#include "data/prepare_state.h"

enum { BLOCK = 64, SHOWN = 5, FILE_LIMIT = 256 << 20 };

typedef struct job {
    int64_t item; /* kept number */
    char *path;
    uint8_t *rgb; /* [P, P, 3] */
    ct_error why; /* why there is none */
} job;

typedef struct pictures {
    ct__prepare *p;
    ct__cache_out *out;
    int size;
    job jobs[BLOCK];
    int n_jobs;
    int32_t *row; /* [n_items] */
    int32_t n_rows;
    int shown;
} pictures;

/* The path of a picture: relative ones lie beside the item file that names them. */
static ct_status path_of(const ct__prepare *p, int64_t item, const char *name, char **path, ct_error *err) {
    const int32_t raw = p->item_raw[item];
    const ct__raw_platform *platform = ct__prepare_item_platform(p, raw);
    char *folder = NULL;
    CT_CHECK(ct_path_dir(platform->items.v[p->items[raw].file].path, &folder, err));
    const ct_status st = ct_path_join(folder, name, path, err);
    ct_free(folder);
    return st;
}

static void decode(job *j, int size) {
    ct_picture_scratch scratch = {0};
    char *bytes = NULL;
    size_t n = 0;
    if (ct_read_file(j->path, FILE_LIMIT, &bytes, &n, &j->why) == CT_OK)
        ct_picture_decode(bytes, n, size, j->rgb, &scratch, &j->why);
    ct_picture_scratch_free(&scratch);
    ct_free(bytes);
}

static void name_broken(pictures *s, const job *j) {
    const ct__raw_platform *platform = ct__prepare_item_platform(s->p, s->p->item_raw[j->item]);
    platform->counts->broken_images++;
    platform->counts->without_image++;
    if (s->shown++ < SHOWN) ct_log(CT_LOG_WARNING, "picture '%s': %s", j->path, j->why.text);
}

/* Decodes the block and writes what came out, in the order of the items. A lack of memory is no broken
 * picture. */
static ct_status flush(pictures *s, ct_error *err) {
    const size_t bytes = (size_t)s->size * (size_t)s->size * 3;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < s->n_jobs; i++) decode(&s->jobs[i], s->size);
    for (int i = 0; i < s->n_jobs; i++) {
        job *j = &s->jobs[i];
        if (j->why.status == CT_ERR_MEMORY)
            return ct_fail(err, CT_ERR_MEMORY, "picture '%s': %s", j->path, j->why.text);
        if (j->why.status != CT_OK) {
            name_broken(s, j);
        } else {
            s->row[j->item] = s->n_rows++;
            CT_CHECK(ct__cache_out_write(s->out, j->rgb, bytes, err));
        }
        ct_free(j->path);
        j->path = NULL;
    }
    s->n_jobs = 0;
    return CT_OK;
}

static ct_status add(pictures *s, int64_t item, ct_error *err) {
    const char *name = ct__texts_get(&s->p->texts, s->p->items[s->p->item_raw[item]].image);
    s->row[item] = -1;
    if (!name[0]) return CT_OK;
    job *j = &s->jobs[s->n_jobs];
    j->item = item;
    j->why = (ct_error)CT_ERROR_INIT;
    CT_CHECK(path_of(s->p, item, name, &j->path, err));
    s->n_jobs++;
    return s->n_jobs == BLOCK ? flush(s, err) : CT_OK;
}

static ct_status write_rows(pictures *s, ct_error *err) {
    const int64_t n = s->p->n_items;
    const size_t bytes = (size_t)s->size * (size_t)s->size * 3;
    CT_CHECK(ct_calloc((size_t)n, sizeof *s->row, (void **)&s->row, err));
    for (int i = 0; i < BLOCK; i++) CT_CHECK(ct_calloc(bytes, 1, (void **)&s->jobs[i].rgb, err));
    for (int64_t i = 0; i < n; i++) CT_CHECK(add(s, i, err));
    return flush(s, err);
}

ct_status ct__prepare_pictures(ct__prepare *p, struct ct__cache_out *out, ct_error *err) {
    ct_status st = CT_OK;
    pictures *s = NULL;
    CT_CHECK(ct_calloc(1, sizeof *s, (void **)&s, err));
    *s = (pictures){.p = p, .out = out, .size = (int)p->config->data.picture_size};
    CT_TRY(ct__cache_out_begin(out, CT__SECTION_PICTURES, err), st, done);
    if (s->size > 0) CT_TRY(write_rows(s, err), st, done);
    CT_TRY(ct__cache_out_end(out, err), st, done);
    st = ct__cache_out_section(out, CT__SECTION_ITEM_PICTURE, s->row,
                               s->size > 0 ? (size_t)p->n_items * sizeof *s->row : 0, err);
done:
    for (int i = 0; i < BLOCK; i++) {
        ct_free(s->jobs[i].path);
        ct_free(s->jobs[i].rgb);
    }
    ct_free(s->row);
    ct_free(s);
    return st;
}
