/* Temporaries: the one of a killed process goes when the next writer opens, one that is being written stays. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

#include "base/io.h"
#include "base/temporary.h"

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

/* A child that has begun to write dir/name and then waits to be killed. */
static pid_t begin_to_write(const char *dir, const char *name) {
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        ct_writer *w;
        if (ct_writer_open(&w, test_path(dir, name), NULL) != CT_OK) _exit(1);
        if (write(ends[1], "x", 1) != 1) _exit(1);
        alarm(20); /* a failed test does not kill it */
        for (;;) pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void end(pid_t pid) {
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void a_killed_process_leaves_nothing_for_long(void **state) {
    const char *dir = *state;
    const pid_t one = begin_to_write(dir, "one"), two = begin_to_write(dir, "two");
    assert_int_equal(test_count_entries(dir), 2);
    end(one);
    assert_int_equal(test_count_entries(dir), 2);
    assert_int_equal(ct_write_file(test_path(dir, "other"), "x", 1, NULL), CT_OK);
    assert_int_equal(test_count_entries(dir), 2); /* other, and what is still being written */
    end(two);
    ct__temporary_sweep(dir);
    assert_int_equal(test_count_entries(dir), 1);
    assert_true(ct_path_exists(test_path(dir, "other")));
}

/* A killed writer's lock may be held on by a child of it. */
static void what_is_held_stays(void **state) {
    const char *dir = *state, *path = test_path(dir, "a" CT__TEMPORARY "1-1");
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_true(ct__temporary_hold(fd, path));
    ct__temporary_sweep(dir);
    assert_true(ct_path_exists(path));
    const int again = open(path, O_WRONLY | O_CLOEXEC);
    assert_false(ct__temporary_hold(again, path));
    close(again);
    close(fd);
    ct__temporary_sweep(dir);
    assert_false(ct_path_exists(path));
}

static void a_name_that_was_taken_away_is_not_held(void **state) {
    const char *dir = *state, *path = test_path(dir, "a" CT__TEMPORARY "1-1");
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    unlink(path);
    assert_false(ct__temporary_hold(fd, path));
    test_write_text(path, "somebody else's");
    assert_false(ct__temporary_hold(fd, path));
    close(fd);
}

static void other_names_stay(void **state) {
    const char *dir = *state;
    static const char *const names[] = {"a.tmp-1-1",
                                        "a" CT__TEMPORARY,
                                        "a" CT__TEMPORARY "1",
                                        "a" CT__TEMPORARY "1-",
                                        "a" CT__TEMPORARY "1-2-3",
                                        "a" CT__TEMPORARY "1-2.bak",
                                        "a" CT__TEMPORARY "x-2",
                                        "crosstower-tmp-1-2"};
    enum { N = sizeof names / sizeof names[0] };
    for (int i = 0; i < N; i++) test_write_text(test_path(dir, names[i]), "x");
    assert_int_equal(mkdir(test_path(dir, "b" CT__TEMPORARY "1-2"), 0777), 0);
    assert_int_equal(symlink("nowhere", test_path(dir, "c" CT__TEMPORARY "1-2")), 0);
    ct__temporary_sweep(dir);
    assert_int_equal(test_count_entries(dir), N + 2);
    ct__temporary_sweep(test_path(dir, "none")); /* no folder, no harm */
}

static void folders(void **state) {
    const char *dir = *state, *path = test_path(dir, "folder");
    assert_false(ct__temporary_stale_folder(path));
    assert_int_equal(mkdir(path, 0777), 0);
    assert_true(ct__temporary_stale_folder(path));
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(ct__temporary_hold(fd, path));
    assert_false(ct__temporary_stale_folder(path));
    close(fd);
    assert_true(ct__temporary_stale_folder(path));
    test_write_text(test_path(dir, "file"), "x");
    assert_false(ct__temporary_stale_folder(test_path(dir, "file")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIR(a_killed_process_leaves_nothing_for_long),
        IN_DIR(what_is_held_stays),
        IN_DIR(a_name_that_was_taken_away_is_not_held),
        IN_DIR(other_names_stay),
        IN_DIR(folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
