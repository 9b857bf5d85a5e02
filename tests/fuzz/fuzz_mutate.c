/* Damage to good inputs. Places and lengths are drawn log-uniformly half of the time: headers stand at the
 * front, and most formats break at small distances. */
#include "tests/fuzz/fuzz_mutate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SEEDS = 64, MOST_CHANGES = 8, ROOM = 1 << 14 };

typedef struct blob {
    unsigned char *bytes;
    size_t n;
} blob;

struct fuzz_corpus {
    blob seeds[MOST_SEEDS];
    size_t n;
    blob work;       /* the copy being damaged */
    size_t capacity; /* of work */
};

static void *need(void *block) {
    if (block) return block;
    fprintf(stderr, "fuzz: no memory\n");
    exit(2);
}

fuzz_corpus *fuzz_corpus_create(void) {
    return need(calloc(1, sizeof(fuzz_corpus)));
}

void fuzz_corpus_free(fuzz_corpus *c) {
    for (size_t i = 0; i < c->n; i++) free(c->seeds[i].bytes);
    free(c->work.bytes);
    free(c);
}

/* The working copy has room for the longest input twice and some more, so that inserting mostly works. */
void fuzz_corpus_add(fuzz_corpus *c, const void *bytes, size_t n) {
    if (c->n == MOST_SEEDS) {
        fprintf(stderr, "fuzz: more than %d good inputs\n", MOST_SEEDS);
        exit(2);
    }
    blob *seed = &c->seeds[c->n++];
    *seed = (blob){need(malloc(n + 1)), n};
    if (n > 0) memcpy(seed->bytes, bytes, n);
    if (2 * n + ROOM <= c->capacity) return;
    c->capacity = 2 * n + ROOM;
    c->work.bytes = need(realloc(c->work.bytes, c->capacity));
}

void fuzz_corpus_add_text(fuzz_corpus *c, const char *text) {
    fuzz_corpus_add(c, text, strlen(text));
}

void fuzz_corpus_add_file(fuzz_corpus *c, const char *path) {
    FILE *f = fopen(path, "rb");
    long n = -1;
    if (f && fseek(f, 0, SEEK_END) == 0) n = ftell(f);
    unsigned char *bytes = need(malloc(n > 0 ? (size_t)n : 1));
    if (n < 0 || fseek(f, 0, SEEK_SET) != 0 || fread(bytes, 1, (size_t)n, f) != (size_t)n) {
        fprintf(stderr, "fuzz: cannot read '%s'\n", path);
        exit(2);
    }
    fclose(f);
    fuzz_corpus_add(c, bytes, (size_t)n);
    free(bytes);
}

size_t fuzz_corpus_count(const fuzz_corpus *c) {
    return c->n;
}

const unsigned char *fuzz_corpus_at(const fuzz_corpus *c, size_t i, size_t *n) {
    *n = c->seeds[i].n;
    return c->seeds[i].bytes;
}

/* In [0, n], near 0 half of the time. */
static size_t draw(ct_rng *rng, size_t n) {
    if (ct_rng_below(rng, 2)) return (size_t)ct_rng_below(rng, n + 1);
    const uint64_t limit = UINT64_C(1) << ct_rng_below(rng, 20);
    return (size_t)ct_rng_below(rng, (limit < n ? limit : n) + 1);
}

static size_t draw_length(ct_rng *rng) {
    return 1 + (size_t)ct_rng_below(rng, UINT64_C(1) << ct_rng_below(rng, 10));
}

/* The one edit: `cut` bytes at `at` go, `length` bytes of piece come. Left out when there is no room. piece
 * must not point into the copy. */
static void replace(fuzz_corpus *c, size_t at, size_t cut, const void *piece, size_t length) {
    blob *w = &c->work;
    if (at > w->n) at = w->n;
    if (cut > w->n - at) cut = w->n - at;
    if (w->n - cut + length > c->capacity) return;
    memmove(w->bytes + at + length, w->bytes + at + cut, w->n - at - cut);
    if (length > 0) memcpy(w->bytes + at, piece, length);
    w->n += length - cut;
}

static void flip_bit(fuzz_corpus *c, ct_rng *rng) {
    const size_t at = draw(rng, c->work.n);
    if (at < c->work.n) c->work.bytes[at] ^= (unsigned char)(1u << ct_rng_below(rng, 8));
}

/* One byte, or a run of them, over what is there or between. */
static void set_bytes(fuzz_corpus *c, ct_rng *rng) {
    static const unsigned char odd[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff, ' ', '\n', '\r', '"', ',', '\t'};
    unsigned char run[1024];
    const size_t length = ct_rng_below(rng, 2) ? 1 : draw_length(rng);
    const unsigned char byte =
        ct_rng_below(rng, 2) ? odd[ct_rng_below(rng, sizeof odd)] : (unsigned char)ct_rng_below(rng, 256);
    memset(run, byte, length);
    replace(c, draw(rng, c->work.n), ct_rng_below(rng, 2) ? length : 0, run, length);
}

static void cut_out(fuzz_corpus *c, ct_rng *rng) {
    replace(c, draw(rng, c->work.n), draw_length(rng), "", 0);
}

static void cut_short(fuzz_corpus *c, ct_rng *rng) {
    const size_t n = c->work.n, less = draw(rng, n);
    c->work.n = ct_rng_below(rng, 2) ? n - less : less;
}

/* A part of this or of another good input, over what is there or between. */
static void splice(fuzz_corpus *c, ct_rng *rng) {
    const blob *from = &c->seeds[ct_rng_below(rng, c->n)];
    const size_t begin = draw(rng, from->n), left = from->n - begin;
    const size_t length = ct_rng_below(rng, 4) == 0 ? left : draw_length(rng);
    const size_t n = length < left ? length : left;
    replace(c, draw(rng, c->work.n), ct_rng_below(rng, 2) ? n : 0, from->bytes + begin, n);
}

/* A part of the damaged copy again, at another place. */
static void copy_part(fuzz_corpus *c, ct_rng *rng) {
    unsigned char part[1024];
    const size_t begin = draw(rng, c->work.n), left = c->work.n - begin, length = draw_length(rng);
    const size_t n = length < left ? length : left;
    memcpy(part, c->work.bytes + begin, n);
    replace(c, draw(rng, c->work.n), ct_rng_below(rng, 2) ? n : 0, part, n);
}

/* A power of two, or a bit less or more, or its negative; or near the length of the input. */
static uint64_t edge(const fuzz_corpus *c, ct_rng *rng) {
    const uint64_t base = ct_rng_below(rng, 4) == 0 ? c->work.n : UINT64_C(1) << ct_rng_below(rng, 64);
    const uint64_t value = base + ct_rng_below(rng, 3) - 1;
    return ct_rng_below(rng, 4) == 0 ? 0 - value : value;
}

/* An integer of 1, 2, 4 or 8 bytes, in either order, at a multiple of its size. */
static void set_integer(fuzz_corpus *c, ct_rng *rng) {
    const size_t size = (size_t)1 << ct_rng_below(rng, 4), at = draw(rng, c->work.n) / size * size;
    const uint64_t value = ct_rng_below(rng, 4) == 0 ? ct_rng_below(rng, 4) : edge(c, rng);
    const int big_endian = (int)ct_rng_below(rng, 2);
    if (at + size > c->work.n) return;
    for (size_t i = 0; i < size; i++)
        c->work.bytes[at + (big_endian ? size - 1 - i : i)] = (unsigned char)(value >> 8 * i);
}

static int is_digit(unsigned char b) {
    return b >= '0' && b <= '9';
}

/* The next number in figures becomes another one. */
static void set_number(fuzz_corpus *c, ct_rng *rng) {
    static const char *const forms[] = {"%" PRId64, "%" PRIu64, "0x%" PRIx64, "%" PRId64 ".5", "1e%" PRId64};
    const blob *w = &c->work;
    char text[64];
    size_t at = draw(rng, w->n), end;
    while (at < w->n && !is_digit(w->bytes[at])) at++;
    for (end = at; end < w->n && is_digit(w->bytes[end]);) end++;
    if (end == at) return;
    const uint64_t value = ct_rng_below(rng, 2) ? ct_rng_below(rng, 12) : edge(c, rng);
    const uint64_t form = ct_rng_below(rng, 2) ? 0 : ct_rng_below(rng, sizeof forms / sizeof *forms);
    const int length = snprintf(text, sizeof text, forms[form], value);
    replace(c, at, end - at, text, (size_t)length);
}

/* A word of the format; now and then many times, to see how deep or wide a reader goes. */
static void add_token(fuzz_corpus *c, const char *const *tokens, ct_rng *rng) {
    size_t n = 0;
    while (tokens && tokens[n]) n++;
    if (n == 0) {
        set_bytes(c, rng);
        return;
    }
    const char *token = tokens[ct_rng_below(rng, n)];
    const size_t at = draw(rng, c->work.n), length = strlen(token);
    size_t times = ct_rng_below(rng, 32) ? 1 : draw_length(rng);
    replace(c, at, ct_rng_below(rng, 2) ? 0 : draw_length(rng) % 8, token, length);
    while (--times > 0) replace(c, at, 0, token, length);
}

static void change(fuzz_corpus *c, const char *const *tokens, ct_rng *rng) {
    static void (*const kinds[])(fuzz_corpus *, ct_rng *) = {flip_bit,    flip_bit,  set_bytes, set_bytes,
                                                             cut_out,     splice,    copy_part, set_integer,
                                                             set_integer, set_number};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    const uint64_t kind = ct_rng_below(rng, KINDS + 3);
    if (kind < KINDS)
        kinds[kind](c, rng);
    else if (kind == KINDS &&
             ct_rng_below(rng, 4) == 0) /* rare: what is behind is lost to the other changes */
        cut_short(c, rng);
    else
        add_token(c, tokens, rng);
}

unsigned char *fuzz_mutate(fuzz_corpus *c, const char *const *tokens, ct_rng *rng, size_t *n) {
    const blob *seed = &c->seeds[ct_rng_below(rng, c->n)];
    memcpy(c->work.bytes, seed->bytes, seed->n);
    c->work.n = seed->n;
    int changes = 1;
    while (changes < MOST_CHANGES && ct_rng_below(rng, 2)) changes++;
    for (int i = 0; i < changes; i++) change(c, tokens, rng);
    *n = c->work.n;
    return c->work.bytes;
}
