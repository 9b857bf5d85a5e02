/* Reference of catalogue ranking: one score after the other, kept or counted. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

/* The exclusion list of one row, walked along with ascending columns. */
typedef struct exclusion {
    const int32_t *next, *end;
} exclusion;

static exclusion exclusion_of(ct_tensor begin, ct_tensor col, int64_t row) {
    if (!begin.data) return (exclusion){NULL, NULL};
    const int32_t *b = ref_ints(begin), *cols = ref_ints(col);
    if (!cols) return (exclusion){NULL, NULL};
    return (exclusion){cols + b[row], cols + b[row + 1]};
}

static bool excluded(exclusion *e, int64_t col) {
    while (e->next < e->end && *e->next < col) e->next++;
    return e->next < e->end && *e->next == col;
}

/* Does a stand before b? NaN stands behind everything; the caller adds ids in ascending order, so ties stay.
 */
static bool ranks_before(ct_real a, ct_real b) {
    if (isnan(a)) return false;
    return isnan(b) || a > b;
}

/* Puts (value, id) into its place among the first `count` of at most k; returns the new count. */
static int64_t insert(ct_real *values, int32_t *ids, int64_t count, int64_t k, ct_real value, int32_t id) {
    int64_t at = count;
    while (at > 0 && ranks_before(value, values[at - 1])) at--;
    if (at == k) return count;
    for (int64_t i = count < k ? count : k - 1; i > at; i--) {
        values[i] = values[i - 1];
        ids[i] = ids[i - 1];
    }
    values[at] = value;
    ids[at] = id;
    return count < k ? count + 1 : k;
}

ct_status CT_REF(score_topk)(ct_kctx *ctx, const struct ct_score_topk_args *args) {
    if (ctx->dry) return CT_OK;
    const int64_t k = args->values.cols;
    for (int64_t b = 0; b < args->q.rows; b++) {
        exclusion out = exclusion_of(args->exclude_begin, args->exclude_col, b);
        ct_real *values = ref_row(args->values, b);
        int32_t *ids = ref_ints(args->ids) + b * args->ids.ld;
        int64_t count = 0;
        for (int64_t j = 0; j < args->x.rows; j++) {
            if (excluded(&out, j)) continue;
            const ct_real s = ref_dot(ref_row(args->q, b), ref_row(args->x, j), args->q.cols);
            count = insert(values, ids, count, k, s, (int32_t)j);
        }
        for (; count < k; count++) {
            values[count] = -(ct_real)INFINITY;
            ids[count] = -1;
        }
    }
    return CT_OK;
}

static void rank_target(const struct ct_score_rank_args *args, int64_t b, int64_t m) {
    const int64_t target = ref_ints(args->target_col)[m];
    const ct_real *q = ref_row(args->q, b);
    const ct_real own = ref_dot(q, ref_row(args->x, target), args->q.cols);
    exclusion out = exclusion_of(args->exclude_begin, args->exclude_col, b);
    int32_t greater = 0, equal = 0;
    for (int64_t j = 0; j < args->x.rows; j++) {
        if (excluded(&out, j) || j == target) continue;
        const ct_real s = ref_dot(q, ref_row(args->x, j), args->q.cols);
        if (isnan(own) || s > own)
            greater++;
        else if (s == own)
            equal++;
    }
    ref_ints(args->greater)[m] = greater;
    ref_ints(args->equal)[m] = equal;
}

ct_status CT_REF(score_rank)(ct_kctx *ctx, const struct ct_score_rank_args *args) {
    if (ctx->dry) return CT_OK;
    const int32_t *begin = ref_ints(args->target_begin);
    for (int64_t b = 0; b < args->q.rows; b++)
        for (int64_t m = begin[b]; m < begin[b + 1]; m++) rank_target(args, b, m);
    return CT_OK;
}
