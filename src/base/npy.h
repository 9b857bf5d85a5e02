/* NumPy's .npy files of vectors, read through a map: 2-D, C order, '<f4' or '<f2', format versions 1 to 3. */
#ifndef CT_BASE_NPY_H
#define CT_BASE_NPY_H

#include "base/io.h"

/* Zero-initialise; close with ct_npy_close. */
typedef struct ct_npy {
    ct_map map;
    int64_t n, dim; /* dim at least 1 */
    bool f16;
    const unsigned char *values; /* in the map; may lie at any address */
} ct_npy;

/* Header and size are checked: all n * dim values lie in the map. CT_ERR_FORMAT says what was found and wanted. On
 * failure nothing is open. */
ct_status ct_npy_open(ct_npy *npy, const char *path, ct_error *err);
void ct_npy_close(ct_npy *npy);
/* Rows [from, from + n) as f32 [n, dim]; they must be there. */
void ct_npy_read(const ct_npy *npy, int64_t from, int64_t n, float *rows);

#endif
