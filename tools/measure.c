/* measure: runs a command and appends a line about it to a file: seconds, seconds of processor, and two peaks of
 * memory. For tools/scale.sh.
 *   measure FILE COMMAND [ARGUMENT...]      the exit status is the command's
 * "peak" is the most that was resident, pages of mapped files among it, which the system takes back when it needs them.
 * "own" is the most that was resident and belonged to no file: sampled, so a shorter peak than the pause is not seen. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 5 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* RssAnon of a process in KiB; 0 where the system does not say. */
static long own_kib(pid_t pid) {
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld kB", &kib) == 1) break;
    fclose(f);
    return kib;
}

static double seconds(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

/* Waits for the command; returns its exit status, 128 + signal where a signal ended it, -1 where waiting failed. */
static int watch(pid_t pid, struct rusage *use, long *own) {
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    int status = 0;
    for (;;) {
        const pid_t done = wait4(pid, &status, WNOHANG, use);
        if (done == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (done < 0 && errno != EINTR) return -1;
        const long kib = own_kib(pid);
        if (kib > *own) *own = kib;
        nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv) {
    struct rusage use = {0};
    long own = 0;
    if (argc < 3) {
        fputs("usage: measure FILE COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    const double begin = now_s();
    const pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    const int status = pid < 0 ? -1 : watch(pid, &use, &own);
    if (status < 0) {
        fprintf(stderr, "measure: %s\n", strerror(errno));
        return 126;
    }
    FILE *out = fopen(argv[1], "a");
    if (!out || fprintf(out, "%.2f %.2f %ld %ld\n", now_s() - begin, seconds(use.ru_utime) + seconds(use.ru_stime),
                        use.ru_maxrss, own) < 0 || fclose(out) != 0) {
        fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(errno));
        return 126;
    }
    return status;
}
