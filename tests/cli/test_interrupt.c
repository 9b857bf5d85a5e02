/* Runs that are stopped, killed and gone on with end in the same bytes as a run that was left alone. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/cli/cli_support.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static const char run_folder[] = "runs/tiny", checkpoints[] = "runs/tiny/checkpoints";
static double reference_s; /* what the whole run takes here */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_s(double seconds) {
    const struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&t, NULL);
}

/* The run that nobody disturbs. It stays under another name: a checkpoint holds its run folder's path. */
static int setup(void **state) {
    if (cli_setup(state) != 0) return -1;
    cli_write_platforms();
    cli_expect("prepare run.yaml data.cache=cache", 0, NULL);
    const double begin = now_s();
    cli_expect("train run.yaml data.cache=cache", 0, "60 steps");
    reference_s = now_s() - begin;
    return rename(run_folder, "reference");
}

static void begin_anew(void) { cli_remove(run_folder); }

static void go_on_and_compare(void) {
    cli_expect("train run.yaml data.cache=cache --resume", 0, "60 steps");
    cli_same_folder("reference/checkpoints", checkpoints);
    if (cli_count(checkpoints, "crosstower-tmp-") != 0) fail_msg("temporary files are left over");
}

static void test_same_seed_same_bytes(void **state) {
    (void)state;
    begin_anew();
    cli_expect("train run.yaml data.cache=cache", 0, "60 steps");
    cli_same_folder("reference/checkpoints", checkpoints);
    cli_expect("train run.yaml data.cache=cache seed=8 --overwrite", 0, "60 steps");
    cli_expect("inspect runs/tiny/checkpoints/step-00000060.safetensors", 0, "seed: 8");
    /* The comparison can fail. */
    assert_int_not_equal(system("cd reference && cmp -s checkpoints/best.safetensors ../runs/tiny/checkpoints/"
                                "best.safetensors"), 0);
}

/* The metrics of training, without what a clock says, are those of the undisturbed run: none lost, none twice. */
static void same_metrics(void) {
    char *a = test_read_text("reference/metrics.jsonl"), *b = test_read_text("runs/tiny/metrics.jsonl");
    const char *x = a, *y = b;
    while (*x && *y) {
        const char *end_x = strstr(x, ",\"pairs_per_s\""), *end_y = strstr(y, ",\"pairs_per_s\"");
        if (!end_x && !end_y) break;
        if (!end_x || !end_y || end_x - x != end_y - y || memcmp(x, y, (size_t)(end_x - x)) != 0)
            fail_msg("metrics differ:\n%.300s\n%.300s", x, y);
        x = strstr(end_x, "\"train\"");
        y = strstr(end_y, "\"train\"");
        if (!x || !y) {
            assert_true(x == y);
            break;
        }
    }
    free(a);
    free(b);
}

static void test_stop_after(void **state) {
    (void)state;
    static const char *const slices[] = {"1", "21", "13", "22"}; /* the last one ends at step 57 */
    char args[128];
    begin_anew();
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        snprintf(args, sizeof args, "train run.yaml data.cache=cache --resume --stop-after %s", slices[i]);
        cli_expect(args, 130, "--resume goes on from it");
    }
    assert_true(cli_exists("runs/tiny/checkpoints/step-00000057.safetensors"));
    cli_expect("train run.yaml data.cache=cache --resume --stop-after 3", 0, "60 steps");
    cli_expect("train run.yaml data.cache=cache --resume", 0, "60 steps, nothing is left to do, best validation");
    assert_null(strstr(cli_out, "loss"));
    /* Which older checkpoints are still there depends on where the run was cut; the last and the best do not. */
    cli_same_file("reference/checkpoints/step-00000060.safetensors",
                  "runs/tiny/checkpoints/step-00000060.safetensors");
    cli_same_file("reference/checkpoints/best.safetensors", "runs/tiny/checkpoints/best.safetensors");
    same_metrics();
}

/* Waits until the run has logged something, so that it is inside its loop. */
static void wait_for_metrics(void) {
    for (int i = 0; i < 3000; i++) {
        char *text = test_read_text("runs/tiny/metrics.jsonl");
        const bool there = text && strchr(text, '\n');
        free(text);
        if (there) return;
        sleep_s(0.005);
    }
    fail_msg("no metrics after 15 s");
}

/* A signal while the loop runs: 130, a whole checkpoint, and a continuation to the same bytes. So many steps that the
 * run cannot be over before the signal. */
static void signal_and_resume(int number) {
    static const char args[] = "train run.yaml data.cache=cache train.steps=400";
    char resume[128];
    begin_anew();
    cli_expect(args, 0, "400 steps");
    cli_remove("long");
    assert_int_equal(rename(run_folder, "long"), 0);
    const pid_t pid = cli_start(NULL, args);
    wait_for_metrics();
    assert_int_equal(kill(pid, number), 0);
    const int code = cli_wait(pid);
    if (code != 130) cli_fail(args, "want exit code 130", "");
    if (!strstr(cli_err, "a checkpoint was written")) cli_fail(args, "names no checkpoint", "");
    assert_true(cli_count(checkpoints, "step-") > 0);
    assert_false(cli_exists("runs/tiny/checkpoints/step-00000400.safetensors"));
    snprintf(resume, sizeof resume, "%s --resume", args);
    cli_expect(resume, 0, "400 steps");
    cli_same_file("long/checkpoints/step-00000400.safetensors", "runs/tiny/checkpoints/step-00000400.safetensors");
    cli_same_file("long/checkpoints/best.safetensors", "runs/tiny/checkpoints/best.safetensors");
}

static void test_ctrl_c(void **state) {
    (void)state;
    signal_and_resume(SIGINT);
}

static void test_sigterm(void **state) {
    (void)state;
    signal_and_resume(SIGTERM);
}

static void test_second_signal_ends_at_once(void **state) {
    (void)state;
    begin_anew();
    const pid_t pid = cli_start(NULL, "train run.yaml data.cache=cache train.steps=100000 eval.every=0");
    wait_for_metrics();
    kill(pid, SIGSTOP); /* both are waiting when it goes on, so the second comes while the first is handled */
    kill(pid, SIGINT);
    kill(pid, SIGTERM);
    kill(pid, SIGCONT);
    assert_int_equal(cli_wait(pid), 130);
    assert_null(strstr(cli_err, "a checkpoint was written"));
}

/* kill -9, at moments drawn anew each time, until the run is through. */
static void test_killed_and_resumed(void **state) {
    (void)state;
    const unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
    printf("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 4; round++) {
        begin_anew();
        for (int k = 0; k < 3; k++) {
            const pid_t pid = cli_start(NULL, "train run.yaml data.cache=cache --resume");
            sleep_s(reference_s * (double)rand() / (double)RAND_MAX);
            kill(pid, SIGKILL);
            const int code = cli_wait(pid);
            if (code != 137 && code != 0) cli_fail("train --resume, then kill -9", "ended otherwise", "");
        }
        /* Temporary files of a killed process are nobody's; all else is as if nothing had been. */
        cli_expect("train run.yaml data.cache=cache --resume", 0, "60 steps");
        cli_same_file("reference/checkpoints/step-00000060.safetensors",
                      "runs/tiny/checkpoints/step-00000060.safetensors");
        cli_same_file("reference/checkpoints/best.safetensors", "runs/tiny/checkpoints/best.safetensors");
        same_metrics();
    }
}

/* The newest checkpoint was cut short: it is named, the one before it taken. */
static void test_resume_past_a_broken_checkpoint(void **state) {
    (void)state;
    begin_anew();
    cli_expect("train run.yaml data.cache=cache --stop-after 40", 130, NULL);
    cli_cut("runs/tiny/checkpoints/step-00000040.safetensors", -100);
    cli_expect("train run.yaml data.cache=cache --resume --stop-after 1", 130, "taking the checkpoint before it");
    assert_non_null(strstr(cli_err, "step-00000040.safetensors"));
    go_on_and_compare();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_stop_after),
        cmocka_unit_test(test_ctrl_c),
        cmocka_unit_test(test_sigterm),
        cmocka_unit_test(test_second_signal_ends_at_once),
        cmocka_unit_test(test_killed_and_resumed),
        cmocka_unit_test(test_resume_past_a_broken_checkpoint),
    };
    return cmocka_run_group_tests(tests, setup, cli_teardown);
}
