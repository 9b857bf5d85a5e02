/* The split of each user's interactions into training, validation and test, and what is known at a moment. */
#include "data/split.h"

#include <string.h>

#include "base/alloc.h"
#include "data/history.h"

/* First interaction of [begin, end) at or after time; end when there is none. */
static int64_t first_at(const ct_dataset *data, int64_t begin, int64_t end, int64_t time) {
    while (begin < end) {
        const int64_t middle = begin + (end - begin) / 2;
        if (data->inter_time[middle] < time) begin = middle + 1;
        else end = middle;
    }
    return begin;
}

static void split_user(ct_split *split, const ct_dataset *data, int64_t user) {
    const int64_t begin = data->inter_begin[user], end = data->inter_begin[user + 1];
    if (split->kind == CT_SPLIT_TIME) {
        split->train_end[user] = first_at(data, begin, end, data->valid_time);
        split->valid_end[user] = first_at(data, split->train_end[user], end, data->test_time);
    } else {
        const int64_t given = end - begin >= 3 ? 1 : 0;
        split->valid_end[user] = end - given;
        split->train_end[user] = end - 2 * given;
    }
    split->n_train += split->train_end[user] - begin;
    split->n_valid += split->valid_end[user] - split->train_end[user];
    split->n_test += end - split->valid_end[user];
}

ct_status ct_split_create(ct_split *split, const ct_dataset *data, ct_split_kind kind, ct_error *err) {
    ct_status st = CT_OK;
    memset(split, 0, sizeof *split);
    if (kind != CT_SPLIT_TIME && kind != CT_SPLIT_LAST) {
        return ct_fail(err, CT_ERR_ARGUMENT, "split: kind %d, want time or last", (int)kind);
    }
    if (kind == CT_SPLIT_TIME && data->valid_time > data->test_time) {
        return ct_fail(err, CT_ERR_DATA, "split: validation begins at %lld, after test at %lld",
                       (long long)data->valid_time, (long long)data->test_time);
    }
    split->kind = kind;
    CT_TRY(ct_calloc((size_t)data->n_users, sizeof(int64_t), (void **)&split->train_end, err), st, failed);
    CT_TRY(ct_calloc((size_t)data->n_users, sizeof(int64_t), (void **)&split->valid_end, err), st, failed);
    for (int64_t user = 0; user < data->n_users; user++) split_user(split, data, user);
    return CT_OK;
failed:
    ct_split_free(split);
    return st;
}

void ct_split_free(ct_split *split) {
    if (!split) return;
    ct_free(split->train_end);
    ct_free(split->valid_end);
    memset(split, 0, sizeof *split);
}

ct_moment ct_moment_before(const ct_dataset *data, int32_t user, int64_t k) {
    return (ct_moment){user, CT_STAGE_TRAIN, k, data->inter_time[k]};
}

ct_moment ct_moment_at_stage(const ct_dataset *data, const ct_split *split, int32_t user, ct_stage stage) {
    if (stage == CT_STAGE_NOW) return ct_moment_now(data, user);
    int64_t begin = data->inter_begin[user], end = split->train_end[user];
    if (stage == CT_STAGE_VALID) {
        begin = split->train_end[user];
        end = split->valid_end[user];
    } else if (stage == CT_STAGE_TEST) {
        begin = split->valid_end[user];
        end = data->inter_begin[user + 1];
    }
    int64_t time = begin < end ? data->inter_time[begin] : INT64_MAX;
    if (split->kind == CT_SPLIT_TIME && stage == CT_STAGE_VALID) time = data->valid_time;
    if (split->kind == CT_SPLIT_TIME && stage == CT_STAGE_TEST) time = data->test_time;
    return (ct_moment){user, stage, begin, time};
}

ct_moment ct_moment_now(const ct_dataset *data, int32_t user) {
    return (ct_moment){user, CT_STAGE_NOW, data->inter_begin[user + 1], INT64_MAX};
}

/* The end of what is known of another user of the same person. */
static int64_t known_end(const ct_dataset *data, const ct_split *split, const ct_moment *moment, int32_t other) {
    if (moment->stage == CT_STAGE_NOW) return data->inter_begin[other + 1];
    const int64_t end = moment->stage == CT_STAGE_TEST ? split->valid_end[other] : split->train_end[other];
    return first_at(data, data->inter_begin[other], end, moment->time);
}

/* The latest interactions found so far, newest first. */
typedef struct latest {
    const ct_dataset *data;
    ct__latest which;
    int limit, n;
    int64_t *v;
} latest;

/* Puts interaction k where its time says, behind equal times. False when it is too old, and so is all that is older. */
static bool latest_offer(latest *l, int64_t k) {
    int at = l->n;
    while (at > 0 && l->data->inter_time[l->v[at - 1]] < l->data->inter_time[k]) at--;
    if (at == l->limit) return false;
    int hole = l->n < l->limit ? l->n : l->limit - 1; /* the entry that gives way */
    bool replaces = false;
    if (l->which == CT__LATEST_ENTITIES) {
        const int32_t entity = l->data->item_entity[l->data->inter_item[k]];
        for (int i = 0; i < l->n; i++) {
            if (l->data->item_entity[l->data->inter_item[l->v[i]]] != entity) continue;
            if (i < at) return true; /* a later one stands there */
            hole = i;
            replaces = true;
            break;
        }
    }
    if (!replaces && l->n < l->limit) l->n++;
    memmove(l->v + at + 1, l->v + at, (size_t)(hole - at) * sizeof *l->v);
    l->v[at] = k;
    return true;
}

static void latest_walk(latest *l, int64_t begin, int64_t end) {
    const int64_t *review = l->data->review_tokens.begin;
    for (int64_t k = end - 1; k >= begin; k--) {
        if (l->which == CT__LATEST_REVIEWS) {
            if (review[k + 1] == review[begin]) return; /* none in the rest */
            if (review[k + 1] == review[k]) continue;
        }
        if (!latest_offer(l, k)) return;
    }
}

/* Equal times keep the order of the walks: the own user, others of the own platform, then by platform (person_user
 * ascends, and users are numbered platform after platform). */
int ct__history(const ct_dataset *data, const ct_split *split, ct_moment moment, ct__latest which, int limit,
                int64_t *interactions) {
    if (limit <= 0) return 0;
    latest l = {data, which, limit, 0, interactions};
    const int32_t person = data->user_person[moment.user], platform = data->user_platform[moment.user];
    latest_walk(&l, data->inter_begin[moment.user], moment.own_end);
    for (int own = 1; own >= 0; own--) {
        for (int64_t i = data->person_begin[person]; i < data->person_begin[person + 1]; i++) {
            const int32_t other = data->person_user[i];
            if (other == moment.user || (data->user_platform[other] == platform) != own) continue;
            latest_walk(&l, data->inter_begin[other], known_end(data, split, &moment, other));
        }
    }
    return l.n;
}

int ct_history(const ct_dataset *data, const ct_split *split, ct_moment moment, int limit, int64_t *interactions) {
    return ct__history(data, split, moment, CT__LATEST_ALL, limit, interactions);
}
