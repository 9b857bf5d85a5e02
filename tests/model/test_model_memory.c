/* Memory of the model: a step allocates nothing, creation survives its absence, measuring agrees with what is taken. */
#include "tests/model/model_support.h"
#include "tests/support/failing_alloc.h"

#include "base/alloc.h"
#include "train/optimizer.h"

enum { STEPS = 50 };

/* Steps of all sizes, from none to the caps; the first one counts too. */
static void ragged_steps(const ct_config *config, int threads) {
    ct_device *device = test_device(threads);
    ct_model *model = test_model(config, device, true);
    ct_optimizer optimizer = {0};
    ct_error err = CT_ERROR_INIT;
    float users[TEST_PAIRS * 16], items[TEST_ITEMS * 16];
    assert_int_equal(ct_model_dim(model), 16);
    assert_ok(ct_optimizer_create(&optimizer, config, model, &err), &err);
    for (int32_t step = 0; step < STEPS; step++) {
        const int32_t pairs = step == 7 ? 0 : 1 + step % TEST_PAIRS;
        ct_batch batch = test_batch_random(config, (uint32_t)step, pairs, pairs ? 1 + step * 5 % TEST_ITEMS : 0);
        ct_step state = ct_optimizer_step_state(config, step, STEPS, 0);
        ct_model_loss loss;
        const uint64_t before = ct_alloc_count();
        assert_ok(ct_device_set_step(device, &state, &err), &err);
        assert_ok(ct_model_step(model, &batch, &err), &err);
        assert_ok(ct_optimizer_apply(&optimizer, model, &err), &err);
        assert_ok(ct_model_read_loss(model, &loss, &err), &err);
        assert_ok(ct_device_get_step(device, &state, &err), &err);
        assert_ok(ct_model_encode_users(model, &batch, users, &err), &err);
        assert_ok(ct_model_encode_items(model, &batch, items, &err), &err);
        assert_ok(ct_model_eval_loss(model, &batch, &loss, &err), &err);
        assert_int_equal(ct_alloc_count() - before, 0);
        assert_int_equal(state.skip, 0);
        if (pairs == 0) assert_true(loss.loss == 0.0f && state.grad_norm == 0.0f);
        ct_batch_free(&batch);
    }
    ct_optimizer_free(&optimizer, model);
    ct_model_free(model);
    ct_device_close(device);
}

static void with_dropout(ct_config_encoder *encoder) {
    encoder->dropout = 0.2;
    encoder->attention_dropout = encoder->kind == CT_ENCODER_TRANSFORMER ? 0.1 : 0.0;
}

static void a_step_allocates_nothing(void **state) {
    (void)state;
    ct_config configs[] = {test_config_text_cnn(), test_config_two_transformers(),
                           test_config_pictures(CT_FUSION_CROSS_ATTENTION, true),
                           test_config_vectors(CT_FUSION_CONCAT, true)};
    for (int i = 0; i < 4; i++) {
        with_dropout(&configs[i].model.user);
        with_dropout(&configs[i].model.item);
        for (int threads = 1; threads <= 2; threads++) ragged_steps(&configs[i], threads);
    }
}

/* Every allocation of ct_model_create is refused once. */
static void creation_without_memory(void **state) {
    (void)state;
    const ct_config config = test_config_vectors(CT_FUSION_GATED, true);
    const ct_model_sizes sizes = test_sizes();
    const ct_model_caps caps = test_caps(&config);
    ct_device *device = test_device(1);
    ct_model_free(test_model(&config, device, true)); /* the device keeps the scratch that it has grown */
    test_alloc_install();
    uint64_t n = 1;
    for (;; n++) {
        ct_model *model = (ct_model *)&sizes;
        ct_error err = CT_ERROR_INIT;
        test_alloc_fail_at(n);
        const ct_status st = ct_model_create(&model, &config, &sizes, device, &caps, true, &err);
        test_alloc_fail_at(0);
        if (st == CT_OK) {
            ct_model_free(model);
            break;
        }
        assert_null(model);
        assert_int_equal(st, CT_ERR_MEMORY);
        assert_int_equal(err.status, CT_ERR_MEMORY);
        assert_int_equal(test_alloc_live(), 0);
    }
    assert_true(n > 40);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
    ct_device_close(device);
}

/* The device itself has to grow its scratch: this is refused too, and the device is as good as before. */
static void scratch_without_memory(void **state) {
    (void)state;
    const ct_config config = test_config_text_cnn();
    const ct_model_sizes sizes = test_sizes();
    const ct_model_caps caps = test_caps(&config);
    ct_device *device = NULL;
    ct_error err = CT_ERROR_INIT;
    test_alloc_install();
    assert_ok(ct_device_open(&device, "cpu", 1, &err), &err);
    for (uint64_t n = 1;; n++) {
        ct_model *model = NULL;
        test_alloc_fail_at(n);
        const ct_status st = ct_model_create(&model, &config, &sizes, device, &caps, true, NULL);
        test_alloc_fail_at(0);
        ct_model_free(model);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    ct_device_close(device);
    assert_int_equal(test_alloc_live(), 0);
    test_alloc_uninstall();
}

static void measuring_agrees_with_what_is_taken(void **state) {
    (void)state;
    const ct_config configs[] = {test_config_text_cnn(), test_config_two_transformers(),
                                 test_config_pictures(CT_FUSION_GATED, true),
                                 test_config_vectors(CT_FUSION_CROSS_ATTENTION, true)};
    const ct_model_sizes sizes = test_sizes();
    for (int i = 0; i < 8; i++) {
        const ct_config *config = &configs[i / 2];
        ct_model_caps caps = test_caps(config);
        if (i % 2) caps.encode.items *= 40; /* encoding takes most */
        ct_model_memory memory;
        ct_model *model = NULL;
        ct_error err = CT_ERROR_INIT;
        ct_device *device = test_device(1);
        assert_ok(ct_model_measure(config, &sizes, device, &caps, &memory, &err), &err);
        assert_int_equal(ct_device_scratch_bytes(device), 0);
        assert_ok(ct_model_create(&model, config, &sizes, device, &caps, true, &err), &err);
        assert_int_equal(memory.activations, ct_model_activation_bytes(model));
        assert_int_equal(memory.scratch, ct_device_scratch_bytes(device));
        assert_int_equal(memory.n_dense + memory.n_ids, ct_params_count(ct_model_params(model)));
        ct_batch batch = test_batch_random(config, 0, 1, 1);
        assert_true(i % 2 ? memory.batch > batch.block_bytes : memory.batch == batch.block_bytes);
        ct_batch_free(&batch);
        ct_model_free(model);
        ct_device_close(device);
    }
}

static void measuring_without_memory(void **state) {
    (void)state;
    const ct_config config = test_config_vectors(CT_FUSION_GATED, true);
    const ct_model_sizes sizes = test_sizes();
    const ct_model_caps caps = test_caps(&config);
    ct_device *device = test_device(1);
    test_alloc_install();
    for (uint64_t n = 1;; n++) {
        ct_model_memory memory;
        test_alloc_fail_at(n);
        const ct_status st = ct_model_measure(&config, &sizes, device, &caps, &memory, NULL);
        test_alloc_fail_at(0);
        assert_int_equal(test_alloc_live(), 0);
        if (st == CT_OK) break;
        assert_int_equal(st, CT_ERR_MEMORY);
    }
    test_alloc_uninstall();
    ct_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_allocates_nothing), cmocka_unit_test(creation_without_memory),
        cmocka_unit_test(scratch_without_memory), cmocka_unit_test(measuring_agrees_with_what_is_taken),
        cmocka_unit_test(measuring_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
