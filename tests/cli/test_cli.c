/* The program as its users meet it: help, configuration, the whole road once, standard output. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    return 0;
}

/* ---- help, version, reference -------------------------------------------------------------------------------- */

static void test_help(void **state) {
    (void)state;
    static const struct {
        const char *command, *says[8];
    } helps[] = {
        {"prepare", {"CONFIG", "key=value", "--force", "--quiet"}},
        {"train", {"CONFIG", "--resume", "--overwrite", "--dry-run", "--stop-after N", "--quiet"}},
        {"eval", {"--stage test|valid", "--checkpoint FILE", "--json"}},
        {"export", {"--checkpoint FILE", "--out DIR"}},
        {"recommend", {"--user ID", "--user-platform P", "--text TEXT", "--platform P|all", "-k N", "--with-seen"}},
        {"inspect", {"PATH|device"}},
        {"config", {"[CONFIG]", "--explain", "--markdown"}},
    };
    char args[64], head[64];
    cli_expect("--help", 0, "usage: crosstower COMMAND");
    for (size_t i = 0; i < sizeof helps / sizeof helps[0]; i++) {
        if (!strstr(cli_out, helps[i].command) && i == 0) cli_fail("--help", "does not name", helps[i].command);
        snprintf(args, sizeof args, "%s nowhere.yaml --wrong --help", helps[i].command);
        snprintf(head, sizeof head, "usage: crosstower %s", helps[i].command);
        cli_expect(args, 0, head);
        for (int k = 0; k < 8 && helps[i].says[k]; k++)
            if (!strstr(cli_out, helps[i].says[k])) cli_fail(args, "does not say", helps[i].says[k]);
        if (*cli_err) cli_fail(args, "stderr is not empty", "");
    }
}

static void test_version(void **state) {
    (void)state;
    cli_expect("--version", 0, "crosstower 0.");
    assert_int_equal(strspn(cli_out + 11, "0123456789."), strlen(cli_out + 11) - 1);
}

static void test_explain(void **state) {
    (void)state;
    static const char *const keys[] = {"model.user.layers", "train.lr", "platforms.NAME.items.path", "eval.best"};
    cli_expect("config --explain", 0, "default:");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) assert_non_null(strstr(cli_out, keys[i]));
    cli_expect("config --explain --markdown", 0, "# Configuration keys");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) assert_non_null(strstr(cli_out, keys[i]));
}

/* What config prints is a configuration that prints the same. */
static void test_resolved_config_loads_again(void **state) {
    (void)state;
    cli_expect("config run.yaml train.lr=0.02 eval.at=[5,7] eval.best=hr@7", 0, "lr: 0.02");
    char *first = strdup(cli_out);
    test_write_text("resolved.yaml", first);
    cli_expect("config resolved.yaml", 0, "lr: 0.02");
    if (strcmp(first, cli_out) != 0) cli_fail("config resolved.yaml", "another text than", first);
    free(first);
}

static void test_arguments_in_any_order(void **state) {
    (void)state;
    cli_expect("config --quiet run.yaml", 2, "unknown option '--quiet'");
    cli_expect("train --dry-run --quiet train.batch=16 run.yaml train.steps=9", 0, "9 steps of 16 pairs");
    cli_expect("config train.batch=16 -- run.yaml", 0, "batch: 16");
    cli_expect("config run.yaml train.batch=16 train.batch=8", 0, "batch: 8");
    cli_expect("train --dry-run --stop-after=3 run.yaml", 2, "--dry-run trains nothing");
}

/* ---- standard output ----------------------------------------------------------------------------------------- */

static void expect_lost_output(cli_stdout where, const char *args, const char *says) {
    const cli_how how = {.standard_output = where};
    const int code = cli_run(&how, args);
    if (code != 1) cli_fail(args, "want exit code", "1");
    if (!strstr(cli_err, "cannot write to standard output") || !strstr(cli_err, says))
        cli_fail(args, "does not say", says);
}

static void test_output_that_cannot_be_written(void **state) {
    (void)state;
    expect_lost_output(CLI_STDOUT_FULL, "--version", "No space left");
    expect_lost_output(CLI_STDOUT_FULL, "config --explain", "No space left");
    expect_lost_output(CLI_STDOUT_FULL, "train run.yaml --dry-run", "No space left");
    expect_lost_output(CLI_STDOUT_CLOSED, "config run.yaml", "Bad file descriptor");
    expect_lost_output(CLI_STDOUT_CLOSED, "prepare run.yaml --force", "Bad file descriptor");
    expect_lost_output(CLI_STDOUT_BROKEN, "config --explain", "Broken pipe");
    /* The cache was written whole although nobody could be told. */
    cli_expect("inspect runs/tiny/cache", 0, "all checksums good");
}

/* ---- the road ------------------------------------------------------------------------------------------------ */

static void train_once(void) {
    if (cli_exists("runs/tiny/checkpoints/step-00000060.safetensors")) return;
    cli_remove("runs");
    cli_expect("train run.yaml", 0, "60 steps, loss");
}

static void test_prepare(void **state) {
    (void)state;
    cli_remove("runs");
    cli_expect("prepare run.yaml", 0, "made");
    static const char *const names[] = {"shop", "video", "news", "24 users", "21 items", "288 interactions"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) assert_non_null(strstr(cli_out, names[i]));
    cli_expect("prepare run.yaml", 0, "fits: reused");
    cli_expect("prepare run.yaml --force", 0, "rebuilt: asked for");
    cli_expect("prepare run.yaml data.vocab_size=200", 0, "rebuilt:");
    cli_expect("prepare run.yaml", 0, "rebuilt:");
}

static void test_dry_run(void **state) {
    (void)state;
    cli_expect("train run.yaml --dry-run", 0, "60 steps of 32 pairs");
    assert_int_equal(cli_count("runs/tiny/checkpoints", ""), 0);
}

static void test_train(void **state) {
    (void)state;
    train_once();
    static const char *const files[] = {"config.yaml", "metrics.jsonl", "checkpoints/best.safetensors",
                                        "checkpoints/step-00000060.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_true(cli_exists(test_path("runs/tiny", files[i])));
    assert_int_equal(cli_count("runs/tiny", "events.out.tfevents"), 1);
    assert_int_equal(cli_count("runs/tiny/checkpoints", "step-"), 3); /* checkpoint.keep */
    cli_expect("config runs/tiny/config.yaml", 0, "steps: 60");
    cli_expect("train run.yaml --resume", 0, "60 steps"); /* at its end: nothing to do */
}

static void test_progress(void **state) {
    (void)state;
    cli_expect("train run.yaml --overwrite train.steps=12", 0, "step 12/12");
    static const char *const words[] = {"epoch ", "loss ", "temperature ", "pairs/s", "tokens/s", "wait ", "ETA ",
                                        "validation at step 12: ndcg@10"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strstr(cli_err, words[i])) cli_fail("train", "no", words[i]);
    assert_null(strchr(cli_err, '\r')); /* stderr was no terminal */
    assert_null(strchr(cli_err, '\033'));
    cli_expect("train run.yaml --overwrite train.steps=12 --quiet", 0, NULL);
    if (*cli_err) cli_fail("train --quiet", "stderr is not empty", "");
    cli_remove("runs");
}

/* On a terminal one line is rewritten, and never so long that it wraps. */
static void test_progress_on_a_terminal(void **state) {
    (void)state;
    char shown[16384];
    const struct winsize size = {.ws_row = 25, .ws_col = 50};
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) skip();
    const cli_how how = {.terminal = ptsname(terminal)};
    const int held = open(how.terminal, O_RDWR | O_NOCTTY); /* what was written outlives the program */
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    assert_int_equal(cli_run(&how, "train run.yaml --overwrite train.steps=12 train.log_every=3"), 0);
    const ssize_t n = read(terminal, shown, sizeof shown - 1);
    assert_true(n > 0);
    shown[n] = '\0';
    assert_non_null(strstr(shown, "\rstep 3/12  epoch "));
    assert_non_null(strstr(shown, "\033[K"));
    assert_non_null(strstr(shown, "validation at step 12: ndcg@10"));
    for (const char *line = shown; *line; line += strspn(line, "\r\n")) {
        const size_t length = strcspn(line, "\r\n");
        if (strncmp(line, "step ", 5) == 0) assert_in_range(length, 1, 49 + strlen("\033[K"));
        line += length;
    }
    assert_int_equal(shown[n - 1], '\n');
    close(held);
    close(terminal);
    cli_remove("runs");
}

static json_t *parse_output(const char *args) {
    json_error_t why;
    json_t *root = json_loads(cli_out, JSON_REJECT_DUPLICATES, &why);
    if (!root) cli_fail(args, "no JSON:", why.text);
    return root;
}

static void test_eval(void **state) {
    (void)state;
    train_once();
    cli_expect("eval run.yaml", 0, "protocol: test");
    static const char *const words[] = {"shop:", "video:", "news:", "popularity", "item-kNN", "ndcg@5"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) assert_non_null(strstr(cli_out, words[i]));
    assert_true(cli_exists("runs/tiny/reports/eval-test.json"));
    assert_true(cli_exists("runs/tiny/reports/eval-test.html"));
    if (!strstr(cli_err, "runs/tiny/reports/eval-test.html\n")) cli_fail("eval", "does not say where the page is", "");
    cli_expect("eval run.yaml --stage valid --json --quiet", 0, NULL);
    json_decref(parse_output("eval --json"));
    assert_true(cli_exists("runs/tiny/reports/eval-valid.json"));
    cli_expect("eval run.yaml --checkpoint runs/tiny/checkpoints/step-00000060.safetensors", 0, "protocol: test");
}

static void test_export(void **state) {
    (void)state;
    static const char *const ends[] = {"npy", "safetensors", "faiss", "csv", "ids.csv"};
    char name[64];
    train_once();
    cli_expect("export run.yaml", 0, "runs/tiny/export");
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "runs/tiny/export/items.%s", ends[i]);
        assert_true(cli_exists(name));
    }
    cli_expect("export run.yaml", 0, "runs/tiny/export"); /* a bundle gives way to a bundle */
    cli_expect("export run.yaml --out other export.formats=[npy] export.dtype=f16", 0, "other");
    assert_int_equal(cli_count("other", ""), 5); /* two ids, two vectors, the manifest */
    assert_int_equal(cli_count(".", "other"), 1);
    cli_remove("other");
}

static void test_inspect(void **state) {
    (void)state;
    train_once();
    cli_expect("export run.yaml", 0, NULL);
    cli_expect("inspect runs/tiny", 0, "run folder with 3 checkpoints");
    cli_expect("inspect runs/tiny/cache", 0, "all checksums good");
    cli_expect("inspect runs/tiny/export", 0, "72 users, 63 items, 16 dimensions");
    cli_expect("inspect runs/tiny/checkpoints/step-00000060.safetensors", 0, "checkpoint of step 60");
    cli_expect("inspect runs/tiny/checkpoints/best.safetensors", 0, "checksum good");
    cli_expect("inspect runs/tiny/export/items.safetensors", 0, "vectors");
    cli_expect("inspect device", 0, "device cpu");
}

static int count_lines(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) n++;
    return n;
}

static void test_recommend(void **state) {
    (void)state;
    train_once();
    cli_expect("recommend run.yaml --user w3 -k 4", 0, "probability");
    assert_int_equal(count_lines(cli_out, "\n   "), 5);
    cli_expect("recommend run.yaml --user u3 --user-platform news --platform shop -k 30", 0, "shop");
    assert_null(strstr(cli_out, "video  v"));
    const int unseen = count_lines(cli_out, "shop  ");
    cli_expect("recommend run.yaml --user u3 --user-platform news --platform shop -k 30 --with-seen", 0, "shop");
    assert_int_equal(count_lines(cli_out, "shop  "), 21);
    assert_true(unseen < 21);
    cli_expect("recommend run.yaml --text 我喜欢智能手机 --platform all -k3", 0, "我喜欢智能手机");
}

static void test_recommend_json(void **state) {
    (void)state;
    train_once();
    static const char *const arguments[] = {"recommend", "run.yaml", "--text", "\"phone\" and\ta watch", "--platform",
                                            "shop",      "-k",       "30",     "--json",                 NULL};
    assert_int_equal(cli_run_arguments(arguments), 0);
    json_t *root = parse_output("recommend --json");
    const json_t *items = json_object_get(root, "items");
    double sum = 0.0, last = 1e9;
    assert_string_equal(json_string_value(json_object_get(root, "text")), "\"phone\" and\ta watch");
    assert_int_equal(json_array_size(items), 21);
    for (size_t i = 0; i < 21; i++) {
        const json_t *row = json_array_get(items, i);
        const double score = json_real_value(json_object_get(row, "score"));
        assert_int_equal(json_integer_value(json_object_get(row, "rank")), i + 1);
        assert_string_equal(json_string_value(json_object_get(row, "platform")), "shop");
        assert_true(score <= last);
        last = score;
        sum += json_real_value(json_object_get(row, "probability"));
    }
    assert_true(sum > 0.999 && sum < 1.001);
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_resolved_config_loads_again),
        cmocka_unit_test(test_arguments_in_any_order),
        cmocka_unit_test(test_output_that_cannot_be_written),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_dry_run),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_progress_on_a_terminal),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_eval),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_inspect),
        cmocka_unit_test(test_recommend),
        cmocka_unit_test(test_recommend_json),
    };
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
