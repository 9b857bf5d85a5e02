/* What a run leaves and takes up again: checkpoints, metrics, weights in BERT's layout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/hash.h"
#include "base/safetensors.h"
#include "base/str.h"
#include "eval/curves.h"
#include "run/session.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_run.h"
#include "train/checkpoint.h"

static ct_session session; /* lives as long as the reader's process */
static ct_config *config;

static void must(ct_status st, const ct_error *err) {
    if (st == CT_OK) return;
    fprintf(stderr, "%s\n", err->text);
    exit(2);
}

static const char *const json_words[] = {
    "{",       "}",     "[",   "]",        "\"",      ",",           ":",        "null",
    "-1",      "1e400", "nan", "\"step\"", "\\u0000", "\"shape\":[", "\"param/", "\"data_offsets\":[0,",
    "\"F16\"", "\n",    NULL};

/* ---- checkpoints ---- */

static void make_checkpoint(fuzz_corpus *corpus, const char *dir) {
    ct_error err = CT_ERROR_INIT;
    const char *path = test_path(dir, "seed.safetensors");
    tiny_write(dir);
    config = tiny_config(dir, "model.dim=4", "model.user.hidden=4", "model.item.embed=4",
                         "model.item.filters=2", "model.ids={}", "data.vocab_size=120", NULL);
    must(ct_session_open(&session, config, true, NULL, &err), &err);
    const ct_checkpoint_state state = {.step = 12,
                                       .skipped = 1,
                                       .best = 0.25,
                                       .best_step = 8,
                                       .vocab_hash = ct_tokenizer_hash(session.data->tokenizer),
                                       .data_hash = session.data->hash};
    must(ct_checkpoint_save(path, session.model, config, &state, true, &err), &err);
    fuzz_corpus_add_file(corpus, path);
}

/* The length in front of the header when the header is one JSON text, however long it has become. */
static json_t *header_of(unsigned char *bytes, size_t n) {
    json_error_t why;
    if (n < 9) return NULL;
    json_t *header = json_loadb((const char *)bytes + 8, n - 8, JSON_DISABLE_EOF_CHECK, &why);
    if (!header) return NULL;
    size_t length = (size_t)why.position;
    while (8 + length < n && bytes[8 + length] == ' ') length++;
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    return header;
}

/* Writes a hash over the 16 digits behind "key":" in the header. */
static void put_hash(unsigned char *bytes, size_t n, const char *key, uint64_t hash) {
    char quoted[64], digits[17];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)hash);
    unsigned char *at = memmem(bytes, n, quoted, strlen(quoted));
    if (at && (size_t)(bytes + n - at) >= strlen(quoted) + 16) memcpy(at + strlen(quoted), digits, 16);
}

/* A checkpoint's two checksums: of the tensors' bytes, and of the metadata. */
static void mend_checkpoint(unsigned char *bytes, size_t n, ct_rng *rng) {
    static const char *const sealed[] = {"format",    "version",    "config",   "seed",
                                         "step",      "skipped",    "best",     "best_step",
                                         "bad_evals", "vocab_hash", "data_hash"};
    (void)rng;
    json_t *header = header_of(bytes, n);
    const json_t *metadata = json_object_get(header, "__metadata__");
    ct_str all = {0};
    size_t length = 0;
    for (size_t i = 0; i < sizeof sealed / sizeof *sealed; i++) {
        const char *value = json_string_value(json_object_get(metadata, sealed[i]));
        if (!value) continue;
        must(ct_str_append(&all, sealed[i], strlen(sealed[i]) + 1, NULL), &(ct_error)CT_ERROR_INIT);
        must(ct_str_append(&all, value, strlen(value) + 1, NULL), &(ct_error)CT_ERROR_INIT);
    }
    for (int i = 7; header && i >= 0; i--) length = length << 8 | bytes[i];
    if (header && length <= n - 8) {
        put_hash(bytes, 8 + length, "metadata_xxh3", ct_hash(all.data, all.length));
        put_hash(bytes, 8 + length, "xxh3", ct_hash(bytes + 8 + length, n - 8 - length));
    }
    ct_str_free(&all);
    json_decref(header);
}

static ct_status read_checkpoint(const fuzz_input *in, ct_error *err) {
    ct_checkpoint_state state = {0};
    char *text = NULL;
    ct_error other = CT_ERROR_INIT;
    if (ct_checkpoint_peek(in->path, &state, &text, &other) == CT_OK)
        FUZZ_EXPECT(text && state.step >= state.skipped);
    ct_text_free(text);
    ct_error_clear(&other);
    text = NULL;
    if (in->n % 4 == 0 && ct_inspect(in->path, &text, &other) == CT_OK) FUZZ_EXPECT(text && text[0]);
    ct_text_free(text);
    return ct_checkpoint_load(in->path, session.model, session.data, in->n % 3 != 0, &state, err);
}

/* ---- metrics.jsonl, as the report draws it ---- */

static const char *const metrics[] = {
    "{\"kind\": \"train\", \"step\": 4, \"epoch\": 0.1, \"loss\": 3.5, \"lr\": 1e-3, \"temperature\": 0.07}\n"
    "{\"kind\": \"valid\", \"step\": 8, \"ndcg@10\": 0.5, \"platforms\": {\"shop\": {\"ndcg@10\": 0.25}}}\n",
    "{\"kind\":\"train\",\"step\":5,\"loss\":null}\n{\"kind\":\"train\",\"step\":6,\"loss\":1e300}", NULL};

static ct_status read_metrics(const fuzz_input *in, ct_error *err) {
    static const char *const names[] = {"shop", "video"};
    ct_curves curves = {0};
    const ct_status st = ct_curves_read(&curves, in->path, "ndcg@10", names, 2, err);
    FUZZ_EXPECT(st != CT_OK || (curves.n_broken <= curves.n_lines && curves.loss.n <= CT_CURVE_POINTS));
    ct_curves_free(&curves);
    return st;
}

/* ---- weights in BERT's layout ---- */

enum { HIDDEN = 16, FFN = 8, POSITIONS = 32 };

typedef struct shape {
    const char *name;
    int64_t rows, cols; /* rows 0: a vector */
} shape;

static void put_tensor(ct_safetensors_writer *w, const shape *s, bool data) {
    static const unsigned char zeros[1 << 14];
    ct_error err = CT_ERROR_INIT;
    const int64_t both[] = {s->rows, s->cols};
    const size_t bytes = (size_t)((s->rows ? s->rows : 1) * s->cols) * 2;
    if (bytes > sizeof zeros) exit(2);
    must(data ? ct_safetensors_writer_data(w, zeros, bytes, &err)
              : ct_safetensors_writer_declare(w, s->name, "F16", s->rows ? both : both + 1, s->rows ? 2 : 1,
                                              &err),
         &err);
}

static void write_bert(const char *path, int64_t vocab) {
#define LAYER "encoder.layer.0."
    const shape shapes[] = {{"embeddings.word_embeddings.weight", vocab, HIDDEN},
                            {"embeddings.position_embeddings.weight", POSITIONS, HIDDEN},
                            {"embeddings.token_type_embeddings.weight", 2, HIDDEN},
                            {"embeddings.LayerNorm.weight", 0, HIDDEN},
                            {"embeddings.LayerNorm.bias", 0, HIDDEN},
                            {LAYER "attention.self.query.weight", HIDDEN, HIDDEN},
                            {LAYER "attention.self.query.bias", 0, HIDDEN},
                            {LAYER "attention.self.key.weight", HIDDEN, HIDDEN},
                            {LAYER "attention.self.key.bias", 0, HIDDEN},
                            {LAYER "attention.self.value.weight", HIDDEN, HIDDEN},
                            {LAYER "attention.self.value.bias", 0, HIDDEN},
                            {LAYER "attention.output.dense.weight", HIDDEN, HIDDEN},
                            {LAYER "attention.output.dense.bias", 0, HIDDEN},
                            {LAYER "attention.output.LayerNorm.weight", 0, HIDDEN},
                            {LAYER "attention.output.LayerNorm.bias", 0, HIDDEN},
                            {LAYER "intermediate.dense.weight", FFN, HIDDEN},
                            {LAYER "intermediate.dense.bias", 0, FFN},
                            {LAYER "output.dense.weight", HIDDEN, FFN},
                            {LAYER "output.dense.bias", 0, HIDDEN},
                            {LAYER "output.LayerNorm.weight", 0, HIDDEN},
                            {LAYER "output.LayerNorm.bias", 0, HIDDEN}};
#undef LAYER
    ct_safetensors_writer *w = NULL;
    ct_error err = CT_ERROR_INIT;
    must(ct_safetensors_writer_create(&w, path, &err), &err);
    for (int data = 0; data < 2; data++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) put_tensor(w, &shapes[i], data);
    must(ct_safetensors_writer_commit(w, &err), &err);
    ct_safetensors_writer_free(w);
}

/* A vocabulary first, then weights that fit it, then data prepared with both. */
static void make_weights(fuzz_corpus *corpus, const char *dir) {
    static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nphone\ntent\n##s\na\n";
    char weights[1100];
    ct_error err = CT_ERROR_INIT;
    tiny_write(dir);
    mkdir(test_path(dir, "bert"), 0777);
    test_write_text(test_path(dir, "bert/vocab.txt"), vocab);
    test_write_text(test_path(dir, "bert/config.json"),
                    "{\"num_hidden_layers\": 1, \"hidden_size\": 16, \"num_attention_heads\": 2, "
                    "\"intermediate_size\": 8, \"max_position_embeddings\": 32}");
    write_bert(test_path(dir, "bert/model.safetensors"), 9);
    fuzz_corpus_add_file(corpus, test_path(dir, "bert/model.safetensors"));
    snprintf(weights, sizeof weights, "model.user.weights=%s", test_path(dir, "bert"));
    config = tiny_config(dir, weights, "model.ids={}", NULL);
    must(ct_session_open_data(&session, config, false, NULL, &err), &err);
}

static ct_status read_weights(const fuzz_input *in, ct_error *err) {
    const ct_model_sizes sizes = ct_session_sizes(&session);
    const ct_model_caps caps = ct_session_caps(&session);
    ct_model *model = NULL;
    (void)in;
    const ct_status st = ct_model_create(&model, config, &sizes, session.device, &caps, false, err);
    ct_model_free(model);
    return st;
}

static const fuzz_reader readers[] = {
    {.name = "checkpoint",
     .file = "c.safetensors",
     .prepare = make_checkpoint,
     .tokens = json_words,
     .mend = mend_checkpoint,
     .read = read_checkpoint,
     .rounds = 3000},
    {.name = "metrics",
     .file = "metrics.jsonl",
     .texts = metrics,
     .tokens = json_words,
     .read = read_metrics,
     .rounds = 4000,
     .takes_all = true}, /* a broken line is counted */
    {.name = "bert-weights",
     .file = "bert/model.safetensors",
     .prepare = make_weights,
     .tokens = json_words,
     .mend = mend_checkpoint,
     .read = read_weights,
     .rounds = 2000},
};

int main(int argc, char **argv) {
    return fuzz_main(argc, argv, readers, sizeof readers / sizeof *readers);
}
