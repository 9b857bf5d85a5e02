/* Small configurations, and batches filled by the plainest code there is: the loader's own has tests of its own. */
#include "tests/model/model_support.h"
#include "tests/model/picture_support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- configurations ------------------------------------------------------------------------------------------- */

static ct_config base_config(void) {
    ct_config c = {.seed = 11};
    c.data = (ct_config_data){
        .max_user_tokens = TEST_USER_TOKENS, .max_item_tokens = TEST_ITEM_TOKENS, .bucket = TEST_BUCKET};
    c.model.dim = 16;
    c.model.platform_embedding = true;
    c.loss = (ct_config_loss){.logq = CT_LOGQ_KIND_CORRECTED,
                              .row_share = 0.5,
                              .temperature_learn = true,
                              .temperature_min = 0.01,
                              .temperature_max = 1.0};
    c.train = (ct_config_train){.lr = 0.003,
                                .schedule = CT_SCHEDULE_CONSTANT,
                                .weight_decay = 0.01,
                                .id_lr = 0.01,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .eps = 1e-4,
                                .clip = 0.5};
    return c;
}

ct_config test_config_text_cnn(void) {
    static int64_t widths[] = {1, 2, 3};
    ct_config c = base_config();
    c.model.user = (ct_config_encoder){
        .kind = CT_ENCODER_TRANSFORMER, .layers = 2, .hidden = 32, .heads = 4, .ffn = 48, .pool = CT_POOL_KIND_MEAN};
    c.model.item = (ct_config_encoder){.kind = CT_ENCODER_CNN, .embed = 12, .widths = {widths, 3}, .filters = 10};
    c.model.similarity = CT_SIMILARITY_COSINE;
    c.model.id_users = c.model.id_items = 8;
    c.model.id_history = TEST_HISTORY;
    c.loss.temperature = 0.1;
    return c;
}

ct_config test_config_two_transformers(void) {
    ct_config c = base_config();
    c.model.user = (ct_config_encoder){
        .kind = CT_ENCODER_TRANSFORMER, .layers = 1, .hidden = 16, .heads = 2, .pool = CT_POOL_KIND_CLS};
    c.model.item = (ct_config_encoder){
        .kind = CT_ENCODER_TRANSFORMER, .layers = 2, .hidden = 16, .heads = 4, .ffn = 24, .pool = CT_POOL_KIND_MEAN};
    c.model.similarity = CT_SIMILARITY_DOT;
    c.loss.temperature = 1.0;
    return c;
}

ct_config test_config_pictures(ct_fusion_kind fusion, bool with_text) {
    ct_config c = test_config_text_cnn();
    c.model.image = (ct_config_image){
        .kind = CT_IMAGE_RESNET_SMALL, .size = 16, .batch_norm = CT_BATCH_NORM_LOCAL, .crop = 0.6, .flip = true};
    c.model.fusion = fusion;
    if (!with_text) c.model.item = (ct_config_encoder){.kind = CT_ENCODER_NONE};
    return c;
}

ct_config test_config_vectors(ct_fusion_kind fusion, bool with_text) {
    static char *names[] = {"audio", "video"};
    ct_config c = test_config_text_cnn();
    c.model.fusion = fusion;
    c.model.vectors = (ct_strlist){names, TEST_VECTORS};
    if (!with_text) c.model.item = (ct_config_encoder){.kind = CT_ENCODER_NONE};
    return c;
}

ct_model_sizes test_sizes(void) {
    static const int32_t widths[TEST_VECTORS] = {5, 9};
    return (ct_model_sizes){.vocab = TEST_VOCAB,
                            .n_platforms = TEST_PLATFORMS,
                            .n_persons = TEST_PERSONS,
                            .n_entities = TEST_ENTITIES,
                            .vector_widths = widths};
}

ct_model_caps test_caps(const ct_config *config) {
    const ct_config_model *m = &config->model;
    const ct_batch_caps encode = {.pairs = TEST_PAIRS,
                                  .items = TEST_ITEMS,
                                  .user_tokens = m->user.kind == CT_ENCODER_NONE ? 0 : TEST_USER_TOKENS,
                                  .item_tokens = m->item.kind == CT_ENCODER_NONE ? 0 : TEST_ITEM_TOKENS,
                                  .history = (int32_t)m->id_history,
                                  .bucket = (int32_t)config->data.bucket,
                                  .n_platforms = TEST_PLATFORMS,
                                  .picture_size = m->image.kind == CT_IMAGE_NONE ? 0 : TEST_PICTURE,
                                  .vector_width = m->vectors.n > 0 ? TEST_VECTOR_WIDTH : 0,
                                  .n_modalities = ct_config_fuses(m) ? ct_config_n_modalities(m) : 0};
    ct_model_caps caps = {encode, encode};
    caps.train.augment = encode.picture_size > 0;
    caps.train.mask_entries = TEST_PAIRS * TEST_ITEMS;
    caps.train.training = true;
    return caps;
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

static void copy_i32(int32_t *to, const int32_t *from, int32_t n) {
    for (int32_t i = 0; i < n; i++) to[i] = from[i];
}

static int32_t largest(const int32_t *keys, int32_t n) {
    int32_t most = -1;
    for (int32_t i = 0; i < n; i++) most = keys[i] > most ? keys[i] : most;
    return most;
}

/* Entry i, of key keys[i], was read into row i. */
static void fill_segments(ct_segments *s, const int32_t *keys, int32_t n) {
    int32_t filled = 0;
    s->n_unique = 0;
    if (!s->seg_begin) return; /* a batch for encoding */
    for (int32_t key = 0; key <= largest(keys, n); key++) {
        const int32_t before = filled;
        for (int32_t i = 0; i < n; i++)
            if (keys[i] == key) s->seg_row[filled++] = i;
        if (filled == before) continue;
        s->rows[s->n_unique] = key;
        s->seg_begin[s->n_unique++] = before;
    }
    s->seg_begin[s->n_unique] = filled;
}

static void fill_pack(ct_token_pack *p, const test_rows *rows, int32_t n_rows, int32_t row0) {
    p->n_rows = p->n_tokens = p->n_padded = p->max_length = 0;
    if (!rows->offsets) return;
    p->n_rows = n_rows;
    p->n_tokens = rows->offsets[n_rows];
    p->n_padded = (p->n_tokens + TEST_BUCKET - 1) / TEST_BUCKET * TEST_BUCKET;
    copy_i32(p->offsets, rows->offsets, n_rows + 1);
    copy_i32(p->ids, rows->ids, p->n_tokens);
    for (int32_t n = 0; n < n_rows; n++) {
        const int32_t from = rows->offsets[n], to = rows->offsets[n + 1];
        p->row_of[n] = row0 + n;
        if (to - from > p->max_length) p->max_length = to - from;
        for (int32_t t = from; t < to; t++) {
            p->pos[t] = t - from;
            p->row[t] = row0 + n;
        }
    }
    for (int32_t t = p->n_tokens; t < p->n_padded; t++) {
        p->ids[t] = p->pos[t] = 0;
        p->row[t] = row0 + n_rows;
    }
    fill_segments(&p->by_id, p->ids, p->n_tokens);
    fill_segments(&p->by_pos, p->pos, p->n_tokens);
}

static void fill_bag(ct_bag *bag, const test_rows *rows, int32_t n_rows) {
    bag->n_rows = n_rows;
    bag->n_entries = rows->offsets ? rows->offsets[n_rows] : 0;
    for (int32_t n = 0; n <= n_rows; n++) bag->offsets[n] = rows->offsets ? rows->offsets[n] : 0;
    copy_i32(bag->ids, rows->ids, bag->n_entries);
    for (int32_t n = 0; n < n_rows; n++) {
        const int32_t entries = bag->offsets[n + 1] - bag->offsets[n];
        bag->scale[n] = entries ? 1.0f / (float)entries : 0.0f;
    }
}

static bool holds(const ct_bag *bag, int32_t id) {
    for (int32_t k = 0; bag && k < bag->n_entries; k++)
        if (bag->ids[k] == id) return true;
    return false;
}

/* Appends the bag's rows that hold id. */
static int32_t append_entries(const ct_bag *bag, int32_t id, int32_t *seg_row, int32_t filled) {
    for (int32_t n = 0; n < bag->n_rows; n++)
        for (int32_t k = bag->offsets[n]; k < bag->offsets[n + 1]; k++)
            if (bag->ids[k] == id) seg_row[filled++] = n;
    return filled;
}

/* Both bags (b may be NULL) over one list of unique rows. */
static void fill_table(ct_table_rows *rows, const ct_bag *a, ct_segments *sa, const ct_bag *b, ct_segments *sb,
                       int32_t table_rows) {
    int32_t na = 0, nb = 0, unique = 0;
    for (int32_t id = 0; id < table_rows; id++) {
        if (!holds(a, id) && !holds(b, id)) continue;
        rows->rows[unique] = id;
        sa->seg_begin[unique] = na;
        na = append_entries(a, id, sa->seg_row, na);
        if (b) {
            sb->seg_begin[unique] = nb;
            nb = append_entries(b, id, sb->seg_row, nb);
        }
        unique++;
    }
    sa->seg_begin[unique] = na;
    if (b) sb->seg_begin[unique] = nb;
    rows->n_unique = sa->n_unique = unique;
    if (b) sb->n_unique = unique;
}

static void fill_pairs(ct_batch *b, const test_pairs *p) {
    b->n_pairs = p->n_pairs;
    fill_segments(&b->users.by_platform, p->user_platform, p->n_pairs);
    fill_segments(&b->items.by_platform, p->item_platform, p->n_items);
    fill_table(&b->person_rows, &b->users.person, &b->person_seg, NULL, NULL, TEST_PERSONS);
    fill_table(&b->entity_rows, &b->items.entity, &b->entity_seg, &b->users.history, &b->history_seg, TEST_ENTITIES);
    copy_i32(b->pos, p->pos, p->n_pairs);
    copy_i32(b->mask_begin, p->mask_begin, p->n_pairs + 1);
    copy_i32(b->mask_col, p->mask_col, p->mask_begin[p->n_pairs]);
    memcpy(b->weight, p->weight, (size_t)p->n_pairs * sizeof(float));
    memcpy(b->item_logq, p->item_logq, (size_t)p->n_items * sizeof(float));
    memcpy(b->user_logq, p->user_logq, (size_t)p->n_pairs * sizeof(float));
}

void test_batch_fill(ct_batch *b, const test_pairs *p, int32_t row0) {
    b->users.n_rows = p->n_pairs;
    b->items.n_rows = p->n_items;
    fill_pack(&b->users.text, &p->user_text, p->n_pairs, row0);
    fill_pack(&b->items.text, &p->item_text, p->n_items, row0);
    copy_i32(b->users.platform, p->user_platform, p->n_pairs);
    copy_i32(b->items.platform, p->item_platform, p->n_items);
    fill_bag(&b->users.person, &p->person, p->n_pairs);
    fill_bag(&b->users.history, &p->history, p->n_pairs);
    fill_bag(&b->items.entity, &p->entity, p->n_items);
    if (b->pos) fill_pairs(b, p);
}

/* ---- random batches ------------------------------------------------------------------------------------------- */

enum { ROWS = TEST_PAIRS > TEST_ITEMS ? TEST_PAIRS : TEST_ITEMS, IDS = ROWS * TEST_USER_TOKENS };

static int32_t below(ct_rng *rng, int32_t n) { return (int32_t)ct_rng_below(rng, (uint64_t)n); }

/* n rows of at most `most` ids below `bound`, into offsets and ids. */
static void draw_rows(ct_rng *rng, int32_t n, int32_t least, int32_t most, int32_t bound, int32_t *offsets,
                      int32_t *ids) {
    offsets[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        offsets[i + 1] = offsets[i] + least + below(rng, most - least + 1);
        for (int32_t k = offsets[i]; k < offsets[i + 1]; k++) ids[k] = below(rng, bound);
    }
}

/* The arrays that all draws go to. */
typedef struct drawn {
    int32_t offsets[5][ROWS + 1], ids[5][IDS], user_platform[ROWS], item_platform[ROWS], pos[ROWS];
    int32_t mask_begin[ROWS + 1], mask_col[ROWS * 2];
    float weight[ROWS], item_logq[ROWS], user_logq[ROWS];
} drawn;

static void draw_items(ct_rng *rng, drawn *d, int32_t n_items) {
    for (int32_t i = 0; i < n_items; i++) {
        d->item_platform[i] = below(rng, TEST_PLATFORMS);
        d->item_logq[i] = -0.5f - 4.0f * (float)ct_rng_f64(rng);
    }
}

/* Each user is known to like the pair's item and one more, or only that. */
static void draw_pairs(ct_rng *rng, drawn *d, int32_t n_pairs, int32_t n_items) {
    for (int32_t p = 0; p < n_pairs; p++) {
        const int32_t pos = below(rng, n_items), other = below(rng, n_items), low = other < pos ? other : pos;
        int32_t n = d->mask_begin[p];
        d->pos[p] = pos;
        d->user_platform[p] = d->item_platform[pos];
        d->weight[p] = 0.5f + (float)ct_rng_f64(rng);
        d->user_logq[p] = -0.5f - 4.0f * (float)ct_rng_f64(rng);
        d->mask_col[n++] = low;
        if (other != pos) d->mask_col[n++] = other + pos - low;
        d->mask_begin[p + 1] = n;
    }
}

/* Pictures of noise for three items of four, some texts hidden; one item has neither. */
static void draw_pictures(ct_rng *rng, ct_batch *b) {
    enum { BYTES = TEST_PICTURE * TEST_PICTURE * 3 };
    const ct_item_side *s = &b->items;
    const int32_t m = s->text.n_rows > 0 ? 2 : 1;
    int32_t row[TEST_ITEMS], present[2 * TEST_ITEMS], flip[TEST_ITEMS], n = 0;
    uint8_t pixels[TEST_ITEMS * BYTES];
    float crop[4 * TEST_ITEMS];
    for (int32_t r = 0; r < s->n_rows; r++) {
        if (m == 2) present[2 * r] = r % 5 != 1 && s->text.offsets[r + 1] > s->text.offsets[r];
        present[m * r + m - 1] = r % 4 != 1;
        if (r % 4 == 1) continue;
        const int32_t tint = below(rng, 128);
        for (int32_t i = 0; i < BYTES; i++)
            pixels[n * BYTES + i] = (uint8_t)(i % 3 == r % 3 ? tint + below(rng, 128) : below(rng, 256));
        memcpy(crop + 4 * n, (const float[]){1.5f, 2.0f, 15.0f + (float)(r % 3), 16.0f}, 4 * sizeof *crop);
        flip[n] = r % 2;
        row[n++] = r;
    }
    test_batch_fill_pictures(b, &(test_pictures){n, row, present, pixels, crop, flip, {0.9f, 0.95f, 1.0f}});
}

/* The columns of each modality's vectors: two items of three have the first, all but one the second. */
static void draw_vectors(ct_rng *rng, ct_item_side *s, int32_t r, int32_t *present) {
    float *v = s->vectors + (int64_t)r * TEST_VECTOR_WIDTH;
    present[0] = r % 3 != 1;
    present[1] = r != 7;
    for (int32_t k = 0; k < TEST_VECTOR_WIDTH; k++) v[k] = present[k >= 5] ? (float)ct_rng_normal(rng) : 0.0f;
}

/* Vectors, and presence of all modalities; some texts are hidden. */
static void draw_modalities(ct_rng *rng, ct_batch *b, const ct_batch_caps *caps) {
    ct_item_side *s = &b->items;
    const int32_t m = s->n_modalities = caps->n_modalities;
    s->vector_width = caps->vector_width;
    s->modality_begin[0] = 0;
    for (int32_t r = 0; r < s->n_rows; r++) {
        int32_t *present = s->present + m * r;
        if (s->text.n_rows > 0) *present++ = r % 5 != 1 && s->text.offsets[r + 1] > s->text.offsets[r];
        if (s->picture_size > 0) *present++ = r % 4 != 1;
        if (s->vector_width > 0) draw_vectors(rng, s, r, present);
        s->modality_begin[r + 1] = m * (r + 1);
        for (int32_t k = 0; k < m; k++) s->kind[m * r + k] = k;
    }
    for (int32_t k = 0; s->kind_begin && k <= m; k++) s->kind_begin[k] = k * s->n_rows;
    for (int32_t k = 0; s->kind_begin && k < m; k++)
        for (int32_t r = 0; r < s->n_rows; r++) s->kind_row[k * s->n_rows + r] = m * r + k;
}

static ct_batch random_batch(const ct_config *config, const ct_batch_caps *caps, uint32_t stream, int32_t n_pairs,
                             int32_t n_items) {
    drawn d = {0};
    ct_rng rng = ct_rng_make(5, 0, stream);
    ct_batch b;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_batch_create(&b, caps, &err), &err);
    draw_rows(&rng, n_pairs, 2, TEST_USER_TOKENS, TEST_VOCAB, d.offsets[0], d.ids[0]);
    draw_rows(&rng, n_items, config->model.item.kind == CT_ENCODER_CNN ? 0 : 2, TEST_ITEM_TOKENS, TEST_VOCAB,
              d.offsets[1], d.ids[1]);
    draw_rows(&rng, n_pairs, 0, 1, TEST_PERSONS, d.offsets[2], d.ids[2]);
    draw_rows(&rng, n_pairs, 0, TEST_HISTORY, TEST_ENTITIES, d.offsets[3], d.ids[3]);
    draw_rows(&rng, n_items, 0, 1, TEST_ENTITIES, d.offsets[4], d.ids[4]);
    draw_items(&rng, &d, n_items);
    draw_pairs(&rng, &d, n_pairs, n_items);
    test_pairs p = {.n_pairs = n_pairs, .n_items = n_items, .user_platform = d.user_platform,
                    .item_platform = d.item_platform, .pos = d.pos, .mask_begin = d.mask_begin, .mask_col = d.mask_col,
                    .weight = d.weight, .item_logq = d.item_logq, .user_logq = d.user_logq};
    if (config->model.user.kind != CT_ENCODER_NONE) p.user_text = (test_rows){d.offsets[0], d.ids[0]};
    if (config->model.item.kind != CT_ENCODER_NONE) p.item_text = (test_rows){d.offsets[1], d.ids[1]};
    if (config->model.id_users) p.person = (test_rows){d.offsets[2], d.ids[2]};
    if (config->model.id_history) p.history = (test_rows){d.offsets[3], d.ids[3]};
    if (config->model.id_items) p.entity = (test_rows){d.offsets[4], d.ids[4]};
    test_batch_fill(&b, &p, 0);
    if (caps->picture_size > 0) draw_pictures(&rng, &b);
    if (caps->vector_width > 0) draw_modalities(&rng, &b, caps);
    return b;
}

ct_batch test_batch_random(const ct_config *config, uint32_t stream, int32_t n_pairs, int32_t n_items) {
    const ct_model_caps caps = test_caps(config);
    return random_batch(config, &caps.train, stream, n_pairs, n_items);
}

ct_batch test_batch_to_encode(const ct_config *config, uint32_t stream, int32_t n_users, int32_t n_items) {
    const ct_model_caps caps = test_caps(config);
    return random_batch(config, &caps.encode, stream, n_users, n_items);
}

/* ---- models --------------------------------------------------------------------------------------------------- */

ct_device *test_device(int n_threads) {
    ct_device *device = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_device_open(&device, "cpu", n_threads, &err), &err);
    return device;
}

ct_model *test_model(const ct_config *config, ct_device *device, bool training) {
    const ct_model_sizes sizes = test_sizes();
    const ct_model_caps caps = test_caps(config);
    ct_model *model = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_model_create(&model, config, &sizes, device, &caps, training, &err), &err);
    return model;
}

void test_set_step(ct_model *model, const ct_config *config, int64_t step) {
    const ct_step state = {.seed = (uint64_t)config->seed, .step = (uint64_t)step, .bias1 = 1.0f, .bias2 = 1.0f};
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_device_set_step(ct_model_device(model), &state, &err), &err);
}

void test_upload(ct_model *model, ct_param p, const float *values) {
    const ct_tensor w = ct_params_weight(ct_model_params(model), p);
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_device_upload(ct_model_device(model), w.data, values, (size_t)(w.rows * w.cols) * sizeof(float), &err),
              &err);
}

void test_download(ct_model *model, ct_tensor from, float *values) {
    ct_error err = CT_ERROR_INIT;
    assert_ok(ct_device_download(ct_model_device(model), values, from.data,
                                 (size_t)(from.rows * from.cols) * sizeof(float), &err), &err);
}

/* ---- checks --------------------------------------------------------------------------------------------------- */

void assert_ok(ct_status status, const ct_error *err) {
    if (status != CT_OK) fail_msg("status %d: %s", (int)status, err->text);
}

void assert_error(ct_status status, ct_error *err, ct_status wanted, const char *part) {
    if (status != wanted || !strstr(err->text, part))
        fail_msg("status %d: '%s', want %d with '%s'", (int)status, err->text, (int)wanted, part);
    ct_error_clear(err);
}

void assert_near(const char *name, const float *got, const float *want, int64_t n, double tolerance, double least) {
    double difference = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)got[i] - (double)want[i];
        difference += d * d;
        size += (double)want[i] * (double)want[i];
    }
    const double limit = tolerance * fmax(sqrt(size), least);
    if (!(sqrt(difference) <= limit))
        fail_msg("%s: differs by %.3g of %.3g, at most %.3g is allowed", name, sqrt(difference), sqrt(size), limit);
}
