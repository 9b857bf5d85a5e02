/* Prepare: where validation and test begin, and that the vocabulary knows nothing from there on. */
#include <stdio.h>
#include <string.h>

#include "tests/data/prepare_world.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void ten_times(world *w, void **state, const char *times) {
    char text[512] = "user_id,item_id,timestamp,review\n";
    world_begin(w, state);
    for (int i = 0; times[i]; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "u,x,%d,word%c\n", 100 + times[i] - '0',
                 'a' + i);
    world_platform(w, "shop", ITEMS, NULL, text);
    w->config.eval.split = CT_SPLIT_TIME;
    w->config.eval.valid = 0.2;
    w->config.eval.test = 0.1;
}

static void split_by_shares(void **state) {
    world w;
    ten_times(&w, state, "4021367589");
    world_prepare(&w);
    assert_int_equal(w.data->test_time, 109);
    assert_int_equal(w.data->valid_time, 107);
    assert_int_equal(w.report.test_time, 109);
    world_end(&w);
    ten_times(&w, state, "0123456777"); /* ties go to the later part together */
    world_write(&w, "shop-inter.csv",
                "user_id,item_id,timestamp\nu,x,100\nu,x,101\nu,x,102\nu,x,103\nu,x,104\nu,x,105\n"
                "u,x,106\nu,x,107\nu,y,107\nu,z,107\n");
    world_prepare(&w);
    assert_int_equal(w.data->test_time, 107);
    assert_int_equal(w.data->valid_time, 105);
    w.config.eval.test = 0;
    world_prepare(&w);
    assert_int_equal(w.data->test_time, 108);
    assert_int_equal(w.data->valid_time, 107);
    world_end(&w);
}

static void split_by_moments(void **state) {
    world w;
    ten_times(&w, state, "0123456789");
    w.config.eval.test_time = "108";
    w.config.eval.valid_time = "1970-01-01T00:01:45Z";
    world_prepare(&w);
    assert_int_equal(w.data->test_time, 108);
    assert_int_equal(w.data->valid_time, 105);
    w.config.eval.valid_time = NULL; /* the share of all, before the test */
    world_prepare(&w);
    assert_int_equal(w.data->valid_time, 106);
    w.config.eval.valid_time = "109";
    world_refuse(&w, CT_ERR_CONFIG, "after the test's begin");
    w.config.eval.valid_time = "100";
    world_refuse(&w, CT_ERR_DATA, "nothing to train on (the times lie in 100 .. 109)");
    world_end(&w);
}

static void split_without_times(void **state) {
    world w;
    ten_times(&w, state, "0123456789");
    world_platform(&w, "video", ITEMS, NULL, "user_id,item_id\nu,x\n");
    world_refuse(&w, CT_ERR_DATA, "platform 'video': the interactions have no time");
    assert_non_null(strstr(w.err.text, "eval.split: last"));
    w.config.eval.split = CT_SPLIT_LAST;
    world_prepare(&w);
    assert_int_equal(w.data->test_time, 0);
    assert_int_equal(w.data->valid_time, 0);
    world_write(&w, "video-inter2.csv", "user_id,item_id,timestamp\nu,x,4\n");
    w.platforms[1].interactions.path = world_file(&w, "video-inter*.csv");
    world_refuse(&w, CT_ERR_DATA, "platform 'video': 1 interactions have no time, 1 have one");
    world_end(&w);
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
    world_prepare(&w);
    assert_true(knows(&w, "wordg") && !knows(&w, "wordh") && !knows(&w, "wordj"));
    assert_true(knows(&w, "likes") && knows(&w, "blue"));
    w.config.eval.split = CT_SPLIT_LAST;
    world_prepare(&w);
    assert_true(knows(&w, "wordh") && !knows(&w, "wordi") && !knows(&w, "wordj"));
    world_write(&w, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhat\nred\n");
    w.config.data.vocab = (char *)test_path(w.dir, "vocab.txt");
    world_prepare(&w);
    assert_int_equal(w.report.vocab_size, 6);
    world_expect_tokens(&w, &w.data->title_tokens, 1, "[UNK] hat");
    world_write(&w, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\nhat\n");
    world_refuse(&w, CT_ERR_DATA, "vocab.txt");
    world_end(&w);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(split_by_shares),
        IN_FOLDER(split_by_moments),
        IN_FOLDER(split_without_times),
        IN_FOLDER(vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
