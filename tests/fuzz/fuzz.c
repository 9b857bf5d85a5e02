/* Running a reader on damaged inputs, in a process of its own. The parent only watches: when the child dies,
 * the input it was at still lies in its folder. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/io.h"
#include "tests/fuzz/fuzz_memory.h"
#include "tests/support/temp_dir.h"

enum {
    LEAK_EVERY = 500, /* rounds; the libraries' blocks are looked for by the sanitizer, which takes a while */
    MEMORY_MIB = 4,
    MEMORY_FACTOR = 64,
    WAIT_FACTOR = 30 /* waiting is a hang, too, but a busy machine is not */
};

/* There in the sanitized build only. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* A single block of this size is out of proportion whoever takes it. Read by the sanitizer when the program
 * starts. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void) {
    return "max_allocation_size_mb=512:allocator_may_return_null=0";
}

/* What child and parent share. */
typedef enum outcome { RUNNING, DONE, FOUND, LEAKED } outcome;
typedef struct report {
    outcome outcome;
    bool ready;       /* prepare is done: what comes now is the reader */
    uint64_t round;   /* the one being read */
    uint64_t checked; /* no leak before this round */
    uint64_t accepted, refused;
    char why[1024];
} report;

/* One run of a child. */
typedef struct run {
    const fuzz_reader *reader;
    const fuzz_options *options;
    const char *dir;
    uint64_t begin, end; /* rounds */
    report *report;
    fuzz_corpus *corpus;
    size_t blocks; /* held before the first round */
} run;

static report *of_child; /* for fuzz_found */

void fuzz_found(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(of_child->why, sizeof of_child->why, format, args);
    va_end(args);
    of_child->outcome = FOUND;
    _exit(0);
}

/* ---- the child
 * -------------------------------------------------------------------------------------------------- */

/* The kernel ends the process when the time is over. */
static void set_limit(double seconds) {
    struct itimerval cpu = {
        .it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    struct itimerval wall = {.it_value = {(time_t)(seconds * WAIT_FACTOR), 0}};
    setitimer(ITIMER_PROF, &cpu, NULL);
    setitimer(ITIMER_REAL, &wall, NULL);
}

static void check_answer(const run *r, ct_status st, const ct_error *err) {
    if (fuzz_memory_refused() > 0)
        fuzz_found("memory out of proportion: a block of %zu bytes", fuzz_memory_refused());
    if (st == CT_ERR_INTERNAL || st == CT_ERR_ARGUMENT || st == CT_ERR_MEMORY || st < CT_OK ||
        st > CT_ERR_INTERNAL)
        fuzz_found("status %d (%s), no fault of an input: %s", (int)st, ct_status_name(st), err->text);
    if (st != CT_OK && err->text[0] == '\0') fuzz_found("%s without a message", ct_status_name(st));
    if (fuzz_memory_blocks() != r->blocks)
        fuzz_found("%zu blocks held before, %zu after", r->blocks, fuzz_memory_blocks());
}

static ct_status read_once(const run *r, const unsigned char *bytes, size_t n, ct_error *err) {
    const char *path = test_path(r->dir, r->reader->file);
    const size_t factor = r->reader->memory_factor ? r->reader->memory_factor : MEMORY_FACTOR;
    const size_t always = (size_t)(r->reader->memory_mib ? r->reader->memory_mib : MEMORY_MIB) << 20;
    unsigned char *copy = malloc(n > 0 ? n : 1);
    if (!copy) exit(2);
    if (n > 0) memcpy(copy, bytes, n);
    unlink(path); /* a file that is cut to nothing and written anew is flushed to the disk by some file
                     systems */
    test_write_file(path, bytes, n);
    fuzz_memory_limit(fuzz_memory_held() + always + factor * n);
    set_limit(r->options->limit_s);
    const ct_status st = r->reader->read(&(fuzz_input){copy, n, path, r->dir}, err);
    set_limit(0);
    free(copy);
    return st;
}

/* The good inputs are read: else the mutations would test nothing. Also warms up what a library keeps. */
static void read_good(run *r) {
    for (size_t i = 0; i < fuzz_corpus_count(r->corpus); i++) {
        ct_error err = CT_ERROR_INIT;
        size_t n;
        const unsigned char *bytes = fuzz_corpus_at(r->corpus, i, &n);
        const ct_status st = read_once(r, bytes, n, &err);
        if (st != CT_OK) fuzz_found("good input %zu: %s: %s", i, ct_status_name(st), err.text);
    }
    r->blocks = fuzz_memory_blocks();
}

static void check_leaks(run *r, uint64_t next) {
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check()) {
        r->report->outcome = LEAKED;
        _exit(0);
    }
    r->report->checked = next;
}

static void read_round(run *r, uint64_t round) {
    const fuzz_reader *reader = r->reader;
    ct_rng rng = ct_rng_make(r->options->seed, round, ct_hash_name(reader->name));
    ct_error err = CT_ERROR_INIT;
    size_t n;
    unsigned char *bytes = fuzz_mutate(r->corpus, reader->tokens, &rng, &n);
    /* Unmended ones test the checksums. */
    if (reader->mend && ct_rng_below(&rng, 8)) reader->mend(bytes, n, &rng);
    r->report->round = round;
    const ct_status st = read_once(r, bytes, n, &err);
    check_answer(r, st, &err);
    if (st == CT_OK)
        r->report->accepted++;
    else
        r->report->refused++;
}

static void replay(run *r) {
    ct_error err = CT_ERROR_INIT;
    size_t n;
    fuzz_corpus *one = fuzz_corpus_create();
    fuzz_corpus_add_file(one, r->options->replay);
    const unsigned char *bytes = fuzz_corpus_at(one, 0, &n);
    const ct_status st = read_once(r, bytes, n, &err);
    printf("# %s: %s: %s\n", r->options->replay, ct_status_name(st), st == CT_OK ? "read" : err.text);
    fflush(stdout);
    check_answer(r, st, &err);
    if (st == CT_OK)
        r->report->accepted++;
    else
        r->report->refused++;
    fuzz_corpus_free(one);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void child(run *r) {
    const double stop = r->options->seconds > 0 ? now() + r->options->seconds : 0;
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (r->options->quiet && (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
        exit(2);
    setenv("CMOCKA_TEST_ABORT", "1", 1); /* an assertion of prepare must not go on with the parent's tests */
    of_child = r->report;
    fuzz_memory_install();
    r->corpus = fuzz_corpus_create();
    for (size_t i = 0; r->reader->texts && r->reader->texts[i]; i++)
        fuzz_corpus_add_text(r->corpus, r->reader->texts[i]);
    if (r->reader->prepare) r->reader->prepare(r->corpus, r->dir);
    r->report->ready = true;
    r->report->round = r->begin;
    read_good(r);
    if (r->options->replay)
        replay(r);
    else
        for (uint64_t round = r->begin; round < r->end && (stop == 0 || now() < stop); round++) {
            read_round(r, round);
            if ((round + 1 - r->begin) % LEAK_EVERY == 0) check_leaks(r, round + 1);
        }
    check_leaks(r, r->end);
    fuzz_corpus_free(r->corpus);
    r->report->outcome = DONE;
    _exit(0);
}

/* ---- the parent
 * ------------------------------------------------------------------------------------------------- */

static void explain(report *rep, int status) {
    if (rep->outcome == DONE || rep->outcome == FOUND) return;
    if (rep->outcome == LEAKED) {
        snprintf(rep->why, sizeof rep->why,
                 "leak: blocks that a library took and nobody returned (see above)");
    } else if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGALRM)) {
        snprintf(rep->why, sizeof rep->why, "hang: no answer in the time of one input");
    } else if (WIFSIGNALED(status)) {
        snprintf(rep->why, sizeof rep->why, "crash: signal %d, %s", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(rep->why, sizeof rep->why, "crash: the process ended with status %d (see above)",
                 WEXITSTATUS(status));
    }
}

/* Rounds [begin, end) in a fresh process and a fresh folder; *dir is left for the caller. */
static void run_child(run *r, void **dir) {
    if (test_dir_setup(dir) != 0) exit(2);
    r->dir = *dir;
    *r->report = (report){.checked = r->begin};
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) child(r);
    int status = 0;
    while (pid < 0 || (waitpid(pid, &status, 0) < 0 && errno == EINTR)) {
        if (pid < 0) {
            perror("fuzz: fork");
            exit(2);
        }
    }
    explain(r->report, status);
}

/* Leaks are looked for once in many rounds: halves what may have leaked until one round is left. */
static void narrow_leak(run *r, void **dir) {
    uint64_t begin = r->report->checked, end = r->report->round + 1;
    const report whole = *r->report;
    while (end - begin > 1) {
        const uint64_t middle = begin + (end - begin) / 2;
        test_dir_teardown(dir);
        r->begin = begin;
        r->end = middle;
        run_child(r, dir);
        if (r->report->outcome == LEAKED)
            end = middle;
        else
            begin = middle;
    }
    test_dir_teardown(dir);
    r->begin = begin;
    r->end = end;
    run_child(r, dir);
    if (r->report->outcome != LEAKED)
        *r->report = whole; /* it takes several rounds: the last one's input is all there is */
}

static void save(const run *r, fuzz_result *result) {
    char *bytes = NULL;
    size_t n = 0;
    const char *file = strrchr(r->reader->file, '/') ? strrchr(r->reader->file, '/') + 1 : r->reader->file;
    if (ct_read_file(test_path(r->dir, r->reader->file), 0, &bytes, &n, NULL) != CT_OK) return;
    snprintf(result->saved, sizeof result->saved, "%s/%s-%llu-%llu-%s", r->options->out, r->reader->name,
             (unsigned long long)r->options->seed, (unsigned long long)result->round, file);
    if (ct_make_dirs(r->options->out, NULL) == CT_OK) test_write_file(result->saved, bytes, n);
    ct_free(bytes);
}

/* Without sanitizers fewer do: it is the other build that sees most. */
static uint64_t bounded(const fuzz_reader *reader) {
#if defined(__SANITIZE_ADDRESS__)
    return reader->rounds;
#else
    return reader->rounds / 8;
#endif
}

void fuzz_run(const fuzz_reader *reader, const fuzz_options *options, fuzz_result *result) {
    void *dir = NULL;
    run r = {.reader = reader, .options = options};
    r.end = options->seconds > 0 ? UINT64_MAX : options->rounds > 0 ? options->rounds : bounded(reader);
    *result = (fuzz_result){.found = false};
    r.report = mmap(NULL, sizeof *r.report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.report == MAP_FAILED) exit(2);
    run_child(&r, &dir);
    if (r.report->outcome == LEAKED && !options->replay) narrow_leak(&r, &dir);
    result->accepted = r.report->accepted;
    result->refused = r.report->refused;
    result->rounds = r.report->accepted + r.report->refused;
    result->round = r.report->round;
    result->found = r.report->outcome != DONE;
    snprintf(result->why, sizeof result->why, "%s%s",
             r.report->ready ? "" : "before the first input: ", r.report->why);
    if (result->found && r.report->ready && !options->replay) save(&r, result);
    test_dir_teardown(&dir);
    munmap(r.report, sizeof *r.report);
}
