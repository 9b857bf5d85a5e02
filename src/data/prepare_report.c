/* The report of prepare: made empty, filled while reading, restored from a cache that is used again. */
#include <string.h>

#include "base/alloc.h"
#include "data/dataset_format.h"
#include "data/prepare_report.h"

_Static_assert(sizeof(ct_prepare_platform) == sizeof(char *) + CT__REPORT_COUNTS * sizeof(int64_t),
               "the counts of ct_prepare_platform are stored as they lie behind the name");

_Static_assert(sizeof(ct_prepare_vectors) == sizeof(char *) + CT__VECTOR_COUNTS * sizeof(int64_t),
               "the counts of ct_prepare_vectors are stored as they lie behind the name");

int64_t *ct__report_vector_counts(ct_prepare_vectors *vectors) {
    return &vectors->unknown;
}

ct_status ct__report_add_vectors(ct_prepare_report *report, int n, const char *(*name)(const void *ctx, int i),
                                 const void *ctx, ct_error *err) {
    const size_t rows = (size_t)report->n_platforms * (size_t)n;
    CT_CHECK(ct_calloc(rows, sizeof *report->vectors, (void **)&report->vectors, err));
    report->n_vectors = n;
    for (size_t i = 0; i < rows; i++) {
        char *copy = NULL;
        CT_CHECK(ct_strdup(name(ctx, (int)(i % (size_t)n)), &copy, err));
        report->vectors[i].name = copy;
    }
    return CT_OK;
}

int64_t *ct__report_counts(ct_prepare_platform *platform) {
    return &platform->n_users;
}

ct_status ct__report_create(ct_prepare_report *report, const ct_config *config, ct_error *err) {
    const int n = config->n_platforms;
    memset(report, 0, sizeof *report);
    CT_CHECK(ct_calloc((size_t)n, sizeof *report->platforms, (void **)&report->platforms, err));
    report->n_platforms = n;
    for (int i = 0; i < n; i++) {
        char *name = NULL;
        CT_CHECK(ct_strdup(config->platforms[i].name, &name, err));
        report->platforms[i].name = name;
    }
    return CT_OK;
}

void ct_prepare_report_free(ct_prepare_report *report) {
    if (!report) return;
    for (int i = 0; i < report->n_platforms; i++) ct_free((char *)report->platforms[i].name);
    for (int i = 0; i < report->n_platforms * report->n_vectors; i++) ct_free((char *)report->vectors[i].name);
    for (int i = 0; i < report->n_first_bad; i++) ct_free(report->first_bad[i]);
    ct_free(report->vectors);
    ct_free(report->first_bad);
    ct_free(report->platforms);
    ct_free(report->why_rebuilt);
    memset(report, 0, sizeof *report);
}

static ct_status restore_bad_rows(ct_prepare_report *report, const char *text, size_t size, ct_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++) n += text[i] == '\0';
    CT_CHECK(ct_calloc(n, sizeof *report->first_bad, (void **)&report->first_bad, err));
    for (size_t i = 0; i < n; i++, text += strlen(text) + 1) {
        CT_CHECK(ct_strdup(text, &report->first_bad[i], err));
        report->n_first_bad++;
    }
    return CT_OK;
}

static const char *vector_name(const void *ctx, int i) {
    return ((const ct_dataset *)ctx)->vectors[i].name;
}

static ct_status restore_vectors(ct_prepare_report *report, const ct_dataset *data, ct_error *err) {
    const int64_t *counts = ct__cache_section(data->store, CT__SECTION_VECTOR_REPORT);
    CT_CHECK(ct__report_add_vectors(report, data->n_vectors, vector_name, data, err));
    for (int i = 0; i < report->n_platforms * report->n_vectors; i++)
        memcpy(ct__report_vector_counts(&report->vectors[i]), counts + (int64_t)i * CT__VECTOR_COUNTS,
               CT__VECTOR_COUNTS * sizeof *counts);
    return CT_OK;
}

ct_status ct__report_restore(ct_prepare_report *report, const ct_dataset *data, ct_error *err) {
    const struct ct_dataset_store *store = data->store;
    const int64_t *counts = ct__cache_section(store, CT__SECTION_REPORT);
    for (int i = 0; i < report->n_platforms; i++)
        memcpy(ct__report_counts(&report->platforms[i]), counts + (int64_t)i * CT__REPORT_COUNTS,
               CT__REPORT_COUNTS * sizeof *counts);
    CT_CHECK(restore_vectors(report, data, err));
    report->n_persons = data->n_persons;
    report->n_entities = data->n_entities;
    report->vocab_size = ct_tokenizer_size(data->tokenizer);
    report->valid_time = data->valid_time;
    report->test_time = data->test_time;
    report->hash = data->hash;
    return restore_bad_rows(report, ct__cache_section(store, CT__SECTION_BAD_ROWS),
                            (size_t)store->header->sections[CT__SECTION_BAD_ROWS].size, err);
}
