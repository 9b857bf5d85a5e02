/* The safetensors container: what is written is read back, and no file, however broken, does harm. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

#include "base/rng.h"
#include "base/safetensors.h"

static const float weights[] = {1.0f, -2.5f, 0.0f, 1e-30f, 3e38f, 0.125f};
static const uint16_t halves[] = {0x3c00, 0xc100, 0x0001}; /* 1, -2.5, 2^-24 */
static const uint16_t brains[] = {0x3f80, 0xc020};         /* 1, -2.5 */
static const double doubles[] = {0.1};
static const int32_t integers[] = {-7, 8};

typedef struct entry {
    const char *name, *dtype;
    int64_t shape[3];
    int n_dims;
    const void *bytes;
    size_t n;
} entry;

static const entry entries[] = {{"encoder.weight", "F32", {2, 3}, 2, weights, sizeof weights},
                                {"half", "F16", {3}, 1, halves, sizeof halves},
                                {"none", "F32", {0, 4}, 2, NULL, 0},
                                {"brain", "BF16", {2, 1}, 2, brains, sizeof brains},
                                {"scalar", "F64", {0}, 0, doubles, sizeof doubles},
                                {"0000000000000000", "I32", {1, 2, 1}, 3, integers, sizeof integers}};
enum { ENTRIES = sizeof entries / sizeof *entries };

static const entry *const last = &entries[ENTRIES - 1];

static ct_status declare_all(ct_safetensors_writer *w, ct_error *err) {
    CT_CHECK(ct_safetensors_writer_metadata(w, "format", "a \"quoted\" 0000000000000000", err));
    CT_CHECK(ct_safetensors_writer_metadata(w, "hash", ct_safetensors_hash_slot, err));
    for (int i = 0; i < ENTRIES; i++)
        CT_CHECK(ct_safetensors_writer_declare(w, entries[i].name, entries[i].dtype, entries[i].shape,
                                               entries[i].n_dims, err));
    return CT_OK;
}

/* The sample file; bytes go in one by one for every second tensor. */
static ct_status write_sample(const char *path, ct_error *err) {
    ct_status st = CT_OK;
    ct_safetensors_writer *w = NULL;
    CT_TRY(ct_safetensors_writer_create(&w, path, err), st, done);
    CT_TRY(declare_all(w, err), st, done);
    for (int i = 0; i < ENTRIES; i++) {
        const size_t piece = i % 2 ? 1 : entries[i].n;
        for (size_t at = 0; at < entries[i].n; at += piece)
            CT_TRY(ct_safetensors_writer_data(w, (const char *)entries[i].bytes + at, piece, err), st, done);
    }
    st = ct_safetensors_writer_commit(w, err);
done:
    ct_safetensors_writer_free(w);
    return st;
}

static ct_safetensors *open_sample(const char *path) {
    ct_safetensors *file = NULL;
    ct_error err = CT_ERROR_INIT;
    if (write_sample(path, &err) != CT_OK || ct_safetensors_open(&file, path, &err) != CT_OK) fail_msg("%s", err.text);
    return file;
}

static void assert_fails(ct_status status, ct_error *err, ct_status wanted, const char *part) {
    if (status != wanted || !strstr(err->text, part))
        fail_msg("status %d: '%s', want %d with '%s'", (int)status, err->text, (int)wanted, part);
    *err = (ct_error)CT_ERROR_INIT;
}

/* ---- what is written is read back ----------------------------------------------------------------------------- */

static void round_trip(void **state) {
    ct_safetensors *file = open_sample(test_path(*state, "sample.safetensors"));
    assert_int_equal(ct_safetensors_count(file), ENTRIES);
    assert_string_equal(ct_safetensors_metadata(file, "format"), "a \"quoted\" 0000000000000000");
    assert_null(ct_safetensors_metadata(file, "missing"));
    assert_null(ct_safetensors_find(file, "missing"));
    assert_null(ct_safetensors_find(file, "__metadata__"));
    for (int i = 0; i < ENTRIES; i++) {
        const ct_safetensor *t = ct_safetensors_find(file, entries[i].name);
        assert_non_null(t);
        assert_string_equal(t->name, entries[i].name);
        assert_string_equal(t->dtype, entries[i].dtype);
        assert_int_equal(t->n_dims, entries[i].n_dims);
        for (int d = 0; d < t->n_dims; d++) assert_int_equal(t->shape[d], entries[i].shape[d]);
        assert_int_equal(t->bytes, entries[i].n);
        if (t->bytes > 0) assert_memory_equal(t->data, entries[i].bytes, t->bytes);
        if (i > 0) assert_true(ct_safetensors_at(file, i)->data >= ct_safetensors_at(file, i - 1)->data);
    }
    assert_int_equal((uintptr_t)ct_safetensors_at(file, 0)->data % 8, 0);
    ct_safetensors_close(file);
    ct_safetensors_close(NULL);
}

static void converts_to_f32(void **state) {
    ct_safetensors *file = open_sample(test_path(*state, "sample.safetensors"));
    ct_error err = CT_ERROR_INIT;
    float out[6];
    assert_int_equal(ct_safetensor_to_f32(ct_safetensors_find(file, "encoder.weight"), out, 6, NULL), CT_OK);
    assert_memory_equal(out, weights, sizeof weights);
    assert_int_equal(ct_safetensor_to_f32(ct_safetensors_find(file, "half"), out, 3, NULL), CT_OK);
    assert_true(out[0] == 1.0f && out[1] == -2.5f && out[2] == 0x1p-24f);
    assert_int_equal(ct_safetensor_to_f32(ct_safetensors_find(file, "brain"), out, 2, NULL), CT_OK);
    assert_true(out[0] == 1.0f && out[1] == -2.5f);
    assert_int_equal(ct_safetensor_to_f32(ct_safetensors_find(file, "scalar"), out, 1, NULL), CT_OK);
    assert_true(out[0] == 0.1f);
    assert_int_equal(ct_safetensor_to_f32(ct_safetensors_find(file, "none"), out, 0, NULL), CT_OK);
    assert_fails(ct_safetensor_to_f32(ct_safetensors_find(file, "half"), out, 4, &err), &err, CT_ERR_SHAPE, "'half'");
    assert_fails(ct_safetensor_to_f32(ct_safetensors_find(file, last->name), out, 2, &err), &err, CT_ERR_DTYPE, "I32");
    ct_safetensors_close(file);
}

/* Only the value that is the slot is replaced: not the tensor of that name, nor the text that holds it. */
static void the_hash_fills_its_slot(void **state) {
    const char *path = test_path(*state, "sample.safetensors");
    ct_safetensors *file = open_sample(path);
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)ct_safetensors_hash(file));
    assert_string_equal(ct_safetensors_metadata(file, "hash"), hex);
    assert_string_not_equal(hex, ct_safetensors_hash_slot);
    ct_safetensors_close(file);
}

static void an_empty_file_of_tensors(void **state) {
    const char *path = test_path(*state, "empty.safetensors");
    ct_safetensors_writer *w;
    ct_safetensors *file;
    assert_int_equal(ct_safetensors_writer_create(&w, path, NULL), CT_OK);
    assert_int_equal(ct_safetensors_writer_commit(w, NULL), CT_OK);
    ct_safetensors_writer_free(w);
    assert_int_equal(ct_safetensors_open(&file, path, NULL), CT_OK);
    assert_int_equal(ct_safetensors_count(file), 0);
    assert_null(ct_safetensors_metadata(file, "hash"));
    ct_safetensors_close(file);
}

/* ---- wrong use of the writer ---------------------------------------------------------------------------------- */

static void the_writer_refuses(void **state) {
    const char *path = test_path(*state, "refused.safetensors");
    const int64_t two[] = {2}, huge[] = {INT64_MAX, 16}, negative[] = {-1};
    ct_safetensors_writer *w;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_safetensors_writer_create(&w, path, &err), CT_OK);
    assert_int_equal(ct_safetensors_writer_declare(w, "a", "F32", two, 1, &err), CT_OK);
    assert_fails(ct_safetensors_writer_declare(w, "a", "F32", two, 1, &err), &err, CT_ERR_ARGUMENT, "'a'");
    assert_fails(ct_safetensors_writer_declare(w, "__metadata__", "F32", two, 1, &err), &err, CT_ERR_ARGUMENT, "taken");
    assert_fails(ct_safetensors_writer_declare(w, "b", "F31", two, 1, &err), &err, CT_ERR_ARGUMENT, "'b'");
    assert_fails(ct_safetensors_writer_declare(w, "c", "F32", huge, 2, &err), &err, CT_ERR_ARGUMENT, "'c'");
    assert_fails(ct_safetensors_writer_declare(w, "d", "F32", negative, 1, &err), &err, CT_ERR_ARGUMENT, "'d'");
    assert_fails(ct_safetensors_writer_declare(w, "e", "F32", huge, 9, &err), &err, CT_ERR_ARGUMENT, "'e'");
    assert_fails(ct_safetensors_writer_declare(w, "\xff", "F32", two, 1, &err), &err, CT_ERR_ARGUMENT, "UTF-8");
    assert_fails(ct_safetensors_writer_metadata(w, "k", "\xff", &err), &err, CT_ERR_ARGUMENT, "'k'");
    assert_int_equal(ct_safetensors_writer_data(w, weights, 4, &err), CT_OK);
    assert_fails(ct_safetensors_writer_declare(w, "f", "F32", two, 1, &err), &err, CT_ERR_ARGUMENT, "late");
    assert_fails(ct_safetensors_writer_metadata(w, "k", "v", &err), &err, CT_ERR_ARGUMENT, "late");
    assert_fails(ct_safetensors_writer_commit(w, &err), &err, CT_ERR_ARGUMENT, "4 bytes of tensors written, 8");
    assert_int_equal(ct_safetensors_writer_data(w, weights, 5, &err), CT_OK);
    assert_fails(ct_safetensors_writer_commit(w, &err), &err, CT_ERR_ARGUMENT, "9 bytes of tensors written, 8");
    ct_safetensors_writer_free(w);
    ct_safetensors_writer_free(NULL);
    assert_int_equal(test_count_entries(*state), 0);
}

/* Writes a file anew: ext4 waits for the disk when a file that was cut to nothing is filled again. */
static void write_anew(const char *path, const void *bytes, size_t n) {
    unlink(path);
    test_write_file(path, bytes, n);
}

/* ---- broken files --------------------------------------------------------------------------------------------- */

static void a_file_cut_anywhere_is_refused(void **state) {
    const char *path = test_path(*state, "sample.safetensors"), *cut = test_path(*state, "cut.safetensors");
    ct_safetensors_close(open_sample(path));
    ct_map map;
    assert_int_equal(ct_map_open(&map, path, NULL), CT_OK);
    for (size_t n = 0; n < map.size; n++) {
        ct_safetensors *file = NULL;
        ct_error err = CT_ERROR_INIT;
        write_anew(cut, map.bytes, n);
        if (ct_safetensors_open(&file, cut, &err) != CT_ERR_FORMAT) fail_msg("cut to %zu bytes: '%s'", n, err.text);
        assert_null(file);
        assert_non_null(strstr(err.text, cut));
    }
    ct_map_close(&map);
}

/* A file of this header and data_bytes zeros. */
static void write_header(const char *path, const char *header, size_t data_bytes) {
    const size_t n = strlen(header);
    unsigned char *bytes = calloc(1, 8 + n + data_bytes);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(n >> 8 * i);
    memcpy(bytes + 8, header, n);
    write_anew(path, bytes, 8 + n + data_bytes);
    free(bytes);
}

#define TENSOR(name, dtype, shape, offsets)                                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void broken_headers(void **state) {
    static const struct {
        const char *header, *message;
    } cases[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"a\":", "not a JSON object"},
        {"{} {}", "not a JSON object"},
        {"{\"a\\u0000b\":1}", "not a JSON object"},
        {"{\"\xff\":1}", "not a JSON object"},
        {"{\"a\":1}", "unknown dtype"},
        {"{\"a\":{}}", "unknown dtype"},
        {"{" TENSOR("a", "F7", "[2]", "[0,8]") "}", "unknown dtype"},
        {"{" TENSOR("a", "F32", "2", "[0,8]") "}", "shape"},
        {"{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", "at most 8"},
        {"{" TENSOR("a", "F32", "[2.0]", "[0,8]") "}", "integers"},
        {"{" TENSOR("a", "F32", "[\"2\"]", "[0,8]") "}", "integers"},
        {"{" TENSOR("a", "F32", "[2]", "[0]") "}", "two data_offsets"},
        {"{" TENSOR("a", "F32", "[2]", "{}") "}", "two data_offsets"},
        {"{" TENSOR("a", "F32", "[2]", "[null,8]") "}", "integers"},
        {"{" TENSOR("a", "F32", "[2]", "[0,7]") "}", "do not fit"},
        {"{" TENSOR("a", "F32", "[2]", "[8,0]") "}", "do not fit"},
        {"{" TENSOR("a", "F32", "[2]", "[-8,0]") "}", "do not fit"},
        {"{" TENSOR("a", "F32", "[5]", "[0,20]") "}", "do not fit"},
        {"{" TENSOR("a", "F32", "[2]", "[9223372036854775800,9223372036854775807]") "}", "do not fit"},
        {"{" TENSOR("a", "F32", "[-2]", "[0,8]") "}", "do not fit"},
        {"{" TENSOR("a", "F32", "[-2,-1]", "[0,8]") "}", "do not fit"},
        {"{" TENSOR("a", "F32", "[4611686018427387904,4,2]", "[0,0]") "}", "do not fit"}, /* 2^65 elements */
        {"{" TENSOR("a", "F32", "[99999999999999999999]", "[0,8]") "}", "not a JSON object"},
        {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("a", "F32", "[2]", "[8,16]") "}", "duplicate"},
        {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[2]", "[4,12]") "}", "overlap"},
        {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[2]", "[0,8]") "}", "overlap"},
    };
    const char *path = test_path(*state, "broken.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_safetensors *file = NULL;
        ct_error err = CT_ERROR_INIT;
        write_header(path, cases[i].header, 16);
        const ct_status st = ct_safetensors_open(&file, path, &err);
        if (st != CT_ERR_FORMAT || !strstr(err.text, cases[i].message))
            fail_msg("%s: status %d '%s', want '%s'", cases[i].header, (int)st, err.text, cases[i].message);
        assert_null(file);
    }
}

static void odd_headers_that_are_valid(void **state) {
    const char *path = test_path(*state, "odd.safetensors");
    ct_safetensors *file = NULL;
    const char *header =
        "{\"__metadata__\":7," TENSOR("", "U8", "[]", "[15,16]") "," TENSOR("b", "F32", "[0]", "[3,3]") "}  ";
    write_header(path, header, 16);
    assert_int_equal(ct_safetensors_open(&file, path, NULL), CT_OK);
    assert_int_equal(ct_safetensors_count(file), 2);
    assert_int_equal(ct_safetensors_find(file, "")->bytes, 1);
    assert_null(ct_safetensors_metadata(file, "hash"));
    ct_safetensors_close(file);
}

/* n times `open`, with nothing that closes them. */
static void deep(const char *path, const char *open, size_t n) {
    const size_t length = strlen(open);
    char *text = malloc(n * length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++) memcpy(text + i * length, open, length);
    text[n * length] = '\0';
    write_header(path, text, 0);
    free(text);
    ct_safetensors *file = NULL;
    assert_int_equal(ct_safetensors_open(&file, path, NULL), CT_ERR_FORMAT);
}

static void headers_without_bottom(void **state) {
    const char *path = test_path(*state, "deep.safetensors");
    deep(path, "[", 1000000);
    deep(path, "{\"a\":", 1000000);
    /* A length that no file has. */
    test_write_file(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    ct_safetensors *file = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_fails(ct_safetensors_open(&file, path, &err), &err, CT_ERR_FORMAT, "18446744073709551615 bytes");
    assert_fails(ct_safetensors_open(&file, test_path(*state, "missing"), &err), &err, CT_ERR_IO, "missing");
}

/* Reads all that an open file offers. */
static uint64_t walk(const ct_safetensors *file) {
    uint64_t sum = ct_safetensors_hash(file);
    for (int i = 0; i < ct_safetensors_count(file); i++) {
        const ct_safetensor *t = ct_safetensors_at(file, i);
        const unsigned char *bytes = t->data;
        float out[64];
        sum += strlen(t->name) + strlen(t->dtype);
        for (size_t b = 0; b < t->bytes; b++) sum += bytes[b];
        for (int64_t n = 0; n < 8; n++) (void)ct_safetensor_to_f32(t, out, n, NULL);
    }
    return sum;
}

static void random_mutations_do_no_harm(void **state) {
    const char *path = test_path(*state, "sample.safetensors"), *mutant = test_path(*state, "mutant.safetensors");
    enum { ROUNDS = 3000 };
    ct_rng rng = ct_rng_make(3, 0, 0);
    ct_safetensors_close(open_sample(path));
    ct_map map;
    int opened = 0;
    assert_int_equal(ct_map_open(&map, path, NULL), CT_OK);
    unsigned char *bytes = malloc(map.size);
    assert_non_null(bytes);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(bytes, map.bytes, map.size);
        /* Mostly digits, commas and brackets in the header's place: what keeps the JSON whole now and then. */
        for (uint64_t i = 0, n = 1 + ct_rng_below(&rng, 3); i < n; i++) {
            const uint64_t at = ct_rng_below(&rng, map.size);
            bytes[at] = ct_rng_below(&rng, 2) ? (unsigned char)"0123456789-,[]"[ct_rng_below(&rng, 14)]
                                              : (unsigned char)ct_rng_u32(&rng);
        }
        write_anew(mutant, bytes, map.size);
        ct_safetensors *file = NULL;
        if (ct_safetensors_open(&file, mutant, NULL) == CT_OK) {
            opened++;
            walk(file);
        }
        ct_safetensors_close(file);
    }
    assert_true(opened > ROUNDS / 20 && opened < ROUNDS); /* both ways are taken */
    free(bytes);
    ct_map_close(&map);
}

/* ---- faults --------------------------------------------------------------------------------------------------- */

static void the_nth_write_fails(void **state) {
    const char *path = test_path(*state, "sample.safetensors");
    test_write_text(path, "old");
    uint64_t n = 1;
    for (;; n++) {
        ct_error err = CT_ERROR_INIT;
        ct_io_set_fault(n, ENOSPC);
        const ct_status st = write_sample(path, &err);
        ct_io_set_fault(0, 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_IO);
        assert_non_null(strstr(err.text, "No space left"));
        assert_int_equal(test_count_entries(*state), 1); /* no temporary stays */
    }
    assert_true(n > 3);
    ct_safetensors_close(open_sample(path));
}

static void the_nth_allocation_fails(void **state) {
    const char *path = test_path(*state, "sample.safetensors");
    ct_safetensors *file = NULL;
    test_alloc_install();
    for (uint64_t n = 1;; n++) {
        test_alloc_fail_at(n);
        const ct_status st = write_sample(path, NULL);
        test_alloc_fail_at(0);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    for (uint64_t n = 1;; n++) {
        test_alloc_fail_at(n);
        const ct_status st = ct_safetensors_open(&file, path, NULL);
        test_alloc_fail_at(0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        assert_int_equal(test_alloc_live(), 0);
    }
    ct_safetensors_close(file);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {IN_A_FOLDER(round_trip),
                                       IN_A_FOLDER(converts_to_f32),
                                       IN_A_FOLDER(the_hash_fills_its_slot),
                                       IN_A_FOLDER(an_empty_file_of_tensors),
                                       IN_A_FOLDER(the_writer_refuses),
                                       IN_A_FOLDER(a_file_cut_anywhere_is_refused),
                                       IN_A_FOLDER(broken_headers),
                                       IN_A_FOLDER(odd_headers_that_are_valid),
                                       IN_A_FOLDER(headers_without_bottom),
                                       IN_A_FOLDER(random_mutations_do_no_harm),
                                       IN_A_FOLDER(the_nth_write_fails),
                                       IN_A_FOLDER(the_nth_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
