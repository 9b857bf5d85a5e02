/* Tables, lists of texts and of pictures, vocabularies: rows of UTF-8 come out, or the reason why not. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/alloc.h"
#include "base/str.h"
#include "data/picture_list.h"
#include "data/table.h"
#include "data/text_list.h"
#include "data/tokenizer.h"
#include "tests/fuzz/fuzz.h"

/* ---- tables ---- */

static const char *const csv_tables[] = {
    "id,text,year\na,\"one, two\",1999\nb,\"he said \"\"no\"\"\",2000\n\xE4\xBA\x94,,-3.5\n",
    "\xEF\xBB\xBFid,\"te\nxt\"\r\n1,2\r\n\"3\n3\",4\r\n", "id\n1", NULL};
static const char *const tsv_tables[] = {"id\ttext\tyear\na\tone two\t1999\nb\t\"\t2000\n\t\t\n", NULL};
static const char *const typed_tables[] = {
    "id:token\ttext:token_seq\tyear:float\na\tone two\t1999\nb\t\t2000\n", NULL};
static const char *const json_tables[] = {
    "{\"id\": \"a\", \"text\": [\"one\", 2, true], \"year\": 1999}\n{\"id\": 7, \"text\": null}\n",
    "{\"id\":\"\\u00e9\\ud83d\\ude00\",\"text\":\"a\\nb\",\"year\":1e3,\"more\":{\"x\":[]}}\n\n{}", NULL};

static const char *const csv_words[] = {"\"",   "\"\"",         ",",        "\n",       "\r\n",
                                        "\r",   "\xEF\xBB\xBF", "id,",      "\"a\nb\"", "\t",
                                        "\xff", "\xE4\xBA",     "id:token", ":",        NULL};
static const char *const json_words[] = {
    "{",    "}",       "[",  "]",       ":",       ",",  "\"",       "null",
    "true", "1e400",   "-0", "\\u0000", "\\ud800", "\n", "{\"id\":", "\"id\": \"a\"",
    "[[",   "{\"a\":", "\\", NULL};

static void check_cell(const ct_table *t, int column) {
    size_t n = 0;
    const char *cell = ct_table_cell(t, column, &n);
    if (!cell) return;
    FUZZ_EXPECT(strlen(cell) == n);
    FUZZ_EXPECT(ct_utf8_valid_prefix(cell, n) == n);
}

static ct_status read_table(const fuzz_input *in, ct_error *err) {
    static const char *const names[] = {"id", "text", "year", "te\nxt"};
    enum { NAMES = sizeof names / sizeof *names };
    ct_status st = CT_OK;
    ct_table *t = NULL;
    int columns[NAMES];
    int64_t rows = 0, line = 0;
    CT_TRY(ct_table_open(&t, in->path, err), st, done);
    for (int i = 0; i < NAMES; i++) columns[i] = ct_table_column(t, names[i]);
    FUZZ_EXPECT(ct_table_columns_text(t) != NULL);
    for (;;) {
        bool more = false;
        const char *bad = NULL;
        CT_TRY(ct_table_next(t, &more, &bad, err), st, done);
        if (!more) break;
        FUZZ_EXPECT(!bad || bad[0] != '\0');
        FUZZ_EXPECT(ct_table_line(t) > line);
        line = ct_table_line(t);
        for (int i = 0; i < NAMES; i++) check_cell(t, columns[i]);
        FUZZ_EXPECT(++rows <= (int64_t)in->n * 1100 + 1); /* deflate's best is 1 to 1032 */
    }
done:
    FUZZ_EXPECT(st == CT_OK || strstr(err->text, in->path));
    ct_table_close(t);
    return st;
}

/* The good tables, compressed. What lies behind the checksum is read by the same code as plain bytes. */
static void add_compressed(fuzz_corpus *corpus, const char *const *texts) {
    for (int i = 0; texts[i]; i++) {
        unsigned char out[4096];
        z_stream z = {.next_in = (unsigned char *)(uintptr_t)texts[i],
                      .avail_in = (unsigned)strlen(texts[i]),
                      .next_out = out,
                      .avail_out = sizeof out};
        if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
            deflate(&z, Z_FINISH) != Z_STREAM_END)
            exit(2);
        fuzz_corpus_add(corpus, out, z.total_out);
        deflateEnd(&z);
    }
}

static void compressed_csv(fuzz_corpus *corpus, const char *dir) {
    (void)dir;
    add_compressed(corpus, csv_tables);
}

static void compressed_json(fuzz_corpus *corpus, const char *dir) {
    (void)dir;
    add_compressed(corpus, json_tables);
}

/* ---- lists of texts to embed ---- */

static const char *const lines[] = {"one text\nanother text, with a comma\n\nfour\r\n",
                                    "\xEF\xBB\xBF\xE4\xBA\x94", NULL};
static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\none\ntext\n##s\ntwo\n\xE4\xBA\x94\n";
static const char *const vocabularies[] = {vocabulary,
                                           "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nx\r\n##x", NULL};
static const char *const vocabulary_words[] = {"[PAD]", "[UNK]", "[CLS]\n", "[SEP]",        "##",  "\n",
                                               "\r\n",  "\n\n",  "\xff",    "\xEF\xBB\xBF", "a\n", NULL};

static void check_tokens(const ct_tokenizer *t, const int32_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++) FUZZ_EXPECT(ct_tokenizer_token(t, ids[i]) != NULL);
}

static ct_status read_list(const fuzz_input *in, ct_error *err) {
    enum { LIMIT = 8 };
    ct_tokenizer *t = NULL;
    ct_text_list list = {0};
    FUZZ_EXPECT(ct_tokenizer_parse(&t, "vocab", vocabulary, sizeof vocabulary - 1, true, err) == CT_OK);
    const ct_status st = ct_text_list_read(&list, in->path, t, LIMIT, NULL, NULL, err);
    for (int64_t i = 0; st == CT_OK && i < list.n; i++) {
        const int64_t begin = list.tokens.begin[i], end = list.tokens.begin[i + 1];
        FUZZ_EXPECT(begin <= end && end - begin <= LIMIT);
        check_tokens(t, list.tokens.ids + begin, (size_t)(end - begin));
        FUZZ_EXPECT(ct_strings_get(&list.id, i)[0] != '\0');
    }
    ct_text_list_free(&list);
    ct_tokenizer_free(t);
    return st;
}

/* ---- lists of pictures to embed ---- */

static const char *const picture_lists[] = {"a.jpg\nb\tdir/b.png\n\n/c.webp\r\n", "five\t\xE4\xBA\x94.jpeg", NULL};

static ct_status read_pictures(const fuzz_input *in, ct_error *err) {
    ct_picture_list list = {0};
    const ct_status st = ct_picture_list_read(&list, in->path, err);
    for (int64_t i = 0; st == CT_OK && i < list.n; i++) {
        char *path = NULL;
        FUZZ_EXPECT(ct_strings_get(&list.id, i)[0] != '\0');
        FUZZ_EXPECT(ct_picture_list_path(&list, i, &path, NULL) == CT_OK && path[0] != '\0');
        ct_free(path);
    }
    ct_picture_list_free(&list);
    return st;
}

/* ---- vocabularies, and text through them ---- */

static ct_status read_vocabulary(const fuzz_input *in, ct_error *err) {
    static const char text[] = "A text of one [SEP] two \xE4\xBA\x94texts\xCC\x81, xx.";
    ct_tokenizer *t = NULL;
    ct_token_buffer buffer = {0};
    ct_status st = CT_OK;
    CT_TRY(ct_tokenizer_parse(&t, in->path, (const char *)in->bytes, in->n, in->n % 2, err), st, done);
    FUZZ_EXPECT(ct_tokenizer_size(t) >= 4);
    FUZZ_EXPECT(ct_tokenizer_token(t, ct_tokenizer_size(t)) == NULL);
    for (int32_t id = 0; id < ct_tokenizer_size(t); id++) FUZZ_EXPECT(ct_tokenizer_token(t, id) != NULL);
    CT_TRY(ct_tokenize(t, text, sizeof text - 1, 0, &buffer, err), st, done);
    check_tokens(t, buffer.ids, buffer.count);
done:
    ct_token_buffer_free(&buffer);
    ct_tokenizer_free(t);
    return st;
}

/* Any bytes are a text: they are cut into tokens, and a vocabulary that is learned from them is one. */
static ct_status read_text(const fuzz_input *in, ct_error *err) {
    const char *text = (const char *)in->bytes;
    ct_tokenizer *t = NULL, *learned = NULL;
    ct_vocab_learner *learner = NULL;
    ct_token_buffer buffer = {0};
    char *vocab = NULL;
    size_t n = 0;
    ct_status st = CT_OK;
    CT_TRY(ct_tokenizer_parse(&t, "vocab", vocabulary, sizeof vocabulary - 1, in->n % 2, err), st, done);
    CT_TRY(ct_tokenize(t, text, in->n, 0, &buffer, err), st, done);
    check_tokens(t, buffer.ids, buffer.count);
    FUZZ_EXPECT(buffer.count <= 3 * in->n); /* a character may decompose into some */
    CT_TRY(ct_vocab_learner_create(&learner, in->n % 2, err), st, done);
    CT_TRY(ct_vocab_learner_feed(learner, text, in->n, err), st, done);
    CT_TRY(ct_vocab_learner_finish(learner, 60, 1, &vocab, &n, err), st, done);
    FUZZ_EXPECT(ct_tokenizer_parse(&learned, "learned", vocab, n, in->n % 2, err) == CT_OK);
done:
    ct_free(vocab);
    ct_vocab_learner_free(learner);
    ct_token_buffer_free(&buffer);
    ct_tokenizer_free(learned);
    ct_tokenizer_free(t);
    return st;
}

static const char *const texts[] = {
    "The quick [SEP] brown fox's caf\xC3\xA9 \xE4\xBA\x94\xE4\xBA\xBA \xF0\x9F\x98\x80 aaaa bbb ab",
    "\xE1\xBA\xAD\xCC\x81\xEA\xB0\x80 tel: +1-234 [MASK] x\tb\xC2\xA0y\r\nz", NULL};
static const char *const text_words[] = {"[SEP]",
                                         "[UNK]",
                                         "\xff",
                                         "\xC0\x80",
                                         "\xED\xA0\x80",
                                         "\xF4\x90\x80\x80",
                                         "\xCC\x81",
                                         "\xEF\xBF\xBD",
                                         "\xE2\x80\x8B",
                                         "\xC4\xB0",
                                         "\xEF\xB7\xBA",
                                         " ",
                                         "a",
                                         NULL};

static const fuzz_reader readers[] = {
    {.name = "csv",
     .file = "t.csv",
     .texts = csv_tables,
     .tokens = csv_words,
     .read = read_table,
     .rounds = 6000},
    {.name = "tsv",
     .file = "t.tsv",
     .texts = tsv_tables,
     .tokens = csv_words,
     .read = read_table,
     .rounds = 3000},
    {.name = "recbole",
     .file = "t.inter",
     .texts = typed_tables,
     .tokens = csv_words,
     .read = read_table,
     .rounds = 3000},
    {.name = "jsonl",
     .file = "t.jsonl",
     .texts = json_tables,
     .tokens = json_words,
     .read = read_table,
     .rounds = 6000,
     .takes_all = true}, /* a row that is broken is not the file's end */
    {.name = "csv-gz",
     .file = "t.csv.gz",
     .prepare = compressed_csv,
     .read = read_table,
     .rounds = 4000,
     .memory_factor = 3000},
    {.name = "jsonl-gz",
     .file = "t.jsonl.gz",
     .prepare = compressed_json,
     .read = read_table,
     .rounds = 4000,
     .memory_factor = 3000},
    {.name = "lines",
     .file = "t.txt",
     .texts = lines,
     .tokens = csv_words,
     .read = read_list,
     .rounds = 3000},
    {.name = "text-csv",
     .file = "t.csv",
     .texts = (const char *const[]){"id,text\na,one\nb,\"two, text\"\n", NULL},
     .tokens = csv_words,
     .read = read_list,
     .rounds = 3000},
    {.name = "picture-list",
     .file = "pictures.txt",
     .texts = picture_lists,
     .tokens = csv_words,
     .read = read_pictures,
     .rounds = 3000},
    {.name = "vocab",
     .file = "vocab.txt",
     .texts = vocabularies,
     .tokens = vocabulary_words,
     .read = read_vocabulary,
     .rounds = 4000},
    {.name = "text",
     .file = "t.bin",
     .texts = texts,
     .tokens = text_words,
     .read = read_text,
     .rounds = 4000,
     .memory_factor = 1000,
     .takes_all = true},
};

int main(int argc, char **argv) {
    return fuzz_main(argc, argv, readers, sizeof readers / sizeof *readers);
}
