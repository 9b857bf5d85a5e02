/* Pictures on their way into the cache: which item has which, what is counted and named when one is missing
 * or broken, when the cache is made again, and what becomes of damaged sections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "data/dataset_format.h"
#include "data/picture.h"
#include "tests/support/picture_samples.h"
#include "tests/data/prepare_world.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

enum { SIDE = 24 };

#define PICTURED                                                                                             \
    "item_id,title,image\na,Red,img/a.png\nb,Broken,img/b.jpg\nc,Gone,img/none.png\nd,Plain,\ne,Blue,img/"   \
    "e.jpg\n"

static char logged[4096];

static void keep_log(void *ctx, ct_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    strncat(logged, text, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
}

static sample smooth_jpeg(int width, int height) {
    uint8_t *pixels = sample_smooth(width, height, 3);
    const sample s = sample_make_jpeg("jpeg", pixels, width, height,
                                      (sample_jpeg){.colours = SAMPLE_YCBCR, .quality = 90});
    free(pixels);
    return s;
}

static sample smooth_png(int width, int height) {
    uint8_t *pixels = sample_smooth(width, height, 3);
    const sample s = sample_make_png("png", pixels, width, height,
                                     (sample_png){.color_type = 2, .depth = 8, .transparent_grey = -1});
    free(pixels);
    return s;
}

/* Five items: a and e with a picture, b's is truncated, c's is not there, d names none. */
static void pictured_world(world *w, void **state, int64_t size) {
    world_begin(w, state);
    mkdir(test_path(w->dir, "img"), 0777);
    sample a = smooth_png(40, 30), e = smooth_jpeg(60, 80);
    test_write_file(test_path(w->dir, "img/a.png"), a.bytes, a.n);
    test_write_file(test_path(w->dir, "img/b.jpg"), e.bytes, 40);
    test_write_file(test_path(w->dir, "img/e.jpg"), e.bytes, e.n);
    free(a.bytes);
    free(e.bytes);
    world_platform(w, "shop", PICTURED, NULL, "user_id,item_id\nu,a\nv,b\nv,c\nu,d\nu,e\n");
    w->config.data.picture_size = size;
    logged[0] = 0;
    ct_log_set_sink(keep_log, NULL);
}

static void pictured_end(world *w) {
    ct_log_set_sink(NULL, NULL);
    world_end(w);
}

static int32_t picture_of(const world *w, const char *id) {
    const int64_t item = ct_dataset_find_item(w->data, 0, id);
    assert_true(item >= 0);
    return w->data->item_picture[item];
}

/* Row of the cache against the file decoded here. */
static void check_pixels(const world *w, int32_t row, const char *name) {
    FILE *f = fopen(test_path(w->dir, name), "rb");
    assert_non_null(f);
    static uint8_t bytes[1 << 16], rgb[SIDE * SIDE * 3];
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    ct_picture_scratch scratch = {0};
    fclose(f);
    assert_int_equal(ct_picture_decode(bytes, n, SIDE, rgb, &scratch, NULL), CT_OK);
    ct_picture_scratch_free(&scratch);
    assert_memory_equal(w->data->pictures + (size_t)row * sizeof rgb, rgb, sizeof rgb);
}

static void each_item_has_its_own(void **state) {
    world w;
    pictured_world(&w, state, SIDE);
    world_prepare(&w);
    assert_int_equal(w.data->picture_size, SIDE);
    assert_int_equal(w.data->n_pictures, 2);
    assert_int_equal(picture_of(&w, "b"), -1);
    assert_int_equal(picture_of(&w, "c"), -1);
    assert_int_equal(picture_of(&w, "d"), -1);
    assert_true(picture_of(&w, "a") >= 0 && picture_of(&w, "e") >= 0 &&
                picture_of(&w, "a") != picture_of(&w, "e"));
    check_pixels(&w, picture_of(&w, "a"), "img/a.png");
    check_pixels(&w, picture_of(&w, "e"), "img/e.jpg");
    pictured_end(&w);
}

static void missing_and_broken_are_counted_and_named(void **state) {
    world w;
    pictured_world(&w, state, SIDE);
    world_prepare(&w);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(w.report.reused, again);
        assert_int_equal(w.report.platforms[0].without_image, 3);
        assert_int_equal(w.report.platforms[0].broken_images, 2);
        world_prepare(&w); /* a cache that is used again still knows */
    }
    assert_non_null(strstr(logged, "img/b.jpg'"));
    assert_non_null(strstr(logged, "img/none.png'"));
    assert_null(strstr(logged, "a.png"));
    pictured_end(&w);
}

static void only_the_first_are_named(void **state) {
    world w;
    ct_str items = {0}, inters = {0};
    world_begin(&w, state);
    ct_str_printf(&items, NULL, "item_id,title,image\n");
    ct_str_printf(&inters, NULL, "user_id,item_id\n");
    for (int i = 0; i < 200; i++) { /* more than one block of jobs */
        ct_str_printf(&items, NULL, "i%d,t,no%d.png\n", i, i);
        ct_str_printf(&inters, NULL, "u,i%d\n", i);
    }
    world_platform(&w, "shop", ct_str_text(&items), NULL, ct_str_text(&inters));
    w.config.data.picture_size = 8;
    logged[0] = 0;
    ct_log_set_sink(keep_log, NULL);
    world_prepare(&w);
    assert_int_equal(w.report.platforms[0].broken_images, 200);
    assert_int_equal(w.data->n_pictures, 0);
    assert_non_null(strstr(logged, "no"));
    int lines = 0;
    for (const char *p = logged; (p = strstr(p, "cannot open '")); p++) lines++;
    assert_in_range(lines, 1, 10);
    ct_str_free(&items);
    ct_str_free(&inters);
    pictured_end(&w);
}

/* Another picture under the same name, one that comes, one that goes: each makes the cache anew, once. */
static void changed_pictures_are_noticed(void **state) {
    world w;
    sample other = smooth_png(30, 30);
    pictured_world(&w, state, SIDE);
    world_prepare(&w);
    test_write_file(test_path(w.dir, "img/a.png"), other.bytes, other.n);
    world_prepare(&w);
    assert_false(w.report.reused);
    assert_non_null(strstr(w.report.why_rebuilt, "img/a.png' is newer"));
    check_pixels(&w, picture_of(&w, "a"), "img/a.png");
    world_prepare(&w);
    assert_true(w.report.reused);
    test_write_file(test_path(w.dir, "img/none.png"), other.bytes, other.n);
    world_prepare(&w);
    assert_false(w.report.reused);
    assert_true(picture_of(&w, "c") >= 0);
    unlink(test_path(w.dir, "img/e.jpg"));
    world_prepare(&w);
    assert_non_null(strstr(w.report.why_rebuilt, "img/e.jpg' is gone"));
    assert_int_equal(picture_of(&w, "e"), -1);
    world_prepare(&w);
    assert_true(w.report.reused);
    free(other.bytes);
    pictured_end(&w);
}

static void no_size_reads_none(void **state) {
    world w;
    pictured_world(&w, state, 0);
    world_prepare(&w);
    assert_int_equal(w.data->picture_size, 0);
    assert_null(w.data->pictures);
    assert_null(w.data->item_picture);
    assert_int_equal(w.report.platforms[0].without_image,
                     1); /* d: names are counted, files are not looked at */
    assert_int_equal(w.report.platforms[0].broken_images, 0);
    assert_string_equal(logged, "");
    w.config.data.picture_size = 16;
    world_prepare(&w);
    assert_non_null(strstr(w.report.why_rebuilt, "the configuration changed (data.picture_size)"));
    assert_int_equal(w.data->picture_size, 16);
    w.config.data.picture_size = SIDE;
    world_prepare(&w);
    assert_false(w.report.reused);
    check_pixels(&w, picture_of(&w, "a"), "img/a.png");
    pictured_end(&w);
}

/* ---- damaged sections ---- */

static void damaged_sections_are_refused(void **state) {
    world w;
    pictured_world(&w, state, SIDE);
    world_prepare(&w);
    world_forget(&w);
    cache_bytes b = world_read_cache(&w);
    ct__cache_header *h = (ct__cache_header *)b.v;
    int32_t *rows = (int32_t *)(void *)(b.v + h->sections[CT__SECTION_ITEM_PICTURE].offset);
    const int32_t kept = rows[0];
    const int32_t wrong[] = {2, -2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rows[0] = wrong[i];
        world_refuse_cache(&w, b, false, "dataset.bin'");
    }
    rows[0] = kept;
    h->sections[CT__SECTION_ITEM_PICTURE].size -= 4; /* an item without a row */
    world_refuse_cache(&w, b, false, "dataset.bin'");
    h->sections[CT__SECTION_ITEM_PICTURE].size += 4;
    h->sections[CT__SECTION_PICTURES].size -= 1; /* half a picture */
    world_refuse_cache(&w, b, false, "dataset.bin'");
    h->sections[CT__SECTION_PICTURES].size += 1;
    const int64_t sizes[] = {0, -SIDE, 1 << 20, INT64_MAX, INT64_MIN, SIDE + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        h->picture_size = sizes[i];
        world_refuse_cache(&w, b, false, "dataset.bin'");
    }
    free(b.v);
    pictured_end(&w);
}

/* Without memory prepare fails whole: no picture counts as broken because of it. */
static void memory_runs_out(void **state) {
    world w;
    pictured_world(&w, state, SIDE);
    test_alloc_install();
    uint64_t n = 1;
    for (;; n += 1 + n / 16) {
        world_forget(&w);
        test_alloc_fail_at(n);
        const ct_status st = ct_prepare(&w.config, true, &w.report, &w.err);
        test_alloc_fail_at(0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        assert_int_equal(test_alloc_live(), 0);
    }
    assert_int_equal(w.report.platforms[0].broken_images, 2);
    world_forget(&w);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
    pictured_end(&w);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(each_item_has_its_own),        IN_A_FOLDER(missing_and_broken_are_counted_and_named),
        IN_A_FOLDER(only_the_first_are_named),     IN_A_FOLDER(no_size_reads_none),
        IN_A_FOLDER(damaged_sections_are_refused), IN_A_FOLDER(memory_runs_out),
        IN_A_FOLDER(changed_pictures_are_noticed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
