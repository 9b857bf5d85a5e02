/* Opening and closing what a verb works on. */
#include "run/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "run/folder.h"
#include "train/checkpoint.h"

void ct_observe(const ct_observer *observer, ct_message_level level, const char *format, ...) {
    char text[1024];
    va_list args;
    if (!observer || !observer->message) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    observer->message(observer->ctx, level, text);
}

bool ct_observer_stop(const ct_observer *observer) {
    return observer && observer->stop && observer->stop(observer->ctx) != 0;
}

int ct_work_progress(void *ctx, int64_t done, int64_t total) {
    const ct_work *work = ctx;
    const ct_observer *o = work->observer;
    if (o && o->work_progress) o->work_progress(o->ctx, work->what, done, total);
    return ct_observer_stop(o);
}

static ct_status open_data(ct_session *s, ct_error *err) {
    ct_prepare_report report = {0};
    ct_status st = ct_prepare(s->config, false, &report, err);
    if (st == CT_OK && !report.reused)
        ct_observe(s->observer, CT_MESSAGE_INFO, "data prepared in %s%s%s", s->config->data.cache,
                   report.why_rebuilt ? ": " : "", report.why_rebuilt ? report.why_rebuilt : "");
    ct_prepare_report_free(&report);
    if (st == CT_OK) st = ct_dataset_open(&s->data, s->config->data.cache, false, err);
    if (st == CT_OK) st = ct_split_create(&s->split, s->data, s->config->eval.split, err);
    return st;
}

ct_model_sizes ct_session_sizes(const ct_session *s) {
    return (ct_model_sizes){ct_tokenizer_size(s->data->tokenizer), s->data->n_platforms, s->data->n_persons,
                            s->data->n_entities, s->data->n_items, s->vector_widths};
}

/* The batcher, made before, has found them all. */
static ct_status find_widths(ct_session *s, ct_error *err) {
    const ct_strlist *names = &s->config->model.vectors;
    CT_CHECK(ct_calloc((size_t)names->n, sizeof *s->vector_widths, (void **)&s->vector_widths, err));
    for (int i = 0; i < names->n; i++) s->vector_widths[i] = ct_dataset_find_vectors(s->data, names->v[i])->width;
    return CT_OK;
}

ct_model_caps ct_session_caps(const ct_session *s) {
    return (ct_model_caps){s->sampler ? ct_batcher_train_caps(s->batcher) : (ct_batch_caps){0},
                           ct_batcher_encode_caps(s->batcher, CT_ENCODE_ROWS)};
}

ct_status ct_session_open_data(ct_session *s, const ct_config *config, bool training, const ct_observer *observer,
                               ct_error *err) {
    ct_status st = CT_OK;
    memset(s, 0, sizeof *s);
    s->config = config;
    s->observer = observer;
    CT_TRY(open_data(s, err), st, fail);
    if (training) CT_TRY(ct_sampler_create(&s->sampler, s->data, &s->split, config, err), st, fail);
    CT_TRY(ct_batcher_create(&s->batcher, s->data, &s->split, s->sampler, config, err), st, fail);
    CT_TRY(find_widths(s, err), st, fail);
    CT_TRY(ct_device_open(&s->device, config->device, (int)config->threads, err), st, fail);
    return CT_OK;
fail:
    ct_session_close(s);
    return st;
}

ct_status ct_session_open(ct_session *s, const ct_config *config, bool training, const ct_observer *observer,
                          ct_error *err) {
    CT_CHECK(ct_session_open_data(s, config, training, observer, err));
    const ct_model_sizes sizes = ct_session_sizes(s);
    const ct_model_caps caps = ct_session_caps(s);
    const ct_status st = ct_model_create(&s->model, config, &sizes, s->device, &caps, training, err);
    if (st != CT_OK) ct_session_close(s);
    return st;
}

ct_status ct_session_open_weights(ct_session *s, const ct_config *config, const char *checkpoint,
                                  const ct_observer *observer, char **path, ct_error *err) {
    ct_status st = CT_OK;
    char *file = NULL;
    ct_checkpoint_state state;
    memset(s, 0, sizeof *s);
    CT_TRY(ct_run_find_weights(config, checkpoint, &file, err), st, fail);
    CT_TRY(ct_session_open(s, config, false, observer, err), st, fail);
    CT_TRY(ct_checkpoint_load(file, s->model, s->data, false, &state, err), st, fail);
    s->step = state.step;
    if (path) {
        *path = file;
    } else {
        ct_free(file);
    }
    return CT_OK;
fail:
    ct_session_close(s);
    ct_free(file);
    return st;
}

void ct_session_close(ct_session *s) {
    ct_batcher_free(s->batcher);
    ct_free(s->vector_widths);
    ct_model_free(s->model);
    ct_device_close(s->device);
    ct_sampler_free(s->sampler);
    ct_split_free(&s->split);
    ct_dataset_close(s->data);
    memset(s, 0, sizeof *s);
}
