/* Runs that must be the same: by the same seed, stopped and taken up again, killed, with another number of threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/safetensors.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/train/run_support.h"

static void the_same_seed_gives_the_same_bytes(void **state) {
    (void)state;
    ct_config *c = tiny_config(run_folder, NULL);
    tiny_train(c, NULL);
    run_keep();
    tiny_train(c, NULL);
    run_assert_same_checkpoints(3);
    run_assert_same_metrics();
    ct_config_close(c);
    run_keep();
    c = tiny_config(run_folder, "seed=4", NULL);
    tiny_train(c, NULL);
    char *a = test_read_text(test_path(run_folder, "run/metrics.jsonl"));
    char *b = test_read_text(test_path(run_folder, "kept/metrics.jsonl"));
    assert_string_not_equal(a, b);
    free(a);
    free(b);
    ct_config_close(c);
}

/* Stops in one way after `first` steps, in another after more, and goes on. */
static void stop_and_resume(const ct_config *c, int64_t first, int64_t second) {
    run_seen s;
    ct_observer o = run_observer(&s);
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
        tiny_config(run_folder, "model.ids.dropout=0.2", "train.part_dropout=0.3", "eval.every=0.4 epoch", NULL);
    const ct_train_result whole = tiny_train(c, NULL);
    run_keep();
    ct_rng rng = ct_rng_make(5, 0, 0);
    for (int round = 0; round < 4; round++) {
        run_remove("run");
        const int64_t first =
            round == 0 ? whole.steps / 2 : 1 + (int64_t)ct_rng_below(&rng, (uint64_t)whole.steps - 6);
        print_message("stopped after step %lld\n", (long long)first);
        stop_and_resume(c, first, 1 + (int64_t)ct_rng_below(&rng, 3));
        run_assert_same_checkpoints(3);
        run_assert_same_metrics();
    }
    ct_config_close(c);
}

/* A killed run leaves later lines in metrics.jsonl, half a line, a temporary file and a later best
 * checkpoint. */
static void a_killed_run_is_the_run_that_was_not(void **state) {
    (void)state;
    ct_config *c = tiny_config(run_folder, NULL);
    tiny_train(c, NULL);
    run_keep();
    ct_train_options options = {.stop_after = 11};
    assert_int_equal(ct_run_train(c, &options, NULL, NULL, NULL), CT_ERR_INTERRUPTED);
    FILE *f = fopen(test_path(run_folder, "run/metrics.jsonl"), "ab");
    fputs("{\"kind\":\"train\",\"step\":12,\"loss\":1}\n{\"kind\":\"valid\",\"step\":99}\n{\"kind\":\"tr", f);
    fclose(f);
    test_write_text(tiny_checkpoint(run_folder, "step-00000016"),
                    "half of it"); /* would be renamed last: not ours */
    rename(tiny_checkpoint(run_folder, "step-00000016"),
           test_path(run_folder, "run/checkpoints/step-00000016.safetensors.tmp-1-1"));
    tiny_train(c, &(ct_train_options){.resume = true});
    unlink(test_path(run_folder, "run/checkpoints/step-00000016.safetensors.tmp-1-1"));
    run_assert_same_checkpoints(3);
    run_assert_same_metrics();
    /* Going on with a run that is done does nothing. */
    const ct_train_result done = tiny_train(c, &(ct_train_options){.resume = true});
    assert_true(done.steps > 11);
    run_assert_same_checkpoints(3);
    ct_config_close(c);
}

/* Threads only change the order of a few sums. The tolerance: weights move by at most lr a step and rounding
 * differs by some ulp of f32, which Adam's division makes visible where a gradient is near zero; so a weight
 * may differ by a small part of the way that it can go, and most agree far better. */
static void one_thread_is_two_threads(void **state) {
    (void)state;
    ct_config *one = tiny_config(run_folder, "train.batch=256", "train.steps=12", "eval.every=0",
                                 "model.user.hidden=64", "threads=1", NULL);
    ct_config *two = tiny_config(run_folder, "train.batch=256", "train.steps=12", "eval.every=0",
                                 "model.user.hidden=64", "threads=2", NULL);
    const ct_train_result a = tiny_train(one, NULL);
    run_keep();
    const ct_train_result b = tiny_train(two, NULL);
    assert_int_equal(a.steps, b.steps);
    assert_true(fabs(a.loss - b.loss) <= 1e-4 * fabs(a.loss));
    char name[64];
    snprintf(name, sizeof name, "step-%08lld", (long long)a.steps);
    ct_safetensors *x = NULL, *y = NULL;
    char kept[128];
    snprintf(kept, sizeof kept, "kept/checkpoints/%s.safetensors", name);
    assert_int_equal(ct_safetensors_open(&x, test_path(run_folder, kept), NULL), CT_OK);
    assert_int_equal(ct_safetensors_open(&y, tiny_checkpoint(run_folder, name), NULL), CT_OK);
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

#define RUN(test) cmocka_unit_test_setup(test, run_clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        RUN(the_same_seed_gives_the_same_bytes),
        RUN(a_run_that_was_stopped_is_the_run_that_was_not),
        RUN(a_killed_run_is_the_run_that_was_not),
        RUN(one_thread_is_two_threads),
    };
    return cmocka_run_group_tests(tests, run_set_up, test_dir_teardown);
}
