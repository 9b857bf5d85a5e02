/* Reading command lines by table, and printing the table as help. */
#include "cli/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* ---- near names ---------------------------------------------------------------------------------------- */

enum { NAME_MAX_BYTES = 63 };

/* Levenshtein distance of two short names. */
static int distance(const char *a, const char *b) {
    int row[NAME_MAX_BYTES + 1];
    const int n_a = (int)strlen(a), n_b = (int)strlen(b);
    for (int j = 0; j <= n_b; j++) row[j] = j;
    for (int i = 1; i <= n_a; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            const int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            int best = change < row[j] + 1 ? change : row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n_b];
}

const char *ct__args_nearest(const char *text, const char *const *names, int n) {
    const char *best = NULL;
    int least = 0;
    const size_t length = strlen(text);
    if (length == 0 || length > NAME_MAX_BYTES) return NULL;
    for (int i = 0; i < n; i++) {
        const int d = strlen(names[i]) > NAME_MAX_BYTES ? NAME_MAX_BYTES : distance(text, names[i]);
        if (!best || d < least) {
            best = names[i];
            least = d;
        }
    }
    return best && least <= 1 + (int)length / 4 ? best : NULL;
}

int ct__args_wrong(const char *command, const char *format, ...) {
    va_list arguments;
    fputs("crosstower: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nSee 'crosstower %s%s--help'.\n", command ? command : "", command ? " " : "");
    return CT__EXIT_WRONG;
}

/* ---- help ---------------------------------------------------------------------------------------------- */

static void print_option(const char *name, const char *value, const char *help) {
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", name, value ? " " : "", value ? value : "");
    printf("  %-22s %s\n", left, help);
}

static int print_help(const ct__usage *u) {
    printf("usage: crosstower %s", u->command);
    if (u->positional) printf(u->may_lack ? " [%s]" : " %s", u->positional);
    printf(" [option ...]%s\n\n%s\n\noptions:\n", u->overrides ? " [key=value ...]" : "", u->about);
    for (int i = 0; i < u->n_options; i++)
        print_option(u->options[i].name, u->options[i].value, u->options[i].help);
    if (u->observes)
        print_option("--quiet", NULL, "no progress and no remarks on stderr; warnings and errors stay");
    print_option("--help", NULL, "this text");
    if (u->overrides)
        printf(
            "\nkey=value goes over the configuration file: train.lr=1e-4. The keys: crosstower config --explain\n");
    printf("\nexit code: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted\n");
    return CT__EXIT_DONE;
}

/* ---- one argument -------------------------------------------------------------------------------------- */

typedef struct reader {
    const ct__usage *usage;
    int argc;
    char **argv;
    int at;        /* the argument behind the current one */
    uint32_t seen; /* options, by bit */
    bool quiet, help, only_positionals;
} reader;

static bool is_flag(const ct__option *o) {
    return o->flag != NULL;
}

static const ct__option *find_option(const reader *r, const char *name, size_t n) {
    for (int i = 0; i < r->usage->n_options; i++) {
        const ct__option *o = &r->usage->options[i];
        if (strlen(o->name) == n && strncmp(o->name, name, n) == 0) return o;
    }
    return NULL;
}

static int unknown_option(const reader *r, const char *argument, size_t n) {
    const char *names[CT__OPTIONS_MAX + 2];
    char name[NAME_MAX_BYTES + 1] = "";
    int count = 0;
    for (int i = 0; i < r->usage->n_options; i++) names[count++] = r->usage->options[i].name;
    if (r->usage->observes) names[count++] = "--quiet";
    names[count++] = "--help";
    if (n < sizeof name) snprintf(name, sizeof name, "%.*s", (int)n, argument);
    const char *near = ct__args_nearest(name, names, count);
    return ct__args_wrong(r->usage->command, "unknown option '%.*s'%s%s%s", (int)n, argument,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int wrong_choice(const reader *r, const ct__option *o, const char *text) {
    char list[256] = "";
    int n = 0;
    for (size_t length = 0; o->choices[n]; n++) {
        snprintf(list + length, sizeof list - length, "%s%s", n ? ", " : "", o->choices[n]);
        length = strlen(list);
    }
    const char *near = ct__args_nearest(text, o->choices, n);
    return ct__args_wrong(r->usage->command, "%s: found '%s', want one of %s%s%s%s", o->name, text, list,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int store_text(const reader *r, const ct__option *o, const char *text) {
    if (*text == '\0')
        return ct__args_wrong(r->usage->command, "%s: the value is empty, want %s", o->name, o->value);
    for (const char *const *c = o->choices; c; c++) {
        if (!*c) return wrong_choice(r, o, text);
        if (strcmp(*c, text) == 0) break;
    }
    *o->text = text;
    return -1;
}

static int store_number(const reader *r, const ct__option *o, const char *text) {
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    const bool digits = text[0] == '-' ? text[1] >= '0' && text[1] <= '9' : text[0] >= '0' && text[0] <= '9';
    if (!digits || *end != '\0' || errno == ERANGE || value < o->min || value > o->max)
        return ct__args_wrong(r->usage->command, "%s: found '%s', want a whole number from %lld to %lld", o->name,
                              text, (long long)o->min, (long long)o->max);
    *o->number = value;
    return -1;
}

/* The value behind '=' (or behind the letter), or the next argument. */
static int take_value(reader *r, const ct__option *o, const char *attached) {
    const char *text = attached;
    if (!text) {
        const char *next = r->at < r->argc ? r->argv[r->at] : NULL;
        if (!next)
            return ct__args_wrong(r->usage->command, "%s: the value is missing, want %s %s", o->name, o->name,
                                  o->value);
        const size_t n = strcspn(next, "=");
        if (strncmp(next, "--", 2) == 0 && (find_option(r, next, n) || strcmp(next, "--quiet") == 0))
            return ct__args_wrong(r->usage->command, "%s: the value is missing, found the option '%s'", o->name,
                                  next);
        text = next;
        r->at++;
    }
    return o->number ? store_number(r, o, text) : store_text(r, o, text);
}

static int take_option(reader *r, const char *argument) {
    const bool is_long = argument[1] == '-';
    const size_t n = is_long ? strcspn(argument, "=") : 2;
    const char *attached = argument[n] == '\0' ? NULL : argument + n + (argument[n] == '=');
    const bool help = strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
    if (help) {
        r->help = true;
        return -1;
    }
    if (r->usage->observes && strcmp(argument, "--quiet") == 0) {
        r->quiet = true;
        return -1;
    }
    const ct__option *o = find_option(r, argument, n);
    if (!o) return unknown_option(r, argument, is_long ? n : strlen(argument));
    const uint32_t bit = UINT32_C(1) << (o - r->usage->options);
    if (r->seen & bit) return ct__args_wrong(r->usage->command, "%s stands twice", o->name);
    r->seen |= bit;
    if (!is_flag(o)) return take_value(r, o, attached);
    if (attached) return ct__args_wrong(r->usage->command, "%s takes no value, found '%s'", o->name, attached);
    *o->flag = true;
    return -1;
}

/* "key=value", the key being of the characters that keys have: a path with '/' in it is none. */
static bool is_override(const char *argument) {
    static const char of_keys[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strspn(argument, of_keys);
    return n > 0 && argument[n] == '=';
}

static int take_positional(const reader *r, char *argument, ct__args *args) {
    const ct__usage *u = r->usage;
    if (u->overrides && strchr(argument, '=') && (args->positional || is_override(argument))) {
        r->argv[args->n_overrides++] = argument; /* never ahead of what was read */
        return -1;
    }
    if (u->positional && !args->positional) {
        if (*argument == '\0') return ct__args_wrong(u->command, "%s is empty", u->positional);
        args->positional = argument;
        return -1;
    }
    return ct__args_wrong(u->command, "unexpected argument '%s'%s", argument,
                          u->overrides ? "; after the configuration come options and key=value" : "");
}

int ct__args_parse(const ct__usage *usage, int argc, char **argv, ct__args *args) {
    reader r = {.usage = usage, .argc = argc, .argv = argv};
    *args = (ct__args){.overrides = (const char *const *)argv};
    /* --help answers whatever else is wrong with the line. */
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0) return print_help(usage);
    while (r.at < argc) {
        char *argument = argv[r.at++];
        int code;
        if (!r.only_positionals && strcmp(argument, "--") == 0) {
            r.only_positionals = true;
            continue;
        }
        if (!r.only_positionals && argument[0] == '-' && argument[1] != '\0')
            code = take_option(&r, argument);
        else
            code = take_positional(&r, argument, args);
        if (code >= 0) return code;
        if (r.help) return print_help(usage);
    }
    args->quiet = r.quiet;
    if (usage->positional && !usage->may_lack && !args->positional)
        return ct__args_wrong(usage->command, "%s is missing", usage->positional);
    return -1;
}
