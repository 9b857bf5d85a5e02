/* An allocator that fails when told to. Blocks are those of the default allocator, so that either may release
 * them. */
#include "tests/support/failing_alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "tests/support/cmocka.h"

static atomic_int_fast64_t live;
static atomic_uint_fast64_t calls, fail_at;
static atomic_bool only;

static void *allocate(void *ctx, size_t bytes) {
    (void)ctx;
    const uint64_t call = atomic_fetch_add(&calls, 1) + 1, nth = atomic_load(&fail_at);
    if (nth != 0 && (call == nth || (call > nth && !atomic_load(&only)))) return NULL;
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

static void arm(uint64_t nth, bool alone) {
    atomic_store(&calls, 0);
    atomic_store(&only, alone);
    atomic_store(&fail_at, nth);
}

void test_alloc_fail_at(uint64_t nth) {
    arm(nth, false);
}

void test_alloc_fail_only(uint64_t nth) {
    arm(nth, true);
}

int64_t test_alloc_live(void) {
    return atomic_load(&live);
}

/* ---- every allocation of a call -------------------------------------------------------------------------------- */

static ct_status try_call(const char *name, test_alloc_call call, test_alloc_check check, void *ctx, uint64_t nth,
                          bool alone, uint64_t *n) {
    ct_error err = CT_ERROR_INIT;
    const int64_t before = test_alloc_live();
    arm(nth, alone);
    const ct_status st = call(ctx, &err);
    *n = atomic_load(&calls);
    arm(0, false);
    if (check) check(ctx);
    const char *wrong = st != CT_OK && st != CT_ERR_MEMORY           ? "fails otherwise"
                        : st != CT_OK && (!err.text[0] || err.status != st) ? "fails without a message"
                        : test_alloc_live() != before                ? "keeps blocks"
                                                                     : NULL;
    if (wrong)
        fail_msg("%s, allocation %llu%s: %s: status %d, '%s', %lld blocks more", name, (unsigned long long)nth,
                 alone ? " alone" : " and all later ones", wrong, (int)st, err.text,
                 (long long)(test_alloc_live() - before));
    return st;
}

void test_alloc_each(const char *name, test_alloc_call call, test_alloc_check check, void *ctx, uint64_t most) {
    uint64_t tried = 0, without = 0, n, now;
    test_alloc_install();
    for (int i = 0; i < 2; i++) /* the second call finds what the first one left: so do all that follow */
        if (try_call(name, call, check, ctx, 0, false, &n) != CT_OK) fail_msg("%s fails by itself", name);
    const uint64_t all = 2 * n, dense = all <= most ? all : most / 2;
    const uint64_t stride = all <= most ? 1 : (all - dense) / (most - dense) | 1; /* odd: both kinds of failure */
    for (uint64_t i = 0; i < all; i += i < dense ? 1 : stride, tried++)
        without += try_call(name, call, check, ctx, i / 2 + 1, i % 2 == 1, &now) == CT_OK;
    if (try_call(name, call, check, ctx, 0, false, &now) != CT_OK) fail_msg("%s no longer succeeds", name);
    test_alloc_uninstall();
    printf("%s: %llu allocations, %llu of %llu failures tried (the first %llu, then every %llu), %llu done without\n",
           name, (unsigned long long)n, (unsigned long long)tried, (unsigned long long)all, (unsigned long long)dense,
           (unsigned long long)stride, (unsigned long long)without);
}
