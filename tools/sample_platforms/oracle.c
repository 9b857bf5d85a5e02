/* The oracle: the tastes and the items as vectors, whose inner product is the log of the probability of a choice up to
 * a constant of the user. A folder that `eval.compare` ranks like any bundle. Rows are written as they are made. */
#include "files.h"

#include <stdio.h>
#include <string.h>

/* NumPy's format 1.0: magic, version, length of a header that ends at a multiple of 64. */
static ct_status npy_header(out_file *f, int64_t n_rows, ct_error *err) {
    unsigned char head[128];
    char text[128];
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10); /* 0x76 = 128 - 10 */
    const int length = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %d), }",
                                (long long)n_rows, (int)N_DIMS);
    memcpy(head + 10, text, (size_t)length);
    head[127] = '\n';
    return out_bytes(f, head, sizeof head, err);
}

static ct_status npy_row(out_file *f, const double v[N_DIMS], ct_error *err) {
    unsigned char bytes[N_DIMS * 4];
    for (int d = 0; d < N_DIMS; d++) {
        const float x = (float)v[d];
        uint32_t bits;
        memcpy(&bits, &x, 4);
        for (int k = 0; k < 4; k++) bytes[4 * d + k] = (unsigned char)(bits >> 8 * k);
    }
    return out_bytes(f, bytes, sizeof bytes, err);
}

static void user_vector(const sample *s, int platform, int64_t user, double v[N_DIMS]) {
    const int64_t number = sample_person_of(s, platform, user);
    const person p = sample_person(s, number);
    sample_taste(s, platform, number, &p, v);
}

static void item_vector(const sample *s, int platform, int64_t index, double v[N_DIMS]) {
    const item it = sample_item(s, platform, index);
    memset(v, 0, N_DIMS * sizeof *v);
    v[DIM_TOPIC + it.topic] = 1;
    v[DIM_MOOD + it.mood] = 1;
    v[DIM_LEVEL + it.level] = 1;
    v[DIM_COLOUR + it.colour] = 1;
    v[DIM_PATTERN + it.pattern] = 1;
    v[DIM_POPULARITY] = it.popularity;
}

static ct_status write_rows(const sample *s, bool users, out_file *ids, out_file *vectors, ct_error *err) {
    const int64_t n = users ? s->n_users : s->n_items;
    ct_str row = {0};
    ct_status st = CT_OK;
    double v[N_DIMS];
    char id[32];
    CT_TRY(ct_str_puts(&row, "platform,id", err), st, done);
    CT_TRY(out_row(ids, &row, err), st, done);
    CT_TRY(npy_header(vectors, N_PLATFORMS * n, err), st, done);
    for (int platform = 0; platform < N_PLATFORMS; platform++) {
        for (int64_t i = 0; i < n; i++) {
            (users ? sample_user_id : sample_item_id)(platform, i, id);
            (users ? user_vector : item_vector)(s, platform, i, v);
            CT_TRY(ct_str_printf(&row, err, "%s,%s", platform_names[platform], id), st, done);
            CT_TRY(out_row(ids, &row, err), st, done);
            CT_TRY(npy_row(vectors, v, err), st, done);
        }
    }
done:
    ct_str_free(&row);
    return st;
}

static ct_status write_side(const sample *s, bool users, ct_error *err) {
    out_file *ids = NULL, *vectors = NULL;
    ct_status st = out_open(&ids, s, -1, users ? "oracle/users.ids.csv" : "oracle/items.ids.csv", err);
    if (st == CT_OK) st = out_open(&vectors, s, -1, users ? "oracle/users.npy" : "oracle/items.npy", err);
    if (st == CT_OK) st = write_rows(s, users, ids, vectors, err);
    st = out_close(ids, st, err);
    return out_close(vectors, st, err);
}

ct_status write_oracle(const sample *s, ct_error *err) {
    CT_CHECK(write_side(s, true, err));
    return write_side(s, false, err);
}
