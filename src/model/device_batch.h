/* A batch on the device: one block copied whole, and tensors that point into it. */
#ifndef CT_MODEL_DEVICE_BATCH_H
#define CT_MODEL_DEVICE_BATCH_H

#include "data/batch.h"
#include "nn/layers.h"

typedef struct ct_device_batch {
    ct_device *device;
    char *block;           /* on the device */
    size_t capacity;       /* bytes */
    const ct_batch *host;  /* the batch that was uploaded last; borrowed */
} ct_device_batch;

/* Room for a batch of `bytes`. */
ct_status ct_device_batch_create(ct_device_batch *b, ct_device *device, size_t bytes, ct_error *err);
void ct_device_batch_free(ct_device_batch *b);
ct_status ct_device_batch_upload(ct_device_batch *b, const ct_batch *host, ct_error *err);

/* The device's copy of a host array of the batch, as a column [n, 1]; NULL gives an absent tensor. */
ct_tensor ct_device_i32(const ct_device_batch *b, const int32_t *host, int64_t n);
ct_tensor ct_device_f32(const ct_device_batch *b, const float *host, int64_t n);
/* The same for an array of rows: [rows, cols]. */
ct_tensor ct_device_rows(const ct_device_batch *b, const void *host, ct_dtype dtype, int64_t rows, int64_t cols);
/* Segments by their own unique rows, or (n_unique given by the table) by a table's list. */
ct_lookup_grad ct_device_segments(const ct_device_batch *b, const ct_segments *segments, int64_t n_entries);

#endif
