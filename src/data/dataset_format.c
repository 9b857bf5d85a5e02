/* Writing the sections of dataset.bin, and checking them before anything is read through them. */
#define XXH_INLINE_ALL
#include "data/dataset_format.h"

#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/hash.h"

static const char MAGIC[8] = {'C', 'T', 'D', 'A', 'T', 'A', '\r', '\n'};
static const uint32_t BYTE_ORDER_MARK = 0x01020304;
static const char ZEROS[CT__CACHE_ALIGN];

static uint64_t aligned(uint64_t n) {
    return (n + CT__CACHE_ALIGN - 1) / CT__CACHE_ALIGN * CT__CACHE_ALIGN;
}

struct ct__cache_out {
    ct__cache_header header;
    ct_writer *writer;
    XXH3_state_t hash; /* of the section being written */
    int next;          /* the section that is written or comes next */
};

ct_status ct__cache_out_open(ct__cache_out **out, const char *path, ct_error *err) {
    ct_status st = CT_OK;
    ct__cache_out *o = NULL;
    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *o, (void **)&o, err), st, done);
    CT_TRY(ct_writer_open(&o->writer, path, err), st, done);
    CT_TRY(ct_writer_write(o->writer, &o->header, sizeof o->header, err), st,
           done); /* patched at the commit */
    CT_TRY(ct_writer_write(o->writer, ZEROS, aligned(sizeof o->header) - sizeof o->header, err), st, done);
    *out = o;
    o = NULL;
done:
    ct__cache_out_free(o);
    return st;
}

void ct__cache_out_free(ct__cache_out *out) {
    if (!out) return;
    ct_writer_free(out->writer);
    ct_free(out);
}

ct__cache_header *ct__cache_out_header(ct__cache_out *out) {
    return &out->header;
}

ct_status ct__cache_out_begin(ct__cache_out *out, ct__section section, ct_error *err) {
    if ((int)section != out->next)
        return ct_fail(err, CT_ERR_INTERNAL, "dataset cache: section %d written, want %d", (int)section,
                       out->next);
    out->header.sections[section] = (ct__section_entry){ct_writer_offset(out->writer), 0, 0};
    XXH3_64bits_reset(&out->hash);
    return CT_OK;
}

ct_status ct__cache_out_write(ct__cache_out *out, const void *bytes, size_t n, ct_error *err) {
    if (n == 0) return CT_OK;
    XXH3_64bits_update(&out->hash, bytes, n);
    out->header.sections[out->next].size += n;
    return ct_writer_write(out->writer, bytes, n, err);
}

ct_status ct__cache_out_end(ct__cache_out *out, ct_error *err) {
    ct__section_entry *entry = &out->header.sections[out->next];
    const size_t padding = (size_t)(aligned(entry->size) - entry->size);
    if (padding > 0) {
        XXH3_64bits_update(&out->hash, ZEROS, padding);
        CT_CHECK(ct_writer_write(out->writer, ZEROS, padding, err));
    }
    entry->hash = XXH3_64bits_digest(&out->hash);
    out->next++;
    return CT_OK;
}

ct_status ct__cache_out_section(ct__cache_out *out, ct__section section, const void *bytes, size_t n,
                                ct_error *err) {
    CT_CHECK(ct__cache_out_begin(out, section, err));
    CT_CHECK(ct__cache_out_write(out, bytes, n, err));
    return ct__cache_out_end(out, err);
}

/* Of the content alone: not of how, from which files and when it was made. */
static uint64_t content_hash(const ct__cache_header *h) {
    struct {
        int64_t counts[8];
        uint64_t lowercase;
        uint64_t sections[2 * CT__SECTION_SETTINGS];
    } content = {{h->n_platforms, h->n_users, h->n_items, h->n_interactions, h->n_persons, h->n_entities,
                  h->valid_time, h->test_time},
                 h->lowercase,
                 {0}};
    for (int i = 0; i < CT__SECTION_SETTINGS; i++) {
        content.sections[2 * i] = h->sections[i].size;
        content.sections[2 * i + 1] = h->sections[i].hash;
    }
    return ct_hash(&content, sizeof content);
}

static uint64_t header_hash(const ct__cache_header *header) {
    ct__cache_header h = *header;
    h.header_hash = 0;
    return ct_hash(&h, sizeof h);
}

ct_status ct__cache_out_commit(ct__cache_out *out, ct_error *err) {
    ct__cache_header *h = &out->header;
    if (out->next != CT__N_SECTIONS)
        return ct_fail(err, CT_ERR_INTERNAL, "dataset cache: %d sections, want %d", out->next,
                       CT__N_SECTIONS);
    memcpy(h->magic, MAGIC, sizeof MAGIC);
    h->byte_order = BYTE_ORDER_MARK;
    h->version = CT__CACHE_VERSION;
    h->n_sections = CT__N_SECTIONS;
    h->file_size = ct_writer_offset(out->writer);
    h->content_hash = content_hash(h);
    h->header_hash = header_hash(h);
    CT_CHECK(ct_writer_patch(out->writer, 0, h, sizeof *h, err));
    return ct_writer_commit(out->writer, err);
}

/* ---- reading ---- */

static ct_status check_begin(const ct_map *map, const char *path, ct_error *err) {
    const ct__cache_header *h = (const ct__cache_header *)map->bytes;
    const size_t prefix = offsetof(ct__cache_header, header_hash);
    if (map->size < prefix)
        return ct_fail(err, CT_ERR_FORMAT, "'%s': truncated: %zu bytes, want a header of %zu", path,
                       map->size, sizeof *h);
    if (memcmp(h->magic, MAGIC, sizeof MAGIC) != 0)
        return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt: not a dataset cache", path);
    if (h->byte_order != BYTE_ORDER_MARK)
        return ct_fail(err, CT_ERR_FORMAT, "'%s': another byte order", path);
    if (h->version != CT__CACHE_VERSION)
        return ct_fail(err, CT_ERR_FORMAT, "'%s': another version: %u, want %d", path, (unsigned)h->version,
                       CT__CACHE_VERSION);
    if (map->size < sizeof *h)
        return ct_fail(err, CT_ERR_FORMAT, "'%s': truncated: %zu bytes, want a header of %zu", path,
                       map->size, sizeof *h);
    if (h->header_hash != header_hash(h))
        return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt: header checksum", path);
    if (h->file_size != map->size)
        return ct_fail(err, CT_ERR_FORMAT, "'%s': truncated: %zu bytes, want %llu", path, map->size,
                       (unsigned long long)h->file_size);
    return CT_OK;
}

ct_status ct__cache_check(const ct_map *map, const char *path, bool verify, ct_error *err) {
    CT_CHECK(check_begin(map, path, err));
    const ct__cache_header *h = (const ct__cache_header *)map->bytes;
    uint64_t at = aligned(sizeof *h);
    bool fits = h->n_sections == CT__N_SECTIONS && at <= map->size;
    for (size_t i = sizeof *h; fits && i < at; i++) fits = map->bytes[i] == 0;
    for (int i = 0; fits && i < CT__N_SECTIONS; i++) {
        const ct__section_entry *s = &h->sections[i];
        fits = s->offset == at && s->size <= map->size - at && aligned(s->size) <= map->size - at;
        at += fits ? aligned(s->size) : 0;
    }
    if (!fits || at != map->size) return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt: section table", path);
    for (int i = 0; verify && i < CT__N_SECTIONS; i++) {
        const ct__section_entry *s = &h->sections[i];
        if (ct_hash(map->bytes + s->offset, (size_t)aligned(s->size)) != s->hash)
            return ct_fail(err, CT_ERR_FORMAT, "'%s': corrupt: checksum of section %d", path, i);
    }
    return CT_OK;
}
