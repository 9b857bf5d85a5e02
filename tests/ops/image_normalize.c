/* Cases of image_normalize. */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {N, S, P} */
enum { CROP = 1, FLIP = 2, COLOUR = 4, PRESENT = 8, ALL = 15 };

#define AT(member) offsetof(struct ct_image_normalize_args, member)

static const op_field fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT, .image = true},
    {.name = "pixels", .at = AT(pixels), .role = OP_INDEX, .dtype = CT_DTYPE_U8},
    {.name = "crop", .at = AT(crop), .fill = OP_FILL_CASE},
    {.name = "flip", .at = AT(flip), .role = OP_INDEX},
    {.name = "colour", .at = AT(colour), .fill = OP_FILL_CASE},
    {.name = "present", .at = AT(present), .role = OP_INDEX},
};

static const op_shape shapes[] = {
    {{3, 5, 7}, ALL},     {{0, 4, 4}, ALL},   {{1, 1, 1}, 0},       {{1, 1, 1}, ALL},
    {{2, 8, 8}, 0},       {{2, 8, 8}, FLIP},  {{3, 13, 5}, CROP},   {{2, 5, 17}, CROP | COLOUR},
    {{4, 7, 7}, PRESENT}, {{2, 16, 1}, CROP}, {{2, 1, 16}, COLOUR}, {{2, 11, 11}, COLOUR},
    {{5, 33, 40}, ALL},   {{3, 32, 32}, 0},   {{7, 64, 72}, ALL},   {{2, 112, 128}, CROP | FLIP},
};

static void setup(op_run *run) {
    const int64_t N = run->shape.n[0], S = run->shape.n[1], P = run->shape.n[2];
    const unsigned flags = run->shape.flags;
    struct ct_image_normalize_args *a = run->args;
    op_size_image(run, AT(y), N, 3, S, S, 3);
    op_size(run, AT(pixels), N, 3 * P * P);
    op_size(run, AT(crop), N, flags & CROP ? 4 : 0);
    op_size(run, AT(flip), N, flags & FLIP ? 1 : 0);
    op_size(run, AT(colour), N, flags & COLOUR ? 3 : 0);
    op_size(run, AT(present), N, flags & PRESENT ? 1 : 0);
    a->source = P;
    for (int c = 0; c < 3; c++) {
        a->mean[c] = 0.4f + 0.05f * (float)c;
        a->std[c] = 0.25f - 0.02f * (float)c;
    }
    run->length = flags & COLOUR ? (double)(S * S) : 1; /* the mean luma is a sum over the picture */
    run->scale = 1 / (double)a->std[2];                 /* values up to 1, less the mean, by std */
    if (flags & CROP)
        run->scale *= (double)P; /* places are rounded, and a pixel may differ from the next by 1 */
}

/* Crops inside, over the edge, and, in the last picture, far outside; factors that reach the clamps. */
static void fill(op_run *run, ct_rng *rng) {
    const int64_t N = run->shape.n[0];
    const double P = (double)run->shape.n[2];
    op_value *pixels = op_at(run, AT(pixels)), *crop = op_at(run, AT(crop)), *flip = op_at(run, AT(flip)),
             *colour = op_at(run, AT(colour)), *present = op_at(run, AT(present));
    for (int64_t e = 0; e < pixels->rows * pixels->cols; e++) pixels->i[e] = (int32_t)ct_rng_below(rng, 256);
    for (int64_t n = 0; n < N; n++) {
        for (int64_t k = 0; crop->present && k < 4; k++)
            op_set(crop, n, k, P * (k < 2 ? 0.5 * ct_rng_f64(rng) - 0.1 : 0.2 + 0.8 * ct_rng_f64(rng)));
        if (crop->present && n > 0 && n == N - 1) op_set(crop, n, 0, -10 * P);
        if (flip->present) flip->i[n] = (int32_t)(n % 2);
        for (int64_t k = 0; colour->present && k < 3; k++) op_set(colour, n, k, 0.4 + 1.2 * ct_rng_f64(rng));
        if (present->present) present->i[n] = n % 3 != 1;
    }
}

/* A source pixel's share in a sample: the triangle around it, and all beyond the edge for the outermost. */
static double share(double at, int64_t k, int64_t P) {
    const double clamped = fmin(fmax(at, 0), (double)(P - 1));
    return fmax(0, 1 - fabs(clamped - (double)k));
}

static double sampled(const op_run *run, int64_t n, int64_t i, int64_t j, int64_t c) {
    const int64_t S = run->shape.n[1], P = run->shape.n[2];
    const op_value *pixels = op_see(run, AT(pixels)), *crop = op_see(run, AT(crop)),
                   *flip = op_see(run, AT(flip));
    const bool cut = crop->present;
    const double x0 = cut ? op_f(crop, n, 0) : 0, y0 = cut ? op_f(crop, n, 1) : 0,
                 width = cut ? op_f(crop, n, 2) : (double)P, height = cut ? op_f(crop, n, 3) : (double)P;
    const int64_t column = flip->present && flip->i[n] ? S - 1 - j : j;
    const double x = x0 + ((double)column + 0.5) * width / (double)S - 0.5,
                 y = y0 + ((double)i + 0.5) * height / (double)S - 0.5;
    double sum = 0;
    for (int64_t row = 0; row < P; row++)
        for (int64_t col = 0; col < P && share(y, row, P) > 0; col++)
            sum += share(y, row, P) * share(x, col, P) * pixels->i[n * 3 * P * P + (row * P + col) * 3 + c];
    return sum / 255;
}

static double unit(double v) {
    return fmin(fmax(v, 0), 1);
}
static double grey(const double v[3]) {
    return 0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2];
}

static double mean_grey(const op_run *run, int64_t n, double brightness) {
    const int64_t S = run->shape.n[1];
    double sum = 0;
    for (int64_t i = 0; i < S; i++)
        for (int64_t j = 0; j < S; j++) {
            double v[3];
            for (int c = 0; c < 3; c++) v[c] = unit(brightness * sampled(run, n, i, j, c));
            sum += grey(v);
        }
    return sum / (double)(S * S);
}

static const char *verify_pixel(const op_run *run, const op_outcome *oracle, int64_t n, int64_t i, int64_t j,
                                double mean) {
    const struct ct_image_normalize_args *a = run->args;
    const op_value *colour = op_see(run, AT(colour)), *present = op_see(run, AT(present));
    double v[3];
    for (int c = 0; c < 3; c++) v[c] = sampled(run, n, i, j, c);
    if (colour->present) {
        const double contrast = op_f(colour, n, 1), saturation = op_f(colour, n, 2);
        for (int c = 0; c < 3; c++) v[c] = unit(op_f(colour, n, 0) * v[c]);
        for (int c = 0; c < 3; c++) v[c] = unit(mean + contrast * (v[c] - mean));
        const double g = grey(v);
        for (int c = 0; c < 3; c++) v[c] = unit(g + saturation * (v[c] - g));
    }
    for (int c = 0; c < 3; c++) {
        const bool there = !present->present || present->i[n];
        const double want = there ? (v[c] - (double)a->mean[c]) / (double)a->std[c] : 0;
        const double got = op_result(run, oracle, AT(y))->f[op_image_element(run, AT(y), n, c, i, j)];
        if (!(fabs(got - want) <= 1e-10)) return "a pixel";
    }
    return NULL;
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const int64_t N = run->shape.n[0], S = run->shape.n[1],
                  step = S > 40 ? 9 : 1; /* large ones: some pixels */
    const op_value *colour = op_see(run, AT(colour));
    const char *verdict = NULL;
    for (int64_t n = 0; n < N; n++) {
        const double mean = colour->present ? mean_grey(run, n, op_f(colour, n, 0)) : 0;
        for (int64_t i = 0; i < S; i += step)
            for (int64_t j = 0; j < S && !verdict; j += step)
                verdict = verify_pixel(run, oracle, n, i, j, mean);
    }
    return verdict;
}

const op_case op_case_image_normalize = {
    OP_TABLES(fields, shapes), .setup = setup, .fill = fill,
    .verify = verify,          .k = 4,         .same_bytes_any_threads = true,
};
