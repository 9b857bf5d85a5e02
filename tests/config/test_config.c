/* Good configurations: defaults, short forms, bases, overrides, paths, weights, the dump, the reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/config/config_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"

#include "config/schema.h"

static void assert_ends_with(const char *text, const char *end) {
    assert_non_null(text);
    assert_true(strlen(text) >= strlen(end));
    assert_string_equal(text + strlen(text) - strlen(end), end);
}

static void defaults_are_those_of_the_header(void **state) {
    (void)state;
    ct_config *c = config_load_text("platforms: {shop: {from: shop}}\n");
    assert_string_equal(c->name, "run");
    assert_string_equal(c->file, "run.yaml");
    assert_ends_with(c->run_dir, "/runs/run");
    assert_ends_with(c->data.cache, "/runs/run/cache");
    assert_ends_with(c->export.path, "/runs/run/export");
    assert_int_equal(c->seed, 1);
    assert_string_equal(c->device, "auto");
    assert_int_equal(c->data.max_bad_rows, 100);
    assert_string_equal(c->data.vocab, "auto");
    assert_int_equal(c->data.vocab_size, 8000);
    assert_true(c->data.lowercase);
    assert_string_equal(c->data.user_text, "{profile} [SEP] {titles:10} [SEP] {reviews:3}");
    assert_int_equal(c->model.dim, 64);
    assert_int_equal(c->model.image.kind, CT_IMAGE_NONE);
    assert_int_equal(c->model.fusion, CT_FUSION_GATED);
    assert_int_equal(c->data.picture_size, 0);
    assert_int_equal(c->model.vectors.n, 0);
    assert_int_equal(c->model.vector_scale, CT_VECTOR_SCALE_UNIT);
    assert_int_equal(c->model.user.kind, CT_ENCODER_TRANSFORMER);
    assert_int_equal(c->model.user.layers, 2);
    assert_int_equal(c->model.item.kind, CT_ENCODER_CNN);
    assert_int_equal(c->model.item.widths.n, 3);
    assert_int_equal(c->model.item.widths.v[2], 3);
    assert_true(c->model.item.dropout == 0.1);
    assert_true(c->model.platform_embedding);
    assert_int_equal(c->loss.logq, CT_LOGQ_KIND_CORRECTED);
    assert_true(c->loss.temperature == 0.07 && c->loss.temperature_learn);
    assert_true(c->loss.temperature_min == 0.01 && c->loss.temperature_max == 1);
    assert_int_equal(c->train.batch, 512);
    assert_true(c->train.lr == 1e-3 && c->train.beta1 == 0.9 && c->train.beta2 == 0.999 &&
                c->train.eps == 1e-8);
    assert_true(isnan(c->train.id_lr));
    assert_int_equal(c->train.n_groups, 0);
    assert_int_equal(c->eval.split, CT_SPLIT_TIME);
    assert_true(c->eval.valid == 0.1 && c->eval.test == 0.1);
    assert_null(c->eval.test_time);
    assert_string_equal(c->eval.best, "ndcg@10");
    assert_true(c->eval.max_users == 0 && c->eval.max_valid_users == 2000);
    assert_int_equal(c->export.formats, CT_EXPORT_NPY);
    assert_false(c->export.f16);

    const ct_config_platform *p = &c->platforms[0];
    assert_int_equal(c->n_platforms, 1);
    assert_string_equal(p->name, "shop");
    assert_int_equal(p->line, 1);
    assert_string_equal(p->items.id, "item_id");
    assert_null(p->items.entity);
    assert_string_equal(p->interactions.text, "review");
    assert_true(isnan(p->interactions.min_rating));
    assert_int_equal(p->users.path.n, 0);
    assert_ends_with(p->items.path.v[0], "/shop/items.csv");
    assert_ends_with(p->interactions.path.v[0], "/shop/interactions.csv");
    ct_config_free(c);
    ct_config_free(NULL);
}

static const char full[] =
    "# a comment\n"
    "name: three-apps.v2\n"
    "seed: 7\n"
    "device: cpu\n"
    "threads: 2\n"
    "run_dir: out/$$x y\n"
    "platforms:\n"
    "  shop:\n"
    "    items: {path: items.csv, id: sku, text: \"{genre} \\\"{year}\\\"\", entity: isbn, title: 名前,\n"
    "      vectors: {audio: a.npy, clip_vit-b: c.npy}}\n"
    "    users: users.csv\n"
    "    interactions:\n"
    "      path: [events-*.csv, inter.csv]\n"
    "      user: uid\n"
    "      min_rating: -1.5\n"
    "      weights: {view: 0.1, add to cart: 0.5, buy: 1, \"true\": 0, \"tab\\there\": 2, \"\\u2028\\x85\": "
    "3}\n"
    "  video: {from: video}\n"
    "  atomic: {from: atomic, users: {path: []}}\n"
    "links: {users: links.csv}\n"
    "data: {k_core: {users: 5, items: 3}, lowercase: no, vocab: vocab.txt, max_bad_rows: -1}\n"
    "model:\n"
    "  dim: 128\n"
    "  similarity: dot\n"
    "  user: {encoder: bert, layers: 3, hidden: 96, heads: 3, ffn: 100, pool: cls, dropout: 0}\n"
    "  item: {text: transformer, hidden: 32, heads: 1, image: resnet18, image_size: 96, batch_norm: local,\n"
    "    augment: {crop: 0.5, flip: false, colour: 0}, fusion: cross_attention, modality_dropout: 0.2,\n"
    "    vectors: [clip_vit-b, audio], vector_scale: none}\n"
    "  ids: {users: 16, items: 8, history: 20, dropout: 0.25}\n"
    "  platform_embedding: false\n"
    "loss: {temperature: 0.05, negatives: platform, logq: classic}\n"
    "train:\n"
    "  lr: 3e-4\n"
    "  epochs: .5\n"
    "  id_lr: 0.1\n"
    "  betas: [0.8, 0.99]\n"
    "  batches: homogeneous\n"
    "  checkpoint: {every: 0.25 epochs, keep: 1}\n"
    "  groups: {user.encoder: {lr: 2e-5, freeze: true}, item: {decay: 0}}\n"
    "  precision: f32\n"
    "eval: {split: {valid_time: 2026-09-01, test: 0.2}, at: [5, 20], every: 1 epoch, bootstrap: 0, compare: "
    "{old: empty}}\n"
    "export: {formats: [safetensors, npy], dtype: f16, path: bundle}\n";

static void every_key_reaches_its_field(void **state) {
    (void)state;
    ct_config *c = config_load_text(full);
    const ct_config_platform *shop = &c->platforms[0];
    assert_string_equal(c->name, "three-apps.v2");
    assert_ends_with(c->run_dir, "/out/$x y");
    assert_ends_with(c->data.cache, "/out/$x y/cache");
    assert_ends_with(c->export.path, "/bundle");
    assert_string_equal(shop->items.text, "{genre} \"{year}\"");
    assert_string_equal(shop->items.title, "名前");
    assert_string_equal(shop->items.entity, "isbn");
    assert_int_equal(shop->items.n_vectors, 2);
    assert_string_equal(shop->items.vectors[1].name, "clip_vit-b");
    assert_ends_with(shop->items.vectors[1].path, "/c.npy");
    assert_int_equal(c->model.vectors.n, 2);
    assert_string_equal(c->model.vectors.v[0], "clip_vit-b");
    assert_int_equal(c->model.vector_scale, CT_VECTOR_SCALE_NONE);
    assert_int_equal(shop->users.path.n, 1);
    assert_int_equal(shop->interactions.path.n, 2);
    assert_ends_with(shop->interactions.path.v[0], "/events-*.csv"); /* globs stay globs */
    assert_true(shop->interactions.min_rating == -1.5);
    assert_int_equal(shop->interactions.n_weights, 6);
    assert_string_equal(shop->interactions.weights[1].event, "add to cart");
    assert_true(shop->interactions.weights[1].weight == 0.5);
    assert_ends_with(c->platforms[1].users.path.v[0], "/video/users.jsonl");
    assert_ends_with(c->platforms[2].interactions.path.v[0], "/atomic/ml.inter");
    assert_int_equal(c->platforms[2].users.path.n, 0);
    assert_int_equal(c->links.users.n, 1);
    assert_int_equal(c->data.k_core_items, 3);
    assert_false(c->data.lowercase);
    assert_ends_with(c->data.vocab, "/vocab.txt");
    assert_int_equal(c->model.user.kind, CT_ENCODER_TRANSFORMER);
    assert_int_equal(c->model.user.pool, CT_POOL_KIND_CLS);
    assert_int_equal(c->model.item.kind, CT_ENCODER_TRANSFORMER);
    assert_int_equal(c->model.image.kind, CT_IMAGE_RESNET18);
    assert_int_equal(c->model.image.size, 96);
    assert_int_equal(c->data.picture_size, 96); /* as the encoder wants them */
    assert_int_equal(c->model.image.batch_norm, CT_BATCH_NORM_LOCAL);
    assert_true(c->model.image.crop == 0.5 && !c->model.image.flip && c->model.image.colour == 0);
    assert_null(c->model.image.weights);
    assert_int_equal(c->model.fusion, CT_FUSION_CROSS_ATTENTION);
    assert_true(c->model.modality_dropout == 0.2);
    assert_int_equal(c->model.id_history, 20);
    assert_true(c->model.id_dropout == 0.25);
    assert_true(c->loss.temperature == 0.05 && c->loss.temperature_learn);
    assert_true(c->train.epochs == 0.5 && c->train.id_lr == 0.1 && c->train.beta1 == 0.8 &&
                c->train.beta2 == 0.99);
    assert_true(c->train.checkpoint_every == 0.25);
    assert_int_equal(c->train.n_groups, 2);
    assert_string_equal(c->train.groups[0].prefix, "user.encoder");
    assert_true(c->train.groups[0].lr == 2e-5 && isnan(c->train.groups[0].decay) &&
                c->train.groups[0].freeze);
    assert_true(isnan(c->train.groups[1].lr) && c->train.groups[1].decay == 0);
    assert_string_equal(c->eval.valid_time, "2026-09-01");
    assert_true(c->eval.test == 0.2 && c->eval.every == 1);
    assert_string_equal(c->eval.best, "ndcg@5");
    assert_string_equal(c->eval.compare[0].name, "old");
    assert_ends_with(c->eval.compare[0].path, "/empty");
    assert_int_equal(c->export.formats, CT_EXPORT_NPY | CT_EXPORT_SAFETENSORS);
    assert_true(c->export.f16);
    ct_config_free(c);
}

static void assert_same_list(const ct_strlist *a, const ct_strlist *b) {
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) assert_string_equal(a->v[i], b->v[i]);
}

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Compares two elements field by field, by the table. */
static void assert_same_section(int row, const char *a, const char *b) {
    for (int i = ct__schema_next(row, -1); i >= 0; i = ct__schema_next(row, i)) {
        const ct__key *k = &ct__schema[i];
        if (k->type == CT__KEY_TYPE_SECTION) assert_same_section(i, a, b);
        if (k->type == CT__KEY_TYPE_MAP) {
            const int n = *(const int *)(a + k->map->count);
            const char *ea = *(char *const *)(a + k->map->array), *eb = *(char *const *)(b + k->map->array);
            assert_int_equal(n, *(const int *)(b + k->map->count));
            for (int e = 0; e < n; e++, ea += k->map->element_bytes, eb += k->map->element_bytes) {
                assert_string_equal(*(char *const *)(ea + k->map->name), *(char *const *)(eb + k->map->name));
                assert_same_section(i, ea, eb);
            }
        }
        if (k->offset == CT__NOWHERE) continue;
        const char *fa = a + k->offset, *fb = b + k->offset;
        switch (k->type) {
        case CT__KEY_TYPE_BOOL:
        case CT__KEY_TYPE_SWITCH:
            assert_int_equal(*(const bool *)fa, *(const bool *)fb);
            break;
        case CT__KEY_TYPE_INT:
        case CT__KEY_TYPE_REAL: /* bits: NaN is NaN */
            assert_memory_equal(fa, fb, 8);
            break;
        case CT__KEY_TYPE_PAIR:
            assert_memory_equal(fa, fb, 16);
            break;
        case CT__KEY_TYPE_CHOICE:
        case CT__KEY_TYPE_FLAGS:
            assert_memory_equal(fa, fb, sizeof(unsigned));
            break;
        case CT__KEY_TYPE_PATHS:
        case CT__KEY_TYPE_NAMES:
            assert_same_list((const ct_strlist *)fa, (const ct_strlist *)fb);
            break;
        case CT__KEY_TYPE_INTS:
            assert_int_equal(((const ct_intlist *)fa)->n, ((const ct_intlist *)fb)->n);
            assert_memory_equal(((const ct_intlist *)fa)->v, ((const ct_intlist *)fb)->v,
                                8 * (size_t)((const ct_intlist *)fa)->n);
            break;
        default:
            if (k->type != CT__KEY_TYPE_SECTION && k->type != CT__KEY_TYPE_MAP &&
                !same_text(*(char *const *)fa, *(char *const *)fb))
                fail_msg("%s: '%s' and '%s'", k->path, *(char *const *)fa, *(char *const *)fb);
        }
    }
}

/* Dumps, moves elsewhere, loads: the same config. */
static void assert_survives_a_dump(const ct_config *c) {
    ct_str text = config_dump_text(c);
    mkdir("elsewhere", 0755);
    config_write("elsewhere/config.yaml", ct_str_text(&text));
    ct_config *again = config_load_file("elsewhere/config.yaml", NULL, 0);
    assert_same_section(-1, (const char *)c, (const char *)again);
    ct_str text_again = config_dump_text(again);
    assert_string_equal(ct_str_text(&text), ct_str_text(&text_again));
    ct_str_free(&text);
    ct_str_free(&text_again);
    ct_config_free(again);
}

static void the_dump_loads_to_an_equal_config(void **state) {
    (void)state;
    static const char *const texts[] = {
        full,
        "platforms: {shop: {from: shop}}\n",
        "platforms: {shop: {from: shop}}\neval: {split: last}\nmodel: {item: {text: none}, ids: {items: "
        "4}}\n",
        "platforms: {shop: {from: shop}}\nmodel: {user: {encoder: none}, ids: {users: 4}}\n",
        "platforms: {shop: {from: shop}}\nmodel: {user: {weights: bert}}\n",
        "platforms: {shop: {from: shop, items: {vectors: {a: a.npy}}}}\nmodel: {item: {fusion: concat}}\n",
        "platforms: {shop: {from: shop, items: {vectors: {a: a.npy}}}}\nmodel: {item: {vectors: []}}\n",
        "platforms: {shop: {from: shop, items: {vectors: {a: a.npy}}}}\nmodel: {item: {text: none}}\n",
        "platforms: {shop: {from: shop}}\neval: {split: {test_time: 1790000000, valid_time: '2026-01-01 "
        "10:00'}}\n",
        "platforms: {shop: {from: shop}}\nloss: {temperature: {init: 0.1, learn: no, min: 0.1, max: 0.1}}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ct_config *c = config_load_text(texts[i]);
        assert_survives_a_dump(c);
        ct_config_free(c);
    }
}

/* Without model.item.vectors all that platforms give are read, in the order in which they are first named; what decides
 * whether fusion has a meaning is how many modalities there are, pictures or not. */
static void vectors_are_gathered_from_the_platforms(void **state) {
    (void)state;
    static const char two[] = "platforms:\n  shop: {from: shop, items: {vectors: {b: a.npy, a: c.npy}}}\n"
                              "  video: {from: video, items: {vectors: {c: a.npy, a: a.npy}}}\n";
    static const char *const names[] = {"b", "a", "c"};
    ct_config *c = config_load_text(two);
    assert_int_equal(c->model.vectors.n, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(c->model.vectors.v[i], names[i]);
    assert_int_equal(ct_config_n_modalities(&c->model), 4);
    assert_true(ct_config_fuses(&c->model));
    assert_true(c->model.modality_dropout == 0.1);
    ct_config_free(c);
    static const char *const one[] = {"model.item.vectors=c", "model.item.text=none"};
    config_write("run.yaml", two);
    c = config_load_file("run.yaml", one, 2);
    assert_int_equal(c->model.vectors.n, 1);
    assert_int_equal(ct_config_n_modalities(&c->model), 1);
    assert_true(ct_config_fuses(&c->model)); /* items without a vector need their stand-in */
    ct_config_free(c);
    static const char *const none[] = {"model.item.vectors=[]"};
    c = config_load_file("run.yaml", none, 1);
    assert_int_equal(c->model.vectors.n, 0);
    assert_false(ct_config_fuses(&c->model));
    ct_config_free(c);
}

static void a_byte_order_mark_and_crlf_are_fine(void **state) {
    (void)state;
    ct_config *c = config_load_text("\xEF\xBB\xBFseed: 4\r\nplatforms:\r\n  shop: {from: shop}\r\n");
    assert_int_equal(c->seed, 4);
    assert_int_equal(c->platforms[0].line, 3);
    ct_config_free(c);
}

static void bases_are_read_first(void **state) {
    (void)state;
    mkdir("base", 0755);
    config_write("base/root.yaml",
                 "seed: 1\nplatforms: {shop: {from: ../shop}}\ntrain: {lr: 0.5, batch: 8}\n");
    config_write("base/mid.yaml",
                 "extends: root.yaml\ntrain: {lr: 0.25, groups: {a: {lr: 1}}}\n"
                 "model: {item: {widths: [1, 5]}}\nloss: {temperature: {init: 0.5, learn: no}}\n");
    ct_config *c = config_load_text("extends: base/mid.yaml\nname: top\nmodel: {item: {widths: 2}}\n"
                                    "loss: {temperature: 0.25}\ntrain: {groups: {b: {lr: 2}}}\n");
    assert_string_equal(c->name, "top");
    assert_true(c->train.lr == 0.25);
    assert_int_equal(c->train.batch, 8);
    assert_int_equal(c->train.n_groups, 2);
    assert_int_equal(c->model.item.widths.n, 1); /* lists are replaced, not joined */
    assert_true(c->loss.temperature == 0.25 && !c->loss.temperature_learn);
    assert_ends_with(c->platforms[0].items.path.v[0],
                     "/base/../shop/items.csv"); /* relative to the file that says it */
    assert_survives_a_dump(c);
    ct_config_free(c);
}

static void overrides_go_over_the_file(void **state) {
    (void)state;
    static const char *const overrides[] = {"train.lr=0.5",
                                            "train.lr=0.125", /* the last one counts */
                                            "platforms.shop.items.id=sku",
                                            "platforms.shop.items.text={a} [b]",
                                            "platforms.news={from: video}",
                                            "train.groups.user.encoder.freeze=yes",
                                            "train.groups.user.head={lr: 0.5}",
                                            "platforms.shop.interactions.weights.add.to.cart=2",
                                            "eval.split=last",
                                            "eval.at=[3, 10]",
                                            "loss.temperature.learn=false",
                                            "data.vocab=vocab.txt",
                                            "platforms.shop.interactions=events-*.csv",
                                            "name=\"quoted\""};
    mkdir("deep", 0755);
    config_write("deep/run.yaml", "platforms: {shop: {from: ../shop}}\nloss: {temperature: 0.5}\n"
                                  "eval: {split: {method: time, valid: 0.3}}\n");
    ct_config *c =
        config_load_file("deep/run.yaml", overrides, (int)(sizeof overrides / sizeof overrides[0]));
    assert_true(c->train.lr == 0.125);
    assert_string_equal(c->platforms[0].items.id, "sku");
    assert_string_equal(c->platforms[0].items.text, "{a} [b]");
    assert_int_equal(c->n_platforms, 2);
    assert_string_equal(c->platforms[1].name, "news");
    assert_int_equal(c->train.n_groups, 2);
    assert_string_equal(c->train.groups[0].prefix, "user.encoder");
    assert_true(c->train.groups[0].freeze);
    assert_string_equal(c->train.groups[1].prefix, "user.head");
    assert_string_equal(c->platforms[0].interactions.weights[0].event, "add.to.cart");
    assert_int_equal(c->eval.split, CT_SPLIT_LAST); /* and the share of the other method is gone */
    assert_int_equal(c->eval.at.v[0], 3);
    assert_true(c->loss.temperature == 0.5 && !c->loss.temperature_learn);
    assert_null(strstr(c->data.vocab, "deep")); /* relative to the working directory */
    assert_ends_with(c->platforms[0].interactions.path.v[0], "/events-*.csv");
    assert_string_equal(c->name, "quoted");
    assert_survives_a_dump(c);
    ct_config_free(c);
}

static void variables_are_replaced_in_paths(void **state) {
    (void)state;
    setenv("CT_TEST_DATA", "shop", 1);
    setenv("CT_TEST_ROOT", "/nowhere", 1);
    ct_config *c =
        config_load_text("platforms: {shop: {items: '${CT_TEST_DATA}/items.csv', interactions: $CT_TEST_DATA/"
                         "interactions.csv}}\nrun_dir: $CT_TEST_ROOT//a/./b/.\ndata: {user_text: $x}\n");
    assert_ends_with(c->platforms[0].items.path.v[0], "/shop/items.csv");
    assert_string_equal(c->run_dir, "/nowhere/a/b");
    assert_string_equal(c->data.user_text, "$x"); /* not a path */
    ct_config_free(c);
}

static void weights_decide_the_sizes(void **state) {
    (void)state;
    ct_config *c = config_load_text(
        "platforms: {shop: {from: shop}}\n"
        "model: {user: {weights: bert, hidden: 384, ffn: 0}, item: {text: bert, weights: bert}}\n");
    assert_int_equal(c->model.user.layers, 6);
    assert_int_equal(c->model.user.hidden, 384);
    assert_int_equal(c->model.user.heads, 12);
    assert_int_equal(c->model.user.ffn, 1536);
    assert_int_equal(c->model.item.layers, 6);
    assert_ends_with(c->data.vocab, "/bert/vocab.txt");
    ct_config_free(c);
}

static void the_reference_names_every_key(void **state) {
    (void)state;
    ct_str plain = {0}, markdown = {0};
    assert_int_equal(ct_config_explain(false, &plain, NULL), CT_OK);
    assert_int_equal(ct_config_explain(true, &markdown, NULL), CT_OK);
    for (int i = 0; i < ct__n_schema; i++) {
        const char *name = ct__key_name(&ct__schema[i]);
        if (strcmp(name, "*") != 0) assert_non_null(strstr(ct_str_text(&plain), name));
        assert_non_null(ct__schema[i].help);
    }
    assert_non_null(strstr(ct_str_text(&plain), "\nplatforms.NAME.interactions.weights.EVENT\n"));
    assert_non_null(strstr(ct_str_text(&markdown), "| `train.groups.PREFIX.lr` |"));
    assert_non_null(strstr(ct_str_text(&markdown), "Only with model.item.text: cnn."));
    assert_non_null(strstr(ct_str_text(&markdown), "Only with two or more of model.item.text, model.item.image and"));
    ct_str_free(&plain);
    ct_str_free(&markdown);
}

/* The table itself: parents first, types with what they need. */
static void the_schema_is_sound(void **state) {
    (void)state;
    for (int i = 0; i < ct__n_schema; i++) {
        const ct__key *k = &ct__schema[i];
        assert_int_equal(ct__schema_find(k->path), i); /* no key twice */
        if (strchr(k->path, '.')) assert_true(ct__schema_parent(i) >= 0);
        if (k->type == CT__KEY_TYPE_CHOICE || k->type == CT__KEY_TYPE_SWITCH || k->type == CT__KEY_TYPE_FLAGS)
            assert_non_null(k->choices);
        if (k->type == CT__KEY_TYPE_INTS) assert_true(k->max_count > 0);
        if (k->type == CT__KEY_TYPE_MAP) assert_non_null(k->map);
        assert_true(k->min <= k->max);
    }
}

static void memory_that_runs_out_is_an_error(void **state) {
    (void)state;
    static const char *const overrides[] = {"train.lr=0.5", "loss.temperature=0.5"};
    config_write("run.yaml", full);
    test_alloc_install();
    for (uint64_t n = 1;; n++) {
        ct_config *c;
        ct_diagnostics diags = {0};
        ct_error err = CT_ERROR_INIT;
        ct_str text = {0};
        test_alloc_fail_at(n);
        ct_status st = ct_config_load(&c, "run.yaml", overrides, 2, &diags, &err);
        if (st == CT_OK) st = ct_config_dump(c, &text, &err);
        test_alloc_fail_at(0);
        ct_config_free(c);
        ct_diagnostics_free(&diags);
        ct_str_free(&text);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_are_those_of_the_header, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(every_key_reaches_its_field, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(the_dump_loads_to_an_equal_config, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(vectors_are_gathered_from_the_platforms, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(a_byte_order_mark_and_crlf_are_fine, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(bases_are_read_first, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(overrides_go_over_the_file, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(variables_are_replaced_in_paths, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(weights_decide_the_sizes, config_setup, config_teardown),
        cmocka_unit_test(the_reference_names_every_key),
        cmocka_unit_test(the_schema_is_sound),
        cmocka_unit_test_setup_teardown(memory_that_runs_out_is_an_error, config_setup, config_teardown),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
