/* The one way to memory. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Large pages: what a block of several of them can have inside. */
#define LARGE_PAGE ((uintptr_t)2 << 20)

/* Asks for large pages: passes over big arrays otherwise spend much of their time looking pages up (the first 100 of a
 * million vectors took 1.5 times as long, AdamW 1.2 times). Advice only: a system that has none says no, and the block
 * is as good. */
static void advise_large_pages(void *block, size_t bytes) {
    const uintptr_t from = ((uintptr_t)block + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE,
                    to = ((uintptr_t)block + bytes) / LARGE_PAGE * LARGE_PAGE;
    if (to > from) (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
}

static void *default_allocate(void *ctx, size_t bytes) {
    (void)ctx;
    void *block = aligned_alloc(CT_ALIGN, bytes);
    if (block && bytes >= 2 * LARGE_PAGE) advise_large_pages(block, bytes);
    return block;
}
static void default_release(void *ctx, void *block) {
    (void)ctx;
    free(block);
}

static const ct_allocator default_allocator = {default_allocate, default_release, NULL};
static ct_allocator current = {default_allocate, default_release, NULL};
static atomic_uint_fast64_t n_calls;

void ct_set_allocator(const ct_allocator *allocator) {
    current = allocator ? *allocator : default_allocator;
}

uint64_t ct_alloc_count(void) {
    return atomic_load(&n_calls);
}

/* A block of bytes rounded up to whole lines (aligned_alloc wants that), not zeroed; NULL on failure or
 * overflow. */
static void *allocate(size_t bytes) {
    if (bytes > SIZE_MAX - CT_ALIGN) return NULL;
    const size_t rounded = bytes == 0 ? CT_ALIGN : (bytes + CT_ALIGN - 1) / CT_ALIGN * CT_ALIGN;
    atomic_fetch_add(&n_calls, 1);
    return current.allocate(current.ctx, rounded);
}

static ct_status fail_memory(size_t count, size_t size, ct_error *err) {
    return ct_fail(err, CT_ERR_MEMORY, "memory: no block of %zu x %zu bytes to be had", count, size);
}

ct_status ct_calloc(size_t count, size_t size, void **out, ct_error *err) {
    size_t bytes;
    *out = NULL;
    if (__builtin_mul_overflow(count, size, &bytes)) return fail_memory(count, size, err);
    void *block = allocate(bytes);
    if (!block) return fail_memory(count, size, err);
    *out = memset(block, 0, bytes);
    return CT_OK;
}

ct_status ct_grow(void **block, size_t *capacity, size_t new_count, size_t size, ct_error *err) {
    if (*block && new_count <= *capacity) return CT_OK;
    size_t count = new_count, bytes;
    if (*capacity <= SIZE_MAX / 2 && 2 * *capacity > count) count = 2 * *capacity;
    if (__builtin_mul_overflow(count, size, &bytes)) return fail_memory(count, size, err);
    char *grown = allocate(bytes);
    if (!grown) return fail_memory(count, size, err);
    const size_t kept = *block ? *capacity * size : 0;
    if (kept > 0) memcpy(grown, *block, kept);
    memset(grown + kept, 0, bytes - kept);
    ct_free(*block);
    *block = grown;
    *capacity = count;
    return CT_OK;
}

ct_status ct_strndup(const char *s, size_t n, char **out, ct_error *err) {
    *out = NULL;
    if (n == SIZE_MAX) return fail_memory(n, 1, err);
    char *copy = allocate(n + 1);
    if (!copy) return fail_memory(n, 1, err);
    if (n > 0) memcpy(copy, s, n);
    copy[n] = '\0';
    *out = copy;
    return CT_OK;
}

ct_status ct_strdup(const char *s, char **out, ct_error *err) {
    return ct_strndup(s, strlen(s), out, err);
}

void ct_free(void *block) {
    if (block) current.release(current.ctx, block);
}
