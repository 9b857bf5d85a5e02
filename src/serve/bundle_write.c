/* Writing a bundle: encode, write every file into a fresh folder, check them against the model, rename the folder. */
#include <errno.h>
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"
#include "crosstower/crosstower.h"
#include "serve/bundle.h"
#include "serve/vectors.h"

/* One side of the bundle being written. */
typedef struct side {
    const char *name;       /* "users" */
    ct_vectors vectors;
    float *rows;            /* owned */
    const ct_strings *ids;
    const int64_t *begin;   /* [P + 1]: rows of each platform */
} side;

typedef struct bundle_job {
    const ct_dataset *data;
    const ct_config *config;
    const char *model_hash;
    char *folder;           /* being written, renamed at the end */
    json_t *files;          /* of the manifest */
    ct_str label;           /* scratch of row_label */
    const side *labelled;
} bundle_job;

/* ---- encoding ------------------------------------------------------------------------------------------------- */

static ct_status encode_users(side *s, ct_model *model, ct_batcher *batcher, const ct_dataset *data,
                              ct_encode_progress progress, void *ctx, ct_error *err) {
    ct_moment *moments = NULL;
    CT_CHECK(ct_calloc((size_t)data->n_users, sizeof *moments, (void **)&moments, err));
    for (int64_t u = 0; u < data->n_users; u++) moments[u] = ct_moment_now(data, (int32_t)u);
    const ct_status st = ct_encode_users(model, batcher, moments, data->n_users, s->rows, progress, ctx, err);
    ct_free(moments);
    return st;
}

static ct_status encode_items(side *s, ct_model *model, ct_batcher *batcher, const ct_dataset *data,
                              ct_encode_progress progress, void *ctx, ct_error *err) {
    int32_t *items = NULL;
    CT_CHECK(ct_calloc((size_t)data->n_items, sizeof *items, (void **)&items, err));
    for (int64_t i = 0; i < data->n_items; i++) items[i] = (int32_t)i;
    const ct_status st = ct_encode_items(model, batcher, items, data->n_items, s->rows, progress, ctx, err);
    ct_free(items);
    return st;
}

static ct_status side_open(side *s, const char *name, int64_t n, int64_t dim, const ct_strings *ids,
                           const int64_t *begin, ct_error *err) {
    *s = (side){.name = name, .ids = ids, .begin = begin};
    CT_CHECK(ct_calloc((size_t)(n * dim), sizeof *s->rows, (void **)&s->rows, err));
    s->vectors = (ct_vectors){n, dim, s->rows};
    return CT_OK;
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

/* A CSV cell, quoted where RFC 4180 asks for it. */
static ct_status put_cell(ct_str *out, const char *text, ct_error *err) {
    if (!strpbrk(text, ",\"\r\n")) return ct_str_puts(out, text, err);
    CT_CHECK(ct_str_puts(out, "\"", err));
    for (const char *c = text; *c; c++) CT_CHECK(ct_str_append(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1, err));
    return ct_str_puts(out, "\"", err);
}

static int32_t platform_of(const side *s, int64_t row) {
    int32_t p = 0;
    while (s->begin[p + 1] <= row) p++;
    return p;
}

static ct_status make_label(bundle_job *job, int64_t row, ct_error *err) {
    const side *s = job->labelled;
    ct_str_clear(&job->label);
    CT_CHECK(put_cell(&job->label, ct_strings_get(&job->data->platform_name, platform_of(s, row)), err));
    CT_CHECK(ct_str_puts(&job->label, ",", err));
    return put_cell(&job->label, ct_strings_get(s->ids, row), err);
}

/* The ids of a side were written first, by the same means, so memory for the longest label is there. */
static const char *row_label(void *ctx, int64_t row) {
    bundle_job *job = ctx;
    return make_label(job, row, NULL) == CT_OK ? ct_str_text(&job->label) : ",";
}

static ct_status put_ids(bundle_job *job, const side *s, ct_writer *w, ct_error *err) {
    CT_CHECK(ct_writer_printf(w, err, "platform,id\n"));
    for (int64_t i = 0; i < s->vectors.n; i++) {
        CT_CHECK(make_label(job, i, err));
        CT_CHECK(ct_writer_printf(w, err, "%s\n", ct_str_text(&job->label)));
    }
    return CT_OK;
}

static ct_status write_ids(bundle_job *job, const side *s, const char *path, ct_error *err) {
    ct_writer *w = NULL;
    CT_CHECK(ct_writer_open(&w, path, err));
    ct_status st = put_ids(job, s, w, err);
    if (st == CT_OK) st = ct_writer_commit(w, err);
    ct_writer_free(w);
    return st;
}

enum file_kind { FILE_IDS, FILE_NPY, FILE_SAFETENSORS, FILE_FAISS, FILE_CSV };

static ct_status write_kind(bundle_job *job, const side *s, enum file_kind kind, const char *path, ct_error *err) {
    const bool f16 = job->config->export.f16;
    switch (kind) {
    case FILE_IDS: return write_ids(job, s, path, err);
    case FILE_NPY: return ct_write_npy(path, &s->vectors, f16, err);
    case FILE_SAFETENSORS: return ct_write_vectors_safetensors(path, &s->vectors, f16, err);
    case FILE_FAISS: return ct_write_faiss(path, &s->vectors, err);
    case FILE_CSV: return ct_write_vectors_csv(path, &s->vectors, row_label, job, err);
    }
    return CT_ERR_INTERNAL;
}

/* Writes S.SUFFIX and enters it in the manifest with size and checksum. */
static ct_status write_file(bundle_job *job, const side *s, enum file_kind kind, const char *suffix, ct_error *err) {
    ct_status st = CT_OK;
    char name[64], hex[17];
    char *path = NULL;
    uint64_t hash = 0, bytes = 0;
    snprintf(name, sizeof name, "%s.%s", s->name, suffix);
    job->labelled = s;
    CT_TRY(ct_path_join(job->folder, name, &path, err), st, done);
    CT_TRY(write_kind(job, s, kind, path, err), st, done);
    CT_TRY(ct_file_hash(path, &hash, &bytes, err), st, done);
    snprintf(hex, sizeof hex, "%016" PRIx64, hash);
    json_object_set_new(job->files, name, json_pack("{s:I, s:s}", "bytes", (json_int_t)bytes, "xxh3", hex));
done:
    ct_free(path);
    return st;
}

static ct_status write_side(bundle_job *job, const side *s, ct_error *err) {
    static const struct {
        unsigned format;
        enum file_kind kind;
        const char *suffix;
    } kinds[] = {{CT_EXPORT_NPY, FILE_NPY, "npy"},
                 {CT_EXPORT_SAFETENSORS, FILE_SAFETENSORS, "safetensors"},
                 {CT_EXPORT_FAISS, FILE_FAISS, "faiss"},
                 {CT_EXPORT_CSV, FILE_CSV, "csv"}};
    CT_CHECK(write_file(job, s, FILE_IDS, "ids.csv", err));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (job->config->export.formats & kinds[i].format)
            CT_CHECK(write_file(job, s, kinds[i].kind, kinds[i].suffix, err));
    return CT_OK;
}

static json_t *side_json(const bundle_job *job, const side *s) {
    json_t *platforms = json_object();
    for (int32_t p = 0; p < job->data->n_platforms; p++)
        json_object_set_new(platforms, ct_strings_get(&job->data->platform_name, p),
                            json_pack("[I, I]", (json_int_t)s->begin[p], (json_int_t)s->begin[p + 1]));
    return json_pack("{s:I, s:o}", "count", (json_int_t)s->vectors.n, "platforms", platforms);
}

static ct_status write_manifest(bundle_job *job, const side *users, const side *items, double temperature,
                                ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL, hex[17];
    const char *metric = job->config->model.similarity == CT_SIMILARITY_COSINE ? "cosine" : "dot";
    snprintf(hex, sizeof hex, "%016" PRIx64, job->data->hash);
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:s, s:o, s:o, s:O}", "format",
                             "crosstower-bundle-1", "version", CT_VERSION, "run", job->config->name, "model_xxh3",
                             job->model_hash, "data_xxh3", hex, "metric", metric, "dim", (json_int_t)users->vectors.dim,
                             "temperature", temperature, "dtype", job->config->export.f16 ? "f16" : "f32", "users",
                             side_json(job, users), "items", side_json(job, items), "files", job->files);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text) return ct_fail(err, CT_ERR_MEMORY, "bundle manifest");
    CT_TRY(ct_path_join(job->folder, "manifest.json", &path, err), st, done);
    st = ct_write_file(path, text, strlen(text), err);
done:
    free(text);
    ct_free(path);
    return st;
}

/* ---- self-check ----------------------------------------------------------------------------------------------- */

static double dot(const float *a, const float *b, int64_t n) {
    double s = 0.0;
    for (int64_t i = 0; i < n; i++) s += (double)a[i] * (double)b[i];
    return s;
}

/* Scores of sampled pairs, from the files read back and from the model's vectors. f16 has 11 bits: a relative error of
 * 2^-11 a component. */
static ct_status self_check(const bundle_job *job, const side *users, const side *items, ct_error *err) {
    enum { PAIRS = 1000 };
    ct_bundle *b = NULL;
    CT_CHECK(ct_bundle_open(&b, job->folder, err));
    const ct_bundle_side u = ct_bundle_users(b), i = ct_bundle_items(b);
    const int64_t dim = users->vectors.dim;
    ct_status st = CT_OK;
    ct_rng rng = ct_rng_make((uint64_t)job->config->seed, 0, ct_hash_name("export/self-check"));
    if (u.n != users->vectors.n || i.n != items->vectors.n || u.dim != dim)
        st = ct_fail(err, CT_ERR_INTERNAL, "bundle: files hold other counts than were written");
    for (int k = 0; k < PAIRS && u.n > 0 && i.n > 0 && st == CT_OK; k++) {
        const int64_t a = (int64_t)ct_rng_below(&rng, (uint64_t)u.n), c = (int64_t)ct_rng_below(&rng, (uint64_t)i.n);
        const float *x = users->rows + a * dim, *y = items->rows + c * dim;
        const double want = dot(x, y, dim), found = dot(u.vectors + a * dim, i.vectors + c * dim, dim);
        const double size = sqrt(dot(x, x, dim) * dot(y, y, dim));
        const double tolerance = size * (job->config->export.f16 ? 0x1p-9 : 0.0);
        if (!(fabs(found - want) <= tolerance))
            st = ct_fail(err, CT_ERR_INTERNAL, "bundle: score of user row %lld and item row %lld is %.9g in the files, "
                         "%.9g in the model", (long long)a, (long long)c, found, want);
    }
    ct_bundle_close(b);
    return st;
}

/* ---- the folder ----------------------------------------------------------------------------------------------- */

/* Removes a folder of plain files. */
static ct_status remove_folder(const char *path, ct_error *err) {
    DIR *dir = opendir(path);
    if (!dir) return errno == ENOENT ? CT_OK : ct_fail(err, CT_ERR_IO, "folder '%s': %s", path, strerror(errno));
    ct_status st = CT_OK;
    for (const struct dirent *e; st == CT_OK && (e = readdir(dir)) != NULL;) {
        char *file = NULL;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        st = ct_path_join(path, e->d_name, &file, err);
        if (st == CT_OK && unlink(file) != 0) st = ct_fail(err, CT_ERR_IO, "'%s': %s", file, strerror(errno));
        ct_free(file);
    }
    closedir(dir);
    if (st == CT_OK && rmdir(path) != 0) st = ct_fail(err, CT_ERR_IO, "folder '%s': %s", path, strerror(errno));
    return st;
}

static ct_status has_manifest(const char *path, bool *yes, ct_error *err) {
    char *manifest = NULL;
    CT_CHECK(ct_path_join(path, "manifest.json", &manifest, err));
    *yes = ct_path_exists(manifest);
    ct_free(manifest);
    return CT_OK;
}

/* What stands at path may be replaced only when it is a bundle. */
static ct_status check_target(const char *path, ct_error *err) {
    bool bundle = false;
    if (!ct_path_exists(path)) return CT_OK;
    CT_CHECK(has_manifest(path, &bundle, err));
    if (bundle) return CT_OK;
    if (rmdir(path) == 0) return CT_OK; /* an empty folder is no loss */
    return ct_fail(err, CT_ERR_CONFIG, "export path '%s' is there and is no bundle (no manifest.json in it): remove it or "
                   "choose another with export.path or --out", path);
}

/* The old bundle steps aside, the new one takes its name, the old one goes. */
static ct_status replace_folder(const char *fresh, const char *path, ct_error *err) {
    ct_status st = CT_OK;
    ct_str old = {0};
    CT_TRY(ct_str_printf(&old, err, "%s.old-%ld", path, (long)getpid()), st, done);
    const bool replaces = ct_path_exists(path);
    if (replaces && rename(path, ct_str_text(&old)) != 0) {
        st = ct_fail(err, CT_ERR_IO, "bundle '%s' cannot be moved aside: %s", path, strerror(errno));
        goto done;
    }
    if (rename(fresh, path) != 0) {
        st = ct_fail(err, CT_ERR_IO, "bundle '%s' cannot be renamed to '%s': %s", fresh, path, strerror(errno));
        if (replaces && rename(ct_str_text(&old), path) != 0)
            st = ct_fail(err, CT_ERR_IO, "bundle '%s' cannot be moved back", ct_str_text(&old));
        goto done;
    }
    if (replaces) st = remove_folder(ct_str_text(&old), err);
done:
    ct_str_free(&old);
    return st;
}

static ct_status make_folder(const char *path, char **folder, ct_error *err) {
    ct_str name = {0};
    ct_status st = ct_str_printf(&name, err, "%s.tmp-%ld", path, (long)getpid());
    if (st == CT_OK) st = remove_folder(ct_str_text(&name), err);
    if (st == CT_OK) st = ct_make_dirs(ct_str_text(&name), err);
    if (st == CT_OK) st = ct_strdup(ct_str_text(&name), folder, err);
    ct_str_free(&name);
    return st;
}

static ct_status write_all(bundle_job *job, const side *users, const side *items, double temperature, const char *path,
                           ct_error *err) {
    CT_CHECK(make_folder(path, &job->folder, err));
    CT_CHECK(write_side(job, users, err));
    CT_CHECK(write_side(job, items, err));
    CT_CHECK(write_manifest(job, users, items, temperature, err));
    CT_CHECK(self_check(job, users, items, err));
    return replace_folder(job->folder, path, err);
}

ct_status ct_bundle_write(const char *path, ct_model *model, const ct_dataset *data, const ct_split *split,
                          const ct_config *config, const char *model_hash, ct_encode_progress progress, void *ctx,
                          ct_error *err) {
    ct_status st = CT_OK;
    const int64_t dim = ct_model_dim(model);
    bundle_job job = {.data = data, .config = config, .model_hash = model_hash, .files = json_object()};
    side users = {0}, items = {0};
    ct_batcher *batcher = NULL;
    float scale = 1.0f;
    CT_TRY(check_target(path, err), st, done);
    CT_TRY(ct_batcher_create(&batcher, data, split, NULL, config, err), st, done);
    CT_TRY(side_open(&users, "users", data->n_users, dim, &data->user_id, data->user_begin, err), st, done);
    CT_TRY(side_open(&items, "items", data->n_items, dim, &data->item_id, data->item_begin, err), st, done);
    CT_TRY(encode_users(&users, model, batcher, data, progress, ctx, err), st, done);
    CT_TRY(encode_items(&items, model, batcher, data, progress, ctx, err), st, done);
    CT_TRY(ct_model_scale(model, &scale, err), st, done);
    st = write_all(&job, &users, &items, 1.0 / (double)scale, path, err);
done:
    if (st != CT_OK && job.folder) remove_folder(job.folder, NULL); /* the first error is the one to tell */
    ct_batcher_free(batcher);
    json_decref(job.files);
    ct_str_free(&job.label);
    ct_free(job.folder);
    ct_free(users.rows);
    ct_free(items.rows);
    return st;
}
