/* Bad input of every kind, each with its exit code and the words of its message: command lines, configurations, data.
 * Every case changes at most one file of a good set; that set itself must pass. */
#include <stdio.h>
#include <string.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

#define GOOD_CONFIG "platforms:\n  a: {from: a}\n  b: {from: b}\n"
#define GOOD_ITEMS "item_id,title\ni1,red phone\ni2,blue phone\ni3,red watch\n"
#define GOOD_USERS "user_id,text\nu1,likes phones\nu2,likes watches\n"
#define GOOD_INTER                                                                                               \
    "user_id,item_id,timestamp\nu1,i1,100\nu1,i2,200\nu2,i3,300\nu2,i1,400\n"                                   \
    "u1,i3,500\nu2,i2,600\nu1,i1,700\nu2,i3,800\n"

static const struct {
    const char *path, *text;
} good_files[] = {{"run.yaml", GOOD_CONFIG},           {"a/items.csv", GOOD_ITEMS}, {"a/users.csv", GOOD_USERS},
                  {"a/interactions.csv", GOOD_INTER},  {"b/items.csv", GOOD_ITEMS}, {"b/users.csv", GOOD_USERS},
                  {"b/interactions.csv", GOOD_INTER}};

/* With `path` holding `text` (NULL: not there), the program with `args` ends with `code` and says each of `says`. */
typedef struct bad {
    const char *name, *path, *text, *args;
    int code;
    const char *says[3];
} bad;

static const bad cases[] = {
    /* command lines */
    {"no command", 0, 0, "", 2, {"usage: crosstower COMMAND"}},
    {"unknown command", 0, 0, "trian run.yaml", 2, {"unknown command 'trian'; did you mean 'train'?"}},
    {"unknown command, nothing near", 0, 0, "dance", 2, {"crosstower: unknown command 'dance'\n", "--help"}},
    {"unknown option before a command", 0, 0, "--verbose", 2, {"unknown option '--verbose'"}},
    {"no configuration", 0, 0, "train --resume", 2, {"CONFIG is missing", "crosstower train --help"}},
    {"only overrides", 0, 0, "train seed=3", 2, {"CONFIG is missing"}},
    {"unknown option", 0, 0, "train run.yaml --resum", 2, {"unknown option '--resum'; did you mean '--resume'?"}},
    {"unknown short option", 0, 0, "recommend run.yaml -n5", 2, {"unknown option '-n5'"}},
    {"option of another command", 0, 0, "train run.yaml --force", 2, {"unknown option '--force'"}},
    {"options that exclude each other", 0, 0, "train run.yaml --resume --overwrite", 2, {"exclude each other"}},
    {"option without its value", 0, 0, "train run.yaml --stop-after", 2,
     {"the value is missing, want --stop-after N"}},
    {"option instead of a value", 0, 0, "eval run.yaml --checkpoint --json", 2, {"found the option '--json'"}},
    {"empty value", 0, 0, "export run.yaml --out=", 2, {"--out: the value is empty, want DIR"}},
    {"value for a flag", 0, 0, "prepare run.yaml --force=yes", 2, {"--force takes no value, found 'yes'"}},
    {"option twice", 0, 0, "prepare run.yaml --force --force", 2, {"--force stands twice"}},
    {"number below its range", 0, 0, "train run.yaml --stop-after 0", 2, {"found '0', want a whole number from 1"}},
    {"no number", 0, 0, "train run.yaml --stop-after 5x", 2, {"found '5x', want a whole number"}},
    {"number too long", 0, 0, "train run.yaml --stop-after 99999999999999999999", 2, {"want a whole number"}},
    {"k too small", 0, 0, "recommend run.yaml --user u1 -k 0", 2,
     {"-k: found '0', want a whole number from 1 to 10000"}},
    {"k too large", 0, 0, "recommend run.yaml --user u1 -k10001", 2, {"-k: found '10001'"}},
    {"choice", 0, 0, "eval run.yaml --stage tset", 2,
     {"found 'tset', want one of test, valid; did you mean 'test'?"}},
    {"argument that is no override", 0, 0, "prepare run.yaml other.yaml", 2, {"unexpected argument 'other.yaml'"}},
    {"override where none is taken", 0, 0, "inspect runs seed=1", 2, {"unexpected argument 'seed=1'"}},
    {"neither user nor text", 0, 0, "recommend run.yaml", 2, {"want one of --user ID and --text TEXT"}},
    {"user and text", 0, 0, "recommend run.yaml --user u1 --text x", 2, {"want one of --user ID and --text TEXT"}},
    {"platform of no user", 0, 0, "recommend run.yaml --text x --user-platform a", 2,
     {"--user-platform is for --user"}},
    {"seen of no user", 0, 0, "recommend run.yaml --text x --with-seen", 2, {"--with-seen is for --user"}},
    {"text that is not UTF-8", 0, 0, "recommend run.yaml --text a\xff", 2, {"--text is not UTF-8"}},
    {"markdown of nothing", 0, 0, "config run.yaml --markdown", 2, {"--markdown is for --explain"}},
    {"explain with a file", 0, 0, "config --explain run.yaml", 2, {"--explain takes no CONFIG"}},
    {"config of nothing", 0, 0, "config", 2, {"CONFIG is missing"}},
    {"inspect nothing", 0, 0, "inspect", 2, {"PATH|device is missing"}},
    {"inspect what is not there", 0, 0, "inspect nowhere", 2, {"'nowhere': no such file or folder"}},
    {"inspect some folder", 0, 0, "inspect a", 2, {"no cache", "no bundle", "no run folder"}},
    {"inspect some file", 0, 0, "inspect a/items.csv", 1, {"a/items.csv"}},

    /* configurations */
    {"no such configuration", 0, 0, "prepare no.yaml", 2, {"no.yaml: no such file", "1 mistake in"}},
    {"configuration is a folder", 0, 0, "prepare a", 2, {"a folder, want a YAML file"}},
    {"empty configuration", "run.yaml", "", "prepare run.yaml", 2, {"run.yaml:1:1: the file is empty"}},
    {"no YAML", "run.yaml", "train: {lr: 1\n", "prepare run.yaml", 2, {"run.yaml:2:1: ", "not readable as YAML"}},
    {"configuration not UTF-8", "run.yaml", "name: \xff\n" GOOD_CONFIG, "prepare run.yaml", 2, {"not UTF-8"}},
    {"unknown key", "run.yaml", GOOD_CONFIG "train:\n  batsh: 8\n", "prepare run.yaml", 2,
     {"run.yaml:5:3: train.batsh: ", "did you mean 'batch'?"}},
    {"wrong type", "run.yaml", GOOD_CONFIG "seed: many\n", "prepare run.yaml", 2,
     {"run.yaml:4:7: seed: found 'many'"}},
    {"out of range", "run.yaml", GOOD_CONFIG "train: {lr: -1}\n", "prepare run.yaml", 2,
     {"train.lr: found '-1', want a number above 0"}},
    {"several mistakes", "run.yaml", "sead: 1\ntrain: {lr: 0}\n", "prepare run.yaml", 2,
     {"run.yaml:1:1: sead: ", "run.yaml:2:13: train.lr: ", "3 mistakes in the configuration 'run.yaml'"}},
    {"missing section", "run.yaml", "seed: 1\n", "prepare run.yaml", 2, {"platforms: missing; name at least one"}},
    {"key twice", "run.yaml", GOOD_CONFIG "seed: 1\nseed: 2\n", "prepare run.yaml", 2, {"'seed' stands twice"}},
    {"unknown metric", "run.yaml", GOOD_CONFIG "eval: {best: gini@10}\n", "train run.yaml", 2,
     {"eval.best: found 'gini@10', want recall@k"}},
    {"device cuda", 0, 0, "train run.yaml device=cuda", 2, {"device: 'cuda' is not possible", "CPU only"}},
    {"precision bf16", 0, 0, "train run.yaml train.precision=bf16", 2, {"train.precision: ", "trains in f32"}},
    {"missing file", "run.yaml", "platforms: {a: {items: a/none.csv, interactions: a/interactions.csv}}\n",
     "prepare run.yaml", 2, {"platforms.a.items.path: no such file"}},
    {"folder without tables", "run.yaml", "platforms: {a: {from: .}}\n", "prepare run.yaml", 2, {"platforms.a"}},
    {"table of the folder is missing", "b/interactions.csv", NULL, "prepare run.yaml", 2,
     {"platforms.b", "interactions"}},
    {"unset variable", "run.yaml", "platforms: {a: {from: $CT_NOT_SET/a}}\n", "prepare run.yaml", 2,
     {"the variable CT_NOT_SET"}},
    {"extends itself", "run.yaml", "extends: run.yaml\n", "prepare run.yaml", 2, {"in a circle"}},
    {"keys that do not fit together", 0, 0, "train run.yaml model.user.heads=3", 2,
     {"3 heads do not divide hidden 64"}},
    {"override of an unknown key", 0, 0, "train run.yaml train.lrr=1", 2, {"train.lrr", "did you mean 'lr'?"}},
    {"override of a wrong type", 0, 0, "train run.yaml train.batch=big", 2,
     {"command line", "train.batch: found 'big'"}},

    /* data: all of it in files that the configuration names rightly */
    {"missing column", "a/items.csv", "sku,title\ni1,x\n", "prepare run.yaml", 1, {"a/items.csv", "item_id", "sku"}},
    {"empty table", "a/items.csv", "", "prepare run.yaml", 1, {"a/items.csv", "empty"}},
    {"table of a header alone", "b/interactions.csv", "user_id,item_id,timestamp\n", "prepare run.yaml", 1,
     {"platform 'b': no interaction is left"}},
    {"items of a header alone", "a/items.csv", "item_id,title\n", "prepare run.yaml data.max_bad_rows=-1", 1,
     {"'a'"}},
    {"text not UTF-8", "a/items.csv", GOOD_ITEMS "i4,\xff\xfe\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"a/items.csv", "line 5", "UTF-8"}},
    {"duplicate item", "a/items.csv", GOOD_ITEMS "i1,again\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"a/items.csv", "line 5", "id 'i1' stands twice"}},
    {"duplicate user", "b/users.csv", GOOD_USERS "u2,again\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"b/users.csv", "line 4", "id 'u2' stands twice"}},
    {"no id", "a/items.csv", GOOD_ITEMS ",nameless\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"line 5", "no id"}},
   
     {"unknown item", "a/interactions.csv", GOOD_INTER "u1,i9,900\nu1,i8,900\n",
     "prepare run.yaml data.max_bad_rows=1", 1,
     {"more than data.max_bad_rows (1) bad rows", "line 10", "i9"}},
    {"unknown user", "a/interactions.csv", GOOD_INTER "u9,i1,900\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"more than data.max_bad_rows (0) bad rows", "u9"}},
    {"too few cells", "a/interactions.csv", GOOD_INTER "u1,i1\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"line 10"}},
    {"quote that does not end", "a/items.csv", GOOD_ITEMS "i4,\"open\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"a/items.csv"}},
    {"time that is none", "a/interactions.csv", GOOD_INTER "u1,i1,soon\n", "prepare run.yaml data.max_bad_rows=0", 1,
     {"line 10", "soon"}},
    {"no times", "a/interactions.csv", "user_id,item_id\nu1,i1\nu2,i2\n", "prepare run.yaml", 1,
     {"the interactions have no time", "eval.split: last"}},
    {"event without a weight", "a/interactions.csv", "user_id,item_id,timestamp,event\nu1,i1,1,look\n",
     "prepare run.yaml platforms.a.interactions.weights.buy=1 data.max_bad_rows=0", 1, {"look"}},
    {"everything below the rating", "a/interactions.csv", "user_id,item_id,timestamp,rating\nu1,i1,1,2\nu2,i2,2,3\n",
     "prepare run.yaml platforms.a.interactions.min_rating=4", 1, {"no interaction is left", "2 below min_rating"}},
    {"everything outside the k-core", 0, 0, "prepare run.yaml data.k_core.users=9", 1,
     {"no interaction is left", "8 outside the k-core"}},
    {"all in the future of the split", 0, 0, "prepare run.yaml eval.split.valid_time=50 eval.split.test_time=60", 1,
     {"nothing to train on"}},
    {"links name nobody", "links.csv", "a,b\nx1,y1\nx2,y2\n", "prepare run.yaml links.users=links.csv", 1,
     {"zero overlap", "links.csv"}},
    {"links name no platform", "links.csv", "left,right\nu1,u1\n", "prepare run.yaml links.users=links.csv", 1,
     {"want a column named after each of two platforms", "left"}},
    {"shared key without a match", "a/users.csv", "user_id,text,card\nu1,x,c1\nu2,x,c2\n",
     "prepare run.yaml platforms.a.users.person=card", 1, {"zero overlap"}},
    {"broken JSON", "rows.jsonl", "{\"item_id\": \"i1\"}\n{\"item_id\": \n",
     "prepare run.yaml platforms.a.items.path=rows.jsonl data.max_bad_rows=0", 1, {"rows.jsonl", "line 2"}},
   
     {"gzip that is none", "rows.csv.gz", "\x1f\x8b\x08 no gzip",
     "prepare run.yaml platforms.a.items.path=rows.csv.gz", 1,
     {"rows.csv.gz", "gzip"}},
    {"vocabulary without its tokens", "vocab.txt", "hello\nworld\n", "prepare run.yaml data.vocab=vocab.txt", 1,
     {"vocab.txt", "no token [PAD]"}},
    {"cache under a file", 0, 0, "prepare run.yaml data.cache=a/items.csv/cache", 1, {"a/items.csv"}},
    {"run folder under a file", 0, 0, "train run.yaml run_dir=a/items.csv data.cache=c train.steps=1", 1,
     {"a/items.csv"}},

    /* a run that is not there yet */
    {"eval before train", 0, 0, "eval run.yaml", 2, {"holds no checkpoint", "crosstower train"}},
    {"export before train", 0, 0, "export run.yaml", 2, {"holds no checkpoint"}},
    {"recommend before train", 0, 0, "recommend run.yaml --user u1", 2, {"holds no checkpoint"}},
    {"checkpoint that is not there", 0, 0, "eval run.yaml --checkpoint no.safetensors", 2,
     {"checkpoint 'no.safetensors': no such file"}},
};

enum { N_CASES = sizeof cases / sizeof cases[0] };

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_mkdir("a");
    cli_mkdir("b");
    return 0;
}

static void write_good_files(void) {
    for (size_t i = 0; i < sizeof good_files / sizeof good_files[0]; i++)
        test_write_text(good_files[i].path, good_files[i].text);
    cli_remove("runs");
}

/* The tests run in the order of the table. */
static void test_case(void **state) {
    static int next;
    const bad *b = &cases[next++];
    (void)state;
    write_good_files();
    if (b->path && b->text)
        test_write_text(b->path, b->text);
    else if (b->path)
        cli_remove(b->path);
    cli_expect(b->args, b->code, NULL);
    for (int i = 0; i < 3 && b->says[i]; i++)
        if (!strstr(cli_err, b->says[i])) cli_fail(b->args, "does not say", b->says[i]);
    if (*cli_out) cli_fail(b->args, "prints on stdout", "");
    /* Nothing runs on a wrong configuration, and no cache is made of wrong data. */
    if (cli_exists("runs") && cli_exists("runs/run/cache/dataset.bin")) cli_fail(b->args, "left a cache", "");
}

/* What the cases start from passes, and bad rows within the limit are counted and shown. */
static void test_good_files_pass(void **state) {
    (void)state;
    write_good_files();
    cli_expect("prepare run.yaml", 0, "2 users         3 items           8 interactions");
    test_write_text("a/interactions.csv", GOOD_INTER "u1,i9,900\nu9,i1,900\nu1,i1,soon\n");
    cli_expect("prepare run.yaml data.max_bad_rows=3", 0, "3 bad rows");
    assert_non_null(strstr(cli_out, "interactions.csv:10"));
    assert_non_null(strstr(cli_out, "1 of them naming unknown users"));
}

/* Whole, cut at many places, and with a byte changed. */
static void test_damaged_gzip(void **state) {
    (void)state;
    static const char args[] = "prepare run.yaml platforms.a.items.path=items.csv.gz";
    write_good_files();
    cli_write_gz("items.csv.gz", GOOD_ITEMS);
    cli_expect(args, 0, "3 items");
    for (long n = 60; n > 2; n -= 9) {
        cli_write_gz("items.csv.gz", GOOD_ITEMS);
        cli_cut("items.csv.gz", n);
        cli_expect(args, 1, "items.csv.gz");
        assert_non_null(strstr(cli_err, "gzip stream"));
    }
    cli_write_gz("items.csv.gz", GOOD_ITEMS);
    cli_flip_byte("items.csv.gz", -7); /* of the checksum */
    cli_expect(args, 1, "corrupt gzip stream");
}

static void test_wrong_fault(void **state) {
    (void)state;
    static const char *const faults[] = {"", "3", "3:", ":28", "3:x", "-1:28", "3:28:1", "x"};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const cli_how how = {.fault = faults[i]};
        if (cli_run(&how, "--version") != 2) cli_fail("--version", "takes the fault", faults[i]);
        assert_non_null(strstr(cli_err, "want N:ERRNO"));
    }
}

int main(void) {
    static struct CMUnitTest tests[N_CASES + 3];
    for (int i = 0; i < N_CASES; i++)
        tests[i] = (struct CMUnitTest){cases[i].name, test_case, NULL, NULL, NULL};
    tests[N_CASES] = (struct CMUnitTest)cmocka_unit_test(test_good_files_pass);
    tests[N_CASES + 1] = (struct CMUnitTest)cmocka_unit_test(test_damaged_gzip);
    tests[N_CASES + 2] = (struct CMUnitTest)cmocka_unit_test(test_wrong_fault);
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
