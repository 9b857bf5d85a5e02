/* crosstower recommend: the items that suit a user, or a text, as a table or as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef struct answer {
    ct_query query;
    const char *checkpoint;
    bool as_json;
    ct_recommender *recommender; /* the rows' texts are its */
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

static void print_table(const answer *a) {
    int width[COLUMNS];
    printf("%s reads: ", a->query.user ? "the user's text" : "the text");
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

static void print_json(const answer *a) {
    printf("{\"%s\": ", a->query.user ? "user" : "text");
    ct__print_json(a->query.user ? a->query.user : a->query.text);
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

/* A recommender lives no longer than its configuration: it is closed here when there is nothing to print, else by print. */
static ct_status run(const ct_config *config, const ct_observer *observer, void *ctx, ct_error *err) {
    answer *a = ctx;
    ct_status st = ct_recommender_open(&a->recommender, config, a->checkpoint, observer, err);
    if (st == CT_OK) st = ct_recommend(a->recommender, &a->query, a->rows, &a->n, &a->user_text, err);
    if (st != CT_OK) ct_recommender_close(a->recommender);
    return st;
}

static void print(const ct_config *config, void *ctx) {
    const answer *a = ctx;
    (void)config;
    if (a->as_json) print_json(a);
    else print_table(a);
    ct_recommender_close(a->recommender);
}

static int answer_query(const ct__args *args, answer *a) {
    a->rows = calloc((size_t)a->query.k, sizeof *a->rows);
    if (!a->rows) {
        fprintf(stderr, "crosstower: out of memory for %d items\n", a->query.k);
        return CT__EXIT_FAILED;
    }
    const int code = ct__run_verb(args, &(ct__verb){.run = run, .print = print, .ctx = a});
    ct_text_free(a->user_text);
    free(a->rows);
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
    answer a = {0};
    ct_query *query = &a.query;
    int64_t k = 10;
    const ct__option options[] = {
        {.name = "--user", .value = "ID", .help = "for whom, by the platform's own id", .text = &query->user},
        {.name = "--user-platform",
         .value = "P",
         .help = "whose id that is; needed when several platforms know it",
         .text = &query->user_platform},
        {.name = "--text",
         .value = "TEXT",
         .help = "instead of a user: what somebody likes, in words",
         .text = &query->text},
        {.name = "--platform", .value = "P|all", .help = "whose items; default all", .text = &query->platform},
        {.name = "-k", .value = "N", .help = "how many items; default 10", .number = &k, .min = 1, .max = 10000},
        {.name = "--with-seen", .help = "also what the person already has, here or elsewhere", .flag = &query->with_seen},
        {.name = "--checkpoint",
         .value = "FILE",
         .help = "weights; default: the run's best checkpoint, else the newest",
         .text = &a.checkpoint},
        {.name = "--json", .help = "prints JSON instead of a table", .flag = &a.as_json},
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
    if (code < 0) code = check_query(query);
    if (code >= 0) return code;
    query->k = (int)k;
    if (query->platform && strcmp(query->platform, "all") == 0) query->platform = NULL;
    return answer_query(&args, &a);
}
