/* crosstower embed: vectors of texts, by the user tower or the item tower, into a folder with their ids. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

typedef struct job {
    ct_embed_options embed;
    ct_embed_result result;
} job;

static ct_status run(const ct_config *config, const ct_observer *observer, void *ctx, ct_error *err) {
    job *j = ctx;
    return ct_run_embed(config, &j->embed, observer, &j->result, err);
}

static void print(const ct_config *config, void *ctx) {
    const job *j = ctx;
    (void)config;
    printf("%lld texts, %lld dimensions: %s\n", (long long)j->result.n, (long long)j->result.dim, j->embed.out);
}

int ct__command_embed(int argc, char **argv) {
    static const char *const sides[] = {"user", "item", NULL};
    const char *side = "user";
    job j = {0};
    const ct__option options[] = {
        {.name = "--texts",
         .value = "FILE",
         .help = "a table (csv, tsv, jsonl, gzip too) with columns id and text, or a text a line",
         .text = &j.embed.texts},
        {.name = "--out", .value = "DIR", .help = "folder to be written", .text = &j.embed.out},
        {.name = "--side",
         .value = "user|item",
         .help = "which tower reads them; default user",
         .text = &side,
         .choices = sides},
        {.name = "--platform",
         .value = "P",
         .help = "as users or items of which platform; default the first",
         .text = &j.embed.platform},
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &j.embed.checkpoint},
    };
    const ct__usage usage = {
        .command = "embed",
        .positional = "CONFIG",
        .overrides = true,
        .observes = true,
        .about =
            "Encodes texts that need not stand in the data: no id and no history goes with them. Writes texts.npy,\n"
            "texts.ids.csv, a manifest, and the formats that export.formats names; in a file with a text a line the\n"
            "id is the line's number. A folder that embed wrote before is replaced when the new one is whole.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    const int code = ct__args_parse(&usage, argc, argv, &args);
    if (code >= 0) return code;
    if (!j.embed.texts) return ct__args_wrong("embed", "--texts is missing");
    if (!j.embed.out) return ct__args_wrong("embed", "--out is missing");
    j.embed.items = strcmp(side, "item") == 0;
    return ct__run_verb(&args, &(ct__verb){.run = run, .print = print, .ctx = &j});
}
