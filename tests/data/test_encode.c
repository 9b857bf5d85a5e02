/* Batches for encoding, and the block that all batches are carved from. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "data/history.h"
#include "data/loader.h"
#include "tests/data/fake_split.h"

static ct_batcher *make(const ct_config *config, int32_t rows, ct_batch *batch) {
    ct_batcher *b = NULL;
    assert_int_equal(ct_batcher_create(&b, &fake.data, &split, NULL, config, NULL), CT_OK);
    const ct_batch_caps caps = ct_batcher_encode_caps(b, rows);
    assert_int_equal(ct_batch_create(batch, &caps, NULL), CT_OK);
    return b;
}

static bool person_trained(int32_t person) {
    for (int64_t u = 0; u < fake.data.n_users; u++) {
        if (fake.data.user_person[u] == person && split.train_end[u] > fake.data.inter_begin[u]) return true;
    }
    return false;
}

static bool entity_trained(int32_t entity) {
    for (int64_t u = 0; u < fake.data.n_users; u++) {
        for (int64_t k = fake.data.inter_begin[u]; k < split.train_end[u]; k++) {
            if (fake.data.item_entity[fake.data.inter_item[k]] == entity) return true;
        }
    }
    return false;
}

static void users_are_encoded_at_their_moment(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    ct_config config = fake_config();
    config.model.id_dropout = config.train.part_dropout = 1.0; /* training only */
    ct_batch batch;
    ct_batcher *b = make(&config, (int32_t)d->n_users, &batch);
    ct_user_text *text = NULL;
    assert_int_equal(ct_user_text_create(&text, config.data.user_text, fake.tokenizer, NULL), CT_OK);
    ct_moment moments[128];
    int strangers = 0, unknown_entities = 0, silent = 0;
    for (int stage = CT_STAGE_VALID; stage <= CT_STAGE_NOW; stage++) {
        for (int32_t u = 0; u < d->n_users; u++) moments[u] = ct_moment_at_stage(d, &split, u, (ct_stage)stage);
        assert_int_equal(ct_batcher_users(b, moments, (int32_t)d->n_users, &batch, NULL), CT_OK);
        assert_int_equal(batch.users.n_rows, d->n_users);
        assert_int_equal(batch.users.text.n_rows, d->n_users);
        for (int32_t u = 0; u < d->n_users; u++) {
            int32_t ids[64];
            int64_t latest[8];
            const ct_token_pack *pack = &batch.users.text;
            const int n = ct_user_text_compose(text, d, &split, moments[u], CT_PART_ALL, 22, ids);
            assert_int_equal(pack->offsets[u + 1] - pack->offsets[u], n + 2);
            assert_memory_equal(pack->ids + pack->offsets[u] + 1, ids, (size_t)n * sizeof *ids);
            silent += n == 0;
            assert_int_equal(batch.users.platform[u], d->user_platform[u]);

            const ct_bag *person = &batch.users.person, *history = &batch.users.history;
            const bool trained = person_trained(d->user_person[u]);
            strangers += !trained;
            assert_int_equal(person->offsets[u + 1] - person->offsets[u], trained);
            if (trained) assert_int_equal(person->ids[person->offsets[u]], d->user_person[u]);

            const int all = ct__history(d, &split, moments[u], CT__LATEST_ENTITIES, 5, latest);
            int32_t at = history->offsets[u];
            for (int i = 0; i < all; i++) {
                const int32_t entity = d->item_entity[d->inter_item[latest[i]]];
                if (entity_trained(entity)) assert_int_equal(history->ids[at++], entity);
                else unknown_entities++;
            }
            assert_int_equal(at, history->offsets[u + 1]);

            const ct_bag *recent = &batch.users.latest; /* the items themselves, trained or not */
            const int few = all < 4 ? all : 4;
            assert_int_equal(recent->offsets[u + 1] - recent->offsets[u], few);
            for (int i = 0; i < few; i++)
                assert_int_equal(recent->ids[recent->offsets[u] + i], d->inter_item[latest[i]]);
            const double scale = few > 0 ? sqrt((double)config.model.dim) / few : 0.0;
            assert_true(fabs((double)recent->scale[u] - scale) <= 1e-6 * scale);
        }
    }
    assert_true(strangers > 0 && unknown_entities > 0 && silent > 0);
    moments[1].user = (int32_t)d->n_users;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_batcher_users(b, moments, 2, &batch, &err), CT_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "user 75"));
    assert_int_equal(ct_batcher_users(b, moments, 0, &batch, NULL), CT_OK);
    assert_int_equal(batch.users.n_rows, 0);
    assert_int_equal(batch.users.text.n_padded, 0);
    ct_user_text_free(text);
    ct_batch_free(&batch);
    ct_batcher_free(b);
}

static void items_keep_the_order_given(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    ct_config config = fake_config();
    for (int kind = CT_ENCODER_NONE; kind <= CT_ENCODER_CNN; kind++) {
        config.model.item.kind = (ct_encoder_kind)kind;
        ct_batch batch;
        ct_batcher *b = make(&config, (int32_t)d->n_items, &batch);
        const int32_t specials = kind == CT_ENCODER_TRANSFORMER ? 2 : 0;
        int32_t items[128];
        for (int32_t i = 0; i < d->n_items; i++) items[i] = (int32_t)d->n_items - 1 - i;
        assert_int_equal(ct_batcher_items(b, items, (int32_t)d->n_items, &batch, NULL), CT_OK);
        const ct_token_pack *pack = &batch.items.text;
        assert_int_equal(pack->n_rows, kind == CT_ENCODER_NONE ? 0 : d->n_items);
        for (int32_t r = 0; r < d->n_items; r++) {
            const int32_t item = items[r];
            assert_int_equal(batch.items.item[r], item);
            assert_int_equal(batch.items.platform[r], d->item_platform[item]);
            assert_int_equal(batch.items.entity.scale[r] > 0, entity_trained(d->item_entity[item]));
            if (kind == CT_ENCODER_NONE) continue;
            const int64_t begin = d->item_tokens.begin[item], all = d->item_tokens.begin[item + 1] - begin;
            const int64_t n = all < 9 - specials ? all : 9 - specials;
            assert_int_equal(pack->offsets[r + 1] - pack->offsets[r], n + specials);
            assert_memory_equal(pack->ids + pack->offsets[r] + specials / 2, d->item_tokens.ids + begin,
                                (size_t)n * sizeof(int32_t));
        }
        items[0] = -1;
        assert_int_equal(ct_batcher_items(b, items, 1, &batch, NULL), CT_ERR_ARGUMENT);
        ct_batch_free(&batch);
        ct_batcher_free(b);
    }
}

static void a_text_alone_is_a_user(void **state) {
    (void)state;
    ct_config config = fake_config();
    ct_batch batch;
    ct_batcher *b = make(&config, 1, &batch);
    const ct_special_tokens special = ct_tokenizer_special(fake.tokenizer);
    assert_int_equal(ct_batcher_text(b, "w3 w4", 2, &batch, NULL), CT_OK);
    const int32_t want[] = {special.cls, 8, 9, special.sep};
    assert_int_equal(batch.users.n_rows, 1);
    assert_int_equal(batch.users.text.n_tokens, 4);
    assert_memory_equal(batch.users.text.ids, want, sizeof want);
    assert_int_equal(batch.users.platform[0], 2);
    assert_int_equal(batch.users.person.n_entries + batch.users.history.n_entries, 0);
    assert_int_equal(ct_batcher_text(b, "", 0, &batch, NULL), CT_OK);
    assert_int_equal(batch.users.text.n_tokens, 2);
    char text[400] = "";
    for (int i = 0; i < 100; i++) strcat(text, "w1 ");
    assert_int_equal(ct_batcher_text(b, text, 0, &batch, NULL), CT_OK);
    assert_int_equal(batch.users.text.n_tokens, 24);
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_batcher_text(b, "w1", 3, &batch, &err), CT_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "platform 3"));
    ct_batch_free(&batch);
    ct_batcher_free(b);
}

/* Texts of 0, 2 and 30 tokens, asked for in another order, one of them twice. */
static void check_texts(const ct_config *config, ct_side side, int32_t specials, int32_t limit) {
    static const int64_t begin[] = {0, 0, 2, 32}, asked[] = {2, 0, 1, 2};
    int32_t ids[32];
    ct_batch batch;
    ct_batcher *b = make(config, 4, &batch);
    const ct_token_lists texts = {begin, ids};
    const ct_token_pack *pack = side == CT_SIDE_USER ? &batch.users.text : &batch.items.text;
    for (int32_t i = 0; i < 32; i++) ids[i] = 5 + i % 7;
    assert_int_equal(ct_batcher_text_limit(b, side), limit);
    batch.users.n_rows = batch.items.n_rows = 77; /* the other side is left alone */
    assert_int_equal(ct_batcher_texts(b, side, &texts, asked, 4, 1, &batch, NULL), CT_OK);
    assert_int_equal(batch.users.n_rows, side == CT_SIDE_USER ? 4 : 77);
    assert_int_equal(batch.items.n_rows, side == CT_SIDE_USER ? 77 : 4);
    assert_int_equal(pack->n_rows, limit > 0 ? 4 : 0);
    for (int32_t r = 0; r < 4 && limit > 0; r++) {
        const int64_t all = begin[asked[r] + 1] - begin[asked[r]], n = all < limit ? all : limit;
        assert_int_equal(pack->offsets[r + 1] - pack->offsets[r], n + specials);
        assert_memory_equal(pack->ids + pack->offsets[r] + specials / 2, ids + begin[asked[r]],
                            (size_t)n * sizeof *ids);
    }
    for (int32_t r = 0; r < 4; r++) {
        assert_int_equal((side == CT_SIDE_USER ? batch.users.platform : batch.items.platform)[r], 1);
        if (side == CT_SIDE_ITEM) assert_int_equal(batch.items.item[r], -1);
    }
    if (side == CT_SIDE_USER) assert_int_equal(batch.users.person.n_rows + batch.users.history.n_rows, 8);
    if (side == CT_SIDE_USER) assert_int_equal(batch.users.person.n_entries + batch.users.history.n_entries, 0);
    if (side == CT_SIDE_ITEM) assert_int_equal(batch.items.entity.n_rows, 4);
    if (side == CT_SIDE_ITEM) assert_int_equal(batch.items.entity.n_entries, 0);
    assert_int_equal(ct_batcher_texts(b, side, &texts, asked, 0, 0, &batch, NULL), CT_OK);
    assert_int_equal(pack->n_rows + pack->n_padded, 0);
    assert_int_equal(ct_batcher_texts(b, side, &texts, asked, 4, -1, &batch, NULL), CT_ERR_ARGUMENT);
    assert_int_equal(ct_batcher_texts(b, side, &texts, asked, 4, 3, &batch, NULL), CT_ERR_ARGUMENT);
    ct_batch_free(&batch);
    ct_batcher_free(b);
}

static void texts_alone_are_users_or_items(void **state) {
    (void)state;
    ct_config config = fake_config();
    check_texts(&config, CT_SIDE_USER, 2, 22);
    check_texts(&config, CT_SIDE_ITEM, 0, 9);
    config.model.item.kind = CT_ENCODER_TRANSFORMER;
    check_texts(&config, CT_SIDE_ITEM, 2, 7);
    config.model.item.kind = config.model.user.kind = CT_ENCODER_NONE;
    check_texts(&config, CT_SIDE_USER, 0, 0);
    check_texts(&config, CT_SIDE_ITEM, 0, 0);
}

static void wrong_settings_are_refused(void **state) {
    (void)state;
    static const struct {
        int64_t user_tokens, item_tokens, bucket, history;
        const char *template, *message;
    } cases[] = {
        {2, 9, 64, 5, "{profile}", "data.max_user_tokens: found 2, want from 3"},
        {24, 0, 64, 5, "{profile}", "data.max_item_tokens: found 0, want from 1"},
        {24, 9, 0, 5, "{profile}", "data.bucket: found 0"},
        {24, 9, 64, -1, "{profile}", "model.ids.history: found -1"},
        {24, 9, 64, 5, "{profil}", "data.user_text: character 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ct_config config = fake_config();
        ct_batcher *b = NULL;
        ct_error err = CT_ERROR_INIT;
        config.data.max_user_tokens = cases[i].user_tokens;
        config.data.max_item_tokens = cases[i].item_tokens;
        config.data.bucket = cases[i].bucket;
        config.model.id_history = cases[i].history;
        config.data.user_text = (char *)cases[i].template;
        assert_int_equal(ct_batcher_create(&b, &fake.data, &split, NULL, &config, &err), CT_ERR_CONFIG);
        assert_null(b);
        if (!strstr(err.text, cases[i].message)) fail_msg("'%s', want '%s' in it", err.text, cases[i].message);
    }
    ct_batch batch;
    ct_config config = fake_config();
    ct_batcher *b = make(&config, 1, &batch);
    assert_int_equal(ct_batcher_train(b, 0, &batch, NULL), CT_ERR_ARGUMENT);
    ct_batcher_free(b);
    ct_sampler *sampler = NULL; /* now a batcher that can train, but the same batch */
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_sampler_create(&sampler, &fake.data, &split, &config, NULL), CT_OK);
    assert_int_equal(ct_batcher_create(&b, &fake.data, &split, sampler, &config, NULL), CT_OK);
    assert_int_equal(ct_batcher_train(b, 0, &batch, &err), CT_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "a batch for encoding"));
    ct_batch_free(&batch);
    ct_batcher_free(b);
    ct_sampler_free(sampler);
    ct_batcher_free(NULL);
}

/* ---- the block ---- */

static void check_list(const ct_batch *b, const void *list, int64_t n) {
    const char *from = b->block, *at = list;
    if (n == 0) return;
    assert_true(at >= from && at + n * 4 <= from + b->block_bytes);
    assert_int_equal((uintptr_t)list % CT_ALIGN, 0);
}

static void caps_fill_the_whole_block(void **state) {
    (void)state;
    const ct_batch_caps caps = {7, 5, 11, 9, 3, 4, 64, 3, 20, true, 0, false, 6, 3};
    ct_batch b;
    assert_int_equal(ct_batch_create(&b, &caps, NULL), CT_OK);
    memset(b.block, 0x5A, b.block_bytes);
    ct_batch_fill_caps(&b, &caps);
    assert_int_equal(b.n_pairs, 7);
    assert_int_equal(b.users.text.n_tokens, 77);
    assert_int_equal(b.users.text.n_padded, 128);
    assert_int_equal(b.items.text.offsets[5], 45);
    assert_int_equal(b.users.history.n_entries, 21);
    assert_int_equal(b.mask_begin[7], 20);
    assert_int_equal(b.entity_rows.n_unique, 26);
    assert_int_equal(b.history_seg.seg_begin[26], 21);
    assert_int_equal(b.users.text.by_id.seg_begin[77], 77);
    assert_int_equal(b.items.by_platform.seg_begin[3], 5);
    assert_int_equal(b.items.vector_width, 6);
    for (int i = 0; i < 5 * 6; i++) assert_true(b.items.vectors[i] == 0.0f);
    assert_int_equal(b.items.n_modalities, 3);
    for (int i = 0; i < 5 * 3; i++) assert_int_equal(b.items.present[i] | b.items.kind[i] | b.items.kind_row[i], 0);
    assert_int_equal(b.items.modality_begin[5], 15);
    assert_int_equal(b.items.kind_begin[3], 15);
    check_list(&b, b.items.vectors, 5 * 6);
    check_list(&b, b.items.present, 5 * 3);
    for (int i = 0; i < 128; i++) assert_int_equal(b.users.text.ids[i] | b.users.text.row[i], 0);
    for (int i = 0; i < 20; i++) assert_int_equal(b.mask_col[i], 0);
    check_list(&b, b.users.text.ids, 128);
    check_list(&b, b.items.item, 5);
    check_list(&b, b.history_seg.seg_begin, 27);
    check_list(&b, b.platform_pairs, 3);
    ct_batch_free(&b);
    assert_null(b.block);
    ct_batch_free(NULL);

    const ct_batch_caps nothing = {0, 0, 0, 0, 0, 0, 1, 0, 0, true, 0, false, 0, 0};
    assert_int_equal(ct_batch_create(&b, &nothing, NULL), CT_OK);
    ct_batch_fill_caps(&b, &nothing);
    assert_int_equal(b.mask_begin[0], 0);
    ct_batch_free(&b);
}

static void impossible_caps_are_refused(void **state) {
    (void)state;
    static const struct {
        ct_batch_caps caps;
        ct_status status;
        const char *message;
    } cases[] = {
        {{-1, 5, 11, 9, 3, 4, 64, 3, 20, true, 0, false, 0, 0}, CT_ERR_ARGUMENT, "caps of -1 pairs"},
        {{7, 5, 11, 9, 3, 4, 64, 3, 20, true, 0, false, -1, 0}, CT_ERR_ARGUMENT, "none negative"},
        {{7, 1 << 20, 11, 9, 3, 4, 64, 3, 20, true, 0, false, 4, 1 << 12}, CT_ERR_CONFIG, "modalities"},
        {{7, 5, 11, 9, 3, 4, 0, 3, 20, true, 0, false, 0, 0}, CT_ERR_ARGUMENT, "bucket 0"},
        {{1 << 20, 5, 1 << 12, 9, 3, 4, 64, 3, 20, true, 0, false, 0, 0}, CT_ERR_CONFIG, "data.max_user_tokens"},
        {{7, 1 << 20, 11, 1 << 12, 3, 4, 64, 3, 20, true, 0, false, 0, 0}, CT_ERR_CONFIG, "data.max_item_tokens"},
        {{1 << 20, 5, 1, 9, 1 << 12, 0, 64, 3, 20, true, 0, false, 0, 0}, CT_ERR_CONFIG, "model.ids.history"},
        {{1 << 20, 5, 1, 9, 3, 1 << 12, 64, 3, 20, true, 0, false, 0, 0}, CT_ERR_CONFIG, "model.history"},
        {{7, 5, 11, 9, 3, 4, 64, 3, INT64_C(1) << 31, true, 0, false, 0, 0}, CT_ERR_CONFIG, "known positives"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ct_batch b;
        ct_error err = CT_ERROR_INIT;
        assert_int_equal(ct_batch_create(&b, &cases[i].caps, &err), cases[i].status);
        assert_null(b.block);
        if (!strstr(err.text, cases[i].message)) fail_msg("'%s', want '%s' in it", err.text, cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_encoded_at_their_moment),
        cmocka_unit_test(items_keep_the_order_given),
        cmocka_unit_test(a_text_alone_is_a_user),
        cmocka_unit_test(texts_alone_are_users_or_items),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(caps_fill_the_whole_block),
        cmocka_unit_test(impossible_caps_are_refused),
    };
    return cmocka_run_group_tests(tests, fake_split_set_up, fake_split_tear_down);
}
