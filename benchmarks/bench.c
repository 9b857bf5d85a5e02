/* The program bench: times ops, whole steps, and what other programs do too. See docs/benchmarks.md. */
#include <fnmatch.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "benchmarks/catalogue.h"
#include "benchmarks/compare.h"
#include "benchmarks/report.h"
#include "benchmarks/serve.h"

enum { EXIT_DONE, EXIT_FAILED, EXIT_WRONG };

typedef struct command {
    bench_options options;
    int repeats;
    bool list;
    const char *json, *serve, *compare; /* NULL: not asked for */
    char **words;                       /* patterns; with compare the second file */
    int n_words;
} command;

static const char usage[] =
    "usage: bench [PATTERN ...] [--repeats 7] [--threads N] [--json FILE] [--list] [--shapes FOLDER]\n"
    "       bench --serve CASE [--threads N] [--shapes FOLDER]\n"
    "       bench --compare OLD.json NEW.json\n\n"
    "Times cases whose names match a pattern (* and ? as in a shell), or all, and prints median, spread and "
    "shares of\n"
    "the machine's peaks. exit code: 0 done, 1 a case failed or, with --compare, is slower, 2 wrong usage or "
    "input\n";

static int wrong(const ct_error *err) {
    fprintf(stderr, "bench: %s\n", err->text);
    return EXIT_WRONG;
}

/* ---- the command line ---------------------------------------------------------------------------------- */

static ct_status read_count(int *out, const char *name, const char *text, int least, int most,
                            ct_error *err) {
    int64_t value;
    if (!ct_parse_i64(text, &value) || value < least || value > most)
        return ct_fail(err, CT_ERR_ARGUMENT, "%s is '%s', want a whole number from %d to %d", name, text,
                       least, most);
    *out = (int)value;
    return CT_OK;
}

static ct_status read_option(command *c, int option, ct_error *err) {
    switch (option) {
    case 'r':
        return read_count(&c->repeats, "--repeats", optarg, 1, BENCH_REPEATS_MAX, err);
    case 't':
        return read_count(&c->options.threads, "--threads", optarg, 1, 1024, err);
    case 'j':
        c->json = optarg;
        return CT_OK;
    case 'S':
        c->options.shapes = optarg;
        return CT_OK;
    case 's':
        c->serve = optarg;
        return CT_OK;
    case 'c':
        c->compare = optarg;
        return CT_OK;
    case 'l':
        c->list = true;
        return CT_OK;
    default:
        return ct_fail(err, CT_ERR_ARGUMENT, "see bench --help");
    }
}

static ct_status read_command(command *c, int argc, char **argv, ct_error *err) {
    static const struct option known[] = {
        {"repeats", required_argument, NULL, 'r'}, {"threads", required_argument, NULL, 't'},
        {"json", required_argument, NULL, 'j'},    {"shapes", required_argument, NULL, 'S'},
        {"serve", required_argument, NULL, 's'},   {"compare", required_argument, NULL, 'c'},
        {"list", no_argument, NULL, 'l'},          {0},
    };
    *c = (command){.options = {.shapes = "benchmarks/shapes"}, .repeats = 7};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        CT_CHECK(read_option(c, option, err));
    c->words = argv + optind;
    c->n_words = argc - optind;
    if ((c->serve != NULL) + (c->compare != NULL) + c->list > 1)
        return ct_fail(err, CT_ERR_ARGUMENT, "only one of --serve, --compare and --list");
    if (c->json && (c->serve || c->compare || c->list))
        return ct_fail(err, CT_ERR_ARGUMENT, "--json is for runs that are timed here");
    if (c->compare && c->n_words != 1)
        return ct_fail(err, CT_ERR_ARGUMENT, "--compare wants two files, found %d", 1 + c->n_words);
    if (c->serve && c->n_words != 0)
        return ct_fail(err, CT_ERR_ARGUMENT, "--serve takes one case, found '%s' beside it", c->words[0]);
    return CT_OK;
}

/* ---- which cases --------------------------------------------------------------------------------------- */

static bool is_wanted(const command *c, const char *name) {
    for (int i = 0; i < c->n_words; i++)
        if (fnmatch(c->words[i], name, 0) == 0) return true;
    return c->n_words == 0;
}

/* Every pattern finds something. */
static ct_status check_patterns(const command *c, const bench_catalogue *all, ct_error *err) {
    for (int i = 0; i < c->n_words; i++) {
        size_t at = 0;
        while (at < all->n && fnmatch(c->words[i], all->entries[at].c.name, 0) != 0) at++;
        if (at == all->n)
            return ct_fail(err, CT_ERR_ARGUMENT, "no case '%s'; bench --list has all", c->words[i]);
    }
    return CT_OK;
}

static int list_cases(const command *c, const bench_catalogue *all) {
    for (size_t i = 0; i < all->n; i++)
        if (is_wanted(c, all->entries[i].c.name))
            printf("%-44s %s\n", all->entries[i].c.name, all->entries[i].c.what);
    return EXIT_DONE;
}

/* ---- running ------------------------------------------------------------------------------------------- */

static ct_status time_case(bench_result *r, const bench_entry *entry, const command *c) {
    void *state = NULL;
    CT_CHECK(bench_entry_open(&state, entry, &c->options, &r->error));
    if (r->c->work) r->work = r->c->work(state);
    const ct_status st = bench_times_take(&r->times, r->c, state, c->repeats, &r->error);
    r->c->close(state);
    return st;
}

static ct_status run_cases(bench_report *report, const command *c, const bench_catalogue *all,
                           ct_error *err) {
    for (size_t i = 0; i < all->n; i++) {
        const bench_entry *entry = &all->entries[i];
        if (!is_wanted(c, entry->c.name)) continue;
        CT_CHECK(ct_grow((void **)&report->results, &report->capacity, report->n + 1, sizeof *report->results,
                         err));
        bench_result *r = &report->results[report->n++];
        *r = (bench_result){.c = &entry->c, .error = CT_ERROR_INIT};
        r->status = time_case(r, entry, c);
        bench_print_result(report, r);
    }
    return c->json ? bench_report_write(report, c->json, err) : CT_OK;
}

static int run_all(const command *c, const ct_device_info *info, const bench_catalogue *all) {
    ct_error err = CT_ERROR_INIT;
    bench_report report = {.info = *info};
    size_t failed = 0;
    ct_status st = bench_peaks_measure(&report.peaks, info, &err);
    if (st == CT_OK) {
        bench_print_head(&report);
        st = run_cases(&report, c, all, &err);
    }
    for (size_t i = 0; i < report.n; i++) failed += report.results[i].status != CT_OK;
    bench_report_free(&report);
    if (st != CT_OK) return wrong(&err);
    return failed ? EXIT_FAILED : EXIT_DONE;
}

static int serve(const command *c, const bench_catalogue *all) {
    ct_error err = CT_ERROR_INIT;
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->entries[i].c.name, c->serve) != 0) continue;
        if (bench_serve(&all->entries[i], &c->options, &err) == CT_OK) return EXIT_DONE;
        fprintf(stderr, "bench: %s: %s\n", c->serve, err.text);
        return EXIT_FAILED;
    }
    ct_fail(&err, CT_ERR_ARGUMENT, "no case '%s'; bench --list has all", c->serve);
    return wrong(&err);
}

/* Threads that nobody gave are those that the device takes. dev: open, for what info points to. */
static int run_command(command *c, ct_device *dev) {
    ct_error err = CT_ERROR_INIT;
    bench_catalogue all;
    int code = EXIT_WRONG;
    const ct_device_info info = ct_device_get_info(dev);
    c->options.threads = info.n_threads;
    if (bench_catalogue_read(&all, c->options.shapes, &err) != CT_OK) return wrong(&err);
    if (check_patterns(c, &all, &err) != CT_OK)
        wrong(&err);
    else
        code = c->list ? list_cases(c, &all) : c->serve ? serve(c, &all) : run_all(c, &info, &all);
    bench_catalogue_free(&all);
    return code;
}

static int run_compare(const command *c) {
    ct_error err = CT_ERROR_INIT;
    bool slower = false;
    if (bench_compare(c->compare, c->words[0], &slower, &err) != CT_OK) return wrong(&err);
    return slower ? EXIT_FAILED : EXIT_DONE;
}

/* The threads spin as those of the program crosstower do (src/cli/main.c); libgomp reads this when it is
 * loaded. */
static void spin_as_the_program(char **argv) {
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
    if (setenv("GOMP_SPINCOUNT", "1000", 0) == 0)
        execv("/proc/self/exe", argv); /* returns only when it failed */
}

int main(int argc, char **argv) {
    ct_error err = CT_ERROR_INIT;
    command c;
    spin_as_the_program(argv);
    setlocale(LC_ALL, "C.UTF-8");
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout) < 0;
    if (read_command(&c, argc, argv, &err) != CT_OK) return wrong(&err);
    if (c.compare) return run_compare(&c);
    ct_device *dev = NULL;
    if (ct_device_open(&dev, "cpu", c.options.threads, &err) != CT_OK) return wrong(&err);
    const int code = run_command(&c, dev);
    ct_device_close(dev);
    return code;
}
