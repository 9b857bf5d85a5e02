/* Random damage to a good configuration: never a crash, always either a config that survives its dump, or
 * mistakes with places inside the file. CROSSTOWER_FUZZ_SEED and CROSSTOWER_FUZZ_ROUNDS change the run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/config/config_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static const char good[] =
    "name: fuzz\n"
    "seed: 7\n"
    "extends: base.yaml\n"
    "platforms:\n"
    "  shop:\n"
    "    items: {path: items.csv, id: sku, text: \"{genre} {year}\"}\n"
    "    users: users.csv\n"
    "    interactions:\n"
    "      path: [events-*.csv, inter.csv]\n"
    "      weights: {view: 0.1, buy: 1}\n"
    "  video: {from: video}\n"
    "links: {users: links.csv}\n"
    "data: {k_core: {users: 5}, lowercase: no, vocab: vocab.txt}\n"
    "model:\n"
    "  user: {encoder: bert, layers: 3, hidden: 96, heads: 3, pool: cls}\n"
    "  item: {text: cnn, widths: [1, 2, 4]}\n"
    "  ids: {users: 16, items: 8, history: 20}\n"
    "loss: {temperature: 0.05, negatives: platform}\n"
    "train:\n"
    "  lr: 3e-4\n"
    "  betas: [0.8, 0.99]\n"
    "  groups: {user.encoder: {lr: 2e-5, freeze: true}}\n"
    "eval: {split: {valid_time: 2026-09-01}, at: [5, 20], every: 1 epoch, compare: {old: empty}}\n"
    "export: {formats: [safetensors, npy], dtype: f16}\n";

static const char *const pieces[] = {"{",       "}",        "[",    "]",           ":",
                                     ": ",      ",",        "\n",   "\n  ",        "- ",
                                     "\"",      "'",        "#",    "&a",          "*a",
                                     "!!x",     "<<: ",     "null", "~",           "\t",
                                     "\\",      "1e9",      "-1",   "0",           "? ",
                                     "|",       ">",        "---",  "%YAML 1.1\n", "\xEF\xBB\xBF",
                                     "\xff",    "\x01",     "$X",   "${",          "*",
                                     "é",       "[[[[[[[[", "from", "path",        "weights: bert",
                                     "true",    ".inf",     "..",   "train:",      "\xE2\x80\xA8",
                                     "\xC2\x85"};

static uint64_t random_state;

static uint32_t draw(uint32_t below) { /* xorshift64*: the test needs no better */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545F4914F6CDD1DULL) >> 33) % below;
}

enum { MOST = 4096 };

/* Replaces `cut` bytes at `at` by a piece. */
static size_t splice(char *text, size_t n, size_t at, size_t cut, const char *piece, size_t length) {
    if (cut > n - at) cut = n - at;
    if (n - cut + length >= MOST) return n;
    memmove(text + at + length, text + at + cut, n - at - cut);
    memcpy(text + at, piece, length);
    return n - cut + length;
}

static size_t damage(char *text, size_t n) {
    const size_t at = draw((uint32_t)n + 1);
    char copy[64];
    switch (draw(6)) {
    case 0: /* another byte */
        copy[0] = (char)draw(256);
        return splice(text, n, at, 1, copy, 1);
    case 1: /* some bytes go */
        return splice(text, n, at, 1 + draw(12), "", 0);
    case 2: { /* a part stands twice */
        const size_t from = draw((uint32_t)n + 1), length = n - from < 40 ? n - from : draw(40);
        memcpy(copy, text + from, length);
        return splice(text, n, at, 0, copy, length);
    }
    case 3: { /* a part moves over another */
        const size_t from = draw((uint32_t)n + 1), length = n - from < 20 ? n - from : draw(20);
        memcpy(copy, text + from, length);
        return splice(text, n, at, length, copy, length);
    }
    case 4: /* the end goes */
        return draw(8) == 0 ? at : n;
    default: {
        const char *piece = pieces[draw(sizeof pieces / sizeof pieces[0])];
        return splice(text, n, at, draw(3), piece, strlen(piece));
    }
    }
}

static int count_lines(const char *text, size_t n) {
    int lines = 1;
    for (size_t i = 0; i < n; i++) /* a carriage return and Unicode's separators break lines, too */
        lines +=
            text[i] == '\n' || text[i] == '\r' || text[i] == '\x85' || text[i] == '\xA8' || text[i] == '\xA9';
    return lines;
}

static void check_mistakes(const ct_diagnostics *diags, int lines) {
    ct_str text = {0};
    assert_true(diags->n > 0);
    for (size_t i = 0; i < diags->n; i++) {
        const ct_diagnostic *d = &diags->v[i];
        assert_true(d->message[0] != 0);
        assert_true(d->line >= 0 && d->column >= 0);
        if (strcmp(d->file, "run.yaml") == 0) assert_true(d->line <= lines + 1);
    }
    assert_int_equal(ct_diagnostics_format(diags, &text, NULL), CT_OK);
    ct_str_free(&text);
}

static void check_dump(const ct_config *config) {
    ct_str once = config_dump_text(config);
    config_write("dumped.yaml", ct_str_text(&once));
    ct_config *again = config_load_file("dumped.yaml", NULL, 0);
    ct_str twice = config_dump_text(again);
    assert_string_equal(ct_str_text(&once), ct_str_text(&twice));
    ct_str_free(&once);
    ct_str_free(&twice);
    ct_config_free(again);
}

static int try_once(const char *path, const char *const *overrides, int n_overrides, int lines) {
    ct_config *config;
    ct_diagnostics diags = {0};
    ct_error err = CT_ERROR_INIT;
    const ct_status st = ct_config_load(&config, path, overrides, n_overrides, &diags, &err);
    if (st == CT_OK) {
        assert_int_equal(diags.n, 0);
        check_dump(config);
    } else {
        assert_int_equal(st, CT_ERR_CONFIG);
        assert_null(config);
        check_mistakes(&diags, lines);
    }
    ct_config_free(config);
    ct_diagnostics_free(&diags);
    return st == CT_OK;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void begin(void) {
    random_state = setting("CROSSTOWER_FUZZ_SEED", 20261001) | 1;
    print_message("seed %llu\n", (unsigned long long)random_state);
    config_write("base.yaml", "train: {batch: 64}\ndata: {bucket: 8}\n");
}

static void damaged_files(void **state) {
    (void)state;
    const uint64_t rounds = setting("CROSSTOWER_FUZZ_ROUNDS", 4000);
    int survived = 0;
    begin();
    for (uint64_t i = 0; i < rounds; i++) {
        char text[MOST];
        size_t n = sizeof good - 1;
        memcpy(text, good, n);
        for (uint32_t k = draw(2) ? 1 : 1 + draw(4); k > 0; k--) n = damage(text, n);
        test_write_file("run.yaml", text, n); /* stays behind when the test dies */
        survived += try_once("run.yaml", NULL, 0, count_lines(text, n));
    }
    print_message("%llu files, %d of them good\n", (unsigned long long)rounds, survived);
    assert_true(rounds < 1000 ||
                (survived > 0 && (uint64_t)survived < rounds)); /* else the damage tests nothing */
}

static void damaged_arguments(void **state) {
    static const char *const arguments[] = {"train.lr=1e-4",
                                            "platforms.shop.items.id=sku",
                                            "train.groups.user.encoder.lr=0.5",
                                            "platforms.shop.interactions.weights.a.b=2",
                                            "eval.at=[1, 5, 20]",
                                            "loss.temperature={init: 0.5, learn: no}",
                                            "platforms.shop.items.text={a} [b]",
                                            "eval.split=last"};
    (void)state;
    const uint64_t rounds = setting("CROSSTOWER_FUZZ_ROUNDS", 4000) / 2;
    begin();
    config_write("run.yaml", good);
    for (uint64_t i = 0; i < rounds; i++) {
        char text[2][MOST];
        const char *overrides[2] = {text[0], text[1]};
        for (int a = 0; a < 2; a++) {
            const char *argument = arguments[draw(sizeof arguments / sizeof arguments[0])];
            size_t n = strlen(argument);
            memcpy(text[a], argument, n);
            for (uint32_t k = draw(4); k > 0; k--) n = damage(text[a], n);
            text[a][n] = 0;
        }
        try_once("run.yaml", overrides, 2, count_lines(good, sizeof good - 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(damaged_files, config_setup, config_teardown),
        cmocka_unit_test_setup_teardown(damaged_arguments, config_setup, config_teardown),
    };
    return cmocka_run_group_tests_name("config fuzz", tests, NULL, NULL);
}
