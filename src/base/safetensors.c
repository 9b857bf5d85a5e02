/* Reading and writing safetensors files; the header is JSON, by jansson. */
#include "base/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/str.h"

enum { HEADER_LIMIT = 100 << 20 }; /* the format's own limit on its header, bytes */

/* ---- element types -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4},
              {"I16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"U16", 2}, {"U32", 4}, {"U64", 8}};

/* The table's own spelling and its size; NULL for a type that is not known. */
static const char *dtype_find(const char *name, size_t *bytes) {
    for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            *bytes = dtypes[i].bytes;
            return dtypes[i].name;
        }
    return NULL;
}

/* bytes of a shape, or false on overflow and negative sizes. */
static bool shape_bytes(const int64_t *shape, int n_dims, size_t element, size_t *bytes) {
    size_t total = element;
    for (int i = 0; i < n_dims; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(total, (size_t)shape[i], &total)) return false;
    *bytes = total;
    return true;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

struct ct_safetensors {
    ct_map map;
    json_t *header;
    ct_safetensor *tensors; /* by offset */
    int n;
    const unsigned char *data; /* behind the header */
    size_t data_bytes;
};

/* n integers of a JSON array; false where an entry is something else. */
static bool read_integers(const json_t *array, int64_t *out, int n) {
    for (int i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, (size_t)i);
        if (!json_is_integer(value)) return false;
        out[i] = json_integer_value(value);
    }
    return true;
}

static ct_status read_tensor(const ct_safetensors *st, const char *path, const char *name, const json_t *entry,
                             ct_safetensor *t, ct_error *err) {
    const json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    size_t element = 0, bytes = 0;
    int64_t range[2];
    t->name = name;
    t->dtype = dtype_find(json_string_value(json_object_get(entry, "dtype")), &element);
    if (!t->dtype) return ct_fail(err, CT_ERR_FORMAT, "%s: tensor '%s': unknown dtype", path, name);
    if (!json_is_array(shape) || json_array_size(shape) > 8 || !json_is_array(offsets) || json_array_size(offsets) != 2)
        return ct_fail(err, CT_ERR_FORMAT, "%s: tensor '%s': want a shape of at most 8 sizes and two data_offsets",
                       path, name);
    t->n_dims = (int)json_array_size(shape);
    if (!read_integers(shape, t->shape, t->n_dims) || !read_integers(offsets, range, 2))
        return ct_fail(err, CT_ERR_FORMAT, "%s: tensor '%s': shape and data_offsets hold something else than integers",
                       path, name);
    const int64_t from = range[0], to = range[1];
    if (!shape_bytes(t->shape, t->n_dims, element, &bytes) || from < 0 || to < from ||
        (uint64_t)to > st->data_bytes || (size_t)(to - from) != bytes)
        return ct_fail(err, CT_ERR_FORMAT, "%s: tensor '%s': bytes %lld to %lld do not fit its shape or the file's %zu",
                       path, name, (long long)from, (long long)to, st->data_bytes);
    t->data = st->data + from;
    t->bytes = bytes;
    return CT_OK;
}

static int by_offset(const void *a, const void *b) {
    const ct_safetensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static ct_status read_header(ct_safetensors *st, const char *path, ct_error *err) {
    uint64_t length = 0;
    json_error_t why;
    if (st->map.size < 8)
        return ct_fail(err, CT_ERR_FORMAT, "%s: %zu bytes, a safetensors file has at least 8", path, st->map.size);
    for (int i = 7; i >= 0; i--) length = length << 8 | st->map.bytes[i];
    if (length > HEADER_LIMIT || length > st->map.size - 8)
        return ct_fail(err, CT_ERR_FORMAT, "%s: header of %llu bytes in a file of %zu (truncated, or no safetensors file)",
                       path, (unsigned long long)length, st->map.size);
    st->data = st->map.bytes + 8 + length;
    st->data_bytes = st->map.size - 8 - (size_t)length;
    st->header = json_loadb((const char *)st->map.bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(st->header))
        return ct_fail(err, CT_ERR_FORMAT, "%s: header is not a JSON object: %s", path, st->header ? "" : why.text);

    const char *name;
    json_t *entry;
    CT_CHECK(ct_calloc(json_object_size(st->header), sizeof *st->tensors, (void **)&st->tensors, err));
    json_object_foreach(st->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) continue;
        CT_CHECK(read_tensor(st, path, name, entry, &st->tensors[st->n], err));
        st->n++;
    }
    qsort(st->tensors, (size_t)st->n, sizeof *st->tensors, by_offset);
    for (int i = 1; i < st->n; i++)
        if ((const char *)st->tensors[i - 1].data + st->tensors[i - 1].bytes > (const char *)st->tensors[i].data)
            return ct_fail(err, CT_ERR_FORMAT, "%s: tensors '%s' and '%s' overlap", path, st->tensors[i - 1].name,
                           st->tensors[i].name);
    return CT_OK;
}

ct_status ct_safetensors_open(ct_safetensors **out, const char *path, ct_error *err) {
    ct_safetensors *st = NULL;
    *out = NULL;
    CT_CHECK(ct_calloc(1, sizeof *st, (void **)&st, err));
    ct_status status = ct_map_open(&st->map, path, err);
    if (status == CT_OK) status = read_header(st, path, err);
    if (status == CT_OK) {
        *out = st;
    } else {
        ct_safetensors_close(st);
    }
    return status;
}

void ct_safetensors_close(ct_safetensors *st) {
    if (!st) return;
    json_decref(st->header);
    ct_free(st->tensors);
    ct_map_close(&st->map);
    ct_free(st);
}

int ct_safetensors_count(const ct_safetensors *st) { return st->n; }
const ct_safetensor *ct_safetensors_at(const ct_safetensors *st, int index) { return &st->tensors[index]; }

const ct_safetensor *ct_safetensors_find(const ct_safetensors *st, const char *name) {
    for (int i = 0; i < st->n; i++)
        if (strcmp(st->tensors[i].name, name) == 0) return &st->tensors[i];
    return NULL;
}

const char *ct_safetensors_metadata(const ct_safetensors *st, const char *key) {
    return json_string_value(json_object_get(json_object_get(st->header, "__metadata__"), key));
}

uint64_t ct_safetensors_hash(const ct_safetensors *st) { return ct_hash(st->data, st->data_bytes); }

ct_status ct_safetensor_to_f32(const ct_safetensor *t, float *out, int64_t n, ct_error *err) {
    size_t element = 0;
    dtype_find(t->dtype, &element);
    if ((size_t)n != t->bytes / element)
        return ct_fail(err, CT_ERR_SHAPE, "tensor '%s' has %zu elements, want %lld", t->name, t->bytes / element,
                       (long long)n);
    if (strcmp(t->dtype, "F32") == 0) {
        memcpy(out, t->data, t->bytes);
    } else if (strcmp(t->dtype, "F64") == 0) {
        for (int64_t i = 0; i < n; i++) {
            double d;
            memcpy(&d, (const char *)t->data + i * 8, sizeof d);
            out[i] = (float)d;
        }
    } else if (strcmp(t->dtype, "F16") == 0 || strcmp(t->dtype, "BF16") == 0) {
        const bool half = t->dtype[0] == 'F';
        for (int64_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, (const char *)t->data + i * 2, sizeof h);
            const uint32_t bits = (uint32_t)h << 16; /* bf16 is f32's upper half */
            if (half) {
                out[i] = ct_f16_to_f32(h);
            } else {
                memcpy(&out[i], &bits, sizeof bits);
            }
        }
    } else {
        return ct_fail(err, CT_ERR_DTYPE, "tensor '%s' is %s, want F32, F16, BF16 or F64", t->name, t->dtype);
    }
    return CT_OK;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

struct ct_safetensors_writer {
    ct_writer *file;
    json_t *header, *metadata;
    uint64_t declared, written; /* bytes of tensors */
    uint64_t hash_offset;       /* where the hash slot stands in the file; 0: none */
    XXH3_state_t *hash_state;
    bool header_written;
};

ct_status ct_safetensors_writer_create(ct_safetensors_writer **out, const char *path, ct_error *err) {
    ct_safetensors_writer *w = NULL;
    *out = NULL;
    CT_CHECK(ct_calloc(1, sizeof *w, (void **)&w, err));
    w->header = json_object();
    w->metadata = json_object();
    w->hash_state = XXH3_createState();
    ct_status st = w->header && w->metadata && w->hash_state ? CT_OK : ct_fail(err, CT_ERR_MEMORY, "%s: header", path);
    if (st == CT_OK) XXH3_64bits_reset(w->hash_state);
    if (st == CT_OK) st = ct_writer_open(&w->file, path, err);
    if (st != CT_OK) {
        ct_safetensors_writer_free(w);
        return st;
    }
    *out = w;
    return CT_OK;
}

ct_status ct_safetensors_writer_metadata(ct_safetensors_writer *w, const char *key, const char *value, ct_error *err) {
    if (w->header_written) return ct_fail(err, CT_ERR_ARGUMENT, "safetensors metadata '%s': late", key);
    if (json_object_set_new(w->metadata, key, json_string(value)) != 0)
        return ct_fail(err, CT_ERR_ARGUMENT, "safetensors metadata '%s': not UTF-8, or no memory", key);
    return CT_OK;
}

ct_status ct_safetensors_writer_declare(ct_safetensors_writer *w, const char *name, const char *dtype,
                                        const int64_t *shape, int n_dims, ct_error *err) {
    size_t element = 0, bytes = 0;
    uint64_t end = 0;
    if (strcmp(name, "__metadata__") == 0 || json_object_get(w->header, name))
        return ct_fail(err, CT_ERR_ARGUMENT, "safetensors tensor '%s': the name is taken", name);
    if (w->header_written || !dtype_find(dtype, &element) || n_dims > 8 ||
        !shape_bytes(shape, n_dims, element, &bytes) ||
        __builtin_add_overflow(w->declared, (uint64_t)bytes, &end) || end > INT64_MAX)
        return ct_fail(err, CT_ERR_ARGUMENT, "safetensors tensor '%s': late, or dtype or shape is not valid", name);
    json_t *dims = json_array();
    for (int i = 0; i < n_dims; i++) json_array_append_new(dims, json_integer(shape[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", dims, "data_offsets",
                              (json_int_t)w->declared, (json_int_t)end);
    if (json_object_set_new(w->header, name, entry) != 0)
        return ct_fail(err, CT_ERR_ARGUMENT, "safetensors tensor '%s': name is not UTF-8, or no memory", name);
    w->declared = end;
    return CT_OK;
}

static ct_status write_header(ct_safetensors_writer *w, ct_error *err) {
    ct_status st = CT_OK;
    unsigned char length[8];
    if (json_object_size(w->metadata) > 0 && json_object_set(w->header, "__metadata__", w->metadata) != 0)
        return ct_fail(err, CT_ERR_MEMORY, "safetensors header");
    char *text = json_dumps(w->header, JSON_COMPACT);
    if (!text) return ct_fail(err, CT_ERR_MEMORY, "safetensors header");
    const size_t n = strlen(text), padded = (n + 7) / 8 * 8; /* tensors start 8-aligned, blanks pad the JSON */
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)padded >> 8 * i);
    /* A quote inside a string is escaped, so this is a whole value and no part of another. */
    const char *slot = strstr(text, ":\"" ct_safetensors_hash_slot "\"");
    if (slot) w->hash_offset = 8 + (uint64_t)(slot - text) + 2;
    CT_TRY(ct_writer_write(w->file, length, 8, err), st, done);
    CT_TRY(ct_writer_write(w->file, text, n, err), st, done);
    CT_TRY(ct_writer_write(w->file, "       ", padded - n, err), st, done);
    w->header_written = true;
done:
    free(text);
    return st;
}

ct_status ct_safetensors_writer_data(ct_safetensors_writer *w, const void *bytes, size_t n, ct_error *err) {
    if (!w->header_written) CT_CHECK(write_header(w, err));
    XXH3_64bits_update(w->hash_state, bytes, n);
    w->written += n;
    return ct_writer_write(w->file, bytes, n, err);
}

ct_status ct_safetensors_writer_commit(ct_safetensors_writer *w, ct_error *err) {
    if (!w->header_written) CT_CHECK(write_header(w, err));
    if (w->written != w->declared)
        return ct_fail(err, CT_ERR_ARGUMENT, "safetensors: %llu bytes of tensors written, %llu declared",
                       (unsigned long long)w->written, (unsigned long long)w->declared);
    if (w->hash_offset) {
        char hex[17];
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)XXH3_64bits_digest(w->hash_state));
        CT_CHECK(ct_writer_patch(w->file, w->hash_offset, hex, 16, err));
    }
    return ct_writer_commit(w->file, err);
}

void ct_safetensors_writer_free(ct_safetensors_writer *w) {
    if (!w) return;
    json_decref(w->header);
    json_decref(w->metadata);
    XXH3_freeState(w->hash_state);
    ct_writer_free(w->file);
    ct_free(w);
}
