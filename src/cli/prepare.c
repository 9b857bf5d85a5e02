/* crosstower prepare: makes the dataset cache, or says that the one there fits. */
#include "cli/cli.h"

typedef struct job {
    bool force;
    char *report;
} job;

static ct_status run(const ct_config *config, const ct_observer *observer, void *ctx, ct_error *err) {
    job *j = ctx;
    return ct_run_prepare(config, j->force, observer, &j->report, err);
}

static void print(const ct_config *config, void *ctx) {
    (void)config;
    ct__print(((job *)ctx)->report);
}

int ct__command_prepare(int argc, char **argv) {
    job j = {0};
    const ct__option options[] = {
        {.name = "--force", .help = "makes the cache anew even when the one there fits", .flag = &j.force},
    };
    const ct__usage usage = {
        .command = "prepare",
        .positional = "CONFIG",
        .overrides = true,
        .observes = true,
        .about =
            "Reads the platforms' files, counts what is wrong in them and writes the cache that training maps into\n"
            "memory. A cache that fits the files and settings is kept. The other commands do this by themselves.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    int code = ct__args_parse(&usage, argc, argv, &args);
    /* At once: the cache gets its name when it is whole. */
    if (code < 0) code = ct__run_verb(&args, &(ct__verb){.run = run, .print = print, .ctx = &j, .at_once = true});
    ct_text_free(j.report);
    return code;
}
