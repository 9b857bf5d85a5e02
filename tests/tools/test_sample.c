/* The sample generator as its users meet it: run as a program, its files read by the library. */
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/io.h"
#include "config/config.h"
#include "data/dataset.h"
#include "data/table.h"
#include "serve/bundle.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

enum { USERS = 60, ITEMS = 48 };
static const char *const platforms[] = {"shop", "video", "news"};

/* ---- running ---------------------------------------------------------------------------------------------------- */

static const char *program(void) {
    static char path[1024];
    const char *build = getenv("BUILD");
    snprintf(path, sizeof path, "%s/tools/sample_platforms", build ? build : "build");
    return path;
}

/* Runs the generator; both its outputs go to the file `log`. Returns the exit status, or -1 for a crash. */
static int generate(const char *log, const char *const *args) {
    const char *argv[24] = {program()};
    for (int i = 0; args[i]; i++) argv[i + 1] = args[i];
    int status = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(126);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int generate_small(const char *dir, const char *name, const char *seed) {
    const char *args[] = {"--out", test_path(dir, name), "--seed", seed, "--users", "60", "--items", "48", "--pictures",
                          "16", "--if-stale", NULL};
    return generate(test_path(dir, "log"), args);
}

/* dir/small, and a log. Tests are left out where the program was not built (make sanitize builds tests only). */
static int setup(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    if (access(program(), X_OK) != 0) return 0;
    return generate_small(*state, "small", "7");
}

static void need_program(void) {
    if (access(program(), X_OK) != 0) skip();
}

static bool log_says(const char *dir, const char *text) {
    char *log = test_read_text(test_path(dir, "log"));
    const bool found = log && strstr(log, text);
    free(log);
    return found;
}

/* ---- the same bytes --------------------------------------------------------------------------------------------- */

static struct {
    const char *other;
    size_t skip;
    int files, different;
} comparison;

static int compare_file(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)ftw;
    char other[2048];
    ct_map a = {0}, b = {0};
    if (type != FTW_F) return 0;
    snprintf(other, sizeof other, "%s%s", comparison.other, path + comparison.skip);
    comparison.files++;
    const bool same = ct_map_open(&a, path, NULL) == CT_OK && ct_map_open(&b, other, NULL) == CT_OK &&
                      a.size == (size_t)info->st_size && a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
    if (!same) comparison.different++;
    ct_map_close(&a);
    ct_map_close(&b);
    return 0;
}

static void compare_folders(const char *a, const char *b) {
    comparison.other = b;
    comparison.skip = strlen(a);
    comparison.files = comparison.different = 0;
    assert_int_equal(nftw(a, compare_file, 16, FTW_PHYS), 0);
}

static void test_same_seed_same_bytes(void **state) {
    need_program();
    char small[1024];
    snprintf(small, sizeof small, "%s", test_path(*state, "small"));
    assert_int_equal(generate_small(*state, "again", "7"), 0);
    compare_folders(small, test_path(*state, "again"));
    assert_int_equal(comparison.files, 3 * ITEMS + 3 + 3 + 5 + 1 + 4 + 1); /* pictures, tables, links, oracle, stamp */
    assert_int_equal(comparison.different, 0);
    assert_int_equal(generate_small(*state, "other", "8"), 0);
    compare_folders(small, test_path(*state, "other"));
    assert_true(comparison.different > 3 * ITEMS / 2);
}

static void test_stale_folders_are_rewritten(void **state) {
    need_program();
    assert_int_equal(generate_small(*state, "stale", "7"), 0);
    assert_int_equal(generate_small(*state, "stale", "7"), 0);
    assert_true(log_says(*state, "up to date"));
    assert_int_equal(generate_small(*state, "stale", "9"), 0);
    assert_false(log_says(*state, "up to date"));
    assert_int_equal(unlink(test_path(*state, "stale/sample.json")), 0); /* as after an interrupted run */
    assert_int_equal(generate_small(*state, "stale", "9"), 0);
    assert_false(log_says(*state, "up to date"));
}

/* ---- the tables ------------------------------------------------------------------------------------------------- */

/* JSON lines know a column only when it was asked for before the row was read: a, b, c (or NULL) are. */
static ct_table *open_table(const char *dir, const char *name, const char *a, const char *b, const char *c) {
    const char *columns[] = {a, b, c};
    ct_table *t = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_table_open(&t, test_path(dir, name), &err) != CT_OK) fail_msg("%s", err.text);
    for (int i = 0; i < 3; i++)
        if (columns[i]) assert_true(ct_table_column(t, columns[i]) >= 0);
    return t;
}

static bool next_row(ct_table *t) {
    bool more = false;
    const char *bad = NULL;
    assert_int_equal(ct_table_next(t, &more, &bad, NULL), CT_OK);
    assert_null(bad);
    return more;
}

static const char *cell(ct_table *t, const char *column) {
    const char *text = ct_table_cell(t, ct_table_column(t, column), NULL);
    return text ? text : "";
}

/* Ids of a table, each once, to a time column (0 without one). */
static ct_strmap *read_ids(const char *dir, const char *name, const char *id, const char *time) {
    ct_strmap *ids = NULL;
    assert_int_equal(ct_strmap_create(&ids, NULL), CT_OK);
    ct_table *t = open_table(dir, name, id, time, NULL);
    while (next_row(t)) {
        int64_t seconds = 0, value = 0;
        int fresh = 0;
        if (time) assert_true(ct_parse_time(cell(t, time), &seconds));
        const char *text = cell(t, id);
        assert_int_equal(ct_strmap_insert(ids, text, strlen(text), seconds, &value, &fresh, NULL), CT_OK);
        assert_int_equal(fresh, 1);
    }
    ct_table_close(t);
    return ids;
}

typedef struct layout {
    const char *items, *item, *born, *users, *user;
    const char *interactions[3], *by_user, *of_item, *time;
} layout;

static const layout layouts[] = {
    {"small/shop/items.csv", "sku", "on_sale_since", "small/shop/users.jsonl", "uid",
     {"small/shop/events-1.tsv.gz", "small/shop/events-2.tsv.gz", "small/shop/events-3.tsv.gz"}, "uid", "sku", "ts"},
    {"small/video/items.tsv", "item_id", "uploaded", "small/video/users.tsv", "user_id",
     {"small/video/interactions.tsv", NULL, NULL}, "user_id", "item_id", "timestamp"},
    {"small/news/items.jsonl", "item_id", "published", "small/news/users.jsonl", "user_id",
     {"small/news/interactions.jsonl", NULL, NULL}, "user_id", "item_id", "timestamp"},
};

/* Every row names a known user and an item that was there by then; no pair stands twice. Returns the rows. */
static int64_t check_interactions(const char *dir, const layout *l, const ct_strmap *items, const ct_strmap *users) {
    ct_strmap *pairs = NULL;
    assert_int_equal(ct_strmap_create(&pairs, NULL), CT_OK);
    for (int f = 0; f < 3 && l->interactions[f]; f++) {
        ct_table *t = open_table(dir, l->interactions[f], l->by_user, l->of_item, l->time);
        while (next_row(t)) {
            char pair[128];
            int64_t time = 0, value = 0;
            int fresh = 0;
            const char *user = cell(t, l->by_user), *item = cell(t, l->of_item);
            const int64_t born = ct_strmap_find(items, item, strlen(item));
            assert_true(born >= 0);
            assert_true(ct_strmap_find(users, user, strlen(user)) >= 0);
            assert_true(ct_parse_time(cell(t, l->time), &time));
            assert_true(time >= born && time < INT64_C(1767225600)); /* 2026-01-01 */
            snprintf(pair, sizeof pair, "%s %s", user, item);
            assert_int_equal(ct_strmap_insert(pairs, pair, strlen(pair), 0, &value, &fresh, NULL), CT_OK);
            assert_int_equal(fresh, 1);
        }
        ct_table_close(t);
    }
    const int64_t n = ct_strmap_count(pairs);
    ct_strmap_free(pairs);
    return n;
}

static void test_tables_fit_together(void **state) {
    need_program();
    for (int p = 0; p < 3; p++) {
        ct_strmap *items = read_ids(*state, layouts[p].items, layouts[p].item, layouts[p].born);
        ct_strmap *users = read_ids(*state, layouts[p].users, layouts[p].user, NULL);
        assert_int_equal(ct_strmap_count(items), ITEMS);
        assert_int_equal(ct_strmap_count(users), USERS);
        const int64_t n = check_interactions(*state, &layouts[p], items, users);
        assert_in_range(n, 4 * USERS, 12 * USERS); /* a user has at most a quarter of the catalogue */
        ct_strmap_free(items);
        ct_strmap_free(users);
    }
}

/* The example's configuration on generated data: no bad row, links of both kinds. */
static void test_example_is_prepared(void **state) {
    need_program();
    const char *args[] = {"--out", test_path(*state, "data/sample"), "--users", "60", "--items", "48", "--pictures", "0",
                          NULL};
    char cache[1100], run_dir[1100], *text = test_read_text("examples/three-apps.yaml");
    const char *overrides[] = {cache, run_dir};
    ct_config *config = NULL;
    ct_diagnostics mistakes = {0};
    ct_prepare_report report = {0};
    ct_error err = CT_ERROR_INIT;
    assert_non_null(text);
    assert_int_equal(generate(test_path(*state, "log"), args), 0);
    assert_int_equal(ct_make_dirs(test_path(*state, "examples"), NULL), CT_OK);
    test_write_text(test_path(*state, "examples/three-apps.yaml"), text);
    free(text);
    snprintf(cache, sizeof cache, "data.cache=%s", test_path(*state, "cache"));
    snprintf(run_dir, sizeof run_dir, "run_dir=%s", test_path(*state, "run"));
    if (ct_config_load(&config, test_path(*state, "examples/three-apps.yaml"), overrides, 2, &mistakes, &err) != CT_OK)
        fail_msg("%s: %s", err.text, mistakes.n ? mistakes.v[0].message : "");
    if (ct_prepare(config, false, &report, &err) != CT_OK) fail_msg("%s", err.text);
    assert_int_equal(report.n_platforms, 3);
    assert_int_equal(report.n_persons, 7 * USERS - 60 * 30 / 100 * 2 - 60 * 50 / 100 - 4 * USERS);
    for (int p = 0; p < 3; p++) {
        assert_int_equal(report.platforms[p].bad_rows, 0);
        assert_int_equal(report.platforms[p].n_items, ITEMS);
        assert_int_equal(report.platforms[p].n_users, USERS);
        assert_int_equal(report.platforms[p].linked_users, p < 2 ? USERS * 65 / 100 : USERS * 60 / 100);
    }
    ct_prepare_report_free(&report);
    ct_config_free(config);
    ct_diagnostics_free(&mistakes);
}

/* ---- the oracle ------------------------------------------------------------------------------------------------- */

static double score(const ct_bundle *b, int64_t user, int64_t item) {
    const ct_bundle_side u = ct_bundle_users(b), i = ct_bundle_items(b);
    double sum = 0;
    for (int64_t d = 0; d < u.dim; d++) sum += (double)u.vectors[user * u.dim + d] * i.vectors[item * i.dim + d];
    return sum;
}

/* The oracle's rank of what was chosen, as a share of the catalogue: 0.5 by chance. */
static void test_oracle_knows_the_choices(void **state) {
    need_program();
    ct_bundle *b = NULL;
    ct_error err = CT_ERROR_INIT;
    double sum = 0;
    int n = 0;
    if (ct_bundle_open(&b, test_path(*state, "small/oracle"), &err) != CT_OK) fail_msg("%s", err.text);
    assert_int_equal(ct_bundle_users(b).n, 3 * USERS);
    assert_int_equal(ct_bundle_items(b).n, 3 * ITEMS);
    for (int p = 0; p < 3; p++) {
        const layout *l = &layouts[p];
        ct_table *t = open_table(*state, l->interactions[0], l->by_user, l->of_item, NULL);
        while (next_row(t)) {
            const int64_t user = ct_bundle_find_user(b, platforms[p], cell(t, l->by_user));
            const int64_t item = ct_bundle_find_item(b, platforms[p], cell(t, l->of_item));
            assert_true(user >= 0 && item >= 0);
            int better = 0;
            for (int64_t i = ITEMS * p; i < ITEMS * (p + 1); i++) better += score(b, user, i) > score(b, user, item);
            sum += (double)better / ITEMS;
            n++;
        }
        ct_table_close(t);
    }
    assert_true(sum / n < 0.25);
    ct_bundle_close(b);
}

/* "  shop   oracle ... ndcg@10 0.2763, 27.7 x popularity" in the log: the factor; of the worst platform. */
static double least_factor(const char *dir, const char *method) {
    char *log = test_read_text(test_path(dir, "log"));
    double least = INFINITY;
    int found = 0;
    assert_non_null(log);
    for (char *save = NULL, *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *comma = strstr(line, "ndcg@10") ? strrchr(line, ',') : NULL;
        if (!comma || !strstr(line, method)) continue;
        least = fmin(least, strtod(comma + 1, NULL));
        found++;
    }
    free(log);
    assert_int_equal(found, 3);
    return least;
}

/* What the quickstart asks of a model must be within reach on the data as it comes. */
static void test_statistics(void **state) {
    need_program();
    const char *args[] = {"--stats", NULL};
    assert_int_equal(generate(test_path(*state, "log"), args), 0);
    assert_true(least_factor(*state, " oracle ") >= 6);
    assert_true(least_factor(*state, "counting, text only") >= 3);
    assert_true(least_factor(*state, "counting, text and picture") > 1.3 * least_factor(*state, "counting, text only"));
}

/* ---- the texts -------------------------------------------------------------------------------------------------- */

/* How many times a text stands in a file, gzip or plain. */
static int count_in_file(const char *path, const char *text) {
    gzFile f = gzopen(path, "rb");
    const size_t limit = 64u << 20;
    char *bytes = calloc(1, limit + 1);
    assert_non_null(f);
    assert_non_null(bytes);
    size_t n = 0;
    for (int got; n < limit && (got = gzread(f, bytes + n, 1 << 20)) > 0;) n += (size_t)got;
    int found = 0;
    for (const char *at = memmem(bytes, n, text, strlen(text)); at;
         at = memmem(at + 1, n - (size_t)(at + 1 - bytes), text, strlen(text)))
        found++;
    gzclose(f);
    free(bytes);
    return found;
}

static int count_in_tables(const char *dir, const char *text, bool items, bool others) {
    int n = 0;
    for (int p = 0; p < 3; p++) {
        if (items) n += count_in_file(test_path(dir, layouts[p].items), text);
        if (others) n += count_in_file(test_path(dir, layouts[p].users), text);
        for (int f = 0; others && f < 3 && layouts[p].interactions[f]; f++)
            n += count_in_file(test_path(dir, layouts[p].interactions[f]), text);
    }
    return n;
}

/* At the size of the quickstart. The sentences that it asks for are made of known words and stand nowhere. */
static void test_texts(void **state) {
    need_program();
    static const char *const sentences[] = {"这款智能手机拍照效果很棒！", "这款无线耳机音质很不错！",
                                            "这款智能手表功能很强大！", "我喜欢智能手机和无线耳机"};
    static const char *const words[] = {"智能手机", "无线耳机", "智能手表", "拍照效果", "音质", "功能", "很棒",
                                        "很不错", "很强大", "smartphone", "wireless earphones", "smart watch"};
    static const char *const colours[] = {"红色", "橙色", "黄色", "绿色", "蓝色", "紫色",
                                          " orange", " yellow", " green", " blue", " purple"};
    const char *args[] = {"--out", test_path(*state, "full"), "--pictures", "0", NULL};
    char small[1024], hidden[1024];
    assert_int_equal(generate(test_path(*state, "log"), args), 0);
    snprintf(small, sizeof small, "%s", test_path(*state, "small"));
    snprintf(hidden, sizeof hidden, "%s", test_path(*state, "hidden"));
    assert_int_equal(rename(small, hidden), 0); /* the layouts name "small" */
    assert_int_equal(rename(test_path(*state, "full"), small), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(count_in_tables(*state, sentences[i], true, true), 0);
    for (int i = 0; i < 12; i++) assert_true(count_in_tables(*state, words[i], true, true) >= 20);
    for (int i = 0; i < 11; i++) {
        assert_int_equal(count_in_tables(*state, colours[i], true, false), 0);
        assert_true(count_in_tables(*state, colours[i], false, true) >= 20);
    }
    assert_int_equal(rename(small, test_path(*state, "full")), 0);
    assert_int_equal(rename(hidden, small), 0);
}

static void test_pictures(void **state) {
    need_program();
    ct_table *t = open_table(*state, "small/shop/items.csv", "photo", NULL, NULL);
    uint64_t last = 0;
    int same = 0;
    while (next_row(t)) {
        static const unsigned char begin[24] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x10\0\0\0\x10";
        char path[1024];
        ct_map map = {0};
        snprintf(path, sizeof path, "small/shop/%s", cell(t, "photo"));
        assert_int_equal(ct_map_open(&map, test_path(*state, path), NULL), CT_OK);
        assert_true(map.size > 64);
        assert_memory_equal(map.bytes, begin, sizeof begin);
        const uint64_t hash = ct_hash(map.bytes, map.size);
        same += hash == last;
        last = hash;
        ct_map_close(&map);
    }
    assert_int_equal(same, 0);
    ct_table_close(t);
}

/* ---- wrong use -------------------------------------------------------------------------------------------------- */

static void test_wrong_use(void **state) {
    need_program();
    static const char *const wrong[][5] = {{NULL},
                                           {"--frob", NULL},
                                           {"--out", NULL},
                                           {"--out", "x", "--users", "3", NULL},
                                           {"--out", "x", "--items", "many", NULL},
                                           {"--out", "x", "--scale", "0", NULL},
                                           {"--out", "x", "--scale", "1e6", NULL},
                                           {"--out", "x", "--pictures", "-1", NULL},
                                           {"--out", "x", "--seed", "1.5", NULL}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(generate(test_path(*state, "log"), wrong[i]), 2);
    assert_true(log_says(*state, "--seed"));
    test_write_text(test_path(*state, "file"), "in the way");
    const char *blocked[] = {"--out", test_path(*state, "file/sample"), NULL};
    assert_int_equal(generate(test_path(*state, "log"), blocked), 1);
    assert_true(log_says(*state, "file'"));
    assert_false(ct_path_exists("x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes), cmocka_unit_test(test_stale_folders_are_rewritten),
        cmocka_unit_test(test_tables_fit_together),  cmocka_unit_test(test_example_is_prepared),
        cmocka_unit_test(test_oracle_knows_the_choices), cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_texts),                cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, setup, test_dir_teardown);
}
