/* Cases of score_topk and score_rank: ties, exclusions, fewer items than k, NaN, equal items anywhere in the
 * catalogue. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/harness.h"

/* shape: topk n = {B, N, D, k}; rank n = {B, N, D} */
enum {
    EXCLUDE = 1, /* some items of every row */
    ALL = 2      /* with EXCLUDE: all items of row 0 */
};

/* Who is excluded, and who is a target, follows from the numbers alone. */
static bool excluded(const op_shape *s, int64_t b, int64_t j) {
    if (!(s->flags & EXCLUDE)) return false;
    return (s->flags & ALL && b == 0) || (b * 5 + j * 3) % 7 == 0;
}
static bool is_target(const op_shape *s, int64_t b, int64_t j) {
    return (b * 3 + j) % 4 == 1 && !excluded(s, b, j);
}

static int64_t count(const op_shape *s, bool (*which)(const op_shape *s, int64_t b, int64_t j)) {
    int64_t n = 0;
    for (int64_t b = 0; b < s->n[0]; b++)
        for (int64_t j = 0; j < s->n[1]; j++) n += which(s, b, j);
    return n;
}

static void fill_lists(const op_shape *s, bool (*which)(const op_shape *s, int64_t b, int64_t j),
                       op_value *begin, op_value *col) {
    int32_t n = 0;
    if (!begin->present) return;
    for (int64_t b = 0; b < s->n[0]; b++) {
        for (int64_t j = 0; j < s->n[1]; j++)
            if (which(s, b, j)) col->i[n++] = (int32_t)j;
        begin->i[b + 1] = n;
    }
}

static double dot(const op_value *q, const op_value *x, int64_t b, int64_t j, double *size) {
    double sum = 0;
    *size = 0;
    for (int64_t d = 0; d < q->cols; d++) {
        sum += op_f(q, b, d) * op_f(x, j, d);
        *size += fabs(op_f(q, b, d) * op_f(x, j, d));
    }
    return sum;
}

/* --- score_topk --- */
#define TOPK(member) offsetof(struct ct_score_topk_args, member)

static const op_field topk_fields[] = {
    {.name = "values", .at = TOPK(values), .role = OP_OUTPUT},
    {.name = "ids", .at = TOPK(ids), .role = OP_INDEX_OUTPUT},
    {.name = "q", .at = TOPK(q)},
    {.name = "x", .at = TOPK(x)},
    {.name = "exclude_begin", .at = TOPK(exclude_begin), .role = OP_INDEX, .vector = true},
    {.name = "exclude_col", .at = TOPK(exclude_col), .role = OP_INDEX, .vector = true},
};

static const op_shape topk_shapes[] = {
    {{3, 20, 4, 5}, EXCLUDE},
    {{0, 9, 4, 3}, 0},
    {{3, 0, 4, 2}, 0},
    {{1, 1, 1, 1}, 0},
    {{2, 5, 3, 9}, 0},
    {{3, 8, 7, 8}, EXCLUDE},
    {{4, 33, 16, 10}, EXCLUDE | ALL},
    {{257, 9, 5, 4}, 0}, /* several blocks of queries; of items below */
    {{5, 63, 17, 1}, 0},
    {{17, 65, 15, 64}, 0},
    {{9, 1025, 33, 10}, EXCLUDE},
    {{33, 3001, 64, 50}, EXCLUDE | ALL},
};

static void topk_setup(op_run *run) {
    const op_shape *s = &run->shape;
    const int64_t given = s->flags & EXCLUDE ? 1 : 0;
    op_size(run, TOPK(values), s->n[0], s->n[3]);
    op_size(run, TOPK(ids), s->n[0], s->n[3]);
    op_size(run, TOPK(q), s->n[0], s->n[2]);
    op_size(run, TOPK(x), s->n[1], s->n[2]);
    op_size(run, TOPK(exclude_begin), s->n[0] + 1, given);
    op_size(run, TOPK(exclude_col), count(s, excluded), given);
    run->length = (double)s->n[2];
}

static void topk_fill(op_run *run, ct_rng *rng) {
    (void)rng;
    fill_lists(&run->shape, excluded, op_at(run, TOPK(exclude_begin)), op_at(run, TOPK(exclude_col)));
}

static bool topk_index_ok(const op_run *run, const op_field *field, int64_t b, int64_t place, int32_t got,
                          int32_t want) {
    double size_got, size_want;
    (void)field, (void)place;
    if (got < 0 || want < 0 || got >= run->shape.n[1] || excluded(&run->shape, b, got)) return false;
    const double g = dot(op_see(run, TOPK(q)), op_see(run, TOPK(x)), b, got, &size_got);
    const double w = dot(op_see(run, TOPK(q)), op_see(run, TOPK(x)), b, want, &size_want);
    return fabs(g - w) <= 1e-6 * (size_got + size_want);
}

/* Is every place of the list the best of what is left, lower ids first? */
static const char *topk_verify(const op_run *run, const op_outcome *oracle) {
    const op_shape *s = &run->shape;
    const op_value *values = op_result(run, oracle, TOPK(values)), *ids = op_result(run, oracle, TOPK(ids));
    const char *verdict = NULL;
    double size;
    bool *taken = op_alloc((size_t)s->n[1], sizeof *taken);
    for (int64_t b = 0; b < s->n[0] && !verdict; b++) {
        for (int64_t j = 0; j < s->n[1]; j++) taken[j] = excluded(s, b, j);
        for (int64_t p = 0; p < s->n[3] && !verdict; p++) {
            int64_t best = -1;
            double most = -INFINITY;
            for (int64_t j = 0; j < s->n[1]; j++) {
                if (taken[j]) continue;
                const double score = dot(op_see(run, TOPK(q)), op_see(run, TOPK(x)), b, j, &size);
                if (best >= 0 && !(score > most)) continue;
                most = score;
                best = j;
            }
            if (best >= 0) taken[best] = true;
            if (ids->i[b * s->n[3] + p] != best) verdict = "an id";
            const double v = op_f(values, b, p);
            if (v != most && !(fabs(v - most) <= 1e-12 * (1 + fabs(most)))) verdict = "a value";
        }
    }
    free(taken);
    return verdict;
}

/* Item rows for the special checks: the same random row everywhere. */
static void same_rows(double *x, int64_t n, int64_t d) {
    ct_rng rng = ct_rng_make(11, 0, 0);
    for (int64_t c = 0; c < d; c++) x[c] = ct_rng_normal(&rng);
    for (int64_t e = d; e < n * d; e++) x[e] = x[e - d];
}

static void check_topk_ties(op_special *s) {
    enum { N = 203, D = 19, K = 40 };
    double *x = op_alloc(N * D, sizeof *x);
    int32_t ids[2 * K];
    ct_error err = CT_ERROR_INIT;
    same_rows(x, N, D);
    struct ct_score_topk_args a = {.values = op_special_f32(s, 2, K, NULL),
                                   .ids = op_special_i32(s, 2, K, NULL),
                                   .q = op_special_f32(s, 2, D, x),
                                   .x = op_special_f32(s, N, D, x)};
    op_special_step(s);
    bool ok = ct_score_topk(s->dev, &a, &err) == CT_OK;
    op_special_read_i32(s, a.ids, ids);
    for (int p = 0; p < 2 * K; p++) ok = ok && ids[p] == p % K;
    op_special_check(s, ok, "equal items come by lower id");
    free(x);
}

static void check_topk_nan(op_special *s) {
    const double q[] = {1}, x[] = {1, NAN, 3, -INFINITY, NAN, 2, INFINITY, 3};
    const int32_t want[] = {6, 2, 7, 5, 0, 3, 1, 4, -1, -1};
    double values[10];
    int32_t ids[10];
    ct_error err = CT_ERROR_INIT;
    struct ct_score_topk_args a = {.values = op_special_f32(s, 1, 10, NULL),
                                   .ids = op_special_i32(s, 1, 10, NULL),
                                   .q = op_special_f32(s, 1, 1, q),
                                   .x = op_special_f32(s, 8, 1, x)};
    op_special_step(s);
    bool ok = ct_score_topk(s->dev, &a, &err) == CT_OK;
    op_special_read_i32(s, a.ids, ids);
    op_special_read(s, a.values, values);
    for (int p = 0; p < 10; p++) ok = ok && ids[p] == want[p];
    ok = ok && isnan(values[6]) && isnan(values[7]) && values[8] == -INFINITY && values[9] == -INFINITY;
    op_special_check(s, ok, "NaN scores come last, before the places that stay empty");
}

static void topk_special(op_special *s) {
    check_topk_ties(s);
    check_topk_nan(s);
}

const op_case op_case_score_topk = {
    OP_TABLES(topk_fields, topk_shapes),
    .setup = topk_setup,
    .fill = topk_fill,
    .index_ok = topk_index_ok,
    .verify = topk_verify,
    .special = topk_special,
    .patterns = 1 << OP_ONES | 1 << OP_EXACT | 1 << OP_HUGE,
    .k = 4,
};

/* --- score_rank --- */
#define RANK(member) offsetof(struct ct_score_rank_args, member)

static const op_field rank_fields[] = {
    {.name = "greater", .at = RANK(greater), .role = OP_INDEX_OUTPUT, .vector = true},
    {.name = "equal", .at = RANK(equal), .role = OP_INDEX_OUTPUT, .vector = true},
    {.name = "q", .at = RANK(q)},
    {.name = "x", .at = RANK(x)},
    {.name = "target_begin", .at = RANK(target_begin), .role = OP_INDEX, .vector = true},
    {.name = "target_col", .at = RANK(target_col), .role = OP_INDEX, .vector = true},
    {.name = "exclude_begin", .at = RANK(exclude_begin), .role = OP_INDEX, .vector = true},
    {.name = "exclude_col", .at = RANK(exclude_col), .role = OP_INDEX, .vector = true},
};

static const op_shape rank_shapes[] = {
    {{3, 20, 4}, EXCLUDE},          {{0, 9, 4}, 0},         {{3, 1, 4}, 0},    {{1, 2, 1}, 0},
    {{4, 33, 16}, EXCLUDE | ALL},   {{5, 63, 17}, EXCLUDE}, {{17, 65, 15}, 0}, {{3, 1025, 33}, EXCLUDE},
    {{7, 1500, 64}, EXCLUDE | ALL}, {{257, 9, 5}, 0}, {{2, 2050, 5}, EXCLUDE}, /* several blocks */
};

static void rank_setup(op_run *run) {
    const op_shape *s = &run->shape;
    const int64_t given = s->flags & EXCLUDE ? 1 : 0, targets = count(s, is_target);
    op_size(run, RANK(greater), targets, 1);
    op_size(run, RANK(equal), targets, 1);
    op_size(run, RANK(q), s->n[0], s->n[2]);
    op_size(run, RANK(x), s->n[1], s->n[2]);
    op_size(run, RANK(target_begin), s->n[0] + 1, 1);
    op_size(run, RANK(target_col), targets, 1);
    op_size(run, RANK(exclude_begin), s->n[0] + 1, given);
    op_size(run, RANK(exclude_col), count(s, excluded), given);
    run->length = (double)s->n[2];
}

static void rank_fill(op_run *run, ct_rng *rng) {
    (void)rng;
    fill_lists(&run->shape, excluded, op_at(run, RANK(exclude_begin)), op_at(run, RANK(exclude_col)));
    fill_lists(&run->shape, is_target, op_at(run, RANK(target_begin)), op_at(run, RANK(target_col)));
}

/* Items above, level with, and within rounding of the m-th target. */
static void rank_counts(const op_run *run, int64_t m, int64_t *above, int64_t *level, int64_t *near) {
    const op_value *q = op_see(run, RANK(q)), *x = op_see(run, RANK(x)),
                   *begin = op_see(run, RANK(target_begin));
    const int64_t target = op_see(run, RANK(target_col))->i[m];
    int64_t b = 0;
    double size, other_size;
    while (begin->i[b + 1] <= m) b++;
    const double mine = dot(q, x, b, target, &size);
    *above = *level = *near = 0;
    for (int64_t j = 0; j < x->rows; j++) {
        if (j == target || excluded(&run->shape, b, j)) continue;
        const double other = dot(q, x, b, j, &other_size);
        *above += other > mine;
        *level += other == mine;
        *near += fabs(other - mine) <= 1e-6 * (size + other_size);
    }
}

static bool rank_index_ok(const op_run *run, const op_field *field, int64_t m, int64_t col, int32_t got,
                          int32_t want) {
    int64_t above, level, near;
    (void)field, (void)col;
    rank_counts(run, m, &above, &level, &near);
    return llabs((long long)got - want) <= near;
}

static const char *rank_verify(const op_run *run, const op_outcome *oracle) {
    const op_value *greater = op_result(run, oracle, RANK(greater)),
                   *equal = op_result(run, oracle, RANK(equal));
    const bool exact = run->pattern == OP_EXACT;
    for (int64_t m = 0; m < greater->rows; m++) {
        int64_t above, level, near;
        rank_counts(run, m, &above, &level, &near);
        if (greater->i[m] != above && (exact || llabs(greater->i[m] - above) > near)) return "greater";
        if (equal->i[m] != level && (exact || llabs(equal->i[m] - level) > near)) return "equal";
    }
    return NULL;
}

/* Copies of one row tie with each other wherever they stand, whatever the order of the sums. */
static void check_rank_ties(op_special *s) {
    enum { N = 203, D = 19, M = 4 };
    double *x = op_alloc(N * D, sizeof *x), q[D];
    const int32_t begin[] = {0, M}, targets[] = {0, 77, 160, N - 1};
    int32_t greater[M], equal[M];
    ct_error err = CT_ERROR_INIT;
    ct_rng rng = ct_rng_make(12, 0, 0);
    same_rows(x, N, D);
    for (int i = 0; i < D; i++) q[i] = ct_rng_normal(&rng);
    struct ct_score_rank_args a = {.greater = op_special_i32(s, M, 1, NULL),
                                   .equal = op_special_i32(s, M, 1, NULL),
                                   .q = op_special_f32(s, 1, D, q),
                                   .x = op_special_f32(s, N, D, x),
                                   .target_begin = op_special_i32(s, 2, 1, begin),
                                   .target_col = op_special_i32(s, M, 1, targets)};
    op_special_step(s);
    bool ok = ct_score_rank(s->dev, &a, &err) == CT_OK;
    op_special_read_i32(s, a.greater, greater);
    op_special_read_i32(s, a.equal, equal);
    for (int m = 0; m < M; m++) ok = ok && greater[m] == 0 && equal[m] == N - 1;
    op_special_check(s, ok, "equal items tie wherever they stand");
    free(x);
}

static void check_rank_nan(op_special *s) {
    enum { N = 9, M = 2 };
    double x[N], q[] = {1};
    const int32_t begin[] = {0, M}, targets[] = {2, 5}, exclude_begin[] = {0, 1}, exclude_col[] = {0};
    int32_t greater[M], equal[M];
    ct_error err = CT_ERROR_INIT;
    for (int j = 0; j < N; j++) x[j] = j;
    x[2] = NAN;
    struct ct_score_rank_args a = {.greater = op_special_i32(s, M, 1, NULL),
                                   .equal = op_special_i32(s, M, 1, NULL),
                                   .q = op_special_f32(s, 1, 1, q),
                                   .x = op_special_f32(s, N, 1, x),
                                   .target_begin = op_special_i32(s, 2, 1, begin),
                                   .target_col = op_special_i32(s, M, 1, targets),
                                   .exclude_begin = op_special_i32(s, 2, 1, exclude_begin),
                                   .exclude_col = op_special_i32(s, 1, 1, exclude_col)};
    op_special_step(s);
    bool ok = ct_score_rank(s->dev, &a, &err) == CT_OK;
    op_special_read_i32(s, a.greater, greater);
    op_special_read_i32(s, a.equal, equal);
    ok = ok && greater[0] == N - 2 && equal[0] == 0; /* all but itself and the excluded one */
    ok = ok && greater[1] == 3 && equal[1] == 0;     /* 6, 7, 8; the NaN item is not above */
    op_special_check(s, ok, "a target whose score is NaN has every other item above it");
}

static void rank_special(op_special *s) {
    check_rank_ties(s);
    check_rank_nan(s);
}

const op_case op_case_score_rank = {
    OP_TABLES(rank_fields, rank_shapes),
    .setup = rank_setup,
    .fill = rank_fill,
    .index_ok = rank_index_ok,
    .verify = rank_verify,
    .special = rank_special,
    .patterns = 1 << OP_EXACT | 1 << OP_ONES,
    .k = 4,
};
