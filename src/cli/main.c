/* The program crosstower: finds the subcommand and hands the rest of the line to it. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const struct command {
    const char *name, *about;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"prepare", "reads the platforms' files into the cache", ct__command_prepare},
    {"train", "trains a run, or goes on with it", ct__command_train},
    {"eval", "ranks the catalogue and reports metrics", ct__command_eval},
    {"export", "writes user and item vectors with their ids", ct__command_export},
    {"embed", "writes the vectors of texts from a file", ct__command_embed},
    {"recommend", "ranks items for a user or a text", ct__command_recommend},
    {"inspect", "says what a checkpoint, cache, bundle or run folder holds", ct__command_inspect},
    {"config", "prints the resolved configuration, or all keys", ct__command_config},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_usage(FILE *out) {
    fputs("usage: crosstower COMMAND CONFIG [option ...] [key=value ...]\n"
          "       crosstower COMMAND --help | --version | --help\n\n"
          "Trains two-tower recommenders across platforms, from a YAML file to embedding tables.\n\n"
          "commands:\n",
          out);
    for (int i = 0; i < N_COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].about);
    fputs(
        "\nexit code: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted\n"
        "environment: CROSSTOWER_TEST_IO_FAULT=N:ERRNO (or N:kill) lets the Nth call that changes a file fail (tests)\n",
        out);
}

/* "N:ERRNO" or "N:kill"; false when it is not that. */
static bool set_test_fault(const char *text) {
    char *end;
    errno = 0;
    const unsigned long long nth = strtoull(text, &end, 10);
    if (end == text || *end != ':' || errno == ERANGE || text[0] == '-') return false;
    const char *number = end + 1;
    const bool die = strcmp(number, "kill") == 0;
    const long error = strtol(number, &end, 10);
    if (!die && (end == number || *end != '\0' || error < 0 || error > 4095)) return false;
    ct_test_io_fault(nth, die ? CT_TEST_IO_KILL : (int)error);
    return true;
}

static int unknown_command(const char *name) {
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++) names[i] = commands[i].name;
    const char *near = ct__args_nearest(name, names, N_COMMANDS);
    return ct__args_wrong(NULL, "unknown command '%s'%s%s%s", name, near ? "; did you mean '" : "",
                          near ? near : "", near ? "'?" : "");
}

static int dispatch(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : NULL;
    const char *fault = getenv("CROSSTOWER_TEST_IO_FAULT");
    if (!name) {
        print_usage(stderr);
        return CT__EXIT_WRONG;
    }
    if (fault && !set_test_fault(fault))
        return ct__args_wrong(NULL, "CROSSTOWER_TEST_IO_FAULT: found '%s', want N:ERRNO or N:kill", fault);
    if (strcmp(name, "--version") == 0) {
        printf("crosstower %s\n", ct_version());
        return CT__EXIT_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return CT__EXIT_DONE;
    }
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    return name[0] == '-' ? ct__args_wrong(NULL, "unknown option '%s'", name) : unknown_command(name);
}

/* OpenMP's threads spin at the end of each kernel. Beside other busy programs libgomp's default takes the cores from the
 * thread that is waited for: a training of 2 threads on 2 cores with one neighbour ran 3.6 times faster with this limit.
 * libgomp reads it when the program is loaded, hence the second start. A user's own setting stands. */
static void limit_spinning(char **argv) {
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY") || n <= 0) return;
    self[n] = '\0';
    if (setenv("GOMP_SPINCOUNT", "1000", 0) == 0) execv(self, argv); /* returns only when it failed: go on as we are */
}

int main(int argc, char **argv) {
    limit_spinning(argv);
    ct__output_begin();
    /* Widths of characters, whatever the user's locale; numbers stay in the C locale. */
    setlocale(LC_CTYPE, "C.UTF-8");
    /* A reader that went away is a failed write, not a silent death. */
    signal(SIGPIPE, SIG_IGN);
    /* So is a file that would grow past the shell's limit. */
    signal(SIGXFSZ, SIG_IGN);
    return ct__output_end(dispatch(argc, argv));
}
