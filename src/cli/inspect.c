/* crosstower inspect: what is in a file or folder of ours, or what the device is. */
#include <stdio.h>

#include "cli/cli.h"

int ct__command_inspect(int argc, char **argv) {
    const ct__usage usage = {
        .command = "inspect",
        .positional = "PATH|device",
        .about =
            "Says what PATH holds: a checkpoint file, a cache folder, a bundle folder or a run folder, and whether\n"
            "it is whole. 'device' says what the model would be computed on (a folder of that name: ./device).",
    };
    ct__args args;
    ct_error err = CT_ERROR_INIT;
    char *text = NULL;

    const int code = ct__args_parse(&usage, argc, argv, &args);
    if (code >= 0) return code;
    const ct_status st = ct_inspect(args.positional, &text, &err);
    if (st == CT_OK) ct__print(text);
    ct_text_free(text);
    return ct__exit_code(st, &err);
}
