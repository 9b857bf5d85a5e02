/* The one way to memory: a replaceable allocator, overflow-checked sizes, a count of calls. */
#ifndef CT_BASE_ALLOC_H
#define CT_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Alignment of every block, in bytes: a cache line, and the widest vector. */
#define CT_ALIGN 64

/* A replacement for the process's allocator, for tests (fail the nth call) and embedders. allocate returns NULL on
 * failure; blocks are CT_ALIGN-aligned. Set it before the first allocation. NULL restores the default. */
typedef struct ct_allocator {
    void *(*allocate)(void *ctx, size_t bytes);
    void (*release)(void *ctx, void *block);
    void *ctx;
} ct_allocator;

void ct_set_allocator(const ct_allocator *allocator);

/* *out = count * size zeroed bytes (never NULL on success: 0 bytes give a block that may be freed).
 * CT_ERR_MEMORY when the product overflows or the allocator refuses; *out is then NULL. */
ct_status ct_calloc(size_t count, size_t size, void **out, ct_error *err);

/* Grows *block (NULL at first) from old_count to at least new_count elements, keeping contents, at least doubling;
 * *capacity is in elements. The new part is zeroed. On failure *block is untouched. */
ct_status ct_grow(void **block, size_t *capacity, size_t new_count, size_t size, ct_error *err);

/* A copy of n bytes with a NUL behind it. */
ct_status ct_strndup(const char *s, size_t n, char **out, ct_error *err);
ct_status ct_strdup(const char *s, char **out, ct_error *err);

/* Accepts NULL. */
void ct_free(void *block);

/* Calls to allocate since the process began; a step must not move it. */
uint64_t ct_alloc_count(void);

#endif
