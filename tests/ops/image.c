/* Image tensors in the harness: a ct_image is seen as a matrix with a row for each pixel of each channel
 * block and a column for each channel of a block. */
#include "tests/ops/harness.h"

static ct_image *image_at(const op_run *run, size_t at) {
    return (ct_image *)((char *)run->args + at);
}

static int64_t blocks_of(const ct_image *t) {
    return (t->c + t->cb - 1) / t->cb;
}

ct_tensor op_field_tensor(const op_field *field, const void *args) {
    const char *at = (const char *)args + field->at;
    if (!field->image) return *(const ct_tensor *)at;
    const ct_image *t = (const ct_image *)at;
    if (t->cb == 0) return (ct_tensor){NULL, t->dtype, 0, 0, 0};
    return ct_matrix(t->data, t->dtype, t->n * blocks_of(t) * t->h * t->w, t->cb);
}

void op_size_image(op_run *run, size_t at, int64_t n, int64_t c, int64_t h, int64_t w, int64_t cb) {
    *image_at(run, at) = (ct_image){.n = n, .c = c, .h = h, .w = w, .cb = cb};
}

void op_absent(op_run *run, size_t at) {
    if (op_field_at(run->c, at)->image)
        op_size_image(run, at, 0, 0, 0, 0, 0);
    else
        op_size(run, at, 0, 0);
}

int64_t op_image_element(const op_run *run, size_t at, int64_t n, int64_t c, int64_t i, int64_t j) {
    const ct_image *t = image_at(run, at);
    return (((n * blocks_of(t) + c / t->cb) * t->h + i) * t->w + j) * t->cb + c % t->cb;
}

bool op_is_padding(const op_run *run, const op_field *field, int64_t element) {
    if (!field->image) return false;
    const ct_image *t = image_at(run, field->at);
    const int64_t block = element / (t->h * t->w * t->cb) % blocks_of(t);
    return block * t->cb + element % t->cb >= t->c;
}
