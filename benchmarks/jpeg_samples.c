/* Pictures for a benchmark of decoding. */
#include "benchmarks/jpeg_samples.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/rng.h"

enum { QUALITY = 90 };

/* The library reports errors by leaving through a jump. */
typedef struct encoder {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf leave;
    unsigned char *bytes; /* malloc's, by the library */
    unsigned long n;
} encoder;

_Noreturn static void leave(j_common_ptr jpeg) {
    longjmp(((encoder *)jpeg->client_data)->leave, 1);
}

/* A row of a picture: two waves a channel, which differ from picture to picture, and grain. */
static void draw_row(uint8_t *row, int width, int y, int picture, ct_rng *rng) {
    const double turn = 0.37 * picture;
    for (int x = 0; x < width; x++) {
        for (int c = 0; c < 3; c++) {
            const double wave =
                sin(0.021 * x + 0.013 * y * (c + 1) + turn) + sin(0.11 * y - 0.07 * x * c + 2 * turn);
            const double grain = 24 * ((double)ct_rng_unit(ct_rng_u32(rng)) - 0.5);
            row[3 * x + c] = (uint8_t)fmin(255, fmax(0, 128 + 55 * wave + grain));
        }
    }
}

static void write_rows(struct jpeg_compress_struct *jpeg, int picture, uint8_t *row) {
    ct_rng rng = ct_rng_make(1, (uint64_t)picture, 0);
    while (jpeg->next_scanline < jpeg->image_height) {
        draw_row(row, (int)jpeg->image_width, (int)jpeg->next_scanline, picture, &rng);
        jpeg_write_scanlines(jpeg, &row, 1);
    }
}

static bool encode(encoder *e, int width, int height, int picture, uint8_t *row) {
    e->jpeg.err = jpeg_std_error(&e->errors);
    e->errors.error_exit = leave;
    e->jpeg.client_data = e;
    if (setjmp(e->leave)) {
        jpeg_destroy_compress(&e->jpeg);
        return false;
    }
    jpeg_create_compress(&e->jpeg);
    jpeg_mem_dest(&e->jpeg, &e->bytes, &e->n);
    e->jpeg.image_width = (JDIMENSION)width;
    e->jpeg.image_height = (JDIMENSION)height;
    e->jpeg.input_components = 3;
    e->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e->jpeg);
    jpeg_set_quality(&e->jpeg, QUALITY, TRUE);
    jpeg_start_compress(&e->jpeg, TRUE);
    write_rows(&e->jpeg, picture, row);
    jpeg_finish_compress(&e->jpeg);
    jpeg_destroy_compress(&e->jpeg);
    return true;
}

static ct_status make_one(bench_bytes *out, int picture, ct_error *err) {
    const int width = 480 + 8 * (picture % 6), height = 380 + 8 * (picture % 5);
    ct_status st = CT_OK;
    encoder e = {.n = 0};
    uint8_t *row = NULL;
    CT_TRY(ct_calloc((size_t)width, 3, (void **)&row, err), st, done);
    if (!encode(&e, width, height, picture, row)) {
        st = ct_fail(err, CT_ERR_INTERNAL, "a JPEG of %d x %d could not be made", width, height);
        goto done;
    }
    CT_TRY(ct_calloc(e.n, 1, &out->bytes, err), st, done);
    memcpy(out->bytes, e.bytes, e.n);
    out->n = e.n;
done:
    free(e.bytes);
    ct_free(row);
    return st;
}

ct_status bench_jpeg_make(bench_bytes *out, int n, ct_error *err) {
    for (int i = 0; i < n; i++) CT_CHECK(make_one(&out[i], i, err));
    return CT_OK;
}

static int is_jpeg(const struct dirent *entry) {
    const char *ending = strrchr(entry->d_name, '.');
    return ending && (strcasecmp(ending, ".jpg") == 0 || strcasecmp(ending, ".jpeg") == 0);
}

static ct_status read_one(bench_bytes *out, const char *folder, const char *name, ct_error *err) {
    char *path = NULL;
    CT_CHECK(ct_path_join(folder, name, &path, err));
    const ct_status st = ct_read_file(path, 0, (char **)&out->bytes, &out->n, err);
    ct_free(path);
    return st;
}

ct_status bench_jpeg_read(bench_bytes *out, int n, const char *folder, ct_error *err) {
    struct dirent **files = NULL;
    ct_status st = CT_OK;
    const int n_files = scandir(folder, &files, is_jpeg, alphasort);
    if (n_files < 0)
        return ct_fail(err, CT_ERR_IO, "cannot read the folder of pictures '%s': %s", folder,
                       strerror(errno));
    if (n_files == 0) st = ct_fail(err, CT_ERR_DATA, "the folder '%s' has no *.jpg", folder);
    for (int i = 0; i < n && st == CT_OK; i++)
        st = read_one(&out[i], folder, files[i % n_files]->d_name, err);
    for (int i = 0; i < n_files; i++) free(files[i]); /* scandir's */
    free(files);
    return st;
}
