/* The evaluation of a model, against everything worked out anew: vectors by the encoder, ranks by loops in
 * double, figures and slices by their definitions. And the report as a number, as a table, as JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "eval/evaluate.h"
#include "run/session.h"
#include "serve/bundle.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

static char *folder;

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    ct_config *c = tiny_config(folder, NULL); /* a model that knows something */
    tiny_train(c, NULL);
    ct_config_close(c);
    return 0;
}

/* ---- the figures anew
 * --------------------------------------------------------------------------------------------- */

enum { AT = 2, METHODS = 2 }; /* model, popularity; item-kNN has its own test */

/* One user who is asked. */
typedef struct asked {
    int64_t user, past;
    double rr[METHODS], recall[METHODS][AT], ndcg[METHODS][AT], hr[METHODS][AT];
} asked;

typedef struct platform {
    ct_session *s;
    int32_t p;
    ct_stage stage;
    int64_t first, n_items;
    const float *items; /* vectors of the platform's items */
    double *popularity;
    asked *users;
    int n, n_targets;
    char *covered[AT];
} platform;

static int64_t stage_begin(const platform *e, int64_t user) {
    return e->stage == CT_STAGE_VALID ? e->s->split.train_end[user] : e->s->split.valid_end[user];
}

static int64_t stage_end(const platform *e, int64_t user) {
    return e->stage == CT_STAGE_VALID ? e->s->split.valid_end[user] : e->s->data->inter_begin[user + 1];
}

static bool holds(const platform *e, int64_t begin, int64_t end, int64_t item) {
    for (int64_t k = begin; k < end; k++)
        if (e->s->data->inter_item[k] == item) return true;
    return false;
}

static double rank_of(const platform *e, const double *score, const char *seen, int64_t target) {
    double rank = 1.0;
    for (int64_t j = 0; j < e->n_items; j++) {
        if (seen[j] || j == target) continue;
        if (fabs(score[j] - score[target]) <= 1e-7)
            rank += 0.5;
        else if (score[j] > score[target])
            rank += 1.0;
    }
    return rank;
}

static void fill_figures(asked *a, int method, const double *rank, int n, const int64_t *at) {
    double best = rank[0];
    for (int i = 1; i < n; i++) best = fmin(best, rank[i]);
    a->rr[method] = 1.0 / best;
    for (int k = 0; k < AT; k++) {
        double hits = 0.0, dcg = 0.0, ideal = 0.0;
        for (int i = 0; i < n; i++)
            if (rank[i] <= (double)at[k]) {
                hits++;
                dcg += log(2.0) / log(1.0 + rank[i]);
            }
        for (int i = 0; i < n && i < at[k]; i++) ideal += log(2.0) / log(2.0 + i);
        a->recall[method][k] = hits / n;
        a->ndcg[method][k] = dcg / ideal;
        a->hr[method][k] = hits > 0.0;
    }
}

/* Scores of one user under both methods, and what follows. */
static void ask(platform *e, int64_t user, const float *vector, const int64_t *at) {
    const int64_t dim = ct_model_dim(e->s->model), begin = stage_begin(e, user), end = stage_end(e, user);
    double *score = calloc((size_t)e->n_items, sizeof *score);
    char *seen = calloc((size_t)e->n_items, 1);
    double ranks[METHODS][64];
    int n = 0;
    for (int64_t j = 0; j < e->n_items; j++) {
        seen[j] = holds(e, e->s->data->inter_begin[user], begin, e->first + j);
        for (int64_t d = 0; d < dim; d++) score[j] += (double)vector[d] * (double)e->items[j * dim + d];
    }
    for (int64_t j = 0; j < e->n_items; j++) {
        if (seen[j] || !holds(e, begin, end, e->first + j)) continue;
        ranks[0][n] = rank_of(e, score, seen, j);
        ranks[1][n++] = rank_of(e, e->popularity, seen, j);
    }
    if (n > 0) {
        asked *a = &e->users[e->n++];
        *a = (asked){.user = user, .past = begin - e->s->data->inter_begin[user]};
        for (int m = 0; m < METHODS; m++) fill_figures(a, m, ranks[m], n, at);
        e->n_targets += n;
        for (int k = 0; k < AT; k++)
            for (int64_t j = 0; j < e->n_items; j++) {
                int64_t better = 0;
                for (int64_t i = 0; i < e->n_items; i++)
                    better += !seen[i] && (score[i] > score[j] || (score[i] == score[j] && i < j));
                if (!seen[j] && better < at[k]) e->covered[k][j] = 1;
            }
    }
    free(score);
    free(seen);
}

static void count_popularity(platform *e) {
    for (int64_t u = 0; u < e->s->data->n_users; u++)
        for (int64_t k = e->s->data->inter_begin[u]; k < stage_begin(e, u); k++) {
            const int64_t item = e->s->data->inter_item[k] - e->first;
            if (item >= 0 && item < e->n_items) e->popularity[item] += 1.0;
        }
}

static platform work_out(ct_session *s, int32_t p, ct_stage stage) {
    const ct_dataset *d = s->data;
    const int64_t dim = ct_model_dim(s->model), n_users = d->user_begin[p + 1] - d->user_begin[p];
    platform e = {.s = s,
                  .p = p,
                  .stage = stage,
                  .first = d->item_begin[p],
                  .n_items = d->item_begin[p + 1] - d->item_begin[p]};
    float *items = calloc((size_t)(e.n_items * dim), sizeof *items),
          *vector = calloc((size_t)dim, sizeof *vector);
    int32_t *numbers = calloc((size_t)e.n_items, sizeof *numbers);
    for (int64_t i = 0; i < e.n_items; i++) numbers[i] = (int32_t)(e.first + i);
    assert_int_equal(ct_encode_items(s->model, s->batcher, numbers, e.n_items, items, NULL, NULL, NULL),
                     CT_OK);
    e.items = items;
    e.popularity = calloc((size_t)e.n_items, sizeof *e.popularity);
    e.users = calloc((size_t)n_users, sizeof *e.users);
    for (int k = 0; k < AT; k++) e.covered[k] = calloc((size_t)e.n_items, 1);
    count_popularity(&e);
    for (int64_t u = d->user_begin[p]; u < d->user_begin[p + 1]; u++) {
        const ct_moment m = ct_moment_at_stage(d, &s->split, (int32_t)u, stage);
        assert_int_equal(ct_encode_users(s->model, s->batcher, &m, 1, vector, NULL, NULL, NULL), CT_OK);
        ask(&e, u, vector, s->config->eval.at.v);
    }
    e.items = NULL;
    free(items);
    free(vector);
    free(numbers);
    return e;
}

static void forget(platform *e) {
    free(e->popularity);
    free(e->users);
    for (int k = 0; k < AT; k++) free(e->covered[k]);
}

/* ---- slices anew
 * -------------------------------------------------------------------------------------------------- */

static bool comes_from(const platform *e, int64_t user, const char *source) {
    const ct_dataset *d = e->s->data;
    const ct_moment m = ct_moment_at_stage(d, &e->s->split, (int32_t)user, e->stage);
    for (int64_t other = 0; other < d->n_users; other++) {
        if (other == user || d->user_person[other] != d->user_person[user]) continue;
        if (strcmp(ct_strings_get(&d->platform_name, d->user_platform[other]), source) != 0) continue;
        for (int64_t k = d->inter_begin[other]; k < stage_begin(e, other); k++)
            if (d->inter_time[k] < m.time) return true;
    }
    return false;
}

static bool belongs(const platform *e, const asked *a, const char *slice) {
    long long low = 0, high = 0;
    if (strcmp(slice, "all") == 0) return true;
    if (strncmp(slice, "from ", 5) == 0) return comes_from(e, a->user, slice + 5);
    if (strcmp(slice, "0 past") == 0) return a->past == 0;
    if (strcmp(slice, "21+ past") == 0) return a->past >= 21;
    assert_int_equal(sscanf(slice, "%lld-%lld past", &low, &high), 2);
    return a->past >= low && a->past <= high;
}

static void near(double found, double wanted, const char *slice, const char *figure) {
    if (!(fabs(found - wanted) <= 1e-9))
        fail_msg("%s: %s is %.12g, want %.12g", slice, figure, found, wanted);
}

static void check_metrics(const platform *e, const ct_metrics *m, int method, const char *slice) {
    int n = 0;
    double rr = 0.0, recall[AT] = {0}, ndcg[AT] = {0}, hr[AT] = {0};
    for (int i = 0; i < e->n; i++) {
        const asked *a = &e->users[i];
        if (!belongs(e, a, slice)) continue;
        n++;
        rr += a->rr[method];
        for (int k = 0; k < AT; k++) {
            recall[k] += a->recall[method][k];
            ndcg[k] += a->ndcg[method][k];
            hr[k] += a->hr[method][k];
        }
    }
    assert_int_equal(m->n_users, n);
    for (int k = 0; k < AT && n > 0; k++) {
        near(m->recall[k], recall[k] / n, slice, "recall");
        near(m->ndcg[k], ndcg[k] / n, slice, "ndcg");
        near(m->hr[k], hr[k] / n, slice, "hr");
    }
    if (n > 0) near(m->mrr, rr / n, slice, "mrr");
}

static const ct_slice *slice_of(const ct_platform_report *r, const char *name) {
    for (int i = 0; i < r->n_slices; i++)
        if (strcmp(r->slices[i].name, name) == 0) return &r->slices[i];
    return NULL;
}

static void check_slices(const platform *e, const ct_platform_report *r, const ct_config *c) {
    static const char *const names[] = {"from shop", "from video", "from news", "0 past",
                                        "1-5 past",  "6-20 past",  "21+ past"};
    assert_string_equal(r->slices[0].name, "all");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int n = 0;
        for (int u = 0; u < e->n; u++) n += belongs(e, &e->users[u], names[i]);
        assert_int_equal(slice_of(r, names[i]) != NULL, n > 0);
    }
    for (int i = 0; i < r->n_slices; i++) {
        const ct_slice *s = &r->slices[i];
        check_metrics(e, &s->model, 0, s->name);
        check_metrics(e, &s->popularity, 1, s->name);
        assert_int_equal(s->item_knn.n_users, s->model.n_users);
        for (int k = 0; k < AT && s->model.n_users > 0; k++) {
            assert_true(s->model_ndcg[k].low <= s->model.ndcg[k] + 1e-12 &&
                        s->model_ndcg[k].high >= s->model.ndcg[k] - 1e-12);
            assert_true(s->gain_popularity[k].low <= s->gain_popularity[k].high);
            assert_true(s->gain_knn[k].low <= s->model.ndcg[k] - s->item_knn.ndcg[k] + 1e-12);
        }
    }
    for (int k = 0; k < AT; k++) {
        double n = 0.0;
        for (int64_t j = 0; j < e->n_items; j++) n += e->covered[k][j];
        near(r->slices[0].model.coverage[k], n / (double)e->n_items, "all", "coverage");
        assert_true(isnan(r->slices[0].popularity.coverage[k]));
    }
    assert_int_equal(c->eval.at.n, AT);
}

/* ---- the whole
 * ------------------------------------------------------------------------------------------------------ */

static void open_session(ct_session *s, const ct_config *c) {
    ct_error err = CT_ERROR_INIT;
    if (ct_session_open_weights(s, c, NULL, NULL, NULL, &err) != CT_OK) fail_msg("%s", err.text);
}

static ct_eval_report evaluate(const ct_session *s, ct_eval_options options) {
    ct_eval_report r;
    ct_error err = CT_ERROR_INIT;
    if (ct_evaluate_model(s->model, s->data, &s->split, s->config, &options, NULL, NULL, &r, &err) != CT_OK)
        fail_msg("%s", err.text);
    return r;
}

static void a_report_is_what_the_definitions_say(void **state) {
    (void)state;
    ct_config *c = tiny_config(folder, NULL);
    for (int kind = 0; kind < 2; kind++)
        for (int stage = CT_STAGE_VALID; stage <= CT_STAGE_TEST; stage++) {
            ct_session s;
            c->eval.split = CT_SPLIT_TIME;
            open_session(&s, c);
            c->eval.split = kind ? CT_SPLIT_LAST : CT_SPLIT_TIME; /* the weights do not mind */
            ct_split_free(&s.split);
            assert_int_equal(ct_split_create(&s.split, s.data, c->eval.split, NULL), CT_OK);
            ct_batcher_free(s.batcher);
            assert_int_equal(ct_batcher_create(&s.batcher, s.data, &s.split, NULL, c, NULL), CT_OK);
            ct_eval_report r = evaluate(&s, (ct_eval_options){.stage = (ct_stage)stage, .floors = true});
            assert_int_equal(r.n_platforms, 3);
            int n = 0;
            for (int32_t p = 0; p < 3; p++) {
                platform e = work_out(&s, p, (ct_stage)stage);
                assert_int_equal(r.platforms[p].n_items, e.n_items);
                assert_int_equal(r.platforms[p].n_targets, e.n_targets);
                check_slices(&e, &r.platforms[p], c);
                n += e.n;
                if (p == 2 && !kind) assert_int_equal(e.n, 0); /* news lies in the past */
                forget(&e);
            }
            assert_true(n > 15);
            assert_non_null(
                strstr(r.protocol, stage == CT_STAGE_VALID ? "validation, split by" : "test, split by"));
            assert_non_null(strstr(r.protocol, kind ? "each user's last"
                                                    : "global time (validation from 1970-01-01 02:"));
            ct_eval_report_free(&r);
            ct_session_close(&s);
        }
    ct_config_close(c);
}

/* The same figures, to the bit, for any number of threads. */
static void threads_change_nothing(void **state) {
    (void)state;
    ct_str text[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        ct_session s;
        ct_config *c = tiny_config(folder, i ? "threads=2" : "threads=1", NULL);
        open_session(&s, c);
        ct_eval_report r = evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST, .floors = true});
        assert_int_equal(ct_eval_report_json(&r, &text[i], NULL), CT_OK);
        ct_eval_report_free(&r);
        ct_session_close(&s);
        ct_config_close(c);
    }
    assert_string_equal(ct_str_text(&text[0]), ct_str_text(&text[1]));
    ct_str_free(&text[0]);
    ct_str_free(&text[1]);
}

static void a_quick_evaluation_is_short(void **state) {
    (void)state;
    ct_session s;
    ct_config *c = tiny_config(folder, NULL);
    open_session(&s, c);
    ct_eval_report r =
        evaluate(&s, (ct_eval_options){.stage = CT_STAGE_VALID, .max_users = 5, .quick = true});
    for (int p = 0; p < 3; p++) {
        const ct_slice *all = &r.platforms[p].slices[0];
        assert_int_equal(r.platforms[p].n_slices, 1);
        assert_int_equal(all->model.n_users, p < 2 ? 5 : 0);
        assert_int_equal(all->popularity.n_users, 0);
        assert_true(isnan(all->model.coverage[0]) && isnan(all->model_ndcg[0].low));
    }
    assert_non_null(strstr(r.protocol, "at most 5 users a platform"));
    ct_eval_report_free(&r);
    ct_session_close(&s);
    ct_config_close(c);
}

static int say_stop(void *ctx, int64_t done, int64_t total) {
    int *calls = ctx;
    assert_true(done > 0 && done <= total);
    return ++*calls == 2;
}

static void an_evaluation_can_be_stopped(void **state) {
    (void)state;
    ct_session s;
    ct_eval_report r;
    int calls = 0;
    ct_config *c = tiny_config(folder, NULL);
    const ct_eval_options options = {.stage = CT_STAGE_TEST};
    open_session(&s, c);
    assert_int_equal(ct_evaluate_model(s.model, s.data, &s.split, c, &options, say_stop, &calls, &r, NULL),
                     CT_ERR_INTERRUPTED);
    assert_true(r.platforms == NULL && r.n_platforms == 0);
    ct_session_close(&s);
    ct_config_close(c);
}

/* "eval.compare={NAME: FOLDER/NAME}" */
static const char *compare_key(const char *name) {
    static char text[600];
    snprintf(text, sizeof text, "eval.compare={%s: %s/%s}", name, folder, name);
    return text;
}

/* ---- the report
 * ------------------------------------------------------------------------------------------------------ */

static double metric(const ct_eval_report *r, const char *name) {
    double v = NAN;
    ct_error err = CT_ERROR_INIT;
    if (ct_eval_report_metric(r, name, &v, &err) != CT_OK) fail_msg("%s", err.text);
    return v;
}

static void metrics_have_names(void **state) {
    (void)state;
    static const char *const unknown[] = {
        "ndcg",   "ndcg@7", "ndcg@", "ndcg@10x",
        "auc@10", "mrr@7",  "",      "a name that is longer than any metric's could be@10"};
    ct_session s;
    ct_config *c = tiny_config(folder, NULL);
    open_session(&s, c);
    ct_eval_report r = evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST});
    const ct_metrics *shop = &r.platforms[0].slices[0].model, *video = &r.platforms[1].slices[0].model;
    /* The platform with nobody to ask does not count. */
    assert_true(metric(&r, "ndcg@10") == (shop->ndcg[1] + video->ndcg[1]) / 2.0);
    assert_true(metric(&r, "recall@5") == (shop->recall[0] + video->recall[0]) / 2.0);
    assert_true(metric(&r, "hr@5") == (shop->hr[0] + video->hr[0]) / 2.0);
    assert_true(metric(&r, "mrr") == (shop->mrr + video->mrr) / 2.0);
    assert_true(metric(&r, "mrr@5") <= metric(&r, "mrr@10") && metric(&r, "mrr@10") < metric(&r, "mrr"));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        double v;
        assert_int_equal(ct_eval_report_metric(&r, unknown[i], &v, NULL), CT_ERR_ARGUMENT);
    }
    ct_eval_report_free(&r);
    ct_session_close(&s);
    ct_config_close(c);
}

static const json_t *at(const json_t *o, const char *a, size_t index, const char *b) {
    const json_t *list = json_object_get(o, a);
    return json_object_get(json_array_get(list, index), b);
}

static void check_json(const ct_eval_report *r) {
    ct_str text = {0};
    assert_int_equal(ct_eval_report_json(r, &text, NULL), CT_OK);
    json_t *root = json_loads(ct_str_text(&text), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "protocol")), r->protocol);
    assert_string_equal(json_string_value(json_object_get(root, "stage")), "test");
    for (int p = 0; p < r->n_platforms; p++) {
        const json_t *o = json_array_get(json_object_get(root, "platforms"), (size_t)p);
        assert_string_equal(json_string_value(json_object_get(o, "platform")), r->platforms[p].name);
        assert_int_equal(json_integer_value(json_object_get(o, "items")), r->platforms[p].n_items);
        assert_int_equal(json_array_size(json_object_get(o, "slices")), r->platforms[p].n_slices);
        for (int i = 0; i < r->platforms[p].n_slices; i++) {
            const ct_slice *s = &r->platforms[p].slices[i];
            const json_t *model = at(o, "slices", (size_t)i, "model"),
                         *knn = at(o, "slices", (size_t)i, "item_knn");
            assert_string_equal(json_string_value(at(o, "slices", (size_t)i, "slice")), s->name);
            assert_int_equal(json_integer_value(json_object_get(model, "users")), s->model.n_users);
            near(json_real_value(json_object_get(model, "ndcg@10")), s->model.ndcg[1], s->name, "JSON ndcg");
            near(json_real_value(json_object_get(model, "mrr@5")), s->model.mrr_at[0], s->name, "JSON mrr");
            assert_true(json_is_null(json_object_get(model, "coverage@5")) == isnan(s->model.coverage[0]));
            if (s->model.n_users > 0)
                near(json_real_value(json_object_get(knn, "recall@5")), s->item_knn.recall[0], s->name, "k");
            const json_t *mine = json_object_get(at(o, "slices", (size_t)i, "compare"), "mine");
            near(json_real_value(json_object_get(mine, "ndcg@5")), s->compare[0].ndcg[0], s->name,
                 "JSON compare");
            const json_t *pair =
                json_object_get(at(o, "slices", (size_t)i, "intervals_95"), "ndcg_minus_item_knn@10");
            assert_int_equal(json_array_size(pair), 2);
        }
    }
    json_decref(root);
    ct_str_free(&text);
}

static void check_table(const ct_eval_report *r) {
    ct_str text = {0};
    assert_int_equal(ct_eval_report_text(r, &text, NULL), CT_OK);
    const char *t = ct_str_text(&text);
    static const char *const wanted[] = {"protocol: test",
                                         "shop: 30 items",
                                         "video: 24 items",
                                         "news: 6 items, 0 users, 0 targets",
                                         "model",
                                         "popularity",
                                         "item-kNN",
                                         "mine",
                                         "x popularity",
                                         "x item-kNN",
                                         "% of mine",
                                         "% of the catalogue",
                                         "nobody here has something to find",
                                         "recall@5",
                                         "ndcg@10",
                                         "hr@10",
                                         "mrr",
                                         "from video",
                                         "from shop",
                                         "1-5 past"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(t, wanted[i])) fail_msg("'%s' is not in\n%s", wanted[i], t);
    assert_null(strstr(t, "nan"));
    assert_null(strstr(t, "inf"));
    char number[32];
    snprintf(number, sizeof number, "%8.4f", r->platforms[0].slices[0].model.ndcg[1]);
    assert_non_null(strstr(t, number));
    ct_str_free(&text);
}

/* A bundle of the same model stands beside it; its users' vectors are of now, so the figures are near, not
 * equal. */
static void reports_hold_every_method(void **state) {
    (void)state;
    ct_session s;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(folder, NULL);
    open_session(&s, c);
    if (ct_bundle_write(test_path(folder, "mine"), s.model, s.data, &s.split, c, "0", NULL, NULL, &err) !=
        CT_OK)
        fail_msg("%s", err.text);
    ct_session_close(&s);
    ct_config_close(c);
    c = tiny_config(folder, compare_key("mine"), NULL);
    open_session(&s, c);
    ct_eval_report r =
        evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST, .floors = true, .compare = true});
    assert_int_equal(r.n_compare, 1);
    assert_true(r.platforms[0].slices[0].compare[0].ndcg[1] > 0.5 * r.platforms[0].slices[0].model.ndcg[1]);
    check_json(&r);
    check_table(&r);
    ct_eval_report_free(&r);
    /* Asked without, they are left out. */
    r = evaluate(&s, (ct_eval_options){.stage = CT_STAGE_TEST, .floors = true});
    assert_int_equal(r.n_compare, 0);
    ct_eval_report_free(&r);
    ct_session_close(&s);
    ct_config_close(c);
}

static ct_status compare_with(const char *key, ct_error *err) {
    ct_session s;
    ct_eval_report r;
    ct_config *c = tiny_config(folder, key, NULL);
    const ct_eval_options options = {.stage = CT_STAGE_TEST, .compare = true};
    open_session(&s, c);
    ct_error_clear(err);
    const ct_status st = ct_evaluate_model(s.model, s.data, &s.split, c, &options, NULL, NULL, &r, err);
    ct_session_close(&s);
    ct_config_close(c);
    return st;
}

static void a_bundle_of_other_ids_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    const char npy[] =
        "\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }          \n";
    char file[128];
    memcpy(file, npy, sizeof npy - 1);
    memset(file + sizeof npy - 1, 0, 8);
    mkdir(test_path(folder, "other"), 0777);
    for (int i = 0; i < 2; i++) {
        test_write_text(test_path(folder, i ? "other/users.ids.csv" : "other/items.ids.csv"),
                        "platform,id\nshop,nobody\n");
        test_write_file(test_path(folder, i ? "other/users.npy" : "other/items.npy"), file,
                        sizeof npy - 1 + 8);
    }
    assert_int_equal(compare_with(compare_key("other"), &err), CT_ERR_DATA);
    assert_non_null(strstr(err.text, "eval.compare.other"));
    assert_non_null(strstr(err.text, "its ids are other ones"));
    mkdir(test_path(folder, "empty"), 0777);
    assert_int_not_equal(compare_with(compare_key("empty"), &err), CT_OK);
    assert_non_null(strstr(err.text, "empty"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_what_the_definitions_say),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_quick_evaluation_is_short),
        cmocka_unit_test(an_evaluation_can_be_stopped),
        cmocka_unit_test(metrics_have_names),
        cmocka_unit_test(reports_hold_every_method),
        cmocka_unit_test(a_bundle_of_other_ids_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
