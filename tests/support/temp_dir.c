/* Temporary folders and plain files for tests. */
#include "tests/support/temp_dir.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void give_up(const char *what, const char *path) {
    fprintf(stderr, "test support: cannot %s '%s': %s\n", what, path, strerror(errno));
    exit(2);
}

int test_dir_setup(void **state) {
    const char *base = getenv("TMPDIR");
    char *path;
    if (asprintf(&path, "%s/crosstower-XXXXXX", base && *base ? base : "/tmp") < 0) return -1;
    if (!mkdtemp(path)) give_up("make the folder", path);
    *state = path;
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)ftw;
    if (type == FTW_DNR) chmod(path, 0700); /* a test took the right to read it */
    return remove(path);
}

int test_dir_teardown(void **state) {
    char *path = *state;
    const int failed = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
    *state = NULL;
    return failed;
}

const char *test_path(const char *dir, const char *name) {
    static char texts[8][1024];
    static unsigned next;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0], "%s/%s", dir, name);
    return text;
}

void test_write_file(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f) give_up("create", path);
    if (n > 0 && fwrite(bytes, 1, n, f) != n) give_up("write", path);
    if (fclose(f) != 0) give_up("write", path);
}

void test_write_text(const char *path, const char *text) {
    test_write_file(path, text, strlen(text));
}

char *test_read_text(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    size_t n = 0, capacity = 4096;
    char *text = malloc(capacity);
    for (;;) {
        if (!text) give_up("find memory for", path);
        n += fread(text + n, 1, capacity - n - 1, f);
        if (n < capacity - 1) break;
        text = realloc(text, capacity *= 2);
    }
    text[n] = '\0';
    fclose(f);
    return text;
}

int test_count_entries(const char *dir) {
    DIR *d = opendir(dir);
    if (!d) give_up("list", dir);
    int n = -2;
    while (readdir(d)) n++;
    closedir(d);
    return n;
}
