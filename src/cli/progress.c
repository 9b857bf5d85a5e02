/* Progress, validations and messages on stderr. */
#include "cli/progress.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

/* Where no terminal is, a long run must not fill a log: at most one line in this many seconds. */
static const double quiet_s = 2.0;

/* Messages may come from the thread that reads data. */
static atomic_bool line_open;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
    return size.ws_col;
}

/* Takes the rewritten line away so that another may be printed. */
static void clear_line(void) {
    if (atomic_exchange(&line_open, false)) fputs("\r\033[K", stderr);
}

/* One line of progress. On a terminal it stays open; a full last column would wrap, so one is left free. */
static void show(ct__progress *p, const char *text, bool last) {
    if (p->terminal) {
        fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, text);
        atomic_store(&line_open, true);
        fflush(stderr);
        return;
    }
    if (!last && now_s() < p->next_s) return;
    p->next_s = now_s() + quiet_s;
    fprintf(stderr, "%s\n", text);
}

/* ---- numbers for people -------------------------------------------------------------------------------- */

static const char *put_rate(char *out, size_t size, double value) {
    static const char *const units[] = {"", "k", "M", "G"};
    int unit = 0;
    for (; value >= 1000.0 && unit < 3; unit++) value /= 1000.0;
    snprintf(out, size,
             value < 9.995 && unit > 0 ? "%.2f%s"
             : value < 99.95           ? "%.1f%s"
                                       : "%.0f%s",
             value, units[unit]);
    return out;
}

static const char *put_time(char *out, size_t size, double seconds) {
    if (!(seconds >= 0.0) || seconds > 3.6e6) {
        snprintf(out, size, "?");
        return out;
    }
    const long s = lround(seconds), h = s / 3600, m = s / 60 % 60;
    if (h > 0)
        snprintf(out, size, "%ld:%02ld:%02ld", h, m, s % 60);
    else
        snprintf(out, size, "%ld:%02ld", m, s % 60);
    return out;
}

/* ---- callbacks ----------------------------------------------------------------------------------------- */

static void on_message(void *ctx, ct_message_level level, const char *text) {
    const ct__progress *p = ctx;
    if (level == CT_MESSAGE_DEBUG || (p->quiet && level != CT_MESSAGE_WARNING)) return;
    clear_line();
    fprintf(stderr, "crosstower: %s%s\n", level == CT_MESSAGE_WARNING ? "warning: " : "", text);
}

static void on_train(void *ctx, const ct_train_progress *t) {
    char pairs[32], tokens[32], eta[32], skipped[48] = "", line[256];
    if (t->skipped > 0) snprintf(skipped, sizeof skipped, "  skipped %lld", (long long)t->skipped);
    snprintf(
        line, sizeof line,
        "step %lld/%lld  epoch %.2f  loss %.4f  temperature %.4f  %s pairs/s  %s tokens/s  wait %.0f%%  ETA %s%s",
        (long long)t->step, (long long)t->n_steps, t->epoch, t->loss, t->temperature,
        put_rate(pairs, sizeof pairs, t->pairs_per_s), put_rate(tokens, sizeof tokens, t->tokens_per_s),
        100.0 * t->wait_share, put_time(eta, sizeof eta, t->eta_s), skipped);
    show(ctx, line, t->step == t->n_steps);
}

static void on_validation(void *ctx, const ct_train_validation *v) {
    (void)ctx;
    clear_line();
    fprintf(stderr, "validation at step %lld: %s %.4f ", (long long)v->step, v->metric_name, v->metric);
    if (v->improved)
        fprintf(stderr, "(the best so far), %.1f s\n", v->seconds);
    else
        fprintf(stderr, "(best: %.4f), %.1f s\n", v->best, v->seconds);
}

static void on_work(void *ctx, const char *what, int64_t done, int64_t total) {
    ct__progress *p = ctx;
    char line[160];
    if (p->terminal && done >= total) {
        clear_line();
        return;
    }
    if (!p->terminal && p->next_s == 0.0) p->next_s = now_s() + quiet_s; /* short work needs no line */
    snprintf(line, sizeof line, "%s: %lld of %lld (%.0f%%)", what, (long long)done, (long long)total,
             total > 0 ? 100.0 * (double)done / (double)total : 100.0);
    show(p, line, false);
}

ct_observer ct__progress_begin(ct__progress *p, bool quiet) {
    *p = (ct__progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO)};
    ct_observer observer = {.ctx = p, .message = on_message, .stop = ct__stop_asked};
    if (!quiet) {
        observer.train_progress = on_train;
        observer.train_validation = on_validation;
        observer.work_progress = on_work;
    }
    return observer;
}

void ct__progress_end(ct__progress *p) {
    (void)p;
    if (atomic_exchange(&line_open, false)) fputc('\n', stderr);
}
