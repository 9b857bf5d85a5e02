/* The dry run: what training would be, in numbers, before it takes any memory. */
#include <inttypes.h>

#include "crosstower/crosstower.h"
#include "run/session.h"
#include "run/text.h"

static ct_status put_memory(ct_str *out, const ct_model_memory *m, int64_t prefetch, ct_error *err) {
    const struct {
        const char *what;
        size_t bytes;
    } rows[] = {{"weights", m->weights},
                {"gradients", m->gradients},
                {"optimizer state", m->optimizer},
                {"activations and their gradients, at the longest batch", m->activations},
                {"scratch of the largest op", m->scratch},
                {"batches, on the device and made ahead", m->batch * (size_t)(prefetch + 2)}};
    size_t total = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CT_CHECK(ct_str_printf(out, err, "  %-56s ", rows[i].what));
        CT_CHECK(ct__put_bytes(out, (double)rows[i].bytes, err));
        CT_CHECK(ct_str_puts(out, "\n", err));
        total += rows[i].bytes;
    }
    CT_CHECK(ct_str_printf(out, err, "  %-56s ", "together"));
    CT_CHECK(ct__put_bytes(out, (double)total, err));
    return ct_str_puts(out, "\n", err);
}

static ct_status put_plan(ct_str *out, const ct_session *in, ct_error *err) {
    const ct_config *c = in->config;
    const ct_model_sizes sizes = ct_session_sizes(in);
    const ct_model_caps caps = ct_session_caps(in);
    const ct_device_info device = ct_device_get_info(in->device);
    const int64_t steps = c->train.steps > 0 ? c->train.steps : ct_sampler_steps(in->sampler, c->train.epochs);
    ct_model_memory memory;
    CT_CHECK(ct_model_measure(c, &sizes, in->device, &caps, &memory, err));
    CT_CHECK(ct_str_printf(out, err, "run %s on device %s (%s, %d threads, kernels %s, %s)\n", c->name, device.kind,
                           device.name, device.n_threads, device.isa, device.gemm));
    CT_CHECK(ct_str_printf(out, err, "%d platforms, %" PRId64 " users, %" PRId64 " items; %" PRId64 " training, %" PRId64
                           " validation, %" PRId64 " test interactions\n", in->data->n_platforms, in->data->n_users,
                           in->data->n_items, in->split.n_train, in->split.n_valid, in->split.n_test));
    CT_CHECK(ct_str_printf(out, err, "%" PRId64 " dense parameters, %" PRId64 " in id tables\n", memory.n_dense,
                           memory.n_ids));
    CT_CHECK(ct_str_printf(out, err, "%" PRId64 " steps of %" PRId64 " pairs (%.2f passes), each pair against at most %"
                           PRId64 " negatives a direction\n", steps, c->train.batch,
                           (double)steps * (double)c->train.batch / (double)in->split.n_train, c->train.batch - 1));
    CT_CHECK(ct_str_puts(out, "memory of the one rank (no collective runs):\n", err));
    return put_memory(out, &memory, c->train.prefetch, err);
}

ct_status ct_run_plan(const ct_config *config, const ct_observer *observer, char **text, ct_error *err) {
    ct_session in;
    ct_str out = {0};
    *text = NULL;
    ct_status st = ct_session_open_data(&in, config, true, observer, err);
    if (st == CT_OK) st = put_plan(&out, &in, err);
    ct_session_close(&in);
    return ct__text_out(st, &out, text, err);
}
