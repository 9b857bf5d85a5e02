/* Draws an item: its topic decides the shape (two topics share one, the text tells them apart), its style the colour
 * and the pattern, which the text does not name. Position, size, angle and tint vary a little. */
#include "picture.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

enum { SAMPLES = 3 }; /* a pixel is the mean of SAMPLES x SAMPLES points */

typedef struct rgb {
    double r, g, b;
} rgb;

static const rgb colours[N_COLOURS] = {{214, 48, 49},  {230, 126, 34}, {241, 196, 15},
                                       {46, 160, 67}, {41, 98, 200},  {125, 60, 170}};

typedef struct drawing {
    int shape, pattern;
    double x, y, size, cos, sin; /* centre and half size in [0, 1], rotation */
    rgb ink, light, back;
} drawing;

static double square(double x) { return x * x; }

/* Whether (x, y) lies in the shape, which fills [-1, 1] x [-1, 1]. */
static bool inside(int shape, double x, double y) {
    const double r2 = square(x) + square(y), ax = fabs(x), ay = fabs(y);
    switch (shape) {
    case 0: return ax < 0.6 && ay < 1.0;                                     /* a slab */
    case 1: return r2 < 1.0 && r2 > 0.2;                                     /* a ring */
    case 2: return r2 < 1.0;                                                 /* a disc */
    case 3: return y < 0.8 && y > -1.0 && ax < 0.55 * (y + 1.0);             /* a triangle */
    case 4: return (ax < 0.36 && ay < 1.0) || (ay < 0.36 && ax < 1.0);       /* a cross */
    default: return ax + ay < 1.0;                                           /* a diamond */
    }
}

/* Whether the pattern is light at (x, y). */
static bool is_light(int pattern, double x, double y) {
    const double u = (x + 2) * 2.5, v = (y + 2) * 2.5;
    const int i = (int)u, k = (int)v;
    switch (pattern) {
    case 0: return false;                                       /* plain */
    case 1: return k % 2 == 0;                                  /* stripes */
    case 2: return square(u - i - 0.5) + square(v - k - 0.5) < 0.09; /* dots */
    default: return (i + k) % 2 == 0;                           /* checks */
    }
}

static rgb point(const drawing *d, double x, double y) {
    const double dx = (x - d->x) / d->size, dy = (y - d->y) / d->size;
    const double u = d->cos * dx + d->sin * dy, v = d->cos * dy - d->sin * dx;
    if (!(fabs(u) < 1.5 && fabs(v) < 1.5) || !inside(d->shape, u, v)) return d->back;
    return is_light(d->pattern, u, v) ? d->light : d->ink;
}

static drawing make_drawing(const item *it, ct_rng *r) {
    drawing d = {.shape = it->topic % 6, .pattern = it->pattern};
    d.x = 0.5 + 0.12 * (ct_rng_f64(r) - 0.5);
    d.y = 0.5 + 0.12 * (ct_rng_f64(r) - 0.5);
    d.size = 0.34 + 0.08 * ct_rng_f64(r);
    /* Half-angle form: an angle of up to 0.3 radians without a libm's sine. */
    const double t = 0.3 * (ct_rng_f64(r) - 0.5);
    d.cos = (1 - t * t) / (1 + t * t);
    d.sin = 2 * t / (1 + t * t);
    const rgb c = colours[it->colour];
    d.ink = (rgb){c.r + 24 * (ct_rng_f64(r) - 0.5), c.g + 24 * (ct_rng_f64(r) - 0.5), c.b + 24 * (ct_rng_f64(r) - 0.5)};
    d.light = (rgb){0.35 * d.ink.r + 0.65 * 255, 0.35 * d.ink.g + 0.65 * 255, 0.35 * d.ink.b + 0.65 * 255};
    const double grey = 222 + 26 * ct_rng_f64(r);
    d.back = (rgb){grey, grey, grey};
    return d;
}

static unsigned char level(double sum) {
    const double mean = sum / (SAMPLES * SAMPLES) + 0.5;
    return (unsigned char)(mean < 0 ? 0 : mean > 255 ? 255 : mean);
}

void draw_picture(const sample *s, int platform, int64_t index, const item *it, unsigned char *pixels) {
    ct_rng r = sample_rng(s, platform, "picture", index);
    const drawing d = make_drawing(it, &r);
    const int n = s->pictures;
    const double step = 1.0 / (n * SAMPLES);
    for (int y = 0; y < n; y++) {
        for (int x = 0; x < n; x++) {
            rgb sum = {0, 0, 0};
            for (int k = 0; k < SAMPLES * SAMPLES; k++) {
                const rgb c = point(&d, (x * SAMPLES + k % SAMPLES + 0.5) * step, (y * SAMPLES + k / SAMPLES + 0.5) * step);
                sum = (rgb){sum.r + c.r, sum.g + c.g, sum.b + c.b};
            }
            unsigned char *p = pixels + ((size_t)y * (size_t)n + (size_t)x) * 3;
            p[0] = level(sum.r);
            p[1] = level(sum.g);
            p[2] = level(sum.b);
        }
    }
}

static ct_status write_png(const char *path, const unsigned char *pixels, int side, ct_error *err) {
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)side, .height = (png_uint_32)side,
                       .format = PNG_FORMAT_RGB};
    FILE *f = fopen(path, "wb");
    if (!f) return ct__fail_errno(err, "create", path);
    ct_status st = CT_OK;
    if (!png_image_write_to_stdio(&image, f, 0, pixels, 0, NULL))
        st = ct_fail(err, CT_ERR_IO, "cannot write '%s': %s", path, image.message);
    if (fclose(f) != 0 && st == CT_OK) st = ct__fail_errno(err, "write", path);
    return st;
}

ct_status write_pictures(const sample *s, int platform, const catalogue *c, counts *n, ct_error *err) {
    ct_status st = CT_OK;
    unsigned char *pixels = NULL;
    ct_str path = {0};
    char name[64];
    if (s->pictures == 0) return CT_OK;
    CT_TRY(ct_calloc((size_t)s->pictures * (size_t)s->pictures, 3, (void **)&pixels, err), st, done);
    for (int64_t i = 0; i < s->n_items; i++) {
        sample_image_path(platform, i, name);
        ct_str_clear(&path);
        CT_TRY(ct_str_printf(&path, err, "%s/%s/%s", s->out, platform_names[platform], name), st, done);
        if (i % 1000 == 0) { /* the first picture of a folder */
            *strrchr(path.data, '/') = '\0';
            CT_TRY(ct_make_dirs(path.data, err), st, done);
            path.data[strlen(path.data)] = '/';
        }
        draw_picture(s, platform, i, catalogue_item(c, i), pixels);
        CT_TRY(write_png(path.data, pixels, s->pictures, err), st, done);
        n->pictures++;
    }
done:
    ct_str_free(&path);
    ct_free(pixels);
    return st;
}
