/* Configurations: whatever stands in the file, its overrides, or the config.json of a folder of weights, the
 * answer is a config that survives its dump, or mistakes with places inside the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

static const char *const configs[] = {
    "name: fuzz\n"
    "seed: 7\n"
    "extends: base.yaml\n"
    "platforms:\n"
    "  shop:\n"
    "    items: {path: items.csv, id: sku, text: \"{genre} {year}\", vectors: {v: a.npy}}\n"
    "    users: users.csv\n"
    "    interactions:\n"
    "      path: [events-*.csv, inter.csv]\n"
    "      weights: {view: 0.1, buy: 1}\n"
    "  video: {from: video}\n"
    "links: {users: links.csv}\n"
    "data: {k_core: {users: 5}, lowercase: no, vocab: vocab.txt}\n"
    "model:\n"
    "  user: {encoder: bert, layers: 3, hidden: 96, heads: 3, pool: cls}\n"
    "  item: {text: cnn, widths: [1, 2, 4], vectors: [v], fusion: concat}\n"
    "  ids: {users: 16, items: 8, history: 20}\n"
    "loss: {temperature: 0.05, negatives: platform}\n"
    "train:\n"
    "  lr: 3e-4\n"
    "  betas: [0.8, 0.99]\n"
    "  groups: {user.encoder: {lr: 2e-5, freeze: true}}\n"
    "eval: {split: {valid_time: 2026-09-01}, at: [5, 20], every: 1 epoch, compare: {old: empty}}\n"
    "export: {formats: [safetensors, npy], dtype: f16}\n",
    "platforms: {video: {from: video}}\ntrain: {batch: 32}\n", NULL};

static const char *const yaml_words[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ":",
                                         ": ",
                                         ",",
                                         "\n",
                                         "\n  ",
                                         "- ",
                                         "\"",
                                         "'",
                                         "#",
                                         "&a",
                                         "*a",
                                         "!!x",
                                         "<<: ",
                                         "null",
                                         "~",
                                         "\t",
                                         "\\",
                                         "1e9",
                                         "-1",
                                         "0",
                                         "? ",
                                         "|",
                                         ">",
                                         "---",
                                         "%YAML 1.1\n",
                                         "\xff",
                                         "\xEF\xBB\xBF",
                                         "\x01",
                                         "$X",
                                         "${",
                                         "*",
                                         "é",
                                         "[[",
                                         "from",
                                         "path",
                                         "weights: bert",
                                         "true",
                                         ".inf",
                                         "..",
                                         "train:",
                                         "- - ",
                                         "{a: ",
                                         "&a [",
                                         "*a, ",
                                         "\xC2\x85",
                                         "\xE2\x80\xA8",
                                         "extends: run.yaml\n",
                                         NULL};

static const char bert[] =
    "{\"num_hidden_layers\": 6, \"hidden_size\": 384, \"num_attention_heads\": 12, "
    "\"intermediate_size\": 1536, \"hidden_act\": \"gelu\", \"max_position_embeddings\": 128}";

static void make_folder(fuzz_corpus *corpus, const char *dir) {
    static const char *const files[] = {"items.csv",
                                        "users.csv",
                                        "inter.csv",
                                        "events-1.csv",
                                        "links.csv",
                                        "vocab.txt",
                                        "a.npy",
                                        "video/items.csv",
                                        "video/interactions.csv",
                                        "empty/x",
                                        "bert/vocab.txt",
                                        "bert/model.safetensors"};
    (void)corpus;
    if (chdir(dir) != 0 || mkdir("video", 0777) != 0 || mkdir("bert", 0777) != 0 || mkdir("empty", 0777) != 0)
        exit(2);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) test_write_text(files[i], "x\n");
    test_write_text("base.yaml", "train: {batch: 64}\ndata: {bucket: 8}\n");
    test_write_text("bert/config.json", bert);
}

static int count_lines(const fuzz_input *in) {
    int lines = 1;
    for (size_t i = 0; i < in->n; i++) { /* a carriage return and Unicode's separators break lines, too */
        const unsigned char b = in->bytes[i];
        lines += b == '\n' || b == '\r' || b == 0x85 || b == 0xA8 || b == 0xA9;
    }
    return lines;
}

static void check_mistakes(const ct_diagnostics *diags, int lines) {
    ct_str text = {0};
    FUZZ_EXPECT(diags->n > 0);
    for (size_t i = 0; i < diags->n; i++) {
        const ct_diagnostic *d = &diags->v[i];
        FUZZ_EXPECT(d->message[0] != 0);
        FUZZ_EXPECT(d->line >= 0 && d->column >= 0);
        if (strcmp(d->file, "run.yaml") == 0) FUZZ_EXPECT(d->line <= lines + 1);
    }
    FUZZ_EXPECT(ct_diagnostics_format(diags, &text, NULL) == CT_OK);
    FUZZ_EXPECT(text.length > 0);
    ct_str_free(&text);
}

/* What a config says of itself gives the same config. */
static void check_dump(const ct_config *config) {
    ct_str once = {0}, twice = {0};
    ct_config *again = NULL;
    ct_diagnostics diags = {0};
    ct_error err = CT_ERROR_INIT;
    FUZZ_EXPECT(ct_config_dump(config, &once, &err) == CT_OK);
    unlink("dumped.yaml");
    test_write_text("dumped.yaml", ct_str_text(&once));
    if (ct_config_load(&again, "dumped.yaml", NULL, 0, &diags, &err) != CT_OK)
        fuzz_found("the dump is refused: %s", diags.n > 0 ? diags.v[0].message : err.text);
    FUZZ_EXPECT(ct_config_dump(again, &twice, &err) == CT_OK);
    FUZZ_EXPECT(strcmp(ct_str_text(&once), ct_str_text(&twice)) == 0);
    ct_str_free(&once);
    ct_str_free(&twice);
    ct_config_free(again);
    ct_diagnostics_free(&diags);
}

static ct_status load(const char *const *overrides, int n, int lines, ct_error *err) {
    ct_config *config = NULL;
    ct_diagnostics diags = {0};
    const ct_status st = ct_config_load(&config, "run.yaml", overrides, n, &diags, err);
    FUZZ_EXPECT(st == CT_OK || st == CT_ERR_CONFIG);
    if (st == CT_OK) {
        FUZZ_EXPECT(diags.n == 0);
        check_dump(config);
    } else {
        FUZZ_EXPECT(config == NULL);
        check_mistakes(&diags, lines);
    }
    ct_config_free(config);
    ct_diagnostics_free(&diags);
    return st;
}

static ct_status read_yaml(const fuzz_input *in, ct_error *err) {
    return load(NULL, 0, count_lines(in), err);
}

/* ---- arguments "key=value", one a line of the input ---- */

static const char *const arguments[] = {"train.lr=1e-4\nplatforms.shop.items.id=sku",
                                        "train.groups.user.encoder.lr=0.5",
                                        "platforms.shop.interactions.weights.a=2\neval.at=[1, 5, 20]",
                                        "loss.temperature={init: 0.5, learn: no}",
                                        "platforms.shop.items.text={a} [b]\neval.split=last",
                                        NULL};

static void make_folder_and_config(fuzz_corpus *corpus, const char *dir) {
    make_folder(corpus, dir);
    test_write_text("run.yaml", configs[0]);
}

static ct_status read_arguments(const fuzz_input *in, ct_error *err) {
    const char *lines[4];
    int n = 0;
    char *text = malloc(in->n + 1), *next = text;
    memcpy(text, in->bytes, in->n);
    text[in->n] = '\0';
    while (n < 4 && next) lines[n++] = strsep(&next, "\n");
    const ct_status st = load(lines, n, 100, err);
    free(text);
    return st;
}

/* ---- the config.json of a folder of weights ---- */

static const char *const bert_configs[] = {bert,
                                           "{\"num_hidden_layers\": 1, \"hidden_size\": 8, "
                                           "\"num_attention_heads\": 1, \"intermediate_size\": 2,\n"
                                           "\"max_position_embeddings\": 512, \"other\": [1.5, null, {}]}",
                                           NULL};
static const char *const json_words[] = {
    "{",       "}",    "[",     "]",  ":",       ",",       "\"",
    "null",    "true", "1e400", "-0", "\\u0000", "\\ud800", "\"hidden_size\": ",
    "{\"a\":", "[[",   NULL};

static void make_folder_with_weights(fuzz_corpus *corpus, const char *dir) {
    make_folder(corpus, dir);
    test_write_text("run.yaml",
                    "platforms: {video: {from: video}}\nmodel: {user: {encoder: bert, weights: bert}}\n");
}

static ct_status read_bert_config(const fuzz_input *in, ct_error *err) {
    (void)in;
    return load(NULL, 0, 100, err);
}

static const fuzz_reader readers[] = {
    {.name = "yaml",
     .file = "run.yaml",
     .prepare = make_folder,
     .texts = configs,
     .tokens = yaml_words,
     .read = read_yaml,
     .rounds = 4000,
     .memory_factor = 2000},
    {.name = "overrides",
     .file = "arguments.txt",
     .prepare = make_folder_and_config,
     .texts = arguments,
     .tokens = yaml_words,
     .read = read_arguments,
     .rounds = 2000,
     .memory_factor = 2000},
    {.name = "bert-config",
     .file = "bert/config.json",
     .prepare = make_folder_with_weights,
     .texts = bert_configs,
     .tokens = json_words,
     .read = read_bert_config,
     .rounds = 2000},
};

int main(int argc, char **argv) {
    return fuzz_main(argc, argv, readers, sizeof readers / sizeof *readers);
}
