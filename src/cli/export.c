/* crosstower export: writes the bundle of user and item vectors. */
#include <stdio.h>

#include "cli/cli.h"

typedef struct job {
    const char *checkpoint, *out;
    char *written;
} job;

static ct_status run(const ct_config *config, const ct_observer *observer, void *ctx, ct_error *err) {
    job *j = ctx;
    return ct_run_export(config, j->checkpoint, j->out, observer, &j->written, err);
}

static void print(const ct_config *config, void *ctx) {
    (void)config;
    printf("%s\n", ((job *)ctx)->written);
}

int ct__command_export(int argc, char **argv) {
    job j = {0};
    const ct__option options[] = {
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &j.checkpoint},
        {.name = "--out",
         .value = "DIR",
         .help = "folder of the bundle; default: export.path of the configuration",
         .text = &j.out},
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
    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code < 0) code = ct__run_verb(&args, &(ct__verb){.run = run, .print = print, .ctx = &j});
    ct_text_free(j.written);
    return code;
}
