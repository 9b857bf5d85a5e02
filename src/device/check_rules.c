/* Rules on tensors and scalars, each with its message. */
#include "device/check_rules.h"

#include <math.h>
#include <stdio.h>

typedef struct dim_text {
    char text[24];
} dim_text;

static dim_text dim(int64_t n) {
    dim_text d;
    if (n == CT_ANY)
        snprintf(d.text, sizeof d.text, "any");
    else
        snprintf(d.text, sizeof d.text, "%lld", (long long)n);
    return d;
}

static void broken(ct_rules *r, ct_status status) {
    r->status = status;
}

static void shape_rules(ct_rules *r, const char *name, const ct_tensor *t, int64_t rows, int64_t cols) {
    int64_t elements, bytes;
    const int64_t size = (int64_t)ct_dtype_bytes(t->dtype);
    if (t->rows < 0 || t->cols < 0) {
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s is [%lld, %lld], want no negative size", name,
                          (long long)t->rows, (long long)t->cols));
    } else if ((rows != CT_ANY && t->rows != rows) || (cols != CT_ANY && t->cols != cols)) {
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s is [%lld, %lld], want [%s, %s]", name, (long long)t->rows,
                          (long long)t->cols, dim(rows).text, dim(cols).text));
    } else if (t->ld < t->cols) {
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s has ld %lld, want at least its %lld columns", name,
                          (long long)t->ld, (long long)t->cols));
    } else if (__builtin_mul_overflow(t->rows, t->ld, &elements) ||
               __builtin_mul_overflow(elements, size, &bytes)) {
        broken(r, ct_fail(r->err, CT_ERR_SHAPE,
                          "%s is [%lld, %lld] with ld %lld: more bytes than memory has addresses", name,
                          (long long)t->rows, (long long)t->cols, (long long)t->ld));
    }
}

void ct__need(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows, int64_t cols) {
    if (r->status != CT_OK) return;
    if (!t->data) {
        const bool no_rows = rows == 0 || (rows == CT_ANY && t->rows == 0);
        const bool no_cols = cols == 0 || (cols == CT_ANY && t->cols == 0 && t->rows > 0);
        if (!no_rows && !no_cols) {
            broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is absent, want [%s, %s]", name, dim(rows).text,
                              dim(cols).text));
            return;
        }
        /* A list without elements may come as a tensor of zeros. */
        if (t->rows == 0 && no_rows && cols != CT_ANY) return;
    }
    if (t->dtype != dtype)
        broken(r, ct_fail(r->err, CT_ERR_DTYPE, "%s is %s, want %s", name, ct_dtype_name(t->dtype),
                          ct_dtype_name(dtype)));
    else
        shape_rules(r, name, t, rows, cols);
}

void ct__may(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows, int64_t cols) {
    if (t->data) ct__need(r, name, t, dtype, rows, cols);
}

void ct__need_vector(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows) {
    ct__need(r, name, t, dtype, rows, 1);
    if (r->status == CT_OK && t->rows > 1 && t->ld != 1)
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s has ld %lld, want 1: a vector without gaps", name,
                          (long long)t->ld));
}

void ct__may_vector(ct_rules *r, const char *name, const ct_tensor *t, ct_dtype dtype, int64_t rows) {
    if (t->data) ct__need_vector(r, name, t, dtype, rows);
}

static bool same_size(int64_t size, int64_t want) {
    return want == CT_ANY || size == want;
}

static void image_rules(ct_rules *r, const char *name, const ct_image *t, const ct_image *want) {
    int64_t padded, elements, bytes;
    char found[140];
    snprintf(found, sizeof found, "%s is [%lld, %lld, %lld, %lld] in blocks of %lld", name, (long long)t->n,
             (long long)t->c, (long long)t->h, (long long)t->w, (long long)t->cb);
    if (t->n < 0 || t->c < 1 || t->h < 1 || t->w < 1 || t->cb < 1) {
        broken(r,
               ct_fail(r->err, CT_ERR_SHAPE, "%s, want no negative number and sizes of at least 1", found));
    } else if (!same_size(t->n, want->n) || !same_size(t->c, want->c) || !same_size(t->h, want->h) ||
               !same_size(t->w, want->w) || !same_size(t->cb, want->cb)) {
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s, want [%s, %s, %s, %s] in blocks of %s", found,
                          dim(want->n).text, dim(want->c).text, dim(want->h).text, dim(want->w).text,
                          dim(want->cb).text));
    } else if (__builtin_add_overflow(t->c, t->cb - 1, &padded) ||
               __builtin_mul_overflow(padded / t->cb * t->cb, t->h, &elements) ||
               __builtin_mul_overflow(elements, t->w, &elements) ||
               __builtin_mul_overflow(elements, t->n > 0 ? t->n : 1, &elements) ||
               __builtin_mul_overflow(elements, (int64_t)ct_dtype_bytes(t->dtype), &bytes)) {
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s: more bytes than memory has addresses", found));
    }
}

void ct__need_image(ct_rules *r, const char *name, const ct_image *t, ct_dtype dtype, ct_image want) {
    if (r->status != CT_OK) return;
    if (!t->data && t->n != 0)
        broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is absent, want [%s, %s, %s, %s]", name,
                          dim(want.n).text, dim(want.c).text, dim(want.h).text, dim(want.w).text));
    else if (t->dtype != dtype)
        broken(r, ct_fail(r->err, CT_ERR_DTYPE, "%s is %s, want %s", name, ct_dtype_name(t->dtype),
                          ct_dtype_name(dtype)));
    else
        image_rules(r, name, t, &want);
}

void ct__may_image(ct_rules *r, const char *name, const ct_image *t, ct_dtype dtype, ct_image want) {
    if (t->data) ct__need_image(r, name, t, dtype, want);
}

void ct__together(ct_rules *r, const char *name_a, const ct_tensor *a, const char *name_b,
                  const ct_tensor *b) {
    if (r->status != CT_OK || !a->data == !b->data) return;
    broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is absent but %s is there, want both or neither",
                      a->data ? name_b : name_a, a->data ? name_a : name_b));
}

void ct__absent(ct_rules *r, const char *name, const ct_tensor *t, const char *why) {
    if (r->status == CT_OK && t->data)
        broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is there, want it absent: %s", name, why));
}

void ct__between(ct_rules *r, const char *name, double value, double lo, double hi) {
    if (r->status == CT_OK && !(value >= lo && value <= hi))
        broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is %g, want %g to %g", name, value, lo, hi));
}

void ct__above_zero(ct_rules *r, const char *name, double value) {
    if (r->status == CT_OK && !(value > 0 && isfinite(value)))
        broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is %g, want a finite number above 0", name, value));
}

void ct__finite(ct_rules *r, const char *name, double value) {
    if (r->status == CT_OK && !isfinite(value))
        broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is %g, want a finite number", name, value));
}

void ct__beta(ct_rules *r, const char *name, float beta) {
    if (r->status == CT_OK && beta != 0.0f && beta != 1.0f)
        broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "%s is %g, want 0 or 1", name, (double)beta));
}

void ct__indexable(ct_rules *r, const char *name, int64_t count) {
    if (r->status == CT_OK && count > INT32_MAX)
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s are %lld, want at most %d: indices are i32", name,
                          (long long)count, INT32_MAX));
}

void ct__at_least(ct_rules *r, const char *name, int64_t value, int64_t least) {
    if (r->status == CT_OK && value < least)
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s %lld, want at least %lld", name, (long long)value,
                          (long long)least));
}

void ct__dropout(ct_rules *r, const ct_dropout *drop, const ct_tensor *row_of, const ct_tensor *pos_of,
                 int64_t rows) {
    if (r->status == CT_OK && !(drop->p >= 0.0f && drop->p < 1.0f))
        broken(r, ct_fail(r->err, CT_ERR_ARGUMENT, "dropout's p is %g, want 0 <= p < 1", (double)drop->p));
    ct__indexable(r, "rows", rows);
    ct__may_vector(r, "row_of", row_of, CT_DTYPE_I32, rows);
    ct__may_vector(r, "pos_of", pos_of, CT_DTYPE_I32, rows);
}

void ct__offsets(ct_rules *r, const char *name, const ct_tensor *offsets, int64_t n, int64_t tokens) {
    ct__indexable(r, "sequences", n);
    ct__indexable(r, "tokens", tokens);
    if (r->status != CT_OK) return;
    ct__need_vector(r, name, offsets, CT_DTYPE_I32, n == CT_ANY ? CT_ANY : n + 1);
    if (r->status == CT_OK && offsets->rows < 1)
        broken(r, ct_fail(r->err, CT_ERR_SHAPE, "%s has no element, want one more than there are sequences",
                          name));
}
