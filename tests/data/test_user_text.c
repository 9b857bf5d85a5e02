/* The template's parse, and the composed text against one put together by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "data/history.h"
#include "data/user_text.h"
#include "tests/data/fake_split.h"

static void broken_templates_are_named(void **state) {
    (void)state;
    static const struct {
        const char *template, *message;
    } cases[] = {
        {"", "without a part"},
        {"   ", "without a part"},
        {"only words", "found 'only words' without a part"},
        {"{titles:3", "character 1: found '{' without its partner"},
        {"ab {", "character 4: found '{'"},
        {"{profile} }", "character 11: found '}'"},
        {"{pro{file}", "character 1: found '{'"},
        {"{title:3}", "character 1: found '{title:3}', want {profile}"},
        {"\xC3\xA9 {titles}", "character 3: found '{titles}'"},
        {"{titles:}", "found '{titles:}'"},
        {"{titles:0}", "found '{titles:0}'"},
        {"{titles:-1}", "found '{titles:-1}'"},
        {"{titles:257}", "found '{titles:257}'"},
        {"{titles:99999999999999999999}", "found '{titles:9999"},
        {"{titles: 3}", "found '{titles: 3}'"},
        {"{reviews:x}", "found '{reviews:x}'"},
        {"{profile:2}", "found '{profile:2}'"},
        {"{}", "found '{}'"},
        {"{profile} {titles:2} {profile}", "character 22: found '{profile}'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ct_user_text *t = NULL;
        ct_error err = CT_ERROR_INIT;
        assert_int_equal(ct_user_text_create(&t, cases[i].template, fake.tokenizer, &err), CT_ERR_CONFIG);
        assert_null(t);
        if (!strstr(err.text, "data.user_text: ") || !strstr(err.text, cases[i].message)) {
            fail_msg("'%s' gave '%s', want '%s' in it", cases[i].template, err.text, cases[i].message);
        }
    }
    ct_user_text_free(NULL);
}

/* ---- the text put together by hand, for "w1 {profile} [SEP] {titles:4} w2 w3 {reviews:3} w4" ---- */

static const char template[] = "w1 {profile} [SEP] {titles:4} w2 w3 {reviews:3}  w4 ";

static int add(int32_t *out, int n, const ct_token_lists *lists, int64_t i) {
    for (int64_t k = lists->begin[i]; k < lists->begin[i + 1]; k++) out[n++] = lists->ids[k];
    return n;
}

static int32_t word(int i) { return 5 + i; }

static int by_hand(ct_moment m, unsigned parts, int32_t *out) {
    const ct_dataset *d = &fake.data;
    int64_t latest[8];
    int n = 0;
    if (parts & CT_PART_PROFILE) {
        out[n] = word(1);
        const int end = add(out, n + 1, &d->profile_tokens, m.user);
        n = end > n + 1 ? end : n;
    }
    if (parts & CT_PART_TITLES) {
        out[n] = ct_tokenizer_special(fake.tokenizer).sep;
        int end = n + 1;
        const int found = ct__history(d, &split, m, CT__LATEST_ENTITIES, 4, latest);
        for (int i = 0; i < found; i++) end = add(out, end, &d->title_tokens, d->inter_item[latest[i]]);
        n = end > n + 1 ? end : n;
    }
    if (parts & CT_PART_REVIEWS) {
        out[n] = word(2);
        out[n + 1] = word(3);
        int end = n + 2;
        const int found = ct__history(d, &split, m, CT__LATEST_REVIEWS, 3, latest);
        for (int i = 0; i < found; i++) end = add(out, end, &d->review_tokens, latest[i]);
        n = end > n + 2 ? end : n;
    }
    if (n > 0) out[n++] = word(4);
    return n;
}

static void composed_text_is_the_one_put_together_by_hand(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    ct_user_text *t = NULL;
    int32_t want[256], got[256];
    int longest = 0, empty = 0;
    assert_int_equal(ct_user_text_create(&t, template, fake.tokenizer, NULL), CT_OK);
    const uint64_t allocations = ct_alloc_count();
    for (int32_t u = 0; u < d->n_users; u++) {
        for (int64_t k = d->inter_begin[u]; k <= d->inter_begin[u + 1]; k++) {
            const ct_moment m = k < split.train_end[u] ? ct_moment_before(d, u, k)
                                                       : ct_moment_at_stage(d, &split, u, CT_STAGE_TEST);
            for (unsigned parts = 0; parts <= CT_PART_ALL; parts++) {
                const int n = by_hand(m, parts, want);
                assert_int_equal(ct_user_text_compose(t, d, &split, m, parts, 256, got), n);
                assert_memory_equal(got, want, (size_t)n * sizeof *got);
                longest = n > longest ? n : longest;
                empty += n == 0 && parts == CT_PART_ALL;
            }
        }
    }
    assert_int_equal(ct_alloc_count(), allocations);
    assert_true(longest > 15);
    assert_true(empty > 0);
    ct_user_text_free(t);
}

/* A cut text is a beginning of the whole one, shorter only where words would stand without their part. */
static void a_limit_cuts_the_end(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    ct_user_text *t = NULL;
    int32_t whole[256], cut[256];
    assert_int_equal(ct_user_text_create(&t, template, fake.tokenizer, NULL), CT_OK);
    for (int32_t u = 0; u < d->n_users; u++) {
        const ct_moment m = ct_moment_now(d, u);
        const int n = ct_user_text_compose(t, d, &split, m, CT_PART_ALL, 256, whole);
        for (int limit = -1; limit <= n; limit++) {
            memset(cut, 0xAA, sizeof cut);
            const int got = ct_user_text_compose(t, d, &split, m, CT_PART_ALL, limit, cut);
            assert_in_range(got, limit - 2 > 0 ? limit - 2 : 0, limit > 0 ? limit : 0);
            assert_memory_equal(cut, whole, (size_t)got * sizeof *cut);
            assert_int_equal(cut[limit > 0 ? limit : 0], (int32_t)0xAAAAAAAA);
            if (got > 0 && got < n) assert_int_not_equal(cut[got - 1], ct_tokenizer_special(fake.tokenizer).sep);
        }
    }
    ct_user_text_free(t);
}

static void words_say_the_same(void **state) {
    (void)state;
    const ct_dataset *d = &fake.data;
    ct_user_text *t = NULL;
    assert_int_equal(ct_user_text_create(&t, "Likes {titles:2} | {profile} | {reviews:1} end", fake.tokenizer, NULL),
                     CT_OK);
    for (int32_t u = 0; u < d->n_users; u++) {
        const ct_moment m = ct_moment_now(d, u);
        char want[512] = "", titles[256] = "";
        int64_t latest[2];
        const int n = ct__history(d, &split, m, CT__LATEST_ENTITIES, 2, latest);
        for (int i = 0; i < n; i++) {
            const char *title = ct_strings_get(&d->item_title, d->inter_item[latest[i]]);
            if (*title && *titles) strcat(titles, ", ");
            strcat(titles, title);
        }
        if (*titles) snprintf(want, sizeof want, "Likes %s", titles);
        const char *profile = ct_strings_get(&d->user_profile, u);
        if (*profile) {
            if (*want) strcat(want, " ");
            strcat(strcat(want, "| "), profile);
        }
        if (ct__history(d, &split, m, CT__LATEST_REVIEWS, 1, latest) == 1) {
            if (*want) strcat(want, " ");
            strcat(want, "|");
            for (int64_t k = d->review_tokens.begin[latest[0]]; k < d->review_tokens.begin[latest[0] + 1]; k++) {
                strcat(strcat(want, " "), ct_tokenizer_token(fake.tokenizer, d->review_tokens.ids[k]));
            }
        }
        if (*want) strcat(want, " end");
        ct_str got = {0};
        assert_int_equal(ct_str_puts(&got, "before: ", NULL), CT_OK);
        assert_int_equal(ct_user_text_words(t, d, &split, m, &got, NULL), CT_OK);
        assert_string_equal(ct_str_text(&got) + strlen("before: "), want);
        ct_str_free(&got);
    }
    ct_user_text_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_templates_are_named),
        cmocka_unit_test(composed_text_is_the_one_put_together_by_hand),
        cmocka_unit_test(a_limit_cuts_the_end),
        cmocka_unit_test(words_say_the_same),
    };
    return cmocka_run_group_tests(tests, fake_split_set_up, fake_split_tear_down);
}
