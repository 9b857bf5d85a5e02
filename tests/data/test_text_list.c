/* Reading texts with their ids: tables, plain lines, and files that are not what they should be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "data/text_list.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

static ct_tokenizer *tokenizer;

static int set_up(void **state) {
    static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\nfast\n手\n机\n";
    if (ct_tokenizer_parse(&tokenizer, "test", vocabulary, sizeof vocabulary - 1, true, NULL) != CT_OK) return -1;
    return test_dir_setup(state);
}

static int tear_down(void **state) {
    ct_tokenizer_free(tokenizer);
    return test_dir_teardown(state);
}

static ct_status read_text(const char *dir, const char *name, const char *bytes, size_t n, ct_text_list *list,
                           ct_error *err) {
    test_write_file(test_path(dir, name), bytes, n);
    return ct_text_list_read(list, test_path(dir, name), tokenizer, 3, NULL, NULL, err);
}

/* "id: tokens; ..." */
static void expect(const char *dir, const char *name, const char *bytes, size_t n, const char *wanted) {
    ct_text_list list;
    ct_error err = CT_ERROR_INIT;
    ct_str found = {0};
    if (read_text(dir, name, bytes, n, &list, &err) != CT_OK) fail_msg("%s: %s", name, err.text);
    int64_t empty = 0;
    for (int64_t i = 0; i < list.n; i++) {
        ct_str_printf(&found, NULL, "%s%s:", i ? "; " : "", ct_strings_get(&list.id, i));
        empty += list.tokens.begin[i] == list.tokens.begin[i + 1];
        for (int64_t k = list.tokens.begin[i]; k < list.tokens.begin[i + 1]; k++)
            ct_str_printf(&found, NULL, " %s", ct_tokenizer_token(tokenizer, list.tokens.ids[k]));
    }
    assert_string_equal(ct_str_text(&found), wanted);
    assert_int_equal(list.n_empty, empty);
    ct_str_free(&found);
    ct_text_list_free(&list);
    ct_text_list_free(&list); /* twice is once */
}

static void lines_are_numbered(void **state) {
    static const char text[] = "\xEF\xBB\xBFred blue\r\n\n手机 id,text\nfast fast fast fast";
    static const char wanted[] = "1: red blue; 2:; 3: 手 机 [UNK]; 4: fast fast fast";
    expect(*state, "texts.txt", text, sizeof text - 1, wanted);
    expect(*state, "any name", text, sizeof text - 1, wanted);
    gzFile gz = gzopen(test_path(*state, "texts.txt.gz"), "wb");
    gzwrite(gz, text, sizeof text - 1);
    gzclose(gz);
    size_t n;
    FILE *f = fopen(test_path(*state, "texts.txt.gz"), "rb");
    char packed[256];
    n = fread(packed, 1, sizeof packed, f);
    fclose(f);
    expect(*state, "again.txt.gz", packed, n, wanted);
    expect(*state, "one.txt", "\n", 1, "1:");
    expect(*state, "id.txt", "id,text\n", 8, "1: [UNK] [UNK] [UNK]"); /* not a table by its name */
}

static void tables_bring_their_ids(void **state) {
    static const char csv[] = "text,more,id\nred,x,\"a, b\"\n,y,五\n\"blue\nfast\",z,c\n";
    static const char json[] = "{\"id\": 7, \"text\": \"red\"}\n{\"id\": \"x\"}\n{\"id\": \"y\", \"text\": [\"blue\", \"fast\"]}\n";
    static const char tsv[] = "id\ttext\n1\tred \"blue\n";
    expect(*state, "t.csv", csv, sizeof csv - 1, "a, b: red; 五:; c: blue fast");
    expect(*state, "t.jsonl", json, sizeof json - 1, "7: red; x:; y: blue fast");
    expect(*state, "t.tsv", tsv, sizeof tsv - 1, "1: red [UNK] blue");
}

static void broken_files_are_named(void **state) {
    static const struct {
        const char *name, *bytes;
        size_t n; /* 0: to the NUL */
        const char *says;
    } cases[] = {
        {"empty.txt", "", 0, "no text in it"},
        {"empty.csv", "", 0, "the file is empty"},
        {"head.csv", "id,text\n", 0, "no text in it"},
        {"noid.csv", "key,text\na,red\n", 0, "no column 'id' (of the texts); the file has: key, text"},
        {"notext.csv", "id,title\na,red\n", 0, "no column 'text'"},
        {"notext.jsonl", "{\"id\": 1}\n{\"id\": 2}\n", 0, "no row has a value in 'text'"},
        {"blank.csv", "id,text\na,red\n,blue\n", 0, "line 3: no id"},
        {"twice.csv", "id,text\na,red\nb,red\na,blue\n", 0, "line 4: id 'a' stands in line 2 already"},
        {"cells.csv", "id,text\na\n", 0, "line 2: "},
        {"bytes.txt", "red\n\xff\xfe\n", 0, "line 2: not UTF-8"},
        {"nul.txt", "red\nbl\0ue\n", 10, "line 2: a NUL byte"},
        {"json.jsonl", "{\"id\": 1, \"text\": \"a\"}\n[]\n", 0, "line 2: "},
        {"cut.txt.gz", "\x1f\x8b\x08\0\0\0\0\0\0\3\x4b\x4c", 12, "gzip"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_text_list list;
        ct_error err = CT_ERROR_INIT;
        const size_t n = cases[i].n ? cases[i].n : strlen(cases[i].bytes);
        const ct_status st = read_text(*state, cases[i].name, cases[i].bytes, n, &list, &err);
        if (st != CT_ERR_DATA && st != CT_ERR_FORMAT) fail_msg("%s: status %d", cases[i].name, (int)st);
        if (!strstr(err.text, cases[i].says) || !strstr(err.text, cases[i].name))
            fail_msg("'%s', want '%s' in it", err.text, cases[i].says);
        ct_text_list_free(&list);
    }
    ct_text_list list;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_text_list_read(&list, test_path(*state, "none.txt"), tokenizer, 3, NULL, NULL, &err), CT_ERR_IO);
    assert_int_equal(ct_text_list_read(&list, *state, tokenizer, 3, NULL, NULL, NULL), CT_ERR_IO); /* a folder */
    ct_text_list_free(&list);
}

static void a_line_too_long_is_refused(void **state) {
    const size_t n = ((size_t)16 << 20) + 2;
    char *bytes = malloc(n);
    ct_text_list list;
    ct_error err = CT_ERROR_INIT;
    memset(bytes, 'a', n);
    assert_int_equal(read_text(*state, "long.txt", bytes, n, &list, &err), CT_ERR_DATA);
    assert_non_null(strstr(err.text, "line 1: longer than 16 MiB"));
    ct_text_list_free(&list);
    free(bytes);
}

/* ---- progress and memory ------------------------------------------------------------------------------------- */

typedef struct watch {
    int calls, stop_at;
    int64_t done, total;
} watch;

static int watch_progress(void *ctx, int64_t done, int64_t total) {
    watch *w = ctx;
    assert_true(done >= w->done && done <= total);
    w->done = done;
    w->total = total;
    return ++w->calls == w->stop_at;
}

static void progress_counts_bytes_and_may_stop(void **state) {
    ct_str text = {0};
    ct_text_list list;
    ct_error err = CT_ERROR_INIT;
    watch w = {0}, stopping = {.stop_at = 2};
    for (int i = 0; i < 20000; i++) ct_str_puts(&text, "red blue fast\n", NULL);
    test_write_file(test_path(*state, "many.txt"), text.data, text.length);
    const char *path = test_path(*state, "many.txt");
    assert_int_equal(ct_text_list_read(&list, path, tokenizer, 3, watch_progress, &w, NULL), CT_OK);
    assert_int_equal(list.n, 20000);
    assert_int_equal(list.tokens.begin[20000], 60000);
    assert_int_equal(w.calls, 5);
    assert_int_equal(w.done, text.length);
    assert_int_equal(w.total, text.length);
    ct_text_list_free(&list);
    assert_int_equal(ct_text_list_read(&list, path, tokenizer, 3, watch_progress, &stopping, &err), CT_ERR_INTERRUPTED);
    assert_non_null(strstr(err.text, "stopped after 8192 texts"));
    ct_text_list_free(&list);
    ct_str_free(&text);
}

static void a_lack_of_memory_is_an_error(void **state) {
    static const char *const names[] = {"m.csv", "m.jsonl", "m.txt"};
    test_write_text(test_path(*state, "m.csv"), "id,text\na,red blue\nb,fast\n");
    test_write_text(test_path(*state, "m.jsonl"), "{\"id\": \"a\", \"text\": \"red\"}\n");
    test_write_text(test_path(*state, "m.txt"), "red\nblue fast\n");
    test_alloc_install();
    for (size_t f = 0; f < 3; f++) {
        for (uint64_t nth = 1;; nth++) {
            ct_text_list list;
            const int64_t before = test_alloc_live();
            test_alloc_fail_at(nth);
            const ct_status st = ct_text_list_read(&list, test_path(*state, names[f]), tokenizer, 3, NULL, NULL, NULL);
            test_alloc_fail_at(0);
            ct_text_list_free(&list);
            assert_int_equal(test_alloc_live(), before);
            if (st == CT_OK) break;
            assert_int_equal(st, CT_ERR_MEMORY);
        }
    }
    test_alloc_uninstall();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_numbered),
        cmocka_unit_test(tables_bring_their_ids),
        cmocka_unit_test(broken_files_are_named),
        cmocka_unit_test(a_line_too_long_is_refused),
        cmocka_unit_test(progress_counts_bytes_and_may_stop),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
