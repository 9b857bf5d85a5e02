/* Wrong configurations that no table can say: many mistakes at once, several files, damaged weights, files of odd sizes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/config/config_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void all_mistakes_come_at_once_in_the_order_of_the_file(void **state) {
    (void)state;
    static const char *const overrides[] = {"train.clip=-1", "nothing=1"};
    static const struct {
        const char *file, *key;
        int line;
    } want[] = {
        {"run.yaml", "seed", 2},     {"run.yaml", "model.user.heads", 4}, {"run.yaml", "train.batch", 6},
        {"run.yaml", "train.lr", 7}, {"run.yaml", "platforms.a.from", 8}, {"base.yaml", "threads", 1},
        {"base.yaml", "eval.at", 2}, {"command line", "train.clip", 0},   {"command line", "nothing", 0}};
    config_write("base.yaml", "threads: x\neval: {at: []}\n");
    config_write("run.yaml",
                 "extends: base.yaml\nseed: x\nmodel:\n  user: {heads: 3}\ntrain:\n  batch: 0\n  lr: x\n"
                 "platforms: {a: {from: nowhere}}\n");
    ct_diagnostics diags = config_load_wrong("run.yaml", overrides, 2);
    if (diags.n != sizeof want / sizeof want[0]) config_print_mistakes(&diags);
    assert_int_equal(diags.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < diags.n; i++) {
        assert_string_equal(diags.v[i].file, want[i].file);
        assert_string_equal(diags.v[i].key, want[i].key);
        assert_int_equal(diags.v[i].line, want[i].line);
    }
    ct_str text = {0};
    assert_int_equal(ct_diagnostics_format(&diags, &text, NULL), CT_OK);
    assert_memory_equal(ct_str_text(&text),
                        "run.yaml:2:7: seed: found 'x', want a whole number, at least 0\n", 62);
    assert_non_null(strstr(ct_str_text(&text), "\ncommand line: train.clip: found '-1', want"));
    ct_str_free(&text);
    ct_diagnostics_free(&diags);
}

/* Names with dots in them are one key: of the parts, none is too long. */
static void a_key_of_an_argument_is_no_longer_than_in_a_file(void **state) {
    (void)state;
    char name[140], argument[256];
    const char *overrides[] = {argument};
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    name[70] = '.';
    config_write("run.yaml", "platforms: {a: {from: shop}}\n");
    snprintf(argument, sizeof argument, "train.groups.%s.lr=0.5", name);
    ct_diagnostics diags = config_load_wrong("run.yaml", overrides, 1);
    assert_int_equal(diags.n, 1);
    assert_non_null(strstr(diags.v[0].message, "a key of more than 128 bytes"));
    ct_diagnostics_free(&diags);
}

static void a_folder_without_tables_lacks_two(void **state) {
    (void)state;
    config_write("run.yaml", "platforms: {a: {from: empty}}\n");
    ct_diagnostics diags = config_load_wrong("run.yaml", NULL, 0);
    assert_int_equal(diags.n, 2);
    assert_non_null(strstr(diags.v[0].message, "holds no items.*"));
    assert_non_null(strstr(diags.v[1].message, "holds no interactions.*"));
    assert_int_equal(diags.v[1].column, 23);
    ct_diagnostics_free(&diags);
}

static void weights_must_be_whole(void **state) {
    (void)state;
    static const char *const configs[] = {"{", "[]", "{\"hidden_size\": 384}",
                                          "{\"num_hidden_layers\": 6, \"hidden_size\": \"big\"}", "",
                                          "{\"num_hidden_layers\": 97}"};
    static const char *const says[] = {"line 1", "is not an object", "'num_hidden_layers' is missing",
                                       "'hidden_size' is missing or not a size",
                                       "config.json of the weights",
                                       "num_hidden_layers is 97; this encoder takes a whole number from 1 to 96"};
    config_write("run.yaml", "platforms: {a: {from: shop}}\nmodel: {user: {weights: bert}}\n");
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        config_write("bert/config.json", configs[i]);
        ct_diagnostics diags = config_load_wrong("run.yaml", NULL, 0);
        bool found = false;
        for (size_t j = 0; j < diags.n; j++) {
            assert_string_equal(diags.v[j].key, "model.user.weights");
            found |= strstr(diags.v[j].message, says[i]) != NULL;
        }
        if (!found) config_print_mistakes(&diags);
        assert_true(found);
        ct_diagnostics_free(&diags);
    }
    assert_int_equal(unlink("bert/config.json"), 0);
    assert_int_equal(unlink("bert/vocab.txt"), 0);
    ct_diagnostics diags = config_load_wrong("run.yaml", NULL, 0);
    assert_int_equal(diags.n, 2);
    assert_non_null(strstr(diags.v[0].message, "config.json"));
    assert_non_null(strstr(diags.v[1].message, "vocab.txt"));
    ct_diagnostics_free(&diags);
}

static void files_that_cannot_be_configurations(void **state) {
    (void)state;
    ct_diagnostics diags = config_load_wrong("nowhere.yaml", NULL, 0);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].message, "no such file");
    assert_string_equal(diags.v[0].file, "nowhere.yaml");
    ct_diagnostics_free(&diags);
    diags = config_load_wrong("shop", NULL, 0);
    assert_string_equal(diags.v[0].message, "a folder, want a YAML file");
    ct_diagnostics_free(&diags);

    const size_t n = (1 << 20) + 1;
    char *huge = malloc(n);
    assert_non_null(huge);
    memset(huge, 'a', n);
    test_write_file("huge.yaml", huge, n);
    diags = config_load_wrong("huge.yaml", NULL, 0);
    assert_non_null(strstr(diags.v[0].message, "1048577 bytes"));
    ct_diagnostics_free(&diags);

    memset(huge, '[', n);
    test_write_file("deep.yaml", huge, n - 1);
    diags = config_load_wrong("deep.yaml", NULL, 0);
    assert_int_equal(diags.n, 1);
    assert_non_null(strstr(diags.v[0].message, "nested too deeply"));
    assert_int_equal(diags.v[0].column, 34);
    ct_diagnostics_free(&diags);

    for (size_t i = 1; i + 1 < n; i += 2) memcpy(huge + i, "1,", 2); /* behind the first [ */
    test_write_file("wide.yaml", huge, n - 1);
    diags = config_load_wrong("wide.yaml", NULL, 0);
    assert_non_null(strstr(diags.v[0].message, "too many values"));
    ct_diagnostics_free(&diags);

    for (size_t i = 0; i + 8 <= n; i += 8) snprintf(huge + i, 9, "k%06zu\n", i / 8);
    test_write_file("long.yaml", huge, n - 1);
    diags = config_load_wrong("long.yaml", NULL, 0);
    ct_diagnostics_free(&diags);
    free(huge);
}

static void an_alias_bomb_does_not_go_off(void **state) {
    (void)state;
    config_write("run.yaml", "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
                             "c: [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nplatforms: {a: {from: shop}}\n");
    ct_diagnostics diags = config_load_wrong("run.yaml", NULL, 0);
    assert_non_null(strstr(diags.v[1].message, "an anchor")); /* behind "unknown key" */
    ct_diagnostics_free(&diags);
}

static void many_bases_end_somewhere(void **state) {
    (void)state;
    char name[32], text[64];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "b%d.yaml", i);
        snprintf(text, sizeof text, "extends: b%d.yaml\nseed: x\n", i + 1);
        config_write(name, text);
    }
    ct_diagnostics diags = config_load_wrong("b0.yaml", NULL, 0);
    assert_int_equal(diags.n, 2); /* the depth, and the seed of the topmost file */
    assert_non_null(strstr(diags.v[1].message, "more than 16 files"));
    ct_diagnostics_free(&diags);

    config_write("x.yaml", "extends: y.yaml\n");
    config_write("y.yaml", "extends: ./x.yaml\n");
    diags = config_load_wrong("x.yaml", NULL, 0);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].file, "y.yaml");
    assert_non_null(strstr(diags.v[0].message, "in a circle"));
    ct_diagnostics_free(&diags);
}

/* A mistake in the base alone names the base. */
static void mistakes_name_the_file_that_holds_them(void **state) {
    (void)state;
    config_write("shop/base.yaml", "seed: 1\ntrain: {lr: x}\n");
    config_write("run.yaml", "extends: shop/base.yaml\nplatforms: {a: {from: shop}}\n");
    ct_diagnostics diags = config_load_wrong("run.yaml", NULL, 0);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].file, "shop/base.yaml");
    assert_int_equal(diags.v[0].line, 2);
    ct_diagnostics_free(&diags);
    config_write("shop/base.yaml", "seed: [\n");
    diags = config_load_wrong("run.yaml", NULL, 0);
    assert_int_equal(diags.n, 1);
    assert_string_equal(diags.v[0].file, "shop/base.yaml");
    ct_diagnostics_free(&diags);
}

/* What a file says must not steer a terminal. */
static void messages_hold_no_control_characters(void **state) {
    (void)state;
    config_write("run.yaml", "platforms: {\"\\e[31mx\": {from: shop}}\nseed: \"\\x1b]0;\\a\\n\"\n");
    ct_diagnostics diags = config_load_wrong("run.yaml", NULL, 0);
    for (size_t i = 0; i < diags.n; i++) {
        for (const char *s = diags.v[i].message; *s; s++) assert_true((unsigned char)*s >= 0x20);
        for (const char *s = diags.v[i].key; *s; s++) assert_true((unsigned char)*s >= 0x20);
    }
    ct_diagnostics_free(&diags);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, config_setup, config_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(all_mistakes_come_at_once_in_the_order_of_the_file),
        IN_FOLDER(a_folder_without_tables_lacks_two),
        IN_FOLDER(a_key_of_an_argument_is_no_longer_than_in_a_file),
        IN_FOLDER(weights_must_be_whole),
        IN_FOLDER(files_that_cannot_be_configurations),
        IN_FOLDER(an_alias_bomb_does_not_go_off),
        IN_FOLDER(many_bases_end_somewhere),
        IN_FOLDER(mistakes_name_the_file_that_holds_them),
        IN_FOLDER(messages_hold_no_control_characters),
    };
    return cmocka_run_group_tests_name("config files", tests, NULL, NULL);
}
