/* Reads interactions: who, what, when, how much; rows that are wrong are counted by reason. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "data/read_platform.h"

enum { COL_USER, COL_ITEM, COL_TIME, COL_WEIGHT, COL_EVENT, COL_REVIEW, COL_RATING, N_COLUMNS };

/* One file being read. A row is checked column by column; `out` says that it is bad, or left out, and was
 * counted. */
typedef struct reader {
    ct__prepare *p;
    ct__raw_platform *platform;
    ct__rows rows;
    ct__column columns[N_COLUMNS];
    ct__raw_inter row;
    double weight;
    bool out, new_user;
    const char *user_id; /* of a new user */
    size_t n_user_id;
} reader;

static ct_status cell(reader *r, int column, const char **text, size_t *n, ct_error *err) {
    return ct__column_read(&r->columns[column], r->rows.table, text, n, err);
}

/* Counts the row as bad, for the reason that follows. */
#define REFUSE(r, err, ...) ((r)->out = true, ct__rows_bad(&(r)->rows, err, __VA_ARGS__))

static ct_status take_ids(reader *r, ct_error *err) {
    const char *user = NULL, *item = NULL;
    size_t n_user = 0, n_item = 0;
    CT_CHECK(cell(r, COL_ITEM, &item, &n_item, err));
    if (!item) return REFUSE(r, err, "no item id");
    CT_CHECK(cell(r, COL_USER, &user, &n_user, err));
    if (!user) return REFUSE(r, err, "no user id");

    const int64_t i = ct_strmap_find(r->platform->item_ids, item, n_item);
    const int64_t u = ct_strmap_find(r->platform->user_ids, user, n_user);
    r->new_user = u < 0 && r->platform->users.n == 0;
    if (i < 0) r->platform->counts->unknown_items++;
    if (u < 0 && !r->new_user) r->platform->counts->unknown_users++;
    if (i < 0) return REFUSE(r, err, "item '%.100s' is not in the items files", item);
    if (u < 0 && !r->new_user) return REFUSE(r, err, "user '%.100s' is not in the users files", user);
    r->row.item = (int32_t)(r->platform->item_begin + i);
    r->row.user = (int32_t)(r->platform->user_begin + u);
    r->user_id = user;
    r->n_user_id = n_user;
    return CT_OK;
}

/* Seconds, also as a float in exponent form, which RecBole's float columns may hold. */
static bool parse_time(const char *text, int64_t *seconds) {
    double value = 0;
    if (ct_parse_time(text, seconds)) return true;
    if (!ct_parse_f64(text, &value) || !(fabs(value) < 9e15)) return false;
    *seconds = (int64_t)floor(value);
    return true;
}

static ct_status take_time(reader *r, ct_error *err) {
    const char *text = NULL;
    size_t n = 0;
    CT_CHECK(cell(r, COL_TIME, &text, &n, err));
    if (text) {
        if (!parse_time(text, &r->row.time))
            return REFUSE(r, err, "time '%.60s' is neither seconds nor ISO 8601", text);
        return CT_OK;
    }
    if (r->columns[COL_TIME].n_parts > 0 && (r->columns[COL_TIME].seen || r->platform->timed > 0))
        return REFUSE(r, err, "no time");
    r->row.time = 0;
    return CT_OK;
}

static ct_status take_number(reader *r, int column, const char *what, double *value, ct_error *err) {
    const char *text = NULL;
    size_t n = 0;
    CT_CHECK(cell(r, column, &text, &n, err));
    if (text && !ct_parse_f64(text, value))
        return REFUSE(r, err, "%s '%.60s' is no finite number", what, text);
    return CT_OK;
}

static ct_status take_weight(reader *r, ct_error *err) {
    r->weight = 1;
    CT_CHECK(take_number(r, COL_WEIGHT, "weight", &r->weight, err));
    if (!r->out && !(r->weight > 0)) return REFUSE(r, err, "weight %g is not above 0", r->weight);
    return CT_OK;
}

/* An event's weight multiplies the row's; an event with weight 0 leaves the row out. */
static ct_status take_event(reader *r, ct_error *err) {
    const ct_config_interactions *c = &r->platform->config->interactions;
    const char *event = NULL;
    size_t n = 0;
    int64_t number = 0;
    CT_CHECK(cell(r, COL_EVENT, &event, &n, err));
    if (event)
        CT_CHECK(
            ct_strmap_insert(r->p->events, event, n, ct_strmap_count(r->p->events) + 1, &number, NULL, err));
    r->row.event = (int32_t)number;
    if (c->n_weights == 0) return CT_OK;
    for (int i = 0; i < c->n_weights; i++) {
        if (!event || strcmp(c->weights[i].event, event) != 0) continue;
        r->weight *= c->weights[i].weight;
        if (c->weights[i].weight > 0) return CT_OK;
        r->out = true;
        r->platform->counts->dropped_events++;
        return CT_OK;
    }
    return REFUSE(r, err, "event '%.60s' is not in interactions.weights", event ? event : "");
}

static ct_status take_rating(reader *r, ct_error *err) {
    const double least = r->platform->config->interactions.min_rating;
    double rating = NAN;
    if (isnan(least)) return CT_OK;
    CT_CHECK(take_number(r, COL_RATING, "rating", &rating, err));
    if (r->out) return CT_OK;
    if (isnan(rating)) return REFUSE(r, err, "no rating, which min_rating needs");
    if (rating < least) {
        r->out = true;
        r->platform->counts->below_rating++;
    }
    return CT_OK;
}

/* Puts the row, which passed every check, behind the others. */
static ct_status keep(reader *r, ct_error *err) {
    ct__prepare *p = r->p;
    const char *review = NULL;
    size_t n = 0;
    r->row.weight = (float)r->weight;
    if (!(r->row.weight > 0) || !isfinite(r->row.weight))
        return REFUSE(r, err, "weight %g is out of range", r->weight);
    if (r->new_user) {
        int64_t number = 0;
        CT_CHECK(ct_strmap_insert(r->platform->user_ids, r->user_id, r->n_user_id,
                                  ct_strmap_count(r->platform->user_ids), &number, NULL, err));
        r->row.user = (int32_t)(r->platform->user_begin + number);
        CT_CHECK(ct__links_add(&p->persons, err));
        CT_CHECK(ct__add_user(p, "", 0, false, err));
    }
    CT_CHECK(cell(r, COL_REVIEW, &review, &n, err));
    CT_CHECK(ct__texts_add(&p->texts, review, n, &r->row.review, err));
    if (p->n_raw_inters == UINT32_MAX) return ct_fail(err, CT_ERR_DATA, "over 2^32 - 1 interactions");
    if (p->inters_capacity < (size_t)p->n_raw_inters + 1)
        CT_CHECK(ct_grow((void **)&p->inters, &p->inters_capacity, (size_t)p->n_raw_inters + 1,
                         sizeof *p->inters, err));
    p->inters[p->n_raw_inters++] = r->row;
    if (r->columns[COL_TIME].seen)
        r->platform->timed++;
    else
        r->platform->untimed++;
    return CT_OK;
}

static ct_status take_row(reader *r, ct_error *err) {
    static ct_status (*const checks[])(reader *, ct_error *) = {take_ids, take_time, take_weight, take_event,
                                                                take_rating};
    r->out = false;
    memset(&r->row, 0, sizeof r->row);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        CT_CHECK(checks[i](r, err));
        if (r->out) return CT_OK;
    }
    return keep(r, err);
}

ct_status ct__read_interactions(ct__prepare *p, ct__raw_platform *platform, const char *path, ct_error *err) {
    const ct_config_interactions *c = &platform->config->interactions;
    const ct__mapping mappings[N_COLUMNS] = {
        [COL_USER] = {"interactions.user", c->user, "user_id", true},
        [COL_ITEM] = {"interactions.item", c->item, "item_id", true},
        [COL_TIME] = {"interactions.time", c->time, "timestamp", false},
        [COL_WEIGHT] = {"interactions.weight", c->weight, "weight", false},
        [COL_EVENT] = {"interactions.event", c->event, "event", c->n_weights > 0},
        [COL_REVIEW] = {"interactions.text", c->text, "review", false},
        [COL_RATING] = {"interactions.rating", c->rating, "rating", !isnan(c->min_rating)},
    };
    reader r = {.p = p, .platform = platform};
    ct_status st = CT_OK;
    bool more = false;
    CT_TRY(ct__rows_open(&r.rows, p, platform, path, err), st, done);
    CT_TRY(ct__bind_columns(r.columns, mappings, N_COLUMNS, r.rows.table, err), st, done);
    CT_TRY(ct__rows_next(&r.rows, &more, err), st, done);
    while (more) {
        CT_TRY(take_row(&r, err), st, done);
        CT_TRY(ct__rows_next(&r.rows, &more, err), st, done);
    }
    st = ct__finish_columns(r.columns, N_COLUMNS, &r.rows, err);
done:
    ct__free_columns(r.columns, N_COLUMNS);
    ct__rows_close(&r.rows);
    return st;
}
