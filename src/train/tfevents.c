/* Writing TensorBoard scalars. The two messages needed (Event, Summary) are encoded by hand: a protobuf library would
 * bring a compiler for ten lines of wire format. No packaged C library offers CRC-32C, so its table is made here. */
#include "train/tfevents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/io_calls.h"

struct ct_tfevents {
    int fd;
    char path[4096];
    uint32_t table[256];
};

static void make_table(uint32_t table[256]) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1; /* Castagnoli, reflected */
        table[i] = c;
    }
}

/* TFRecord's mask: rotate right by 15 and add a constant. */
static uint32_t masked_crc(const uint32_t table[256], const unsigned char *bytes, size_t n) {
    uint32_t c = ~0u;
    for (size_t i = 0; i < n; i++) c = table[(c ^ bytes[i]) & 255] ^ c >> 8;
    c = ~c;
    return (c >> 15 | c << 17) + 0xA282EAD8u;
}

typedef struct buffer {
    unsigned char bytes[512];
    size_t n;
} buffer;

static void put_le(buffer *b, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) b->bytes[b->n++] = (unsigned char)(v >> 8 * i);
}
static void put_varint(buffer *b, uint64_t v) {
    for (; v >= 128; v >>= 7) b->bytes[b->n++] = (unsigned char)(v | 128);
    b->bytes[b->n++] = (unsigned char)v;
}
static void put_key(buffer *b, int field, int wire_type) { put_varint(b, (uint64_t)(field << 3 | wire_type)); }
static void put_bytes(buffer *b, int field, const void *bytes, size_t n) {
    put_key(b, field, 2);
    put_varint(b, n);
    memcpy(b->bytes + b->n, bytes, n);
    b->n += n;
}
static void put_double(buffer *b, int field, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(b, field, 1);
    put_le(b, bits, 8);
}
static void put_float(buffer *b, int field, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(b, field, 5);
    put_le(b, bits, 4);
}

static ct_status write_record(ct_tfevents *t, const buffer *event, ct_error *err) {
    buffer frame = {.n = 0};
    put_le(&frame, event->n, 8);
    put_le(&frame, masked_crc(t->table, frame.bytes, 8), 4);
    memcpy(frame.bytes + frame.n, event->bytes, event->n);
    frame.n += event->n;
    put_le(&frame, masked_crc(t->table, event->bytes, event->n), 4);
    return ct__io_write(t->fd, t->path, frame.bytes, frame.n, -1, err);
}

static double wall_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

ct_status ct_tfevents_open(ct_tfevents **out, const char *folder, ct_error *err) {
    static const char version[] = "brain.Event:2";
    ct_tfevents *t = NULL;
    buffer event = {.n = 0};
    *out = NULL;
    CT_CHECK(ct_calloc(1, sizeof *t, (void **)&t, err));
    make_table(t->table);
    const int n = snprintf(t->path, sizeof t->path, "%s/events.out.tfevents.%lld.crosstower.%ld", folder,
                           (long long)wall_time(), (long)getpid());
    ct_status st = CT_OK;
    if (n >= (int)sizeof t->path) errno = ENAMETOOLONG;
    t->fd = n < (int)sizeof t->path ? ct__io_create(t->path, O_WRONLY | O_APPEND) : -1;
    if (t->fd < 0) st = ct__fail_errno(err, "create", t->path);
    put_double(&event, 1, wall_time());
    put_bytes(&event, 3, version, sizeof version - 1);
    if (st == CT_OK) st = write_record(t, &event, err);
    if (st != CT_OK) {
        ct_tfevents_close(t);
        return st;
    }
    *out = t;
    return CT_OK;
}

ct_status ct_tfevents_scalar(ct_tfevents *t, int64_t step, const char *tag, double value, ct_error *err) {
    buffer scalar = {.n = 0}, summary = {.n = 0}, event = {.n = 0};
    const size_t length = strlen(tag);
    if (length > 128) return ct_fail(err, CT_ERR_ARGUMENT, "TensorBoard tag '%s': at most 128 bytes", tag);
    put_bytes(&scalar, 1, tag, length);
    put_float(&scalar, 2, (float)value);
    put_bytes(&summary, 1, scalar.bytes, scalar.n);
    put_double(&event, 1, wall_time());
    put_key(&event, 2, 0);
    put_varint(&event, (uint64_t)step);
    put_bytes(&event, 5, summary.bytes, summary.n);
    return write_record(t, &event, err);
}

void ct_tfevents_close(ct_tfevents *t) {
    if (!t) return;
    if (t->fd >= 0) close(t->fd);
    ct_free(t);
}
