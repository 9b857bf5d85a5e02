/* The orientation of a JPEG: walks the markers before the first scan, finds the EXIF block (APP1) and in its
 * first directory the tag 0x0112. Every step is bounded by the segment; whatever is odd means orientation 1.
 * Exif 2.32 (CIPA DC-008), sections 4.5 and 4.6; TIFF 6.0, section 2. */
#include <stdbool.h>
#include <string.h>

#include "data/picture_parts.h"

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3

typedef struct tiff {
    const uint8_t *bytes;
    size_t n;
    bool big_endian;
} tiff;

/* Callers check the bounds. */
static unsigned get16(const tiff *t, size_t at) {
    const unsigned a = t->bytes[at], b = t->bytes[at + 1];
    return t->big_endian ? a << 8 | b : b << 8 | a;
}
static uint32_t get32(const tiff *t, size_t at) {
    const uint32_t a = get16(t, at), b = get16(t, at + 2);
    return t->big_endian ? a << 16 | b : b << 16 | a;
}

static int tiff_orientation(const uint8_t *bytes, size_t n) {
    tiff t = {bytes, n, false};
    if (n < 8) return 1;
    if (memcmp(bytes, "MM", 2) == 0)
        t.big_endian = true;
    else if (memcmp(bytes, "II", 2) != 0)
        return 1;
    if (get16(&t, 2) != 42) return 1;
    const size_t directory = get32(&t, 4);
    if (directory > n - 2) return 1;
    const size_t n_entries = get16(&t, directory), room = (n - directory - 2) / 12;
    for (size_t i = 0; i < n_entries && i < room; i++) {
        const size_t entry = directory + 2 + 12 * i;
        if (get16(&t, entry) != TAG_ORIENTATION) continue;
        if (get16(&t, entry + 2) != TYPE_SHORT || get32(&t, entry + 4) != 1) return 1;
        const unsigned value = get16(&t, entry + 8);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int ct__jpeg_orientation(const uint8_t *bytes, size_t n) {
    size_t at = 2; /* behind the start of the image */
    while (n >= 4 && at <= n - 4) {
        if (bytes[at] != 0xff) return 1;
        const uint8_t marker = bytes[at + 1];
        if (marker == 0xff) { /* fill bytes before a marker */
            at++;
            continue;
        }
        const size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3]; /* counts itself, not the marker */
        if (marker == 0xda || marker == 0xd9 || length < 2 || length > n - at - 2) return 1;
        const uint8_t *body = bytes + at + 4;
        if (marker == 0xe1 && length >= 8 && memcmp(body, "Exif\0", 6) == 0) {
            return tiff_orientation(body + 6, length - 8);
        }
        at += 2 + length;
    }
    return 1;
}
