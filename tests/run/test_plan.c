/* The dry run: what it promises is what a run then takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "run/session.h"
#include "run/text.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"

static char *folder;

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    return 0;
}

static char *plan(const ct_config *c) {
    char *text = NULL;
    ct_error err = CT_ERROR_INIT;
    if (ct_run_plan(c, NULL, &text, &err) != CT_OK) fail_msg("%s", err.text);
    return text;
}

static void expect_word(const char *text, const char *word) {
    if (!strstr(text, word)) fail_msg("'%s' is not in\n%s", word, text);
}

/* "  WHAT ...   1.5 MiB" */
static void expect_bytes(const char *text, const char *what, size_t bytes) {
    ct_str size = {0};
    const char *line = strstr(text, what);
    if (!line) fail_msg("'%s' is not in\n%s", what, text);
    assert_int_equal(ct__put_bytes(&size, (double)bytes, NULL), CT_OK);
    const char *end = strchr(line, '\n');
    assert_true((size_t)(end - line) > size.length);
    if (strncmp(end - size.length, ct_str_text(&size), size.length) != 0)
        fail_msg("want %s in: %.*s", ct_str_text(&size), (int)(end - line), line);
    ct_str_free(&size);
}

/* Opens the session that training would and compares. Encoding passes of CT_ENCODE_ROWS rows are planned into
 * the same arenas, so training must be the larger of the two for the numbers to be the same: hence the batch.
 */
static void check_plan(const char *a, const char *b, int64_t batch) {
    ct_session s;
    ct_error err = CT_ERROR_INIT;
    char key[64];
    snprintf(key, sizeof key, "train.batch=%lld", (long long)batch);
    ct_config *c = tiny_config(folder, key, a, b, NULL);
    char *text = plan(c);
    if (ct_session_open(&s, c, true, NULL, &err) != CT_OK) fail_msg("%s", err.text);
    const ct_params *p = ct_model_params(s.model);
    size_t dense = 0, tables = 0, rows = 0;
    for (int32_t i = 0; i < p->n_segments; i++) dense += (size_t)(p->segments[i].rows * p->segments[i].cols);
    const int32_t trained = p->n_tables - p->n_state_tables;
    const ct_id_table *state = p->n_state_tables ? &p->tables[trained] : NULL; /* training's, and encoding's of its size */
    const size_t vectors = state ? 2 * (size_t)(state->rows * state->cols) : 0;
    for (int32_t i = 0; i < trained; i++) {
        tables += (size_t)(p->tables[i].rows * p->tables[i].cols);
        rows += (size_t)(p->tables[i].max_unique * p->tables[i].cols);
    }
    snprintf(key, sizeof key, "%zu dense parameters, %zu in id tables", dense, tables);
    expect_word(text, key);
    snprintf(key, sizeof key, "%lld steps of %lld pairs",
             (long long)ct_sampler_steps(s.sampler, c->train.epochs), (long long)batch);
    expect_word(text, key);
    snprintf(key, sizeof key, "at most %lld negatives", (long long)batch - 1);
    expect_word(text, key);
    snprintf(key, sizeof key, "3 platforms, %lld users, %lld items", (long long)s.data->n_users,
             (long long)s.data->n_items);
    expect_word(text, key);
    const size_t flat = (size_t)p->n_values * 4;
    expect_bytes(text, "weights", flat + 4 * (tables + vectors));
    expect_bytes(text, "gradients", flat + 4 * rows);
    expect_bytes(text, "optimizer state", 2 * (flat + 4 * tables));
    expect_bytes(text, "activations and their gradients", ct_model_activation_bytes(s.model));
    ct_session_close(&s);
    ct_text_free(text);
    ct_config_close(c);
}

static void what_is_planned_is_what_is_taken(void **state) {
    (void)state;
    check_plan("train.epochs=2", "seed=1", 512);
    check_plan("model.user.layers=3", "model.ids={users: 0, items: 0, history: 0}", 400);
    check_plan("model.item.widths=[1, 2, 3, 4]", "loss.logq=none", 512);
}

static void planning_takes_and_leaves_nothing(void **state) {
    (void)state;
    ct_config *c = tiny_config(folder, "train.batch=200000", "model.user.hidden=4096", "model.user.layers=48",
                               "model.user.heads=64", "run_dir=elsewhere", NULL);
    /* Terabytes of activations: only their sum is taken. */
    char *text = plan(c);
    expect_word(text, "TiB");
    ct_text_free(text);
    ct_config_close(c);
}

static void steps_may_be_named(void **state) {
    (void)state;
    ct_config *c = tiny_config(folder, "train.steps=77", NULL);
    char *text = plan(c);
    expect_word(text, "77 steps of 32 pairs");
    expect_word(text, "run tiny on device cpu");
    ct_text_free(text);
    ct_config_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_planned_is_what_is_taken),
        cmocka_unit_test(planning_takes_and_leaves_nothing),
        cmocka_unit_test(steps_may_be_named),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
