/* Can the fuzzer find anything? Readers of one toy format, each broken in its own way: every one is caught
 * within the bounded count, the saved input does it again, and the same seed finds it in the same round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

/* "TOY", a byte n, n bytes, and the XXH3 of what stands before it. */
static const char *const toys[] = {"TOY\x01"
                                   "a",
                                   "TOY\x05"
                                   "hello",
                                   NULL};
static const char *const words[] = {"TOY", "bye", NULL};

/* n of a whole toy; -1 with an error. */
static int toy_length(const fuzz_input *in, ct_error *err) {
    if (in->n < 4 || memcmp(in->bytes, "TOY", 3) != 0 || in->bytes[3] > in->n - 4) {
        ct_fail(err, CT_ERR_FORMAT, "no toy");
        return -1;
    }
    return in->bytes[3];
}

static ct_status sound(const fuzz_input *in, ct_error *err) {
    return toy_length(in, err) < 0 ? CT_ERR_FORMAT : CT_OK;
}

static volatile unsigned char sink; /* so that reads are made */

static ct_status crash(const fuzz_input *in, ct_error *err) {
    const int n = toy_length(in, err);
    if (n < 0) return CT_ERR_FORMAT;
    if (n > 9) abort();
    return CT_OK;
}

static ct_status leak(const fuzz_input *in, ct_error *err) {
    void *block = NULL;
    CT_CHECK(ct_calloc(1, 16, &block, err));
    if (toy_length(in, err) < 0) return CT_ERR_FORMAT; /* block is lost on this way out */
    ct_free(block);
    return CT_OK;
}

static ct_status hog(const fuzz_input *in, ct_error *err) {
    void *block = NULL;
    if (toy_length(in, err) < 0) return CT_ERR_FORMAT;
    CT_CHECK(ct_calloc(in->bytes[3], 1 << 17, &block, err)); /* a count from the file that nobody checked */
    ct_free(block);
    return CT_OK;
}

static ct_status hang(const fuzz_input *in, ct_error *err) {
    const int n = toy_length(in, err);
    if (n < 0) return CT_ERR_FORMAT;
    for (volatile int at = 0; at < 20; at += n) sink = 0; /* n == 0: stands still */
    return CT_OK;
}

static ct_status silent(const fuzz_input *in, ct_error *err) {
    (void)err;
    return toy_length(in, NULL) < 0 ? CT_ERR_FORMAT : CT_OK;
}

static ct_status blames_itself(const fuzz_input *in, ct_error *err) {
    return toy_length(in, err) < 0 ? CT_ERR_INTERNAL : CT_OK;
}

static ct_status breaks_promise(const fuzz_input *in, ct_error *err) {
    const int n = toy_length(in, err);
    if (n < 0) return CT_ERR_FORMAT;
    FUZZ_EXPECT(n < 10);
    return CT_OK;
}

/* ---- a format with a checksum: the defect lies behind it ---- */

static void seal(unsigned char *bytes, size_t n, ct_rng *rng) {
    (void)rng;
    if (n < 8) return;
    const uint64_t hash = ct_hash(bytes, n - 8);
    memcpy(bytes + n - 8, &hash, 8);
}

static void sealed_toys(fuzz_corpus *corpus, const char *dir) {
    (void)dir;
    for (int i = 0; toys[i]; i++) {
        unsigned char bytes[64] = {0};
        const size_t n = strlen(toys[i]) + 8;
        memcpy(bytes, toys[i], n - 8);
        seal(bytes, n, NULL);
        fuzz_corpus_add(corpus, bytes, n);
    }
}

static ct_status sealed(const fuzz_input *in, ct_error *err) {
    uint64_t hash = 0;
    if (in->n >= 8) memcpy(&hash, in->bytes + in->n - 8, 8);
    if (in->n < 8 || hash != ct_hash(in->bytes, in->n - 8)) return ct_fail(err, CT_ERR_FORMAT, "checksum");
    return crash(in, err);
}

/* ---- the checks ---- */

static char *folder;

static fuzz_options options_of(void) {
    fuzz_options o = fuzz_options_default();
    o.rounds = 2000;
    o.seconds = 0;
    o.limit_s = 1;
    o.out = folder;
    o.quiet = true;
    return o;
}

static fuzz_reader toy(const char *name, ct_status (*read)(const fuzz_input *, ct_error *)) {
    return (fuzz_reader){.name = name, .file = "sub.toy", .texts = toys, .tokens = words, .read = read};
}

static void expect_found(const fuzz_reader *reader, const char *why) {
    fuzz_options options = options_of();
    fuzz_result first, second, again;
    fuzz_run(reader, &options, &first);
    if (!first.found) fail_msg("%s was not found in %d rounds", reader->name, (int)options.rounds);
    if (!strstr(first.why, why)) fail_msg("%s: '%s', want '%s'", reader->name, first.why, why);
    fuzz_run(reader, &options, &second);
    assert_true(second.found && second.round == first.round);
    options.replay = first.saved;
    fuzz_run(reader, &options, &again);
    if (!again.found || strcmp(again.why, first.why) != 0)
        fail_msg("%s: the input '%s' gives '%s', first '%s'", reader->name, first.saved, again.why,
                 first.why);
}

static void a_sound_reader_passes(void **state) {
    (void)state;
    const fuzz_reader reader = toy("sound", sound);
    const fuzz_options options = options_of();
    fuzz_result result;
    fuzz_run(&reader, &options, &result);
    if (result.found) fail_msg("%s", result.why);
    assert_true(result.rounds == options.rounds && result.accepted > 100 && result.refused > 100);
}

static void defects_are_found(void **state) {
    (void)state;
    const struct {
        const char *name;
        ct_status (*read)(const fuzz_input *, ct_error *);
        const char *why;
    } defects[] = {
        {"crash", crash, "crash: "},
        {"leak", leak, "blocks held"},
        {"hog", hog, "out of proportion"},
        {"hang", hang, "hang"},
        {"silent", silent, "without a message"},
        {"blames-itself", blames_itself, "CT_ERR_INTERNAL"},
        {"breaks-promise", breaks_promise, "not so: n < 10"},
    };
    for (size_t i = 0; i < sizeof defects / sizeof *defects; i++) {
        const fuzz_reader reader = toy(defects[i].name, defects[i].read);
        expect_found(&reader, defects[i].why);
    }
}

#if defined(__SANITIZE_ADDRESS__) /* what only the other build sees */
static ct_status overrun(const fuzz_input *in, ct_error *err) {
    const int n = toy_length(in, err);
    if (n < 0) return CT_ERR_FORMAT;
    if (n > 9) sink = in->bytes[in->n]; /* the byte behind the end */
    return CT_OK;
}

static ct_status library_leak(const fuzz_input *in, ct_error *err) {
    void *volatile block = malloc(100); /* a block that does not come from base/alloc.h */
    const int n = toy_length(in, err);
    if (n != 7) free(block);
    block = NULL;
    return n < 0 ? CT_ERR_FORMAT : CT_OK;
}

static void sanitizers_are_heard(void **state) {
    (void)state;
    const char *options = getenv("ASAN_OPTIONS");
    const fuzz_reader behind = toy("overrun", overrun), lost = toy("library-leak", library_leak);
    expect_found(&behind, "crash: the process ended");
    if (!options || !strstr(options, "detect_leaks=0")) expect_found(&lost, "leak");
}
#endif

static void what_lies_behind_a_checksum_is_found(void **state) {
    (void)state;
    const fuzz_options options = options_of();
    fuzz_reader reader = toy("sealed", sealed);
    fuzz_result result;
    reader.texts = NULL;
    reader.prepare = sealed_toys;
    fuzz_run(&reader, &options, &result);
    assert_false(result.found); /* the checksum stops everything */
    reader.mend = seal;
    expect_found(&reader, "crash: ");
}

static void bad_good_inputs_are_told(void **state) {
    (void)state;
    static const char *const wrong[] = {"TOY", NULL};
    const fuzz_options options = options_of();
    fuzz_reader reader = toy("wrong", sound);
    fuzz_result result;
    reader.texts = wrong;
    fuzz_run(&reader, &options, &result);
    assert_true(result.found);
    assert_non_null(strstr(result.why, "good input 0"));
}

static int set_up(void **state) {
    const int failed = test_dir_setup(state);
    folder = *state;
    return failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_reader_passes),
        cmocka_unit_test(defects_are_found),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(sanitizers_are_heard),
#endif
        cmocka_unit_test(what_lies_behind_a_checksum_is_found),
        cmocka_unit_test(bad_good_inputs_are_told),
    };
    return cmocka_run_group_tests_name("the fuzzer finds", tests, set_up, test_dir_teardown);
}
