/* crosstower embed: vectors of texts, by the user tower or the item tower, into a folder with their ids. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"

static int run(const ct__args *args, const ct_embed_options *embed) {
    ct__progress progress;
    ct_config *config = NULL;
    ct_embed_result result;
    ct_error err = CT_ERROR_INIT;
    const int code = ct__open_config(args, &config);
    if (code >= 0) return code;
    ct__signals_ask();
    const ct_observer observer = ct__progress_begin(&progress, args->quiet);
    const ct_status st = ct_run_embed(config, embed, &observer, &result, &err);
    ct__progress_end(&progress);
    if (st == CT_OK) printf("%lld texts, %lld dimensions: %s\n", (long long)result.n, (long long)result.dim, embed->out);
    ct_config_close(config);
    return ct__exit_code(st, &err);
}

int ct__command_embed(int argc, char **argv) {
    static const char *const sides[] = {"user", "item", NULL};
    const char *side = "user";
    ct_embed_options embed = {0};
    const ct__option options[] = {
        {.name = "--texts",
         .value = "FILE",
         .help = "a table (csv, tsv, jsonl, gzip too) with columns id and text, or a text a line",
         .text = &embed.texts},
        {.name = "--out", .value = "DIR", .help = "folder to be written", .text = &embed.out},
        {.name = "--side",
         .value = "user|item",
         .help = "which tower reads them; default user",
         .text = &side,
         .choices = sides},
        {.name = "--platform",
         .value = "P",
         .help = "as users or items of which platform; default the first",
         .text = &embed.platform},
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &embed.checkpoint},
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
    if (!embed.texts) return ct__args_wrong("embed", "--texts is missing");
    if (!embed.out) return ct__args_wrong("embed", "--out is missing");
    embed.items = strcmp(side, "item") == 0;
    return run(&args, &embed);
}
