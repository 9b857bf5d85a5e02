/* Prepare and the dataset cache: what is kept, counted, linked, split; when a cache is used again; broken caches. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/rng.h"
#include "data/dataset_format.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

/* A configuration with all that it points to. Its files lie in the folder of the test. */
typedef struct world {
    ct_config config;
    ct_config_platform platforms[3];
    char *paths[16];
    int n_paths;
    char cache[512];
    const char *dir;
    ct_prepare_report report;
    ct_error err;
    ct_dataset *data;
} world;

static ct_strlist file(world *w, const char *name) {
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", w->dir, name) > 0);
    w->paths[w->n_paths] = path;
    return (ct_strlist){&w->paths[w->n_paths++], 1};
}

static void write_text(const world *w, const char *name, const char *text) {
    test_write_text(test_path(w->dir, name), text);
}

/* Adds a platform of three files, NAME-items.csv ...; users NULL: no users file. */
static ct_config_platform *add_platform(world *w, const char *name, const char *items, const char *users,
                                        const char *interactions) {
    ct_config_platform *p = &w->platforms[w->config.n_platforms++];
    char text[128];
    p->name = (char *)name;
    p->interactions.min_rating = NAN;
    snprintf(text, sizeof text, "%s-items.csv", name);
    write_text(w, text, items);
    p->items.path = file(w, text);
    if (users) {
        snprintf(text, sizeof text, "%s-users.csv", name);
        write_text(w, text, users);
        p->users.path = file(w, text);
    }
    snprintf(text, sizeof text, "%s-inter.csv", name);
    write_text(w, text, interactions);
    p->interactions.path = file(w, text);
    return p;
}

static void begin(world *w, void **state) {
    *w = (world){0};
    w->dir = *state;
    snprintf(w->cache, sizeof w->cache, "%s/run/cache", w->dir);
    w->config.name = "test";
    w->config.platforms = w->platforms;
    w->config.data = (ct_config_data){.cache = w->cache, .max_bad_rows = 100, .vocab = "auto", .vocab_size = 500,
                                      .vocab_min_count = 1, .lowercase = true,
                                      .user_text = "{profile} [SEP] likes {titles:10} [SEP] {reviews:3}",
                                      .max_user_tokens = 64, .max_item_tokens = 48, .max_title_tokens = 12,
                                      .max_review_tokens = 32};
    w->config.eval.split = CT_SPLIT_LAST;
    w->config.eval.valid = w->config.eval.test = 0.1;
}

static void forget(world *w) {
    ct_prepare_report_free(&w->report);
    ct_dataset_close(w->data);
    w->data = NULL;
    ct_error_clear(&w->err);
}

static void end(world *w) {
    forget(w);
    for (int i = 0; i < w->n_paths; i++) free(w->paths[i]);
}

static void prepare(world *w) {
    forget(w);
    if (ct_prepare(&w->config, false, &w->report, &w->err) != CT_OK) fail_msg("%s", w->err.text);
    if (ct_dataset_open(&w->data, w->cache, true, &w->err) != CT_OK) fail_msg("%s", w->err.text);
    assert_true(w->data->hash == w->report.hash);
    assert_int_equal(test_count_entries(w->cache), 2);
}

static void refuse(world *w, ct_status wanted, const char *part) {
    forget(w);
    const ct_status st = ct_prepare(&w->config, false, &w->report, &w->err);
    if (st != wanted) fail_msg("status %s: %s", ct_status_name(st), w->err.text);
    if (!strstr(w->err.text, part)) fail_msg("'%s' lacks '%s'", w->err.text, part);
    assert_int_equal(w->report.n_platforms, 0);
}

/* "item time weight;" of a user's interactions. */
static void expect_user(const world *w, int platform, const char *id, const char *wanted) {
    char got[512] = "";
    const ct_dataset *d = w->data;
    const int64_t u = ct_dataset_find_user(d, platform, id);
    assert_true(u >= 0 && u < d->n_users);
    assert_string_equal(ct_strings_get(&d->user_id, u), id);
    for (int64_t k = d->inter_begin[u]; k < d->inter_begin[u + 1]; k++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s %lld %g;",
                 ct_strings_get(&d->item_id, d->inter_item[k]), (long long)d->inter_time[k], d->inter_weight[k]);
    assert_string_equal(got, wanted);
}

/* A token list in words. */
static void expect_tokens(const world *w, const ct_token_lists *lists, int64_t i, const char *wanted) {
    char got[512] = "";
    for (int64_t k = lists->begin[i]; k < lists->begin[i + 1]; k++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "",
                 ct_tokenizer_token(w->data->tokenizer, lists->ids[k]));
    assert_string_equal(got, wanted);
}

#define ITEMS "item_id,title,text,category,image\nx,Red hat,warm,clothes,x.png\ny,Blue hat,,,\nz,,,,\n"

static void contents(void **state) {
    world w;
    begin(&w, state);
    add_platform(&w, "shop", ITEMS, "user_id,text\nu2,tall\nu1,\nu3,idle\n",
                 "user_id,item_id,timestamp,review\nu1,x,30,red\nu2,y,2,\nu1,y,10,\nu1,z,30,blue hat\nu1,x,2026-01-01,warm\n");
    add_platform(&w, "video", "item_id,title\nx,hat\n", NULL, "user_id,item_id,timestamp\nu1,x,5\n");
    prepare(&w);
    const ct_dataset *d = w.data;
    assert_int_equal(d->n_platforms, 2);
    assert_int_equal(d->n_users, 4);
    assert_int_equal(d->n_items, 4);
    assert_int_equal(d->n_interactions, 6);
    assert_int_equal(d->n_persons, 4);
    assert_int_equal(d->user_begin[1], 3);
    assert_int_equal(d->item_begin[1], 3);
    assert_string_equal(ct_strings_get(&d->user_id, 0), "u2"); /* the order of the file */
    assert_int_equal(ct_dataset_platform(d, "video"), 1);
    assert_int_equal(ct_dataset_platform(d, "news"), -1);
    assert_int_equal(ct_dataset_find_user(d, 1, "u1"), 3);
    assert_int_equal(ct_dataset_find_user(d, 1, "u2"), -1);
    assert_int_equal(ct_dataset_find_user(d, 2, "u2"), -1);
    assert_int_equal(ct_dataset_find_item(d, 1, "x"), 3);
    assert_int_equal(d->item_platform[3], 1);
    expect_user(&w, 0, "u1", "y 10 1;x 30 1;z 30 1;x 1767225600 1;");
    expect_user(&w, 0, "u3", ""); /* listed, so it stays */
    expect_user(&w, 1, "u1", "x 5 1;");
    assert_string_equal(ct_strings_get(&d->user_profile, 0), "tall");
    assert_string_equal(ct_strings_get(&d->user_profile, 1), "");
    assert_string_equal(ct_strings_get(&d->item_image, 0), "x.png");
    assert_string_equal(ct_strings_get(&d->item_title, 1), "Blue hat");
    expect_tokens(&w, &d->item_tokens, 0, "red hat clothes warm");
    expect_tokens(&w, &d->title_tokens, 0, "red hat");
    expect_tokens(&w, &d->item_tokens, 2, "");
    expect_tokens(&w, &d->profile_tokens, 0, "tall");
    expect_tokens(&w, &d->review_tokens, d->inter_begin[1] + 1, "red");
    expect_tokens(&w, &d->review_tokens, d->inter_begin[1], "");
    const ct_prepare_platform *c = &w.report.platforms[0];
    assert_string_equal(c->name, "shop");
    assert_int_equal(c->rows_read, 11);
    assert_int_equal(c->bad_rows, 0);
    assert_int_equal(c->without_text, 1);
    assert_int_equal(c->without_image, 2);
    assert_null(w.report.why_rebuilt);
    assert_false(w.report.reused);
    end(&w);
}

static void token_limits(void **state) {
    world w;
    begin(&w, state);
    add_platform(&w, "shop", "item_id,title,text,category\nx,a b c d,e f g,h\n", "user_id,text\nu,a b c d e\n",
                 "user_id,item_id,review\nu,x,a b c d e\n");
    w.config.data.max_title_tokens = 3;
    w.config.data.max_item_tokens = 6;
    w.config.data.max_user_tokens = 2;
    w.config.data.max_review_tokens = 4;
    prepare(&w);
    expect_tokens(&w, &w.data->title_tokens, 0, "a b c");
    expect_tokens(&w, &w.data->item_tokens, 0, "a b c d h e");
    expect_tokens(&w, &w.data->profile_tokens, 0, "a b");
    expect_tokens(&w, &w.data->review_tokens, 0, "a b c d");
    end(&w);
}

static void weights_and_ratings(void **state) {
    world w;
    begin(&w, state);
    ct_event_weight weights[] = {{"view", 0}, {"cart", 0.5}, {"buy", 1}};
    ct_config_platform *p = add_platform(&w, "shop", ITEMS, NULL,
                                         "user_id,item_id,timestamp,event,weight,rating\n"
                                         "u,x,1,cart,3,5\nu,y,2,buy,,5\nu,z,3,view,,5\nu,x,4,buy,2,1\nu,x,5,sold,,5\n");
    p->interactions.weights = weights;
    p->interactions.n_weights = 3;
    p->interactions.min_rating = 3;
    prepare(&w);
    expect_user(&w, 0, "u", "x 1 1.5;y 2 1;");
    assert_int_equal(w.report.platforms[0].dropped_events, 1);
    assert_int_equal(w.report.platforms[0].below_rating, 1);
    assert_int_equal(w.report.platforms[0].bad_rows, 1);
    assert_non_null(strstr(w.report.first_bad[0], ":6: event 'sold' is not in interactions.weights"));
    end(&w);
}

static void bad_rows(void **state) {
    static const char *const reasons[] = {
        "items.csv:5: id 'x' stands twice", "items.csv:6: no id in column 'item_id'", "inter.csv:2: item 'q' is not in",
        "inter.csv:3: user 'w' is not in", "inter.csv:4: no item id",                 "inter.csv:5: no user id",
        "inter.csv:6: time 'soon' is",     "inter.csv:7: no time",                    "inter.csv:8: weight '1e999'",
        "inter.csv:9: weight -1 is not above 0"};
    world w;
    begin(&w, state);
    add_platform(&w, "shop", ITEMS "x,again,,,\n,none,,,\n", "user_id\nu\n",
                 "user_id,item_id,timestamp,weight\nu,q,1,1\nw,x,1,1\nu,,1,1\n,x,1,1\nu,x,soon,1\nu,x,,1\nu,x,1,1e999\n"
                 "u,x,1,-1\nu,x,1,nan\nu,x,1,1e-60\nu,x,1,0\nu\nu,x,1,1\n");
    prepare(&w);
    const ct_prepare_platform *c = &w.report.platforms[0];
    assert_int_equal(c->bad_rows, 14);
    assert_int_equal(c->rows_read, 5 + 1 + 13);
    assert_int_equal(c->unknown_items, 1);
    assert_int_equal(c->unknown_users, 1);
    assert_int_equal(c->n_interactions, 1);
    assert_int_equal(w.report.n_first_bad, 10);
    for (int i = 0; i < 10; i++)
        if (!strstr(w.report.first_bad[i], reasons[i])) fail_msg("'%s' lacks '%s'", w.report.first_bad[i], reasons[i]);
    assert_string_equal(ct_strings_get(&w.data->item_title, 0), "Red hat"); /* the first is kept */

    w.config.data.max_bad_rows = 12; /* a file */
    prepare(&w);
    w.config.data.max_bad_rows = 11;
    refuse(&w, CT_ERR_DATA, "shop-inter.csv': more than data.max_bad_rows (11) bad rows; the first:\n  line 2: item 'q'");
    w.config.data.max_bad_rows = -1;
    prepare(&w);
    end(&w);
}

static void columns_there_and_not(void **state) {
    world w;
    begin(&w, state);
    ct_config_platform *p = add_platform(&w, "shop", "sku,name,genre,year\nx,Hat,drama,1995\n", "uid\nu\n",
                                         "who,what\nu,x\n");
    p->items.id = "sku";
    p->items.title = "name";
    p->items.text = "{genre} of {year}";
    p->users.id = "uid";
    p->interactions.user = "who";
    refuse(&w, CT_ERR_DATA, "shop-inter.csv': no column 'item_id' (interactions.item); the file has: who, what");
    p->interactions.item = "what";
    prepare(&w);
    assert_string_equal(ct_strings_get(&w.data->item_text, 0), "drama of 1995");
    p->items.title = "nmae";
    refuse(&w, CT_ERR_DATA, "no column 'nmae' (items.title); the file has: sku, name, genre, year");
    p->items.title = "name";
    p->interactions.time = "when";
    refuse(&w, CT_ERR_DATA, "no column 'when' (interactions.time)");
    p->interactions.time = NULL;
    p->interactions.min_rating = 3;
    refuse(&w, CT_ERR_DATA, "no column 'rating' (interactions.rating)");
    p->interactions.min_rating = NAN;
    p->users.path = file(&w, "absent-*.csv");
    refuse(&w, CT_ERR_IO, "platforms.shop.users.path: no file");
    end(&w);
}

/* JSON lines have no header: a wanted field is missed at the end of the file. */
static void json_fields(void **state) {
    world w;
    begin(&w, state);
    ct_config_platform *p = add_platform(&w, "shop", ITEMS, NULL, "user_id,item_id\nu,x\n");
    write_text(&w, "a.jsonl", "{\"item_id\":\"x\",\"title\":\"Hat\",\"tags\":[\"red\",\"wool\"]}\n{\"item_id\":7}\n");
    p->items.path = file(&w, "a.jsonl");
    p->items.category = "tags";
    prepare(&w);
    assert_string_equal(ct_strings_get(&w.data->item_category, 0), "red wool");
    assert_int_equal(ct_dataset_find_item(w.data, 0, "7"), 1);
    p->items.category = "tag";
    refuse(&w, CT_ERR_DATA, "a.jsonl': no row has a value in 'tag' (items.category)");
    end(&w);
}

static void repeated(void **state) {
    world w;
    begin(&w, state);
    add_platform(&w, "shop", ITEMS, NULL,
                 "user_id,item_id,timestamp,event\nu,x,1,buy\nu,y,1,buy\nu,x,1,buy\nu,x,1,view\nu,x,2,buy\nu,x,1,buy\n");
    prepare(&w);
    assert_int_equal(w.report.platforms[0].repeated, 2);
    expect_user(&w, 0, "u", "x 1 1;y 1 1;x 1 1;x 2 1;");
    end(&w);
}

/* Many equal times in one user: sorting and looking for repeats must not be quadratic. */
static void one_busy_user(void **state) {
    world w;
    begin(&w, state);
    ct_str text = {0};
    enum { N = 60000 };
    add_platform(&w, "shop", ITEMS, NULL, "user_id,item_id\n");
    assert_int_equal(ct_str_puts(&text, "user_id,item_id,event\n", NULL), CT_OK);
    for (int i = 0; i < N; i++) assert_int_equal(ct_str_printf(&text, NULL, "u,%c,%d\n", 'x' + i % 3, i / 6), CT_OK);
    write_text(&w, "shop-inter.csv", text.data);
    ct_str_free(&text);
    prepare(&w);
    assert_int_equal(w.report.platforms[0].repeated, N / 2);
    assert_int_equal(w.data->n_interactions, N / 2);
    end(&w);
}

static void k_core(void **state) {
    world w;
    begin(&w, state);
    /* u3 has only z; z then has one; so it goes on along the chain until u1, u2 with x, y are left. */
    add_platform(&w, "shop", "item_id\nx\ny\nz\ncold\n", "user_id\nu1\nu2\nu3\nidle\n",
                 "user_id,item_id\nu1,x\nu1,y\nu2,x\nu2,y\nu2,z\nu3,z\n");
    prepare(&w);
    assert_int_equal(w.data->n_items, 4);
    assert_int_equal(w.data->n_users, 4);
    w.config.data.k_core_users = w.config.data.k_core_items = 2;
    prepare(&w);
    assert_int_equal(w.data->n_items, 2);
    assert_int_equal(w.data->n_users, 2);
    assert_int_equal(w.report.platforms[0].below_k_core, 2);
    expect_user(&w, 0, "u2", "x 0 1;y 0 1;");
    assert_int_equal(ct_dataset_find_item(w.data, 0, "z"), -1);
    w.config.data.k_core_users = 0;
    w.config.data.k_core_items = 2;
    prepare(&w);
    assert_int_equal(w.data->n_users, 4);
    assert_int_equal(w.data->n_items, 3);
    w.config.data.k_core_items = 3;
    refuse(&w, CT_ERR_DATA, "platform 'shop': no interaction is left");
    end(&w);
}

/* ---- links ---- */

static world *linked_world(world *w, void **state) {
    begin(w, state);
    ct_config_platform *p = add_platform(w, "shop", ITEMS, "user_id,member\na,1\nb,2\nc,\nd,1\n",
                                         "user_id,item_id\na,x\nb,x\nc,x\n");
    p->users.person = "member";
    p = add_platform(w, "video", "item_id,title\nm,Red hat\nn,Film\n", "user_id,member\na,2\nb,3\nc,4\n",
                     "user_id,item_id\na,m\nb,m\nc,n\n");
    p->users.person = "member";
    return w;
}

static void shared_keys(void **state) {
    world w;
    linked_world(&w, state);
    w.platforms[0].items.entity = w.platforms[1].items.entity = "title";
    prepare(&w);
    const ct_dataset *d = w.data;
    /* a = d (one platform), b = video's a; c, video's b and c alone. */
    assert_int_equal(d->n_persons, 5);
    assert_int_equal(d->user_person[0], d->user_person[3]);
    assert_int_equal(d->user_person[1], d->user_person[4]);
    assert_int_not_equal(d->user_person[0], d->user_person[1]);
    assert_int_equal(d->person_begin[2] - d->person_begin[1], 2);
    assert_int_equal(d->person_user[d->person_begin[1]], 1);
    assert_int_equal(d->person_user[d->person_begin[1] + 1], 4);
    assert_int_equal(w.report.platforms[0].linked_users, 1);
    assert_int_equal(w.report.platforms[1].linked_users, 1);
    assert_int_equal(d->n_entities, 4);
    assert_int_equal(d->item_entity[0], d->item_entity[3]);
    assert_int_equal(w.report.platforms[0].linked_items, 1);
    end(&w);
}

static void shared_keys_zero(void **state) {
    world w;
    linked_world(&w, state);
    write_text(&w, "video-users.csv", "user_id,member\na,8\nb,9\nc,7\n");
    refuse(&w, CT_ERR_DATA, "users.person: zero overlap: no key is the same on two platforms:\n  shop has '1', '2' ... 2 keys"
                            "\n  video has '8', '9' ... 3 keys");
    w.platforms[1].users.person = NULL;
    refuse(&w, CT_ERR_DATA, "no other platform names such a column");
    end(&w);
}

static void link_files(void **state) {
    world w;
    linked_world(&w, state);
    w.platforms[0].users.person = w.platforms[1].users.person = NULL;
    write_text(&w, "links.tsv", "video\tnote\tshop\nb\t\tc\nq\t\ta\nc\t\t\n");
    w.config.links.users = file(&w, "links.tsv");
    prepare(&w);
    assert_int_equal(w.data->user_person[2], w.data->user_person[5]);
    assert_int_equal(w.data->n_persons, 6);
    assert_int_equal(w.report.platforms[0].linked_users, 1);
    assert_int_equal(w.report.n_first_bad, 1);
    assert_non_null(strstr(w.report.first_bad[0], "links.tsv:3: 'q' is not one of the users of platform 'video'"));

    w.config.data.k_core_users = 2; /* nobody has two */
    refuse(&w, CT_ERR_DATA, "no interaction is left");
    w.config.data.k_core_users = 0;
    w.config.data.max_bad_rows = 0;
    refuse(&w, CT_ERR_DATA, "links.tsv': more than data.max_bad_rows (0)");
    write_text(&w, "links.tsv", "video\tshop\nn1\tk1\nn2\tk2\nn3\tk3\n");
    refuse(&w, CT_ERR_DATA,
           "(links.users): zero overlap: no row names two known users:\n  shop: 3 ids looked up, 0 known; the file has "
           "'k1', 'k2'; the platform has 'a', 'b'\n  video: 3 ids looked up, 0 known; the file has 'n1', 'n2'; the "
           "platform has 'a', 'b'");
    write_text(&w, "links.tsv", "video\tship\na\ta\n");
    refuse(&w, CT_ERR_DATA, "want a column named after each of two platforms or more; the file has: video, ship");
    end(&w);
}

static void links_lost_in_k_core(void **state) {
    world w;
    linked_world(&w, state);
    write_text(&w, "shop-inter.csv", "user_id,item_id\na,x\na,y\nb,x\n");
    write_text(&w, "video-inter.csv", "user_id,item_id\na,m\nb,m\nb,n\n");
    w.config.data.k_core_users = 2;
    refuse(&w, CT_ERR_DATA, "zero overlap: none of the linked users is kept");
    end(&w);
}

/* ---- split and vocabulary ---- */

static void ten_times(world *w, void **state, const char *times) {
    char text[512] = "user_id,item_id,timestamp,review\n";
    begin(w, state);
    for (int i = 0; times[i]; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "u,x,%d,word%c\n", 100 + times[i] - '0', 'a' + i);
    add_platform(w, "shop", ITEMS, NULL, text);
    w->config.eval.split = CT_SPLIT_TIME;
    w->config.eval.valid = 0.2;
    w->config.eval.test = 0.1;
}

static void split_by_shares(void **state) {
    world w;
    ten_times(&w, state, "4021367589");
    prepare(&w);
    assert_int_equal(w.data->test_time, 109);
    assert_int_equal(w.data->valid_time, 107);
    assert_int_equal(w.report.test_time, 109);
    end(&w);
    ten_times(&w, state, "0123456777"); /* ties go to the later part together */
    write_text(&w, "shop-inter.csv", "user_id,item_id,timestamp\nu,x,100\nu,x,101\nu,x,102\nu,x,103\nu,x,104\nu,x,105\n"
                                     "u,x,106\nu,x,107\nu,y,107\nu,z,107\n");
    prepare(&w);
    assert_int_equal(w.data->test_time, 107);
    assert_int_equal(w.data->valid_time, 105);
    w.config.eval.test = 0;
    prepare(&w);
    assert_int_equal(w.data->test_time, 108);
    assert_int_equal(w.data->valid_time, 107);
    end(&w);
}

static void split_by_moments(void **state) {
    world w;
    ten_times(&w, state, "0123456789");
    w.config.eval.test_time = "108";
    w.config.eval.valid_time = "1970-01-01T00:01:45Z";
    prepare(&w);
    assert_int_equal(w.data->test_time, 108);
    assert_int_equal(w.data->valid_time, 105);
    w.config.eval.valid_time = NULL; /* the share of all, before the test */
    prepare(&w);
    assert_int_equal(w.data->valid_time, 106);
    w.config.eval.valid_time = "109";
    refuse(&w, CT_ERR_CONFIG, "after the test's begin");
    w.config.eval.valid_time = "100";
    refuse(&w, CT_ERR_DATA, "nothing to train on (the times lie in 100 .. 109)");
    end(&w);
}

static void split_without_times(void **state) {
    world w;
    ten_times(&w, state, "0123456789");
    add_platform(&w, "video", ITEMS, NULL, "user_id,item_id\nu,x\n");
    refuse(&w, CT_ERR_DATA, "platform 'video': the interactions have no time");
    assert_non_null(strstr(w.err.text, "eval.split: last"));
    w.config.eval.split = CT_SPLIT_LAST;
    prepare(&w);
    assert_int_equal(w.data->test_time, 0);
    assert_int_equal(w.data->valid_time, 0);
    write_text(&w, "video-inter2.csv", "user_id,item_id,timestamp\nu,x,4\n");
    w.platforms[1].interactions.path = file(&w, "video-inter*.csv");
    refuse(&w, CT_ERR_DATA, "platform 'video': 1 interactions have no time, 1 have one");
    end(&w);
}

static bool knows(const world *w, const char *token) {
    for (int32_t i = 0; i < ct_tokenizer_size(w->data->tokenizer); i++)
        if (strcmp(ct_tokenizer_token(w->data->tokenizer, i), token) == 0) return true;
    return false;
}

/* Reviews of validation and test are not read; the words of the user's template are. */
static void vocabulary(void **state) {
    world w;
    ten_times(&w, state, "0123456789");
    prepare(&w);
    assert_true(knows(&w, "wordg") && !knows(&w, "wordh") && !knows(&w, "wordj"));
    assert_true(knows(&w, "likes") && knows(&w, "blue"));
    w.config.eval.split = CT_SPLIT_LAST;
    prepare(&w);
    assert_true(knows(&w, "wordh") && !knows(&w, "wordi") && !knows(&w, "wordj"));
    write_text(&w, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhat\nred\n");
    w.config.data.vocab = (char *)test_path(w.dir, "vocab.txt");
    prepare(&w);
    assert_int_equal(w.report.vocab_size, 6);
    expect_tokens(&w, &w.data->title_tokens, 1, "[UNK] hat");
    write_text(&w, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\nhat\n");
    refuse(&w, CT_ERR_DATA, "vocab.txt");
    end(&w);
}

/* ---- files ---- */

static void globs_and_folders(void **state) {
    world w;
    begin(&w, state);
    ct_config_platform *p = add_platform(&w, "shop", ITEMS, NULL, "user_id,item_id\nu,x\n");
    write_text(&w, "part-2.csv", "user_id,item_id\nu,z\nu,x\n");
    write_text(&w, "part-1.tsv", "user_id\titem_id\nv\ty\nu\ty\n");
    p->interactions.path = file(&w, "part-*");
    prepare(&w);
    assert_string_equal(ct_strings_get(&w.data->user_id, 0), "v");
    expect_user(&w, 0, "u", "y 0 1;z 0 1;x 0 1;");

    p->items.path = p->interactions.path = (ct_strlist){NULL, 0};
    p->from = (char *)test_path(w.dir, "folder");
    assert_int_equal(mkdir(p->from, 0700), 0);
    refuse(&w, CT_ERR_IO, "platform 'shop': no items file in");
    write_text(&w, "folder/items.csv", ITEMS);
    write_text(&w, "folder/items.csv.bak", "not a table");
    write_text(&w, "folder/interactions.jsonl", "{\"user_id\":1,\"item_id\":\"x\"}\n");
    prepare(&w);
    expect_user(&w, 0, "1", "x 0 1;");
    end(&w);
}

/* ---- using a cache again ---- */

static void expect_rebuilt(world *w, const char *why) {
    prepare(w);
    assert_false(w->report.reused);
    assert_non_null(w->report.why_rebuilt);
    if (!strstr(w->report.why_rebuilt, why)) fail_msg("'%s' lacks '%s'", w->report.why_rebuilt, why);
    prepare(w);
    assert_true(w->report.reused);
    assert_null(w->report.why_rebuilt);
}

static void set_mtime(const char *path, time_t seconds) {
    const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void reuse(void **state) {
    world w;
    begin(&w, state);
    add_platform(&w, "shop", ITEMS "x,,,,\n", NULL, "user_id,item_id\nu,x\nv,y\nv,x\n");
    prepare(&w);
    const uint64_t hash = w.report.hash;
    const ct_prepare_platform first = w.report.platforms[0];
    prepare(&w);
    assert_true(w.report.reused && w.report.hash == hash);
    assert_memory_equal(&w.report.platforms[0].n_users, &first.n_users, sizeof first - sizeof first.name);
    assert_int_equal(w.report.n_first_bad, 1);
    assert_non_null(strstr(w.report.first_bad[0], "stands twice"));

    forget(&w);
    assert_int_equal(ct_prepare(&w.config, true, &w.report, &w.err), CT_OK);
    assert_string_equal(w.report.why_rebuilt, "asked for");
    assert_true(w.report.hash == hash); /* the same content, whenever it is made */

    w.config.data.vocab_size = 400;
    expect_rebuilt(&w, "the configuration changed (data.vocab_size)");
    w.config.data.lowercase = false;
    expect_rebuilt(&w, "the configuration changed (data.lowercase)");
    w.config.data.k_core_items = 1;
    expect_rebuilt(&w, "the configuration changed (data.k_core_items)");
    w.platforms[0].items.text = "category";
    expect_rebuilt(&w, "the configuration changed (platforms.shop.items.text)");
    w.platforms[0].name = "store";
    expect_rebuilt(&w, "the configuration changed (platforms.store.from)");
    w.config.eval.bootstrap = 5; /* nothing that the cache depends on */
    w.config.data.bucket = 7;
    prepare(&w);
    assert_true(w.report.reused);

    const char *items = test_path(w.dir, "shop-items.csv");
    set_mtime(items, 1000000000);
    expect_rebuilt(&w, "shop-items.csv' changed");
    set_mtime(items, 2000000000);
    expect_rebuilt(&w, "shop-items.csv' is newer");
    write_text(&w, "extra.csv", "user_id,item_id\nq,x\n");
    w.platforms[0].interactions.path = file(&w, "*e*r*.csv"); /* shop-inter.csv and extra.csv */
    expect_rebuilt(&w, "platforms.store.interactions.path");
    assert_int_equal(remove(test_path(w.dir, "extra.csv")), 0);
    expect_rebuilt(&w, "extra.csv' is gone");
    write_text(&w, "extra.csv", "user_id,item_id\nq,x\n");
    expect_rebuilt(&w, "extra.csv' is new");

    assert_int_equal(remove(test_path(w.cache, "vocab.txt")), 0);
    prepare(&w); /* puts vocab.txt back */
    assert_true(w.report.reused);
    end(&w);
}

/* ---- broken caches ---- */

static void small_world(world *w, void **state) {
    begin(w, state);
    add_platform(w, "shop", ITEMS, "user_id,text\nu2,tall\nu1,\n",
                 "user_id,item_id,timestamp,review\nu1,x,30,red\nu2,y,2,\nu1,y,10,\n");
    add_platform(w, "video", "item_id,title\nm,hat\n", NULL, "user_id,item_id,timestamp\nu1,m,5\n");
}

typedef struct bytes {
    unsigned char *v;
    size_t n;
} bytes;

static bytes read_cache(const world *w) {
    bytes b = {0};
    FILE *f = fopen(test_path(w->cache, "dataset.bin"), "rb");
    assert_non_null(f);
    struct stat info;
    assert_int_equal(fstat(fileno(f), &info), 0);
    b.n = (size_t)info.st_size;
    b.v = malloc(b.n);
    assert_int_equal(fread(b.v, 1, b.n, f), b.n);
    fclose(f);
    return b;
}

static void write_cache(const world *w, const void *v, size_t n) {
    test_write_file(test_path(w->cache, "dataset.bin"), v, n);
}

static void expect_format_error(const world *w, bool verify, const char *part) {
    ct_dataset *d = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_dataset_open(&d, w->cache, verify, &err), CT_ERR_FORMAT);
    assert_null(d);
    if (!strstr(err.text, "dataset.bin'") || !strstr(err.text, part)) fail_msg("'%s' lacks '%s'", err.text, part);
}

static void truncated(void **state) {
    world w;
    small_world(&w, state);
    prepare(&w);
    const uint64_t hash = w.report.hash;
    bytes b = read_cache(&w);
    for (size_t n = 0; n < b.n; n += n < 4096 ? 512 : 4096) {
        write_cache(&w, b.v, n);
        expect_format_error(&w, false, "truncated");
        prepare(&w);
        assert_false(w.report.reused);
        assert_non_null(strstr(w.report.why_rebuilt, "truncated"));
        assert_true(w.report.hash == hash);
    }
    unsigned char *longer = calloc(b.n + 64, 1);
    memcpy(longer, b.v, b.n);
    write_cache(&w, longer, b.n + 64);
    expect_format_error(&w, false, "bytes, want");
    ((ct__cache_header *)b.v)->version++;
    write_cache(&w, b.v, b.n);
    expect_format_error(&w, false, "another version");
    free(longer);
    free(b.v);
    end(&w);
}

static void flipped(void **state) {
    world w;
    small_world(&w, state);
    prepare(&w);
    bytes b = read_cache(&w);
    ct_rng rng = ct_rng_make(3, 0, 7);
    for (int i = 0; i < 2000; i++) {
        const size_t at = ct_rng_below(&rng, b.n);
        const unsigned char bit = (unsigned char)(1u << ct_rng_below(&rng, 8));
        b.v[at] ^= bit;
        write_cache(&w, b.v, b.n);
        expect_format_error(&w, true, ""); /* every byte of the file is under a checksum */
        b.v[at] ^= bit;
    }
    b.v[b.n - 1] ^= 1;
    write_cache(&w, b.v, b.n);
    prepare(&w);
    assert_non_null(strstr(w.report.why_rebuilt, "corrupt: checksum"));
    free(b.v);
    end(&w);
}

static size_t padded(uint64_t n) { return (size_t)((n + 63) / 64 * 64); }

/* Makes the checksums right again, as a hostile writer would. */
static void seal(bytes *b) {
    ct__cache_header *h = (ct__cache_header *)b->v;
    for (int i = 0; i < CT__N_SECTIONS; i++) {
        ct__section_entry *s = &h->sections[i];
        if (s->offset <= b->n && padded(s->size) <= b->n - s->offset) s->hash = ct_hash(b->v + s->offset, padded(s->size));
    }
    h->header_hash = 0;
    h->header_hash = ct_hash(h, sizeof *h);
}

static uint64_t sum_lists(const ct_token_lists *lists, int64_t n) {
    uint64_t sum = 0;
    for (int64_t k = lists->begin[0]; k < lists->begin[n]; k++) sum += (uint64_t)lists->ids[k];
    return sum;
}

static uint64_t sum_strings(const ct_strings *s, int64_t n) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum += strlen(ct_strings_get(s, i));
    return sum;
}

/* Reads all that a dataset promises; the sanitizers see what lies outside. */
static uint64_t walk(const ct_dataset *d) {
    uint64_t sum = sum_strings(&d->platform_name, d->n_platforms) + sum_strings(&d->user_id, d->n_users) +
                   sum_strings(&d->item_id, d->n_items) + sum_strings(&d->item_text, d->n_items) +
                   sum_strings(&d->item_title, d->n_items) + sum_strings(&d->item_category, d->n_items) +
                   sum_strings(&d->item_image, d->n_items) + sum_strings(&d->user_profile, d->n_users);
    sum += sum_lists(&d->profile_tokens, d->n_users) + sum_lists(&d->title_tokens, d->n_items);
    sum += sum_lists(&d->item_tokens, d->n_items) + sum_lists(&d->review_tokens, d->n_interactions);
    for (int64_t u = 0; u < d->n_users; u++)
        for (int64_t k = d->inter_begin[u]; k < d->inter_begin[u + 1]; k++)
            sum += (uint64_t)d->inter_time[k] + (uint64_t)d->item_entity[d->inter_item[k]];
    for (int64_t p = 0; p < d->n_persons; p++)
        for (int64_t k = d->person_begin[p]; k < d->person_begin[p + 1]; k++)
            sum += (uint64_t)d->person_begin[d->user_person[d->person_user[k]]];
    for (int32_t p = 0; p < d->n_platforms; p++)
        sum += (uint64_t)ct_dataset_find_user(d, p, "u1") + (uint64_t)ct_dataset_find_item(d, p, "m");
    return sum;
}

/* Damage behind right checksums: the structure is still not believed. */
static void hostile(void **state) {
    world w;
    small_world(&w, state);
    prepare(&w);
    const bytes good = read_cache(&w);
    bytes b = {malloc(good.n), good.n};
    ct_rng rng = ct_rng_make(4, 0, 7);
    int refused = 0;
    uint64_t sum = 0;
    for (int i = 0; i < 6000; i++) {
        memcpy(b.v, good.v, good.n);
        for (uint64_t k = 1 + ct_rng_below(&rng, 3); k > 0; k--) {
            const bool header = ct_rng_below(&rng, 4) == 0;
            const size_t at = ct_rng_below(&rng, header ? sizeof(ct__cache_header) : good.n);
            b.v[at] = ct_rng_below(&rng, 2) ? (unsigned char)ct_rng_below(&rng, 256) : (unsigned char)(b.v[at] ^ 1u);
        }
        seal(&b);
        write_cache(&w, b.v, b.n);
        ct_dataset *d = NULL;
        ct_error err = CT_ERROR_INIT;
        const ct_status st = ct_dataset_open(&d, w.cache, i % 2 == 0, &err);
        assert_true(st == CT_OK || st == CT_ERR_FORMAT);
        if (d) sum += walk(d);
        else refused++;
        ct_dataset_close(d);
    }
    assert_in_range(refused, 100, 5900);
    assert_true(sum > 0); /* so that the walk is not left out */
    free(good.v);
    free(b.v);
    end(&w);
}

/* ---- failing disks and memory ---- */

static void failing_writes(void **state) {
    world w;
    small_world(&w, state);
    prepare(&w);
    const uint64_t hash = w.report.hash;
    w.platforms[0].items.category = "image"; /* what would be written differs */
    forget(&w);
    bool changed = false;
    uint64_t n = 1;
    for (;; n++) {
        ct_io_set_fault(n, ENOSPC);
        const ct_status st = ct_prepare(&w.config, false, &w.report, &w.err);
        ct_io_set_fault(0, 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_IO);
        assert_non_null(strstr(w.err.text, w.cache));
        assert_int_equal(test_count_entries(w.cache), 2); /* no temporary file is left */
        assert_false(changed); /* the whole new cache stands, so the call before was the last that could fail */
        ct_error_clear(&w.err);
        if (ct_dataset_open(&w.data, w.cache, true, &w.err) != CT_OK) fail_msg("%s", w.err.text);
        changed = w.data->hash != hash; /* only when the folder's sync after the rename fails */
        forget(&w);
        assert_true(n < 1000);
    }
    assert_true(n > 5 && w.report.hash != hash);
    end(&w);
}

static void failing_memory(void **state) {
    world w;
    linked_world(&w, state);
    write_text(&w, "links.tsv", "video\tshop\nb\tc\n");
    w.config.links.users = file(&w, "links.tsv");
    write_text(&w, "video-users.jsonl", "{\"user_id\":\"a\",\"member\":2}\n{\"user_id\":\"b\"}\n{\"user_id\":\"c\"}\n");
    w.platforms[1].users.path = file(&w, "video-users.jsonl");
    test_alloc_install();
    uint64_t n = 1;
    for (;; n += 1 + n / 40) { /* every one at first, then fewer: learning a vocabulary asks often */
        test_alloc_fail_at(n);
        const ct_status st = ct_prepare(&w.config, true, &w.report, &w.err);
        test_alloc_fail_at(0);
        if (st == CT_OK) break;
        if (st != CT_ERR_MEMORY) fail_msg("allocation %llu: %s", (unsigned long long)n, w.err.text);
        assert_int_equal(test_alloc_live(), 0);
        ct_error_clear(&w.err);
    }
    ct_prepare_report_free(&w.report);
    for (uint64_t k = 1; k < n; k++) {
        ct_dataset *d = NULL;
        test_alloc_fail_at(k);
        const ct_status st = ct_dataset_open(&d, w.cache, true, &w.err);
        test_alloc_fail_at(0);
        ct_dataset_close(d);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        ct_error_clear(&w.err);
    }
    test_alloc_uninstall();
    end(&w);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(contents),          IN_FOLDER(token_limits),        IN_FOLDER(weights_and_ratings),
        IN_FOLDER(bad_rows),          IN_FOLDER(columns_there_and_not), IN_FOLDER(json_fields),
        IN_FOLDER(repeated),          IN_FOLDER(one_busy_user),       IN_FOLDER(k_core),
        IN_FOLDER(shared_keys),       IN_FOLDER(shared_keys_zero),    IN_FOLDER(link_files),
        IN_FOLDER(links_lost_in_k_core), IN_FOLDER(split_by_shares),  IN_FOLDER(split_by_moments),
        IN_FOLDER(split_without_times), IN_FOLDER(vocabulary),        IN_FOLDER(globs_and_folders),
        IN_FOLDER(reuse),             IN_FOLDER(truncated),           IN_FOLDER(flipped),
        IN_FOLDER(hostile),           IN_FOLDER(failing_writes),      IN_FOLDER(failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
