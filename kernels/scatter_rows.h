/* Rows written to their places in a table. */
#ifndef CT_KERNELS_SCATTER_ROWS_H
#define CT_KERNELS_SCATTER_ROWS_H
#include "kernels/kernel.h"

/* table[rows[n]] = x[n], where every value of x[n] is finite; the table's row stays as it is where one is not, and where
 * rows[n] is negative. table [V, C]; x [N, C]; rows i32 [N, 1], each below V, none twice: the caller's promise. */
struct ct_scatter_rows_args {
    ct_tensor table;
    ct_tensor x, rows;
};
#endif
