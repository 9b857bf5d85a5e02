/* Three platforms small enough to train on in a second: users who like one of three kinds of things. */
#include <stdio.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

enum { USERS = 24, ITEMS = 21, CHOICES = 12 };

static const char *const kinds[] = {"智能手机 phone", "无线耳机 earphone", "智能手表 watch"};
static const char *const words[] = {"red", "blue", "fast", "quiet", "拍照", "音质", "运动", "large"};

static const char config[] = "name: tiny\n"
                             "seed: 7\n"
                             "threads: 1\n"
                             "platforms:\n"
                             "  shop:\n"
                             "    items: {path: shop/goods.csv, id: sku, title: name, text: about, category: kind}\n"
                             "    users: {path: shop/people.csv, id: uid, text: bio}\n"
                             "    interactions: {path: shop/events-*.tsv.gz, user: uid, item: sku, time: ts,\n"
                             "                   event: type, text: words, weights: {view: 0.5, buy: 1}}\n"
                             "  video: {from: video}\n"
                             "  news: {from: news}\n"
                             "links: {users: links.csv}\n"
                             "data: {vocab_size: 300, max_user_tokens: 24, max_item_tokens: 12}\n"
                             "model:\n"
                             "  dim: 16\n"
                             "  user: {layers: 1, hidden: 16, heads: 2}\n"
                             "  item: {embed: 8, widths: [1, 2], filters: 8}\n"
                             "  ids: {users: 4, items: 4, history: 3}\n"
                             "train:\n"
                             "  batch: 32\n"
                             "  steps: 60\n"
                             "  lr: 3e-3\n"
                             "  log_every: 10\n"
                             "  checkpoint: {every: 0.5 epoch, keep: 3}\n"
                             "eval: {every: 1 epoch, at: [5, 10], bootstrap: 20}\n"
                             "export: {formats: [npy, safetensors, faiss, csv]}\n";

/* A small generator of its own: the data must not depend on the code under test. */
static unsigned draw(unsigned *state, unsigned n) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % n;
}

/* The k-th choice of user u on platform p: mostly of the kind that the user likes. */
static int choose(unsigned *state, int u) {
    const unsigned any = draw(state, ITEMS);
    return draw(state, 4) == 0 ? (int)any : (int)(any / 3 * 3 + (unsigned)u % 3);
}

static void make_text(char *out, size_t size, const char *(*line)(char *row, size_t n, int i, unsigned *state), int n,
                      const char *head, unsigned seed) {
    char row[256];
    size_t used = (size_t)snprintf(out, size, "%s", head);
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s", line(row, sizeof row, i, &seed));
        assert_true(used < size);
    }
}

static const char *item_csv(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "g%d,\"%s %d\",\"%s, %s\",kind%d\n", i, kinds[i % 3], i, words[draw(s, 8)], words[draw(s, 8)],
             i % 3);
    return row;
}
static const char *user_csv(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "u%d,likes %s and %s\n", i, kinds[i % 3], words[draw(s, 8)]);
    return row;
}
static const char *event_tsv(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "u%d\tg%d\t%d\t%s\t%s %s\n", i % USERS, choose(s, i % USERS), 1000000 + 100 * i,
             draw(s, 2) ? "view" : "buy", words[draw(s, 8)], kinds[i % 3]);
    return row;
}
static const char *item_default(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "v%d,%s video %d,%s\n", i, kinds[i % 3], i, words[draw(s, 8)]);
    return row;
}
static const char *user_jsonl(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "{\"user_id\": \"w%d\", \"text\": \"%s\"}\n", i, words[draw(s, 8)]);
    return row;
}
static const char *inter_tsv(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "w%d\tv%d\t%d\n", i % USERS, choose(s, i % USERS), 1000050 + 100 * i);
    return row;
}
static const char *item_atomic(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "n%d\t%s news %s\n", i, kinds[i % 3], words[draw(s, 8)]);
    return row;
}
static const char *inter_atomic(char *row, size_t n, int i, unsigned *s) {
    snprintf(row, n, "u%d\tn%d\t%d\n", i % USERS, choose(s, i % USERS), 1000020 + 100 * i);
    return row;
}
static const char *link_csv(char *row, size_t n, int i, unsigned *s) {
    (void)s;
    snprintf(row, n, "u%d,w%d,u%d\n", i, i, i);
    return row;
}

void cli_write_platforms(void) {
    static const struct {
        const char *path, *head;
        const char *(*line)(char *row, size_t n, int i, unsigned *state);
        int n;
    } files[] = {{"shop/goods.csv", "sku,name,about,kind\n", item_csv, ITEMS},
                 {"shop/people.csv", "uid,bio\n", user_csv, USERS},
                 {"shop/events-1.tsv.gz", "uid\tsku\tts\ttype\twords\n", event_tsv, USERS * CHOICES},
                 {"video/items.csv", "item_id,title,text\n", item_default, ITEMS},
                 {"video/users.jsonl", "", user_jsonl, USERS},
                 {"video/interactions.tsv", "user_id\titem_id\ttimestamp\n", inter_tsv, USERS * CHOICES},
                 {"news/news.item", "item_id:token\ttitle:token_seq\n", item_atomic, ITEMS},
                 {"news/news.inter", "user_id:token\titem_id:token\ttimestamp:float\n", inter_atomic, USERS * CHOICES},
                 {"links.csv", "shop,video,news\n", link_csv, USERS / 2}};
    static char text[1 << 16];
    cli_mkdir("shop");
    cli_mkdir("video");
    cli_mkdir("news");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        make_text(text, sizeof text, files[i].line, files[i].n, files[i].head, 17u + (unsigned)i);
        if (files[i].line == event_tsv)
            cli_write_gz(files[i].path, text);
        else
            test_write_text(files[i].path, text);
    }
    test_write_text("run.yaml", config);
}
