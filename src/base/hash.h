/* Hashes, by xxHash. */
#ifndef CT_BASE_HASH_H
#define CT_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

uint64_t ct_hash(const void *bytes, size_t n);                /* XXH3-64, seed 0 */
uint64_t ct_hash_seeded(const void *bytes, size_t n, uint64_t seed);
uint32_t ct_hash_name(const char *name);                      /* low half of ct_hash, for random-stream keys */

/* A map from byte strings to int64, insertion-ordered. Keys are copied. */
typedef struct ct_strmap ct_strmap;

ct_status ct_strmap_create(ct_strmap **out, ct_error *err);
void ct_strmap_free(ct_strmap *map); /* accepts NULL */
int64_t ct_strmap_count(const ct_strmap *map);
/* -1 when absent. */
int64_t ct_strmap_find(const ct_strmap *map, const char *key, size_t n);
/* The value under key; a new key gets `fresh`. *inserted (may be NULL) tells which. */
ct_status ct_strmap_insert(ct_strmap *map, const char *key, size_t n, int64_t fresh, int64_t *value, int *inserted,
                           ct_error *err);
/* The slot-th inserted entry, 0 <= slot < count; the key is NUL-terminated and lives as long as the map. */
const char *ct_strmap_key(const ct_strmap *map, int64_t slot, size_t *n);

#endif
