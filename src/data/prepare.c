/* Prepare: the cache that is there is used when it fits, else a new one is read, filtered and written. */
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "data/dataset_format.h"
#include "data/fingerprint.h"
#include "data/prepare_report.h"
#include "data/prepare_state.h"

static ct_status prepare_begin(ct__prepare *p, const ct_config *config, ct_prepare_report *report,
                               ct_error *err) {
    p->config = config;
    p->report = report;
    p->texts.fd = -1;
    CT_CHECK(ct__report_create(report, config, err));
    CT_CHECK(ct_calloc((size_t)config->n_platforms, sizeof *p->platforms, (void **)&p->platforms, err));
    for (int i = 0; i < config->n_platforms; i++) {
        p->platforms[i].config = &config->platforms[i];
        p->platforms[i].index = i;
        p->platforms[i].counts = &report->platforms[i];
    }
    CT_CHECK(ct_strmap_create(&p->events, err));
    CT_CHECK(ct__links_create(&p->persons, "users", "users.person", err));
    return ct__links_create(&p->entities, "items", "items.entity", err);
}

static void prepare_end(ct__prepare *p) {
    ct__prepare_free_vectors(p);
    for (int i = 0; p->platforms && i < p->config->n_platforms; i++) {
        ct__inputs_free(&p->platforms[i].items);
        ct__inputs_free(&p->platforms[i].users);
        ct__inputs_free(&p->platforms[i].interactions);
        ct__inputs_free(&p->platforms[i].vectors);
        ct_strmap_free(p->platforms[i].user_ids);
        ct_strmap_free(p->platforms[i].item_ids);
    }
    ct__inputs_free(&p->user_links);
    ct__inputs_free(&p->item_links);
    ct__inputs_free(&p->vocab);
    ct_str_free(&p->picture_files);
    ct__texts_free(&p->texts);
    ct__links_free(&p->persons);
    ct__links_free(&p->entities);
    ct_strmap_free(p->events);
    void *blocks[] = {p->platforms,   p->users,      p->items,       p->inters,      p->order,
                      p->order_begin, p->user_new,   p->item_new,    p->user_raw,    p->item_raw,
                      p->user_begin,  p->item_begin, p->user_person, p->item_entity, p->person_begin,
                      p->person_user, p->vocab_bytes};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) ct_free(blocks[i]);
}

/* ---- the cache that is there ---- */

/* Puts vocab.txt beside dataset.bin right again: somebody removed it, or a run was killed between the two
 * renames. */
static ct_status restore_vocab(const char *path, const ct_dataset *data, ct_error *err) {
    const char *bytes = ct__cache_section(data->store, CT__SECTION_VOCAB);
    const size_t n = (size_t)data->store->header->sections[CT__SECTION_VOCAB].size;
    char *found = NULL;
    size_t n_found = 0;
    const ct_status st = ct_read_file(path, n + 1, &found, &n_found, NULL);
    const bool same = st == CT_OK && n_found == n && memcmp(found, bytes, n) == 0;
    ct_free(found);
    return same ? CT_OK : ct_write_file(path, bytes, n, err);
}

/* What the section of the input files says behind their NUL. */
static ct_status compare_pictures(const struct ct_dataset_store *store, ct_str *why, ct_error *err) {
    const char *inputs = ct__cache_section(store, CT__SECTION_INPUTS);
    const size_t n = strlen(inputs) + 1;
    if (n >= store->header->sections[CT__SECTION_INPUTS].size) return CT_OK;
    return ct__fingerprint_compare_pictures(inputs + n, why, err);
}

/* Opens the cache and leaves in why what it lacks; why stays empty when it fits, and *data is then open. */
static ct_status try_cache(ct_dataset **data, const char *folder, const ct_str *settings,
                           const ct_str *inputs, ct_str *why, ct_error *err) {
    ct_error reason = CT_ERROR_INIT;
    const ct_status st = ct_dataset_open(data, folder, true, &reason);
    if (st == CT_ERR_MEMORY) return ct_fail(err, st, "%s", reason.text);
    if (st != CT_OK) return ct_str_puts(why, reason.text, err);
    const struct ct_dataset_store *store = (*data)->store;
    ct_status compared = CT_OK;
    if (store->header->settings_hash != ct_hash(ct_str_text(settings), settings->length))
        compared = ct__fingerprint_compare_settings(ct__cache_section(store, CT__SECTION_SETTINGS),
                                                    ct_str_text(settings), why, err);
    if (compared == CT_OK && why->length == 0)
        compared = ct__fingerprint_compare_inputs(ct__cache_section(store, CT__SECTION_INPUTS),
                                                  ct_str_text(inputs), why, err);
    if (compared == CT_OK && why->length == 0) compared = compare_pictures(store, why, err);
    if (compared == CT_OK && why->length == 0) return CT_OK;
    ct_dataset_close(*data);
    *data = NULL;
    return compared;
}

/* *reused: the cache fits and the report is filled from it. Else the report says why it does not. */
static ct_status reuse(ct__prepare *p, const char *path, const ct_str *settings, const ct_str *inputs,
                       bool force, ct_error *err) {
    const char *folder = p->config->data.cache;
    ct_dataset *data = NULL;
    ct_str why = {0};
    char *vocab_path = NULL;
    ct_status st = CT_OK;
    if (!ct_path_exists(path)) return CT_OK;
    if (force) return ct_strdup("asked for", &p->report->why_rebuilt, err);
    CT_TRY(try_cache(&data, folder, settings, inputs, &why, err), st, done);
    if (!data) {
        st = ct_strdup(ct_str_text(&why), &p->report->why_rebuilt, err);
        goto done;
    }
    CT_TRY(ct__report_restore(p->report, data, err), st, done);
    CT_TRY(ct_path_join(folder, CT__CACHE_VOCAB_FILE, &vocab_path, err), st, done);
    CT_TRY(restore_vocab(vocab_path, data, err), st, done);
    p->report->reused = true;
done:
    ct_dataset_close(data);
    ct_str_free(&why);
    ct_free(vocab_path);
    return st;
}

/* ---- a new one ---- */

static ct_status build(ct__prepare *p, const char *path, const ct_str *settings, const ct_str *inputs,
                       ct_error *err) {
    CT_CHECK(ct__texts_create(&p->texts, p->config->data.cache, err));
    CT_CHECK(ct__prepare_open_vectors(p, err)); /* before hours of reading */
    CT_CHECK(ct__prepare_read(p, err));
    CT_CHECK(ct__prepare_match_vectors(p, err));
    CT_CHECK(ct__texts_seal(&p->texts, err));
    CT_CHECK(ct__links_read_files(p, err));
    CT_CHECK(ct__links_check_keys(p, err));
    CT_CHECK(ct__prepare_sort(p, err));
    CT_CHECK(ct__prepare_k_core(p, err));
    CT_CHECK(ct__prepare_groups(p, err));
    CT_CHECK(ct__prepare_split(p, err));
    CT_CHECK(ct__prepare_vocabulary(p, err));
    return ct__prepare_write(p, path, settings, inputs, err);
}

ct_status ct_prepare(const ct_config *config, bool force, ct_prepare_report *report, ct_error *err) {
    ct_status st = CT_OK;
    ct__prepare p = {0};
    ct_prepare_report own = {0};
    ct_str settings = {0}, inputs = {0};
    char *path = NULL;
    if (!report) report = &own;
    memset(report, 0, sizeof *report);
    if (config->n_platforms < 1) return ct_fail(err, CT_ERR_CONFIG, "platforms: none, want at least one");
    CT_TRY(prepare_begin(&p, config, report, err), st, done);
    CT_TRY(ct__prepare_find_inputs(&p, err), st, done);
    CT_TRY(ct__fingerprint_settings(config, &settings, err), st, done);
    CT_TRY(ct__fingerprint_inputs(&p, &inputs, err), st, done);
    CT_TRY(ct_make_dirs(config->data.cache, err), st, done);
    CT_TRY(ct_path_join(config->data.cache, CT__CACHE_FILE, &path, err), st, done);
    CT_TRY(reuse(&p, path, &settings, &inputs, force, err), st, done);
    if (!report->reused) st = build(&p, path, &settings, &inputs, err);
done:
    prepare_end(&p);
    ct_str_free(&settings);
    ct_str_free(&inputs);
    ct_free(path);
    if (st != CT_OK || report == &own) ct_prepare_report_free(report);
    return st;
}
