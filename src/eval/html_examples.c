/* Example users: what the tower read, what they took before, what the model recommends, what they took then. */
#include "base/alloc.h"
#include "data/user_text.h"
#include "eval/html_parts.h"

enum { PAST_ITEMS = 8, TARGETS = 8, TITLE = 120, WORDS = 700 };

static void put_item_text(ct__page *p, const ct_strings *strings, int32_t item, int64_t most) {
    ct__put_text(p, ct_strings_get(strings, item), most);
}

/* The title, or the id of an item without one. */
static void put_title(ct__page *p, int32_t item) {
    const char *title = ct_strings_get(&p->data->item_title, item);
    ct__put(p, "<span class=\"title\" dir=\"auto\">");
    if (*title) ct__put_text(p, title, TITLE);
    else put_item_text(p, &p->data->item_id, item, TITLE);
    ct__put(p, "</span>");
}

static void put_picture(ct__page *p, int32_t item) {
    if (!p->run->picture) return;
    ct__put_picture(p, p->run->picture(p->data, item), p->run->picture_size,
                    ct_strings_get(&p->data->item_title, item));
}

/* ---- before and after ------------------------------------------------------------------------------------------ */

static void put_words(ct__page *p, const ct_user_text *text, const ct_example *e) {
    ct_str words = {0};
    ct__put(p, "<h4>What the user tower read</h4>\n");
    if (p->config->model.user.kind == CT_ENCODER_NONE) {
        ct__put(p, "<p class=\"muted\">It reads no text.</p>\n");
        return;
    }
    if (p->st == CT_OK) p->st = ct_user_text_words(text, p->data, p->split, e->moment, &words, p->err);
    if (words.length == 0) {
        ct__put(p, "<p class=\"muted\">Nothing: of this user no words are known.</p>\n");
    } else {
        ct__put(p, "<blockquote dir=\"auto\">");
        ct__put_text(p, ct_str_text(&words), WORDS);
        ct__put(p, "</blockquote>\n");
    }
    ct_str_free(&words);
}

static void put_past(ct__page *p, const ct_example *e) {
    int64_t latest[PAST_ITEMS];
    const ct_dataset *d = p->data;
    const int n = ct_history(d, p->split, e->moment, PAST_ITEMS, latest);
    ct__put(p, "<h4>Took before <span class=\"muted\">latest first</span></h4>\n");
    if (n == 0) {
        ct__put(p, "<p class=\"muted\">Nothing that is known.</p>\n");
        return;
    }
    ct__put(p, "<ul class=\"items\">\n");
    for (int i = 0; i < n; i++) {
        const int32_t item = d->inter_item[latest[i]], platform = d->item_platform[item];
        ct__put(p, "<li>");
        put_picture(p, item);
        ct__put(p, "<span>");
        put_title(p, item);
        if (platform != d->user_platform[e->moment.user]) {
            ct__put(p, " <span class=\"chip\">");
            ct__put_text(p, ct_strings_get(&d->platform_name, platform), 40);
            ct__put(p, "</span>");
        }
        ct__put(p, "</span></li>\n");
    }
    ct__put(p, "</ul>\n");
}

static void put_targets(ct__page *p, const ct_example *e) {
    ct__put(p, "<h4>Took then <span class=\"muted\">and where the model has it</span></h4>\n<ul class=\"items\">\n");
    for (int32_t i = 0; i < e->n_targets && i < TARGETS; i++) {
        ct__put(p, "<li>");
        put_picture(p, e->target[i]);
        ct__put(p, "<span>");
        put_title(p, e->target[i]);
        ct__put(p, " <span class=\"chip%s\">rank %.10g</span></span></li>\n",
                e->rank[i] <= CT_EXAMPLE_ITEMS ? " hit" : "", e->rank[i]);
    }
    if (e->n_targets > TARGETS) ct__put(p, "<li class=\"muted\">and %d more</li>\n", (int)e->n_targets - TARGETS);
    ct__put(p, "</ul>\n");
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

static void put_recommended(ct__page *p, const ct_example *e) {
    ct__put(p, "<h4>Top %d of the platform</h4>\n<table class=\"top\"><thead><tr><th scope=\"col\">#</th>",
            CT_EXAMPLE_ITEMS);
    if (p->run->picture) ct__put(p, "<th scope=\"col\"><span class=\"hidden\">picture</span></th>");
    ct__put(p, "<th scope=\"col\">item</th><th scope=\"col\" class=\"category\">category</th>"
            "<th scope=\"col\">score</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < e->n_items; i++) {
        ct__put(p, e->hit[i] ? "<tr class=\"hit\"><td>%d</td>" : "<tr><td>%d</td>", i + 1);
        if (p->run->picture) {
            ct__put(p, "<td>");
            put_picture(p, e->item[i]);
            ct__put(p, "</td>");
        }
        ct__put(p, "<td>");
        put_title(p, e->item[i]);
        if (e->hit[i]) ct__put(p, " <span class=\"chip hit\">hit</span>");
        ct__put(p, "</td><td class=\"category\" dir=\"auto\">");
        put_item_text(p, &p->data->item_category, e->item[i], 40);
        ct__put(p, "</td><td>");
        ct__put_figure(p, (double)e->score[i]);
        ct__put(p, "</td></tr>\n");
    }
    ct__put(p, "</tbody></table>\n");
}

/* ---- a user ---------------------------------------------------------------------------------------------------- */

static void put_user(ct__page *p, const ct_user_text *text, const ct_example *e) {
    const int64_t past = e->moment.own_end - p->data->inter_begin[e->moment.user];
    int hits = 0;
    for (int i = 0; i < e->n_items; i++) hits += e->hit[i];
    ct__put(p, "<article class=\"user\">\n<header><b>");
    ct__put_text(p, ct_strings_get(&p->data->user_id, e->moment.user), 60);
    ct__put(p, "</b> <span class=\"muted\">");
    ct__put_count(p, past);
    ct__put(p, " known interaction%s here · %d of %d found in the top %d</span></header>\n"
            "<div class=\"sides\"><div>\n", past == 1 ? "" : "s", hits, (int)e->n_targets, CT_EXAMPLE_ITEMS);
    put_words(p, text, e);
    put_past(p, e);
    put_targets(p, e);
    ct__put(p, "</div><div>\n");
    put_recommended(p, e);
    ct__put(p, "</div></div>\n</article>\n");
}

void ct__put_examples(ct__page *p, const ct_platform_report *platform) {
    ct_user_text *text = NULL;
    if (p->st != CT_OK || platform->n_examples == 0) return;
    if (p->config->model.user.kind != CT_ENCODER_NONE)
        p->st = ct_user_text_create(&text, p->config->data.user_text, p->data->tokenizer, p->err);
    ct__put(p, "<h3>Example users <span class=\"muted\">%d drawn by seed %lld</span></h3>\n", platform->n_examples,
            (long long)p->config->seed);
    for (int i = 0; i < platform->n_examples && p->st == CT_OK; i++)
        put_user(p, text, &platform->examples[i]);
    if (text)
        ct__put(p, "<p class=\"muted\">The user tower reads at most %lld tokens: a longer text is cut at its end.</p>"
                "\n", (long long)p->config->data.max_user_tokens);
    ct_user_text_free(text);
}
