/* Saving and loading checkpoints. */
#include "train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/safetensors.h"
#include "base/str.h"
#include "crosstower/crosstower.h"

static const char format_name[] = "crosstower-checkpoint-1";

/* ---- the list of tensors: segments, then tables; weights, then Adam's moments of those that train ------------- */

typedef struct entry {
    char name[128]; /* in the file */
    int64_t rows, cols;
    float *device;
} entry;

static const char *const kinds[] = {"param", "adam_m", "adam_v"};

/* The i-th tensor of the file; false behind the last. */
static bool entry_at(const ct_params *p, bool with_optimizer, int64_t i, entry *e) {
    const int64_t all = p->n_segments + p->n_tables, trained = all - p->n_state_tables;
    const int64_t kind = i < all ? 0 : 1 + (i - all) / trained, k = i < all ? i : (i - all) % trained;
    if (kind >= (with_optimizer ? 3 : 1)) return false;
    if (k < p->n_segments) {
        const ct_segment *s = &p->segments[k];
        float *const arrays[] = {p->w, p->m, p->v};
        *e = (entry){.rows = s->rows, .cols = s->cols, .device = arrays[kind] + s->offset};
        snprintf(e->name, sizeof e->name, "%s/%s", kinds[kind], s->name);
    } else {
        const ct_id_table *t = &p->tables[k - p->n_segments];
        float *const arrays[] = {t->w, t->m, t->v};
        *e = (entry){.rows = t->rows, .cols = t->cols, .device = arrays[kind]};
        snprintf(e->name, sizeof e->name, "%s/%s", kinds[kind], t->name);
    }
    return true;
}

/* ---- saving --------------------------------------------------------------------------------------------------- */

enum { CHUNK_VALUES = 1 << 20 };

static ct_status write_entry(ct_safetensors_writer *w, ct_device *dev, const entry *e, float *host, ct_error *err) {
    const int64_t n = e->rows * e->cols;
    for (int64_t from = 0; from < n; from += CHUNK_VALUES) {
        const size_t bytes = (size_t)(n - from < CHUNK_VALUES ? n - from : CHUNK_VALUES) * sizeof *host;
        CT_CHECK(ct_device_download(dev, host, e->device + from, bytes, err));
        CT_CHECK(ct_safetensors_writer_data(w, host, bytes, err));
    }
    return CT_OK;
}

/* What is written as metadata; metadata_xxh3 is the hash of it: each key and value with its NUL, in this order. */
static const char *const sealed_keys[] = {"format", "version", "config",    "seed",       "step",     "skipped",
                                          "best",   "best_step", "bad_evals", "vocab_hash", "data_hash"};
enum { N_SEALED = sizeof sealed_keys / sizeof *sealed_keys };

static ct_status seal(ct_str *all, const char *key, const char *value, ct_error *err) {
    CT_CHECK(ct_str_append(all, key, strlen(key) + 1, err));
    return ct_str_append(all, value, strlen(value) + 1, err);
}

/* The values of sealed_keys; yaml is the resolved configuration. */
static ct_status metadata_value(int i, const ct_config *config, const ct_checkpoint_state *s, const char *yaml,
                                ct_str *out, ct_error *err) {
    ct_str_clear(out);
    switch (i) {
    case 0: return ct_str_puts(out, format_name, err);
    case 1: return ct_str_puts(out, CT_VERSION, err);
    case 2: return ct_str_puts(out, yaml, err);
    case 3: return ct_str_printf(out, err, "%" PRId64, config->seed);
    case 4: return ct_str_printf(out, err, "%" PRId64, s->step);
    case 5: return ct_str_printf(out, err, "%" PRId64, s->skipped);
    case 6: return isnan(s->best) ? ct_str_puts(out, "none", err) : ct_str_printf(out, err, "%.17g", s->best);
    case 7: return ct_str_printf(out, err, "%" PRId64, s->best_step);
    case 8: return ct_str_printf(out, err, "%" PRId64, s->bad_evals);
    case 9: return ct_str_printf(out, err, "%016" PRIx64, s->vocab_hash);
    default: return ct_str_printf(out, err, "%016" PRIx64, s->data_hash);
    }
}

static ct_status write_metadata(ct_safetensors_writer *w, const ct_config *config, const ct_checkpoint_state *s,
                                ct_error *err) {
    ct_status st = CT_OK;
    ct_str yaml = {0}, value = {0}, all = {0};
    char hex[17];
    CT_TRY(ct_config_dump(config, &yaml, err), st, done);
    /* The hash slot goes first: the writer finds it by its zeros. */
    CT_TRY(ct_safetensors_writer_metadata(w, "xxh3", ct_safetensors_hash_slot, err), st, done);
    for (int i = 0; i < N_SEALED; i++) {
        CT_TRY(metadata_value(i, config, s, ct_str_text(&yaml), &value, err), st, done);
        CT_TRY(ct_safetensors_writer_metadata(w, sealed_keys[i], ct_str_text(&value), err), st, done);
        CT_TRY(seal(&all, sealed_keys[i], ct_str_text(&value), err), st, done);
    }
    snprintf(hex, sizeof hex, "%016" PRIx64, ct_hash(all.data, all.length));
    st = ct_safetensors_writer_metadata(w, "metadata_xxh3", hex, err);
done:
    ct_str_free(&yaml);
    ct_str_free(&value);
    ct_str_free(&all);
    return st;
}

ct_status ct_checkpoint_save(const char *path, ct_model *model, const ct_config *config,
                             const ct_checkpoint_state *state, bool with_optimizer, ct_error *err) {
    ct_status st = CT_OK;
    const ct_params *p = ct_model_params(model);
    ct_safetensors_writer *w = NULL;
    float *host = NULL;
    entry e;
    CT_TRY(ct_calloc(CHUNK_VALUES, sizeof *host, (void **)&host, err), st, done);
    CT_TRY(ct_safetensors_writer_create(&w, path, err), st, done);
    CT_TRY(write_metadata(w, config, state, err), st, done);
    for (int64_t i = 0; entry_at(p, with_optimizer, i, &e); i++)
        CT_TRY(ct_safetensors_writer_declare(w, e.name, "F32", (const int64_t[]){e.rows, e.cols}, 2, err), st, done);
    for (int64_t i = 0; entry_at(p, with_optimizer, i, &e); i++)
        CT_TRY(write_entry(w, ct_model_device(model), &e, host, err), st, done);
    CT_TRY(ct_safetensors_writer_commit(w, err), st, done);
done:
    ct_safetensors_writer_free(w);
    ct_free(host);
    return st;
}

/* ---- loading -------------------------------------------------------------------------------------------------- */

static ct_status get_i64(const ct_safetensors *f, const char *path, const char *key, int64_t *out, ct_error *err) {
    const char *text = ct_safetensors_metadata(f, key);
    if (!text || !ct_parse_i64(text, out))
        return ct_fail(err, CT_ERR_FORMAT, "%s: metadata '%s' is missing or not a number", path, key);
    return CT_OK;
}

static ct_status get_hex(const ct_safetensors *f, const char *path, const char *key, uint64_t *out, ct_error *err) {
    const char *text = ct_safetensors_metadata(f, key);
    int end = 0;
    if (!text || sscanf(text, "%16" SCNx64 "%n", out, &end) != 1 || text[end] != '\0')
        return ct_fail(err, CT_ERR_FORMAT, "%s: metadata '%s' is missing or not a hash", path, key);
    return CT_OK;
}

static ct_status get_best(const ct_safetensors *f, const char *path, double *best, ct_error *err) {
    const char *text = ct_safetensors_metadata(f, "best");
    *best = NAN;
    if (!text || (strcmp(text, "none") != 0 && !ct_parse_f64(text, best)))
        return ct_fail(err, CT_ERR_FORMAT, "%s: metadata 'best' is missing or not a number", path);
    return CT_OK;
}

/* Is the metadata what was written? */
static ct_status check_seal(const ct_safetensors *f, const char *path, ct_error *err) {
    ct_status st = CT_OK;
    ct_str all = {0};
    uint64_t hash = 0;
    for (int i = 0; i < N_SEALED; i++) {
        const char *value = ct_safetensors_metadata(f, sealed_keys[i]);
        if (!value) {
            st = ct_fail(err, CT_ERR_FORMAT, "%s: metadata '%s' is missing", path, sealed_keys[i]);
            goto done;
        }
        CT_TRY(seal(&all, sealed_keys[i], value, err), st, done);
    }
    CT_TRY(get_hex(f, path, "metadata_xxh3", &hash, err), st, done);
    if (hash != ct_hash(all.data, all.length))
        st = ct_fail(err, CT_ERR_FORMAT, "%s: corrupt: the checksum of its metadata differs", path);
done:
    ct_str_free(&all);
    return st;
}

static ct_status read_state(const ct_safetensors *f, const char *path, ct_checkpoint_state *s, ct_error *err) {
    const char *format = ct_safetensors_metadata(f, "format");
    uint64_t hash = 0;
    if (!format || strcmp(format, format_name) != 0)
        return ct_fail(err, CT_ERR_FORMAT, "%s: format '%s', want '%s'", path, format ? format : "(none)", format_name);
    CT_CHECK(check_seal(f, path, err));
    CT_CHECK(get_i64(f, path, "step", &s->step, err));
    CT_CHECK(get_i64(f, path, "skipped", &s->skipped, err));
    CT_CHECK(get_best(f, path, &s->best, err));
    CT_CHECK(get_i64(f, path, "best_step", &s->best_step, err));
    CT_CHECK(get_i64(f, path, "bad_evals", &s->bad_evals, err));
    CT_CHECK(get_hex(f, path, "vocab_hash", &s->vocab_hash, err));
    CT_CHECK(get_hex(f, path, "data_hash", &s->data_hash, err));
    CT_CHECK(get_hex(f, path, "xxh3", &hash, err));
    if (s->step < 0 || s->skipped < 0 || s->skipped > s->step)
        return ct_fail(err, CT_ERR_FORMAT, "%s: step %" PRId64 " with %" PRId64 " skipped", path, s->step, s->skipped);
    if (hash != ct_safetensors_hash(f)) return ct_fail(err, CT_ERR_FORMAT, "%s: corrupt: its checksum differs", path);
    return CT_OK;
}

static ct_status check_data(const char *path, const ct_checkpoint_state *state, const ct_dataset *data, ct_error *err) {
    if (state->vocab_hash != ct_tokenizer_hash(data->tokenizer))
        return ct_fail(err, CT_ERR_CONFIG, "%s was trained with another vocabulary than the prepared data has", path);
    if (state->data_hash != data->hash)
        return ct_fail(err, CT_ERR_CONFIG, "%s was trained on other data than the prepared data (%016" PRIx64
                       " then, %016" PRIx64 " now): its id tables would name other users and items; train again", path,
                       state->data_hash, data->hash);
    return CT_OK;
}

static ct_status read_entry(const ct_safetensors *f, const char *path, ct_device *dev, const entry *e, ct_error *err) {
    const ct_safetensor *t = ct_safetensors_find(f, e->name);
    if (!t) return ct_fail(err, CT_ERR_CONFIG, "%s: no tensor '%s', which this configuration has", path, e->name);
    if (strcmp(t->dtype, "F32") != 0 || t->n_dims != 2 || t->shape[0] != e->rows || t->shape[1] != e->cols)
        return ct_fail(err, CT_ERR_CONFIG, "%s: tensor '%s' is [%" PRId64 ", %" PRId64 "], this configuration and data want "
                       "[%" PRId64 ", %" PRId64 "]", path, e->name, t->n_dims > 0 ? t->shape[0] : 0,
                       t->n_dims > 1 ? t->shape[1] : 0, e->rows, e->cols);
    return ct_device_upload(dev, e->device, t->data, t->bytes, err);
}

ct_status ct_checkpoint_load(const char *path, ct_model *model, const ct_dataset *data, bool with_optimizer,
                             ct_checkpoint_state *state, ct_error *err) {
    ct_status st = CT_OK;
    const ct_params *p = ct_model_params(model);
    ct_safetensors *f = NULL;
    int64_t wanted = 0, found = 0;
    entry e;
    CT_TRY(ct_safetensors_open(&f, path, err), st, done);
    CT_TRY(read_state(f, path, state, err), st, done);
    CT_TRY(check_data(path, state, data, err), st, done);
    for (; entry_at(p, with_optimizer, wanted, &e); wanted++)
        CT_TRY(read_entry(f, path, ct_model_device(model), &e, err), st, done);
    ct_model_forget_items(model);
    /* What the file holds beyond these is another model's, unless it is the optimizer's that nobody asked for. */
    for (int i = 0; i < ct_safetensors_count(f); i++) {
        const char *name = ct_safetensors_at(f, i)->name;
        if (with_optimizer || strncmp(name, "param/", 6) == 0) found++;
    }
    if (found != wanted)
        st = ct_fail(err, CT_ERR_CONFIG, "%s: holds %" PRId64 " tensors, this configuration has %" PRId64, path, found,
                     wanted);
done:
    ct_safetensors_close(f);
    return st;
}

ct_status ct_checkpoint_peek(const char *path, ct_checkpoint_state *state, char **config_yaml, ct_error *err) {
    ct_safetensors *f = NULL;
    *config_yaml = NULL;
    CT_CHECK(ct_safetensors_open(&f, path, err));
    ct_status st = read_state(f, path, state, err);
    const char *yaml = ct_safetensors_metadata(f, "config");
    if (st == CT_OK) st = ct_strdup(yaml ? yaml : "", config_yaml, err);
    ct_safetensors_close(f);
    return st;
}
