/* Saying what is in a file or folder: checkpoint, cache, bundle, run folder; and what the device is. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/safetensors.h"
#include "crosstower/crosstower.h"
#include "data/dataset.h"
#include "device/device.h"
#include "run/folder.h"
#include "run/text.h"
#include "serve/bundle.h"
#include "train/checkpoint.h"

ct_status ct__put_bytes(ct_str *out, double bytes, ct_error *err) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    for (; bytes >= 1024.0 && unit < 4; unit++) bytes /= 1024.0;
    return ct_str_printf(out, err, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static ct_status put_device(ct_str *out, ct_error *err) {
    ct_device *dev = NULL;
    CT_CHECK(ct_device_open(&dev, "auto", 0, err));
    const ct_device_info info = ct_device_get_info(dev);
    const ct_status st = ct_str_printf(out, err, "device %s: %s, %d threads, kernels %s, matrix products by %s\n", info.kind,
                                       info.name, info.n_threads, info.isa, info.gemm);
    ct_device_close(dev);
    return st;
}

/* ---- checkpoint and other safetensors files -------------------------------------------------------------------- */

static ct_status put_tensors(ct_str *out, const ct_safetensors *f, ct_error *err) {
    int64_t values = 0;
    for (int i = 0; i < ct_safetensors_count(f); i++) {
        const ct_safetensor *t = ct_safetensors_at(f, i);
        int64_t n = 1;
        CT_CHECK(ct_str_printf(out, err, "  %-60s %s [", t->name, t->dtype));
        for (int d = 0; d < t->n_dims; d++) {
            CT_CHECK(ct_str_printf(out, err, "%s%" PRId64, d ? ", " : "", t->shape[d]));
            n *= t->shape[d];
        }
        CT_CHECK(ct_str_puts(out, "]\n", err));
        values += n;
    }
    return ct_str_printf(out, err, "%d tensors, %" PRId64 " values\n", ct_safetensors_count(f), values);
}

static ct_status put_checkpoint(ct_str *out, const char *path, ct_error *err) {
    ct_checkpoint_state s;
    char *yaml = NULL;
    CT_CHECK(ct_checkpoint_peek(path, &s, &yaml, err));
    ct_status st = ct_str_printf(out, err, "checkpoint of step %" PRId64 " (%" PRId64 " updates skipped), checksum good\n"
                                 "vocabulary %016" PRIx64 ", data %016" PRIx64 "\n", s.step, s.skipped, s.vocab_hash,
                                 s.data_hash);
    if (st == CT_OK && !isnan(s.best))
        st = ct_str_printf(out, err, "best validation %.6f at step %" PRId64 "\n", s.best, s.best_step);
    if (st == CT_OK) st = ct_str_printf(out, err, "--- configuration\n%s---\n", yaml);
    ct_free(yaml);
    return st;
}

static ct_status put_safetensors(ct_str *out, const char *path, ct_error *err) {
    ct_safetensors *f = NULL;
    CT_CHECK(ct_safetensors_open(&f, path, err));
    const char *format = ct_safetensors_metadata(f, "format");
    ct_status st = CT_OK;
    if (format && strncmp(format, "crosstower-checkpoint", 21) == 0) {
        st = put_checkpoint(out, path, err);
    } else {
        st = ct_str_puts(out, "safetensors file\n", err);
    }
    if (st == CT_OK) st = put_tensors(out, f, err);
    ct_safetensors_close(f);
    return st;
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

/* How many items have a vector of each modality. */
static ct_status put_vectors(ct_str *out, const ct_dataset *d, ct_error *err) {
    for (int32_t i = 0; i < d->n_vectors; i++)
        CT_CHECK(ct_str_printf(out, err, "  vectors %-12s %6d columns, of %" PRId64 " items\n", d->vectors[i].name,
                               d->vectors[i].width, d->vectors[i].n_rows));
    return CT_OK;
}

static ct_status put_platforms(ct_str *out, const ct_dataset *d, ct_error *err) {
    CT_CHECK(ct_str_printf(out, err, "cache, content %016" PRIx64 ", all checksums good\n", d->hash));
    for (int32_t p = 0; p < d->n_platforms; p++)
        CT_CHECK(ct_str_printf(out, err, "  %-12s %9" PRId64 " users %9" PRId64 " items %11" PRId64 " interactions\n",
                               ct_strings_get(&d->platform_name, p), d->user_begin[p + 1] - d->user_begin[p],
                               d->item_begin[p + 1] - d->item_begin[p],
                               d->inter_begin[d->user_begin[p + 1]] - d->inter_begin[d->user_begin[p]]));
    CT_CHECK(put_vectors(out, d, err));
    return ct_str_printf(out, err, "%" PRId64 " persons, %" PRId64 " entities, vocabulary of %d tokens\n", d->n_persons,
                         d->n_entities, ct_tokenizer_size(d->tokenizer));
}

static ct_status put_cache(ct_str *out, const char *path, ct_error *err) {
    ct_dataset *data = NULL;
    CT_CHECK(ct_dataset_open(&data, path, true, err));
    const ct_status st = put_platforms(out, data, err);
    ct_dataset_close(data);
    return st;
}

static ct_status put_bundle(ct_str *out, const char *path, ct_error *err) {
    ct_bundle *b = NULL;
    char *manifest = NULL, *text = NULL;
    ct_status st = CT_OK;
    CT_TRY(ct_bundle_open(&b, path, err), st, done);
    const ct_bundle_side u = ct_bundle_users(b), i = ct_bundle_items(b);
    CT_TRY(ct_str_printf(out, err, "bundle: %" PRId64 " users, %" PRId64 " items, %" PRId64 " dimensions; the vector files "
                         "that were read fit the manifest\n", u.n, i.n, u.dim), st, done);
    CT_TRY(ct_path_join(path, "manifest.json", &manifest, err), st, done);
    if (!ct_path_exists(manifest)) goto done;
    CT_TRY(ct_read_file(manifest, 1 << 26, &text, NULL, err), st, done);
    st = ct_str_puts(out, text, err);
done:
    ct_bundle_close(b);
    ct_free(manifest);
    ct_free(text);
    return st;
}

static ct_status put_embedded(ct_str *out, const char *path, const char *what, ct_error *err) {
    char *manifest = NULL, *text = NULL;
    ct_status st = ct_path_join(path, "manifest.json", &manifest, err);
    if (st == CT_OK) st = ct_read_file(manifest, 1 << 26, &text, NULL, err);
    if (st == CT_OK) st = ct_str_printf(out, err, "vectors of %s\n", what);
    if (st == CT_OK) st = ct_str_puts(out, text, err);
    ct_free(manifest);
    ct_free(text);
    return st;
}

static ct_status put_embedded_texts(ct_str *out, const char *path, ct_error *err) {
    return put_embedded(out, path, "texts", err);
}

static ct_status put_embedded_pictures(ct_str *out, const char *path, ct_error *err) {
    return put_embedded(out, path, "pictures", err);
}

static ct_status put_run(ct_str *out, const char *path, ct_error *err) {
    ct_config run = {.run_dir = (char *)path};
    int64_t *steps = NULL;
    int n = 0;
    ct_status st = CT_OK;
    CT_TRY(ct_run_checkpoints(&run, &steps, &n, err), st, done);
    CT_TRY(ct_str_printf(out, err, "run folder with %d checkpoint%s", n, n == 1 ? "" : "s"), st, done);
    for (int i = 0; i < n; i++)
        CT_TRY(ct_str_printf(out, err, "%s step %" PRId64, i ? "," : ":", steps[i]), st, done);
    st = ct_str_puts(out, "\n", err);
done:
    ct_free(steps);
    return st;
}

/* What a folder is shows in a file that only its kind has. */
static ct_status put_folder(ct_str *out, const char *path, ct_error *err) {
    static const struct {
        const char *file;
        ct_status (*put)(ct_str *out, const char *path, ct_error *err);
    } kinds[] = {{"dataset.bin", put_cache},
                 {"users.ids.csv", put_bundle},
                 {"texts.ids.csv", put_embedded_texts},
                 {"images.ids.csv", put_embedded_pictures},
                 {"config.yaml", put_run}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *file = NULL;
        CT_CHECK(ct_path_join(path, kinds[i].file, &file, err));
        const bool there = ct_path_exists(file);
        ct_free(file);
        if (there) return kinds[i].put(out, path, err);
    }
    return ct_fail(err, CT_ERR_ARGUMENT, "folder '%s' is no cache (dataset.bin), no bundle (users.ids.csv) and no run folder "
                   "(config.yaml)", path);
}

ct_status ct_inspect(const char *path, char **text, ct_error *err) {
    ct_str out = {0};
    ct_status st = CT_OK;
    *text = NULL;
    if (strcmp(path, "device") == 0) {
        st = put_device(&out, err);
    } else if (!ct_path_exists(path)) {
        st = ct_fail(err, CT_ERR_ARGUMENT, "'%s': no such file or folder", path);
    } else if (ct_path_is_dir(path)) {
        st = put_folder(&out, path, err);
    } else {
        st = put_safetensors(&out, path, err);
    }
    return ct__text_out(st, &out, text, err);
}
