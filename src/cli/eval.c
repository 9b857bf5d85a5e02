/* crosstower eval: ranks the whole catalogue for the users of a stage and prints the report. */
#include <stdio.h>

#include "cli/cli.h"

typedef struct job {
    const char *stage, *checkpoint;
    bool as_json;
    char *report;
} job;

static ct_status run(const ct_config *config, const ct_observer *observer, void *ctx, ct_error *err) {
    job *j = ctx;
    return ct_run_evaluate(config, j->checkpoint, j->stage, observer, j->as_json ? NULL : &j->report,
                           j->as_json ? &j->report : NULL, err);
}

static void print(const ct_config *config, void *ctx) {
    (void)config;
    ct__print(((job *)ctx)->report);
}

int ct__command_eval(int argc, char **argv) {
    static const char *const stages[] = {"test", "valid", NULL};
    job j = {.stage = "test"};
    const ct__option options[] = {
        {.name = "--stage",
         .value = "test|valid",
         .help = "which held-back part is ranked; default test",
         .text = &j.stage,
         .choices = stages},
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &j.checkpoint},
        {.name = "--json", .help = "prints the report as JSON instead of a table", .flag = &j.as_json},
    };
    const ct__usage usage = {
        .command = "eval",
        .positional = "CONFIG",
        .overrides = true,
        .observes = true,
        .about =
            "Ranks every item for every user of the stage and prints the metrics of each platform beside those of\n"
            "popularity and item-kNN. The report also goes to reports/ in the run folder, as JSON and as an HTML page\n"
            "with the run's curves and example users; the page's path is printed to stderr.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code < 0) code = ct__run_verb(&args, &(ct__verb){.run = run, .print = print, .ctx = &j});
    ct_text_free(j.report);
    return code;
}
