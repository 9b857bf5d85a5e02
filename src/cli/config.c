/* crosstower config: the resolved configuration, or the reference of all keys. And opening a configuration. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int ct__exit_code(ct_status status, const ct_error *err) {
    if (status == CT_OK) return CT__EXIT_DONE;
    fprintf(stderr, "crosstower: %s\n", err->text[0] ? err->text : ct_status_name(status));
    if (status == CT_ERR_INTERRUPTED) return CT__EXIT_INTERRUPTED;
    return status == CT_ERR_CONFIG || status == CT_ERR_ARGUMENT ? CT__EXIT_WRONG : CT__EXIT_FAILED;
}

static int count_lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

int ct__open_config(const ct__args *args, ct_config **config) {
    ct_error err = CT_ERROR_INIT;
    char *mistakes = NULL;
    const ct_status st =
        ct_config_open(config, args->positional, args->overrides, args->n_overrides, &mistakes, &err);
    const int n = mistakes ? count_lines(mistakes) : 0;
    int code = -1;
    if (st == CT_ERR_CONFIG && n > 0) {
        fputs(mistakes, stderr);
        fprintf(stderr, "crosstower: %d %s in the configuration '%s'; nothing was run\n", n,
                n == 1 ? "mistake" : "mistakes", args->positional);
        code = CT__EXIT_WRONG;
    } else if (st != CT_OK) {
        code = ct__exit_code(st, &err);
    }
    ct_text_free(mistakes);
    return code;
}

static int explain(bool markdown) {
    ct_error err = CT_ERROR_INIT;
    char *text = NULL;
    const ct_status st = ct_config_reference(markdown, &text, &err);
    if (st == CT_OK) ct__print(text);
    ct_text_free(text);
    return ct__exit_code(st, &err);
}

static int print_resolved(const ct__args *args) {
    ct_error err = CT_ERROR_INIT;
    ct_config *config = NULL;
    char *text = NULL;
    const int code = ct__open_config(args, &config);
    if (code >= 0) return code;
    const ct_status st = ct_config_text(config, &text, &err);
    if (st == CT_OK) ct__print(text);
    ct_text_free(text);
    ct_config_close(config);
    return ct__exit_code(st, &err);
}

int ct__command_config(int argc, char **argv) {
    bool wants_reference = false, markdown = false;
    const ct__option options[] = {
        {.name = "--explain", .help = "every key with its type, default and meaning", .flag = &wants_reference},
        {.name = "--markdown", .help = "with --explain: as a Markdown page", .flag = &markdown},
    };
    const ct__usage usage = {
        .command = "config",
        .positional = "CONFIG",
        .may_lack = true,
        .overrides = true,
        .about =
            "Checks CONFIG and prints it with every default written out, as YAML that loads to the same run.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    const int code = ct__args_parse(&usage, argc, argv, &args);
    if (code >= 0) return code;
    if (markdown && !wants_reference) return ct__args_wrong("config", "--markdown is for --explain");
    if (wants_reference && (args.positional || args.n_overrides))
        return ct__args_wrong("config", "--explain takes no CONFIG and no key=value");
    if (wants_reference) return explain(markdown);
    if (!args.positional) return ct__args_wrong("config", "CONFIG is missing (or --explain)");
    return print_resolved(&args);
}
