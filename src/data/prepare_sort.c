/* Orders the interactions by user, time and place, and drops the ones that repeat another exactly. */
#include <string.h>

#include "base/alloc.h"
#include "data/prepare_state.h"

typedef int (*compare_inters)(const ct__raw_inter *a, const ct__raw_inter *b);

static int by_time(const ct__raw_inter *a, const ct__raw_inter *b) {
    return (a->time > b->time) - (a->time < b->time);
}

static int by_what(const ct__raw_inter *a, const ct__raw_inter *b) {
    if (a->item != b->item) return a->item < b->item ? -1 : 1;
    return (a->event > b->event) - (a->event < b->event);
}

static bool is_sorted(const ct__raw_inter *inters, const uint32_t *v, int64_t n, compare_inters compare) {
    for (int64_t i = 1; i < n; i++)
        if (compare(&inters[v[i - 1]], &inters[v[i]]) > 0) return false;
    return true;
}

/* Merge sort from the bottom up: stable, so that equal ones keep their place; no allocation, no worst case.
 */
static void sort_stable(const ct__raw_inter *inters, uint32_t *v, int64_t n, uint32_t *scratch,
                        compare_inters compare) {
    if (is_sorted(inters, v, n, compare)) return; /* logs mostly are */
    uint32_t *from = v, *to = scratch;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t begin = 0; begin < n; begin += 2 * width) {
            const int64_t middle = begin + width < n ? begin + width : n;
            const int64_t end = begin + 2 * width < n ? begin + 2 * width : n;
            int64_t a = begin, b = middle;
            for (int64_t k = begin; k < end; k++) {
                const bool left =
                    a < middle && (b >= end || compare(&inters[from[a]], &inters[from[b]]) <= 0);
                to[k] = left ? from[a++] : from[b++];
            }
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != v) memcpy(v, from, (size_t)n * sizeof *v);
}

/* Numbers of all interactions, by user, otherwise in place. */
static ct_status group_by_user(ct__prepare *p, ct_error *err) {
    CT_CHECK(ct_calloc((size_t)p->n_raw_inters, sizeof *p->order, (void **)&p->order, err));
    CT_CHECK(ct_calloc((size_t)p->n_raw_users + 1, sizeof *p->order_begin, (void **)&p->order_begin, err));
    int64_t *begin = p->order_begin;
    for (int64_t k = 0; k < p->n_raw_inters; k++) begin[p->inters[k].user + 1]++;
    for (int64_t u = 0; u < p->n_raw_users; u++) begin[u + 1] += begin[u];
    for (int64_t k = 0; k < p->n_raw_inters; k++) p->order[begin[p->inters[k].user]++] = (uint32_t)k;
    for (int64_t u = p->n_raw_users; u > 0; u--)
        begin[u] = begin[u - 1]; /* the filling moved each to its end */
    begin[0] = 0;
    return CT_OK;
}

/* Marks, among n interactions of one user at one time, all but the first of the same item and event. */
static int64_t mark_repeated(const ct__raw_inter *inters, const uint32_t *v, int64_t n, uint32_t *sorted,
                             uint32_t *scratch, unsigned char *drop) {
    int64_t dropped = 0;
    memcpy(sorted, v, (size_t)n * sizeof *v);
    sort_stable(inters, sorted, n, scratch, by_what);
    for (int64_t i = 1; i < n; i++)
        if (by_what(&inters[sorted[i - 1]], &inters[sorted[i]]) == 0) {
            drop[sorted[i]] = 1;
            dropped++;
        }
    return dropped;
}

static int64_t mark_user(const ct__raw_inter *inters, const uint32_t *v, int64_t n, uint32_t *scratch,
                         unsigned char *drop) {
    int64_t dropped = 0;
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && inters[v[j]].time == inters[v[i]].time;) j++;
        if (j - i > 1) dropped += mark_repeated(inters, v + i, j - i, scratch, scratch + (j - i), drop);
    }
    return dropped;
}

ct_status ct__prepare_sort(ct__prepare *p, ct_error *err) {
    ct_status st = CT_OK;
    uint32_t *scratch = NULL;
    unsigned char *drop = NULL;
    int64_t most = 0, kept = 0;
    CT_TRY(group_by_user(p, err), st, done);
    for (int64_t u = 0; u < p->n_raw_users; u++) {
        const int64_t n = p->order_begin[u + 1] - p->order_begin[u];
        if (n > most) most = n;
    }
    CT_TRY(ct_calloc((size_t)most, 2 * sizeof *scratch, (void **)&scratch, err), st, done);
    CT_TRY(ct_calloc((size_t)p->n_raw_inters, 1, (void **)&drop, err), st, done);
    int64_t begin = 0;
    for (int64_t u = 0; u < p->n_raw_users; u++) {
        const int64_t end = p->order_begin[u + 1];
        uint32_t *v = p->order + begin;
        sort_stable(p->inters, v, end - begin, scratch, by_time);
        const int64_t dropped = mark_user(p->inters, v, end - begin, scratch, drop);
        if (dropped > 0) ct__prepare_user_platform(p, u)->counts->repeated += dropped;
        for (int64_t k = begin; k < end; k++)
            if (!drop[p->order[k]]) p->order[kept++] = p->order[k];
        p->order_begin[u + 1] = kept;
        begin = end;
    }
    p->n_inters = kept;
done:
    ct_free(scratch);
    ct_free(drop);
    return st;
}
