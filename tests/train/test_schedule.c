/* The learning rate of each step, against values worked out by hand, and the step state that goes with it. */
#include <math.h>

#include "tests/support/cmocka.h"
#include "train/optimizer.h"
#include "train/trainer.h"

static ct_config_train settings(double warmup, ct_schedule schedule, double min_lr) {
    return (ct_config_train){
        .lr = 0.5, .warmup = warmup, .schedule = schedule, .min_lr = min_lr, .beta1 = 0.9, .beta2 = 0.99};
}

static void expect(const ct_config_train *t, int64_t step, int64_t n_steps, double wanted) {
    const double found = ct_schedule_lr(t, step, n_steps);
    if (!(fabs(found - wanted) <= 1e-12))
        fail_msg("step %lld of %lld: %.15g, want %.15g", (long long)step, (long long)n_steps, found, wanted);
}

static void warm_up_is_a_line(void **state) {
    (void)state;
    const ct_config_train t = settings(0.1, CT_SCHEDULE_CONSTANT, 0.0);
    expect(&t, 0, 40, 0.125); /* 4 steps: 1/4, 2/4, 3/4, 1 */
    expect(&t, 1, 40, 0.25);
    expect(&t, 3, 40, 0.5);
    expect(&t, 4, 40, 0.5);
    expect(&t, 39, 40, 0.5);
    expect(&t, 0, 9, 0.5); /* a tenth of 9 is no whole step */
}

static void cosine_falls_to_its_share(void **state) {
    (void)state;
    const ct_config_train t = settings(0.0, CT_SCHEDULE_COSINE, 0.1);
    expect(&t, 0, 100, 0.5);
    expect(&t, 25, 100, 0.5 * (0.1 + 0.9 * (1.0 + sqrt(0.5)) / 2.0));
    expect(&t, 50, 100, 0.5 * 0.55);
    expect(&t, 100, 100, 0.05);
    expect(&t, 900, 100, 0.05); /* beyond the end it stays */
    const ct_config_train w = settings(0.2, CT_SCHEDULE_COSINE, 0.0);
    expect(&w, 19, 100, 0.5);
    expect(&w, 20, 100, 0.5);
    expect(&w, 60, 100, 0.25); /* half of the 80 that are left */
    for (int64_t s = 21; s < 100; s++)
        assert_true(ct_schedule_lr(&w, s, 100) < ct_schedule_lr(&w, s - 1, 100));
    expect(&t, 0, 1, 0.5); /* a run of one step trains */
}

static void skipped_updates_do_not_age_adam(void **state) {
    (void)state;
    const ct_config c = {.seed = 77, .train = settings(0.0, CT_SCHEDULE_CONSTANT, 0.0)};
    const ct_step first = ct_optimizer_step_state(&c, 0, 10, 0),
                  third = ct_optimizer_step_state(&c, 2, 10, 0);
    const ct_step skipped = ct_optimizer_step_state(&c, 5, 10, 3);
    assert_true(first.bias1 == (float)(1.0 - 0.9) && first.bias2 == (float)(1.0 - 0.99));
    assert_true(third.bias1 == (float)(1.0 - 0.9 * 0.9 * 0.9));
    assert_true(skipped.bias1 == third.bias1 &&
                skipped.bias2 == third.bias2); /* the third update that counts */
    assert_true(skipped.step == 5 && skipped.seed == 77 && skipped.lr == 0.5f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_up_is_a_line),
        cmocka_unit_test(cosine_falls_to_its_share),
        cmocka_unit_test(skipped_updates_do_not_age_adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
