/* An allocator that fails when told to. Blocks are those of the default allocator, so that either may release
 * them. */
#include "tests/support/failing_alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

static atomic_int_fast64_t live;
static atomic_uint_fast64_t calls, fail_at;

static void *allocate(void *ctx, size_t bytes) {
    (void)ctx;
    const uint64_t call = atomic_fetch_add(&calls, 1) + 1, nth = atomic_load(&fail_at);
    if (nth != 0 && call >= nth) return NULL;
    void *block = aligned_alloc(CT_ALIGN, bytes);
    if (block) atomic_fetch_add(&live, 1);
    return block;
}

static void release(void *ctx, void *block) {
    (void)ctx;
    atomic_fetch_sub(&live, 1);
    free(block);
}

void test_alloc_install(void) {
    const ct_allocator failing = {allocate, release, NULL};
    atomic_store(&live, 0);
    test_alloc_fail_at(0);
    ct_set_allocator(&failing);
}

void test_alloc_uninstall(void) {
    ct_set_allocator(NULL);
}

void test_alloc_fail_at(uint64_t nth) {
    atomic_store(&calls, 0);
    atomic_store(&fail_at, nth);
}

int64_t test_alloc_live(void) {
    return atomic_load(&live);
}
