/* An allocator that fails when told to and counts what is still held, for tests of every way out of memory:
 *
 *     test_alloc_install();
 *     for (uint64_t n = 1;; n++) {
 *         test_alloc_fail_at(n);
 *         st = the_call(...);
 *         test_alloc_fail_at(0);
 *         if (st == CT_OK) break;            everything was allowed: done
 *         check st == CT_ERR_MEMORY and test_alloc_live() == what it was before
 *     }
 *     test_alloc_uninstall(); */
#ifndef CT_TESTS_SUPPORT_FAILING_ALLOC_H
#define CT_TESTS_SUPPORT_FAILING_ALLOC_H

#include <stdint.h>

#include "base/error.h"

void test_alloc_install(void);
void test_alloc_uninstall(void);

/* The nth allocation from now fails, and so does every later one; 0: none does. */
void test_alloc_fail_at(uint64_t nth);

/* The nth allocation from now fails, and no other: the way out of the failure gets its memory. */
void test_alloc_fail_only(uint64_t nth);

/* Blocks that were allocated through it and not released yet. */
int64_t test_alloc_live(void);

/* What is done with failing allocations, and frees what it got; and what looks at its outputs afterwards (may be NULL):
 * not there, or whole. */
typedef ct_status (*test_alloc_call)(void *ctx, ct_error *err);
typedef void (*test_alloc_check)(void *ctx);

/* Lets each allocation of the call fail, alone and with all that follow: the call must say CT_ERR_MEMORY with a message
 * and give back every block, or do without and succeed. `most` bounds the number of calls: the first half goes to the
 * earliest allocations, the rest is spread evenly. In the end the call must succeed. Prints what was tried. Installs the
 * allocator itself; blocks from before may be used and are to be freed after it. */
void test_alloc_each(const char *name, test_alloc_call call, test_alloc_check check, void *ctx, uint64_t most);

#endif
