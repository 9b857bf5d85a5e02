/* Pictures of a batch's items, and the lists of their modalities. */
#include "tests/model/picture_support.h"

#include <string.h>

#include "tests/model/model_support.h"

/* Item r's picture, if it has one, follows those of the items before it. */
static void fill_rows(ct_item_side *s, const test_pictures *p) {
    int32_t filled = 0;
    s->picture_begin[0] = s->picture_ids[0] = 0;
    for (int32_t r = 0; r < s->n_rows; r++) {
        if (filled < p->n && p->row[filled] == r) {
            s->picture_row[filled++] = r;
            s->picture_ids[filled] = filled;
        }
        s->picture_begin[r + 1] = filled;
    }
}

static void fill_kinds(ct_item_side *s) {
    const int32_t m = s->n_modalities;
    for (int32_t r = 0; r <= s->n_rows; r++) s->modality_begin[r] = m * r;
    for (int32_t i = 0; i < m * s->n_rows; i++) s->kind[i] = i % m;
    for (int32_t k = 0; s->kind_begin && k <= m; k++) s->kind_begin[k] = k * s->n_rows;
    for (int32_t i = 0; s->kind_row && i < m * s->n_rows; i++)
        s->kind_row[i] = m * (i % s->n_rows) + i / s->n_rows;
}

void test_batch_fill_pictures(ct_batch *b, const test_pictures *p) {
    ct_item_side *s = &b->items;
    const size_t n = (size_t)p->n, bytes = TEST_PICTURE * TEST_PICTURE * 3;
    s->n_modalities = s->text.n_rows > 0 ? 2 : 1;
    s->picture_size = TEST_PICTURE;
    s->n_pictures = p->n;
    memcpy(s->present, p->present, (size_t)(s->n_rows * s->n_modalities) * sizeof *s->present);
    memcpy(s->pixels, p->pixels, n * bytes);
    fill_rows(s, p);
    fill_kinds(s);
    if (!s->crop) return;
    memcpy(s->crop, p->crop, 4 * n * sizeof *s->crop);
    memcpy(s->flip, p->flip, n * sizeof *s->flip);
    for (size_t i = 0; i < n; i++) memcpy(s->colour + 3 * i, p->colour, sizeof p->colour);
}
