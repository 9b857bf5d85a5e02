/* Recommending to a user, or to a text, over one platform's catalogue or all of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "crosstower/crosstower.h"
#include "run/session.h"
#include "run/text.h"
#include "serve/platform.h"

struct ct_recommender {
    ct_session session;
    ct_user_text *user_text;
    float *items;       /* [n_items, D] on the device; rows of platforms that nobody asked about are unset */
    bool *encoded;      /* [P]: whose rows are there */
    float *query;       /* [D] on the device */
    float *vector;      /* [D] on the host */
    float *scores;      /* [n_items] on the host: scratch of one query */
    int32_t *heap;      /* [n_items]: likewise */
    bool *seen;         /* [n_entities]: likewise; false between queries */
    float scale;        /* 1 / temperature */
};

static ct_status encode_platform(ct_recommender *r, int32_t platform, ct_error *err) {
    ct_status st = CT_OK;
    const ct_session *s = &r->session;
    const int64_t first = s->data->item_begin[platform], n = s->data->item_begin[platform + 1] - first;
    const int64_t dim = ct_model_dim(s->model);
    float *host = NULL;
    int32_t *numbers = NULL;
    ct_work work = {s->observer, "encoding items"};
    CT_TRY(ct_calloc((size_t)(n * dim), sizeof *host, (void **)&host, err), st, done);
    CT_TRY(ct_calloc((size_t)n, sizeof *numbers, (void **)&numbers, err), st, done);
    for (int64_t i = 0; i < n; i++) numbers[i] = (int32_t)(first + i);
    CT_TRY(ct_encode_items(s->model, s->batcher, numbers, n, host, ct_work_progress, &work, err), st, done);
    CT_TRY(ct_device_upload(s->device, r->items + first * dim, host, (size_t)(n * dim) * sizeof *host, err), st, done);
    r->encoded[platform] = true;
done:
    ct_free(host);
    ct_free(numbers);
    return st;
}

/* Encodes the items that a query is about, where none was about them before: a catalogue is large, and most queries want
 * one platform's. platform -1: all of them. */
static ct_status need_items(ct_recommender *r, int32_t platform, ct_error *err) {
    for (int32_t p = 0; p < r->session.data->n_platforms; p++)
        if ((platform < 0 || platform == p) && !r->encoded[p]) CT_CHECK(encode_platform(r, p, err));
    return CT_OK;
}

ct_status ct_recommender_open(ct_recommender **out, const ct_config *config, const char *checkpoint,
                              const ct_observer *observer, ct_error *err) {
    ct_status st = CT_OK;
    ct_recommender *r = NULL;
    *out = NULL;
    CT_CHECK(ct_calloc(1, sizeof *r, (void **)&r, err));
    CT_TRY(ct_session_open_weights(&r->session, config, checkpoint, observer, NULL, err), st, fail);
    const ct_session *s = &r->session;
    const size_t dim = (size_t)ct_model_dim(s->model);
    CT_TRY(ct_user_text_create(&r->user_text, config->data.user_text, s->data->tokenizer, err), st, fail);
    CT_TRY(ct_calloc((size_t)s->data->n_platforms, sizeof *r->encoded, (void **)&r->encoded, err), st, fail);
    CT_TRY(ct_device_alloc(s->device, (size_t)s->data->n_items * dim, sizeof *r->items, (void **)&r->items, err), st,
           fail);
    CT_TRY(ct_device_alloc(s->device, dim, sizeof *r->query, (void **)&r->query, err), st, fail);
    CT_TRY(ct_calloc(dim, sizeof *r->vector, (void **)&r->vector, err), st, fail);
    CT_TRY(ct_calloc((size_t)s->data->n_items, sizeof *r->scores, (void **)&r->scores, err), st, fail);
    CT_TRY(ct_calloc((size_t)s->data->n_items, sizeof *r->heap, (void **)&r->heap, err), st, fail);
    CT_TRY(ct_calloc((size_t)s->data->n_entities, sizeof *r->seen, (void **)&r->seen, err), st, fail);
    CT_TRY(ct_model_scale(s->model, &r->scale, err), st, fail);
    *out = r;
    return CT_OK;
fail:
    ct_recommender_close(r);
    return st;
}

void ct_recommender_close(ct_recommender *r) {
    if (!r) return;
    if (r->session.device) {
        ct_device_free(r->session.device, r->items);
        ct_device_free(r->session.device, r->query);
    }
    ct_free(r->encoded);
    ct_free(r->vector);
    ct_free(r->scores);
    ct_free(r->heap);
    ct_free(r->seen);
    ct_user_text_free(r->user_text);
    ct_session_close(&r->session);
    ct_free(r);
}

/* ---- who asks -------------------------------------------------------------------------------------------------- */

/* The id that is nearest by edit distance, on the platform if one is named, for "did you mean"; NULL when none is
 * near. */
static const char *near_id(const ct_dataset *data, const char *id, int32_t only) {
    const char *best = NULL;
    int best_distance = 3;
    const int64_t begin = only < 0 ? 0 : data->user_begin[only];
    const int64_t end = only < 0 ? data->n_users : data->user_begin[only + 1];
    for (int64_t u = begin; u < end && best_distance > 1; u++) {
        const char *other = ct_strings_get(&data->user_id, u);
        const int d = ct_edit_distance(id, other, best_distance - 1);
        if (d < best_distance) {
            best_distance = d;
            best = other;
        }
    }
    return best;
}

static ct_status find_user(const ct_dataset *data, const ct_query *q, int64_t *user, ct_error *err) {
    int32_t only = -1;
    int found = 0;
    *user = -1;
    CT_CHECK(ct__find_platform(data, q->user_platform, &only, err));
    for (int32_t p = 0; p < data->n_platforms; p++) {
        const int64_t u = only < 0 || only == p ? ct_dataset_find_user(data, p, q->user) : -1;
        if (u < 0) continue;
        *user = u;
        found++;
    }
    if (found == 1) return CT_OK;
    if (found > 1)
        return ct_fail(err, CT_ERR_ARGUMENT, "user '%s' is known on %d platforms: say which with --user-platform", q->user,
                       found);
    const char *near = near_id(data, q->user, only);
    return ct_fail(err, CT_ERR_ARGUMENT, "user '%s' is unknown%s%s%s%s%s", q->user, q->user_platform ? " on platform " : "",
                   q->user_platform ? q->user_platform : "", near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

/* The vector of the query, and the words that it came from. *user is -1 for a text. */
static ct_status encode_query(ct_recommender *r, const ct_query *q, int32_t platform, int64_t *user, ct_str *words,
                              ct_error *err) {
    ct_session *s = &r->session;
    *user = -1;
    if (q->text) {
        /* A text has no platform of its own: it is read as a user of the platform that is asked about. */
        CT_CHECK(ct_str_puts(words, q->text, err));
        return ct_encode_text(s->model, s->batcher, q->text, platform < 0 ? 0 : platform, r->vector, err);
    }
    CT_CHECK(find_user(s->data, q, user, err));
    const ct_moment now = ct_moment_now(s->data, (int32_t)*user);
    CT_CHECK(ct_user_text_words(r->user_text, s->data, &s->split, now, words, err));
    return ct_encode_users(s->model, s->batcher, &now, 1, r->vector, NULL, NULL, err);
}

/* ---- ranking --------------------------------------------------------------------------------------------------- */

static void mark_seen(const ct_dataset *data, int32_t person, bool mark, bool *seen) {
    for (int64_t k = data->person_begin[person]; k < data->person_begin[person + 1]; k++) {
        const int32_t u = data->person_user[k];
        for (int64_t i = data->inter_begin[u]; i < data->inter_begin[u + 1]; i++)
            seen[data->item_entity[data->inter_item[i]]] = mark;
    }
}

/* Hides by -inf what the person already has on any platform, and the same thing where another platform offers it. */
static void hide_seen(ct_recommender *r, int64_t user, int64_t first, int64_t n) {
    const ct_dataset *data = r->session.data;
    const int32_t person = data->user_person[user];
    mark_seen(data, person, true, r->seen);
    for (int64_t i = 0; i < n; i++)
        if (r->seen[data->item_entity[first + i]]) r->scores[i] = -INFINITY;
    mark_seen(data, person, false, r->seen);
}

static ct_status score(ct_recommender *r, int64_t first, int64_t n, ct_error *err) {
    ct_status st = CT_OK;
    ct_device *dev = r->session.device;
    const int64_t dim = ct_model_dim(r->session.model);
    float *out = NULL;
    CT_CHECK(ct_device_upload(dev, r->query, r->vector, (size_t)dim * sizeof(float), err));
    CT_CHECK(ct_device_alloc(dev, (size_t)n, sizeof *out, (void **)&out, err));
    const struct ct_linear_forward_args a = {.y = ct_f32(out, 1, n),
                                             .x = ct_f32(r->query, 1, dim),
                                             .w = ct_f32(r->items + first * dim, n, dim)};
    CT_TRY(ct_linear_forward(dev, &a, err), st, done);
    st = ct_device_download(dev, r->scores, out, (size_t)n * sizeof *out, err);
done:
    ct_device_free(dev, out);
    return st;
}

/* log sum exp of scale * score over the candidates: what turns a score into a probability. */
static double log_normalizer(const float *scores, int64_t n, double scale) {
    double top = -INFINITY, sum = 0.0;
    for (int64_t i = 0; i < n; i++) top = fmax(top, scale * (double)scores[i]);
    for (int64_t i = 0; i < n; i++) sum += exp(scale * (double)scores[i] - top);
    return top + log(sum);
}

/* Higher scores first, equal ones by place in the catalogue. */
static bool before(const float *scores, int32_t a, int32_t b) {
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

static void sift_down(const float *scores, int32_t *heap, int64_t n, int64_t i) {
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        const int32_t parent = heap[i];
        if (child + 1 < n && before(scores, heap[child + 1], heap[child])) child++;
        if (!before(scores, heap[child], parent)) return;
        heap[i] = heap[child];
        heap[child] = parent;
    }
}

/* A heap of the candidates that are not hidden, the best on top. */
static int64_t make_heap(const float *scores, int64_t n, int32_t *heap) {
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++)
        if (scores[i] > -INFINITY) heap[size++] = (int32_t)i;
    for (int64_t i = size / 2 - 1; i >= 0; i--) sift_down(scores, heap, size, i);
    return size;
}

static int take_best(ct_recommender *r, int64_t first, int64_t n, int k, ct_recommendation *rows) {
    const ct_dataset *data = r->session.data;
    const double scale = (double)r->scale, normalizer = log_normalizer(r->scores, n, scale);
    int64_t left = make_heap(r->scores, n, r->heap);
    int taken = 0;
    for (; taken < k && left > 0; taken++) {
        const int32_t best = r->heap[0];
        const int64_t item = first + best;
        rows[taken] = (ct_recommendation){
            .platform = ct_strings_get(&data->platform_name, data->item_platform[item]),
            .item = ct_strings_get(&data->item_id, item),
            .title = ct_strings_get(&data->item_title, item),
            .category = ct_strings_get(&data->item_category, item),
            .score = (double)r->scores[best],
            .probability = exp(scale * (double)r->scores[best] - normalizer)};
        r->heap[0] = r->heap[--left];
        sift_down(r->scores, r->heap, left, 0);
    }
    return taken;
}

ct_status ct_recommend(ct_recommender *r, const ct_query *q, ct_recommendation *rows, int *n_rows, char **user_text,
                       ct_error *err) {
    const ct_dataset *data = r->session.data;
    int32_t platform = -1;
    int64_t user = -1;
    ct_str words = {0};
    *n_rows = 0;
    if (user_text) *user_text = NULL;
    if (!q->user == !q->text) return ct_fail(err, CT_ERR_ARGUMENT, "recommend: want a user or a text, one of the two");
    if (q->k < 1) return ct_fail(err, CT_ERR_ARGUMENT, "recommend: k = %d, want at least 1", q->k);
    CT_CHECK(ct__find_platform(data, q->platform, &platform, err));
    ct_status st = encode_query(r, q, platform, &user, &words, err);
    const int64_t first = platform < 0 ? 0 : data->item_begin[platform];
    const int64_t n = (platform < 0 ? data->n_items : data->item_begin[platform + 1]) - first;
    if (st == CT_OK) st = need_items(r, platform, err);
    if (st == CT_OK) st = score(r, first, n, err);
    if (st == CT_OK) {
        if (user >= 0 && !q->with_seen) hide_seen(r, user, first, n);
        *n_rows = take_best(r, first, n, q->k, rows);
    }
    if (st != CT_OK || !user_text) {
        ct_str_free(&words);
        return st;
    }
    return ct__text_out(st, &words, user_text, err);
}
