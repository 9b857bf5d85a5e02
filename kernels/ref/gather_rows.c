/* Reference of the embedding lookup and its gradient by sorted segments. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

ct_status CT_REF(gather_rows_forward)(ct_kctx *ctx, const struct ct_gather_rows_forward_args *args) {
    if (ctx->dry) return CT_OK;
    ref_scale(args->y, args->beta);
    const int32_t *ids = ref_ints(args->ids), *offsets = ref_ints(args->offsets);
    for (int64_t n = 0; n < args->y.rows; n++) {
        const int64_t from = offsets ? offsets[n] : n, to = offsets ? offsets[n + 1] : n + 1;
        for (int64_t c = 0; c < args->y.cols; c++) {
            ct_real sum = 0;
            for (int64_t k = from; k < to; k++) sum += ref_row(args->table, ids[k])[c];
            ref_row(args->y, n)[c] += (args->scale.data ? ref_vector(args->scale)[n] : 1) * sum;
        }
    }
    return CT_OK;
}

ct_status CT_REF(gather_rows_backward)(ct_kctx *ctx, const struct ct_gather_rows_backward_args *args) {
    if (ctx->dry) return CT_OK;
    const int32_t *rows = ref_ints(args->rows), *begin = ref_ints(args->seg_begin),
                  *fed = ref_ints(args->seg_row);
    for (int64_t u = 0; u + 1 < args->seg_begin.rows; u++) {
        ct_real *dtable = ref_row(args->dtable, rows ? rows[u] : u);
        for (int64_t c = 0; c < args->dtable.cols; c++) {
            ct_real sum = 0;
            for (int64_t k = begin[u]; k < begin[u + 1]; k++)
                sum +=
                    (args->scale.data ? ref_vector(args->scale)[fed[k]] : 1) * ref_row(args->dy, fed[k])[c];
            dtable[c] += sum;
        }
    }
    return CT_OK;
}
