/* Cases that other programs are measured on too; tools/peers knows them by these names. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "benchmarks/catalogue.h"
#include "benchmarks/jpeg_samples.h"
#include "data/picture.h"

/* ---- one op a case ------------------------------------------------------------------------------------- */

static ct_status open_op(void **state, const char *name, const char *sizes, const bench_options *options,
                         ct_error *err) {
    for (int i = 0; i < bench_n_ops; i++)
        if (strcmp(bench_ops[i].name, name) == 0)
            return bench_op_open(state, &bench_ops[i], sizes, options, err);
    *state = NULL;
    return ct_fail(err, CT_ERR_INTERNAL, "no op '%s'", name);
}

static ct_status open_adamw(void **state, const bench_options *options, ct_error *err) {
    return open_op(state, "adamw", "n=100000000", options, err);
}

static ct_status open_topk_1(void **state, const bench_options *options, ct_error *err) {
    return open_op(state, "score_topk", "B=1 N=1000000 D=128 k=100", options, err);
}

static ct_status open_topk_256(void **state, const bench_options *options, ct_error *err) {
    return open_op(state, "score_topk", "B=256 N=1000000 D=128 k=100", options, err);
}

/* ---- several ops on the same tensors ------------------------------------------------------------------- */

typedef struct loss_state {
    bench_maker maker;
    struct ct_infonce_forward_args forward;
    struct ct_infonce_backward_args backward;
} loss_state;

static void close_loss(void *state) {
    if (state) bench_maker_close(&((loss_state *)state)->maker);
    ct_free(state);
}

static bench_work loss_work(const void *state) {
    return ((const loss_state *)state)->maker.work;
}

/* The backward's maker makes a forward of its own; its tensors become the forward's that is timed. */
static void make_loss(bench_maker *m, loss_state *s) {
    bench_make_infonce_backward(m, &s->backward);
    const struct ct_infonce_backward_args *b = &s->backward;
    s->forward = (struct ct_infonce_forward_args){.loss = bench_zeros(m, CT_DTYPE_F32, 1, 1),
                                                  .stats = bench_zeros(m, CT_DTYPE_F32, 3, 1),
                                                  .row_neg = b->row_neg,
                                                  .col_neg = b->col_neg,
                                                  .row_coef = b->row_coef,
                                                  .col_coef = b->col_coef,
                                                  .pos_coef = b->pos_coef,
                                                  .batch = b->batch};
    const double scores = m->work.flop / 3;
    m->work.flop += scores;
}

static ct_status open_loss(void **state, const bench_options *options, ct_error *err) {
    ct_status st = CT_OK;
    loss_state *s = NULL;
    *state = NULL;
    CT_TRY(ct_calloc(1, sizeof *s, (void **)&s, err), st, done);
    CT_TRY(bench_maker_open(&s->maker, options, "B=4096 D=256", err), st, done);
    make_loss(&s->maker, s);
    CT_TRY(bench_maker_end(&s->maker), st, done);
    *state = s;
    s = NULL;
done:
    close_loss(s);
    return st;
}

static ct_status run_loss(void *state, ct_error *err) {
    loss_state *s = state;
    CT_CHECK(ct_infonce_forward(s->maker.dev, &s->forward, err));
    CT_CHECK(ct_infonce_backward(s->maker.dev, &s->backward, err));
    return ct_device_sync(s->maker.dev, err);
}

/* A step of an id table as the trainer makes it: look up, spread the gradient, update the rows that were
 * named. */
typedef struct table_state {
    bench_maker maker;
    struct ct_gather_rows_forward_args forward;
    struct ct_gather_rows_backward_args backward;
    struct ct_row_update_args update;
} table_state;

static void close_table(void *state) {
    if (state) bench_maker_close(&((table_state *)state)->maker);
    ct_free(state);
}

static bench_work table_work(const void *state) {
    return ((const table_state *)state)->maker.work;
}

/* 1024 bags of 4. */
static void make_table(bench_maker *m, table_state *s) {
    const int64_t K = bench_size(m, "K"), V = bench_size(m, "V"), C = bench_size(m, "C"), bag = 4,
                  N = K / bag;
    const bench_lookup l = bench_look_up(m, K, bag, V);
    const ct_tensor dtable = bench_zeros(m, CT_DTYPE_F32, l.n_unique, C),
                    scale = bench_between(m, N, 1, 0.1, 1);
    s->forward = (struct ct_gather_rows_forward_args){.y = bench_zeros(m, CT_DTYPE_F32, N, C),
                                                      .table = bench_f32(m, V, C),
                                                      .ids = l.ids,
                                                      .offsets = bench_strided(m, N + 1, bag),
                                                      .scale = scale};
    s->backward = (struct ct_gather_rows_backward_args){.dtable = dtable,
                                                        .dy = bench_f32(m, N, C),
                                                        .seg_begin = l.seg_begin,
                                                        .seg_row = l.seg_row,
                                                        .scale = scale};
    s->update = (struct ct_row_update_args){.table = s->forward.table,
                                            .m = bench_zeros(m, CT_DTYPE_F32, V, C),
                                            .v = bench_zeros(m, CT_DTYPE_F32, V, C),
                                            .g = dtable,
                                            .rows = l.rows,
                                            .hyper = {0.9f, 0.999f, 1e-8f, 0.0f, 1.0f}};
    m->work = bench_counts(19.0 * K * C, 4.0 * (2.0 * N * C + K * C + 2.0 * K * C + 7.0 * K * C));
}

static ct_status open_table(void **state, const bench_options *options, ct_error *err) {
    ct_status st = CT_OK;
    table_state *s = NULL;
    *state = NULL;
    CT_TRY(ct_calloc(1, sizeof *s, (void **)&s, err), st, done);
    CT_TRY(bench_maker_open(&s->maker, options, "K=4096 V=1000000 C=64", err), st, done);
    make_table(&s->maker, s);
    CT_TRY(bench_maker_end(&s->maker), st, done);
    *state = s;
    s = NULL;
done:
    close_table(s);
    return st;
}

/* The compact gradient is zeroed first, as in a step. */
static ct_status run_table(void *state, ct_error *err) {
    table_state *s = state;
    ct_device *dev = s->maker.dev;
    const ct_tensor g = s->update.g;
    CT_CHECK(ct_gather_rows_forward(dev, &s->forward, err));
    CT_CHECK(ct_device_zero(dev, g.data, (size_t)(g.rows * g.cols) * sizeof(float), err));
    CT_CHECK(ct_gather_rows_backward(dev, &s->backward, err));
    CT_CHECK(ct_row_update(dev, &s->update, err));
    return ct_device_sync(dev, err);
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

enum { PICTURES = 64, PICTURE_SIZE = 224, PICTURE_BYTES = 3 * PICTURE_SIZE * PICTURE_SIZE };

typedef struct picture_state {
    bench_bytes files[PICTURES];
    uint8_t *rgb; /* [threads, PICTURE_BYTES] */
    ct_picture_scratch *scratch;
    int threads;
} picture_state;

static void close_pictures(void *state) {
    picture_state *s = state;
    if (!s) return;
    for (int i = 0; i < PICTURES; i++) ct_free(s->files[i].bytes);
    for (int i = 0; i < s->threads && s->scratch; i++) ct_picture_scratch_free(&s->scratch[i]);
    ct_free(s->scratch);
    ct_free(s->rgb);
    ct_free(s);
}

static ct_status open_pictures(void **state, const bench_options *options, ct_error *err) {
    const char *folder = getenv("CT_BENCH_PICTURES");
    ct_status st = CT_OK;
    picture_state *s = NULL;
    *state = NULL;
    CT_TRY(ct_calloc(1, sizeof *s, (void **)&s, err), st, done);
    s->threads = options->threads;
    CT_TRY(ct_calloc((size_t)s->threads, PICTURE_BYTES, (void **)&s->rgb, err), st, done);
    CT_TRY(ct_calloc((size_t)s->threads, sizeof *s->scratch, (void **)&s->scratch, err), st, done);
    if (folder && *folder)
        CT_TRY(bench_jpeg_read(s->files, PICTURES, folder, err), st, done);
    else
        CT_TRY(bench_jpeg_make(s->files, PICTURES, err), st, done);
    *state = s;
    s = NULL;
done:
    close_pictures(s);
    return st;
}

/* Each picture by one thread, as ct_prepare has it. */
static ct_status run_pictures(void *state, ct_error *err) {
    picture_state *s = state;
    ct_status status = CT_OK;
    ct_error first = CT_ERROR_INIT;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (int i = 0; i < PICTURES; i++) {
        const int me = omp_get_thread_num();
        ct_error mine = CT_ERROR_INIT;
        const ct_status st = ct_picture_decode(s->files[i].bytes, s->files[i].n, PICTURE_SIZE,
                                               s->rgb + (size_t)me * PICTURE_BYTES, &s->scratch[me], &mine);
        if (st == CT_OK) continue;
#pragma omp critical
        if (status == CT_OK) {
            status = st;
            first = mine;
        }
    }
    return status == CT_OK ? CT_OK : ct_fail(err, status, "picture: %s", first.text);
}

/* ---- the list ------------------------------------------------------------------------------------------ */

const bench_case bench_peer_cases[] = {
    {"infonce", "InfoNCE with logQ, forward and backward, 4096 pairs of 256 columns", "pairs", open_loss,
     run_loss, close_loss, loss_work, 4096},
    {"adamw", "AdamW over 100 million parameters", "parameters", open_adamw, bench_op_run, bench_op_close,
     bench_op_work, 1e8},
    {"topk_1", "the best 100 of a million vectors of 128 columns, one query", "queries", open_topk_1,
     bench_op_run, bench_op_close, bench_op_work, 1},
    {"topk_256", "the best 100 of a million vectors of 128 columns, 256 queries", "queries", open_topk_256,
     bench_op_run, bench_op_close, bench_op_work, 256},
    {"id_table_step",
     "lookup, backward and row AdamW of 4096 random ids in bags of 4, table of a million rows of 64", "ids",
     open_table, run_table, close_table, table_work, 4096},
    {"jpeg_decode_resize",
     "64 pictures of $CT_BENCH_PICTURES, or made ones of 500 x 400, decoded and resized to 224", "pictures",
     open_pictures, run_pictures, close_pictures, NULL, PICTURES},
    {.name = NULL},
};
