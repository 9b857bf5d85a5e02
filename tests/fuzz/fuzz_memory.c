/* Counts bytes and blocks through base/alloc's hook. What the libraries below take themselves is not seen
 * here: the sanitized build's limit on one block and its search for leaks are for that. */
#include "tests/fuzz/fuzz_memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"

static atomic_size_t held, blocks, refused;
static atomic_size_t limit = SIZE_MAX;

static void *allocate(void *ctx, size_t bytes) {
    (void)ctx;
    const size_t most = atomic_load(&limit), now = atomic_load(&held);
    if (bytes > most || now > most - bytes) {
        size_t none = 0;
        atomic_compare_exchange_strong(&refused, &none, bytes);
        return NULL;
    }
    void *block = aligned_alloc(CT_ALIGN, bytes);
    if (!block) return NULL;
    atomic_fetch_add(&held, malloc_usable_size(block));
    atomic_fetch_add(&blocks, 1);
    return block;
}

static void release(void *ctx, void *block) {
    (void)ctx;
    atomic_fetch_sub(&held, malloc_usable_size(block));
    atomic_fetch_sub(&blocks, 1);
    free(block);
}

void fuzz_memory_install(void) {
    const ct_allocator counting = {allocate, release, NULL};
    ct_set_allocator(&counting);
}

void fuzz_memory_limit(size_t bytes) {
    atomic_store(&limit, bytes);
    atomic_store(&refused, 0);
}

size_t fuzz_memory_held(void) {
    return atomic_load(&held);
}
size_t fuzz_memory_blocks(void) {
    return atomic_load(&blocks);
}
size_t fuzz_memory_refused(void) {
    return atomic_load(&refused);
}
