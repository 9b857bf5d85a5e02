/* The training loop. */
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/io.h"
#include "run/folder.h"
#include "run/session.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/optimizer.h"
#include "train/resume.h"

typedef struct trainer {
    ct_session session;
    const ct_config *config;
    const ct_observer *observer;
    ct_optimizer optimizer;
    ct_loader *loader;
    ct_metrics_log *log;
    ct_checkpoint_state state;
    int64_t first_step, n_steps;
    double steps_per_epoch;
    ct_train_progress progress; /* of the last step that was read back */
    bool pending;               /* a step was queued and not yet read back */
    bool stopped_early;
    /* since the last progress line */
    double since_s, waited_s;
    int64_t pairs, tokens;
} trainer;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Has step `done` just crossed a multiple of `epochs` epochs? epochs 0: never. */
static bool crossed(const trainer *t, int64_t done, double epochs) {
    if (epochs <= 0.0) return false;
    const double period = epochs * t->steps_per_epoch;
    return floor((double)done / period) > floor((double)(done - 1) / period);
}

/* ---- one step ------------------------------------------------------------------------------------------------- */

static ct_status report_skipped(trainer *t, ct_error *err) {
    const char *name = NULL;
    CT_CHECK(ct_optimizer_find_non_finite(t->session.model, &name, err));
    t->state.skipped++;
    if (t->config->train.non_finite == CT_NON_FINITE_STOP)
        return ct_fail(err, CT_ERR_NONFINITE, "step %" PRId64 ": %s is not finite (loss %g); the last checkpoint is "
                       "whole. Lower train.lr, raise loss.temperature.min, or set train.non_finite: skip",
                       t->state.step - 1, name, t->progress.loss);
    ct_observe(t->observer, CT_MESSAGE_WARNING, "step %" PRId64 ": %s is not finite; this update was skipped",
               t->state.step - 1, name);
    return CT_OK;
}

/* Reads back what the queued step left: loss, norm, whether it was skipped. */
static ct_status harvest(trainer *t, ct_error *err) {
    ct_model_loss loss;
    ct_step step;
    float scale = 0.0f;
    if (!t->pending) return CT_OK;
    t->pending = false;
    CT_CHECK(ct_model_read_loss(t->session.model, &loss, err));
    CT_CHECK(ct_device_get_step(t->session.device, &step, err));
    CT_CHECK(ct_model_scale(t->session.model, &scale, err));
    ct_train_progress *p = &t->progress;
    p->step = t->state.step;
    p->n_steps = t->n_steps;
    p->epoch = (double)t->state.step / t->steps_per_epoch;
    p->loss = loss.loss;
    p->prob_row = loss.prob_row;
    p->prob_col = loss.prob_col;
    p->other_mass = loss.other_mass;
    p->temperature = 1.0 / (double)scale;
    p->lr = step.lr;
    p->grad_norm = step.grad_norm;
    return step.skip ? report_skipped(t, err) : CT_OK;
}

/* Queues the next step. Its figures are read one step late, so that the device need not wait for the host. */
static ct_status queue_step(trainer *t, ct_error *err) {
    const ct_batch *batch = NULL;
    CT_CHECK(ct_loader_next(t->loader, &batch, &t->waited_s, err));
    if (!batch) return ct_fail(err, CT_ERR_INTERNAL, "loader: no batch for step %" PRId64, t->state.step);
    CT_CHECK(harvest(t, err));
    const ct_step step = ct_optimizer_step_state(t->config, t->state.step, t->n_steps, t->state.skipped);
    CT_CHECK(ct_device_set_step(t->session.device, &step, err));
    CT_CHECK(ct_model_step(t->session.model, batch, err));
    CT_CHECK(ct_optimizer_apply(&t->optimizer, t->session.model, err));
    t->state.step++;
    t->pending = true;
    t->pairs += batch->n_pairs;
    t->tokens += batch->users.text.n_tokens + batch->items.text.n_tokens;
    return CT_OK;
}

/* ---- what happens between steps ------------------------------------------------------------------------------- */

static ct_status log_progress(trainer *t, ct_error *err) {
    CT_CHECK(harvest(t, err));
    ct_train_progress *p = &t->progress;
    const double elapsed = now_s() - t->since_s;
    p->pairs_per_s = elapsed > 0.0 ? (double)t->pairs / elapsed : 0.0;
    p->tokens_per_s = elapsed > 0.0 ? (double)t->tokens / elapsed : 0.0;
    p->wait_share = elapsed > 0.0 ? t->waited_s / elapsed : 0.0;
    p->eta_s = t->pairs > 0 ? (double)(t->n_steps - t->state.step) * (double)t->config->train.batch / p->pairs_per_s : 0.0;
    p->skipped = t->state.skipped;
    CT_CHECK(ct_metrics_log_train(t->log, p, err));
    if (t->observer && t->observer->train_progress) t->observer->train_progress(t->observer->ctx, p);
    t->since_s = now_s();
    t->waited_s = 0.0;
    t->pairs = t->tokens = 0;
    return CT_OK;
}

static ct_status save_best(trainer *t, double metric, ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL;
    t->state.best = metric;
    t->state.best_step = t->state.step;
    t->state.bad_evals = 0;
    CT_TRY(ct_run_path(t->config, "checkpoints/best.safetensors", &path, err), st, done);
    st = ct_checkpoint_save(path, t->session.model, t->config, &t->state, false, err);
done:
    ct_free(path);
    return st;
}

/* A validation is not cut short: half a metric decides nothing. A wish to stop is met at the next step. */
static int show_progress(void *ctx, int64_t done, int64_t total) {
    ct_work_progress(ctx, done, total);
    return 0;
}

static ct_status validate(trainer *t, ct_error *err) {
    const ct_config_eval *eval = &t->config->eval;
    const ct_eval_options options = {.stage = CT_STAGE_VALID, .max_users = eval->max_valid_users, .quick = true};
    ct_work work = {t->observer, "validating"};
    ct_eval_report report = {0};
    ct_train_validation v = {.step = t->state.step, .metric_name = eval->best};
    const double begin = now_s();
    CT_CHECK(harvest(t, err));
    ct_status st = ct_evaluate_model(t->session.model, t->session.data, &t->session.split, t->config, &options,
                                     show_progress, &work, &report, err);
    if (st == CT_OK) st = ct_eval_report_metric(&report, eval->best, &v.metric, err);
    if (st == CT_OK) {
        v.improved = isnan(t->state.best) || v.metric > t->state.best;
        st = v.improved ? save_best(t, v.metric, err) : CT_OK;
        if (!v.improved) t->state.bad_evals++;
        v.best = t->state.best;
        v.seconds = now_s() - begin;
    }
    if (st == CT_OK) st = ct_metrics_log_valid(t->log, &v, &report, err);
    ct_eval_report_free(&report);
    if (st == CT_OK && t->observer && t->observer->train_validation)
        t->observer->train_validation(t->observer->ctx, &v);
    t->since_s += now_s() - begin; /* not training time */
    t->stopped_early = t->config->train.patience > 0 && t->state.bad_evals >= t->config->train.patience;
    return st;
}

static ct_status save(trainer *t, ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL;
    const double begin = now_s();
    CT_TRY(harvest(t, err), st, done);
    CT_TRY(ct_run_checkpoint_path(t->config, t->state.step, &path, err), st, done);
    CT_TRY(ct_checkpoint_save(path, t->session.model, t->config, &t->state, true, err), st, done);
    st = ct_run_prune_checkpoints(t->config, t->state.step, t->config->train.checkpoint_keep, err);
    t->since_s += now_s() - begin;
done:
    ct_free(path);
    return st;
}

/* Validation comes before the checkpoint, so that a checkpoint knows every decision up to its step. */
static ct_status after_step(trainer *t, ct_error *err) {
    const int64_t done = t->state.step;
    const bool last = done == t->n_steps;
    if (last || done % t->config->train.log_every == 0) CT_CHECK(log_progress(t, err));
    if ((last || crossed(t, done, t->config->eval.every)) && t->session.split.n_valid > 0) CT_CHECK(validate(t, err));
    if (last || t->stopped_early || crossed(t, done, t->config->train.checkpoint_every)) CT_CHECK(save(t, err));
    return CT_OK;
}

static ct_status loop(trainer *t, const ct_train_options *options, ct_error *err) {
    t->since_s = now_s();
    while (t->state.step < t->n_steps && !t->stopped_early) {
        if (ct_observer_stop(t->observer) ||
            (options->stop_after > 0 && t->state.step - t->first_step >= options->stop_after)) {
            CT_CHECK(save(t, err));
            return ct_fail(err, CT_ERR_INTERRUPTED, "training stopped at step %" PRId64 " of %" PRId64
                           "; a checkpoint was written, --resume goes on from it", t->state.step, t->n_steps);
        }
        CT_CHECK(queue_step(t, err));
        CT_CHECK(after_step(t, err));
    }
    return CT_OK;
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

static ct_status write_config(const ct_config *config, ct_error *err) {
    ct_status st = CT_OK;
    char *path = NULL;
    ct_str yaml = {0};
    CT_TRY(ct_run_path(config, "config.yaml", &path, err), st, done);
    CT_TRY(ct_config_dump(config, &yaml, err), st, done);
    st = ct_write_file(path, ct_str_text(&yaml), yaml.length, err);
done:
    ct_str_free(&yaml);
    ct_free(path);
    return st;
}

static ct_status open_trainer(trainer *t, const ct_train_options *options, ct_error *err) {
    const ct_config *c = t->config;
    char *checkpoint = NULL;
    CT_CHECK(ct_resume_find(c, options, t->observer, &checkpoint, err));
    ct_status st = ct_session_open(&t->session, c, true, t->observer, err);
    if (st == CT_OK) {
        const ct_session *s = &t->session;
        t->state = (ct_checkpoint_state){.best = NAN, .vocab_hash = ct_tokenizer_hash(s->data->tokenizer),
                                         .data_hash = s->data->hash};
        t->n_steps = c->train.steps > 0 ? c->train.steps : ct_sampler_steps(s->sampler, c->train.epochs);
        t->steps_per_epoch = (double)s->split.n_train / (double)c->train.batch;
        if (checkpoint) st = ct_resume_load(checkpoint, s, &t->state, err);
        if (st == CT_OK && options->overwrite) st = ct_resume_start_over(c, err);
    }
    if (st == CT_OK && checkpoint)
        ct_observe(t->observer, CT_MESSAGE_INFO, "resuming from %s at step %" PRId64, checkpoint, t->state.step);
    ct_free(checkpoint);
    CT_CHECK(st);
    t->first_step = t->state.step;
    t->stopped_early = c->train.patience > 0 && t->state.bad_evals >= c->train.patience;
    CT_CHECK(write_config(c, err));
    CT_CHECK(ct_metrics_log_open(&t->log, c, t->first_step, err));
    CT_CHECK(ct_optimizer_create(&t->optimizer, c, t->session.model, err));
    return ct_loader_create(&t->loader, t->session.data, &t->session.split, t->session.sampler, c, t->first_step,
                            t->n_steps, (int)c->train.prefetch, err);
}

static void close_trainer(trainer *t) {
    ct_loader_free(t->loader);
    if (t->session.model) ct_optimizer_free(&t->optimizer, t->session.model);
    ct_metrics_log_close(t->log);
    ct_session_close(&t->session);
}

ct_status ct_trainer_run(const ct_config *config, const ct_train_options *options, const ct_observer *observer,
                         ct_train_result *result, ct_error *err) {
    trainer t = {.config = config, .observer = observer, .progress.loss = NAN};
    ct_status st = open_trainer(&t, options, err);
    if (st == CT_OK) st = loop(&t, options, err);
    if (result)
        *result = (ct_train_result){.steps = t.state.step, .skipped = t.state.skipped, .loss = t.progress.loss,
                                    .best = t.state.best, .best_step = t.state.best_step,
                                    .stopped_early = t.stopped_early};
    close_trainer(&t);
    return st;
}
