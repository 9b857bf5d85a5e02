/* Reads items and users: ids, texts, and the keys they share with other platforms. */
#include <string.h>

#include "base/alloc.h"
#include "data/read_platform.h"

/* Gives the current row's id a number in the platform; *taken says that the row is to be kept. */
static ct_status take_id(ct__rows *rows, ct_strmap *ids, ct__column *column, bool *taken, ct_error *err) {
    const char *id = NULL;
    size_t n = 0;
    int64_t number = 0;
    int inserted = 0;
    *taken = false;
    CT_CHECK(ct__column_read(column, rows->table, &id, &n, err));
    if (!id) return ct__rows_bad(rows, err, "no id in column '%s'", column->spec);
    CT_CHECK(ct_strmap_insert(ids, id, n, ct_strmap_count(ids), &number, &inserted, err));
    if (!inserted) return ct__rows_bad(rows, err, "id '%.100s' stands twice (the first is kept)", id);
    *taken = true;
    return CT_OK;
}

/* Reads a text of the current row into the text store. */
static ct_status take_text(ct__prepare *p, const ct__rows *rows, ct__column *column, int64_t *ref,
                           ct_error *err) {
    const char *text = NULL;
    size_t n = 0;
    CT_CHECK(ct__column_read(column, rows->table, &text, &n, err));
    return ct__texts_add(&p->texts, text, n, ref, err);
}

static ct_status take_key(ct__links *links, const ct__rows *rows, ct__column *column, int64_t node,
                          ct_error *err) {
    const char *key = NULL;
    size_t n = 0;
    CT_CHECK(ct__links_add(links, err));
    CT_CHECK(ct__column_read(column, rows->table, &key, &n, err));
    if (!key) return CT_OK;
    return ct__links_key(links, (int32_t)node, rows->platform->index, key, n, err);
}

enum { ITEM_ID, ITEM_TITLE, ITEM_TEXT, ITEM_CATEGORY, ITEM_IMAGE, ITEM_ENTITY, N_ITEM_COLUMNS };

static ct_status take_item(ct__prepare *p, ct__rows *rows, ct__column *columns, ct_error *err) {
    bool taken = false;
    CT_CHECK(take_id(rows, rows->platform->item_ids, &columns[ITEM_ID], &taken, err));
    if (!taken) return CT_OK;
    if (p->items_capacity < (size_t)p->n_raw_items + 1)
        CT_CHECK(ct_grow((void **)&p->items, &p->items_capacity, (size_t)p->n_raw_items + 1, sizeof *p->items,
                         err));
    ct__raw_item *item = &p->items[p->n_raw_items];
    CT_CHECK(take_text(p, rows, &columns[ITEM_TITLE], &item->title, err));
    CT_CHECK(take_text(p, rows, &columns[ITEM_TEXT], &item->text, err));
    CT_CHECK(take_text(p, rows, &columns[ITEM_CATEGORY], &item->category, err));
    CT_CHECK(take_text(p, rows, &columns[ITEM_IMAGE], &item->image, err));
    item->file = rows->platform->item_file;
    CT_CHECK(take_key(&p->entities, rows, &columns[ITEM_ENTITY], p->n_raw_items, err));
    p->n_raw_items++;
    return CT_OK;
}

ct_status ct__read_items(ct__prepare *p, ct__raw_platform *platform, const char *path, ct_error *err) {
    const ct_config_items *c = &platform->config->items;
    const ct__mapping mappings[N_ITEM_COLUMNS] = {
        [ITEM_ID] = {"items.id", c->id, "item_id", true},
        [ITEM_TITLE] = {"items.title", c->title, "title", false},
        [ITEM_TEXT] = {"items.text", c->text, "text", false},
        [ITEM_CATEGORY] = {"items.category", c->category, "category", false},
        [ITEM_IMAGE] = {"items.image", c->image, "image", false},
        [ITEM_ENTITY] = {"items.entity", c->entity, NULL, false},
    };
    ct__column columns[N_ITEM_COLUMNS] = {0};
    ct__rows rows;
    ct_status st = CT_OK;
    bool more = false;
    CT_TRY(ct__rows_open(&rows, p, platform, path, err), st, done);
    CT_TRY(ct__bind_columns(columns, mappings, N_ITEM_COLUMNS, rows.table, err), st, done);
    CT_TRY(ct__rows_next(&rows, &more, err), st, done);
    while (more) {
        CT_TRY(take_item(p, &rows, columns, err), st, done);
        CT_TRY(ct__rows_next(&rows, &more, err), st, done);
    }
    st = ct__finish_columns(columns, N_ITEM_COLUMNS, &rows, err);
done:
    ct__free_columns(columns, N_ITEM_COLUMNS);
    ct__rows_close(&rows);
    return st;
}

ct_status ct__add_user(ct__prepare *p, const char *profile, size_t n, bool listed, ct_error *err) {
    if (p->users_capacity < (size_t)p->n_raw_users + 1)
        CT_CHECK(ct_grow((void **)&p->users, &p->users_capacity, (size_t)p->n_raw_users + 1, sizeof *p->users,
                         err));
    ct__raw_user *user = &p->users[p->n_raw_users];
    user->listed = listed;
    CT_CHECK(ct__texts_add(&p->texts, profile, n, &user->profile, err));
    p->n_raw_users++;
    return CT_OK;
}

enum { USER_ID, USER_TEXT, USER_PERSON, N_USER_COLUMNS };

static ct_status take_user(ct__prepare *p, ct__rows *rows, ct__column *columns, ct_error *err) {
    const char *profile = NULL;
    size_t n = 0;
    bool taken = false;
    CT_CHECK(take_id(rows, rows->platform->user_ids, &columns[USER_ID], &taken, err));
    if (!taken) return CT_OK;
    CT_CHECK(take_key(&p->persons, rows, &columns[USER_PERSON], p->n_raw_users, err));
    CT_CHECK(ct__column_read(&columns[USER_TEXT], rows->table, &profile, &n, err));
    return ct__add_user(p, profile, n, true, err);
}

ct_status ct__read_users(ct__prepare *p, ct__raw_platform *platform, const char *path, ct_error *err) {
    const ct_config_users *c = &platform->config->users;
    const ct__mapping mappings[N_USER_COLUMNS] = {
        [USER_ID] = {"users.id", c->id, "user_id", true},
        [USER_TEXT] = {"users.text", c->text, "text", false},
        [USER_PERSON] = {"users.person", c->person, NULL, false},
    };
    ct__column columns[N_USER_COLUMNS] = {0};
    ct__rows rows;
    ct_status st = CT_OK;
    bool more = false;
    CT_TRY(ct__rows_open(&rows, p, platform, path, err), st, done);
    CT_TRY(ct__bind_columns(columns, mappings, N_USER_COLUMNS, rows.table, err), st, done);
    CT_TRY(ct__rows_next(&rows, &more, err), st, done);
    while (more) {
        CT_TRY(take_user(p, &rows, columns, err), st, done);
        CT_TRY(ct__rows_next(&rows, &more, err), st, done);
    }
    st = ct__finish_columns(columns, N_USER_COLUMNS, &rows, err);
done:
    ct__free_columns(columns, N_USER_COLUMNS);
    ct__rows_close(&rows);
    return st;
}
