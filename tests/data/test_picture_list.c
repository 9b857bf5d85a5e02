/* Listing pictures: folders with all below them, lists of paths, and what is refused. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "data/picture_list.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

/* "id=path; ..." */
static void expect(const char *path, const char *wanted) {
    ct_picture_list list;
    ct_error err = CT_ERROR_INIT;
    ct_str found = {0};
    if (ct_picture_list_read(&list, path, &err) != CT_OK) fail_msg("%s: %s", path, err.text);
    for (int64_t i = 0; i < list.n; i++)
        ct_str_printf(&found, NULL, "%s%s=%s", i ? "; " : "", ct_strings_get(&list.id, i),
                      ct_strings_get(&list.path, i));
    assert_string_equal(ct_str_text(&found), wanted);
    ct_str_free(&found);
    ct_picture_list_free(&list);
    ct_picture_list_free(&list); /* twice is once */
}

static void refuse(const char *path, ct_status wanted, const char *says) {
    ct_picture_list list;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_picture_list_read(&list, path, &err), wanted);
    if (!strstr(err.text, says)) fail_msg("'%s' does not say '%s'", err.text, says);
    ct_picture_list_free(&list);
}

static void a_folder_is_walked(void **state) {
    const char *dir = *state;
    static const char *const files[] = {"p/b.png",     "p/B.JPG",  "p/a/z.webp", "p/a.jpeg",  "p/notes.txt",
                                        "p/png",       "p/.h.Png", "p/a/a/1.jpg", "p/x.png.txt", "p/红 1.png"};
    mkdir(test_path(dir, "p"), 0777);
    mkdir(test_path(dir, "p/a"), 0777);
    mkdir(test_path(dir, "p/a/a"), 0777);
    mkdir(test_path(dir, "p/folder.png"), 0777); /* no picture whatever its name */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) test_write_text(test_path(dir, files[i]), "");
    assert_int_equal(symlink("b.png", test_path(dir, "p/c.png")), 0);
    assert_int_equal(symlink("..", test_path(dir, "p/a/up")), 0); /* in circles it does not go */
    static const char wanted[] = ".h.Png=.h.Png; B.JPG=B.JPG; a.jpeg=a.jpeg; a/a/1.jpg=a/a/1.jpg; a/z.webp=a/z.webp; "
                                 "b.png=b.png; c.png=c.png; 红 1.png=红 1.png";
    expect(test_path(dir, "p"), wanted);
    expect(test_path(dir, "p//"), wanted);
    ct_picture_list list;
    char *path = NULL;
    assert_int_equal(ct_picture_list_read(&list, test_path(dir, "p"), NULL), CT_OK);
    assert_int_equal(ct_picture_list_path(&list, 3, &path, NULL), CT_OK);
    assert_string_equal(path, test_path(dir, "p/a/a/1.jpg"));
    ct_free(path);
    ct_picture_list_free(&list);
}

static void a_list_is_read(void **state) {
    const char *dir = *state;
    test_write_text(test_path(dir, "list"), "\xEF\xBB\xBFone.png\r\n\nid 2\tsub/two.png\n三\t/abs/three.jpg\nlast");
    expect(test_path(dir, "list"), "one.png=one.png; id 2=sub/two.png; 三=/abs/three.jpg; last=last");
    ct_picture_list list;
    char *path = NULL;
    assert_int_equal(ct_picture_list_read(&list, test_path(dir, "list"), NULL), CT_OK);
    assert_int_equal(ct_picture_list_path(&list, 1, &path, NULL), CT_OK);
    assert_string_equal(path, test_path(dir, "sub/two.png"));
    ct_free(path);
    assert_int_equal(ct_picture_list_path(&list, 2, &path, NULL), CT_OK);
    assert_string_equal(path, "/abs/three.jpg");
    ct_free(path);
    ct_picture_list_free(&list);
}

static void what_is_refused(void **state) {
    const char *dir = *state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *says;
    } lists[] = {{"", 0, "no picture in this list"},
                 {"\n\r\n\n", 4, "no picture in this list"},
                 {"a\n\tb\n", 5, "line 2: no id before the tab"},
                 {"a\t\n", 3, "line 1: no path behind the tab"},
                 {"a\tb\tc\n", 6, "line 1: more than one tab"},
                 {"a\xff\n", 3, "line 1: not UTF-8"},
                 {"b\na\0c\n", 6, "line 2: a NUL byte"},
                 {"a\tx\n\nb\na\ty\n", 11, "line 4: id 'a' stands in line 1 already"}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        test_write_file(test_path(dir, "wrong"), lists[i].bytes, lists[i].n);
        refuse(test_path(dir, "wrong"), CT_ERR_DATA, lists[i].says);
    }
    mkdir(test_path(dir, "bare"), 0777);
    refuse(test_path(dir, "bare"), CT_ERR_DATA, "no picture in this folder");
    test_write_text(test_path(dir, "bare/\xff.png"), "");
    refuse(test_path(dir, "bare"), CT_ERR_DATA, "a name that is not UTF-8");
    refuse(test_path(dir, "nowhere"), CT_ERR_IO, "nowhere");
}

static void nothing_is_lost_without_memory(void **state) {
    const char *dir = *state;
    mkdir(test_path(dir, "m"), 0777);
    test_write_text(test_path(dir, "m/a.png"), "");
    test_write_text(test_path(dir, "m/b.png"), "");
    test_write_text(test_path(dir, "lines"), "a\nb\tc\n");
    test_alloc_install();
    for (int folder = 0; folder < 2; folder++) {
        ct_status st = CT_ERR_MEMORY;
        for (uint64_t nth = 1; st != CT_OK; nth++) {
            ct_picture_list list;
            test_alloc_fail_at(nth);
            st = ct_picture_list_read(&list, test_path(dir, folder ? "m" : "lines"), NULL);
            test_alloc_fail_at(0);
            if (st != CT_OK) assert_int_equal(st, CT_ERR_MEMORY);
            if (st == CT_OK) assert_int_equal(list.n, 2);
            ct_picture_list_free(&list);
            assert_int_equal(test_alloc_live(), 0);
        }
    }
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_walked),
        cmocka_unit_test(a_list_is_read),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(nothing_is_lost_without_memory),
    };
    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
