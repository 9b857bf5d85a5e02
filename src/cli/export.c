/* crosstower export: writes the bundle of user and item vectors. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/progress.h"

int ct__command_export(int argc, char **argv) {
    const char *checkpoint = NULL, *out = NULL;
    const ct__option options[] = {
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &checkpoint},
        {.name = "--out",
         .value = "DIR",
         .help = "folder of the bundle; default: export.path of the configuration",
         .text = &out},
    };
    const ct__usage usage = {
        .command = "export",
        .positional = "CONFIG",
        .overrides = true,
        .observes = true,
        .about =
            "Encodes every user and item and writes the vectors with their ids and a manifest, in the formats that\n"
            "export.formats names; scores from the files are checked against the model. An older bundle at the same\n"
            "place is replaced when the new one is whole. Prints the folder's path.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    ct__progress progress;
    ct_config *config = NULL;
    ct_error err = CT_ERROR_INIT;
    char *written = NULL;

    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code < 0) code = ct__open_config(&args, &config);
    if (code >= 0) return code;
    ct__signals_ask();
    const ct_observer observer = ct__progress_begin(&progress, args.quiet);
    const ct_status st = ct_run_export(config, checkpoint, out, &observer, &written, &err);
    ct__progress_end(&progress);
    if (st == CT_OK) printf("%s\n", written);
    ct_text_free(written);
    ct_config_close(config);
    return ct__exit_code(st, &err);
}
