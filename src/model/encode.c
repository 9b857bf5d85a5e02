/* Encoding many users, items or texts, a batch of rows at a time. */
#include "model/encode.h"

#include <string.h>

#include "base/alloc.h"

/* Texts in the order in which they are encoded. */
typedef struct texts {
    ct_side side;
    const ct_token_lists *lists;
    int32_t platform;
    int64_t *order; /* [n] */
    float *block;   /* [CT_ENCODE_ROWS, D]: a batch's vectors before each goes to its place */
} texts;

/* What is encoded: one of the three. */
typedef struct side {
    const ct_moment *moments;
    const int32_t *items;
    const texts *texts;
} side;

typedef struct encoder {
    ct_model *model;
    ct_batcher *batcher;
    ct_batch batch;
    int32_t *unknown; /* [CT_ENCODE_ROWS]: items whose vectors users ask for */
} encoder;

static ct_status encoder_open(encoder *e, ct_model *model, ct_batcher *batcher, ct_error *err) {
    const ct_batch_caps caps = ct_batcher_encode_caps(batcher, CT_ENCODE_ROWS);
    memset(e, 0, sizeof *e);
    e->model = model;
    e->batcher = batcher;
    CT_CHECK(ct_batch_create(&e->batch, &caps, err));
    if (caps.latest == 0) return CT_OK;
    return ct_calloc(CT_ENCODE_ROWS, sizeof *e->unknown, (void **)&e->unknown, err);
}

static void encoder_close(encoder *e) {
    ct_batch_free(&e->batch);
    ct_free(e->unknown);
}

static ct_status encode_unknown(encoder *e, int32_t n, ct_error *err) {
    CT_CHECK(ct_batcher_items(e->batcher, e->unknown, n, &e->batch, err));
    return ct_model_encode_items(e->model, &e->batch, NULL, err);
}

static bool is_among(const int32_t *list, int32_t n, int32_t value) {
    for (int32_t i = 0; i < n; i++)
        if (list[i] == value) return true;
    return false;
}

/* Encodes those of the users' latest items that the model does not know yet. The batch's other side is free for it. */
static ct_status learn_latest(encoder *e, ct_error *err) {
    const ct_bag *latest = &e->batch.users.latest;
    int32_t n = 0;
    for (int32_t k = 0; k < latest->n_entries; k++) {
        const int32_t item = latest->ids[k];
        if (ct_model_knows_item(e->model, item) || is_among(e->unknown, n, item)) continue;
        e->unknown[n++] = item;
        if (n < CT_ENCODE_ROWS) continue;
        CT_CHECK(encode_unknown(e, n, err));
        n = 0;
    }
    return n > 0 ? encode_unknown(e, n, err) : CT_OK;
}

static ct_status encode_texts(encoder *e, const texts *t, int64_t from, int32_t n, float *vectors, ct_error *err) {
    const int64_t dim = ct_model_dim(e->model);
    CT_CHECK(ct_batcher_texts(e->batcher, t->side, t->lists, t->order + from, n, t->platform, &e->batch, err));
    if (t->side == CT_SIDE_USER) CT_CHECK(ct_model_encode_users(e->model, &e->batch, t->block, err));
    else CT_CHECK(ct_model_encode_items(e->model, &e->batch, t->block, err));
    for (int32_t i = 0; i < n; i++)
        memcpy(vectors + t->order[from + i] * dim, t->block + i * dim, (size_t)dim * sizeof *vectors);
    return CT_OK;
}

/* Encodes entries [from, from + n) of the side into vectors + from * D, or where a text's vector belongs. */
static ct_status encode_block(encoder *e, const side *s, int64_t from, int32_t n, float *vectors, ct_error *err) {
    if (s->texts) return encode_texts(e, s->texts, from, n, vectors, err);
    float *out = vectors + from * ct_model_dim(e->model);
    if (s->moments) {
        CT_CHECK(ct_batcher_users(e->batcher, s->moments + from, n, &e->batch, err));
        CT_CHECK(learn_latest(e, err));
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

/* Longest first, equal lengths in the order given, by a counting sort: the rows of a batch then take about as long as one
 * another, and the time left is not underestimated. Packing already saves the padding: on 2 cores 100,000 texts took
 * the same processor time in either order. */
static ct_status order_by_length(const ct_token_lists *lists, int64_t n, int32_t limit, int64_t *order, ct_error *err) {
    int64_t *place = NULL; /* [limit + 2]: where texts of limit - i tokens begin */
    CT_CHECK(ct_calloc((size_t)limit + 2, sizeof *place, (void **)&place, err));
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < n; i++) {
            const int64_t length = lists->begin[i + 1] - lists->begin[i];
            const int64_t bucket = length < limit ? limit - length : 0;
            if (pass == 0) place[bucket + 1]++;
            else order[place[bucket]++] = i;
        }
        for (int32_t k = 0; pass == 0 && k <= limit; k++) place[k + 1] += place[k];
    }
    ct_free(place);
    return CT_OK;
}

ct_status ct_encode_texts(ct_model *model, ct_batcher *batcher, ct_side which, const ct_token_lists *lists, int64_t n,
                          int32_t platform, float *vectors, ct_encode_progress progress, void *ctx, ct_error *err) {
    ct_status st = CT_OK;
    texts t = {.side = which, .lists = lists, .platform = platform};
    const side s = {.texts = &t};
    const size_t block = (size_t)CT_ENCODE_ROWS * (size_t)ct_model_dim(model);
    CT_TRY(ct_calloc((size_t)n, sizeof *t.order, (void **)&t.order, err), st, done);
    CT_TRY(ct_calloc(block, sizeof *t.block, (void **)&t.block, err), st, done);
    CT_TRY(order_by_length(lists, n, ct_batcher_text_limit(batcher, which), t.order, err), st, done);
    st = encode_all(model, batcher, &s, n, vectors, progress, ctx, err);
done:
    ct_free(t.order);
    ct_free(t.block);
    return st;
}

static ct_status encode_pictures(encoder *e, ct_picture_source source, void *ctx, int32_t platform, uint8_t *rgb,
                                 float *vectors, int64_t *n, ct_error *err) {
    for (int32_t rows = 0;; *n += rows) {
        CT_CHECK(source(ctx, CT_ENCODE_ROWS, rgb, &rows, err));
        if (rows == 0) return CT_OK;
        CT_CHECK(ct_batcher_pictures(e->batcher, rgb, rows, platform, &e->batch, err));
        CT_CHECK(ct_model_encode_items(e->model, &e->batch, vectors + *n * ct_model_dim(e->model), err));
    }
}

ct_status ct_encode_pictures(ct_model *model, ct_batcher *batcher, ct_picture_source source, void *ctx, int32_t platform,
                             float *vectors, int64_t *n, ct_error *err) {
    ct_status st = CT_OK;
    encoder e;
    uint8_t *rgb = NULL;
    *n = 0;
    CT_TRY(encoder_open(&e, model, batcher, err), st, done);
    const size_t p = (size_t)ct_batcher_encode_caps(batcher, 0).picture_size;
    CT_TRY(ct_calloc(CT_ENCODE_ROWS, p * p * 3, (void **)&rgb, err), st, done);
    st = encode_pictures(&e, source, ctx, platform, rgb, vectors, n, err);
done:
    ct_free(rgb);
    encoder_close(&e);
    return st;
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
