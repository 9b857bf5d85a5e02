/* Lengths from a text file, and batches of that shape. */
#include "benchmarks/step_batches.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

/* ---- lengths -------------------------------------------------------------------------------------------------- */

static ct_status parse_lengths(bench_lengths *l, char *text, const char *path, ct_error *err) {
    char *rest = NULL;
    int line = 0;
    for (char *s = strtok_r(text, "\n", &rest); s; s = strtok_r(NULL, "\n", &rest)) {
        char *end = s;
        line++;
        if (*s == '#') continue;
        const long value = strtol(s, &end, 10);
        if (*end != '\0' || value < 1 || value > BENCH_LONGEST)
            return ct_fail(err, CT_ERR_FORMAT, "%s:%d: '%s', want a length from 1 to %d", path, line, s, BENCH_LONGEST);
        l->v[l->n++] = (int32_t)value;
    }
    return CT_OK;
}

ct_status bench_lengths_read(bench_lengths *l, const char *shapes, int32_t wanted, ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL, *text = NULL;
    size_t bytes = 0;
    *l = (bench_lengths){0};
    CT_CHECK(ct_path_join(shapes, "texts.lengths", &path, err));
    CT_TRY(ct_read_file(path, 1 << 20, &text, &bytes, err), st, done);
    CT_TRY(ct_calloc(bytes + 1, sizeof *l->v, (void **)&l->v, err), st, done);
    CT_TRY(parse_lengths(l, text, path, err), st, done);
    if (l->n < wanted)
        st = ct_fail(err, CT_ERR_FORMAT, "%s: %d lengths, want at least %d", path, (int)l->n, (int)wanted);
done:
    if (st != CT_OK) bench_lengths_free(l);
    ct_free(text);
    ct_free(path);
    return st;
}

void bench_lengths_free(bench_lengths *l) {
    ct_free(l->v);
    *l = (bench_lengths){0};
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

ct_status bench_filler_open(bench_filler *f, int32_t max_tokens, ct_error *err) {
    f->rng = ct_rng_make(20, 0, 0);
    return ct__sorter_create(&f->sorter, max_tokens, err);
}

void bench_filler_close(bench_filler *f) { ct__sorter_free(&f->sorter); }

void bench_fill_text(bench_filler *f, ct_token_pack *p, const int32_t *lengths, int32_t n_rows) {
    int32_t n = 0;
    p->n_rows = n_rows;
    p->max_length = p->offsets[0] = 0;
    for (int32_t r = 0; r < n_rows; r++) {
        p->row_of[r] = r;
        if (lengths[r] > p->max_length) p->max_length = lengths[r];
        for (int32_t k = 0; k < lengths[r]; k++, n++) {
            p->ids[n] = (int32_t)ct_rng_below(&f->rng, BENCH_VOCAB);
            p->pos[n] = k;
            p->row[n] = r;
        }
        p->offsets[r + 1] = n;
    }
    p->n_tokens = n;
    p->n_padded = (n + BENCH_BUCKET - 1) / BENCH_BUCKET * BENCH_BUCKET;
    for (; n < p->n_padded; n++) {
        p->ids[n] = p->pos[n] = 0;
        p->row[n] = n_rows;
    }
    if (!p->by_id.rows) return; /* a batch for encoding */
    ct__segments_fill(&f->sorter, p->ids, p->n_tokens, &p->by_id);
    ct__segments_fill(&f->sorter, p->pos, p->n_tokens, &p->by_pos);
}

void bench_fill_pictures(bench_filler *f, ct_item_side *s) {
    const size_t bytes = (size_t)s->n_pictures * (size_t)s->picture_size * (size_t)s->picture_size * 3;
    for (size_t i = 0; i < bytes; i++) s->pixels[i] = (uint8_t)ct_rng_below(&f->rng, 256);
    for (int32_t r = 0; r < s->n_rows; r++) {
        s->picture_row[r] = r;
        for (int32_t m = 0; m < s->n_modalities; m++) s->present[r * s->n_modalities + m] = 1;
    }
}
