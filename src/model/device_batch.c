/* The batch's one block on the device, and views of its arrays. */
#include "model/device_batch.h"

ct_status ct_device_batch_create(ct_device_batch *b, ct_device *device, size_t bytes, ct_error *err) {
    *b = (ct_device_batch){.device = device, .capacity = bytes};
    return ct_device_alloc(device, bytes, 1, (void **)&b->block, err);
}

void ct_device_batch_free(ct_device_batch *b) {
    if (b->device) ct_device_free(b->device, b->block);
    *b = (ct_device_batch){0};
}

ct_status ct_device_batch_upload(ct_device_batch *b, const ct_batch *host, ct_error *err) {
    if (host->block_bytes > b->capacity)
        return ct_fail(err, CT_ERR_INTERNAL, "batch of %zu bytes, planned for %zu", host->block_bytes, b->capacity);
    b->host = host;
    return ct_device_upload(b->device, b->block, host->block, host->block_bytes, err);
}

static void *at(const ct_device_batch *b, const void *host) {
    return b->block + ((const char *)host - (const char *)b->host->block);
}

ct_tensor ct_device_rows(const ct_device_batch *b, const void *host, ct_dtype dtype, int64_t rows, int64_t cols) {
    return host ? ct_matrix(at(b, host), dtype, rows, cols) : (ct_tensor){0};
}

ct_tensor ct_device_i32(const ct_device_batch *b, const int32_t *host, int64_t n) {
    return ct_device_rows(b, host, CT_DTYPE_I32, n, 1);
}

ct_tensor ct_device_f32(const ct_device_batch *b, const float *host, int64_t n) {
    return ct_device_rows(b, host, CT_DTYPE_F32, n, 1);
}

ct_lookup_grad ct_device_segments(const ct_device_batch *b, const ct_segments *s, int64_t n_entries) {
    return (ct_lookup_grad){.rows = ct_device_i32(b, s->rows, s->n_unique),
                            .seg_begin = ct_device_i32(b, s->seg_begin, s->n_unique + 1),
                            .seg_row = ct_device_i32(b, s->seg_row, n_entries)};
}
