/* Encoding many users or items, a batch of rows at a time. Packing makes sorting by length needless. */
#include "model/encode.h"

#include <string.h>

/* One side's work: what differs between users and items. */
typedef struct side {
    const ct_moment *moments; /* users */
    const int32_t *items;     /* or items */
} side;

typedef struct encoder {
    ct_model *model;
    ct_batcher *batcher;
    ct_batch batch;
} encoder;

static ct_status encoder_open(encoder *e, ct_model *model, ct_batcher *batcher, ct_error *err) {
    const ct_batch_caps caps = ct_batcher_encode_caps(batcher, CT_ENCODE_ROWS);
    memset(e, 0, sizeof *e);
    e->model = model;
    e->batcher = batcher;
    return ct_batch_create(&e->batch, &caps, err);
}

static void encoder_close(encoder *e) { ct_batch_free(&e->batch); }

/* Encodes entries [from, from + n) of the side into vectors + from * D. */
static ct_status encode_block(encoder *e, const side *s, int64_t from, int32_t n, float *vectors, ct_error *err) {
    float *out = vectors + from * ct_model_dim(e->model);
    if (s->moments) {
        CT_CHECK(ct_batcher_users(e->batcher, s->moments + from, n, &e->batch, err));
        return ct_model_encode_users(e->model, &e->batch, out, err);
    }
    CT_CHECK(ct_batcher_items(e->batcher, s->items + from, n, &e->batch, err));
    return ct_model_encode_items(e->model, &e->batch, out, err);
}

static ct_status encode_all(ct_model *model, ct_batcher *batcher, const side *s, int64_t n, float *vectors,
                            ct_encode_progress progress, void *ctx, ct_error *err) {
    ct_status st = CT_OK;
    encoder e;
    CT_TRY(encoder_open(&e, model, batcher, err), st, done);
    for (int64_t from = 0; from < n; from += CT_ENCODE_ROWS) {
        const int32_t rows = (int32_t)(n - from < CT_ENCODE_ROWS ? n - from : CT_ENCODE_ROWS);
        CT_TRY(encode_block(&e, s, from, rows, vectors, err), st, done);
        if (progress && progress(ctx, from + rows, n) != 0) {
            st = ct_fail(err, CT_ERR_INTERRUPTED, "encoding stopped after %lld of %lld rows", (long long)(from + rows),
                         (long long)n);
            goto done;
        }
    }
done:
    encoder_close(&e);
    return st;
}

ct_status ct_encode_users(ct_model *model, ct_batcher *batcher, const ct_moment *moments, int64_t n, float *vectors,
                          ct_encode_progress progress, void *ctx, ct_error *err) {
    const side s = {.moments = moments};
    return encode_all(model, batcher, &s, n, vectors, progress, ctx, err);
}

ct_status ct_encode_items(ct_model *model, ct_batcher *batcher, const int32_t *items, int64_t n, float *vectors,
                          ct_encode_progress progress, void *ctx, ct_error *err) {
    const side s = {.items = items};
    return encode_all(model, batcher, &s, n, vectors, progress, ctx, err);
}

ct_status ct_encode_text(ct_model *model, ct_batcher *batcher, const char *text, int32_t platform, float *vector,
                         ct_error *err) {
    ct_status st = CT_OK;
    encoder e;
    CT_TRY(encoder_open(&e, model, batcher, err), st, done);
    CT_TRY(ct_batcher_text(batcher, text, platform, &e.batch, err), st, done);
    st = ct_model_encode_users(model, &e.batch, vector, err);
done:
    encoder_close(&e);
    return st;
}
