/* A whole training step of the two-tower model: forward, loss, backward, gradient norm, AdamW. */
#include <math.h>

#include "base/alloc.h"
#include "benchmarks/step_batches.h"
#include "benchmarks/steps.h"
#include "model/model.h"
#include "train/optimizer.h"

enum { PAIRS = 32, STEPS = 2, PICTURE = 112 };

typedef struct two_tower {
    ct_config config;
    ct_device *device;
    ct_model *model;
    ct_optimizer optimizer;
    ct_batch batches[STEPS];
    int64_t step;
} two_tower;

/* No ids and no platform vectors: content only, as the peer. */
static ct_config configuration(void) {
    ct_config c = {.seed = 20};
    c.data = (ct_config_data){.max_user_tokens = BENCH_LONGEST, .max_item_tokens = BENCH_LONGEST,
                              .bucket = BENCH_BUCKET, .picture_size = PICTURE};
    c.model = (ct_config_model){.dim = 256,
                                .similarity = CT_SIMILARITY_COSINE,
                                .user = bench_minilm(),
                                .item = bench_text_cnn(),
                                .image = {.kind = CT_IMAGE_RESNET18, .size = PICTURE, .batch_norm = CT_BATCH_NORM_LOCAL},
                                .fusion = CT_FUSION_GATED};
    c.loss = (ct_config_loss){.logq = CT_LOGQ_KIND_NONE, .row_share = 0.5, .temperature = 0.07,
                              .temperature_learn = true, .temperature_min = 0.01, .temperature_max = 1.0};
    c.train = (ct_config_train){.lr = 1e-4, .schedule = CT_SCHEDULE_CONSTANT, .weight_decay = 0.01, .id_lr = NAN,
                                .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .clip = 1.0};
    return c;
}

static ct_model_caps caps_of_case(void) {
    const ct_batch_caps train = {.pairs = PAIRS, .items = PAIRS, .user_tokens = BENCH_LONGEST,
                                 .item_tokens = BENCH_LONGEST, .bucket = BENCH_BUCKET, .n_platforms = 1,
                                 .mask_entries = PAIRS, .training = true, .picture_size = PICTURE,
                                 .n_modalities = 2};
    return (ct_model_caps){.train = train};
}

/* Pair p is user p with item p; nothing else is known. */
static ct_status fill_batches(two_tower *t, const bench_options *options, ct_error *err) {
    const ct_batch_caps caps = caps_of_case().train;
    ct_status st = CT_OK;
    bench_lengths lengths = {0};
    bench_filler filler = {0};
    CT_TRY(bench_lengths_read(&lengths, options->shapes, 2 * STEPS * PAIRS, err), st, done);
    CT_TRY(bench_filler_open(&filler, PAIRS * BENCH_LONGEST, err), st, done);
    for (int32_t i = 0; i < STEPS; i++) {
        ct_batch *b = &t->batches[i];
        CT_TRY(ct_batch_create(b, &caps, err), st, done);
        ct_batch_fill_caps(b, &caps);
        bench_fill_text(&filler, &b->users.text, lengths.v + i * PAIRS, PAIRS);
        bench_fill_text(&filler, &b->items.text, lengths.v + (STEPS + i) * PAIRS, PAIRS);
        bench_fill_pictures(&filler, &b->items);
        for (int32_t p = 0; p < PAIRS; p++) b->pos[p] = b->mask_col[p] = p;
    }
done:
    bench_filler_close(&filler);
    bench_lengths_free(&lengths);
    return st;
}

ct_status bench_two_tower_open(void **state, const bench_options *options, ct_error *err) {
    const ct_model_sizes sizes = {.vocab = BENCH_VOCAB, .n_platforms = 1};
    const ct_model_caps caps = caps_of_case();
    ct_status st = CT_OK;
    two_tower *t = NULL;
    *state = NULL;
    CT_CHECK(ct_calloc(1, sizeof *t, (void **)&t, err));
    t->config = configuration();
    CT_TRY(ct_device_open(&t->device, "cpu", options->threads, err), st, fail);
    CT_TRY(fill_batches(t, options, err), st, fail);
    CT_TRY(ct_model_create(&t->model, &t->config, &sizes, t->device, &caps, true, err), st, fail);
    CT_TRY(ct_optimizer_create(&t->optimizer, &t->config, t->model, err), st, fail);
    *state = t;
    return CT_OK;
fail:
    bench_two_tower_close(t);
    return st;
}

ct_status bench_two_tower_run(void *state, ct_error *err) {
    two_tower *t = state;
    for (int32_t i = 0; i < STEPS; i++, t->step++) {
        const ct_step step = ct_optimizer_step_state(&t->config, t->step, INT32_MAX, 0);
        CT_CHECK(ct_device_set_step(t->device, &step, err));
        CT_CHECK(ct_model_step(t->model, &t->batches[i], err));
        CT_CHECK(ct_optimizer_apply(&t->optimizer, t->model, err));
    }
    return ct_device_sync(t->device, err);
}

void bench_two_tower_close(void *state) {
    two_tower *t = state;
    if (!t) return;
    if (t->model) ct_optimizer_free(&t->optimizer, t->model);
    ct_model_free(t->model);
    for (int32_t i = 0; i < STEPS; i++) ct_batch_free(&t->batches[i]);
    ct_device_close(t->device);
    ct_free(t);
}
