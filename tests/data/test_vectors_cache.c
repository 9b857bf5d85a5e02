/* Precomputed vectors on their way into the cache: whose row is whose, what is counted, when the cache is made again,
 * which files are refused, and what becomes of damaged sections. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/dataset_format.h"
#include "tests/data/prepare_world.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

/* Row r is (r, r + 0.25, r + 0.5, ...). */
static float value_of(int64_t row, int64_t column) { return (float)row + 0.25f * (float)column; }

/* By the format's description, not by the code under test. nan_row -1: none. */
static void write_npy(const world *w, const char *name, int64_t n, int64_t dim, bool f16, int64_t nan_row) {
    static unsigned char file[1 << 16];
    const int length =
        snprintf((char *)file + 10, 256, "{'descr': '<f%d', 'fortran_order': False, 'shape': (%d, %d), }\n",
                 f16 ? 2 : 4, (int)n, (int)dim);
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (unsigned char)length;
    file[9] = 0;
    size_t at = 10 + (size_t)length;
    for (int64_t i = 0; i < n * dim; i++) {
        const float value = i / dim == nan_row && i % dim == 1 ? NAN : value_of(i / dim, i % dim);
        const uint16_t half = ct_f32_to_f16(value);
        memcpy(file + at, f16 ? (const void *)&half : (const void *)&value, f16 ? 2 : 4);
        at += f16 ? 2 : 4;
    }
    test_write_file(test_path(w->dir, name), file, at);
}

/* Gives platform p one more modality. */
static void give(world *w, ct_config_platform *p, const char *modality, const char *file) {
    static ct_config_vectors lists[8][4]; /* of the platforms of one test at a time */
    ct_config_items *items = &p->items;
    if (!items->vectors) items->vectors = lists[p - w->platforms];
    items->vectors[items->n_vectors++] = (ct_config_vectors){(char *)modality, world_file(w, file).v[0]};
}

static const ct_item_vectors *find(const world *w, const char *modality) {
    const ct_item_vectors *v = ct_dataset_find_vectors(w->data, modality);
    assert_non_null(v);
    return v;
}

/* The item has this row of the file; -1: none. */
static void check_row(const world *w, const char *modality, const char *platform, const char *id, int64_t row) {
    const ct_item_vectors *v = find(w, modality);
    const int64_t item = ct_dataset_find_item(w->data, ct_dataset_platform(w->data, platform), id);
    assert_true(item >= 0);
    assert_true((v->item_row[item] < 0) == (row < 0));
    for (int64_t k = 0; row >= 0 && k < v->width; k++)
        assert_true(v->rows[v->item_row[item] * v->width + k] == value_of(row, k));
}

static void check_counts(const world *w, int platform, int modality, int64_t unknown, int64_t broken, int64_t missing) {
    const ct_prepare_vectors *v = &w->report.vectors[platform * w->report.n_vectors + modality];
    assert_int_equal(v->unknown, unknown);
    assert_int_equal(v->broken, broken);
    assert_int_equal(v->missing, missing);
}

/* Items a to e of which each was chosen once. */
#define FIVE "item_id,title\na,A\nb,B\nc,C\nd,D\ne,E\n"
#define EACH "user_id,item_id\nu,a\nu,b\nv,c\nv,d\nv,e\n"

static ct_config_platform *one_platform(world *w, void **state) {
    world_begin(w, state);
    return world_platform(w, "shop", FIVE, NULL, EACH);
}

/* ---- what gets in ---- */

static void rows_go_by_their_ids(void **state) {
    for (int f16 = 0; f16 < 2; f16++) {
        world w;
        ct_config_platform *p = one_platform(&w, state);
        give(&w, p, "audio", "audio.npy");
        write_npy(&w, "audio.npy", 6, 3, f16, 4);
        world_write(&w, "audio.ids", "\xEF\xBB\xBF" "d\nzzz\r\nb\na\ne\nyyy"); /* no line end, no c */
        world_prepare(&w);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(w.report.reused, again);
            assert_int_equal(w.report.n_vectors, 1);
            assert_string_equal(w.report.vectors[0].name, "audio");
            check_counts(&w, 0, 0, 2, 1, 2);
            world_prepare(&w); /* a cache that is used again still knows */
        }
        assert_int_equal(w.data->n_vectors, 1);
        assert_int_equal(find(&w, "audio")->width, 3);
        assert_int_equal(find(&w, "audio")->n_rows, 3);
        check_row(&w, "audio", "shop", "d", 0);
        check_row(&w, "audio", "shop", "b", 2);
        check_row(&w, "audio", "shop", "a", 3);
        check_row(&w, "audio", "shop", "e", -1); /* not finite */
        check_row(&w, "audio", "shop", "c", -1);
        assert_null(ct_dataset_find_vectors(w.data, "audi"));
        world_end(&w);
        unlink(test_path(*state, "run/cache/dataset.bin"));
    }
}

/* A bundle's table has the rows of all platforms, and both platforms take theirs from the one file. */
static void a_bundle_serves_all_platforms(void **state) {
    world w;
    ct_config_platform *shop = one_platform(&w, state);
    ct_config_platform *video =
        world_platform(&w, "video", "item_id,title\na,A\nx,X\n", NULL, "user_id,item_id\nu,a\nu,x\n");
    give(&w, shop, "old", "items.npy");
    give(&w, shop, "pose", "pose.npy");
    give(&w, video, "old", "items.npy");
    write_npy(&w, "items.npy", 5, 2, false, -1);
    write_npy(&w, "pose.npy", 5, 4, false, -1); /* no ids: by place */
    world_write(&w, "items.ids.csv", "platform,id\nshop,b\nvideo,x\nvideo,a\nnews,a\nshop,a\n");
    world_prepare(&w);
    assert_int_equal(w.data->n_vectors, 2);
    check_row(&w, "old", "shop", "b", 0);
    check_row(&w, "old", "shop", "a", 4);
    check_row(&w, "old", "shop", "c", -1);
    check_row(&w, "old", "video", "x", 1);
    check_row(&w, "old", "video", "a", 2);
    check_row(&w, "pose", "shop", "a", 0);
    check_row(&w, "pose", "shop", "e", 4);
    check_row(&w, "pose", "video", "a", -1); /* the platform gives none */
    check_counts(&w, 0, 0, 0, 0, 3);
    check_counts(&w, 0, 1, 0, 0, 0);
    check_counts(&w, 1, 0, 0, 0, 0);
    check_counts(&w, 1, 1, 0, 0, 2);
    world_end(&w);
}

/* A table with the ids alone; items that k-core takes out are neither unknown nor missing. */
static void filtered_items_are_not_counted(void **state) {
    world w;
    ct_config_platform *p = one_platform(&w, state);
    p->interactions.path = world_file(&w, "more.csv");
    world_write(&w, "more.csv", "user_id,item_id\nu,a\nv,a\nu,b\nv,b\nu,c\n");
    w.config.data.k_core_items = 2;
    give(&w, p, "audio", "audio.npy");
    write_npy(&w, "audio.npy", 2, 3, false, -1);
    world_write(&w, "audio.ids.csv", "id\nc\nb\n");
    world_prepare(&w);
    assert_int_equal(w.data->n_items, 2);
    check_counts(&w, 0, 0, 0, 0, 1);
    check_row(&w, "audio", "shop", "b", 1);
    check_row(&w, "audio", "shop", "a", -1);
    world_end(&w);
}

static void no_vectors_at_all(void **state) {
    world w;
    one_platform(&w, state);
    world_prepare(&w);
    assert_int_equal(w.data->n_vectors, 0);
    assert_int_equal(w.report.n_vectors, 0);
    world_end(&w);
}

/* ---- what is refused ---- */

typedef struct wrong {
    int64_t n, dim;
    const char *lines, *table; /* of ids; NULL: no such file */
    const char *says[2];
} wrong;

static void wrong_files_are_named(void **state) {
    static const wrong wrongs[] = {
        {4, 2, NULL, NULL, {"audio.npy': 4 rows, and platform 'shop' has 5 items", "FILE.ids"}},
        {6, 2, NULL, NULL, {"audio.npy': 6 rows", "0 bad rows"}},
        {5, 2, "a\nb\nc\nd\n", NULL, {"audio.ids' has 4 ids", "audio.npy' has 5 vectors"}},
        {5, 2, "a\nb\nc\nd\ne\nf\n", NULL, {"audio.ids' has 6 ids", "audio.npy' has 5 vectors"}},
        {5, 2, "a\nb\nc\nd\na\n", NULL, {"audio.ids', line 5: id 'a' stands twice", ""}},
        {5, 2, "a\nb\n\nd\ne\n", NULL, {"audio.ids', line 3: no id", ""}},
        {5, 2, "a\nb\n\xff\nd\ne\n", NULL, {"audio.ids', line 3: not UTF-8", ""}},
        {2, 2, "A\nB\n", NULL, {"none of its ids is an item of platform 'shop'", "'A' here, 'a' there"}},
        {0, 2, "", NULL, {"audio.ids", ""}},
        {2, 2, NULL, "platform,id\nvideo,a\nnews,b\n", {"audio.ids.csv': no row is of platform 'shop'", ""}},
        {2, 2, NULL, "platform,name\nshop,a\nshop,b\n", {"audio.ids.csv': columns platform, name, want id", ""}},
        {2, 2, NULL, "platform,id\nshop,a\nshop,\n", {"audio.ids.csv', line 3: no id", ""}},
        {2, 2, NULL, "platform,id\nshop,a\n,b\n", {"audio.ids.csv', line 3: no platform", ""}},
        {2, 2, NULL, "platform,id\nshop,a,b\n", {"audio.ids.csv:2", ""}},
        {2, 2, "a\nb\n", "id\na\nb\n", {"audio.ids.csv' and in '", "keep one"}},
        {0, 70000, NULL, NULL, {"audio.npy': 70000 columns, want at most 65536", ""}}};
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        const wrong *x = &wrongs[i];
        world w;
        ct_config_platform *p = one_platform(&w, state);
        give(&w, p, "audio", "audio.npy");
        write_npy(&w, "audio.npy", x->n, x->dim, false, -1);
        unlink(test_path(w.dir, "audio.ids"));
        unlink(test_path(w.dir, "audio.ids.csv"));
        if (x->lines) world_write(&w, "audio.ids", x->lines);
        if (x->table) world_write(&w, "audio.ids.csv", x->table);
        world_refuse(&w, i == 13 ? CT_ERR_FORMAT : CT_ERR_DATA, x->says[0]);
        assert_non_null(strstr(w.err.text, x->says[1]));
        world_end(&w);
    }
}

/* Rows by place would be shifted by an item row that was left out. */
static void bad_item_rows_need_ids(void **state) {
    world w;
    world_begin(&w, state);
    ct_config_platform *p = world_platform(&w, "shop", "item_id,title\na,A\n,none\nc,C\n", NULL,
                                           "user_id,item_id\nu,a\nu,c\n");
    give(&w, p, "audio", "audio.npy");
    write_npy(&w, "audio.npy", 3, 2, false, -1);
    world_refuse(&w, CT_ERR_DATA, "3 rows, and platform 'shop' has 2 items (1 bad rows in its files)");
    world_end(&w);
}

static void widths_must_agree(void **state) {
    world w;
    ct_config_platform *shop = one_platform(&w, state);
    ct_config_platform *video = world_platform(&w, "video", "item_id,title\na,A\n", NULL, "user_id,item_id\nu,a\n");
    give(&w, shop, "audio", "audio.npy");
    give(&w, video, "audio", "other.npy");
    write_npy(&w, "audio.npy", 5, 2, false, -1);
    write_npy(&w, "other.npy", 1, 3, false, -1);
    world_refuse(&w, CT_ERR_DATA, "audio.npy' has 2 columns and '");
    assert_non_null(strstr(w.err.text, "other.npy' has 3"));
    world_end(&w);
}

static void broken_npy_files_are_named(void **state) {
    static const struct {
        const char *text, *says;
    } files[] = {{"", "audio.npy: not an npy file"},
                 {"id,v0,v1,v2\na,1,2,3\n", "audio.npy: not an npy file"},
                 {"\x93NUMPY\x01\x01 {'descr': '<f8', 'fortran_order': False, 'shape': (5, 2)", "want version 1 to 3"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        world w;
        give(&w, one_platform(&w, state), "audio", "audio.npy");
        world_write(&w, "audio.npy", files[i].text);
        world_refuse(&w, CT_ERR_FORMAT, files[i].says);
        world_end(&w);
    }
    world w;
    struct stat info;
    give(&w, one_platform(&w, state), "audio", "audio.npy");
    write_npy(&w, "audio.npy", 5, 2, false, -1);
    assert_int_equal(stat(test_path(w.dir, "audio.npy"), &info), 0);
    assert_int_equal(truncate(test_path(w.dir, "audio.npy"), info.st_size - 4), 0);
    world_refuse(&w, CT_ERR_FORMAT, "audio.npy: 36 bytes of values, want 4 a value for shape (5, 2)");
    world_end(&w);
}

/* Any byte of header and values: an error or a cache, never a crash. */
static void damaged_files_do_no_harm(void **state) {
    ct_rng rng = ct_rng_make(4, 0, 0);
    int refused = 0;
    for (int round = 0; round < 150; round++) {
        world w;
        give(&w, one_platform(&w, state), "audio", "audio.npy");
        write_npy(&w, "audio.npy", 5, 2, round % 2, -1);
        world_write(&w, "audio.ids", "e\nd\nc\nb\na\n");
        const char *name = round % 5 ? "audio.npy" : "audio.ids";
        FILE *f = fopen(test_path(w.dir, name), "r+b");
        assert_non_null(f);
        fseek(f, (long)ct_rng_below(&rng, round % 5 ? 110 : 10), SEEK_SET);
        fputc((int)ct_rng_below(&rng, 256), f);
        fclose(f);
        if (ct_prepare(&w.config, true, &w.report, &w.err) != CT_OK) {
            refused++;
            assert_non_null(strstr(w.err.text, "audio."));
        } else if (ct_dataset_open(&w.data, w.cache, true, &w.err) != CT_OK) {
            fail_msg("%s", w.err.text);
        }
        world_end(&w);
    }
    assert_in_range(refused, 20, 149);
}

/* ---- the cache ---- */

static void changes_are_noticed(void **state) {
    world w;
    ct_config_platform *p = one_platform(&w, state);
    world_prepare(&w);
    const uint64_t without = w.data->hash;
    give(&w, p, "audio", "audio.npy");
    write_npy(&w, "audio.npy", 5, 2, false, -1);
    world_prepare(&w);
    assert_non_null(strstr(w.report.why_rebuilt, "the configuration changed (platforms.shop.items.vectors.audio)"));
    assert_true(w.data->hash != without);
    world_write(&w, "audio.ids", "e\nd\nc\nb\na\n"); /* it appears beside a file that stays */
    world_prepare(&w);
    assert_non_null(strstr(w.report.why_rebuilt, "audio.ids' is new"));
    check_row(&w, "audio", "shop", "e", 0);
    write_npy(&w, "audio.npy", 5, 3, false, -1);
    world_prepare(&w);
    assert_non_null(strstr(w.report.why_rebuilt, "audio.npy'"));
    assert_int_equal(find(&w, "audio")->width, 3);
    world_prepare(&w);
    assert_true(w.report.reused);
    world_end(&w);
}

static void damaged_sections_are_refused(void **state) {
    world w;
    give(&w, one_platform(&w, state), "audio", "audio.npy");
    write_npy(&w, "audio.npy", 5, 3, false, 2);
    world_prepare(&w);
    world_forget(&w);
    cache_bytes b = world_read_cache(&w);
    ct__cache_header *h = (ct__cache_header *)b.v;
    int32_t *rows = (int32_t *)(void *)(b.v + h->sections[CT__SECTION_ITEM_VECTOR].offset);
    int64_t *shape = (int64_t *)(void *)(b.v + h->sections[CT__SECTION_VECTOR_SHAPE].offset);
    float *values = (float *)(void *)(b.v + h->sections[CT__SECTION_VECTORS].offset);
    static const int32_t wrong_rows[] = {4, -2, INT32_MAX, INT32_MIN};
    static const int64_t wrong_shapes[][2] = {{5, 3},        {3, 3},         {4, 2},         {2, 6}, {-4, -3},
                                              {4, 3 + 65536}, {INT64_MAX, 3}, {4, INT64_MIN}, {0, 0},
                                              {12, 1}}; /* more rows than there are items */
    for (size_t i = 0; i < sizeof wrong_rows / sizeof *wrong_rows; i++) {
        rows[1] = wrong_rows[i];
        world_refuse_cache(&w, b, false, "dataset.bin'");
    }
    rows[1] = 1;
    for (size_t i = 0; i < sizeof wrong_shapes / sizeof *wrong_shapes; i++) {
        memcpy(shape, wrong_shapes[i], 2 * sizeof *shape);
        world_refuse_cache(&w, b, false, "dataset.bin'");
    }
    shape[0] = 4, shape[1] = 3;
    values[5] = INFINITY; /* what is looked at when all is */
    world_refuse_cache(&w, b, true, "dataset.bin'");
    values[5] = 0.0f;
    static const int sections[] = {CT__SECTION_VECTORS, CT__SECTION_ITEM_VECTOR, CT__SECTION_VECTOR_SHAPE,
                                   CT__SECTION_VECTOR_NAME_BEGIN, CT__SECTION_VECTOR_NAME, CT__SECTION_VECTOR_REPORT};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const uint64_t size = h->sections[sections[i]].size;
        static const uint64_t less[] = {1, 4, 8, 16};
        for (int k = 0; k < 5; k++) {
            h->sections[sections[i]].size = k < 4 ? size - (less[k] < size ? less[k] : size) : 0;
            world_refuse_cache(&w, b, false, "dataset.bin'");
        }
        h->sections[sections[i]].size = size;
    }
    free(b.v);
    world_end(&w);
}

static void memory_runs_out(void **state) {
    world w;
    ct_config_platform *shop = one_platform(&w, state);
    ct_config_platform *video =
        world_platform(&w, "video", "item_id,title\na,A\nx,X\n", NULL, "user_id,item_id\nu,a\nu,x\n");
    give(&w, shop, "audio", "audio.npy");
    give(&w, video, "audio", "items.npy");
    give(&w, video, "pose", "pose.npy");
    write_npy(&w, "audio.npy", 6, 3, false, 1);
    write_npy(&w, "items.npy", 2, 3, true, -1);
    write_npy(&w, "pose.npy", 2, 3, true, -1);
    world_write(&w, "audio.ids", "d\nb\na\ne\nyyy\nc\n");
    world_write(&w, "items.ids.csv", "platform,id\nvideo,a\nvideo,y\n");
    test_alloc_install();
    for (uint64_t n = 1;; n += 1 + n / 16) {
        world_forget(&w);
        test_alloc_fail_at(n);
        ct_status st = ct_prepare(&w.config, true, &w.report, &w.err);
        if (st == CT_OK) st = ct_dataset_open(&w.data, w.cache, true, &w.err);
        test_alloc_fail_at(0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        world_forget(&w);
        assert_int_equal(test_alloc_live(), 0);
    }
    check_counts(&w, 0, 0, 1, 1, 1);
    world_forget(&w);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
    world_end(&w);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(rows_go_by_their_ids),          IN_A_FOLDER(a_bundle_serves_all_platforms),
        IN_A_FOLDER(filtered_items_are_not_counted), IN_A_FOLDER(no_vectors_at_all),
        IN_A_FOLDER(wrong_files_are_named),         IN_A_FOLDER(bad_item_rows_need_ids),
        IN_A_FOLDER(widths_must_agree),             IN_A_FOLDER(broken_npy_files_are_named),
        IN_A_FOLDER(damaged_files_do_no_harm),      IN_A_FOLDER(changes_are_noticed),
        IN_A_FOLDER(damaged_sections_are_refused),  IN_A_FOLDER(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
