/* Known positives: per person the sorted entities of the training interactions on all platforms, and the masks that
 * keep them from being negatives. */
#include <string.h>

#include "base/alloc.h"
#include "data/batcher.h"

/* Training interactions grouped by entity: the persons who have each. */
typedef struct by_entity {
    int64_t *begin; /* [n_entities + 1] */
    int32_t *person;
} by_entity;

/* Turns counts at [1 .. n] into the beginnings of lists. */
static void sum_up(int64_t *begin, int64_t n) {
    for (int64_t i = 0; i < n; i++) begin[i + 1] += begin[i];
}

/* Sets begin from cursors that were moved to the lists' ends. */
static void rewind_lists(int64_t *begin, int64_t n) {
    if (n == 0) return;
    memmove(begin + 1, begin, (size_t)n * sizeof *begin);
    begin[0] = 0;
}

static ct_status group_by_entity(by_entity *g, const ct_dataset *data, const ct_split *split, ct_error *err) {
    CT_CHECK(ct_calloc((size_t)data->n_entities + 1, sizeof *g->begin, (void **)&g->begin, err));
    CT_CHECK(ct_calloc((size_t)split->n_train, sizeof *g->person, (void **)&g->person, err));
    for (int64_t u = 0; u < data->n_users; u++) {
        for (int64_t k = data->inter_begin[u]; k < split->train_end[u]; k++) {
            g->begin[data->item_entity[data->inter_item[k]] + 1]++;
        }
    }
    sum_up(g->begin, data->n_entities);
    for (int64_t u = 0; u < data->n_users; u++) {
        for (int64_t k = data->inter_begin[u]; k < split->train_end[u]; k++) {
            g->person[g->begin[data->item_entity[data->inter_item[k]]]++] = data->user_person[u];
        }
    }
    rewind_lists(g->begin, data->n_entities);
    return CT_OK;
}

/* Entities are handed out in ascending order, so that each person's list is sorted and a repeat stands last in it. */
static void group_by_person(ct__known *known, const ct_dataset *data, const by_entity *g) {
    const int64_t n = g->begin[data->n_entities];
    for (int64_t k = 0; k < n; k++) known->begin[g->person[k] + 1]++;
    sum_up(known->begin, data->n_persons);
    for (int64_t e = 0; e < data->n_entities; e++) {
        for (int64_t k = g->begin[e]; k < g->begin[e + 1]; k++) {
            known->entity[known->begin[g->person[k]]++] = (int32_t)e;
        }
    }
    rewind_lists(known->begin, data->n_persons);
    int64_t kept = 0, from = 0;
    for (int64_t p = 0; p < data->n_persons; p++) {
        const int64_t to = known->begin[p + 1], first = kept;
        for (int64_t k = from; k < to; k++) {
            if (kept == first || known->entity[kept - 1] != known->entity[k]) known->entity[kept++] = known->entity[k];
        }
        from = to;
        known->begin[p + 1] = kept;
    }
}

static ct_status find_widest(ct__known *known, const ct_dataset *data, ct_error *err) {
    int32_t *items = NULL;
    CT_CHECK(ct_calloc((size_t)data->n_entities, sizeof *items, (void **)&items, err));
    for (int64_t i = 0; i < data->n_items; i++) items[data->item_entity[i]]++;
    for (int64_t p = 0; p < data->n_persons; p++) {
        int64_t width = 0;
        for (int64_t k = known->begin[p]; k < known->begin[p + 1]; k++) width += items[known->entity[k]];
        if (width > known->widest) known->widest = width;
    }
    ct_free(items);
    return CT_OK;
}

static ct_status allocate(ct__known *known, const ct_dataset *data, const ct_split *split, int32_t max_items,
                          ct_error *err) {
    const size_t entities = (size_t)data->n_entities, items = (size_t)max_items;
    CT_CHECK(ct_calloc((size_t)data->n_persons + 1, sizeof *known->begin, (void **)&known->begin, err));
    CT_CHECK(ct_calloc((size_t)split->n_train, sizeof *known->entity, (void **)&known->entity, err));
    CT_CHECK(ct_calloc(entities, sizeof *known->first_row, (void **)&known->first_row, err));
    CT_CHECK(ct_calloc(items, sizeof *known->next_row, (void **)&known->next_row, err));
    CT_CHECK(ct_calloc(items / 64 + 1, sizeof *known->bits, (void **)&known->bits, err));
    for (size_t e = 0; e < entities; e++) known->first_row[e] = -1;
    return CT_OK;
}

ct_status ct__known_create(ct__known *known, const ct_dataset *data, const ct_split *split, int32_t max_items,
                           ct_error *err) {
    ct_status st = CT_OK;
    by_entity g = {NULL, NULL};
    memset(known, 0, sizeof *known);
    CT_TRY(allocate(known, data, split, max_items, err), st, done);
    CT_TRY(group_by_entity(&g, data, split, err), st, done);
    group_by_person(known, data, &g);
    CT_TRY(find_widest(known, data, err), st, done);
done:
    ct_free(g.begin);
    ct_free(g.person);
    if (st != CT_OK) ct__known_free(known);
    return st;
}

void ct__known_free(ct__known *known) {
    ct_free(known->begin);
    ct_free(known->entity);
    ct_free(known->first_row);
    ct_free(known->next_row);
    ct_free(known->bits);
    memset(known, 0, sizeof *known);
}

/* Chains the batch's rows of each entity. */
static void chain_rows(ct__known *known, const ct_dataset *data, const ct_item_side *items) {
    for (int32_t r = items->n_rows - 1; r >= 0; r--) {
        int32_t *first = &known->first_row[data->item_entity[items->item[r]]];
        known->next_row[r] = *first;
        *first = r;
    }
}

/* The rows go through a bit set, which puts them in ascending order whatever the order of the entities. */
static int32_t mask_person(ct__known *known, int32_t person, int32_t n_rows, int32_t *col) {
    for (int64_t k = known->begin[person]; k < known->begin[person + 1]; k++) {
        for (int32_t r = known->first_row[known->entity[k]]; r >= 0; r = known->next_row[r]) {
            known->bits[r / 64] |= UINT64_C(1) << (r % 64);
        }
    }
    int32_t n = 0;
    for (int32_t w = 0; w <= (n_rows - 1) / 64; w++) {
        uint64_t bits = known->bits[w];
        known->bits[w] = 0;
        for (; bits; bits &= bits - 1) col[n++] = w * 64 + __builtin_ctzll(bits);
    }
    return n;
}

void ct__known_masks(ct__known *known, const ct_dataset *data, const ct_pair *pairs, ct_batch *batch) {
    const ct_item_side *items = &batch->items;
    chain_rows(known, data, items);
    batch->mask_begin[0] = 0;
    for (int32_t b = 0; b < batch->n_pairs; b++) {
        const int32_t begin = batch->mask_begin[b], person = data->user_person[pairs[b].user];
        batch->mask_begin[b + 1] = begin + mask_person(known, person, items->n_rows, batch->mask_col + begin);
    }
    for (int32_t r = 0; r < items->n_rows; r++) known->first_row[data->item_entity[items->item[r]]] = -1;
}
