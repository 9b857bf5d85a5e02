/* The vocabulary learner against a plain byte-pair merging that recounts everything, its rules, and its order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/tokenizer.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"

#define SPECIAL "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

static ct_vocab_learner *create(bool lowercase) {
    ct_vocab_learner *learner = NULL;
    assert_int_equal(ct_vocab_learner_create(&learner, lowercase, NULL), CT_OK);
    return learner;
}

static void feed(ct_vocab_learner *learner, const char *text) {
    assert_int_equal(ct_vocab_learner_feed(learner, text, strlen(text), NULL), CT_OK);
}

/* An owned text. */
static char *finish(ct_vocab_learner *learner, int32_t size, int32_t min_count) {
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(ct_vocab_learner_finish(learner, size, min_count, &text, &n, NULL), CT_OK);
    assert_int_equal(strlen(text), n);
    return text;
}

/* Checks the vocabulary of one text. */
static void check_learned(const char *text, bool lowercase, int32_t size, int32_t min_count, const char *want) {
    ct_vocab_learner *learner = create(lowercase);
    feed(learner, text);
    char *got = finish(learner, size, min_count);
    assert_string_equal(got, want);
    ct_free(got);
    ct_vocab_learner_free(learner);
}

/* ---- by hand ---------------------------------------------------------------------------------------------------- */

static void alphabet_then_pairs(void **state) {
    (void)state;
    /* Characters: a 5, b 4, c 1; pairs: a ##b 4 (then ab ##a 1, a ##c 1). */
    check_learned("ab ab ab aba c", true, 100, 2, SPECIAL "a\n##a\nb\n##b\nab\n");
    check_learned("ab ab ab aba c", true, 100, 1, SPECIAL "a\n##a\nb\n##b\nc\n##c\nab\naba\n");
    check_learned("ab ab ab aba c", true, 10, 1, SPECIAL "a\n##a\nb\n##b\nc\n");      /* half of 10 */
    check_learned("ab ab ab aba c", true, 6, 1, SPECIAL "a\n");
    check_learned("ab ab ab aba c", true, 100, 6, SPECIAL);
    check_learned("", true, 100, 1, SPECIAL);
}

static void ties_go_to_the_pair_that_sorts_first(void **state) {
    (void)state;
    check_learned("bc bc ab ab", true, 12, 2, SPECIAL "b\n##b\na\n##a\nc\n##c\nab\n");
    check_learned("yx yx ba ba", true, 100, 2, SPECIAL "a\n##a\nb\n##b\nx\n##x\ny\n##y\nba\nyx\n");
}

static void overlapping_pairs_merge_from_the_left(void **state) {
    (void)state;
    /* x aaaa: ##a ##a stands three times; aa aa is what two merges from the left leave. */
    check_learned("xaaaa xaaaa", true, 100, 2, SPECIAL "a\n##a\nx\n##x\n##aa\n##aaaa\nxaaaa\n");
    check_learned("xaaa xaaa", true, 100, 2, SPECIAL "a\n##a\nx\n##x\n##aa\n##aaa\nxaaa\n");
}

static void ideographs_never_join(void **state) {
    (void)state;
    check_learned("北京 北京 北京 北京！", true, 100, 2, SPECIAL "京\n北\n");
    check_learned("北京ab北京ab", true, 100, 2, SPECIAL "a\n##a\nb\n##b\n京\n北\nab\n");
    check_learned("a-a a-a", true, 100, 2, SPECIAL "a\n##a\n-\n");
}

static void words_are_those_of_the_tokenizer(void **state) {
    (void)state;
    check_learned("ÉA éa E\xCC\x81 A", true, 100, 2, SPECIAL "a\n##a\ne\n##e\nea\n");
    check_learned("Éa Éa", false, 100, 2, SPECIAL "a\n##a\nÉ\n##É\nÉa\n");
    check_learned("[SEP] [SEP] [sep]", true, 100, 2, SPECIAL);
    check_learned("a\xFF\xFE" "b ab", true, 100, 2, SPECIAL "a\n##a\nb\n##b\nab\n");
    char longer[103] = "";
    for (int twice = 0; twice < 101; twice++) strcat(longer, "q"); /* [UNK] to a tokenizer: not learned */
    check_learned(longer, true, 100, 1, SPECIAL);
}

static void words_with_rare_characters_take_no_part(void **state) {
    (void)state;
    check_learned("abz aby ab", true, 100, 2, SPECIAL "a\n##a\nb\n##b\n");
    check_learned("abz aby ab ab", true, 100, 2, SPECIAL "a\n##a\nb\n##b\nab\n");
}

static void refuses_bad_sizes(void **state) {
    (void)state;
    ct_vocab_learner *learner = create(true);
    char *text = (char *)learner;
    size_t n = 1;
    ct_error err = CT_ERROR_INIT;
    feed(learner, "a");
    assert_int_equal(ct_vocab_learner_finish(learner, 5, 1, &text, &n, &err), CT_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "5, want at least 6"));
    assert_null(text);
    assert_int_equal(ct_vocab_learner_finish(learner, 6, 0, &text, &n, NULL), CT_ERR_ARGUMENT);
    assert_int_equal(ct_vocab_learner_finish(learner, -1, 1, &text, &n, NULL), CT_ERR_ARGUMENT);
    text = finish(learner, 6, 1); /* refusing harms nothing */
    assert_string_equal(text, SPECIAL "a\n");
    ct_free(text);
    ct_vocab_learner_free(learner);
    ct_vocab_learner_free(NULL);
}

/* ---- the plain algorithm ---------------------------------------------------------------------------------------- */

enum { MAX_WORDS = 64, MAX_LENGTH = 12, TOKEN_BYTES = MAX_LENGTH + 3, MAX_TOKENS = 512 };

typedef struct plain_word {
    char pieces[MAX_LENGTH][TOKEN_BYTES];
    int n, count;
} plain_word;

typedef struct plain_vocabulary {
    char tokens[MAX_TOKENS][TOKEN_BYTES];
    int n;
} plain_vocabulary;

static bool plain_has(const plain_vocabulary *v, const char *token) {
    for (int i = 0; i < v->n; i++) {
        if (strcmp(v->tokens[i], token) == 0) return true;
    }
    return false;
}

static void plain_add(plain_vocabulary *v, const char *token) {
    if (!plain_has(v, token)) strcpy(v->tokens[v->n++], token);
}

/* How often the pair stands in all words. */
static int plain_count(const plain_word *words, int n_words, const char *left, const char *right) {
    int count = 0;
    for (int w = 0; w < n_words; w++) {
        for (int i = 0; i + 1 < words[w].n; i++) {
            if (!strcmp(words[w].pieces[i], left) && !strcmp(words[w].pieces[i + 1], right)) count += words[w].count;
        }
    }
    return count;
}

/* The most frequent pair, its count as the result; 0 when there is none. */
static int plain_best(const plain_word *words, int n_words, char *left, char *right) {
    int best = 0;
    for (int w = 0; w < n_words; w++) {
        for (int i = 0; i + 1 < words[w].n; i++) {
            const char *l = words[w].pieces[i], *r = words[w].pieces[i + 1];
            const int count = plain_count(words, n_words, l, r);
            const int order = best == 0 || strcmp(l, left) == 0 ? strcmp(r, right) : strcmp(l, left);
            if (count > best || (count == best && order < 0)) {
                best = count;
                strcpy(left, l);
                strcpy(right, r);
            }
        }
    }
    return best;
}

static void plain_merge(plain_word *word, const char *left, const char *right, const char *joined) {
    int n = 0;
    for (int i = 0; i < word->n; n++) {
        const bool match = i + 1 < word->n && !strcmp(word->pieces[i], left) && !strcmp(word->pieces[i + 1], right);
        char piece[TOKEN_BYTES];
        strcpy(piece, match ? joined : word->pieces[i]);
        strcpy(word->pieces[n], piece);
        i += match ? 2 : 1;
    }
    word->n = n;
}

/* words are of the letters a to h. */
static void plain_learn(plain_word *words, int n_words, int size, int min_count, plain_vocabulary *v) {
    int count[8] = {0};
    v->n = 0;
    for (int i = 0; i < 5; i++) plain_add(v, (const char *[]){"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}[i]);
    for (int w = 0; w < n_words; w++) {
        for (int i = 0; i < words[w].n; i++) count[words[w].pieces[i][i ? 2 : 0] - 'a'] += words[w].count;
    }
    for (int end = 5 + size / 2 < size ? 5 + size / 2 : size; v->n < end;) {
        int best = 0;
        for (int c = 1; c < 8; c++) {
            if (count[c] > count[best]) best = c;
        }
        if (count[best] < min_count) break;
        count[best] = 0;
        plain_add(v, (char[]){(char)('a' + best), 0});
        if (v->n < end) plain_add(v, (char[]){'#', '#', (char)('a' + best), 0});
    }
    for (int w = 0; w < n_words; w++) {
        for (int i = 0; i < words[w].n; i++) {
            if (!plain_has(v, words[w].pieces[i])) words[w].n = 0;
        }
    }
    while (v->n < size) {
        char left[TOKEN_BYTES] = "", right[TOKEN_BYTES] = "", joined[2 * TOKEN_BYTES];
        if (plain_best(words, n_words, left, right) < min_count) break;
        snprintf(joined, sizeof joined, "%s%s", left, right + 2);
        plain_add(v, joined);
        for (int w = 0; w < n_words; w++) plain_merge(&words[w], left, right, joined);
    }
}

/* Distinct random words of few letters, so that pieces repeat, overlap and come about in several ways. */
static int random_words(ct_rng *rng, char texts[MAX_WORDS][MAX_LENGTH + 1], plain_word *words) {
    const int letters = 1 + (int)ct_rng_below(rng, 8), tries = 1 + (int)ct_rng_below(rng, MAX_WORDS);
    int n_words = 0;
    for (int k = 0; k < tries; k++) {
        plain_word *word = &words[n_words];
        char *text = texts[n_words];
        word->n = 1 + (int)ct_rng_below(rng, MAX_LENGTH);
        word->count = 1 + (int)ct_rng_below(rng, 6);
        for (int i = 0; i < word->n; i++) {
            text[i] = (char)('a' + ct_rng_below(rng, (uint64_t)letters));
            snprintf(word->pieces[i], TOKEN_BYTES, i ? "##%c" : "%c", text[i]);
        }
        text[word->n] = '\0';
        bool seen = false;
        for (int w = 0; w < n_words; w++) seen |= strcmp(texts[w], text) == 0;
        if (!seen) n_words++;
    }
    return n_words;
}

static void agrees_with_the_plain_algorithm(void **state) {
    (void)state;
    static char texts[MAX_WORDS][MAX_LENGTH + 1], want[MAX_TOKENS * (TOKEN_BYTES + 1)];
    static plain_word words[MAX_WORDS];
    static plain_vocabulary v;
    ct_rng rng = ct_rng_make(11, 0, 0);
    for (int round = 0; round < 150; round++) {
        const int n_words = random_words(&rng, texts, words);
        const int size = 6 + (int)ct_rng_below(&rng, round % 2 ? 20 : 200), min_count = 1 + (int)ct_rng_below(&rng, 9);
        ct_vocab_learner *learner = create(true);
        for (int w = 0; w < n_words; w++) {
            for (int i = 0; i < words[w].count; i++) feed(learner, texts[w]);
        }
        plain_learn(words, n_words, size, min_count, &v);
        want[0] = '\0';
        char *at = want;
        for (int i = 0; i < v.n; i++) at += sprintf(at, "%s\n", v.tokens[i]);
        char *got = finish(learner, size, min_count);
        if (strcmp(got, want) != 0) fail_msg("round %d: got\n%s\nwant\n%s", round, got, want);
        ct_free(got);
        ct_vocab_learner_free(learner);
    }
}

/* ---- properties ------------------------------------------------------------------------------------------------- */

/* A word of a made-up language: frequent syllables, a few marks. */
static void made_up_word(ct_rng *rng, char *out) {
    static const char *const syllables[] = {"ka", "to", "mi", "re", "sun", "é", "bral", "o", "中", "文", "-", "ы"};
    out[0] = '\0';
    for (uint64_t left = 1 + ct_rng_below(rng, 4); left > 0; left--) {
        const uint64_t a = ct_rng_below(rng, 12), b = ct_rng_below(rng, 12);
        strcat(out, syllables[a < b ? a : b]);
    }
}

enum { N_TEXTS = 3000, TEXT_BYTES = 128 };

static void make_texts(char (*texts)[TEXT_BYTES]) {
    ct_rng rng = ct_rng_make(12, 0, 0);
    for (int i = 0; i < N_TEXTS; i++) {
        texts[i][0] = '\0';
        for (int k = 0; k < 4; k++) {
            char word[TEXT_BYTES / 4 - 1];
            made_up_word(&rng, word);
            strcat(strcat(texts[i], k ? " " : ""), word);
        }
    }
}

static void order_of_the_corpus_does_not_matter(void **state) {
    (void)state;
    static char texts[N_TEXTS][TEXT_BYTES];
    make_texts(texts);
    ct_vocab_learner *forward = create(true), *backward = create(true);
    for (int i = 0; i < N_TEXTS; i++) {
        feed(forward, texts[i]);
        feed(backward, texts[N_TEXTS - 1 - i]);
    }
    char *a = finish(forward, 400, 3), *b = finish(backward, 400, 3), *again = finish(forward, 400, 3);
    assert_string_equal(a, b);
    assert_string_equal(a, again); /* finishing leaves the counts alone */
    ct_free(a);
    ct_free(b);
    ct_free(again);
    ct_vocab_learner_free(forward);
    ct_vocab_learner_free(backward);
}

static void learned_vocabulary_reads_its_corpus(void **state) {
    (void)state;
    static char texts[N_TEXTS][TEXT_BYTES];
    make_texts(texts);
    ct_vocab_learner *learner = create(true);
    for (int i = 0; i < N_TEXTS; i++) feed(learner, texts[i]);
    char *vocabulary = finish(learner, 300, 1);
    ct_tokenizer *t = NULL;
    ct_token_buffer buffer = {0};
    assert_int_equal(ct_tokenizer_parse(&t, "learned", vocabulary, strlen(vocabulary), true, NULL), CT_OK);
    assert_int_equal(ct_tokenizer_size(t), 300);
    assert_int_equal(ct_tokenizer_special(t).pad, 0);
    for (int i = 0; i < N_TEXTS; i++) {
        assert_int_equal(ct_tokenize(t, texts[i], strlen(texts[i]), 0, &buffer, NULL), CT_OK);
    }
    for (size_t i = 0; i < buffer.count; i++) assert_true(buffer.ids[i] != ct_tokenizer_special(t).unk);
    buffer.count = 0; /* a frequent word ends as one token */
    assert_int_equal(ct_tokenize(t, "Kato", 4, 0, &buffer, NULL), CT_OK);
    assert_int_equal(buffer.count, 1);
    ct_token_buffer_free(&buffer);
    ct_tokenizer_free(t);
    ct_free(vocabulary);
    ct_vocab_learner_free(learner);
}

static void random_bytes_can_be_learned(void **state) {
    (void)state;
    ct_rng rng = ct_rng_make(13, 0, 0);
    ct_vocab_learner *learner = create(true);
    for (int i = 0; i < 3000; i++) {
        char bytes[64];
        const size_t n = ct_rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < n; k++) bytes[k] = (char)ct_rng_below(&rng, i % 2 ? 256 : 128);
        assert_int_equal(ct_vocab_learner_feed(learner, bytes, n, NULL), CT_OK);
    }
    char *vocabulary = finish(learner, 2000, 1);
    ct_tokenizer *t = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_tokenizer_parse(&t, "learned", vocabulary, strlen(vocabulary), true, &err) != CT_OK) {
        fail_msg("%s", err.text); /* every token is text, and stands once */
    }
    ct_tokenizer_free(t);
    ct_free(vocabulary);
    ct_vocab_learner_free(learner);
}

static ct_status learn_once(char **out) {
    size_t n;
    ct_vocab_learner *learner = NULL;
    const char *text = "ab abc abcd bcd 中文 bcd abcd";
    *out = NULL;
    ct_status st = ct_vocab_learner_create(&learner, true, NULL);
    if (st == CT_OK) st = ct_vocab_learner_feed(learner, text, strlen(text), NULL);
    if (st == CT_OK) st = ct_vocab_learner_finish(learner, 40, 1, out, &n, NULL);
    ct_vocab_learner_free(learner);
    return st;
}

static void survives_failing_allocations(void **state) {
    (void)state;
    test_alloc_install();
    const int64_t live = test_alloc_live();
    for (uint64_t n = 1;; n++) {
        char *text;
        test_alloc_fail_at(n);
        const ct_status st = learn_once(&text);
        test_alloc_fail_at(0);
        ct_free(text);
        assert_int_equal(test_alloc_live(), live);
        if (st == CT_OK) {
            assert_true(n > 10);
            break;
        }
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alphabet_then_pairs),
        cmocka_unit_test(ties_go_to_the_pair_that_sorts_first),
        cmocka_unit_test(overlapping_pairs_merge_from_the_left),
        cmocka_unit_test(ideographs_never_join),
        cmocka_unit_test(words_are_those_of_the_tokenizer),
        cmocka_unit_test(words_with_rare_characters_take_no_part),
        cmocka_unit_test(refuses_bad_sizes),
        cmocka_unit_test(agrees_with_the_plain_algorithm),
        cmocka_unit_test(order_of_the_corpus_does_not_matter),
        cmocka_unit_test(learned_vocabulary_reads_its_corpus),
        cmocka_unit_test(random_bytes_can_be_learned),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests_name("vocabulary learner", tests, NULL, NULL);
}
