/* Precomputed vectors in batches: each item's own, scaled or as they are, zeros and absence where one is missing or
 * hidden; presence with and without text and pictures. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "data/batcher.h"
#include "tests/data/fake_rig.h"
#include "tests/support/cmocka.h"

enum { SIDE = 4, BYTES = SIDE * SIDE * 3, ITEMS_MAX = 256, N_VECTORS = 3, WIDEST = 7 };

static uint8_t pixels[ITEMS_MAX * BYTES];
static int32_t item_picture[ITEMS_MAX], item_row[N_VECTORS][ITEMS_MAX];
static float rows[N_VECTORS][ITEMS_MAX * WIDEST];
static ct_item_vectors vectors[N_VECTORS];
static char *names[] = {"audio", "clip", "pose"};
static const int32_t widths[N_VECTORS] = {3, 1, WIDEST};

static bool has_vector(int v, int64_t item) { return item % (v + 2) != 0; }

/* Rows run backwards, so that no item's row is its number by accident; a row of zeros is among them. */
static int set_up(void **state) {
    if (fake_split_set_up(state) != 0 || fake.data.n_items > ITEMS_MAX) return 1;
    for (int64_t i = 0; i < fake.data.n_items; i++) item_picture[i] = i % 3 == 1 ? -1 : (int32_t)i;
    for (int v = 0; v < N_VECTORS; v++) {
        int32_t n = 0;
        for (int64_t i = fake.data.n_items - 1; i >= 0; i--) {
            item_row[v][i] = has_vector(v, i) ? n : -1;
            for (int k = 0; has_vector(v, i) && k < widths[v]; k++)
                rows[v][n * widths[v] + k] = i == 5 ? 0.0f : (float)(i + 1) * (k % 2 ? -2.0f : 0.5f) + (float)v;
            n += has_vector(v, i);
        }
        vectors[v] = (ct_item_vectors){names[v], widths[v], n, rows[v], item_row[v]};
    }
    fake.data.picture_size = SIDE;
    fake.data.n_pictures = fake.data.n_items;
    fake.data.pictures = pixels;
    fake.data.item_picture = item_picture;
    fake.data.n_vectors = N_VECTORS;
    fake.data.vectors = vectors;
    return 0;
}

/* chosen: which vectors, in which order. */
static ct_config vector_config(bool text, bool image, char **chosen, int n) {
    ct_config c = fake_config();
    if (!text) c.model.item.kind = CT_ENCODER_NONE;
    if (image) c.model.image = (ct_config_image){.kind = CT_IMAGE_RESNET_SMALL, .size = SIDE, .crop = 1.0};
    c.model.vectors = (ct_strlist){chosen, n};
    return c;
}

static int number_of(const char *name) {
    for (int v = 0; v < N_VECTORS; v++)
        if (strcmp(name, names[v]) == 0) return v;
    fail_msg("no vectors '%s'", name);
    return -1;
}

/* Columns of vector v in a row of the batch against what the dataset holds. */
static void check_vector(const ct_config *config, int v, int32_t item, bool there, const float *got) {
    double squares = 0.0;
    const float *want = there ? rows[v] + item_row[v][item] * widths[v] : NULL;
    for (int k = 0; there && k < widths[v]; k++) squares += (double)want[k] * (double)want[k];
    const bool scaled = config->model.vector_scale == CT_VECTOR_SCALE_UNIT && squares > 0.0;
    const double factor = scaled ? 1.0 / sqrt(squares / widths[v]) : 1.0;
    for (int k = 0; k < widths[v]; k++) {
        const double w = there ? factor * (double)want[k] : 0.0;
        if (!(fabs((double)got[k] - w) <= 1e-6 * fabs(w)))
            fail_msg("item %d, %s[%d]: %g, want %g", item, names[v], k, (double)got[k], w);
    }
}

/* hidden: modality dropout may hide what is there. */
static void check_items(const ct_config *config, const ct_item_side *s, bool training, bool hidden) {
    const ct_strlist *chosen = &config->model.vectors;
    const bool text = config->model.item.kind != CT_ENCODER_NONE, image = config->model.image.kind != CT_IMAGE_NONE;
    const int32_t m = text + image + chosen->n;
    int32_t width = 0;
    for (int i = 0; i < chosen->n; i++) width += widths[number_of(chosen->v[i])];
    assert_int_equal(s->n_modalities, m);
    assert_int_equal(s->vector_width, width);
    for (int32_t r = 0; r < s->n_rows; r++) {
        const int32_t *present = s->present + m * r, item = s->item[r];
        const float *columns = s->vectors + r * width;
        if (text) assert_int_equal(*present++, s->text.offsets[r + 1] > s->text.offsets[r]);
        if (image) assert_int_equal(*present++, s->picture_begin[r + 1] - s->picture_begin[r]);
        for (int i = 0; i < chosen->n; i++) {
            const int v = number_of(chosen->v[i]);
            const bool has = item >= 0 && has_vector(v, item);
            if (!hidden) assert_int_equal(present[i], has);
            if (hidden) assert_in_range(present[i], 0, has);
            check_vector(config, v, item, present[i], columns);
            columns += widths[v];
        }
        assert_int_equal(s->modality_begin[r], m * r);
        for (int32_t k = 0; k < m; k++) assert_int_equal(s->kind[m * r + k], k);
    }
    assert_int_equal(s->modality_begin[s->n_rows], m * s->n_rows);
    assert_true((s->kind_begin != NULL) == training);
    for (int32_t k = 0; training && k < m; k++) {
        assert_int_equal(s->kind_begin[k + 1], (k + 1) * s->n_rows);
        for (int32_t r = 0; r < s->n_rows; r++) assert_int_equal(s->kind_row[k * s->n_rows + r], m * r + k);
    }
}

static void each_item_brings_its_vectors(void **state) {
    (void)state;
    static char *backwards[] = {"pose", "audio"};
    for (int with = 0; with < 16; with++) {
        rig r;
        const bool all = with & 4;
        ct_config config = vector_config(with & 1, with & 2, all ? names : backwards, all ? N_VECTORS : 2);
        config.model.vector_scale = with & 8 ? CT_VECTOR_SCALE_NONE : CT_VECTOR_SCALE_UNIT;
        rig_create(&r, config);
        for (int64_t step = 0; step < 6; step++) {
            assert_int_equal(ct_batcher_train(r.batcher, step, &r.batch, NULL), CT_OK);
            check_items(&config, &r.batch.items, true, false);
        }
        rig_free(&r);
    }
}

static void encoding_hides_nothing(void **state) {
    (void)state;
    rig r;
    ct_config config = vector_config(true, true, names, N_VECTORS);
    config.model.modality_dropout = 0.9;
    rig_create(&r, config);
    const ct_batch_caps caps = ct_batcher_encode_caps(r.batcher, 16);
    ct_batch batch;
    const int32_t items[] = {12, 0, 5, 1, 4, 9, 30};
    assert_int_equal(caps.n_modalities, 5);
    assert_int_equal(caps.vector_width, 3 + 1 + WIDEST);
    assert_int_equal(ct_batch_create(&batch, &caps, NULL), CT_OK);
    assert_int_equal(ct_batcher_items(r.batcher, items, 7, &batch, NULL), CT_OK);
    check_items(&config, &batch.items, false, false);
    int64_t begin[] = {0, 2, 2};
    int32_t ids[] = {5, 6};
    const int64_t lists[] = {1, 0};
    const ct_token_lists texts = {begin, ids};
    assert_int_equal(ct_batcher_texts(r.batcher, CT_SIDE_ITEM, &texts, lists, 2, 0, &batch, NULL), CT_OK);
    check_items(&config, &batch.items, false, false); /* bare texts: no vector */
    ct_batch_free(&batch);
    rig_free(&r);
}

/* Each modality with its probability, independently, and never all that an item has. */
static void each_modality_is_hidden_by_itself(void **state) {
    (void)state;
    const double p = 0.4;
    rig r;
    ct_config config = vector_config(true, false, names, N_VECTORS);
    config.model.modality_dropout = p;
    rig_create(&r, config);
    int whole = 0, none[N_VECTORS] = {0}, both = 0;
    for (int64_t step = 0; step < 400; step++) {
        assert_int_equal(ct_batcher_train(r.batcher, step, &r.batch, NULL), CT_OK);
        const ct_item_side *s = &r.batch.items;
        check_items(&config, s, true, true);
        for (int32_t i = 0; i < s->n_rows; i++) {
            const int32_t item = s->item[i], *present = s->present + 4 * i;
            const bool shows = present[0] || present[1] || present[2] || present[3];
            const bool has_text = fake.data.item_tokens.begin[item + 1] > fake.data.item_tokens.begin[item];
            assert_true(shows == (has_text || has_vector(0, item) || has_vector(1, item) || has_vector(2, item)));
            if (!has_vector(0, item) || !has_vector(1, item) || !has_vector(2, item) || !has_text) continue;
            whole++;
            for (int v = 0; v < N_VECTORS; v++) none[v] += !present[1 + v];
            both += !present[1] && !present[2];
        }
    }
    assert_true(whole > 1000);
    /* All four hidden, p^4, means all four shown. */
    const double want = p - p * p * p * p, want_both = p * p - p * p * p * p;
    for (int v = 0; v < N_VECTORS; v++)
        assert_true(fabs((double)none[v] / whole - want) < 5 * sqrt(want * (1 - want) / whole));
    assert_true(fabs((double)both / whole - want_both) < 5 * sqrt(want_both * (1 - want_both) / whole));
    rig_free(&r);
}

/* The same step gives the same batch, another step another; and a step takes no memory. */
static void a_batch_is_a_function_of_its_step(void **state) {
    (void)state;
    rig a, b;
    ct_config config = vector_config(true, true, names, N_VECTORS);
    config.model.modality_dropout = 0.2;
    rig_create(&a, config);
    rig_create(&b, config);
    assert_int_equal(a.batch.block_bytes, b.batch.block_bytes);
    for (int64_t step = 0; step < 5; step++) {
        memset(a.batch.block, 0, a.batch.block_bytes);
        assert_int_equal(ct_batcher_train(a.batcher, step, &a.batch, NULL), CT_OK);
        assert_int_equal(ct_batcher_train(b.batcher, 9, &b.batch, NULL), CT_OK);
        memset(b.batch.block, 0, b.batch.block_bytes);
        assert_int_equal(ct_batcher_train(b.batcher, step, &b.batch, NULL), CT_OK);
        assert_memory_equal(a.batch.block, b.batch.block, a.batch.block_bytes);
    }
    const uint64_t before = ct_alloc_count();
    for (int64_t step = 0; step < 20; step++)
        assert_int_equal(ct_batcher_train(a.batcher, step, &a.batch, NULL), CT_OK);
    assert_int_equal(ct_alloc_count(), before);
    rig_free(&a);
    rig_free(&b);
}

static void unknown_vectors_are_refused(void **state) {
    (void)state;
    static char *wrong[] = {"audio", "smell"};
    const ct_config config = vector_config(true, false, wrong, 2);
    ct_batcher *batcher = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_batcher_create(&batcher, &fake.data, &split, NULL, &config, &err), CT_ERR_CONFIG);
    assert_null(batcher);
    assert_non_null(strstr(err.text, "no vectors 'smell'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_item_brings_its_vectors),
                                       cmocka_unit_test(encoding_hides_nothing),
                                       cmocka_unit_test(each_modality_is_hidden_by_itself),
                                       cmocka_unit_test(a_batch_is_a_function_of_its_step),
                                       cmocka_unit_test(unknown_vectors_are_refused)};
    return cmocka_run_group_tests(tests, set_up, fake_split_tear_down);
}
