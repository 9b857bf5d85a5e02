/* crosstower eval: ranks the whole catalogue for the users of a stage and prints the report. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/progress.h"

int ct__command_eval(int argc, char **argv) {
    static const char *const stages[] = {"test", "valid", NULL};
    const char *stage = "test", *checkpoint = NULL;
    bool as_json = false;
    const ct__option options[] = {
        {.name = "--stage",
         .value = "test|valid",
         .help = "which held-back part is ranked; default test",
         .text = &stage,
         .choices = stages},
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &checkpoint},
        {.name = "--json", .help = "prints the report as JSON instead of a table", .flag = &as_json},
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
    ct__progress progress;
    ct_config *config = NULL;
    ct_error err = CT_ERROR_INIT;
    char *report = NULL;

    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code < 0) code = ct__open_config(&args, &config);
    if (code >= 0) return code;
    ct__signals_ask();
    const ct_observer observer = ct__progress_begin(&progress, args.quiet);
    const ct_status st = ct_run_evaluate(config, checkpoint, stage, &observer, as_json ? NULL : &report,
                                         as_json ? &report : NULL, &err);
    ct__progress_end(&progress);
    if (st == CT_OK) ct__print(report);
    ct_text_free(report);
    ct_config_close(config);
    return ct__exit_code(st, &err);
}
