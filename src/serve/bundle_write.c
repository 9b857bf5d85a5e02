/* Writing a bundle: encode, write every file into a fresh folder, check them against the model, rename the folder. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"
#include "crosstower/crosstower.h"
#include "serve/bundle.h"
#include "serve/out_folder.h"
#include "serve/side_files.h"

#define FORMAT "crosstower-bundle-1"

/* One side of the bundle being written. */
typedef struct side {
    ct__side files;         /* what is written */
    float *rows;            /* owned */
} side;

typedef struct bundle_job {
    const ct_dataset *data;
    const ct_config *config;
    const char *model_hash;
    ct__out_folder folder;
    json_t *files;          /* of the manifest */
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

static ct_status side_open(side *s, const char *name, int64_t n, int64_t dim, const ct_dataset *data,
                           const ct_strings *ids, const int64_t *begin, ct_error *err) {
    *s = (side){0};
    CT_CHECK(ct_calloc((size_t)(n * dim), sizeof *s->rows, (void **)&s->rows, err));
    s->files = (ct__side){.name = name, .vectors = {n, dim, s->rows}, .ids = ids, .platform_name = &data->platform_name,
                          .begin = begin, .n_platforms = data->n_platforms};
    return CT_OK;
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static ct_status write_side(bundle_job *job, const side *s, ct_error *err) {
    const ct_config_export *e = &job->config->export;
    return ct__side_write(&s->files, job->folder.fresh, e->formats, e->f16, job->files, err);
}

static json_t *side_json(const bundle_job *job, const side *s) {
    json_t *platforms = json_object();
    for (int32_t p = 0; p < job->data->n_platforms; p++)
        json_object_set_new(platforms, ct_strings_get(&job->data->platform_name, p),
                            json_pack("[I, I]", (json_int_t)s->files.begin[p], (json_int_t)s->files.begin[p + 1]));
    return json_pack("{s:I, s:o}", "count", (json_int_t)s->files.vectors.n, "platforms", platforms);
}

static ct_status write_manifest(bundle_job *job, const side *users, const side *items, double temperature,
                                ct_error *err) {
    static const char protocol[] = "users as of all their interactions; score = user . item; the probability of an item "
                                   "among candidates is softmax(score / temperature)";
    ct_status st = CT_OK;
    char *path = NULL, hex[17];
    const char *metric = job->config->model.similarity == CT_SIMILARITY_COSINE ? "cosine" : "dot";
    snprintf(hex, sizeof hex, "%016" PRIx64, job->data->hash);
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:s, s:o, s:o, s:O}", "format", FORMAT,
                             "version", CT_VERSION, "run", job->config->name, "model_xxh3", job->model_hash, "data_xxh3",
                             hex, "protocol", protocol, "metric", metric, "dim", (json_int_t)users->files.vectors.dim,
                             "temperature", temperature, "dtype", job->config->export.f16 ? "f16" : "f32", "users",
                             side_json(job, users), "items", side_json(job, items), "files", job->files);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text) return ct_fail(err, CT_ERR_MEMORY, "bundle manifest");
    CT_TRY(ct_path_join(job->folder.fresh, "manifest.json", &path, err), st, done);
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

/* Scores of sampled pairs, from the files of one format read back and from the model's vectors. f16 has 11 bits: a
 * relative error of 2^-11 a component. */
static ct_status check_format(const bundle_job *job, const side *users, const side *items, const char *suffix,
                              ct_error *err) {
    enum { PAIRS = 1000 };
    ct_bundle *b = NULL;
    CT_CHECK(ct__bundle_open_format(&b, job->folder.fresh, suffix, err));
    const ct_bundle_side u = ct_bundle_users(b), i = ct_bundle_items(b);
    const int64_t dim = users->files.vectors.dim;
    ct_status st = CT_OK;
    ct_rng rng = ct_rng_make((uint64_t)job->config->seed, 0, ct_hash_name("export/self-check"));
    if (u.n != users->files.vectors.n || i.n != items->files.vectors.n || u.dim != dim)
        st = ct_fail(err, CT_ERR_INTERNAL, "bundle: files hold other counts than were written");
    for (int k = 0; k < PAIRS && u.n > 0 && i.n > 0 && st == CT_OK; k++) {
        const int64_t a = (int64_t)ct_rng_below(&rng, (uint64_t)u.n), c = (int64_t)ct_rng_below(&rng, (uint64_t)i.n);
        const float *x = users->rows + a * dim, *y = items->rows + c * dim;
        const double want = dot(x, y, dim), found = dot(u.vectors + a * dim, i.vectors + c * dim, dim);
        const double size = sqrt(dot(x, x, dim) * dot(y, y, dim));
        const double tolerance = size * (job->config->export.f16 ? 0x1p-9 : 0.0);
        if (!(fabs(found - want) <= tolerance))
            st = ct_fail(err, CT_ERR_INTERNAL, "bundle: score of user row %lld and item row %lld is %.9g in the %s files, "
                         "%.9g in the model", (long long)a, (long long)c, found, suffix, want);
    }
    ct_bundle_close(b);
    return st;
}

static ct_status self_check(const bundle_job *job, const side *users, const side *items, ct_error *err) {
    for (int i = 0; i < CT__SIDE_FORMATS; i++)
        if (job->config->export.formats & ct__side_formats[i].format)
            CT_CHECK(check_format(job, users, items, ct__side_formats[i].suffix, err));
    return CT_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static ct_status write_all(bundle_job *job, const side *users, const side *items, double temperature, ct_error *err) {
    CT_CHECK(ct__out_folder_begin(&job->folder, err));
    CT_CHECK(write_side(job, users, err));
    CT_CHECK(write_side(job, items, err));
    CT_CHECK(write_manifest(job, users, items, temperature, err));
    CT_CHECK(self_check(job, users, items, err));
    return ct__out_folder_commit(&job->folder, err);
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
    CT_TRY(ct__out_folder_check(&job.folder, path, FORMAT, "choose another with export.path or --out", err), st, done);
    CT_TRY(ct_batcher_create(&batcher, data, split, NULL, config, err), st, done);
    CT_TRY(side_open(&users, "users", data->n_users, dim, data, &data->user_id, data->user_begin, err), st, done);
    CT_TRY(side_open(&items, "items", data->n_items, dim, data, &data->item_id, data->item_begin, err), st, done);
    CT_TRY(encode_users(&users, model, batcher, data, progress, ctx, err), st, done);
    CT_TRY(encode_items(&items, model, batcher, data, progress, ctx, err), st, done);
    CT_TRY(ct_model_scale(model, &scale, err), st, done);
    st = write_all(&job, &users, &items, 1.0 / (double)scale, err);
done:
    ct__out_folder_end(&job.folder);
    ct_batcher_free(batcher);
    json_decref(job.files);
    ct_free(users.rows);
    ct_free(items.rows);
    return st;
}
