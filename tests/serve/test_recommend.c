/* Recommending to users and to texts, against scores worked out from the encoders' vectors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "run/session.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

enum { MOST = 100 };

static char *folder;
static ct_config *config;
static ct_session session; /* the same weights, for working out what is wanted */
static ct_recommender *recommender;
static float *items; /* [n_items, D] */

/* Things that shop and video both offer; u9 of the shop has some of them on one platform only. */
static void link_items(void) {
    ct_str rows = {0};
    ct_str_puts(&rows, "shop,video\n", NULL);
    for (int i = 8; i < 20; i++) ct_str_printf(&rows, NULL, "s%d,v%d\n", i, i);
    test_write_text(test_path(folder, "same.csv"), ct_str_text(&rows));
    ct_str_free(&rows);
}

static int set_up(void **state) {
    ct_error err = CT_ERROR_INIT;
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    link_items();
    char links[700];
    snprintf(links, sizeof links, "links.items=%s", test_path(folder, "same.csv"));
    config = tiny_config(folder, "train.epochs=8", links, NULL);
    tiny_train(config, NULL);
    if (ct_session_open_weights(&session, config, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    if (ct_recommender_open(&recommender, config, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    const int64_t n = session.data->n_items;
    int32_t *numbers = calloc((size_t)n, sizeof *numbers);
    for (int64_t i = 0; i < n; i++) numbers[i] = (int32_t)i;
    items = calloc((size_t)(n * ct_model_dim(session.model)), sizeof *items);
    ct_encode_items(session.model, session.batcher, numbers, n, items, NULL, NULL, NULL);
    free(numbers);
    return 0;
}

static int tear_down(void **state) {
    free(items);
    ct_recommender_close(recommender);
    ct_recommender_close(NULL);
    ct_session_close(&session);
    ct_config_close(config);
    return test_dir_teardown(state);
}

static int ask(ct_query q, ct_recommendation *rows) {
    ct_error err = CT_ERROR_INIT;
    int n = -1;
    if (ct_recommend(recommender, &q, rows, &n, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    return n;
}

static int64_t user_number(const char *platform, const char *id) {
    return ct_dataset_find_user(session.data, ct_dataset_platform(session.data, platform), id);
}

/* Did any user of the person ever choose the item, or the same thing on another platform? */
static bool has_item(int64_t user, int64_t item) {
    const ct_dataset *d = session.data;
    for (int64_t u = 0; u < d->n_users; u++)
        for (int64_t k = d->inter_begin[u];
             k < d->inter_begin[u + 1] && d->user_person[u] == d->user_person[user]; k++)
            if (d->item_entity[d->inter_item[k]] == d->item_entity[item]) return true;
    return false;
}

/* The rows are the wanted ones: by score, without what is seen, scores and probabilities as defined. */
static void check_rows(const float *vector, int64_t user, const char *platform, const ct_recommendation *rows,
                       int n, int k) {
    const ct_dataset *d = session.data;
    const int64_t dim = ct_model_dim(session.model);
    double *score = calloc((size_t)d->n_items, sizeof *score), sum = 0.0;
    float scale = 0.0f;
    int candidates = 0;
    assert_int_equal(ct_model_scale(session.model, &scale, NULL), CT_OK);
    for (int64_t i = 0; i < d->n_items; i++) {
        const char *of = ct_strings_get(&d->platform_name, d->item_platform[i]);
        for (int64_t c = 0; c < dim; c++) score[i] += (double)vector[c] * (double)items[i * dim + c];
        if ((platform && strcmp(platform, of) != 0) || (user >= 0 && has_item(user, i)))
            score[i] = -INFINITY;
        else
            candidates++;
        sum += exp((double)scale * score[i]);
    }
    assert_int_equal(n, k < candidates ? k : candidates);
    for (int r = 0; r < n; r++) {
        const int64_t i = ct_dataset_find_item(d, ct_dataset_platform(d, rows[r].platform), rows[r].item);
        assert_true(i >= 0);
        assert_true(fabs(rows[r].score - score[i]) <= 1e-5);
        assert_true(fabs(rows[r].probability - exp((double)scale * score[i]) / sum) <= 1e-4);
        assert_string_equal(rows[r].title, ct_strings_get(&d->item_title, i));
        assert_string_equal(rows[r].category, ct_strings_get(&d->item_category, i));
        int better = 0;
        for (int64_t j = 0; j < d->n_items; j++) better += score[j] > score[i] + 1e-5;
        assert_true(better <= r);
        if (r > 0) assert_true(rows[r].score <= rows[r - 1].score);
        for (int q = 0; q < r; q++)
            assert_true(strcmp(rows[q].item, rows[r].item) != 0 ||
                        strcmp(rows[q].platform, rows[r].platform) != 0);
    }
    free(score);
}

static void check_user(const char *home, const char *id, const char *platform, int k) {
    ct_recommendation rows[MOST];
    float vector[16];
    const int64_t user = user_number(home, id);
    const ct_moment now = ct_moment_now(session.data, (int32_t)user);
    assert_true(user >= 0);
    assert_int_equal(ct_encode_users(session.model, session.batcher, &now, 1, vector, NULL, NULL, NULL),
                     CT_OK);
    const int n = ask((ct_query){.user = id, .user_platform = home, .platform = platform, .k = k}, rows);
    check_rows(vector, user, platform, rows, n, k);
}

static void users_get_what_scores_best_and_is_new(void **state) {
    (void)state;
    check_user("shop", "u7", "shop", 10);
    check_user("shop", "u7", "video", 10); /* another platform's items */
    check_user("shop", "u7", NULL, 10);    /* all of them */
    check_user("video", "u9", NULL, MOST);
    check_user("shop", "u0", "shop", 5); /* who never did anything */
    check_user("shop", "u5", "shop", MOST);
    check_user("news", "u6", NULL, 1);
}

/* A user of the shop who was never on the video site: what the video site hides is what the shop sold. */
static void the_same_thing_elsewhere_is_seen(void **state) {
    (void)state;
    ct_recommendation rows[MOST];
    const ct_dataset *d = session.data;
    const int64_t user = user_number("shop", "u20");
    int hidden = 0;
    assert_int_equal(d->person_begin[d->user_person[user] + 1] - d->person_begin[d->user_person[user]], 1);
    for (int64_t i = d->item_begin[1]; i < d->item_begin[2]; i++) hidden += has_item(user, i);
    assert_true(hidden > 0);
    const ct_query q = {.user = "u20", .user_platform = "shop", .platform = "video", .k = MOST};
    const int n = ask(q, rows);
    assert_int_equal(n, d->item_begin[2] - d->item_begin[1] - hidden);
    for (int r = 0; r < n; r++) assert_false(has_item(user, ct_dataset_find_item(d, 1, rows[r].item)));
    assert_int_equal(ask((ct_query){.user = "u20", .user_platform = "shop", .platform = "video", .k = MOST, .with_seen = true}, rows),
                     n + hidden);
    check_user("shop", "u20", NULL, MOST);
}

static void what_a_user_has_may_be_asked_for(void **state) {
    (void)state;
    ct_recommendation rows[MOST];
    const int without =
        ask((ct_query){.user = "u9", .user_platform = "shop", .platform = "shop", .k = MOST}, rows);
    const int with = ask(
        (ct_query){.user = "u9", .user_platform = "shop", .platform = "shop", .k = MOST, .with_seen = true},
        rows);
    assert_int_equal(with, 30);
    assert_true(without < with);
}

static void probabilities_sum_to_one(void **state) {
    (void)state;
    static const char *const platforms[] = {"shop", "video", "news", NULL};
    ct_recommendation rows[MOST];
    for (int i = 0; i < 4; i++) {
        double sum = 0.0;
        const int n = ask(
            (ct_query){.user = "u9", .user_platform = "video", .platform = platforms[i], .k = MOST}, rows);
        for (int r = 0; r < n; r++) sum += rows[r].probability;
        assert_true(fabs(sum - 1.0) < 1e-5);
    }
}

static void texts_are_read_as_a_user_would_be(void **state) {
    (void)state;
    ct_recommendation rows[MOST];
    float vector[16];
    char *words = NULL;
    int n = 0;
    const ct_query q = {.text = "guitar and 音乐", .platform = "video", .k = 8};
    assert_int_equal(ct_encode_text(session.model, session.batcher, q.text, 1, vector, NULL), CT_OK);
    assert_int_equal(ct_recommend(recommender, &q, rows, &n, &words, NULL), CT_OK);
    check_rows(vector, -1, "video", rows, n, 8);
    assert_string_equal(words, q.text);
    ct_text_free(words);
    /* The tiny model has learnt what the four tastes are called. */
    static const char *const tastes[] = {"phone", "guitar", "tent", "pan"};
    int hits = 0;
    for (int t = 0; t < 4; t++) {
        n = ask((ct_query){.text = tastes[t], .platform = "shop", .k = 5}, rows);
        for (int r = 0; r < n; r++) hits += strcmp(rows[r].category, tastes[t]) == 0;
    }
    print_message("%d of 20 are of the taste that the text names\n", hits);
    assert_true(hits >= 10); /* 5 by chance */
    /* Anything may be typed. */
    static const char *const strange[] = {"", "    ", "\xF0\x9F\x98\x80", "[SEP] [SEP]", "'\"\\"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        assert_int_equal(ask((ct_query){.text = strange[i], .k = 3}, rows), 3);
}

static void the_words_of_a_user_are_shown(void **state) {
    (void)state;
    ct_recommendation rows[3];
    int n = 0;
    char *words = NULL;
    const ct_query q = {.user = "u7", .user_platform = "shop", .k = 3};
    assert_int_equal(ct_recommend(recommender, &q, rows, &n, &words, NULL), CT_OK);
    assert_non_null(words);
    assert_true(strlen(words) > 0);
    ct_text_free(words);
}

static void expect_refusal(ct_query q, const char *wanted) {
    ct_recommendation rows[4];
    ct_error err = CT_ERROR_INIT;
    char *words = (char *)"untouched";
    int n = -1;
    assert_int_equal(ct_recommend(recommender, &q, rows, &n, &words, &err), CT_ERR_ARGUMENT);
    assert_int_equal(n, 0);
    assert_null(words);
    if (!strstr(err.text, wanted)) fail_msg("'%s' does not say '%s'", err.text, wanted);
}

static void what_is_not_known_is_named(void **state) {
    (void)state;
    expect_refusal((ct_query){.user = "u77", .k = 3}, "user 'u77' is unknown; did you mean 'u");
    expect_refusal((ct_query){.user = "u40x", .user_platform = "shop", .k = 3},
                   "user 'u40x' is unknown on platform shop; did you mean 'u40'?");
    expect_refusal((ct_query){.user = "u40x", .user_platform = "news", .k = 3},
                   "on platform news; did you mean 'u0'?");
    expect_refusal((ct_query){.user = "somebody else", .k = 3}, "user 'somebody else' is unknown");
    expect_refusal((ct_query){.user = "u7", .k = 3}, "known on 3 platforms: say which with --user-platform");
    expect_refusal((ct_query){.user = "u7", .user_platform = "radio", .k = 3},
                   "platform 'radio' is unknown; there are shop, video, news");
    expect_refusal((ct_query){.text = "x", .platform = "radio", .k = 3}, "platform 'radio' is unknown");
    expect_refusal((ct_query){.k = 3}, "want a user or a text, one of the two");
    expect_refusal((ct_query){.user = "u7", .text = "x", .k = 3}, "want a user or a text, one of the two");
    expect_refusal((ct_query){.text = "x", .k = 0}, "k = 0");
    /* One platform alone knows it. */
    ct_recommendation rows[4];
    assert_int_equal(ask((ct_query){.user = "u40", .k = 4}, rows), 4);
}

static void count_encoded(void *ctx, const char *what, int64_t done, int64_t total) {
    int64_t *n = ctx;
    if (strcmp(what, "encoding items") == 0 && done == total) *n += total;
}

static void a_query_encodes_the_items_that_it_is_about(void **state) {
    (void)state;
    static const struct {
        const char *platform;
        int64_t items; /* encoded so far */
    } queries[] = {{"shop", 30}, {"shop", 30}, {"news", 36}, {NULL, 60}, {"video", 60}};
    ct_recommender *r = NULL;
    ct_recommendation fresh[MOST], known[MOST];
    int64_t encoded = 0;
    const ct_observer o = {.ctx = &encoded, .work_progress = count_encoded};
    assert_int_equal(ct_recommender_open(&r, config, NULL, &o, NULL), CT_OK);
    assert_int_equal(encoded, 0);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const ct_query q = {.user = "u7", .user_platform = "video", .platform = queries[i].platform, .k = MOST};
        int n = 0;
        assert_int_equal(ct_recommend(r, &q, fresh, &n, NULL, NULL), CT_OK);
        assert_int_equal(encoded, queries[i].items);
        assert_int_equal(n, ask(q, known));
        for (int k = 0; k < n; k++) {
            assert_string_equal(fresh[k].item, known[k].item);
            /* The user's latest items may have been encoded in other batches: the same to rounding. */
            assert_true(fabs((double)fresh[k].score - (double)known[k].score) < 1e-5);
        }
    }
    ct_recommender_close(r);
}

static void no_weights_no_recommender(void **state) {
    (void)state;
    ct_recommender *r = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_recommender_open(&r, config, "/nowhere", NULL, &err), CT_ERR_CONFIG);
    assert_null(r);
    assert_non_null(strstr(err.text, "checkpoint '/nowhere': no such file"));
    ct_config *empty = tiny_config(folder, "run_dir=/nowhere/at/all", NULL);
    ct_error_clear(&err);
    assert_int_not_equal(ct_recommender_open(&r, empty, NULL, NULL, &err), CT_OK);
    assert_null(r);
    ct_config_close(empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_get_what_scores_best_and_is_new),
        cmocka_unit_test(the_same_thing_elsewhere_is_seen),
        cmocka_unit_test(what_a_user_has_may_be_asked_for),
        cmocka_unit_test(probabilities_sum_to_one),
        cmocka_unit_test(texts_are_read_as_a_user_would_be),
        cmocka_unit_test(the_words_of_a_user_are_shown),
        cmocka_unit_test(what_is_not_known_is_named),
        cmocka_unit_test(a_query_encodes_the_items_that_it_is_about),
        cmocka_unit_test(no_weights_no_recommender),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
