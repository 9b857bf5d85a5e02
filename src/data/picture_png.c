/* PNG by libpng, row by row; an interlaced one is held whole. Whatever it holds becomes RGB or RGBA of 8
 * bits. The library reports errors by leaving through a jump: all that lives across it is in one struct. */
#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "base/alloc.h"
#include "data/picture_parts.h"

/* zlib packs at most 1032 bytes into one. */
#define MOST_DEFLATE_RATIO 1032.0

/* The library's own limit to a side, said here so that it does not depend on how the library was built. */
#define MOST_SIDE 1000000

/* A chunk of text or colour profile is never wanted; one that is unpacked all the same may not be larger. */
#define MOST_CHUNK_BYTES ((png_alloc_size_t)1 << 20)

typedef struct reader {
    png_structp png;
    png_infop info;
    size_t at; /* the next byte */
    jmp_buf leave;
    const ct__picture_job *job;
    bool out_of_memory;
    ct_status status; /* why it was left */
} reader;

/* ---- what the library calls back ----------------------------------------------------------------------- */

_Noreturn static void on_error(png_structp png, png_const_charp text) {
    reader *r = png_get_error_ptr(png);
    r->status = r->out_of_memory ? CT_ERR_MEMORY : CT_ERR_DATA;
    ct_fail(r->job->err, r->status, "PNG: %s", text);
    longjmp(r->leave, 1);
}

/* Warnings are about what is not used: text, profiles, unknown chunks. Damaged pixels are errors to this
 * library. */
static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static png_voidp allocate(png_structp png, png_alloc_size_t n) {
    reader *r = png_get_mem_ptr(png);
    void *block = NULL;
    if (ct_calloc(n, 1, &block, NULL) != CT_OK) r->out_of_memory = true;
    return block;
}

static void release(png_structp png, png_voidp block) {
    (void)png;
    ct_free(block);
}

static void read_bytes(png_structp png, png_bytep out, size_t n) {
    reader *r = png_get_io_ptr(png);
    if (n > r->job->n - r->at) png_error(png, "ends early");
    memcpy(out, r->job->bytes + r->at, n);
    r->at += n;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static ct_status open_reader(reader *r) {
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, allocate, release);
    if (r->png) r->info = png_create_info_struct(r->png);
    if (!r->info) return ct_fail(r->job->err, CT_ERR_MEMORY, "PNG: no memory for the reader");
    png_set_read_fn(r->png, r, read_bytes);
    png_set_user_limits(r->png, MOST_SIDE, MOST_SIDE);
    png_set_chunk_malloc_max(r->png, MOST_CHUNK_BYTES);
    png_set_chunk_cache_max(r->png, 16);
    /* Colour management is left out as in Pillow; ancillary chunks are then only skipped, but for
     * transparency. */
    static const png_byte unwanted[] = "iCCP\0zTXt\0iTXt\0tEXt\0sPLT\0eXIf\0hIST";
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, unwanted, (int)(sizeof unwanted / 5));
    return CT_OK;
}

/* Sets the conversions to 8 bits and four bytes a pixel. */
static ct__row_format choose_output(png_structp png, png_infop info) {
    const bool has_alpha = (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0 ||
                           png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    png_set_scale_16(png); /* to the nearest level */
    png_set_expand(png);   /* palette to RGB, 1, 2 and 4 bits to 8, transparent colours to alpha */
    png_set_gray_to_rgb(png);
    if (!has_alpha) png_set_filler(png, 0xff, PNG_FILLER_AFTER);
    return has_alpha ? CT__ROW_RGBA : CT__ROW_RGBX;
}

/* Bits of a pixel as stored. */
static int stored_bits(png_structp png, png_infop info) {
    return png_get_channels(png, info) * png_get_bit_depth(png, info);
}

static ct_status read_rows(reader *r) {
    const ct__picture_job *job = r->job;
    ct__resizer *resizer = &job->buffers->resizer;
    ct__picture_source source = {.orientation = 1};
    if (setjmp(r->leave)) return r->status;

    CT_CHECK(open_reader(r));
    png_read_info(r->png, r->info);
    const int width = (int)png_get_image_width(r->png, r->info),
              height = (int)png_get_image_height(r->png, r->info);
    CT_CHECK(ct__picture_check_header(job, "PNG", width, height,
                                      MOST_DEFLATE_RATIO * 8 / stored_bits(r->png, r->info)));
    source.full_width = source.width = width;
    source.full_height = source.height = height;
    source.x_extent = width;
    source.y_extent = height;
    source.format = choose_output(r->png, r->info);
    const int n_passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    const size_t stride = png_get_rowbytes(r->png, r->info);
    if (stride != (size_t)width * 4) {
        return ct_fail(job->err, CT_ERR_INTERNAL, "PNG: rows of %zu bytes, want 4 x %d", stride, width);
    }
    CT_CHECK(ct__resizer_begin(resizer, &source, job->size, job->rgb, job->err));
    CT_CHECK(ct__block_reserve(&job->buffers->rows, n_passes > 1 ? (size_t)height : 1, stride, job->err));

    uint8_t *rows = job->buffers->rows.at;
    for (int pass = 1; pass < n_passes; pass++) {
        for (int y = 0; y < height; y++) png_read_row(r->png, rows + (size_t)y * stride, NULL);
    }
    for (int y = 0; y < height; y++) { /* the last pass, or the only one */
        uint8_t *row = n_passes > 1 ? rows + (size_t)y * stride : rows;
        png_read_row(r->png, row, NULL);
        ct__resizer_row(resizer, row);
    }
    png_read_end(r->png, NULL);
    ct__resizer_finish(resizer);
    return CT_OK;
}

ct_status ct__picture_read_png(const ct__picture_job *job) {
    reader r = {.job = job, .status = CT_OK};
    const ct_status st = read_rows(&r);
    if (r.png) png_destroy_read_struct(&r.png, &r.info, NULL);
    return st;
}
