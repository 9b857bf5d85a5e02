/* The table readers: formats, bad rows, broken files, failing memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/rng.h"
#include "base/str.h"
#include "data/columns.h"
#include "data/table.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

static const char *dir; /* of the whole suite */

static int setup(void **state) {
    const int failed = test_dir_setup(state);
    dir = *state;
    return failed;
}

static const char *files_path(const char *name) {
    return test_path(dir, name);
}

static const char *files_write_bytes(const char *name, const void *bytes, size_t n) {
    const char *path = files_path(name);
    test_write_file(path, bytes, n);
    return path;
}

static const char *files_write(const char *name, const char *text) {
    return files_write_bytes(name, text, strlen(text));
}

static const char *files_write_gzip(const char *name, const void *bytes, size_t n) {
    const char *path = files_path(name);
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(n > 0 ? gzwrite(f, bytes, (unsigned)n) : 0, n);
    assert_int_equal(gzclose(f), Z_OK);
    return path;
}

/* Reads a whole table as text: cells by "|", an absent cell as "-", a bad row as "!LINE reason". */
static ct_status read_all(const char *path, const char *names, ct_str *out, ct_error *err) {
    ct_table *t = NULL;
    int columns[8], n = 0;
    char copy[256];
    ct_str_clear(out);
    ct_status st = ct_table_open(&t, path, err);
    if (st != CT_OK) return st;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *name = strtok(copy, ","); name; name = strtok(NULL, ","))
        columns[n++] = ct_table_column(t, name);
    for (;;) {
        bool more = false;
        const char *bad = NULL;
        st = ct_table_next(t, &more, &bad, err);
        if (st != CT_OK || !more) break;
        if (bad) st = ct_str_printf(out, err, "!%lld %s", (long long)ct_table_line(t), bad);
        for (int i = 0; i < n && !bad && st == CT_OK; i++) {
            size_t length = 0;
            const char *cell = ct_table_cell(t, columns[i], &length);
            if (cell && strlen(cell) != length) fail_msg("cell of %zu bytes holds a NUL", length);
            st = ct_str_printf(out, err, "%s%s", i ? "|" : "", cell ? cell : "-");
        }
        if (st == CT_OK) st = ct_str_puts(out, "\n", err);
        if (st != CT_OK) break;
    }
    ct_table_close(t);
    return st;
}

static void expect(const char *name, const char *text, const char *names, const char *wanted) {
    ct_error err = CT_ERROR_INIT;
    ct_str got = {0};
    const ct_status st = read_all(files_write(name, text), names, &got, &err);
    if (st != CT_OK) fail_msg("%s: %s", name, err.text);
    assert_string_equal(ct_str_text(&got), wanted);
    ct_str_free(&got);
}

static void expect_error(const char *path, ct_status wanted, const char *part) {
    ct_error err = CT_ERROR_INIT;
    ct_str got = {0};
    assert_int_equal(read_all(path, "a", &got, &err), wanted);
    if (!strstr(err.text, part)) fail_msg("'%s' lacks '%s'", err.text, part);
    ct_str_free(&got);
}

static void csv_plain(void **state) {
    (void)state;
    expect("a.csv", "a,b\n1,2\n3,\n", "a,b,c", "1|2|-\n3||-\n");
    expect("a.csv", "a,b\n1,2", "b,a", "2|1\n"); /* no line break at the end */
    expect("a.csv", "a\n\n1\n\n\n2\n\n", "a", "1\n2\n");
    expect("a.csv", "a,b\n", "a", "");
}

static void csv_quotes(void **state) {
    (void)state;
    expect("q.csv", "a,b\n\"1,5\",\"say \"\"hi\"\"\"\n\"\",x\n", "a,b", "1,5|say \"hi\"\n|x\n");
    expect("q.csv", "a,b\n\"two\nlines\r\nthree\",x\n4,y\n", "a,b", "two\nlines\r\nthree|x\n4|y\n");
    expect("q.csv", "\"a\",\"b,c\"\n1,2\n", "a,b,c", "1|-|-\n");
    expect("q.csv", "a,b\n1 \"x\" y,2\n", "a,b", "1 \"x\" y|2\n"); /* a quote inside is a plain character */
    expect("q.csv", "a\n\"x\"", "a", "x\n");
}

static void csv_line_ends(void **state) {
    (void)state;
    expect("e.csv", "a,b\r\n1,2\r\n\"3\",\"4\"\r\n5,6\r", "a,b", "1|2\n3|4\n5|6\n");
    expect("e.csv",
           "\xEF\xBB\xBF"
           "a,b\n1,2\n",
           "a,b", "1|2\n"); /* byte-order mark */
    expect("e.tsv",
           "\xEF\xBB\xBF"
           "a\tb\r\n1\t2\r\n",
           "a,b", "1|2\n");
}

static void csv_bad_rows(void **state) {
    (void)state;
    expect("b.csv", "a,b\n1\n1,2,3\n4,5\n", "a,b",
           "!2 1 cells, want 2 as in the header\n!3 3 cells, want 2 as in the header\n4|5\n");
    expect("b.csv", "a,b\n\"x\"y,2\n3,4\n", "a,b", "!2 text after a closing quote\n3|4\n");
    expect("b.csv", "a,b\n1,\xFF\n3,4\n", "a,b", "!2 not UTF-8: byte 0xff at byte 3 of the row\n3|4\n");
    /* An unclosed quote costs its own line, not the rest of the file. */
    expect("b.csv", "a,b\n\"1,2\n3,4\n5,6\n", "a,b", "!2 a quote that is never closed\n3|4\n5|6\n");
    expect("b.csv", "a,b\n\"m\nn\",2\n3,4,5\n", "a,b", "m\nn|2\n!4 3 cells, want 2 as in the header\n");
}

static void nul_bytes(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_str got = {0};
    const char csv[] = "a,b\n1\0,2\n3,4\n", json[] = "{\"a\":\"x\0\"}\n{\"a\":\"\\u0000\"}\n{\"a\":1}\n";
    assert_int_equal(read_all(files_write_bytes("n.csv", csv, sizeof csv - 1), "a,b", &got, &err), CT_OK);
    assert_string_equal(ct_str_text(&got), "!2 a NUL byte in the row\n3|4\n");
    assert_int_equal(read_all(files_write_bytes("n.jsonl", json, sizeof json - 1), "a", &got, &err), CT_OK);
    assert_non_null(strstr(ct_str_text(&got), "!1 a NUL byte in the row\n!2 not JSON"));
    assert_non_null(strstr(ct_str_text(&got), "\n1\n"));
    ct_str_free(&got);
}

static void tsv(void **state) {
    (void)state;
    expect("a.tsv", "a\tb\n\"1\t2,5\n\t\n", "a,b", "\"1|2,5\n|\n");
    expect("a.tsv", "a:x\tb\n1\t2\n", "a:x,a", "1|-\n"); /* typed headers only by RecBole's endings */
    expect("ml.inter", "user_id:token\titem_id:token\trating:float\tq\n7\ti 1\t3.5\t\n",
           "user_id,item_id,rating,q", "7|i 1|3.5|\n");
    expect("ml.item", "a:b:token_seq\n1\n", "a:b", "1\n");
    expect("ml.user", "a:token\n1\n", "a", "1\n");
}

static void json_kinds(void **state) {
    (void)state;
    expect("k.jsonl", "{\"a\":\"x\",\"b\":1}\n\n  \n{\"a\":true,\"b\":false}\n{\"a\":null,\"b\":-1.5e-7}\n",
           "a,b", "x|1\ntrue|false\n-|-1.5e-07\n");
    expect("k.ndjson", "{\"a\":[\"x\",2,true,null,0.1],\"b\":[]}\r\n{\"b\":\"\"}", "a,b",
           "x 2 true 0.1|\n-|\n");
    expect("k.jsonl", "{\"a\":9007199254740993,\"b\":1595000000.25}\n", "a,b",
           "9007199254740993|1595000000.25\n");
    expect("k.jsonl", "\xEF\xBB\xBF{\"a\":\"\\u00e9\\ud83d\\ude00\"}\n", "a", "\xC3\xA9\xF0\x9F\x98\x80\n");
    expect("k.jsonl", "{\"a\":1,\"other\":{\"deep\":[[1]]}}\n", "a",
           "1\n"); /* fields nobody asked for may be anything */
}

static void json_bad_rows(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_str got = {0};
    const char *text =
        "[1]\n{\"a\":{}}\n{\"a\":[[1]]}\n{\"a\":1,\"a\":2}\n{\"a\":1\n{\"a\":\"\xC3\x28\"}\n{\"a\":1} x\n"
        "{\"a\":1e999}\n{\"a\":5}\n";
    assert_int_equal(read_all(files_write("b.jsonl", text), "a", &got, &err), CT_OK);
    const char *reasons[] = {"!1 not a JSON object",
                             "!2 field 'a' is an object",
                             "!3 field 'a' holds an array",
                             "!4 not JSON: duplicate",
                             "!5 not JSON",
                             "!6 not UTF-8",
                             "!7 not JSON",
                             "!8 not JSON"};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (!strstr(ct_str_text(&got), reasons[i]))
            fail_msg("'%s' lacks '%s'", ct_str_text(&got), reasons[i]);
    assert_non_null(strstr(ct_str_text(&got), "\n5\n"));
    ct_str_free(&got);
}

static void gzip(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_str got = {0}, text = {0};
    assert_int_equal(ct_str_puts(&text, "a,b\n", &err), CT_OK);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(ct_str_printf(&text, &err, "%d,\"%d\"\n", i, i * 7), CT_OK);
    const char *path = files_write_gzip("g.csv.gz", text.data, text.length);
    assert_int_equal(read_all(path, "a,b", &got, &err), CT_OK);
    assert_non_null(strstr(ct_str_text(&got), "\n49999|349993\n"));

    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    const size_t n = (size_t)info.st_size;
    char *bytes = test_read_text(path);
    expect_error(files_write_bytes("cut.csv.gz", bytes, n - 5), CT_ERR_FORMAT, "truncated gzip");
    expect_error(files_write_bytes("cut.csv.gz", bytes, n / 2), CT_ERR_FORMAT, "truncated gzip");
    bytes[n / 2] ^= 0x55;
    expect_error(files_write_bytes("flip.csv.gz", bytes, n), CT_ERR_FORMAT, "gzip");
    expect_error(files_write_gzip("empty.csv.gz", "", 0), CT_ERR_DATA, "empty");
    assert_int_equal(read_all(files_write("plain.csv.gz", "a\n1\n"), "a", &got, &err), CT_OK);
    assert_string_equal(ct_str_text(&got), "1\n");
    free(bytes);
    ct_str_free(&got);
    ct_str_free(&text);
}

static void broken_files(void **state) {
    (void)state;
    expect_error(files_path("absent.csv"), CT_ERR_IO, "absent.csv");
    expect_error(files_write("x.txt", "a\n"), CT_ERR_DATA, "unknown ending");
    expect_error(files_write("empty.csv", ""), CT_ERR_DATA, "empty");
    expect_error(files_write("empty.csv", "\xEF\xBB\xBF"), CT_ERR_DATA, "empty");
    expect_error(files_write("empty.csv", "\n\n"), CT_ERR_DATA, "empty");
    expect_error(files_write("empty.jsonl", ""), CT_ERR_DATA, "empty");
    expect_error(files_write("twice.csv", "a,b,a\n1,2,3\n"), CT_ERR_DATA, "'a' twice");
    expect_error(files_write("utf.csv", "a,\xC3\n1,2\n"), CT_ERR_DATA, "not UTF-8");
    expect_error(files_write("quote.csv", "a,\"b\n1,2\n"), CT_ERR_DATA, "header: a quote");
    assert_int_equal(mkdir(files_path("folder.csv"), 0700), 0);
    expect_error(files_path("folder.csv"), CT_ERR_IO, "not a regular file");
    assert_int_equal(mkfifo(files_path("fifo.csv"), 0600), 0);
    expect_error(files_path("fifo.csv"), CT_ERR_IO, "not a regular file");
}

/* A row of more than 16 MiB is bad, the next is read. */
static void long_rows(void **state) {
    (void)state;
    const size_t n = ((size_t)17 << 20) + 64;
    static const struct {
        const char *name, *head, *tail, *wanted;
    } cases[] = {
        {"l.csv", "a\n", "\n7\n", "!2 longer than 16 MiB\n7\n"},
        {"q.csv", "a\n\"", "\n7\n", "!2 a quote that is not closed within 16 MiB\n7\n"},
        {"l.tsv", "a\n", "\n7\n", "!2 longer than 16 MiB\n7\n"},
        {"l.jsonl", "{\"a\":\"", "\"}\n{\"a\":7}\n", "!1 longer than 16 MiB\n7\n"},
    };
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ct_error err = CT_ERROR_INIT;
        ct_str got = {0};
        const size_t head = strlen(cases[i].head), tail = strlen(cases[i].tail);
        memset(text, 'x', n);
        memcpy(text, cases[i].head, head);
        memcpy(text + n - tail, cases[i].tail, tail);
        assert_int_equal(read_all(files_write_bytes(cases[i].name, text, n), "a", &got, &err), CT_OK);
        assert_string_equal(ct_str_text(&got), cases[i].wanted);
        ct_str_free(&got);
        remove(files_path(cases[i].name));
    }
    free(text);
}

/* What a writer puts into quotes comes back, whatever it is. */
static void random_cells(void **state) {
    (void)state;
    static const char *const pieces[] = {"\"", ",", "\n", "\r\n", "x", " ", "\xC3\xA9", "\t", "12"};
    ct_rng rng = ct_rng_make(1, 0, 7);
    ct_error err = CT_ERROR_INIT;
    for (int round = 0; round < 300; round++) {
        ct_str file = {0}, wanted = {0}, got = {0};
        assert_int_equal(ct_str_puts(&file, "a,b\n", &err), CT_OK);
        for (int row = 0; row < 5; row++)
            for (int c = 0; c < 2; c++) {
                assert_int_equal(ct_str_puts(&file, c ? ",\"" : "\"", &err), CT_OK);
                for (uint64_t k = ct_rng_below(&rng, 6); k > 0; k--) {
                    const char *piece = pieces[ct_rng_below(&rng, sizeof pieces / sizeof pieces[0])];
                    assert_int_equal(ct_str_puts(&wanted, piece, &err), CT_OK);
                    assert_int_equal(ct_str_puts(&file, *piece == '"' ? "\"\"" : piece, &err), CT_OK);
                }
                assert_int_equal(ct_str_puts(&file, c ? "\"\n" : "\"", &err), CT_OK);
                assert_int_equal(ct_str_puts(&wanted, c ? "\n" : "|", &err), CT_OK);
            }
        assert_int_equal(read_all(files_write("r.csv", file.data), "a,b", &got, &err), CT_OK);
        assert_string_equal(ct_str_text(&got), ct_str_text(&wanted));
        ct_str_free(&file);
        ct_str_free(&wanted);
        ct_str_free(&got);
    }
}

/* ---- columns ---- */

static void templates(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_table *t = NULL;
    ct__column c = {0};
    bool more = false;
    const char *bad = NULL, *text = NULL, *wanted[] = {"year 1995: drama", "year : drama", NULL};
    size_t n = 0;
    assert_int_equal(ct_table_open(&t, files_write("t.csv", "genre,year\ndrama,1995\ndrama,\n,\n"), &err),
                     CT_OK);
    assert_int_equal(ct__column_bind(&c, t, "items.text", "year {year}: {genre} ", false, &err), CT_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ct_table_next(t, &more, &bad, &err), CT_OK);
        assert_int_equal(ct__column_read(&c, t, &text, &n, &err), CT_OK);
        if (wanted[i])
            assert_string_equal(text, wanted[i]);
        else
            assert_null(text);
        assert_int_equal(n, wanted[i] ? strlen(wanted[i]) : 0);
    }
    ct__column_free(&c);
    assert_int_equal(ct__column_bind(&c, t, "items.text", "{genre} {yaer}", false, &err), CT_ERR_DATA);
    assert_non_null(strstr(err.text, "t.csv'"));
    assert_non_null(strstr(err.text, "'yaer' (items.text); the file has: genre, year"));
    ct__column_free(&c);
    ct_error_clear(&err);
    assert_int_equal(ct__column_bind(&c, t, "items.text", "{genre", false, &err), CT_ERR_CONFIG);
    ct__column_free(&c);
    ct_error_clear(&err);
    assert_int_equal(ct__column_bind(&c, t, "items.text", "absent", false, &err), CT_OK);
    assert_int_equal(ct__column_read(&c, t, &text, &n, &err), CT_OK);
    assert_null(text);
    ct__column_free(&c);
    ct_table_close(t);
}

/* ---- memory ---- */

/* The nth allocation fails, for every n: an error, no leak, no crash. */
static void failing_memory(void **state) {
    (void)state;
    static const char *const names[] = {"f.csv", "f.jsonl"};
    files_write(names[0], "a,b\n1,2\n3,4\n");
    files_write(names[1], "{\"a\":1,\"b\":[1,2]}\n");
    test_alloc_install();
    for (int i = 0; i < 2; i++)
        for (uint64_t n = 1; n < 1000; n++) {
            ct_error err = CT_ERROR_INIT;
            ct_str got = {0};
            test_alloc_fail_at(n);
            const ct_status st = read_all(files_path(names[i]), "a,b", &got, &err);
            test_alloc_fail_at(0);
            ct_str_free(&got);
            assert_int_equal(test_alloc_live(), 0);
            if (st == CT_OK) break;
            assert_int_equal(st, CT_ERR_MEMORY);
        }
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_plain),    cmocka_unit_test(csv_quotes),    cmocka_unit_test(csv_line_ends),
        cmocka_unit_test(csv_bad_rows), cmocka_unit_test(nul_bytes),     cmocka_unit_test(tsv),
        cmocka_unit_test(json_kinds),   cmocka_unit_test(json_bad_rows), cmocka_unit_test(gzip),
        cmocka_unit_test(broken_files), cmocka_unit_test(long_rows),     cmocka_unit_test(random_cells),
        cmocka_unit_test(templates),    cmocka_unit_test(failing_memory),
    };
    return cmocka_run_group_tests(tests, setup, test_dir_teardown);
}
