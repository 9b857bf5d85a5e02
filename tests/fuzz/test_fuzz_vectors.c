/* Files of vectors and bundles: arrays that can be read to their end, or the reason why not. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/safetensors.h"
#include "serve/bundle.h"
#include "serve/vectors.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

static const float values[] = {1.0f, -2.5f, 3e30f, 0.0f, 5.0f, -6.0f};
static const ct_vectors three = {3, 2, values}, none = {0, 2, values};
static volatile float sink; /* so that reads are made */

static void must(ct_status st) {
    if (st != CT_OK) exit(2);
}

static const char *label(void *ctx, int64_t row) {
    (void)ctx;
    static const char *const labels[] = {"shop,a", "shop,\"b,c\"", "video,a"};
    return labels[row];
}

typedef ct_status (*read_fn)(const char *path, int64_t *n, int64_t *dim, float **rows, ct_error *err);

static ct_status read_vectors(read_fn read, const fuzz_input *in, ct_error *err) {
    int64_t n = -1, dim = -1;
    float *rows = NULL, sum = 0;
    const ct_status st = read(in->path, &n, &dim, &rows, err);
    if (st == CT_OK) {
        FUZZ_EXPECT(n >= 0 && dim >= 1 && rows);
        for (int64_t i = 0; i < n * dim; i++) sum += rows[i];
        sink = sum;
    }
    ct_free(rows);
    return st;
}

/* ---- npy ---- */

static void good_npy(fuzz_corpus *corpus, const char *dir) {
    const char *path = test_path(dir, "seed.npy");
    for (int kind = 0; kind < 3; kind++) {
        must(ct_write_npy(path, kind < 2 ? &three : &none, kind == 1, NULL));
        fuzz_corpus_add_file(corpus, path);
    }
}
static const char *const npy_words[] = {"'<f2'", "'<f4'", "'>f4'",    "'descr':", "'fortran_order':",
                                        "True",  "False", "'shape':", "(3, 2)",   "(3,)",
                                        "()",    ", ",    "(",        ")",        "{",
                                        "}",     "'",     "\n",       "0",        NULL};
static ct_status read_npy(const fuzz_input *in, ct_error *err) {
    return read_vectors(ct_read_npy, in, err);
}

/* ---- safetensors: as vectors, and any tensors ---- */

/* Where the JSON that begins at `at` ends; 0 when it does not. */
static size_t json_end(const unsigned char *bytes, size_t at, size_t n) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = at; i < n; i++) {
        const unsigned char b = bytes[i];
        if (quoted) {
            if (b == '\\') i++;
            if (b == '"') quoted = false;
        } else if (b == '"') {
            quoted = true;
        } else if (b == '{') {
            depth++;
        } else if (b == '}' && --depth <= 0) {
            return i + 1;
        }
    }
    return 0;
}

/* The length in front of the header is no checksum, but whatever is inserted makes it wrong. */
static void mend_header(unsigned char *bytes, size_t n, ct_rng *rng) {
    const size_t end = n > 8 ? json_end(bytes, 8, n) : 0;
    if (end == 0 || ct_rng_below(rng, 4) == 0) return;
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)(end - 8) >> 8 * i);
}

static const char *const safetensors_words[] = {"{",
                                                "}",
                                                "[",
                                                "]",
                                                "\"",
                                                ",",
                                                ":",
                                                "\"dtype\":\"F16\"",
                                                "\"shape\":[",
                                                "\"data_offsets\":[0,",
                                                "\"__metadata__\":",
                                                "null",
                                                "1e3",
                                                "[[",
                                                "{\"a\":",
                                                "\"BF16\"",
                                                "\"F64\"",
                                                "\"I64\"",
                                                "\\u0000",
                                                NULL};

static void good_vectors_safetensors(fuzz_corpus *corpus, const char *dir) {
    const char *path = test_path(dir, "seed.safetensors");
    for (int kind = 0; kind < 3; kind++) {
        must(ct_write_vectors_safetensors(path, kind < 2 ? &three : &none, kind == 1, NULL));
        fuzz_corpus_add_file(corpus, path);
    }
}
static ct_status read_vectors_safetensors(const fuzz_input *in, ct_error *err) {
    return read_vectors(ct_read_vectors_safetensors, in, err);
}

static void good_safetensors(fuzz_corpus *corpus, const char *dir) {
    static const char *const dtypes[] = {"F32", "F64", "BF16", "F16"};
    static const unsigned char bytes[8 * 6];
    static const int sizes[] = {4, 8, 2, 2};
    const char *path = test_path(dir, "seed.safetensors");
    ct_safetensors_writer *w = NULL;
    must(ct_safetensors_writer_create(&w, path, NULL));
    must(ct_safetensors_writer_metadata(w, "format", "pt", NULL));
    for (int i = 0; i < 4; i++)
        must(ct_safetensors_writer_declare(w, dtypes[i], dtypes[i], (const int64_t[]){2, 3}, 2, NULL));
    must(ct_safetensors_writer_declare(w, "none", "F32", (const int64_t[]){0, 3}, 2, NULL));
    must(ct_safetensors_writer_declare(w, "one", "F32", NULL, 0, NULL));
    for (int i = 0; i < 4; i++) must(ct_safetensors_writer_data(w, bytes, (size_t)sizes[i] * 6, NULL));
    must(ct_safetensors_writer_data(w, bytes, 4, NULL));
    must(ct_safetensors_writer_commit(w, NULL));
    ct_safetensors_writer_free(w);
    fuzz_corpus_add_file(corpus, path);
    good_vectors_safetensors(corpus, dir);
}

static ct_status read_tensor(const ct_safetensor *t, ct_error *err) {
    int64_t n = 1;
    float *out = NULL;
    for (int d = 0; d < t->n_dims; d++) n *= t->shape[d];
    CT_CHECK(ct_calloc((size_t)n, sizeof *out, (void **)&out, err));
    const ct_status st = ct_safetensor_to_f32(t, out, n, err);
    ct_free(out);
    return st;
}

static ct_status read_safetensors(const fuzz_input *in, ct_error *err) {
    ct_safetensors *f = NULL;
    ct_status st = CT_OK;
    CT_TRY(ct_safetensors_open(&f, in->path, err), st, done);
    const char *format = ct_safetensors_metadata(f, "format");
    if (format) sink = (float)strlen(format);
    sink = (float)ct_safetensors_hash(f);
    for (int i = 0; i < ct_safetensors_count(f); i++) {
        const ct_safetensor *t = ct_safetensors_at(f, i);
        FUZZ_EXPECT(ct_safetensors_find(f, t->name) == t);
        CT_TRY(read_tensor(t, err), st, done);
    }
done:
    ct_safetensors_close(f);
    return st;
}

/* ---- faiss, CSV ---- */

static void good_faiss(fuzz_corpus *corpus, const char *dir) {
    const char *path = test_path(dir, "seed.faiss");
    must(ct_write_faiss(path, &three, NULL));
    fuzz_corpus_add_file(corpus, path);
    must(ct_write_faiss(path, &none, NULL));
    fuzz_corpus_add_file(corpus, path);
}
static ct_status read_faiss(const fuzz_input *in, ct_error *err) {
    return read_vectors(ct_read_faiss, in, err);
}

static void good_csv(fuzz_corpus *corpus, const char *dir) {
    const char *path = test_path(dir, "seed.csv");
    must(ct_write_vectors_csv(path, &three, label, NULL, NULL));
    fuzz_corpus_add_file(corpus, path);
}
static const char *const csv_words[] = {"v0",   "v1",    "v2",    ",v1",      ",",   "\n",    "\"", "nan",
                                        "-inf", "1e999", "0x1p3", "platform", ",id", "shop,", NULL};
static ct_status read_csv(const fuzz_input *in, ct_error *err) {
    return read_vectors(ct_read_vectors_csv, in, err);
}

/* ---- bundles: one of its files is damaged ---- */

static const char ids[] = "platform,id\nshop,a\nshop,\"b,c\"\nvideo,a\n";

static void good_bundle(const char *dir) {
    mkdir(test_path(dir, "bundle"), 0777);
    must(ct_write_npy(test_path(dir, "bundle/users.npy"), &three, false, NULL));
    must(ct_write_npy(test_path(dir, "bundle/items.npy"), &three, true, NULL));
    test_write_text(test_path(dir, "bundle/users.ids.csv"), ids);
    test_write_text(test_path(dir, "bundle/items.ids.csv"), ids);
}

static void good_ids(fuzz_corpus *corpus, const char *dir) {
    good_bundle(dir);
    fuzz_corpus_add_text(corpus, ids);
}

static void good_manifest(fuzz_corpus *corpus, const char *dir) {
    static const char *const files[] = {"users.npy", "items.npy", "users.ids.csv", "items.ids.csv"};
    ct_str text = {0};
    good_bundle(dir);
    must(ct_str_puts(&text, "{\"format\": \"crosstower-bundle-1\", \"files\": {", NULL));
    for (int i = 0; i < 4; i++) {
        uint64_t hash = 0, bytes = 0;
        char name[64] = "bundle/";
        strcat(name, files[i]);
        must(ct_file_hash(test_path(dir, name), &hash, &bytes, NULL));
        must(ct_str_printf(&text, NULL, "%s\"%s\": {\"xxh3\": \"%016llx\", \"bytes\": %llu}", i ? ", " : "",
                           files[i], (unsigned long long)hash, (unsigned long long)bytes));
    }
    must(ct_str_puts(&text, "}, \"platforms\": [{\"name\": \"shop\", \"users\": [0, 2], \"items\": [0, 2]}]}",
                     NULL));
    fuzz_corpus_add_text(corpus, ct_str_text(&text));
    ct_str_free(&text);
}

static ct_status read_bundle(const fuzz_input *in, ct_error *err) {
    ct_bundle *b = NULL;
    const ct_status st = ct_bundle_open(&b, test_path(in->dir, "bundle"), err);
    if (st == CT_OK) {
        const ct_bundle_side users = ct_bundle_users(b), items = ct_bundle_items(b);
        const int64_t found[] = {ct_bundle_find_user(b, "shop", "a"), ct_bundle_find_user(b, "video", "a"),
                                 ct_bundle_find_item(b, "", ""), ct_bundle_find_item(b, "shop", "b,c")};
        FUZZ_EXPECT(users.n == 3 && items.n == 3);
        for (int i = 0; i < 4; i++) FUZZ_EXPECT(found[i] >= -1 && found[i] < 3);
    }
    ct_bundle_close(b);
    return st;
}

static const fuzz_reader readers[] = {
    {.name = "npy",
     .file = "v.npy",
     .prepare = good_npy,
     .tokens = npy_words,
     .read = read_npy,
     .rounds = 8000},
    {.name = "safetensors",
     .file = "v.safetensors",
     .prepare = good_safetensors,
     .tokens = safetensors_words,
     .mend = mend_header,
     .read = read_safetensors,
     .rounds = 8000},
    {.name = "vectors-safetensors",
     .file = "v.safetensors",
     .prepare = good_vectors_safetensors,
     .tokens = safetensors_words,
     .mend = mend_header,
     .read = read_vectors_safetensors,
     .rounds = 4000},
    {.name = "faiss", .file = "v.faiss", .prepare = good_faiss, .read = read_faiss, .rounds = 4000},
    {.name = "vectors-csv",
     .file = "v.csv",
     .prepare = good_csv,
     .tokens = csv_words,
     .read = read_csv,
     .rounds = 4000},
    {.name = "bundle-ids",
     .file = "bundle/users.ids.csv",
     .prepare = good_ids,
     .tokens = csv_words,
     .read = read_bundle,
     .rounds = 2000},
    {.name = "bundle-manifest",
     .file = "bundle/manifest.json",
     .prepare = good_manifest,
     .tokens = safetensors_words,
     .read = read_bundle,
     .rounds = 2000},
};

int main(int argc, char **argv) {
    return fuzz_main(argc, argv, readers, sizeof readers / sizeof *readers);
}
