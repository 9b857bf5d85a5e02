/* Tensors with contents, and the sizes they are made of. */
#include "benchmarks/maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

/* Contents are made and copied to the device in pieces of this many elements. */
enum { PIECE = 1 << 18 };

/* ---- sizes --------------------------------------------------------------------------------------------- */

static ct_status read_word(bench_sizes *sizes, const char *word, size_t n, ct_error *err) {
    const char *equals = memchr(word, '=', n);
    const size_t key = equals ? (size_t)(equals - word) : 0, value = equals ? n - key - 1 : 0;
    char number[32];
    double x = 0;
    if (key == 0 || key >= sizeof sizes->of->key || value == 0 || value >= sizeof number)
        return ct_fail(err, CT_ERR_CONFIG, "'%.*s', want KEY=NUMBER", (int)n, word);
    if (sizes->n == BENCH_KEYS_MAX) return ct_fail(err, CT_ERR_CONFIG, "more than %d sizes", BENCH_KEYS_MAX);
    memcpy(number, equals + 1, value);
    number[value] = '\0';
    if (!ct_parse_f64(number, &x))
        return ct_fail(err, CT_ERR_CONFIG, "'%.*s': '%s' is no number", (int)n, word, number);
    memcpy(sizes->of[sizes->n].key, word, key);
    sizes->of[sizes->n].key[key] = '\0';
    sizes->of[sizes->n].value = x;
    sizes->n++;
    return CT_OK;
}

ct_status bench_sizes_read(bench_sizes *sizes, const char *text, ct_error *err) {
    *sizes = (bench_sizes){0};
    for (const char *p = text + strspn(text, " \t"); *p;) {
        const size_t n = strcspn(p, " \t");
        CT_CHECK(read_word(sizes, p, n, err));
        p += n;
        p += strspn(p, " \t");
    }
    return CT_OK;
}

/* The place of a key, or -1. */
static int find_key(bench_maker *m, const char *key) {
    for (int i = 0; i < m->sizes.n; i++) {
        if (strcmp(m->sizes.of[i].key, key) != 0) continue;
        m->sizes.of[i].used = true;
        return i;
    }
    return -1;
}

int64_t bench_size(bench_maker *m, const char *key) {
    const int i = find_key(m, key);
    if (m->status != CT_OK) return 1;
    if (i < 0) {
        m->status = ct_fail(m->err, CT_ERR_CONFIG, "no %s=NUMBER, which this op needs", key);
        return 1;
    }
    const double x = m->sizes.of[i].value;
    if (!(x >= 1 && x <= INT32_MAX && x == (double)(int64_t)x)) {
        m->status = ct_fail(m->err, CT_ERR_CONFIG, "%s is %g, want a whole number of at least 1", key, x);
        return 1;
    }
    return (int64_t)x;
}

double bench_number_or(bench_maker *m, const char *key, double fallback) {
    const int i = find_key(m, key);
    return i < 0 ? fallback : m->sizes.of[i].value;
}

/* ---- the maker ----------------------------------------------------------------------------------------- */

ct_status bench_maker_open(bench_maker *m, const bench_options *options, const char *sizes, ct_error *err) {
    const ct_step step = {.seed = 1, .step = 1, .lr = 1e-5f, .bias1 = 0.2f, .bias2 = 0.01f, .clip = 1.0f};
    *m = (bench_maker){.rng = ct_rng_make(1, 0, 0), .err = err};
    CT_CHECK(bench_sizes_read(&m->sizes, sizes, err));
    CT_CHECK(ct_device_open(&m->dev, "cpu", options->threads, err));
    return ct_device_set_step(m->dev, &step, err);
}

void bench_maker_close(bench_maker *m) {
    for (int i = 0; i < m->n_blocks; i++) ct_device_free(m->dev, m->blocks[i]);
    ct_device_close(m->dev);
    m->n_blocks = 0;
    m->dev = NULL;
}

ct_status bench_maker_end(bench_maker *m) {
    for (int i = 0; i < m->sizes.n && m->status == CT_OK; i++)
        if (!m->sizes.of[i].used)
            m->status = ct_fail(m->err, CT_ERR_CONFIG, "nothing here has a size '%s'", m->sizes.of[i].key);
    m->err = NULL;
    return m->status;
}

/* ---- contents ------------------------------------------------------------------------------------------ */

static ct_tensor zeros(bench_maker *m, ct_dtype dtype, int64_t rows, int64_t cols) {
    const size_t row_bytes = (size_t)cols * ct_dtype_bytes(dtype); /* sizes are below 2^31 */
    ct_tensor t = ct_matrix(NULL, dtype, rows, cols);
    if (m->status == CT_OK && m->n_blocks == BENCH_BLOCKS_MAX)
        m->status = ct_fail(m->err, CT_ERR_INTERNAL, "a case of more than %d tensors", BENCH_BLOCKS_MAX);
    if (m->status == CT_OK) m->status = ct_device_alloc(m->dev, (size_t)rows, row_bytes, &t.data, m->err);
    if (m->status == CT_OK) m->blocks[m->n_blocks++] = t.data;
    return t;
}

ct_tensor bench_zeros(bench_maker *m, ct_dtype dtype, int64_t rows, int64_t cols) {
    return zeros(m, dtype, rows, cols);
}

/* Element i of a tensor, into its place. */
typedef void (*content)(bench_maker *m, void *element, int64_t i, const double *scalars);

static ct_tensor filled(bench_maker *m, ct_dtype dtype, int64_t rows, int64_t cols, content fill,
                        const double *scalars) {
    const ct_tensor t = zeros(m, dtype, rows, cols);
    const int64_t elements = rows * cols;
    const size_t size = ct_dtype_bytes(dtype);
    char *piece = NULL;
    if (m->status == CT_OK) m->status = ct_calloc(PIECE, size, (void **)&piece, m->err);
    for (int64_t from = 0; from < elements && m->status == CT_OK; from += PIECE) {
        const int64_t n = elements - from < PIECE ? elements - from : PIECE;
        for (int64_t i = 0; i < n; i++) fill(m, piece + (size_t)i * size, from + i, scalars);
        m->status =
            ct_device_upload(m->dev, (char *)t.data + (size_t)from * size, piece, (size_t)n * size, m->err);
    }
    ct_free(piece);
    return t;
}

static void fill_between(bench_maker *m, void *element, int64_t i, const double *range) {
    (void)i;
    *(float *)element = (float)(range[0] + (range[1] - range[0]) * (double)ct_rng_unit(ct_rng_u32(&m->rng)));
}

ct_tensor bench_between(bench_maker *m, int64_t rows, int64_t cols, double low, double high) {
    return filled(m, CT_DTYPE_F32, rows, cols, fill_between, (const double[]){low, high});
}

ct_tensor bench_f32(bench_maker *m, int64_t rows, int64_t cols) {
    return bench_between(m, rows, cols, -1, 1);
}

static void fill_indices(bench_maker *m, void *element, int64_t i, const double *below) {
    (void)i;
    *(int32_t *)element = (int32_t)ct_rng_below(&m->rng, (uint64_t)below[0]);
}

ct_tensor bench_indices(bench_maker *m, int64_t rows, int64_t cols, int64_t below) {
    return filled(m, CT_DTYPE_I32, rows, cols, fill_indices, (const double[]){(double)below});
}

static void fill_pixels(bench_maker *m, void *element, int64_t i, const double *none) {
    (void)i;
    (void)none;
    *(uint8_t *)element = (uint8_t)ct_rng_u32(&m->rng);
}

ct_tensor bench_pixels(bench_maker *m, int64_t rows, int64_t cols) {
    return filled(m, CT_DTYPE_U8, rows, cols, fill_pixels, NULL);
}

static void fill_strided(bench_maker *m, void *element, int64_t i, const double *step) {
    (void)m;
    *(int32_t *)element = (int32_t)(i * (int64_t)step[0]);
}

ct_tensor bench_strided(bench_maker *m, int64_t n, int64_t step) {
    return filled(m, CT_DTYPE_I32, n, 1, fill_strided, (const double[]){(double)step});
}

ct_tensor bench_i32(bench_maker *m, const int32_t *values, int64_t rows, int64_t cols) {
    const ct_tensor t = zeros(m, CT_DTYPE_I32, rows, cols);
    if (m->status == CT_OK)
        m->status = ct_device_upload(m->dev, t.data, values, (size_t)(rows * cols) * sizeof *values, m->err);
    return t;
}

/* sizes: channels, pixels of a picture, channel block. */
static void fill_image(bench_maker *m, void *element, int64_t i, const double *sizes) {
    const int64_t c = (int64_t)sizes[0], pixels = (int64_t)sizes[1], cb = (int64_t)sizes[2];
    const int64_t n_blocks = (c + cb - 1) / cb, channel = i / (pixels * cb) % n_blocks * cb + i % cb;
    const float x = 2.0f * ct_rng_unit(ct_rng_u32(&m->rng)) - 1.0f;
    *(float *)element = channel < c ? x : 0.0f;
}

ct_image bench_image(bench_maker *m, int64_t n, int64_t c, int64_t h, int64_t w) {
    const int64_t cb = c == 3 ? 3 : m->dev ? ct_device_channel_block(m->dev) : 8;
    ct_image t = {NULL, CT_DTYPE_F32, n, c, h, w, cb};
    const double sizes[] = {(double)c, (double)(h * w), (double)cb};
    t.data = filled(m, CT_DTYPE_F32, n, ct_image_elements(t) / n, fill_image, sizes).data;
    return t;
}

/* ---- sequences and lookups ----------------------------------------------------------------------------- */

bench_packed bench_sequences(bench_maker *m) {
    bench_packed p = {.n = bench_size(m, "N"), .longest = bench_size(m, "longest")};
    const int64_t shortest = bench_size(m, "shortest"), spread = p.longest - shortest + 1;
    int32_t *offsets = NULL;
    if (m->status == CT_OK && spread < 1)
        m->status = ct_fail(m->err, CT_ERR_CONFIG, "shortest is above longest");
    if (m->status == CT_OK && p.n * p.longest > INT32_MAX)
        m->status =
            ct_fail(m->err, CT_ERR_CONFIG, "N sequences of `longest` tokens: more than an i32 counts");
    if (m->status == CT_OK)
        m->status = ct_calloc((size_t)p.n + 1, sizeof *offsets, (void **)&offsets, m->err);
    for (int64_t i = 0; i < p.n && offsets; i++) {
        const int64_t length =
            shortest + (int64_t)ct_permute((uint64_t)i, (uint64_t)p.n, m->rng.key) * spread / p.n;
        p.tokens += length;
        p.squares += (double)length * (double)length;
        offsets[i + 1] = (int32_t)p.tokens;
    }
    if (!offsets) p.tokens = 1;
    p.offsets = bench_i32(m, offsets, p.n + 1, 1);
    ct_free(offsets);
    return p;
}

typedef struct entry {
    int32_t id, row;
} entry;

static int by_id_then_row(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return x->id != y->id ? (x->id < y->id ? -1 : 1) : (x->row > y->row) - (x->row < y->row);
}

/* Sorted entries to segments of one id each. lists: ids, rows, seg_begin, seg_row, each of entries + 1
 * places. */
static int64_t fill_segments(entry *sorted, int64_t entries, int32_t *rows, int32_t *begin,
                             int32_t *seg_row) {
    int64_t n = 0;
    qsort(sorted, (size_t)entries, sizeof *sorted, by_id_then_row);
    for (int64_t k = 0; k < entries; k++) {
        if (k == 0 || sorted[k].id != sorted[k - 1].id) {
            rows[n] = sorted[k].id;
            begin[n++] = (int32_t)k;
        }
        seg_row[k] = sorted[k].row;
    }
    begin[n] = (int32_t)entries;
    return n;
}

bench_lookup bench_look_up(bench_maker *m, int64_t entries, int64_t bag, int64_t V) {
    bench_lookup l = {0};
    entry *list = NULL;
    int32_t *numbers = NULL;
    const size_t places = (size_t)entries + 1;
    if (m->status == CT_OK) m->status = ct_calloc(places, sizeof *list, (void **)&list, m->err);
    if (m->status == CT_OK) m->status = ct_calloc(places, 4 * sizeof *numbers, (void **)&numbers, m->err);
    if (m->status == CT_OK) {
        int32_t *ids = numbers, *rows = ids + places, *begin = rows + places, *seg_row = begin + places;
        for (int64_t k = 0; k < entries; k++) {
            ids[k] = (int32_t)ct_rng_below(&m->rng, (uint64_t)V);
            list[k] = (entry){ids[k], (int32_t)(k / bag)};
        }
        l.n_unique = fill_segments(list, entries, rows, begin, seg_row);
        l.ids = bench_i32(m, ids, entries, 1);
        l.rows = bench_i32(m, rows, l.n_unique, 1);
        l.seg_begin = bench_i32(m, begin, l.n_unique + 1, 1);
        l.seg_row = bench_i32(m, seg_row, entries, 1);
    }
    ct_free(numbers);
    ct_free(list);
    return l;
}
