/* TAP lines on stdout, tallies, and a word about where a crash happened. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/ops/harness.h"

static int n_lines, n_failed, n_skipped, n_unsupported;
static char doing[512];

static void print_diagnostic(const char *text) {
    while (*text) {
        const char *end = strchr(text, '\n');
        const int n = end ? (int)(end - text) : (int)strlen(text);
        printf("#   %.*s\n", n, text);
        text += n + (end != NULL);
    }
}

void op_tap(bool ok, const char *name, const char *diagnostic) {
    n_lines++;
    if (!ok) n_failed++;
    printf("%s %d - %s\n", ok ? "ok" : "not ok", n_lines, name);
    if (!ok && diagnostic) print_diagnostic(diagnostic);
    fflush(stdout);
}

void op_tap_skip(const char *name, const char *reason) {
    n_lines++;
    n_skipped++;
    printf("ok %d - %s # SKIP %s\n", n_lines, name, reason);
    fflush(stdout);
}

void op_tap_unsupported(const char *name) {
    op_tap_skip(name, "the device has no such op");
    n_unsupported++;
}

void op_tap_note(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fputs("# ", stdout);
    vprintf(format, ap);
    putchar('\n');
    va_end(ap);
    fflush(stdout);
}

int op_tap_finish(void) {
    printf("1..%d\n", n_lines);
    op_tap_note("run %d (failed %d), skipped %d, unsupported %d", n_lines - n_skipped, n_failed,
                n_skipped - n_unsupported, n_unsupported);
    return n_failed == 0 && n_lines > n_skipped ? 0 : 1;
}

void op_tally_add(op_tally *t, bool ok, const char *format, ...) {
    t->run++;
    if (ok) return;
    if (t->failed++ > 0) return;
    va_list ap;
    va_start(ap, format);
    vsnprintf(t->first, sizeof t->first, format, ap);
    va_end(ap);
}

void op_doing(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(doing, sizeof doing, format, ap);
    va_end(ap);
}

static void on_crash(int signal_number) {
    static const char head[] = "\nBail out! crashed in ";
    if (write(STDOUT_FILENO, head, sizeof head - 1) < 0 || write(STDOUT_FILENO, doing, strlen(doing)) < 0 ||
        write(STDOUT_FILENO, "\n", 1) < 0)
        _exit(3);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void op_catch_crashes(void) {
    signal(SIGSEGV, on_crash);
    signal(SIGBUS, on_crash);
    signal(SIGFPE, on_crash);
    signal(SIGILL, on_crash);
    signal(SIGABRT, on_crash);
}

void *op_alloc(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p) {
        printf("Bail out! no memory in %s\n", doing);
        exit(2);
    }
    return p;
}
