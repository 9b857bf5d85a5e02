/* Wrong configurations, each with one mistake: the place, the key and the words of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/config_support.h"
#include "tests/support/cmocka.h"

/* Exactly one mistake must come, with this place and key, and `says` in its message. */
typedef struct wrong {
    const char *text;
    int line, column;
    const char *key, *says;
} wrong;

/* Whole files: not YAML, not a configuration. */
static const wrong wrong_files[] = {
    {"", 1, 1, "", "the file is empty"},
    {"# only a comment\n", 1, 1, "", "the file is empty"},
    {"---\n", 2, 1, "", "the file is empty"},
    {"~\n", 1, 1, "", "the file is empty"},
    {"hello\n", 1, 1, "", "found 'hello', want keys with values"},
    {"- a\n- b\n", 1, 1, "", "found a list, want keys with values"},
    {"seed: 1\n---\nseed: 2\n", 2, 1, "", "a second document"},
    {"seed: [1\nname: x\n", 2, 5, "", "not readable as YAML"},
    {"train:\n\tlr: 1\n", 2, 1, "", "a tab character"},
    {"train: {lr: 1\n", 2, 1, "", "not readable as YAML"},
    {"name: \"abc\n", 2, 1, "", "not readable as YAML"},
    {"name: a\nseed: \xff\n", 2, 7, "", "byte 0xff is not UTF-8"},
    {"\xff\xfen\0a\0", 1, 1, "", "UTF-16"},
    {"seed: 1\nname: \x01\n", 2, 7, "", "control characters are not allowed"},
    {"name: a\n b: c\n", 2, 3, "", "not readable as YAML"},
    {"seed: 1\n", 1, 1, "platforms", "missing; name at least one platform"},
};

/* Sections; platforms are added at the end unless they are there. */
static const wrong wrongs[] = {
    /* refused parts of YAML */
    {"seed: &s 1\n", 1, 7, "", "an anchor"},
    {"seed: !!int 1\n", 1, 7, "", "a tag"},
    {"train: {<<: {lr: 1}}\n", 1, 9, "", "a merge key"},
    {"seed: 1\nname: a\nseed: 2\n", 3, 1, "", "'seed' stands twice in this section, first in line 1"},
    {"? [a, b]\n: 1\n", 1, 3, "", "a key that is a list"},
    {"\"\": 1\n", 1, 1, "", "an empty key"},
    {"name: \"a\\0b\"\n", 1, 7, "", "a NUL character"},
    /* keys */
    {"nmae: x\n", 1, 1, "nmae", "did you mean 'name'?"},
    {"train:\n  batsh: 8\n", 2, 3, "train.batsh", "did you mean 'batch'?"},
    {"heads: 8\n", 1, 1, "heads", "did you mean 'model.user.heads'?"},
    {"loss: {qqqqqqqq: 1}\n", 1, 8, "loss.qqqqqqqq",
     "the keys here are logq, negatives, row_share, temperature"},
    {"train: {groups: {user: {lr: 1, freez: true}}}\n", 1, 32, "train.groups.user.freez",
     "did you mean 'freeze'?"},
    {"platforms: {shop: {from: shop, item: {id: a}}}\n", 1, 32, "platforms.shop.item",
     "did you mean 'items'?"},
    {"platforms: {shop: {from: shop, items: {ident: a}}}\n", 1, 40, "platforms.shop.items.ident",
     "the keys here are path, id, title"},
    {"platforms: {\"a b\": {from: shop}}\n", 1, 13, "platforms.a b",
     "may only have letters, digits, _ and -"},
    {"eval: {compare: {a/b: empty}}\n", 1, 18, "eval.compare.a/b", "may only have letters"},
    /* sections */
    {"train:\n", 1, 7, "train", "the section is empty"},
    {"train: 5\n", 1, 8, "train", "found '5', want a section"},
    {"train: [1]\n", 1, 8, "train", "found a list, want a section"},
    {"platforms: shop\n", 1, 12, "platforms", "found 'shop', want a section of NAME: value"},
    {"platforms: {}\n", 1, 12, "platforms", "name at least one platform"},
    /* types */
    {"seed: abc\n", 1, 7, "seed", "found 'abc', want a whole number, at least 0"},
    {"seed: \"5\"\n", 1, 7, "seed", "found the quoted text '5', want a whole number"},
    {"seed: 1.5\n", 1, 7, "seed", "found '1.5', want a whole number"},
    {"train: {batch: 1e3}\n", 1, 16, "train.batch", "want a whole number in digits: 1000"},
    {"train: {batch: 1_000}\n", 1, 16, "train.batch", "found '1_000', want a whole number"},
    {"train: {batch: 0x10}\n", 1, 16, "train.batch", "found '0x10', want a whole number"},
    {"train: {batch: [8]}\n", 1, 16, "train.batch", "found a list, want a whole number"},
    {"train: {batch: {n: 8}}\n", 1, 16, "train.batch", "found a section, want a whole number"},
    {"train: {batch: }\n", 1, 16, "train.batch", "the value is empty"},
    {"train: {lr: null}\n", 1, 13, "train.lr", "the value is empty"},
    {"train: {lr: ~}\n", 1, 13, "train.lr", "the value is empty"},
    {"train: {lr: 1e}\n", 1, 13, "train.lr", "found '1e', want a number"},
    {"train: {lr: .inf}\n", 1, 13, "train.lr", "found '.inf', want a number"},
    {"train: {lr: nan}\n", 1, 13, "train.lr", "found 'nan', want a number"},
    {"train: {lr: 1e999}\n", 1, 13, "train.lr", "found '1e999', want a number"},
    {"train: {lr: 1,5}\n", 1, 15, "train.5", "unknown key"},
    {"data: {lowercase: 1}\n", 1, 19, "data.lowercase", "found '1', want true or false"},
    {"data: {lowercase: on}\n", 1, 19, "data.lowercase", "found 'on', want true or false"},
    {"name: [a]\n", 1, 7, "name", "found a list, want a text"},
    {"name: ''\n", 1, 7, "name", "the text is empty"},
    {"train: {betas: 0.9}\n", 1, 16, "train.betas", "want a list of two numbers"},
    {"train: {betas: [0.9]}\n", 1, 16, "train.betas", "want a list of two numbers"},
    {"train: {betas: [0.9, 1]}\n", 1, 22, "train.betas",
     "found '1', want a list of two numbers from 0 to below 1"},
    {"model: {item: {widths: [1, x]}}\n", 1, 28, "model.item.widths", "found 'x'"},
    {"model: {item: {widths: []}}\n", 1, 24, "model.item.widths", "want a list of at most 16"},
    {"model: {item: {widths: [3, 2]}}\n", 1, 28, "model.item.widths", "2 stands behind 3"},
    {"export: {formats: []}\n", 1, 19, "export.formats", "want a list of some of npy"},
    {"export: {formats: [npy, parquet]}\n", 1, 25, "export.formats",
     "found 'parquet', want a list of some of npy"},
    {"eval: {every: 1 day}\n", 1, 15, "eval.every", "found '1 day', want a number"},
    {"eval: {split: {test_time: soon}}\n", 1, 27, "eval.split.test_time",
     "found 'soon', want a time such as"},
    {"links: {users: {a: b}}\n", 1, 16, "links.users", "found a section, want a path"},
    {"links: {users: []}\n", 1, 16, "links.users", "found a list, want a path"},
    {"platforms: {shop: {from: shop, interactions: {weights: {buy: much}}}}\n", 1, 62,
     "platforms.shop.interactions.weights.buy", "found 'much', want a number"},
    /* choices */
    {"model: {similarity: cosin}\n", 1, 21, "model.similarity", "did you mean 'cosine'?"},
    {"model: {similarity: euclid}\n", 1, 21, "model.similarity", "found 'euclid', want one of cosine, dot"},
    {"train: {precision: bf16}\n", 1, 20, "train.precision", "the CPU device trains in f32"},
    {"device: cuda\n", 1, 9, "device", "'cuda' is not possible"},
    {"device: [cpu]\n", 1, 9, "device", "found a list, want one of auto, cpu"},
    {"model: {user: {encoder: cnn}}\n", 1, 25, "model.user.encoder", "read by a transformer"},
    {"eval: {split: random}\n", 1, 15, "eval.split.method", "found 'random', want one of time, last"},
    /* ranges */
    {"seed: -1\n", 1, 7, "seed", "found '-1', want a whole number, at least 0"},
    {"seed: 99999999999999999999\n", 1, 7, "seed", "want a whole number"},
    {"threads: 5000\n", 1, 10, "threads", "from 0 to 1024"},
    {"model: {dim: 0}\n", 1, 14, "model.dim", "want a whole number from 1 to 8192"},
    {"train: {lr: 0}\n", 1, 13, "train.lr", "want a number above 0"},
    {"train: {lr: -1e-3}\n", 1, 13, "train.lr", "want a number above 0"},
    {"train: {warmup: 1}\n", 1, 17, "train.warmup", "want a number from 0 to below 1"},
    {"train: {platform_temperature: 0}\n", 1, 31, "train.platform_temperature", "want a number above 0"},
    {"model: {item: {widths: [1, 17]}}\n", 1, 28, "model.item.widths", "found '17'"},
    {"data: {max_bad_rows: -2}\n", 1, 22, "data.max_bad_rows", "at least -1"},
    {"eval: {at: [0]}\n", 1, 13, "eval.at", "found '0'"},
    /* names and paths */
    {"name: a/b\n", 1, 7, "name", "found 'a/b'; a run's name has letters"},
    {"name: ..\n", 1, 7, "name", "begins with a letter or digit"},
    {"platforms: {shop: {from: nowhere}}\n", 1, 26, "platforms.shop.from", "no such folder"},
    {"platforms: {shop: {from: items.csv}}\n", 1, 26, "platforms.shop.from", "is a file, want a folder"},
    {"platforms: {shop: {from: double}}\n", 1, 26, "platforms.shop.from", "holds items.csv and items.tsv"},
    {"platforms: {shop: {items: no.csv, interactions: inter.csv}}\n", 1, 27, "platforms.shop.items.path",
     "no such file: "},
    {"platforms: {shop: {items: [items.csv, no.csv], interactions: inter.csv}}\n", 1, 39,
     "platforms.shop.items.path", "no such file: "},
    {"platforms: {shop: {items: 'no-*.csv', interactions: inter.csv}}\n", 1, 27, "platforms.shop.items.path",
     "no such file: nothing matches"},
    {"platforms: {shop: {items: shop, interactions: inter.csv}}\n", 1, 27, "platforms.shop.items.path",
     "is a folder, want a file"},
    {"platforms: {shop: {items: items.csv}}\n", 1, 19, "platforms.shop.interactions",
     "no path; name the files here"},
    {"platforms: {shop: {items: {id: a}, interactions: inter.csv}}\n", 1, 27, "platforms.shop.items",
     "no path"},
    {"platforms: {shop: {from: shop, items: {path: []}}}\n", 1, 46, "platforms.shop.items.path",
     "found a list"},
    {"data: {vocab: no.txt}\n", 1, 15, "data.vocab", "no such file: "},
    {"data: {vocab: $CT_TEST_UNSET/v}\n", 1, 15, "data.vocab", "the variable CT_TEST_UNSET in the path"},
    {"data: {vocab: '${A'}\n", 1, 15, "data.vocab", "a lone '$'"},
    {"data: {cache: 'a$'}\n", 1, 15, "data.cache", "a lone '$'"},
    {"eval: {compare: {old: nowhere}}\n", 1, 23, "eval.compare.old", "no such folder"},
    {"extends: no.yaml\n", 1, 10, "extends", "no such file: "},
    {"extends: shop\n", 1, 10, "extends", "is a folder, want a file"},
    {"extends: [a]\n", 1, 10, "extends", "found a list, want the path of a file"},
    {"extends: run.yaml\n", 1, 10, "extends", "extend each other in a circle"},
    /* several keys together */
    {"model: {user: {hidden: 65}}\n", 1, 24, "model.user.heads", "2 heads do not divide hidden 65"},
    {"model: {item: {text: bert, hidden: 1024}}\n", 1, 36, "model.item.heads", "want at most 256"},
    {"model: {item: {layers: 2}}\n", 1, 16, "model.item.layers",
     "has no meaning with 'model.item.text: cnn'"},
    {"model: {item: {text: bert, widths: 2}}\n", 1, 28, "model.item.widths",
     "has no meaning with 'model.item.text: transformer'"},
    {"model: {user: {encoder: none, dropout: 0}, ids: {users: 4}}\n", 1, 31, "model.user.dropout",
     "has no meaning"},
    {"model: {user: {encoder: none}}\n", 1, 25, "model.user.encoder",
     "set model.history, model.ids.users or model.ids.history"},
    {"model: {item: {text: none}}\n", 1, 22, "model.item.text", "set model.item.image or model.ids.items"},
    {"model: {item: {image_size: 32}}\n", 1, 16, "model.item.image_size",
     "has no meaning with 'model.item.image: none'"},
    {"model: {item: {image: none, fusion: concat}}\n", 1, 29, "model.item.fusion", "has no meaning"},
    {"model: {item: {modality_dropout: 0}}\n", 1, 16, "model.item.modality_dropout",
     "has no meaning without two or more of model.item.text, model.item.image and model.item.vectors"},
    {"model: {item: {text: none, image: small, fusion: concat}}\n", 1, 42, "model.item.fusion",
     "has no meaning without two or more"},
    {"platforms: {s: {from: shop, items: {vectors: {a: a.npy}}}}\nmodel: {item: {text: none, fusion: gated}}\n", 2, 28,
     "model.item.fusion", "has no meaning without two or more"},
    {"platforms: {s: {from: shop, items: {vectors: {a: a.npy}}}}\nmodel: {item: {vectors: [], fusion: gated}}\n", 2, 29,
     "model.item.fusion", "has no meaning without two or more"},
    {"model: {item: {vector_scale: unit}}\n", 1, 16, "model.item.vector_scale",
     "has no meaning without model.item.vectors"},
    {"platforms: {s: {from: shop, items: {vectors: {a: a.npy}}}}\nmodel: {item: {text: none, vectors: []}}\n", 2, 22,
     "model.item.text", "or give items vectors"},
    {"platforms: {s: {from: shop, items: {vectors: {a: a.npy}}}}\nmodel: {item: {vectors: [a, b]}}\n", 2, 25,
     "model.item.vectors", "'b' is no modality of any platform; name its file by platforms.NAME.items.vectors.b"},
    {"model: {item: {vectors: [a, a]}}\n", 1, 29, "model.item.vectors", "'a' stands twice"},
    {"model: {item: {vectors: {a: b}}}\n", 1, 25, "model.item.vectors", "want a name, or a list of them"},
    {"model: {item: {vectors: [[a]]}}\n", 1, 26, "model.item.vectors", "want a name, or a list of them"},
    {"platforms: {s: {from: shop, items: {vectors: a.npy}}}\n", 1, 46, "platforms.s.items.vectors",
     "want a section of MODALITY: value"},
    {"platforms: {s: {from: shop, items: {vectors: {a: no.npy}}}}\n", 1, 50, "platforms.s.items.vectors.a",
     "no such file"},
    {"platforms: {s: {from: shop, items: {vectors: {a: empty}}}}\n", 1, 50, "platforms.s.items.vectors.a",
     "is a folder, want a file"},
    {"platforms: {s: {from: shop, items: {vectors: {a b: a.npy}}}}\n", 1, 47, "platforms.s.items.vectors.a b",
     "may only have letters, digits, _ and -"},
    {"model: {item: {augment: {flip: true}}}\n", 1, 26, "model.item.augment.flip", "has no meaning"},
    {"model: {item: {image: resnet19}}\n", 1, 23, "model.item.image", "did you mean 'resnet18'?"},
    {"model: {item: {image: small, fusion: sum}}\n", 1, 38, "model.item.fusion",
     "found 'sum', want one of concat, gated, cross_attention"},
    {"model: {item: {image: small, image_size: 8}}\n", 1, 42, "model.item.image_size", "from 16 to 1024"},
    {"model: {item: {image: small, modality_dropout: 1}}\n", 1, 48, "model.item.modality_dropout",
     "from 0 to below 1"},
    {"model: {item: {image: small, augment: {crop: 0}}}\n", 1, 46, "model.item.augment.crop", "above 0"},
    {"model: {item: {image: small, image_weights: no.safetensors}}\n", 1, 45, "model.item.image_weights",
     "no such file"},
    {"model: {item: {image: small, batch_norm: frozen}}\n", 1, 42, "model.item.batch_norm",
     "set model.item.image_weights"},
    {"data: {picture_size: 32}\nmodel: {item: {image: small}}\n", 1, 22, "data.picture_size",
     "found 32, but the image encoder sees 64 pixels"},
    {"data: {picture_size: -1}\n", 1, 22, "data.picture_size", "from 0 to 1024"},
    {"model: {ids: {history: 5}}\n", 1, 24, "model.ids.history", "set model.ids.items"},
    {"loss: {temperature: 2}\n", 1, 21, "loss.temperature.init", "init 2 is not between min 0.01 and max 1"},
    {"loss: {temperature: {min: 2}}\n", 1, 27, "loss.temperature.min", "min 2 is above max 1"},
    {"eval: {split: {valid: 0.5, test: 0.5}}\n", 1, 34, "eval.split.test", "leave nothing for training"},
    {"eval: {split: {method: last, test: 0.5}}\n", 1, 30, "eval.split.test",
     "has no meaning with 'eval.split.method: last'"},
    {"eval: {split: {test: 0.5, test_time: 2026-01-01}}\n", 1, 22, "eval.split.test",
     "stands beside 'test_time'"},
    {"eval: {split: {valid_time: 2026-01-02, test_time: 2026-01-01}}\n", 1, 28, "eval.split.valid_time",
     "is not before"},
    {"eval: {best: ndcg@20}\n", 1, 14, "eval.best", "20 is not in eval.at"},
    {"eval: {best: precision@10}\n", 1, 14, "eval.best", "want recall@k"},
    {"eval: {best: ndcg}\n", 1, 14, "eval.best", "want recall@k"},
    {"eval: {best: ndcg@x}\n", 1, 14, "eval.best", "want recall@k"},
    {"export: {formats: [npy, faiss], dtype: f16}\n", 1, 40, "export.dtype", "faiss is written in f32"},
    {"export: {formats: csv, dtype: f16}\n", 1, 31, "export.dtype", "csv is written in f32"},
    {"train: {patience: 3}\neval: {every: 0}\n", 1, 19, "train.patience", "eval.every is 0"},
    {"links: {users: links.csv}\n", 1, 8, "links", "there is only one"},
    /* weights */
    {"model: {user: {weights: bert, layers: 2}}\n", 1, 39, "model.user.layers",
     "the weights have num_hidden_layers 6"},
    {"model: {user: {weights: bert, ffn: 8}}\n", 1, 36, "model.user.ffn", "intermediate_size 1536"},
    {"data: {vocab: auto}\nmodel: {user: {weights: bert}}\n", 1, 15, "data.vocab", "have their own"},
    {"data: {max_user_tokens: 200}\nmodel: {user: {weights: bert}}\n", 1, 25, "data.max_user_tokens",
     "128 positions"},
    {"model: {user: {weights: bert}, item: {text: bert, weights: other}}\n", 1, 60, "model.item.weights",
     "vocab.txt differs"},
    {"model: {user: {weights: nowhere}}\n", 1, 25, "model.user.weights", "no such folder"},
};

/* Arguments, over a file that is right. */
static const wrong wrong_arguments[] = {
    {"train.lr=abc", 0, 0, "train.lr",
     "found 'abc', want a number above 0, at most 100 (argument 'train.lr=abc')"},
    {"train.lr=", 0, 0, "train.lr", "no value behind the '='"},
    {"train.lr=~", 0, 0, "train.lr", "the value is empty"},
    {"train.lr=[1]", 0, 0, "train.lr", "found a list"},
    {"train.lrr=1", 0, 0, "train.lrr", "did you mean 'lr'?"},
    {"train.a.b=1", 0, 0, "train.a", "unknown key"},
    {"train.lr.x=1", 0, 0, "train.lr", "found a section"},
    {"train.lr", 0, 0, "", "want key=value"},
    {"=1", 0, 0, "", "is not a path"},
    {"train..lr=1", 0, 0, "", "is not a path"},
    {"train.=1", 0, 0, "", "is not a path"},
    {"eval.at=[1", 0, 0, "eval.at", "not readable as YAML"},
    {"eval.at=\xff", 0, 0, "eval.at", "not UTF-8"},
    {"extends=a.yaml", 0, 0, "extends", "named in the file"},
    {"data.vocab=no.txt", 0, 0, "data.vocab", "no such file"},
    {"seed=&a 1", 0, 0, "seed", "an anchor"},
    {"model.item.layers=2", 0, 0, "model.item.layers", "has no meaning"},
};

/* Loads text and argument; returns 0 when the one mistake is the wanted one. */
static int check_case(const wrong *w, const char *text, const char *argument) {
    ct_config *c;
    ct_diagnostics diags = {0};
    ct_error err = CT_ERROR_INIT;
    config_write("run.yaml", text);
    const ct_status st = ct_config_load(&c, "run.yaml", &argument, argument ? 1 : 0, &diags, &err);
    const ct_diagnostic *d = diags.n == 1 ? &diags.v[0] : NULL;
    const bool good = st == CT_ERR_CONFIG && !c && err.status == st && d &&
                      strcmp(d->file, argument ? "command line" : "run.yaml") == 0 && d->line == w->line &&
                      d->column == w->column && strcmp(d->key, w->key) == 0 && strstr(d->message, w->says);
    if (!good) {
        print_error("%s\n%s\nwant %d:%d: %s: ...%s...; got %s\n", text, argument ? argument : "", w->line,
                    w->column, w->key, w->says, ct_status_name(st));
        config_print_mistakes(&diags);
    }
    ct_config_free(c);
    ct_diagnostics_free(&diags);
    return good ? 0 : 1;
}

static void each_mistake_has_its_place_and_words(void **state) {
    static const char platforms[] = "platforms: {shop: {from: shop}}\n";
    (void)state;
    int failed = 0;
    unsetenv("CT_TEST_UNSET");
    for (size_t i = 0; i < sizeof wrong_files / sizeof wrong_files[0]; i++)
        failed += check_case(&wrong_files[i], wrong_files[i].text, NULL);
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s", wrongs[i].text,
                 strstr(wrongs[i].text, "platforms:") ? "" : platforms);
        failed += check_case(&wrongs[i], text, NULL);
    }
    for (size_t i = 0; i < sizeof wrong_arguments / sizeof wrong_arguments[0]; i++)
        failed += check_case(&wrong_arguments[i], platforms, wrong_arguments[i].text);
    assert_int_equal(failed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_mistake_has_its_place_and_words, config_setup, config_teardown),
    };
    return cmocka_run_group_tests_name("config errors", tests, NULL, NULL);
}
