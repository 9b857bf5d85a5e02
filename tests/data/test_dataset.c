/* The dataset cache: when it is used again, and what becomes of broken files, full disks and missing memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/rng.h"
#include "data/dataset_format.h"
#include "tests/data/prepare_world.h"
#include "tests/support/cmocka.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/temp_dir.h"

/* ---- using a cache again ---- */

static void expect_rebuilt(world *w, const char *why) {
    world_prepare(w);
    assert_false(w->report.reused);
    assert_non_null(w->report.why_rebuilt);
    if (!strstr(w->report.why_rebuilt, why)) fail_msg("'%s' lacks '%s'", w->report.why_rebuilt, why);
    world_prepare(w);
    assert_true(w->report.reused);
    assert_null(w->report.why_rebuilt);
}

static void set_mtime(const char *path, time_t seconds) {
    const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void reuse(void **state) {
    world w;
    world_begin(&w, state);
    world_platform(&w, "shop", ITEMS "x,,,,\n", NULL, "user_id,item_id\nu,x\nv,y\nv,x\n");
    world_prepare(&w);
    const uint64_t hash = w.report.hash;
    const ct_prepare_platform first = w.report.platforms[0];
    world_prepare(&w);
    assert_true(w.report.reused && w.report.hash == hash);
    assert_memory_equal(&w.report.platforms[0].n_users, &first.n_users, sizeof first - sizeof first.name);
    assert_int_equal(w.report.n_first_bad, 1);
    assert_non_null(strstr(w.report.first_bad[0], "stands twice"));

    world_forget(&w);
    assert_int_equal(ct_prepare(&w.config, true, &w.report, &w.err), CT_OK);
    assert_string_equal(w.report.why_rebuilt, "asked for");
    assert_true(w.report.hash == hash); /* the same content, whenever it is made */

    w.config.data.vocab_size = 400;
    expect_rebuilt(&w, "the configuration changed (data.vocab_size)");
    w.config.data.lowercase = false;
    expect_rebuilt(&w, "the configuration changed (data.lowercase)");
    w.config.data.k_core_items = 1;
    expect_rebuilt(&w, "the configuration changed (data.k_core.items)");
    w.platforms[0].items.text = "category";
    expect_rebuilt(&w, "the configuration changed (platforms.shop.items.text)");
    w.platforms[0].name = "store";
    expect_rebuilt(&w, "the configuration changed (platforms.store.items.path)");
    w.config.eval.bootstrap = 5; /* nothing that the cache depends on */
    w.config.data.bucket = 7;
    world_prepare(&w);
    assert_true(w.report.reused);

    const char *items = test_path(w.dir, "shop-items.csv");
    set_mtime(items, 1000000000);
    expect_rebuilt(&w, "shop-items.csv' changed");
    set_mtime(items, 2000000000);
    expect_rebuilt(&w, "shop-items.csv' is newer");
    world_write(&w, "extra.csv", "user_id,item_id\nq,x\n");
    w.platforms[0].interactions.path = world_file(&w, "*e*r*.csv"); /* shop-inter.csv and extra.csv */
    expect_rebuilt(&w, "platforms.store.interactions.path");
    assert_int_equal(remove(test_path(w.dir, "extra.csv")), 0);
    expect_rebuilt(&w, "extra.csv' is gone");
    world_write(&w, "extra.csv", "user_id,item_id\nq,x\n");
    expect_rebuilt(&w, "extra.csv' is new");

    assert_int_equal(remove(test_path(w.cache, "vocab.txt")), 0);
    world_prepare(&w); /* puts vocab.txt back */
    assert_true(w.report.reused);
    world_end(&w);
}

/* ---- broken caches ---- */

static void small_world(world *w, void **state) {
    world_begin(w, state);
    world_platform(w, "shop", ITEMS, "user_id,text\nu2,tall\nu1,\n",
                   "user_id,item_id,timestamp,review\nu1,x,30,red\nu2,y,2,\nu1,y,10,\n");
    world_platform(w, "video", "item_id,title\nm,hat\n", NULL, "user_id,item_id,timestamp\nu1,m,5\n");
}

static void expect_format_error(const world *w, bool verify, const char *part) {
    ct_dataset *d = NULL;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_dataset_open(&d, w->cache, verify, &err), CT_ERR_FORMAT);
    assert_null(d);
    if (!strstr(err.text, "dataset.bin'") || !strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
}

static void truncated(void **state) {
    world w;
    small_world(&w, state);
    world_prepare(&w);
    const uint64_t hash = w.report.hash;
    cache_bytes b = world_read_cache(&w);
    for (size_t n = 0; n < b.n; n += n < 4096 ? 512 : 4096) {
        world_write_cache(&w, b.v, n);
        expect_format_error(&w, false, "truncated");
        world_prepare(&w);
        assert_false(w.report.reused);
        assert_non_null(strstr(w.report.why_rebuilt, "truncated"));
        assert_true(w.report.hash == hash);
    }
    unsigned char *longer = calloc(b.n + 64, 1);
    memcpy(longer, b.v, b.n);
    world_write_cache(&w, longer, b.n + 64);
    expect_format_error(&w, false, "bytes, want");
    ((ct__cache_header *)b.v)->version++;
    world_write_cache(&w, b.v, b.n);
    expect_format_error(&w, false, "another version");
    free(longer);
    free(b.v);
    world_end(&w);
}

static void flipped(void **state) {
    world w;
    small_world(&w, state);
    world_prepare(&w);
    cache_bytes b = world_read_cache(&w);
    ct_rng rng = ct_rng_make(3, 0, 7);
    for (int i = 0; i < 2000; i++) {
        const size_t at = ct_rng_below(&rng, b.n);
        const unsigned char bit = (unsigned char)(1u << ct_rng_below(&rng, 8));
        b.v[at] ^= bit;
        world_write_cache(&w, b.v, b.n);
        expect_format_error(&w, true, ""); /* every byte of the file is under a checksum */
        b.v[at] ^= bit;
    }
    b.v[b.n - 1] ^= 1;
    world_write_cache(&w, b.v, b.n);
    world_prepare(&w);
    assert_non_null(strstr(w.report.why_rebuilt, "corrupt: checksum"));
    free(b.v);
    world_end(&w);
}

/* ---- failing disks and memory ---- */

static void failing_writes(void **state) {
    world w;
    small_world(&w, state);
    world_prepare(&w);
    const uint64_t hash = w.report.hash;
    w.platforms[0].items.category = "image"; /* what would be written differs */
    world_forget(&w);
    bool changed = false;
    uint64_t n = 1;
    for (;; n++) {
        ct_io_set_fault(n, ENOSPC);
        const ct_status st = ct_prepare(&w.config, false, &w.report, &w.err);
        ct_io_set_fault(0, 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_IO);
        assert_non_null(strstr(w.err.text, w.cache));
        assert_int_equal(test_count_entries(w.cache), 2); /* no temporary file is left */
        assert_false(
            changed); /* the whole new cache stands, so the call before was the last that could fail */
        ct_error_clear(&w.err);
        if (ct_dataset_open(&w.data, w.cache, true, &w.err) != CT_OK) fail_msg("%s", w.err.text);
        changed = w.data->hash != hash; /* only when the folder's sync after the rename fails */
        world_forget(&w);
        assert_true(n < 1000);
    }
    assert_true(n > 5 && w.report.hash != hash);
    world_end(&w);
}

/* Several runs may prepare the same cache at the same time. */
static void at_the_same_time(void **state) {
    enum { RUNS = 4 };
    world w;
    small_world(&w, state);
    pid_t runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        runs[i] = fork();
        assert_true(runs[i] >= 0);
        if (runs[i] > 0) continue;
        ct_status st = CT_OK;
        for (int k = 0; k < 5 && st == CT_OK; k++) {
            st = ct_prepare(&w.config, k % 2 == 0, &w.report, &w.err);
            ct_prepare_report_free(&w.report);
        }
        _exit(st == CT_OK ? 0 : 1);
    }
    for (int i = 0; i < RUNS; i++) {
        int status = 0;
        assert_int_equal(waitpid(runs[i], &status, 0), runs[i]);
        assert_int_equal(status, 0);
    }
    world_prepare(&w);
    assert_true(w.report.reused);
    world_end(&w);
}

static void failing_memory(void **state) {
    world w;
    world_linked(&w, state);
    world_write(&w, "links.tsv", "video\tshop\nb\tc\n");
    w.config.links.users = world_file(&w, "links.tsv");
    world_write(&w, "video-users.jsonl",
                "{\"user_id\":\"a\",\"member\":2}\n{\"user_id\":\"b\"}\n{\"user_id\":\"c\"}\n");
    w.platforms[1].users.path = world_file(&w, "video-users.jsonl");
    test_alloc_install();
    uint64_t n = 1;
    for (;; n += 1 + n / 40) { /* every one at first, then fewer: learning a vocabulary asks often */
        test_alloc_fail_at(n);
        const ct_status st = ct_prepare(&w.config, true, &w.report, &w.err);
        test_alloc_fail_at(0);
        if (st == CT_OK) break;
        if (st != CT_ERR_MEMORY) fail_msg("allocation %llu: %s", (unsigned long long)n, w.err.text);
        assert_int_equal(test_alloc_live(), 0);
        ct_error_clear(&w.err);
    }
    ct_prepare_report_free(&w.report);
    for (uint64_t k = 1; k < n; k++) {
        ct_dataset *d = NULL;
        test_alloc_fail_at(k);
        const ct_status st = ct_dataset_open(&d, w.cache, true, &w.err);
        test_alloc_fail_at(0);
        ct_dataset_close(d);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
        ct_error_clear(&w.err);
    }
    test_alloc_uninstall();
    world_end(&w);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, test_dir_setup, test_dir_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(reuse),          IN_FOLDER(truncated),        IN_FOLDER(flipped),
        IN_FOLDER(failing_writes), IN_FOLDER(at_the_same_time), IN_FOLDER(failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
