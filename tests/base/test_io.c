/* Reading: maps, whole files, what is refused; folders and paths. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

#include "base/alloc.h"
#include "base/io.h"

static void maps(void **state) {
    const char *dir = *state;
    ct_map map;
    ct_error err = CT_ERROR_INIT;
    test_write_text(test_path(dir, "empty"), "");
    test_write_text(test_path(dir, "one"), "1");
    assert_int_equal(ct_map_open(&map, test_path(dir, "empty"), NULL), CT_OK);
    assert_non_null(map.bytes);
    assert_int_equal(map.size, 0);
    ct_map_close(&map);
    ct_map_close(&map);
    assert_int_equal(ct_map_open(&map, test_path(dir, "one"), NULL), CT_OK);
    assert_int_equal(map.size, 1);
    assert_int_equal(map.bytes[0], '1');
    ct_map_close(&map);
    assert_int_equal(ct_map_open(&map, test_path(dir, "none"), &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, "none"));
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    assert_null(map.bytes);
    ct_error_clear(&err);
    assert_int_equal(ct_map_open(&map, dir, &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, "folder"));
    assert_int_equal(ct_map_open(&map, "/dev/zero", NULL), CT_ERR_IO);
    assert_int_equal(mkfifo(test_path(dir, "pipe"), 0600), 0);
    assert_int_equal(ct_map_open(&map, test_path(dir, "pipe"), NULL),
                     CT_ERR_IO); /* and does not wait for a writer */
}

static void whole_files(void **state) {
    const char *dir = *state, *path = test_path(dir, "text");
    char *text;
    size_t n;
    ct_error err = CT_ERROR_INIT;
    test_write_file(path, "a\0b\n", 4);
    assert_int_equal(ct_read_file(path, 0, &text, &n, NULL), CT_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(text, "a\0b\n", 5);
    ct_free(text);
    assert_int_equal(ct_read_file(path, 4, &text, NULL, NULL), CT_OK); /* the limit itself is allowed */
    ct_free(text);
    assert_int_equal(ct_read_file(path, 3, &text, &n, &err), CT_ERR_DATA);
    assert_null(text);
    assert_non_null(strstr(err.text, "text"));
    test_write_text(path, "");
    assert_int_equal(ct_read_file(path, 1, &text, &n, NULL), CT_OK);
    assert_int_equal(n, 0);
    assert_string_equal(text, "");
    ct_free(text);
    assert_int_equal(ct_read_file("/proc/self/stat", 0, &text, &n, NULL),
                     CT_OK); /* a file that has no size */
    assert_true(n > 10);
    ct_free(text);
    assert_int_equal(ct_read_file("/proc/self/stat", 5, &text, &n, NULL), CT_ERR_DATA);
    assert_int_equal(ct_read_file("/dev/zero", 0, &text, &n, NULL), CT_ERR_IO); /* a file that has no end */
    assert_int_equal(ct_read_file(dir, 0, &text, &n, NULL), CT_ERR_IO);
    ct_error_clear(&err);
    assert_int_equal(ct_read_file(test_path(dir, "none"), 0, &text, &n, &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
}

/* ---- folders and paths
 * -------------------------------------------------------------------------------------------- */

static void make_dirs(void **state) {
    const char *dir = *state, *deep = test_path(dir, "a/b//c/");
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_make_dirs(deep, NULL), CT_OK);
    assert_true(ct_path_is_dir(test_path(dir, "a/b/c")));
    assert_int_equal(ct_make_dirs(deep, NULL), CT_OK); /* again */
    assert_int_equal(ct_make_dirs("/", NULL), CT_OK);
    assert_int_equal(ct_make_dirs("", NULL), CT_ERR_IO);
    test_write_text(test_path(dir, "file"), "x");
    assert_false(ct_path_is_dir(test_path(dir, "file")));
    assert_true(ct_path_exists(test_path(dir, "file")));
    assert_false(ct_path_exists(test_path(dir, "none")));
    assert_int_equal(ct_make_dirs(test_path(dir, "file"), &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, "file"));
    assert_int_equal(ct_make_dirs(test_path(dir, "file/below"), NULL), CT_ERR_IO);
}

static void join_and_dir(void **state) {
    (void)state;
    const char *const joins[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"},   {"a", "/b", "/b"},
                                    {"", "b", "b"},    {"/", "b", "/b"},     {"a", "", "a/"},
                                    {"", "", ""},      {".", "x/y", "./x/y"}};
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        char *path;
        assert_int_equal(ct_path_join(joins[i][0], joins[i][1], &path, NULL), CT_OK);
        assert_string_equal(path, joins[i][2]);
        ct_free(path);
    }
    const char *const dirs[][2] = {{"a/b", "a"},  {"a", "."},        {"/a", "/"},   {"/", "/"},
                                   {"", "."},     {"a/", "."},       {"a//b", "a"}, {"//a", "/"},
                                   {"a/b/", "a"}, {"/a/b/c", "/a/b"}};
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        char *path;
        assert_int_equal(ct_path_dir(dirs[i][0], &path, NULL), CT_OK);
        assert_string_equal(path, dirs[i][1]);
        ct_free(path);
    }
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIR(maps),
        IN_DIR(whole_files),
        IN_DIR(make_dirs),
        cmocka_unit_test(join_and_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
