/* Embedding lookup: one row, or the scaled sum of a bag of rows. */
#ifndef CT_KERNELS_GATHER_ROWS_H
#define CT_KERNELS_GATHER_ROWS_H
#include "kernels/kernel.h"

/* y [N, C] = beta * y + scale[n] * sum_{k in bag n} table[ids[k]]. Bag n is [offsets[n], offsets[n + 1]); offsets i32
 * [N + 1, 1] absent: bag n is {n}. scale f32 [N, 1] absent: 1. An empty bag contributes 0. table [V, C]; ids i32
 * [K, 1], each in [0, V): the caller's promise. */
struct ct_gather_rows_forward_args {
    ct_tensor y;
    ct_tensor table, ids, offsets, scale;
    float beta;
};

/* For each unique row u of the batch, with the entries that named it listed by the host:
 *   dtable[rows ? rows[u] : u] += sum_{k in [seg_begin[u], seg_begin[u + 1])} scale[seg_row[k]] * dy[seg_row[k]].
 * seg_begin i32 [U + 1, 1]; seg_row i32 [K, 1]: the row of dy that entry k fed; rows i32 [U, 1] ascending and unique
 * (absent: dtable is compact, [U, C]). Entries of a segment are summed in list order: the same bytes every time. */
struct ct_gather_rows_backward_args {
    ct_tensor dtable;
    ct_tensor dy, rows, seg_begin, seg_row, scale;
};
#endif
