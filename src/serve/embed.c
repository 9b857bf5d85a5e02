/* Embedding texts from a file, or pictures from a folder or a list: read, encoded by one tower, written with their ids
 * into a folder of their own. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/half.h"
#include "crosstower/crosstower.h"
#include "data/text_list.h"
#include "run/session.h"
#include "serve/embed_pictures.h"
#include "serve/out_folder.h"
#include "serve/platform.h"
#include "serve/side_files.h"

/* What is embedded. */
typedef struct kind {
    const char *name; /* of the files, and in messages */
    const char *format;
} kind;
static const kind of_texts = {"texts", "crosstower-texts-1"}, of_images = {"images", "crosstower-images-1"};

typedef struct job {
    const kind *kind;
    const ct_config *config;
    const ct_embed_options *options;
    const ct_observer *observer;
    ct_session session;
    char *weights;          /* the file that was read */
    ct_side side;
    int32_t platform;
    ct_text_list texts;
    float *rows;            /* [n, D]: the texts' */
    ct_picture_list list;
    ct__pictures pictures;
    int64_t *begin;         /* [n_platforms + 1]: all rows are the platform's */
    ct__side out;
    ct__out_folder folder;
    json_t *files;
} job;

/* ---- what is asked --------------------------------------------------------------------------------------------- */

static ct_status choose_platform(job *j, ct_error *err) {
    const ct_dataset *data = j->session.data;
    CT_CHECK(ct__find_platform(data, j->options->platform, &j->platform, err));
    if (j->platform >= 0) return CT_OK;
    j->platform = 0;
    if (data->n_platforms > 1 && j->config->model.platform_embedding)
        ct_observe(j->observer, CT_MESSAGE_INFO, "the %s are read as %s of platform '%s'; --platform names another",
                   j->kind->name, j->side == CT_SIDE_ITEM ? "items" : "users", ct_strings_get(&data->platform_name, 0));
    return CT_OK;
}

/* Does the tower read such things? */
static ct_status check_tower(const job *j, ct_error *err) {
    if (j->kind == &of_images) {
        if (j->config->model.image.kind != CT_IMAGE_NONE) return CT_OK;
        return ct_fail(err, CT_ERR_CONFIG, "model.item.image: none: this model reads no picture, so pictures have no "
                                           "vectors");
    }
    if (ct_batcher_text_limit(j->session.batcher, j->side) > 0) return CT_OK;
    return ct_fail(err, CT_ERR_CONFIG, "%s: none: this tower reads no text, so texts have no vectors",
                   j->side == CT_SIDE_ITEM ? "model.item.text" : "model.user.encoder");
}

static ct_status open_model(job *j, ct_error *err) {
    CT_CHECK(ct_session_open_weights(&j->session, j->config, j->options->checkpoint, j->observer, &j->weights, err));
    CT_CHECK(check_tower(j, err));
    return choose_platform(j, err);
}

/* ---- vectors --------------------------------------------------------------------------------------------------- */

static ct_status encode_texts(job *j, ct_error *err) {
    const ct_session *s = &j->session;
    ct_text_list *l = &j->texts;
    ct_work reading = {j->observer, "reading texts, bytes"}, encoding = {j->observer, "encoding texts"};
    CT_CHECK(ct_text_list_read(l, j->options->texts, s->data->tokenizer, ct_batcher_text_limit(s->batcher, j->side),
                               ct_work_progress, &reading, err));
    if (l->n_empty > 0)
        ct_observe(j->observer, CT_MESSAGE_WARNING, "'%s': %" PRId64 " of %" PRId64 " texts are empty: they all get the "
                   "same vector", j->options->texts, l->n_empty, l->n);
    CT_CHECK(ct_calloc((size_t)l->n, (size_t)ct_model_dim(s->model) * sizeof *j->rows, (void **)&j->rows, err));
    return ct_encode_texts(s->model, s->batcher, j->side, &l->tokens, l->n, j->platform, j->rows, ct_work_progress,
                           &encoding, err);
}

static ct_status encode_images(job *j, ct_error *err) {
    CT_CHECK(ct_picture_list_read(&j->list, j->options->images, err));
    return ct__pictures_encode(&j->pictures, &j->list, &j->session, j->platform, err);
}

static ct_status encode(job *j, ct_error *err) {
    const ct_session *s = &j->session;
    const int32_t n_platforms = s->data->n_platforms;
    const bool images = j->kind == &of_images;
    CT_CHECK(images ? encode_images(j, err) : encode_texts(j, err));
    const int64_t n = images ? j->pictures.n : j->texts.n;
    CT_CHECK(ct_calloc((size_t)n_platforms + 1, sizeof *j->begin, (void **)&j->begin, err));
    for (int32_t p = j->platform; p < n_platforms; p++) j->begin[p + 1] = n;
    j->out = (ct__side){.name = j->kind->name,
                        .vectors = {n, ct_model_dim(s->model), images ? j->pictures.rows : j->rows},
                        .ids = images ? &j->pictures.id : &j->texts.id,
                        .platform_name = &s->data->platform_name, .begin = j->begin, .n_platforms = n_platforms};
    return CT_OK;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static unsigned formats_of(const job *j) { return j->config->export.formats | CT_EXPORT_NPY; }

static ct_status write_manifest(job *j, ct_error *err) {
    ct_status st = CT_OK;
    const ct_session *s = &j->session;
    char *path = NULL, data_hex[17], model_hex[17];
    uint64_t hash = 0, bytes = 0;
    float scale = 1.0f;
    CT_CHECK(ct_file_hash(j->weights, &hash, &bytes, err));
    CT_CHECK(ct_model_scale(s->model, &scale, err));
    snprintf(model_hex, sizeof model_hex, "%016" PRIx64, hash);
    snprintf(data_hex, sizeof data_hex, "%016" PRIx64, s->data->hash);
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:s, s:I, s:O}", "format", j->kind->format, "version", CT_VERSION,
        "run", j->config->name, "model_xxh3", model_hex, "data_xxh3", data_hex, "side", j->side == CT_SIDE_USER ? "user" : "item",
        "platform", ct_strings_get(&s->data->platform_name, j->platform), "metric",
        j->config->model.similarity == CT_SIMILARITY_COSINE ? "cosine" : "dot", "dim", (json_int_t)j->out.vectors.dim,
        "temperature", 1.0 / (double)scale, "dtype", j->config->export.f16 ? "f16" : "f32", "count",
        (json_int_t)j->out.vectors.n, "files", j->files);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text) return ct_fail(err, CT_ERR_MEMORY, "manifest of the %s", j->kind->name);
    CT_TRY(ct_path_join(j->folder.fresh, "manifest.json", &path, err), st, done);
    st = ct_write_file(path, text, strlen(text), err);
done:
    free(text);
    ct_free(path);
    return st;
}

/* A file of vectors, read back, holds what was encoded: the same f32, or the nearest f16. */
static ct_status check_format(const job *j, const ct__side_format *f, ct_error *err) {
    char name[32];
    char *path = NULL;
    float *rows = NULL;
    int64_t n = 0, dim = 0;
    const bool half = j->config->export.f16 && (f->format & (CT_EXPORT_NPY | CT_EXPORT_SAFETENSORS));
    const ct_vectors *v = &j->out.vectors;
    snprintf(name, sizeof name, "%s.%s", j->kind->name, f->suffix);
    ct_status st = ct_path_join(j->folder.fresh, name, &path, err);
    if (st == CT_OK) st = f->read(path, &n, &dim, &rows, err);
    if (st == CT_OK && (n != v->n || dim != v->dim))
        st = ct_fail(err, CT_ERR_INTERNAL, "'%s': reads as %" PRId64 " x %" PRId64 ", %" PRId64 " x %" PRId64 " were written",
                     path, n, dim, v->n, v->dim);
    for (int64_t i = 0; st == CT_OK && i < n * dim; i++) {
        const float want = half ? ct_f16_to_f32(ct_f32_to_f16(v->rows[i])) : v->rows[i];
        if (!(rows[i] == want) || !isfinite(want))
            st = ct_fail(err, CT_ERR_INTERNAL, "'%s': row %" PRId64 " reads as %.9g, %.9g was written", path, i / dim,
                         (double)rows[i], (double)want);
    }
    ct_free(path);
    ct_free(rows);
    return st;
}

static ct_status write_folder(job *j, ct_error *err) {
    CT_CHECK(ct__out_folder_begin(&j->folder, err));
    CT_CHECK(ct__side_write(&j->out, j->folder.fresh, formats_of(j), j->config->export.f16, j->files, err));
    CT_CHECK(write_manifest(j, err));
    for (int i = 0; i < CT__SIDE_FORMATS; i++)
        if (formats_of(j) & ct__side_formats[i].format) CT_CHECK(check_format(j, &ct__side_formats[i], err));
    return ct__out_folder_commit(&j->folder, err);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static void job_close(job *j) {
    ct__out_folder_end(&j->folder);
    ct_text_list_free(&j->texts);
    ct_picture_list_free(&j->list);
    ct__pictures_free(&j->pictures);
    ct_session_close(&j->session);
    ct_free(j->weights);
    ct_free(j->rows);
    ct_free(j->begin);
    json_decref(j->files);
}

ct_status ct_run_embed(const ct_config *config, const ct_embed_options *options, const ct_observer *observer,
                       ct_embed_result *result, ct_error *err) {
    ct_status st = CT_OK;
    job j = {.config = config, .options = options, .observer = observer};
    if (result) *result = (ct_embed_result){0};
    if (!options || !options->texts == !options->images || !options->out)
        return ct_fail(err, CT_ERR_ARGUMENT, "embed: want a file of texts, or pictures, and a folder to write");
    j.kind = options->images ? &of_images : &of_texts;
    j.side = options->images || options->items ? CT_SIDE_ITEM : CT_SIDE_USER;
    CT_TRY(ct__out_folder_check(&j.folder, options->out, j.kind->format, "choose another with --out", err), st, done);
    j.files = json_object();
    CT_TRY(open_model(&j, err), st, done);
    CT_TRY(encode(&j, err), st, done);
    CT_TRY(write_folder(&j, err), st, done);
    if (result)
        *result = (ct_embed_result){j.out.vectors.n, j.out.vectors.dim, j.texts.n_empty, j.pictures.n_broken};
done:
    job_close(&j);
    return st;
}
