/* An update of a whole model against AdamW in double, written anew here for each value: groups, decay, frozen
 * segments, clipping, rows of id tables, the temperature's clamp, skipping, the name of what is not finite.
 * And fifty steps without a call to the allocator. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tests/support/cmocka.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"
#include "tests/train/step_support.h"

static char *folder;

static int set_up(void **state) {
    if (test_dir_setup(state) != 0) return -1;
    folder = *state;
    tiny_write(folder);
    return 0;
}

/* ---- AdamW in double
 * -------------------------------------------------------------------------------------------- */

typedef struct settings {
    double lr, decay, clip, beta1, beta2, eps, bias1, bias2;
} settings;

/* What w, m, v become; f32 rounding of the inputs only. */
static void adamw(double *w, double *m, double *v, double g, const settings *s) {
    g *= s->clip;
    *m = s->beta1 * *m + (1.0 - s->beta1) * g;
    *v = s->beta2 * *v + (1.0 - s->beta2) * g * g;
    *w -= s->lr * (s->decay * *w + (*m / s->bias1) / (sqrt(*v / s->bias2) + s->eps));
}

typedef struct arrays {
    float *w, *m, *v, *g;
} arrays;

static arrays take(const stepper *s, const float *w, const float *m, const float *v, const float *g,
                   int64_t n, int64_t n_g) {
    return (arrays){stepper_download(s, w, n), stepper_download(s, m, n), stepper_download(s, v, n),
                    stepper_download(s, g, n_g)};
}

static void release(arrays *a) {
    free(a->w);
    free(a->m);
    free(a->v);
    free(a->g);
}

static void near(double found, double wanted, double size, const char *name, int64_t i) {
    /* Some ten roundings of f32, of values as large as size. */
    if (!(fabs(found - wanted) <= 1e-6 * size + 1e-12))
        fail_msg("%s[%lld]: %.9g, want %.9g", name, (long long)i, found, wanted);
}

/* Value i of before (gradient at g_i) and after. */
static void check_value(const arrays *before, const arrays *after, int64_t i, int64_t g_i, const settings *s,
                        const char *name) {
    double w = before->w[i], m = before->m[i], v = before->v[i];
    adamw(&w, &m, &v, before->g[g_i], s);
    near(after->w[i], w, fabs(w) + s->lr, name, i);
    near(after->m[i], m, fabs(before->m[i]) + fabs(m), name, i);
    near(after->v[i], v, v, name, i);
}

static void check_same(const arrays *before, const arrays *after, int64_t i, const char *name) {
    if (before->w[i] != after->w[i] || before->m[i] != after->m[i] || before->v[i] != after->v[i])
        fail_msg("%s[%lld] moved", name, (long long)i);
}

/* Squared norm over everything, in double. */
static double norm_of(const stepper *s) {
    const ct_params *p = ct_model_params(s->session.model);
    double sum = 0.0;
    float *g = stepper_download(s, p->g, p->n_values);
    for (int64_t i = 0; i < p->n_values; i++) sum += (double)g[i] * (double)g[i];
    free(g);
    for (int t = 0; t < p->n_tables - p->n_state_tables; t++) {
        const int64_t n = p->tables[t].n_unique * p->tables[t].cols;
        g = stepper_download(s, p->tables[t].g, n);
        for (int64_t i = 0; i < n; i++) sum += (double)g[i] * (double)g[i];
        free(g);
    }
    return sqrt(sum);
}

typedef struct wanted {
    double lr, decay;
    bool frozen;
} wanted;

/* By the rule of train.groups, written out for the configuration of the test. */
static wanted wanted_of(const char *name) {
    static const char *const bare[] = {"bias", "norm", "log_scale"};
    wanted w = {1e-2, 0.3, false};
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++)
        if (strstr(name, bare[i])) w.decay = 0.0;
    if (strncmp(name, "user.encoder.", 13) == 0) {
        w.lr = 1e-3;
        if (w.decay > 0.0) w.decay = 0.05;
    }
    if (strncmp(name, "item.encoder.conv", 17) == 0) w.lr = 3e-3; /* and its neighbour's decay */
    if (strncmp(name, "item.projection", 15) == 0) w.frozen = true;
    return w;
}

static ct_config *grouped_config(const char *clip) {
    return tiny_config(
        folder, "train.weight_decay=0.3", "train.id_decay=0.2", "train.id_lr=5e-2", clip, "train.warmup=0",
        "train.schedule=constant",
        "train.groups={user.encoder: {lr: 1e-3, decay: 0.05}, item.projection: {freeze: true}, "
        "item.encoder.conv: {lr: 3e-3}}",
        NULL);
}

static void check_dense(const stepper *s, const arrays *before, const settings *common) {
    const ct_params *p = ct_model_params(s->session.model);
    arrays after = take(s, p->w, p->m, p->v, p->g, p->n_values, p->n_values);
    int frozen = 0;
    for (int32_t k = 0; k < p->n_segments; k++) {
        const ct_segment *seg = &p->segments[k];
        const wanted w = wanted_of(seg->name);
        settings mine = *common;
        mine.lr = w.lr;
        mine.decay = w.decay;
        frozen += w.frozen;
        for (int64_t i = seg->offset; i < seg->offset + seg->rows * seg->cols; i++) {
            if (w.frozen)
                check_same(before, &after, i, seg->name);
            else
                check_value(before, &after, i, i, &mine, seg->name);
        }
    }
    assert_int_equal(frozen, 2); /* weight and bias */
    release(&after);
}

static void check_table(const stepper *s, const ct_id_table *t, const arrays *before, const int32_t *rows,
                        const settings *common) {
    settings mine = *common;
    mine.lr = 5e-2;
    mine.decay = 0.2;
    arrays after = take(s, t->w, t->m, t->v, t->g, t->rows * t->cols, t->n_unique * t->cols);
    for (int64_t r = 0, u = 0; r < t->rows; r++) {
        const bool named = u < t->n_unique && rows[u] == r;
        for (int64_t c = 0; c < t->cols; c++) {
            if (named)
                check_value(before, &after, r * t->cols + c, u * t->cols + c, &mine, t->name);
            else
                check_same(before, &after, r * t->cols + c, t->name);
        }
        u += named;
    }
    release(&after);
}

static void updates_are_adamw(const char *clip_key, double max_norm) {
    stepper s;
    stepper_open(&s, grouped_config(clip_key));
    const ct_params *p = ct_model_params(s.session.model);
    assert_int_equal(p->n_tables - p->n_state_tables, 2);
    for (int step = 0; step < 3; step++) {
        stepper_gradients(&s);
        const double norm = norm_of(&s);
        arrays dense = take(&s, p->w, p->m, p->v, p->g, p->n_values, p->n_values), tables[2];
        int32_t *rows[2];
        for (int t = 0; t < 2; t++) {
            const ct_id_table *table = &p->tables[t];
            assert_true(table->n_unique > 0 && table->n_unique < table->rows);
            tables[t] = take(&s, table->w, table->m, table->v, table->g, table->rows * table->cols,
                             table->n_unique * table->cols);
            rows[t] = (int32_t *)stepper_download(&s, (const float *)table->unique, table->n_unique);
        }
        stepper_update(&s);
        ct_step state;
        assert_int_equal(ct_device_get_step(s.session.device, &state, NULL), CT_OK);
        assert_true(fabs(state.grad_norm - norm) <= 1e-6 * norm && !state.skip);
        const double t = step + 1.0;
        /* The kernel takes the betas as f32: 1 - 0.999f is off by 1e-5 of itself. */
        const settings common = {.clip = max_norm > 0.0 && norm > max_norm ? max_norm / norm : 1.0,
                                 .beta1 = 0.9f,
                                 .beta2 = 0.999f,
                                 .eps = 1e-8,
                                 .bias1 = 1.0 - pow(0.9, t),
                                 .bias2 = 1.0 - pow(0.999, t)};
        check_dense(&s, &dense, &common);
        for (int k = 0; k < 2; k++) {
            check_table(&s, &p->tables[k], &tables[k], rows[k], &common);
            release(&tables[k]);
            free(rows[k]);
        }
        release(&dense);
    }
    stepper_close(&s);
}

static void every_value_moves_as_adamw_says(void **state) {
    (void)state;
    updates_are_adamw("train.clip=0", 0.0);
    updates_are_adamw("train.clip=0.05", 0.05);
}

/* ---- temperature
 * ------------------------------------------------------------------------------------------------- */

static float log_scale_after(const char *start) {
    stepper s;
    stepper_open(&s, tiny_config(folder, start, "loss.temperature.min=0.05", "loss.temperature.max=0.2",
                                 "train.lr=0.5", "train.warmup=0", NULL));
    float value = 0.0f;
    for (int i = 0; i < 3; i++) {
        stepper_gradients(&s);
        stepper_update(&s);
        const ct_tensor w =
            ct_params_weight(ct_model_params(s.session.model), ct_model_log_scale(s.session.model));
        float *host = stepper_download(&s, w.data, 1);
        value = *host;
        free(host);
        assert_true(value >= (float)-log(0.2) && value <= (float)-log(0.05));
    }
    float scale = 0.0f;
    assert_int_equal(ct_model_scale(s.session.model, &scale, NULL), CT_OK);
    assert_true(fabsf(scale - expf(value)) <= 1e-6f * scale);
    stepper_close(&s);
    return value;
}

static void the_temperature_stays_in_its_range(void **state) {
    (void)state;
    /* Steps of 0.5 in log 1/temperature leave the range of 1.39 in three steps, wherever they begin. */
    const float a = log_scale_after("loss.temperature.init=0.06"),
                b = log_scale_after("loss.temperature.init=0.19");
    assert_true(a == (float)-log(0.05) || a == (float)-log(0.2) || b == (float)-log(0.05) ||
                b == (float)-log(0.2));
}

static void a_temperature_that_is_not_learned_stays(void **state) {
    (void)state;
    stepper s;
    stepper_open(&s, tiny_config(folder, "loss.temperature.learn=false", "loss.temperature.init=0.1", NULL));
    float scale = 0.0f;
    for (int i = 0; i < 2; i++) {
        stepper_gradients(&s);
        stepper_update(&s);
    }
    assert_int_equal(ct_model_scale(s.session.model, &scale, NULL), CT_OK);
    assert_true(fabsf(scale - 10.0f) < 1e-5f);
    stepper_close(&s);
}

/* ---- what is not finite
 * ------------------------------------------------------------------------------------------ */

static void put_value(const stepper *s, float *device, float value) {
    assert_int_equal(ct_device_upload(s->session.device, device, &value, sizeof value, NULL), CT_OK);
}

/* An update on gradients of which one is spoilt (device NULL: the loss): skipped, nothing moves, the place is
 * named. */
static void expect_skip(stepper *s, float *device, float value, const char *name) {
    const ct_params *p = ct_model_params(s->session.model);
    stepper_gradients(s);
    put_value(s, device ? device : ct_model_loss_tensor(s->session.model).data, value);
    arrays before = take(s, p->w, p->m, p->v, p->g, p->n_values, p->n_values);
    float *table = stepper_download(s, p->tables[0].w, p->tables[0].rows * p->tables[0].cols);
    stepper_update(s);
    ct_step state;
    assert_int_equal(ct_device_get_step(s->session.device, &state, NULL), CT_OK);
    if (!state.skip) fail_msg("%g in %s does not skip", value, name);
    arrays after = take(s, p->w, p->m, p->v, p->g, p->n_values, p->n_values);
    float *table_after = stepper_download(s, p->tables[0].w, p->tables[0].rows * p->tables[0].cols);
    for (int64_t i = 0; i < p->n_values; i++) check_same(&before, &after, i, "all");
    assert_memory_equal(table, table_after, (size_t)(p->tables[0].rows * p->tables[0].cols) * sizeof *table);
    const char *found = NULL;
    assert_int_equal(ct_optimizer_find_non_finite(s->session.model, &found, NULL), CT_OK);
    assert_string_equal(found, name);
    release(&before);
    release(&after);
    free(table);
    free(table_after);
    s->skipped++;
}

static void what_is_not_finite_is_skipped_and_named(void **state) {
    (void)state;
    stepper s;
    stepper_open(&s, tiny_config(folder, NULL));
    const ct_params *p = ct_model_params(s.session.model);
    const ct_segment *middle = &p->segments[p->n_segments / 2], *last = &p->segments[p->n_segments - 1];
    expect_skip(&s, p->g + middle->offset, NAN, middle->name);
    expect_skip(&s, p->g + middle->offset + middle->rows * middle->cols - 1, -INFINITY, middle->name);
    expect_skip(&s, p->g + last->offset, INFINITY, last->name);
    expect_skip(&s, p->tables[1].g, NAN, p->tables[1].name);
    expect_skip(&s, NULL, NAN, "the loss");
    /* And then it goes on. */
    stepper_gradients(&s);
    stepper_update(&s);
    ct_step after;
    assert_int_equal(ct_device_get_step(s.session.device, &after, NULL), CT_OK);
    assert_true(!after.skip && isfinite(after.grad_norm));
    assert_true(after.bias1 == (float)(1.0 - 0.9)); /* the first update that counts */
    stepper_close(&s);
}

/* ---- memory
 * ------------------------------------------------------------------------------------------------------ */

static void fifty_ragged_steps_allocate_nothing(void **state) {
    (void)state;
    static const char *const variants[][2] = {{"train.batches=mixed", "threads=2"},
                                              {"train.batches=homogeneous", "model.item.dropout=0.2"},
                                              {"model.user.pool=cls", "loss.negatives=platform"}};
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        stepper s;
        ct_model_loss loss;
        stepper_open(&s, tiny_config(folder, variants[i][0], variants[i][1], "train.part_dropout=0.4", NULL));
        const uint64_t before = ct_alloc_count();
        for (int step = 0; step < 50; step++) {
            stepper_gradients(&s);
            stepper_update(&s);
            assert_int_equal(ct_model_read_loss(s.session.model, &loss, NULL), CT_OK);
            assert_true(isfinite(loss.loss));
        }
        assert_int_equal(ct_alloc_count() - before, 0);
        stepper_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_moves_as_adamw_says),
        cmocka_unit_test(the_temperature_stays_in_its_range),
        cmocka_unit_test(a_temperature_that_is_not_learned_stays),
        cmocka_unit_test(what_is_not_finite_is_skipped_and_named),
        cmocka_unit_test(fifty_ragged_steps_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, test_dir_teardown);
}
