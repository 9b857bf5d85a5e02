/* Files of vectors: byte layouts, what is written is read back, and files that are cut, damaged or strange
 * are refused. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/half.h"
#include "base/rng.h"
#include "crosstower/crosstower.h"
#include "serve/vectors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

enum { N = 7, DIM = 5 };

static float rows[N * DIM];

static int set_up(void **state) {
    ct_rng rng = ct_rng_make(1, 0, 0);
    for (int i = 0; i < N * DIM; i++) rows[i] = (float)ct_rng_normal(&rng);
    rows[3] = 1e-30f; /* nothing in f16 */
    rows[4] = -0.0f;
    rows[5] = 3.0e38f;
    return test_dir_setup(state);
}

static const ct_vectors all = {N, DIM, rows}, none = {0, DIM, rows};

/* Every row calls itself by its number, with a quoted platform. */
static const char *label(void *ctx, int64_t row) {
    static char text[32];
    (void)ctx;
    snprintf(text, sizeof text, "\"a, b\",%d", (int)row);
    return text;
}

typedef ct_status (*read_fn)(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);

static const struct {
    const char *name;
    read_fn read;
} formats[] = {{"v.npy", ct_read_npy},
               {"v.safetensors", ct_read_vectors_safetensors},
               {"v.faiss", ct_read_faiss},
               {"v.csv", ct_read_vectors_csv}};
enum { FORMATS = 4 };

static ct_status write_format(int f, const char *path, const ct_vectors *v, ct_error *err) {
    switch (f) {
    case 0:
        return ct_write_npy(path, v, false, err);
    case 1:
        return ct_write_vectors_safetensors(path, v, false, err);
    case 2:
        return ct_write_faiss(path, v, err);
    default:
        return ct_write_vectors_csv(path, v, label, NULL, err);
    }
}

static void what_is_written_is_read_back(void **state) {
    for (int f = 0; f < FORMATS; f++) {
        const char *path = test_path(*state, formats[f].name);
        int64_t n = -1, dim = -1;
        float *back = NULL;
        ct_error err = CT_ERROR_INIT;
        assert_int_equal(write_format(f, path, &all, &err), CT_OK);
        if (formats[f].read(path, &n, &dim, &back, &err) != CT_OK) fail_msg("%s", err.text);
        assert_true(n == N && dim == DIM);
        assert_memory_equal(back, rows, sizeof rows);
        ct_free(back);
        assert_int_equal(write_format(f, path, &none, &err), CT_OK);
        if (formats[f].read(path, &n, &dim, &back, &err) != CT_OK) fail_msg("%s", err.text);
        assert_true(n == 0 && dim == DIM);
        ct_free(back);
    }
}

static void halves_are_rounded(void **state) {
    for (int f = 0; f < 2; f++) {
        const char *path = test_path(*state, formats[f].name);
        int64_t n, dim;
        float *back = NULL;
        assert_int_equal(f ? ct_write_vectors_safetensors(path, &all, true, NULL)
                           : ct_write_npy(path, &all, true, NULL),
                         CT_OK);
        assert_int_equal(formats[f].read(path, &n, &dim, &back, NULL), CT_OK);
        assert_true(n == N && dim == DIM);
        for (int i = 0; i < N * DIM; i++) {
            if (i == 5)
                assert_true(isinf(back[i])); /* beyond 65504 */
            else if (!(fabsf(back[i] - rows[i]) <= fabsf(rows[i]) * 0x1p-11f + 0x1p-25f))
                fail_msg("%d: %g for %g", i, back[i], rows[i]);
        }
        ct_free(back);
    }
}

static unsigned char *bytes_of(const char *path, size_t *n) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    *n = (size_t)info.st_size;
    return (unsigned char *)test_read_text(path);
}

static void npy_looks_as_numpy_says(void **state) {
    const char *path = test_path(*state, "v.npy");
    for (int half = 0; half < 2; half++) {
        size_t n;
        assert_int_equal(ct_write_npy(path, &all, half, NULL), CT_OK);
        unsigned char *b = bytes_of(path, &n);
        const size_t header = b[8] | (size_t)b[9] << 8;
        assert_memory_equal(b, "\x93NUMPY\x01\x00", 8);
        assert_int_equal((10 + header) % 64, 0);
        assert_int_equal(b[10 + header - 1], '\n');
        assert_int_equal(n, 10 + header + N * DIM * (half ? 2 : 4));
        b[10 + header - 1] = '\0';
        const char wanted[] = "{'descr': '<f%d', 'fortran_order': False, 'shape': (7, 5), }";
        char text[128];
        snprintf(text, sizeof text, wanted, half ? 2 : 4);
        assert_memory_equal(b + 10, text, strlen(text));
        assert_int_equal(strspn((char *)b + 10 + strlen(text), " "), header - 1 - strlen(text));
        if (!half) assert_memory_equal(b + 10 + header, rows, sizeof rows);
        free(b);
    }
}

static void faiss_looks_as_faiss_says(void **state) {
    size_t n;
    const char *path = test_path(*state, "v.faiss");
    assert_int_equal(ct_write_faiss(path, &all, NULL), CT_OK);
    unsigned char *b = bytes_of(path, &n);
    static const unsigned char head[] = {
        'I',     'x', 'F', 'I', DIM, 0, 0, 0, N, 0, 0,  0, 0, 0, 0, 0, /* d, n */
        0,       0,   16,  0,   0,   0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, /* 2^20 twice */
        1,       0,   0,   0,   0,                                     /* trained, metric */
        N * DIM, 0,   0,   0,   0,   0, 0, 0};
    assert_int_equal(n, sizeof head + sizeof rows);
    assert_memory_equal(b, head, sizeof head);
    assert_memory_equal(b + sizeof head, rows, sizeof rows);
    free(b);
}

static void csv_is_for_people_too(void **state) {
    static const float few[] = {0.5f, -1.0f, 0.1f, 3.0f};
    const ct_vectors v = {2, 2, few};
    const char *path = test_path(*state, "v.csv");
    assert_int_equal(ct_write_vectors_csv(path, &v, label, NULL, NULL), CT_OK);
    char *text = test_read_text(path);
    assert_string_equal(text, "platform,id,v0,v1\n\"a, b\",0,0.5,-1\n\"a, b\",1,0.100000001,3\n");
    free(text);
}

/* ---- strange files
 * ---------------------------------------------------------------------------------------------------- */

static void cut_files_are_refused(void **state) {
    for (int f = 0; f < 3; f++) { /* a CSV that ends at a line is a whole one */
        const char *path = test_path(*state, formats[f].name);
        size_t n;
        assert_int_equal(write_format(f, path, &all, NULL), CT_OK);
        unsigned char *b = bytes_of(path, &n);
        for (size_t length = 0; length < n; length++) {
            int64_t count, dim;
            float *back = NULL;
            ct_error err = CT_ERROR_INIT;
            unlink(path); /* a file that is cut and written again waits for the disk */
            test_write_file(path, b, length);
            const ct_status st = formats[f].read(path, &count, &dim, &back, &err);
            if (st != CT_ERR_FORMAT)
                fail_msg("%s cut to %zu of %zu bytes: status %d", formats[f].name, length, n, st);
            assert_non_null(strstr(err.text, formats[f].name));
            ct_free(back);
        }
        free(b);
    }
}

static ct_status read_npy_of(void *state, const char *header, int version, size_t values, ct_error *err) {
    unsigned char file[1024] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0};
    const size_t n = strlen(header), prefix = version == 1 ? 10 : 12;
    file[8] = (unsigned char)n;
    file[9] = (unsigned char)(n >> 8);
    memcpy(file + prefix, header, n);
    test_write_file(test_path(state, "h.npy"), file, prefix + n + values);
    int64_t count = -1, dim = -1;
    float *back = NULL;
    ct_error_clear(err);
    const ct_status st = ct_read_npy(test_path(state, "h.npy"), &count, &dim, &back, err);
    if (st == CT_OK) assert_true(count == 2 && dim == 3 && back[5] == 0.0f);
    ct_free(back);
    return st;
}

static void npy_headers(void **state) {
    ct_error err = CT_ERROR_INIT;
    static const char good[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
    assert_int_equal(read_npy_of(*state, good, 1, 24, &err), CT_OK);
    assert_int_equal(read_npy_of(*state, good, 2, 24, &err), CT_OK);
    assert_int_equal(read_npy_of(*state, good, 3, 24, &err), CT_OK);
    assert_int_equal(
        read_npy_of(*state, "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f2'}", 1, 12, &err), CT_OK);
    static const struct {
        const char *header;
        int version;
        size_t values;
    } bad[] = {
        {good, 0, 24},
        {good, 4, 24},
        {good, 1, 23},
        {good, 1, 28},
        {good, 1, 0},
        {"", 1, 24},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", 1, 48},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 1, 24},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", 1, 24},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 1, 24},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 1, 24},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 1, 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }", 1, 24},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3), }", 1, 24},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 0), }", 1, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 1, 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807), }", 1,
         4},
        {"{'descr': '<f4', 'fortran_order': False}", 1, 24}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_npy_of(*state, bad[i].header, bad[i].version, bad[i].values, &err) != CT_ERR_FORMAT)
            fail_msg("taken: %s", bad[i].header);
        assert_non_null(strstr(err.text, "h.npy"));
    }
}

static void csv_cells(void **state) {
    static const char *const bad[] = {"platform,id\na,b\n",
                                      "platform,id,v0\na,b,x\n",
                                      "platform,id,v0\na,b,\n",
                                      "platform,id,v0,v1\na,b,1\n",
                                      "platform,id,v0\na,b,nan\n",
                                      "platform,id,v1\na,b,1\n",
                                      ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t n, dim;
        float *back = NULL;
        ct_error err = CT_ERROR_INIT;
        test_write_text(test_path(*state, "bad.csv"), bad[i]);
        if (ct_read_vectors_csv(test_path(*state, "bad.csv"), &n, &dim, &back, &err) == CT_OK)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, "bad.csv"));
        ct_free(back);
    }
}

static void a_failing_write_leaves_the_old_file(void **state) {
    for (int f = 0; f < FORMATS; f++) {
        const char *path = test_path(*state, formats[f].name);
        test_write_text(path, "old");
        const int entries = test_count_entries(*state);
        int failures = 0;
        for (uint64_t nth = 1;; nth++, failures++) {
            ct_error err = CT_ERROR_INIT;
            ct_test_io_fault(nth, EIO);
            const ct_status st = write_format(f, path, &all, &err);
            ct_test_io_fault(0, 0);
            assert_int_equal(test_count_entries(*state), entries);
            if (st == CT_OK) break;
            assert_int_equal(st, CT_ERR_IO);
            char *text = test_read_text(path);
            /* The last fault is that of the folder's sync, behind the rename. */
            if (strcmp(text, "old") != 0) assert_non_null(strstr(err.text, "folder"));
            free(text);
        }
        assert_true(failures >= 4); /* write, sync, rename, folder */
    }
}

static void hashes_are_of_the_bytes(void **state) {
    uint64_t a, b, bytes;
    const char *path = test_path(*state, "x");
    test_write_text(path, "123");
    assert_int_equal(ct_file_hash(path, &a, &bytes, NULL), CT_OK);
    assert_int_equal(bytes, 3);
    test_write_text(path, "124");
    assert_int_equal(ct_file_hash(path, &b, &bytes, NULL), CT_OK);
    assert_true(a != b);
    test_write_text(path, "");
    assert_int_equal(ct_file_hash(path, &b, &bytes, NULL), CT_OK);
    assert_int_equal(bytes, 0);
    assert_int_equal(ct_file_hash(test_path(*state, "nowhere"), &b, &bytes, NULL), CT_ERR_IO);
}

int main(void) {
#define RUN(test) cmocka_unit_test_setup_teardown(test, set_up, test_dir_teardown)
    const struct CMUnitTest tests[] = {
        RUN(what_is_written_is_read_back),
        RUN(halves_are_rounded),
        RUN(npy_looks_as_numpy_says),
        RUN(faiss_looks_as_faiss_says),
        RUN(csv_is_for_people_too),
        RUN(cut_files_are_refused),
        RUN(npy_headers),
        RUN(csv_cells),
        RUN(a_failing_write_leaves_the_old_file),
        RUN(hashes_are_of_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
