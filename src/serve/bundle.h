/* Bundles: the vectors of a run in files that vector stores read, with a manifest; written whole or not at all.
 *
 * A bundle is a folder: manifest.json and, for each side S in {users, items}: S.ids.csv ("platform,id" in row order),
 * S.npy, S.safetensors (tensor "vectors"), S.faiss (IndexFlatIP, layout in docs/export.md), S.csv as asked. Rows go
 * platform after platform; manifest.platforms names each one's row range. */
#ifndef CT_SERVE_BUNDLE_H
#define CT_SERVE_BUNDLE_H

#include "data/loader.h"
#include "model/encode.h"

/* Encodes every user (as of now) and every item, writes the bundle at path (a new folder is made beside it and renamed;
 * an older bundle at path is replaced, anything else there is refused), having read every file back and checked scores
 * of sampled pairs against the model. */
ct_status ct_bundle_write(const char *path, ct_model *model, const ct_dataset *data, const ct_split *split,
                          const ct_config *config, const char *model_hash, ct_encode_progress progress, void *ctx,
                          ct_error *err);

/* A bundle opened for reading: ids and f32 vectors, from the first of npy, safetensors, faiss and CSV that is there,
 * checked against the manifest. A folder without a manifest that holds users.npy, items.npy (f32 or f16, 2-D, C order)
 * and users.ids.csv, items.ids.csv is read too. */
typedef struct ct_bundle ct_bundle;

typedef struct ct_bundle_side {
    int64_t n, dim;
    const float *vectors; /* [n, dim] */
} ct_bundle_side;

ct_status ct_bundle_open(ct_bundle **out, const char *path, ct_error *err);
/* The same from the files of one format ("npy"): the writer checks each that it wrote. */
ct_status ct__bundle_open_format(ct_bundle **out, const char *path, const char *suffix, ct_error *err);
void ct_bundle_close(ct_bundle *bundle); /* accepts NULL */
ct_bundle_side ct_bundle_users(const ct_bundle *bundle);
ct_bundle_side ct_bundle_items(const ct_bundle *bundle);
/* Row of an id, or -1. */
int64_t ct_bundle_find_user(const ct_bundle *bundle, const char *platform, const char *id);
int64_t ct_bundle_find_item(const ct_bundle *bundle, const char *platform, const char *id);

#endif
