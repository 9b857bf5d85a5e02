/* The encoders alone, through the model's own code: packed texts or pictures to pooled rows and, in a step, a fixed
 * gradient of those rows back into every parameter. No optimizer, no dropout. */
#include "benchmarks/steps.h"

#include "base/alloc.h"
#include "benchmarks/step_batches.h"
#include "model/encoders.h"
#include "model/resnet.h"

enum { BATCHES_MAX = 4 };

typedef enum encoder_kind { USER_TOWER, TEXT_CNN, RESNET50 } encoder_kind;

typedef struct setup {
    encoder_kind kind;
    bool training;
    int32_t rows, n_batches; /* of a batch, in a repetition */
    int64_t width;           /* of a pooled row */
} setup;

typedef struct encoder_case {
    setup setup;
    ct_config_encoder text_config;
    ct_config_image image_config;
    ct_device *device;
    ct_params params;
    ct_text_encoder text;
    ct_resnet image;
    ct_tape *tape;
    ct_device_batch on_device;
    ct_batch batches[BATCHES_MAX];
    float *upstream; /* [rows, width] on the device */
    double flop;
} encoder_case;

ct_config_encoder bench_minilm(void) {
    return (ct_config_encoder){.kind = CT_ENCODER_TRANSFORMER, .layers = 6, .hidden = 384, .heads = 12, .ffn = 1536,
                               .pool = CT_POOL_KIND_MEAN};
}

ct_config_encoder bench_text_cnn(void) {
    static int64_t widths[] = {2, 3, 4, 5};
    return (ct_config_encoder){.kind = CT_ENCODER_CNN, .embed = 128, .widths = {widths, 4}, .filters = 128};
}

/* ---- a pass --------------------------------------------------------------------------------------------------- */

/* The backward step at the end of the tape. */
typedef struct seed {
    ct_var pooled;
    const float *upstream;
} seed;

static ct_status seed_backward(ct_tape *t, const void *state, ct_error *err) {
    const seed *s = state;
    ct_tensor grad;
    float beta = 0.0f;
    CT_CHECK(ct_tape_grad_into(t, s->pooled, &grad, &beta, err));
    return ct_device_upload(ct_tape_device(t), grad.data, s->upstream,
                            (size_t)(grad.rows * grad.cols) * sizeof(float), err);
}

static ct_var forward(encoder_case *c) {
    if (c->setup.kind == RESNET50) return ct_resnet_forward(&c->image, c->tape, &c->on_device);
    const ct_var pooled = ct_tape_new(c->tape, c->setup.rows, c->setup.width, true);
    const ct_token_pack *pack = &c->on_device.host->users.text;
    ct_text_encoder_forward(&c->text, c->tape, pooled, &c->on_device, pack);
    return pooled;
}

static ct_status pass(encoder_case *c, ct_error *err) {
    if (c->setup.training) CT_CHECK(ct_params_zero_grad(&c->params, err));
    ct_tape_begin(c->tape, c->setup.training);
    const seed s = {forward(c), c->upstream};
    if (!c->setup.training) return ct_tape_status(c->tape, err);
    ct_tape_record(c->tape, seed_backward, &s, sizeof s);
    return ct_tape_backward(c->tape, err);
}

static ct_status run_encoder(void *state, ct_error *err) {
    encoder_case *c = state;
    for (int32_t i = 0; i < c->setup.n_batches; i++) {
        CT_CHECK(ct_device_batch_upload(&c->on_device, &c->batches[i], err));
        CT_CHECK(pass(c, err));
    }
    return ct_device_sync(c->device, err);
}

/* ---- open and close ------------------------------------------------------------------------------------------- */

static ct_batch_caps caps_of(const setup *s) {
    const bool pictures = s->kind == RESNET50;
    return (ct_batch_caps){.pairs = pictures ? 0 : s->rows,
                           .items = pictures ? s->rows : 0,
                           .user_tokens = pictures ? 0 : BENCH_LONGEST,
                           .bucket = BENCH_BUCKET,
                           .training = s->training,
                           .picture_size = pictures ? 224 : 0,
                           .n_modalities = pictures ? 1 : 0};
}

/* Multiply-adds of a forward pass over these texts, times 2. */
static double text_flop(const ct_config_encoder *e, const int32_t *lengths, int32_t n) {
    double flop = 0.0;
    for (int32_t r = 0; r < n; r++) {
        const double length = lengths[r], h = (double)e->hidden;
        if (e->kind == CT_ENCODER_TRANSFORMER)
            flop += (double)e->layers * length * (2.0 * (4.0 * h * h + 2.0 * h * (double)e->ffn) + 4.0 * length * h);
        for (int i = 0; i < e->widths.n; i++)
            flop += 2.0 * (length - (double)e->widths.v[i] + 1.0) * (double)(e->widths.v[i] * e->embed * e->filters);
    }
    return flop;
}

static ct_status fill_batches(encoder_case *c, const bench_options *options, ct_error *err) {
    const setup *s = &c->setup;
    const ct_batch_caps caps = caps_of(s);
    ct_status st = CT_OK;
    bench_lengths lengths = {0};
    bench_filler filler = {0};
    CT_TRY(bench_lengths_read(&lengths, options->shapes, s->rows * s->n_batches, err), st, done);
    CT_TRY(bench_filler_open(&filler, s->rows * BENCH_LONGEST, err), st, done);
    for (int32_t i = 0; i < s->n_batches; i++) {
        ct_batch *b = &c->batches[i];
        CT_TRY(ct_batch_create(b, &caps, err), st, done);
        ct_batch_fill_caps(b, &caps);
        if (s->kind == RESNET50) bench_fill_pictures(&filler, &b->items);
        else bench_fill_text(&filler, &b->users.text, lengths.v + i * s->rows, s->rows);
    }
    /* 4.09e9 multiply-adds a picture of 224 pixels: He et al. 2015, table 1, with the last layer's left out. */
    c->flop = s->kind == RESNET50 ? 2.0 * 4.09e9 * s->rows * s->n_batches
                                  : text_flop(&c->text_config, lengths.v, s->rows * s->n_batches);
    /* Back twice as much; but only a text's winners have a gradient in the CNN, next to nothing. */
    if (s->training && s->kind != TEXT_CNN) c->flop *= 3.0;
done:
    bench_filler_close(&filler);
    bench_lengths_free(&lengths);
    return st;
}

static ct_status fill_params(encoder_case *c, ct_error *err) {
    ct_params_begin(&c->params, c->device, c->setup.training);
    if (c->setup.kind == RESNET50) {
        c->image_config = (ct_config_image){.kind = CT_IMAGE_RESNET50, .size = 224, .batch_norm = CT_BATCH_NORM_LOCAL};
        CT_CHECK(ct_resnet_create(&c->image, &c->image_config, &c->params, err));
    } else {
        c->text_config = c->setup.kind == USER_TOWER ? bench_minilm() : bench_text_cnn();
        CT_CHECK(ct_text_encoder_create(&c->text, "user.encoder", &c->text_config, &c->params, BENCH_VOCAB,
                                        BENCH_LONGEST, err));
    }
    return ct_params_allocate(&c->params, 20, err);
}

/* A fixed gradient of the pooled rows: small numbers of both signs. */
static ct_status fill_upstream(encoder_case *c, ct_error *err) {
    const size_t n = (size_t)(c->setup.rows * c->setup.width);
    CT_CHECK(ct_device_alloc(c->device, n, sizeof(float), (void **)&c->upstream, err));
    float *host = NULL;
    CT_CHECK(ct_calloc(n, sizeof *host, (void **)&host, err));
    for (size_t i = 0; i < n; i++) host[i] = 1e-3f * (float)((int)(i % 7) - 3);
    const ct_status st = ct_device_upload(c->device, c->upstream, host, n * sizeof *host, err);
    ct_free(host);
    return st;
}

static ct_status plan(encoder_case *c, ct_error *err) {
    size_t bytes = 0;
    for (int32_t i = 0; i < c->setup.n_batches; i++)
        if (c->batches[i].block_bytes > bytes) bytes = c->batches[i].block_bytes;
    CT_CHECK(ct_device_batch_create(&c->on_device, c->device, bytes, err));
    CT_CHECK(ct_tape_create(&c->tape, c->device, &c->params, err));
    ct_batch full;
    const ct_batch_caps caps = caps_of(&c->setup);
    CT_CHECK(ct_batch_create(&full, &caps, err));
    ct_batch_fill_caps(&full, &caps);
    c->on_device.host = &full;
    ct_tape_plan_begin(c->tape);
    const ct_status st = pass(c, err), end = ct_tape_plan_end(c->tape, err);
    c->on_device.host = NULL;
    ct_batch_free(&full);
    return st != CT_OK ? st : end;
}

static void close_encoder(void *state) {
    encoder_case *c = state;
    if (!c) return;
    ct_tape_free(c->tape);
    ct_device_batch_free(&c->on_device);
    for (int32_t i = 0; i < BATCHES_MAX; i++) ct_batch_free(&c->batches[i]);
    ct_text_encoder_free(&c->text);
    ct_resnet_free(&c->image);
    if (c->device) {
        ct_params_free(&c->params);
        ct_device_free(c->device, c->upstream);
    }
    ct_device_close(c->device);
    ct_free(c);
}

static ct_status open_encoder(void **state, const bench_options *options, setup s, ct_error *err) {
    const ct_step step = {.seed = 20, .bias1 = 1.0f, .bias2 = 1.0f};
    ct_status st = CT_OK;
    encoder_case *c = NULL;
    *state = NULL;
    CT_CHECK(ct_calloc(1, sizeof *c, (void **)&c, err));
    c->setup = s;
    CT_TRY(ct_device_open(&c->device, "cpu", options->threads, err), st, fail);
    CT_TRY(ct_device_set_step(c->device, &step, err), st, fail);
    CT_TRY(fill_params(c, err), st, fail);
    CT_TRY(fill_batches(c, options, err), st, fail);
    CT_TRY(fill_upstream(c, err), st, fail);
    CT_TRY(plan(c, err), st, fail);
    *state = c;
    return CT_OK;
fail:
    close_encoder(c);
    return st;
}

static ct_status open_user_tower_step(void **state, const bench_options *o, ct_error *err) {
    return open_encoder(state, o, (setup){USER_TOWER, true, 64, 4, 384}, err);
}

static ct_status open_user_tower_inference(void **state, const bench_options *o, ct_error *err) {
    return open_encoder(state, o, (setup){USER_TOWER, false, 64, 4, 384}, err);
}

static ct_status open_text_cnn_step(void **state, const bench_options *o, ct_error *err) {
    return open_encoder(state, o, (setup){TEXT_CNN, true, 256, 4, 512}, err);
}

static ct_status open_resnet50_step(void **state, const bench_options *o, ct_error *err) {
    return open_encoder(state, o, (setup){RESNET50, true, 8, 1, 2048}, err);
}

static ct_status open_resnet50_inference(void **state, const bench_options *o, ct_error *err) {
    return open_encoder(state, o, (setup){RESNET50, false, 8, 1, 2048}, err);
}

static bench_work work_of_encoder(const void *state) {
    return (bench_work){.flop = ((const encoder_case *)state)->flop};
}

const bench_case bench_step_cases[] = {
    {.name = "user_tower_step", .what = "MiniLM-sized tower, 4 batches of 64 texts: forward, backward",
     .unit = "texts", .n_units = 256, .open = open_user_tower_step, .run = run_encoder, .close = close_encoder,
     .work = work_of_encoder},
    {.name = "user_tower_inference", .what = "MiniLM-sized tower, 4 batches of 64 texts: forward", .unit = "texts",
     .n_units = 256, .open = open_user_tower_inference, .run = run_encoder, .close = close_encoder,
     .work = work_of_encoder},
    {.name = "text_cnn_step", .what = "text CNN, 4 batches of 256 texts: forward, backward", .unit = "texts",
     .n_units = 1024, .open = open_text_cnn_step, .run = run_encoder, .close = close_encoder,
     .work = work_of_encoder},
    {.name = "resnet50_step", .what = "ResNet-50, 8 pictures of 224 px, batch statistics: forward, backward",
     .unit = "pictures", .n_units = 8, .open = open_resnet50_step, .run = run_encoder, .close = close_encoder,
     .work = work_of_encoder},
    {.name = "resnet50_inference", .what = "ResNet-50, 8 pictures of 224 px, running statistics: forward",
     .unit = "pictures", .n_units = 8, .open = open_resnet50_inference, .run = run_encoder, .close = close_encoder,
     .work = work_of_encoder},
    {.name = "two_tower_step",
     .what = "MiniLM users; text CNN, ResNet-18 at 112 px and a gate; InfoNCE, AdamW: 2 steps of 32 pairs",
     .unit = "pairs", .n_units = 64, .open = bench_two_tower_open, .run = bench_two_tower_run,
     .close = bench_two_tower_close},
    {.name = NULL},
};
