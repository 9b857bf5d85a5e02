/* What prepare reads, and the cache that it writes: tables of a platform, links, pictures that items name,
 * dataset.bin. Whatever was accepted can be walked to its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/io.h"
#include "crosstower/crosstower.h"
#include "data/dataset_format.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/picture_samples.h"
#include "tests/support/temp_dir.h"

/* ---- a small world: two platforms, linked ---- */

static const char *const items[] = {"item_id,title,text,category,image\nx,Red hat,warm,clothes,p.png\n"
                                    "y,Blue hat,\"one, two\",,\nz,,,,none.png\n",
                                    NULL};
static const char *const users[] = {"user_id,text,member\na,likes hats,1\nb,,2\nc,films,\nd,,1\n", NULL};
static const char *const interactions[] = {
    "user_id,item_id,timestamp,rating,event,review\na,x,2026-01-01,5,buy,good\na,y,1700000000,3,view,\n"
    "b,x,2026-02-01T10:00:00Z,4.5,buy,\"a, b\"\nc,z,1700000100,1,,\nd,x,1700000200,2,view,\n",
    NULL};
static const char *const links[] = {"shop,video\na,b\nc,a\n,c\n", NULL};

static const char *const table_words[] = {"\"",
                                          "\"\"",
                                          ",",
                                          "\n",
                                          "\r\n",
                                          "\xEF\xBB\xBF",
                                          "\xff",
                                          "a,",
                                          "x,",
                                          "nan",
                                          "1e999",
                                          "-1",
                                          "2026-02-30",
                                          "9999-12-31T23:59:60Z",
                                          "99999999999999999999",
                                          "item_id",
                                          "user_id",
                                          "timestamp",
                                          "../p.png",
                                          "/dev/zero",
                                          "..",
                                          NULL};

static const char yaml[] =
    "name: fuzz\nthreads: 1\n"
    "platforms:\n"
    "  shop: {items: items.csv, users: {path: users.csv, person: member},\n"
    "         interactions: {path: inter.csv, rating: rating, event: event, weights: {buy: 1, view: 0.5}}}\n"
    "  video: {from: video, users: {path: video/users.csv, person: member}}\n"
    "links: {users: links.csv}\n"
    "data: {cache: cache, vocab_size: 200, vocab_min_count: 1, max_bad_rows: 1000, picture_size: 8}\n"
    "eval: {split: last}\n";

static ct_config *config; /* lives as long as the reader's process */

static sample one_picture(void) {
    unsigned char *pixels = sample_smooth(20, 10, 3);
    const sample s =
        sample_make_jpeg("jpeg", pixels, 20, 10, (sample_jpeg){.colours = SAMPLE_YCBCR, .quality = 80});
    free(pixels);
    return s;
}

static void make_world(fuzz_corpus *corpus, const char *dir) {
    char *mistakes = NULL;
    ct_error err = CT_ERROR_INIT;
    (void)corpus;
    mkdir(test_path(dir, "video"), 0777);
    test_write_text(test_path(dir, "items.csv"), items[0]);
    test_write_text(test_path(dir, "users.csv"), users[0]);
    test_write_text(test_path(dir, "inter.csv"), interactions[0]);
    test_write_text(test_path(dir, "links.csv"), links[0]);
    test_write_text(test_path(dir, "video/items.csv"), "item_id,title\nm,Red hat\nn,Film\n");
    test_write_text(test_path(dir, "video/users.csv"), "user_id,member\na,2\nb,1\nc,9\n");
    test_write_text(test_path(dir, "video/interactions.csv"),
                    "user_id,item_id,timestamp\na,m,5\nb,m,6\nc,n,7\na,n,8\n");
    test_write_text(test_path(dir, "run.yaml"), yaml);
    sample s = one_picture();
    test_write_file(test_path(dir, "p.png"), s.bytes, s.n);
    free(s.bytes);
    if (ct_config_open(&config, test_path(dir, "run.yaml"), NULL, 0, &mistakes, &err) != CT_OK) {
        fprintf(stderr, "%s\n%s\n", err.text, mistakes ? mistakes : "");
        exit(2);
    }
}

/* ---- walking a dataset ---- */

static volatile uint64_t sink; /* so that reads are made */

static uint64_t sum_lists(const ct_token_lists *lists, int64_t n) {
    uint64_t sum = 0;
    for (int64_t k = lists->begin[0]; k < lists->begin[n]; k++) sum += (uint64_t)lists->ids[k];
    return sum;
}

static uint64_t sum_strings(const ct_strings *s, int64_t n) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum += strlen(ct_strings_get(s, i));
    return sum;
}

static uint64_t sum_pictures(const ct_dataset *d) {
    const size_t bytes = (size_t)d->picture_size * (size_t)d->picture_size * 3;
    uint64_t sum = 0;
    for (int64_t i = 0; d->picture_size > 0 && i < d->n_items; i++)
        if (d->item_picture[i] >= 0) sum += ct_hash(d->pictures + (size_t)d->item_picture[i] * bytes, bytes);
    return sum;
}

/* Reads all that a dataset promises; the sanitizers see what lies outside. */
static void walk(const ct_dataset *d) {
    uint64_t sum = sum_strings(&d->platform_name, d->n_platforms) + sum_strings(&d->user_id, d->n_users) +
                   sum_strings(&d->item_id, d->n_items) + sum_strings(&d->item_text, d->n_items) +
                   sum_strings(&d->item_title, d->n_items) + sum_strings(&d->item_category, d->n_items) +
                   sum_strings(&d->item_image, d->n_items) + sum_strings(&d->user_profile, d->n_users);
    sum += sum_lists(&d->profile_tokens, d->n_users) + sum_lists(&d->title_tokens, d->n_items);
    sum += sum_lists(&d->item_tokens, d->n_items) + sum_lists(&d->review_tokens, d->n_interactions);
    sum += sum_pictures(d);
    for (int64_t u = 0; u < d->n_users; u++)
        for (int64_t k = d->inter_begin[u]; k < d->inter_begin[u + 1]; k++)
            sum += (uint64_t)d->inter_time[k] + (uint64_t)d->item_entity[d->inter_item[k]];
    for (int64_t p = 0; p < d->n_persons; p++)
        for (int64_t k = d->person_begin[p]; k < d->person_begin[p + 1]; k++)
            sum += (uint64_t)d->person_begin[d->user_person[d->person_user[k]]];
    for (int32_t p = 0; p < d->n_platforms; p++)
        sum += (uint64_t)ct_dataset_find_user(d, p, "b") + (uint64_t)ct_dataset_find_item(d, p, "m");
    sink = sum;
}

/* ---- prepare ---- */

/* Most of the time the first write fails, so that no disk has to be waited for: all was read by then. */
static ct_status read_by_prepare(const fuzz_input *in, ct_error *err) {
    const bool whole = in->n % 16 == 0;
    ct_prepare_report report = {0};
    ct_dataset *data = NULL;
    if (!whole) ct_io_set_fault(1, ENOSPC);
    ct_status st = ct_prepare(config, true, &report, err);
    ct_io_set_fault(0, 0);
    ct_prepare_report_free(&report);
    if (!whole && st == CT_ERR_IO && strstr(err->text, strerror(ENOSPC))) return CT_OK;
    FUZZ_EXPECT(st != CT_OK || whole);
    if (st != CT_OK) return st;
    st = ct_dataset_open(&data, test_path(in->dir, "cache"), true, err);
    FUZZ_EXPECT(st == CT_OK);
    walk(data);
    ct_dataset_close(data);
    return CT_OK;
}

static void make_world_and_pictures(fuzz_corpus *corpus, const char *dir) {
    make_world(corpus, dir);
    sample s = one_picture();
    fuzz_corpus_add(corpus, s.bytes, s.n);
    free(s.bytes);
}

/* ---- the cache ---- */

static void make_cache(fuzz_corpus *corpus, const char *dir) {
    ct_prepare_report report = {0};
    make_world(corpus, dir);
    if (ct_prepare(config, true, &report, NULL) != CT_OK) exit(2);
    ct_prepare_report_free(&report);
    fuzz_corpus_add_file(corpus, test_path(dir, "cache/" CT__CACHE_FILE));
}

/* Makes the checksums right again, as a hostile writer would; half of the time the sizes of the file, too. */
static void mend_cache(unsigned char *bytes, size_t n, ct_rng *rng) {
    ct__cache_header h;
    if (n < sizeof h) return;
    memcpy(&h, bytes, sizeof h);
    for (int i = 0; i < CT__N_SECTIONS; i++) {
        ct__section_entry *s = &h.sections[i];
        const uint64_t padded =
            s->size <= n ? (s->size + CT__CACHE_ALIGN - 1) / CT__CACHE_ALIGN * CT__CACHE_ALIGN : n + 1;
        if (s->offset <= n && padded <= n - s->offset) s->hash = ct_hash(bytes + s->offset, (size_t)padded);
    }
    if (ct_rng_below(rng, 2)) h.file_size = n;
    h.header_hash = 0;
    h.header_hash = ct_hash(&h, sizeof h);
    memcpy(bytes, &h, sizeof h);
}

static ct_status read_cache(const fuzz_input *in, ct_error *err) {
    ct_dataset *data = NULL;
    const ct_status st = ct_dataset_open(&data, test_path(in->dir, "cache"), in->n % 2, err);
    FUZZ_EXPECT(st == CT_OK || st == CT_ERR_FORMAT);
    if (st == CT_OK) walk(data);
    ct_dataset_close(data);
    return st;
}

static const fuzz_reader readers[] = {
    {.name = "items",
     .file = "items.csv",
     .prepare = make_world,
     .texts = items,
     .tokens = table_words,
     .read = read_by_prepare,
     .rounds = 1000,
     .memory_factor = 1000},
    {.name = "users",
     .file = "users.csv",
     .prepare = make_world,
     .texts = users,
     .tokens = table_words,
     .read = read_by_prepare,
     .rounds = 1000,
     .memory_factor = 1000},
    {.name = "interactions",
     .file = "inter.csv",
     .prepare = make_world,
     .texts = interactions,
     .tokens = table_words,
     .read = read_by_prepare,
     .rounds = 1000,
     .memory_factor = 1000},
    {.name = "links",
     .file = "links.csv",
     .prepare = make_world,
     .texts = links,
     .tokens = table_words,
     .read = read_by_prepare,
     .rounds = 1000,
     .memory_factor = 1000},
    {.name = "item-pictures",
     .file = "p.png",
     .prepare = make_world_and_pictures,
     .read = read_by_prepare,
     .rounds = 500,
     .memory_factor = 8000,
     .memory_mib = 40,
     .takes_all = true}, /* a broken picture is counted */
    {.name = "cache",
     .file = "cache/" CT__CACHE_FILE,
     .prepare = make_cache,
     .mend = mend_cache,
     .read = read_cache,
     .rounds = 8000},
};

int main(int argc, char **argv) {
    return fuzz_main(argc, argv, readers, sizeof readers / sizeof *readers);
}
