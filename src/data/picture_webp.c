/* WebP by libwebp: an opaque picture is reduced while it is decoded (means over 2, 4 or 8 pixels); one with
 * alpha is not, because the library would mix in colours that cannot be seen. */
#include <webp/decode.h>

#include "data/picture_parts.h"

/* There is no floor to the size of a WebP of one colour, but a large picture is not of one colour. */
#define PIXELS_PER_BYTE 4096

static const char *status_text(VP8StatusCode code) {
    switch (code) {
    case VP8_STATUS_OK:
        return "no error";
    case VP8_STATUS_OUT_OF_MEMORY:
        return "out of memory";
    case VP8_STATUS_INVALID_PARAM:
        return "invalid parameter";
    case VP8_STATUS_BITSTREAM_ERROR:
        return "damaged data";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return "a feature that the library cannot read";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return "ends early";
    case VP8_STATUS_USER_ABORT:
        return "aborted";
    }
    return "unknown error";
}

static ct_status check_code(const ct__picture_job *job, VP8StatusCode code) {
    if (code == VP8_STATUS_OK) return CT_OK;
    const ct_status st = code == VP8_STATUS_OUT_OF_MEMORY ? CT_ERR_MEMORY : CT_ERR_DATA;
    return ct_fail(job->err, st, "WebP: %s", status_text(code));
}

/* The library does not mind the end of the last partition missing; the container says how long the file is.
 */
static ct_status check_length(const ct__picture_job *job) {
    const uint8_t *b = job->bytes + 4;
    const uint64_t length =
        (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24;
    if (length + 8 <= job->n) return CT_OK;
    return ct_fail(job->err, CT_ERR_DATA, "WebP: ends early: %zu bytes, want %llu", job->n,
                   (unsigned long long)length + 8);
}

ct_status ct__picture_read_webp(const ct__picture_job *job) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return ct_fail(job->err, CT_ERR_INTERNAL, "WebP: library of another version");
    CT_CHECK(check_length(job));
    CT_CHECK(check_code(job, WebPGetFeatures(job->bytes, job->n, &config.input)));
    const int full_width = config.input.width, full_height = config.input.height;
    CT_CHECK(ct__picture_check_header(job, "WebP", full_width, full_height, PIXELS_PER_BYTE));
    if (config.input.has_animation)
        return ct_fail(job->err, CT_ERR_DATA, "WebP: animated, want a still picture");

    const bool has_alpha = config.input.has_alpha != 0;
    const int reduction = has_alpha ? 1 : ct__picture_reduction(full_width, full_height, job->size);
    const int width = (full_width + reduction - 1) / reduction,
              height = (full_height + reduction - 1) / reduction;
    const size_t stride = (size_t)width * 4;
    ct__block *rows = &job->buffers->rows;
    CT_CHECK(ct__block_reserve(rows, (size_t)height, stride, job->err));
    config.options.use_scaling = reduction > 1;
    config.options.scaled_width = width;
    config.options.scaled_height = height;
    config.output.colorspace = MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = rows->at;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = (size_t)height * stride;
    CT_CHECK(check_code(job, WebPDecode(job->bytes, job->n, &config)));

    ct__resizer *resizer = &job->buffers->resizer;
    const ct__picture_source source = {
        full_width, full_height, width, height, width, height, 1, has_alpha ? CT__ROW_RGBA : CT__ROW_RGBX};
    CT_CHECK(ct__resizer_begin(resizer, &source, job->size, job->rgb, job->err));
    for (int y = 0; y < height; y++) ct__resizer_row(resizer, (const uint8_t *)rows->at + (size_t)y * stride);
    ct__resizer_finish(resizer);
    return CT_OK;
}
