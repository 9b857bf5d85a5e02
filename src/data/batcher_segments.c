/* Sorting a batch's tokens, positions, platforms and ids into segments for the backward of lookups. */
#include <string.h>

#include "base/alloc.h"
#include "data/batcher.h"

/* 2048 counters fit the first-level cache, and vocabularies need two passes. */
enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

ct_status ct__sorter_create(ct__sorter *s, int32_t capacity, ct_error *err) {
    ct_status st = CT_OK;
    memset(s, 0, sizeof *s);
    s->capacity = capacity;
    int32_t **arrays[] = {&s->input, &s->entry_row, &s->key[0], &s->key[1], &s->index[0], &s->index[1]};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        CT_TRY(ct_calloc((size_t)capacity, sizeof(int32_t), (void **)arrays[i], err), st, failed);
    }
    return CT_OK;
failed:
    ct__sorter_free(s);
    return st;
}

void ct__sorter_free(ct__sorter *s) {
    ct_free(s->input);
    ct_free(s->entry_row);
    for (int i = 0; i < 2; i++) {
        ct_free(s->key[i]);
        ct_free(s->index[i]);
    }
    memset(s, 0, sizeof *s);
}

/* One pass by the digit at shift; index NULL counts 0, 1, 2 ... */
static void sort_digit(const int32_t *key, const int32_t *index, int32_t n, int shift, int32_t *key_out,
                       int32_t *index_out) {
    int32_t place[DIGITS] = {0};
    for (int32_t i = 0; i < n; i++) place[((uint32_t)key[i] >> shift) & (DIGITS - 1)]++;
    int32_t sum = 0;
    for (int d = 0; d < DIGITS; d++) {
        const int32_t count = place[d];
        place[d] = sum;
        sum += count;
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t to = place[((uint32_t)key[i] >> shift) & (DIGITS - 1)]++;
        key_out[to] = key[i];
        index_out[to] = index ? index[i] : i;
    }
}

void ct__sort(ct__sorter *s, const int32_t *keys, int32_t n) {
    uint32_t largest = 0;
    for (int32_t i = 0; i < n; i++) {
        if ((uint32_t)keys[i] > largest) largest = (uint32_t)keys[i];
    }
    s->now = 0;
    sort_digit(keys, NULL, n, 0, s->key[0], s->index[0]);
    for (int shift = DIGIT_BITS; shift < 32 && largest >> shift; shift += DIGIT_BITS) {
        const int from = s->now, to = 1 - from;
        sort_digit(s->key[from], s->index[from], n, shift, s->key[to], s->index[to]);
        s->now = to;
    }
}

void ct__segments_fill(ct__sorter *s, const int32_t *keys, int32_t n, ct_segments *segments) {
    ct__sort(s, keys, n);
    const int32_t *key = s->key[s->now];
    int32_t unique = 0;
    for (int32_t i = 0; i < n; i++) {
        if (i > 0 && key[i] == key[i - 1]) continue;
        segments->rows[unique] = key[i];
        segments->seg_begin[unique++] = i;
    }
    segments->seg_begin[unique] = n;
    segments->n_unique = unique;
    memcpy(segments->seg_row, s->index[s->now], (size_t)n * sizeof(int32_t));
}

/* Appends the bag's entries to the sorter's input. */
static int32_t list_entries(ct__sorter *s, const ct_bag *bag, int32_t n) {
    for (int32_t r = 0; r < bag->n_rows; r++) {
        for (int32_t k = bag->offsets[r]; k < bag->offsets[r + 1]; k++) {
            s->input[n] = bag->ids[k];
            s->entry_row[n++] = r;
        }
    }
    return n;
}

void ct__table_segments_fill(ct__sorter *s, const ct_bag *a, ct_segments *a_segments, const ct_bag *b,
                             ct_segments *b_segments, ct_table_rows *rows) {
    const int32_t n_a = list_entries(s, a, 0), n = b ? list_entries(s, b, n_a) : n_a;
    ct__sort(s, s->input, n);
    const int32_t *key = s->key[s->now], *index = s->index[s->now];
    int32_t unique = 0, a_count = 0, b_count = 0;
    for (int32_t i = 0; i < n; i++) {
        if (i == 0 || key[i] != key[i - 1]) {
            rows->rows[unique] = key[i];
            a_segments->seg_begin[unique] = a_count;
            if (b) b_segments->seg_begin[unique] = b_count;
            unique++;
        }
        if (index[i] < n_a) a_segments->seg_row[a_count++] = s->entry_row[index[i]];
        else b_segments->seg_row[b_count++] = s->entry_row[index[i]];
    }
    a_segments->seg_begin[unique] = a_count;
    if (b) b_segments->seg_begin[unique] = b_count;
    rows->n_unique = a_segments->n_unique = unique;
    if (b) b_segments->n_unique = unique;
}
