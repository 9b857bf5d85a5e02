/* The rules that checks of ops are written in. Each looks at one thing and records the first failure in
 * ct_rules; after a failure the rest does nothing, so that a check is a list of rules and returns
 * rules.status. */
#ifndef CT_DEVICE_CHECK_RULES_H
#define CT_DEVICE_CHECK_RULES_H

#include "kernels/kernel.h"

typedef struct ct_rules {
    ct_error *err;
    ct_status status; /* of the first rule that was broken */
} ct_rules;

#define CT_ANY ((int64_t)-1) /* any number of rows or columns */

/* A tensor that must be there, of this type and shape. It may have data NULL when it has no elements. */
void ct__need(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows, int64_t cols);
/* A tensor that may be absent. */
void ct__may(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows, int64_t cols);
/* [rows, 1] without gaps: kernels read it as an array. */
void ct__need_vector(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows);
void ct__may_vector(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows);

/* An image that must be there, of this type, with these sizes and this channel block (CT_ANY: at least 1, n
 * at least 0). data may be NULL when n is 0. */
void ct__need_image(ct_rules *r, const char *name, const ct_image *t, ct_dtype dtype, ct_image want);
/* An image that may be absent. */
void ct__may_image(ct_rules *r, const char *name, const ct_image *t, ct_dtype dtype, ct_image want);
/* The sizes of a wanted image of any number, size and block. */
static inline ct_image ct_any_image(void) {
    return (ct_image){.n = CT_ANY, .c = CT_ANY, .h = CT_ANY, .w = CT_ANY, .cb = CT_ANY};
}

/* Both are there, or neither is. */
void ct__together(ct_rules *r, const char *name_a, const ct_tensor *a, const char *name_b,
                  const ct_tensor *b);
void ct__absent(ct_rules *r, const char *name, const ct_tensor *t, const char *why);

/* lo <= value <= hi; NaN breaks it. */
void ct__between(ct_rules *r, const char *name, double value, double lo, double hi);
void ct__above_zero(ct_rules *r, const char *name, double value); /* finite too */
void ct__finite(ct_rules *r, const char *name, double value);
void ct__beta(ct_rules *r, const char *name, float beta);
/* A count that i32 indices must be able to name. */
void ct__indexable(ct_rules *r, const char *name, int64_t count);
void ct__at_least(ct_rules *r, const char *name, int64_t value, int64_t least);

/* Dropout over `rows` rows, its probability and its counters. */
void ct__dropout(ct_rules *r, const ct_dropout *drop, const ct_tensor *row_of, const ct_tensor *pos_of,
                 int64_t rows);
/* offsets [n + 1, 1] of packed sequences with `tokens` tokens; n CT_ANY: as many as there are. */
void ct__offsets(ct_rules *r, const char *name, const ct_tensor *offsets, int64_t n, int64_t tokens);

#endif
