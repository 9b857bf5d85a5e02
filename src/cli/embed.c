/* crosstower embed: vectors of texts, by the user tower or the item tower, or of pictures, into a folder with their ids. */
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
    printf("%lld %s, %lld dimensions: %s\n", (long long)j->result.n, j->embed.images ? "pictures" : "texts",
           (long long)j->result.dim, j->embed.out);
}

int ct__command_embed(int argc, char **argv) {
    static const char *const sides[] = {"user", "item", NULL};
    const char *side = NULL;
    job j = {0};
    const ct__option options[] = {
        {.name = "--texts",
         .value = "FILE",
         .help = "a table (csv, tsv, jsonl, gzip too) with columns id and text, or a text a line",
         .text = &j.embed.texts},
        {.name = "--images",
         .value = "DIR|LIST",
         .help = "pictures: a folder with all below it, or a list with a path, or id, tab and path, a line",
         .text = &j.embed.images},
        {.name = "--out", .value = "DIR", .help = "folder to be written", .text = &j.embed.out},
        {.name = "--side",
         .value = "user|item",
         .help = "which tower reads texts; default user. Pictures: item",
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
            "Encodes texts, or pictures, that need not stand in the data: no id and no history goes with them. Writes\n"
            "texts.npy and texts.ids.csv (or images.*), a manifest, and the formats that export.formats names. A text's\n"
            "id, in a file with a text a line, is the line's number; a picture's is its path in the folder or the list.\n"
            "Pictures that cannot be read are named and left out. A folder that embed wrote before is replaced when the\n"
            "new one is whole.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    const int code = ct__args_parse(&usage, argc, argv, &args);
    if (code >= 0) return code;
    if (!j.embed.texts && !j.embed.images) return ct__args_wrong("embed", "--texts or --images is missing");
    if (j.embed.texts && j.embed.images) return ct__args_wrong("embed", "--texts and --images: want one of the two");
    if (!j.embed.out) return ct__args_wrong("embed", "--out is missing");
    if (j.embed.images && side && strcmp(side, "user") == 0)
        return ct__args_wrong("embed", "--side user: pictures are items'");
    j.embed.items = side && strcmp(side, "item") == 0;
    return ct__run_verb(&args, &(ct__verb){.run = run, .print = print, .ctx = &j});
}
