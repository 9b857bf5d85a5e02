/* A table of wrong questions to a trained run with pictures: eval, export, embed, recommend, train --resume, inspect.
 * Each says what it found and what it wants, prints nothing on standard output, and changes no output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

#define RUN " run.yaml "
#define BEST "runs/tiny/checkpoints/best.safetensors"
#define OTHER "runs/other/checkpoints/best.safetensors"

typedef struct bad {
    const char *name, *args;
    int code;
    const char *says[3];
} bad;

static const bad cases[] = {
    {"eval: stage", "eval" RUN "--stage train", 2, {"found 'train'", "test, valid"}},
    {"eval: a folder as a checkpoint", "eval" RUN "--checkpoint runs", 1, {"'runs'", "folder"}},
    {"eval: a table as a checkpoint", "eval" RUN "--checkpoint links.csv", 1, {"links.csv"}},
    {"eval: an empty checkpoint", "eval" RUN "--checkpoint empty", 1, {"empty"}},
    {"eval: a checkpoint of another size", "eval" RUN "--checkpoint " OTHER, 2, {OTHER, "want"}},
    {"eval: another size than the checkpoint", "eval" RUN "model.dim=8", 2, {BEST, "want"}},
    {"eval: without the id tables", "eval" RUN "model.ids.items=0 model.ids.history=0", 2, {BEST}},
    {"eval: another encoder", "eval" RUN "model.user.hidden=32", 2, {BEST}},
    {"eval: pictures that the checkpoint lacks",
     "eval" RUN "model.item.image=resnet18 data.picture_size=64 data.cache=c1", 2, {BEST}},
    {"eval: other data", "eval" RUN "data.k_core.users=3 data.k_core.items=9 data.cache=c1", 2, {BEST}},
    {"eval: vectors to compare that are not there", "eval" RUN "eval.compare={x:none}", 2, {"none"}},
    {"eval: a metric that is none", "eval" RUN "eval.best=gini@10", 2, {"eval.best", "gini@10", "recall@k"}},
    {"eval: reports under a file", "eval" RUN "run_dir=links.csv --checkpoint " BEST, 1, {"links.csv"}},
    {"eval: threads", "eval" RUN "threads=-1", 2, {"threads", "-1"}},

    {"export: over a file", "export" RUN "--out links.csv", 2, {"links.csv", "is no bundle"}},
    {"export: over another folder", "export" RUN "--out video", 2, {"video", "no manifest.json"}},
    {"export: over texts", "export" RUN "--out texts", 2, {"texts", "crosstower-texts-1", "crosstower-bundle-1"}},
    {"export: under a file", "export" RUN "--out links.csv/bundle", 1, {"links.csv"}},
    {"export: into proc", "export" RUN "--out /proc/crosstower/bundle", 1, {"/proc/crosstower"}},
    {"export: format", "export" RUN "--out new export.formats=[npz]", 2, {"export.formats", "npz", "npy"}},
    {"export: halves of what has none", "export" RUN "--out new export.dtype=f16 export.formats=[csv]", 2,
     {"f16", "csv"}},
    {"export: a checkpoint that is not there", "export" RUN "--out new --checkpoint no", 2, {"'no'", "no such file"}},
    {"export: a damaged checkpoint", "export" RUN "--out new --checkpoint cut", 1, {"cut"}},
    {"export: a run that is not there", "export" RUN "--out new run_dir=nowhere", 2,
     {"nowhere", "holds no checkpoint"}},

    {"embed: over a bundle", "embed" RUN "--texts texts.csv --out bundle", 2, {"bundle", "crosstower-texts-1"}},
    {"embed: a file of no texts", "embed" RUN "--texts empty --out new", 1, {"empty"}},
    {"embed: a header alone", "embed" RUN "--texts header.csv --out new", 1, {"header.csv"}},
    {"embed: no column of texts", "embed" RUN "--texts links.csv --out new", 1, {"links.csv", "id"}},
    {"embed: an id twice", "embed" RUN "--texts twice.csv --out new", 1, {"twice.csv", "'a'"}},
    {"embed: not UTF-8", "embed" RUN "--texts bytes.csv --out new", 1, {"bytes.csv", "UTF-8"}},
    {"embed: broken JSON", "embed" RUN "--texts broken.jsonl --out new", 1, {"broken.jsonl", "2"}},
    {"embed: a folder of texts", "embed" RUN "--texts video --out new", 1, {"video", "not a regular file"}},
    {"embed: side", "embed" RUN "--texts texts.csv --out new --side both", 2, {"both", "user, item"}},
    {"embed: platform", "embed" RUN "--texts texts.csv --out new --platform shoe", 2, {"shoe", "there are shop"}},
    {"embed: under a file", "embed" RUN "--texts texts.csv --out links.csv/new", 1, {"links.csv"}},
    {"embed: a tower without text", "embed run.yaml --texts texts.csv --out new --side item model.item.text=none", 2,
     {"item"}},

    {"recommend: an unknown user", "recommend" RUN "--user w99", 2, {"'w99' is unknown", "did you mean"}},
    {"recommend: a user of two platforms", "recommend" RUN "--user u3", 2, {"--user-platform"}},
    {"recommend: a user of another platform", "recommend" RUN "--user w3 --user-platform news", 2, {"w3", "news"}},
    {"recommend: an unknown platform", "recommend" RUN "--text x --platform tv", 2,
     {"'tv' is unknown", "there are shop"}},
    {"recommend: an unknown platform of users", "recommend" RUN "--user w3 --user-platform tv", 2, {"'tv' is unknown"}},
    {"recommend: another model's weights", "recommend" RUN "--text x --checkpoint " OTHER, 2, {OTHER}},
    {"recommend: a damaged checkpoint", "recommend" RUN "--text x --checkpoint cut", 1, {"cut"}},
    {"recommend: k that is no number", "recommend" RUN "--text x -k ten", 2, {"-k", "'ten'", "1 to 10000"}},

    {"resume: another learning rate", "train" RUN "--resume train.lr=0.5", 2, {"train.lr", "--overwrite"}},
    {"resume: another seed", "train" RUN "--resume seed=9", 2, {"seed"}},
    {"resume: another batch", "train" RUN "--resume train.batch=16", 2, {"train.batch"}},
    {"resume: another model", "train" RUN "--resume model.dim=8", 2, {"model.dim"}},
    {"resume: another loss", "train" RUN "--resume loss.negatives=platform", 2, {"loss.negatives"}},
    {"resume: another split", "train" RUN "--resume eval.split=last data.cache=c2", 2, {"eval.split"}},
    {"resume: another vocabulary", "train" RUN "--resume data.vocab_size=200 data.cache=c2", 2, {"data.vocab_size"}},
    {"resume: more steps", "train" RUN "--resume train.steps=90", 2, {"train.steps"}},
    {"train: over a run", "train" RUN, 2, {"newest: step 6", "--resume goes on", "--overwrite starts over"}},

    {"inspect: an empty file", "inspect empty", 1, {"empty"}},
    {"inspect: a cut checkpoint", "inspect cut", 1, {"cut"}},
    {"inspect: a bundle with a changed file", "inspect changed", 1, {"'changed'", "items.npy"}},
    {"inspect: a bundle without a file", "inspect missing", 1, {"missing"}},

    {"pictures: a cache that cannot be written", "prepare pictures.yaml data.cache=links.csv/c", 1, {"links.csv"}},
    {"pictures: too large", "prepare pictures.yaml data.picture_size=1025", 2,
     {"data.picture_size", "1025", "0 to 1024"}},
    {"pictures: no number", "prepare pictures.yaml data.picture_size=big", 2, {"data.picture_size", "'big'"}},
    {"pictures: a column that is not there", "prepare pictures.yaml platforms.shop.items.image=photo data.cache=c3", 1,
     {"photo", "goods.csv"}},
};

enum { N_CASES = sizeof cases / sizeof cases[0] };

static void shell(const char *command) {
    if (system(command) != 0) fail_msg("%s", command);
}

static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    shell("sed -i 's/steps: 60/steps: 6/' run.yaml");
    shell("sed 's/category: kind/category: kind, image: kind/; s/^name: tiny/name: pictures/' run.yaml "
          "> pictures.yaml");
    test_write_text("texts.csv", "id,text\na,red\n");
    test_write_text("twice.csv", "id,text\na,red\na,blue\n");
    test_write_text("bytes.csv", "id,text\na,\xff\xfe\n");
    test_write_text("header.csv", "id,text\n");
    test_write_text("broken.jsonl", "{\"id\": \"a\", \"text\": \"x\"}\n{\"id\": \n");
    test_write_text("empty", "");
    cli_expect("train run.yaml", 0, "6 steps");
    cli_expect("train run.yaml run_dir=runs/other model.dim=24", 0, "6 steps");
    cli_expect("export run.yaml --out bundle export.formats=[npy]", 0, NULL);
    cli_expect("embed run.yaml --texts texts.csv --out texts", 0, NULL);
    shell("head -c 3000 " BEST " > cut && cp -r bundle changed && cp -r bundle missing && rm missing/users.npy");
    cli_flip_byte("changed/items.npy", -3);
    shell("mkdir before && cp -r runs bundle texts video links.csv before");
    return 0;
}

/* The tests run in the order of the table. */
static void test_case(void **state) {
    static int next;
    const bad *b = &cases[next++];
    (void)state;
    cli_expect(b->args, b->code, NULL);
    for (int i = 0; i < 3 && b->says[i]; i++)
        if (!strstr(cli_err, b->says[i])) cli_fail(b->args, "does not say", b->says[i]);
    if (*cli_out) cli_fail(b->args, "prints on stdout", "");
    if (cli_exists("new")) cli_fail(b->args, "left an output", "");
    if (cli_count(".", "crosstower-") > 0) cli_fail(b->args, "left a temporary", "");
    if (system("for f in runs bundle texts video links.csv; do diff -r before/$f $f || exit 1; done >/dev/null") != 0)
        cli_fail(b->args, "changed an output", "");
}

/* A picture that is none is counted and named once, with its path once; the good rows go on. */
static void test_pictures_that_are_none(void **state) {
    (void)state;
    test_write_text("shop/kind0", "no picture");
    cli_expect("prepare pictures.yaml data.picture_size=32 data.cache=pictures", 0,
               "without a picture (21 of them named one");
    const char *line = strstr(cli_err, "shop/kind1'");
    if (!line) cli_fail("prepare", "names no picture", "shop/kind1");
    const char *end = strchr(line, '\n'), *again = strstr(line + strlen("shop/kind1"), "kind1");
    if (!strstr(line, "No such file") || (again && again < end))
        cli_fail("prepare", "names a path twice or no reason", "");
    if (!strstr(cli_err, "shop/kind0'")) cli_fail("prepare", "does not name", "shop/kind0");
}

int main(void) {
    static struct CMUnitTest tests[N_CASES + 1];
    for (int i = 0; i < N_CASES; i++) tests[i] = (struct CMUnitTest){cases[i].name, test_case, NULL, NULL, NULL};
    tests[N_CASES] = (struct CMUnitTest)cmocka_unit_test(test_pictures_that_are_none);
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
