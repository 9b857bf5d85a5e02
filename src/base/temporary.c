/* Locks on temporaries, and removing those that nobody holds. */
#include "base/temporary.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is the open file still the one of that name? A sweeper may have been faster than our lock. */
static bool still_named(int fd, const char *path) {
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && lstat(path, &named) == 0 && open_one.st_dev == named.st_dev &&
           open_one.st_ino == named.st_ino;
}

bool ct__temporary_hold(int fd, const char *path) {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
    return still_named(fd, path);
}

bool ct__temporary_numbers(const char *text, int parts) {
    for (int i = 0; i < parts; i++) {
        if (i > 0 && *text++ != '-') return false;
        if (!isdigit((unsigned char)*text)) return false;
        while (isdigit((unsigned char)*text)) text++;
    }
    return *text == '\0';
}

/* Opens and locks what is left over, or -1. Over NFS a lock wants a handle for writing, which a folder has not. */
static int take(const char *path, int flags) {
    const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && still_named(fd, path)) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

bool ct__temporary_stale_folder(const char *path) {
    const int fd = take(path, O_RDONLY | O_DIRECTORY);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

void ct__temporary_sweep(const char *folder) {
    char path[PATH_MAX];
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        const char *mark = strstr(e->d_name, CT__TEMPORARY);
        struct stat info;
        if (!mark || !ct__temporary_numbers(mark + strlen(CT__TEMPORARY), 2)) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path) continue;
        if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        const int fd = take(path, O_WRONLY);
        if (fd < 0) continue;
        unlink(path); /* under the lock, so that it is nobody's */
        close(fd);
    }
    closedir(dir);
}
