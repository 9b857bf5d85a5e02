/* crosstower prepare: makes the dataset cache, or says that the one there fits. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/progress.h"

int ct__command_prepare(int argc, char **argv) {
    bool force = false;
    const ct__option options[] = {
        {.name = "--force", .help = "makes the cache anew even when the one there fits", .flag = &force},
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
    ct__progress progress;
    ct_config *config = NULL;
    ct_error err = CT_ERROR_INIT;
    char *report = NULL;

    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code < 0) code = ct__open_config(&args, &config);
    if (code >= 0) return code;
    ct__signals_end(); /* the cache gets its name when it is whole */
    const ct_observer observer = ct__progress_begin(&progress, args.quiet);
    const ct_status st = ct_run_prepare(config, force, &observer, &report, &err);
    ct__progress_end(&progress);
    if (st == CT_OK) ct__print(report);
    ct_text_free(report);
    ct_config_close(config);
    return ct__exit_code(st, &err);
}
