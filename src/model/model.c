/* The model: its parameters, its planned memory, a training step, encoding. */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "model/towers.h"
#include "model/weights.h"

struct ct_model {
    const ct_config *config;
    ct_device *device;
    ct_params params;
    ct_towers towers;
    ct_param log_scale;
    ct_tape *tape;
    ct_device_batch batch;
    ct_nn_loss loss; /* of the last pass with a loss; in the tape's arena */
    bool training;
    /* With model.history: the items' vectors as encoding passes leave them. Training keeps its own, a part of the
     * parameters, so that a validation changes nothing in a run. */
    ct_tensor encoded;   /* [n_items, D] on the device; data NULL: none */
    bool owns_encoded;   /* else it is the parameters' table */
    bool *known;         /* [n_items]: encoded since the weights changed */
    bool any_known;
};

/* ---- parameters ----------------------------------------------------------------------------------------------- */

/* Learning rate, decay and freezing of one name: the longest matching prefix of train.groups decides. */
static void apply_group(const ct_config_train *train, const char *name, double base_lr, double base_decay,
                        float *lr_scale, float *decay, bool *frozen) {
    const ct_config_group *best = NULL;
    double lr = base_lr, wd = base_decay;
    for (int i = 0; i < train->n_groups; i++) {
        const ct_config_group *g = &train->groups[i];
        const size_t n = strlen(g->prefix);
        if (strncmp(name, g->prefix, n) == 0 && (!best || n > strlen(best->prefix))) best = g;
    }
    if (best && !isnan(best->lr)) lr = best->lr;
    if (best && !isnan(best->decay)) wd = best->decay;
    *lr_scale = (float)(lr / train->lr);
    *decay = (float)wd;
    *frozen = best && best->freeze;
}

static void apply_groups(ct_model *m) {
    const ct_config_train *train = &m->config->train;
    for (int32_t i = 0; i < m->params.n_segments; i++) {
        ct_segment *s = &m->params.segments[i];
        apply_group(train, s->name, train->lr, train->weight_decay, &s->lr_scale, &s->decay, &s->frozen);
        if (!s->decays) s->decay = 0.0f;
        if (s->state) s->frozen = true;
    }
    for (int32_t i = 0; i < m->params.n_tables; i++) {
        ct_id_table *t = &m->params.tables[i];
        bool frozen = false;
        apply_group(train, t->name, isnan(train->id_lr) ? train->lr : train->id_lr, train->id_decay, &t->lr_scale,
                    &t->decay, &frozen);
        if (frozen) t->lr_scale = 0.0f;
    }
    if (!m->config->loss.temperature_learn) m->params.segments[m->log_scale].frozen = true;
}

static ct_status add_params(ct_model *m, const ct_model_sizes *sizes, const ct_model_caps *caps, ct_error *err) {
    const ct_config *c = m->config;
    ct_params_begin(&m->params, m->device, m->training);
    CT_CHECK(ct_towers_create(&m->towers, c, sizes, &m->params, &caps->train, err));
    CT_CHECK(ct_params_add(&m->params, &m->log_scale, "loss.log_scale", 1, 1, CT_INIT_VALUE,
                           (float)-log(c->loss.temperature), false, err));
    apply_groups(m);
    return CT_OK;
}

static ct_status fill_params(ct_model *m, ct_error *err) {
    const ct_config *c = m->config;
    CT_CHECK(ct_params_allocate(&m->params, (uint64_t)c->seed, err));
    if (c->model.user.kind == CT_ENCODER_TRANSFORMER && c->model.user.weights)
        CT_CHECK(ct_weights_load_bert(&m->towers.user.encoder, &m->params, c->model.user.weights, err));
    if (c->model.item.kind == CT_ENCODER_TRANSFORMER && c->model.item.weights)
        CT_CHECK(ct_weights_load_bert(&m->towers.item.encoder, &m->params, c->model.item.weights, err));
    if (c->model.image.kind != CT_IMAGE_NONE && c->model.image.weights)
        CT_CHECK(ct_resnet_load(&m->params, c->model.image.weights, err));
    return CT_OK;
}

/* ---- the items' vectors --------------------------------------------------------------------------------------- */

static ct_tensor vectors_table(const ct_model *m) {
    if (m->towers.vectors_table < 0) return (ct_tensor){0};
    const ct_id_table *t = &m->params.tables[m->towers.vectors_table];
    return ct_f32(t->w, t->rows, t->cols);
}

static ct_status create_encoded(ct_model *m, ct_error *err) {
    const ct_tensor table = vectors_table(m);
    if (!table.data) return CT_OK;
    CT_CHECK(ct_calloc((size_t)table.rows, sizeof *m->known, (void **)&m->known, err));
    m->encoded = table;
    if (!m->training) return CT_OK;
    m->encoded.data = NULL;
    m->owns_encoded = true;
    return ct_device_alloc(m->device, (size_t)table.rows * (size_t)table.cols, sizeof(float), &m->encoded.data, err);
}

bool ct_model_knows_item(const ct_model *m, int32_t item) { return !m->known || m->known[item]; }

void ct_model_forget_items(ct_model *m) {
    if (m->any_known) memset(m->known, 0, (size_t)m->encoded.rows * sizeof *m->known);
    m->any_known = false;
}

static void know_items(ct_model *m, const ct_item_side *items) {
    for (int32_t r = 0; m->known && r < items->n_rows; r++)
        if (items->item[r] >= 0) m->known[items->item[r]] = m->any_known = true;
}

/* ---- passes --------------------------------------------------------------------------------------------------- */

/* The loss's view of the batch. */
static struct ct_infonce_batch loss_batch(const ct_model *m) {
    static const ct_logq_mode modes[] = {[CT_LOGQ_KIND_NONE] = CT_LOGQ_NONE,
                                         [CT_LOGQ_KIND_CLASSIC] = CT_LOGQ_CLASSIC,
                                         [CT_LOGQ_KIND_CORRECTED] = CT_LOGQ_CORRECTED};
    const ct_device_batch *d = &m->batch;
    const ct_batch *b = d->host;
    const ct_config_loss *c = &m->config->loss;
    struct ct_infonce_batch out = {.pos = ct_device_i32(d, b->pos, b->n_pairs),
                                   .mask_begin = ct_device_i32(d, b->mask_begin, b->n_pairs + 1),
                                   .mask_col = ct_device_i32(d, b->mask_col, b->mask_begin[b->n_pairs]),
                                   .user_group = ct_device_i32(d, b->users.platform, b->n_pairs),
                                   .item_group = ct_device_i32(d, b->items.platform, b->items.n_rows),
                                   .weight = ct_device_f32(d, b->weight, b->n_pairs),
                                   .mode = modes[c->logq],
                                   .same_group = c->negatives == CT_NEGATIVES_PLATFORM,
                                   .row_share = (float)c->row_share};
    if (out.mode != CT_LOGQ_NONE) {
        out.item_logq = ct_device_f32(d, b->item_logq, b->items.n_rows);
        out.user_logq = ct_device_f32(d, b->user_logq, b->n_pairs);
    }
    return out;
}

static void forward_loss(ct_model *m) {
    const ct_var u = ct_towers_user(&m->towers, m->tape, &m->batch);
    const ct_var v = ct_towers_item(&m->towers, m->tape, &m->batch);
    m->loss = ct_nn_infonce(m->tape, u, v, m->log_scale, loss_batch(m));
}

/* Which rows of the id tables the batch touches. */
static void set_unique(ct_model *m, int32_t table, const ct_table_rows *rows) {
    if (table < 0) return;
    ct_id_table *t = &m->params.tables[table];
    t->n_unique = rows->n_unique;
    t->unique = ct_device_i32(&m->batch, rows->rows, rows->n_unique).data;
}

static ct_status forward_backward(ct_model *m, ct_error *err) {
    set_unique(m, m->towers.person_table, &m->batch.host->person_rows);
    set_unique(m, m->towers.entity_table, &m->batch.host->entity_rows);
    CT_CHECK(ct_params_zero_grad(&m->params, err));
    m->towers.vectors = vectors_table(m);
    ct_tape_begin(m->tape, true);
    forward_loss(m);
    return ct_tape_backward(m->tape, err);
}

/* ---- planning ------------------------------------------------------------------------------------------------- */

/* All that a training model runs on a batch of pairs: a step, and a loss without gradients. */
static ct_status training_passes(ct_model *m, ct_error *err) {
    CT_CHECK(forward_backward(m, err));
    ct_tape_begin(m->tape, false);
    forward_loss(m);
    return ct_tape_status(m->tape, err);
}

/* Users and items apart. */
static ct_status encoding_passes(ct_model *m, ct_error *err) {
    ct_tape_begin(m->tape, false);
    ct_towers_user(&m->towers, m->tape, &m->batch);
    CT_CHECK(ct_tape_status(m->tape, err));
    ct_tape_begin(m->tape, false);
    ct_towers_item(&m->towers, m->tape, &m->batch);
    return ct_tape_status(m->tape, err);
}

/* Passes on a batch at its caps, while planning. A model that only measures has no block on the device: the host's gives
 * addresses as good, since nobody touches them. */
static ct_status plan_passes(ct_model *m, const ct_batch_caps *caps, ct_status (*passes)(ct_model *, ct_error *),
                             ct_error *err) {
    ct_batch full = {0};
    const ct_device_batch own = m->batch;
    CT_CHECK(ct_batch_create(&full, caps, err));
    ct_batch_fill_caps(&full, caps);
    m->batch.host = &full;
    m->towers.vectors = vectors_table(m); /* or, where vectors are encoded, a copy of the same shape */
    if (!own.block) m->batch = (ct_device_batch){.device = m->device, .host = &full, .block = full.block};
    const ct_status st = passes(m, err);
    m->batch = own;
    m->loss = (ct_nn_loss){{0}, {0}}; /* its addresses were a plan's */
    ct_batch_free(&full);
    return st;
}

static ct_status plan_all(ct_model *m, const ct_model_caps *caps, ct_error *err) {
    if (m->training) CT_CHECK(plan_passes(m, &caps->train, training_passes, err));
    return caps->encode.pairs > 0 ? plan_passes(m, &caps->encode, encoding_passes, err) : CT_OK;
}

static ct_status block_bytes(const ct_batch_caps *caps, size_t *bytes, ct_error *err) {
    ct_batch b = {0};
    CT_CHECK(ct_batch_create(&b, caps, err));
    if (b.block_bytes > *bytes) *bytes = b.block_bytes;
    ct_batch_free(&b);
    return CT_OK;
}

/* Bytes of the largest batch. */
static ct_status batch_bytes(const ct_model *m, const ct_model_caps *caps, size_t *bytes, ct_error *err) {
    *bytes = 0;
    if (m->training) CT_CHECK(block_bytes(&caps->train, bytes, err));
    return caps->encode.pairs > 0 ? block_bytes(&caps->encode, bytes, err) : CT_OK;
}

static ct_status plan(ct_model *m, const ct_model_caps *caps, ct_error *err) {
    size_t bytes = 0;
    CT_CHECK(batch_bytes(m, caps, &bytes, err));
    CT_CHECK(ct_device_batch_create(&m->batch, m->device, bytes, err));
    if (caps->encode.pairs > 0) CT_CHECK(create_encoded(m, err));
    ct_tape_plan_begin(m->tape);
    const ct_status st = plan_all(m, caps, err), end = ct_tape_plan_end(m->tape, err);
    return st != CT_OK ? st : end;
}

/* ---- public --------------------------------------------------------------------------------------------------- */

ct_status ct_model_create(ct_model **out, const ct_config *config, const ct_model_sizes *sizes, ct_device *device,
                          const ct_model_caps *caps, bool training, ct_error *err) {
    ct_status st = CT_OK;
    ct_model *m = NULL;
    *out = NULL;
    CT_CHECK(ct_calloc(1, sizeof *m, (void **)&m, err));
    m->config = config;
    m->device = device;
    m->training = training;
    CT_TRY(add_params(m, sizes, caps, err), st, fail);
    CT_TRY(fill_params(m, err), st, fail);
    CT_TRY(ct_tape_create(&m->tape, device, &m->params, err), st, fail);
    CT_TRY(plan(m, caps, err), st, fail);
    *out = m;
    return CT_OK;
fail:
    ct_model_free(m);
    return st;
}

void ct_model_free(ct_model *m) {
    if (!m) return;
    ct_tape_free(m->tape);
    if (m->owns_encoded) ct_device_free(m->device, m->encoded.data);
    ct_free(m->known);
    ct_device_batch_free(&m->batch);
    ct_towers_free(&m->towers);
    ct_params_free(&m->params);
    ct_free(m);
}

static void count_params(const ct_params *p, ct_model_memory *memory) {
    size_t rows = 0; /* bytes of the tables' compact gradients */
    for (int32_t i = 0; i < p->n_segments; i++) memory->n_dense += p->segments[i].rows * p->segments[i].cols;
    int64_t state = 0;
    for (int32_t i = 0; i < p->n_tables; i++) {
        *(p->tables[i].state ? &state : &memory->n_ids) += p->tables[i].rows * p->tables[i].cols;
        rows += (size_t)(p->tables[i].max_unique * p->tables[i].cols) * sizeof(float);
    }
    memory->weights = (size_t)(p->n_values + memory->n_ids + 2 * state) * sizeof(float); /* training's and encoding's */
    memory->gradients = (size_t)p->n_values * sizeof(float) + rows;
    memory->optimizer = 2 * (size_t)(p->n_values + memory->n_ids) * sizeof(float);
}

ct_status ct_model_measure(const ct_config *config, const ct_model_sizes *sizes, ct_device *device,
                           const ct_model_caps *caps, ct_model_memory *memory, ct_error *err) {
    ct_status st = CT_OK;
    ct_model *m = NULL;
    memset(memory, 0, sizeof *memory);
    CT_CHECK(ct_calloc(1, sizeof *m, (void **)&m, err));
    *m = (ct_model){.config = config, .device = device, .training = true};
    CT_TRY(add_params(m, sizes, caps, err), st, done);
    count_params(&m->params, memory);
    ct_params_pretend(&m->params);
    CT_TRY(ct_tape_create(&m->tape, device, &m->params, err), st, done);
    CT_TRY(batch_bytes(m, caps, &memory->batch, err), st, done);
    ct_tape_plan_begin(m->tape);
    st = plan_all(m, caps, err);
    const ct_status end = ct_tape_plan_cancel(m->tape, &memory->activations, &memory->scratch, err);
    if (st == CT_OK) st = end;
done:
    ct_model_free(m);
    return st;
}

ct_params *ct_model_params(ct_model *m) { return &m->params; }
ct_device *ct_model_device(ct_model *m) { return m->device; }
ct_param ct_model_log_scale(const ct_model *m) { return m->log_scale; }
int64_t ct_model_dim(const ct_model *m) { return m->config->model.dim; }
size_t ct_model_activation_bytes(const ct_model *m) { return ct_tape_bytes(m->tape); }

ct_status ct_model_step(ct_model *m, const ct_batch *batch, ct_error *err) {
    if (!m->training) return ct_fail(err, CT_ERR_ARGUMENT, "model: a step on a model that was opened for encoding");
    CT_CHECK(ct_device_batch_upload(&m->batch, batch, err));
    ct_model_forget_items(m); /* the update that follows changes the weights */
    return forward_backward(m, err);
}

ct_tensor ct_model_loss_tensor(const ct_model *m) { return m->loss.loss; }

ct_status ct_model_read_loss(ct_model *m, ct_model_loss *loss, ct_error *err) {
    float stats[3];
    if (!m->loss.loss.data) return ct_fail(err, CT_ERR_ARGUMENT, "model: no step was run, there is no loss to read");
    CT_CHECK(ct_device_download(m->device, &loss->loss, m->loss.loss.data, sizeof loss->loss, err));
    CT_CHECK(ct_device_download(m->device, stats, m->loss.stats.data, sizeof stats, err));
    loss->prob_row = stats[0];
    loss->prob_col = stats[1];
    loss->other_mass = stats[2];
    return CT_OK;
}

ct_status ct_model_eval_loss(ct_model *m, const ct_batch *batch, ct_model_loss *loss, ct_error *err) {
    CT_CHECK(ct_device_batch_upload(&m->batch, batch, err));
    m->towers.vectors = m->encoded;
    ct_tape_begin(m->tape, false);
    forward_loss(m);
    CT_CHECK(ct_tape_status(m->tape, err));
    return ct_model_read_loss(m, loss, err);
}

static ct_status encode(ct_model *m, const ct_batch *batch, bool users, float *vectors, ct_error *err) {
    CT_CHECK(ct_device_batch_upload(&m->batch, batch, err));
    m->towers.vectors = m->encoded;
    ct_tape_begin(m->tape, false);
    const ct_var v = users ? ct_towers_user(&m->towers, m->tape, &m->batch)
                           : ct_towers_item(&m->towers, m->tape, &m->batch);
    CT_CHECK(ct_tape_status(m->tape, err));
    const ct_tensor value = ct_tape_value(m->tape, v);
    if (!vectors) return ct_device_sync(m->device, err); /* the caller fills the batch again */
    return ct_device_download(m->device, vectors, value.data, (size_t)(value.rows * value.cols) * sizeof(float), err);
}

ct_status ct_model_encode_users(ct_model *m, const ct_batch *batch, float *vectors, ct_error *err) {
    return encode(m, batch, true, vectors, err);
}

ct_status ct_model_encode_items(ct_model *m, const ct_batch *batch, float *vectors, ct_error *err) {
    CT_CHECK(encode(m, batch, false, vectors, err));
    know_items(m, &batch->items);
    return CT_OK;
}

ct_status ct_model_scale(ct_model *m, float *scale, ct_error *err) {
    float log_scale = 0.0f;
    CT_CHECK(ct_device_download(m->device, &log_scale, ct_params_weight(&m->params, m->log_scale).data,
                                sizeof log_scale, err));
    *scale = expf(log_scale);
    return CT_OK;
}
