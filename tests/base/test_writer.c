/* Files that appear whole or not at all, whatever fails. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/io.h"

static void assert_file(const char *path, const char *want) {
    char *text = test_read_text(path);
    assert_non_null(text);
    assert_string_equal(text, want);
    free(text);
}

static void write_and_commit(void **state) {
    const char *dir = *state, *path = test_path(dir, "out");
    ct_writer *w;
    assert_int_equal(ct_writer_open(&w, path, NULL), CT_OK);
    assert_int_equal(ct_writer_write(w, "loss ", 5, NULL), CT_OK);
    assert_int_equal(ct_writer_printf(w, NULL, "%.3f of %s", 0.25, "step 7"), CT_OK);
    assert_int_equal(ct_writer_write(w, NULL, 0, NULL), CT_OK);
    assert_int_equal(ct_writer_offset(w), 20);
    assert_false(ct_path_exists(path)); /* not before it is whole */
    assert_int_equal(ct_writer_commit(w, NULL), CT_OK);
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_writer_write(w, "x", 1, &err), CT_ERR_ARGUMENT);
    assert_int_equal(ct_writer_commit(w, NULL), CT_ERR_ARGUMENT);
    ct_writer_free(w);
    ct_writer_free(NULL);
    assert_file(path, "loss 0.250 of step 7");
    assert_int_equal(test_count_entries(dir), 1);
}

static void a_writer_that_is_dropped_leaves_nothing(void **state) {
    const char *dir = *state, *path = test_path(dir, "out");
    test_write_text(path, "old");
    ct_writer *w;
    assert_int_equal(ct_writer_open(&w, path, NULL), CT_OK);
    assert_int_equal(ct_writer_write(w, "new", 3, NULL), CT_OK);
    assert_int_equal(test_count_entries(dir), 2);
    ct_writer_free(w);
    assert_file(path, "old");
    assert_int_equal(test_count_entries(dir), 1);
}

/* Pieces below, at and above the buffer's size, with patches over flushed and buffered bytes. */
static void large_files_and_patches(void **state) {
    const char *dir = *state, *path = test_path(dir, "big");
    enum { N = 700000 };
    unsigned char *bytes = malloc(N);
    for (size_t i = 0; i < N; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    ct_writer *w;
    assert_int_equal(ct_writer_open(&w, path, NULL), CT_OK);
    size_t at = 0;
    const size_t pieces[] = {1, 65535, 65536, 65537, 3, 200000, 0, 131072};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; at += pieces[i++])
        assert_int_equal(ct_writer_write(w, bytes + at, pieces[i], NULL), CT_OK);
    assert_int_equal(ct_writer_write(w, bytes + at, N - at, NULL), CT_OK);
    assert_int_equal(ct_writer_patch(w, 0, "head", 4, NULL), CT_OK);
    assert_int_equal(ct_writer_patch(w, N - 4, "tail", 4, NULL), CT_OK);
    assert_int_equal(ct_writer_patch(w, N, "", 0, NULL), CT_OK);
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_writer_patch(w, N - 3, "tail", 4, &err), CT_ERR_ARGUMENT);
    assert_int_equal(ct_writer_patch(w, UINT64_MAX, "tail", 4, NULL), CT_ERR_ARGUMENT);
    assert_int_equal(ct_writer_write(w, "end", 3, NULL), CT_OK); /* writing goes on at the end */
    assert_int_equal(ct_writer_commit(w, NULL), CT_OK);
    ct_writer_free(w);

    ct_map map;
    assert_int_equal(ct_map_open(&map, path, NULL), CT_OK);
    assert_int_equal(map.size, N + 3);
    assert_memory_equal(map.bytes, "head", 4);
    assert_memory_equal(map.bytes + 4, bytes + 4, N - 8);
    assert_memory_equal(map.bytes + N - 4, "tailend", 7);
    ct_map_close(&map);
    free(bytes);
}

static void long_printf(void **state) {
    const char *path = test_path(*state, "text");
    ct_writer *w;
    assert_int_equal(ct_writer_open(&w, path, NULL), CT_OK);
    assert_int_equal(ct_writer_printf(w, NULL, "%0511d", 1), CT_OK);
    assert_int_equal(ct_writer_printf(w, NULL, "%0512d", 2), CT_OK);
    assert_int_equal(ct_writer_printf(w, NULL, "%05000d", 3), CT_OK);
    assert_int_equal(ct_writer_commit(w, NULL), CT_OK);
    ct_writer_free(w);
    char *text = test_read_text(path);
    assert_int_equal(strlen(text), 511 + 512 + 5000);
    assert_true(text[510] == '1' && text[1022] == '2' && text[6022] == '3');
    free(text);
}

/* ---- failures
 * ---------------------------------------------------------------------------------------------------- */

static char long_text[300001];

static ct_status replace(const char *path, ct_error *err) {
    ct_writer *w;
    CT_CHECK(ct_writer_open(&w, path, err));
    ct_status st = CT_OK;
    for (size_t at = 0; st == CT_OK && at < 300000; at += 1000)
        st = ct_writer_write(w, long_text + at, 1000, err);
    if (st == CT_OK) st = ct_writer_patch(w, 0, long_text, 10, err);
    if (st == CT_OK) st = ct_writer_commit(w, err);
    ct_writer_free(w);
    return st;
}

static void every_system_call_may_fail(void **state) {
    const char *dir = *state, *path = test_path(dir, "model");
    memset(long_text, 'n', 300000);
    ct_io_set_fault(0, 0);
    assert_int_equal(replace(path, NULL), CT_OK);
    const uint64_t calls = ct_io_set_fault(0, 0);
    assert_true(calls >= 8); /* five buffers, a patch, two syncs, a rename */
    const int numbers[] = {ENOSPC, EIO};
    for (int k = 0; k < 2; k++) {
        for (uint64_t nth = 1; nth <= calls; nth++) {
            ct_error err = CT_ERROR_INIT;
            test_write_text(path, "old");
            ct_io_set_fault(nth, numbers[k]);
            assert_int_equal(replace(path, &err), CT_ERR_IO);
            ct_io_set_fault(0, 0);
            assert_non_null(strstr(err.text, strerror(numbers[k])));
            assert_non_null(strstr(err.text, dir));
            /* The last call syncs the folder: by then the new file is there, and whole. */
            assert_file(path, nth < calls ? "old" : long_text);
            assert_int_equal(test_count_entries(dir), 1);
        }
    }
}

static void interrupted_writes_go_on(void **state) {
    const char *path = test_path(*state, "model");
    memset(long_text, 'i', 300000);
    ct_io_set_fault(2, EINTR);
    assert_int_equal(replace(path, NULL), CT_OK);
    ct_io_set_fault(0, 0);
    assert_file(path, long_text);
}

static void a_failed_writer_stays_failed(void **state) {
    const char *dir = *state, *path = test_path(dir, "model");
    ct_writer *w;
    assert_int_equal(ct_writer_open(&w, path, NULL), CT_OK);
    ct_io_set_fault(1, ENOSPC);
    assert_int_equal(ct_writer_write(w, long_text, 200000, NULL), CT_ERR_IO);
    ct_io_set_fault(0, 0);
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_writer_write(w, "x", 1, &err), CT_ERR_IO); /* the caller did not look */
    assert_non_null(strstr(err.text, "earlier"));
    assert_int_equal(ct_writer_patch(w, 0, "", 0, NULL), CT_ERR_IO);
    assert_int_equal(ct_writer_commit(w, NULL), CT_ERR_IO);
    ct_writer_free(w);
    assert_int_equal(test_count_entries(dir), 0);
}

/* Runs check in a child whose exit status tells; it may change limits and users. */
static int in_child(int (*check)(const char *dir), const char *dir) {
    int status;
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(check(dir));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A file-size limit cuts a real write short and refuses the next, as a full disk does. */
static int write_past_the_limit(const char *dir) {
    const struct rlimit limit = {100000, 100000};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    ct_error err = CT_ERROR_INIT;
    if (ct_write_file(test_path(dir, "large"), long_text, 300000, &err) != CT_ERR_IO) return 2;
    if (!strstr(err.text, strerror(EFBIG))) return 3;
    if (ct_write_file(test_path(dir, "small"), long_text, 90000, NULL) != CT_OK) return 4;
    return 0;
}

static void short_writes(void **state) {
    assert_int_equal(in_child(write_past_the_limit, *state), 0);
    assert_int_equal(test_count_entries(*state), 1);
    assert_false(ct_path_exists(test_path(*state, "large")));
}

/* As an ordinary user inside the folder: relative names, because the folders above may be closed to that
 * user. */
static int write_without_permission(const char *dir) {
    if (chdir(dir) != 0 || mkdir("mine", 0777) != 0 || chmod("mine", 0777) != 0) return 1;
    test_write_text("secret", "x");
    if (chmod("secret", 0000) != 0 || chmod(".", 0555) != 0) return 1;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 77;
    ct_error err = CT_ERROR_INIT;
    if (ct_write_file("mine/out", "x", 1, NULL) != CT_OK) return 2; /* where it is allowed, it works */
    if (ct_write_file("out", "x", 1, &err) != CT_ERR_IO) return 3;
    if (!strstr(err.text, strerror(EACCES)) || !strstr(err.text, "out")) return 4;
    char *text;
    size_t n;
    ct_map map;
    ct_error_clear(&err);
    if (ct_read_file("secret", 0, &text, &n, &err) != CT_ERR_IO || text) return 5;
    if (!strstr(err.text, strerror(EACCES)) || !strstr(err.text, "secret")) return 6;
    if (ct_map_open(&map, "secret", NULL) != CT_ERR_IO) return 7;
    if (ct_make_dirs("new/folder", NULL) != CT_ERR_IO) return 8;
    return 0;
}

static void permission_denied(void **state) {
    const char *dir = *state;
    const int rc = in_child(write_without_permission, dir);
    chmod(dir, 0700);
    if (rc == 77) skip();
    assert_int_equal(rc, 0);
    assert_int_equal(test_count_entries(dir), 2);
}

static void targets_that_are_no_files(void **state) {
    const char *dir = *state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_write_file(dir, "x", 1, &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, "folder"));
    ct_error_clear(&err);
    assert_int_equal(ct_write_file("/dev/null", "x", 1, &err),
                     CT_ERR_IO); /* root could replace it by a file */
    assert_non_null(strstr(err.text, "regular"));
    ct_error_clear(&err);
    assert_int_equal(ct_write_file(test_path(dir, "none/out"), "x", 1, &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    ct_error_clear(&err);
    test_write_text(test_path(dir, "file"), "x");
    assert_int_equal(ct_write_file(test_path(dir, "file/out"), "x", 1, &err), CT_ERR_IO);
    assert_non_null(strstr(err.text, strerror(ENOTDIR)));
    assert_int_equal(ct_write_file("", "x", 1, NULL), CT_ERR_IO);
    assert_int_equal(test_count_entries(dir), 1);
}

static void without_memory_nothing_is_left(void **state) {
    const char *dir = *state, *path = test_path(dir, "out");
    test_alloc_install();
    for (uint64_t nth = 1;; nth++) {
        test_alloc_fail_at(nth);
        const ct_status st = ct_write_file(path, "new", 3, NULL);
        test_alloc_fail_at(0);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        assert_int_equal(test_count_entries(dir), 0);
    }
    test_alloc_uninstall();
    assert_file(path, "new");
}

/* ---- several writers of one path
 * --------------------------------------------------------------------------------- */

static void two_writers_of_one_path(void **state) {
    const char *dir = *state, *path = test_path(dir, "out");
    ct_writer *a, *b;
    assert_int_equal(ct_writer_open(&a, path, NULL), CT_OK);
    assert_int_equal(ct_writer_open(&b, path, NULL), CT_OK);
    assert_int_equal(ct_writer_write(a, "first", 5, NULL), CT_OK);
    assert_int_equal(ct_writer_write(b, "second", 6, NULL), CT_OK);
    assert_int_equal(ct_writer_commit(b, NULL), CT_OK);
    assert_file(path, "second");
    assert_int_equal(ct_writer_commit(a, NULL), CT_OK);
    assert_file(path, "first");
    ct_writer_free(a);
    ct_writer_free(b);
    assert_int_equal(test_count_entries(dir), 1);
}

typedef struct writer_job {
    const char *path;
    char letter;
    bool failed;
} writer_job;

static void *write_often(void *arg) {
    writer_job *job = arg;
    char text[1000];
    memset(text, job->letter, sizeof text);
    for (int i = 0; i < 20; i++) job->failed |= ct_write_file(job->path, text, sizeof text, NULL) != CT_OK;
    return NULL;
}

static void threads_write_one_path(void **state) {
    const char *dir = *state, *path = test_path(dir, "out");
    pthread_t threads[4];
    writer_job jobs[4];
    for (int i = 0; i < 4; i++) {
        jobs[i] = (writer_job){path, (char)('a' + i), false};
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, &jobs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_false(jobs[i].failed);
    }
    char *text = test_read_text(path);
    assert_int_equal(strlen(text), 1000);
    assert_int_equal(strspn(text, (char[]){text[0], '\0'}), 1000);
    free(text);
    assert_int_equal(test_count_entries(dir), 1);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIR(write_and_commit),
        IN_DIR(a_writer_that_is_dropped_leaves_nothing),
        IN_DIR(large_files_and_patches),
        IN_DIR(long_printf),
        IN_DIR(every_system_call_may_fail),
        IN_DIR(interrupted_writes_go_on),
        IN_DIR(a_failed_writer_stays_failed),
        IN_DIR(short_writes),
        IN_DIR(permission_denied),
        IN_DIR(targets_that_are_no_files),
        IN_DIR(without_memory_nothing_is_left),
        IN_DIR(two_writers_of_one_path),
        IN_DIR(threads_write_one_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
