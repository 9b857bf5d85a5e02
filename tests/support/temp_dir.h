/* A folder of its own for each test that touches files, under $TMPDIR or /tmp; gone afterwards. */
#ifndef CT_TESTS_SUPPORT_TEMP_DIR_H
#define CT_TESTS_SUPPORT_TEMP_DIR_H

#include <stddef.h>

/* cmocka's set-up and tear-down: *state is the folder's path (char *). Also of use by hand. */
int test_dir_setup(void **state);
int test_dir_teardown(void **state);

/* "dir/name"; the text lives until the eighth call from now. */
const char *test_path(const char *dir, const char *name);

/* Whole files through stdio, not through the code under test. They end the program when the system refuses.
 */
void test_write_file(const char *path, const void *bytes, size_t n);
void test_write_text(const char *path, const char *text);
char *test_read_text(const char *path); /* NUL-terminated, to be freed with free(); NULL: no such file */

/* Entries of a folder, "." and ".." apart. */
int test_count_entries(const char *dir);

#endif
