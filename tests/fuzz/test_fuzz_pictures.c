/* Pictures: pixels come out, or the reason why not; never much time or memory for few bytes. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "data/picture.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/picture_samples.h"

enum { SIZE = 16 };

static void add_samples(fuzz_corpus *corpus, const char *magic, size_t n_magic, size_t at) {
    static const int sizes[][2] = {{37, 29}, {5, 40}};
    for (int k = 0; k < 2; k++) {
        sample samples[32];
        const int n = sample_make_all(samples, sizes[k][0], sizes[k][1]);
        for (int i = 0; i < n; i++)
            if (samples[i].n > at + n_magic && memcmp(samples[i].bytes + at, magic, n_magic) == 0)
                fuzz_corpus_add(corpus, samples[i].bytes, samples[i].n);
        sample_free_all(samples, n);
    }
}

static void good_jpeg(fuzz_corpus *corpus, const char *dir) {
    (void)dir;
    add_samples(corpus, "\xff\xd8", 2, 0);
}
static void good_png(fuzz_corpus *corpus, const char *dir) {
    (void)dir;
    add_samples(corpus, "PNG", 3, 1);
}
static void good_webp(fuzz_corpus *corpus, const char *dir) {
    (void)dir;
    add_samples(corpus, "WEBP", 4, 8);
}

/* Makes the checksums of a PNG's chunks right, so that what was changed gets past them. */
static void mend_png(unsigned char *bytes, size_t n, ct_rng *rng) {
    (void)rng;
    for (size_t at = 8; at <= n && n - at >= 12;) {
        const size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                              (size_t)bytes[at + 2] << 8 | (size_t)bytes[at + 3];
        if (length > n - at - 12) return;
        const uint32_t crc = (uint32_t)crc32(0, bytes + at + 4, (uInt)(length + 4));
        for (size_t i = 0; i < 4; i++) bytes[at + 8 + length + i] = (unsigned char)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

/* The file's length in a RIFF's header: else nothing but changes in place is ever read. */
static void mend_riff(unsigned char *bytes, size_t n, ct_rng *rng) {
    if (n < 12 || ct_rng_below(rng, 4) == 0) return;
    for (size_t i = 0; i < 4; i++) bytes[4 + i] = (unsigned char)((n - 8) >> 8 * i);
}

/* At half the size JPEG and WebP are reduced while they are decoded. */
static ct_status read_picture(const fuzz_input *in, ct_error *err) {
    unsigned char rgb[SIZE * SIZE * 3];
    ct_picture_scratch scratch = {0};
    const ct_status st = ct_picture_decode(in->bytes, in->n, in->n % 2 ? SIZE : SIZE / 2, rgb, &scratch, err);
    ct_picture_scratch_free(&scratch);
    return st;
}

/* 40 MiB: up to 4 million pixels are decoded however few the bytes are. */
static const fuzz_reader readers[] = {
    {.name = "jpeg",
     .file = "p.jpg",
     .prepare = good_jpeg,
     .read = read_picture,
     .rounds = 8000,
     .memory_factor = 8000,
     .memory_mib = 40},
    {.name = "png",
     .file = "p.png",
     .prepare = good_png,
     .mend = mend_png,
     .read = read_picture,
     .rounds = 8000,
     .tokens = (const char *const[]){"IHDR", "IDAT", "PLTE", "tRNS", "IEND", "gAMA", "iCCP", NULL},
     .memory_factor = 40000, /* deflate packs 1032 bytes into one; of one bit a pixel, four bytes are made */
     .memory_mib = 40},
    {.name = "webp",
     .file = "p.webp",
     .prepare = good_webp,
     .mend = mend_riff,
     .read = read_picture,
     .rounds = 4000,
     .tokens = (const char *const[]){"VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "RIFF", NULL},
     .memory_factor = 8000,
     .memory_mib = 40},
};

int main(int argc, char **argv) {
    return fuzz_main(argc, argv, readers, sizeof readers / sizeof *readers);
}
