/* Prepare: what is kept, counted, left out, tokenised; what is refused and in which words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/data/prepare_world.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void contents(void **state) {
    world w;
    world_begin(&w, state);
    world_platform(&w, "shop", ITEMS, "user_id,text\nu2,tall\nu1,\nu3,idle\n",
                   "user_id,item_id,timestamp,review\nu1,x,30,red\nu2,y,2,\nu1,y,10,\nu1,z,30,blue "
                   "hat\nu1,x,2026-01-01,warm\n");
    world_platform(&w, "video", "item_id,title\nx,hat\n", NULL, "user_id,item_id,timestamp\nu1,x,5\n");
    world_prepare(&w);
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
    world_expect_user(&w, 0, "u1", "y 10 1;x 30 1;z 30 1;x 1767225600 1;");
    world_expect_user(&w, 0, "u3", ""); /* listed, so it stays */
    world_expect_user(&w, 1, "u1", "x 5 1;");
    assert_string_equal(ct_strings_get(&d->user_profile, 0), "tall");
    assert_string_equal(ct_strings_get(&d->user_profile, 1), "");
    assert_string_equal(ct_strings_get(&d->item_image, 0), "x.png");
    assert_string_equal(ct_strings_get(&d->item_title, 1), "Blue hat");
    world_expect_tokens(&w, &d->item_tokens, 0, "red hat clothes warm");
    world_expect_tokens(&w, &d->title_tokens, 0, "red hat");
    world_expect_tokens(&w, &d->item_tokens, 2, "");
    world_expect_tokens(&w, &d->profile_tokens, 0, "tall");
    world_expect_tokens(&w, &d->review_tokens, d->inter_begin[1] + 1, "red");
    world_expect_tokens(&w, &d->review_tokens, d->inter_begin[1], "");
    const ct_prepare_platform *c = &w.report.platforms[0];
    assert_string_equal(c->name, "shop");
    assert_int_equal(c->rows_read, 11);
    assert_int_equal(c->bad_rows, 0);
    assert_int_equal(c->without_text, 1);
    assert_int_equal(c->without_image, 2);
    assert_null(w.report.why_rebuilt);
    assert_false(w.report.reused);
    world_end(&w);
}

static void token_limits(void **state) {
    world w;
    world_begin(&w, state);
    world_platform(&w, "shop", "item_id,title,text,category\nx,a b c d,e f g,h\n",
                   "user_id,text\nu,a b c d e\n", "user_id,item_id,review\nu,x,a b c d e\n");
    w.config.data.max_title_tokens = 3;
    w.config.data.max_item_tokens = 6;
    w.config.data.max_user_tokens = 2;
    w.config.data.max_review_tokens = 4;
    world_prepare(&w);
    world_expect_tokens(&w, &w.data->title_tokens, 0, "a b c");
    world_expect_tokens(&w, &w.data->item_tokens, 0, "a b c d h e");
    world_expect_tokens(&w, &w.data->profile_tokens, 0, "a b");
    world_expect_tokens(&w, &w.data->review_tokens, 0, "a b c d");
    world_end(&w);
}

static void weights_and_ratings(void **state) {
    world w;
    world_begin(&w, state);
    ct_event_weight weights[] = {{"view", 0}, {"cart", 0.5}, {"buy", 1}};
    ct_config_platform *p =
        world_platform(&w, "shop", ITEMS, NULL,
                       "user_id,item_id,timestamp,event,weight,rating\n"
                       "u,x,1,cart,3,5\nu,y,2,buy,,5\nu,z,3,view,,5\nu,x,4,buy,2,1\nu,x,5,sold,,5\n");
    p->interactions.weights = weights;
    p->interactions.n_weights = 3;
    p->interactions.min_rating = 3;
    world_prepare(&w);
    world_expect_user(&w, 0, "u", "x 1 1.5;y 2 1;");
    assert_int_equal(w.report.platforms[0].dropped_events, 1);
    assert_int_equal(w.report.platforms[0].below_rating, 1);
    assert_int_equal(w.report.platforms[0].bad_rows, 1);
    assert_non_null(strstr(w.report.first_bad[0], ":6: event 'sold' is not in interactions.weights"));
    world_end(&w);
}

static void bad_rows(void **state) {
    static const char *const reasons[] = {
        "items.csv:5: id 'x' stands twice", "items.csv:6: no id in column 'item_id'",
        "inter.csv:2: item 'q' is not in",  "inter.csv:3: user 'w' is not in",
        "inter.csv:4: no item id",          "inter.csv:5: no user id",
        "inter.csv:6: time 'soon' is",      "inter.csv:7: no time",
        "inter.csv:8: weight '1e999'",      "inter.csv:9: weight -1 is not above 0"};
    world w;
    world_begin(&w, state);
    world_platform(&w, "shop", ITEMS "x,again,,,\n,none,,,\n", "user_id\nu\n",
                   "user_id,item_id,timestamp,weight\nu,q,1,1\nw,x,1,1\nu,,1,1\n,x,1,1\nu,x,soon,1\nu,x,,"
                   "1\nu,x,1,1e999\n"
                   "u,x,1,-1\nu,x,1,nan\nu,x,1,1e-60\nu,x,1,0\nu\nu,x,1,1\n");
    world_prepare(&w);
    const ct_prepare_platform *c = &w.report.platforms[0];
    assert_int_equal(c->bad_rows, 14);
    assert_int_equal(c->rows_read, 5 + 1 + 13);
    assert_int_equal(c->unknown_items, 1);
    assert_int_equal(c->unknown_users, 1);
    assert_int_equal(c->n_interactions, 1);
    assert_int_equal(w.report.n_first_bad, 10);
    for (int i = 0; i < 10; i++)
        if (!strstr(w.report.first_bad[i], reasons[i]))
            fail_msg("'%s' lacks '%s'", w.report.first_bad[i], reasons[i]);
    assert_string_equal(ct_strings_get(&w.data->item_title, 0), "Red hat"); /* the first is kept */

    w.config.data.max_bad_rows = 12; /* a file */
    world_prepare(&w);
    w.config.data.max_bad_rows = 11;
    world_refuse(
        &w, CT_ERR_DATA,
        "shop-inter.csv': more than data.max_bad_rows (11) bad rows; the first:\n  line 2: item 'q'");
    w.config.data.max_bad_rows = -1;
    world_prepare(&w);
    world_end(&w);
}

static void columns_there_and_not(void **state) {
    world w;
    world_begin(&w, state);
    ct_config_platform *p =
        world_platform(&w, "shop", "sku,name,genre,year\nx,Hat,drama,1995\n", "uid\nu\n", "who,what\nu,x\n");
    p->items.id = "sku";
    p->items.title = "name";
    p->items.text = "{genre} of {year}";
    p->users.id = "uid";
    p->interactions.user = "who";
    world_refuse(&w, CT_ERR_DATA,
                 "shop-inter.csv': no column 'item_id' (interactions.item); the file has: who, what");
    p->interactions.item = "what";
    world_prepare(&w);
    assert_string_equal(ct_strings_get(&w.data->item_text, 0), "drama of 1995");
    p->items.title = "nmae";
    world_refuse(&w, CT_ERR_DATA, "no column 'nmae' (items.title); the file has: sku, name, genre, year");
    p->items.title = "name";
    p->interactions.time = "when";
    world_refuse(&w, CT_ERR_DATA, "no column 'when' (interactions.time)");
    p->interactions.time = NULL;
    p->interactions.min_rating = 3;
    world_refuse(&w, CT_ERR_DATA, "no column 'rating' (interactions.rating)");
    p->interactions.min_rating = NAN;
    p->users.path = world_file(&w, "absent-*.csv");
    world_refuse(&w, CT_ERR_IO, "platforms.shop.users.path: no file");
    world_end(&w);
}

/* JSON lines have no header: a wanted field is missed at the end of the file. */
static void json_fields(void **state) {
    world w;
    world_begin(&w, state);
    ct_config_platform *p = world_platform(&w, "shop", ITEMS, NULL, "user_id,item_id\nu,x\n");
    world_write(&w, "a.jsonl",
                "{\"item_id\":\"x\",\"title\":\"Hat\",\"tags\":[\"red\",\"wool\"]}\n{\"item_id\":7}\n");
    p->items.path = world_file(&w, "a.jsonl");
    p->items.category = "tags";
    world_prepare(&w);
    assert_string_equal(ct_strings_get(&w.data->item_category, 0), "red wool");
    assert_int_equal(ct_dataset_find_item(w.data, 0, "7"), 1);
    world_write(&w, "b.jsonl",
                "{\"user_id\":1,\"item_id\":\"x\",\"timestamp\":5.5}\n{\"user_id\":1,\"item_id\":7}\n"
                "{\"user_id\":2,\"item_id\":7,\"timestamp\":null}\n");
    p->interactions.path = world_file(&w, "b.jsonl");
    world_prepare(&w);
    world_expect_user(&w, 0, "1", "x 5 1;");
    assert_int_equal(w.report.platforms[0].bad_rows, 2);
    assert_non_null(strstr(w.report.first_bad[1], "b.jsonl:3: no time"));
    p->items.category = "tag";
    world_refuse(&w, CT_ERR_DATA, "a.jsonl': no row has a value in 'tag' (items.category)");
    world_end(&w);
}

static void repeated(void **state) {
    world w;
    world_begin(&w, state);
    world_platform(&w, "shop", ITEMS, NULL,
                   "user_id,item_id,timestamp,event\nu,x,1,buy\nu,y,1,buy\nu,x,1,buy\nu,x,1,view\nu,x,2,"
                   "buy\nu,x,1,buy\n");
    world_prepare(&w);
    assert_int_equal(w.report.platforms[0].repeated, 2);
    world_expect_user(&w, 0, "u", "x 1 1;y 1 1;x 1 1;x 2 1;");
    world_end(&w);
}

/* Many equal times in one user: sorting and looking for repeats must not be quadratic. */
static void one_busy_user(void **state) {
    world w;
    world_begin(&w, state);
    ct_str text = {0};
    enum { N = 60000 };
    world_platform(&w, "shop", ITEMS, NULL, "user_id,item_id\n");
    assert_int_equal(ct_str_puts(&text, "user_id,item_id,event\n", NULL), CT_OK);
    for (int i = 0; i < N; i++)
        assert_int_equal(ct_str_printf(&text, NULL, "u,%c,%d\n", 'x' + i % 3, i / 6), CT_OK);
    world_write(&w, "shop-inter.csv", text.data);
    ct_str_free(&text);
    world_prepare(&w);
    assert_int_equal(w.report.platforms[0].repeated, N / 2);
    assert_int_equal(w.data->n_interactions, N / 2);
    world_end(&w);
}

static void k_core(void **state) {
    world w;
    world_begin(&w, state);
    /* u3 has only z; z then has one; so it goes on along the chain until u1, u2 with x, y are left. */
    world_platform(&w, "shop", "item_id\nx\ny\nz\ncold\n", "user_id\nu1\nu2\nu3\nidle\n",
                   "user_id,item_id\nu1,x\nu1,y\nu2,x\nu2,y\nu2,z\nu3,z\n");
    world_prepare(&w);
    assert_int_equal(w.data->n_items, 4);
    assert_int_equal(w.data->n_users, 4);
    w.config.data.k_core_users = w.config.data.k_core_items = 2;
    world_prepare(&w);
    assert_int_equal(w.data->n_items, 2);
    assert_int_equal(w.data->n_users, 2);
    assert_int_equal(w.report.platforms[0].below_k_core, 2);
    world_expect_user(&w, 0, "u2", "x 0 1;y 0 1;");
    assert_int_equal(ct_dataset_find_item(w.data, 0, "z"), -1);
    w.config.data.k_core_users = 0;
    w.config.data.k_core_items = 2;
    world_prepare(&w);
    assert_int_equal(w.data->n_users, 4);
    assert_int_equal(w.data->n_items, 3);
    w.config.data.k_core_items = 3;
    world_refuse(&w, CT_ERR_DATA, "platform 'shop': no interaction is left");
    world_end(&w);
}

static void globs(void **state) {
    world w;
    world_begin(&w, state);
    ct_config_platform *p = world_platform(&w, "shop", ITEMS, NULL, "user_id,item_id\nu,x\n");
    world_write(&w, "part-2.csv", "user_id,item_id\nu,z\nu,x\n");
    world_write(&w, "part-1.tsv", "user_id\titem_id\nv\ty\nu\ty\n");
    p->interactions.path = world_file(&w, "part-*");
    world_prepare(&w);
    assert_string_equal(ct_strings_get(&w.data->user_id, 0), "v");
    world_expect_user(&w, 0, "u", "y 0 1;z 0 1;x 0 1;");
    p->items.path = (ct_strlist){NULL, 0};
    world_refuse(&w, CT_ERR_CONFIG, "platforms.shop.items.path: none");
    world_end(&w);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(contents),
        IN_FOLDER(token_limits),
        IN_FOLDER(weights_and_ratings),
        IN_FOLDER(bad_rows),
        IN_FOLDER(columns_there_and_not),
        IN_FOLDER(json_fields),
        IN_FOLDER(repeated),
        IN_FOLDER(one_busy_user),
        IN_FOLDER(k_core),
        IN_FOLDER(globs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
