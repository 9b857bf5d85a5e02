/* Choices that go over others: what stood for the other choice goes with it, and nothing else does. */
#include <string.h>

#include "tests/config/config_support.h"
#include "tests/support/cmocka.h"

static const char full[] =
    "platforms: {shop: {from: shop}}\n"
    "model:\n"
    "  user: {encoder: transformer, layers: 3, hidden: 32, heads: 4}\n"
    "  item: {text: cnn, filters: 7, dropout: 0.3, image: small, image_size: 32, augment: {crop: 0.9},\n"
    "    fusion: concat}\n"
    "  ids: {items: 16, history: 5}\n";

static void an_argument_takes_a_part_away(void **state) {
    (void)state;
    const char *const overrides[] = {"model.user.encoder=none", "model.item.text=none", "model.item.image=none"};
    config_write("run.yaml", full);
    ct_config *c = config_load_file("run.yaml", overrides, 3);
    assert_true(c->model.user.kind == CT_ENCODER_NONE && c->model.item.kind == CT_ENCODER_NONE);
    assert_int_equal(c->model.image.kind, CT_IMAGE_NONE);
    assert_int_equal(c->data.picture_size, 0);
    assert_true(c->model.id_items == 16 && c->model.id_history == 5);
    ct_str text = config_dump_text(c);
    assert_null(strstr(ct_str_text(&text), "image_size"));
    assert_null(strstr(ct_str_text(&text), "filters"));
    assert_null(strstr(ct_str_text(&text), "fusion"));
    ct_str_free(&text);
    ct_config_free(c);
}

static void what_both_choices_have_stays(void **state) {
    (void)state;
    const char *const overrides[] = {"model.item.text=transformer", "model.item.hidden=16"};
    config_write("run.yaml", full);
    ct_config *c = config_load_file("run.yaml", overrides, 2);
    assert_int_equal(c->model.item.kind, CT_ENCODER_TRANSFORMER);
    assert_true(c->model.item.hidden == 16 && c->model.item.dropout == 0.3);
    assert_true(c->model.image.size == 32 && c->model.image.crop == 0.9);
    ct_config_free(c);
}

static void a_file_takes_a_part_of_its_base_away(void **state) {
    (void)state;
    config_write("base.yaml", full);
    config_write("run.yaml", "extends: base.yaml\nmodel: {item: {image: none}}\n");
    ct_config *c = config_load_file("run.yaml", NULL, 0);
    assert_int_equal(c->model.image.kind, CT_IMAGE_NONE);
    assert_int_equal(c->model.user.layers, 3);
    ct_config_free(c);
}

/* The loser must lie below: in one place, or over the choice, it is a mistake. */
static void keys_beside_or_over_the_choice_are_mistakes(void **state) {
    (void)state;
    const char *const both[] = {"model.item.image=none", "model.item.image_size=48"}, *const over[] = {"model.item.filters=3"};
    config_write("run.yaml", full);
    ct_diagnostics diags = config_load_wrong("run.yaml", both, 2);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].key, "model.item.image_size");
    ct_diagnostics_free(&diags);
    const char *const fused[] = {"model.item.image=none", "model.item.fusion=gated"};
    diags = config_load_wrong("run.yaml", fused, 2);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].key, "model.item.fusion");
    assert_string_equal(diags.v[0].file, "command line");
    ct_diagnostics_free(&diags);
    config_write("run.yaml", "platforms: {shop: {from: shop}}\nmodel: {item: {text: bert, layers: 1}}\n");
    diags = config_load_wrong("run.yaml", over, 1);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].key, "model.item.filters");
    ct_diagnostics_free(&diags);
    config_write("base.yaml", "platforms: {shop: {from: shop}}\nmodel: {item: {text: bert}}\n");
    config_write("run.yaml", "extends: base.yaml\nmodel: {item: {filters: 3}}\n");
    diags = config_load_wrong("run.yaml", NULL, 0);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].key, "model.item.filters");
    ct_diagnostics_free(&diags);
}

/* A word that is no choice takes nothing away: it is the one mistake. */
static void a_wrong_word_is_the_only_mistake(void **state) {
    (void)state;
    const char *const overrides[] = {"model.item.image=non"};
    config_write("run.yaml", full);
    ct_diagnostics diags = config_load_wrong("run.yaml", overrides, 1);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].key, "model.item.image");
    ct_diagnostics_free(&diags);
}

/* What decides on fusion is how many modalities are left: each of the three keys may take it along, with the scale of
 * vectors that are left out. */
static void modalities_that_go_take_fusion_along(void **state) {
    (void)state;
    const char *const without[] = {"model.item.vectors=[]"}, *const alone[] = {"model.item.text=none"};
    config_write("run.yaml", "platforms: {shop: {from: shop, items: {vectors: {a: a.npy}}}}\n"
                             "model: {item: {fusion: concat, modality_dropout: 0.5, vector_scale: none}}\n");
    for (int i = 0; i < 2; i++) {
        ct_config *c = config_load_file("run.yaml", i ? alone : without, 1);
        assert_int_equal(c->model.vectors.n, i);
        ct_str text = config_dump_text(c);
        assert_null(strstr(ct_str_text(&text), "fusion"));
        assert_true((strstr(ct_str_text(&text), "vector_scale: none") != NULL) == (i == 1));
        ct_str_free(&text);
        ct_config_free(c);
    }
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, config_setup, config_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(an_argument_takes_a_part_away),
        IN_FOLDER(what_both_choices_have_stays),
        IN_FOLDER(a_file_takes_a_part_of_its_base_away),
        IN_FOLDER(keys_beside_or_over_the_choice_are_mistakes),
        IN_FOLDER(modalities_that_go_take_fusion_along),
        IN_FOLDER(a_wrong_word_is_the_only_mistake),
    };
    return cmocka_run_group_tests_name("config overrule", tests, NULL, NULL);
}
