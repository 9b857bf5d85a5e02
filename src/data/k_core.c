/* k-core filtering: users and items with too few interactions are peeled off until all that stay have enough.
 * Then the kept users and items get their numbers.
 *
 * Peeling with a queue takes time in proportion to the interactions, however long the chain of removals is
 * (Batagelj and Zaversnik 2003, arXiv:cs/0310049). */
#include <string.h>

#include "base/alloc.h"
#include "data/prepare_state.h"

/* Interactions by item, counts, and what is still in. Nodes: users first, then items. */
typedef struct peel {
    ct__prepare *p;
    int64_t *item_begin; /* [n_raw_items + 1] */
    uint32_t *by_item;   /* [n_inters] places in p->order */
    int64_t *user_count, *item_count;
    unsigned char *user_out, *item_out, *inter_out; /* inter_out by place in p->order */
    int64_t *queue;                                 /* users as u, items as n_raw_users + i */
    int64_t head, tail;
} peel;

static ct_status peel_create(peel *w, ct__prepare *p, ct_error *err) {
    const size_t nu = (size_t)p->n_raw_users, ni = (size_t)p->n_raw_items, n = (size_t)p->n_inters;
    w->p = p;
    CT_CHECK(ct_calloc(ni + 1, sizeof *w->item_begin, (void **)&w->item_begin, err));
    CT_CHECK(ct_calloc(n, sizeof *w->by_item, (void **)&w->by_item, err));
    CT_CHECK(ct_calloc(nu, sizeof *w->user_count, (void **)&w->user_count, err));
    CT_CHECK(ct_calloc(ni, sizeof *w->item_count, (void **)&w->item_count, err));
    CT_CHECK(ct_calloc(nu, 1, (void **)&w->user_out, err));
    CT_CHECK(ct_calloc(ni, 1, (void **)&w->item_out, err));
    CT_CHECK(ct_calloc(n, 1, (void **)&w->inter_out, err));
    CT_CHECK(ct_calloc(nu + ni, sizeof *w->queue, (void **)&w->queue, err));
    for (int64_t k = 0; k < p->n_inters; k++) w->item_count[p->inters[p->order[k]].item]++;
    for (int64_t i = 0; i < p->n_raw_items; i++) w->item_begin[i + 1] = w->item_begin[i] + w->item_count[i];
    for (int64_t k = 0; k < p->n_inters; k++) {
        const int32_t i = p->inters[p->order[k]].item;
        w->by_item[w->item_begin[i + 1] - w->item_count[i]--] = (uint32_t)k;
    }
    for (int64_t u = 0; u < p->n_raw_users; u++) w->user_count[u] = p->order_begin[u + 1] - p->order_begin[u];
    for (int64_t i = 0; i < p->n_raw_items; i++) w->item_count[i] = w->item_begin[i + 1] - w->item_begin[i];
    return CT_OK;
}

static void peel_free(peel *w) {
    ct_free(w->item_begin);
    ct_free(w->by_item);
    ct_free(w->user_count);
    ct_free(w->item_count);
    ct_free(w->user_out);
    ct_free(w->item_out);
    ct_free(w->inter_out);
    ct_free(w->queue);
}

static void check_user(peel *w, int64_t u) {
    if (w->user_out[u] || w->user_count[u] >= w->p->config->data.k_core_users) return;
    w->user_out[u] = 1;
    w->queue[w->tail++] = u;
}

static void check_item(peel *w, int64_t i) {
    if (w->item_out[i] || w->item_count[i] >= w->p->config->data.k_core_items) return;
    w->item_out[i] = 1;
    w->queue[w->tail++] = w->p->n_raw_users + i;
}

static void take_out(peel *w, int64_t place) {
    if (w->inter_out[place]) return;
    const ct__raw_inter *inter = &w->p->inters[w->p->order[place]];
    w->inter_out[place] = 1;
    ct__prepare_user_platform(w->p, inter->user)->counts->below_k_core++;
    w->user_count[inter->user]--;
    w->item_count[inter->item]--;
    check_user(w, inter->user);
    check_item(w, inter->item);
}

static void run(peel *w) {
    const ct__prepare *p = w->p;
    for (int64_t u = 0; u < p->n_raw_users; u++) check_user(w, u);
    for (int64_t i = 0; i < p->n_raw_items; i++) check_item(w, i);
    while (w->head < w->tail) {
        const int64_t node = w->queue[w->head++];
        if (node < p->n_raw_users) {
            for (int64_t k = p->order_begin[node]; k < p->order_begin[node + 1]; k++) take_out(w, k);
        } else {
            const int64_t i = node - p->n_raw_users;
            for (int64_t k = w->item_begin[i]; k < w->item_begin[i + 1]; k++) take_out(w, w->by_item[k]);
        }
    }
}

static void close_gaps(peel *w) {
    ct__prepare *p = w->p;
    int64_t kept = 0, begin = 0;
    for (int64_t u = 0; u < p->n_raw_users; u++) {
        const int64_t end = p->order_begin[u + 1];
        for (int64_t k = begin; k < end; k++)
            if (!w->inter_out[k]) p->order[kept++] = p->order[k];
        p->order_begin[u + 1] = kept;
        begin = end;
    }
    p->n_inters = kept;
}

/* A user that no users file lists is there only for its interactions. */
static bool user_stays(const peel *w, int64_t u) {
    if (w->user_out[u]) return false;
    return w->p->users[u].listed || w->p->order_begin[u + 1] > w->p->order_begin[u];
}

static ct_status number(peel *w, ct_error *err) {
    ct__prepare *p = w->p;
    const int np = p->config->n_platforms;
    CT_CHECK(ct_calloc((size_t)p->n_raw_users, sizeof *p->user_new, (void **)&p->user_new, err));
    CT_CHECK(ct_calloc((size_t)p->n_raw_items, sizeof *p->item_new, (void **)&p->item_new, err));
    CT_CHECK(ct_calloc((size_t)p->n_raw_users, sizeof *p->user_raw, (void **)&p->user_raw, err));
    CT_CHECK(ct_calloc((size_t)p->n_raw_items, sizeof *p->item_raw, (void **)&p->item_raw, err));
    CT_CHECK(ct_calloc((size_t)np + 1, sizeof *p->user_begin, (void **)&p->user_begin, err));
    CT_CHECK(ct_calloc((size_t)np + 1, sizeof *p->item_begin, (void **)&p->item_begin, err));
    for (int i = 0; i < np; i++) {
        const bool last = i + 1 == np;
        const int64_t user_end = last ? p->n_raw_users : p->platforms[i + 1].user_begin;
        const int64_t item_end = last ? p->n_raw_items : p->platforms[i + 1].item_begin;
        for (int64_t u = p->platforms[i].user_begin; u < user_end; u++) {
            p->user_new[u] = user_stays(w, u) ? (int32_t)p->n_users : -1;
            if (p->user_new[u] >= 0) p->user_raw[p->n_users++] = (int32_t)u;
        }
        for (int64_t k = p->platforms[i].item_begin; k < item_end; k++) {
            p->item_new[k] = w->item_out[k] ? -1 : (int32_t)p->n_items;
            if (p->item_new[k] >= 0) p->item_raw[p->n_items++] = (int32_t)k;
        }
        p->user_begin[i + 1] = p->n_users;
        p->item_begin[i + 1] = p->n_items;
    }
    return CT_OK;
}

/* How many interactions each platform keeps; none is an error that says where they went. */
static ct_status count(ct__prepare *p, ct_error *err) {
    for (int64_t k = 0; k < p->n_inters; k++)
        ct__prepare_user_platform(p, p->inters[p->order[k]].user)->counts->n_interactions++;
    for (int i = 0; i < p->config->n_platforms; i++) {
        ct_prepare_platform *c = p->platforms[i].counts;
        c->n_users = p->user_begin[i + 1] - p->user_begin[i];
        c->n_items = p->item_begin[i + 1] - p->item_begin[i];
        if (c->n_interactions > 0) continue;
        return ct_fail(
            err, CT_ERR_DATA,
            "platform '%s': no interaction is left: %lld rows read in all its files, %lld bad, %lld below "
            "min_rating, %lld of events with weight 0, %lld outside the k-core",
            c->name, (long long)c->rows_read, (long long)c->bad_rows, (long long)c->below_rating,
            (long long)c->dropped_events, (long long)c->below_k_core);
    }
    return CT_OK;
}

ct_status ct__prepare_k_core(ct__prepare *p, ct_error *err) {
    ct_status st = CT_OK;
    peel w = {0};
    CT_TRY(peel_create(&w, p, err), st, done);
    run(&w);
    close_gaps(&w);
    CT_TRY(number(&w, err), st, done);
    st = count(p, err);
done:
    peel_free(&w);
    return st;
}
