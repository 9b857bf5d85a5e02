/* The kept items' pictures, decoded, resized and streamed into the cache. A block of them at a time is
 * decoded by all threads; what cannot be read or decoded is a missing modality: counted, the first ones
 * named. */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "data/dataset_format.h"
#include "data/fingerprint.h"
#include "data/picture_files.h"
#include "data/prepare_state.h"

enum { BLOCK = 64, SHOWN = 5 };

typedef struct pictures {
    ct__prepare *p;
    ct__cache_out *out;
    int size;
    ct_picture_file files[BLOCK]; /* paths and pixels are owned */
    ct__input look[BLOCK];        /* size and time of each before it is read, so that a later change shows */
    int64_t item[BLOCK];          /* kept number */
    int n_files;
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

static void name_broken(pictures *s, int64_t item, const ct_picture_file *f) {
    const ct__raw_platform *platform = ct__prepare_item_platform(s->p, s->p->item_raw[item]);
    platform->counts->broken_images++;
    platform->counts->without_image++;
    if (s->shown++ < SHOWN) ct_log(CT_LOG_WARNING, "picture: %s", f->why.text);
}

static void clear(pictures *s) {
    for (int i = 0; i < s->n_files; i++) {
        ct_free((char *)s->files[i].path);
        s->files[i].path = NULL;
    }
    s->n_files = 0;
}

/* Decodes the block and writes what came out, in the order of the items. */
static ct_status flush(pictures *s, ct_error *err) {
    const size_t bytes = (size_t)s->size * (size_t)s->size * 3;
    CT_CHECK(ct_picture_files_decode(s->files, s->n_files, s->size, err));
    for (int i = 0; i < s->n_files; i++) {
        const ct_picture_file *f = &s->files[i];
        CT_CHECK(ct__fingerprint_picture(&s->look[i], &s->p->picture_files, err));
        if (f->why.status != CT_OK) {
            name_broken(s, s->item[i], f);
        } else {
            s->row[s->item[i]] = s->n_rows++;
            CT_CHECK(ct__cache_out_write(s->out, f->rgb, bytes, err));
        }
    }
    clear(s);
    return CT_OK;
}

static ct_status add(pictures *s, int64_t item, ct_error *err) {
    const char *name = ct__texts_get(&s->p->texts, s->p->items[s->p->item_raw[item]].image);
    s->row[item] = -1;
    if (!name[0]) return CT_OK;
    char *path = NULL;
    CT_CHECK(path_of(s->p, item, name, &path, err));
    s->files[s->n_files].path = path;
    ct__input_look(&s->look[s->n_files], path);
    s->item[s->n_files++] = item;
    return s->n_files == BLOCK ? flush(s, err) : CT_OK;
}

static ct_status write_rows(pictures *s, ct_error *err) {
    const int64_t n = s->p->n_items;
    const size_t bytes = (size_t)s->size * (size_t)s->size * 3;
    CT_CHECK(ct_calloc((size_t)n, sizeof *s->row, (void **)&s->row, err));
    for (int i = 0; i < BLOCK; i++) CT_CHECK(ct_calloc(bytes, 1, (void **)&s->files[i].rgb, err));
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
    clear(s);
    for (int i = 0; i < BLOCK; i++) ct_free(s->files[i].rgb);
    ct_free(s->row);
    ct_free(s);
    return st;
}
