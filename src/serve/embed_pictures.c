/* Pictures from a list to vectors: a block of files is decoded by all threads, what came out is encoded. */
#include "serve/embed_pictures.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "data/picture_files.h"

enum { FILES = 64, SHOWN = 5 };

typedef struct source {
    ct__pictures *out;
    const ct_picture_list *list;
    const ct_observer *observer;
    int side;
    int64_t next; /* of the list */
    ct_picture_file files[FILES];
} source;

static void name_broken(source *s, const ct_picture_file *f) {
    if (s->out->n_broken++ < SHOWN)
        ct_observe(s->observer, CT_MESSAGE_WARNING, "left out, picture: %s", f->why.text);
}

static ct_status keep(source *s, int64_t number, ct_error *err) {
    const char *id = ct_strings_get(&s->list->id, number);
    CT_CHECK(ct_string_list_add(&s->out->ids, id, strlen(id), err));
    s->out->n++;
    return CT_OK;
}

/* Decodes the next `n` files to the places that follow rgb; the pictures that came out move together, *good of them. */
static ct_status decode(source *s, int n, uint8_t *rgb, int32_t *good, ct_error *err) {
    const size_t bytes = (size_t)s->side * (size_t)s->side * 3;
    CT_CHECK(ct_picture_files_decode(s->files, n, s->side, err));
    for (int i = 0; i < n; i++) {
        const ct_picture_file *f = &s->files[i];
        if (f->why.status != CT_OK) {
            name_broken(s, f);
            continue;
        }
        memmove(rgb + (size_t)*good * bytes, f->rgb, bytes);
        ++*good;
        CT_CHECK(keep(s, s->next + i, err));
    }
    s->next += n;
    return CT_OK;
}

static void clear(source *s) {
    for (int i = 0; i < FILES; i++) {
        ct_free((char *)s->files[i].path);
        s->files[i].path = NULL;
    }
}

/* The next files of the list, at most `most`. */
static ct_status take_files(source *s, int32_t most, uint8_t *rgb, int32_t *good, ct_error *err) {
    const size_t bytes = (size_t)s->side * (size_t)s->side * 3;
    const int64_t left = s->list->n - s->next;
    const int limit = most < FILES ? (int)most : FILES, n = left < limit ? (int)left : limit;
    ct_status st = CT_OK;
    for (int i = 0; st == CT_OK && i < n; i++) {
        char *path = NULL;
        st = ct_picture_list_path(s->list, s->next + i, &path, err);
        s->files[i].path = path;
        s->files[i].rgb = rgb + (size_t)i * bytes;
    }
    if (st == CT_OK) st = decode(s, n, rgb, good, err);
    clear(s);
    return st;
}

/* Goes on to the next files until the block is full, so that all blocks but the last are of one size. */
static ct_status next_pictures(void *ctx, int32_t most, uint8_t *rgb, int32_t *n, ct_error *err) {
    source *s = ctx;
    ct_work work = {s->observer, "encoding pictures"};
    const size_t bytes = (size_t)s->side * (size_t)s->side * 3;
    *n = 0;
    while (*n < most && s->next < s->list->n) {
        int32_t good = 0;
        CT_CHECK(take_files(s, most - *n, rgb + (size_t)*n * bytes, &good, err));
        *n += good;
        if (ct_work_progress(&work, s->next, s->list->n) == 0) continue;
        return ct_fail(err, CT_ERR_INTERRUPTED, "encoding stopped after %" PRId64 " of %" PRId64 " pictures", s->next,
                       s->list->n);
    }
    return CT_OK;
}

static ct_status tell_broken(const ct__pictures *p, const ct_picture_list *list, const ct_observer *observer,
                             ct_error *err) {
    if (p->n == 0) return ct_fail(err, CT_ERR_DATA, "none of %" PRId64 " pictures could be read", list->n);
    if (p->n_broken > 0)
        ct_observe(observer, CT_MESSAGE_WARNING, "%" PRId64 " of %" PRId64 " pictures could not be read and are left "
                   "out", p->n_broken, list->n);
    return CT_OK;
}

ct_status ct__pictures_encode(ct__pictures *out, const ct_picture_list *list, const ct_session *session,
                              int32_t platform, ct_error *err) {
    ct_status st = CT_OK;
    source *s = NULL;
    int64_t n = 0;
    memset(out, 0, sizeof *out);
    CT_CHECK(ct_calloc(1, sizeof *s, (void **)&s, err));
    *s = (source){.out = out, .list = list, .observer = session->observer, .side = (int)session->data->picture_size};
    const size_t row_bytes = (size_t)ct_model_dim(session->model) * sizeof *out->rows;
    CT_TRY(ct_calloc((size_t)list->n, row_bytes, (void **)&out->rows, err), st, done);
    CT_TRY(ct_encode_pictures(session->model, session->batcher, next_pictures, s, platform, out->rows, &n, err), st,
           done);
    out->id = ct_string_list_view(&out->ids);
    st = tell_broken(out, list, session->observer, err);
done:
    ct_free(s);
    return st;
}

void ct__pictures_free(ct__pictures *p) {
    ct_free(p->rows);
    ct_string_list_free(&p->ids);
    memset(p, 0, sizeof *p);
}
