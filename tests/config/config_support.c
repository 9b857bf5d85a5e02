/* Configurations from text, in a folder with small data files. */
#include "tests/config/config_support.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static const char bert[] =
    "{\"num_hidden_layers\": 6, \"hidden_size\": 384, \"num_attention_heads\": 12, "
    "\"intermediate_size\": 1536, \"hidden_act\": \"gelu\", \"max_position_embeddings\": 128}";

static const char *const files[] = {"items.csv",
                                    "users.csv",
                                    "inter.csv",
                                    "events-1.csv",
                                    "events-2.csv",
                                    "links.csv",
                                    "vocab.txt",
                                    "a.npy",
                                    "c.npy",
                                    "shop/items.csv",
                                    "shop/interactions.csv",
                                    "video/items.tsv.gz",
                                    "video/users.jsonl",
                                    "video/interactions.tsv",
                                    "atomic/ml.item",
                                    "atomic/ml.user",
                                    "atomic/ml.inter",
                                    "double/items.csv",
                                    "double/items.tsv",
                                    "double/interactions.csv",
                                    "bert/model.safetensors",
                                    "bert/vocab.txt",
                                    "other/model.safetensors"};

int config_setup(void **state) {
    static const char *const folders[] = {"shop", "video", "atomic", "double", "empty", "bert", "other"};
    if (test_dir_setup(state) != 0 || chdir(*state) != 0) return -1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (mkdir(folders[i], 0755) != 0) return -1;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) test_write_text(files[i], "x\n");
    test_write_text("bert/config.json", bert);
    test_write_text("other/config.json", bert);
    test_write_text("other/vocab.txt", "y\n");
    return 0;
}

int config_teardown(void **state) {
    return chdir("/") != 0 ? -1 : test_dir_teardown(state);
}

void config_write(const char *name, const char *text) {
    test_write_text(name, text);
}

ct_config *config_load_file(const char *name, const char *const *overrides, int n_overrides) {
    ct_config *config;
    ct_diagnostics diags = {0};
    ct_error err = CT_ERROR_INIT;
    const ct_status st = ct_config_load(&config, name, overrides, n_overrides, &diags, &err);
    if (st != CT_OK) {
        ct_str text = {0};
        ct_diagnostics_format(&diags, &text, NULL);
        print_error("%s\n%s", err.text, ct_str_text(&text));
        ct_str_free(&text);
    }
    ct_diagnostics_free(&diags);
    assert_int_equal(st, CT_OK);
    return config;
}

ct_config *config_load_text(const char *text) {
    config_write("run.yaml", text);
    return config_load_file("run.yaml", NULL, 0);
}

ct_str config_dump_text(const ct_config *config) {
    ct_str text = {0};
    assert_int_equal(ct_config_dump(config, &text, NULL), CT_OK);
    return text;
}

void config_print_mistakes(const ct_diagnostics *diags) {
    ct_str text = {0};
    ct_diagnostics_format(diags, &text, NULL);
    print_error("%s", ct_str_text(&text));
    ct_str_free(&text);
}

ct_diagnostics config_load_wrong(const char *path, const char *const *overrides, int n) {
    ct_config *c;
    ct_diagnostics diags = {0};
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_config_load(&c, path, overrides, n, &diags, &err), CT_ERR_CONFIG);
    assert_null(c);
    assert_true(diags.n > 0);
    assert_non_null(strstr(err.text, path));
    return diags;
}
