/* Whole runs on the tiny project: they learn, stop and go on as if they had not stopped, repeat themselves
 * byte for byte, survive what is not finite, and refuse what they should refuse. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/safetensors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

/* ---- what an observer saw
 * -------------------------------------------------------------------------------------- */

typedef struct seen {
    double first_loss, last_loss;
    int n_progress, n_validations, n_warnings;
    int64_t last_step;
    char warnings[4096];
    int steps_left; /* the stop callback answers yes from the call on that finds 0; negative: never */
} seen;

static void on_progress(void *ctx, const ct_train_progress *p) {
    seen *s = ctx;
    assert_true(p->step > s->last_step && p->step <= p->n_steps);
    assert_true(p->wait_share >= 0.0 && p->wait_share <= 1.0 && p->pairs_per_s > 0.0 &&
                p->tokens_per_s > 0.0);
    assert_true(p->eta_s >= 0.0 && p->lr > 0.0 && p->temperature > 0.0);
    if (s->n_progress++ == 0) s->first_loss = p->loss;
    s->last_loss = p->loss;
    s->last_step = p->step;
}

static void on_validation(void *ctx, const ct_train_validation *v) {
    seen *s = ctx;
    s->n_validations++;
    assert_string_equal(v->metric_name, "ndcg@10");
    assert_true(v->metric >= 0.0 && v->metric <= v->best);
}

static void on_message(void *ctx, ct_message_level level, const char *text) {
    seen *s = ctx;
    if (level != CT_MESSAGE_WARNING) return;
    s->n_warnings++;
    strncat(s->warnings, text, sizeof s->warnings - strlen(s->warnings) - 1);
    strncat(s->warnings, "\n", sizeof s->warnings - strlen(s->warnings) - 1);
}

static int on_stop(void *ctx) {
    seen *s = ctx;
    if (s->steps_left > 0)
        s->steps_left--;
    else
        return s->steps_left == 0;
    return 0;
}

static ct_observer observer_of(seen *s) {
    *s = (seen){.steps_left = -1};
    return (ct_observer){.ctx = s,
                         .message = on_message,
                         .train_progress = on_progress,
                         .train_validation = on_validation,
                         .stop = on_stop};
}

/* ---- helpers
 * ---------------------------------------------------------------------------------------------------- */

static char *folder; /* with the project; one for all tests, each with a clean run folder */

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    return 0;
}

static void remove_run(const char *name) {
    char command[1200];
    snprintf(command, sizeof command, "rm -rf '%s/%s'", folder, name);
    assert_int_equal(system(command), 0);
}

static int clean(void **state) {
    (void)state;
    remove_run("run");
    remove_run("kept");
    return 0;
}

/* Puts the run folder aside under another name: a checkpoint names its run folder, so equal runs must share
 * it. */
static void keep_run(void) {
    remove_run("kept");
    assert_int_equal(rename(test_path(folder, "run"), test_path(folder, "kept")), 0);
}

static void assert_same_bytes(const char *a, const char *b) {
    struct stat x, y;
    if (stat(a, &x) != 0 || stat(b, &y) != 0) fail_msg("%s or %s is not there", a, b);
    assert_int_equal(x.st_size, y.st_size);
    char *s = test_read_text(a), *t = test_read_text(b);
    if (memcmp(s, t, (size_t)x.st_size) != 0) fail_msg("%s and %s differ", a, b);
    free(s);
    free(t);
}

static bool is_checkpoint(const char *name) {
    return strstr(name, ".safetensors") != NULL;
}

/* The checkpoints of run/ and kept/ are the same files. */
static void assert_same_checkpoints(int wanted) {
    int n = 0;
    DIR *dir = opendir(test_path(folder, "run/checkpoints"));
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        char a[512], b[512];
        if (!is_checkpoint(e->d_name)) continue;
        snprintf(a, sizeof a, "run/checkpoints/%s", e->d_name);
        snprintf(b, sizeof b, "kept/checkpoints/%s", e->d_name);
        assert_same_bytes(test_path(folder, a), test_path(folder, b));
        n++;
    }
    closedir(dir);
    assert_int_equal(n, wanted);
    assert_int_equal(test_count_entries(test_path(folder, "kept/checkpoints")), wanted);
}

/* metrics.jsonl with each line's speed fields taken out. */
static json_t *metrics(const char *run) {
    char name[64];
    snprintf(name, sizeof name, "%s/metrics.jsonl", run);
    char *text = test_read_text(test_path(folder, name));
    assert_non_null(text);
    json_t *rows = json_array();
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *row = json_loadb(line, (size_t)(end - line), 0, NULL);
        assert_non_null(row);
        json_object_del(row, "pairs_per_s");
        json_object_del(row, "tokens_per_s");
        json_object_del(row, "wait_share");
        json_array_append_new(rows, row);
    }
    free(text);
    return rows;
}

static void assert_same_metrics(void) {
    json_t *a = metrics("run"), *b = metrics("kept");
    assert_true(json_array_size(a) > 2);
    assert_true(json_equal(a, b));
    json_decref(a);
    json_decref(b);
}

/* ---- learning
 * --------------------------------------------------------------------------------------------------- */

static void a_run_learns_and_leaves_its_files(void **state) {
    (void)state;
    seen s;
    ct_observer o = observer_of(&s);
    ct_train_result result;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(folder, "train.epochs=6", NULL);
    if (ct_run_train(c, NULL, &o, &result, &err) != CT_OK) fail_msg("%s", err.text);
    assert_int_equal(s.last_step, result.steps);
    assert_true(s.last_loss < 0.75 * s.first_loss);
    assert_int_equal(s.n_validations, 6);
    assert_int_equal(s.n_warnings, 1);
    assert_non_null(strstr(s.warnings, "platform 'news'")); /* which lies in the past */
    assert_true(result.best > 0.2 && result.best_step > 0 && result.skipped == 0 && !result.stopped_early);
    assert_true(result.loss == s.last_loss);
    const char *const files[] = {"run/config.yaml", "run/metrics.jsonl", "run/checkpoints/best.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(access(test_path(folder, files[i]), R_OK), 0);
    assert_int_equal(test_count_entries(test_path(folder, "run/checkpoints")),
                     3); /* the best, and the newest two */
    /* The resolved configuration opens to the same run. */
    ct_config *again = NULL;
    char *mistakes = NULL, *x = NULL, *y = NULL;
    assert_int_equal(ct_config_open(&again, test_path(folder, "run/config.yaml"), NULL, 0, &mistakes, NULL),
                     CT_OK);
    assert_int_equal(ct_config_text(c, &x, NULL), CT_OK);
    assert_int_equal(ct_config_text(again, &y, NULL), CT_OK);
    assert_string_equal(x, y);
    ct_text_free(x);
    ct_text_free(y);
    ct_config_close(again);
    ct_config_close(c);
}

/* ---- the same bytes
 * --------------------------------------------------------------------------------------------- */

static void the_same_seed_gives_the_same_bytes(void **state) {
    (void)state;
    ct_config *c = tiny_config(folder, NULL);
    tiny_train(c, NULL);
    keep_run();
    tiny_train(c, NULL);
    assert_same_checkpoints(3);
    assert_same_metrics();
    ct_config_close(c);
    keep_run();
    c = tiny_config(folder, "seed=4", NULL);
    tiny_train(c, NULL);
    char *a = test_read_text(test_path(folder, "run/metrics.jsonl"));
    char *b = test_read_text(test_path(folder, "kept/metrics.jsonl"));
    assert_string_not_equal(a, b);
    free(a);
    free(b);
    ct_config_close(c);
}

/* Stops in one way after `first` steps, in another after more, and goes on. */
static void stop_and_resume(const ct_config *c, int64_t first, int64_t second) {
    seen s;
    ct_observer o = observer_of(&s);
    ct_train_result result;
    ct_train_options options = {.stop_after = first};
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(ct_run_train(c, &options, NULL, &result, &err), CT_ERR_INTERRUPTED);
    assert_int_equal(result.steps, first);
    assert_non_null(strstr(err.text, "a checkpoint was written, --resume goes on"));
    options = (ct_train_options){.resume = true};
    s.steps_left = (int)second;
    assert_int_equal(ct_run_train(c, &options, &o, &result, NULL), CT_ERR_INTERRUPTED);
    assert_true(result.steps > first);
    tiny_train(c, &options);
}

static void a_run_that_was_stopped_is_the_run_that_was_not(void **state) {
    (void)state;
    ct_config *c =
        tiny_config(folder, "model.ids.dropout=0.2", "train.part_dropout=0.3", "eval.every=0.4 epoch", NULL);
    const ct_train_result whole = tiny_train(c, NULL);
    keep_run();
    ct_rng rng = ct_rng_make(5, 0, 0);
    for (int round = 0; round < 4; round++) {
        remove_run("run");
        const int64_t first =
            round == 0 ? whole.steps / 2 : 1 + (int64_t)ct_rng_below(&rng, (uint64_t)whole.steps - 6);
        print_message("stopped after step %lld\n", (long long)first);
        stop_and_resume(c, first, 1 + (int64_t)ct_rng_below(&rng, 3));
        assert_same_checkpoints(3);
        assert_same_metrics();
    }
    ct_config_close(c);
}

/* A killed run leaves later lines in metrics.jsonl, half a line, a temporary file and a later best
 * checkpoint. */
static void a_killed_run_is_the_run_that_was_not(void **state) {
    (void)state;
    ct_config *c = tiny_config(folder, NULL);
    tiny_train(c, NULL);
    keep_run();
    ct_train_options options = {.stop_after = 11};
    assert_int_equal(ct_run_train(c, &options, NULL, NULL, NULL), CT_ERR_INTERRUPTED);
    FILE *f = fopen(test_path(folder, "run/metrics.jsonl"), "ab");
    fputs("{\"kind\":\"train\",\"step\":12,\"loss\":1}\n{\"kind\":\"valid\",\"step\":99}\n{\"kind\":\"tr", f);
    fclose(f);
    test_write_text(tiny_checkpoint(folder, "step-00000016"),
                    "half of it"); /* would be renamed last: not ours */
    rename(tiny_checkpoint(folder, "step-00000016"),
           test_path(folder, "run/checkpoints/step-00000016.safetensors.tmp-1-1"));
    tiny_train(c, &(ct_train_options){.resume = true});
    unlink(test_path(folder, "run/checkpoints/step-00000016.safetensors.tmp-1-1"));
    assert_same_checkpoints(3);
    assert_same_metrics();
    /* Going on with a run that is done does nothing. */
    const ct_train_result done = tiny_train(c, &(ct_train_options){.resume = true});
    assert_true(done.steps > 11);
    assert_same_checkpoints(3);
    ct_config_close(c);
}

/* Threads only change the order of a few sums. The tolerance: weights move by at most lr a step and rounding
 * differs by some ulp of f32, which Adam's division makes visible where a gradient is near zero; so a weight
 * may differ by a small part of the way that it can go, and most agree far better. */
static void one_thread_is_two_threads(void **state) {
    (void)state;
    ct_config *one = tiny_config(folder, "train.batch=256", "train.steps=12", "eval.every=0",
                                 "model.user.hidden=64", "threads=1", NULL);
    ct_config *two = tiny_config(folder, "train.batch=256", "train.steps=12", "eval.every=0",
                                 "model.user.hidden=64", "threads=2", NULL);
    const ct_train_result a = tiny_train(one, NULL);
    keep_run();
    const ct_train_result b = tiny_train(two, NULL);
    assert_int_equal(a.steps, b.steps);
    assert_true(fabs(a.loss - b.loss) <= 1e-4 * fabs(a.loss));
    char name[64];
    snprintf(name, sizeof name, "step-%08lld", (long long)a.steps);
    ct_safetensors *x = NULL, *y = NULL;
    char kept[128];
    snprintf(kept, sizeof kept, "kept/checkpoints/%s.safetensors", name);
    assert_int_equal(ct_safetensors_open(&x, test_path(folder, kept), NULL), CT_OK);
    assert_int_equal(ct_safetensors_open(&y, tiny_checkpoint(folder, name), NULL), CT_OK);
    assert_int_equal(ct_safetensors_count(x), ct_safetensors_count(y));
    const double most = 0.1 * 1e-3 * (double)a.steps;
    double worst = 0.0, sum = 0.0;
    int64_t n = 0;
    for (int i = 0; i < ct_safetensors_count(x); i++) {
        const ct_safetensor *s = ct_safetensors_at(x, i), *t = ct_safetensors_at(y, i);
        assert_string_equal(s->name, t->name);
        if (strncmp(s->name, "param/", 6) != 0) continue;
        for (size_t k = 0; k < s->bytes / 4; k++) {
            float u, v;
            memcpy(&u, (const char *)s->data + 4 * k, 4);
            memcpy(&v, (const char *)t->data + 4 * k, 4);
            const double d = fabs((double)u - (double)v);
            if (!(d <= most)) fail_msg("%s[%zu]: %.9g with one thread, %.9g with two", s->name, k, u, v);
            worst = fmax(worst, d);
            sum += d;
            n++;
        }
    }
    print_message("largest difference %.3g, mean %.3g, allowed %.3g and %.3g\n", worst, sum / (double)n, most,
                  most / 100);
    assert_true(sum / (double)n <= most / 100);
    ct_safetensors_close(x);
    ct_safetensors_close(y);
    ct_config_close(one);
    ct_config_close(two);
}

/* ---- stopping
 * ---------------------------------------------------------------------------------------------------- */

static void an_interrupt_writes_a_checkpoint(void **state) {
    (void)state;
    seen s;
    ct_observer o = observer_of(&s);
    ct_train_result result;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(folder, NULL);
    s.steps_left = 3;
    assert_int_equal(ct_run_train(c, NULL, &o, &result, &err), CT_ERR_INTERRUPTED);
    assert_int_equal(result.steps, 3);
    assert_int_equal(access(tiny_checkpoint(folder, "step-00000003"), R_OK), 0);
    ct_config_close(c);
}

static void a_run_stops_early_when_nothing_gets_better(void **state) {
    (void)state;
    seen s;
    ct_observer o = observer_of(&s);
    ct_train_result result;
    ct_config *c = tiny_config(folder, "train.lr=1e-12", "train.patience=2", "eval.every=0.25 epoch", NULL);
    assert_int_equal(ct_run_train(c, NULL, &o, &result, NULL), CT_OK);
    assert_true(result.stopped_early);
    assert_int_equal(s.n_validations, 3); /* the first is the best, two are no better */
    char name[64];
    snprintf(name, sizeof name, "step-%08lld", (long long)result.steps);
    assert_int_equal(access(tiny_checkpoint(folder, name), R_OK), 0);
    const ct_train_result again = tiny_train(c, &(ct_train_options){.resume = true});
    assert_true(again.stopped_early && again.steps == result.steps);
    ct_config_close(c);
    /* With more patience the same run goes on. */
    c = tiny_config(folder, "train.lr=1e-12", "train.patience=3", "eval.every=0.25 epoch", NULL);
    const ct_train_result more = tiny_train(c, &(ct_train_options){.resume = true});
    assert_true(more.steps > result.steps);
    ct_config_close(c);
}

/* ---- values that are not finite
 * ---------------------------------------------------------------------------------- */

/* A run of five steps whose checkpoint then holds NaN in a weight of the item tower. */
static void poisoned_run(const ct_config *c) {
    const ct_train_options options = {.stop_after = 5};
    assert_int_equal(ct_run_train(c, &options, NULL, NULL, NULL), CT_ERR_INTERRUPTED);
    tiny_spoil(tiny_checkpoint(folder, "step-00000005"), "param/item.projection.weight", NAN);
}

static void updates_that_are_not_finite_are_skipped(void **state) {
    (void)state;
    seen s;
    ct_observer o = observer_of(&s);
    ct_train_result result;
    ct_config *c = tiny_config(folder, "train.log_every=1", "train.checkpoint.keep=9", NULL);
    poisoned_run(c);
    const ct_train_options options = {.resume = true, .stop_after = 4};
    assert_int_equal(ct_run_train(c, &options, &o, &result, NULL), CT_ERR_INTERRUPTED);
    assert_int_equal(result.steps, 9);
    assert_int_equal(result.skipped, 4);
    assert_int_equal(s.n_warnings, 4);
    assert_non_null(strstr(s.warnings, "step 5: "));
    assert_non_null(strstr(s.warnings, "is not finite; this update was skipped"));
    /* Nothing moved: the other weights and the moments are those of step 5. */
    ct_safetensors *x = NULL, *y = NULL;
    assert_int_equal(ct_safetensors_open(&x, tiny_checkpoint(folder, "step-00000005"), NULL), CT_OK);
    assert_int_equal(ct_safetensors_open(&y, tiny_checkpoint(folder, "step-00000009"), NULL), CT_OK);
    assert_true(ct_safetensors_hash(x) == ct_safetensors_hash(y));
    assert_string_equal(ct_safetensors_metadata(y, "skipped"), "4");
    ct_safetensors_close(x);
    ct_safetensors_close(y);
    /* JSON has no NaN. */
    json_t *rows = metrics("run");
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    assert_true(json_is_null(json_object_get(last, "loss")));
    assert_int_equal(json_integer_value(json_object_get(last, "skipped")), 4);
    json_decref(rows);
    ct_config_close(c);
}

static void updates_that_are_not_finite_stop_a_run_that_wants_it(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(folder, "train.non_finite=stop", NULL);
    poisoned_run(c);
    assert_int_equal(ct_run_train(c, &(ct_train_options){.resume = true}, NULL, NULL, &err),
                     CT_ERR_NONFINITE);
    assert_non_null(strstr(err.text, "step 5: "));
    assert_non_null(strstr(err.text, "is not finite"));
    assert_non_null(strstr(err.text, "train.non_finite: skip"));
    ct_config_close(c);
}

/* ---- what is refused
 * --------------------------------------------------------------------------------------------- */

static ct_status train_again(ct_error *err, bool resume, bool overwrite, ct_config *c) {
    ct_error_clear(err);
    const ct_train_options options = {.resume = resume, .overwrite = overwrite, .stop_after = 2};
    const ct_status st = ct_run_train(c, &options, NULL, NULL, err);
    ct_config_close(c);
    return st;
}

static void a_run_folder_with_checkpoints_is_not_overwritten_unasked(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(train_again(&err, false, false, tiny_config(folder, NULL)), CT_ERR_INTERRUPTED);
    assert_int_equal(train_again(&err, false, false, tiny_config(folder, NULL)), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "holds checkpoints (newest: step 2)"));
    assert_non_null(strstr(err.text, "--resume"));
    assert_non_null(strstr(err.text, "--overwrite"));
    assert_int_equal(train_again(&err, true, true, tiny_config(folder, NULL)), CT_ERR_ARGUMENT);
    test_write_text(tiny_checkpoint(folder, "best"), "of an older run");
    test_write_text(test_path(folder, "run/events.out.tfevents.1.crosstower.1"), "of an older run");
    /* Overwriting begins when all else is well, not before. */
    const char *items = test_path(folder, "shop/items.csv"), *aside = test_path(folder, "shop/aside");
    assert_int_equal(rename(items, aside), 0);
    test_write_text(items, "item_id,title\n");
    assert_int_not_equal(train_again(&err, false, true, tiny_config(folder, NULL)), CT_OK);
    assert_int_equal(access(tiny_checkpoint(folder, "step-00000002"), R_OK), 0);
    assert_int_equal(rename(aside, items), 0);
    assert_int_equal(train_again(&err, false, true, tiny_config(folder, "seed=9", NULL)), CT_ERR_INTERRUPTED);
    assert_int_equal(test_count_entries(test_path(folder, "run/checkpoints")), 1);
    assert_int_not_equal(access(test_path(folder, "run/events.out.tfevents.1.crosstower.1"), R_OK), 0);
}

static void going_on_with_another_configuration_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(train_again(&err, false, false, tiny_config(folder, NULL)), CT_ERR_INTERRUPTED);
    assert_int_equal(
        train_again(&err, true, false, tiny_config(folder, "train.lr=2e-2", "model.dim=8", NULL)),
        CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "another configuration: model.dim, train.lr. "));
    assert_int_equal(train_again(&err, true, false, tiny_config(folder, "eval.best=mrr", NULL)),
                     CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "another configuration: eval.best. "));
    assert_int_equal(
        train_again(&err, true, false, tiny_config(folder, "train.groups={user.encoder: {lr: 1e-4}}", NULL)),
        CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "another configuration: train.groups. "));
    /* What does not touch the numbers may change. */
    assert_int_equal(
        train_again(&err, true, false,
                    tiny_config(folder, "train.log_every=1", "train.prefetch=2", "eval.bootstrap=0",
                                "export.formats=[csv]", "threads=2", "train.checkpoint.keep=5", NULL)),
        CT_ERR_INTERRUPTED);
}

static void going_on_with_other_data_is_refused(void **state) {
    (void)state;
    ct_error err = CT_ERROR_INIT;
    assert_int_equal(train_again(&err, false, false, tiny_config(folder, NULL)), CT_ERR_INTERRUPTED);
    char *before = test_read_text(test_path(folder, "video/interactions.csv"));
    FILE *f = fopen(test_path(folder, "video/interactions.csv"), "ab");
    fputs("u5,v1,4000,\n", f);
    fclose(f);
    assert_int_equal(train_again(&err, true, false, tiny_config(folder, NULL)), CT_ERR_CONFIG);
    assert_non_null(strstr(err.text, "was trained on other data"));
    test_write_text(test_path(folder, "video/interactions.csv"), before);
    free(before);
    assert_int_equal(train_again(&err, true, false, tiny_config(folder, NULL)), CT_ERR_INTERRUPTED);
}

/* ---- damaged checkpoints
 * ----------------------------------------------------------------------------------------- */

static void a_damaged_newest_checkpoint_gives_way_to_the_one_before(void **state) {
    (void)state;
    seen s;
    ct_error err = CT_ERROR_INIT;
    ct_config *c = tiny_config(folder, "train.checkpoint.keep=1", NULL);
    const ct_train_result whole = tiny_train(c, NULL);
    keep_run();
    ct_train_options options = {.stop_after = 6};
    assert_int_equal(ct_run_train(c, &options, NULL, NULL, NULL), CT_ERR_INTERRUPTED);
    char *bytes = test_read_text(tiny_checkpoint(folder, "step-00000006"));
    assert_non_null(bytes);
    test_write_file(tiny_checkpoint(folder, "step-00000009"), bytes, 700);
    free(bytes);
    ct_observer o = observer_of(&s);
    options = (ct_train_options){.resume = true, .stop_after = 1};
    assert_int_equal(ct_run_train(c, &options, &o, NULL, NULL), CT_ERR_INTERRUPTED);
    assert_int_equal(s.n_warnings, 1);
    assert_non_null(strstr(s.warnings, "step-00000009.safetensors"));
    assert_non_null(strstr(s.warnings, "taking the checkpoint before it"));
    /* keep = 1 is the whole one of step 7, not the damaged one. */
    assert_int_equal(access(tiny_checkpoint(folder, "step-00000007"), R_OK), 0);
    tiny_train(c, &(ct_train_options){.resume = true});
    unlink(tiny_checkpoint(folder, "step-00000009"));
    assert_same_checkpoints(2);
    assert_same_metrics();
    /* None is whole. */
    char name[64];
    snprintf(name, sizeof name, "step-%08lld", (long long)whole.steps);
    assert_int_equal(truncate(tiny_checkpoint(folder, name), 10), 0);
    assert_int_equal(ct_run_train(c, &(ct_train_options){.resume = true}, &o, NULL, &err), CT_ERR_FORMAT);
    assert_non_null(strstr(err.text, "none of its 1 checkpoints is whole"));
    ct_config_close(c);
}

/* Every write, sync and rename of a run fails once: an I/O error comes out, and the run can go on to the same
 * end. */
static void a_full_disk_at_any_moment_loses_nothing(void **state) {
    (void)state;
    ct_config *c =
        tiny_config(folder, "train.steps=6", "train.checkpoint.every=0.05 epoch", "eval.every=0", NULL);
    ct_error err = CT_ERROR_INIT;
    tiny_train(c, NULL);
    keep_run();
    int failures = 0;
    for (uint64_t nth = 1;; nth += 1 + nth / 4) {
        remove_run("run");
        ct_error_clear(&err);
        ct_test_io_fault(nth, 28 /* ENOSPC */);
        const ct_status st = ct_run_train(c, NULL, NULL, NULL, &err);
        ct_test_io_fault(0, 0);
        if (st == CT_OK) break;
        failures++;
        assert_int_equal(st, CT_ERR_IO);
        assert_non_null(strstr(err.text, "No space left on device"));
        tiny_train(c, &(ct_train_options){.resume = true});
        assert_same_checkpoints(3);
        assert_same_metrics();
    }
    print_message("%d failures\n", failures);
    assert_true(failures > 5);
    ct_config_close(c);
}

int main(void) {
#define RUN(test) cmocka_unit_test_setup(test, clean)
    const struct CMUnitTest tests[] = {
        RUN(a_run_learns_and_leaves_its_files),
        RUN(the_same_seed_gives_the_same_bytes),
        RUN(a_run_that_was_stopped_is_the_run_that_was_not),
        RUN(a_killed_run_is_the_run_that_was_not),
        RUN(one_thread_is_two_threads),
        RUN(an_interrupt_writes_a_checkpoint),
        RUN(a_run_stops_early_when_nothing_gets_better),
        RUN(updates_that_are_not_finite_are_skipped),
        RUN(updates_that_are_not_finite_stop_a_run_that_wants_it),
        RUN(a_run_folder_with_checkpoints_is_not_overwritten_unasked),
        RUN(going_on_with_another_configuration_is_refused),
        RUN(going_on_with_other_data_is_refused),
        RUN(a_damaged_newest_checkpoint_gives_way_to_the_one_before),
        RUN(a_full_disk_at_any_moment_loses_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
