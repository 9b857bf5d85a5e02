/* Building the queries of a platform. */
#include "eval/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"

static int ascending(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts and drops repeats; returns how many are left. */
static int64_t sort_unique(int32_t *v, int64_t n) {
    int64_t kept = 0;
    if (n > 1) qsort(v, (size_t)n, sizeof *v, ascending);
    for (int64_t i = 0; i < n; i++)
        if (kept == 0 || v[kept - 1] != v[i]) v[kept++] = v[i];
    return kept;
}

/* Removes from v what stands in the ascending list seen. */
static int64_t remove_seen(int32_t *v, int64_t n, const int32_t *seen, int64_t n_seen) {
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (!bsearch(&v[i], seen, (size_t)n_seen, sizeof *seen, ascending)) v[kept++] = v[i];
    return kept;
}

static int64_t copy_items(const ct_dataset *data, int64_t from, int64_t to, int64_t first_item, int32_t *out) {
    for (int64_t k = from; k < to; k++) out[k - from] = (int32_t)(data->inter_item[k] - first_item);
    return to - from;
}

/* Fills the query of one user behind those that are there; adds nothing when the user has no target. */
static void add_user(ct_queries *q, const ct_dataset *data, const ct_split *split, int32_t user, ct_stage stage) {
    const int64_t begin = stage == CT_STAGE_VALID ? split->train_end[user] : split->valid_end[user];
    const int64_t end = stage == CT_STAGE_VALID ? split->valid_end[user] : data->inter_begin[user + 1];
    if (begin == end) return;
    int32_t *seen = q->seen + q->seen_begin[q->n], *target = q->target + q->target_begin[q->n];
    const int64_t n_seen =
        sort_unique(seen, copy_items(data, data->inter_begin[user], begin, q->first_item, seen));
    int64_t n = sort_unique(target, copy_items(data, begin, end, q->first_item, target));
    n = remove_seen(target, n, seen, n_seen);
    if (n == 0) return;
    q->moments[q->n] = ct_moment_at_stage(data, split, user, stage);
    q->seen_begin[q->n + 1] = q->seen_begin[q->n] + (int32_t)n_seen;
    q->target_begin[q->n + 1] = q->target_begin[q->n] + (int32_t)n;
    q->n_targets += n;
    q->n++;
}

ct_status ct_queries_create(ct_queries *q, const ct_dataset *data, const ct_split *split, int32_t platform,
                            ct_stage stage, int64_t max_users, uint64_t seed, ct_error *err) {
    ct_status st = CT_OK;
    const int64_t first = data->user_begin[platform], n_users = data->user_begin[platform + 1] - first;
    const int64_t n_inter = data->inter_begin[first + n_users] - data->inter_begin[first];
    const ct_rng_key key = ct_rng_key_make(seed, (uint64_t)platform, ct_hash_name("eval/users"));
    memset(q, 0, sizeof *q);
    q->platform = platform;
    q->first_item = data->item_begin[platform];
    q->n_items = data->item_begin[platform + 1] - q->first_item;
    if (n_inter >= INT32_MAX)
        return ct_fail(err, CT_ERR_UNSUPPORTED, "platform '%s': %lld interactions, evaluation takes fewer than 2^31",
                       ct_strings_get(&data->platform_name, platform), (long long)n_inter);
    CT_TRY(ct_calloc((size_t)n_users, sizeof *q->moments, (void **)&q->moments, err), st, fail);
    CT_TRY(ct_calloc((size_t)n_users + 1, sizeof *q->target_begin, (void **)&q->target_begin, err), st, fail);
    CT_TRY(ct_calloc((size_t)n_users + 1, sizeof *q->seen_begin, (void **)&q->seen_begin, err), st, fail);
    CT_TRY(ct_calloc((size_t)n_inter, sizeof *q->target, (void **)&q->target, err), st, fail);
    CT_TRY(ct_calloc((size_t)n_inter, sizeof *q->seen, (void **)&q->seen, err), st, fail);
    for (int64_t i = 0; i < n_users && (max_users <= 0 || q->n < max_users); i++) {
        const uint64_t u = max_users > 0 ? ct_permute((uint64_t)i, (uint64_t)n_users, key) : (uint64_t)i;
        add_user(q, data, split, (int32_t)(first + (int64_t)u), stage);
    }
    return CT_OK;
fail:
    ct_queries_free(q);
    return st;
}

void ct_queries_free(ct_queries *q) {
    ct_free(q->moments);
    ct_free(q->target_begin);
    ct_free(q->target);
    ct_free(q->seen_begin);
    ct_free(q->seen);
    memset(q, 0, sizeof *q);
}
