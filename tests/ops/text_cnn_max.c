/* Cases of text_cnn_max_forward and text_cnn_max_backward: empty and short documents, ties, tokens of nobody.
 */
#include <math.h>

#include "tests/ops/harness.h"

/* shape: n = {C, F, K, lengths} */
enum {
    TAIL = 1, /* five tokens of nobody */
    INFER = 2,
    NO_DX = 4,
    FROZEN = 8
};

#define AT(member) offsetof(struct ct_text_cnn_max_forward_args, member)
#define LINK(member) OP_LINK(ct_text_cnn_max_forward_args, member)
#define BACK(member) offsetof(struct ct_text_cnn_max_backward_args, member)

static const op_field forward_fields[] = {
    {.name = "y", .at = AT(y), .role = OP_OUTPUT},
    {.name = "argmax", .at = AT(argmax), .role = OP_INDEX_OUTPUT},
    {.name = "x", .at = AT(x), .tight = true},
    {.name = "offsets", .at = AT(offsets), .role = OP_INDEX, .vector = true},
    {.name = "w", .at = AT(w), .fill = OP_FILL_NORMAL},
    {.name = "b", .at = AT(b), .fill = OP_FILL_NORMAL},
};

static const op_shape shapes_forward[] = {
    {{3, 4, 2, 2}, TAIL},    {{1, 1, 1, 1}, 0},    {{8, 4, 3, 0}, TAIL}, /* no document */
    {{8, 4, 3, 0}, 0},       {{4, 5, 3, 6}, 0},                          /* empty ones only */
    {{5, 7, 5, 8}, TAIL}, /* shorter, as long, longer than the filter */
    {{16, 16, 4, 5}, INFER}, {{15, 33, 3, 5}, 0},  {{17, 31, 1, 2}, INFER | TAIL},
    {{64, 65, 3, 3}, 0},     {{13, 16, 40, 2}, 0}, /* a filter longer than every document */
    {{96, 100, 4, 7}, TAIL},
};

static void setup_forward(op_run *run) {
    const unsigned flags = run->shape.flags;
    const int64_t c = run->shape.n[0], f = run->shape.n[1], k = run->shape.n[2], preset = run->shape.n[3];
    int64_t n;
    struct ct_text_cnn_max_forward_args *a = run->args;
    op_lengths(preset, &n);
    op_size(run, AT(y), n, f);
    op_size(run, AT(argmax), n, flags & INFER ? 0 : f);
    op_size(run, AT(x), op_lengths_sum(preset) + (flags & TAIL ? 5 : 0), c);
    op_size(run, AT(offsets), n + 1, 1);
    op_size(run, AT(w), f, k * c);
    op_size(run, AT(b), 1, f);
    a->width = k;
    a->max_length = op_lengths_max(preset);
    run->length = (double)(k * c);
}

static void fill_forward(op_run *run, ct_rng *rng) {
    int64_t n;
    (void)rng;
    op_fill_offsets(op_at(run, AT(offsets)), op_lengths(run->shape.n[3], &n));
}

/* The window of filter f at packed token t of document n; *size is the sum of magnitudes. */
static double window(const op_run *run, int64_t n, int64_t f, int64_t t, double *size) {
    const op_value *x = op_see(run, AT(x)), *w = op_see(run, AT(w)), *b = op_see(run, AT(b));
    const int64_t end = op_see(run, AT(offsets))->i[n + 1], channels = run->shape.n[0];
    double sum = op_f(b, 0, f);
    *size = fabs(sum);
    for (int64_t j = 0; j < run->shape.n[2] && t + j < end; j++) {
        for (int64_t c = 0; c < channels; c++) {
            const double term = op_f(w, f, j * channels + c) * op_f(x, t + j, c);
            sum += term;
            *size += fabs(term);
        }
    }
    return sum;
}

/* The last token at which a window of document n may begin, or less than its first where there is none. */
static int64_t last_window(const op_run *run, int64_t n) {
    const int32_t *offsets = op_see(run, AT(offsets))->i;
    const int64_t begin = offsets[n], length = offsets[n + 1] - begin, k = run->shape.n[2];
    if (length == 0) return begin - 1;
    return length < k ? begin : begin + length - k;
}

static bool index_ok(const op_run *run, const op_field *field, int64_t n, int64_t f, int32_t got,
                     int32_t want) {
    const int64_t begin = op_see(run, AT(offsets))->i[n];
    double size_got = 0, size_want = 0;
    (void)field;
    if (got != -1 && (got < begin || got > last_window(run, n))) return false;
    const double g = got < 0 ? 0 : window(run, n, f, got, &size_got);
    const double w = want < 0 ? 0 : window(run, n, f, want, &size_want);
    return fabs(g - w) <= 1e-6 * (size_got + size_want);
}

static const char *verify(const op_run *run, const op_outcome *oracle) {
    const op_value *y = op_result(run, oracle, AT(y)), *argmax = op_result(run, oracle, AT(argmax));
    for (int64_t n = 0; n < y->rows; n++) {
        for (int64_t f = 0; f < y->cols; f++) {
            double most = 0, size;
            int64_t place = -1;
            for (int64_t t = op_see(run, AT(offsets))->i[n]; t <= last_window(run, n); t++) {
                const double value = window(run, n, f, t, &size);
                if (!(value > most)) continue;
                most = value;
                place = t;
            }
            if (!(fabs(most - op_f(y, n, f)) <= 1e-12 * (1 + most))) return "a maximum";
            if (run->pattern == OP_EXACT && argmax->present && argmax->i[n * y->cols + f] != place)
                return "a place";
        }
    }
    return NULL;
}

const op_case op_case_text_cnn_max_forward = {
    OP_TABLES(forward_fields, shapes_forward),
    .setup = setup_forward,
    .fill = fill_forward,
    .index_ok = index_ok,
    .verify = verify,
    .patterns = 1 << OP_ONES | 1 << OP_MEAN | 1 << OP_HUGE | 1 << OP_EXACT,
    .k = 4,
};

static const op_field backward_fields[] = {
    {.name = "dx",
     .at = BACK(dx),
     .role = OP_BLEND,
     .grad = LINK(x),
     .beta = OP_LINK(ct_text_cnn_max_backward_args, beta)},
    {.name = "dw", .at = BACK(dw), .role = OP_ADD, .grad = LINK(w)},
    {.name = "db", .at = BACK(db), .role = OP_ADD, .grad = LINK(b)},
    {.name = "dy", .at = BACK(dy), .upstream = LINK(y)},
    {.name = "argmax", .at = BACK(argmax), .role = OP_INDEX, .from = LINK(argmax)},
    {.name = "x", .at = BACK(x), .tight = true, .from = LINK(x)},
    {.name = "offsets", .at = BACK(offsets), .role = OP_INDEX, .vector = true, .from = LINK(offsets)},
    {.name = "w", .at = BACK(w), .from = LINK(w)},
};

static const op_shape shapes_backward[] = {
    {{3, 4, 2, 2}, TAIL},   {{1, 1, 1, 1}, 0},    {{8, 4, 3, 0}, TAIL},    {{8, 4, 3, 0}, 0},
    {{4, 5, 3, 6}, 0},      {{5, 7, 5, 8}, TAIL}, {{16, 16, 4, 5}, NO_DX}, {{15, 33, 3, 5}, FROZEN},
    {{17, 31, 1, 2}, TAIL}, {{64, 65, 3, 3}, 0},  {{13, 16, 40, 2}, 0},    {{96, 100, 4, 7}, TAIL},
};

static void setup_backward(op_run *run) {
    struct ct_text_cnn_max_backward_args *a = run->args;
    a->width = run->shape.n[2];
    if (run->shape.flags & NO_DX) op_absent(run, BACK(dx));
    if (run->shape.flags & FROZEN) {
        op_absent(run, BACK(dw));
        op_absent(run, BACK(db));
    }
    /* A token's gradient sums over filters and windows, a filter's over documents. */
    run->length = (double)(run->shape.n[1] * run->shape.n[2]);
}

const op_case op_case_text_cnn_max_backward = {
    OP_TABLES(backward_fields, shapes_backward),
    .forward = &op_case_text_cnn_max_forward,
    .setup = setup_backward,
    .patterns = 1 << OP_ONES | 1 << OP_EXACT,
    .k = 4,
};
