/* Pictures from bytes to a square of RGB: tells the kind by the first bytes and hands over to its decoder. */
#include "data/picture.h"

#include <string.h>

#include "base/alloc.h"
#include "data/picture_parts.h"

/* A block that a rare large picture made bigger than this is given back after it. */
#define MOST_KEPT_BYTES ((size_t)32 << 20)

/* A picture of at most this many pixels is decoded however few its bytes. */
#define ALWAYS_PIXELS ((int64_t)1 << 22)

ct_status ct__block_reserve(ct__block *block, size_t count, size_t size, ct_error *err) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return ct_fail(err, CT_ERR_MEMORY, "picture: %zu x %zu bytes overflow", count, size);
    }
    if (block->at && bytes <= block->bytes) return CT_OK;
    ct_free(block->at);
    block->bytes = 0;
    CT_CHECK(ct_calloc(bytes, 1, &block->at, err));
    block->bytes = bytes;
    return CT_OK;
}

ct_status ct__picture_check_header(const ct__picture_job *job, const char *kind, int64_t width,
                                   int64_t height, double most_per_byte) {
    int64_t pixels;
    if (width < 1 || height < 1) {
        return ct_fail(job->err, CT_ERR_DATA, "%s of %lld x %lld pixels, want at least 1 x 1", kind,
                       (long long)width, (long long)height);
    }
    if (__builtin_mul_overflow(width, height, &pixels) || pixels > CT__PICTURE_MOST_PIXELS) {
        return ct_fail(job->err, CT_ERR_DATA, "%s of %lld x %lld pixels, want at most %lld in all", kind,
                       (long long)width, (long long)height, (long long)CT__PICTURE_MOST_PIXELS);
    }
    if (pixels > ALWAYS_PIXELS && (double)pixels > most_per_byte * (double)job->n) {
        return ct_fail(job->err, CT_ERR_DATA,
                       "%s of %lld x %lld pixels in %zu bytes, want at least %.0f bytes", kind,
                       (long long)width, (long long)height, job->n, (double)pixels / most_per_byte);
    }
    return CT_OK;
}

int ct__picture_reduction(int width, int height, int size) {
    const int shorter = width < height ? width : height;
    int reduction = 8;
    while (reduction > 1 && (shorter + reduction - 1) / reduction < size) reduction /= 2;
    return reduction;
}

static ct_status get_buffers(ct_picture_scratch *scratch, ct__picture_buffers **out, ct_error *err) {
    if (!scratch->buffers) CT_CHECK(ct_calloc(1, sizeof **out, &scratch->buffers, err));
    *out = scratch->buffers;
    return CT_OK;
}

static void give_back_large(ct__block *block) {
    if (block->bytes <= MOST_KEPT_BYTES) return;
    ct_free(block->at);
    *block = (ct__block){0};
}

void ct_picture_scratch_free(ct_picture_scratch *scratch) {
    if (!scratch || !scratch->buffers) return;
    ct__picture_buffers *buffers = scratch->buffers;
    ct__resizer_free(&buffers->resizer);
    ct_free(buffers->rows.at);
    ct_free(buffers);
    scratch->buffers = NULL;
}

static ct_status check_size(int size, ct_error *err) {
    if (size >= 1 && size <= CT__PICTURE_MOST_SIZE) return CT_OK;
    return ct_fail(err, CT_ERR_ARGUMENT, "picture size %d, want 1 to %d", size, CT__PICTURE_MOST_SIZE);
}

static ct_status read_any(const ct__picture_job *job) {
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const uint8_t *b = job->bytes;
    if (job->n >= 3 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff) return ct__picture_read_jpeg(job);
    if (job->n >= 8 && memcmp(b, png, 8) == 0) return ct__picture_read_png(job);
    if (job->n >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WEBP", 4) == 0)
        return ct__picture_read_webp(job);
    if (job->n == 0) return ct_fail(job->err, CT_ERR_DATA, "picture of 0 bytes");
    if (job->n < 4)
        return ct_fail(job->err, CT_ERR_DATA, "picture of %zu bytes, too few for any kind", job->n);
    return ct_fail(job->err, CT_ERR_DATA,
                   "picture begins with bytes %02x %02x %02x %02x, want a JPEG, PNG or WebP", b[0], b[1],
                   b[2], b[3]);
}

ct_status ct_picture_decode(const void *bytes, size_t n, int size, uint8_t *rgb, ct_picture_scratch *scratch,
                            ct_error *err) {
    ct__picture_job job = {bytes, n, size, rgb, NULL, err};
    CT_CHECK(check_size(size, err));
    CT_CHECK(get_buffers(scratch, &job.buffers, err));
    const ct_status st = read_any(&job);
    give_back_large(&job.buffers->rows);
    return st;
}

ct_status ct_picture_resize(const uint8_t *src, int width, int height, int size, uint8_t *dst,
                            ct_picture_scratch *scratch, ct_error *err) {
    ct__picture_buffers *buffers = NULL;
    CT_CHECK(check_size(size, err));
    if (width < 1 || height < 1) {
        return ct_fail(err, CT_ERR_ARGUMENT, "picture of %d x %d pixels, want at least 1 x 1", width, height);
    }
    CT_CHECK(get_buffers(scratch, &buffers, err));
    const ct__picture_source source = {width, height, width, height, width, height, 1, CT__ROW_RGB};
    ct__resizer *r = &buffers->resizer;
    CT_CHECK(ct__resizer_begin(r, &source, size, dst, err));
    for (int y = 0; y < height; y++) ct__resizer_row(r, src + (size_t)y * (size_t)width * 3);
    ct__resizer_finish(r);
    return CT_OK;
}
