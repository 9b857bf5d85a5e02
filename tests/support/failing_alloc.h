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

void test_alloc_install(void);
void test_alloc_uninstall(void);

/* The nth allocation from now fails, and so does every later one; 0: none does. */
void test_alloc_fail_at(uint64_t nth);

/* Blocks that were allocated through it and not released yet. */
int64_t test_alloc_live(void);

#endif
