/* A project, its run folder, another to compare with, and an observer. */
#include "tests/train/run_support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"

static void on_progress(void *ctx, const ct_train_progress *p) {
    run_seen *s = ctx;
    assert_true(p->step > s->last_step && p->step <= p->n_steps);
    assert_true(p->wait_share >= 0.0 && p->wait_share <= 1.0 && p->pairs_per_s > 0.0 &&
                p->tokens_per_s > 0.0);
    assert_true(p->eta_s >= 0.0 && p->lr > 0.0 && p->temperature > 0.0);
    if (s->n_progress++ == 0) s->first_loss = p->loss;
    s->last_loss = p->loss;
    s->last_step = p->step;
}

static void on_validation(void *ctx, const ct_train_validation *v) {
    run_seen *s = ctx;
    s->n_validations++;
    assert_string_equal(v->metric_name, "ndcg@10");
    assert_true(v->metric >= 0.0 && v->metric <= v->best);
}

static void on_message(void *ctx, ct_message_level level, const char *text) {
    run_seen *s = ctx;
    if (level != CT_MESSAGE_WARNING) return;
    s->n_warnings++;
    strncat(s->warnings, text, sizeof s->warnings - strlen(s->warnings) - 1);
    strncat(s->warnings, "\n", sizeof s->warnings - strlen(s->warnings) - 1);
}

static int on_stop(void *ctx) {
    run_seen *s = ctx;
    if (s->steps_left > 0)
        s->steps_left--;
    else
        return s->steps_left == 0;
    return 0;
}

ct_observer run_observer(run_seen *s) {
    *s = (run_seen){.steps_left = -1};
    return (ct_observer){.ctx = s,
                         .message = on_message,
                         .train_progress = on_progress,
                         .train_validation = on_validation,
                         .stop = on_stop};
}

char *run_folder;

int run_set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    run_folder = *state;
    tiny_write(run_folder);
    return 0;
}

void run_remove(const char *name) {
    char command[1200];
    snprintf(command, sizeof command, "rm -rf '%s/%s'", run_folder, name);
    assert_int_equal(system(command), 0);
}

int run_clean(void **state) {
    (void)state;
    run_remove("run");
    run_remove("kept");
    return 0;
}

void run_keep(void) {
    run_remove("kept");
    assert_int_equal(rename(test_path(run_folder, "run"), test_path(run_folder, "kept")), 0);
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

void run_assert_same_checkpoints(int wanted) {
    int n = 0;
    DIR *dir = opendir(test_path(run_folder, "run/checkpoints"));
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        char a[512], b[512];
        if (!is_checkpoint(e->d_name)) continue;
        snprintf(a, sizeof a, "run/checkpoints/%s", e->d_name);
        snprintf(b, sizeof b, "kept/checkpoints/%s", e->d_name);
        assert_same_bytes(test_path(run_folder, a), test_path(run_folder, b));
        n++;
    }
    closedir(dir);
    assert_int_equal(n, wanted);
    assert_int_equal(test_count_entries(test_path(run_folder, "kept/checkpoints")), wanted);
}

json_t *run_metrics(const char *run) {
    char name[64];
    snprintf(name, sizeof name, "%s/metrics.jsonl", run);
    char *text = test_read_text(test_path(run_folder, name));
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

void run_assert_same_metrics(void) {
    json_t *a = run_metrics("run"), *b = run_metrics("kept");
    assert_true(json_array_size(a) > 2);
    assert_true(json_equal(a, b));
    json_decref(a);
    json_decref(b);
}
