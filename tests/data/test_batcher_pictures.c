/* Pictures in batches: each item's own, presence, modality dropout, augmentation within bounds, the same
 * again. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "data/batcher.h"
#include "tests/data/fake_rig.h"
#include "tests/support/cmocka.h"

enum { SIDE = 8, BYTES = SIDE * SIDE * 3, ITEMS_MAX = 1024 };

static uint8_t pixels[ITEMS_MAX * BYTES];
static int32_t item_picture[ITEMS_MAX];

/* Two items of three have a picture; its bytes say whose it is. */
static int set_up(void **state) {
    int32_t n = 0;
    if (fake_split_set_up(state) != 0 || fake.data.n_items > ITEMS_MAX) return 1;
    for (int64_t i = 0; i < fake.data.n_items; i++) {
        item_picture[i] = i % 3 == 1 ? -1 : n++;
        if (i % 3 != 1)
            for (int k = 0; k < BYTES; k++) pixels[(n - 1) * BYTES + k] = (uint8_t)(i * 7 + k);
    }
    fake.data.picture_size = SIDE;
    fake.data.n_pictures = n;
    fake.data.pictures = pixels;
    fake.data.item_picture = item_picture;
    return 0;
}

static ct_config picture_config(void) {
    ct_config c = fake_config();
    c.model.image = (ct_config_image){.kind = CT_IMAGE_RESNET_SMALL, .size = SIDE, .crop = 1.0};
    return c;
}

/* Everything but augmentation, from the items of the batch. hidden: modality dropout may hide what is there.
 */
static void check_items(const ct_item_side *s, int32_t m, bool training, bool hidden) {
    int32_t n = 0;
    assert_int_equal(s->n_modalities, m);
    assert_int_equal(s->picture_size, SIDE);
    for (int32_t r = 0; r < s->n_rows; r++) {
        const int32_t picture = s->item[r] < 0 ? -1 : item_picture[s->item[r]];
        const bool shown = s->present[m * r + m - 1] == 1;
        assert_in_range(s->present[m * r + m - 1], 0, 1);
        if (picture < 0) assert_false(shown);
        if (picture >= 0 && !hidden) assert_true(shown);
        assert_int_equal(s->picture_begin[r], n);
        if (shown) {
            assert_memory_equal(s->pixels + (size_t)n * BYTES, pixels + (size_t)picture * BYTES, BYTES);
            assert_int_equal(s->picture_ids[n], n);
            assert_int_equal(s->picture_row[n++], r);
        }
        if (m == 2) assert_int_equal(s->present[2 * r], s->text.offsets[r + 1] > s->text.offsets[r]);
        assert_int_equal(s->modality_begin[r], m * r);
        for (int32_t k = 0; k < m; k++) assert_int_equal(s->kind[m * r + k], k);
    }
    assert_int_equal(s->picture_begin[s->n_rows], n);
    assert_int_equal(s->picture_ids[n], n);
    assert_int_equal(s->n_pictures, n);
    assert_int_equal(s->modality_begin[s->n_rows], m * s->n_rows);
    assert_true((s->kind_begin != NULL) == training);
    for (int32_t k = 0; training && k < m; k++) {
        assert_int_equal(s->kind_begin[k], k * s->n_rows);
        assert_int_equal(s->kind_begin[k + 1], (k + 1) * s->n_rows);
        for (int32_t r = 0; r < s->n_rows; r++) assert_int_equal(s->kind_row[k * s->n_rows + r], m * r + k);
    }
}

static void each_item_brings_its_picture(void **state) {
    (void)state;
    for (int with_text = 0; with_text < 2; with_text++) {
        rig r;
        ct_config config = picture_config();
        if (!with_text) config.model.item.kind = CT_ENCODER_NONE;
        rig_create(&r, config);
        assert_null(r.batch.items.crop); /* nothing to augment */
        for (int64_t step = 0; step < 20; step++) {
            assert_int_equal(ct_batcher_train(r.batcher, step, &r.batch, NULL), CT_OK);
            check_items(&r.batch.items, with_text ? 2 : 1, true, false);
        }
        rig_free(&r);
    }
}

static void encoding_hides_nothing(void **state) {
    (void)state;
    rig r;
    ct_config config = picture_config();
    config.model.modality_dropout = 0.9;
    config.model.image.crop = 0.5;
    rig_create(&r, config);
    const ct_batch_caps caps = ct_batcher_encode_caps(r.batcher, 16);
    ct_batch batch;
    const int32_t items[] = {3, 0, 1, 4, 9}, none[] = {1, 4, 7};
    assert_int_equal(ct_batch_create(&batch, &caps, NULL), CT_OK);
    assert_null(batch.items.crop);
    assert_int_equal(ct_batcher_items(r.batcher, items, 5, &batch, NULL), CT_OK);
    check_items(&batch.items, 2, false, false);
    assert_int_equal(batch.items.n_pictures, 3);
    assert_int_equal(ct_batcher_items(r.batcher, none, 3, &batch, NULL), CT_OK);
    check_items(&batch.items, 2, false, false);
    assert_int_equal(batch.items.n_pictures, 0);
    int64_t begin[] = {0, 2, 2};
    int32_t ids[] = {5, 6};
    const int64_t rows[] = {1, 0};
    const ct_token_lists texts = {begin, ids};
    assert_int_equal(ct_batcher_texts(r.batcher, CT_SIDE_ITEM, &texts, rows, 2, 0, &batch, NULL), CT_OK);
    check_items(&batch.items, 2, false, false); /* a bare text: no picture */
    assert_int_equal(batch.items.present[0], 0);
    assert_int_equal(batch.items.present[2], 1);
    ct_batch_free(&batch);
    rig_free(&r);
}

/* Each with its probability, never both: both hidden means both shown. */
/* Items who are only a picture: it is shown, the text is missing, no id is known. */
static void bare_pictures_are_items(void **state) {
    (void)state;
    for (int with_text = 0; with_text < 2; with_text++) {
        rig r;
        ct_batch batch;
        ct_error err = CT_ERROR_INIT;
        ct_config config = picture_config();
        if (!with_text) config.model.item.kind = CT_ENCODER_NONE;
        config.model.id_items = 4;
        rig_create(&r, config);
        const ct_batch_caps caps = ct_batcher_encode_caps(r.batcher, 16);
        const int32_t all[] = {0, 2, 3}, m = with_text ? 2 : 1;
        assert_int_equal(ct_batch_create(&batch, &caps, NULL), CT_OK);
        assert_int_equal(ct_batcher_items(r.batcher, all, 3, &batch, NULL), CT_OK);
        assert_int_equal(ct_batcher_pictures(r.batcher, pixels + BYTES, 5, 2, &batch, NULL), CT_OK);
        const ct_item_side *s = &batch.items;
        assert_true(s->n_rows == 5 && s->n_pictures == 5 && s->n_modalities == m);
        assert_memory_equal(s->pixels, pixels + BYTES, 5 * BYTES);
        for (int32_t i = 0; i < 5; i++) {
            assert_true(s->item[i] == -1 && s->platform[i] == 2);
            assert_true(s->picture_begin[i] == i && s->picture_ids[i] == i && s->picture_row[i] == i);
            assert_int_equal(s->present[m * i + m - 1], 1);
            if (with_text) assert_int_equal(s->present[2 * i], 0);
            if (with_text) assert_int_equal(s->text.n_rows, 5);
        }
        assert_int_equal(s->picture_begin[5], 5);
        assert_true(s->entity.n_rows == 5 && s->entity.n_entries == 0);
        assert_int_equal(ct_batcher_pictures(r.batcher, pixels, 1, 3, &batch, &err), CT_ERR_ARGUMENT);
        assert_non_null(strstr(err.text, "platform 3"));
        ct_batch_free(&batch);
        rig_free(&r);
    }
}

static void modality_dropout_never_hides_all(void **state) {
    (void)state;
    rig r;
    const double p = 0.3;
    ct_config config = picture_config();
    config.model.modality_dropout = p;
    rig_create(&r, config);
    int whole = 0, no_text = 0, no_image = 0;
    for (int64_t step = 0; step < 200; step++) {
        assert_int_equal(ct_batcher_train(r.batcher, step, &r.batch, NULL), CT_OK);
        const ct_item_side *s = &r.batch.items;
        check_items(s, 2, true, true);
        for (int32_t i = 0; i < s->n_rows; i++) {
            const bool has_text =
                fake.data.item_tokens.begin[s->item[i] + 1] > fake.data.item_tokens.begin[s->item[i]];
            const bool has_image = item_picture[s->item[i]] >= 0; /* alone, it is always shown */
            assert_true((s->present[2 * i] || s->present[2 * i + 1]) == (has_text || has_image));
            if (!has_image || !has_text) continue;
            whole++;
            no_text += !s->present[2 * i];
            no_image += !s->present[2 * i + 1];
        }
    }
    assert_true(whole > 1000);
    const double want = p * (1 - p), spread = 5 * sqrt(want * (1 - want) / whole);
    assert_true(fabs((double)no_text / whole - want) < spread);
    assert_true(fabs((double)no_image / whole - want) < spread);
    rig_free(&r);
}

static void augmentation_stays_inside(void **state) {
    (void)state;
    rig r;
    ct_config config = picture_config();
    config.model.image.crop = 0.4;
    config.model.image.flip = true;
    config.model.image.colour = 0.2;
    rig_create(&r, config);
    int n = 0, flips = 0;
    double least = 1.0, most = 0.0;
    for (int64_t step = 0; step < 50; step++) {
        assert_int_equal(ct_batcher_train(r.batcher, step, &r.batch, NULL), CT_OK);
        const ct_item_side *s = &r.batch.items;
        for (int32_t i = 0; i < s->n_pictures; i++, n++) {
            const float *c = s->crop + 4 * i;
            assert_true(c[0] >= 0 && c[1] >= 0 && c[2] > 0 && c[3] > 0);
            assert_true(c[0] + c[2] <= SIDE * 1.00001f && c[1] + c[3] <= SIDE * 1.00001f);
            const double area = (double)c[2] * (double)c[3] / (SIDE * SIDE);
            least = fmin(least, area);
            most = fmax(most, area);
            assert_in_range(s->flip[i], 0, 1);
            flips += s->flip[i];
            for (int k = 0; k < 3; k++) assert_true(fabsf(s->colour[3 * i + k] - 1.0f) <= 0.2001f);
        }
    }
    /* A crop that is wider than the picture is cut: its area may fall a little below the least share. */
    assert_true(n > 500 && least >= 0.4 * 0.75 && least < 0.5 && most > 0.9 && most <= 1.00001);
    assert_true(flips > n / 3 && flips < n * 2 / 3);
    rig_free(&r);
}

/* Another batcher at the same step makes the same batch; another step, another crop. */
static void the_same_step_gives_the_same_pictures(void **state) {
    (void)state;
    rig a, b;
    ct_config config = picture_config();
    config.model.image.crop = 0.5;
    config.model.image.flip = true;
    config.model.image.colour = 0.1;
    config.model.modality_dropout = 0.2;
    rig_create(&a, config);
    rig_create(&b, config);
    assert_int_equal(a.batch.block_bytes, b.batch.block_bytes);
    for (int64_t step = 0; step < 5; step++) {
        memset(a.batch.block, 0, a.batch.block_bytes);
        memset(b.batch.block, 0, b.batch.block_bytes);
        assert_int_equal(ct_batcher_train(a.batcher, step, &a.batch, NULL), CT_OK);
        assert_int_equal(ct_batcher_train(b.batcher, 7, &b.batch, NULL), CT_OK);
        assert_true(memcmp(a.batch.block, b.batch.block, a.batch.block_bytes) != 0);
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

/* A cache that was made without pictures, or with smaller ones, has none for the encoder. */
static void too_small_pictures_are_refused(void **state) {
    (void)state;
    ct_config config = picture_config();
    ct_batcher *batcher = NULL;
    ct_error err = CT_ERROR_INIT;
    config.model.image.size = SIDE + 1;
    assert_int_equal(ct_batcher_create(&batcher, &fake.data, &split, NULL, &config, &err), CT_ERR_CONFIG);
    assert_null(batcher);
    assert_non_null(strstr(err.text, "data.picture_size"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_item_brings_its_picture),
                                       cmocka_unit_test(encoding_hides_nothing),
                                       cmocka_unit_test(bare_pictures_are_items),
                                       cmocka_unit_test(modality_dropout_never_hides_all),
                                       cmocka_unit_test(augmentation_stays_inside),
                                       cmocka_unit_test(the_same_step_gives_the_same_pictures),
                                       cmocka_unit_test(too_small_pictures_are_refused)};
    return cmocka_run_group_tests(tests, set_up, fake_split_tear_down);
}
