/* JPEG by libjpeg-turbo: decoded at 1/2, 1/4 or 1/8 where that is enough, in the DCT, row by row.
 * The library reports errors by leaving through a jump: all that lives across it is in one struct, and what
 * it calls back never fails. A warning that pixels were lost or made up is an error. */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/alloc.h"
#include "data/picture_parts.h"

#ifndef JCS_EXTENSIONS
#error "want libjpeg-turbo: another libjpeg has no JCS_EXT_RGBX"
#endif

#define ROWS 4 /* as many as the library makes at once */

/* Into aligned rows the library's vector code writes past the caches, and reading them waits for memory. */
#define OFF_ALIGNMENT 4

/* A picture whose scans repeat without end takes time without end. Encoders write about ten, at most some
 * dozens. */
#define MOST_SCANS 200

/* For the coefficients of a progressive picture, which the library holds whole. */
#define MOST_COEFFICIENT_BYTES (1L << 30)

/* A block of 8 x 8 takes at least one bit in Huffman code. Arithmetic code has no such floor. */
#define PIXELS_PER_BYTE_HUFFMAN 512
#define PIXELS_PER_BYTE_ARITHMETIC 4096

typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    const ct__picture_job *job;
    ct_status status; /* why it was left */
} reader;

/* ---- what the library calls back ----------------------------------------------------------------------- */

static reader *reader_of(j_common_ptr jpeg) {
    return (reader *)jpeg->client_data;
}

_Noreturn static void leave_with_message(j_common_ptr jpeg) {
    reader *r = reader_of(jpeg);
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    r->status = jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? CT_ERR_MEMORY : CT_ERR_DATA;
    ct_fail(r->job->err, r->status, "JPEG: %s", text);
    longjmp(r->leave, 1);
}

/* Levels above -1 are traces. The three warnings let pass say that a header is unusual; no pixel suffers. */
static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    const int code = jpeg->err->msg_code;
    if (code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM || code == JWRN_NOT_SEQUENTIAL) return;
    leave_with_message(jpeg);
}

static void print_nothing(j_common_ptr jpeg) {
    (void)jpeg;
}

static void on_progress(j_common_ptr jpeg) {
    reader *r = reader_of(jpeg);
    if (r->jpeg.input_scan_number <= MOST_SCANS) return;
    r->status = ct_fail(r->job->err, CT_ERR_DATA, "JPEG: more than %d scans", MOST_SCANS);
    longjmp(r->leave, 1);
}

static void source_nothing(j_decompress_ptr jpeg) {
    (void)jpeg;
}

static boolean source_is_empty(j_decompress_ptr jpeg) {
    ERREXIT(jpeg, JERR_INPUT_EOF);
    return FALSE;
}

static void source_skip(j_decompress_ptr jpeg, long n) {
    struct jpeg_source_mgr *s = jpeg->src;
    if (n <= 0) return;
    if ((size_t)n > s->bytes_in_buffer) ERREXIT(jpeg, JERR_INPUT_EOF);
    s->next_input_byte += n;
    s->bytes_in_buffer -= (size_t)n;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static void open_reader(reader *r) {
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = leave_with_message;
    r->errors.emit_message = on_message;
    r->errors.output_message = print_nothing;
    r->jpeg.client_data = r;
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.mem->max_memory_to_use = MOST_COEFFICIENT_BYTES;
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
    r->source = (struct jpeg_source_mgr){r->job->bytes,   r->job->n,   source_nothing,
                                         source_is_empty, source_skip, jpeg_resync_to_restart,
                                         source_nothing};
    r->jpeg.src = &r->source;
}

/* Chooses colours and scale; the library keeps to its defaults (exact integer DCT, smooth chroma) as Pillow
 * does. */
static ct_status choose_output(reader *r, ct__picture_source *source) {
    struct jpeg_decompress_struct *j = &r->jpeg;
    const ct__picture_job *job = r->job;
    const int reduction = ct__picture_reduction((int)j->image_width, (int)j->image_height, job->size);
    source->format = CT__ROW_RGBX;
    switch (j->jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr:
        j->out_color_space = JCS_EXT_RGBX;
        break;
    case JCS_CMYK: /* inverted with and without Adobe's marker: so write the programs that write them */
    case JCS_YCCK:
        j->out_color_space = JCS_CMYK;
        source->format = CT__ROW_CMYK;
        break;
    default:
        return ct_fail(job->err, CT_ERR_DATA,
                       "JPEG of %d colour components that are none of grey, RGB, YCbCr, CMYK, YCCK",
                       j->num_components);
    }
    j->scale_num = 1;
    j->scale_denom = (unsigned)reduction;
    jpeg_calc_output_dimensions(j);
    source->full_width = (int)j->image_width;
    source->full_height = (int)j->image_height;
    source->width = (int)j->output_width;
    source->height = (int)j->output_height;
    source->x_extent = (double)j->image_width / reduction;
    source->y_extent = (double)j->image_height / reduction;
    if (source->x_extent > source->width) source->x_extent = source->width;
    if (source->y_extent > source->height) source->y_extent = source->height;
    source->orientation = ct__jpeg_orientation(job->bytes, job->n);
    return CT_OK;
}

/* Everything between opening and closing, up to the end marker: a picture without it is cut short. */
static ct_status read_rows(reader *r) {
    struct jpeg_decompress_struct *j = &r->jpeg;
    const ct__picture_job *job = r->job;
    ct__resizer *resizer = &job->buffers->resizer;
    ct__picture_source source;
    if (setjmp(r->leave)) return r->status;

    open_reader(r);
    jpeg_read_header(j, TRUE);
    CT_CHECK(ct__picture_check_header(job, "JPEG", j->image_width, j->image_height,
                                      j->arith_code ? PIXELS_PER_BYTE_ARITHMETIC : PIXELS_PER_BYTE_HUFFMAN));
    CT_CHECK(choose_output(r, &source));
    CT_CHECK(ct__resizer_begin(resizer, &source, job->size, job->rgb, job->err));
    const size_t stride = ((size_t)source.width * 4 + OFF_ALIGNMENT + CT_ALIGN - 1) / CT_ALIGN * CT_ALIGN;
    CT_CHECK(ct__block_reserve(&job->buffers->rows, ROWS, stride, job->err));

    uint8_t *bytes = job->buffers->rows.at;
    JSAMPROW rows[ROWS];
    for (int i = 0; i < ROWS; i++) rows[i] = bytes + (size_t)i * stride + OFF_ALIGNMENT;
    jpeg_start_decompress(j);
    while (j->output_scanline < j->output_height) {
        const JDIMENSION n = jpeg_read_scanlines(j, rows, ROWS);
        for (JDIMENSION i = 0; i < n; i++) ct__resizer_row(resizer, rows[i]);
    }
    jpeg_finish_decompress(j);
    ct__resizer_finish(resizer);
    return CT_OK;
}

ct_status ct__picture_read_jpeg(const ct__picture_job *job) {
    reader r = {.job = job, .status = CT_OK};
    const ct_status st = read_rows(&r);
    jpeg_destroy_decompress(&r.jpeg);
    return st;
}
