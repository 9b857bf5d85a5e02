/* Hashes, and a map from byte strings to numbers: open addressing over an array in insertion order. */
#include "base/hash.h"

#include <stdbool.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/alloc.h"

uint64_t ct_hash(const void *bytes, size_t n) {
    return ct_hash_seeded(bytes, n, 0);
}

uint64_t ct_hash_seeded(const void *bytes, size_t n, uint64_t seed) {
    return XXH3_64bits_withSeed(n > 0 ? bytes : "", n, seed);
}

uint32_t ct_hash_name(const char *name) {
    return (uint32_t)ct_hash(name, strlen(name));
}

/* Keys lie in blocks of this many bytes, so that a million short keys are not a million allocations. */
#define KEY_BLOCK_BYTES ((size_t)1 << 16)
#define FIRST_CELLS 16

typedef struct entry {
    const char *key;
    size_t n;
    uint64_t hash;
    int64_t value;
} entry;

typedef struct key_block {
    struct key_block *next;
    char bytes[];
} key_block;

struct ct_strmap {
    entry *entries;
    size_t count, capacity;
    int64_t *cells; /* slot + 1, or 0: free; a power of two of them, at most half of them taken */
    size_t n_cells;
    key_block *blocks;
    char *free_bytes; /* in the newest block */
    size_t n_free;
};

ct_status ct_strmap_create(ct_strmap **out, ct_error *err) {
    ct_status st = CT_OK;
    ct_strmap *map = NULL;
    *out = NULL;
    CT_TRY(ct_calloc(1, sizeof *map, (void **)&map, err), st, done);
    CT_TRY(ct_calloc(FIRST_CELLS, sizeof *map->cells, (void **)&map->cells, err), st, done);
    map->n_cells = FIRST_CELLS;
    *out = map;
    map = NULL;
done:
    ct_strmap_free(map);
    return st;
}

void ct_strmap_free(ct_strmap *map) {
    if (!map) return;
    for (key_block *block = map->blocks; block;) {
        key_block *next = block->next;
        ct_free(block);
        block = next;
    }
    ct_free(map->entries);
    ct_free(map->cells);
    ct_free(map);
}

int64_t ct_strmap_count(const ct_strmap *map) {
    return (int64_t)map->count;
}

/* The cell that holds key, or the free one where it belongs. */
static size_t find_cell(const ct_strmap *map, const char *key, size_t n, uint64_t hash) {
    const size_t mask = map->n_cells - 1;
    size_t cell = (size_t)hash & mask;
    for (; map->cells[cell] != 0; cell = (cell + 1) & mask) {
        const entry *e = &map->entries[map->cells[cell] - 1];
        if (e->hash == hash && e->n == n && (n == 0 || memcmp(e->key, key, n) == 0)) break;
    }
    return cell;
}

int64_t ct_strmap_find(const ct_strmap *map, const char *key, size_t n) {
    const size_t cell = find_cell(map, key, n, ct_hash(key, n));
    return map->cells[cell] == 0 ? -1 : map->entries[map->cells[cell] - 1].value;
}

static ct_status double_cells(ct_strmap *map, ct_error *err) {
    int64_t *cells;
    const size_t n_cells = 2 * map->n_cells, mask = n_cells - 1;
    CT_CHECK(ct_calloc(n_cells, sizeof *cells, (void **)&cells, err));
    for (size_t slot = 0; slot < map->count; slot++) {
        size_t cell = (size_t)map->entries[slot].hash & mask;
        while (cells[cell] != 0) cell = (cell + 1) & mask;
        cells[cell] = (int64_t)slot + 1;
    }
    ct_free(map->cells);
    map->cells = cells;
    map->n_cells = n_cells;
    return CT_OK;
}

/* *out = a copy of key that lives as long as the map. */
static ct_status copy_key(ct_strmap *map, const char *key, size_t n, const char **out, ct_error *err) {
    if (n >= map->n_free) {
        key_block *block;
        const size_t bytes = n < KEY_BLOCK_BYTES / 4 ? KEY_BLOCK_BYTES : n + 1;
        if (n > SIZE_MAX / 2) return ct_fail(err, CT_ERR_MEMORY, "string map: a key of %zu bytes", n);
        CT_CHECK(ct_calloc(1, sizeof *block + bytes, (void **)&block, err));
        block->next = map->blocks;
        map->blocks = block;
        map->free_bytes = block->bytes;
        map->n_free = bytes;
    }
    if (n > 0) memcpy(map->free_bytes, key, n);
    map->free_bytes[n] = '\0';
    *out = map->free_bytes;
    map->free_bytes += n + 1;
    map->n_free -= n + 1;
    return CT_OK;
}

ct_status ct_strmap_insert(ct_strmap *map, const char *key, size_t n, int64_t fresh, int64_t *value,
                           int *inserted, ct_error *err) {
    const uint64_t hash = ct_hash(key, n);
    size_t cell = find_cell(map, key, n, hash);
    const bool is_new = map->cells[cell] == 0;
    if (is_new) {
        if (2 * (map->count + 1) > map->n_cells) {
            CT_CHECK(double_cells(map, err));
            cell = find_cell(map, key, n, hash);
        }
        CT_CHECK(ct_grow((void **)&map->entries, &map->capacity, map->count + 1, sizeof *map->entries, err));
        entry *e = &map->entries[map->count];
        CT_CHECK(copy_key(map, key, n, &e->key, err));
        e->n = n;
        e->hash = hash;
        e->value = fresh;
        map->cells[cell] = (int64_t)++map->count;
    }
    if (value) *value = map->entries[map->cells[cell] - 1].value;
    if (inserted) *inserted = is_new;
    return CT_OK;
}

const char *ct_strmap_key(const ct_strmap *map, int64_t slot, size_t *n) {
    if (n) *n = map->entries[slot].n;
    return map->entries[slot].key;
}
