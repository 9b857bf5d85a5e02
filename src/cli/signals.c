/* Ctrl-C and SIGTERM: ask to stop, then end. A thread waits for them and no other thread is ever interrupted: a handler
 * that runs in the middle of oneDNN 2.6's matrix products overwrites what their code keeps below the stack pointer. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static bool ends_at_once; /* set before the thread starts */
static atomic_bool asked;

static void say(const char *text) {
    const ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

static void *wait_for_signals(void *signals) {
    for (int number;;) {
        if (sigwait(signals, &number) != 0) continue;
        if (ends_at_once) say("\ncrosstower: interrupted\n");
        if (ends_at_once || asked) _exit(CT__EXIT_INTERRUPTED);
        asked = true;
        say("\ncrosstower: stopping at the next safe moment; once more ends at once\n");
    }
    return NULL;
}

/* Where no thread can be had, the signals end the program as they would have anyway. */
void ct__signals_watch(bool at_once) {
    static sigset_t signals;
    pthread_t thread;
    ends_at_once = at_once;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* threads that are made later inherit it */
    if (pthread_create(&thread, NULL, wait_for_signals, &signals) == 0) pthread_detach(thread);
    else pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

int ct__stop_asked(void *ctx) {
    (void)ctx;
    return asked;
}
