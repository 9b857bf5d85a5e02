/* Persons and entities: the groups of linked users and items among those that are kept. */
#include "base/alloc.h"
#include "data/prepare_state.h"

/* Numbers the groups of n kept nodes in the order of their first one. *group is [n]. */
static ct_status number_groups(const ct__links *links, const int32_t *raw, int64_t n, int32_t **group,
                               int64_t *n_groups, ct_error *err) {
    int32_t *of_root = NULL;
    CT_CHECK(ct_calloc((size_t)n, sizeof **group, (void **)group, err));
    CT_CHECK(ct_calloc(links->n, sizeof *of_root, (void **)&of_root, err)); /* group + 1; 0: none yet */
    *n_groups = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t *g = &of_root[ct__links_root(links, raw[i])];
        if (*g == 0) *g = (int32_t)++ * n_groups;
        (*group)[i] = *g - 1;
    }
    ct_free(of_root);
    return CT_OK;
}

/* Adds to counts[platform] the nodes whose group has a node of another platform; *total over all. */
static ct_status count_linked(const int32_t *group, int64_t n_groups, const int64_t *begin, int n_platforms,
                              int64_t *counts, int64_t *total, ct_error *err) {
    enum { SEVERAL = -1 };
    int32_t *platform = NULL; /* of a group: platform + 1; 0: none yet */
    CT_CHECK(ct_calloc((size_t)n_groups, sizeof *platform, (void **)&platform, err));
    for (int p = 0; p < n_platforms; p++)
        for (int64_t i = begin[p]; i < begin[p + 1]; i++) {
            int32_t *g = &platform[group[i]];
            *g = *g == 0 || *g == p + 1 ? p + 1 : SEVERAL;
        }
    *total = 0;
    for (int p = 0; p < n_platforms; p++) {
        counts[p] = 0;
        for (int64_t i = begin[p]; i < begin[p + 1]; i++) counts[p] += platform[group[i]] == SEVERAL;
        *total += counts[p];
    }
    ct_free(platform);
    return CT_OK;
}

static ct_status list_person_users(ct__prepare *p, ct_error *err) {
    CT_CHECK(ct_calloc((size_t)p->n_persons + 1, sizeof *p->person_begin, (void **)&p->person_begin, err));
    CT_CHECK(ct_calloc((size_t)p->n_users, sizeof *p->person_user, (void **)&p->person_user, err));
    int64_t *begin = p->person_begin;
    for (int64_t u = 0; u < p->n_users; u++) begin[p->user_person[u] + 1]++;
    for (int64_t k = 0; k < p->n_persons; k++) begin[k + 1] += begin[k];
    for (int64_t u = 0; u < p->n_users; u++) p->person_user[begin[p->user_person[u]]++] = (int32_t)u;
    for (int64_t k = p->n_persons; k > 0; k--) begin[k] = begin[k - 1];
    begin[0] = 0;
    return CT_OK;
}

static bool asks_for_links(const ct__prepare *p, bool users) {
    if ((users ? p->user_links : p->item_links).n > 0) return true;
    for (int i = 0; i < p->config->n_platforms; i++) {
        const ct_config_platform *c = &p->config->platforms[i];
        if (users ? c->users.person : c->items.entity) return true;
    }
    return false;
}

static ct_status zero_left(const char *what, ct_error *err) {
    return ct_fail(
        err, CT_ERR_DATA,
        "zero overlap: none of the linked %s is kept with its counterpart; the rest was left out by "
        "data.k_core or for want of interactions",
        what);
}

ct_status ct__prepare_groups(ct__prepare *p, ct_error *err) {
    const int n = p->config->n_platforms;
    ct_status st = CT_OK;
    int64_t *counts = NULL, linked_users = 0, linked_items = 0;
    CT_TRY(ct_calloc((size_t)n, 2 * sizeof *counts, (void **)&counts, err), st, done);
    CT_TRY(number_groups(&p->persons, p->user_raw, p->n_users, &p->user_person, &p->n_persons, err), st,
           done);
    CT_TRY(number_groups(&p->entities, p->item_raw, p->n_items, &p->item_entity, &p->n_entities, err), st,
           done);
    CT_TRY(list_person_users(p, err), st, done);
    CT_TRY(count_linked(p->user_person, p->n_persons, p->user_begin, n, counts, &linked_users, err), st,
           done);
    CT_TRY(count_linked(p->item_entity, p->n_entities, p->item_begin, n, counts + n, &linked_items, err), st,
           done);
    for (int i = 0; i < n; i++) {
        p->platforms[i].counts->linked_users = counts[i];
        p->platforms[i].counts->linked_items = counts[n + i];
    }
    if (linked_users == 0 && asks_for_links(p, true)) st = zero_left("users", err);
    if (st == CT_OK && linked_items == 0 && asks_for_links(p, false)) st = zero_left("items", err);
done:
    ct_free(counts);
    return st;
}
