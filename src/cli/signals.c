/* Ctrl-C and SIGTERM: ask to stop, then end. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t asked;

/* Only what POSIX allows in a handler. */
static void say(const char *text) {
    const ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

static void ask(int number) {
    (void)number;
    if (asked) _exit(CT__EXIT_INTERRUPTED);
    asked = 1;
    say("\ncrosstower: stopping at the next safe moment; once more ends at once\n");
}

static void end(int number) {
    (void)number;
    say("\ncrosstower: interrupted\n");
    _exit(CT__EXIT_INTERRUPTED);
}

static void install(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void ct__signals_ask(void) {
    install(ask);
}
void ct__signals_end(void) {
    install(end);
}

int ct__stop_asked(void *ctx) {
    (void)ctx;
    return asked;
}
