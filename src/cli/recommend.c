/* crosstower recommend: the items that suit a user, or a text, as a table or as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"

typedef struct answer {
    ct_recommendation *rows;
    int n;
    char *user_text; /* what the user tower read */
} answer;

/* ---- printing ------------------------------------------------------------------------------------------ */

enum { COLUMNS = 4 };

/* Widest sensible columns: a table that wraps cannot be read. */
static const struct {
    const char *head;
    int most;
} columns[COLUMNS] = {{"platform", 16}, {"item", 20}, {"title", 48}, {"category", 24}};

static const char *cell(const ct_recommendation *row, int column) {
    const char *const cells[COLUMNS] = {row->platform, row->item, row->title, row->category};
    return cells[column] ? cells[column] : "";
}

static void print_table(const ct_query *query, const answer *a) {
    int width[COLUMNS];
    printf("%s reads: ", query->user ? "the user's text" : "the text");
    ct__print_cell(a->user_text, 400, false);
    printf("\n\n");
    for (int c = 0; c < COLUMNS; c++) {
        width[c] = (int)strlen(columns[c].head);
        for (int i = 0; i < a->n; i++) {
            const int w = ct__text_columns(cell(&a->rows[i], c));
            if (w > width[c]) width[c] = w < columns[c].most ? w : columns[c].most;
        }
    }
    printf("%4s", "#");
    for (int c = 0; c < COLUMNS; c++) printf("  %-*s", width[c], columns[c].head);
    printf("  %8s  %11s\n", "score", "probability");
    for (int i = 0; i < a->n; i++) {
        printf("%4d", i + 1);
        for (int c = 0; c < COLUMNS; c++) {
            fputs("  ", stdout);
            ct__print_cell(cell(&a->rows[i], c), width[c], true);
        }
        printf("  %8.4f  %11.6f\n", a->rows[i].score, a->rows[i].probability);
    }
    if (a->n == 0) printf("no item is left\n");
}

static void print_number(const char *key, double value) {
    if (isfinite(value))
        printf(", \"%s\": %.9g", key, value);
    else
        printf(", \"%s\": null", key);
}

static void print_field(const char *key, const char *text) {
    printf(", \"%s\": ", key);
    ct__print_json(text ? text : "");
}

static void print_json(const ct_query *query, const answer *a) {
    printf("{\"%s\": ", query->user ? "user" : "text");
    ct__print_json(query->user ? query->user : query->text);
    print_field("read", a->user_text);
    printf(", \"items\": [");
    for (int i = 0; i < a->n; i++) {
        const ct_recommendation *row = &a->rows[i];
        printf("%s\n  {\"rank\": %d", i ? "," : "", i + 1);
        print_field("platform", row->platform);
        print_field("item", row->item);
        print_field("title", row->title);
        print_field("category", row->category);
        print_number("score", row->score);
        print_number("probability", row->probability);
        printf("}");
    }
    printf("\n]}\n");
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static ct_status recommend(const ct_config *config, const char *checkpoint, const ct_query *query,
                           const ct_observer *observer, ct_recommender **r, answer *a, ct_error *err) {
    const ct_status st = ct_recommender_open(r, config, checkpoint, observer, err);
    return st == CT_OK ? ct_recommend(*r, query, a->rows, &a->n, &a->user_text, err) : st;
}

static int run(const ct__args *args, const char *checkpoint, const ct_query *query, bool as_json) {
    ct__progress progress;
    ct_config *config = NULL;
    ct_recommender *r = NULL;
    ct_error err = CT_ERROR_INIT;
    answer a = {.rows = calloc((size_t)query->k, sizeof *a.rows)};
    if (!a.rows) {
        fprintf(stderr, "crosstower: out of memory for %d items\n", query->k);
        return CT__EXIT_FAILED;
    }
    int code = ct__open_config(args, &config);
    if (code < 0) {
        ct__signals_ask();
        const ct_observer observer = ct__progress_begin(&progress, args->quiet);
        const ct_status st = recommend(config, checkpoint, query, &observer, &r, &a, &err);
        ct__progress_end(&progress);
        if (st == CT_OK && as_json) print_json(query, &a);
        if (st == CT_OK && !as_json) print_table(query, &a);
        code = ct__exit_code(st, &err);
    }
    ct_text_free(a.user_text);
    ct_recommender_close(r);
    ct_config_close(config);
    free(a.rows);
    return code;
}

static int check_query(const ct_query *q) {
    if (!q->user == !q->text) return ct__args_wrong("recommend", "want one of --user ID and --text TEXT");
    if (q->user_platform && !q->user) return ct__args_wrong("recommend", "--user-platform is for --user");
    if (q->with_seen && !q->user) return ct__args_wrong("recommend", "--with-seen is for --user");
    if (q->text && !ct__is_utf8(q->text)) return ct__args_wrong("recommend", "--text is not UTF-8");
    if (q->user && !ct__is_utf8(q->user)) return ct__args_wrong("recommend", "--user is not UTF-8");
    return -1;
}

int ct__command_recommend(int argc, char **argv) {
    ct_query query = {0};
    const char *checkpoint = NULL;
    int64_t k = 10;
    bool as_json = false;
    const ct__option options[] = {
        {.name = "--user", .value = "ID", .help = "for whom, by the platform's own id", .text = &query.user},
        {.name = "--user-platform",
         .value = "P",
         .help = "whose id that is; needed when several platforms know it",
         .text = &query.user_platform},
        {.name = "--text",
         .value = "TEXT",
         .help = "instead of a user: what somebody likes, in words",
         .text = &query.text},
        {.name = "--platform", .value = "P|all", .help = "whose items; default all", .text = &query.platform},
        {.name = "-k", .value = "N", .help = "how many items; default 10", .number = &k, .min = 1, .max = 10000},
        {.name = "--with-seen", .help = "also items that the user already has", .flag = &query.with_seen},
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &checkpoint},
        {.name = "--json", .help = "prints JSON instead of a table", .flag = &as_json},
    };
    const ct__usage usage = {
        .command = "recommend",
        .positional = "CONFIG",
        .overrides = true,
        .observes = true,
        .about =
            "Ranks items for a user or a text. The score is u . i, the probability its softmax over the\n"
            "candidates at the model's temperature.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
    };
    ct__args args;
    int code = ct__args_parse(&usage, argc, argv, &args);
    if (code < 0) code = check_query(&query);
    if (code >= 0) return code;
    query.k = (int)k;
    if (query.platform && strcmp(query.platform, "all") == 0) query.platform = NULL;
    return run(&args, checkpoint, &query, as_json);
}
