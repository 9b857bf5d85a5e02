/* Running the program, and small files. */
#include "tests/cli/cli_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

char *cli_out, *cli_err;

enum { MOST_ARGUMENTS = 30, SECONDS = 150, NOBODY = 65534 };

static const char *program(void) {
    static char path[PATH_MAX];
    if (!path[0]) {
        char relative[PATH_MAX];
        const char *build = getenv("BUILD");
        snprintf(relative, sizeof relative, "%s/crosstower", build && *build ? build : "build");
        if (!realpath(relative, path)) {
            fprintf(stderr, "test support: no program '%s'\n", relative);
            exit(2);
        }
    }
    return path;
}

int cli_setup(void **state) {
    program(); /* found before the working directory changes */
    return test_dir_setup(state) != 0 || chdir(*state) != 0 ? -1 : 0;
}

int cli_teardown(void **state) { return chdir("/") != 0 ? -1 : test_dir_teardown(state); }

/* ---- running ------------------------------------------------------------------------------------------------- */

static void copy_program(void) {
    char command[PATH_MAX + 64];
    snprintf(command, sizeof command, "cp '%s' crosstower.copy && chmod 755 crosstower.copy", program());
    if (!cli_exists("crosstower.copy")) assert_int_equal(system(command), 0);
}

static void redirect(int fd, const char *path, int flags) {
    const int file = open(path, flags, 0644);
    if (file < 0 || dup2(file, fd) < 0) _exit(99);
    if (file != fd) close(file);
}

static void redirect_output(cli_stdout where, const char *terminal) {
    int ends[2];
    redirect(STDERR_FILENO, terminal ? terminal : ".stderr", terminal ? O_WRONLY | O_NOCTTY : O_WRONLY | O_TRUNC);
    redirect(STDOUT_FILENO, ".stdout", O_WRONLY | O_TRUNC);
    if (where == CLI_STDOUT_FULL) redirect(STDOUT_FILENO, "/dev/full", O_WRONLY);
    if (where == CLI_STDOUT_CLOSED) close(STDOUT_FILENO);
    if (where == CLI_STDOUT_BROKEN) {
        if (pipe(ends) != 0 || dup2(ends[1], STDOUT_FILENO) < 0) _exit(99);
        close(ends[0]);
        close(ends[1]);
    }
}

static pid_t start(const cli_how *how, const char *const *arguments) {
    const char *argv[MOST_ARGUMENTS + 2] = {"crosstower"};
    for (int i = 0; arguments[i]; i++) {
        assert_true(i < MOST_ARGUMENTS);
        argv[i + 1] = arguments[i];
    }
    if (how->as_nobody) copy_program();
    test_write_text(".stdout", "");
    test_write_text(".stderr", "");
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    redirect_output(how->standard_output, how->terminal);
    signal(SIGPIPE, SIG_DFL);
    alarm(SECONDS); /* a program that hangs dies of it, after exec too */
    if (how->fault)
        setenv("CROSSTOWER_TEST_IO_FAULT", how->fault, 1);
    else
        unsetenv("CROSSTOWER_TEST_IO_FAULT");
    const struct rlimit most = {(rlim_t)how->file_limit, (rlim_t)how->file_limit};
    if (how->file_limit > 0 && setrlimit(RLIMIT_FSIZE, &most) != 0) _exit(96);
    if (how->as_nobody && geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(98);
    execv(how->as_nobody ? "./crosstower.copy" : program(), (char *const *)argv);
    _exit(97);
}

static int start_and_wait(const cli_how *how, const char *const *arguments) {
    return cli_wait(start(how, arguments));
}

/* Splits text, which is changed, at blanks. */
static void split(char *text, const char *arguments[MOST_ARGUMENTS + 1]) {
    int n = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        assert_true(n < MOST_ARGUMENTS);
        arguments[n++] = word;
    }
    arguments[n] = NULL;
}

static const cli_how as_usual = {0};

pid_t cli_start(const cli_how *how, const char *args) {
    const char *arguments[MOST_ARGUMENTS + 1];
    char text[2048];
    snprintf(text, sizeof text, "%s", args);
    split(text, arguments);
    return start(how ? how : &as_usual, arguments);
}

int cli_wait(pid_t pid) {
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    free(cli_out);
    free(cli_err);
    cli_out = test_read_text(".stdout");
    cli_err = test_read_text(".stderr");
    assert_non_null(cli_out);
    assert_non_null(cli_err);
    if (strstr(cli_err, "Sanitizer") || strstr(cli_err, "runtime error:")) fail_msg("%s", cli_err);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int cli_run(const cli_how *how, const char *args) { return cli_wait(cli_start(how, args)); }
int cli_run_arguments(const char *const *arguments) { return start_and_wait(&as_usual, arguments); }

void cli_fail(const char *args, const char *what, const char *detail) {
    fail_msg("crosstower %s: %s %s\n--- stdout\n%s--- stderr\n%s---", args, what, detail, cli_out ? cli_out : "",
             cli_err ? cli_err : "");
}

void cli_expect(const char *args, int code, const char *says) {
    char number[32];
    const int found = cli_run(NULL, args);
    snprintf(number, sizeof number, "%d, found %d", code, found);
    if (found != code) cli_fail(args, "want exit code", number);
    if (says && !strstr(cli_out, says) && !strstr(cli_err, says)) cli_fail(args, "does not say", says);
}

/* ---- files --------------------------------------------------------------------------------------------------- */

void cli_mkdir(const char *path) {
    if (mkdir(path, 0755) != 0) assert_int_equal(errno, EEXIST);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void cli_remove(const char *path) {
    if (cli_exists(path)) assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

bool cli_exists(const char *path) { return access(path, F_OK) == 0; }

void cli_write_gz(const char *path, const char *text) {
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)), (int)strlen(text));
    assert_int_equal(gzclose(f), Z_OK);
}

void cli_flip_byte(const char *path, long offset) {
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    const int c = fgetc(f);
    assert_true(c >= 0);
    assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
    fputc(c ^ 0x55, f);
    assert_int_equal(fclose(f), 0);
}

void cli_cut(const char *path, long n) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, n < 0 ? info.st_size + n : n), 0);
}

void cli_same_file(const char *a, const char *b) {
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    if (!x || !y) fail_msg("'%s' is not there", x ? b : a);
    int c, d;
    long at = 0;
    do {
        c = fgetc(x);
        d = fgetc(y);
        if (c != d) fail_msg("'%s' and '%s' differ at byte %ld", a, b, at);
        at++;
    } while (c != EOF);
    fclose(x);
    fclose(y);
}

void cli_same_folder(const char *a, const char *b) {
    char x[512], y[512];
    DIR *dir = opendir(a);
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        snprintf(x, sizeof x, "%s/%s", a, e->d_name);
        snprintf(y, sizeof y, "%s/%s", b, e->d_name);
        cli_same_file(x, y);
    }
    closedir(dir);
    assert_int_equal(test_count_entries(a), test_count_entries(b));
}

void cli_check_checkpoints(void) {
    static const char *const names[] = {"best.safetensors", "step-00000006.safetensors"};
    char path[128], args[160];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "runs/tiny/checkpoints/%s", names[i]);
        snprintf(args, sizeof args, "inspect %s", path);
        if (cli_exists(path)) cli_expect(args, 0, "checksum good");
    }
}

int cli_count(const char *folder, const char *part) {
    DIR *dir = opendir(folder);
    int n = 0;
    if (!dir) return 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) n += e->d_name[0] != '.' && strstr(e->d_name, part);
    closedir(dir);
    return n;
}
