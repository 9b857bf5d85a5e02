/* The tools behind `make emoji`, run as programs: the converter's files and what it refuses; recall on vectors whose
 * ranks are known. Left out where the tools were not built (make sanitize builds tests only). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "serve/vectors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

enum { ROWS = 60 };
#define HEAD "item_id\tchar\ttitle_en\ttitle_zh\tkeywords_en\tkeywords_zh\tgroup\tsubgroup\timage\n"

/* Runs build/tools/NAME; both its outputs go to `output` (owned by this file). Returns the exit status, -1 for a crash. */
static char *output;
static int run(const char *dir, const char *name, const char *const *args) {
    char path[1024], log[1024];
    const char *build = getenv("BUILD"), *argv[16] = {path};
    int status = 0;
    snprintf(path, sizeof path, "%s/tools/%s", build ? build : "build", name);
    snprintf(log, sizeof log, "%s/log", dir);
    if (access(path, X_OK) != 0) skip();
    for (int i = 0; args[i]; i++) argv[i + 1] = args[i];
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(126);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    free(output);
    output = test_read_text(log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the converter ---------------------------------------------------------------------------------------------- */

static int convert(const char *dir) {
    char in[1024], out[1024];
    snprintf(in, sizeof in, "%s/in", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    return run(dir, "emoji_platforms", (const char *const[]){"--in", in, "--out", out, NULL});
}

/* One picture serves all rows; every tenth has no Chinese. */
static void write_input(const char *dir) {
    ct_str rows = {0};
    mkdir(test_path(dir, "in"), 0777);
    test_write_text(test_path(dir, "in/p.png"), "only its being there is looked at");
    ct_str_puts(&rows, HEAD, NULL);
    for (int i = 0; i < ROWS; i++) {
        const bool zh = i % 10 != 9;
        ct_str_printf(&rows, NULL, "id%d\tx\tname, \"%d\"\t%s\tred | name, \"%d\" | big\t%s\tg\tsub%d\tp.png\n", i, i,
                      zh ? "名字" : "", i, zh ? "名字 | 红" : "", i % 3);
    }
    test_write_text(test_path(dir, "in/items.tsv"), ct_str_text(&rows));
    ct_str_free(&rows);
}

static char *read_output(const char *dir, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "out/%s", name);
    char *text = test_read_text(test_path(dir, path));
    if (!text) fail_msg("no %s", name);
    return text;
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

/* Which part a picture is of, by the day on which its queries chose it; all of them chose it on that day. */
static const char *day_of(const char *interactions, int item) {
    static const char *const days[] = {"2026-01-01", "2026-02-01", "2026-03-01"};
    char row[96];
    const char *found = NULL;
    for (int d = 0; d < 3; d++) {
        snprintf(row, sizeof row, ",id%d,%s\n", item, days[d]);
        if (count(interactions, row) == 0) continue;
        assert_null(found);
        found = days[d];
        snprintf(row, sizeof row, ",id%d,", item);
        assert_int_equal(count(interactions, row), d == 0 ? 3 : 1);
    }
    assert_non_null(found);
    return found;
}

static void the_files_of_two_languages(void **state) {
    const char *dir = *state;
    char row[256];
    int held_out = 0;
    write_input(dir);
    if (convert(dir) != 0) fail_msg("%s", output);
    char *items = read_output(dir, "en/items.csv"), *users = read_output(dir, "en/users.csv"),
         *interactions = read_output(dir, "en/interactions.csv"), *queries = read_output(dir, "en/queries.csv"),
         *chinese = read_output(dir, "zh/interactions.csv"), *zh_users = read_output(dir, "zh/users.csv"),
         *zh_names = read_output(dir, "zh/names.csv"), *list = read_output(dir, "held-out.txt"),
         *all = read_output(dir, "pictures.txt");
    assert_int_equal(count(items, "\n"), ROWS + 1);
    assert_int_equal(count(all, "/in/p.png\n"), ROWS);
    for (int i = 0; i < ROWS; i++) {
        const char *day = day_of(interactions, i);
        const bool test = strcmp(day, "2026-03-01") == 0, zh = i % 10 != 9;
        snprintf(row, sizeof row, "id%d.query,\"name, \"\"%d\"\", red, big\"\n", i, i); /* the name stands there once */
        assert_int_equal(count(users, row), 1);
        snprintf(row, sizeof row, "\nid%d,\"name, \"\"%d\"\"\",sub%d,/", i, i, i % 3);
        assert_int_equal(count(items, row), 1);
        snprintf(row, sizeof row, "\nid%d,\"name, \"\"%d\"\", red, big\"\n", i, i);
        assert_int_equal(count(queries, row), test);
        snprintf(row, sizeof row, "id%d.query,\"名字, 红\"\n", i);
        assert_int_equal(count(zh_users, row), zh);
        snprintf(row, sizeof row, "\nid%d,名字\n", i);
        assert_int_equal(count(zh_names, row), zh && test);
        snprintf(row, sizeof row, "id%d\t/", i);
        assert_int_equal(count(list, row), test);
        if (zh) assert_string_equal(day_of(chinese, i), day); /* not held out in one language and seen in the other */
        held_out += test;
    }
    assert_int_equal(count(list, "\n"), held_out);
    assert_true(held_out > 0 && held_out < ROWS / 3);
    char *const texts[] = {items, users, interactions, queries, chinese, zh_users, zh_names, list, all};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
}

static void what_the_converter_refuses(void **state) {
    const char *dir = *state;
    static const struct {
        const char *text, *says;
    } cases[] = {{"", "empty"},
                 {"item_id\ttitle_en\n1\tx\n", "no column 'image'; there are item_id, title_en"},
                 {HEAD "a\tx\tA\t\t\t\tg\ts\n", "items.tsv:2: 8 cells, want 9"},
                 {HEAD "\tx\tA\t\t\t\tg\ts\tp.png\n", "items.tsv:2: no item_id"},
                 {HEAD "a\tx\tA\t\t\t\tg\ts\t\n", "items.tsv:2: no image"},
                 {HEAD "a\tx\tA\t\t\t\tg\ts\tgone.png\n", "items.tsv:2: no such picture: "},
                 {HEAD "a\tx\t\xff\t\t\t\tg\ts\tp.png\n", "items.tsv:2: "},
                 {HEAD "a\tx\tA\t\t\t\tg\ts\tp.png\na\tx\tB\t\t\t\tg\ts\tp.png\n",
                  "items.tsv:3: this item_id stands there already: a"},
                 {HEAD "a\tx\tA\t\t\t\tg\ts\tp.png\n", "too few rows"},
                 {HEAD, "too few rows"}};
    write_input(dir);
    if (convert(dir) != 0) fail_msg("%s", output);
    char *before = read_output(dir, "en/users.csv");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_write_text(test_path(dir, "in/items.tsv"), cases[i].text);
        assert_int_equal(convert(dir), 1);
        if (!strstr(output, cases[i].says)) fail_msg("'%s' does not say '%s'", output, cases[i].says);
        char *after = read_output(dir, "en/users.csv");
        assert_string_equal(after, before); /* what was there stays */
        free(after);
    }
    free(before);
    assert_int_equal(test_count_entries(test_path(dir, "out/en")), 5);
    unlink(test_path(dir, "in/items.tsv"));
    assert_int_equal(convert(dir), 1);
    assert_non_null(strstr(output, "items.tsv"));
    assert_int_equal(run(dir, "emoji_platforms", (const char *const[]){"--in", "x", NULL}), 2);
    assert_non_null(strstr(output, "--out is missing"));
    assert_int_equal(run(dir, "emoji_platforms", (const char *const[]){"--into", "x", NULL}), 2);
    assert_int_equal(run(dir, "emoji_platforms", (const char *const[]){"--in", NULL}), 2);
    assert_int_equal(run(dir, "emoji_platforms", (const char *const[]){"--help", NULL}), 0);
}

/* ---- recall ----------------------------------------------------------------------------------------------------- */

static void write_set(const char *dir, const char *name, const char *ids, const float *rows, int64_t n) {
    char file[64];
    snprintf(file, sizeof file, "%s.ids.csv", name);
    test_write_text(test_path(dir, file), ids);
    snprintf(file, sizeof file, "%s.npy", name);
    assert_int_equal(ct_write_npy(test_path(dir, file), &(ct_vectors){n, 2, rows}, false, NULL), CT_OK);
}

static int recall(const char *dir, bool groups) {
    char queries[1024], items[1024], table[1024];
    snprintf(queries, sizeof queries, "%s/queries", dir);
    snprintf(items, sizeof items, "%s/items", dir);
    snprintf(table, sizeof table, "%s/groups.csv", dir);
    const char *const args[] = {"--queries", queries, "--items", items, groups ? "--groups" : NULL, table, NULL};
    return run(dir, "recall", args);
}

/* Twelve items on a line, i at i. A query at +1 finds the last one first, at -1 the first one, at 0 all tie at
 * 1 + 11 / 2. */
static void write_line(const char *dir) {
    static const float queries[] = {1, 0, -1, 0, 0, 0, 1, 0};
    float items[24] = {0};
    ct_str ids = {0}, groups = {0};
    ct_str_puts(&ids, "platform,id\n", NULL);
    ct_str_puts(&groups, "item_id,category\n", NULL);
    for (int i = 0; i < 12; i++) {
        items[2 * i] = (float)i;
        ct_str_printf(&ids, NULL, "en,i%d\n", i);
        ct_str_printf(&groups, NULL, "i%d,%s\n", i, i < 4 ? "low" : "high");
    }
    write_set(dir, "items", ct_str_text(&ids), items, 12);
    /* Ranks: i11 1, i2 3, i5 6.5, i0 12. */
    write_set(dir, "queries", "platform,id\nen,i11\nen,i2\nen,i5\nen,i0\n", queries, 4);
    test_write_text(test_path(dir, "groups.csv"), ct_str_text(&groups));
    ct_str_free(&ids);
    ct_str_free(&groups);
}

static void ranks_that_are_known(void **state) {
    const char *dir = *state;
    write_line(dir);
    if (recall(dir, true) != 0) fail_msg("%s", output);
    /* Two queries are of the four low ones, two of the eight high ones. */
    assert_string_equal(output, "model recall@1 0.250000\nmodel recall@5 0.500000\nmodel recall@10 0.750000\n"
                                "chance recall@1 0.083333\nchance recall@5 0.416667\nchance recall@10 0.833333\n"
                                "group recall@1 0.187500\ngroup recall@5 0.812500\ngroup recall@10 1.000000\n");
    assert_int_equal(recall(dir, false), 0);
    assert_null(strstr(output, "group"));
}

static void what_recall_refuses(void **state) {
    const char *dir = *state;
    static const float rows[] = {1, 0, 0, 1};
    write_line(dir);
    write_set(dir, "queries", "platform,id\nen,i1\nen,nobody\n", rows, 2);
    assert_int_equal(recall(dir, false), 1);
    assert_non_null(strstr(output, "query 'nobody': no item has this id"));
    write_set(dir, "queries", "platform,id\nen,i1\nen,i1\n", rows, 2);
    assert_int_equal(recall(dir, false), 1);
    assert_non_null(strstr(output, "queries.ids.csv:3: id 'i1' stands twice"));
    write_set(dir, "queries", "platform,id\nen,i1\n", rows, 2);
    assert_int_equal(recall(dir, false), 1);
    assert_non_null(strstr(output, "2 vectors, but 1 ids"));
    assert_int_equal(ct_write_npy(test_path(dir, "queries.npy"), &(ct_vectors){1, 4, rows}, false, NULL), CT_OK);
    assert_int_equal(recall(dir, false), 1);
    assert_non_null(strstr(output, "queries have 4 dimensions, items 2"));
    write_set(dir, "queries", "platform,id\nen,i1\n", rows, 1);
    test_write_text(test_path(dir, "groups.csv"), "item_id,category\ni2,low\n");
    assert_int_equal(recall(dir, true), 1);
    assert_non_null(strstr(output, "item 'i1' is not in the table of groups"));
    test_write_text(test_path(dir, "queries.ids.csv"), "id\ni1\n");
    assert_int_equal(recall(dir, false), 1);
    assert_non_null(strstr(output, "no column 'platform'"));
    unlink(test_path(dir, "queries.npy"));
    test_write_text(test_path(dir, "queries.ids.csv"), "platform,id\nen,i1\n");
    assert_int_equal(recall(dir, false), 1);
    assert_non_null(strstr(output, "queries.npy"));
    assert_int_equal(run(dir, "recall", (const char *const[]){"--queries", "x", NULL}), 2);
    assert_non_null(strstr(output, "--items is missing"));
}

static int tear_down(void **state) {
    free(output);
    output = NULL;
    return test_dir_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_files_of_two_languages),
        cmocka_unit_test(what_the_converter_refuses),
        cmocka_unit_test(ranks_that_are_known),
        cmocka_unit_test(what_recall_refuses),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, tear_down);
}
