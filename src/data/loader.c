/* Batches built ahead: a thread fills a ring of batches in the order of the steps; the consumer borrows one at a
 * time. */
#include "data/loader.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

struct ct_loader {
    ct_batcher *batcher; /* the thread's own */
    ct_batch *ring;      /* [n_slots]: step s lies in slot (s - first_step) % n_slots */
    int64_t n_slots;     /* depth, and the one that the consumer holds */
    int64_t first_step, last_step;
    pthread_t thread;
    bool has_thread, has_sync;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t made, freed;
    int64_t n_made;        /* steps built */
    int64_t n_taken;       /* steps handed out; the last of them is still borrowed */
    bool stop;
    ct_status status;      /* of the thread; not CT_OK: it ended at step first_step + n_made */
    ct_error error;
};

/* Waits for a free slot; false when there is nothing left to do. The slot handed out last stays untouched. */
static bool wait_for_slot(ct_loader *l) {
    const int64_t n_steps = l->last_step - l->first_step;
    pthread_mutex_lock(&l->mutex);
    while (!l->stop && l->n_made < n_steps && l->n_made - (l->n_taken > 0 ? l->n_taken - 1 : 0) >= l->n_slots) {
        pthread_cond_wait(&l->freed, &l->mutex);
    }
    const bool go_on = !l->stop && l->n_made < n_steps;
    pthread_mutex_unlock(&l->mutex);
    return go_on;
}

static void *run(void *argument) {
    ct_loader *l = argument;
    ct_status st = CT_OK;
    while (st == CT_OK && wait_for_slot(l)) {
        const int64_t n = l->n_made; /* written by this thread only */
        ct_error error = CT_ERROR_INIT;
        st = ct_batcher_train(l->batcher, l->first_step + n, &l->ring[n % l->n_slots], &error);
        pthread_mutex_lock(&l->mutex);
        if (st == CT_OK) {
            l->n_made++;
        } else {
            l->status = st;
            l->error = error;
        }
        pthread_cond_signal(&l->made);
        pthread_mutex_unlock(&l->mutex);
    }
    return NULL;
}

static ct_status start_thread(ct_loader *l, ct_error *err) {
    int failed = pthread_mutex_init(&l->mutex, NULL);
    if (failed) return ct_fail(err, CT_ERR_IO, "loader: mutex: %s", strerror(failed));
    failed = pthread_cond_init(&l->made, NULL);
    if (failed) {
        pthread_mutex_destroy(&l->mutex);
        return ct_fail(err, CT_ERR_IO, "loader: condition variable: %s", strerror(failed));
    }
    failed = pthread_cond_init(&l->freed, NULL);
    if (failed) {
        pthread_cond_destroy(&l->made);
        pthread_mutex_destroy(&l->mutex);
        return ct_fail(err, CT_ERR_IO, "loader: condition variable: %s", strerror(failed));
    }
    l->has_sync = true;
    /* Signals are the main thread's business: the new thread inherits a full mask. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) return ct_fail(err, CT_ERR_IO, "loader: thread: %s", strerror(failed));
    l->has_thread = true;
    return CT_OK;
}

ct_status ct_loader_create(ct_loader **out, const ct_dataset *data, const ct_split *split, const ct_sampler *sampler,
                           const ct_config *config, int64_t first_step, int64_t last_step, int depth, ct_error *err) {
    ct_status st = CT_OK;
    ct_loader *l = NULL;
    *out = NULL;
    if (!sampler || first_step < 0 || depth < 1) {
        return ct_fail(err, CT_ERR_ARGUMENT, "loader: %s, first step %lld, depth %d, want a sampler, 0 and 1 at least",
                       sampler ? "a sampler" : "no sampler", (long long)first_step, depth);
    }
    CT_TRY(ct_calloc(1, sizeof *l, (void **)&l, err), st, done);
    l->first_step = first_step;
    l->last_step = last_step > first_step ? last_step : first_step;
    l->n_slots = (int64_t)depth + 1;
    CT_TRY(ct_batcher_create(&l->batcher, data, split, sampler, config, err), st, done);
    CT_TRY(ct_calloc((size_t)l->n_slots, sizeof *l->ring, (void **)&l->ring, err), st, done);
    const ct_batch_caps caps = ct_batcher_train_caps(l->batcher);
    for (int64_t i = 0; i < l->n_slots; i++) CT_TRY(ct_batch_create(&l->ring[i], &caps, err), st, done);
    CT_TRY(start_thread(l, err), st, done);
    *out = l;
    l = NULL;
done:
    ct_loader_free(l);
    return st;
}

void ct_loader_free(ct_loader *l) {
    if (!l) return;
    if (l->has_thread) {
        pthread_mutex_lock(&l->mutex);
        l->stop = true;
        pthread_cond_signal(&l->freed);
        pthread_mutex_unlock(&l->mutex);
        pthread_join(l->thread, NULL);
    }
    if (l->has_sync) {
        pthread_cond_destroy(&l->freed);
        pthread_cond_destroy(&l->made);
        pthread_mutex_destroy(&l->mutex);
    }
    for (int64_t i = 0; l->ring && i < l->n_slots; i++) ct_batch_free(&l->ring[i]);
    ct_free(l->ring);
    ct_batcher_free(l->batcher);
    ct_free(l);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

ct_status ct_loader_next(ct_loader *l, const ct_batch **batch, double *waited_s, ct_error *err) {
    ct_status st = CT_OK;
    *batch = NULL;
    pthread_mutex_lock(&l->mutex);
    const int64_t n = l->n_taken;
    if (l->first_step + n < l->last_step) {
        if (l->n_made <= n && l->status == CT_OK) {
            const double from = now_s();
            while (l->n_made <= n && l->status == CT_OK) pthread_cond_wait(&l->made, &l->mutex);
            if (waited_s) *waited_s += now_s() - from;
        }
        if (l->n_made > n) {
            *batch = &l->ring[n % l->n_slots];
            l->n_taken++;
            pthread_cond_signal(&l->freed);
        } else {
            st = ct_fail(err, l->status, "%s", l->error.text);
        }
    }
    pthread_mutex_unlock(&l->mutex);
    return st;
}
