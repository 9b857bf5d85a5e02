/* What can be reached on the data, under the default protocol (global time, the last tenth is test, full ranking, what
 * the user had is left out): popularity, the oracle, and counting the attributes of what a person chose before. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sample.h"

typedef struct row {
    int64_t user;
    choice chosen;
} row;

enum { POPULARITY, COUNTING_TEXT, COUNTING_ALL, ORACLE, N_METHODS };
static const char *const method_names[N_METHODS] = {"popularity", "counting, text only", "counting, text and picture",
                                                    "oracle"};

typedef struct statistics {
    const sample *s;
    catalogue *catalogues[N_PLATFORMS];
    row *rows[N_PLATFORMS];
    size_t n_rows[N_PLATFORMS];
    int64_t test_time;
    float *seen_of;          /* [n_persons, N_DIMS]: how often each attribute was chosen before the test */
    double *popularity;      /* [n_items] of the platform at hand */
    double *scores;          /* [n_items] */
} statistics;

static ct_status collect(statistics *t, int platform, size_t *capacity, ct_error *err) {
    choice choices[MAX_CHOICES];
    double taste[N_DIMS];
    for (int64_t user = 0; user < t->s->n_users; user++) {
        const int64_t number = sample_person_of(t->s, platform, user);
        const person p = sample_person(t->s, number);
        sample_taste(t->s, platform, number, &p, taste);
        const int n = catalogue_choose(t->catalogues[platform], user, taste, choices);
        const size_t want = t->n_rows[platform] + (size_t)n;
        CT_CHECK(ct_grow((void **)&t->rows[platform], capacity, want, sizeof(row), err));
        for (int i = 0; i < n; i++) t->rows[platform][t->n_rows[platform]++] = (row){user, choices[i]};
    }
    return CT_OK;
}

static int ascending(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static ct_status find_test_time(statistics *t, ct_error *err) {
    size_t n = 0, k = 0;
    int64_t *times = NULL;
    for (int p = 0; p < N_PLATFORMS; p++) n += t->n_rows[p];
    CT_CHECK(ct_calloc(n, sizeof *times, (void **)&times, err));
    for (int p = 0; p < N_PLATFORMS; p++)
        for (size_t i = 0; i < t->n_rows[p]; i++) times[k++] = t->rows[p][i].chosen.time;
    qsort(times, n, sizeof *times, ascending);
    t->test_time = times[n - n / 10 - 1];
    ct_free(times);
    return CT_OK;
}

static void attributes_of(const item *it, int dims[5]) {
    const int list[5] = {DIM_TOPIC + it->topic, DIM_MOOD + it->mood, DIM_LEVEL + it->level, DIM_COLOUR + it->colour,
                         DIM_PATTERN + it->pattern};
    memcpy(dims, list, sizeof list);
}

static void count_attributes(statistics *t, int platform) {
    int dims[5];
    for (size_t i = 0; i < t->n_rows[platform]; i++) {
        const row *w = &t->rows[platform][i];
        if (w->chosen.time >= t->test_time) continue;
        float *seen = t->seen_of + sample_person_of(t->s, platform, w->user) * N_DIMS;
        attributes_of(catalogue_item(t->catalogues[platform], w->chosen.item), dims);
        for (int a = 0; a < 5; a++) seen[dims[a]] += 1;
        seen[DIM_POPULARITY] += 1;
    }
}

/* log of the smoothed share of the item's attributes among what the person chose. */
static double counted(const float *seen, const item *it, bool picture) {
    static const int sizes[5] = {N_TOPICS, N_MOODS, N_LEVELS, N_COLOURS, N_PATTERNS};
    int dims[5];
    double sum = 0;
    attributes_of(it, dims);
    for (int a = 0; a < (picture ? 5 : 3); a++)
        sum += log((seen[dims[a]] + 0.5) / (seen[DIM_POPULARITY] + 0.5 * sizes[a]));
    return sum;
}

static void score(statistics *t, int platform, int method, int64_t user) {
    const int64_t number = sample_person_of(t->s, platform, user);
    const person p = sample_person(t->s, number);
    double taste[N_DIMS];
    sample_taste(t->s, platform, number, &p, taste);
    for (int64_t i = 0; i < t->s->n_items; i++) {
        const item *it = catalogue_item(t->catalogues[platform], i);
        if (method == POPULARITY) t->scores[i] = t->popularity[i];
        else if (method == ORACLE) t->scores[i] = sample_utility(taste, it);
        else t->scores[i] = counted(t->seen_of + number * N_DIMS, it, method == COUNTING_ALL);
    }
}

/* NDCG@10 of one user, whose rows are [w, w + n), old ones first; -1 without a test row. */
static double user_ndcg(statistics *t, const row *w, int n) {
    double gain = 0, ideal = 0;
    int old = 0;
    while (old < n && w[old].chosen.time < t->test_time) t->scores[w[old++].chosen.item] = -INFINITY;
    for (int k = old; k < n; k++) {
        const double mine = t->scores[w[k].chosen.item];
        double rank = 1;
        for (int64_t i = 0; i < t->s->n_items; i++) {
            if (i == w[k].chosen.item) continue;
            rank += t->scores[i] > mine ? 1.0 : t->scores[i] == mine ? 0.5 : 0.0;
        }
        if (rank <= 10) gain += 1 / log2(1 + rank);
        if (k - old < 10) ideal += 1 / log2(2 + k - old);
    }
    return ideal > 0 ? gain / ideal : -1;
}

static double mean_ndcg(statistics *t, int platform, int method, int64_t *n_users) {
    const row *w = t->rows[platform];
    double sum = 0;
    *n_users = 0;
    for (size_t i = 0; i < t->n_rows[platform];) {
        size_t j = i;
        while (j < t->n_rows[platform] && w[j].user == w[i].user) j++;
        if (w[j - 1].chosen.time >= t->test_time) {
            score(t, platform, method, w[i].user);
            sum += user_ndcg(t, w + i, (int)(j - i));
            ++*n_users;
        }
        i = j;
    }
    return *n_users ? sum / (double)*n_users : 0;
}

static void print_platform(statistics *t, int platform) {
    int64_t n_users = 0;
    memset(t->popularity, 0, (size_t)t->s->n_items * sizeof *t->popularity);
    for (size_t i = 0; i < t->n_rows[platform]; i++) {
        const choice *chosen = &t->rows[platform][i].chosen;
        if (chosen->time < t->test_time) t->popularity[chosen->item] += 1;
    }
    double floor = 0;
    for (int m = 0; m < N_METHODS; m++) {
        const double ndcg = mean_ndcg(t, platform, m, &n_users);
        if (m == POPULARITY) floor = ndcg;
        printf("  %-6s %-28s ndcg@10 %.4f, %.1f x popularity\n", platform_names[platform], method_names[m], ndcg,
               ndcg / floor);
    }
    printf("  %-6s %lld users in the test part\n", platform_names[platform], (long long)n_users);
}

ct_status print_statistics(const sample *s, ct_error *err) {
    statistics t = {.s = s};
    ct_status st = CT_OK;
    for (int p = 0; p < N_PLATFORMS; p++) {
        size_t capacity = 0;
        CT_TRY(catalogue_create(&t.catalogues[p], s, p, err), st, done);
        CT_TRY(collect(&t, p, &capacity, err), st, done);
    }
    const size_t n_items = (size_t)s->n_items, n_counts = (size_t)sample_n_persons(s) * N_DIMS;
    CT_TRY(ct_calloc(n_counts, sizeof *t.seen_of, (void **)&t.seen_of, err), st, done);
    CT_TRY(ct_calloc(n_items, sizeof *t.popularity, (void **)&t.popularity, err), st, done);
    CT_TRY(ct_calloc(n_items, sizeof *t.scores, (void **)&t.scores, err), st, done);
    CT_TRY(find_test_time(&t, err), st, done);
    for (int p = 0; p < N_PLATFORMS; p++) count_attributes(&t, p);
    for (int p = 0; p < N_PLATFORMS; p++) print_platform(&t, p);
done:
    for (int p = 0; p < N_PLATFORMS; p++) {
        catalogue_free(t.catalogues[p]);
        ct_free(t.rows[p]);
    }
    ct_free(t.seen_of);
    ct_free(t.popularity);
    ct_free(t.scores);
    return st;
}
