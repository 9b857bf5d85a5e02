/* The evaluation of a model: per platform the queries, the vectors, the ranks of every method, the slices. */
#include "eval/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "eval/figures.h"
#include "eval/rank.h"
#include "serve/bundle.h"

/* One platform under evaluation. */
typedef struct platform_eval {
    ct_model *model;
    const ct_dataset *data;
    const ct_split *split;
    const ct_config *config;
    const ct_eval_options *options;
    ct_batcher *batcher;
    ct_bundle *const *bundles; /* [n_compare] */
    ct_encode_progress progress;
    void *progress_ctx;
    int n_threads;
    ct_queries q;
    float *users, *items; /* [n, D], [n_items, D] */
    double *ranks;        /* [n_targets] */
    ct_figures model_figures, popularity, item_knn;
    ct_figures *compare;  /* [n_compare] */
    int64_t *members;     /* [n]: users of the slice at hand */
} platform_eval;

static const ct_config_eval *eval_of(const platform_eval *e) { return &e->config->eval; }
static int n_compare(const platform_eval *e) { return e->options->compare ? eval_of(e)->n_compare : 0; }

/* ---- vectors and ranks ---------------------------------------------------------------------------------------- */

static ct_status encode(platform_eval *e, ct_error *err) {
    ct_status st = CT_OK;
    const size_t dim = (size_t)ct_model_dim(e->model);
    int32_t *numbers = NULL;
    CT_TRY(ct_calloc((size_t)e->q.n * dim, sizeof *e->users, (void **)&e->users, err), st, done);
    CT_TRY(ct_calloc((size_t)e->q.n_items * dim, sizeof *e->items, (void **)&e->items, err), st, done);
    CT_TRY(ct_calloc((size_t)e->q.n_items, sizeof *numbers, (void **)&numbers, err), st, done);
    for (int64_t i = 0; i < e->q.n_items; i++) numbers[i] = (int32_t)(e->q.first_item + i);
    CT_TRY(ct_encode_items(e->model, e->batcher, numbers, e->q.n_items, e->items, e->progress, e->progress_ctx, err),
           st, done);
    st = ct_encode_users(e->model, e->batcher, e->q.moments, e->q.n, e->users, e->progress, e->progress_ctx, err);
done:
    ct_free(numbers);
    return st;
}

static ct_status to_figures(platform_eval *e, ct_figures *out, ct_error *err) {
    return ct_figures_create(out, &e->q, e->ranks, eval_of(e)->at.v, eval_of(e)->at.n, err);
}

static ct_status rank_floors(platform_eval *e, ct_error *err) {
    ct_device *dev = ct_model_device(e->model);
    CT_CHECK(ct_rank_popularity(dev, &e->q, e->data, e->split, e->options->stage, e->ranks, err));
    CT_CHECK(to_figures(e, &e->popularity, err));
    CT_CHECK(ct_rank_item_knn(&e->q, e->data, e->split, e->options->stage, e->n_threads, e->ranks, err));
    return to_figures(e, &e->item_knn, err);
}

/* Copies a bundle's vector of an id into row i; ids that the bundle lacks keep zeros, which tie with everything. */
static int64_t copy_vector(const ct_bundle_side *side, int64_t row, float *out, int64_t i) {
    if (row < 0) return 0;
    memcpy(out + i * side->dim, side->vectors + row * side->dim, (size_t)side->dim * sizeof *out);
    return 1;
}

static ct_status rank_bundle(platform_eval *e, const ct_config_compare *named, const ct_bundle *bundle, ct_figures *out,
                             ct_error *err) {
    ct_status st = CT_OK;
    const ct_bundle_side us = ct_bundle_users(bundle), is = ct_bundle_items(bundle);
    const char *platform = ct_strings_get(&e->data->platform_name, e->q.platform);
    float *users = NULL, *items = NULL;
    int64_t found_users = 0, found_items = 0;
    CT_TRY(ct_calloc((size_t)(e->q.n * us.dim), sizeof *users, (void **)&users, err), st, done);
    CT_TRY(ct_calloc((size_t)(e->q.n_items * is.dim), sizeof *items, (void **)&items, err), st, done);
    for (int64_t i = 0; i < e->q.n; i++) {
        const char *id = ct_strings_get(&e->data->user_id, e->q.moments[i].user);
        found_users += copy_vector(&us, ct_bundle_find_user(bundle, platform, id), users, i);
    }
    for (int64_t i = 0; i < e->q.n_items; i++) {
        const char *id = ct_strings_get(&e->data->item_id, e->q.first_item + i);
        found_items += copy_vector(&is, ct_bundle_find_item(bundle, platform, id), items, i);
    }
    if (e->q.n > 0 && (found_users == 0 || found_items == 0)) {
        st = ct_fail(err, CT_ERR_DATA, "eval.compare.%s: '%s' knows %lld of %lld users and %lld of %lld items of platform "
                     "'%s'; its ids are other ones", named->name, named->path, (long long)found_users,
                     (long long)e->q.n, (long long)found_items, (long long)e->q.n_items, platform);
        goto done;
    }
    CT_TRY(ct_rank_vectors(ct_model_device(e->model), &e->q, users, items, us.dim, e->ranks, err), st, done);
    st = to_figures(e, out, err);
done:
    ct_free(users);
    ct_free(items);
    return st;
}

static ct_status rank_all(platform_eval *e, ct_error *err) {
    CT_CHECK(ct_calloc((size_t)e->q.n_targets, sizeof *e->ranks, (void **)&e->ranks, err));
    CT_CHECK(ct_rank_vectors(ct_model_device(e->model), &e->q, e->users, e->items, ct_model_dim(e->model), e->ranks,
                             err));
    CT_CHECK(to_figures(e, &e->model_figures, err));
    if (e->options->floors) CT_CHECK(rank_floors(e, err));
    CT_CHECK(ct_calloc((size_t)n_compare(e), sizeof *e->compare, (void **)&e->compare, err));
    for (int i = 0; i < n_compare(e); i++)
        CT_CHECK(rank_bundle(e, &eval_of(e)->compare[i], e->bundles[i], &e->compare[i], err));
    return CT_OK;
}

/* ---- slices --------------------------------------------------------------------------------------------------- */

static ct_status gain(const platform_eval *e, const ct_figures *floor_figures, int64_t n, ct_interval **out,
                      ct_error *err) {
    CT_CHECK(ct_calloc((size_t)eval_of(e)->at.n, sizeof **out, (void **)out, err));
    const int64_t draws = e->options->quick ? 0 : eval_of(e)->bootstrap;
    return ct_bootstrap(&e->model_figures, floor_figures, e->members, n, draws, (uint64_t)e->config->seed, e->n_threads,
                        *out, err);
}

/* The slice of the n users in e->members. */
static ct_status fill_slice(const platform_eval *e, ct_slice *s, const char *name, int64_t n, ct_error *err) {
    snprintf(s->name, sizeof s->name, "%s", name);
    CT_CHECK(ct_figures_average(&e->model_figures, e->members, n, &s->model, err));
    CT_CHECK(gain(e, NULL, n, &s->model_ndcg, err));
    CT_CHECK(ct_calloc((size_t)n_compare(e), sizeof *s->compare, (void **)&s->compare, err));
    for (int i = 0; i < n_compare(e); i++)
        CT_CHECK(ct_figures_average(&e->compare[i], e->members, n, &s->compare[i], err));
    if (!e->options->floors) return CT_OK;
    CT_CHECK(ct_figures_average(&e->popularity, e->members, n, &s->popularity, err));
    CT_CHECK(ct_figures_average(&e->item_knn, e->members, n, &s->item_knn, err));
    CT_CHECK(gain(e, &e->popularity, n, &s->gain_popularity, err));
    return gain(e, &e->item_knn, n, &s->gain_knn, err);
}

static int64_t all_users(platform_eval *e) {
    for (int64_t i = 0; i < e->q.n; i++) e->members[i] = i;
    return e->q.n;
}

/* Users whose own past on the platform holds from `least` to `most` interactions. */
static int64_t users_by_past(platform_eval *e, int64_t least, int64_t most) {
    int64_t n = 0;
    for (int64_t i = 0; i < e->q.n; i++) {
        const int64_t past = e->q.moments[i].own_end - e->data->inter_begin[e->q.moments[i].user];
        if (past >= least && past <= most) e->members[n++] = i;
    }
    return n;
}

/* Users whose person did something on `source` before the stage. */
static int64_t users_from(platform_eval *e, int32_t source) {
    int64_t n = 0;
    for (int64_t i = 0; i < e->q.n; i++) {
        const ct_moment m = e->q.moments[i];
        const int32_t person = e->data->user_person[m.user];
        bool found = false;
        for (int64_t k = e->data->person_begin[person]; k < e->data->person_begin[person + 1] && !found; k++) {
            const int32_t other = e->data->person_user[k];
            const int64_t begin = e->data->inter_begin[other];
            found = e->data->user_platform[other] == source && other != m.user &&
                    begin < (m.stage == CT_STAGE_VALID ? e->split->train_end[other] : e->split->valid_end[other]) &&
                    e->data->inter_time[begin] < m.time;
        }
        if (found) e->members[n++] = i;
    }
    return n;
}

static ct_status fill_slices(platform_eval *e, ct_platform_report *out, ct_error *err) {
    static const struct {
        const char *name;
        int64_t least, most;
    } pasts[] = {{"0 past", 0, 0}, {"1-5 past", 1, 5}, {"6-20 past", 6, 20}, {"21+ past", 21, INT64_MAX}};
    const int n_pasts = (int)(sizeof pasts / sizeof *pasts);
    const int most_slices = 1 + e->data->n_platforms - 1 + n_pasts;
    CT_CHECK(ct_calloc((size_t)most_slices, sizeof *out->slices, (void **)&out->slices, err));
    CT_CHECK(fill_slice(e, &out->slices[out->n_slices++], "all", all_users(e), err));
    if (e->options->quick) return CT_OK;
    CT_CHECK(ct_rank_coverage(ct_model_device(e->model), &e->q, e->users, e->items, ct_model_dim(e->model),
                              eval_of(e)->at.v, eval_of(e)->at.n, out->slices[0].model.coverage, err));
    for (int32_t p = 0; p < e->data->n_platforms; p++) {
        char name[64];
        const int64_t n = p == e->q.platform ? 0 : users_from(e, p);
        snprintf(name, sizeof name, "from %.50s", ct_strings_get(&e->data->platform_name, p));
        if (n > 0) CT_CHECK(fill_slice(e, &out->slices[out->n_slices++], name, n, err));
    }
    for (int i = 0; i < n_pasts; i++) {
        const int64_t n = users_by_past(e, pasts[i].least, pasts[i].most);
        if (n > 0) CT_CHECK(fill_slice(e, &out->slices[out->n_slices++], pasts[i].name, n, err));
    }
    return CT_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static void platform_close(platform_eval *e) {
    for (int i = 0; e->compare && i < n_compare(e); i++) ct_figures_free(&e->compare[i]);
    ct_figures_free(&e->model_figures);
    ct_figures_free(&e->popularity);
    ct_figures_free(&e->item_knn);
    ct_queries_free(&e->q);
    ct_free(e->compare);
    ct_free(e->users);
    ct_free(e->items);
    ct_free(e->ranks);
    ct_free(e->members);
}

static ct_status evaluate_platform(platform_eval e, int32_t platform, ct_platform_report *out, ct_error *err) {
    ct_status st = CT_OK;
    CT_TRY(ct_queries_create(&e.q, e.data, e.split, platform, e.options->stage, e.options->max_users,
                             (uint64_t)e.config->seed, err), st, done);
    out->name = ct_strings_get(&e.data->platform_name, platform);
    out->n_items = e.q.n_items;
    out->n_targets = e.q.n_targets;
    CT_TRY(ct_calloc((size_t)e.q.n, sizeof *e.members, (void **)&e.members, err), st, done);
    CT_TRY(encode(&e, err), st, done);
    CT_TRY(rank_all(&e, err), st, done);
    CT_TRY(ct_examples_create(&out->examples, &out->n_examples, ct_model_device(e.model), &e.q, e.users, e.items,
                              ct_model_dim(e.model), e.options->examples, (uint64_t)e.config->seed, err), st, done);
    st = fill_slices(&e, out, err);
done:
    platform_close(&e);
    return st;
}

/* "2026-10-01 00:00:00 UTC"; the seconds themselves where no calendar has the year. */
static void put_time(char *out, size_t size, int64_t seconds) {
    const time_t t = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&t, &parts) || strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        snprintf(out, size, "%lld", (long long)seconds);
}

static void put_split(char *out, size_t size, const ct_dataset *data, ct_split_kind kind) {
    char valid[64], test[64];
    put_time(valid, sizeof valid, data->valid_time);
    put_time(test, sizeof test, data->test_time);
    if (kind == CT_SPLIT_TIME) snprintf(out, size, "global time (validation from %s, test from %s)", valid, test);
    else snprintf(out, size, "each user's last interactions");
}

static void write_protocol(ct_eval_report *r, const ct_dataset *data, const ct_config *c, const ct_eval_options *o) {
    char users[64] = "", split[192];
    if (o->max_users > 0) snprintf(users, sizeof users, "at most %lld users a platform, ", (long long)o->max_users);
    put_split(split, sizeof split, data, c->eval.split);
    snprintf(r->protocol, sizeof r->protocol,
             "%s, split by %s, %sfull catalogue of the platform, earlier items of the user left out, repeats are no "
             "targets, recall over all targets, ties count half, cold users and items kept",
             o->stage == CT_STAGE_VALID ? "validation" : "test", split, users);
}

static ct_status open_bundles(const ct_config *config, ct_bundle ***out, ct_error *err) {
    CT_CHECK(ct_calloc((size_t)config->eval.n_compare, sizeof **out, (void **)out, err));
    for (int i = 0; i < config->eval.n_compare; i++)
        CT_CHECK(ct_bundle_open(&(*out)[i], config->eval.compare[i].path, err));
    return CT_OK;
}

ct_status ct_evaluate_model(ct_model *model, const ct_dataset *data, const ct_split *split, const ct_config *config,
                            const ct_eval_options *options, ct_encode_progress progress, void *ctx,
                            ct_eval_report *report, ct_error *err) {
    ct_status st = CT_OK;
    platform_eval e = {.model = model, .data = data, .split = split, .config = config, .options = options,
                       .progress = progress, .progress_ctx = ctx,
                       .n_threads = ct_device_get_info(ct_model_device(model)).n_threads};
    ct_bundle **bundles = NULL;
    memset(report, 0, sizeof *report);
    report->stage = options->stage;
    report->n_at = config->eval.at.n;
    report->at = config->eval.at.v;
    report->n_compare = options->compare ? config->eval.n_compare : 0;
    report->compare = config->eval.compare;
    write_protocol(report, data, config, options);
    if (options->compare) CT_TRY(open_bundles(config, &bundles, err), st, done);
    e.bundles = bundles;
    CT_TRY(ct_batcher_create(&e.batcher, data, split, NULL, config, err), st, done);
    CT_TRY(ct_calloc((size_t)data->n_platforms, sizeof *report->platforms, (void **)&report->platforms, err), st, done);
    for (int32_t p = 0; p < data->n_platforms; p++)
        CT_TRY(evaluate_platform(e, p, &report->platforms[report->n_platforms++], err), st, done);
done:
    for (int i = 0; bundles && i < config->eval.n_compare; i++) ct_bundle_close(bundles[i]);
    ct_free(bundles);
    ct_batcher_free(e.batcher);
    if (st != CT_OK) ct_eval_report_free(report);
    return st;
}

static void slice_free(ct_slice *s, int compared) {
    ct_metrics_free(&s->model);
    ct_metrics_free(&s->popularity);
    ct_metrics_free(&s->item_knn);
    for (int i = 0; s->compare && i < compared; i++) ct_metrics_free(&s->compare[i]);
    ct_free(s->compare);
    ct_free(s->model_ndcg);
    ct_free(s->gain_popularity);
    ct_free(s->gain_knn);
}

void ct_eval_report_free(ct_eval_report *r) {
    for (int p = 0; p < r->n_platforms; p++) {
        for (int i = 0; i < r->platforms[p].n_slices; i++) slice_free(&r->platforms[p].slices[i], r->n_compare);
        ct_free(r->platforms[p].slices);
        ct_examples_free(r->platforms[p].examples, r->platforms[p].n_examples);
    }
    ct_free(r->platforms);
    memset(r, 0, sizeof *r);
}
