/* One block for a batch: its arrays are carved from it, sized by the caps. */
#include "data/batch.h"

#include <string.h>

#include "base/alloc.h"

/* Hands out consecutive aligned pieces. With base NULL it only counts. */
typedef struct carver {
    char *base;
    size_t used;
    bool overflow;
} carver;

/* Every array of a batch holds 4-byte elements. */
static void *carve(carver *c, int64_t count) {
    size_t bytes = 0, end = 0;
    if (c->overflow || __builtin_mul_overflow((size_t)count, sizeof(int32_t), &bytes) ||
        __builtin_add_overflow(c->used, bytes, &end) || end > SIZE_MAX - CT_ALIGN) {
        c->overflow = true;
        return NULL;
    }
    void *piece = c->base ? c->base + c->used : NULL;
    c->used = (end + CT_ALIGN - 1) / CT_ALIGN * CT_ALIGN;
    return piece;
}

static int64_t round_up(int64_t n, int64_t bucket) { return (n + bucket - 1) / bucket * bucket; }

/* rows stays NULL where another list names them. */
static void carve_segments(carver *c, ct_segments *s, int64_t n_unique, int64_t entries, bool own_rows) {
    s->rows = own_rows ? carve(c, n_unique) : NULL;
    s->seg_begin = carve(c, n_unique + 1);
    s->seg_row = carve(c, entries);
}

static void carve_pack(carver *c, ct_token_pack *p, int64_t rows, int64_t row_tokens, const ct_batch_caps *caps) {
    const int64_t tokens = rows * row_tokens, padded = round_up(tokens, caps->bucket);
    p->ids = carve(c, padded);
    p->pos = carve(c, padded);
    p->row = carve(c, padded);
    p->offsets = carve(c, rows + 1);
    p->row_of = carve(c, rows);
    if (caps->training) {
        carve_segments(c, &p->by_id, tokens, tokens, true);
        carve_segments(c, &p->by_pos, row_tokens, tokens, true);
    }
}

static void carve_bag(carver *c, ct_bag *b, int64_t rows, int64_t entries) {
    b->offsets = carve(c, rows + 1);
    b->ids = carve(c, entries);
    b->scale = carve(c, rows);
}

static void carve_pairs(carver *c, ct_batch *b, const ct_batch_caps *caps) {
    const int64_t pairs = caps->pairs, items = caps->items, history = pairs * caps->history;
    carve_segments(c, &b->users.by_platform, caps->n_platforms, pairs, true);
    carve_segments(c, &b->items.by_platform, caps->n_platforms, items, true);
    b->pos = carve(c, pairs);
    b->weight = carve(c, pairs);
    b->mask_begin = carve(c, pairs + 1);
    b->mask_col = carve(c, caps->mask_entries);
    b->item_logq = carve(c, items);
    b->user_logq = carve(c, pairs);
    b->person_rows.rows = carve(c, pairs);
    b->entity_rows.rows = carve(c, items + history);
    carve_segments(c, &b->person_seg, pairs, pairs, false);
    carve_segments(c, &b->entity_seg, items + history, items, false);
    carve_segments(c, &b->history_seg, items + history, history, false);
    b->platform_pairs = carve(c, caps->n_platforms);
}

/* Whole 4-byte elements that hold `bytes`. */
static int64_t words(int64_t bytes) { return (bytes + 3) / 4; }

static void carve_pictures(carver *c, ct_item_side *s, const ct_batch_caps *caps) {
    const int64_t items = caps->items;
    if (caps->picture_size == 0) return;
    s->pixels = carve(c, words(items * caps->picture_size * caps->picture_size * 3));
    s->picture_begin = carve(c, items + 1);
    s->picture_ids = carve(c, items + 1);
    s->picture_row = carve(c, items);
    if (caps->augment) {
        s->crop = carve(c, items * 4);
        s->flip = carve(c, items);
        s->colour = carve(c, items * 3);
    }
}

static void carve_modalities(carver *c, ct_item_side *s, const ct_batch_caps *caps) {
    const int64_t items = caps->items, m = caps->n_modalities;
    if (caps->vector_width > 0) s->vectors = carve(c, items * caps->vector_width);
    if (m == 0) return;
    s->present = carve(c, items * m);
    s->modality_begin = carve(c, items + 1);
    s->kind = carve(c, items * m);
    if (caps->training) {
        s->kind_begin = carve(c, m + 1);
        s->kind_row = carve(c, items * m);
    }
}

static void carve_batch(carver *c, ct_batch *b, const ct_batch_caps *caps) {
    const int64_t pairs = caps->pairs, items = caps->items;
    carve_pack(c, &b->users.text, pairs, caps->user_tokens, caps);
    b->users.platform = carve(c, pairs);
    carve_bag(c, &b->users.person, pairs, pairs);
    carve_bag(c, &b->users.history, pairs, pairs * caps->history);
    carve_bag(c, &b->users.latest, pairs, pairs * caps->latest);
    carve_pack(c, &b->items.text, items, caps->item_tokens, caps);
    b->items.platform = carve(c, items);
    carve_bag(c, &b->items.entity, items, items);
    b->items.item = carve(c, items);
    carve_pictures(c, &b->items, caps);
    carve_modalities(c, &b->items, caps);
    if (caps->training) carve_pairs(c, b, caps);
}

static ct_status check_tokens(const char *side, int64_t rows, int64_t row_tokens, int64_t bucket, ct_error *err) {
    const int64_t tokens = rows * row_tokens; /* both below 2^31 */
    if (tokens > INT32_MAX - bucket) {
        return ct_fail(err, CT_ERR_CONFIG,
                       "batch: %lld %s rows of up to %lld tokens make %lld, want at most %lld: lower train.batch or "
                       "data.max_%s_tokens",
                       (long long)rows, side, (long long)row_tokens, (long long)tokens,
                       (long long)(INT32_MAX - bucket), side);
    }
    return CT_OK;
}

/* Offsets and counts are i32, so every list must stay below 2^31 entries. */
static ct_status check_caps(const ct_batch_caps *caps, ct_error *err) {
    if (caps->pairs < 0 || caps->items < 0 || caps->user_tokens < 0 || caps->item_tokens < 0 || caps->history < 0 ||
        caps->latest < 0 || caps->n_platforms < 0 || caps->mask_entries < 0 || caps->bucket < 1 ||
        caps->picture_size < 0 || caps->vector_width < 0 || caps->n_modalities < 0) {
        return ct_fail(err, CT_ERR_ARGUMENT,
                       "batch: caps of %d pairs, %d items, %d and %d tokens, %d and %d history, %d platforms, %lld "
                       "mask entries, bucket %d, want none negative and a bucket of at least 1",
                       caps->pairs, caps->items, caps->user_tokens, caps->item_tokens, caps->history,
                       caps->latest, caps->n_platforms, (long long)caps->mask_entries, caps->bucket);
    }
    CT_CHECK(check_tokens("user", caps->pairs, caps->user_tokens, caps->bucket, err));
    CT_CHECK(check_tokens("item", caps->items, caps->item_tokens, caps->bucket, err));
    const int64_t ids = (int64_t)caps->items + (int64_t)caps->pairs * caps->history;
    if (ids >= INT32_MAX) {
        return ct_fail(err, CT_ERR_CONFIG,
                       "batch: %lld id entries, want fewer than 2^31: lower train.batch or model.ids.history",
                       (long long)ids);
    }
    if ((int64_t)caps->pairs * caps->latest >= INT32_MAX) {
        return ct_fail(err, CT_ERR_CONFIG,
                       "batch: %lld latest items, want fewer than 2^31: lower train.batch or model.history",
                       (long long)caps->pairs * caps->latest);
    }
    if ((int64_t)caps->items * caps->n_modalities > INT32_MAX) {
        return ct_fail(err, CT_ERR_CONFIG,
                       "batch: %d items of %d modalities, want fewer than 2^31 rows: lower train.batch", caps->items,
                       caps->n_modalities);
    }
    if (caps->mask_entries > INT32_MAX) {
        return ct_fail(err, CT_ERR_CONFIG,
                       "batch: up to %lld known positives to mask, want fewer than 2^31: lower train.batch",
                       (long long)caps->mask_entries);
    }
    return CT_OK;
}

ct_status ct_batch_create(ct_batch *batch, const ct_batch_caps *caps, ct_error *err) {
    memset(batch, 0, sizeof *batch);
    CT_CHECK(check_caps(caps, err));
    carver measure = {NULL, 0, false};
    carve_batch(&measure, batch, caps);
    if (measure.overflow) return ct_fail(err, CT_ERR_MEMORY, "batch: its size passes what a size_t holds");
    CT_CHECK(ct_calloc(measure.used, 1, &batch->block, err));
    batch->block_bytes = measure.used;
    carver place = {batch->block, 0, false};
    carve_batch(&place, batch, caps);
    return CT_OK;
}

void ct_batch_free(ct_batch *batch) {
    if (!batch) return;
    ct_free(batch->block);
    memset(batch, 0, sizeof *batch);
}

static void fill_i32(int32_t *v, int64_t n) {
    if (v && n > 0) memset(v, 0, (size_t)n * sizeof *v);
}

/* begin[i] for n lists that share `entries` as evenly as integers allow. */
static void fill_begin(int32_t *begin, int64_t n, int64_t entries) {
    begin[0] = 0;
    for (int64_t i = 1; i <= n; i++) begin[i] = (int32_t)(entries * i / n);
}

static void fill_segments(ct_segments *s, int64_t n_unique, int64_t entries) {
    s->n_unique = (int32_t)n_unique;
    fill_i32(s->rows, n_unique);
    fill_begin(s->seg_begin, n_unique, entries);
    fill_i32(s->seg_row, entries);
}

static void fill_pack(ct_token_pack *p, int64_t rows, int64_t row_tokens, const ct_batch_caps *caps) {
    const int64_t tokens = rows * row_tokens, padded = round_up(tokens, caps->bucket);
    p->n_rows = row_tokens > 0 ? (int32_t)rows : 0;
    p->n_tokens = (int32_t)tokens;
    p->n_padded = (int32_t)padded;
    p->max_length = (int32_t)row_tokens;
    fill_i32(p->ids, padded);
    fill_i32(p->pos, padded);
    fill_i32(p->row, padded);
    fill_i32(p->row_of, rows);
    fill_begin(p->offsets, p->n_rows, tokens);
    if (caps->training) {
        fill_segments(&p->by_id, tokens, tokens);
        fill_segments(&p->by_pos, row_tokens, tokens);
    }
}

static void fill_bag(ct_bag *b, int64_t rows, int64_t entries) {
    b->n_rows = (int32_t)rows;
    b->n_entries = (int32_t)entries;
    fill_begin(b->offsets, rows, entries);
    fill_i32(b->ids, entries);
    for (int64_t i = 0; i < rows; i++) b->scale[i] = entries > 0 ? (float)rows / (float)entries : 0.0f;
}

static void fill_pairs(ct_batch *b, const ct_batch_caps *caps) {
    const int64_t pairs = caps->pairs, items = caps->items, history = pairs * caps->history;
    fill_segments(&b->users.by_platform, caps->n_platforms, pairs);
    fill_segments(&b->items.by_platform, caps->n_platforms, items);
    fill_i32(b->pos, pairs);
    fill_begin(b->mask_begin, pairs, caps->mask_entries);
    fill_i32(b->mask_col, caps->mask_entries);
    for (int64_t i = 0; i < pairs; i++) {
        b->weight[i] = 1.0f;
        b->user_logq[i] = 0.0f;
    }
    for (int64_t i = 0; i < items; i++) b->item_logq[i] = 0.0f;
    b->person_rows.n_unique = (int32_t)pairs;
    fill_i32(b->person_rows.rows, pairs);
    b->entity_rows.n_unique = (int32_t)(items + history);
    fill_i32(b->entity_rows.rows, items + history);
    fill_segments(&b->person_seg, pairs, pairs);
    fill_segments(&b->entity_seg, items + history, items);
    fill_segments(&b->history_seg, items + history, history);
    fill_i32(b->platform_pairs, caps->n_platforms);
    if (caps->n_platforms > 0) b->platform_pairs[0] = caps->pairs;
}

static void fill_pictures(ct_item_side *s, const ct_batch_caps *caps) {
    const int64_t items = caps->items;
    if (caps->picture_size == 0) return;
    s->picture_size = caps->picture_size;
    s->n_pictures = caps->items;
    fill_begin(s->picture_begin, items, items);
    fill_begin(s->picture_ids, items, items);
    fill_i32(s->picture_row, items);
}

static void fill_modalities(ct_item_side *s, const ct_batch_caps *caps) {
    const int64_t items = caps->items, m = caps->n_modalities;
    s->vector_width = caps->vector_width;
    s->n_modalities = caps->n_modalities;
    for (int64_t i = 0; i < items * caps->vector_width; i++) s->vectors[i] = 0.0f;
    if (m == 0) return;
    fill_i32(s->present, items * m);
    fill_begin(s->modality_begin, items, items * m);
    fill_i32(s->kind, items * m);
    if (s->kind_begin) fill_begin(s->kind_begin, m, items * m);
    fill_i32(s->kind_row, items * m);
}

void ct_batch_fill_caps(ct_batch *batch, const ct_batch_caps *caps) {
    const int64_t pairs = caps->pairs, items = caps->items;
    batch->step = 0;
    batch->n_pairs = caps->training ? caps->pairs : 0;
    batch->users.n_rows = caps->pairs;
    batch->items.n_rows = caps->items;
    fill_pack(&batch->users.text, pairs, caps->user_tokens, caps);
    fill_i32(batch->users.platform, pairs);
    fill_bag(&batch->users.person, pairs, pairs);
    fill_bag(&batch->users.history, pairs, pairs * caps->history);
    fill_bag(&batch->users.latest, pairs, pairs * caps->latest);
    fill_pack(&batch->items.text, items, caps->item_tokens, caps);
    fill_i32(batch->items.platform, items);
    fill_bag(&batch->items.entity, items, items);
    fill_i32(batch->items.item, items);
    fill_pictures(&batch->items, caps);
    fill_modalities(&batch->items, caps);
    if (caps->training) fill_pairs(batch, caps);
}
