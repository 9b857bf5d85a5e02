/* The tokenizer against the Hugging Face library's ids (tests/golden/tokenizer), its errors, its limits, and random
 * bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/tokenizer.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

#define GOLDEN "tests/golden/tokenizer/"
#define SPECIAL "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"

static ct_tokenizer *parse(const char *text, bool lowercase) {
    ct_error err = CT_ERROR_INIT;
    ct_tokenizer *t = NULL;
    if (ct_tokenizer_parse(&t, "test", text, strlen(text), lowercase, &err) != CT_OK) fail_msg("%s", err.text);
    return t;
}

static ct_tokenizer *open_golden(const char *name, bool lowercase) {
    ct_error err = CT_ERROR_INIT;
    ct_tokenizer *t = NULL;
    char path[256];
    snprintf(path, sizeof path, GOLDEN "%s.txt", name);
    char *text = test_read_text(path);
    assert_non_null(text);
    if (ct_tokenizer_parse(&t, path, text, strlen(text), lowercase, &err) != CT_OK) fail_msg("%s", err.text);
    free(text);
    return t;
}

/* Checks that the tokens of text[0..n), with "|" between them, are want. */
static void check_tokens_limit(const ct_tokenizer *t, const char *text, size_t n, size_t limit, const char *want) {
    ct_token_buffer buffer = {0};
    char got[1024] = "";
    assert_int_equal(ct_tokenize(t, text, n, limit, &buffer, NULL), CT_OK);
    for (size_t i = 0; i < buffer.count; i++) {
        if (i > 0) strcat(got, "|");
        strcat(got, ct_tokenizer_token(t, buffer.ids[i]));
    }
    assert_string_equal(got, want);
    ct_token_buffer_free(&buffer);
}

static void check_tokens(const ct_tokenizer *t, const char *text, const char *want) {
    check_tokens_limit(t, text, strlen(text), 0, want);
}

/* ---- golden ids ------------------------------------------------------------------------------------------------- */

static size_t from_hex(const char *hex, char *out) {
    size_t n = 0;
    for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) out[n] = (char)byte;
    return n;
}

static void print_ids(const ct_token_buffer *buffer, char *out) {
    *out = '\0';
    for (size_t i = 0; i < buffer->count; i++) out += sprintf(out, i ? " %d" : "%d", buffer->ids[i]);
}

static void golden_ids(void **state) {
    (void)state;
    ct_tokenizer *tokenizers[] = {open_golden("english", true), open_golden("chinese", true),
                                  open_golden("chinese", false)};
    const char *const begins[] = {"english\t1\t", "chinese\t1\t", "chinese\t0\t"};
    static char line[16384], text[8192], got[16384];
    int cases[3] = {0}, wrong = 0;
    ct_token_buffer buffer = {0};
    FILE *file = fopen(GOLDEN "cases.tsv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#') continue;
        int which = 0;
        while (which < 3 && strncmp(line, begins[which], strlen(begins[which])) != 0) which++;
        assert_in_range(which, 0, 2);
        char *rest = line + strlen(begins[which]);
        const char *hex = strsep(&rest, "\t"), *want = strsep(&rest, "\t"), *name = strsep(&rest, "\n");
        assert_non_null(name);
        buffer.count = 0;
        assert_int_equal(ct_tokenize(tokenizers[which], text, from_hex(hex, text), 0, &buffer, NULL), CT_OK);
        print_ids(&buffer, got);
        if (strcmp(got, want) != 0) {
            print_error("%s'%s': got %s, want %s\n", begins[which], name, got, want);
            wrong++;
        }
        cases[which]++;
    }
    fclose(file);
    assert_int_equal(wrong, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(cases[i] > 100);
        ct_tokenizer_free(tokenizers[i]);
    }
    ct_token_buffer_free(&buffer);
}

/* ---- by hand ---------------------------------------------------------------------------------------------------- */

static void longest_match_first(void **state) {
    (void)state;
    ct_tokenizer *t = parse(SPECIAL "a\nab\nabcd\n##b\n##c\n##cd\n##d\n##de\n中\n文\n!\n", true);
    check_tokens(t, "abcd ABC abcde a", "abcd|ab|##c|[UNK]|a");
    check_tokens(t, "abcc", "ab|##c|##c");
    check_tokens(t, "acde", "[UNK]"); /* greedy: ##cd is taken, then no ##e */
    check_tokens(t, "ade", "a|##de");
    check_tokens(t, "中文a!文", "中|文|a|!|文");
    check_tokens(t, "", "");
    check_tokens_limit(t, NULL, 0, 0, "");
    ct_tokenizer_free(t);
}

static void cased_text_keeps_case_and_marks(void **state) {
    (void)state;
    ct_tokenizer *t = parse(SPECIAL "a\nA\né\nÉ\n", false);
    check_tokens(t, "a A é É e\xCC\x81", "a|A|é|É|[UNK]");
    ct_tokenizer_free(t);
    t = parse(SPECIAL "a\nA\ne\n", true);
    check_tokens(t, "a A é É e\xCC\x81", "a|a|e|e|e");
    ct_tokenizer_free(t);
}

/* NFD sorts a run of combining characters by class (U+1B44: 9, U+302E: 224), also those that stay; U+034F, a mark of
 * class 0, parts two runs although it is dropped. As in the golden library. */
static void combining_characters_are_sorted(void **state) {
    (void)state;
    ct_tokenizer *t = parse(SPECIAL "a\n##\u302e\n##\u1b44\n", true);
    check_tokens(t, "a\u302e\u1b44", "a|##\u1b44|##\u302e");
    check_tokens(t, "a\u0301\u302e\u0323\u1b44", "a|##\u1b44|##\u302e");
    check_tokens(t, "a\u302e\u034f\u1b44", "a|##\u302e|##\u1b44");
    ct_tokenizer_free(t);
    t = parse(SPECIAL "a\n##\u302e\n##\u1b44\n", false);
    check_tokens(t, "a\u302e\u1b44", "a|##\u302e|##\u1b44");
    ct_tokenizer_free(t);
}

static void special_tokens_in_the_text(void **state) {
    (void)state;
    ct_tokenizer *t = parse(SPECIAL "a\n[\n]\nmask\n", true);
    check_tokens(t, "a[SEP]a [PAD] [sep]", "a|[SEP]|a|[PAD]|[|[UNK]|]");
    check_tokens(t, "[MASK]", "[|mask|]"); /* this vocabulary has none */
    ct_tokenizer_free(t);
    t = parse(SPECIAL "[MASK]\na\n", true);
    check_tokens(t, "a[MASK]", "a|[MASK]");
    ct_tokenizer_free(t);
}

static void limits_and_appending(void **state) {
    (void)state;
    ct_tokenizer *t = parse(SPECIAL "a\n##b\nc\n", true);
    check_tokens_limit(t, "a ab c", 6, 2, "a|a");
    check_tokens_limit(t, "a ab c", 6, 3, "a|a|##b");
    check_tokens_limit(t, "a ab c", 6, 9, "a|a|##b|c");
    check_tokens_limit(t, "abz c", 5, 1, "[UNK]"); /* the whole word decides, not its part within the limit */
    ct_token_buffer buffer = {0};
    assert_int_equal(ct_tokenize(t, "c", 1, 1, &buffer, NULL), CT_OK);
    assert_int_equal(ct_tokenize(t, "ab ab", 5, 3, &buffer, NULL), CT_OK);
    const int32_t want[] = {6, 4, 5, 4};
    assert_int_equal(buffer.count, 4);
    assert_memory_equal(buffer.ids, want, sizeof want);
    ct_token_buffer_free(&buffer);
    ct_token_buffer_free(&buffer);
    ct_tokenizer_free(t);
}

static void no_allocation_in_steady_state(void **state) {
    (void)state;
    ct_tokenizer *t = open_golden("chinese", true);
    ct_token_buffer buffer = {0};
    uint64_t before = 0;
    for (int round = 0; round < 20; round++) {
        if (round == 1) before = ct_alloc_count();
        buffer.count = 0;
        const char *text = "我在Apple买了iPhone15ProMax手机，花了9999元 Café";
        assert_int_equal(ct_tokenize(t, text, strlen(text), 0, &buffer, NULL), CT_OK);
    }
    assert_int_equal(ct_alloc_count(), before);
    ct_token_buffer_free(&buffer);
    ct_tokenizer_free(t);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static void reads_both_line_ends(void **state) {
    (void)state;
    ct_tokenizer *unix_lines = parse(SPECIAL "a\n##a\n", true);
    ct_tokenizer *other = parse("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n##a", true);
    assert_int_equal(ct_tokenizer_size(other), 6);
    assert_string_equal(ct_tokenizer_token(other, 0), "[PAD]");
    assert_string_equal(ct_tokenizer_token(other, 5), "##a");
    assert_null(ct_tokenizer_token(other, 6));
    assert_null(ct_tokenizer_token(other, -1));
    assert_true(ct_tokenizer_hash(other) == ct_tokenizer_hash(unix_lines));
    ct_tokenizer_free(other);
    other = parse("a\n[SEP]\n[CLS]\n[UNK]\n[PAD]\n", true);
    const ct_special_tokens special = ct_tokenizer_special(other);
    assert_int_equal(special.pad, 4);
    assert_int_equal(special.unk, 3);
    assert_int_equal(special.cls, 2);
    assert_int_equal(special.sep, 1);
    ct_tokenizer_free(other);
    ct_tokenizer_free(unix_lines);
    ct_tokenizer_free(NULL);
}

static void hash_tells_vocabularies_apart(void **state) {
    (void)state;
    ct_tokenizer *all[] = {parse(SPECIAL "a\nb\n", true), parse(SPECIAL "a\nb\n", false), parse(SPECIAL "b\na\n", true),
                           parse(SPECIAL "ab\n", true), parse(SPECIAL "a\nb\nc\n", true)};
    const size_t n = sizeof all / sizeof all[0];
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) assert_true(ct_tokenizer_hash(all[i]) != ct_tokenizer_hash(all[j]));
    }
    for (size_t i = 0; i < n; i++) ct_tokenizer_free(all[i]);
}

/* Checks that the bytes are refused as data with a message that holds want. */
static void check_refused(const char *bytes, size_t n, const char *want) {
    ct_error err = CT_ERROR_INIT;
    ct_tokenizer *t = (ct_tokenizer *)&err; /* must be set to NULL */
    assert_int_equal(ct_tokenizer_parse(&t, "v.txt", bytes, n, true, &err), CT_ERR_DATA);
    assert_null(t);
    if (!strstr(err.text, want) || !strstr(err.text, "v.txt")) fail_msg("'%s' lacks '%s'", err.text, want);
}

static void refuses_broken_vocabularies(void **state) {
    (void)state;
#define REFUSED(text, want) check_refused(text, sizeof(text) - 1, want)
    REFUSED("", "no token");
    REFUSED("\n", "[PAD]");
    REFUSED("[PAD]\n[UNK]\n[CLS]\na\n", "[SEP]");
    REFUSED("[PAD]\n[unk]\n[CLS]\n[SEP]\n", "[UNK]");
    REFUSED(SPECIAL "same\nb\nsame\n", "'same' stands on line 5 and again on line 7");
    REFUSED(SPECIAL "##x\nx\n##x\n", "'##x' stands on line 5 and again on line 7");
    REFUSED(SPECIAL "a\n\nb\n\n\n", "'' stands on line 6 and again on line 8");
    REFUSED(SPECIAL "ok\nb\xC3\n", "line 6 is not UTF-8");
    REFUSED(SPECIAL "a\0b\n", "line 5 holds a NUL");
#undef REFUSED
}

/* A long token that stands twice must not overflow the message, nor be cut inside a character. */
static void shows_long_tokens_in_part(void **state) {
    (void)state;
    static char text[9000] = SPECIAL;
    for (int twice = 0; twice < 2; twice++) {
        strcat(text, "x");
        for (int i = 0; i < 1000; i++) strcat(text, "中");
        strcat(text, "\n");
    }
    ct_error err = CT_ERROR_INIT;
    ct_tokenizer *t = NULL;
    assert_int_equal(ct_tokenizer_parse(&t, "v", text, strlen(text), true, &err), CT_ERR_DATA);
    assert_non_null(strstr(err.text, "中' stands on line 5 and again on line 6"));
}

static void survives_failing_allocations(void **state) {
    (void)state;
    const char *vocab = SPECIAL "a\n";
    test_alloc_install();
    const int64_t live = test_alloc_live();
    for (uint64_t n = 1;; n++) {
        ct_tokenizer *t = NULL;
        ct_token_buffer buffer = {0};
        test_alloc_fail_at(n);
        ct_status st = ct_tokenizer_parse(&t, "v", vocab, strlen(vocab), true, NULL);
        if (st == CT_OK) st = ct_tokenize(t, "a b", 3, 0, &buffer, NULL);
        test_alloc_fail_at(0);
        if (st != CT_OK) assert_int_equal(buffer.count, 0);
        ct_tokenizer_free(t);
        ct_token_buffer_free(&buffer);
        assert_int_equal(test_alloc_live(), live);
        if (st == CT_OK) {
            assert_true(n > 4);
            break;
        }
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
}

/* ---- random bytes ----------------------------------------------------------------------------------------------- */

/* Bytes of which many are well-formed: pieces that matter, with noise between. */
static size_t random_text(ct_rng *rng, char *out, size_t room) {
    static const char *const parts[] = {"the", " ", "中", "é", "e\xCC\x81", "[SEP]", "[", "가", "\xF0\x9F\x98\x80", "ﬁ",
                                        "\xE3\x80\xAE", "，", "\xE2\x80\x8D", "\xC2\x85", "\xEF\xBF\xBD", "a.b"};
    size_t n = 0;
    for (size_t left = ct_rng_below(rng, 80); left > 0; left--) {
        const char *part = parts[ct_rng_below(rng, sizeof parts / sizeof parts[0])];
        const size_t length = strlen(part);
        if (n + length + 1 > room) break;
        if (ct_rng_below(rng, 3) == 0) {
            out[n++] = (char)ct_rng_below(rng, 256);
        } else {
            memcpy(out + n, part, length);
            n += length;
        }
    }
    return n;
}

static void random_bytes_give_ids_in_range(void **state) {
    (void)state;
    ct_tokenizer *all[] = {open_golden("english", true), open_golden("chinese", false)};
    ct_rng rng = ct_rng_make(7, 0, 0);
    ct_token_buffer buffer = {0};
    for (int i = 0; i < 20000; i++) {
        char bytes[512];
        const size_t n = random_text(&rng, bytes, sizeof bytes), limit = ct_rng_below(&rng, 40);
        char *exact = malloc(n + !n); /* so that a sanitizer sees a read past the end */
        assert_non_null(exact);
        memcpy(exact, bytes, n);
        const ct_tokenizer *t = all[i % 2];
        buffer.count = 0;
        assert_int_equal(ct_tokenize(t, exact, n, limit, &buffer, NULL), CT_OK);
        free(exact);
        assert_true(limit == 0 || buffer.count <= limit);
        assert_true(buffer.count <= 4 * n); /* a character decomposes to at most four */
        for (size_t k = 0; k < buffer.count; k++) {
            assert_in_range(buffer.ids[k], 0, ct_tokenizer_size(t) - 1);
        }
    }
    ct_token_buffer_free(&buffer);
    for (int i = 0; i < 2; i++) ct_tokenizer_free(all[i]);
}

static void random_vocabularies_do_not_crash(void **state) {
    (void)state;
    ct_rng rng = ct_rng_make(8, 0, 0);
    int accepted = 0;
    for (int i = 0; i < 5000; i++) {
        char bytes[512 + sizeof SPECIAL] = SPECIAL;
        const size_t head = sizeof SPECIAL - 1;
        size_t n = head + random_text(&rng, bytes + head, 512);
        for (size_t k = head; k < n; k++) {
            if (ct_rng_below(&rng, 4) == 0) bytes[k] = ct_rng_below(&rng, 2) ? '\n' : '#';
        }
        ct_tokenizer *t = NULL;
        ct_error err = CT_ERROR_INIT;
        const ct_status st = ct_tokenizer_parse(&t, "v", bytes, n, true, &err);
        assert_true(st == CT_OK || (st == CT_ERR_DATA && t == NULL && err.text[0]));
        accepted += st == CT_OK;
        ct_tokenizer_free(t);
    }
    assert_in_range(accepted, 10, 4990);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_ids),
        cmocka_unit_test(longest_match_first),
        cmocka_unit_test(cased_text_keeps_case_and_marks),
        cmocka_unit_test(combining_characters_are_sorted),
        cmocka_unit_test(special_tokens_in_the_text),
        cmocka_unit_test(limits_and_appending),
        cmocka_unit_test(no_allocation_in_steady_state),
        cmocka_unit_test(reads_both_line_ends),
        cmocka_unit_test(hash_tells_vocabularies_apart),
        cmocka_unit_test(refuses_broken_vocabularies),
        cmocka_unit_test(shows_long_tokens_in_part),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(random_bytes_give_ids_in_range),
        cmocka_unit_test(random_vocabularies_do_not_crash),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
