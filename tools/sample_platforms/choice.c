/* Draws what users choose: softmax of the utility over the items that are there and were not chosen before.
 *
 * Items with the same attributes form a cell. A draw takes a cell by its total weight, then an item of it by
 * exp(popularity), and is repeated when the item is not born yet or was chosen before: exactly the softmax over the
 * rest, at a cost that does not grow with the catalogue. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sample.h"

enum { N_CELLS = N_TOPICS * N_MOODS * N_LEVELS * N_COLOURS * N_PATTERNS };

/* Draws after which a choice is given up: tastes can be so narrow that nearly all of the weight was chosen before. */
enum { MAX_DRAWS = 1000 };

typedef struct cell {
    item attributes;        /* topic to pattern are meant */
    int64_t first, n;       /* in order and cumulative */
} cell;

struct catalogue {
    const sample *s;
    int platform;
    item *items;            /* [n_items] */
    int32_t *order;         /* [n_items]: items by cell */
    double *cumulative;     /* [n_items]: sums of exp(popularity) within a cell */
    cell *cells;            /* [n_cells]: those that are not empty */
    int64_t n_cells;
    double *cell_sums;      /* [n_cells]: of one user's weights */
};

static int cell_of(const item *it) {
    return (((it->topic * N_MOODS + it->mood) * N_LEVELS + it->level) * N_COLOURS + it->colour) * N_PATTERNS +
           it->pattern;
}

/* Counting sort of the items by cell. */
static void make_cells(catalogue *c, int64_t begin[N_CELLS + 1]) {
    const int64_t n = c->s->n_items;
    memset(begin, 0, (N_CELLS + 1) * sizeof *begin);
    for (int64_t i = 0; i < n; i++) begin[cell_of(&c->items[i]) + 1]++;
    for (int k = 0; k < N_CELLS; k++) {
        if (begin[k + 1] > 0) c->cells[c->n_cells++] = (cell){.first = begin[k], .n = begin[k + 1]};
        begin[k + 1] += begin[k];
    }
    for (int64_t i = 0; i < n; i++) c->order[begin[cell_of(&c->items[i])]++] = (int32_t)i;
    for (int64_t k = 0; k < c->n_cells; k++) {
        cell *e = &c->cells[k];
        double sum = 0;
        e->attributes = c->items[c->order[e->first]];
        for (int64_t i = e->first; i < e->first + e->n; i++)
            c->cumulative[i] = sum += exact_exp(c->items[c->order[i]].popularity);
    }
}

ct_status catalogue_create(catalogue **out, const sample *s, int platform, ct_error *err) {
    ct_status st = CT_OK;
    int64_t *begin = NULL;
    catalogue *c = NULL;
    const size_t n = (size_t)s->n_items;
    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *c, (void **)&c, err), st, done);
    c->s = s;
    c->platform = platform;
    CT_TRY(ct_calloc(n, sizeof *c->items, (void **)&c->items, err), st, done);
    CT_TRY(ct_calloc(n, sizeof *c->order, (void **)&c->order, err), st, done);
    CT_TRY(ct_calloc(n, sizeof *c->cumulative, (void **)&c->cumulative, err), st, done);
    CT_TRY(ct_calloc(N_CELLS, sizeof *c->cells, (void **)&c->cells, err), st, done);
    CT_TRY(ct_calloc(N_CELLS, sizeof *c->cell_sums, (void **)&c->cell_sums, err), st, done);
    CT_TRY(ct_calloc(N_CELLS + 1, sizeof *begin, (void **)&begin, err), st, done);
    for (int64_t i = 0; i < s->n_items; i++) c->items[i] = sample_item(s, platform, i);
    make_cells(c, begin);
    *out = c;
    c = NULL;
done:
    ct_free(begin);
    catalogue_free(c);
    return st;
}

void catalogue_free(catalogue *c) {
    if (!c) return;
    ct_free(c->items);
    ct_free(c->order);
    ct_free(c->cumulative);
    ct_free(c->cells);
    ct_free(c->cell_sums);
    ct_free(c);
}

const item *catalogue_item(const catalogue *c, int64_t index) { return &c->items[index]; }

/* First place of the ascending sums[0..n) that is above x; n - 1 at most. */
static int64_t place_of(const double *sums, int64_t n, double x) {
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sums[middle] > x) high = middle;
        else low = middle + 1;
    }
    return low;
}

static void weigh_cells(catalogue *c, const double taste[N_DIMS]) {
    double e[DIM_POPULARITY], sum = 0;
    for (int d = 0; d < DIM_POPULARITY; d++) e[d] = exact_exp(taste[d]);
    for (int64_t k = 0; k < c->n_cells; k++) {
        const item *a = &c->cells[k].attributes;
        const double mass = c->cumulative[c->cells[k].first + c->cells[k].n - 1];
        sum += e[DIM_TOPIC + a->topic] * e[DIM_MOOD + a->mood] * e[DIM_LEVEL + a->level] *
               e[DIM_COLOUR + a->colour] * e[DIM_PATTERN + a->pattern] * mass;
        c->cell_sums[k] = sum;
    }
}

static int64_t draw(const catalogue *c, ct_rng *r) {
    const cell *e = &c->cells[place_of(c->cell_sums, c->n_cells, ct_rng_f64(r) * c->cell_sums[c->n_cells - 1])];
    const double *within = c->cumulative + e->first;
    return c->order[e->first + place_of(within, e->n, ct_rng_f64(r) * within[e->n - 1])];
}

static bool is_chosen(const choice *choices, int n, int64_t index) {
    for (int i = 0; i < n; i++)
        if (choices[i].item == index) return true;
    return false;
}

static int ascending(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How many and when: 5 to 60 with a tail like 1 / n^3, spread over the time from joining to the year's end. */
static int draw_times(const sample *s, ct_rng *r, int64_t times[MAX_CHOICES]) {
    const double u = ct_rng_f64(r), drawn = 9.0 / sqrt(u) - 4.0;
    const int64_t most = s->n_items / 4 < MAX_CHOICES ? s->n_items / 4 : MAX_CHOICES;
    const int n = drawn < (double)most ? (int)drawn : (int)most;
    const double join = 0.75 * ct_rng_f64(r);
    for (int i = 0; i < n; i++)
        times[i] = YEAR_BEGIN + (int64_t)((join + (1.0 - join) * ct_rng_f64(r)) * (double)YEAR_SECONDS);
    qsort(times, (size_t)n, sizeof *times, ascending);
    return n;
}

int catalogue_choose(catalogue *c, int64_t user, const double taste[N_DIMS], choice choices[MAX_CHOICES]) {
    ct_rng r = sample_rng(c->s, c->platform, "choices", user);
    int64_t times[MAX_CHOICES];
    const int n_times = draw_times(c->s, &r, times);
    int n = 0;
    weigh_cells(c, taste);
    for (int i = 0; i < n_times; i++) {
        for (int tries = 0; tries < MAX_DRAWS; tries++) {
            const int64_t index = draw(c, &r);
            if (c->items[index].born > times[i] || is_chosen(choices, n, index)) continue;
            choices[n++] = (choice){index, times[i]};
            break;
        }
    }
    return n;
}
