/* crosstower train: trains a run, goes on with one, or says what it would be. */
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/progress.h"

static ct_status plan(const ct_config *config, const ct_observer *observer, ct_error *err) {
    char *text = NULL;
    const ct_status st = ct_run_plan(config, observer, &text, err);
    if (st == CT_OK) ct__print(text);
    ct_text_free(text);
    return st;
}

static ct_status train(const ct_config *config, const ct_train_options *options, const ct_observer *observer,
                       ct_error *err) {
    ct_train_result r = {0};
    const ct_status st = ct_run_train(config, options, observer, &r, err);
    if (st != CT_OK) return st;
    printf("%lld steps, loss %.4f", (long long)r.steps, r.loss);
    if (r.best_step > 0 && !isnan(r.best))
        printf(", best validation %.4f at step %lld", r.best, (long long)r.best_step);
    if (r.skipped > 0) printf(", %lld updates were not finite and skipped", (long long)r.skipped);
    printf("%s\nrun folder: %s\n", r.stopped_early ? ", stopped early" : "", ct_config_run_dir(config));
    return CT_OK;
}

int ct__command_train(int argc, char **argv) {
    bool dry_run = false;
    ct_train_options run = {0};
    const ct__option options[] = {
        {.name = "--resume",
         .help = "goes on from the newest checkpoint of the run folder, if there is one",
         .flag = &run.resume},
        {.name = "--overwrite",
         .help = "starts over in a run folder that holds checkpoints",
         .flag = &run.overwrite},
        {.name = "--dry-run",
         .help = "says what the run would be: parameters, memory, negatives, steps; trains nothing",
         .flag = &dry_run},
        {.name = "--stop-after",
         .value = "N",
         .help = "writes a checkpoint after N steps and exits with 130, as if interrupted",
         .number = &run.stop_after,
         .min = 1,
         .max = INT64_C(1000000000000000)},
    };
    const ct__usage usage = {
        .command = "train",
        .positional = "CONFIG",
        .overrides = true,
        .observes = true,
        .about =
            "Trains the run of CONFIG to its end. Checkpoints, metrics and the resolved configuration go into the\n"
            "run folder. Ctrl-C and SIGTERM write a checkpoint and exit with 130; --resume goes on as if nothing\n"
            "had been.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    ct__progress progress;
    ct_config *config = NULL;
    ct_error err = CT_ERROR_INIT;

    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code >= 0) return code;
    if (run.resume && run.overwrite) return ct__args_wrong("train", "--resume and --overwrite exclude each other");
    if (dry_run && (run.resume || run.overwrite || run.stop_after))
        return ct__args_wrong("train",
                              "--dry-run trains nothing: leave --resume, --overwrite and --stop-after out");
    code = ct__open_config(&args, &config);
    if (code >= 0) return code;
    if (dry_run)
        ct__signals_end();
    else
        ct__signals_ask();
    const ct_observer observer = ct__progress_begin(&progress, args.quiet);
    const ct_status st = dry_run ? plan(config, &observer, &err) : train(config, &run, &observer, &err);
    ct__progress_end(&progress);
    ct_config_close(config);
    return ct__exit_code(st, &err);
}
