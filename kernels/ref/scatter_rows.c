/* Reference of writing finite rows to their places. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

ct_status CT_REF(scatter_rows)(ct_kctx *ctx, const struct ct_scatter_rows_args *args) {
    if (ctx->dry) return CT_OK;
    const int32_t *rows = ref_ints(args->rows);
    for (int64_t n = 0; n < args->x.rows; n++) {
        const ct_real *x = ref_row(args->x, n);
        bool keep = rows[n] < 0;
        for (int64_t c = 0; c < args->x.cols; c++) keep = keep || !isfinite(x[c]);
        if (!keep) memcpy(ref_row(args->table, rows[n]), x, (size_t)args->x.cols * sizeof *x);
    }
    return CT_OK;
}
