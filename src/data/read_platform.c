/* Reads the platforms of a run, one after the other: items, users, interactions. */
#include "data/read_platform.h"

#include <string.h>

#include "base/log.h"

ct_status ct__bind_columns(ct__column *columns, const ct__mapping *mappings, int n, ct_table *table,
                           ct_error *err) {
    for (int i = 0; i < n; i++) {
        const ct__mapping *m = &mappings[i];
        const char *spec = m->spec ? m->spec : m->fallback;
        const bool chosen = m->spec && (!m->fallback || strcmp(m->spec, m->fallback) != 0);
        CT_CHECK(ct__column_bind(&columns[i], table, m->key, spec, chosen || m->needed, err));
    }
    return CT_OK;
}

ct_status ct__finish_columns(const ct__column *columns, int n, const ct__rows *rows, ct_error *err) {
    if (rows->good == 0) return CT_OK;
    for (int i = 0; i < n; i++) CT_CHECK(ct__column_finish(&columns[i], rows->table, err));
    return CT_OK;
}

void ct__free_columns(ct__column *columns, int n) {
    for (int i = 0; i < n; i++) ct__column_free(&columns[i]);
}

typedef ct_status (*read_file)(ct__prepare *p, ct__raw_platform *platform, const char *path, ct_error *err);

static ct_status read_files(ct__prepare *p, ct__raw_platform *platform, const ct__inputs *inputs,
                            read_file read, ct_error *err) {
    for (size_t i = 0; i < inputs->n; i++) CT_CHECK(read(p, platform, inputs->v[i].path, err));
    return CT_OK;
}

/* Seconds of the year 5138: later ones are milliseconds in all likelihood. */
static const int64_t UNLIKELY_TIME = 100000000000;

static ct_status check_times(const ct__prepare *p, const ct__raw_platform *platform, int64_t first,
                             ct_error *err) {
    const char *name = platform->config->name;
    if (platform->timed > 0 && platform->untimed > 0)
        return ct_fail(err, CT_ERR_DATA,
                       "platform '%s': %lld interactions have no time, %lld have one; want all or none", name,
                       (long long)platform->untimed, (long long)platform->timed);
    if (p->config->eval.split == CT_SPLIT_TIME && platform->untimed > 0)
        return ct_fail(
            err, CT_ERR_DATA,
            "platform '%s': the interactions have no time, which eval.split: time needs; name the column in "
            "platforms.%s.interactions.time, or use eval.split: last",
            name, name);
    for (int64_t k = first; k < p->n_raw_inters; k++)
        if (p->inters[k].time > UNLIKELY_TIME) {
            ct_log(CT_LOG_WARNING, "platform '%s': time %lld is far in the future; times are read as seconds",
                   name, (long long)p->inters[k].time);
            break;
        }
    return CT_OK;
}

static ct_status read_platform(ct__prepare *p, ct__raw_platform *platform, ct_error *err) {
    const int64_t first = p->n_raw_inters;
    platform->user_begin = p->n_raw_users;
    platform->item_begin = p->n_raw_items;
    CT_CHECK(ct_strmap_create(&platform->user_ids, err));
    CT_CHECK(ct_strmap_create(&platform->item_ids, err));
    for (platform->item_file = 0; (size_t)platform->item_file < platform->items.n; platform->item_file++)
        CT_CHECK(ct__read_items(p, platform, platform->items.v[platform->item_file].path, err));
    CT_CHECK(read_files(p, platform, &platform->users, ct__read_users, err));
    CT_CHECK(read_files(p, platform, &platform->interactions, ct__read_interactions, err));
    return check_times(p, platform, first, err);
}

ct_status ct__prepare_read(ct__prepare *p, ct_error *err) {
    for (int i = 0; i < p->config->n_platforms; i++) CT_CHECK(read_platform(p, &p->platforms[i], err));
    return CT_OK;
}

const ct__raw_platform *ct__prepare_user_platform(const ct__prepare *p, int64_t raw_user) {
    int i = p->config->n_platforms - 1;
    while (i > 0 && p->platforms[i].user_begin > raw_user) i--;
    return &p->platforms[i];
}

const ct__raw_platform *ct__prepare_item_platform(const ct__prepare *p, int64_t raw_item) {
    int i = p->config->n_platforms - 1;
    while (i > 0 && p->platforms[i].item_begin > raw_item) i--;
    return &p->platforms[i];
}
