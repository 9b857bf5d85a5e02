/* crosstower train: trains a run, goes on with one, or says what it would be. */
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"

typedef struct job {
    bool dry_run;
    ct_train_options options;
    ct_train_result result;
    char *plan;
} job;

static ct_status run(const ct_config *config, const ct_observer *observer, void *ctx, ct_error *err) {
    job *j = ctx;
    return j->dry_run ? ct_run_plan(config, observer, &j->plan, err)
                      : ct_run_train(config, &j->options, observer, &j->result, err);
}

static void print(const ct_config *config, void *ctx) {
    const job *j = ctx;
    const ct_train_result *r = &j->result;
    if (j->dry_run) {
        ct__print(j->plan);
        return;
    }
    printf("%lld steps", (long long)r->steps);
    if (isnan(r->loss))
        printf(", nothing is left to do");
    else
        printf(", loss %.4f", r->loss);
    if (r->best_step > 0 && !isnan(r->best))
        printf(", best validation %.4f at step %lld", r->best, (long long)r->best_step);
    if (r->skipped > 0) printf(", %lld updates were not finite and skipped", (long long)r->skipped);
    printf("%s\nrun folder: %s\n", r->stopped_early ? ", stopped early" : "", ct_config_run_dir(config));
}

int ct__command_train(int argc, char **argv) {
    job j = {0};
    const ct__option options[] = {
        {.name = "--resume",
         .help = "goes on from the newest checkpoint of the run folder, if there is one",
         .flag = &j.options.resume},
        {.name = "--overwrite",
         .help = "starts over in a run folder that holds checkpoints",
         .flag = &j.options.overwrite},
        {.name = "--dry-run",
         .help = "says what training would be: parameters, memory, negatives, steps; trains nothing",
         .flag = &j.dry_run},
        {.name = "--stop-after",
         .value = "N",
         .help = "writes a checkpoint after N steps and exits with 130, as if interrupted",
         .number = &j.options.stop_after,
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
    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code >= 0) return code;
    if (j.options.resume && j.options.overwrite)
        return ct__args_wrong("train", "--resume and --overwrite exclude each other");
    if (j.dry_run && (j.options.resume || j.options.overwrite || j.options.stop_after))
        return ct__args_wrong("train",
                              "--dry-run trains nothing: leave --resume, --overwrite and --stop-after out");
    code = ct__run_verb(&args, &(ct__verb){.run = run, .print = print, .ctx = &j, .at_once = j.dry_run});
    ct_text_free(j.plan);
    return code;
}
